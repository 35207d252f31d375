/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a command: waiting for it, bringing it about, and what it said on
 * its standard error. */
#include <config.h>
#include "channel/command-priv.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/fd.h"

/* How long to sleep between looks where there are no process descriptors. */
#define LOOK_FIRST_MS 1
#define LOOK_LAST_MS 20
/* More than a pipe holds, unless somebody made it larger; yet not for ever. */
#define DRAIN_READS 32

/* ---- standard error ---- */

int qiop_command_drain(struct qiop_command *c)
{
    int fd = c->child.stderr_fd;
    char buf[4096];
    struct iovec iov = {buf, sizeof(buf)};
    ssize_t n = 1;

    if (fd < 0) {
        return -1;
    }
    pthread_mutex_lock(&c->stderr_lock);
    for (int i = 0; i < DRAIN_READS && n > 0 && !c->stderr_ended; i++) {
        n = qiop_fd_readv(fd, &iov, 1, NULL);
        if (n > 0) {
            qiop_tail_add(&c->last_words, buf, (size_t)n);
        } else if (n != QIO_CHANNEL_ERR_BLOCK) {
            c->stderr_ended = true;
        }
    }
    if (c->stderr_ended) {
        fd = -1;
    }
    pthread_mutex_unlock(&c->stderr_lock);
    return fd;
}

/* NUL-terminated, NULL without memory. */
static char *copy_last_words(struct qiop_command *c, size_t *len, bool *lost)
{
    char *text;

    pthread_mutex_lock(&c->stderr_lock);
    *len = c->last_words.len;
    *lost = c->last_words.lost;
    text = malloc(*len + 1);
    if (text) {
        qiop_tail_copy(&c->last_words, text);
        text[*len] = '\0';
    }
    pthread_mutex_unlock(&c->stderr_lock);
    return text;
}

/* Fit for one line on somebody's terminal: without control characters, blanks
 * at its ends, and the rest of a UTF-8 sequence that lost its head. */
static const char *tidy(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            text[i] = ' ';
        }
    }
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    text[len] = '\0';
    while (((unsigned char)*text & 0xc0) == 0x80 || *text == ' ') {
        text++;
    }
    return text;
}

char *qio_channel_command_get_stderr(QIOChannel *ioc, size_t *len,
                                     QIOError **errp)
{
    struct qiop_command *c = qiop_command_get(ioc, errp);
    size_t size;
    bool lost;
    char *text;

    if (!c) {
        return NULL;
    }
    if (c->child.stderr_fd < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "the standard error of command '%s' is not captured",
                      c->program);
        return NULL;
    }
    qiop_command_drain(c);
    text = copy_last_words(c, &size, &lost);
    if (!text) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0,
                      "out of memory for what command '%s' said", c->program);
        return NULL;
    }
    if (len) {
        *len = size;
    }
    return text;
}

/* ---- how it ended ---- */

int qiop_command_look(struct qiop_command *c, QIOError **errp)
{
    int r;

    if (c->ended) {
        return 1;
    }
    r = qiop_spawn_try_wait(c->child.pid, &c->status, errp);
    if (r > 0) {
        c->ended = true;
        qiop_command_drain(c);
    }
    if (r < 0) {
        qio_error_prefix(errp, "command '%s': ", c->program);
    }
    return r;
}

/* Two texts that follow the reason, both may be "". */
static void explain(const struct qiop_command *c, const char *link,
                    const char *words, QIOError **errp)
{
    if (WIFSIGNALED(c->status)) {
        int sig = WTERMSIG(c->status);
        const char *what = sigdescr_np(sig);

        qio_error_set(errp, QIO_ERROR_COMMAND, 0,
                      "command '%s' was ended by signal %d (%s)%s%s",
                      c->program, sig, what ? what : "unknown", link, words);
        return;
    }
    qio_error_set(errp, QIO_ERROR_COMMAND, 0,
                  "command '%s' exited with status %d%s%s", c->program,
                  WEXITSTATUS(c->status), link, words);
}

/* Its own words, where they are known, say more than a number. */
int qiop_command_judge(struct qiop_command *c, QIOError **errp)
{
    const char *words = "", *link = "";
    char *text = NULL;
    bool lost = false;
    size_t len;

    if (WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0) {
        return 0;
    }
    if (c->child.stderr_fd >= 0) {
        text = copy_last_words(c, &len, &lost);
    }
    if (text) {
        words = tidy(text, len);
    }
    if (*words) {
        link = lost ? ": ..." : ": ";
    }
    explain(c, link, words, errp);
    free(text);
    return -1;
}

/* ---- waiting ---- */

/* Until it may have ended or said something. */
static void pause_until(struct qiop_command *c, int stderr_fd, int64_t deadline,
                        int *pause_ms)
{
    struct pollfd pfd[2] = {
        {.fd = c->child.pidfd, .events = POLLIN},
        {.fd = stderr_fd, .events = POLLIN},
    };
    int left = qiop_deadline_left_ms(deadline);

    if (pfd[0].fd < 0) {
        left = left < 0 || left > *pause_ms ? *pause_ms : left;
        *pause_ms = *pause_ms * 2 < LOOK_LAST_MS ? *pause_ms * 2 : LOOK_LAST_MS;
    }
    /* Failing, it is a look that comes early. */
    poll(pfd, 2, left);
}

/* 1 when it has ended, 0 when the deadline passed, -1. */
static int wait_for_end(struct qiop_command *c, int64_t deadline,
                        QIOError **errp)
{
    int pause_ms = LOOK_FIRST_MS;

    for (;;) {
        int stderr_fd = qiop_command_drain(c);
        int r = qiop_command_look(c, errp);

        if (r != 0) {
            return r;
        }
        if (qiop_deadline_passed(deadline)) {
            return 0;
        }
        pause_until(c, stderr_fd, deadline, &pause_ms);
    }
}

int qio_channel_command_wait(QIOChannel *ioc, int timeout_ms, int *status,
                             QIOError **errp)
{
    struct qiop_command *c = qiop_command_get(ioc, errp);
    int r;

    if (!c) {
        return -1;
    }
    r = wait_for_end(c, qiop_deadline(timeout_ms), errp);
    if (r < 0) {
        return -1;
    }
    if (r == 0) {
        qio_error_set(errp, QIO_ERROR_TIMEOUT, 0,
                      "command '%s' is still running", c->program);
        return -1;
    }
    if (status) {
        *status = c->status;
    }
    return qiop_command_judge(c, errp);
}

int qio_channel_command_terminate(QIOChannel *ioc, int grace_ms,
                                  QIOError **errp)
{
    struct qiop_command *c = qiop_command_get(ioc, errp);
    int r;

    if (!c) {
        return -1;
    }
    r = qiop_command_look(c, errp);
    if (r == 0) {
        if (qiop_spawn_signal(&c->child, SIGTERM, errp) < 0) {
            return -1;
        }
        r = wait_for_end(c, qiop_deadline(grace_ms), errp);
    }
    if (r == 0) {
        if (qiop_spawn_signal(&c->child, SIGKILL, errp) < 0) {
            return -1;
        }
        r = wait_for_end(c, QIOP_NEVER, errp);
    }
    return r < 0 ? -1 : 0;
}

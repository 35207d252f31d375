/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loops, timers, watches and every kind of task with each allocation failing
 * once: it is done, or there is an error; what was to be called once is called
 * once, and nothing is left behind. */
#include <config.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <qio/channel-command.h>
#include <qio/channel-tls.h>
#include <qio/channel-unix.h>
#include <qio/task.h>
#include "failmalloc.h"
#include "net/listen.h"
#include "qiotest.h"
#include "tlspair.h"

#define WAIT_MS 10000
#define LEN 10000
#define MANY 40 /* more than any first guess has room for */

static uint8_t bytes[LEN];
static struct tlspair_creds creds;

/* What a scenario asked for and what became of it. */
struct run {
    QIOLoop *loop;
    int asked;   /* calls with a destroy function */
    int started; /* those that succeeded and have a callback to come */
    int ended;
    int destroyed;
    int results;
    QIOError *err; /* the first one */
};

static void fill_bytes(void)
{
    for (size_t i = 0; i < LEN; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 253);
    }
}

static bool begin(struct run *r, QIOError **errp)
{
    *r = (struct run){.loop = qio_loop_new(errp)};
    return r->loop != NULL;
}

static void destroyed(void *opaque)
{
    ((struct run *)opaque)->destroyed++;
}

static void ended(QIOTask *task, void *opaque)
{
    struct run *r = opaque;

    r->ended++;
    r->results += (int)qio_task_addresses(task);
    if (qio_task_error(task) && !r->err) {
        qio_task_propagate_error(task, &r->err);
    }
}

/* A task was asked for. Whether there is one. */
static bool asked(struct run *r, const void *task)
{
    r->asked++;
    r->started += task != NULL;
    return task != NULL;
}

/* Until all tasks have ended well or one has failed. */
static bool wait_for_all(struct run *r, QIOError **errp)
{
    while (r->ended < r->started && !r->err) {
        if (qio_loop_step(r->loop, WAIT_MS, errp) <= 0) {
            return false;
        }
    }
    return !r->err;
}

/* What a failure leaves is an error, and every function was called once. */
static bool finish(struct run *r, bool ok, QIOError **errp)
{
    qio_loop_free(r->loop);
    if (r->err && !*errp) {
        qio_error_propagate(errp, r->err);
    } else {
        qio_error_free(r->err);
    }
    if (r->destroyed == r->asked && r->ended == r->started) {
        return ok;
    }
    qio_error_free(*errp);
    *errp = NULL;
    return false;
}

static bool is_nomem(QIOError *const *errp)
{
    return !*errp || qio_error_code(*errp) == QIO_ERROR_NOMEM;
}

/* Our own allocations say what is missing. */
static bool plainly(bool ok, QIOError **errp)
{
    if (is_nomem(errp)) {
        return ok;
    }
    fprintf(stderr, "unclear: %s\n", qio_error_message(*errp));
    qio_error_free(*errp);
    *errp = NULL;
    return false;
}

static void each(const char *what, failmalloc_scenario *scenario, void *opaque,
                 unsigned flags)
{
    long n = failmalloc_each(scenario, opaque, flags);

    printf("%s: %ld allocations\n", what, n);
    fflush(stdout);
    ck_assert_int_gt(n, 0);
}

/* ---- timers, calls ---- */

static void tick(QIOTimer *timer, void *opaque)
{
    (void)timer;
    ((struct run *)opaque)->results++;
}

static void called(void *opaque)
{
    ((struct run *)opaque)->results++;
}

static bool time_passes(struct run *r, QIOTimer **timers, QIOError **errp)
{
    for (int i = 0; i < MANY; i++) {
        timers[i] = qio_timer_new(r->loop, tick, r, errp);
        if (!timers[i] || qio_timer_start(timers[i], 0, 0, errp) < 0) {
            return false;
        }
    }
    if (qio_loop_get_fd(r->loop, errp) < 0) {
        return false;
    }
    r->asked++;
    if (qio_loop_invoke(r->loop, called, r, destroyed, errp) < 0) {
        return false;
    }
    while (r->results < MANY + 1) {
        if (qio_loop_step(r->loop, WAIT_MS, errp) <= 0) {
            return false;
        }
    }
    return true;
}

static bool timers(void *opaque, QIOError **errp)
{
    QIOTimer *v[MANY] = {NULL};
    struct run r;
    bool ok;

    (void)opaque;
    if (!begin(&r, errp)) {
        return false;
    }
    ok = time_passes(&r, v, errp);
    for (int i = 0; i < MANY; i++) {
        qio_timer_free(v[i]);
    }
    return plainly(finish(&r, ok, errp), errp);
}

START_TEST(test_timers)
{
    each("timers", timers, NULL, FAILMALLOC_NO_LEAK);
}
END_TEST

/* ---- watches ---- */

static bool fd_came(int fd, unsigned events, void *opaque)
{
    (void)fd;
    ((struct run *)opaque)->results += (events & QIO_EVENT_OUT) != 0;
    return false;
}

/* IN comes; so may ERR, when there was no memory to wait for it. */
static bool came(QIOChannel *ioc, unsigned events, void *opaque)
{
    struct run *r = opaque;
    char buf[8];
    ssize_t n = qio_channel_read(ioc, buf, sizeof(buf), &r->err);

    (void)events;
    r->results += n > 0;
    return n == QIO_CHANNEL_ERR_BLOCK;
}

static bool watch_both(struct run *r, QIOChannel **pair, int fd,
                       QIOError **errp)
{
    r->asked++;
    if (!qio_loop_add_fd_watch(r->loop, fd, QIO_EVENT_IN | QIO_EVENT_OUT,
                               fd_came, r, destroyed, errp)) {
        return false;
    }
    qio_channel_set_blocking(pair[0], false);
    for (int i = 0; i < 3; i++) {
        r->asked++;
        if (!qio_channel_add_watch(pair[0], r->loop, QIO_EVENT_IN, came, r,
                                   destroyed, errp)) {
            return false;
        }
    }
    if (qio_loop_dispatch(r->loop, errp) < 0 ||
        qio_channel_write_all(pair[1], "hello hello hello hello!", 24, errp)) {
        return false;
    }
    while (r->results < 4 && !r->err) {
        if (qio_loop_step(r->loop, WAIT_MS, errp) <= 0) {
            return false;
        }
    }
    return !r->err;
}

/* Descriptors far apart, so that the loop's table grows. */
static bool watches(void *opaque, QIOError **errp)
{
    QIOChannel *pair[2];
    struct run r;
    int fd;
    bool ok;

    if (!begin(&r, errp)) {
        return false;
    }
    if (qio_channel_unix_pair(pair, errp) < 0) {
        return plainly(finish(&r, false, errp), errp);
    }
    fd = fcntl(*(int *)opaque, F_DUPFD_CLOEXEC, 500);
    ok = fd >= 0 && watch_both(&r, pair, fd, errp);
    ok = finish(&r, ok, errp);
    close(fd);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    return plainly(ok, errp);
}

START_TEST(test_watches)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    each("watches", watches, &fds[1], FAILMALLOC_NO_LEAK);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

/* ---- opening, transfers, the end, over TLS over TLS ---- */

struct stack {
    QIOChannel *top[2];
    uint8_t in[LEN];
};

static bool build(struct stack *s, QIOError **errp)
{
    if (qio_channel_unix_pair(s->top, errp) < 0) {
        s->top[0] = s->top[1] = NULL;
        return false;
    }
    for (int level = 0; level < 2; level++) {
        QIOChannel *c = qio_channel_tls_new_client(s->top[0], creds.client,
                                                   "localhost", errp);
        QIOChannel *v =
            c ? qio_channel_tls_new_server(s->top[1], creds.server, NULL, errp)
              : NULL;

        if (!v) {
            qio_channel_unref(c);
            return false;
        }
        qio_channel_unref(s->top[0]);
        qio_channel_unref(s->top[1]);
        s->top[0] = c;
        s->top[1] = v;
    }
    return true;
}

static bool open_both(struct run *r, struct stack *s, QIOError **errp)
{
    for (int i = 0; i < 2; i++) {
        if (!asked(r, qio_channel_open_async(s->top[i], r->loop, WAIT_MS, ended,
                                             r, destroyed, errp))) {
            return false;
        }
    }
    return wait_for_all(r, errp);
}

static bool carry(struct run *r, struct stack *s, QIOError **errp)
{
    memset(s->in, 0, LEN);
    if (!asked(r, qio_channel_read_all_async(s->top[1], r->loop, s->in, LEN,
                                             WAIT_MS, ended, r, destroyed,
                                             errp)) ||
        !asked(r, qio_channel_write_all_async(s->top[0], r->loop, bytes, LEN,
                                              WAIT_MS, ended, r, destroyed,
                                              errp)) ||
        !wait_for_all(r, errp)) {
        return false;
    }
    return memcmp(s->in, bytes, LEN) == 0;
}

/* The server echoes until the client says goodbye, and says it too. */
static bool echo(struct run *r, struct stack *s, QIOError **errp)
{
    memset(s->in, 0, LEN);
    return asked(r, qio_channel_copy_async(s->top[1], s->top[1], r->loop,
                                           QIO_COPY_ONE_WAY, WAIT_MS, ended, r,
                                           destroyed, errp)) &&
           asked(r, qio_channel_write_all_async(s->top[0], r->loop, bytes, LEN,
                                                WAIT_MS, ended, r, destroyed,
                                                errp)) &&
           asked(r, qio_channel_read_all_async(s->top[0], r->loop, s->in, LEN,
                                               WAIT_MS, ended, r, destroyed,
                                               errp)) &&
           asked(r, qio_channel_bye_async(s->top[0], r->loop, WAIT_MS, ended, r,
                                          destroyed, errp)) &&
           wait_for_all(r, errp) && memcmp(s->in, bytes, LEN) == 0;
}

/* A failure of the session is explained by GnuTLS, in its words. */
static bool transfers(void *opaque, QIOError **errp)
{
    struct stack s = {.top = {NULL}};
    struct run r;
    bool ok;

    (void)opaque;
    if (!begin(&r, errp)) {
        return false;
    }
    ok = build(&s, errp) && open_both(&r, &s, errp) && carry(&r, &s, errp) &&
         echo(&r, &s, errp);
    ok = finish(&r, ok, errp);
    qio_channel_unref(s.top[0]);
    qio_channel_unref(s.top[1]);
    return ok;
}

START_TEST(test_transfers)
{
    fill_bytes();
    tlspair_creds_make(&creds, NULL);
    each("transfers", transfers, NULL, FAILMALLOC_NO_LEAK | FAILMALLOC_NOT_TLS);
    tlspair_creds_free(&creds);
}
END_TEST

/* ---- connecting and names ---- */

/* The thread that looks a name up may outlive the loop, with what it has open.
 */
static void await_threads(void)
{
    struct stat st;

    while (stat("/proc/self/task", &st) == 0 && st.st_nlink > 3) {
        usleep(1000);
    }
}

static bool connects(void *opaque, QIOError **errp)
{
    const QIOAddress *addr = opaque;
    struct run r;
    bool ok;

    if (!begin(&r, errp)) {
        return false;
    }
    ok = asked(&r, qio_channel_socket_connect_async(
                       addr, r.loop, WAIT_MS, ended, &r, destroyed, errp)) &&
         wait_for_all(&r, errp);
    ok = finish(&r, ok, errp);
    await_threads();
    return ok;
}

static bool resolves(void *opaque, QIOError **errp)
{
    const QIOAddress *addr = opaque;
    struct run r;
    bool ok;

    if (!begin(&r, errp)) {
        return false;
    }
    ok = asked(&r, qio_address_resolve_async(addr, r.loop, WAIT_MS, ended, &r,
                                             destroyed, errp)) &&
         wait_for_all(&r, errp) && r.results > 0;
    ok = finish(&r, ok, errp);
    await_threads();
    return ok;
}

/* _i: by name, which takes the C library's resolver and a thread. */
START_TEST(test_addresses)
{
    unsigned flags = _i ? FAILMALLOC_PROCESS : FAILMALLOC_NO_LEAK;
    QIOAddress *any = qio_address_new_inet("127.0.0.1", "0", NULL);
    struct qiop_listen_sockets l;
    QIOAddress *addr;

    ck_assert_int_eq(qiop_listen(any, 1000, &l, NULL), 0);
    addr = qio_address_new_inet(_i ? "localhost" : "127.0.0.1",
                                qio_address_port(l.v[0].local), NULL);
    ck_assert_ptr_nonnull(addr);
    each("connecting", connects, addr, flags);
    each("resolving", resolves, addr, flags);
    qio_address_free(addr);
    qio_address_free(any);
    qiop_listen_sockets_free(&l);
}
END_TEST

/* ---- work in threads ---- */

static int work(QIOTask *task, void *opaque, QIOError **errp)
{
    (void)opaque;
    (void)errp;
    qio_task_set_result(task, bytes, NULL);
    return 0;
}

static bool works(void *opaque, QIOError **errp)
{
    struct run r;
    bool ok;

    (void)opaque;
    if (!begin(&r, errp)) {
        return false;
    }
    ok = asked(&r, qio_task_run_in_thread(r.loop, work, WAIT_MS, ended, &r,
                                          destroyed, errp)) &&
         wait_for_all(&r, errp);
    return finish(&r, ok, errp);
}

START_TEST(test_work)
{
    each("work", works, NULL, 0);
}
END_TEST

/* ---- commands ---- */

static QIOChannel *talker(QIOError **errp)
{
    const char *const argv[] = {"sh", "-c", "echo hm >&2; exec cat", NULL};
    QIOSpawnOptions *o = qio_spawn_options_new(errp);
    QIOChannel *ioc = NULL;

    if (o && qio_spawn_options_set_stderr(o, QIO_SPAWN_STDERR_CAPTURE, 10,
                                          errp) == 0) {
        ioc = qio_channel_command_new_options(argv, O_RDWR, o, errp);
    }
    qio_spawn_options_free(o);
    return ioc;
}

/* opaque: whether to end it, else only to wait. */
static bool commands(void *opaque, QIOError **errp)
{
    QIOChannel *ioc;
    struct run r;
    QIOTask *task;
    bool ok;

    if (!begin(&r, errp)) {
        return false;
    }
    ioc = talker(errp);
    if (!ioc) {
        return finish(&r, false, errp);
    }
    if (opaque) {
        task = qio_channel_command_terminate_async(
            ioc, r.loop, WAIT_MS, WAIT_MS, ended, &r, destroyed, errp);
    } else {
        qio_channel_close(ioc, NULL);
        task = qio_channel_command_wait_async(ioc, r.loop, WAIT_MS, ended, &r,
                                              destroyed, errp);
    }
    ok = asked(&r, task) && wait_for_all(&r, errp);
    ok = finish(&r, ok, errp);
    qio_channel_command_terminate(ioc, 0, NULL);
    qio_channel_unref(ioc);
    return plainly(ok, errp) && (waitpid(-1, NULL, WNOHANG) == -1);
}

START_TEST(test_commands)
{
    each("a command's end", commands, NULL, 0);
    each("ending a command", commands, &creds, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nomem-loop");
    TCase *tc = qiotest_case(s, "nomem");

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_timers);
    tcase_add_test(tc, test_watches);
    tcase_add_test(tc, test_transfers);
    tcase_add_loop_test(tc, test_addresses, 0, 2);
    tcase_add_test(tc, test_work);
    tcase_add_test(tc, test_commands);
    return failmalloc_main(s);
}

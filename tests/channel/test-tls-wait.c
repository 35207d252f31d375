/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The TLS channel: who waits for input, and what ends it. */
#include <config.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <qio/channel-socket.h>
#include <qio/channel-tls.h>
#include "pairs.h"
#include "qiotest.h"
#include "tlspair.h"

static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                       "NORMAL:-VERS-ALL:+VERS-TLS1.3"};

struct pair {
    QIOChannel *client, *server;
    QIOChannel *base[2];
};

static void pair_make(struct pair *p, const char *priority)
{
    struct tlspair_creds creds;
    QIOError *err = NULL;

    ck_assert_int_eq(pair_unix(NULL, p->base, &err), 0);
    tlspair_creds_make(&creds, priority);
    tlspair_open(&creds, p->base[0], p->base[1], &p->client, &p->server);
    tlspair_creds_free(&creds);
}

static void pair_free(struct pair *p)
{
    qio_channel_unref(p->client);
    qio_channel_unref(p->server);
    qio_channel_unref(p->base[0]);
    qio_channel_unref(p->base[1]);
}

static void expect_move(QIOChannel *from, QIOChannel *to, const char *text)
{
    char buf[64];
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_write_all(from, text, strlen(text), &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_read_all(to, buf, strlen(text), &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(memcmp(buf, text, strlen(text)), 0);
}

START_TEST(timeout)
{
    struct pair p;
    QIOError *err = NULL;
    char byte;

    pair_make(&p, versions[_i]);
    qio_channel_set_timeout(p.server, 30);
    ck_assert_int_eq(qio_channel_read(p.server, &byte, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    expect_move(p.client, p.server, "a");
    pair_free(&p);
}
END_TEST

static void *read_thread(void *opaque)
{
    QIOChannel *ioc = opaque;
    QIOError *err = NULL;
    char byte;

    ck_assert_int_eq(qio_channel_read(ioc, &byte, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    return NULL;
}

/* A shutdown by another thread ends a read that waits. */
static void expect_woken(struct pair *p, QIOChannelShutdown how,
                         useconds_t after_us)
{
    QIOError *err = NULL;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, read_thread, p->server), 0);
    usleep(after_us);
    ck_assert_int_eq(qio_channel_shutdown(p->server, how, &err), 0);
    pthread_join(thread, NULL);
    qiotest_ok(&err);
}

START_TEST(shutdown_wakes)
{
    struct pair p;

    pair_make(&p, versions[_i]);
    expect_woken(&p, QIO_CHANNEL_SHUTDOWN_BOTH, 20000);
    pair_free(&p);
}
END_TEST

/* A reader that waits in the socket sees nothing of this one there. */
START_TEST(shutdown_for_reading_wakes)
{
    struct pair p;

    pair_make(&p, versions[_i]);
    expect_woken(&p, QIO_CHANNEL_SHUTDOWN_READ, 5000);
    expect_move(p.server, p.client, "still");
    pair_free(&p);
}
END_TEST

static struct timeval time_limit(int fd)
{
    struct timeval tv = {0};
    socklen_t len = sizeof(tv);

    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len), 0);
    return tv;
}

/* Waiting in the socket needs a time limit there, which is ours only. */
START_TEST(time_limits_of_the_socket)
{
    const struct timeval mine = {.tv_sec = 7};
    struct pair p;
    int fd[2];

    pair_make(&p, versions[_i]);
    for (int i = 0; i < 2; i++) {
        fd[i] = dup(qio_channel_socket_get_fd(p.base[i]));
        ck_assert_int_ge(fd[i], 0);
    }
    ck_assert_int_eq(
        setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &mine, sizeof(mine)), 0);
    expect_move(p.client, p.server, "a");
    expect_move(p.server, p.client, "b");
    ck_assert_int_eq(time_limit(fd[0]).tv_sec, 7);
    ck_assert_int_gt(time_limit(fd[1]).tv_usec, 0);
    pair_free(&p);
    ck_assert_int_eq(time_limit(fd[0]).tv_sec, 7);
    ck_assert_int_eq(time_limit(fd[1]).tv_usec, 0);
    close(fd[0]);
    close(fd[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channel-tls-wait");
    TCase *tc = qiotest_case(s, "wait");

    tcase_add_loop_test(tc, timeout, 0, 2);
    tcase_add_loop_test(tc, shutdown_wakes, 0, 2);
    tcase_add_loop_test(tc, shutdown_for_reading_wakes, 0, 2);
    tcase_add_loop_test(tc, time_limits_of_the_socket, 0, 2);
    return qiotest_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every allocation of addresses, dialing and listening fails once. */
#include <config.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <qio/channel.h>

#include "base/clock.h"
#include "failmalloc.h"
#include "net/address.h"
#include "net/dial.h"
#include "net/listen.h"
#include "qiotest.h"

static bool use_address(void *opaque, QIOError **errp)
{
    QIOAddress *addr = qio_address_parse(opaque, errp);
    QIOAddress *copy = NULL;
    char *text = NULL;

    if (addr) {
        copy = qio_address_copy(addr, errp);
    }
    if (copy) {
        text = qio_address_to_string(copy, errp);
    }
    free(text);
    qio_address_free(copy);
    qio_address_free(addr);
    return text;
}

START_TEST(test_address)
{
    static const char *const texts[] = {
        "tcp:[::1]:5000,to=6000,ipv4=off,keep-alive,mptcp",
        "unix:/tmp/a,,b,abstract,tight=off",
        "vsock:host:5",
        "fd:3",
    };
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert_int_gt(
            failmalloc_each(use_address, (void *)texts[i], FAILMALLOC_NO_LEAK),
            3);
    }
}
END_TEST

static int dial(const QIOAddress *addr, QIOError **errp)
{
    struct qiop_dial *d = qiop_dial_new(addr, errp);
    int fd = -1;

    while (d && qiop_dial_step(d, &fd, errp) == QIO_CHANNEL_ERR_BLOCK) {
        struct pollfd fds[4];
        int64_t deadline;
        size_t n = qiop_dial_poll(d, fds, 4, &deadline);

        poll(fds, n, qiop_deadline_left_ms(deadline));
    }
    qiop_dial_free(d);
    return fd;
}

static bool listen_and_dial(void *opaque, QIOError **errp)
{
    QIOAddress *addr = qio_address_parse(opaque, errp);
    struct qiop_listen_sockets l;
    int fd;

    if (!addr) {
        return false;
    }
    if (qiop_listen(addr, 5, &l, errp) < 0) {
        qio_address_free(addr);
        return false;
    }
    fd = dial(l.v[0].local, errp);
    if (fd >= 0) {
        close(fd);
    }
    qiop_listen_sockets_free(&l);
    qio_address_free(addr);
    return fd >= 0;
}

START_TEST(test_tcp)
{
    ck_assert_int_gt(
        failmalloc_each(listen_and_dial, (void *)"tcp:127.0.0.1:0", 0), 10);
    ck_assert_int_gt(
        failmalloc_each(listen_and_dial, (void *)"tcp:127.0.0.1:0,mptcp", 0),
        10);
}
END_TEST

START_TEST(test_unix)
{
    char text[128];

    snprintf(text, sizeof(text), "unix:%s/s", qiotest_tmpdir());
    ck_assert_int_gt(failmalloc_each(listen_and_dial, text, FAILMALLOC_NO_LEAK),
                     10);
    snprintf(text, sizeof(text), "unix:qiotest-%d,abstract", (int)getpid());
    ck_assert_int_gt(failmalloc_each(listen_and_dial, text, FAILMALLOC_NO_LEAK),
                     10);
}
END_TEST

/* Nobody there: saying so takes memory as well. */
static bool dial_fails(void *opaque, QIOError **errp)
{
    int fd = dial(opaque, errp);

    if (fd >= 0) {
        close(fd);
        return false;
    }
    if (qio_error_code(*errp) == QIO_ERROR_CONNECT) {
        qio_error_free(*errp);
        *errp = NULL;
        return true;
    }
    return false;
}

START_TEST(test_refused)
{
    QIOError *err = NULL;
    QIOAddress *addr = qio_address_parse("unix:/no/such/socket", &err);

    qiotest_ok(&err);
    ck_assert_int_gt(failmalloc_each(dial_fails, addr, FAILMALLOC_NO_LEAK), 5);
    qio_address_free(addr);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net-oom");
    TCase *tc = qiotest_case(s, "oom");

    tcase_add_test(tc, test_address);
    tcase_add_test(tc, test_tcp);
    tcase_add_test(tc, test_unix);
    tcase_add_test(tc, test_refused);
    return failmalloc_main(s);
}

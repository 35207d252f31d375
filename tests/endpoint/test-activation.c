/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors from a service manager. */
#include <config.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <qio/channel-socket.h>
#include <qio/listener.h>
#include "qiotest.h"

static QIOListener *l;

static void set(const char *fds, const char *names, bool ours)
{
    char pid[32];

    snprintf(pid, sizeof(pid), "%d", getpid() + !ours);
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", fds, 1);
    if (names) {
        setenv("LISTEN_FDNAMES", names, 1);
    }
    l = qio_listener_new(NULL);
    if (!l) {
        abort();
    }
}

static void finish(void)
{
    qio_listener_free(l);
}

/*
 * Numbers 3 and 4 are Check's own, so a child process gives them away. It must
 * not use Check's functions then, and tells by its exit status where it failed.
 */
#define EXPECT(what)                                                           \
    do {                                                                       \
        if (!(what)) {                                                         \
            _exit(__LINE__ % 250 + 1);                                         \
        }                                                                      \
    } while (0)

static void place(int number)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    EXPECT(fd >= 0);
    EXPECT(bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
    EXPECT(listen(fd, 5) == 0);
    if (fd != number) {
        EXPECT(dup2(fd, number) == number);
        close(fd);
    }
}

static void in_child(void (*fn)(void))
{
    pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        place(3);
        place(4);
        fn();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status), "status %x", (unsigned)status);
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}

static void use(size_t i)
{
    QIOAddress *addr = qio_listener_get_address(l, i, NULL);
    QIOChannel *ioc = qio_channel_socket_connect_sync(addr, 5000, NULL);
    QIOChannel *in;

    EXPECT(ioc);
    in = qio_listener_accept_sync(l, QIO_ENDPOINT_READWRITE, 5000, NULL);
    EXPECT(in);
    qio_channel_unref(ioc);
    qio_channel_unref(in);
    qio_address_free(addr);
}

static void all(void)
{
    set("2", NULL, true);
    EXPECT(qio_listener_add_activated(l, NULL, NULL, NULL, NULL) == 2);
    EXPECT(qio_listener_count(l) == 2);
    use(0);
    use(1);
    /* They are the listener's now; it has others in their place. */
    EXPECT(fcntl(4, F_GETFD) == -1);
    finish();
}

START_TEST(test_all)
{
    in_child(all);
}
END_TEST

static void by_name(void)
{
    set("2", "web:migration", true);
    EXPECT(qio_listener_add_activated(l, "mig", NULL, NULL, NULL) == 0);
    EXPECT(qio_listener_add_activated(l, "migration", NULL, NULL, NULL) == 1);
    EXPECT(qio_listener_add_activated(l, "web", "", NULL, NULL) == 1);
    EXPECT(qio_listener_add_activated(l, "third", NULL, NULL, NULL) == 0);
    EXPECT(qio_listener_count(l) == 2);
    use(0);
    use(1);
    finish();
}

START_TEST(test_by_name)
{
    in_child(by_name);
}
END_TEST

START_TEST(test_not_for_us)
{
    set("2", NULL, false);
    ck_assert_int_eq(qio_listener_add_activated(l, NULL, NULL, NULL, NULL), 0);
    unsetenv("LISTEN_PID");
    ck_assert_int_eq(qio_listener_add_activated(l, NULL, NULL, NULL, NULL), 0);
    finish();
}
END_TEST

START_TEST(test_nonsense)
{
    static const char *const fds[] = {"", "x", "-1", "2x",
                                      "99999999999999999999"};
    QIOError *err = NULL;

    set(fds[_i], NULL, true);
    ck_assert_int_eq(qio_listener_add_activated(l, NULL, NULL, NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    finish();
}
END_TEST

/* A descriptor that is not there; layers that are not known. */
START_TEST(test_unfit)
{
    QIOError *err = NULL;

    set("1000", "a:b", true);
    ck_assert_int_eq(
        qio_listener_add_activated(l, "b", ",tls-creds=none", NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    ck_assert_int_eq(qio_listener_add_activated(l, NULL, NULL, NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("activation");
    TCase *tc = qiotest_case(s, "activation");

    tcase_add_test(tc, test_all);
    tcase_add_test(tc, test_by_name);
    tcase_add_test(tc, test_not_for_us);
    tcase_add_loop_test(tc, test_nonsense, 0, 5);
    tcase_add_test(tc, test_unfit);
    return qiotest_main(s);
}

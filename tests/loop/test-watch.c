/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Watches: levels, layers, removal from anywhere, fairness, other threads. */
#include <config.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <qio/channel-fd.h>
#include <qio/channel-null.h>
#include <qio/channel-unix.h>
#include <qio/loop.h>
#include "base/fd.h"
#include "qiotest.h"
#include "tlspair.h"

static QIOLoop *loop;
static QIOChannel *p[2];

static void begin(void)
{
    loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(loop);
    ck_assert_int_eq(qio_channel_unix_pair(p, NULL), 0);
    qio_channel_set_blocking(p[0], false);
    qio_channel_set_blocking(p[1], false);
}

static void finish(void)
{
    qio_loop_free(loop);
    qio_channel_unref(p[0]);
    qio_channel_unref(p[1]);
}

/* A watch that notes what it is told. */
struct seen {
    QIOWatch *watch;
    int calls;
    unsigned events; /* of the last call */
    int destroyed;
    size_t read; /* bytes to read in each call */
    bool keep;
    size_t got;
    ssize_t last;
    struct seen *victim; /* whose watch to remove */
    bool remove_self;
    unsigned then; /* events to wait for afterwards, 0: the same */
};

static void destroyed(void *opaque)
{
    ((struct seen *)opaque)->destroyed++;
}

static bool see(QIOChannel *ioc, unsigned events, void *opaque)
{
    struct seen *s = opaque;
    char buf[4096];

    s->calls++;
    s->events = events;
    if (s->read) {
        s->last = qio_channel_read(ioc, buf, s->read, NULL);
        s->got += s->last > 0 ? (size_t)s->last : 0;
    }
    if (s->victim) {
        qio_watch_remove(s->victim->watch);
        s->victim = NULL;
    }
    if (s->remove_self) {
        qio_watch_remove(s->watch);
        ck_assert_int_eq(s->destroyed, 0);
    }
    if (s->then) {
        qio_watch_set_events(s->watch, s->then);
    }
    return s->keep;
}

static void watch(QIOChannel *ioc, unsigned events, struct seen *s)
{
    QIOError *err = NULL;

    s->watch =
        qio_channel_add_watch(ioc, loop, events, see, s, destroyed, &err);
    qiotest_ok(&err);
}

/* All there is to do now. */
static void settle(void)
{
    for (int i = 0; i < 20; i++) {
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
    }
}

static void put(QIOChannel *ioc, const char *text)
{
    ck_assert_int_eq(qio_channel_write_all(ioc, text, strlen(text), NULL), 0);
}

START_TEST(test_levels)
{
    struct seen in = {.keep = true, .read = 1}, out = {.keep = true};

    begin();
    watch(p[0], QIO_EVENT_IN, &in);
    settle();
    ck_assert_int_eq(in.calls, 0);
    put(p[1], "abc");
    settle();
    ck_assert_int_eq(in.calls, 3);
    ck_assert_uint_eq(in.events, QIO_EVENT_IN);
    watch(p[0], QIO_EVENT_OUT, &out);
    settle();
    ck_assert_int_gt(out.calls, 5);
    ck_assert_uint_eq(out.events, QIO_EVENT_OUT);
    ck_assert_int_eq(in.calls, 3);
    qio_watch_set_events(out.watch, 0);
    settle();
    out.calls = 0;
    settle();
    ck_assert_int_eq(out.calls, 0);
    qio_watch_remove(in.watch);
    ck_assert_int_eq(in.destroyed, 1);
    finish();
    ck_assert_int_eq(out.destroyed, 1);
}
END_TEST

/* Hanging up is told to all, whatever they asked for. */
START_TEST(test_hup_always)
{
    static const unsigned asked[] = {0, QIO_EVENT_IN, QIO_EVENT_OUT};
    struct seen s[3];

    begin();
    for (int i = 0; i < 3; i++) {
        s[i] = (struct seen){.keep = true};
        watch(p[0], asked[i], &s[i]);
    }
    settle();
    ck_assert_int_eq(s[0].calls, 0);
    qio_channel_close(p[1], NULL);
    settle();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_gt(s[i].calls, 0);
        ck_assert_uint_eq(s[i].events & QIO_EVENT_HUP, QIO_EVENT_HUP);
        ck_assert_uint_eq(
            s[i].events & ~(asked[i] | QIO_EVENT_HUP | QIO_EVENT_ERR), 0);
    }
    finish();
}
END_TEST

START_TEST(test_returning_false)
{
    struct seen s = {.keep = false};

    begin();
    watch(p[0], QIO_EVENT_OUT, &s);
    settle();
    ck_assert_int_eq(s.calls, 1);
    ck_assert_int_eq(s.destroyed, 1);
    finish();
    ck_assert_int_eq(s.destroyed, 1);
}
END_TEST

START_TEST(test_removing_within)
{
    struct seen self = {.remove_self = true, .keep = _i != 0};
    struct seen a = {.keep = true}, b = {.keep = true};

    begin();
    watch(p[0], QIO_EVENT_OUT, &self);
    settle();
    ck_assert_int_eq(self.calls, 1);
    ck_assert_int_eq(self.destroyed, 1);
    /* Both are ready; whichever comes first removes the other. */
    a.victim = &b;
    b.victim = &a;
    watch(p[0], QIO_EVENT_OUT, &a);
    watch(p[1], QIO_EVENT_OUT, &b);
    while (a.calls + b.calls == 0) {
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
    }
    settle();
    ck_assert(a.calls == 0 || b.calls == 0);
    ck_assert_int_eq(a.destroyed + b.destroyed, 1);
    finish();
    ck_assert_int_eq(a.destroyed + b.destroyed, 2);
}
END_TEST

static bool add_another(QIOChannel *ioc, unsigned events, void *opaque)
{
    (void)events;
    watch(ioc, QIO_EVENT_OUT, opaque);
    return false;
}

START_TEST(test_adding_within)
{
    struct seen s = {.keep = true};

    begin();
    ck_assert_ptr_nonnull(qio_channel_add_watch(p[0], loop, QIO_EVENT_OUT,
                                                add_another, &s, NULL, NULL));
    settle();
    ck_assert_int_gt(s.calls, 0);
    finish();
}
END_TEST

START_TEST(test_changing_events_within)
{
    struct seen s = {.keep = true, .then = QIO_EVENT_IN};

    begin();
    watch(p[0], QIO_EVENT_OUT, &s);
    settle();
    ck_assert_int_eq(s.calls, 1);
    finish();
}
END_TEST

static bool drain(QIOChannel *ioc, unsigned events, void *opaque)
{
    char buf[64];

    (void)events;
    ck_assert_int_gt(qio_channel_read(ioc, buf, sizeof(buf), NULL), 0);
    ++*(int *)opaque;
    return true;
}

/* A channel that is always ready does not shut the others out. */
START_TEST(test_no_starvation)
{
    struct seen busy = {.keep = true};
    QIOChannel *null = qio_channel_null_new(NULL);
    QIOWatch *w;
    int quiet = 0;

    begin();
    for (int i = 0; i < 50; i++) {
        watch(null, QIO_EVENT_IN | QIO_EVENT_OUT, &busy);
    }
    w = qio_channel_add_watch(p[0], loop, QIO_EVENT_IN, drain, &quiet, NULL,
                              NULL);
    ck_assert_ptr_nonnull(w);
    settle();
    for (int i = 1; i <= 10; i++) {
        int before = busy.calls;

        put(p[1], "x");
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
        ck_assert_int_eq(quiet, i);
        ck_assert_int_le(busy.calls - before, 100);
    }
    finish();
    qio_channel_unref(null);
}
END_TEST

START_TEST(test_files_and_descriptors)
{
    struct seen s = {.keep = true};
    QIOError *err = NULL;
    QIOChannel *file =
        qio_channel_fd_new_path("/proc/self/exe", O_RDONLY, 0, &err);

    qiotest_ok(&err);
    begin();
    watch(file, QIO_EVENT_IN, &s);
    settle();
    ck_assert_int_gt(s.calls, 5);
    finish();
    qio_channel_unref(file);
}
END_TEST

static bool see_fd(int fd, unsigned events, void *opaque)
{
    struct seen *s = opaque;
    char c;

    s->calls++;
    s->events = events;
    if (events & QIO_EVENT_IN) {
        s->got += read(fd, &c, 1) == 1;
    }
    return s->keep;
}

START_TEST(test_fd_watch)
{
    struct seen s = {.keep = true}, bad = {.keep = true};
    QIOError *err = NULL;
    QIOWatch *w;
    int fd[2];

    begin();
    ck_assert_int_eq(qiop_fd_pipe(fd, true, NULL), 0);
    w = qio_loop_add_fd_watch(loop, fd[0], QIO_EVENT_IN, see_fd, &s, destroyed,
                              &err);
    qiotest_ok(&err);
    settle();
    ck_assert_int_eq(s.calls, 0);
    ck_assert_int_eq(write(fd[1], "ab", 2), 2);
    settle();
    ck_assert_uint_eq(s.got, 2);
    ck_assert_int_eq(s.calls, 2);
    ck_assert_uint_eq(s.events, QIO_EVENT_IN);
    qio_watch_set_events(w, 0);
    close(fd[1]);
    settle();
    ck_assert_int_gt(s.calls, 2);
    ck_assert_uint_eq(s.events, QIO_EVENT_HUP);
    qio_watch_remove(w);
    ck_assert_int_eq(s.destroyed, 1);
    close(fd[0]);
    ck_assert_ptr_null(qio_loop_add_fd_watch(loop, fd[0], QIO_EVENT_IN, see_fd,
                                             &bad, destroyed, &err));
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_ptr_null(qio_loop_add_fd_watch(loop, -1, QIO_EVENT_IN, see_fd,
                                             &bad, destroyed, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(bad.destroyed, 2);
    finish();
}
END_TEST

/* ---- closing and shutting down ---- */

START_TEST(test_closed_while_watched)
{
    struct seen s = {.keep = true}, other = {.keep = true, .read = 1};
    QIOError *err = NULL;
    QIOChannel *q[2];

    begin();
    watch(p[0], QIO_EVENT_IN, &s);
    settle();
    qio_channel_close(p[0], NULL);
    /* These get the numbers of descriptors that were just closed. */
    qio_channel_close(p[1], NULL);
    ck_assert_int_eq(qio_channel_unix_pair(q, NULL), 0);
    watch(q[0], QIO_EVENT_IN, &other);
    settle();
    ck_assert_int_gt(s.calls, 0);
    ck_assert_uint_eq(s.events & (QIO_EVENT_HUP | QIO_EVENT_ERR),
                      QIO_EVENT_HUP | QIO_EVENT_ERR);
    put(q[1], "x");
    settle();
    ck_assert_uint_eq(other.got, 1);
    ck_assert_ptr_null(
        qio_channel_add_watch(p[0], loop, QIO_EVENT_IN, see, &s, NULL, &err));
    qiotest_error(&err, QIO_ERROR_STATE);
    finish();
    qio_channel_unref(q[0]);
    qio_channel_unref(q[1]);
}
END_TEST

static void *shut_reading(void *opaque)
{
    usleep(20000);
    qio_channel_shutdown(opaque, QIO_CHANNEL_SHUTDOWN_READ, NULL);
    return NULL;
}

static bool quit_on_end(QIOChannel *ioc, unsigned events, void *opaque)
{
    QIOError *err = NULL;
    char c;

    (void)opaque;
    ck_assert_uint_eq(events & QIO_EVENT_IN, QIO_EVENT_IN);
    ck_assert_int_eq(qio_channel_read(ioc, &c, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    qio_loop_quit(loop);
    return false;
}

/* Sockets tell poll(2) of it, pipes do not. */
START_TEST(test_shut_down_by_a_thread)
{
    QIOChannel *pipes = NULL;
    QIOChannel *ioc;
    pthread_t t;
    int fd[2];

    begin();
    ck_assert_int_eq(qiop_fd_pipe(fd, false, NULL), 0);
    pipes = qio_channel_fd_new(fd[0], NULL);
    ck_assert_ptr_nonnull(pipes);
    ioc = _i ? pipes : p[0];
    ck_assert_ptr_nonnull(qio_channel_add_watch(ioc, loop, QIO_EVENT_IN,
                                                quit_on_end, NULL, NULL, NULL));
    ck_assert_int_eq(pthread_create(&t, NULL, shut_reading, ioc), 0);
    ck_assert_int_eq(qio_loop_run(loop, NULL), 0);
    pthread_join(t, NULL);
    finish();
    qio_channel_unref(pipes);
    close(fd[1]);
}
END_TEST

/* ---- layers ---- */

static struct tlspair_creds creds;
static QIOChannel *tls[2];

static void begin_tls(void)
{
    begin();
    qio_channel_set_blocking(p[0], true);
    qio_channel_set_blocking(p[1], true);
    tlspair_creds_make(&creds, NULL);
    tlspair_open(&creds, p[0], p[1], &tls[0], &tls[1]);
    qio_channel_set_blocking(tls[0], false);
    qio_channel_set_blocking(tls[1], false);
}

static void finish_tls(void)
{
    finish();
    qio_channel_unref(tls[0]);
    qio_channel_unref(tls[1]);
    tlspair_creds_free(&creds);
}

/* A record with a hundred bytes, read byte by byte: the descriptor is silent
 * after the first one. */
START_TEST(test_bytes_inside_a_layer)
{
    struct seen s = {.keep = true, .read = 1};
    char text[101];

    begin_tls();
    memset(text, 'x', 100);
    text[100] = 0;
    watch(tls[1], QIO_EVENT_IN, &s);
    put(tls[0], text);
    for (int i = 0; i < 200 && s.got < 100; i++) {
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
    }
    ck_assert_uint_eq(s.got, 100);
    finish_tls();
}
END_TEST

/* Read by somebody else than the watch's function, but for one byte. */
START_TEST(test_bytes_left_by_others)
{
    struct seen s = {.keep = true};
    char buf[100];

    begin_tls();
    watch(tls[1], QIO_EVENT_IN, &s);
    settle();
    ck_assert_int_eq(s.calls, 0);
    qio_channel_set_blocking(tls[1], true);
    put(tls[0], "two");
    ck_assert_int_eq(qio_channel_read(tls[1], buf, 1, NULL), 1);
    settle();
    ck_assert_int_gt(s.calls, 0);
    ck_assert_int_eq(qio_channel_read(tls[1], buf, 2, NULL), 2);
    settle();
    s.calls = 0;
    settle();
    ck_assert_int_eq(s.calls, 0);
    finish_tls();
}
END_TEST

/* What TLS could not send is sent by the loop, though nobody waits for OUT. */
START_TEST(test_output_is_flushed)
{
    struct seen s = {.keep = true};
    static char buf[65536];
    size_t in = 0, out = 0;
    ssize_t n;

    begin_tls();
    watch(tls[0], QIO_EVENT_IN, &s);
    while ((n = qio_channel_write(tls[0], buf, sizeof(buf), NULL)) > 0) {
        in += (size_t)n;
    }
    ck_assert_int_eq(n, QIO_CHANNEL_ERR_BLOCK);
    while (out < in) {
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
        n = qio_channel_read(tls[1], buf, sizeof(buf), NULL);
        ck_assert_int_ne(n, -1);
        ck_assert_int_ne(n, 0);
        out += n > 0 ? (size_t)n : 0;
    }
    ck_assert_uint_eq(out, in);
    ck_assert_int_eq(s.calls, 0);
    finish_tls();
}
END_TEST

START_TEST(test_hup_through_a_layer)
{
    struct seen none = {.keep = true}, out = {.keep = true};

    begin_tls();
    watch(tls[0], 0, &none);
    watch(tls[0], QIO_EVENT_OUT, &out);
    settle();
    ck_assert_int_eq(none.calls, 0);
    qio_channel_close(tls[1], NULL);
    settle();
    ck_assert_uint_eq(none.events & QIO_EVENT_HUP, QIO_EVENT_HUP);
    ck_assert_uint_eq(out.events & QIO_EVENT_HUP, QIO_EVENT_HUP);
    finish_tls();
}
END_TEST

/* The peer is gone and output remains: told once, not for ever. */
START_TEST(test_flush_fails_once)
{
    struct seen s = {.keep = true};
    static char buf[65536];

    begin_tls();
    while (qio_channel_write(tls[0], buf, sizeof(buf), NULL) > 0) {
    }
    watch(tls[0], QIO_EVENT_IN, &s);
    settle();
    ck_assert_int_eq(s.calls, 0);
    qio_channel_shutdown(p[0], QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    settle();
    ck_assert_int_eq(s.calls, 1);
    ck_assert_uint_eq(s.events, QIO_EVENT_ERR);
    finish_tls();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("watch");
    TCase *tc = qiotest_case(s, "watch");

    tcase_add_test(tc, test_levels);
    tcase_add_test(tc, test_hup_always);
    tcase_add_test(tc, test_returning_false);
    tcase_add_loop_test(tc, test_removing_within, 0, 2);
    tcase_add_test(tc, test_adding_within);
    tcase_add_test(tc, test_changing_events_within);
    tcase_add_test(tc, test_no_starvation);
    tcase_add_test(tc, test_files_and_descriptors);
    tcase_add_test(tc, test_fd_watch);
    tcase_add_test(tc, test_closed_while_watched);
    tcase_add_loop_test(tc, test_shut_down_by_a_thread, 0, 2);
    tc = qiotest_case(s, "layers");
    tcase_add_test(tc, test_bytes_inside_a_layer);
    tcase_add_test(tc, test_bytes_left_by_others);
    tcase_add_test(tc, test_output_is_flushed);
    tcase_add_test(tc, test_hup_through_a_layer);
    tcase_add_test(tc, test_flush_fails_once);
    return qiotest_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams, the follower and many connections with each allocation failing once:
 * what is got is what was put, or an error says that there is no memory. */
#include <config.h>
#include <qio/channel-unix.h>
#include <qio/migration/channels.h>
#include <qio/migration/follow.h>
#include <qio/migration/stream.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "failmalloc.h"
#include "qiotest.h"

#define LEN 20000

static uint8_t bytes[LEN];

static bool put_all(QIOMigrationStream *s, int fd, QIOError **errp)
{
    return qio_migration_stream_put_be32(s, 0x5145564d, errp) == 0 &&
           qio_migration_stream_put_counted_string(s, "ram", errp) == 0 &&
           qio_migration_stream_put_buffer(s, bytes, 1000, errp) == 0 &&
           qio_migration_stream_put_fd(s, fd, errp) == 0 &&
           qio_migration_stream_put_buffer_ref(s, bytes, LEN, errp) == 0 &&
           qio_migration_stream_put_fd(s, fd, errp) == 0 &&
           qio_migration_stream_put_be64(s, 77, errp) == 0;
}

static bool get_fd(QIOMigrationStream *s, QIOError **errp)
{
    int fd = -1;

    return qio_migration_stream_get_fd(s, &fd, errp) == 1 && close(fd) == 0;
}

static bool get_all(QIOMigrationStream *s, QIOError **errp)
{
    uint8_t in[LEN];
    const void *place;
    char str[256];
    uint32_t l = 0;
    uint64_t q = 0;

    memset(in, 0, sizeof(in));
    return qio_migration_stream_peek(s, &place, 4, 0, errp) == 1 &&
           memcmp(place, "QEVM", 4) == 0 &&
           qio_migration_stream_get_be32(s, &l, errp) == 1 && l == 0x5145564d &&
           qio_migration_stream_get_counted_string(s, str, errp) == 1 &&
           strcmp(str, "ram") == 0 &&
           qio_migration_stream_get_in_place(s, &place, 1000, errp) == 1 &&
           memcmp(place, bytes, 1000) == 0 && get_fd(s, errp) &&
           qio_migration_stream_peek(s, &place, 5000, 9000, errp) == 1 &&
           memcmp(place, bytes + 9000, 5000) == 0 &&
           qio_migration_stream_get_buffer(s, in, LEN, errp) == 1 &&
           memcmp(in, bytes, LEN) == 0 && get_fd(s, errp) &&
           qio_migration_stream_get_be64(s, &q, errp) == 1 && q == 77 &&
           qio_migration_stream_get_byte(s, in, errp) == 0;
}

/* With the first error in *errp. */
static bool end(QIOMigrationStream *s, bool ok, QIOError **errp)
{
    QIOError *err = NULL;
    int ret = qio_migration_stream_close(s, &err);

    if (ok) {
        qio_error_propagate(errp, err);
        return ret == 0;
    }
    qio_error_free(err);
    return false;
}

static bool send_all(QIOChannel *ioc, int fd, QIOError **errp)
{
    QIOMigrationStream *s = qio_migration_stream_new_output(ioc, errp);

    return s && end(s, put_all(s, fd, errp), errp) &&
           qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, errp) == 0;
}

static bool receive_all(QIOChannel *ioc, QIOError **errp)
{
    QIOMigrationStream *s = qio_migration_stream_new_input(ioc, errp), *rp;
    bool ok;

    if (!s) {
        return false;
    }
    ok = get_all(s, errp);
    rp = ok ? qio_migration_stream_new_return_path(s, errp) : NULL;
    if (rp) {
        ok = qio_migration_stream_put_buffer(rp, qio_migration_rp_shut,
                                             QIO_MIGRATION_RP_SHUT_LEN,
                                             errp) == 0;
        ok = end(rp, ok, errp);
    }
    return end(s, ok && rp, errp);
}

static bool use_streams(void *opaque, QIOError **errp)
{
    QIOChannel *pair[2];
    bool ok;

    if (qio_channel_unix_pair(pair, errp)) {
        return false;
    }
    ok = send_all(pair[0], *(int *)opaque, errp) && receive_all(pair[1], errp);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    return ok;
}

START_TEST(test_streams)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    long n;

    for (size_t i = 0; i < LEN; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 253);
    }
    n = failmalloc_each(use_streams, &fd, FAILMALLOC_NO_LEAK);
    printf("streams: %ld allocations\n", n);
    ck_assert_int_ge(n, 6);
    close(fd);
}
END_TEST

static bool use_follow(void *opaque, QIOError **errp)
{
    static const char text[] = "{\"page_size\": 4096, \"devices\": []}";
    uint8_t mark[6] = {0, 6, 0, 0, 0, sizeof(text) - 1};
    QIOMigrationFollow *f = qio_migration_follow_new(errp);
    bool ok;

    (void)opaque;
    if (!f) {
        return false;
    }
    ok = qio_migration_follow_feed(f, "QEVM\0\0\0\3", 8, errp) == 0 &&
         qio_migration_follow_feed(f, bytes, LEN, errp) == 0 &&
         qio_migration_follow_feed(f, mark, 6, errp) == 0 &&
         qio_migration_follow_feed(f, text, sizeof(text) - 1, errp) == 0 &&
         qio_migration_follow_state(f) == QIO_MIGRATION_FOLLOW_WHOLE;
    qio_migration_follow_free(f);
    return ok;
}

START_TEST(test_follow)
{
    long n = failmalloc_each(use_follow, NULL, FAILMALLOC_NO_LEAK);

    printf("follower: %ld allocations\n", n);
    ck_assert_int_ge(n, 1);
}
END_TEST

/* ---- many connections ---- */

#define CONNECTIONS 2

struct many {
    QIOChannel *pairs[CONNECTIONS][2];
    QIOChannel *client;
    QIOChannel *server;
};

static bool let_in(struct many *m, unsigned i, QIOError **errp)
{
    QIOMigrationHello *hello =
        qio_migration_hello_read_sync(m->pairs[i][1], 1000, errp);
    bool ok = hello && qio_migration_channels_join(m->server, m->pairs[i][1],
                                                   hello, errp) >= 0;

    qio_migration_hello_free(hello);
    return ok;
}

static bool open_many(struct many *m, bool threads, QIOError **errp)
{
    bool ok;

    m->client = qio_migration_channels_new_client(CONNECTIONS, errp);
    m->server = m->client ? qio_migration_channels_new_server(errp) : NULL;
    ok = m->server &&
         !qio_migration_channels_set_threads(m->client, threads, errp) &&
         !qio_migration_channels_set_threads(m->server, threads, errp);
    for (unsigned i = 0; i < CONNECTIONS && ok; i++) {
        ok = qio_channel_unix_pair(m->pairs[i], errp) == 0 &&
             qio_migration_channels_join(m->client, m->pairs[i][0], NULL,
                                         errp) >= 0 &&
             let_in(m, i, errp);
    }
    return ok && qio_channel_open_sync(m->server, 1000, errp) == 0 &&
           qio_channel_open_sync(m->client, 1000, errp) == 0;
}

static bool move_bytes(struct many *m, QIOError **errp)
{
    uint8_t in[LEN];

    return qio_channel_write_all(m->client, bytes, LEN, errp) == 0 &&
           qio_channel_shutdown(m->client, QIO_CHANNEL_SHUTDOWN_WRITE, errp) ==
               0 &&
           qio_channel_read_all(m->server, in, LEN, errp) == 0 &&
           memcmp(in, bytes, LEN) == 0 &&
           qio_channel_read_all_eof(m->server, in, 1, errp) == 0;
}

static bool use_many(void *opaque, QIOError **errp)
{
    struct many m = {.client = NULL};
    bool ok = open_many(&m, opaque, errp) && move_bytes(&m, errp);

    qio_channel_unref(m.client);
    qio_channel_unref(m.server);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        qio_channel_unref(m.pairs[i][0]);
        qio_channel_unref(m.pairs[i][1]);
    }
    return ok;
}

START_TEST(test_many)
{
    static bool yes = true;
    long n = failmalloc_each(use_many, _i ? &yes : NULL, FAILMALLOC_NO_LEAK);

    printf("many connections%s: %ld allocations\n", _i ? " with threads" : "",
           n);
    ck_assert_int_ge(n, 8);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nomem");
    TCase *tc = qiotest_case(s, "nomem");

    tcase_add_test(tc, test_streams);
    tcase_add_test(tc, test_follow);
    tcase_add_loop_test(tc, test_many, 0, 2);
    return failmalloc_main(s);
}

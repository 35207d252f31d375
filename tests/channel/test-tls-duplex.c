/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A reader and a writer thread on each side of a TLS channel, both directions
 * full all the time, while both sides update their keys, and ask each other
 * for updates, every few records.
 *
 * And the same with updates that happen by themselves. 200 GiB are 13107200
 * full records, 0.8 times what RFC 8446 §5.5 allows under one key. With the
 * limit lowered from 2^24 to 2^10 each direction crosses it several times.
 *
 * QIO_DUPLEX_MIB in the environment: MiB each way, 64 by default.
 */
#include <config.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <qio/channel-tls.h>
#include <qio/tls-config.h>
#include <qio/tls-info.h>
#include "pairs.h"
#include "qiotest.h"
#include "tlscert.h"
#include "tlspair.h"

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define MIB_DEFAULT 64
#define CHUNK (40u << 10)
#define SMALL 2000
#define LIMIT 1024
#define PERIOD 65521
#define SECONDS_PER_MIB 2

/*
 * GnuTLS takes more than eight key updates within a second for an attack. Here
 * they are the point, so the wall clock that it looks at runs fast: this
 * definition comes before the C library's.
 */
QIO_API int clock_gettime(clockid_t id, struct timespec *ts)
{
    static atomic_long seconds;
    int ret = (int)syscall(SYS_clock_gettime, id, ts);

    if (id == CLOCK_REALTIME && ret == 0) {
        ts->tv_sec += 2 * atomic_fetch_add(&seconds, 1);
    }
    return ret;
}

struct side {
    QIOChannel *ioc;
    uint64_t bytes;
    unsigned seed;
    unsigned updates;
    bool by_itself; /* it updates its keys; and mostly small records */
};

/* Byte `pos` of a stream is pattern[(pos + seed) % PERIOD]. */
static unsigned char pattern[PERIOD + 2 * CHUNK];

static const unsigned char *pattern_at(const struct side *s, uint64_t pos)
{
    return pattern + (pos + s->seed) % PERIOD;
}

static void make_pattern(void)
{
    size_t i;

    for (i = 0; i < PERIOD; i++) {
        pattern[i] = (unsigned char)(i * 0x9e3779b97f4a7c15u >> 56);
    }
    for (; i < sizeof(pattern); i++) {
        pattern[i] = pattern[i - PERIOD];
    }
}

static size_t next_size(const struct side *s, uint64_t pos, unsigned step)
{
    size_t most = s->by_itself && step % 16 ? SMALL : CHUNK;
    size_t n = 1 + (size_t)(pos * 7 + step * 4099) % most;

    return n < s->bytes - pos ? n : (size_t)(s->bytes - pos);
}

static void *writer(void *opaque)
{
    struct side *s = opaque;
    QIOError *err = NULL;
    unsigned step = 0;
    uint64_t pos;

    for (pos = 0; pos < s->bytes; step++) {
        size_t n = next_size(s, pos, step);

        (void)!qio_channel_write_all(s->ioc, pattern_at(s, pos), n, &err);
        qiotest_ok(&err);
        pos += n;
        if (step % 8 == 0) {
            qio_channel_set_cork(s->ioc, step % 16 == 0);
        }
        if (!s->by_itself && step % 3 == 0) {
            (void)!qio_channel_tls_update_keys(s->ioc, step % 2, &err);
            qiotest_ok(&err);
            s->updates++;
        }
    }
    ck_assert_int_eq(
        qio_channel_shutdown(s->ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert_int_eq(qio_channel_flush(s->ioc, &err), 0);
    return NULL;
}

static void *reader(void *opaque)
{
    struct side *s = opaque;
    unsigned char *buf = malloc(2 * CHUNK);
    QIOError *err = NULL;
    uint64_t pos = 0;
    ssize_t n;

    while ((n = qio_channel_read(s->ioc, buf, 2 * CHUNK, &err)) > 0) {
        ck_assert_msg(memcmp(buf, pattern_at(s, pos), (size_t)n) == 0,
                      "wrong bytes after %llu", (unsigned long long)pos);
        pos += (uint64_t)n;
    }
    qiotest_ok(&err);
    ck_assert_uint_eq(pos, s->bytes);
    free(buf);
    return NULL;
}

static uint64_t mib(void)
{
    const char *text = getenv("QIO_DUPLEX_MIB");

    return text && *text ? strtoull(text, NULL, 10) : MIB_DEFAULT;
}

/* As those of tlspair, with the limit lowered. */
static QIOTLSCreds *limited(QIOTLSEndpoint endpoint)
{
    QIOError *err = NULL;
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_X509, endpoint, &err);
    QIOTLSCreds *creds;

    (void)!qio_tls_config_set(config, "dir", tlscert_dir("tlspair"), &err);
    qiotest_ok(&err);
    (void)!qio_tls_config_set(config, "priority", TLS13, &err);
    qiotest_ok(&err);
    (void)!qio_tls_config_set(config, "rekey-after", "1024", &err);
    qiotest_ok(&err);
    creds = qio_tls_creds_new(config, &err);
    qiotest_ok(&err);
    qio_tls_config_free(config);
    return creds;
}

static void make_creds(struct tlspair_creds *creds, bool by_itself,
                       const char *engine)
{
    tlspair_creds_make(creds, TLS13);
    if (by_itself) {
        tlspair_creds_free(creds);
        creds->client = limited(QIO_TLS_ENDPOINT_CLIENT);
        creds->server = limited(QIO_TLS_ENDPOINT_SERVER);
    }
    ck_assert_int_eq(qio_tls_creds_set_engine(creds->client, engine, NULL), 0);
    ck_assert_int_eq(qio_tls_creds_set_engine(creds->server, engine, NULL), 0);
}

static int64_t count(QIOChannel *ioc, QIOTLSCount what)
{
    QIOError *err = NULL;
    int64_t n = qio_channel_tls_count(ioc, what, &err);

    qiotest_ok(&err);
    return n;
}

/* How one direction went. */
static void check(QIOChannel *from, QIOChannel *to, uint64_t bytes,
                  bool by_itself)
{
    int64_t records = count(from, QIO_TLS_COUNT_RECORDS_SENT);
    int64_t updates = count(from, QIO_TLS_COUNT_KEY_UPDATES_SENT);

    ck_assert_int_eq(count(from, QIO_TLS_COUNT_BYTES_SENT), bytes);
    ck_assert_int_eq(count(to, QIO_TLS_COUNT_BYTES_RECEIVED), bytes);
    ck_assert_int_eq(count(to, QIO_TLS_COUNT_RECORDS_RECEIVED), records);
    ck_assert_int_eq(count(to, QIO_TLS_COUNT_KEY_UPDATES_RECEIVED), updates);
    if (by_itself) {
        ck_assert_int_ge(updates, 4);
        ck_assert_int_eq(updates, (records - 1) / LIMIT);
    }
}

static void run(QIOChannel *base[2], uint64_t bytes, const char *engine,
                bool by_itself)
{
    struct tlspair_creds creds;
    QIOChannel *client, *server;
    struct side side[4];
    pthread_t thread[4];
    int i;

    make_pattern();
    make_creds(&creds, by_itself, engine);
    tlspair_open(&creds, base[0], base[1], &client, &server);
    tlspair_creds_free(&creds);
    side[0] = (struct side){client, bytes, 1, 0, by_itself};
    side[1] = (struct side){server, bytes, 1, 0, by_itself};
    side[2] = (struct side){server, bytes, 2, 0, by_itself};
    side[3] = (struct side){client, bytes, 2, 0, by_itself};
    for (i = 0; i < 4; i++) {
        ck_assert_int_eq(
            pthread_create(&thread[i], NULL, i % 2 ? reader : writer, &side[i]),
            0);
    }
    for (i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
    }
    if (!by_itself) {
        ck_assert_uint_gt(side[0].updates, bytes / (8 * CHUNK));
        ck_assert_uint_gt(side[2].updates, bytes / (8 * CHUNK));
    }
    check(client, server, bytes, by_itself);
    check(server, client, bytes, by_itself);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
}

static void duplex(QIOChannel *base[2], uint64_t bytes, const char *engine)
{
    run(base, bytes, engine, false);
}

START_TEST(over_unix)
{
    QIOChannel *base[2];
    QIOError *err = NULL;

    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    duplex(base, mib() << 19, "auto");
}
END_TEST

START_TEST(over_tcp)
{
    QIOChannel *base[2];
    QIOError *err = NULL;

    ck_assert_int_eq(pair_tcp(NULL, base, &err), 0);
    duplex(base, mib() << 19, "auto");
}
END_TEST

static const char *const engines[] = {"ipsec-mb", "aead", "gnutls"};

START_TEST(engine)
{
    QIOChannel *base[2];
    QIOError *err = NULL;

    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    duplex(base, mib() << 16, engines[_i]);
}
END_TEST

START_TEST(by_itself)
{
    QIOChannel *base[2];
    QIOError *err = NULL;

    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    run(base, mib() << 18, engines[_i], true);
}
END_TEST

/* Every piece of a record may come by itself, in both directions. */
START_TEST(over_trickle)
{
    struct trickle_script script = {
        .max_read = 777,
        .max_write = 1333,
        .stutter = true,
    };
    QIOChannel *base[2];
    QIOError *err = NULL;

    ck_assert_int_eq(pair_trickle(&script, base, &err), 0);
    duplex(base, 1 << 20, engines[_i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channel-tls-duplex");
    TCase *tc = qiotest_case(s, "duplex");

    tcase_set_timeout(tc, 60 + SECONDS_PER_MIB * (double)mib());
    tcase_add_test(tc, over_unix);
    tcase_add_test(tc, over_tcp);
    tcase_add_loop_test(tc, engine, 0, 3);
    tcase_add_loop_test(tc, by_itself, 0, 3);
    tcase_add_loop_test(tc, over_trickle, 0, 3);
    return qiotest_main(s);
}

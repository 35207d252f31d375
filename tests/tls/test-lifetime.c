/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What wears a session out: records under one key, counted and limited. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <qio/tls-config.h>
#include <qio/tls-info.h>
#include "qiotest.h"
#include "sessionpair.h"
#include "tls/session-priv.h"

#define LIMIT 1024
#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ECDHE-PSK:+PSK"
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK:+PSK"

static const char *const engines[] = {"ipsec-mb", "aead", "gnutls"};

/* GnuTLS takes more than eight key updates within a second for an attack: time
 * passes as often as it looks. */
QIO_API int clock_gettime(clockid_t id, struct timespec *ts)
{
    static long seconds;
    int ret = (int)syscall(SYS_clock_gettime, id, ts);

    if (id == CLOCK_REALTIME && ret == 0) {
        ts->tv_sec += 2 * seconds++;
    }
    return ret;
}

static ssize_t give_key(const char *user, unsigned char *key, size_t size,
                        void *opaque)
{
    (void)user;
    (void)opaque;
    ck_assert_uint_ge(size, 32);
    memset(key, 0x5a, 32);
    return 32;
}

static void set(QIOTLSConfig *config, const char *property, const char *value)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_tls_config_set(config, property, value, &err), 0);
    qiotest_ok(&err);
}

static QIOTLSCreds *creds(QIOTLSEndpoint endpoint, const char *priority,
                          const char *engine)
{
    QIOError *err = NULL;
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_PSK, endpoint, &err);
    QIOTLSCreds *c;

    set(config, "priority", priority);
    set(config, "tls-engine", engine);
    set(config, "rekey-after", "1024");
    ck_assert_int_eq(
        qio_tls_config_set_psk_func(config, give_key, NULL, NULL, &err), 0);
    c = qio_tls_creds_new(config, &err);
    qiotest_ok(&err);
    qio_tls_config_free(config);
    return c;
}

static void make(struct sessionpair *p, const char *priority,
                 const char *engine)
{
    QIOTLSCreds *client = creds(QIO_TLS_ENDPOINT_CLIENT, priority, engine);
    QIOTLSCreds *server = creds(QIO_TLS_ENDPOINT_SERVER, priority, engine);

    sessionpair_init(p, client, server, NULL, NULL);
    qio_tls_creds_unref(client);
    qio_tls_creds_unref(server);
    sessionpair_run(p);
    qiotest_ok(&p->client_err);
    qiotest_ok(&p->server_err);
}

static int64_t count(struct qiop_tls_session *s, QIOTLSCount what)
{
    QIOError *err = NULL;
    int64_t n = qiop_tls_session_count(s, what, &err);

    qiotest_ok(&err);
    ck_assert_int_ge(n, 0);
    return n;
}

/* One record there. 0, or -1 as writing says. */
static int send_record(struct qiop_tls_session *from,
                       struct qiop_tls_session *to, size_t len, QIOError **errp)
{
    static unsigned char data[4096], got[4096];
    struct iovec iov = {data, len};

    data[0]++;
    data[len - 1]++;
    if (qiop_tls_session_write(from, &iov, 1, 0, errp) == -1) {
        (void)sessionpair_move(from, to, 0);
        return -1;
    }
    ck_assert(sessionpair_move(from, to, 0));
    iov = (struct iovec){got, sizeof(got)};
    ck_assert_int_eq(qiop_tls_session_read(to, &iov, 1, false, errp), len);
    qiotest_ok(errp);
    ck_assert_mem_eq(got, data, len);
    return 0;
}

/* Small records are GnuTLS's with every engine, large ones the engine's: the
 * key is the same, and so is its count. */
START_TEST(new_keys)
{
    struct sessionpair p;
    QIOError *err = NULL;
    uint64_t bytes = 0, i;

    make(&p, TLS13, engines[_i]);
    for (i = 0; i <= 3 * LIMIT; i++) {
        size_t len = i % 5 ? 1 + i % 40 : 3000;

        ck_assert_int_eq(send_record(p.client, p.server, len, &err), 0);
        bytes += len;
        ck_assert_uint_le(qiop_tls_records_sent(p.client), LIMIT);
        if (i % 700 == 0) {
            ck_assert_int_eq(send_record(p.server, p.client, 9, &err), 0);
            (void)qiop_tls_session_rest(p.client);
            (void)qiop_tls_session_rest(p.client);
        }
    }
    /* The updates are records as well, of no data. */
    ck_assert_int_eq(count(p.client, QIO_TLS_COUNT_KEY_UPDATES_SENT), 3);
    ck_assert_int_eq(count(p.server, QIO_TLS_COUNT_KEY_UPDATES_RECEIVED), 3);
    ck_assert_int_eq(count(p.client, QIO_TLS_COUNT_KEY_UPDATES_RECEIVED), 0);
    ck_assert_int_eq(count(p.server, QIO_TLS_COUNT_KEY_UPDATES_SENT), 0);
    ck_assert_int_eq(count(p.client, QIO_TLS_COUNT_RECORDS_SENT),
                     3 * LIMIT + 1);
    ck_assert_int_eq(count(p.server, QIO_TLS_COUNT_RECORDS_RECEIVED),
                     3 * LIMIT + 1);
    ck_assert_int_eq(count(p.client, QIO_TLS_COUNT_BYTES_SENT), bytes);
    ck_assert_int_eq(count(p.server, QIO_TLS_COUNT_BYTES_RECEIVED), bytes);
    ck_assert_int_eq(count(p.client, QIO_TLS_COUNT_BYTES_RECEIVED), 9 * 5);
    ck_assert_int_eq(count(p.server, QIO_TLS_COUNT_RECORDS_SENT), 5);
    sessionpair_free(&p);
}
END_TEST

/* Without key updates there is only an end, which the peer cannot mistake for
 * that of the stream. */
START_TEST(no_new_keys)
{
    struct iovec iov = {&iov, 1};
    struct sessionpair p;
    QIOError *err = NULL;
    uint64_t i;

    make(&p, TLS12 ":-CIPHER-ALL:+AES-128-GCM:+AES-256-CBC", "auto");
    /* The first number is that of Finished. */
    for (i = 1; i < LIMIT; i++) {
        ck_assert_int_eq(send_record(p.server, p.client, 1 + i % 9, &err), 0);
    }
    ck_assert_int_eq(send_record(p.server, p.client, 1, &err), -1);
    ck_assert_str_eq(qio_error_message(err),
                     "1024 records were sent under one key, which is all that "
                     "is safe, and TLS1.2 cannot take a new one");
    qiotest_error(&err, QIO_ERROR_TLS);
    ck_assert_int_eq(send_record(p.server, p.client, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS);
    ck_assert_int_eq(qiop_tls_session_read(p.client, &iov, 1, true, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS_REJECTED);
    ck_assert_int_eq(count(p.server, QIO_TLS_COUNT_RECORDS_SENT), LIMIT - 1);
    sessionpair_free(&p);
}
END_TEST

/* RFC 9325 section 4.4 gives this one no limit. */
START_TEST(needs_no_new_keys)
{
    struct sessionpair p;
    QIOError *err = NULL;
    int i;

    make(&p, TLS12 ":-CIPHER-ALL:+CHACHA20-POLY1305", "auto");
    for (i = 0; i < LIMIT + 10; i++) {
        ck_assert_int_eq(send_record(p.client, p.server, 10, &err), 0);
    }
    ck_assert_int_eq(count(p.client, QIO_TLS_COUNT_KEY_UPDATES_SENT), 0);
    sessionpair_free(&p);
}
END_TEST

START_TEST(counts)
{
    struct sessionpair p;
    QIOError *err = NULL;
    QIOTLSCreds *c = creds(QIO_TLS_ENDPOINT_CLIENT, TLS13, "auto");
    QIOTLSCreds *s = creds(QIO_TLS_ENDPOINT_SERVER, TLS13, "auto");

    sessionpair_init(&p, c, s, NULL, NULL);
    ck_assert_int_eq(
        qiop_tls_session_count(p.client, QIO_TLS_COUNT_BYTES_SENT, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    sessionpair_run(&p);
    ck_assert_int_gt(count(p.client, QIO_TLS_COUNT_HANDSHAKE_US), 0);
    ck_assert_int_lt(count(p.server, QIO_TLS_COUNT_HANDSHAKE_US), 3600000000);
    ck_assert_int_eq(count(p.client, QIO_TLS_COUNT_RECORDS_RECEIVED), 0);
    ck_assert_int_eq(qiop_tls_session_count(p.client, (QIOTLSCount)99, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qiop_tls_session_update_keys(p.client, true, &err), 0);
    ck_assert_int_eq(send_record(p.client, p.server, 1, &err), 0);
    ck_assert_int_eq(send_record(p.server, p.client, 1, &err), 0);
    ck_assert_int_eq(count(p.client, QIO_TLS_COUNT_KEY_UPDATES_SENT), 1);
    ck_assert_int_eq(count(p.client, QIO_TLS_COUNT_KEY_UPDATES_RECEIVED), 1);
    sessionpair_free(&p);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

START_TEST(bad_limits)
{
    static const char *const values[] = {
        "",  "0",  "1023",  "16777217",
        "x", "-1", "1024 ", "18446744073709551616"};
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_ANON, QIO_TLS_ENDPOINT_SERVER, NULL);
    QIOError *err = NULL;
    size_t i;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        ck_assert_int_eq(
            qio_tls_config_set(config, "rekey-after", values[i], &err), -1);
        qiotest_error(&err, QIO_ERROR_INVALID);
    }
    set(config, "rekey-after", "1024");
    set(config, "rekey-after", "16777216");
    qio_tls_config_free(config);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-lifetime");
    TCase *tc = qiotest_case(s, "lifetime");

    tcase_add_loop_test(tc, new_keys, 0, 3);
    tcase_add_test(tc, no_new_keys);
    tcase_add_test(tc, needs_no_new_keys);
    tcase_add_test(tc, counts);
    tcase_add_test(tc, bad_limits);
    return qiotest_main(s);
}

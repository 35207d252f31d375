/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Record engines at work in sessions: each against each, with key updates from
 * both sides, and against input that no engine may accept. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "engines.h"
#include "innerseal.h"
#include "sessionpair.h"
#include "tls/session-priv.h"
#include "tlspair.h"

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+"

static const char *const engines[] = {"ipsec-mb", "aead", "gnutls"};
#define ENGINES 3
#define OWN 2 /* those with records of their own come first */

static const char *const ciphers[] = {"AES-128-GCM", "AES-256-GCM",
                                      "CHACHA20-POLY1305"};
#define CIPHERS 3

static unsigned seed = 1;

static unsigned next_random(void)
{
    seed = seed * 1103515245u + 12345u;
    return seed >> 8 & 0xffffff;
}

/*
 * GnuTLS takes more than eight key updates within a second for an attack. Here
 * they are the point, so the wall clock that it looks at runs fast: this
 * definition comes before the C library's.
 */
QIO_API int clock_gettime(clockid_t id, struct timespec *ts)
{
    static long seconds;
    int ret = (int)syscall(SYS_clock_gettime, id, ts);

    if (id == CLOCK_REALTIME && ret == 0) {
        ts->tv_sec += 2 * seconds++;
    }
    return ret;
}

static void make_with(struct sessionpair *p, const char *client,
                      const char *server, const char *priority)
{
    struct tlspair_creds creds;
    QIOError *err = NULL;

    tlspair_creds_make(&creds, priority);
    ck_assert_int_eq(qio_tls_creds_set_engine(creds.client, client, &err), 0);
    ck_assert_int_eq(qio_tls_creds_set_engine(creds.server, server, &err), 0);
    sessionpair_init(p, creds.client, creds.server, "localhost", NULL);
    tlspair_creds_free(&creds);
}

/* Everything out of `len` bytes at data, through whatever queue bounds. */
static void send_data(struct qiop_tls_session *from,
                      struct qiop_tls_session *to, uint8_t *data, size_t len)
{
    QIOError *err = NULL;
    static uint8_t out[1 << 20];
    size_t sent = 0, seen = 0;

    ck_assert_uint_le(len, sizeof(out));
    while (seen < len) {
        struct iovec iov[3] = {
            {data + sent, (len - sent) / 3},
            {NULL, 0},
            {data + sent + (len - sent) / 3, len - sent - (len - sent) / 3}};
        struct iovec dst = {out + seen, 1 + next_random() % 60000};
        ssize_t n;

        if (sent < len) {
            n = qiop_tls_session_write(from, iov, 3, 0, &err);
            qiotest_ok(&err);
            sent += n > 0 ? (size_t)n : 0;
        }
        sessionpair_move(from, to, 0);
        dst.iov_len = dst.iov_len < len - seen ? dst.iov_len : len - seen;
        n = qiop_tls_session_read(to, &dst, 1, false, &err);
        qiotest_ok(&err);
        seen += n > 0 ? (size_t)n : 0;
    }
    ck_assert_mem_eq(out, data, len);
}

static uint8_t *random_data(size_t len)
{
    static uint8_t data[1 << 20];
    size_t i;

    for (i = 0; i < len; i++) {
        data[i] = (uint8_t)next_random();
    }
    return data;
}

static void make(struct sessionpair *p, const char *client, const char *server,
                 const char *cipher)
{
    char priority[128];

    snprintf(priority, sizeof(priority), TLS13 "%s", cipher);
    make_with(p, client, server, priority);
    sessionpair_run(p);
    qiotest_ok(&p->client_err);
    qiotest_ok(&p->server_err);
    ck_assert_int_eq(p->client_ret, 0);
    ck_assert_int_eq(p->server_ret, 0);
    ck_assert_str_eq(qiop_tls_engine_name(p->client), engines_expect(client));
    ck_assert_str_eq(qiop_tls_engine_name(p->server), engines_expect(server));
    /* Enough for both engines to take the keys of both directions. */
    send_data(p->client, p->server, random_data(4000), 4000);
    send_data(p->server, p->client, random_data(4000), 4000);
    ck_assert(!p->client->aead == !p->client->sealing);
    ck_assert(!p->server->aead == !p->server->opening);
}

/* ---- each against each ---- */

/* Asked twice, a session gives the keys back. */
static void rest(struct qiop_tls_session *s)
{
    (void)qiop_tls_session_rest(s);
    ck_assert(qiop_tls_session_rest(s));
    ck_assert_ptr_null(s->sealing);
    ck_assert_ptr_null(s->opening);
    ck_assert_ptr_null(s->in.data);
}

START_TEST(each_against_each)
{
    struct sessionpair p;
    QIOError *err = NULL;
    int a, b, i;
    char byte;

    for (a = 0; a < ENGINES; a++) {
        for (b = 0; b < ENGINES; b++) {
            make(&p, engines[a], engines[b], ciphers[_i]);
            for (i = 0; i < 20; i++) {
                struct qiop_tls_session *x = i % 2 ? p.client : p.server;
                struct qiop_tls_session *y = i % 2 ? p.server : p.client;
                size_t len = 1 + next_random() % (i % 3 ? 70000 : 100);

                send_data(x, y, random_data(len), len);
                if (next_random() % 2) {
                    rest(x);
                }
                if (next_random() % 2) {
                    rest(y);
                }
                if (next_random() % 2) {
                    ck_assert_int_eq(qiop_tls_session_update_keys(
                                         x, next_random() % 2, &err),
                                     0);
                }
                if (next_random() % 3 == 0) {
                    ck_assert_int_eq(
                        qiop_tls_session_update_keys(y, true, &err), 0);
                }
            }
            ck_assert_int_eq(qiop_tls_session_bye(p.client, &err), 0);
            sessionpair_move(p.client, p.server, 0);
            ck_assert_int_eq(qiop_tls_session_read(p.server,
                                                   &(struct iovec){&byte, 1}, 1,
                                                   false, &err),
                             0);
            sessionpair_free(&p);
        }
    }
}
END_TEST

/* A message a byte long; whether both ends have the keys of its direction. */
static bool tick(struct sessionpair *p)
{
    send_data(p->client, p->server, random_data(1), 1);
    ck_assert(!p->client->sealing == !p->server->opening);
    return p->client->sealing != NULL;
}

START_TEST(little_and_often)
{
    struct sessionpair p;
    int i;

    make(&p, engines[_i], engines[_i], ciphers[0]);
    for (int round = 0; round < 3; round++) {
        rest(p.client);
        rest(p.server);
        for (i = 0; i < 50 && !tick(&p); i++) {
        }
        ck_assert_int_gt(i, 1);
        ck_assert_int_lt(i, 50);
        for (i = 0; i < 10; i++) {
            ck_assert(tick(&p));
        }
    }
    /* Little and seldom. */
    for (i = 0; i < 50; i++) {
        rest(p.client);
        rest(p.server);
        ck_assert(!tick(&p));
    }
    sessionpair_free(&p);
}
END_TEST

/* ---- the shape of what is sent ---- */

/* Take the output; the length of each record's ciphertext, how many. */
static size_t records_of(struct qiop_tls_session *s, size_t *len, size_t max)
{
    struct qiop_queue flight;
    const uint8_t *p;
    size_t left, n = 0;

    qiop_queue_init(&flight, 0);
    ck_assert(qiop_tls_session_output_take(s, &flight));
    p = qiop_queue_peek(&flight, &left);
    while (left) {
        ck_assert_uint_ge(left, 5);
        ck_assert_uint_lt(n, max);
        len[n] = (size_t)p[3] << 8 | p[4];
        ck_assert_uint_ge(left, 5 + len[n]);
        left -= 5 + len[n];
        p += 5 + len[n++];
    }
    qiop_queue_free(&flight, false);
    return n;
}

/* However the memory is cut, records are full. */
START_TEST(full_records)
{
    static uint8_t page[4096];
    struct iovec iov[48];
    struct sessionpair p;
    size_t len[16], n, i, total = 24 * (8 + sizeof(page));

    for (i = 0; i < 48; i++) {
        iov[i] = (struct iovec){page, i % 2 ? sizeof(page) : 8};
    }
    make(&p, engines[_i], NULL, ciphers[0]);
    ck_assert_int_eq(qiop_tls_session_write(p.client, iov, 48, 0, NULL),
                     (ssize_t)total);
    n = records_of(p.client, len, 16);
    ck_assert_uint_eq(n, (total + 16383) / 16384);
    for (i = 0; i + 1 < n; i++) {
        ck_assert_uint_eq(len[i], 16384 + 1 + 16);
    }
    sessionpair_free(&p);
}
END_TEST

/* RFC 8449 */
START_TEST(record_size_limit)
{
    static uint8_t data[5000];
    struct iovec iov = {data, sizeof(data)};
    struct sessionpair p;
    size_t len[16], n, i;

    make_with(&p, engines[_i], NULL, TLS13 "AES-128-GCM");
    ck_assert_int_eq(gnutls_record_set_max_recv_size(p.server->tls, 1000), 0);
    sessionpair_run(&p);
    qiotest_ok(&p.client_err);
    ck_assert_int_eq(qiop_tls_session_write(p.client, &iov, 1, 0, NULL), 5000);
    n = records_of(p.client, len, 16);
    ck_assert_uint_ge(n, 5);
    for (i = 0; i < n; i++) {
        ck_assert_uint_le(len[i], 1000 + 1 + 16);
    }
    sessionpair_free(&p);
}
END_TEST

/* At the limit of RFC 8446 §5.5 there is a new key, in time and by itself. */
START_TEST(rekeyed)
{
    struct sessionpair p;
    int i;

    make(&p, engines[_i], engines[_i], ciphers[0]);
    p.client->sealing->r.seq = QIOP_RECORD_LIMIT - 2;
    p.server->opening->r.seq = QIOP_RECORD_LIMIT - 2;
    for (i = 0; i < 5; i++) {
        send_data(p.client, p.server, random_data(100), 100);
        ck_assert_uint_eq(p.client->sealing->r.seq,
                          i < 2 ? QIOP_RECORD_LIMIT - 1 + (uint64_t)i
                                : (uint64_t)i - 1);
    }
    sessionpair_free(&p);
}
END_TEST

/* GnuTLS cannot send under a number of ours behind our back. */
START_TEST(no_push_of_its_own)
{
    struct sessionpair p;

    make(&p, engines[_i], engines[_i], ciphers[0]);
    ck_assert_int_lt(gnutls_alert_send(p.client->tls, GNUTLS_AL_WARNING,
                                       GNUTLS_A_USER_CANCELED),
                     0);
    ck_assert_int_lt(gnutls_record_send(p.client->tls, "x", 1), 0);
    ck_assert_uint_eq(p.client->out.len, 0);
    sessionpair_free(&p);
}
END_TEST

/* ---- reading ---- */

START_TEST(straight_into_place)
{
    static uint8_t data[40000], out[40000];
    struct iovec iov = {data, sizeof(data)}, dst[3];
    struct sessionpair p;
    QIOError *err = NULL;
    size_t i;

    make(&p, NULL, engines[_i], ciphers[_i]);
    memset(data, 'd', sizeof(data));
    ck_assert_int_eq(qiop_tls_session_write(p.client, &iov, 1, 0, NULL), 40000);
    sessionpair_move(p.client, p.server, 0);
    /* Exactly the records' length: only the last one's type has no place. */
    dst[0] = (struct iovec){out, 10000};
    dst[1] = (struct iovec){out + 10000, 7};
    dst[2] = (struct iovec){out + 10007, 29993};
    ck_assert_int_eq(qiop_tls_session_read(p.server, dst, 3, false, &err),
                     40000);
    ck_assert_mem_eq(out, data, sizeof(out));
    ck_assert(!qiop_tls_session_readable(p.server));
    /* One byte at a time, the record is opened once. */
    iov.iov_len = 300;
    ck_assert_int_eq(qiop_tls_session_write(p.client, &iov, 1, 0, NULL), 300);
    sessionpair_move(p.client, p.server, 0);
    for (i = 0; i < 300; i++) {
        ck_assert(qiop_tls_session_readable(p.server));
        dst[0] = (struct iovec){out, 1};
        ck_assert_int_eq(qiop_tls_session_read(p.server, dst, 1, false, &err),
                         1);
    }
    ck_assert(!qiop_tls_session_readable(p.server));
    sessionpair_free(&p);
}
END_TEST

/* ---- what must not be accepted ---- */

static void feed(struct qiop_tls_session *s, const uint8_t *data, size_t len)
{
    size_t avail;
    uint8_t *dst = qiop_tls_session_input_reserve(s, &avail, NULL);

    ck_assert_uint_ge(avail, len);
    memcpy(dst, data, len);
    qiop_tls_session_input_commit(s, len, avail);
}

static size_t take_record(struct qiop_tls_session *s, uint8_t *rec, size_t max)
{
    struct qiop_queue flight;
    size_t len;

    qiop_queue_init(&flight, 0);
    ck_assert(qiop_tls_session_output_take(s, &flight));
    ck_assert_uint_le(flight.len, max);
    len = qiop_queue_take(&flight, rec, max);
    qiop_queue_free(&flight, false);
    return len;
}

/* GnuTLS's own records are refused by names of its own. */
#define ANY_ALERT (-1)

/* The session is dead for both directions, and the peer is told why. */
static void refused(struct sessionpair *p, int alert)
{
    char byte;
    struct iovec iov = {&byte, 1};
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_tls_session_read(p->server, &iov, 1, true, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS);
    ck_assert_int_eq(qiop_tls_session_write(p->server, &iov, 1, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS);
    ck_assert(qiop_tls_session_output_urgent(p->server));
    sessionpair_move(p->server, p->client, 0);
    ck_assert_int_eq(qiop_tls_session_read(p->client, &iov, 1, true, &err), -1);
    if (alert == ANY_ALERT) {
        ck_assert_int_gt(qio_error_tls_alert(err), GNUTLS_A_CLOSE_NOTIFY);
    } else {
        ck_assert_int_eq(qio_error_tls_alert(err), alert);
    }
    qiotest_error(&err, QIO_ERROR_TLS_REJECTED);
}

static size_t hello_record(struct sessionpair *p, uint8_t *rec, size_t max)
{
    struct iovec iov = {(void *)"hello", 5};

    ck_assert_int_eq(qiop_tls_session_write(p->client, &iov, 1, 0, NULL), 5);
    return take_record(p->client, rec, max);
}

/* Each byte of a record; the length by a record that is complete. */
START_TEST(tampered)
{
    uint8_t rec[64];
    struct sessionpair p;
    size_t len = 5, i;

    for (i = 0; i < len; i++) {
        int alert = GNUTLS_A_BAD_RECORD_MAC;

        make(&p, engines[_i], engines[_i], ciphers[i % CIPHERS]);
        len = hello_record(&p, rec, sizeof(rec));
        if (i == 0 || i == 1) {
            rec[i] = i ? 2 : QIOP_RECORD_HANDSHAKE;
            alert = GNUTLS_A_UNEXPECTED_MESSAGE;
        } else if (i == 2) {
            /* GnuTLS looks at it first. */
            rec[i] = 1;
            alert = p.server->aead ? alert : GNUTLS_A_PROTOCOL_VERSION;
        } else if (i == 3) {
            rec[i] = 0xff;
            alert = GNUTLS_A_UNEXPECTED_MESSAGE;
        } else if (i == 4) {
            rec[i]--;
        } else {
            rec[i] ^= 0x40;
        }
        feed(p.server, rec, len);
        refused(&p, alert);
        sessionpair_free(&p);
    }
    ck_assert_uint_eq(len, 5 + 5 + 1 + 16);
}
END_TEST

START_TEST(replayed)
{
    uint8_t rec[64];
    struct sessionpair p;
    char buf[8];
    struct iovec iov = {buf, sizeof(buf)};
    size_t len;

    make(&p, engines[_i], engines[_i], ciphers[0]);
    len = hello_record(&p, rec, sizeof(rec));
    feed(p.server, rec, len);
    feed(p.server, rec, len);
    /* Data first, then that. */
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, false, NULL), 5);
    refused(&p, GNUTLS_A_BAD_RECORD_MAC);
    sessionpair_free(&p);
}
END_TEST

START_TEST(reordered)
{
    uint8_t first[64], second[64];
    struct sessionpair p;
    size_t len;

    make(&p, engines[_i], engines[_i], ciphers[0]);
    hello_record(&p, first, sizeof(first));
    len = hello_record(&p, second, sizeof(second));
    feed(p.server, second, len);
    refused(&p, GNUTLS_A_BAD_RECORD_MAC);
    sessionpair_free(&p);
}
END_TEST

/* In the open, after the handshake: no alert, no goodbye, no cipher change. */
START_TEST(in_the_open)
{
    static const uint8_t records[][7] = {
        {21, 3, 3, 0, 2, 1, 0},  {21, 3, 3, 0, 2, 2, 80},
        {22, 3, 3, 0, 2, 24, 0}, {23, 3, 3, 0, 2, 'h', 'i'},
        {20, 3, 3, 0, 1, 1, 0},
    };
    struct sessionpair p;
    char byte;
    struct iovec iov = {&byte, 1};
    QIOError *err = NULL;
    size_t i;

    for (i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        make(&p, engines[_i], engines[_i], ciphers[0]);
        feed(p.server, records[i], 5 + records[i][4]);
        ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, true, &err),
                         -1);
        qiotest_error(&err, QIO_ERROR_TLS);
        sessionpair_free(&p);
    }
}
END_TEST

/* Under the client's next number. */
static void send_inner(struct sessionpair *p, const uint8_t *inner, size_t len)
{
    static uint8_t rec[20000];
    size_t size = innerseal(&p->client->sealing->r, inner, len, rec);

    ck_assert_uint_gt(size, 0);
    p->client->sealing->r.seq++;
    feed(p->server, rec, size);
}

START_TEST(strange_inside)
{
    static uint8_t big[16386];
    static const struct {
        uint8_t inner[8];
        size_t len;
        int alert;
    } what[] = {
        {{0, 0, 0, 0}, 4, GNUTLS_A_UNEXPECTED_MESSAGE},
        {{0}, 1, GNUTLS_A_UNEXPECTED_MESSAGE},
        {{1, 20}, 2, GNUTLS_A_UNEXPECTED_MESSAGE},
        {{'x', 24}, 2, GNUTLS_A_UNEXPECTED_MESSAGE},
        {{'x', 99, 0, 0}, 4, GNUTLS_A_UNEXPECTED_MESSAGE},
    };
    struct sessionpair p;
    size_t i;

    for (i = 0; i <= sizeof(what) / sizeof(what[0]); i++) {
        make(&p, "aead", engines[_i], ciphers[0]);
        if (i < sizeof(what) / sizeof(what[0])) {
            send_inner(&p, what[i].inner, what[i].len);
            refused(&p, p.server->aead ? what[i].alert : ANY_ALERT);
        } else {
            memset(big, 'b', sizeof(big));
            big[16385] = QIOP_RECORD_DATA;
            send_inner(&p, big, sizeof(big));
            refused(&p, p.server->aead ? GNUTLS_A_RECORD_OVERFLOW : ANY_ALERT);
        }
        sessionpair_free(&p);
    }
}
END_TEST

/* Padding, records without content, a control record between. */
START_TEST(padded)
{
    static uint8_t big[16385] = "end";
    struct sessionpair p;
    char buf[16];
    struct iovec iov = {buf, sizeof(buf)};
    QIOError *err = NULL;
    int i;

    make(&p, "aead", engines[_i], ciphers[1]);
    for (i = 0; i < 3; i++) {
        send_inner(&p, (const uint8_t *)"\x17\0\0", 3);
        send_inner(&p, (const uint8_t *)"ab\x17\0\0\0", 6);
        ck_assert_int_eq(qiop_tls_session_update_keys(p.client, true, &err), 0);
        sessionpair_move(p.client, p.server, 0);
        big[3] = QIOP_RECORD_DATA;
        send_inner(&p, big, sizeof(big));
        ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, false, &err),
                         5);
        ck_assert_mem_eq(buf, "abend", 5);
        send_data(p.server, p.client, random_data(50), 50);
    }
    sessionpair_free(&p);
}
END_TEST

/* Fed in at once, each record without content; then with patience. */
START_TEST(flood)
{
    struct sessionpair p;
    int i;

    make(&p, "aead", engines[_i], ciphers[0]);
    for (i = 0; i < 1024; i++) {
        char byte;

        send_inner(&p, (const uint8_t *)"\x17", 1);
        ck_assert_int_eq(qiop_tls_session_read(p.server,
                                               &(struct iovec){&byte, 1}, 1,
                                               false, NULL),
                         QIOP_TLS_BLOCK);
    }
    send_inner(&p, (const uint8_t *)"\x17", 1);
    refused(&p, GNUTLS_A_UNEXPECTED_MESSAGE);
    sessionpair_free(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-engine");
    TCase *tc = qiotest_case(s, "engine");

    tcase_add_loop_test(tc, each_against_each, 0, CIPHERS);
    tcase_add_loop_test(tc, little_and_often, 0, OWN);
    tcase_add_loop_test(tc, full_records, 0, ENGINES);
    tcase_add_loop_test(tc, record_size_limit, 0, ENGINES);
    tcase_add_loop_test(tc, rekeyed, 0, OWN);
    tcase_add_loop_test(tc, no_push_of_its_own, 0, OWN);
    tcase_add_loop_test(tc, straight_into_place, 0, ENGINES);
    tcase_add_loop_test(tc, tampered, 0, ENGINES);
    tcase_add_loop_test(tc, replayed, 0, ENGINES);
    tcase_add_loop_test(tc, reordered, 0, ENGINES);
    tcase_add_loop_test(tc, in_the_open, 0, ENGINES);
    tcase_add_loop_test(tc, strange_inside, 0, ENGINES);
    tcase_add_loop_test(tc, padded, 0, ENGINES);
    tcase_add_loop_test(tc, flood, 0, ENGINES);
    return qiotest_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS sessions in memory: handshakes of every kind, data, the end. */
#include <config.h>
#include <stdlib.h>
#include "sessionpair.h"
#include "tlspair.h"

#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static const char *const versions[] = {TLS12, TLS13};

static void send_all(struct qiop_tls_session *from, struct qiop_tls_session *to,
                     const char *data, size_t len, size_t chunk)
{
    struct iovec iov = {(void *)data, len};
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_tls_session_write(from, &iov, 1, 0, &err),
                     (ssize_t)len);
    sessionpair_move(from, to, chunk);
}

static void expect_data(struct qiop_tls_session *s, const char *data,
                        size_t len)
{
    char buf[1024];
    struct iovec iov = {buf, sizeof(buf)};
    QIOError *err = NULL;
    ssize_t n = qiop_tls_session_read(s, &iov, 1, false, &err);

    qiotest_ok(&err);
    ck_assert_int_eq(n, (ssize_t)len);
    ck_assert_int_eq(memcmp(buf, data, len), 0);
}

static void established(struct sessionpair *p)
{
    qiotest_ok(&p->client_err);
    qiotest_ok(&p->server_err);
    ck_assert_int_eq(p->client_ret, 0);
    ck_assert_int_eq(p->server_ret, 0);
}

static void make(struct sessionpair *p, const char *priority, size_t chunk)
{
    struct tlspair_creds creds;

    tlspair_creds_make(&creds, priority);
    sessionpair_init(p, creds.client, creds.server, "localhost", NULL);
    p->chunk = chunk;
    tlspair_creds_free(&creds);
    sessionpair_run(p);
    established(p);
}

START_TEST(handshake)
{
    struct sessionpair p;
    QIOError *err = NULL;
    char *text;

    make(&p, versions[_i], 0);
    text = qiop_tls_session_describe(p.client, &err);
    qiotest_ok(&err);
    ck_assert_msg(strstr(text, _i ? "TLS1.3 " : "TLS1.2 ") == text, "%s", text);
    free(text);
    text = qiop_tls_session_identity(p.server, &err);
    ck_assert_str_eq(text, "CN=client,C=UK");
    free(text);
    send_all(p.client, p.server, "ping", 4, 0);
    expect_data(p.server, "ping", 4);
    send_all(p.server, p.client, "pong!", 5, 0);
    expect_data(p.client, "pong!", 5);
    sessionpair_free(&p);
}
END_TEST

START_TEST(handshake_trickle)
{
    struct sessionpair p;

    make(&p, versions[_i], 1);
    send_all(p.client, p.server, "ping", 4, 1);
    expect_data(p.server, "ping", 4);
    sessionpair_free(&p);
}
END_TEST

static void feed(struct qiop_tls_session *s, const void *data, size_t len)
{
    QIOError *err = NULL;
    size_t avail;
    uint8_t *dst = qiop_tls_session_input_reserve(s, &avail, &err);

    qiotest_ok(&err);
    ck_assert_uint_ge(avail, len);
    memcpy(dst, data, len);
    qiop_tls_session_input_commit(s, len, avail);
}

/* Move what one has sent, each handshake message in clear in records of `size`
 * bytes. clear: whether they still are. */
static void move_parts(struct qiop_tls_session *from,
                       struct qiop_tls_session *to, size_t size, bool *clear)
{
    struct qiop_queue flight;
    const uint8_t *p;
    size_t len, body;

    qiop_queue_init(&flight, 0);
    (void)!qiop_tls_session_output_take(from, &flight);
    p = qiop_queue_peek(&flight, &len);
    while (len) {
        body = (size_t)p[3] << 8 | p[4];
        *clear &= p[0] == 22;
        for (size_t at = 0; *clear && at < body; at += size) {
            size_t part = body - at < size ? body - at : size;
            uint8_t head[5] = {22, 3, 3, 0, (uint8_t)part};

            feed(to, head, sizeof(head));
            feed(to, p + 5 + at, part);
        }
        if (!*clear) {
            feed(to, p, 5 + body);
        }
        p += 5 + body;
        len -= 5 + body;
    }
    qiop_queue_free(&flight, false);
}

/* A message in many records, which have all been read: RFC 8446 §5.1. */
START_TEST(parts)
{
    static const size_t sizes[] = {1, 7, 50, 100, 255};
    bool client_clear = true, server_clear = true;
    struct tlspair_creds creds;
    struct sessionpair p;

    tlspair_creds_make(&creds, versions[_i % 2]);
    sessionpair_init(&p, creds.client, creds.server, "localhost", NULL);
    tlspair_creds_free(&creds);
    p.client_ret = p.server_ret = QIOP_TLS_BLOCK;
    for (int i = 0; i < 4; i++) {
        p.client_ret = qiop_tls_session_handshake(p.client, &p.client_err);
        move_parts(p.client, p.server, sizes[_i / 2], &client_clear);
        p.server_ret = qiop_tls_session_handshake(p.server, &p.server_err);
        move_parts(p.server, p.client, sizes[_i / 2], &server_clear);
    }
    established(&p);
    sessionpair_free(&p);
}
END_TEST

START_TEST(psk)
{
    struct tlspair_creds creds;
    struct sessionpair p;
    QIOError *err = NULL;
    char *text;

    tlspair_creds_make_psk(&creds, versions[_i]);
    sessionpair_init(&p, creds.client, creds.server, NULL, NULL);
    tlspair_creds_free(&creds);
    sessionpair_run(&p);
    established(&p);
    text = qiop_tls_session_identity(p.server, &err);
    ck_assert_str_eq(text, "qemu");
    free(text);
    ck_assert_ptr_null(qiop_tls_session_identity(p.client, &err));
    qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    sessionpair_free(&p);
}
END_TEST

START_TEST(anon)
{
    struct sessionpair p;
    QIOError *err = NULL;
    QIOTLSCreds *c =
        qio_tls_creds_anon_new(QIO_TLS_ENDPOINT_CLIENT, NULL, 0, &err);
    QIOTLSCreds *s =
        qio_tls_creds_anon_new(QIO_TLS_ENDPOINT_SERVER, NULL, 0, &err);

    qiotest_ok(&err);
    sessionpair_init(&p, c, s, NULL, NULL);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
    sessionpair_run(&p);
    established(&p);
    send_all(p.client, p.server, "ping", 4, 0);
    expect_data(p.server, "ping", 4);
    sessionpair_free(&p);
}
END_TEST

/* Two messages in one record and two records at once, then silence: all of it
 * is there to be read, and known to be. */
START_TEST(coalesced)
{
    struct sessionpair p;
    QIOError *err = NULL;
    char one;
    struct iovec iov = {&one, 1};
    int i;

    make(&p, versions[_i], 0);
    send_all(p.client, p.server, "abc", 3, 0);
    send_all(p.client, p.server, "def", 3, 0);
    for (i = 0; i < 6; i++) {
        ck_assert(qiop_tls_session_readable(p.server));
        ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, false, &err),
                         1);
        ck_assert_int_eq(one, "abcdef"[i]);
    }
    ck_assert(!qiop_tls_session_readable(p.server));
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, false, &err),
                     QIOP_TLS_BLOCK);
    qiotest_ok(&err);
    sessionpair_free(&p);
}
END_TEST

START_TEST(goodbye)
{
    struct sessionpair p;
    QIOError *err = NULL;
    char buf[8];
    struct iovec iov = {buf, sizeof(buf)};

    make(&p, versions[_i], 0);
    send_all(p.client, p.server, "last", 4, 0);
    ck_assert_int_eq(qiop_tls_session_bye(p.client, NULL), 0);
    ck_assert_int_eq(qiop_tls_session_bye(p.client, NULL), 0);
    sessionpair_move(p.client, p.server, 0);
    qiop_tls_session_input_end(p.server, NULL);
    expect_data(p.server, "last", 4);
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, false, &err), 0);
    qiotest_ok(&err);
    /* The other direction goes on. */
    send_all(p.server, p.client, "reply", 5, 0);
    expect_data(p.client, "reply", 5);
    ck_assert_int_eq(qiop_tls_session_write(p.client, &iov, 1, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    sessionpair_free(&p);
}
END_TEST

START_TEST(truncated)
{
    struct sessionpair p;
    QIOError *err = NULL;
    char buf[8];
    struct iovec iov = {buf, sizeof(buf)};

    make(&p, versions[_i], 0);
    send_all(p.client, p.server, "last", 4, 0);
    qiop_tls_session_input_end(p.server, NULL);
    expect_data(p.server, "last", 4);
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, false, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS_TRUNCATED);
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, true, &err), 0);
    qiotest_ok(&err);
    sessionpair_free(&p);
}
END_TEST

/* A cut inside a record is never a normal end. */
START_TEST(truncated_inside)
{
    struct sessionpair p;
    struct qiop_queue flight;
    QIOError *err = NULL;
    char buf[8] = "data";
    struct iovec iov = {buf, sizeof(buf)};
    uint8_t *dst;
    size_t avail;

    make(&p, versions[_i], 0);
    ck_assert_int_eq(qiop_tls_session_write(p.client, &iov, 1, 0, &err), 8);
    qiop_queue_init(&flight, 0);
    ck_assert(qiop_tls_session_output_take(p.client, &flight));
    dst = qiop_tls_session_input_reserve(p.server, &avail, &err);
    qiop_tls_session_input_commit(
        p.server, qiop_queue_take(&flight, dst, flight.len - 1), avail);
    qiop_tls_session_input_end(p.server, NULL);
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, true, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS_TRUNCATED);
    sessionpair_free(&p);
    qiop_queue_free(&flight, false);
}
END_TEST

START_TEST(cause_from_below)
{
    struct sessionpair p;
    QIOError *err = NULL, *cause = NULL;
    char buf[8];
    struct iovec iov = {buf, sizeof(buf)};

    make(&p, versions[_i], 0);
    qio_error_set(&cause, QIO_ERROR_BROKEN, 0, "the cable is cut");
    qiop_tls_session_input_end(p.server, cause);
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, true, &err), -1);
    ck_assert_str_eq(qio_error_message(err), "the cable is cut");
    qiotest_error(&err, QIO_ERROR_BROKEN);
    sessionpair_free(&p);
}
END_TEST

START_TEST(key_update)
{
    struct sessionpair p;
    QIOError *err = NULL;
    int i;

    make(&p, TLS13, 0);
    for (i = 0; i < 4; i++) {
        ck_assert_int_eq(qiop_tls_session_update_keys(p.client, i % 2, &err),
                         0);
        send_all(p.client, p.server, "ping", 4, 0);
        expect_data(p.server, "ping", 4);
        send_all(p.server, p.client, "pong", 4, 0);
        expect_data(p.client, "pong", 4);
    }
    sessionpair_free(&p);
    make(&p, TLS12, 0);
    ck_assert_int_eq(qiop_tls_session_update_keys(p.client, false, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    sessionpair_free(&p);
}
END_TEST

START_TEST(aborted)
{
    struct sessionpair p;
    QIOError *err = NULL;
    char buf[8];
    struct iovec iov = {buf, sizeof(buf)};

    make(&p, versions[_i], 0);
    qiop_tls_session_abort(p.client);
    sessionpair_move(p.client, p.server, 0);
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, true, &err), -1);
    ck_assert_str_eq(qio_error_message(err),
                     "the peer ended the TLS session: internal error "
                     "(TLS alert 80)");
    ck_assert_int_eq(qio_error_tls_alert(err), 80);
    qiotest_error(&err, QIO_ERROR_TLS_REJECTED);
    sessionpair_free(&p);
}
END_TEST

START_TEST(garbage)
{
    static const struct {
        const char *data;
        size_t len;
    } input[] = {
        {"GET / HTTP/1.0\r\n\r\n", 18},
        {"Q", 1},
        {"\x16\x02", 2},
        {"\x16\x03\x01\xff\xff", 5},
        {"\x80\x2e\x01\x03\x01", 5},
    };
    struct tlspair_creds creds;
    struct sessionpair p;
    QIOError *err = NULL;

    tlspair_creds_make(&creds, NULL);
    sessionpair_init(&p, creds.client, creds.server, "localhost", NULL);
    tlspair_creds_free(&creds);
    ck_assert_int_eq(qiop_tls_session_handshake(p.server, &err),
                     QIOP_TLS_BLOCK);
    feed(p.server, input[_i].data, input[_i].len);
    ck_assert_int_eq(qiop_tls_session_handshake(p.server, &err), -1);
    ck_assert_msg(strstr(qio_error_message(err), "does not speak TLS"), "%s",
                  qio_error_message(err));
    qiotest_error(&err, QIO_ERROR_TLS);
    /* The failure stays. */
    ck_assert_int_eq(qiop_tls_session_handshake(p.server, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS);
    sessionpair_free(&p);
}
END_TEST

START_TEST(garbage_later)
{
    struct sessionpair p;
    QIOError *err = NULL;
    char buf[8];
    struct iovec iov = {buf, sizeof(buf)};

    make(&p, versions[_i], 0);
    feed(p.server,
         "\x17\x03\x03\x00\x20"
         "0123456789abcdef0123456789abcdef",
         37);
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, true, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS);
    sessionpair_free(&p);
}
END_TEST

START_TEST(hangup_in_handshake)
{
    struct tlspair_creds creds;
    struct sessionpair p;
    QIOError *err = NULL;

    tlspair_creds_make(&creds, NULL);
    sessionpair_init(&p, creds.client, creds.server, "localhost", NULL);
    tlspair_creds_free(&creds);
    qiop_tls_session_input_end(p.server, NULL);
    ck_assert_int_eq(qiop_tls_session_handshake(p.server, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS_TRUNCATED);
    sessionpair_free(&p);
}
END_TEST

/* Output stops at its bound and goes on when it is taken. */
START_TEST(bounded)
{
    static char data[1 << 20];
    struct tlspair_creds creds;
    struct sessionpair p;
    QIOError *err = NULL;
    struct iovec iov = {data, sizeof(data)};
    size_t done = 0, got = 0, room;

    tlspair_creds_make(&creds, versions[_i]);
    sessionpair_init(&p, creds.client, creds.server, "localhost", NULL);
    tlspair_creds_free(&creds);
    qiop_tls_session_set_buffers(p.client, 256 << 10, 0);
    sessionpair_run(&p);
    established(&p);
    qiop_tls_session_limit_input(p.server, 20000);
    ck_assert_ptr_nonnull(
        qiop_tls_session_input_reserve(p.server, &room, &err));
    ck_assert_uint_le(room, 20000);
    /* It does not grow again. */
    qiop_tls_session_limit_input(p.server, 1 << 20);
    ck_assert_ptr_nonnull(
        qiop_tls_session_input_reserve(p.server, &room, &err));
    ck_assert_uint_le(room, 20000);
    while (done < sizeof(data)) {
        ssize_t n;

        iov = (struct iovec){data + done, sizeof(data) - done};
        n = qiop_tls_session_write(p.client, &iov, 1, 0, &err);
        qiotest_ok(&err);
        ck_assert_int_gt(n, 0);
        ck_assert_uint_le(qiop_tls_session_output_len(p.client), 300 << 10);
        done += (size_t)n;
        if (done < sizeof(data)) {
            ck_assert_int_eq(qiop_tls_session_write(p.client, &iov, 1, 0, &err),
                             QIOP_TLS_BLOCK);
        }
        sessionpair_move(p.client, p.server, 0);
        iov = (struct iovec){data, sizeof(data)};
        got += (size_t)qiop_tls_session_read(p.server, &iov, 1, false, &err);
        qiotest_ok(&err);
    }
    ck_assert_uint_eq(got, sizeof(data));
    sessionpair_free(&p);
}
END_TEST

START_TEST(arguments)
{
    struct tlspair_creds creds;
    QIOError *err = NULL;
    struct qiop_tls_session *s;

    tlspair_creds_make(&creds, NULL);
    ck_assert_ptr_null(qiop_tls_session_new(
        creds.client, QIO_TLS_ENDPOINT_SERVER, NULL, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    s = qiop_tls_session_new(creds.client, QIO_TLS_ENDPOINT_CLIENT, NULL, &err);
    ck_assert_int_eq(qiop_tls_session_handshake(s, &err), -1);
    ck_assert_str_eq(qio_error_message(err),
                     "no hostname for certificate validation");
    qiotest_error(&err, QIO_ERROR_INVALID);
    qiop_tls_session_free(s);
    tlspair_creds_free(&creds);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-session");
    TCase *tc = qiotest_case(s, "session");

    tcase_add_loop_test(tc, handshake, 0, 2);
    tcase_add_loop_test(tc, handshake_trickle, 0, 2);
    tcase_add_loop_test(tc, parts, 0, 10);
    tcase_add_loop_test(tc, psk, 0, 2);
    tcase_add_test(tc, anon);
    tcase_add_loop_test(tc, coalesced, 0, 2);
    tcase_add_loop_test(tc, goodbye, 0, 2);
    tcase_add_loop_test(tc, truncated, 0, 2);
    tcase_add_loop_test(tc, truncated_inside, 0, 2);
    tcase_add_loop_test(tc, cause_from_below, 0, 2);
    tcase_add_test(tc, key_update);
    tcase_add_loop_test(tc, aborted, 0, 2);
    tcase_add_loop_test(tc, garbage, 0, 5);
    tcase_add_loop_test(tc, garbage_later, 0, 2);
    tcase_add_test(tc, hangup_in_handshake);
    tcase_add_loop_test(tc, bounded, 0, 2);
    tcase_add_test(tc, arguments);
    return qiotest_main(s);
}

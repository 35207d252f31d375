/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The TLS channel: over other channels, ending, failing, waiting. */
#include <config.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <qio/channel-tls.h>
#include <qio/channel-unix.h>
#include "pairs.h"
#include "qiotest.h"
#include "tlscert.h"
#include "tlspair.h"

#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define BIG (4u << 20)

static const char *const versions[] = {TLS12, TLS13};

struct pair {
    QIOChannel *client, *server;
    QIOChannel *base[2];
};

static void pair_over(struct pair *p, QIOChannel *base[2], const char *priority)
{
    struct tlspair_creds creds;

    tlspair_creds_make(&creds, priority);
    tlspair_open(&creds, base[0], base[1], &p->client, &p->server);
    tlspair_creds_free(&creds);
    p->base[0] = base[0];
    p->base[1] = base[1];
}

static void pair_make(struct pair *p, const char *priority)
{
    QIOChannel *base[2];
    QIOError *err = NULL;

    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    pair_over(p, base, priority);
}

static void pair_free(struct pair *p)
{
    qio_channel_unref(p->client);
    qio_channel_unref(p->server);
    qio_channel_unref(p->base[0]);
    qio_channel_unref(p->base[1]);
}

static void write_text(QIOChannel *ioc, const char *text)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_write_all(ioc, text, strlen(text), &err), 0);
    qiotest_ok(&err);
}

static void read_text(QIOChannel *ioc, const char *text)
{
    char buf[64];
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_read_all(ioc, buf, strlen(text), &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(memcmp(buf, text, strlen(text)), 0);
}

START_TEST(basics)
{
    struct pair p;
    QIOError *err = NULL;
    char *text;

    pair_make(&p, versions[_i]);
    ck_assert(qio_channel_is_open(p.client));
    ck_assert_str_eq(qio_channel_type_name(p.client), "tls");
    ck_assert(qio_channel_has_feature(p.client, QIO_CHANNEL_FEATURE_SHUTDOWN));
    ck_assert(!qio_channel_has_feature(p.client, QIO_CHANNEL_FEATURE_FD_PASS));
    write_text(p.client, "ping");
    read_text(p.server, "ping");
    write_text(p.server, "pong");
    read_text(p.client, "pong");
    text = qio_channel_tls_describe(p.server, &err);
    ck_assert(text && strncmp(text, _i ? "TLS1.3" : "TLS1.2", 6) == 0);
    free(text);
    text = qio_channel_tls_peer_identity(p.server, &err);
    ck_assert_str_eq(text, "CN=client,C=UK");
    free(text);
    text = qio_channel_tls_peer_identity(p.client, &err);
    ck_assert_str_eq(text, "CN=server");
    free(text);
    ck_assert_int_eq(
        qio_channel_get_peer_cred(p.client, NULL, NULL, NULL, &err), 0);
    ck_assert_int_eq(qio_channel_tls_set_buffers(p.client, 1, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    ck_assert_int_eq(qio_channel_tls_set_buffers(p.client, 0, 1, &err), 0);
    write_text(p.server, "pong");
    read_text(p.client, "pong");
    ck_assert_ptr_null(qio_channel_tls_describe(p.base[0], &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    pair_free(&p);
}
END_TEST

struct sender {
    QIOChannel *ioc;
    unsigned char *data;
    size_t len;
};

static void *send_thread(void *opaque)
{
    struct sender *s = opaque;
    struct iovec iov[3] = {
        {s->data, 7},
        {s->data + 7, 4096},
        {s->data + 4103, s->len - 4103},
    };
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_writev_all(s->ioc, iov, 3, &err), 0);
    ck_assert_int_eq(
        qio_channel_shutdown(s->ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert_int_eq(qio_channel_flush(s->ioc, &err), 0);
    return NULL;
}

static void transfer(struct pair *p, size_t len)
{
    unsigned char *in = malloc(len), *out = malloc(len);
    struct sender s = {p->client, out, len};
    QIOError *err = NULL;
    pthread_t thread;
    size_t i;

    for (i = 0; i < len; i++) {
        out[i] = (unsigned char)(i * 2654435761u >> 13);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, send_thread, &s), 0);
    ck_assert_int_eq(qio_channel_read_all(p->server, in, len, &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(memcmp(in, out, len), 0);
    ck_assert_int_eq(qio_channel_read(p->server, in, 1, &err), 0);
    qiotest_ok(&err);
    pthread_join(thread, NULL);
    /* The other direction is still open. */
    write_text(p->server, "thanks");
    read_text(p->client, "thanks");
    free(in);
    free(out);
}

START_TEST(large)
{
    struct pair p;

    pair_make(&p, versions[_i]);
    transfer(&p, BIG);
    pair_free(&p);
}
END_TEST

START_TEST(over_trickle)
{
    struct trickle_script script = {
        .max_read = _i ? 1 : 1000,
        .max_write = _i ? 7 : 1500,
        .stutter = true,
    };
    QIOChannel *base[2];
    QIOError *err = NULL;
    struct pair p;

    ck_assert_int_eq(pair_trickle(&script, base, &err), 0);
    pair_over(&p, base, TLS13);
    transfer(&p, _i ? 20000 : 500000);
    pair_free(&p);
}
END_TEST

START_TEST(over_pipes)
{
    QIOChannel *base[2];
    QIOError *err = NULL;
    struct pair p;

    ck_assert_int_eq(pair_pipes(NULL, base, &err), 0);
    pair_over(&p, base, versions[_i]);
    transfer(&p, BIG / 4);
    pair_free(&p);
}
END_TEST

START_TEST(over_tls)
{
    struct pair lower, upper;
    QIOChannel *base[2];

    pair_make(&lower, versions[_i]);
    base[0] = lower.client;
    base[1] = lower.server;
    pair_over(&upper, base, TLS13);
    transfer(&upper, BIG);
    qio_channel_unref(upper.client);
    qio_channel_unref(upper.server);
    pair_free(&lower);
}
END_TEST

/* ---- ending ---- */

START_TEST(close_says_goodbye)
{
    struct pair p;
    QIOError *err = NULL;
    char byte;

    pair_make(&p, versions[_i]);
    write_text(p.client, "last");
    ck_assert_int_eq(qio_channel_close(p.client, &err), 0);
    ck_assert_int_eq(qio_channel_close(p.client, &err), 0);
    read_text(p.server, "last");
    ck_assert_int_eq(qio_channel_read(p.server, &byte, 1, &err), 0);
    /* And again. */
    ck_assert_int_eq(qio_channel_read(p.server, &byte, 1, &err), 0);
    qiotest_ok(&err);
    pair_free(&p);
}
END_TEST

START_TEST(cut_is_no_end)
{
    struct pair p;
    QIOError *err = NULL;
    char byte;
    struct iovec iov = {&byte, 1};

    pair_make(&p, versions[_i]);
    write_text(p.client, "last");
    ck_assert_int_eq(qio_channel_close(p.base[0], &err), 0);
    read_text(p.server, "last");
    ck_assert_int_eq(qio_channel_read(p.server, &byte, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS_TRUNCATED);
    ck_assert_int_eq(qio_channel_readv_full(p.server, &iov, 1, NULL, NULL,
                                            QIO_CHANNEL_READ_FLAG_RELAXED_EOF,
                                            &err),
                     0);
    qiotest_ok(&err);
    pair_free(&p);
}
END_TEST

START_TEST(abort_is_no_end)
{
    struct pair p;
    QIOError *err = NULL;
    char byte;

    pair_make(&p, versions[_i]);
    write_text(p.client, "last");
    ck_assert_int_eq(qio_channel_tls_abort(p.client, &err), 0);
    read_text(p.server, "last");
    ck_assert_int_eq(qio_channel_read(p.server, &byte, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS_REJECTED);
    ck_assert_int_eq(qio_channel_write(p.server, &byte, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS_REJECTED);
    pair_free(&p);
}
END_TEST

/* What the peer said before it went beats what the transport says. */
START_TEST(abort_seen_by_writer)
{
    struct pair p;
    QIOError *err = NULL;

    pair_make(&p, versions[_i]);
    ck_assert_int_eq(qio_channel_tls_abort(p.server, &err), 0);
    while (qio_channel_write(p.client, "x", 1, &err) == 1) {
        continue;
    }
    qiotest_error(&err, QIO_ERROR_TLS_REJECTED);
    pair_free(&p);
}
END_TEST

START_TEST(peer_gone)
{
    struct pair p;
    QIOError *err = NULL;

    pair_make(&p, versions[_i]);
    ck_assert_int_eq(qio_channel_close(p.base[1], &err), 0);
    while (qio_channel_write(p.client, "x", 1, &err) == 1) {
        continue;
    }
    qiotest_error(&err, QIO_ERROR_BROKEN);
    /* A goodbye that nobody hears is no failure of closing. */
    ck_assert_int_eq(qio_channel_close(p.client, &err), 0);
    qiotest_ok(&err);
    pair_free(&p);
}
END_TEST

/* More than the transport takes: what close cannot send, it says. */
/* Looking for the peer's reason, a writer that failed reads ahead as far as it
 * may; the reader gets all of that and what comes behind it. */
START_TEST(peer_gone_with_much_to_read)
{
    enum { LEN = 100000 };
    QIOError *err = NULL;
    struct tlspair_result result[2];
    struct tlspair_creds creds;
    char *buf = malloc(LEN);
    struct pair p;
    ssize_t n;

    ck_assert_int_eq(pair_unix(NULL, p.base, &err), 0);
    tlspair_creds_make(&creds, versions[_i]);
    p.client =
        qio_channel_tls_new_client(p.base[0], creds.client, "localhost", &err);
    p.server = qio_channel_tls_new_server(p.base[1], creds.server, NULL, &err);
    qiotest_ok(&err);
    tlspair_creds_free(&creds);
    ck_assert_int_eq(qio_channel_tls_set_buffers(p.client, 1, 1, &err), 0);
    tlspair_handshake(p.client, p.server, &result[0], &result[1]);
    qiotest_ok(&result[0].err);
    qiotest_ok(&result[1].err);
    memset(buf, 'x', LEN);
    ck_assert_int_eq(qio_channel_write_all(p.server, buf, LEN, &err), 0);
    ck_assert_int_eq(qio_channel_close(p.server, &err), 0);
    while ((n = qio_channel_write(p.client, buf, 1000, &err)) > 0) {
        ;
    }
    ck_assert_int_eq(n, -1);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    ck_assert_int_eq(qio_channel_read_all(p.client, buf, LEN, &err), 0);
    qiotest_ok(&err);
    pair_free(&p);
    free(buf);
}
END_TEST

START_TEST(close_with_output)
{
    struct pair p;
    QIOError *err = NULL;
    char buf[4096] = "";
    ssize_t n;

    pair_make(&p, versions[_i]);
    qio_channel_set_blocking(p.client, false);
    do {
        n = qio_channel_write(p.client, buf, sizeof(buf), &err);
    } while (n > 0);
    qiotest_ok(&err);
    ck_assert_int_eq(n, QIO_CHANNEL_ERR_BLOCK);
    ck_assert_int_eq(qio_channel_flush(p.client, &err), QIO_CHANNEL_ERR_BLOCK);
    ck_assert_int_eq(qio_channel_close(p.client, &err), -1);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    pair_free(&p);
}
END_TEST

/* The goodbye comes after the data that waits, and flush waits for it. */
static void *drain_thread(void *opaque)
{
    QIOChannel *ioc = opaque;
    static char buf[65536];
    QIOError *err = NULL;
    size_t total = 0;
    ssize_t n;

    while ((n = qio_channel_read(ioc, buf, sizeof(buf), &err)) > 0) {
        total += (size_t)n;
    }
    qiotest_ok(&err);
    return (void *)total;
}

START_TEST(shutdown_after_data)
{
    struct pair p;
    QIOError *err = NULL;
    char buf[4096] = "";
    size_t total = 0;
    pthread_t thread;
    void *got;
    ssize_t n;

    pair_make(&p, versions[_i]);
    qio_channel_set_blocking(p.client, false);
    while ((n = qio_channel_write(p.client, buf, sizeof(buf), &err)) > 0) {
        total += (size_t)n;
    }
    ck_assert_int_eq(
        qio_channel_shutdown(p.client, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert_int_eq(qio_channel_write(p.client, buf, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    ck_assert_int_eq(pthread_create(&thread, NULL, drain_thread, p.server), 0);
    qio_channel_set_blocking(p.client, true);
    ck_assert_int_eq(qio_channel_flush(p.client, &err), 0);
    qiotest_ok(&err);
    pthread_join(thread, &got);
    ck_assert_uint_eq((size_t)got, total);
    pair_free(&p);
}
END_TEST

/* ---- waiting ---- */

START_TEST(coalesced_then_silence)
{
    struct pair p;
    QIOError *err = NULL;
    char byte;
    int i;

    pair_make(&p, versions[_i]);
    write_text(p.client, "abc");
    write_text(p.client, "def");
    qio_channel_set_blocking(p.server, false);
    for (i = 0; i < 6; i++) {
        ck_assert_int_eq(qio_channel_wait(p.server, QIO_EVENT_IN, 5000, &err),
                         QIO_EVENT_IN);
        ck_assert_int_eq(qio_channel_read(p.server, &byte, 1, &err), 1);
        ck_assert_int_eq(byte, "abcdef"[i]);
    }
    ck_assert_int_eq(qio_channel_wait(p.server, QIO_EVENT_IN, 20, &err), 0);
    ck_assert_int_eq(qio_channel_read(p.server, &byte, 1, &err),
                     QIO_CHANNEL_ERR_BLOCK);
    qiotest_ok(&err);
    pair_free(&p);
}
END_TEST

START_TEST(handshake_timeout)
{
    QIOChannel *base[2], *client;
    struct tlspair_creds creds;
    QIOError *err = NULL;

    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    tlspair_creds_make(&creds, NULL);
    client =
        qio_channel_tls_new_client(base[0], creds.client, "localhost", &err);
    tlspair_creds_free(&creds);
    ck_assert_int_eq(qio_channel_tls_handshake(client, 30, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    /* Closing in the middle is harmless. */
    qio_channel_unref(client);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
}
END_TEST

/* ---- opening fails ---- */

static void failing(const struct tlspair_creds *creds, const char *hostname,
                    QIOAuthz *authz, struct tlspair_result *c,
                    struct tlspair_result *s)
{
    QIOChannel *base[2], *client, *server;
    QIOError *err = NULL;

    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    client = qio_channel_tls_new_client(base[0], creds->client, hostname, &err);
    qiotest_ok(&err);
    server = qio_channel_tls_new_server(base[1], creds->server, authz, &err);
    qiotest_ok(&err);
    tlspair_handshake(client, server, c, s);
    /* The server's process is gone with its goodbye. */
    qio_channel_unref(server);
    qio_channel_unref(base[1]);
    if (c->ret == 0) {
        /* Learned by reading, or by writing until it fails. */
        if (authz) {
            while (qio_channel_write(client, "x", 1, &c->err) == 1) {
                continue;
            }
        } else {
            char byte;

            ck_assert_int_eq(qio_channel_read(client, &byte, 1, &c->err), -1);
        }
    }
    qio_channel_unref(client);
    qio_channel_unref(base[0]);
}

START_TEST(wrong_host)
{
    struct tlspair_creds creds;
    struct tlspair_result c, s;

    tlspair_creds_make(&creds, versions[_i]);
    failing(&creds, "b.example", NULL, &c, &s);
    ck_assert_ptr_nonnull(strstr(qio_error_message(c.err), "not 'b.example'"));
    qiotest_error(&c.err, QIO_ERROR_TLS_VERIFY);
    qiotest_error(&s.err, QIO_ERROR_TLS_REJECTED);
    tlspair_creds_free(&creds);
}
END_TEST

START_TEST(not_allowed)
{
    struct tlspair_creds creds;
    struct tlspair_result c, s;
    QIOError *err = NULL;
    QIOAuthz *authz = qio_authz_new_simple("CN=somebody", &err);

    tlspair_creds_make(&creds, versions[_i]);
    failing(&creds, "localhost", authz, &c, &s);
    qiotest_error(&s.err, QIO_ERROR_AUTHZ);
    ck_assert_str_eq(qio_error_message(c.err),
                     "the peer knows us, but does not let us in: access denied "
                     "(TLS alert 49)");
    qiotest_error(&c.err, QIO_ERROR_TLS_REJECTED);
    tlspair_creds_free(&creds);
    qio_authz_unref(authz);
}
END_TEST

START_TEST(plain_peer)
{
    QIOChannel *base[2], *server;
    struct tlspair_creds creds;
    QIOError *err = NULL;

    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    tlspair_creds_make(&creds, NULL);
    server = qio_channel_tls_new_server(base[1], creds.server, NULL, &err);
    tlspair_creds_free(&creds);
    if (_i) {
        write_text(base[0], "GET / HTTP/1.0\r\n\r\n");
    } else {
        ck_assert_int_eq(qio_channel_close(base[0], &err), 0);
    }
    ck_assert_int_eq(qio_channel_open_sync(server, 5000, &err), -1);
    qiotest_error(&err, _i ? QIO_ERROR_TLS : QIO_ERROR_TLS_TRUNCATED);
    ck_assert_int_eq(qio_channel_read(server, &(char){0}, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    qio_channel_unref(server);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
}
END_TEST

START_TEST(arguments)
{
    QIOChannel *base[2], *client;
    struct tlspair_creds creds;
    QIOError *err = NULL;
    QIOAuthz *authz = qio_authz_new_simple("x", &err);
    QIOTLSCreds *anon =
        qio_tls_creds_anon_new(QIO_TLS_ENDPOINT_SERVER, NULL, 0, &err);

    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    tlspair_creds_make(&creds, NULL);
    ck_assert_ptr_null(
        qio_channel_tls_new_client(base[0], creds.server, "x", &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(
        qio_channel_tls_new_server(base[0], creds.client, NULL, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_tls_new_server(base[0], anon, authz, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(
        qio_channel_tls_new_server(NULL, creds.server, NULL, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    client = qio_channel_tls_new_client(base[0], creds.client, NULL, &err);
    ck_assert_int_eq(qio_channel_tls_set_buffers(client, 1, 1, &err), 0);
    ck_assert_int_eq(qio_channel_open_sync(client, 5000, &err), -1);
    ck_assert_str_eq(qio_error_message(err),
                     "no hostname for certificate validation");
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_channel_unref(client);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
    tlspair_creds_free(&creds);
    qio_tls_creds_unref(anon);
    qio_authz_unref(authz);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channel-tls");
    TCase *tc = qiotest_case(s, "bytes");

    tcase_add_loop_test(tc, basics, 0, 2);
    tcase_add_loop_test(tc, large, 0, 2);
    tcase_add_loop_test(tc, over_trickle, 0, 2);
    tcase_add_loop_test(tc, over_pipes, 0, 2);
    tcase_add_loop_test(tc, over_tls, 0, 2);
    tc = qiotest_case(s, "ending");
    tcase_add_loop_test(tc, close_says_goodbye, 0, 2);
    tcase_add_loop_test(tc, cut_is_no_end, 0, 2);
    tcase_add_loop_test(tc, abort_is_no_end, 0, 2);
    tcase_add_loop_test(tc, abort_seen_by_writer, 0, 2);
    tcase_add_loop_test(tc, peer_gone, 0, 2);
    tcase_add_loop_test(tc, peer_gone_with_much_to_read, 0, 2);
    tcase_add_loop_test(tc, close_with_output, 0, 2);
    tcase_add_loop_test(tc, shutdown_after_data, 0, 2);
    tc = qiotest_case(s, "waiting");
    tcase_add_loop_test(tc, coalesced_then_silence, 0, 2);
    tcase_add_test(tc, handshake_timeout);
    tc = qiotest_case(s, "refusing");
    tcase_add_loop_test(tc, wrong_host, 0, 2);
    tcase_add_loop_test(tc, not_allowed, 0, 2);
    tcase_add_loop_test(tc, plain_peer, 0, 2);
    tcase_add_test(tc, arguments);
    return qiotest_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets are gone from memory when their owners are, and are in no message. */
#include <config.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <qio/objects.h>
#include <qio/tls-config.h>
#include <qio/tls-info.h>
#include "memsearch.h"
#include "qiotest.h"
#include "sessionpair.h"
#include "tls/session-priv.h"
#include "tlscert.h"

#define FILE_LEN 60000
#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ECDHE-PSK"
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK"

static const char *const engines[] = {"ipsec-mb", "aead", "gnutls"};

static struct memsearch psk, psk_hex;

/* A secret that nobody else has, as bytes or as text, and never whole in our
 * own image. */
static void invent(struct memsearch *m, const char *name, size_t len, bool text)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char p[MEMSEARCH_MAX];

    ck_assert_int_eq(gnutls_rnd(GNUTLS_RND_NONCE, p, len), 0);
    for (size_t i = 0; text && i < len; i++) {
        p[i] = (unsigned char)digits[p[i] % 16];
    }
    memsearch_take(m, name, p, len);
}

static void gone(const struct memsearch *m)
{
    unsigned n = memsearch_count(m);

    ck_assert_msg(n == 0, "%s is in memory still, %u times", m->name, n);
}

static void there(const struct memsearch *m)
{
    ck_assert_msg(memsearch_count(m) > 0, "%s is not found", m->name);
}

static ssize_t give_psk(const char *user, unsigned char *key, size_t size,
                        void *opaque)
{
    (void)user;
    (void)opaque;
    ck_assert_uint_ge(size, psk.len);
    memsearch_unmask(&psk, key);
    return (ssize_t)psk.len;
}

/* What a child does leaves nothing here. */
static void in_child(void (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        fn();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

static const char *dir;

static void write_psk(void)
{
    /* In a large file, whose memory is not used again at once. */
    static char text[FILE_LEN + 1];
    size_t at = FILE_LEN * 3 / 4;

    memset(text, '#', FILE_LEN);
    text[FILE_LEN - 1] = '\n';
    memcpy(text + at, "\nqemu:", 6);
    memsearch_unmask(&psk_hex, text + at + 6);
    text[at + 6 + psk_hex.len] = '\n';
    tlscert_write_text(dir, "keys.psk", text);
}

static void invent_psk(void)
{
    unsigned char key[32];
    char hex[65];

    invent(&psk, "the pre-shared key", 32, false);
    memsearch_unmask(&psk, key);
    for (size_t i = 0; i < 32; i++) {
        hex[2 * i] = "0123456789abcdef"[key[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[key[i] & 15];
    }
    explicit_bzero(key, sizeof(key));
    memsearch_take(&psk_hex, "the pre-shared key's digits", hex, 64);
    dir = tlscert_dir("secret-psk");
    in_child(write_psk);
}

static QIOTLSCreds *psk_creds(QIOTLSEndpoint endpoint, const char *priority,
                              const char *engine, bool function)
{
    QIOError *err = NULL;
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_PSK, endpoint, &err);
    QIOTLSCreds *creds;

    (void)!qio_tls_config_set(config, "priority", priority, &err);
    qiotest_ok(&err);
    (void)!qio_tls_config_set(config, "tls-engine", engine, &err);
    qiotest_ok(&err);
    (void)!qio_tls_config_set(config, "resumption", "on", &err);
    qiotest_ok(&err);
    if (function) {
        (void)!qio_tls_config_set_psk_func(config, give_psk, NULL, NULL, &err);
    } else {
        (void)!qio_tls_config_set(config, "dir", dir, &err);
    }
    qiotest_ok(&err);
    creds = qio_tls_creds_new(config, &err);
    qiotest_ok(&err);
    qio_tls_config_free(config);
    return creds;
}

/* Enough for the engines to take the keys, and for key updates. */
static void talk(struct qiop_tls_session *from, struct qiop_tls_session *to)
{
    static unsigned char data[20000], got[20000];
    QIOError *err = NULL;
    struct iovec iov = {data, sizeof(data)};
    ssize_t n, total = 0;

    ck_assert_int_eq(qiop_tls_session_write(from, &iov, 1, 0, &err),
                     sizeof(data));
    (void)sessionpair_move(from, to, 0);
    while (total < (ssize_t)sizeof(data)) {
        iov = (struct iovec){got, sizeof(got)};
        n = qiop_tls_session_read(to, &iov, 1, false, &err);
        qiotest_ok(&err);
        ck_assert_int_gt(n, 0);
        total += n;
    }
}

static void take_export(struct memsearch *m, struct qiop_tls_session *s)
{
    unsigned char key[32];
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_tls_session_export(s, "EXPERIMENTAL secret", NULL, 0,
                                             key, sizeof(key), &err),
                     0);
    qiotest_ok(&err);
    memsearch_take(m, "the exported key", key, sizeof(key));
}

/* As GnuTLS has it, and the engine too if it has taken it. */
static void take_key(struct memsearch *m, struct qiop_tls_session *s, bool read,
                     const char *name)
{
    gnutls_datum_t iv, key, mac;
    unsigned char number[8], copy[64];

    ck_assert_int_eq(
        gnutls_record_get_state(s->tls, read, &mac, &iv, &key, number), 0);
    ck_assert_uint_ge(key.size, 16);
    ck_assert_uint_le(key.size, sizeof(copy));
    memcpy(copy, key.data, key.size);
    memsearch_take(m, name, copy, key.size);
}

static void session(const char *priority, const char *engine, bool function)
{
    QIOTLSCreds *client =
        psk_creds(QIO_TLS_ENDPOINT_CLIENT, priority, engine, function);
    QIOTLSCreds *server =
        psk_creds(QIO_TLS_ENDPOINT_SERVER, priority, engine, function);
    struct memsearch keys[5];
    struct sessionpair p;
    size_t i, n = 0;

    sessionpair_init(&p, client, server, NULL, NULL);
    (void)!qiop_tls_session_set_hostname(p.client, "a.example", NULL);
    sessionpair_run(&p);
    qiotest_ok(&p.client_err);
    qiotest_ok(&p.server_err);
    talk(p.client, p.server);
    talk(p.server, p.client);
    take_key(&keys[n++], p.client, false, "the client's first key");
    if (strcmp(priority, TLS13) == 0) {
        (void)!qiop_tls_session_update_keys(p.client, false, NULL);
        talk(p.client, p.server);
        take_key(&keys[n++], p.client, false, "the client's second key");
    }
    take_key(&keys[n++], p.server, false, "the server's key");
    take_export(&keys[n++], p.client);
    /* So the search does find what is there. */
    there(&keys[n - 2]);
    there(&psk);
    sessionpair_free(&p);
    qio_tls_creds_unref(client);
    qio_tls_creds_unref(server);
    for (i = 0; i < n; i++) {
        gone(&keys[i]);
    }
    gone(&psk);
    gone(&psk_hex);
}

START_TEST(sessions)
{
    invent_psk();
    session(_i / 3 % 2 ? TLS12 : TLS13, engines[_i % 3], _i / 6);
}
END_TEST

/* A client's other users are none of its business; a reload leaves nothing of
 * what was before. */
START_TEST(reloaded)
{
    struct memsearch old, old_hex;
    QIOTLSCreds *server, *client;
    QIOError *err = NULL;

    invent_psk();
    server = psk_creds(QIO_TLS_ENDPOINT_SERVER, TLS13, "auto", false);
    client = psk_creds(QIO_TLS_ENDPOINT_CLIENT, TLS13, "auto", false);
    old = psk;
    old_hex = psk_hex;
    there(&old);
    invent_psk();
    ck_assert_int_eq(qio_tls_creds_reload(server, &err), 0);
    ck_assert_int_eq(qio_tls_creds_reload(client, &err), 0);
    qiotest_ok(&err);
    gone(&old);
    gone(&old_hex);
    there(&psk);
    qio_tls_creds_unref(server);
    qio_tls_creds_unref(client);
    gone(&psk);
}
END_TEST

/* ---- a private key's password ---- */

static struct memsearch password;

static void write_x509(void)
{
    char text[MEMSEARCH_MAX + 1] = "";
    struct tlscert ca, server;

    memsearch_unmask(&password, text);
    tlscert_make_ca(&ca, "test CA");
    tlscert_make_server(&server, &ca);
    tlscert_write(dir, "ca-cert.pem", &ca, NULL);
    tlscert_write(dir, "server-cert.pem", &server, NULL);
    tlscert_write_key(dir, "server-key.pem", &server, text);
}

/* By object texts, as a program's options have them: the text is the
 * program's. */
static void add(QIOObjects *objects, const char *format, QIOErrorCode code)
{
    char secret[MEMSEARCH_MAX + 1] = "", text[512];
    QIOError *err = NULL;

    memsearch_unmask(&password, secret);
    snprintf(text, sizeof(text), format, secret);
    explicit_bzero(secret, sizeof(secret));
    ck_assert_int_eq(qio_objects_add(objects, text, &err), code ? -1 : 0);
    explicit_bzero(text, sizeof(text));
    if (code) {
        ck_assert_msg(!memsearch_in(&password, qio_error_message(err)),
                      "a message tells the secret");
        qiotest_error(&err, code);
    }
    qiotest_ok(&err);
}

START_TEST(passwords)
{
    QIOObjects *objects = qio_objects_new(NULL);
    QIOError *err = NULL;
    char text[512];

    invent(&password, "the password", 40, true);
    dir = tlscert_dir("secret-x509");
    in_child(write_x509);
    add(objects, "secret,id=p,data=%s", 0);
    there(&password);
    snprintf(text, sizeof(text),
             "tls-creds-x509,id=c,endpoint=server,dir=%s,passwordid=p", dir);
    ck_assert_int_eq(qio_objects_add(objects, text, &err), 0);
    qiotest_ok(&err);
    add(objects, "secret,id=q,data=%s,format=base64,format=raw",
        QIO_ERROR_INVALID);
    add(objects, "secret,id=q,data=x,%s=1", QIO_ERROR_INVALID);
    add(objects, "secret,id=q,data=x,%s", QIO_ERROR_INVALID);
    add(objects, "secret,id=q,data=!%s,format=base64", QIO_ERROR_INVALID);
    add(objects, "tls-creds-x509,id=q,endpoint=server,dir=/,password=%s",
        QIO_ERROR_INVALID);
    qio_objects_free(objects);
    gone(&password);
}
END_TEST

/* The wrong one is no less a secret. */
START_TEST(wrong_password)
{
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_X509, QIO_TLS_ENDPOINT_SERVER, NULL);
    char text[MEMSEARCH_MAX + 1] = "";
    QIOError *err = NULL;

    invent(&password, "the password", 40, true);
    dir = tlscert_dir("secret-x509");
    in_child(write_x509);
    invent(&password, "the wrong password", 40, true);
    memsearch_unmask(&password, text);
    ck_assert_int_eq(qio_tls_config_set(config, "password", text, &err), 0);
    ck_assert_int_eq(qio_tls_config_set(config, "password", text, &err), 0);
    explicit_bzero(text, sizeof(text));
    ck_assert_int_eq(qio_tls_config_set(config, "dir", dir, &err), 0);
    ck_assert_ptr_null(qio_tls_creds_new(config, &err));
    ck_assert(!memsearch_in(&password, qio_error_message(err)));
    qiotest_error(&err, QIO_ERROR_CREDENTIALS);
    there(&password);
    qio_tls_config_free(config);
    gone(&password);
}
END_TEST

/* ---- messages ---- */

/* A key that is wrong is told by neither side. */
START_TEST(messages)
{
    QIOTLSCreds *client, *server;
    struct memsearch first;
    struct sessionpair p;

    invent_psk();
    client = psk_creds(QIO_TLS_ENDPOINT_CLIENT, TLS13, "auto", false);
    first = psk;
    invent_psk();
    server = psk_creds(QIO_TLS_ENDPOINT_SERVER, TLS13, "auto", false);
    sessionpair_init(&p, client, server, NULL, NULL);
    sessionpair_run(&p);
    ck_assert_ptr_nonnull(p.client_err);
    ck_assert_ptr_nonnull(p.server_err);
    ck_assert(!memsearch_in(&first, qio_error_message(p.client_err)));
    ck_assert(!memsearch_in(&psk, qio_error_message(p.server_err)));
    ck_assert(!memsearch_in(&psk_hex, qio_error_message(p.server_err)));
    sessionpair_free(&p);
    qio_tls_creds_unref(client);
    qio_tls_creds_unref(server);
    gone(&first);
    gone(&psk);
}
END_TEST

int main(void)
{
    Suite *s;
    TCase *tc;

    if (!memsearch_works()) {
        puts("a sanitizer frees memory in its own way");
        return 77;
    }
    s = suite_create("tls-secrets");
    tc = qiotest_case(s, "secrets");
    tcase_add_loop_test(tc, sessions, 0, 12);
    tcase_add_test(tc, reloaded);
    tcase_add_test(tc, passwords);
    tcase_add_test(tc, wrong_password);
    tcase_add_test(tc, messages);
    return qiotest_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS channels without memory: each side in turn goes through handshake,
 * transfer, key update and goodbye with one allocation failing, ours and those
 * of GnuTLS, while its peer in another thread has all the memory it wants.
 */
#include <config.h>
#include <qio/channel-tls.h>
#include <qio/channel-unix.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "failmalloc.h"
#include "qiotest.h"
#include "tlscert.h"
#include "tlspair.h"

#define BULK (200 << 10)
#define WAIT_MS 20000
#define RUNS 400

static uint8_t bulk[BULK];

/* One side's part. */
struct side {
    QIOTLSCreds *creds;
    bool server;
    bool updates; /* TLS 1.3 */
    uint8_t *in;  /* BULK bytes */
};

/* ---- what both do ---- */

static bool send_bulk(QIOChannel *ioc, QIOError **errp)
{
    return qio_channel_write_all(ioc, bulk, BULK, errp) == 0;
}

/* False without an error for wrong bytes. */
static bool get_bulk(QIOChannel *ioc, struct side *side, QIOError **errp)
{
    memset(side->in, 0, BULK);
    return qio_channel_read_all(ioc, side->in, BULK, errp) == 0 &&
           memcmp(side->in, bulk, BULK) == 0;
}

static bool facts(QIOChannel *ioc, QIOError **errp)
{
    char *text = qio_channel_tls_describe(ioc, errp);
    bool ok = text != NULL;

    free(text);
    if (!ok) {
        return false;
    }
    text = qio_channel_tls_peer_identity(ioc, errp);
    if (!text && qio_error_code(*errp) == QIO_ERROR_NOT_FOUND) {
        qio_error_free(*errp);
        *errp = NULL;
        return true;
    }
    ok = text && *text;
    free(text);
    return ok;
}

static bool goodbye(QIOChannel *ioc, QIOError **errp)
{
    char c;

    return qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, errp) == 0 &&
           qio_channel_flush(ioc, errp) == 0 &&
           qio_channel_read(ioc, &c, 1, errp) == 0 &&
           qio_channel_close(ioc, errp) == 0;
}

static bool talk(QIOChannel *ioc, struct side *side, QIOError **errp)
{
    qio_channel_set_timeout(ioc, WAIT_MS);
    if (qio_channel_open_sync(ioc, WAIT_MS, errp) || !facts(ioc, errp)) {
        return false;
    }
    /* One writes while the other reads. */
    if (side->server ? !get_bulk(ioc, side, errp) : !send_bulk(ioc, errp)) {
        return false;
    }
    /* GnuTLS ends a session in which both sides ask at the same time. */
    if (side->updates &&
        qio_channel_tls_update_keys(ioc, !side->server, errp)) {
        return false;
    }
    if (side->server ? !send_bulk(ioc, errp) : !get_bulk(ioc, side, errp)) {
        return false;
    }
    return goodbye(ioc, errp);
}

static bool play(QIOChannel *base, struct side *side, QIOError **errp)
{
    QIOChannel *ioc;
    bool ok;

    if (side->server) {
        ioc = qio_channel_tls_new_server(base, side->creds, NULL, errp);
    } else {
        ioc = qio_channel_tls_new_client(base, side->creds, "localhost", errp);
    }
    if (!ioc) {
        return false;
    }
    ok = talk(ioc, side, errp);
    qio_channel_unref(ioc);
    return ok;
}

/* ---- the peer: one thread for all runs, as GnuTLS keeps memory for each ----
 */

struct peer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct side side;
    QIOChannel *base; /* not NULL: there is work */
    bool stop;
    bool ok;
    bool explained;
};

static void *peer_thread(void *opaque)
{
    struct peer *p = opaque;

    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        QIOError *err = NULL;

        if (!p->base) {
            pthread_cond_wait(&p->cond, &p->lock);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        p->ok = play(p->base, &p->side, &err);
        p->explained = err != NULL;
        if (err && getenv("QIO_NOMEM_VERBOSE")) {
            fprintf(stderr, "  peer: %s\n", qio_error_message(err));
        }
        qio_error_free(err);
        qio_channel_unref(p->base);
        pthread_mutex_lock(&p->lock);
        p->base = NULL;
        pthread_cond_broadcast(&p->cond);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void peer_start(struct peer *p, QIOChannel *base)
{
    pthread_mutex_lock(&p->lock);
    p->base = base;
    pthread_cond_broadcast(&p->cond);
    pthread_mutex_unlock(&p->lock);
}

static void peer_finish(struct peer *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->base) {
        pthread_cond_wait(&p->cond, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
}

/* ---- a run ---- */

struct game {
    struct side side;
    struct peer peer;
    long unclear; /* failures that do not say that it was the memory */
    bool tls;     /* it is GnuTLS who has no memory */
};

/* GnuTLS does not always say that it was the memory: "internal error",
 * "error in the certificate". That is no refusal of the peer at least. */
static bool is_clear(const QIOError *err, bool tls)
{
    return qio_error_code(err) == QIO_ERROR_NOMEM ||
           qio_error_tls(err) == GNUTLS_E_MEMORY_ERROR ||
           (tls && qio_error_code(err) == QIO_ERROR_TLS);
}

static bool run(void *opaque, QIOError **errp)
{
    struct game *g = opaque;
    QIOChannel *pair[2];
    bool ok;

    if (qio_channel_unix_pair(pair, errp)) {
        return false;
    }
    peer_start(&g->peer, pair[1]);
    ok = play(pair[0], &g->side, errp);
    qio_channel_unref(pair[0]);
    peer_finish(&g->peer);
    if (*errp && !is_clear(*errp, g->tls)) {
        g->unclear++;
        if (getenv("QIO_NOMEM_VERBOSE")) {
            fprintf(stderr, "  unclear: %s (%d): %s\n",
                    qio_error_code_name(qio_error_code(*errp)),
                    qio_error_tls(*errp), qio_error_message(*errp));
        }
    }
    /* The peer's failure is ours if we do not know of any; wrong data always
     * is. */
    if ((ok && !g->peer.ok) || (!g->peer.ok && !g->peer.explained)) {
        qio_error_free(*errp);
        *errp = NULL;
        return false;
    }
    return ok;
}

static void game_start(struct game *g, const struct tlspair_creds *creds,
                       bool server, bool updates)
{
    struct side mine = {.server = server, .updates = updates};
    struct side theirs = {.server = !server, .updates = updates};

    memset(g, 0, sizeof(*g));
    for (size_t i = 0; i < BULK; i++) {
        bulk[i] = (uint8_t)(i * 7 + i / 253);
    }
    mine.creds = server ? creds->server : creds->client;
    theirs.creds = server ? creds->client : creds->server;
    mine.in = malloc(BULK);
    theirs.in = malloc(BULK);
    ck_assert(mine.in && theirs.in);
    g->side = mine;
    g->peer.side = theirs;
    pthread_mutex_init(&g->peer.lock, NULL);
    pthread_cond_init(&g->peer.cond, NULL);
    ck_assert_int_eq(
        pthread_create(&g->peer.thread, NULL, peer_thread, &g->peer), 0);
}

static void game_end(struct game *g)
{
    pthread_mutex_lock(&g->peer.lock);
    g->peer.stop = true;
    pthread_cond_broadcast(&g->peer.cond);
    pthread_mutex_unlock(&g->peer.lock);
    pthread_join(g->peer.thread, NULL);
    pthread_mutex_destroy(&g->peer.lock);
    pthread_cond_destroy(&g->peer.cond);
    free(g->side.in);
    free(g->peer.side.in);
}

static void exhaust(const struct tlspair_creds *creds, const char *name,
                    bool server, bool updates)
{
    struct game g;
    long ours, theirs, all;

    game_start(&g, creds, server, updates);
    ours = failmalloc_each(run, &g, FAILMALLOC_NO_LEAK | FAILMALLOC_NOT_TLS);
    printf("%s %s: %ld allocations of ours\n", name,
           server ? "server" : "client", ours);
    ck_assert_int_eq(g.unclear, 0);
    ck_assert_int_ge(ours, 10);
    /* GnuTLS itself loses some of its memory when it gets no more. */
    g.tls = true;
    theirs = failmalloc_sample(run, &g, FAILMALLOC_TLS, RUNS, &all);
    ck_assert_int_eq(g.unclear, 0);
    printf("%s %s: %ld of %ld allocations of GnuTLS\n", name,
           server ? "server" : "client", theirs, all);
    fflush(stdout);
    ck_assert_int_ge(theirs, 20);
    game_end(&g);
}

/* ---- the tests; _i: the server's side ---- */

START_TEST(test_x509)
{
    struct tlspair_creds creds;

    tlspair_creds_make(&creds, NULL);
    exhaust(&creds, "x509", _i, true);
    tlspair_creds_free(&creds);
}
END_TEST

START_TEST(test_x509_tls12)
{
    struct tlspair_creds creds;

    tlspair_creds_make(&creds, "NORMAL:-VERS-ALL:+VERS-TLS1.2");
    exhaust(&creds, "x509 in TLS 1.2", _i, false);
    tlspair_creds_free(&creds);
}
END_TEST

/*
 * A server of GnuTLS 3.7 keeps the key that its callback gave in the session
 * and frees it once more when the next step fails (server_recv_params() of
 * ext/pre_shared_key.c: the peer's name, the early secrets): a double free. We
 * have no say in that, so what comes after the key's allocation, of a size
 * that nothing else has, is spared until the extension is done with.
 */
#define KEY_SIZE 59
#define SPARED 7

static QIOTLSCreds *load_psk(QIOTLSEndpoint endpoint, const char *dir)
{
    QIOError *err = NULL;
    QIOTLSCreds *creds =
        qio_tls_creds_psk_new(endpoint, dir, NULL, NULL, 0, &err);

    qiotest_ok(&err);
    return creds;
}

START_TEST(test_psk)
{
    const char *dir = tlscert_dir("psk");
    char text[2 * KEY_SIZE + 8];
    struct tlspair_creds creds;

    memset(text, 'a', sizeof(text));
    memcpy(text, "qemu:", 5);
    text[5 + 2 * KEY_SIZE] = '\n';
    text[6 + 2 * KEY_SIZE] = '\0';
    tlscert_write_text(dir, "keys.psk", text);
    creds.client = load_psk(QIO_TLS_ENDPOINT_CLIENT, dir);
    creds.server = load_psk(QIO_TLS_ENDPOINT_SERVER, dir);
    failmalloc_spare(_i ? KEY_SIZE : 0, SPARED);
    exhaust(&creds, "psk", _i, true);
    tlspair_creds_free(&creds);
}
END_TEST

START_TEST(test_anon)
{
    struct tlspair_creds creds;
    QIOError *err = NULL;

    creds.client =
        qio_tls_creds_anon_new(QIO_TLS_ENDPOINT_CLIENT, NULL, 0, &err);
    qiotest_ok(&err);
    creds.server =
        qio_tls_creds_anon_new(QIO_TLS_ENDPOINT_SERVER, NULL, 0, &err);
    qiotest_ok(&err);
    exhaust(&creds, "anon", _i, false);
    tlspair_creds_free(&creds);
}
END_TEST

static void add(Suite *s, const char *name, const TTest *test)
{
    TCase *tc = qiotest_case(s, name);

    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, test, 0, 2);
}

int main(void)
{
    Suite *s = suite_create("nomem-tls");

    add(s, "anon", test_anon);
    add(s, "psk", test_psk);
    add(s, "x509", test_x509);
    add(s, "x509-1.2", test_x509_tls12);
    return failmalloc_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Endpoints with TLS layers: each side in turn connects or accepts with each
 * of its allocations failing once, the other has all the memory it wants. */
#include <config.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <qio/endpoint.h>
#include "failmalloc.h"
#include "qiotest.h"
#include "tlsdir.h"

#define WAIT_MS 10000
#define RUNS 400

enum state {
    IDLE = 1 << 0,
    WORK = 1 << 1,
    LISTENING = 1 << 2,
    STOP = 1 << 3,
};

struct meeting {
    QIOObjects *objects;
    char client[160]; /* the endpoint's text */
    char server[160];
    bool server_fails;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    enum state state;
    QIOListener *listener; /* the peer's */
    bool peer_ok;
};

static bool greet(QIOChannel *ioc, bool server, QIOError **errp)
{
    char buf[6] = "";

    if (!ioc) {
        return false;
    }
    qio_channel_set_timeout(ioc, WAIT_MS);
    if (!server && qio_channel_write_all(ioc, "hello", 5, errp)) {
        return false;
    }
    if (qio_channel_read_all(ioc, buf, 5, errp) || strcmp(buf, "hello") != 0) {
        return false;
    }
    return (!server || qio_channel_write_all(ioc, "hello", 5, errp) == 0) &&
           qio_channel_close(ioc, errp) == 0;
}

static bool play_client(struct meeting *m, QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(m->client, errp);
    QIOChannel *ioc = NULL;
    bool ok;

    if (ep) {
        ioc = qio_endpoint_connect_sync(ep, m->objects, QIO_ENDPOINT_READWRITE,
                                        WAIT_MS, errp);
    }
    ok = greet(ioc, false, errp);
    qio_channel_unref(ioc);
    qio_endpoint_free(ep);
    return ok;
}

static QIOListener *start_listening(struct meeting *m, QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(m->server, errp);
    QIOListener *l = NULL;

    if (ep) {
        l = qio_endpoint_listen_sync(ep, m->objects, 1, errp);
    }
    qio_endpoint_free(ep);
    return l;
}

static bool play_server(QIOListener *l, QIOError **errp)
{
    QIOChannel *ioc =
        qio_listener_accept_open_sync(l, QIO_ENDPOINT_READWRITE, WAIT_MS, errp);
    bool ok = greet(ioc, true, errp);

    qio_channel_unref(ioc);
    return ok;
}

/* ---- the peer, in a thread for all runs ---- */

static void set_state(struct meeting *m, enum state state)
{
    pthread_mutex_lock(&m->lock);
    m->state = state;
    pthread_cond_broadcast(&m->cond);
    pthread_mutex_unlock(&m->lock);
}

static enum state wait_state(struct meeting *m, unsigned any_of)
{
    enum state state;

    pthread_mutex_lock(&m->lock);
    while (!(m->state & any_of)) {
        pthread_cond_wait(&m->cond, &m->lock);
    }
    state = m->state;
    pthread_mutex_unlock(&m->lock);
    return state;
}

static void *peer_thread(void *opaque)
{
    struct meeting *m = opaque;

    while (wait_state(m, WORK | STOP) == WORK) {
        if (m->server_fails) {
            m->peer_ok = play_client(m, NULL);
        } else {
            m->listener = start_listening(m, NULL);
            set_state(m, LISTENING);
            m->peer_ok = m->listener && play_server(m->listener, NULL);
        }
        set_state(m, IDLE);
    }
    return NULL;
}

/* ---- runs ---- */

/* Whatever became of one side, the other comes to its end: there is nobody to
 * wait for any more. */
static bool run_server(void *opaque, QIOError **errp)
{
    struct meeting *m = opaque;
    QIOListener *l = start_listening(m, errp);
    bool ok;

    if (!l) {
        return false;
    }
    set_state(m, WORK);
    ok = play_server(l, errp);
    qio_listener_free(l);
    wait_state(m, IDLE);
    return ok && m->peer_ok;
}

static bool run_client(void *opaque, QIOError **errp)
{
    struct meeting *m = opaque;
    bool ok;

    set_state(m, WORK);
    wait_state(m, LISTENING | IDLE);
    ok = play_client(m, errp);
    qio_listener_shutdown(m->listener);
    wait_state(m, IDLE);
    qio_listener_free(m->listener);
    return ok && m->peer_ok;
}

static void exhaust(const char *kind, bool server_fails)
{
    failmalloc_scenario *run = server_fails ? run_server : run_client;
    struct meeting m = {.server_fails = server_fails, .state = IDLE};
    long ours, theirs, all;

    m.objects = tlsdir_objects();
    snprintf(m.client, sizeof(m.client),
             "unix:%s/s,tls-creds=%s-client,tls-hostname=%s", qiotest_tmpdir(),
             kind, TLSDIR_HOST);
    snprintf(m.server, sizeof(m.server), "unix:%s/s,tls-creds=%s-server",
             qiotest_tmpdir(), kind);
    pthread_mutex_init(&m.lock, NULL);
    pthread_cond_init(&m.cond, NULL);
    ck_assert_int_eq(pthread_create(&m.thread, NULL, peer_thread, &m), 0);
    ours = failmalloc_each(run, &m, FAILMALLOC_NO_LEAK | FAILMALLOC_NOT_TLS);
    theirs = failmalloc_sample(run, &m, FAILMALLOC_TLS, RUNS, &all);
    printf("%s %s: %ld allocations of ours, %ld of %ld of GnuTLS\n", kind,
           server_fails ? "server" : "client", ours, theirs, all);
    fflush(stdout);
    set_state(&m, STOP);
    pthread_join(m.thread, NULL);
    pthread_mutex_destroy(&m.lock);
    pthread_cond_destroy(&m.cond);
    qio_objects_free(m.objects);
}

START_TEST(test_x509)
{
    exhaust("x509", _i);
}
END_TEST

START_TEST(test_anon)
{
    exhaust("anon", _i);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nomem-tls");
    TCase *tc = qiotest_case(s, "nomem-tls");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_x509, 0, 2);
    tcase_add_loop_test(tc, test_anon, 0, 2);
    return failmalloc_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Serving and the tasks of endpoints with each allocation failing once, on both
 * sides: an error comes back, nothing is lost, nothing hangs. */
#include <config.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <qio/listener.h>
#include "failmalloc.h"
#include "qiotest.h"
#include "tlsdir.h"

#define WAIT_MS 10000
#define RUNS 300

struct meeting {
    QIOObjects *objects;
    char client[160]; /* the endpoint's text */
    char server[160];
    bool serves; /* the server does; else it accepts one as a task */
};

struct run {
    QIOLoop *loop;
    QIOListener *l;
    int open;      /* ends that are */
    QIOError *err; /* the first one */
};

static void note(struct run *r, const QIOError *err)
{
    if (!r->err) {
        r->err = qio_error_copy(err);
    }
}

static void connection(QIOListener *l, QIOChannel *ioc, void *opaque)
{
    struct run *r = opaque;

    (void)l;
    (void)ioc;
    r->open++;
}

static void trouble(QIOListener *l, QIOChannel *ioc, const QIOError *err,
                    void *opaque)
{
    (void)l;
    (void)ioc;
    note(opaque, err);
}

static void done(QIOTask *task, void *opaque)
{
    struct run *r = opaque;

    if (qio_task_error(task)) {
        note(r, qio_task_error(task));
    } else {
        r->open++;
    }
}

static bool start_server(const struct meeting *m, struct run *r,
                         QIOError **errp)
{
    static const QIOListenerFuncs funcs = {connection, trouble, NULL};
    QIOEndpoint *ep = qio_endpoint_parse(m->server, errp);
    bool ok = false;

    if (ep && m->serves) {
        r->l = qio_listener_new(errp);
        ok = r->l && qio_listener_add(r->l, ep, m->objects, 4, errp) == 0 &&
             qio_listener_serve(r->l, QIO_ENDPOINT_READWRITE, r->loop, &funcs,
                                r, errp) == 0;
    } else if (ep) {
        ok = qio_endpoint_accept_async(ep, m->objects, QIO_ENDPOINT_READWRITE,
                                       r->loop, WAIT_MS, done, r, NULL,
                                       errp) != NULL;
    }
    qio_endpoint_free(ep);
    /* It listens from now on. */
    return ok && qio_loop_dispatch(r->loop, errp) >= 0;
}

static bool start_client(const struct meeting *m, struct run *r,
                         QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(m->client, errp);
    bool ok =
        ep && qio_endpoint_connect_async(ep, m->objects, QIO_ENDPOINT_READWRITE,
                                         r->loop, WAIT_MS, done, r, NULL, errp);

    qio_endpoint_free(ep);
    return ok;
}

static bool meet(void *opaque, QIOError **errp)
{
    const struct meeting *m = opaque;
    struct run r = {0};
    bool ok = false;

    r.loop = qio_loop_new(errp);
    if (r.loop && start_server(m, &r, errp) && start_client(m, &r, errp)) {
        int step = 1;

        while (step == 1 && r.open < 2 && !r.err) {
            step = qio_loop_step(r.loop, WAIT_MS, errp);
        }
        ok = r.open == 2;
    }
    qio_listener_free(r.l);
    qio_loop_free(r.loop);
    if (ok) {
        qio_error_free(r.err);
    } else {
        qio_error_propagate(errp, r.err);
    }
    return ok;
}

START_TEST(test_meet)
{
    struct meeting m = {.serves = _i % 2 == 0};
    bool tls = _i >= 2;
    long all = 0, failed;

    m.objects = tlsdir_objects();
    snprintf(m.client, sizeof(m.client), "unix:qio-nomem-%d,abstract=on%s",
             getpid(), tls ? ",tls-creds=psk-client" : "");
    snprintf(m.server, sizeof(m.server), "unix:qio-nomem-%d,abstract=on%s",
             getpid(), tls ? ",tls-creds=psk-server" : "");
    failed = failmalloc_sample(meet, &m, FAILMALLOC_NOT_TLS, RUNS, &all);
    ck_assert_int_gt(failed, 20);
    ck_assert_int_ge(all, failed);
    qio_objects_free(m.objects);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serving without memory");
    TCase *tc = qiotest_case(s, "serve");

    tcase_add_loop_test(tc, test_meet, 0, 4);
    tcase_set_timeout(tc, 120);
    return failmalloc_main(s);
}

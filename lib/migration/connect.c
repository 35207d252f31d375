/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A migration URI and TLS parameters made into an endpoint, and opened. */
#include <config.h>
#include <qio/migration/connect.h>

#include <time.h>

/* Migrations that may wait to be accepted, where several are. */
#define MANY 64

static bool is_given(const char *text)
{
    return text && text[0];
}

/* The endpoint with the parameters put on top of what the URI names. */
static QIOEndpoint *parse(const char *uri, const char *tls_creds,
                          const char *tls_hostname, const char *tls_authz,
                          QIOError **errp)
{
    const char *hostname = is_given(tls_hostname) ? tls_hostname : NULL;
    const char *authz = is_given(tls_authz) ? tls_authz : NULL;
    QIOEndpoint *ep = qio_endpoint_parse(uri, errp);
    int ret = 0;

    if (!ep) {
        return NULL;
    }
    if (is_given(tls_creds)) {
        ret = qio_endpoint_add_tls(ep, tls_creds, hostname, authz, errp);
    } else if (hostname || authz) {
        ret = qio_endpoint_set_tls_peer(ep, hostname, authz, errp);
    }
    if (ret < 0) {
        qio_endpoint_free(ep);
        return NULL;
    }
    return ep;
}

/* Nobody answers from a file, and the old contents must go. */
static QIOEndpointMode outgoing_mode(const QIOEndpoint *ep)
{
    return qio_endpoint_type(ep) == QIO_ENDPOINT_FILE ? QIO_ENDPOINT_WRITE
                                                      : QIO_ENDPOINT_READWRITE;
}

QIOChannel *qio_migration_connect_sync(const char *uri, const char *tls_creds,
                                       const char *tls_hostname,
                                       QIOObjects *objects, int timeout_ms,
                                       QIOError **errp)
{
    QIOEndpoint *ep = parse(uri, tls_creds, tls_hostname, NULL, errp);
    QIOChannel *ioc;

    if (!ep) {
        return NULL;
    }
    ioc = qio_endpoint_connect_sync(ep, objects, outgoing_mode(ep), timeout_ms,
                                    errp);
    qio_endpoint_free(ep);
    return ioc;
}

QIOListener *qio_migration_listen_sync(const char *uri, const char *tls_creds,
                                       const char *tls_authz,
                                       QIOObjects *objects, QIOError **errp)
{
    QIOEndpoint *ep = parse(uri, tls_creds, NULL, tls_authz, errp);
    QIOListener *l;

    if (!ep) {
        return NULL;
    }
    l = qio_endpoint_listen_sync(ep, objects, 1, errp);
    qio_endpoint_free(ep);
    return l;
}

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

QIOChannel *qio_migration_accept_sync(const char *uri, const char *tls_creds,
                                      const char *tls_authz,
                                      QIOObjects *objects, int timeout_ms,
                                      QIOError **errp)
{
    int64_t start = now_ms();
    QIOListener *l =
        qio_migration_listen_sync(uri, tls_creds, tls_authz, objects, errp);
    QIOChannel *ioc;

    if (!l) {
        return NULL;
    }
    /* Resolving a name has taken its share. */
    if (timeout_ms > 0) {
        int64_t spent = now_ms() - start;

        timeout_ms = spent < timeout_ms ? timeout_ms - (int)spent : 0;
    }
    ioc = qio_listener_accept_open_sync(l, QIO_ENDPOINT_READWRITE, timeout_ms,
                                        errp);
    qio_listener_free(l);
    return ioc;
}

/* ---- as tasks ---- */

/* A call that fails before there is a task owes the caller this. */
static QIOEndpoint *parse_or_destroy(const char *uri, const char *tls_creds,
                                     const char *tls_hostname,
                                     const char *tls_authz, void *opaque,
                                     QIODestroyFunc *destroy, QIOError **errp)
{
    QIOEndpoint *ep = parse(uri, tls_creds, tls_hostname, tls_authz, errp);

    if (!ep && destroy) {
        destroy(opaque);
    }
    return ep;
}

QIOTask *qio_migration_connect_async(const char *uri, const char *tls_creds,
                                     const char *tls_hostname,
                                     QIOObjects *objects, QIOLoop *loop,
                                     int timeout_ms, QIOTaskFunc *fn,
                                     void *opaque, QIODestroyFunc *destroy,
                                     QIOError **errp)
{
    QIOEndpoint *ep = parse_or_destroy(uri, tls_creds, tls_hostname, NULL,
                                       opaque, destroy, errp);
    QIOTask *task;

    if (!ep) {
        return NULL;
    }
    task = qio_endpoint_connect_async(ep, objects, outgoing_mode(ep), loop,
                                      timeout_ms, fn, opaque, destroy, errp);
    qio_endpoint_free(ep);
    return task;
}

QIOTask *qio_migration_listen_async(const char *uri, const char *tls_creds,
                                    const char *tls_authz, QIOObjects *objects,
                                    QIOLoop *loop, int timeout_ms,
                                    QIOTaskFunc *fn, void *opaque,
                                    QIODestroyFunc *destroy, QIOError **errp)
{
    QIOEndpoint *ep = parse_or_destroy(uri, tls_creds, NULL, tls_authz, opaque,
                                       destroy, errp);
    QIOTask *task;

    if (!ep) {
        return NULL;
    }
    task = qio_endpoint_listen_async(ep, objects, MANY, loop, timeout_ms, fn,
                                     opaque, destroy, errp);
    qio_endpoint_free(ep);
    return task;
}

QIOTask *qio_migration_accept_async(const char *uri, const char *tls_creds,
                                    const char *tls_authz, QIOObjects *objects,
                                    QIOLoop *loop, int timeout_ms,
                                    QIOTaskFunc *fn, void *opaque,
                                    QIODestroyFunc *destroy, QIOError **errp)
{
    QIOEndpoint *ep = parse_or_destroy(uri, tls_creds, NULL, tls_authz, opaque,
                                       destroy, errp);
    QIOTask *task;

    if (!ep) {
        return NULL;
    }
    task = qio_endpoint_accept_async(ep, objects, QIO_ENDPOINT_READWRITE, loop,
                                     timeout_ms, fn, opaque, destroy, errp);
    qio_endpoint_free(ep);
    return task;
}

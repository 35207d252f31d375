/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How connections introduce themselves: hellos, bound to the TLS session that
 * they travel in by a key that only its two ends can export.
 */
#include <config.h>
#include "channels-priv.h"

#include <stdlib.h>
#include <string.h>
#include <qio/tls-info.h>

/* RFC 5705 §4: for use without registration. */
#define LABEL "EXPERIMENTAL qio-migration-channels"

/* ---- binding ---- */

static QIOChannel *topmost_tls(QIOChannel *ioc)
{
    for (; ioc; ioc = qio_channel_base(ioc)) {
        if (!strcmp(qio_channel_type_name(ioc), "tls")) {
            return ioc;
        }
    }
    return NULL;
}

/* The context of the export is the hello itself, so that the binding also
 * proves that whoever made it knew all of it. All zero without TLS. */
static int bind_to_tls(QIOChannel *ioc, const uint8_t data[QIOP_HELLO_LEN],
                       uint8_t binding[QIOP_BINDING_LEN], QIOError **errp)
{
    QIOChannel *tls = topmost_tls(ioc);

    memset(binding, 0, QIOP_BINDING_LEN);
    return tls ? qio_channel_tls_export(tls, LABEL, data, QIOP_HELLO_BOUND,
                                        binding, QIOP_BINDING_LEN, errp)
               : 0;
}

int qiop_hello_make(struct qiop_hello *h, QIOChannel *ioc,
                    uint8_t data[QIOP_HELLO_LEN], QIOError **errp)
{
    memset(h->binding, 0, QIOP_BINDING_LEN);
    qiop_hello_write(h, data);
    if (bind_to_tls(ioc, data, h->binding, errp)) {
        return -1;
    }
    qiop_hello_write(h, data);
    return 0;
}

int qiop_hello_check(struct qiop_hello *h, QIOChannel *ioc,
                     const uint8_t data[QIOP_HELLO_LEN],
                     enum qiop_hello_type type, QIOError **errp)
{
    uint8_t binding[QIOP_BINDING_LEN];
    bool same;

    if (qiop_hello_parse(h, data, errp)) {
        return -1;
    }
    if (h->type != type) {
        qio_error_set(errp, QIO_ERROR_STREAM, 0,
                      "malformed hello: both sides %s",
                      type == QIOP_HELLO_JOIN ? "accept" : "connect");
        return -1;
    }
    if (bind_to_tls(ioc, data, binding, errp)) {
        return -1;
    }
    same = qiop_same_secret(binding, h->binding, QIOP_BINDING_LEN);
    explicit_bzero(binding, sizeof(binding));
    if (!same) {
        qio_error_set(errp, QIO_ERROR_STREAM, 0,
                      "the hello is not bound to this connection");
        return -1;
    }
    return 0;
}

/* ---- the object ---- */

static QIOMigrationHello *new_hello(QIOError **errp)
{
    QIOMigrationHello *hello = calloc(1, sizeof(*hello));

    if (!hello) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    }
    return hello;
}

void qio_migration_hello_free(QIOMigrationHello *hello)
{
    if (!hello) {
        return;
    }
    qio_error_free(hello->err);
    explicit_bzero(hello, sizeof(*hello));
    free(hello);
}

unsigned qio_migration_hello_index(const QIOMigrationHello *hello)
{
    return hello->hello.index;
}

unsigned qio_migration_hello_count(const QIOMigrationHello *hello)
{
    return hello->hello.count;
}

bool qio_migration_hello_same(const QIOMigrationHello *a,
                              const QIOMigrationHello *b)
{
    return qiop_same_secret(a->hello.token, b->hello.token, QIOP_TOKEN_LEN);
}

/* ---- reading one ---- */

QIOMigrationHello *qio_migration_hello_read_sync(QIOChannel *ioc,
                                                 int timeout_ms,
                                                 QIOError **errp)
{
    QIOMigrationHello *hello = new_hello(errp);
    uint8_t data[QIOP_HELLO_LEN];
    int rc;

    if (!hello) {
        return NULL;
    }
    qio_channel_set_timeout(ioc, timeout_ms);
    rc = qio_channel_read_all(ioc, data, sizeof(data), errp);
    qio_channel_set_timeout(ioc, -1);
    if (rc ||
        qiop_hello_check(&hello->hello, ioc, data, QIOP_HELLO_JOIN, errp)) {
        qio_migration_hello_free(hello);
        return NULL;
    }
    return hello;
}

/* What is read, and whom to tell. */
struct reading {
    uint8_t data[QIOP_HELLO_LEN];
    QIOTaskFunc *fn;
    void *opaque;
    QIODestroyFunc *destroy;
};

static void free_reading(void *opaque)
{
    struct reading *r = opaque;

    if (r->destroy) {
        r->destroy(r->opaque);
    }
    explicit_bzero(r, sizeof(*r));
    free(r);
}

static void free_result(void *opaque)
{
    qio_migration_hello_free(opaque);
}

static void hello_came(QIOTask *task, void *opaque)
{
    struct reading *r = opaque;
    QIOMigrationHello *hello = NULL;

    if (!qio_task_error(task)) {
        hello = new_hello(NULL);
    }
    if (hello) {
        (void)qiop_hello_check(&hello->hello, qio_task_channel(task), r->data,
                               QIOP_HELLO_JOIN, &hello->err);
        qio_task_set_result(task, hello, free_result);
    }
    r->fn(task, r->opaque);
}

QIOTask *qio_migration_hello_read_async(QIOChannel *ioc, QIOLoop *loop,
                                        int timeout_ms, QIOTaskFunc *fn,
                                        void *opaque, QIODestroyFunc *destroy,
                                        QIOError **errp)
{
    struct reading *r = calloc(1, sizeof(*r));

    if (!r) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        if (destroy) {
            destroy(opaque);
        }
        return NULL;
    }
    r->fn = fn;
    r->opaque = opaque;
    r->destroy = destroy;
    return qio_channel_read_all_async(ioc, loop, r->data, sizeof(r->data),
                                      timeout_ms, hello_came, r, free_reading,
                                      errp);
}

QIOMigrationHello *qio_migration_hello_take(QIOTask *task, QIOError **errp)
{
    QIOMigrationHello *hello;

    if (qio_task_propagate_error(task, errp)) {
        return NULL;
    }
    hello = qio_task_take_result(task);
    if (!hello) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    if (hello->err) {
        qio_error_propagate(errp, hello->err);
        hello->err = NULL;
        qio_migration_hello_free(hello);
        return NULL;
    }
    return hello;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two channels that stand on several connections each, for tests. */
#include <config.h>
#include "manypair.h"

#include <pthread.h>
#include "pairs.h"
#include "qiotest.h"
#include "tlspair.h"

static void put_tls_on(struct manypair *m)
{
    struct tlspair_creds creds;

    tlspair_creds_make_psk(&creds, NULL);
    for (unsigned i = 0; i < m->count; i++) {
        QIOChannel *base[2] = {m->client[i], m->server[i]};

        tlspair_open(&creds, base[0], base[1], &m->client[i], &m->server[i]);
        qio_channel_unref(base[0]);
        qio_channel_unref(base[1]);
    }
    tlspair_creds_free(&creds);
}

void manypair_connect(struct manypair *m)
{
    QIOError *err = NULL;

    for (unsigned i = 0; i < m->count; i++) {
        QIOChannel *base[2];

        (void)(m->tcp ? pair_tcp : pair_unix)(NULL, base, &err);
        qiotest_ok(&err);
        m->client[i] = base[0];
        m->server[i] = base[1];
    }
    if (m->tls) {
        put_tls_on(m);
    }
}

void manypair_drop(struct manypair *m)
{
    for (unsigned i = 0; i < m->count; i++) {
        qio_channel_unref(m->client[i]);
        qio_channel_unref(m->server[i]);
        m->client[i] = m->server[i] = NULL;
    }
}

void manypair_read(QIOChannel *ioc, void *data, size_t len)
{
    QIOError *err = NULL;

    (void)!qio_channel_read_all(ioc, data, len, &err);
    qiotest_ok(&err);
}

static void *open_client(void *opaque)
{
    QIOError *err = NULL;

    (void)!qio_channel_open_sync(opaque, 10000, &err);
    qiotest_ok(&err);
    return NULL;
}

static void join(QIOChannel *server, QIOChannel *connection)
{
    QIOError *err = NULL;
    QIOMigrationHello *hello =
        qio_migration_hello_read_sync(connection, 10000, &err);

    qiotest_ok(&err);
    ck_assert_int_ge(
        qio_migration_channels_join(server, connection, hello, &err), 0);
    qio_migration_hello_free(hello);
}

static void ask_for_threads(const struct manypair *m, QIOChannel *ioc)
{
    ck_assert_int_eq(qio_migration_channels_set_threads(ioc, m->threads, NULL),
                     0);
}

QIOChannel *manypair_client(struct manypair *m)
{
    QIOError *err = NULL;
    QIOChannel *ioc = qio_migration_channels_new_client(m->count, &err);

    qiotest_ok(&err);
    ask_for_threads(m, ioc);
    for (unsigned i = 0; i < m->count; i++) {
        ck_assert_int_eq(
            qio_migration_channels_join(ioc, m->client[i], NULL, &err),
            (int)(m->count - i - 1));
    }
    return ioc;
}

void manypair_open(struct manypair *m, QIOChannel *pair[2])
{
    QIOError *err = NULL;
    pthread_t thread;

    pair[0] = manypair_client(m);
    pair[1] = qio_migration_channels_new_server(&err);
    qiotest_ok(&err);
    ask_for_threads(m, pair[1]);
    ck_assert_int_eq(pthread_create(&thread, NULL, open_client, pair[0]), 0);
    for (unsigned i = m->count; i-- > 0;) {
        join(pair[1], m->server[i]);
    }
    (void)!qio_channel_open_sync(pair[1], 10000, &err);
    qiotest_ok(&err);
    pthread_join(thread, NULL);
}

int pair_many(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    struct manypair *m = opaque;

    (void)errp;
    manypair_connect(m);
    manypair_open(m, pair);
    manypair_drop(m);
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two channels that stand on several connections each, for tests. */
#ifndef QIOTEST_MANYPAIR_H
#define QIOTEST_MANYPAIR_H

#include <qio/migration/channels.h>

#define MANYPAIR_MAX QIO_MIGRATION_CHANNELS_MAX

struct manypair {
    unsigned count;
    bool tls;
    bool tcp;
    bool threads; /* each connection has its own */
    QIOChannel *client[MANYPAIR_MAX];
    QIOChannel *server[MANYPAIR_MAX];
};

/* Fill client and server with connected channels, over unix sockets or TCP or
 * over TLS on top of them, and drop them again. Asserts that all goes well. */
void manypair_connect(struct manypair *m);
void manypair_drop(struct manypair *m);

/* What a client says first: data of QIOP_HELLO_LEN bytes is read at server i.
 */
void manypair_read(QIOChannel *ioc, void *data, size_t len);

/* A client on all of m's, which have joined. */
QIOChannel *manypair_client(struct manypair *m);

/* Open both ends over connections that are there. */
void manypair_open(struct manypair *m, QIOChannel *pair[2]);

/* Both at once; has the form of qio_contract.make, opaque is a manypair whose
 * count and tls are set. */
int pair_many(void *opaque, QIOChannel *pair[2], QIOError **errp);

#endif

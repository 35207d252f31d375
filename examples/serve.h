/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the examples that serve have in common: --object options, a listener,
 * and a thread for each client.
 */
#ifndef SERVE_H
#define SERVE_H

#include <qio/qio.h>

/* Milliseconds for a client's handshakes. */
#define SERVE_PATIENCE 10000

/* One client, from here to its end. ioc is open, TLS included where the URI
 * has it; the caller drops it. Returns 0, or -1. */
typedef int ServeFunc(QIOChannel *ioc, void *opaque, QIOError **errp);

/*
 * Listen on uri, say where on standard output ("listening on tcp:..."), and
 * serve until the program is ended. A client that fails is named on standard
 * error; it is its own affair. Returns the exit status, after a complaint.
 */
int serve(const char *program, const char *uri, QIOObjects *objects,
          ServeFunc *fn, void *opaque);

/* Print every address that the listener has. Returns 0, or -1. */
int say_where(QIOListener *listener, QIOError **errp);

/* "program: message" on standard error; frees and clears *errp. */
void complain(const char *program, QIOError **errp);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A directory with credentials of every kind for one test, and a set of
 * objects made from it. */
#ifndef QIOTEST_TLSDIR_H
#define QIOTEST_TLSDIR_H

#include <qio/objects.h>

/* A name that the server's certificate is for, beside 127.0.0.1 and ::1. */
#define TLSDIR_HOST "a.example"

/* Under qiotest_tmpdir(): a CA, certificates of a server and of a client
 * (CN=client), and keys.psk. The string is static. */
const char *tlsdir_make(void);

/*
 * Objects by the IDs x509-client, x509-server, psk-client, psk-server,
 * anon-client, anon-server, and the authorizers everybody, nobody and client
 * (who has the client's certificate). Fails the test if it cannot be made.
 */
QIOObjects *tlsdir_objects(void);

#endif

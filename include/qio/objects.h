/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QIOObjects: credentials, authorizers and secrets by ID, as a program's
 * --object options name them. The caller owns the set; there is no global one.
 *
 * Text form (QEMU's): TYPE,id=ID[,PROPERTY=VALUE...]; a comma in a value is
 * written twice; on/off, yes/no, true/false are booleans. An ID is a letter,
 * then letters, digits, '-', '.' and '_'. A property is given once.
 *
 *   tls-creds-x509  endpoint=client|server [dir=PATH] [verify-peer=on]
 *                   [sanity-check=on] [system-trust=off]
 *                   [passwordid=SECRET-ID] [certificate=URI key=URI]
 *   tls-creds-psk   endpoint=… dir=PATH [username=NAME] [verify-peer=on]
 *   tls-creds-anon  endpoint=… [verify-peer=on]
 *                   and on each of them [priority=TEXT] [min-version=1.2|1.3]
 *                   [max-version=1.2|1.3] [groups=NAME:NAME...]
 *                   [alpn=NAME:NAME...] [handshake-limit=BYTES]
 *                   [tls-engine=auto|ipsec-mb|aead|gnutls]
 *                   and on the first two [resumption=on];
 *                   tls-config.h says what they mean
 *   authz-simple    identity=TEXT
 *   authz-list      [policy=deny|allow] rules.N.match=TEXT
 *                   [rules.N.policy=allow|deny] [rules.N.format=exact|glob]
 *                   N counts from 0 without a gap
 *   authz-list-file filename=PATH [refresh=on|off]
 *   authz-pam       service=NAME
 *   secret          data=TEXT | file=PATH [format=raw|base64]
 *                   a raw file is taken as it is, a newline at its end too
 *
 * What is in brackets may be left out. Where values are listed, the first one
 * is the default, of the versions none; a list's format is exact. A secret must
 * be there before the passwordid that names it.
 */
#ifndef QIO_OBJECTS_H
#define QIO_OBJECTS_H

#include <qio/tls-creds.h>

QIO_BEGIN_DECLS

typedef struct QIOObjects QIOObjects;

/* An empty set, NULL without memory. Since: 0.1 */
QIO_API QIOObjects *qio_objects_new(QIOError **errp) QIO_MUST_CHECK;
/* Drops the set's references; secrets are wiped. NULL is allowed. */
QIO_API void qio_objects_free(QIOObjects *objects);

/*
 * qio_objects_add: create an object from text and keep it under its ID.
 * Returns 0; or -1 with the set unchanged.
 * Errors: QIO_ERROR_INVALID (the rule that the text breaks), QIO_ERROR_IN_USE
 *   (the ID), and those of the object's constructor. Reads files. Since: 0.1
 */
QIO_API int qio_objects_add(QIOObjects *objects, const char *text,
                            QIOError **errp) QIO_MUST_CHECK;

/* Keep an object that the caller made; the set takes its own reference.
 * Since: 0.1 */
QIO_API int qio_objects_add_tls_creds(QIOObjects *objects, const char *id,
                                      QIOTLSCreds *creds,
                                      QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_objects_add_authz(QIOObjects *objects, const char *id,
                                  QIOAuthz *authz,
                                  QIOError **errp) QIO_MUST_CHECK;

/* Look one up; borrowed from the set. NULL with QIO_ERROR_NOT_FOUND, or
 * QIO_ERROR_INVALID when the ID names another kind of object. Since: 0.1 */
QIO_API QIOTLSCreds *qio_objects_get_tls_creds(const QIOObjects *objects,
                                               const char *id,
                                               QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOAuthz *qio_objects_get_authz(const QIOObjects *objects,
                                        const char *id,
                                        QIOError **errp) QIO_MUST_CHECK;

QIO_END_DECLS

#endif

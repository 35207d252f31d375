/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Authorizers decide whether an authenticated peer may connect.
 *
 * A peer's name is, with x509, the distinguished name as RFC 4514 writes it
 * ("CN=client,O=Example"), with PSK the user name. A certificate's subject
 * alternative names count beside it, written "DNS:a.example", "IP:192.0.2.1",
 * "URI:spiffe://a/b" and "EMAIL:a@b.example".
 *
 * What an authorizer found stays on this side: the peer is told that it may not
 * come in (TLS alert access_denied), the owner of the channel gets the reason.
 *
 * Reference counted; may be shared by any number of channels and threads.
 */
#ifndef QIO_AUTHZ_H
#define QIO_AUTHZ_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <qio/error.h>

QIO_BEGIN_DECLS

typedef struct QIOAuthz QIOAuthz;

typedef enum QIOAuthzFormat {
    QIO_AUTHZ_FORMAT_EXACT,
    QIO_AUTHZ_FORMAT_GLOB, /* '*' and '?' */
} QIOAuthzFormat;

/*
 * qio_authz_new_simple: exactly this name may come in; one that begins with
 * "DNS:", "IP:", "URI:" or "EMAIL:" is looked for among the alternative names.
 * Returns an authorizer with one reference, or NULL. Since: 0.1
 */
QIO_API QIOAuthz *qio_authz_new_simple(const char *identity,
                                       QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_authz_new_list: rules tried in order; the first that matches decides,
 * else the policy. A rule matches the name; if it begins with the kind of an
 * alternative name, one of those: "DNS:*.example". A rule never reaches from
 * one to the other, so a '*' alone is about names only. Since: 0.1
 *
 * qio_authz_list_append: a rule at the end; returns its index, or -1.
 * qio_authz_list_insert: before the rule that has the index; at the end if
 *   there is none. Returns its index, or -1.
 * qio_authz_list_delete: the first rule with this text; returns the index that
 *   it had, or -1 with QIO_ERROR_NOT_FOUND.
 * Errors: QIO_ERROR_INVALID (no list, no text). Threads: before the authorizer
 *   is shared. Since: 0.1
 */
QIO_API QIOAuthz *qio_authz_new_list(bool allow_by_default,
                                     QIOError **errp) QIO_MUST_CHECK;
QIO_API ssize_t qio_authz_list_append(QIOAuthz *authz, const char *match,
                                      QIOAuthzFormat format, bool allow,
                                      QIOError **errp) QIO_MUST_CHECK;
QIO_API ssize_t qio_authz_list_insert(QIOAuthz *authz, size_t index,
                                      const char *match, QIOAuthzFormat format,
                                      bool allow,
                                      QIOError **errp) QIO_MUST_CHECK;
QIO_API ssize_t qio_authz_list_delete(QIOAuthz *authz, const char *match,
                                      QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_authz_new_list_file: a list in a JSON file, of QEMU's form:
 *   {"policy": "deny",
 *    "rules": [{"match": "CN=a*", "policy": "allow", "format": "glob"}, ...]}
 * policy is deny and format exact when they are not there.
 * refresh: look at the file at each decision (one stat()) and read it again
 *   when it is another one. As long as a changed file cannot be read nobody
 *   comes in, and the decision says why.
 * Errors: QIO_ERROR_NOT_FOUND or QIO_ERROR_SYSTEM (the file),
 *   QIO_ERROR_CREDENTIALS (its content, with the line). Since: 0.1
 */
QIO_API QIOAuthz *qio_authz_new_list_file(const char *path, bool refresh,
                                          QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_authz_new_pam: ask the account management of a PAM service; the name,
 * as it is, is PAM's user. Blocks as long as the service's modules do.
 * Errors: QIO_ERROR_UNSUPPORTED (built without PAM), QIO_ERROR_INVALID.
 * Since: 0.1
 */
QIO_API QIOAuthz *qio_authz_new_pam(const char *service,
                                    QIOError **errp) QIO_MUST_CHECK;

/*
 * QIOAuthzFunc: the program decides. names[0] is the name, the n - 1 others are
 * the alternative names; they are the caller's and not cleaned: print with
 * care. Called in the thread that drives the handshake, by several at once.
 * Returns: whether the peer may come in.
 */
typedef bool QIOAuthzFunc(const char *const *names, size_t n, void *opaque);

/* destroy, may be NULL: called with opaque exactly once, when func is not used
 * any more; on failure as well. Since: 0.1 */
QIO_API QIOAuthz *qio_authz_new_func(QIOAuthzFunc *func, void *opaque,
                                     void (*destroy)(void *opaque),
                                     QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_authz_reload: read a list's file again; the other kinds have nothing to
 * do. Returns 0; or -1, the rules are as they were. Errors: as above.
 * Threads: any. Since: 0.1
 */
QIO_API int qio_authz_reload(QIOAuthz *authz, QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_authz_check: decide about a peer with these names, as a channel does.
 * Returns: 0; or -1 with QIO_ERROR_AUTHZ and the reason.
 * Threads: any. Since: 0.1
 *
 * qio_authz_is_allowed: the same for one name; NULL is denied.
 */
QIO_API int qio_authz_check(QIOAuthz *authz, const char *const *names, size_t n,
                            QIOError **errp) QIO_MUST_CHECK;
QIO_API bool qio_authz_is_allowed(QIOAuthz *authz, const char *identity);

/* Another reference, returning authz; dropping one, NULL is allowed.
 * Threads: any. Since: 0.1 */
QIO_API QIOAuthz *qio_authz_ref(QIOAuthz *authz);
QIO_API void qio_authz_unref(QIOAuthz *authz);

QIO_END_DECLS

#endif

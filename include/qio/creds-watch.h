/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rotation: TLS credentials that are loaded again by themselves when their
 * files change.
 *
 * A loop watches the directories and the files, by inotify and once a minute by
 * looking, for what inotify cannot see (a file system of another machine).
 * Files may be renamed into place, written anew, or be symbolic links, as may
 * their directory, that lead elsewhere from now on. When nothing has happened
 * for a tenth of a second, or after five seconds of changes, what changed is
 * loaded and checked as qio_tls_creds_reload() says: sessions made from then on
 * get the new, or, when that is not fit (a certificate whose key is not there
 * yet), still the old.
 *
 * Whoever replaces several files best swaps one link for all of them: a list of
 * CAs that is read while somebody writes it may look whole and lack its end
 * until that is written.
 */
#ifndef QIO_CREDS_WATCH_H
#define QIO_CREDS_WATCH_H

#include <qio/loop.h>
#include <qio/tls-creds.h>

QIO_BEGIN_DECLS

typedef struct QIOTLSCredsWatch QIOTLSCredsWatch;

/*
 * QIOTLSCredsWatchFunc: the files have changed.
 * err: NULL: they are in use; otherwise why the old material is kept. The same
 *   reason is not given twice in a row. Borrowed.
 * It may free the watch. Called in the loop's thread.
 */
typedef void QIOTLSCredsWatchFunc(QIOTLSCreds *creds, const QIOError *err,
                                  void *opaque);

/*
 * qio_tls_creds_watch_new: watch the files of creds, and load those first that
 *   have changed since they were loaded. Credentials without files are not
 *   watched, and that is no error.
 * fn: may be NULL.
 * Takes a reference on creds, uses one descriptor. Files are read in the loop's
 * thread.
 *
 * Returns: the watch, or NULL.
 * Errors: QIO_ERROR_NOMEM; QIO_ERROR_SYSTEM (no descriptor, or more watches
 *   than the system allows). Since: 0.1
 *
 * qio_tls_creds_watch_free: NULL is allowed. When the loop has been freed
 *   before, the watch did nothing since, and is still to be freed. Since: 0.1
 */
QIO_API QIOTLSCredsWatch *qio_tls_creds_watch_new(
    QIOLoop *loop, QIOTLSCreds *creds, QIOTLSCredsWatchFunc *fn, void *opaque,
    QIOError **errp) QIO_MUST_CHECK;
QIO_API void qio_tls_creds_watch_free(QIOTLSCredsWatch *watch);

QIO_END_DECLS

#endif

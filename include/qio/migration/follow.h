/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QIOMigrationFollow: watches the bytes of a migration stream go by and tells
 * a whole one from a cut one.
 *
 * A hypervisor that ends its TLS session without close_notify (QEMU up to 9.2)
 * leaves only the stream itself to judge by: it starts with "QEVM" and ends
 * with the VM description: the bytes 00 06, a big-endian 32-bit length, and as
 * many bytes of JSON.
 */
#ifndef QIO_MIGRATION_FOLLOW_H
#define QIO_MIGRATION_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qio/error.h>

QIO_BEGIN_DECLS

typedef struct QIOMigrationFollow QIOMigrationFollow;

typedef enum QIOMigrationFollowState {
    QIO_MIGRATION_FOLLOW_START,   /* fewer than 4 bytes so far */
    QIO_MIGRATION_FOLLOW_FOREIGN, /* does not start with QEVM: cannot tell */
    QIO_MIGRATION_FOLLOW_PARTIAL, /* would be cut if it ended here */
    QIO_MIGRATION_FOLLOW_WHOLE,   /* whole if it ends here */
} QIOMigrationFollowState;

/* NULL with QIO_ERROR_NOMEM. Since: 0.1 */
QIO_API QIOMigrationFollow *qio_migration_follow_new(QIOError **errp)
    QIO_MUST_CHECK;
QIO_API void qio_migration_follow_free(QIOMigrationFollow *f);

/* The next bytes of the stream. 0; -1 is kept for later. Takes no time to speak
 * of, and no memory beyond what _new() took. Since: 0.1 */
QIO_API int qio_migration_follow_feed(QIOMigrationFollow *f, const void *data,
                                      size_t len,
                                      QIOError **errp) QIO_MUST_CHECK;

/* Judge what came so far; cheap when it cannot be whole. Since: 0.1 */
QIO_API QIOMigrationFollowState
qio_migration_follow_state(QIOMigrationFollow *f);

/* Whether the sender opened a return path in the stream, that is, reads what
 * the receiver says and waits for SHUT. Since: 0.1 */
QIO_API bool qio_migration_follow_wants_return_path(
    const QIOMigrationFollow *f);

/* The return path's SHUT message with value 0 ("loaded without error"). */
#define QIO_MIGRATION_RP_SHUT_LEN 8
QIO_API extern const uint8_t qio_migration_rp_shut[QIO_MIGRATION_RP_SHUT_LEN];

QIO_END_DECLS

#endif

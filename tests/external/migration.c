/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program outside the tree: judging the start of a migration stream. */
#include <stdio.h>
#include <qio/migration/migration.h>
#include <qio/qio.h>

int main(void)
{
    QIOError *err = NULL;
    QIOMigrationFollow *f = qio_migration_follow_new(&err);

    if (!f || qio_migration_follow_feed(f, "QEVM", 4, &err) < 0 ||
        qio_migration_follow_state(f) != QIO_MIGRATION_FOLLOW_PARTIAL) {
        fprintf(stderr, "%s\n", qio_error_message(err));
        return 1;
    }
    qio_migration_follow_free(f);
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything of libqio-migration. */
#ifndef QIO_MIGRATION_MIGRATION_H
#define QIO_MIGRATION_MIGRATION_H

#include <qio/migration/channels.h>
#include <qio/migration/connect.h>
#include <qio/migration/follow.h>
#include <qio/migration/stream.h>

#endif

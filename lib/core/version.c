/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library's version, as configure knows it. */
#include <config.h>
#include <qio/channel.h>

const char *qio_version(void)
{
    return PACKAGE_VERSION;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See pages.h. */
#include <config.h>
#include "base/pages.h"

#include <stdlib.h>

#define PAGE 4096
/* What is smaller gains too little. And an aligned block leaves pieces at both
 * ends: of what a connection reads its handshake into, 32 KiB, these came to a
 * third of the memory that thousands of connections hold. */
#define BULK ((size_t)64 << 10)

void *qiop_pages_alloc(size_t size)
{
    void *p = NULL;

    if (size < BULK) {
        return malloc(size);
    }
    return posix_memalign(&p, PAGE, size) == 0 ? p : NULL;
}

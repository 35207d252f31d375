/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See pages.h. */
#include <config.h>
#include "base/pages.h"

#include <stdlib.h>

#define PAGE 4096
/* What is smaller costs more memory than it gains time. */
#define BULK ((size_t)32 << 10)

void *qiop_pages_alloc(size_t size)
{
    void *p = NULL;

    if (size < BULK) {
        return malloc(size);
    }
    return posix_memalign(&p, PAGE, size) == 0 ? p : NULL;
}

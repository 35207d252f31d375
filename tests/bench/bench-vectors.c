/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-vectors: for scripts. Exit status 0: libipsec-mb uses VAES here; 1: it
 * does not, and why is printed. */
#include <stdio.h>
#include "vectors.h"

int main(void)
{
    const char *why = bench_without_vaes();

    if (why) {
        puts(why);
    }
    return why != NULL;
}

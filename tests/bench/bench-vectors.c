/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-vectors: for scripts. Exit status 0: libipsec-mb uses VAES here; 1: it
 * does not, and what that means is printed. */
#include <stddef.h>
#include "vectors.h"

int main(void)
{
    bench_tell_vaes();
    return bench_without_vaes() != NULL;
}

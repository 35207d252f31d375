/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every layer over a command; see tests/matrix.h. */
#include <config.h>
#include <stddef.h>
#include "matrix.h"

int main(void)
{
    static const char *const bases[] = {"command", NULL};

    return matrix_main(bases);
}

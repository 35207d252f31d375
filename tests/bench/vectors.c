/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See vectors.h. */
#include <config.h>
#include "vectors.h"

#include <stdio.h>

#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>

const char *bench_without_vaes(void)
{
    const char *why = NULL;
    IMB_MGR *m = alloc_mb_mgr(0);
    IMB_ARCH arch = IMB_ARCH_NONE;

    if (!m) {
        return "libipsec-mb has no memory";
    }
    init_mb_mgr_auto(m, &arch);
    if (!(m->features & IMB_FEATURE_VAES)) {
        why = "the processor has no VAES";
    } else if (arch != IMB_ARCH_AVX512 &&
               IMB_VERSION_NUM < IMB_VERSION(1, 5, 0)) {
        why = "libipsec-mb before 1.5 uses VAES with AVX-512 only";
    }
    free_mb_mgr(m);
    return why;
}
#else
const char *bench_without_vaes(void)
{
    return "the library is built without libipsec-mb";
}
#endif

void bench_tell_vaes(void)
{
    const char *why = bench_without_vaes();

    if (why) {
        printf("no VAES: %s; wanted of the best is what is of aead\n", why);
    }
}

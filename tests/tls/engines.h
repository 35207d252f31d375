/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which record engine a session of TLS 1.3 must get in this build on this
 * machine, found without asking the library: one that quietly used another
 * would pass every test. */
#ifndef ENGINES_H
#define ENGINES_H

#include <stdbool.h>
#include <string.h>

/* Built with libipsec-mb, and the CPU has what it needs. */
static inline bool engines_have_ipsecmb(void)
{
#if defined(HAVE_IPSEC_MB) && defined(__x86_64__)
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#else
    return false;
#endif
}

/* What becomes of what was asked for; NULL is "auto". */
static inline const char *engines_expect(const char *asked)
{
    if (asked && (strcmp(asked, "aead") == 0 || strcmp(asked, "gnutls") == 0)) {
        return asked;
    }
    return engines_have_ipsecmb() ? "ipsec-mb" : "aead";
}

#endif

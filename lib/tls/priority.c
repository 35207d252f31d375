/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The default priority: AES-GCM before ChaCha20-Poly1305 if the CPU has AES
 * instructions, else behind it; and a server's order counts, for a hypervisor
 * as client has one of its own. A pre-shared key of keys.psk is bound to
 * SHA-256 (RFC 8446 §4.2.11), which rules out AES-256-GCM; what GnuTLS has
 * next, ChaCha20, costs several times the CPU of AES-128-GCM.
 *
 * A server's order holds for groups, too. So X25519 is the first, of which
 * every client sends a share: another first one would cost a round trip
 * (HelloRetryRequest).
 */
#include <config.h>
#include "creds.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#define VERSIONS "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define GROUPS                                                                 \
    ":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"              \
    ":+GROUP-SECP521R1:+GROUP-X448:+GROUP-FFDHE2048:+GROUP-FFDHE3072"          \
    ":+GROUP-FFDHE4096:+GROUP-FFDHE6144:+GROUP-FFDHE8192"
#define GCM ":+AES-256-GCM:+AES-128-GCM"
#define CHACHA ":+CHACHA20-POLY1305"
#define OTHERS                                                                 \
    ":+AES-256-CCM:+AES-128-CCM:+AES-256-CBC:+AES-128-CBC:%SERVER_PRECEDENCE"

const char *qiop_tls_priority_for(bool aes)
{
    return aes ? VERSIONS GROUPS ":-CIPHER-ALL" GCM CHACHA OTHERS
               : VERSIONS GROUPS ":-CIPHER-ALL" CHACHA GCM OTHERS;
}

/* With the carry-less multiplication that GCM needs. */
bool qiop_cpu_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
    unsigned a, b, c, d;

    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) && (c & bit_PCLMUL);
#elif defined(__aarch64__)
    const unsigned long aes = 1 << 3, pmull = 1 << 4;

    return (getauxval(AT_HWCAP) & (aes | pmull)) == (aes | pmull);
#else
    return false;
#endif
}

const char *qiop_tls_default_priority(void)
{
    return qiop_tls_priority_for(qiop_cpu_has_aes());
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Allocations that fail on demand, inside one test program: linked with
 * $(FAILMALLOC), its malloc(), calloc() and realloc(), also those made
 * by the C library and by GnuTLS, go through here. In the folder's list.mk:
 *
 *     tests_base_test_oom_LDADD = $(FAILMALLOC) $(LDADD)
 *
 * Never failed: what GMP and Nettle allocate, by functions of their own or by
 * those that GnuTLS gives them: these end the process when there is no memory.
 * And what libtasn1 does, which uses nodes that it did not get (seen in
 * asn1_create_element() of 4.19), and gnutls_x509_dn_init() of 3.7, likewise.
 *
 * A sanitizer owns malloc() itself: then nothing can be made to fail, and
 * failmalloc_main() skips the program with the reason.
 */
#ifndef QIOTEST_FAILMALLOC_H
#define QIOTEST_FAILMALLOC_H

#include <check.h>
#include <stdbool.h>
#include <qio/error.h>

enum {
    /* Count and fail in every thread, not only in the calling one. */
    FAILMALLOC_PROCESS = 1 << 0,
    /* Not only the n-th fails, but all from there on. */
    FAILMALLOC_PERSIST = 1 << 1,
    /* failmalloc_each(): memory allocated during a run must be free again.
     * For code without caches of its own. */
    FAILMALLOC_NO_LEAK = 1 << 2,
    /* Count and fail only what GnuTLS and the libraries beneath it allocate
     * themselves, or only what all others do. */
    FAILMALLOC_TLS = 1 << 3,
    FAILMALLOC_NOT_TLS = 1 << 4,
};

/* NULL, or why it cannot work in this build. */
const char *failmalloc_unavailable(void);

/* The n-th allocation from now on fails, 1 is the next. */
void failmalloc_arm(long n, unsigned flags);
/* Back to normal. Returns whether one failed. */
bool failmalloc_disarm(void);

/* After others than GnuTLS have asked for exactly `after` bytes, its next
 * `count` allocations succeed and are not counted: for a place where it does
 * not survive a failure. 0 for nowhere. */
void failmalloc_spare(size_t after, long count);

/* What is allocated and not freed, in the whole process. */
long failmalloc_live(void);

/*
 * A scenario: do something and undo it, free all results. True for success;
 * false with *errp set. It runs with failing memory, so no Check assertions in
 * it: return false without an error for "wrong", which fails the test.
 */
typedef bool failmalloc_scenario(void *opaque, QIOError **errp);

/*
 * Run it with allocation 1, 2, 3 ... failing, until nothing failed any more.
 * Each run must succeed or give an error, leave no descriptor open, and the
 * last one must succeed. Returns how many allocations were made to fail.
 */
long failmalloc_each(failmalloc_scenario *scenario, void *opaque,
                     unsigned flags);

/*
 * The same for many allocations: about `runs` of them, evenly spread, or each
 * when QIO_NOMEM_ALL is in the environment. Returns how many were made to
 * fail; *all is how many there are.
 */
long failmalloc_sample(failmalloc_scenario *scenario, void *opaque,
                       unsigned flags, long runs, long *all);

/* qiotest_main(), or the exit status of a skipped test. */
int failmalloc_main(Suite *s);

#endif

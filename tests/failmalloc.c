/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocations that fail on demand; see failmalloc.h. */
#include <config.h>
#include "failmalloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include "qiotest.h"

#define SKIPPED 77
#define AT_MOST 100000

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER
#endif

static atomic_bool armed;
static atomic_bool persist;
static atomic_bool everybody;
static atomic_bool failed;
static atomic_long countdown;
static atomic_long live;
static _Thread_local bool mine;

#ifndef SANITIZER

/* What glibc exports for those who replace the names without the work. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

/* The program is built with hidden visibility; the C library and GnuTLS must
 * find these too. */
#pragma GCC visibility push(default)
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
int posix_memalign(void **out, size_t alignment, size_t size);
void free(void *p);
#pragma GCC visibility pop

static bool must_fail(void)
{
    long left;

    if (!atomic_load(&armed) || !(mine || atomic_load(&everybody))) {
        return false;
    }
    left = atomic_fetch_sub(&countdown, 1);
    if (left == 1 || (left < 1 && atomic_load(&persist))) {
        atomic_store(&failed, true);
        errno = ENOMEM;
        return true;
    }
    return false;
}

static void *counted(void *p)
{
    if (p) {
        atomic_fetch_add(&live, 1);
    }
    return p;
}

void *malloc(size_t size)
{
    return must_fail() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t size)
{
    if (!p) {
        return malloc(size);
    }
    if (size == 0) {
        free(p);
        return NULL;
    }
    return must_fail() ? NULL : __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return must_fail() ? NULL : counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p = aligned_alloc(alignment, size);

    if (!p) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}

void free(void *p)
{
    if (p) {
        atomic_fetch_sub(&live, 1);
        __libc_free(p);
    }
}

/* valgrind puts its own functions in place of these. */
const char *failmalloc_unavailable(void)
{
    void *volatile p;

    failmalloc_arm(1, 0);
    p = malloc(1);
    if (failmalloc_disarm()) {
        return NULL;
    }
    free(p);
    return "something else has replaced malloc()";
}

#else

const char *failmalloc_unavailable(void)
{
    return "a sanitizer has replaced malloc()";
}

#endif

void failmalloc_arm(long n, unsigned flags)
{
    atomic_store(&failed, false);
    atomic_store(&persist, flags & FAILMALLOC_PERSIST);
    atomic_store(&everybody, flags & FAILMALLOC_PROCESS);
    atomic_store(&countdown, n);
    mine = true;
    atomic_store(&armed, true);
}

bool failmalloc_disarm(void)
{
    atomic_store(&armed, false);
    mine = false;
    return atomic_load(&failed);
}

long failmalloc_live(void)
{
    return atomic_load(&live);
}

static void judge(long n, bool ok, bool hit, QIOError *err)
{
    if (ok) {
        ck_assert_msg(!err, "allocation %ld: success with an error: %s", n,
                      qio_error_message(err));
        return;
    }
    ck_assert_msg(err, "allocation %ld: failure without an error", n);
    ck_assert_msg(hit, "failed though no allocation did: %s",
                  qio_error_message(err));
}

long failmalloc_each(failmalloc_scenario *scenario, void *opaque,
                     unsigned flags)
{
    QIOError *err = NULL;
    bool hit = true, ok;

    /* A first run fills what fills itself once: locales, stdio, caches. */
    ok = scenario(opaque, &err);
    judge(0, ok, false, err);
    for (long n = 1; n < AT_MOST; n++) {
        int fds = qiotest_count_fds(), fds_after;
        long before = failmalloc_live(), after;

        failmalloc_arm(n, flags);
        ok = scenario(opaque, &err);
        hit = failmalloc_disarm();
        judge(n, ok, hit, err);
        qio_error_free(err);
        err = NULL;
        after = failmalloc_live();
        fds_after = qiotest_count_fds();
        ck_assert_msg(fds_after == fds, "allocation %ld: %d descriptors leaked",
                      n, fds_after - fds);
        if (flags & FAILMALLOC_NO_LEAK) {
            ck_assert_msg(after == before, "allocation %ld: %ld pieces leaked",
                          n, after - before);
        }
        if (!hit) {
            return n - 1;
        }
    }
    ck_abort_msg("no end after %d allocations", AT_MOST);
    return -1;
}

int failmalloc_main(Suite *s)
{
    const char *reason = failmalloc_unavailable();

    if (reason) {
        printf("skipped: %s\n", reason);
        /* Check has no way to free a suite that never ran. */
        srunner_free(srunner_create(s));
        return SKIPPED;
    }
    return qiotest_main(s);
}

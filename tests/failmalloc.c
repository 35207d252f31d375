/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocations that fail on demand; see failmalloc.h. */
#include <config.h>
#include "failmalloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "qiotest.h"

#define SKIPPED 77
#define RANGES 24
/* More than the code of a small function. */
#define CODE 96
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
static atomic_uint whose;
static atomic_size_t spare_after;
static atomic_long spare_count;
static _Thread_local bool mine;
static _Thread_local long spared;

/* ---- who calls ---- */

static struct range {
    uintptr_t from;
    uintptr_t to;
    bool never; /* it cannot live without memory */
} ranges[RANGES];
static size_t nranges;

static int note_object(struct dl_phdr_info *info, size_t size, void *opaque)
{
    static const char *const tls[] = {"libgnutls.", "libp11-kit.", "libidn2.",
                                      "libunistring."};
    static const char *const never[] = {"libgmp.", "libnettle.", "libhogweed.",
                                        "libtasn1."};
    bool is_tls = false, is_never = false;

    (void)size;
    (void)opaque;
    for (size_t i = 0; i < sizeof(tls) / sizeof(tls[0]); i++) {
        is_tls = is_tls || strstr(info->dlpi_name, tls[i]);
    }
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        is_never = is_never || strstr(info->dlpi_name, never[i]);
    }
    for (int i = 0; (is_tls || is_never) && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];

        if (h->p_type == PT_LOAD && (h->p_flags & PF_X) && nranges < RANGES) {
            ranges[nranges].from = info->dlpi_addr + h->p_vaddr;
            ranges[nranges].to = ranges[nranges].from + h->p_memsz;
            ranges[nranges++].never = is_never;
        }
    }
    return 0;
}

static void note_function(uintptr_t at)
{
    if (at && nranges < RANGES) {
        ranges[nranges++] = (struct range){at, at + CODE, true};
    }
}

/* GnuTLS gives GMP functions that abort() as GMP's own would. */
static void note_gmp(void)
{
    void *(*alloc)(size_t) = NULL;
    void *(*change)(void *, size_t, size_t) = NULL;
    void (*get)(void *(**)(size_t), void *(**)(void *, size_t, size_t),
                void (**)(void *, size_t));

    *(void **)&get = dlsym(RTLD_DEFAULT, "__gmp_get_memory_functions");
    if (!get) {
        return;
    }
    get(&alloc, &change, NULL);
    note_function((uintptr_t)alloc);
    note_function((uintptr_t)change);
}

#ifndef SANITIZER

/* Whether the caller's allocations count now. */
static bool counts(const void *caller, size_t size)
{
    uintptr_t at = (uintptr_t)caller;
    unsigned who = atomic_load(&whose);
    bool tls = false;

    for (size_t i = 0; i < nranges; i++) {
        if (at >= ranges[i].from && at < ranges[i].to) {
            if (ranges[i].never) {
                return false;
            }
            tls = true;
        }
    }
    if (tls && spared > 0) {
        spared--;
        return false;
    }
    if (!tls && size && size == atomic_load(&spare_after)) {
        spared = atomic_load(&spare_count);
    }
    return tls ? !(who & FAILMALLOC_NOT_TLS) : !(who & FAILMALLOC_TLS);
}

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

static bool must_fail(const void *caller, size_t size)
{
    long left;

    if (!atomic_load(&armed) || !(mine || atomic_load(&everybody)) ||
        !counts(caller, size)) {
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

#define CALLER __builtin_return_address(0)

void *malloc(size_t size)
{
    return must_fail(CALLER, size) ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return must_fail(CALLER, 0) ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t size)
{
    if (p && size == 0) {
        free(p);
        return NULL;
    }
    if (must_fail(CALLER, size)) {
        return NULL;
    }
    return p ? __libc_realloc(p, size) : counted(__libc_malloc(size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return must_fail(CALLER, size) ? NULL
                                   : counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p = must_fail(CALLER, size)
                  ? NULL
                  : counted(__libc_memalign(alignment, size));

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
    if (!nranges) {
        note_gmp();
        note_function((uintptr_t)dlsym(RTLD_DEFAULT, "gnutls_x509_dn_init"));
        dl_iterate_phdr(note_object, NULL);
    }
    atomic_store(&failed, false);
    atomic_store(&whose, flags);
    atomic_store(&persist, flags & FAILMALLOC_PERSIST);
    atomic_store(&everybody, flags & FAILMALLOC_PROCESS);
    atomic_store(&countdown, n);
    mine = true;
    spared = 0;
    atomic_store(&armed, true);
}

void failmalloc_spare(size_t after, long count)
{
    atomic_store(&spare_after, after);
    atomic_store(&spare_count, count);
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

/* One run with the n-th failing. Whether it came to that. */
static bool one_run(failmalloc_scenario *scenario, void *opaque, unsigned flags,
                    long n)
{
    int fds = qiotest_count_fds(), fds_after;
    long before = failmalloc_live(), after;
    QIOError *err = NULL;
    bool ok, hit;

    failmalloc_arm(n, flags);
    ok = scenario(opaque, &err);
    hit = failmalloc_disarm();
    judge(n, ok, hit, err);
    qio_error_free(err);
    after = failmalloc_live();
    fds_after = qiotest_count_fds();
    ck_assert_msg(fds_after == fds, "allocation %ld: %d descriptors leaked", n,
                  fds_after - fds);
    if (flags & FAILMALLOC_NO_LEAK) {
        ck_assert_msg(after == before, "allocation %ld: %ld pieces leaked", n,
                      after - before);
    }
    return hit;
}

/* A first run fills what fills itself once: locales, stdio, caches. */
static void warm_up(failmalloc_scenario *scenario, void *opaque)
{
    QIOError *err = NULL;
    bool ok = scenario(opaque, &err);

    judge(0, ok, false, err);
}

long failmalloc_each(failmalloc_scenario *scenario, void *opaque,
                     unsigned flags)
{
    warm_up(scenario, opaque);
    for (long n = 1; n < AT_MOST; n++) {
        if (!one_run(scenario, opaque, flags, n)) {
            return n - 1;
        }
    }
    ck_abort_msg("no end after %d allocations", AT_MOST);
    return -1;
}

long failmalloc_sample(failmalloc_scenario *scenario, void *opaque,
                       unsigned flags, long runs, long *all)
{
    long total, n, step = 1, tried = 0;

    warm_up(scenario, opaque);
    ck_assert(!one_run(scenario, opaque, flags, AT_MOST));
    total = AT_MOST - atomic_load(&countdown);
    if (!getenv("QIO_NOMEM_ALL") && total > runs) {
        step = total / runs + 1;
    }
    for (n = 1; one_run(scenario, opaque, flags, n); n += step) {
        ck_assert_int_lt(n, AT_MOST);
        tried++;
    }
    *all = total;
    return tried;
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A search through this process's memory; see memsearch.h. */
#include <config.h>
#include "memsearch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "qiotest.h"

#define MASK 0xa5
#define WINDOW 12
#define PIECE (1u << 20)
#define RANGES 24

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER
#endif
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define SANITIZER
#endif
#endif

#ifdef SANITIZER

bool memsearch_works(void)
{
    return false;
}

#else

bool memsearch_works(void)
{
    return true;
}

/* ---- what others give back ---- */

static struct {
    uintptr_t from, to;
} ranges[RANGES];
static size_t nranges;

static int note_object(struct dl_phdr_info *info, size_t size, void *opaque)
{
    static const char *const names[] = {
        "libgnutls.",  "libnettle.", "libhogweed.", "libgmp.",
        "libp11-kit.", "libtasn1.",  "libidn2.",    "libunistring.",
    };
    bool wanted = false;

    (void)size;
    (void)opaque;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        wanted = wanted || strstr(info->dlpi_name, names[i]);
    }
    for (int i = 0; wanted && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];

        if (h->p_type == PT_LOAD && (h->p_flags & PF_X) && nranges < RANGES) {
            ranges[nranges].from = info->dlpi_addr + h->p_vaddr;
            ranges[nranges].to = ranges[nranges].from + h->p_memsz;
            nranges++;
        }
    }
    return 0;
}

__attribute__((constructor)) static void note_objects(void)
{
    dl_iterate_phdr(note_object, NULL);
}

static bool is_theirs(const void *caller)
{
    for (size_t i = 0; i < nranges; i++) {
        if ((uintptr_t)caller >= ranges[i].from &&
            (uintptr_t)caller < ranges[i].to) {
            return true;
        }
    }
    return false;
}

void __libc_free(void *p);
void *__libc_realloc(void *p, size_t size);

QIO_API void free(void *p)
{
    if (p && is_theirs(__builtin_return_address(0))) {
        explicit_bzero(p, malloc_usable_size(p));
    }
    __libc_free(p);
}

QIO_API void *realloc(void *p, size_t size)
{
    size_t old = p ? malloc_usable_size(p) : 0;
    void *q;

    if (!p || !size || !is_theirs(__builtin_return_address(0))) {
        return __libc_realloc(p, size);
    }
    q = malloc(size);
    if (q) {
        memcpy(q, p, old < size ? old : size);
        explicit_bzero(p, old);
        __libc_free(p);
    }
    return q;
}

#endif

/* ---- the secret ---- */

void memsearch_take(struct memsearch *m, const char *name, void *data,
                    size_t len)
{
    unsigned char *p = data;

    ck_assert_uint_le(len, MEMSEARCH_MAX);
    m->name = name;
    m->len = len;
    for (size_t i = 0; i < len; i++) {
        m->masked[i] = p[i] ^ MASK;
    }
    explicit_bzero(data, len);
}

void memsearch_unmask(const struct memsearch *m, void *data)
{
    unsigned char *p = data;

    for (size_t i = 0; i < m->len; i++) {
        p[i] = m->masked[i] ^ MASK;
    }
}

static size_t window(const struct memsearch *m)
{
    return m->len < WINDOW ? m->len : WINDOW;
}

static bool is_part(const unsigned char *masked, const unsigned char *p,
                    size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((p[i] ^ MASK) != masked[i]) {
            return false;
        }
    }
    return true;
}

/* Its end as well: malloc() writes over the beginning of what is freed. */
static bool is_at(const struct memsearch *m, const unsigned char *p)
{
    size_t len = window(m);

    return is_part(m->masked, p, len) ||
           is_part(m->masked + m->len - len, p, len);
}

bool memsearch_in(const struct memsearch *m, const char *text)
{
    size_t len = strlen(text), size = window(m);

    for (size_t i = 0; i + size <= len; i++) {
        if (is_at(m, (const unsigned char *)text + i)) {
            return true;
        }
    }
    return false;
}

/* ---- memory ---- */

/* Pieces of memory pass through here, so it is no place to search. */
static unsigned char piece[PIECE];

static unsigned search(const struct memsearch *m, int mem, uintptr_t from,
                       uintptr_t to)
{
    size_t size = window(m);
    unsigned found = 0;

    while (from < to) {
        size_t want = to - from < PIECE ? to - from : PIECE;
        ssize_t n = pread(mem, piece, want, (off_t)from);
        size_t i;

        if (n < (ssize_t)size) {
            break;
        }
        for (i = 0; i + size <= (size_t)n; i++) {
            found += from + i + size <= (uintptr_t)piece ||
                             from + i >= (uintptr_t)piece + PIECE
                         ? is_at(m, piece + i)
                         : 0;
        }
        from += (size_t)n == to - from ? (size_t)n : (size_t)n - size + 1;
    }
    explicit_bzero(piece, PIECE);
    return found;
}

unsigned memsearch_count(const struct memsearch *m)
{
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned found = 0;
    char line[512];

    ck_assert_int_ge(mem, 0);
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof(line), maps)) {
        uintptr_t from, to;
        char mode[5];

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &from, &to, mode) ==
                3 &&
            mode[0] == 'r' && mode[1] == 'w' && !strstr(line, "[stack]")) {
            found += search(m, mem, from, to);
        }
    }
    fclose(maps);
    close(mem);
    return found;
}

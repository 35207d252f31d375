/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a secret is still somewhere in this process: a search through all
 * its writable memory, but for stacks.
 *
 * What is ours. GnuTLS and the libraries beneath it free memory that they have
 * not wiped, and we cannot. So a program that is linked with this wipes, in
 * free() and realloc(), what these libraries give back; what the search then
 * finds was left by us, or is still held by somebody. Stacks are left out:
 * there all of us have been, and the next call goes over it.
 *
 * A secret is kept masked, so that the search does not find itself.
 */
#ifndef MEMSEARCH_H
#define MEMSEARCH_H

#include <stdbool.h>
#include <stddef.h>

#define MEMSEARCH_MAX 128

struct memsearch {
    const char *name; /* for messages */
    unsigned char masked[MEMSEARCH_MAX];
    size_t len;
};

/* False under sanitizers, which have a free() of their own. */
bool memsearch_works(void);

/* Remember data, which is wiped. */
void memsearch_take(struct memsearch *m, const char *name, void *data,
                    size_t len);
/* The secret again, for use; to be wiped. */
void memsearch_unmask(const struct memsearch *m, void *data);

/* How many times its first or its last bytes are in memory, twelve of them or
 * all if there are fewer. */
unsigned memsearch_count(const struct memsearch *m);
/* Whether it is in a text. */
bool memsearch_in(const struct memsearch *m, const char *text);

#endif

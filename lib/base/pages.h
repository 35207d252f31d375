/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory for bulk data. What the kernel hands out mostly begins at a page, and
 * so does this: a copy whose destination begins a few bytes further into its
 * page than the source, as malloc() has it for large blocks, takes twice the
 * time on some processors (AMD Zen 3 and 4, where loads wait for the stores
 * before them at the same place of another page).
 */
#ifndef QIOP_BASE_PAGES_H
#define QIOP_BASE_PAGES_H

#include <stddef.h>

/* NULL without memory; free() it. Below some pages it is malloc()'s. */
void *qiop_pages_alloc(size_t size);

#endif

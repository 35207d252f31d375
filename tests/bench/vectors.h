/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether libipsec-mb has more than GnuTLS for this processor. */
#ifndef QIO_BENCH_VECTORS_H
#define QIO_BENCH_VECTORS_H

/* NULL when its AES-GCM works with the wide instructions (VAES) here; or why it
 * does not, and then the best engine need not be faster than the others. */
const char *bench_without_vaes(void);
/* Print that, if it is so. */
void bench_tell_vaes(void);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The proof that layers stack: the contract over every base, with every layer
 * and every two of them, with a trickle at each place in between, above and
 * beneath, used blocking, non-blocking and through a loop.
 *
 * That is too much for make check, which runs a choice in which every base
 * meets each layer and half of the pairs of layers, and each of them every
 * mode. With QIO_MATRIX=all in the environment (make check-long) it is the
 * whole; QIO_MATRIX_PART=0/4 takes the first of four parts of it.
 */
#ifndef QIOTEST_MATRIX_H
#define QIOTEST_MATRIX_H

/* The matrix of these bases, NULL at the end, as a program's main. */
int matrix_main(const char *const bases[]);

#endif

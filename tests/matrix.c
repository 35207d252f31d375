/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contract over stacks of channels; see matrix.h. */
#include <config.h>
#include "matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "contract.h"
#include "qiotest.h"
#include "stacks.h"

#define MAX_LAYERS 2
#define N_MODES 3
/* Without a trickle, after each storey, everywhere. */
#define MAX_PLACES (MAX_LAYERS + 3)

static const char *const all_bases[] = {
    "socketpair", "unix", "tcp", "pipes", "command", "buffer",
};

/* From the bottom up. */
static const struct combination {
    const char *layer[MAX_LAYERS];
    unsigned n;
} combinations[] = {
    {{NULL, NULL}, 0},  {{"tls", NULL}, 1}, {{"ws", NULL}, 1},
    {{"ws", "tls"}, 2}, {{"tls", "ws"}, 2}, {{"tls", "tls"}, 2},
    {{"ws", "ws"}, 2},
};

static const struct mode {
    const char *name;
    unsigned traits;
} modes[N_MODES] = {
    {"blocking", 0},
    {"non-blocking", CONTRACT_NONBLOCKING},
    {"loop", CONTRACT_LOOP},
};

#define N_BASES (sizeof(all_bases) / sizeof(all_bases[0]))
#define N_COMBINATIONS (sizeof(combinations) / sizeof(combinations[0]))

static struct cell {
    char text[64];
    char name[96];
    struct qio_contract contract;
} cells[N_BASES * N_COMBINATIONS * MAX_PLACES * N_MODES];
static size_t n_cells, n_seen;
/* Of all that would be run every part_of-th, from part on. */
static size_t part, part_of = 1;

/* ---- one cell ---- */

static unsigned places(const struct combination *c)
{
    return c->n ? c->n + 3 : 2;
}

static void describe(char *text, size_t size, const char *base,
                     const struct combination *c, unsigned place)
{
    bool everywhere = place == c->n + 2;
    int len = snprintf(text, size, "%s", base);

    for (unsigned storey = 0;; storey++) {
        if (everywhere || place == storey + 1) {
            len += snprintf(text + len, size - (size_t)len, ",trickle");
        }
        if (storey == c->n) {
            return;
        }
        len +=
            snprintf(text + len, size - (size_t)len, ",%s", c->layer[storey]);
    }
}

static void add_cell(Suite *s, const char *base, const struct combination *c,
                     unsigned place, const struct mode *mode)
{
    struct cell *cell = &cells[n_cells++];
    char text[sizeof(cell->text)];

    describe(text, sizeof(text), base, c, place);
    memcpy(cell->text, text, sizeof(text));
    snprintf(cell->name, sizeof(cell->name), "%s, %s", text, mode->name);
    cell->contract = (struct qio_contract){
        .name = cell->name,
        .make = stack_make,
        .opaque = cell->text,
        .traits = stack_traits(cell->text) | mode->traits | CONTRACT_BRIEF,
        .volume = stack_volume(cell->text),
    };
    qio_contract_suite(s, &cell->contract);
}

/* ---- which ---- */

static bool is_chosen(unsigned b, unsigned c, unsigned place, unsigned mode)
{
    const struct combination *layers = &combinations[c];

    return (layers->n < 2 || (b + c) % 2 == 0) && place == b % places(layers) &&
           mode == (b / 2 + c) % N_MODES;
}

static void add_base(Suite *s, unsigned b, bool all)
{
    for (unsigned c = 0; c < N_COMBINATIONS; c++) {
        for (unsigned p = 0; p < places(&combinations[c]); p++) {
            for (unsigned m = 0; m < N_MODES; m++) {
                if ((all || is_chosen(b, c, p, m)) &&
                    n_seen++ % part_of == part) {
                    add_cell(s, all_bases[b], &combinations[c], p, &modes[m]);
                }
            }
        }
    }
}

int matrix_main(const char *const bases[])
{
    const char *wanted = getenv("QIO_MATRIX");
    const char *share = getenv("QIO_MATRIX_PART");
    bool all = wanted && strcmp(wanted, "all") == 0;
    Suite *s = suite_create("matrix");

    if (share &&
        (sscanf(share, "%zu/%zu", &part, &part_of) != 2 || part >= part_of)) {
        fprintf(stderr, "no part '%s': 0/4 is the first of four\n", share);
        return EXIT_FAILURE;
    }
    for (; *bases; bases++) {
        size_t before = n_seen;

        for (unsigned b = 0; b < N_BASES; b++) {
            if (strcmp(all_bases[b], *bases) == 0) {
                add_base(s, b, all);
            }
        }
        if (n_seen == before) {
            fprintf(stderr, "no base '%s'\n", *bases);
            return EXIT_FAILURE;
        }
    }
    return qiotest_main(s);
}

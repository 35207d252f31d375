/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contract: a cork may hold bytes back, and loses none. */
#include <config.h>
#include "contract-priv.h"

#define TIMES 40

static void write_often(struct run *r)
{
    for (int i = 0; i < TIMES; i++) {
        write_text(r, r->pair[0], "piece ");
    }
}

static void expect_often(struct run *r)
{
    for (int i = 0; i < TIMES; i++) {
        expect_text(r, r->pair[1], "piece ");
    }
}

static void flushed_while_corked(struct run *r)
{
    qio_channel_set_cork(r->pair[0], true);
    for (int i = 0; i < 2; i++) {
        write_often(r);
        push(r, r->pair[0]);
        expect_often(r);
    }
}

static void uncorked(struct run *r)
{
    for (int i = 0; i < 2; i++) {
        qio_channel_set_cork(r->pair[0], true);
        write_often(r);
        qio_channel_set_cork(r->pair[0], false);
        push(r, r->pair[0]);
        expect_often(r);
    }
    write_text(r, r->pair[0], "free");
    expect_text(r, r->pair[1], "free");
}

/* More than anybody holds, in pieces that fill nothing exactly. */
static void much_while_corked(struct run *r)
{
    struct mover w = {.ioc = r->pair[0],
                      .write = true,
                      .bytes = r->volume,
                      .chunk = 3001,
                      .seed = 2};
    struct mover in = {.ioc = r->pair[1], .bytes = r->volume, .seed = 2};

    qio_channel_set_cork(r->pair[0], true);
    mover_start(&w);
    mover_run(&in);
    mover_finish(&w);
    qiotest_ok(&in.err);
    ck_assert_uint_eq(in.done, in.bytes);
}

/* Who holds his own words back can hear the other's. */
static void answers_while_corked(struct run *r)
{
    qio_channel_set_cork(r->pair[0], true);
    write_text(r, r->pair[0], "question");
    write_text(r, r->pair[1], "something else");
    expect_text(r, r->pair[0], "something else");
    push(r, r->pair[0]);
    expect_text(r, r->pair[1], "question");
}

static void ends_while_corked(struct run *r)
{
    qio_channel_set_cork(r->pair[0], true);
    write_often(r);
    close_end(r, 0);
    expect_often(r);
    expect_end(r, r->pair[1]);
}

const struct contract_test contract_cork_tests[] = {
    {"flushed_while_corked", 0, 0, flushed_while_corked},
    {"uncorked", 0, 0, uncorked},
    {"much_while_corked", 0, CONTRACT_BRIEF, much_while_corked},
    {"answers_while_corked", 0, CONTRACT_ONE_WAY, answers_while_corked},
    {"ends_while_corked", 0, 0, ends_while_corked},
    {NULL, 0, 0, NULL},
};

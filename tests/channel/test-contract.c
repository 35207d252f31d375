/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contract, run by every leaf type and by the trickle layer. */
#include <config.h>
#include "contract.h"
#include "pairs.h"
#include "qiotest.h"

#include <stdio.h>

static struct trickle_script splits = {.max_read = 100, .max_write = 70};
static struct trickle_script stutters = {
    .max_read = 3000, .max_write = 5000, .stutter = true};
static struct trickle_script pauses = {.max_read = 60000,
                                       .stutter = true,
                                       .pause_us = 200,
                                       .stall_after = 50,
                                       .stall_us = 30000};

static const struct qio_contract contracts[] = {
    {"unix", pair_unix, NULL,
     CONTRACT_HALF_CLOSE | CONTRACT_FD_PASS | CONTRACT_PEEK, 0},
    {"tcp", pair_tcp, NULL, CONTRACT_HALF_CLOSE | CONTRACT_PEEK, 0},
    {"fd over pipes", pair_pipes, NULL, CONTRACT_HALF_CLOSE, 0},
    {"fd over one pipe", pair_pipe, NULL,
     CONTRACT_ONE_WAY | CONTRACT_HALF_CLOSE, 0},
    {"split", pair_trickle, &splits, CONTRACT_HALF_CLOSE, 300000},
    {"stutter", pair_trickle, &stutters, CONTRACT_HALF_CLOSE, 1u << 20},
    {"pause", pair_trickle, &pauses, CONTRACT_HALF_CLOSE, 1u << 20},
};

static const struct qio_contract tcp6 = {
    "tcp6", pair_tcp6, NULL, CONTRACT_HALF_CLOSE | CONTRACT_PEEK, 1u << 20};
static const struct qio_contract mptcp = {
    "mptcp", pair_mptcp, NULL,
    CONTRACT_HALF_CLOSE | CONTRACT_PEEK | CONTRACT_GONE_IS_NOT_SEEN, 1u << 20};

/* What not every machine has. */
static void add_if_possible(Suite *s, const struct qio_contract *c)
{
    QIOChannel *pair[2];

    if (c->make(c->opaque, pair, NULL) < 0) {
        printf("left out: %s, this machine does not have it\n", c->name);
        return;
    }
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    qio_contract_suite(s, c);
}

int main(void)
{
    Suite *s = suite_create("contract");

    for (size_t i = 0; i < sizeof(contracts) / sizeof(contracts[0]); i++) {
        qio_contract_suite(s, &contracts[i]);
    }
    add_if_possible(s, &tcp6);
    add_if_possible(s, &mptcp);
    return qiotest_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contract, run by every leaf type and by the trickle layer. */
#include <config.h>
#include "contract.h"
#include "pairs.h"
#include "qiotest.h"

#include <stdio.h>
#include <sys/socket.h>
#include "base/fd.h"

static struct trickle_script splits = {.max_read = 100, .max_write = 70};
static struct trickle_script stutters = {
    .max_read = 3000, .max_write = 5000, .stutter = true};
static struct trickle_script pauses = {
    .max_read = 60000, .stutter = true, .pause_us = 200, .stall_after = 50,
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

int main(void)
{
    Suite *s = suite_create("contract");
    int fds[2];

    for (size_t i = 0; i < sizeof(contracts) / sizeof(contracts[0]); i++) {
        qio_contract_suite(s, &contracts[i]);
    }
    if (pair_of_sockets(AF_INET6, fds) == 0) {
        qiop_fd_close_many(fds, 2);
        qio_contract_suite(s, &tcp6);
    } else {
        printf("left out: tcp6, this machine has no IPv6 loopback\n");
    }
    return qiotest_main(s);
}

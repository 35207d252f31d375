/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contract, run by channels that stand on several others. */
#include <config.h>
#include "contract.h"
#include "manypair.h"
#include "qiotest.h"

static struct manypair one = {.count = 1};
static struct manypair three = {.count = 3};
static struct manypair two_tls = {.count = 2, .tls = true};
static struct manypair threads = {.count = 3, .threads = true};
static struct manypair tls_threads = {.count = 2, .tls = true, .threads = true};

#define TRAITS (CONTRACT_HALF_CLOSE | CONTRACT_CLOSE_IS_ABRUPT)

static const struct qio_contract contracts[] = {
    {"one connection", pair_many, &one, TRAITS | CONTRACT_BRIEF, 0},
    {"three connections", pair_many, &three, TRAITS, 0},
    {"three connections, non-blocking", pair_many, &three,
     TRAITS | CONTRACT_NONBLOCKING | CONTRACT_BRIEF, 0},
    {"two TLS connections in a loop", pair_many, &two_tls,
     TRAITS | CONTRACT_LOOP | CONTRACT_BRIEF, 0},
    {"three connections with threads", pair_many, &threads,
     TRAITS | CONTRACT_WRITES_BEHIND, 0},
    {"two TLS connections with threads in a loop", pair_many, &tls_threads,
     TRAITS | CONTRACT_WRITES_BEHIND | CONTRACT_LOOP | CONTRACT_BRIEF, 0},
};

int main(void)
{
    Suite *s = suite_create("contract of channels");

    for (size_t i = 0; i < sizeof(contracts) / sizeof(contracts[0]); i++) {
        qio_contract_suite(s, &contracts[i]);
    }
    return qiotest_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contract, run by a command whose other side is two fifos. */
#include <config.h>
#include "contract.h"
#include "pairs.h"
#include "qiotest.h"

static const struct qio_contract contract = {"command", pair_command, NULL,
                                             CONTRACT_HALF_CLOSE, 1u << 20};

int main(void)
{
    Suite *s = suite_create("contract");

    qio_contract_suite(s, &contract);
    return qiotest_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contract, run by websocket channels over every kind of channel, TLS and
 * themselves included, and by TLS over them. */
#include <config.h>
#include "contract.h"
#include "pairs.h"
#include "qiotest.h"
#include "tlspair.h"
#include "wspair.h"

/* TLS over whatever it is; with keys, for they are quickly made. */
static int pair_tls(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    const struct websocket_over *o = opaque;
    struct tlspair_creds creds;
    QIOChannel *base[2];

    if (o->base(o->opaque, base, errp) < 0) {
        return -1;
    }
    tlspair_creds_make_psk(&creds, NULL);
    tlspair_open(&creds, base[0], base[1], &pair[0], &pair[1]);
    tlspair_creds_free(&creds);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
    return 0;
}

static struct trickle_script splits = {
    .max_read = 100, .max_write = 70, .stutter = true};
static struct trickle_script bytes = {.max_read = 13, .max_write = 31};
static struct trickle_script pauses = {.max_read = 60000,
                                       .stutter = true,
                                       .pause_us = 200,
                                       .stall_after = 3000,
                                       .stall_us = 30000};

static struct websocket_over over_unix = {pair_unix, NULL, false};
static struct websocket_over over_tcp = {pair_tcp, NULL, false};
static struct websocket_over back_over_tcp = {pair_tcp, NULL, true};
static struct websocket_over over_pipes = {pair_pipes, NULL, false};
static struct websocket_over over_splits = {pair_trickle, &splits, false};
static struct websocket_over back_over_splits = {pair_trickle, &splits, true};
static struct websocket_over over_bytes = {pair_trickle, &bytes, false};
static struct websocket_over over_pauses = {pair_trickle, &pauses, true};
static struct websocket_over tls_over_unix = {pair_unix, NULL, false};
static struct websocket_over over_tls = {pair_tls, &tls_over_unix, false};
static struct websocket_over tls_over = {pair_websocket, &over_unix, false};
static struct websocket_over over_websocket = {pair_websocket, &over_unix,
                                               true};

#define TRAITS                                                                 \
    (CONTRACT_HALF_CLOSE | CONTRACT_ABRUPT_IS_TRUNCATION |                     \
     CONTRACT_WEBSOCKET_ENDS)
#define SLOW (TRAITS | CONTRACT_CLOSE_IS_ABRUPT)
#define STACKED                                                                \
    (CONTRACT_HALF_CLOSE | CONTRACT_ABRUPT_IS_TRUNCATION |                     \
     CONTRACT_CUT_SEEN_BELOW)

static const struct qio_contract contracts[] = {
    {"client over unix", pair_websocket, &over_unix, TRAITS, 0},
    {"client over tcp", pair_websocket, &over_tcp, TRAITS, 0},
    {"server over tcp", pair_websocket, &back_over_tcp, TRAITS, 0},
    {"client over pipes", pair_websocket, &over_pipes, TRAITS, 0},
    {"client over split", pair_websocket, &over_splits, SLOW, 100000},
    {"server over split", pair_websocket, &back_over_splits, SLOW, 100000},
    {"client over crumbs", pair_websocket, &over_bytes, SLOW, 20000},
    {"server over pause", pair_websocket, &over_pauses, SLOW, 1u << 20},
    {"websocket over tls", pair_websocket, &over_tls, STACKED, 1u << 20},
    {"tls over websocket", pair_tls, &tls_over,
     STACKED | CONTRACT_WEBSOCKET_ENDS, 1u << 20},
    {"websocket over websocket", pair_websocket, &over_websocket,
     STACKED | CONTRACT_WEBSOCKET_ENDS, 1u << 20},
};

int main(void)
{
    Suite *s = suite_create("contract of websocket");

    for (size_t i = 0; i < sizeof(contracts) / sizeof(contracts[0]); i++) {
        qio_contract_suite(s, &contracts[i]);
    }
    return qiotest_main(s);
}

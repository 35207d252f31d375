/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contract, run by TLS channels over every kind of channel, themselves
 * included. */
#include <config.h>
#include "contract.h"
#include "pairs.h"
#include "qiotest.h"
#include "tlspair.h"

struct tls_over {
    int (*base)(void *opaque, QIOChannel *pair[2], QIOError **errp);
    void *opaque;
    const char *priority; /* NULL: the default */
    bool psk;
    const char *engine; /* of records; NULL: the default */
};

/* A TLS client at pair[0] and a server at pair[1]; the creds live on in the
 * channels. */
static int pair_tls(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    const struct tls_over *t = opaque;
    struct tlspair_creds creds;
    QIOChannel *base[2];

    if (t->base(t->opaque, base, errp) < 0) {
        return -1;
    }
    if (t->psk) {
        tlspair_creds_make_psk(&creds, t->priority);
    } else {
        tlspair_creds_make(&creds, t->priority);
    }
    if (qio_tls_creds_set_engine(creds.client, t->engine, errp) < 0 ||
        qio_tls_creds_set_engine(creds.server, t->engine, errp) < 0) {
        return -1;
    }
    tlspair_open(&creds, base[0], base[1], &pair[0], &pair[1]);
    tlspair_creds_free(&creds);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
    return 0;
}

#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"

static struct trickle_script splits = {
    .max_read = 100, .max_write = 70, .stutter = true};
static struct trickle_script pauses = {.max_read = 60000,
                                       .stutter = true,
                                       .pause_us = 200,
                                       .stall_after = 3000,
                                       .stall_us = 30000};

static struct tls_over over_unix = {.base = pair_unix};
static struct tls_over over_tcp = {.base = pair_tcp};
static struct tls_over tls12_over_unix = {.base = pair_unix, .priority = TLS12};
static struct tls_over over_pipes = {.base = pair_pipes, .psk = true};
static struct tls_over over_splits = {
    .base = pair_trickle, .opaque = &splits, .psk = true};
static struct tls_over over_pauses = {
    .base = pair_trickle, .opaque = &pauses, .psk = true};
static struct tls_over over_tls = {
    .base = pair_tls, .opaque = &over_unix, .psk = true};

static struct tls_over aead_over_unix = {
    .base = pair_unix, .psk = true, .engine = "aead"};
static struct tls_over gnutls_over_unix = {
    .base = pair_unix, .psk = true, .engine = "gnutls"};

#define TRAITS (CONTRACT_HALF_CLOSE | CONTRACT_ABRUPT_IS_TRUNCATION)

static const struct qio_contract contracts[] = {
    {"tls over unix", pair_tls, &over_unix, TRAITS, 0},
    {"tls over tcp", pair_tls, &over_tcp, TRAITS, 0},
    {"tls 1.2 over unix", pair_tls, &tls12_over_unix, TRAITS, 1u << 20},
    {"tls, aead records", pair_tls, &aead_over_unix, TRAITS, 1u << 20},
    {"tls, gnutls records", pair_tls, &gnutls_over_unix, TRAITS, 1u << 20},
    {"tls over pipes", pair_tls, &over_pipes, TRAITS, 0},
    {"tls over split", pair_tls, &over_splits,
     TRAITS | CONTRACT_CLOSE_IS_ABRUPT, 100000},
    {"tls over pause", pair_tls, &over_pauses,
     TRAITS | CONTRACT_CLOSE_IS_ABRUPT, 1u << 20},
    {"tls over tls", pair_tls, &over_tls, TRAITS | CONTRACT_CUT_SEEN_BELOW,
     1u << 20},
};

int main(void)
{
    Suite *s = suite_create("contract of tls");

    for (size_t i = 0; i < sizeof(contracts) / sizeof(contracts[0]); i++) {
        qio_contract_suite(s, &contracts[i]);
    }
    return qiotest_main(s);
}

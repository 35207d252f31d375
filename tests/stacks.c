/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stacks of channels by description; see stacks.h. */
#include <config.h>
#include "stacks.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <qio/channel-socket.h>
#include "bufpair.h"
#include "contract.h"
#include "pairs.h"
#include "tlspair.h"
#include "wspair.h"

/* What the system would let it hold, megabytes, is long to fill in small
 * pieces. */
static int pair_small_tcp(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    const int size = 100000;

    if (pair_tcp(opaque, pair, errp) < 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        int fd = qio_channel_socket_get_fd(pair[i]);

        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }
    return 0;
}

static const struct base {
    const char *name;
    int (*make)(void *opaque, QIOChannel *pair[2], QIOError **errp);
    unsigned traits;
} bases[] = {
    {"socketpair", pair_unix, CONTRACT_FD_PASS | CONTRACT_PEEK},
    {"unix", pair_unix_named, CONTRACT_FD_PASS | CONTRACT_PEEK},
    {"tcp", pair_small_tcp, CONTRACT_PEEK},
    {"pipes", pair_pipes, 0},
    {"command", pair_command, 0},
    {"buffer", pair_buffer, 0},
};

/* ---- layers: in place, taking the pair's references; or failing, leaving
 * them ---- */

static void replace(QIOChannel *pair[2], QIOChannel *over[2])
{
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(pair[i]);
        pair[i] = over[i];
    }
}

static int add_tls(QIOChannel *pair[2], QIOError **errp)
{
    struct tlspair_creds creds;
    QIOChannel *over[2];

    (void)errp;
    tlspair_creds_make_psk(&creds, NULL);
    tlspair_open(&creds, pair[0], pair[1], &over[0], &over[1]);
    tlspair_creds_free(&creds);
    replace(pair, over);
    return 0;
}

static int add_websocket(QIOChannel *pair[2], QIOError **errp)
{
    QIOChannel *over[2];

    over[0] = qio_channel_websocket_new_client(pair[0], NULL, errp);
    over[1] = qio_channel_websocket_new_server(pair[1], NULL, errp);
    if (!over[0] || !over[1] || wspair_open(over[0], over[1], errp) < 0) {
        qio_channel_unref(over[0]);
        qio_channel_unref(over[1]);
        return -1;
    }
    replace(pair, over);
    return 0;
}

static int add_trickle(QIOChannel *pair[2], QIOError **errp)
{
    static const struct trickle_script script = {
        .max_read = 1300, .max_write = 700, .stutter = true};

    return trickle_wrap_pair(pair, &script, errp);
}

static const struct layer {
    const char *name;
    int (*add)(QIOChannel *pair[2], QIOError **errp);
} layers[] = {
    {"tls", add_tls},
    {"ws", add_websocket},
    {"trickle", add_trickle},
};

/* ---- descriptions ---- */

struct word {
    const char *at;
    size_t len;
};

static struct word first_word(const char *text)
{
    return (struct word){text, strcspn(text, ",")};
}

/* Whether there is another one. */
static bool next_word(struct word *w)
{
    if (!w->at[w->len]) {
        return false;
    }
    *w = first_word(w->at + w->len + 1);
    return true;
}

static bool is(const struct word *w, const char *name)
{
    return strlen(name) == w->len && strncmp(w->at, name, w->len) == 0;
}

static const struct base *find_base(const char *text)
{
    struct word w = first_word(text);

    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        if (is(&w, bases[i].name)) {
            return &bases[i];
        }
    }
    return NULL;
}

static int add_layer(const struct word *w, QIOChannel *pair[2], QIOError **errp)
{
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        if (is(w, layers[i].name)) {
            return layers[i].add(pair, errp);
        }
    }
    qio_error_set(errp, QIO_ERROR_INVALID, 0, "no layer '%.*s'", (int)w->len,
                  w->at);
    return -1;
}

int stack_make(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    const char *text = opaque;
    const struct base *base = find_base(text);
    struct word w = first_word(text);

    if (!base) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "no base in '%s'", text);
        return -1;
    }
    if (base->make(NULL, pair, errp) < 0) {
        return -1;
    }
    while (next_word(&w)) {
        if (add_layer(&w, pair, errp) < 0) {
            qio_channel_unref(pair[0]);
            qio_channel_unref(pair[1]);
            return -1;
        }
    }
    return 0;
}

unsigned stack_traits(const char *text)
{
    const struct base *base = find_base(text);
    unsigned traits = CONTRACT_HALF_CLOSE | (base ? base->traits : 0);
    struct word w = first_word(text);
    bool slow = false, lowest = true;

    while (next_word(&w)) {
        traits &= ~(unsigned)(CONTRACT_FD_PASS | CONTRACT_PEEK);
        if (is(&w, "trickle")) {
            slow = true;
            /* It does not pass the flags of reading on. */
            traits |= CONTRACT_CUT_SEEN_BELOW;
            continue;
        }
        traits |= CONTRACT_ABRUPT_IS_TRUNCATION;
        traits |= slow ? CONTRACT_CLOSE_IS_ABRUPT : 0;
        traits |= lowest ? 0 : CONTRACT_CUT_SEEN_BELOW;
        if (lowest && is(&w, "ws")) {
            traits |= CONTRACT_WEBSOCKET_ENDS;
        }
        lowest = false;
    }
    return traits;
}

size_t stack_volume(const char *text)
{
    return strstr(text, "trickle") ? 100000 : 600000;
}

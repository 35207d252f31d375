/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session that opens what its peer sends, after the handshake. The input is a
 * list of things that the peer, or somebody between the two, does: data small
 * and large, key updates, records with anything inside, bytes changed, lost,
 * repeated and made up. Whatever that is, the server reads what the client has
 * written, in its order, and nothing else; it reads all of it when nobody did
 * any harm.
 */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz-tls.h"
#include "innerseal.h"

#define FLIGHT_MAX (256 << 10)
/* GnuTLS takes eight within a second. */
#define UPDATES 7
#define BULK 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct qiop_tls_session *client, *server;
    const uint8_t *data; /* the input, what is left of it */
    size_t size;
    uint8_t flight[FLIGHT_MAX]; /* from client to server */
    size_t len;
    uint64_t sent, seen; /* by client and server */
    unsigned client_updates, server_updates;
    bool harmed;
    bool over; /* the server has read the end, or failed */
};

static struct world w;

static unsigned byte(void)
{
    if (!w.size) {
        return 0;
    }
    w.size--;
    return *w.data++;
}

/* ---- two sessions ---- */

static void move(struct qiop_tls_session *from, struct qiop_tls_session *to)
{
    struct qiop_queue flight;
    const uint8_t *p;
    size_t len;

    qiop_queue_init(&flight, 0);
    if (qiop_tls_session_output_take(from, &flight)) {
        p = qiop_queue_peek(&flight, &len);
        fuzz_tls_give(to, p, len);
    }
    qiop_queue_free(&flight, false);
}

static void connect_both(unsigned how)
{
    static const char *const engines[] = {"ipsec-mb", "aead", "gnutls"};
    static const char *const ciphers[] = {"AES-128-GCM", "CHACHA20-POLY1305"};
    static QIOTLSCreds *client[2], *server[3][2];
    unsigned engine = (how & 3) % 3, cipher = how >> 2 & 1;
    int a = QIOP_TLS_BLOCK, b = QIOP_TLS_BLOCK;

    if (!server[engine][cipher]) {
        server[engine][cipher] = fuzz_tls_creds(
            QIO_TLS_ENDPOINT_SERVER, ciphers[cipher], engines[engine]);
    }
    if (!client[cipher]) {
        client[cipher] =
            fuzz_tls_creds(QIO_TLS_ENDPOINT_CLIENT, ciphers[cipher], "aead");
    }
    w.len = 0;
    w.sent = w.seen = 0;
    w.client_updates = w.server_updates = 0;
    w.harmed = w.over = false;
    w.client = qiop_tls_session_new(client[cipher], QIO_TLS_ENDPOINT_CLIENT,
                                    NULL, NULL);
    w.server = qiop_tls_session_new(server[engine][cipher],
                                    QIO_TLS_ENDPOINT_SERVER, NULL, NULL);
    must(w.client && w.server);
    while (a == QIOP_TLS_BLOCK || b == QIOP_TLS_BLOCK) {
        a = a ? qiop_tls_session_handshake(w.client, NULL) : 0;
        move(w.client, w.server);
        b = b ? qiop_tls_session_handshake(w.server, NULL) : 0;
        move(w.server, w.client);
        must(a != -1 && b != -1);
    }
}

/* ---- what the client says ---- */

/* The stream of data is known by the position in it. */
static uint8_t at(uint64_t pos)
{
    return (uint8_t)(pos * 7 + (pos >> 8));
}

/* What the client has to say is under way. */
static void collect(void)
{
    struct qiop_queue out;

    qiop_queue_init(&out, 0);
    if (qiop_tls_session_output_take(w.client, &out)) {
        if (out.len > FLIGHT_MAX - w.len) {
            w.harmed = true;
        } else {
            w.len += qiop_queue_take(&out, w.flight + w.len, out.len);
        }
    }
    qiop_queue_free(&out, false);
}

static void say(struct qiop_tls_session *s, size_t len)
{
    static uint8_t buf[(255 + 8) << 8];
    struct iovec iov = {buf, len};
    ssize_t n;
    size_t i;

    for (i = 0; i < len; i++) {
        buf[i] = s == w.client ? at(w.sent + i) : 's';
    }
    n = qiop_tls_session_write(s, &iov, 1, 0, NULL);
    if (n > 0 && s == w.client) {
        w.sent += (uint64_t)n;
    }
}

/* Data with padding, or anything else; the client's keys in our hands. */
static void say_inner(void)
{
    static uint8_t inner[1024], rec[2048];
    unsigned type = byte(), len = byte(), padding = byte(), i;
    struct qiop_tls_sealing *from = w.client->sealing;
    size_t size;

    collect();
    if (!from || FLIGHT_MAX - w.len < sizeof(rec)) {
        return;
    }
    memset(inner, 0, sizeof(inner));
    for (i = 0; i < len; i++) {
        inner[i] = type == QIOP_RECORD_DATA ? at(w.sent + i) : (uint8_t)byte();
        if (!type) {
            inner[i] = 0; /* else this were the type */
        }
    }
    inner[len] = (uint8_t)type;
    size = innerseal(&from->r, inner, len + 1 + padding, rec);
    must(size > 0);
    from->r.seq++;
    memcpy(w.flight + w.len, rec, size);
    w.len += size;
    if (w.client->bye_sent) {
        return; /* nobody may read it */
    }
    if (type == QIOP_RECORD_DATA && len) {
        w.sent += len;
    } else {
        w.harmed = true;
    }
}

static void update(struct qiop_tls_session *s, unsigned *count, bool ask)
{
    if (*count < UPDATES) {
        ++*count;
        (void)!qiop_tls_session_update_keys(s, ask, NULL);
    }
}

/* ---- what becomes of it on the way ---- */

static void change(void)
{
    size_t pos = byte() << 8, x;

    pos |= byte();
    x = byte();
    collect();
    if (w.len && x) {
        w.flight[pos % w.len] ^= (uint8_t)x;
        w.harmed = true;
    }
}

static void lose(void)
{
    size_t n = byte() + 1;

    collect();
    n = n < w.len ? n : w.len;
    if (n) {
        memmove(w.flight, w.flight + n, w.len - n);
        w.len -= n;
        w.harmed = true;
    }
}

static void repeat(void)
{
    collect();
    if (w.len && w.len <= FLIGHT_MAX / 2) {
        memcpy(w.flight + w.len, w.flight, w.len);
        w.len *= 2;
        w.harmed = true;
    }
}

static void make_up(void)
{
    size_t n = byte(), i;

    collect();
    for (i = 0; i < n && w.len < FLIGHT_MAX; i++) {
        w.flight[w.len++] = (uint8_t)byte();
        w.harmed = true;
    }
}

/* ---- what the server reads ---- */

/* The client takes the answers, an alert perhaps. */
static void answer(void)
{
    char buf[4096];
    struct iovec iov = {buf, sizeof(buf)};
    ssize_t n;

    move(w.server, w.client);
    do {
        n = qiop_tls_session_read(w.client, &iov, 1, true, NULL);
    } while (n > 0);
}

static void fails(ssize_t n, QIOError *err)
{
    struct iovec iov = {(void *)"x", 1};

    must(n == 0 || (n == -1 && err != NULL));
    must(w.harmed || n == 0);
    w.over = true;
    if (n < 0) {
        must(qiop_tls_session_write(w.server, &iov, 1, 0, NULL) == -1);
    }
    qio_error_free(err);
}

/* Into two pieces of their own, so that a sanitizer sees their ends. */
static ssize_t read_some(size_t first, size_t second)
{
    struct iovec iov[2] = {{malloc(first + 1), first + 1},
                           {malloc(second + 1), second + 1}};
    QIOError *err = NULL;
    ssize_t n = qiop_tls_session_read(w.server, iov, 2, false, &err), i;

    for (i = 0; i < n; i++) {
        const uint8_t *p = iov[0].iov_base;

        p = (size_t)i > first ? (uint8_t *)iov[1].iov_base + (i - 1) - first
                              : p + i;
        must(*p == at(w.seen++));
    }
    must(w.seen <= w.sent);
    if (n == 0 || n == -1) {
        fails(n, err);
    }
    free(iov[0].iov_base);
    free(iov[1].iov_base);
    return n;
}

static void deliver(size_t max)
{
    size_t n;

    collect();
    n = w.len < max ? w.len : max;
    fuzz_tls_give(w.server, w.flight, n);
    memmove(w.flight, w.flight + n, w.len - n);
    w.len -= n;
}

static void read_all(void)
{
    deliver(SIZE_MAX);
    while (!w.over && read_some(20000, 500) > 0) {
        continue;
    }
}

/* ---- the list ---- */

static void one(unsigned what)
{
    switch (what % 15) {
    case 0:
        say(w.client, byte() + 1);
        break;
    case 1:
        say(w.client, (byte() + 8) << 8);
        break;
    case 2:
        say_inner();
        break;
    case 3:
        update(w.client, &w.client_updates, byte() & 1);
        break;
    case 4:
        update(w.server, &w.server_updates, byte() & 1);
        answer();
        break;
    case 5:
        say(w.server, 1 + (byte() << 5));
        answer();
        break;
    case 6:
        change();
        break;
    case 7:
        lose();
        break;
    case 8:
        repeat();
        break;
    case 9:
        make_up();
        break;
    case 10:
        deliver(byte() + 1);
        break;
    case 11:
        deliver(SIZE_MAX);
        break;
    case 12:
        read_some(byte() << 2, byte() << 7);
        answer();
        break;
    case 13:
        (void)qiop_tls_session_rest(w.server);
        break;
    default:
        (void)!qiop_tls_session_bye(w.client, NULL);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how;

    if (size < 2) {
        return 0;
    }
    connect_both(data[0]);
    how = data[0];
    w.data = data + 1;
    w.size = size - 1;
    if (how & 0x80) {
        /* Both directions at work. */
        say(w.client, BULK);
        read_all();
        say(w.server, BULK);
        answer();
    }
    while (w.size && !w.over) {
        one(byte());
    }
    read_all();
    must(w.harmed || w.seen == w.sent);
    answer();
    qiop_tls_session_free(w.client);
    qiop_tls_session_free(w.server);
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells a whole migration stream from a cut one while its bytes go by.
 *
 * The stream ends with 00 06, a length and JSON text. Nobody tells us when the
 * end has come, so at the end of each piece we ask whether it may lie inside
 * such a text. Two facts make that cheap. Text holds no control characters, so
 * looking backwards from the end of a piece to the first byte that cannot be
 * text finds the only place where a description can have begun, in RAM data
 * after a few bytes. And a scanner that keeps its place reads the text as it
 * comes, so nothing is ever kept.
 */
#include <config.h>
#include <qio/migration/follow.h>

#include <stdlib.h>
#include <string.h>

#include "json-scan.h"

#define MARK_LEN 6 /* 00 06 and the length, before the text's { */
/* A description is some 100 KiB for a small machine. */
#define DESCRIPTION_MAX (16u << 20)
/* The mark's 06 is no text, so the { of a text that is still going on lies
 * among the first few bytes after the last one that is no text. */
#define CANDIDATES (MARK_LEN - 1)
/* The return path is opened before the RAM's section begins. */
#define HEAD_MAX 4096
#define MAGIC_LEN 4

struct candidate {
    uint32_t want; /* what the mark says */
    uint32_t have;
    struct qiop_json_scan json;
};

struct QIOMigrationFollow {
    uint8_t head[HEAD_MAX];
    size_t head_len;
    bool head_done; /* no return path can be opened any more */
    bool return_path;
    uint8_t carry[MARK_LEN]; /* what came just before the next piece */
    size_t ncarry;
    struct candidate live[CANDIDATES];
    size_t nlive;
};

const uint8_t qio_migration_rp_shut[QIO_MIGRATION_RP_SHUT_LEN] = {
    0, 1, /* SHUT */
    0, 4, /* length */
    0, 0, 0, 0,
};

QIOMigrationFollow *qio_migration_follow_new(QIOError **errp)
{
    QIOMigrationFollow *f = calloc(1, sizeof(*f));

    if (!f) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    }
    return f;
}

void qio_migration_follow_free(QIOMigrationFollow *f)
{
    free(f);
}

/* ---- the beginning ---- */

static bool is_foreign(const QIOMigrationFollow *f)
{
    return f->head_len >= MAGIC_LEN && memcmp(f->head, "QEVM", MAGIC_LEN);
}

/* Where the RAM's section begins (01, a number, the length and name "ram"), or
 * the end of what is there. What follows is the guest's to choose. */
static size_t before_ram(const QIOMigrationFollow *f)
{
    static const uint8_t ram[] = {3, 'r', 'a', 'm'};
    const uint8_t *p = f->head;

    while ((p = memmem(p, f->head + f->head_len - p, ram, sizeof(ram)))) {
        if (p - f->head >= MAGIC_LEN + 5 && p[-5] == 1) {
            return p - 5 - f->head;
        }
        p++;
    }
    return f->head_len;
}

static void look_for_return_path(QIOMigrationFollow *f)
{
    /* The commands OPEN_RETURN_PATH, without data, and PING, with four. */
    static const uint8_t open_ping[] = {8, 0, 1, 0, 0, 8, 0, 2, 0, 4};
    size_t len = before_ram(f);

    f->return_path = memmem(f->head, len, open_ping, sizeof(open_ping));
    f->head_done =
        f->return_path || len < f->head_len || f->head_len == HEAD_MAX;
}

static void feed_head(QIOMigrationFollow *f, const uint8_t *data, size_t len)
{
    size_t n = HEAD_MAX - f->head_len;

    if (f->head_done) {
        return;
    }
    n = len < n ? len : n;
    memcpy(f->head + f->head_len, data, n);
    f->head_len += n;
    if (!is_foreign(f)) {
        look_for_return_path(f);
    }
}

bool qio_migration_follow_wants_return_path(const QIOMigrationFollow *f)
{
    return f->return_path;
}

/* ---- the end ---- */

/* More of a candidate's text. false: it is none. */
static bool read_on(struct candidate *c, const uint8_t *data, size_t len)
{
    if (len > c->want - c->have) {
        return false;
    }
    c->have += len;
    return qiop_json_scan_feed(&c->json, data, len);
}

static void read_on_all(QIOMigrationFollow *f, const uint8_t *data, size_t len)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->nlive; i++) {
        if (read_on(&f->live[i], data, len)) {
            f->live[kept++] = f->live[i];
        }
    }
    f->nlive = kept;
}

static bool is_text(uint8_t c)
{
    return c >= ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where the text begins that goes up to the end of data, NULs behind it
 * allowed; len if there is none. */
static size_t text_start(const uint8_t *data, size_t len)
{
    size_t nuls = 0;
    size_t i;

    while (nuls < len && nuls <= QIOP_JSON_SCAN_NULS && !data[len - 1 - nuls]) {
        nuls++;
    }
    i = len - nuls;
    while (i > 0 && is_text(data[i - 1])) {
        i--;
    }
    return i;
}

/* The mark before data[at], which may lie in the pieces before. */
static bool mark_before(const QIOMigrationFollow *f, const uint8_t *data,
                        size_t at, uint8_t mark[MARK_LEN])
{
    size_t before = at < MARK_LEN ? MARK_LEN - at : 0;
    size_t here = MARK_LEN - before;

    if (before > f->ncarry) {
        return false;
    }
    memcpy(mark, f->carry + f->ncarry - before, before);
    memcpy(mark + before, data + at - here, here);
    return mark[0] == 0 && mark[1] == 6;
}

static void try_candidate(QIOMigrationFollow *f, const uint8_t *data,
                          size_t len, size_t at)
{
    uint8_t mark[MARK_LEN];
    struct candidate *c;

    if (data[at] != '{' || !mark_before(f, data, at, mark) ||
        f->nlive == CANDIDATES) {
        return;
    }
    c = &f->live[f->nlive];
    c->want = (uint32_t)mark[2] << 24 | mark[3] << 16 | mark[4] << 8 | mark[5];
    c->have = 0;
    qiop_json_scan_init(&c->json);
    if (c->want <= DESCRIPTION_MAX && read_on(c, data + at, len - at)) {
        f->nlive++;
    }
}

static void find_candidates(QIOMigrationFollow *f, const uint8_t *data,
                            size_t len)
{
    size_t start = text_start(data, len);

    for (size_t i = start; i < len && i - start < CANDIDATES; i++) {
        try_candidate(f, data, len, i);
    }
}

static void carry_over(QIOMigrationFollow *f, const uint8_t *data, size_t len)
{
    size_t n = len < MARK_LEN ? len : MARK_LEN;
    size_t old = f->ncarry < MARK_LEN - n ? f->ncarry : MARK_LEN - n;

    memmove(f->carry, f->carry + f->ncarry - old, old);
    memcpy(f->carry + old, data + len - n, n);
    f->ncarry = old + n;
}

int qio_migration_follow_feed(QIOMigrationFollow *f, const void *data,
                              size_t len, QIOError **errp)
{
    (void)errp;
    if (!len) {
        return 0;
    }
    feed_head(f, data, len);
    if (is_foreign(f)) {
        return 0;
    }
    read_on_all(f, data, len);
    find_candidates(f, data, len);
    carry_over(f, data, len);
    return 0;
}

QIOMigrationFollowState qio_migration_follow_state(QIOMigrationFollow *f)
{
    if (f->head_len < MAGIC_LEN) {
        return QIO_MIGRATION_FOLLOW_START;
    }
    if (is_foreign(f)) {
        return QIO_MIGRATION_FOLLOW_FOREIGN;
    }
    for (size_t i = 0; i < f->nlive; i++) {
        const struct candidate *c = &f->live[i];

        if (c->have == c->want && qiop_json_scan_complete(&c->json)) {
            return QIO_MIGRATION_FOLLOW_WHOLE;
        }
    }
    return QIO_MIGRATION_FOLLOW_PARTIAL;
}

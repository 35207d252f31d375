/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-info [--object TEXT]... [--tls-creds ID [--tls-hostname NAME]] URI: list
 * what an NBD server exports, a line each: name, bytes, "ro" or "rw",
 * description. With --tls-creds all but the request for TLS goes over TLS, put
 * on the channel in the middle of the stream; a server without TLS is told
 * nothing.
 *
 *   nbd-info --object tls-creds-x509,id=t,endpoint=client,dir=pki \
 *            --tls-creds t tcp:localhost:10809
 *   nbd-info "exec:nbdkit -s memory 1G"
 *
 * The protocol, with the names used here: "The NBD protocol", fixed newstyle
 * negotiation.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qio/qio.h>

/* Milliseconds for connecting, for the handshake, and for each answer. */
#define PATIENCE 10000
/* Bounds on what a server may say: a name and a description of 4096 bytes each
 * are what the protocol allows. */
#define REPLY_MAX (4 + 2 * 4096)
#define EXPORTS_MAX 1000

#define NBDMAGIC 0x4e42444d41474943u
#define IHAVEOPT 0x49484156454f5054u
#define REPLY_MAGIC 0x3e889045565a9u
#define FIXED_NEWSTYLE 1u
#define NO_ZEROES 2u
#define OPT_ABORT 2u
#define OPT_LIST 3u
#define OPT_STARTTLS 5u
#define OPT_INFO 6u
#define REP_ACK 1u
#define REP_SERVER 2u
#define REP_INFO 3u
#define REP_ERROR (1u << 31)
#define REP_ERR_TLS_REQD (REP_ERROR | 5u)
#define INFO_EXPORT 0u
#define READ_ONLY 2u

struct reply {
    uint32_t type, len;
    unsigned char data[REPLY_MAX + 1]; /* and a zero */
};

/* ---- numbers, big endian ---- */

static void put(unsigned char *to, uint64_t value, size_t size)
{
    while (size > 0) {
        to[--size] = (unsigned char)value;
        value >>= 8;
    }
}

static uint64_t get(const unsigned char *from, size_t size)
{
    uint64_t value = 0;

    while (size-- > 0) {
        value = value << 8 | *from++;
    }
    return value;
}

/* ---- options and replies ---- */

static int nonsense(const char *what, QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_INVALID, 0, "the server sent %s", what);
    return -1;
}

static int send_option(QIOChannel *ioc, uint32_t option, const void *data,
                       uint32_t len, QIOError **errp)
{
    unsigned char head[16];
    struct iovec iov[2] = {{head, sizeof(head)}, {(void *)data, len}};

    put(head, IHAVEOPT, 8);
    put(head + 8, option, 4);
    put(head + 12, len, 4);
    return qio_channel_writev_all(ioc, iov, 2, errp);
}

/* Exactly one reply is read, and no byte of what comes behind it: that may be
 * TLS. */
static int read_reply(QIOChannel *ioc, uint32_t option, struct reply *reply,
                      QIOError **errp)
{
    unsigned char head[20];

    if (qio_channel_read_all(ioc, head, sizeof(head), errp) < 0) {
        return -1;
    }
    if (get(head, 8) != REPLY_MAGIC || get(head + 8, 4) != option) {
        return nonsense("something else than a reply", errp);
    }
    reply->type = (uint32_t)get(head + 12, 4);
    reply->len = (uint32_t)get(head + 16, 4);
    if (reply->len > REPLY_MAX) {
        return nonsense("a reply that is too long", errp);
    }
    reply->data[reply->len] = '\0';
    return qio_channel_read_all(ioc, reply->data, reply->len, errp);
}

/* It will not be printed as it came. */
static char *clean(char *text)
{
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 127) {
            *c = '?';
        }
    }
    return text;
}

static int refused(const char *what, struct reply *reply, QIOError **errp)
{
    if (reply->type == REP_ERR_TLS_REQD) {
        qio_error_set(errp, QIO_ERROR_NOT_FOUND, 0,
                      "%s: the server wants TLS first (--tls-creds)", what);
        return -1;
    }
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                  "%s: the server refuses (reply %#" PRIx32 ")%s%.200s", what,
                  reply->type, reply->len ? ": " : "",
                  clean((char *)reply->data));
    return -1;
}

/* ---- the conversation ---- */

static int greet(QIOChannel *ioc, QIOError **errp)
{
    unsigned char hello[18], flags[4];
    uint64_t offered;

    if (qio_channel_read_all(ioc, hello, sizeof(hello), errp) < 0) {
        return -1;
    }
    offered = get(hello + 16, 2);
    if (get(hello, 8) != NBDMAGIC || get(hello + 8, 8) != IHAVEOPT ||
        !(offered & FIXED_NEWSTYLE)) {
        return nonsense("no greeting of the fixed newstyle", errp);
    }
    put(flags, FIXED_NEWSTYLE | (offered & NO_ZEROES), sizeof(flags));
    return qio_channel_write_all(ioc, flags, sizeof(flags), errp);
}

/* Returns the channel to go on with, whose reference replaces that on ioc; or
 * NULL. Nothing that was said before counts any more. */
static QIOChannel *start_tls(QIOChannel *ioc, QIOTLSCreds *creds,
                             const char *hostname, struct reply *reply,
                             QIOError **errp)
{
    QIOChannel *tls;

    if (send_option(ioc, OPT_STARTTLS, NULL, 0, errp) < 0 ||
        read_reply(ioc, OPT_STARTTLS, reply, errp) < 0) {
        return NULL;
    }
    if (reply->type != REP_ACK || reply->len != 0) {
        refused("TLS", reply, errp);
        return NULL;
    }
    /* read_reply() holds nothing back, so 0. */
    if (qio_channel_tls_check_upgrade(ioc, 0, errp) < 0) {
        return NULL;
    }
    tls = qio_channel_tls_new_client(ioc, creds, hostname, errp);
    if (!tls || qio_channel_tls_handshake(tls, PATIENCE, errp) < 0) {
        qio_channel_unref(tls);
        return NULL;
    }
    qio_channel_unref(ioc);
    qio_channel_set_timeout(tls, PATIENCE);
    return tls;
}

struct entry {
    char name[4097];
    char description[4097];
    bool known; /* what follows is */
    uint64_t size;
    bool read_only;
};

static int parse_server(struct reply *reply, struct entry *e, QIOError **errp)
{
    uint64_t len = reply->len < 4 ? UINT64_MAX : get(reply->data, 4);

    /* No longer than the reply, nor than the fields; and in C a name ends at
     * its first zero. */
    if (len > 4096 || len > reply->len - 4 || reply->len - 4 - len > 4096) {
        return nonsense("a broken name of an export", errp);
    }
    memset(e, 0, sizeof(*e));
    memcpy(e->name, reply->data + 4, len);
    memcpy(e->description, reply->data + 4 + len, reply->len - 4 - len);
    return 0;
}

/* Servers that do not know the question just leave the size out. */
static int ask_info(QIOChannel *ioc, struct entry *e, struct reply *reply,
                    QIOError **errp)
{
    unsigned char question[4 + 4096 + 2];
    size_t len = strlen(e->name);
    int left = 64;

    put(question, len, 4);
    memcpy(question + 4, e->name, len);
    put(question + 4 + len, 0, 2);
    if (send_option(ioc, OPT_INFO, question, (uint32_t)len + 6, errp) < 0) {
        return -1;
    }
    while (left-- > 0) {
        if (read_reply(ioc, OPT_INFO, reply, errp) < 0) {
            return -1;
        }
        if (reply->type != REP_INFO) {
            return 0;
        }
        if (reply->len == 12 && get(reply->data, 2) == INFO_EXPORT) {
            e->known = true;
            e->size = get(reply->data + 2, 8);
            e->read_only = get(reply->data + 10, 2) & READ_ONLY;
        }
    }
    return nonsense("facts without end", errp);
}

static void print(struct entry *e)
{
    printf("%s\t", *e->name ? clean(e->name) : "\"\"");
    if (e->known) {
        printf("%" PRIu64 "\t%s", e->size, e->read_only ? "ro" : "rw");
    } else {
        printf("?\t?");
    }
    printf("\t%s\n", clean(e->description));
}

/* The list first: the server says it in one go. */
static int list(QIOChannel *ioc, struct reply *reply, QIOError **errp)
{
    struct entry *all = NULL, *more;
    size_t n = 0;
    int result = -1;

    if (send_option(ioc, OPT_LIST, NULL, 0, errp) < 0) {
        return -1;
    }
    while (read_reply(ioc, OPT_LIST, reply, errp) == 0) {
        if (reply->type == REP_ACK) {
            result = 0;
            break;
        }
        if (reply->type != REP_SERVER) {
            refused("the list", reply, errp);
            break;
        }
        more = n < EXPORTS_MAX ? reallocarray(all, n + 1, sizeof(*all)) : NULL;
        if (!more) {
            nonsense("more exports than there is room for", errp);
            break;
        }
        all = more;
        if (parse_server(reply, &all[n], errp) < 0) {
            break;
        }
        n++;
    }
    for (size_t i = 0; i < n && result == 0; i++) {
        result = ask_info(ioc, &all[i], reply, errp);
    }
    for (size_t i = 0; i < n && result == 0; i++) {
        print(&all[i]);
    }
    free(all);
    return result;
}

static int talk(const char *uri, QIOObjects *objects, QIOTLSCreds *creds,
                const char *hostname, QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(uri, errp);
    QIOChannel *ioc = NULL, *tls;
    static struct reply reply;
    int result = -1;

    if (ep) {
        ioc = qio_endpoint_connect_sync(ep, objects, QIO_ENDPOINT_READWRITE,
                                        PATIENCE, errp);
    }
    qio_endpoint_free(ep);
    if (!ioc) {
        return -1;
    }
    qio_channel_set_timeout(ioc, PATIENCE);
    if (greet(ioc, errp) < 0) {
        goto out;
    }
    if (creds) {
        tls = start_tls(ioc, creds, hostname, &reply, errp);
        if (!tls) {
            goto out;
        }
        ioc = tls;
    }
    result = list(ioc, &reply, errp);
    if (result == 0) {
        /* The server may hang up before it has read this. */
        (void)send_option(ioc, OPT_ABORT, NULL, 0, NULL);
    }
out:
    qio_channel_unref(ioc);
    return result;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"object", required_argument, NULL, 'o'},
        {"tls-creds", required_argument, NULL, 'c'},
        {"tls-hostname", required_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *id = NULL, *hostname = NULL;
    QIOError *err = NULL;
    QIOObjects *objects = qio_objects_new(&err);
    QIOTLSCreds *creds = NULL;
    int c, result = 2;

    while (!err && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'o':
            (void)!qio_objects_add(objects, optarg, &err);
            break;
        case 'c':
            id = optarg;
            break;
        case 'h':
            hostname = optarg;
            break;
        default:
            goto usage;
        }
    }
    if (!err && argc - optind != 1) {
        goto usage;
    }
    if (!err && id) {
        creds = qio_objects_get_tls_creds(objects, id, &err);
    }
    if (!err) {
        (void)!talk(argv[optind], objects, creds, hostname, &err);
    }
    result = err ? 1 : 0;
    if (err) {
        fprintf(stderr, "nbd-info: %s: %s\n",
                qio_error_code_name(qio_error_code(err)),
                qio_error_message(err));
        qio_error_free(err);
    }
    goto out;
usage:
    fprintf(stderr, "usage: nbd-info [--object TEXT]... [--tls-creds ID "
                    "[--tls-hostname NAME]] URI\n");
out:
    qio_objects_free(objects);
    return result;
}

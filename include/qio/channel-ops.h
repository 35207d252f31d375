/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For people who write channel types: the vtable and what it may use.
 *
 * A type is a `static const QIOChannelOps` with designated initialisers, a
 * private structure whose size is named at construction, and a constructor
 * that calls qio_channel_alloc() or qio_channel_alloc_layer(). The library's
 * own types use nothing but this header.
 *
 * What the core does, so that a method need not: checks state and arguments,
 * returns 0 for an empty iov, clamps niov to IOV_MAX, waits, keeps timeouts,
 * wakes waiters on shutdown, walks the chain on open, close and unref, sees to
 * it that close and finalize run once, and passes a non-NULL errp.
 *
 * What a method promises: it never blocks (unless invited, see
 * QIO_CHANNEL_TRY_MAY_BLOCK and QIO_CHANNEL_TRY_MAY_WAIT); it returns what its
 * slot says; when it returns -1 it has set *errp, and when not, it has not;
 * EINTR and SIGPIPE stay inside; every descriptor it makes is close-on-exec. A
 * layer speaks to the channel beneath only through the qio_channel_try_*()
 * functions below, and never closes, shuts or frees it unless the slot says so.
 */
#ifndef QIO_CHANNEL_OPS_H
#define QIO_CHANNEL_OPS_H

#include <qio/channel.h>

QIO_BEGIN_DECLS

typedef struct QIOChannelOps QIOChannelOps;
typedef struct QIOPollSet QIOPollSet;

typedef enum QIOChannelKind {
    /* Has no channel beneath. */
    QIO_CHANNEL_KIND_LEAF,
    /* A layer that changes no byte: optional slots it leaves out ask the
     * channel beneath. */
    QIO_CHANNEL_KIND_TRANSPARENT,
    /* A layer that changes bytes (TLS, websocket): optional slots it leaves
     * out are "not supported", so that no byte ever passes it unchanged. */
    QIO_CHANNEL_KIND_OPAQUE,
} QIOChannelKind;

/* Rare facts, asked by the query slot. */
typedef enum QIOChannelQuery {
    QIO_CHANNEL_QUERY_LOCAL_ADDRESS,  /* out: QIOAddress **, new */
    QIO_CHANNEL_QUERY_REMOTE_ADDRESS, /* out: QIOAddress **, new */
    QIO_CHANNEL_QUERY_PEER_CRED,      /* out: struct QIOPeerCred * */
    QIO_CHANNEL_QUERY_PEER_NAME,      /* out: const char **, the host name the
                                         caller asked to reach; borrowed */
    QIO_CHANNEL_QUERY_SPLICE,         /* out: struct QIOChannelSplice *; of
                                         leaves with the splice slots */
} QIOChannelQuery;

/* What the kernel moves bytes from and to, as it decides whether that is
 * cheaper than reading and writing them. */
typedef enum QIOChannelSpliceKind {
    QIO_CHANNEL_SPLICE_NONE, /* read and write */
    QIO_CHANNEL_SPLICE_PIPE,
    QIO_CHANNEL_SPLICE_TCP,
    QIO_CHANNEL_SPLICE_UNIX, /* a unix stream socket */
} QIOChannelSpliceKind;

struct QIOChannelSplice {
    QIOChannelSpliceKind in;  /* what readv reads from */
    QIOChannelSpliceKind out; /* what writev writes to */
};

struct QIOPeerCred {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/* Static facts about a type. */
/* A shutdown makes the descriptors of the poll slot ready by itself (true of
 * sockets), so a waiter needs no wake-up descriptor of the channel's own. */
#define QIO_CHANNEL_OPS_SHUTDOWN_WAKES 0x1

/* readv and writev honour QIO_CHANNEL_TRY_MAY_BLOCK, and the shutdown slot ends
 * a call that waits so. */
#define QIO_CHANNEL_OPS_CAN_BLOCK 0x2

/* In the flags of readv and writev: the one exception from "never blocks". The
 * caller waits without a deadline anyway, and would come back with poll(2) and
 * a second try; a type with QIO_CHANNEL_OPS_CAN_BLOCK may wait in its system
 * call instead. Never set for calls from a layer. */
#define QIO_CHANNEL_TRY_MAY_BLOCK 0x10000

/* readv honours QIO_CHANNEL_TRY_MAY_WAIT. */
#define QIO_CHANNEL_OPS_CAN_WAIT 0x4

/* In the flags of readv: the same for a layer, and for what a layer reads from
 * with qio_channel_wait_readv(). A layer that reads may have to move on for
 * other reasons than input, so a call waits for QIO_CHANNEL_WAIT_MS at most,
 * and then says QIO_CHANNEL_ERR_BLOCK. */
#define QIO_CHANNEL_TRY_MAY_WAIT 0x20000
#define QIO_CHANNEL_WAIT_MS 20

struct QIOChannelOps {
    /* Mandatory: sizeof(QIOChannelOps). New slots are only added at the end. */
    size_t size;
    /* Mandatory: static, for messages. */
    const char *name;
    /* Mandatory. */
    QIOChannelKind kind;
    /* Optional: QIOChannelFeature bits that every channel of this type has. */
    unsigned features;
    /* Optional: QIO_CHANNEL_OPS_*. */
    unsigned flags;

    /* advance: one step of opening. The channel beneath, if any, is open.
     * Returns 0 done, -1, or QIO_CHANNEL_ERR_BLOCK; then poll() is asked for
     * QIO_EVENT_OPEN. May call down: yes. On -1 the channel is unusable.
     * Mandatory for a layer with a handshake; default: done, that is the
     * channel is open from birth. */
    int (*advance)(QIOChannel *ioc, QIOError **errp);

    /* readv: one try. Returns >0, 0 at the end of the stream, -1, BLOCK.
     * fds/nfds are NULL unless the type has FD_PASS; then, if not NULL, they
     * receive a malloc'd array; descriptors nobody asked for are closed.
     * Called by one thread at a time, at the same time as writev.
     * May call down: yes. Mandatory. */
    ssize_t (*readv)(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                     int **fds, size_t *nfds, int flags, QIOError **errp);

    /* writev: one try. Returns >0, -1, BLOCK. May accept bytes into a bounded
     * queue of its own. nfds is 0 unless the type has FD_PASS.
     * May call down: yes. Mandatory. */
    ssize_t (*writev)(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                      const int *fds, size_t nfds, int flags, QIOError **errp);

    /* poll: say which of `events` hold already (qio_poll_set_ready; bytes held
     * inside a layer count), else what brings progress (qio_poll_set_add_fd,
     * _below, _deadline). Called by reader and writer threads at once.
     * Of each event one or the other: an event of which nothing is said is
     * waited for for ever. While it looks, other threads move bytes: what it
     * decides by is read once.
     * May call down: only through qio_poll_set_below().
     * Mandatory for a leaf; default: the same events of the channel beneath. */
    void (*poll)(QIOChannel *ioc, unsigned events, QIOPollSet *set);

    /* flush: move what writev accepted but still holds. 0, -1, BLOCK.
     * May call down: try_writev, not try_flush: the core flushes the channel
     * beneath afterwards. Mandatory for a layer; default: nothing to do. */
    int (*flush)(QIOChannel *ioc, QIOError **errp);

    /* shutdown: end one direction or both. Any thread, quick, never waits for
     * the network. A layer may call qio_channel_shutdown() on the channel
     * beneath. Default: not supported. */
    int (*shutdown)(QIOChannel *ioc, QIOChannelShutdown how, QIOError **errp);

    /* close: once, never blocks. A layer tries to send what it holds. The core
     * closes the channel beneath afterwards. What remains: the private part,
     * until finalize. Mandatory. */
    int (*close)(QIOChannel *ioc, QIOError **errp);

    /* Optional. Without: a TRANSPARENT layer asks below; else not supported
     * (hints: ignored). */
    off_t (*seek)(QIOChannel *ioc, off_t offset, int whence, QIOError **errp);
    ssize_t (*preadv)(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                      off_t offset, QIOError **errp);
    ssize_t (*pwritev)(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                       off_t offset, QIOError **errp);
    /* While the cork is on the core does not flush after a write; when it is
     * lifted the core calls this slot and then flushes. */
    void (*set_cork)(QIOChannel *ioc, bool enabled);
    void (*set_delay)(QIOChannel *ioc, bool enabled);
    /* Returns 0 or -1 (QIO_ERROR_UNSUPPORTED: unknown question). */
    int (*query)(QIOChannel *ioc, QIOChannelQuery what, void *out,
                 QIOError **errp);

    /* finalize: free the private part's contents (not the part itself). The
     * channel was closed, if construction succeeded at all: a half-built
     * private part, all zero where not set, must be accepted. Mandatory. */
    void (*finalize)(QIOChannel *ioc);

    /* settle: whether memory of the caller's that writev was given with
     * QIO_CHANNEL_WRITE_FLAG_ZERO_COPY is in use. 0 none is, -1, or BLOCK; then
     * poll() is asked for QIO_EVENT_FLUSH. Only for channels with the feature
     * WRITE_ZERO_COPY; of their descriptors POLLERR by itself means "try
     * again", as the kernel tells there of what it has sent. Optional: none is.
     */
    int (*settle)(QIOChannel *ioc, QIOError **errp);

    /* splice_in: readv, but the kernel moves up to len bytes into the pipe
     * `fd`, which is empty. splice_out: writev, but the bytes are the next len
     * of the pipe `fd`, which holds so many. For copying between leaves; never
     * asked of a layer, as the bytes would pass it unchanged.
     * Results as readv and writev, and 0 (which needs not mean the end) or -1
     * with QIO_ERROR_UNSUPPORTED: nothing was moved, the core goes on with
     * readv or writev. flags: QIO_CHANNEL_TRY_MAY_BLOCK; without it they must
     * not wait, whatever the descriptor's mode.
     * Optional, with QIO_CHANNEL_QUERY_SPLICE: not supported. */
    ssize_t (*splice_in)(QIOChannel *ioc, int fd, size_t len, int flags,
                         QIOError **errp);
    ssize_t (*splice_out)(QIOChannel *ioc, int fd, size_t len, int flags,
                          QIOError **errp);
};

/* ---- construction ---- */

/*
 * qio_channel_alloc: a leaf with a zeroed private part of private_size bytes.
 * qio_channel_alloc_layer: a layer above base, taking a reference of its own on
 *   it.
 *
 * The channel has one reference. It is open from birth when ops->advance is
 * NULL and everything beneath is open; else opening. A constructor that fails
 * afterwards calls qio_channel_unref().
 *
 * Returns: the channel, or NULL.
 * Errors: QIO_ERROR_NOMEM; QIO_ERROR_INVALID for ops without a mandatory slot.
 */
QIO_API QIOChannel *qio_channel_alloc(const QIOChannelOps *ops,
                                      size_t private_size,
                                      QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOChannel *qio_channel_alloc_layer(const QIOChannelOps *ops,
                                            size_t private_size,
                                            QIOChannel *base,
                                            QIOError **errp) QIO_MUST_CHECK;

/* The private part, aligned for any type. */
QIO_API void *qio_channel_private(const QIOChannel *ioc);

/* The private part if ioc is of the type ops, else NULL: how a type's own
 * public functions check that they got their kind of channel. */
QIO_API void *qio_channel_private_if(const QIOChannel *ioc,
                                     const QIOChannelOps *ops);

/* For a constructor that starts from something already open (an accepted
 * socket) though the type has an advance slot. */
QIO_API void qio_channel_mark_open(QIOChannel *ioc);

/* Features found out at run time. Before the channel is shared, or from
 * advance. */
QIO_API void qio_channel_add_features(QIOChannel *ioc, unsigned features);

/*
 * qio_channel_changed: what the poll slot says about these events may be
 * different now for a reason that the core cannot see. For a type's own public
 * functions; what the core's calls change it knows. Loops that watch the
 * channel ask again. QIO_EVENT_FLUSH: there may be output to flush.
 * Threads: any. Never blocks; cheap when nobody watches.
 */
QIO_API void qio_channel_changed(QIOChannel *ioc, unsigned events);

/* A trace line, if somebody listens; cheap when nobody does. */
QIO_API void qio_channel_trace(QIOChannel *ioc, const char *fmt, ...)
    QIO_PRINTF(2, 3);

/* ---- for layers: one try on the channel beneath, never waiting ---- */

/* Like the readv, writev and flush slots: a count or 0, -1, or
 * QIO_CHANNEL_ERR_BLOCK, whatever mode the channel is in. try_flush flushes
 * everything beneath ioc as well. */
QIO_API ssize_t qio_channel_try_readv(QIOChannel *ioc, const struct iovec *iov,
                                      size_t niov,
                                      QIOError **errp) QIO_MUST_CHECK;
/* try_readv for a readv slot that was invited by QIO_CHANNEL_TRY_MAY_WAIT: may
 * wait for input for up to QIO_CHANNEL_WAIT_MS milliseconds if ioc's type can,
 * else is try_readv. */
QIO_API ssize_t qio_channel_wait_readv(QIOChannel *ioc, const struct iovec *iov,
                                       size_t niov,
                                       QIOError **errp) QIO_MUST_CHECK;
QIO_API ssize_t qio_channel_try_writev(QIOChannel *ioc, const struct iovec *iov,
                                       size_t niov,
                                       QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_channel_try_flush(QIOChannel *ioc,
                                  QIOError **errp) QIO_MUST_CHECK;
/* A question to ioc, as the query slot. 0, or -1 with QIO_ERROR_UNSUPPORTED. */
QIO_API int qio_channel_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                              QIOError **errp) QIO_MUST_CHECK;

/* ---- for poll ---- */

/* Some of the wanted events hold now. */
QIO_API void qio_poll_set_ready(QIOPollSet *set, unsigned events);

/* When fd gets one of poll_events (POLLIN ...), `events` hold; 0 when it only
 * means "try again". fd -1 is ignored. */
QIO_API void qio_poll_set_add_fd(QIOPollSet *set, int fd, short poll_events,
                                 unsigned events);

/* What the channel beneath needs for below_events; when it has them, `as` is
 * reported (0: only "try again"). */
QIO_API void qio_poll_set_below(QIOPollSet *set, QIOChannel *below,
                                unsigned below_events, unsigned as);

/* Try again at this time (CLOCK_MONOTONIC, microseconds) at the latest. */
QIO_API void qio_poll_set_deadline(QIOPollSet *set, int64_t when_us);

QIO_END_DECLS

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A TLS session without I/O: encrypted bytes are put in and taken out by
 * whoever moves them, plaintext goes the other way.
 *
 * Locking: the session's own mutex is held for computing only. The caller sees
 * to it that one thread at a time is between input_reserve and input_commit or
 * in read or probe; everything else may be called by any thread.
 */
#ifndef QIOP_TLS_SESSION_H
#define QIOP_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <qio/error.h>
#include <qio/tls-creds.h>
#include <qio/tls-info.h>
#include "base/queue.h"

struct qiop_tls_session;

/* A call that has to wait for input, or for output to be taken. The value is
 * that of QIO_CHANNEL_ERR_BLOCK. */
#define QIOP_TLS_BLOCK (-2)

/* References on creds and authz are taken. */
struct qiop_tls_session *qiop_tls_session_new(QIOTLSCreds *creds,
                                              QIOTLSEndpoint endpoint,
                                              QIOAuthz *authz, QIOError **errp);
void qiop_tls_session_free(struct qiop_tls_session *s);

/* A client's peer; before the handshake. Copied. */
int qiop_tls_session_set_hostname(struct qiop_tls_session *s, const char *name,
                                  QIOError **errp);
bool qiop_tls_session_needs_hostname(const struct qiop_tls_session *s);
/* Bounds in bytes, 0 keeps; before the handshake. */
void qiop_tls_session_set_buffers(struct qiop_tls_session *s, size_t output,
                                  size_t input);
/* The same for the input when there may be some: only less. */
void qiop_tls_session_limit_input(struct qiop_tls_session *s, size_t input);

/* One step. 0 done, -1, QIOP_TLS_BLOCK. Whatever it returns there may be
 * output to send, an alert for example. */
int qiop_tls_session_handshake(struct qiop_tls_session *s, QIOError **errp);
bool qiop_tls_session_established(struct qiop_tls_session *s);

/* ---- encrypted side ---- */

/* Where to put input; *avail says how much. NULL: out of memory. */
uint8_t *qiop_tls_session_input_reserve(struct qiop_tls_session *s,
                                        size_t *avail, QIOError **errp);
void qiop_tls_session_input_commit(struct qiop_tls_session *s, size_t len,
                                   size_t avail);
/* Nothing happens for the time being: free the memory of empty buffers. Not
 * between input_reserve and input_commit. False when there was more than a
 * little to do since the last call: ask again in a while. */
bool qiop_tls_session_rest(struct qiop_tls_session *s);
/* No more input will come: the stream ended (NULL), or why; taken over. */
void qiop_tls_session_input_end(struct qiop_tls_session *s, QIOError *cause);
bool qiop_tls_session_input_ended(struct qiop_tls_session *s);

/* Move output into *flight if that is empty. Whether there is any in it. */
bool qiop_tls_session_output_take(struct qiop_tls_session *s,
                                  struct qiop_queue *flight);
/* An emptied *flight may go back, so that the same memory, still in the cache,
 * is filled next. Whether there is more to take. */
bool qiop_tls_session_output_give(struct qiop_tls_session *s,
                                  struct qiop_queue *flight);
/* Whether some of it is an answer to what was read, so that the reader has to
 * see to its being sent. */
bool qiop_tls_session_output_urgent(struct qiop_tls_session *s);
/* Bytes not yet taken. */
size_t qiop_tls_session_output_len(struct qiop_tls_session *s);
/* Whether they and `held` more are as much as is gathered for one write. */
bool qiop_tls_session_output_full(struct qiop_tls_session *s, size_t held);

/* ---- plaintext side ---- */

/* >0; 0 after the peer's close_notify; -1; QIOP_TLS_BLOCK: more input needed
 * (or output has to be taken). relaxed: a missing close_notify is the end. */
ssize_t qiop_tls_session_read(struct qiop_tls_session *s,
                              const struct iovec *iov, size_t niov,
                              bool relaxed, QIOError **errp);
/* Whether read has something to say, without more input. */
bool qiop_tls_session_readable(struct qiop_tls_session *s);
/* Whether more input would help: not while a whole record waits for something
 * else (output to be taken). */
bool qiop_tls_session_wants_input(struct qiop_tls_session *s);
/* Look for an alert among the input that has arrived, keeping data for read.
 * Whether the session failed by it; then *errp says how. */
bool qiop_tls_session_probe(struct qiop_tls_session *s, QIOError **errp);

/* Seal until all is taken or the output bound is reached; held: bytes taken
 * as output but not sent yet. >0, -1, QIOP_TLS_BLOCK when at the bound. */
ssize_t qiop_tls_session_write(struct qiop_tls_session *s,
                               const struct iovec *iov, size_t niov,
                               size_t held, QIOError **errp);

/* Queue close_notify, or a fatal internal_error; once, later calls and calls
 * before the end of the handshake or after a failure do nothing. bye: 0, or -1
 * with the session failed: the peer will not take the end for one. */
int qiop_tls_session_bye(struct qiop_tls_session *s, QIOError **errp);
void qiop_tls_session_abort(struct qiop_tls_session *s);

int qiop_tls_session_update_keys(struct qiop_tls_session *s, bool ask_peer,
                                 QIOError **errp);
/* session-info.c: as those of tls-info.h. */
char *qiop_tls_session_fact(struct qiop_tls_session *s, QIOTLSFact what,
                            QIOError **errp);
int64_t qiop_tls_session_count(struct qiop_tls_session *s, QIOTLSCount what,
                               QIOError **errp);
int qiop_tls_session_export(struct qiop_tls_session *s, const char *label,
                            const void *context, size_t context_len, void *out,
                            size_t len, QIOError **errp);
ssize_t qiop_tls_session_binding(struct qiop_tls_session *s, const char *type,
                                 void *out, size_t size, QIOError **errp);

/* Texts to free(). */
char *qiop_tls_session_describe(struct qiop_tls_session *s, QIOError **errp);
char *qiop_tls_session_identity(struct qiop_tls_session *s, QIOError **errp);

#endif

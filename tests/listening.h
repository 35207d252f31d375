/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening on what a text says, for the tests of all kinds of addresses. */
#ifndef QIOTEST_LISTENING_H
#define QIOTEST_LISTENING_H

#include "net/listen.h"

int listening_try(const char *text, struct qiop_listen_sockets *l,
                  QIOError **errp);
/* It must do; at least one socket. */
void listening_on(const char *text, struct qiop_listen_sockets *l);
/* It must not, with this code and these words in the message. */
void listening_fails(const char *text, QIOErrorCode code, const char *says);

#endif

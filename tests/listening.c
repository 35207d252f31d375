/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening on what a text says; see listening.h. */
#include <config.h>
#include "listening.h"

#include <string.h>
#include "net/address.h"
#include "qiotest.h"

int listening_try(const char *text, struct qiop_listen_sockets *l,
                  QIOError **errp)
{
    QIOAddress *addr = qio_address_parse(text, errp);
    int ret;

    ck_assert_ptr_nonnull(addr);
    ret = qiop_listen(addr, 5, l, errp);
    qio_address_free(addr);
    return ret;
}

void listening_on(const char *text, struct qiop_listen_sockets *l)
{
    QIOError *err = NULL;

    ck_assert_int_eq(listening_try(text, l, &err), err ? -1 : 0);
    qiotest_ok(&err);
    ck_assert_uint_ge(l->n, 1);
}

void listening_fails(const char *text, QIOErrorCode code, const char *says)
{
    struct qiop_listen_sockets l;
    QIOError *err = NULL;

    ck_assert_int_eq(listening_try(text, &l, &err), -1);
    ck_assert_msg(strstr(qio_error_message(err), says), "%s",
                  qio_error_message(err));
    ck_assert_uint_eq(l.n, 0);
    qiotest_error(&err, code);
}

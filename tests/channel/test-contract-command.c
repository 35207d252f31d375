/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contract, run by a command whose other side is two fifos. */
#include <config.h>
#include "contract.h"
#include "qiotest.h"

#include <fcntl.h>
#include <qio/channel-command.h>
#include <qio/channel-fd.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/fd.h"

/* $1 is what the command reads, $2 what it writes; "r" says they are open. */
static const char script[] =
    "exec 3<\"$1\" 4>\"$2\"; printf r;"
    "cat <&3 3<&- 4>&- & exec 3<&- >/dev/null; exec cat >&4 4>&-";

static int spawn(const char *in, const char *out, QIOChannel **ioc,
                 QIOError **errp)
{
    const char *const argv[] = {"sh", "-c", script, "sh", in, out, NULL};
    char ready;

    *ioc = qio_channel_command_new_spawn(argv, O_RDWR, errp);
    if (!*ioc) {
        return -1;
    }
    if (qio_channel_read_all(*ioc, &ready, 1, errp) < 0) {
        qio_channel_unref(*ioc);
        return -1;
    }
    return 0;
}

static int make(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    char in[128], out[128];
    int both[2], r, w;
    static int n;

    (void)opaque;
    snprintf(in, sizeof(in), "%s/in%d", qiotest_tmpdir(), n);
    snprintf(out, sizeof(out), "%s/out%d", qiotest_tmpdir(), n++);
    ck_assert_int_eq(mkfifo(in, 0600), 0);
    ck_assert_int_eq(mkfifo(out, 0600), 0);
    /* Held open in both directions, no open of a fifo waits. */
    both[0] = qiop_fd_open(in, O_RDWR, 0, NULL);
    both[1] = qiop_fd_open(out, O_RDWR, 0, NULL);
    if (spawn(in, out, &pair[0], errp) < 0) {
        qiop_fd_close_many(both, 2);
        return -1;
    }
    w = qiop_fd_open(in, O_WRONLY, 0, NULL);
    r = qiop_fd_open(out, O_RDONLY, 0, NULL);
    qiop_fd_close_many(both, 2);
    pair[1] = qio_channel_fd_new_pair(r, w, errp);
    if (!pair[1]) {
        qio_channel_unref(pair[0]);
        qiop_fd_close(r);
        qiop_fd_close(w);
        return -1;
    }
    return 0;
}

static const struct qio_contract contract = {"command", make, NULL,
                                             CONTRACT_HALF_CLOSE, 1u << 20};

int main(void)
{
    Suite *s = suite_create("contract");

    qio_contract_suite(s, &contract);
    return qiotest_main(s);
}

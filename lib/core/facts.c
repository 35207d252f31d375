/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rare facts about a channel, typed. */
#include <config.h>
#include "channel.h"

QIOAddress *qio_channel_get_local_address(QIOChannel *ioc, QIOError **errp)
{
    QIOAddress *addr = NULL;

    if (qio_channel_query(ioc, QIO_CHANNEL_QUERY_LOCAL_ADDRESS, &addr, errp) <
        0) {
        return NULL;
    }
    return addr;
}

QIOAddress *qio_channel_get_remote_address(QIOChannel *ioc, QIOError **errp)
{
    QIOAddress *addr = NULL;

    if (qio_channel_query(ioc, QIO_CHANNEL_QUERY_REMOTE_ADDRESS, &addr, errp) <
        0) {
        return NULL;
    }
    return addr;
}

int qio_channel_get_peer_cred(QIOChannel *ioc, pid_t *pid, uid_t *uid,
                              gid_t *gid, QIOError **errp)
{
    struct QIOPeerCred cred;

    if (qio_channel_query(ioc, QIO_CHANNEL_QUERY_PEER_CRED, &cred, errp) < 0) {
        return -1;
    }
    if (pid) {
        *pid = cred.pid;
    }
    if (uid) {
        *uid = cred.uid;
    }
    if (gid) {
        *gid = cred.gid;
    }
    return 0;
}

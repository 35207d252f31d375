/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors passed by a service manager, as sd_listen_fds(3) describes. */
#include <config.h>
#include "endpoint/listener.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 3

/* A variable that is a number, or -1. */
static long number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    long n;

    if (!text || *text < '0' || *text > '9') {
        return -1;
    }
    errno = 0;
    n = strtol(text, &end, 10);
    return errno || *end ? -1 : n;
}

/* How many, 0 when they are not for this process, or -1. */
static int count_fds(QIOError **errp)
{
    long n;

    if (!getenv("LISTEN_PID") || number_of("LISTEN_PID") != getpid()) {
        return 0;
    }
    n = number_of("LISTEN_FDS");
    if (n < 0 || n > INT_MAX - FIRST_FD) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "LISTEN_FDS is no number of descriptors");
        return -1;
    }
    return (int)n;
}

/* Whether the i-th name in LISTEN_FDNAMES is this one. */
static bool has_name(int i, const char *name)
{
    const char *at = getenv("LISTEN_FDNAMES");
    size_t len = strlen(name);

    while (at && i-- > 0) {
        at = strchr(at, ':');
        at = at ? at + 1 : NULL;
    }
    return at && strncmp(at, name, len) == 0 &&
           (at[len] == ':' || at[len] == '\0');
}

static int add_one(QIOListener *l, int fd, const char *layers,
                   QIOObjects *objects, QIOError **errp)
{
    QIOEndpoint *ep = NULL;
    char *text;
    int ret = -1;

    if (asprintf(&text, "fd:%d%s", fd, layers ? layers : "") < 0) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    ep = qio_endpoint_parse(text, errp);
    if (ep) {
        ret = qio_listener_add(l, ep, objects, 1, errp);
    }
    qio_endpoint_free(ep);
    free(text);
    return ret;
}

int qio_listener_add_activated(QIOListener *l, const char *name,
                               const char *layers, QIOObjects *objects,
                               QIOError **errp)
{
    int n = count_fds(errp);
    int added = 0;

    for (int i = 0; i < n; i++) {
        if (name && !has_name(i, name)) {
            continue;
        }
        if (add_one(l, FIRST_FD + i, layers, objects, errp) < 0) {
            qio_error_prefix(
                errp, "descriptor %d of the service manager: ", FIRST_FD + i);
            return -1;
        }
        added++;
    }
    return n < 0 ? -1 : added;
}

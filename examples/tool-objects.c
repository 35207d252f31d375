/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The objects of the command line. Tickets live in the memory of the process,
 * so where there is one connection there is nothing to resume; where there are
 * many, all but the first can.
 */
#define _GNU_SOURCE
#include "tool-objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the piece ends that begins at text: a comma in it is written twice. */
static const char *piece_end(const char *text)
{
    while (*text && (text[0] != ',' || text[1] == ',')) {
        text += *text == ',' ? 2 : 1;
    }
    return text;
}

/* The value of a property, behind the first piece; NULL when it has none. */
static const char *property(const char *text, const char *name, size_t *len)
{
    size_t name_len = strlen(name);
    const char *end = piece_end(text);

    while (*end) {
        const char *at = end + 1;

        end = piece_end(at);
        if (!strncmp(at, name, name_len) && at[name_len] == '=') {
            *len = (size_t)(end - at) - name_len - 1;
            return at + name_len + 1;
        }
    }
    return NULL;
}

/* Whether these are the credentials of the network side. */
static bool is_ours(const ToolOptions *opt, const char *text)
{
    const char *uri = opt->spec->network_is_input ? opt->input : opt->output;
    const char *id, *named = opt->tls_creds;
    size_t len = 0, named_len = named ? strlen(named) : 0;

    id = property(text, "id", &len);
    if (!named) {
        named = property(uri, "tls-creds", &named_len);
    }
    return id && named && len == named_len && !strncmp(id, named, len);
}

/* Whether there is something to resume, and nobody has decided about it. */
static bool may_resume(const ToolOptions *opt, const char *text)
{
    size_t len;

    return opt->channels > 1 && is_ours(opt, text) &&
           (!strncmp(text, "tls-creds-x509,", 15) ||
            !strncmp(text, "tls-creds-psk,", 14)) &&
           !property(text, "resumption", &len);
}

static int add(QIOObjects *objects, const ToolOptions *opt, const char *text,
               QIOError **errp)
{
    char *longer = NULL;
    int rc;

    if (!may_resume(opt, text)) {
        return qio_objects_add(objects, text, errp);
    }
    if (asprintf(&longer, "%s,resumption=on", text) < 0) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    rc = qio_objects_add(objects, longer, errp);
    free(longer);
    return rc;
}

int tool_objects_add(QIOObjects *objects, const ToolOptions *opt,
                     QIOError **errp)
{
    for (size_t i = 0; i < opt->n_objects; i++) {
        if (add(objects, opt, opt->objects[i], errp)) {
            return -1;
        }
    }
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From text to a QIOEndpoint: the grammar of <qio/endpoint.h>. */
#include <config.h>
#include "endpoint/endpoint.h"

#include <stdlib.h>
#include <string.h>
#include "base/optstr.h"

static const struct {
    const char *scheme;
    QIOEndpointType type;
} schemes[] = {
    {"tcp:", QIO_ENDPOINT_SOCKET},   {"unix:", QIO_ENDPOINT_SOCKET},
    {"vsock:", QIO_ENDPOINT_SOCKET}, {"fd:", QIO_ENDPOINT_FD},
    {"exec:", QIO_ENDPOINT_EXEC},    {"file:", QIO_ENDPOINT_FILE},
    {"stdio:", QIO_ENDPOINT_STDIO},
};

static const char *const layer_options[] = {
    "tls-creds",
    "tls-hostname",
    "tls-authz",
    "websocket",
};

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static void *no_memory(QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    return NULL;
}

/* The next single comma, or the end. */
static const char *next_separator(const char *p)
{
    return p + qiop_optstr_span(p);
}

/* A copy of [p, end) in which a doubled comma is one. */
static char *unescape(const char *p, const char *end, QIOError **errp)
{
    char *copy = malloc(end - p + 1);
    char *out = copy;

    if (!copy) {
        return no_memory(errp);
    }
    while (p < end) {
        *out++ = *p;
        p += p[0] == ',' && p + 1 < end && p[1] == ',' ? 2 : 1;
    }
    *out = '\0';
    return copy;
}

static bool is_layer_option(const char *text, const char *end)
{
    size_t i;

    for (i = 0; i < N_OF(layer_options); i++) {
        size_t len = strlen(layer_options[i]);

        if ((size_t)(end - text) > len && text[len] == '=' &&
            memcmp(text, layer_options[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* Where the layers of an exec: text begin: at the first of those options that
 * are followed by nothing but options. */
static const char *command_end(const char *p)
{
    const char *cut = NULL;
    const char *sep = next_separator(p);

    while (*sep) {
        const char *next = next_separator(sep + 1);

        if (!is_layer_option(sep + 1, next)) {
            cut = NULL;
        } else if (!cut) {
            cut = sep;
        }
        sep = next;
    }
    return cut ? cut : sep;
}

static int set_once(char **field, const char *name, const char *value,
                    QIOError **errp)
{
    if (*field) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "option '%s' is given twice for one layer", name);
        return -1;
    }
    *field = strdup(value);
    return *field ? 0 : (no_memory(errp), -1);
}

static int add_websocket(QIOEndpoint *ep, const char *path, QIOError **errp)
{
    struct qiop_layer layer = {.kind = QIOP_LAYER_WEBSOCKET};

    if (path[0] != '/') {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "the path of a websocket begins with '/'");
        return -1;
    }
    if (ep->nlayers == QIOP_LAYERS_MAX) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "more than %d layers",
                      QIOP_LAYERS_MAX);
        return -1;
    }
    layer.path = strdup(path);
    if (!layer.path) {
        no_memory(errp);
        return -1;
    }
    ep->layers[ep->nlayers++] = layer;
    return 0;
}

static int refine_tls(QIOEndpoint *ep, const char *name, const char *value,
                      QIOError **errp)
{
    struct qiop_layer *top = ep->nlayers ? &ep->layers[ep->nlayers - 1] : NULL;

    if (!top || top->kind != QIOP_LAYER_TLS) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "option '%s' needs a tls-creds before it", name);
        return -1;
    }
    if (strcmp(name, "tls-hostname") == 0) {
        return set_once(&top->hostname, name, value, errp);
    }
    return set_once(&top->authz, name, value, errp);
}

static int layer_option(QIOEndpoint *ep, const char *name, const char *value,
                        QIOError **errp)
{
    size_t i = 0;
    int ret;

    while (i < N_OF(layer_options) && strcmp(name, layer_options[i]) != 0) {
        i++;
    }
    if (i == N_OF(layer_options)) {
        return 0;
    }
    if (!value || !value[0]) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "option '%s' needs a value",
                      name);
        return -1;
    }
    if (strcmp(name, "tls-creds") == 0) {
        ret = qio_endpoint_add_tls(ep, value, NULL, NULL, errp);
    } else if (strcmp(name, "websocket") == 0) {
        ret = add_websocket(ep, value, errp);
    } else {
        ret = refine_tls(ep, name, value, errp);
    }
    return ret < 0 ? -1 : 1;
}

static int size_error(QIOError **errp, const char *text, const char *why)
{
    qio_error_set(errp, QIO_ERROR_INVALID, 0, "bad size '%s': %s", text, why);
    return -1;
}

static int digit_of(char c, unsigned base)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (base == 16 && (c | 32) >= 'a' && (c | 32) <= 'f') {
        return (c | 32) - 'a' + 10;
    }
    return -1;
}

static unsigned size_shift(char c)
{
    switch (c) {
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    case 't':
    case 'T':
        return 40;
    default:
        return 0;
    }
}

static int parse_size(const char *text, uint64_t *size, QIOError **errp)
{
    bool hex = text[0] == '0' && (text[1] | 32) == 'x';
    unsigned base = hex ? 16 : 10;
    const char *p = hex ? text + 2 : text;
    const char *digits = p;
    uint64_t n = 0;
    unsigned shift;

    for (; digit_of(*p, base) >= 0; p++) {
        if (n > ((uint64_t)INT64_MAX - digit_of(*p, base)) / base) {
            return size_error(errp, text, "too large");
        }
        n = n * base + digit_of(*p, base);
    }
    if (p == digits) {
        return size_error(errp, text, "it has no digits");
    }
    shift = size_shift(*p);
    if (shift && !p[1] && hex) {
        return size_error(errp, text, "either 0x or a suffix, not both");
    }
    if (*p && (!shift || p[1])) {
        return size_error(errp, text,
                          "after the digits only k, M, G or T may come");
    }
    if (n > (uint64_t)INT64_MAX >> shift) {
        return size_error(errp, text, "too large");
    }
    *size = n << shift;
    return 0;
}

static int set_listen(QIOEndpoint *ep, const char *value, QIOError **errp)
{
    bool on;

    if (ep->listen >= 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "option 'listen' is given twice");
        return -1;
    }
    if (qiop_optstr_bool(value, &on) < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "option 'listen' is on or off");
        return -1;
    }
    ep->listen = on;
    return 1;
}

static int set_offset(QIOEndpoint *ep, const char *value, bool *given,
                      QIOError **errp)
{
    if (*given) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "option 'offset' is given twice");
        return -1;
    }
    *given = true;
    if (parse_size(value ? value : "", &ep->offset, errp) < 0) {
        qio_error_prefix(errp, "offset: ");
        return -1;
    }
    return 1;
}

/* One option. Returns 1: done, 0: it is the address' own, -1. */
static int one_option(QIOEndpoint *ep, char *piece, bool *offset_given,
                      QIOError **errp)
{
    char *value = qiop_optstr_value(piece);
    int ret = layer_option(ep, piece, value, errp);

    if (ret != 0) {
        return ret;
    }
    if (ep->type == QIO_ENDPOINT_SOCKET && strcmp(piece, "listen") == 0) {
        return set_listen(ep, value, errp);
    }
    if (ep->type == QIO_ENDPOINT_FILE && strcmp(piece, "offset") == 0) {
        return set_offset(ep, value, offset_given, errp);
    }
    if (ep->type == QIO_ENDPOINT_SOCKET || ep->type == QIO_ENDPOINT_FD) {
        return 0;
    }
    qio_error_set(errp, QIO_ERROR_INVALID, 0,
                  "unknown option '%s' (a comma that is meant as such is "
                  "written twice)",
                  piece);
    return -1;
}

/* Takes our options from p, which is at a separator or at the end; the others
 * are appended to addr as they stand, which has the room. */
static int parse_options(QIOEndpoint *ep, const char *p, char *addr,
                         QIOError **errp)
{
    const char *pos = *p ? p + 1 : NULL;
    bool offset_given = false;
    char *piece;
    int ret;

    while ((ret = qiop_optstr_next(&pos, &piece, errp)) > 0) {
        ret = one_option(ep, piece, &offset_given, errp);
        free(piece);
        if (ret < 0) {
            return -1;
        }
        if (ret == 0) {
            addr = mempcpy(addr, p, next_separator(p + 1) - p);
            *addr = '\0';
        }
        p = next_separator(p + 1);
    }
    return ret;
}

static int parse_address(QIOEndpoint *ep, const char *text, QIOError **errp)
{
    const char *end = next_separator(text);
    char *addr = malloc(strlen(text) + 1);
    int ret = -1;

    if (!addr) {
        no_memory(errp);
        return -1;
    }
    memcpy(addr, text, end - text);
    addr[end - text] = '\0';
    if (parse_options(ep, end, addr + (end - text), errp) == 0) {
        ep->addr = qio_address_parse(addr, errp);
        ret = ep->addr ? 0 : -1;
    }
    free(addr);
    /* An abstract one the kernel chooses. */
    if (ret == 0 && qio_address_type(ep->addr) == QIO_ADDRESS_UNIX &&
        !qio_address_path(ep->addr)[0] && !qio_address_abstract(ep->addr)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "unix: needs a path");
        return -1;
    }
    return ret;
}

static int parse_text(QIOEndpoint *ep, const char *p, QIOError **errp)
{
    bool exec = ep->type == QIO_ENDPOINT_EXEC;
    const char *end = exec ? command_end(p) : next_separator(p);

    if (ep->type == QIO_ENDPOINT_STDIO && end != p) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "stdio: takes nothing but options");
        return -1;
    }
    if (ep->type != QIO_ENDPOINT_STDIO && end == p) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      exec ? "exec: needs a command" : "file: needs a path");
        return -1;
    }
    ep->text = unescape(p, end, errp);
    if (!ep->text) {
        return -1;
    }
    return parse_options(ep, end, NULL, errp);
}

QIOEndpoint *qio_endpoint_parse(const char *text, QIOError **errp)
{
    QIOEndpoint *ep;
    size_t i = 0;
    size_t len;
    int ret;

    while (i < N_OF(schemes) &&
           strncmp(text, schemes[i].scheme, strlen(schemes[i].scheme)) != 0) {
        i++;
    }
    if (i == N_OF(schemes)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "unknown protocol in '%s': it is one of tcp:, unix:, "
                      "vsock:, fd:, exec:, file: and stdio:",
                      text);
        return NULL;
    }
    ep = calloc(1, sizeof(*ep));
    if (!ep) {
        return no_memory(errp);
    }
    ep->type = schemes[i].type;
    ep->listen = -1;
    len = strlen(schemes[i].scheme);
    if (ep->type == QIO_ENDPOINT_SOCKET || ep->type == QIO_ENDPOINT_FD) {
        ret = parse_address(ep, text, errp);
    } else {
        ret = parse_text(ep, text + len, errp);
    }
    if (ret < 0) {
        qio_endpoint_free(ep);
        return NULL;
    }
    return ep;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The grammar of addresses: from text to QIOAddress, and every rule that an
 * address keeps however it was made. */
#include <config.h>
#include "net/address.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/optstr.h"

/* Longer than any address that means something. */
#define TEXT_MAX 4096
#define HOST_MAX 255
#define PORT_MAX 32
#define ZONE_MAX 31

static int invalid(QIOError **errp, const char *fmt, ...) QIO_PRINTF(2, 3);

static int invalid(QIOError **errp, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    qio_error_vset(errp, QIO_ERROR_INVALID, 0, fmt, ap);
    va_end(ap);
    return -1;
}

/* ---- rules for the parts ---- */

static bool host_byte(unsigned char c)
{
    return c > ' ' && c != 0x7f && !strchr(",[]", c);
}

bool qiop_address_is_ipv6(const char *host)
{
    char literal[INET6_ADDRSTRLEN];
    const char *zone = strchr(host, '%');
    size_t len = zone ? (size_t)(zone - host) : strlen(host);
    struct in6_addr ignored;
    size_t i;

    if (len >= sizeof(literal)) {
        return false;
    }
    memcpy(literal, host, len);
    literal[len] = '\0';
    if (inet_pton(AF_INET6, literal, &ignored) != 1) {
        return false;
    }
    if (!zone) {
        return true;
    }
    for (i = 0; zone[1 + i]; i++) {
        if (!host_byte((unsigned char)zone[1 + i]) || zone[1 + i] == '%') {
            return false;
        }
    }
    return i > 0 && i <= ZONE_MAX;
}

int qiop_address_check_host(const char *host, QIOError **errp)
{
    size_t i;

    for (i = 0; host[i]; i++) {
        if (i == HOST_MAX) {
            return invalid(errp, "host name too long: at most %d bytes",
                           HOST_MAX);
        }
        if (!host_byte((unsigned char)host[i])) {
            return invalid(errp, "host '%s': '%c' is not allowed in a host",
                           host, host[i]);
        }
    }
    if (strchr(host, ':') && !qiop_address_is_ipv6(host)) {
        return invalid(errp, "'%s' is not an IPv6 address", host);
    }
    return 0;
}

/* A number, or a service name: those have at least one letter. */
int qiop_address_check_port(const char *port, QIOError **errp)
{
    static const char digits[] = "0123456789";
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "-_+.*/";
    uint64_t number;
    size_t i, nletters = 0;

    if (!*port) {
        return invalid(errp, "the port is missing");
    }
    if (!port[strspn(port, digits)]) {
        if (qiop_optstr_uint(port, UINT16_MAX, &number) < 0) {
            return invalid(errp, "port '%s' is above 65535", port);
        }
        if (strlen(port) > PORT_MAX) {
            return invalid(errp, "port '%s' has too many digits", port);
        }
        return 0;
    }
    for (i = 0; port[i]; i++) {
        bool letter = strchr(letters, port[i]);

        nletters += letter;
        if (!letter && !strchr(digits, port[i]) && !strchr(others, port[i])) {
            nletters = 0;
            break;
        }
    }
    if (!nletters || i > PORT_MAX) {
        return invalid(errp,
                       "port '%s' is neither a number nor the name of "
                       "a service",
                       port);
    }
    return 0;
}

int qiop_address_check_path(const char *path, QIOError **errp)
{
    if (strlen(path) > QIOP_UNIX_PATH_MAX) {
        return invalid(errp,
                       "unix socket path '%s' is too long: at most %zu "
                       "bytes",
                       path, QIOP_UNIX_PATH_MAX);
    }
    return 0;
}

/* ---- options ---- */

enum option {
    OPT_TO,
    OPT_IPV4,
    OPT_IPV6,
    OPT_NUMERIC,
    OPT_KEEP_ALIVE,
    OPT_KEEP_ALIVE_COUNT,
    OPT_KEEP_ALIVE_IDLE,
    OPT_KEEP_ALIVE_INTERVAL,
    OPT_MPTCP,
    OPT_ABSTRACT,
    OPT_TIGHT,
    OPT_NONE,
};

static const struct {
    QIOAddressType type;
    const char *name;
} options[OPT_NONE] = {
    [OPT_TO] = {QIO_ADDRESS_INET, "to"},
    [OPT_IPV4] = {QIO_ADDRESS_INET, "ipv4"},
    [OPT_IPV6] = {QIO_ADDRESS_INET, "ipv6"},
    [OPT_NUMERIC] = {QIO_ADDRESS_INET, "numeric"},
    [OPT_KEEP_ALIVE] = {QIO_ADDRESS_INET, "keep-alive"},
    [OPT_KEEP_ALIVE_COUNT] = {QIO_ADDRESS_INET, "keep-alive-count"},
    [OPT_KEEP_ALIVE_IDLE] = {QIO_ADDRESS_INET, "keep-alive-idle"},
    [OPT_KEEP_ALIVE_INTERVAL] = {QIO_ADDRESS_INET, "keep-alive-interval"},
    [OPT_MPTCP] = {QIO_ADDRESS_INET, "mptcp"},
    [OPT_ABSTRACT] = {QIO_ADDRESS_UNIX, "abstract"},
    [OPT_TIGHT] = {QIO_ADDRESS_UNIX, "tight"},
};

static enum option find_option(QIOAddressType type, const char *name)
{
    enum option i;

    for (i = 0; i < OPT_NONE; i++) {
        if (options[i].type == type && strcmp(options[i].name, name) == 0) {
            break;
        }
    }
    return i;
}

static int parse_bool(const char *name, const char *value, bool *result,
                      QIOError **errp)
{
    if (qiop_optstr_bool(value, result) < 0) {
        return invalid(errp, "option '%s': '%s' is neither on nor off", name,
                       value);
    }
    return 0;
}

static int parse_tristate(const char *name, const char *value, int8_t *result,
                          QIOError **errp)
{
    bool on;

    if (parse_bool(name, value, &on, errp) < 0) {
        return -1;
    }
    *result = on;
    return 0;
}

static int parse_number(const char *name, const char *value, uint32_t min,
                        uint32_t max, uint32_t *result, QIOError **errp)
{
    uint64_t number;

    if (!value) {
        return invalid(errp, "option '%s' needs a value", name);
    }
    if (qiop_optstr_uint(value, max, &number) < 0 || number < min) {
        return invalid(errp, "option '%s': '%s' is not a number from %u to %u",
                       name, value, min, max);
    }
    *result = (uint32_t)number;
    return 0;
}

static int parse_to(QIOAddress *addr, const char *value, QIOError **errp)
{
    uint32_t to;

    if (parse_number("to", value, 1, UINT16_MAX, &to, errp) < 0) {
        return -1;
    }
    addr->u.inet.to = (uint16_t)to;
    return 0;
}

static int apply_option(QIOAddress *addr, enum option opt, const char *value,
                        QIOError **errp)
{
    const char *name = options[opt].name;

    switch (opt) {
    case OPT_TO:
        return parse_to(addr, value, errp);
    case OPT_IPV4:
        return parse_tristate(name, value, &addr->u.inet.ipv4, errp);
    case OPT_IPV6:
        return parse_tristate(name, value, &addr->u.inet.ipv6, errp);
    case OPT_NUMERIC:
        return parse_bool(name, value, &addr->u.inet.numeric, errp);
    case OPT_KEEP_ALIVE:
        return parse_bool(name, value, &addr->u.inet.keep_alive, errp);
    case OPT_KEEP_ALIVE_COUNT:
        return parse_number(name, value, 0, UINT32_MAX,
                            &addr->u.inet.keep_alive_count, errp);
    case OPT_KEEP_ALIVE_IDLE:
        return parse_number(name, value, 0, UINT32_MAX,
                            &addr->u.inet.keep_alive_idle, errp);
    case OPT_KEEP_ALIVE_INTERVAL:
        return parse_number(name, value, 0, UINT32_MAX,
                            &addr->u.inet.keep_alive_interval, errp);
    case OPT_MPTCP:
        return parse_bool(name, value, &addr->u.inet.mptcp, errp);
    case OPT_ABSTRACT:
        return parse_bool(name, value, &addr->u.un.abstract, errp);
    case OPT_TIGHT:
        return parse_bool(name, value, &addr->u.un.tight, errp);
    default:
        return invalid(errp, "unknown option");
    }
}

/* What no option breaks alone. */
static int check_options(const QIOAddress *addr, QIOError **errp)
{
    uint64_t port;

    if (addr->type != QIO_ADDRESS_INET) {
        return 0;
    }
    if (addr->u.inet.ipv4 == 0 && addr->u.inet.ipv6 == 0) {
        return invalid(errp, "ipv4=off and ipv6=off together leave no "
                             "address to use");
    }
    if (addr->u.inet.to &&
        qiop_optstr_uint(addr->u.inet.port, UINT16_MAX, &port) == 0 &&
        addr->u.inet.to < port) {
        return invalid(errp, "option 'to': %u is below the port %u",
                       addr->u.inet.to, (unsigned)port);
    }
    return 0;
}

static int unknown_option(QIOAddressType type, const char *name,
                          QIOError **errp)
{
    static const char *const kinds[] = {
        [QIO_ADDRESS_INET] = "a tcp:",
        [QIO_ADDRESS_UNIX] = "a unix:",
        [QIO_ADDRESS_VSOCK] = "a vsock:",
        [QIO_ADDRESS_FD] = "an fd:",
    };

    return invalid(errp, "unknown option '%s' of %s address", name,
                   kinds[type]);
}

int qio_address_set(QIOAddress *addr, const char *option, const char *value,
                    QIOError **errp)
{
    enum option opt = find_option(addr->type, option);
    QIOAddress changed = *addr;

    if (opt == OPT_NONE) {
        return unknown_option(addr->type, option, errp);
    }
    if (apply_option(&changed, opt, value, errp) < 0 ||
        check_options(&changed, errp) < 0) {
        return -1;
    }
    *addr = changed;
    return 0;
}

/* pos: what follows the first piece, NULL for nothing. */
static int parse_options(QIOAddress *addr, const char *pos, QIOError **errp)
{
    unsigned seen = 0;
    char *piece;
    int ret;

    while ((ret = qiop_optstr_next(&pos, &piece, errp)) > 0) {
        char *value = qiop_optstr_value(piece);
        enum option opt = find_option(addr->type, piece);

        if (opt == OPT_NONE) {
            ret = unknown_option(addr->type, piece, errp);
        } else if (seen & (1u << opt)) {
            ret = invalid(errp, "option '%s' is given twice", piece);
        } else {
            seen |= 1u << opt;
            ret = apply_option(addr, opt, value, errp);
        }
        free(piece);
        if (ret < 0) {
            return -1;
        }
    }
    return ret < 0 ? -1 : check_options(addr, errp);
}

/* ---- the first piece, by type ---- */

/* Cuts text in place. */
static QIOAddress *parse_inet(char *text, QIOError **errp)
{
    char *host = text, *port;

    if (*text == '[') {
        host = text + 1;
        port = strchr(host, ']');
        if (!port) {
            invalid(errp, "']' is missing after the IPv6 address in '%s'",
                    text);
            return NULL;
        }
        *port++ = '\0';
        if (!qiop_address_is_ipv6(host)) {
            invalid(errp, "'%s' in brackets is not an IPv6 address", host);
            return NULL;
        }
        if (*port != ':') {
            invalid(errp, "the port is missing after '[%s]'", host);
            return NULL;
        }
    } else {
        port = strchr(text, ':');
        if (!port) {
            invalid(errp, "the port is missing in '%s': HOST:PORT is wanted",
                    text);
            return NULL;
        }
        if (strchr(port + 1, ':')) {
            invalid(errp,
                    "too many colons in '%s': an IPv6 address stands in "
                    "brackets, like [::1]:5000",
                    text);
            return NULL;
        }
        *port = '\0';
    }
    return qio_address_new_inet(host, port + 1, errp);
}

static QIOAddress *parse_vsock(char *text, QIOError **errp)
{
    static const struct {
        const char *name;
        uint32_t cid;
    } names[] = {{"local", 1}, {"host", 2}, {"any", UINT32_MAX}};
    char *colon = strchr(text, ':');
    uint64_t cid, port;
    bool known = false;
    size_t i;

    if (!colon) {
        invalid(errp, "vsock: needs CID:PORT, not '%s'", text);
        return NULL;
    }
    *colon = '\0';
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i].name) == 0) {
            cid = names[i].cid;
            known = true;
        }
    }
    if (!known && qiop_optstr_uint(text, UINT32_MAX, &cid) < 0) {
        invalid(errp,
                "vsock CID '%s' is not a number from 0 to %u, nor host, "
                "local or any",
                text, UINT32_MAX);
        return NULL;
    }
    if (qiop_optstr_uint(colon + 1, UINT32_MAX, &port) < 0) {
        invalid(errp, "vsock port '%s' is not a number from 0 to %u", colon + 1,
                UINT32_MAX);
        return NULL;
    }
    return qio_address_new_vsock((uint32_t)cid, (uint32_t)port, errp);
}

static QIOAddress *parse_fd(char *text, QIOError **errp)
{
    uint64_t fd;

    if (qiop_optstr_uint(text, INT_MAX, &fd) < 0) {
        invalid(errp, "'%s' is not the number of a descriptor", text);
        return NULL;
    }
    return qio_address_new_fd((int)fd, errp);
}

static QIOAddress *parse_unix(char *text, QIOError **errp)
{
    return qio_address_new_unix(text, errp);
}

static const struct {
    const char *prefix;
    QIOAddress *(*parse)(char *text, QIOError **errp);
} kinds_of_address[] = {
    {"tcp:", parse_inet},
    {"unix:", parse_unix},
    {"vsock:", parse_vsock},
    {"fd:", parse_fd},
};

QIOAddress *qio_address_parse(const char *text, QIOError **errp)
{
    size_t n = sizeof(kinds_of_address) / sizeof(kinds_of_address[0]);
    QIOAddress *addr = NULL;
    size_t i, len = 0;
    const char *pos;
    char *piece;

    if (strlen(text) > TEXT_MAX) {
        invalid(errp, "address too long: at most %d bytes", TEXT_MAX);
        return NULL;
    }
    for (i = 0; i < n; i++) {
        len = strlen(kinds_of_address[i].prefix);
        if (strncmp(text, kinds_of_address[i].prefix, len) == 0) {
            break;
        }
    }
    if (i == n) {
        invalid(errp,
                "address '%s' does not begin with tcp:, unix:, vsock: "
                "or fd:",
                text);
        return NULL;
    }
    pos = text + len;
    if (qiop_optstr_next(&pos, &piece, errp) < 0) {
        return NULL;
    }
    addr = kinds_of_address[i].parse(piece, errp);
    free(piece);
    if (addr && parse_options(addr, pos, errp) < 0) {
        qio_address_free(addr);
        addr = NULL;
    }
    return addr;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The grammar of addresses, rule by rule, and its way back to text. */
#include <config.h>
#include "qiotest.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "net/address.h"

static QIOAddress *parse(const char *text)
{
    QIOError *err = NULL;
    QIOAddress *addr = qio_address_parse(text, &err);

    qiotest_ok(&err);
    ck_assert_ptr_nonnull(addr);
    return addr;
}

/* Refused, with a message that says this. */
static void check_bad(const char *text, const char *says)
{
    QIOError *err = NULL;
    QIOAddress *addr = qio_address_parse(text, &err);

    ck_assert_msg(!addr, "'%s' was accepted", text);
    ck_assert_msg(strstr(qio_error_message(err), says), "'%s': %s", text,
                  qio_error_message(err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_address_parse(text, NULL));
}

static void check_text(const QIOAddress *addr, const char *expected)
{
    QIOError *err = NULL;
    char *text = qio_address_to_string(addr, &err);

    qiotest_ok(&err);
    ck_assert_str_eq(text, expected);
    free(text);
}

/* Accepted, with this canonical text, which parses to the same. */
static void check_good(const char *text, const char *canonical)
{
    QIOAddress *addr = parse(text);
    QIOAddress *again = parse(canonical);

    check_text(addr, canonical);
    ck_assert(qio_address_equal(addr, again));
    qio_address_free(addr);
    qio_address_free(again);
}

static void check_host_port(const char *text, const char *host,
                            const char *port)
{
    QIOAddress *addr = parse(text);

    ck_assert_int_eq(qio_address_type(addr), QIO_ADDRESS_INET);
    ck_assert_str_eq(qio_address_host(addr), host);
    ck_assert_str_eq(qio_address_port(addr), port);
    qio_address_free(addr);
}

START_TEST(test_host_port)
{
    char host[256 + 1], text[300];

    check_host_port("tcp::5000", "", "5000");
    check_host_port("tcp:127.0.0.1:5000", "127.0.0.1", "5000");
    check_host_port("tcp:[::1]:5000", "::1", "5000");
    check_host_port("tcp:[fe80::1%eth0]:5000", "fe80::1%eth0", "5000");
    check_host_port("tcp:[::ffff:1.2.3.4]:0", "::ffff:1.2.3.4", "0");
    check_host_port("tcp:a.example:https", "a.example", "https");
    check_host_port("tcp:a:914c-g", "a", "914c-g");
    check_host_port("tcp:a:65535", "a", "65535");

    check_bad("", "does not begin with");
    check_bad(":", "does not begin with");
    check_bad("1.2.3.4", "does not begin with");
    check_bad("TCP:a:1", "does not begin with");
    check_bad("udp:a:1", "does not begin with");
    check_bad("tcp:", "port is missing");
    check_bad("tcp::", "port is missing");
    check_bad("tcp:1.2.3.4", "port is missing");
    check_bad("tcp:1.2.3.4:", "port is missing");
    check_bad("tcp:[]:5000", "not an IPv6 address");
    check_bad("tcp:[::1", "']' is missing");
    check_bad("tcp:[::1]", "port is missing");
    check_bad("tcp:[::1]:", "port is missing");
    check_bad("tcp:[::1]5000", "port is missing");
    check_bad("tcp:[::1%]:1", "not an IPv6 address");
    check_bad("tcp:[1.2.3.4]:1", "not an IPv6 address");
    check_bad("tcp:[a.example]:1", "not an IPv6 address");
    check_bad("tcp:::1:5000", "brackets");
    check_bad("tcp:[::1]:50:00", "neither a number");
    check_bad("tcp:a:65536", "above 65535");
    check_bad("tcp:a:-1", "neither a number");
    check_bad("tcp:a:+1", "neither a number");
    check_bad("tcp:a: 1", "neither a number");
    check_bad("tcp:a:1 ", "neither a number");
    check_bad("tcp:a:00000000000000000000000000000000001", "too many");
    check_bad("tcp:a b:1", "not allowed in a host");
    check_bad("tcp:a]:1", "not allowed in a host");
    check_bad("tcp:a,,b:1", "not allowed in a host");
    check_bad("tcp:a\n:1", "not allowed in a host");

    memset(host, 'h', 255);
    host[255] = '\0';
    snprintf(text, sizeof(text), "tcp:%s:1", host);
    check_good(text, text);
    strcpy(host + 255, "h");
    snprintf(text, sizeof(text), "tcp:%s:1", host);
    check_bad(text, "too long");
}
END_TEST

START_TEST(test_inet_options)
{
    QIOAddress *addr = parse("tcp:h:10,to=20,ipv4=on,ipv6=off,numeric=on,"
                             "keep-alive=on,keep-alive-count=1,"
                             "keep-alive-idle=2,keep-alive-interval=3,"
                             "mptcp=on");

    ck_assert_uint_eq(qio_address_port_to(addr), 20);
    ck_assert_int_eq(qio_address_ipv4(addr), 1);
    ck_assert_int_eq(qio_address_ipv6(addr), 0);
    ck_assert(qio_address_numeric(addr));
    ck_assert(qio_address_keep_alive(addr));
    ck_assert(qio_address_mptcp(addr));
    ck_assert_uint_eq(qio_address_keep_alive_count(addr), 1);
    ck_assert_uint_eq(qio_address_keep_alive_idle(addr), 2);
    ck_assert_uint_eq(qio_address_keep_alive_interval(addr), 3);
    qio_address_free(addr);

    addr = parse("tcp:h:10");
    ck_assert_uint_eq(qio_address_port_to(addr), 0);
    ck_assert_int_eq(qio_address_ipv4(addr), -1);
    ck_assert_int_eq(qio_address_ipv6(addr), -1);
    ck_assert(!qio_address_numeric(addr));
    ck_assert(!qio_address_keep_alive(addr));
    ck_assert_uint_eq(qio_address_keep_alive_count(addr), 0);
    ck_assert_uint_eq(qio_address_keep_alive_idle(addr), 0);
    ck_assert_uint_eq(qio_address_keep_alive_interval(addr), 0);
    ck_assert(!qio_address_mptcp(addr));
    qio_address_free(addr);

    check_good("tcp:h:1,ipv4,ipv6,numeric,keep-alive,mptcp",
               "tcp:h:1,ipv4=on,ipv6=on,numeric=on,keep-alive=on,mptcp=on");
    check_good("tcp:h:1,ipv4=yes,ipv6=true,numeric=no,mptcp=false",
               "tcp:h:1,ipv4=on,ipv6=on");
    check_good("tcp:h:1,ipv4=off", "tcp:h:1,ipv4=off");
    check_good("tcp:h:1,ipv6=off", "tcp:h:1,ipv6=off");
    check_good("tcp:h:1,keep-alive-idle=4294967295",
               "tcp:h:1,keep-alive-idle=4294967295");
    check_good("tcp:h:1,keep-alive-count=0", "tcp:h:1");
    check_good("tcp:h:5,to=5", "tcp:h:5,to=5");
    check_good("tcp:h:http,to=1", "tcp:h:http,to=1");
    check_good("tcp:h:0,to=65535", "tcp:h:0,to=65535");
}
END_TEST

START_TEST(test_inet_options_bad)
{
    check_bad("tcp:h:1,colour=red", "'colour'");
    check_bad("tcp:h:1,abstract", "'abstract'");
    check_bad("tcp:h:1,", "unknown option ''");
    check_bad("tcp:h:1,,ipv4", "neither a number");
    check_bad("tcp:h:1,ipv4,ipv4", "'ipv4' is given twice");
    check_bad("tcp:h:1,ipv4=on,ipv4=off", "'ipv4' is given twice");
    check_bad("tcp:h:1,ipv4=maybe", "neither on nor off");
    check_bad("tcp:h:1,ipv4=", "neither on nor off");
    check_bad("tcp:h:1,ipv4=off,ipv6=off", "no address");
    check_bad("tcp:h:1,to", "needs a value");
    check_bad("tcp:h:1,to=", "from 1 to 65535");
    check_bad("tcp:h:1,to=0", "from 1 to 65535");
    check_bad("tcp:h:1,to=65536", "from 1 to 65535");
    check_bad("tcp:h:1,to=5x", "from 1 to 65535");
    check_bad("tcp:h:10,to=9", "below the port");
    check_bad("tcp:h:1,keep-alive-count", "needs a value");
    check_bad("tcp:h:1,keep-alive-idle=4294967296", "keep-alive-idle");
    check_bad("tcp:h:1,keep-alive-interval=-1", "keep-alive-interval");
}
END_TEST

START_TEST(test_unix)
{
    char path[109], text[160];
    QIOAddress *addr = parse("unix:/tmp/a,,b=c,abstract=on,tight=off");

    ck_assert_int_eq(qio_address_type(addr), QIO_ADDRESS_UNIX);
    ck_assert_str_eq(qio_address_path(addr), "/tmp/a,b=c");
    ck_assert(qio_address_abstract(addr));
    ck_assert(!qio_address_tight(addr));
    ck_assert_ptr_null(qio_address_host(addr));
    qio_address_free(addr);

    addr = parse("unix:rel:ative");
    ck_assert_str_eq(qio_address_path(addr), "rel:ative");
    ck_assert(!qio_address_abstract(addr));
    ck_assert(qio_address_tight(addr));
    qio_address_free(addr);

    check_good("unix:,,a,,,abstract", "unix:,,a,,,abstract=on");
    check_good("unix:,abstract", "unix:,abstract=on");
    check_good("unix:", "unix:");
    check_good("unix:a,tight", "unix:a");
    check_bad("unix:a,ipv4", "'ipv4'");
    check_bad("unix:a,tight,tight", "twice");
    check_bad("unix:a,abstract=perhaps", "neither on nor off");

    memset(path, 'p', 108);
    path[107] = '\0';
    snprintf(text, sizeof(text), "unix:%s", path);
    check_good(text, text);
    snprintf(text, sizeof(text), "unix:%s,abstract=on", path);
    check_good(text, text);
    path[107] = 'p';
    path[108] = '\0';
    snprintf(text, sizeof(text), "unix:%s", path);
    check_bad(text, "at most 107");
    snprintf(text, sizeof(text), "unix:%s,abstract=on", path);
    check_bad(text, "at most 107");
}
END_TEST

START_TEST(test_vsock)
{
    QIOAddress *addr = parse("vsock:3:4294967295");

    ck_assert_int_eq(qio_address_type(addr), QIO_ADDRESS_VSOCK);
    ck_assert_uint_eq(qio_address_vsock_cid(addr), 3);
    ck_assert_uint_eq(qio_address_vsock_port(addr), UINT32_MAX);
    qio_address_free(addr);
    check_good("vsock:host:1", "vsock:2:1");
    check_good("vsock:local:1", "vsock:1:1");
    check_good("vsock:any:1", "vsock:4294967295:1");
    check_bad("vsock:", "CID:PORT");
    check_bad("vsock:1", "CID:PORT");
    check_bad("vsock:guest:1", "'guest'");
    check_bad("vsock::1", "CID");
    check_bad("vsock:1:", "port");
    check_bad("vsock:1:2:3", "port");
    check_bad("vsock:1:2,ipv4", "'ipv4' of a vsock:");
    check_bad("vsock:4294967296:1", "CID");
    check_bad("vsock:1:4294967296", "port");
    check_bad("vsock:0x1:1", "CID");
}
END_TEST

START_TEST(test_fd)
{
    QIOAddress *addr = parse("fd:7");

    ck_assert_int_eq(qio_address_type(addr), QIO_ADDRESS_FD);
    ck_assert_int_eq(qio_address_fd(addr), 7);
    qio_address_free(addr);
    check_good("fd:2147483647", "fd:2147483647");
    check_bad("fd:", "not the number");
    check_bad("fd:-1", "not the number");
    check_bad("fd:name", "not the number");
    check_bad("fd:2147483648", "not the number");
    check_bad("fd:1,x", "unknown option 'x' of an fd:");
}
END_TEST

START_TEST(test_constructors)
{
    QIOError *err = NULL;
    QIOAddress *addr;
    char path[109];

    addr = qio_address_new_inet("::1", "http", &err);
    qiotest_ok(&err);
    check_text(addr, "tcp:[::1]:http");
    qio_address_free(addr);
    ck_assert_ptr_null(qio_address_new_inet("a:b", "1", &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_address_new_inet("a", "", &err));
    qiotest_error(&err, QIO_ERROR_INVALID);

    addr = qio_address_new_unix("/a,tight=off", &err);
    qiotest_ok(&err);
    check_text(addr, "unix:/a,,tight=off");
    qio_address_free(addr);
    memset(path, 'x', 108);
    path[108] = '\0';
    ck_assert_ptr_null(qio_address_new_unix(path, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);

    addr = qio_address_new_vsock(2, 9, &err);
    qiotest_ok(&err);
    check_text(addr, "vsock:2:9");
    qio_address_free(addr);

    addr = qio_address_new_fd(0, &err);
    qiotest_ok(&err);
    check_text(addr, "fd:0");
    qio_address_free(addr);
    ck_assert_ptr_null(qio_address_new_fd(-1, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

START_TEST(test_set)
{
    QIOAddress *addr = parse("tcp:h:10"), *before;
    QIOError *err = NULL;

    ck_assert_int_eq(qio_address_set(addr, "to", "12", &err), 0);
    ck_assert_int_eq(qio_address_set(addr, "ipv6", "off", &err), 0);
    ck_assert_int_eq(qio_address_set(addr, "mptcp", NULL, &err), 0);
    check_text(addr, "tcp:h:10,to=12,ipv6=off,mptcp=on");
    before = qio_address_copy(addr, &err);
    qiotest_ok(&err);

    ck_assert_int_eq(qio_address_set(addr, "ipv4", "off", &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_address_set(addr, "to", "9", &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_address_set(addr, "tight", "on", &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_address_set(addr, "mptcp", "2", &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert(qio_address_equal(addr, before));
    qio_address_free(before);
    qio_address_free(addr);
}
END_TEST

START_TEST(test_equal)
{
    static const char *const texts[] = {
        "tcp:h:1",
        "tcp:g:1",
        "tcp:h:2",
        "tcp:h:1,to=2",
        "tcp:h:1,ipv4=on",
        "tcp:h:1,ipv4=off",
        "tcp:h:1,ipv6=on",
        "tcp:h:1,numeric",
        "tcp:h:1,mptcp",
        "tcp:h:1,keep-alive",
        "tcp:h:1,keep-alive-count=1",
        "tcp:h:1,keep-alive-idle=1",
        "tcp:h:1,keep-alive-interval=1",
        "unix:h",
        "unix:h1",
        "unix:h,abstract",
        "unix:h,tight=off",
        "vsock:1:1",
        "vsock:2:1",
        "vsock:1:2",
        "fd:1",
        "fd:2",
    };
    size_t n = sizeof(texts) / sizeof(texts[0]), i, j;

    for (i = 0; i < n; i++) {
        QIOAddress *a = parse(texts[i]);
        QIOAddress *copy = qio_address_copy(a, NULL);

        ck_assert(qio_address_equal(a, copy));
        for (j = 0; j < n; j++) {
            QIOAddress *b = parse(texts[j]);

            ck_assert(qio_address_equal(a, b) == (i == j));
            qio_address_free(b);
        }
        qio_address_free(copy);
        qio_address_free(a);
    }
    qio_address_free(NULL);
}
END_TEST

static void check_sockaddr(const void *sa, size_t len, const char *expected)
{
    QIOError *err = NULL;
    QIOAddress *addr = qio_address_from_sockaddr(sa, (socklen_t)len, &err);

    qiotest_ok(&err);
    check_text(addr, expected);
    qio_address_free(addr);
}

START_TEST(test_from_sockaddr_inet)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(1)};
    struct sockaddr other = {.sa_family = AF_NETLINK};
    char zone[IF_NAMESIZE], expected[64] = "tcp:[fe80::1%4000000000]:1";
    QIOError *err = NULL;

    inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
    check_sockaddr(&in, sizeof(in), "tcp:192.0.2.1:80");
    ck_assert_ptr_null(qio_address_from_sockaddr((struct sockaddr *)&in,
                                                 sizeof(in) - 1, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(
        qio_address_from_sockaddr((struct sockaddr *)&in, 1, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);

    inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
    check_sockaddr(&in6, sizeof(in6), "tcp:[2001:db8::1]:1");
    inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr);
    in6.sin6_scope_id = 4000000000u;
    check_sockaddr(&in6, sizeof(in6), expected);
    in6.sin6_scope_id = 1;
    if (if_indextoname(1, zone)) {
        snprintf(expected, sizeof(expected), "tcp:[fe80::1%%%s]:1", zone);
        check_sockaddr(&in6, sizeof(in6), expected);
    }

    ck_assert_ptr_null(qio_address_from_sockaddr(&other, sizeof(other), &err));
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
}
END_TEST

START_TEST(test_from_sockaddr_unix)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t base = offsetof(struct sockaddr_un, sun_path);
    QIOError *err = NULL;
    QIOAddress *addr;

    check_sockaddr(&un, base, "unix:");
    strcpy(un.sun_path, "/a");
    check_sockaddr(&un, base + 3, "unix:/a");
    check_sockaddr(&un, sizeof(un), "unix:/a");
    memcpy(un.sun_path, "\0ab", 4);
    check_sockaddr(&un, base + 3, "unix:ab,abstract=on");
    check_sockaddr(&un, sizeof(un), "unix:ab,abstract=on,tight=off");

    memcpy(un.sun_path, "\0a\0b", 4);
    addr = qio_address_from_sockaddr((struct sockaddr *)&un, base + 4, &err);
    qiotest_ok(&err);
    ck_assert_uint_eq(addr->u.un.path_len, 3);
    ck_assert_ptr_null(qio_address_to_string(addr, &err));
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    qio_address_free(addr);

    /* A path that fills it all has no NUL at its end. */
    memset(un.sun_path, 'x', sizeof(un.sun_path));
    addr = qio_address_from_sockaddr((struct sockaddr *)&un, sizeof(un), &err);
    qiotest_ok(&err);
    ck_assert_uint_eq(strlen(qio_address_path(addr)), 108);
    ck_assert_ptr_null(qio_address_to_string(addr, &err));
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    qio_address_free(addr);
}
END_TEST

/* ---- random texts, the same ones in every run ---- */

static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

static void put(char *text, const char *more)
{
    strcat(text, more);
}

static void random_inet(char *text)
{
    static const char *const hosts[] = {
        "",
        "h",
        "a.example",
        "127.0.0.1",
        "[::1]",
        "[fe80::1%lo]",
        "[2001:db8::2]",
        "localhost",
    };
    static const char *const bools[] = {"", "=on", "=off", "=yes", "=false"};
    static const char *const flags[] = {"numeric", "keep-alive", "mptcp"};
    static const char *const numbers[] = {"keep-alive-count", "keep-alive-idle",
                                          "keep-alive-interval"};
    uint32_t port = rnd(65536), i;
    int family = (int)rnd(4);
    char piece[64];

    put(text, "tcp:");
    put(text, hosts[rnd(8)]);
    snprintf(piece, sizeof(piece), rnd(4) ? ":%u" : ":svc-%u", port);
    put(text, piece);
    for (i = 0; i < 3; i++) {
        if (rnd(2)) {
            snprintf(piece, sizeof(piece), ",%s=%u", numbers[i],
                     rnd(2) ? rnd(100) : rnd(UINT32_MAX));
            put(text, piece);
        }
        if (rnd(2)) {
            snprintf(piece, sizeof(piece), ",%s%s", flags[i], bools[rnd(5)]);
            put(text, piece);
        }
    }
    if (family & 1) {
        snprintf(piece, sizeof(piece), ",ipv4%s", bools[rnd(5)]);
        put(text, piece);
    }
    if (family & 2) {
        put(text, family & 1 ? ",ipv6=on" : ",ipv6=off");
    }
    if (rnd(2)) {
        snprintf(piece, sizeof(piece), ",to=%u",
                 port ? port + rnd(65536 - port) : 1);
        put(text, piece);
    }
}

static void random_unix(char *text)
{
    static const char bytes[] = "/abc,=:[]%. \\\"'@\x7f\x01\xc3\xa4";
    uint32_t len = rnd(108), i;

    put(text, "unix:");
    for (i = 0; i < len; i++) {
        char c[3] = {bytes[rnd(sizeof(bytes) - 1)]};

        if (c[0] == ',') {
            c[1] = ',';
        }
        put(text, c);
    }
    if (rnd(2)) {
        put(text, rnd(2) ? ",abstract" : ",abstract=off");
    }
    if (rnd(2)) {
        put(text, rnd(2) ? ",tight" : ",tight=off");
    }
}

START_TEST(test_round_trip)
{
    char text[1024], *first, *second;
    QIOAddress *addr, *again;
    int i;

    seed = 0x9e3779b9;
    for (i = 0; i < 20000; i++) {
        text[0] = '\0';
        switch (rnd(4)) {
        case 0:
            random_unix(text);
            break;
        case 1:
            snprintf(text, sizeof(text), "vsock:%u:%u", rnd(UINT32_MAX),
                     rnd(UINT32_MAX));
            break;
        default:
            random_inet(text);
            break;
        }
        addr = parse(text);
        first = qio_address_to_string(addr, NULL);
        again = parse(first);
        second = qio_address_to_string(again, NULL);
        ck_assert_msg(qio_address_equal(addr, again), "%s", text);
        ck_assert_str_eq(first, second);
        free(first);
        free(second);
        qio_address_free(addr);
        qio_address_free(again);
    }
}
END_TEST

START_TEST(test_garbage)
{
    static const char *const words[] = {
        "tcp:", "unix:",       "vsock:", "fd:",     ":",          ",",
        ",,",   "[",           "]",      "=",       "%",          "::1",
        "h",    "5000",        "to",     "ipv4",    "ipv6",       "on",
        "off",  "abstract",    "tight",  "numeric", "keep-alive", "-count",
        "-1",   "99999999999", "\xff",   "\n",      " ",          "host",
        "any",
    };
    int i, good = 0;

    seed = 12345;
    for (i = 0; i < 50000; i++) {
        char text[512] = "";
        uint32_t n = rnd(12);
        QIOError *err = NULL;
        QIOAddress *addr;

        put(text, rnd(3) ? words[rnd(4)] : "");
        while (n--) {
            put(text, words[rnd(sizeof(words) / sizeof(words[0]))]);
        }
        addr = qio_address_parse(text, &err);
        ck_assert((addr != NULL) == (err == NULL));
        if (addr) {
            char *canonical = qio_address_to_string(addr, &err);
            QIOAddress *again = parse(canonical);

            qiotest_ok(&err);
            ck_assert_msg(qio_address_equal(addr, again), "%s", text);
            qio_address_free(again);
            free(canonical);
            good++;
        }
        qio_address_free(addr);
        qio_error_free(err);
    }
    ck_assert_int_gt(good, 100);
}
END_TEST

START_TEST(test_garbage_long)
{
    char *text = malloc(10001);

    memset(text, 'a', 10000);
    text[10000] = '\0';
    memcpy(text, "unix:", 5);
    check_bad(text, "too long");
    memcpy(text, "tcp:1:2,", 8);
    check_bad(text, "too long");
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("address");
    TCase *tc = qiotest_case(s, "grammar");

    tcase_add_test(tc, test_host_port);
    tcase_add_test(tc, test_inet_options);
    tcase_add_test(tc, test_inet_options_bad);
    tcase_add_test(tc, test_unix);
    tcase_add_test(tc, test_vsock);
    tcase_add_test(tc, test_fd);
    tc = qiotest_case(s, "object");
    tcase_add_test(tc, test_constructors);
    tcase_add_test(tc, test_set);
    tcase_add_test(tc, test_equal);
    tcase_add_test(tc, test_from_sockaddr_inet);
    tcase_add_test(tc, test_from_sockaddr_unix);
    tc = qiotest_case(s, "random");
    tcase_add_test(tc, test_round_trip);
    tcase_add_test(tc, test_garbage);
    tcase_add_test(tc, test_garbage_long);
    return qiotest_main(s);
}

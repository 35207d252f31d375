/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From addresses to socket addresses, at once and by the helper thread. */
#include <config.h>
#include "qiotest.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <qio/channel.h>

#include "net/address.h"
#include "net/resolve.h"

static QIOAddress *parse(const char *text)
{
    QIOError *err = NULL;
    QIOAddress *addr = qio_address_parse(text, &err);

    qiotest_ok(&err);
    return addr;
}

static void resolve(const char *text, bool passive, struct qiop_sockaddrs *out)
{
    QIOAddress *addr = parse(text);
    QIOError *err = NULL;

    qiop_resolve(addr, passive, out, &err);
    qiotest_ok(&err);
    qio_address_free(addr);
}

static void check_bad(const char *text, bool passive, QIOErrorCode code,
                      const char *says)
{
    QIOAddress *addr = parse(text);
    struct qiop_sockaddrs out;
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_resolve(addr, passive, &out, &err), -1);
    ck_assert_msg(strstr(qio_error_message(err), says), "%s",
                  qio_error_message(err));
    qiotest_error(&err, code);
    ck_assert_int_eq(qiop_resolve(addr, passive, &out, NULL), -1);
    qio_address_free(addr);
}

/* The results as one text, in order. */
static void check(const char *text, bool passive, const char *expected)
{
    struct qiop_sockaddrs out;
    char joined[512] = "";
    size_t i;

    resolve(text, passive, &out);
    for (i = 0; i < out.n; i++) {
        QIOAddress *addr = qio_address_from_sockaddr(
            (struct sockaddr *)&out.v[i].sa, out.v[i].len, NULL);
        char *one = qio_address_to_string(addr, NULL);

        if (i) {
            strcat(joined, " ");
        }
        strcat(joined, one);
        free(one);
        qio_address_free(addr);
    }
    ck_assert_str_eq(joined, expected);
    qiop_sockaddrs_free(&out);
}

static size_t count_family(const struct qiop_sockaddrs *l, int family)
{
    size_t i, n = 0;

    for (i = 0; i < l->n; i++) {
        n += l->v[i].sa.ss_family == family;
    }
    return n;
}

/* Which families "tcp:HOST:1,OPTIONS" gives: '4', '6', or 'b' for both. */
static char families(const char *text, bool passive)
{
    struct qiop_sockaddrs out;
    bool v4, v6;

    resolve(text, passive, &out);
    v4 = count_family(&out, AF_INET);
    v6 = count_family(&out, AF_INET6);
    qiop_sockaddrs_free(&out);
    return v4 && v6 ? 'b' : v4 ? '4' : '6';
}

START_TEST(test_literals)
{
    check("tcp:127.0.0.1:5", false, "tcp:127.0.0.1:5");
    check("tcp:[::1]:5", false, "tcp:[::1]:5");
    check("tcp:[::1]:5", true, "tcp:[::1]:5");
    check("tcp:127.0.0.1:0", true, "tcp:127.0.0.1:0");
    check("tcp:127.0.0.1:5,numeric", false, "tcp:127.0.0.1:5");
    check("tcp:0.0.0.0:5", true, "tcp:0.0.0.0:5");
    check("tcp:192.0.2.1:5", false, "tcp:192.0.2.1:5");
    check("tcp:[2001:db8::1]:5", false, "tcp:[2001:db8::1]:5");
    check_bad("tcp:127.0.0.1:0", false, QIO_ERROR_INVALID, "port 0");
    check_bad("tcp:localhost:5,numeric", false, QIO_ERROR_RESOLVE, "numeric");
    check_bad("tcp:127.0.0.1:http,numeric", false, QIO_ERROR_RESOLVE,
              "numeric");
    check_bad("tcp:127.0.0.1:no-such-service-x", false, QIO_ERROR_RESOLVE,
              "127.0.0.1");
    check_bad("tcp:[::1]:5,ipv6=off", false, QIO_ERROR_RESOLVE, "IPv4");
    check_bad("tcp:127.0.0.1:5,ipv6=on", false, QIO_ERROR_RESOLVE, "IPv6");
}
END_TEST

START_TEST(test_empty_host)
{
    struct qiop_sockaddrs out;
    size_t i;

    check("tcp::5,ipv4", true, "tcp:0.0.0.0:5");
    check("tcp::5,ipv6", true, "tcp:[::]:5");
    check("tcp::5,ipv4", false, "tcp:127.0.0.1:5");
    check("tcp::5,ipv6", false, "tcp:[::1]:5");
    check("tcp::5,ipv4,numeric", false, "tcp:127.0.0.1:5");
    resolve("tcp::5", false, &out);
    ck_assert_uint_eq(out.n, 2);
    for (i = 0; i < out.n; i++) {
        ck_assert_int_eq(out.v[i].protocol, 0);
    }
    qiop_sockaddrs_free(&out);
}
END_TEST

START_TEST(test_family_matrix)
{
    static const struct {
        const char *options;
        char passive, active;
    } rows[] = {
        {"", 'b', 'b'},
        {",ipv6=off", '4', '4'},
        {",ipv6=on", '6', '6'},
        {",ipv4=off", '6', '6'},
        {",ipv4=off,ipv6=on", '6', '6'},
        {",ipv4=on", '4', '4'},
        {",ipv4=on,ipv6=off", '4', '4'},
        {",ipv4=on,ipv6=on", '6', 'b'},
    };
    char text[64];
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        strcpy(text, "tcp::5");
        strcat(text, rows[i].options);
        ck_assert_int_eq(families(text, true), rows[i].passive);
        ck_assert_int_eq(families(text, false), rows[i].active);
    }
}
END_TEST

START_TEST(test_names)
{
    struct qiop_sockaddrs out;
    size_t i, j;

    /* On a machine without any other interface as well. */
    resolve("tcp:localhost:5", false, &out);
    ck_assert_uint_ge(out.n, 1);
    for (i = 0; i < out.n; i++) {
        for (j = 0; j < i; j++) {
            ck_assert(memcmp(&out.v[i], &out.v[j], sizeof(out.v[i])) != 0);
        }
    }
    qiop_sockaddrs_free(&out);
    check("tcp:localhost:5,ipv4", false, "tcp:127.0.0.1:5");
    resolve("tcp:127.0.0.1:5,mptcp", false, &out);
    ck_assert_int_eq(out.v[0].protocol, IPPROTO_MPTCP);
    qiop_sockaddrs_free(&out);
}
END_TEST

START_TEST(test_unix)
{
    size_t base = offsetof(struct sockaddr_un, sun_path);
    struct qiop_sockaddrs out;
    struct sockaddr_un *un;

    resolve("unix:/ab", false, &out);
    un = (struct sockaddr_un *)&out.v[0].sa;
    ck_assert_uint_eq(out.v[0].len, base + 4);
    ck_assert_str_eq(un->sun_path, "/ab");
    qiop_sockaddrs_free(&out);

    resolve("unix:ab,abstract", false, &out);
    un = (struct sockaddr_un *)&out.v[0].sa;
    ck_assert_uint_eq(out.v[0].len, base + 3);
    ck_assert_int_eq(memcmp(un->sun_path, "\0ab", 4), 0);
    qiop_sockaddrs_free(&out);

    resolve("unix:ab,abstract,tight=off", false, &out);
    ck_assert_uint_eq(out.v[0].len, sizeof(*un));
    qiop_sockaddrs_free(&out);

    resolve("unix:,abstract", true, &out);
    ck_assert_uint_eq(out.v[0].len, base);
    qiop_sockaddrs_free(&out);
    check_bad("unix:,abstract", false, QIO_ERROR_INVALID, "missing");
    check_bad("unix:", true, QIO_ERROR_INVALID, "missing");
    check_bad("unix:", false, QIO_ERROR_INVALID, "missing");
    check_bad("fd:0", false, QIO_ERROR_INVALID, "socket already");
}
END_TEST

static int finish(struct qiop_resolver *r, struct qiop_sockaddrs *out,
                  QIOError **errp)
{
    struct pollfd p = {.fd = qiop_resolver_fd(r), .events = POLLIN};
    int ret;

    ck_assert_int_eq(poll(&p, 1, 20000), 1);
    ret = qiop_resolver_finish(r, out, errp);
    ck_assert_int_ne(ret, QIO_CHANNEL_ERR_BLOCK);
    return ret;
}

START_TEST(test_resolver)
{
    static const char *const texts[] = {"tcp:127.0.0.1:5", "tcp:localhost:5",
                                        "unix:/x"};
    struct qiop_sockaddrs out;
    QIOError *err = NULL;
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        QIOAddress *addr = parse(texts[i]);
        struct qiop_resolver *r = qiop_resolver_start(addr, false, &err);

        qiotest_ok(&err);
        ck_assert(qiop_resolve_blocks(addr) == (i == 1));
        qio_address_free(addr);
        if (i != 1) {
            struct pollfd p = {.fd = qiop_resolver_fd(r), .events = POLLIN};

            ck_assert_int_eq(poll(&p, 1, 0), 1);
        }
        ck_assert_int_eq(finish(r, &out, &err), 0);
        qiotest_ok(&err);
        ck_assert_uint_ge(out.n, 1);
        qiop_sockaddrs_free(&out);
        ck_assert_int_eq(qiop_resolver_finish(r, &out, &err), -1);
        qiotest_error(&err, QIO_ERROR_STATE);
        qiop_resolver_free(r);
    }
    qiop_resolver_free(NULL);
}
END_TEST

START_TEST(test_resolver_error)
{
    QIOAddress *addr = parse("tcp:localhost:no-such-service-x");
    struct qiop_sockaddrs out;
    struct qiop_resolver *r;
    QIOError *err = NULL;

    r = qiop_resolver_start(addr, false, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(finish(r, &out, &err), -1);
    qiotest_error(&err, QIO_ERROR_RESOLVE);
    qiop_resolver_free(r);
    qio_address_free(addr);
}
END_TEST

/* The thread finds nobody there, at whatever point it is. */
START_TEST(test_resolver_free_early)
{
    QIOAddress *addr = parse("tcp:localhost:5");
    int i, before = qiotest_count_threads();

    for (i = 0; i < 300; i++) {
        QIOError *err = NULL;
        struct qiop_resolver *r = qiop_resolver_start(addr, i & 1, &err);

        qiotest_ok(&err);
        if (i % 3 == 0) {
            struct pollfd p = {.fd = qiop_resolver_fd(r), .events = POLLIN};

            poll(&p, 1, i % 2);
        }
        qiop_resolver_free(r);
    }
    qiotest_settle_threads(before);
    qio_address_free(addr);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("resolve");
    TCase *tc = qiotest_case(s, "resolve");

    tcase_add_test(tc, test_literals);
    tcase_add_test(tc, test_empty_host);
    tcase_add_test(tc, test_family_matrix);
    tcase_add_test(tc, test_names);
    tcase_add_test(tc, test_unix);
    tcase_add_test(tc, test_resolver);
    tcase_add_test(tc, test_resolver_error);
    tcase_add_test(tc, test_resolver_free_early);
    return qiotest_main(s);
}

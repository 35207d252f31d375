/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Endpoint texts: every rule of the grammar, and the way back to text. */
#include "qiotest.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qio/endpoint.h>

static QIOEndpoint *parse(const char *text)
{
    QIOError *err = NULL;
    QIOEndpoint *ep = qio_endpoint_parse(text, &err);

    qiotest_ok(&err);
    ck_assert_ptr_nonnull(ep);
    return ep;
}

/* The text is refused, with this in the message. */
static void refused(const char *text, const char *why)
{
    QIOError *err = NULL;
    QIOEndpoint *ep = qio_endpoint_parse(text, &err);

    ck_assert_msg(!ep, "'%s' was accepted", text);
    ck_assert_msg(strstr(qio_error_message(err), why), "'%s': %s", text,
                  qio_error_message(err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_endpoint_parse(text, NULL));
}

static void prints(const char *text, const char *as)
{
    QIOError *err = NULL;
    QIOEndpoint *ep = parse(text);
    char *out = qio_endpoint_to_string(ep, &err);

    qiotest_ok(&err);
    ck_assert_str_eq(out, as);
    free(out);
    qio_endpoint_free(ep);
}

static void same(const char *text)
{
    prints(text, text);
}

START_TEST(types)
{
    static const struct {
        const char *text;
        QIOEndpointType type;
        QIOAddressType addr;
    } known[] = {
        {"tcp:localhost:4444", QIO_ENDPOINT_SOCKET, QIO_ADDRESS_INET},
        {"tcp::0", QIO_ENDPOINT_SOCKET, QIO_ADDRESS_INET},
        {"unix:/run/a", QIO_ENDPOINT_SOCKET, QIO_ADDRESS_UNIX},
        {"vsock:2:1234", QIO_ENDPOINT_SOCKET, QIO_ADDRESS_VSOCK},
        {"fd:7", QIO_ENDPOINT_FD, QIO_ADDRESS_FD},
    };
    QIOEndpoint *ep;
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        ep = parse(known[i].text);
        ck_assert_int_eq(qio_endpoint_type(ep), known[i].type);
        ck_assert_int_eq(qio_address_type(qio_endpoint_address(ep)),
                         known[i].addr);
        ck_assert_ptr_null(qio_endpoint_path(ep));
        ck_assert_ptr_null(qio_endpoint_command(ep));
        ck_assert(!qio_endpoint_has_tls(ep));
        ck_assert_int_eq(qio_endpoint_listen_mode(ep), -1);
        qio_endpoint_free(ep);
    }
    ep = parse("stdio:");
    ck_assert_int_eq(qio_endpoint_type(ep), QIO_ENDPOINT_STDIO);
    ck_assert_ptr_null(qio_endpoint_address(ep));
    qio_endpoint_free(ep);
    qio_endpoint_free(NULL);
}
END_TEST

START_TEST(unknown_protocols)
{
    refused("", "unknown protocol");
    refused("tcp", "unknown protocol");
    refused("TCP:h:1", "unknown protocol");
    refused("rdma:h:1", "unknown protocol");
    refused("defer", "unknown protocol");
    refused("/tmp/file", "unknown protocol");
    refused(" tcp:h:1", "unknown protocol");
}
END_TEST

START_TEST(malformed_addresses)
{
    QIOError *err = NULL;
    static const char *const bad[] = {
        "tcp:",
        "tcp:host",
        "tcp:h:1,nonsense=1",
        "tcp:h:1,",
        "unix:",
        "unix:,abstract=off",
        "unix:/p,nonsense",
        "vsock:1",
        "vsock:x:1",
        "fd:",
        "fd:abc",
        "fd:-1",
        "fd:1,listen=on",
        "tcp:h:1,offset=5",
        "tcp:h:99999",
    };
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        QIOEndpoint *ep = qio_endpoint_parse(bad[i], &err);

        ck_assert_msg(!ep, "'%s' was accepted", bad[i]);
        qiotest_error(&err, QIO_ERROR_INVALID);
    }
}
END_TEST

START_TEST(files)
{
    QIOEndpoint *ep = parse("file:/tmp/a,,b,offset=0x20");

    ck_assert_int_eq(qio_endpoint_type(ep), QIO_ENDPOINT_FILE);
    ck_assert_str_eq(qio_endpoint_path(ep), "/tmp/a,b");
    ck_assert_uint_eq(qio_endpoint_offset(ep), 32);
    qio_endpoint_free(ep);

    ep = parse("file:relative path");
    ck_assert_str_eq(qio_endpoint_path(ep), "relative path");
    ck_assert_uint_eq(qio_endpoint_offset(ep), 0);
    qio_endpoint_free(ep);

    refused("file:", "needs a path");
    refused("file:,offset=5", "needs a path");
    refused("file:/a,b", "unknown option 'b'");
    refused("file:/a,", "unknown option");
    refused("file:/a,ofset=5", "unknown option 'ofset'");
    refused("file:/a,offset=1,offset=2", "twice");
    refused("file:/a,listen=on", "unknown option 'listen'");
}
END_TEST

START_TEST(sizes)
{
    static const struct {
        const char *text;
        uint64_t size;
    } good[] = {
        {"0", 0},
        {"17", 17},
        {"010", 10},
        {"1k", 1024},
        {"1K", 1024},
        {"20M", UINT64_C(20) << 20},
        {"3g", UINT64_C(3) << 30},
        {"2T", UINT64_C(2) << 40},
        {"0x0", 0},
        {"0XfF", 255},
        {"9223372036854775807", INT64_MAX},
        {"0x7fffffffffffffff", INT64_MAX},
        {"8388607T", UINT64_C(8388607) << 40},
    };
    static const char *const bad[] = {
        "",
        "k",
        "0x",
        "0x20M",
        "0xM",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1kk",
        "1.5G",
        "1kB",
        "0x1g",
        "1e3",
        "12z",
        "8388608T",
        "9223372036854775808",
        "0x8000000000000000",
        "99999999999999999999999999",
    };
    char text[80];
    size_t i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        QIOEndpoint *ep;

        snprintf(text, sizeof(text), "file:f,offset=%s", good[i].text);
        ep = parse(text);
        ck_assert_uint_eq(qio_endpoint_offset(ep), good[i].size);
        qio_endpoint_free(ep);
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "file:f,offset=%s", bad[i]);
        refused(text, "offset: bad size");
    }
    refused("file:f,offset", "offset: bad size");
    refused("file:f,offset=0x20M", "not both");
}
END_TEST

static void command_is(const char *text, const char *command, bool tls)
{
    QIOEndpoint *ep = parse(text);

    ck_assert_str_eq(qio_endpoint_command(ep), command);
    ck_assert(qio_endpoint_has_tls(ep) == tls);
    qio_endpoint_free(ep);
}

START_TEST(commands)
{
    command_is("exec:cat", "cat", false);
    command_is("exec:sed s/a,b/", "sed s/a,b/", false);
    command_is("exec:sed s/a,,b/", "sed s/a,b/", false);
    command_is("exec:a,,,b", "a,,b", false);
    command_is("exec:cat,", "cat,", false);
    command_is("exec:cat,tls-creds=t", "cat", true);
    command_is("exec:cat,,tls-creds=t", "cat,tls-creds=t", false);
    command_is("exec:cat,,,tls-creds=t", "cat,", true);
    command_is("exec:p -o a,b,tls-creds=t", "p -o a,b", true);
    command_is("exec:p a,tls-creds=t,b", "p a,tls-creds=t,b", false);
    command_is("exec:p a,tls-creds=t,b,tls-creds=u", "p a,tls-creds=t,b", true);
    command_is("exec:p a,tls-creds", "p a,tls-creds", false);
    command_is("exec:p 'a=b:c' | q > /tmp/x", "p 'a=b:c' | q > /tmp/x", false);
    /* Only layers end a command. */
    command_is("exec:p a,listen=on", "p a,listen=on", false);
    command_is("exec:dd a,offset=5", "dd a,offset=5", false);
    command_is("exec:p x,tls-credsy=t", "p x,tls-credsy=t", false);

    refused("exec:", "needs a command");
    refused("exec:,tls-creds=t", "needs a command");
    refused("exec:p,tls-creds=", "needs a value");
    refused("exec:p,tls-hostname=h", "needs a tls-creds");
}
END_TEST

START_TEST(stdio)
{
    QIOEndpoint *ep = parse("stdio:,tls-creds=t");

    ck_assert(qio_endpoint_has_tls(ep));
    qio_endpoint_free(ep);
    refused("stdio:x", "nothing but options");
    refused("stdio:,x", "unknown option 'x'");
    refused("stdio:,listen=on", "unknown option 'listen'");
}
END_TEST

START_TEST(layers)
{
    refused("tcp:h:1,tls-creds", "needs a value");
    refused("tcp:h:1,tls-creds=", "needs a value");
    refused("tcp:h:1,tls-hostname=x", "needs a tls-creds before");
    refused("tcp:h:1,tls-authz=x", "needs a tls-creds before");
    refused("tcp:h:1,tls-hostname=x,tls-creds=t", "needs a tls-creds before");
    refused("tcp:h:1,tls-creds=t,tls-hostname=", "needs a value");
    refused("tcp:h:1,tls-creds=t,tls-hostname=x,tls-hostname=y", "twice");
    refused("tcp:h:1,tls-creds=t,tls-authz=x,tls-authz=y", "twice");
    refused("tcp:h:1,tls-creds=t,websocket=/,tls-hostname=x",
            "needs a tls-creds before");
    refused("tcp:h:1,websocket", "needs a value");
    refused("tcp:h:1,websocket=x", "begins with '/'");
    refused("stdio:,websocket=/,websocket=/,websocket=/,websocket=/,"
            "websocket=/,websocket=/,websocket=/,websocket=/,websocket=/",
            "layers");
    refused("stdio:,websocket=/,websocket=/,websocket=/,websocket=/,"
            "websocket=/,websocket=/,websocket=/,websocket=/,tls-creds=t",
            "layers");
    same("tcp:h:1,tls-creds=a,tls-hostname=n,tls-authz=z,tls-creds=b");
    same("stdio:,websocket=/a,tls-creds=a,websocket=/b,,c");
    prints("stdio:,tls-creds=a,tls-authz=z,tls-hostname=n",
           "stdio:,tls-creds=a,tls-hostname=n,tls-authz=z");
}
END_TEST

START_TEST(listen_mode)
{
    QIOEndpoint *ep = parse("tcp:h:1,listen=on,ipv4=on");

    ck_assert_int_eq(qio_endpoint_listen_mode(ep), 1);
    ck_assert_int_eq(qio_address_ipv4(qio_endpoint_address(ep)), 1);
    qio_endpoint_free(ep);
    ep = parse("unix:/a,tls-creds=t,listen=off");
    ck_assert_int_eq(qio_endpoint_listen_mode(ep), 0);
    qio_endpoint_free(ep);
    ep = parse("vsock:1:2,listen");
    ck_assert_int_eq(qio_endpoint_listen_mode(ep), 1);
    qio_endpoint_free(ep);
    refused("tcp:h:1,listen=maybe", "on or off");
    refused("tcp:h:1,listen=on,listen=on", "twice");
}
END_TEST

START_TEST(add_tls)
{
    QIOError *err = NULL;
    QIOEndpoint *ep = parse("exec:a,b");
    char *text;
    int i;

    ck_assert_int_eq(qio_endpoint_set_tls_peer(ep, "h", NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_endpoint_add_tls(ep, NULL, NULL, NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_endpoint_add_tls(ep, "t", "", NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert(!qio_endpoint_has_tls(ep));

    ck_assert_int_eq(qio_endpoint_add_tls(ep, "t", "h", NULL, &err), 0);
    ck_assert_int_eq(qio_endpoint_set_tls_peer(ep, "h,2", "z", &err), 0);
    ck_assert_int_eq(qio_endpoint_set_tls_peer(ep, NULL, NULL, &err), 0);
    ck_assert_int_eq(qio_endpoint_set_tls_peer(ep, "x", "", &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    text = qio_endpoint_to_string(ep, &err);
    ck_assert_str_eq(text,
                     "exec:a,,b,tls-creds=t,tls-hostname=h,,2,tls-authz=z");
    free(text);
    for (i = 1; i < 8; i++) {
        ck_assert_int_eq(qio_endpoint_add_tls(ep, "t", NULL, NULL, &err), 0);
    }
    ck_assert_int_eq(qio_endpoint_add_tls(ep, "t", NULL, NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_endpoint_free(ep);
}
END_TEST

START_TEST(printed)
{
    same("tcp:[::1]:4444,ipv6=on");
    same("unix:/run/a,,b");
    same("unix:name,abstract=on,listen=off");
    same("vsock:2:1234,listen=on");
    same("fd:7,tls-creds=t");
    same("file:/tmp/a,,b,offset=1048576");
    prints("file:/a,offset=1M", "file:/a,offset=1048576");
    prints("file:/a,offset=0", "file:/a");
    prints("exec:sed s/a,b/", "exec:sed s/a,,b/");
    same("stdio:");
}
END_TEST

static unsigned next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

/* Whatever parses is printed as a text that parses to the same: its text is
 * the same again. Pieces are put together so that most of it is nearly right.
 */
START_TEST(round_trip)
{
    static const char *const heads[] = {"tcp:h:1", "unix:/p", "vsock:1:2",
                                        "fd:5",    "exec:c",  "file:/p",
                                        "stdio:"};
    static const char *const tails[] = {
        ",tls-creds=t",
        ",tls-hostname=h",
        ",tls-authz=a",
        ",websocket=/w",
        ",listen=on",
        ",listen=off",
        ",offset=1k",
        ",",
        ",,",
        "x",
        "=",
        " ",
        ",ipv4=on",
        ",to=9",
        ",tls-creds=",
        ",mptcp",
    };
    uint64_t state = 42;
    char text[256];
    int parsed = 0;
    int i;

    for (i = 0; i < 200000; i++) {
        int n = next_random(&state) % 6;
        QIOEndpoint *ep;
        char *a, *b;

        strcpy(text, heads[next_random(&state) % 7]);
        while (n-- > 0) {
            strcat(text, tails[next_random(&state) % 16]);
        }
        ep = qio_endpoint_parse(text, NULL);
        if (!ep) {
            continue;
        }
        parsed++;
        a = qio_endpoint_to_string(ep, NULL);
        qio_endpoint_free(ep);
        ep = qio_endpoint_parse(a, NULL);
        ck_assert_msg(ep != NULL, "'%s' of '%s' does not parse", a, text);
        b = qio_endpoint_to_string(ep, NULL);
        ck_assert_str_eq(a, b);
        qio_endpoint_free(ep);
        free(a);
        free(b);
    }
    ck_assert_int_gt(parsed, 10000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("uri");
    TCase *tc = qiotest_case(s, "uri");

    tcase_add_test(tc, types);
    tcase_add_test(tc, unknown_protocols);
    tcase_add_test(tc, malformed_addresses);
    tcase_add_test(tc, files);
    tcase_add_test(tc, sizes);
    tcase_add_test(tc, commands);
    tcase_add_test(tc, stdio);
    tcase_add_test(tc, layers);
    tcase_add_test(tc, listen_mode);
    tcase_add_test(tc, add_tls);
    tcase_add_test(tc, printed);
    tcase_add_test(tc, round_trip);
    return qiotest_main(s);
}

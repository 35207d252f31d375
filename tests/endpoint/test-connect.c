/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every transport, without and with every kind of TLS, through one endpoint
 * text on either side. The program also is its own peer: with arguments it
 * serves the endpoint that they name.
 */
#include "qiotest.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <qio/endpoint.h>
#include "base/clock.h"
#include "base/optstr.h"
#include "tlsdir.h"

#define LIMIT_MS 10000

static QIOObjects *objects;
static char self[256];

static void make_objects(void)
{
    objects = tlsdir_objects();
}

static void free_objects(void)
{
    qio_objects_free(objects);
}

static QIOEndpoint *parse(const char *text)
{
    QIOError *err = NULL;
    QIOEndpoint *ep = qio_endpoint_parse(text, &err);

    qiotest_ok(&err);
    return ep;
}

static QIOListener *listening(const char *text, QIOObjects *set)
{
    QIOError *err = NULL;
    QIOEndpoint *ep = parse(text);
    QIOListener *l = qio_endpoint_listen_sync(ep, set, 5, &err);

    qiotest_ok(&err);
    qio_endpoint_free(ep);
    return l;
}

static QIOChannel *connect_as(const char *text, QIOEndpointMode mode,
                              int timeout_ms, QIOError **errp)
{
    QIOEndpoint *ep = parse(text);
    QIOChannel *ioc =
        qio_endpoint_connect_sync(ep, objects, mode, timeout_ms, errp);

    qio_endpoint_free(ep);
    return ioc;
}

/* Send everything back until the peer ends, then end. */
static void echo(QIOChannel *ioc)
{
    char buf[4096];
    ssize_t n;

    while ((n = qio_channel_read(ioc, buf, sizeof(buf), NULL)) > 0) {
        if (qio_channel_write_all(ioc, buf, n, NULL) < 0) {
            return;
        }
    }
    qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    if (qio_channel_flush(ioc, NULL) < 0) {
        return;
    }
}

struct server {
    QIOListener *l;
    pthread_t thread;
    QIOErrorCode code; /* of the last accept */
};

static void *serve_one(void *opaque)
{
    struct server *s = opaque;
    QIOError *err = NULL;
    QIOChannel *ioc = qio_listener_accept_open_sync(
        s->l, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err);

    s->code = qio_error_code(err);
    qio_error_free(err);
    if (ioc) {
        echo(ioc);
        qio_channel_unref(ioc);
    }
    return NULL;
}

static void server_start(struct server *s, const char *text)
{
    s->l = listening(text, objects);
    ck_assert_ptr_nonnull(s->l);
    pthread_create(&s->thread, NULL, serve_one, s);
}

static QIOErrorCode server_end(struct server *s)
{
    pthread_join(s->thread, NULL);
    qio_listener_free(s->l);
    return s->code;
}

/* Ask the echo, then end in order: what comes is what went, then EOF. */
static void use(QIOChannel *ioc)
{
    QIOError *err = NULL;
    char out[10000];
    char in[10000];

    memset(out, 'e', sizeof(out));
    ck_assert_int_eq(qio_channel_write_all(ioc, out, sizeof(out), &err), 0);
    ck_assert_int_eq(qio_channel_read_all(ioc, in, sizeof(in), &err), 0);
    ck_assert_mem_eq(in, out, sizeof(in));
    qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_flush(ioc, &err), 0);
    ck_assert_int_eq(qio_channel_read_all_eof(ioc, in, 1, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(ioc);
}

/* The layers that are tried on each transport: {server, client}. The last has
 * a host name to check where the transport has none. */
static const struct {
    const char *server;
    const char *client;
} layers[] = {
    {"", ""},
    {",tls-creds=anon-server", ",tls-creds=anon-client"},
    {",tls-creds=psk-server", ",tls-creds=psk-client"},
    {",tls-creds=x509-server,tls-authz=client",
     ",tls-creds=x509-client,tls-hostname=" TLSDIR_HOST},
    {",tls-creds=psk-server,tls-creds=x509-server",
     ",tls-creds=psk-client,tls-creds=x509-client,tls-hostname=" TLSDIR_HOST},
    {",websocket=/chat", ",websocket=/chat?room=1"},
    {",tls-creds=psk-server,websocket=/", ",tls-creds=psk-client,websocket=/"},
    {",websocket=/,tls-creds=psk-server", ",websocket=/,tls-creds=psk-client"},
    {",websocket=/a,tls-creds=psk-server,websocket=/b?c",
     ",websocket=/a,tls-creds=psk-client,websocket=/b?d"},
};

#define N_LAYERS ((int)(sizeof(layers) / sizeof(layers[0])))

/* Where the listener can be reached, as text. */
static void reach(QIOListener *l, char *out, size_t len)
{
    QIOAddress *addr = qio_listener_get_address(l, 0, NULL);
    char *text = qio_address_to_string(addr, NULL);

    snprintf(out, len, "%s", text);
    qio_address_free(addr);
    free(text);
}

static void layers_way(const char *text, const char *server, const char *client)
{
    QIOError *err = NULL;
    struct server s;
    QIOChannel *ioc;
    char full[512];
    char at[160];

    snprintf(full, sizeof(full), "%s%s", text, server);
    server_start(&s, full);
    reach(s.l, at, sizeof(at));
    snprintf(full, sizeof(full), "%s%s", at, client);
    ioc = connect_as(full, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err);
    qiotest_ok(&err);
    use(ioc);
    ck_assert_int_eq(server_end(&s), QIO_ERROR_NONE);
}

static void socket_way(const char *text, int i)
{
    layers_way(text, layers[i].server, layers[i].client);
}

/* Each layer at each of three places, and with each of the others. _i counts in
 * their number, the lowest first; 0 is no more layers. */
START_TEST(every_order)
{
    static const char *const server[] = {
        "", ",websocket=/p", ",tls-creds=psk-server", ",tls-creds=anon-server"};
    static const char *const client[] = {"", ",websocket=/p?q",
                                         ",tls-creds=psk-client",
                                         ",tls-creds=anon-client"};
    char s[256] = "", c[256] = "";

    for (int rest = _i; rest > 0; rest /= 4) {
        strcat(s, server[rest % 4]);
        strcat(c, client[rest % 4]);
    }
    layers_way("tcp:127.0.0.1:0", s, c);
}
END_TEST

START_TEST(tcp)
{
    socket_way("tcp:127.0.0.1:0", _i);
}
END_TEST

START_TEST(tcp6)
{
    QIOEndpoint *ep = parse("tcp:[::1]:0");
    QIOListener *l = qio_endpoint_listen_sync(ep, NULL, 1, NULL);

    qio_endpoint_free(ep);
    if (l) {
        qio_listener_free(l);
        socket_way("tcp:[::1]:0", _i);
    }
}
END_TEST

START_TEST(unix_path)
{
    char text[128];

    snprintf(text, sizeof(text), "unix:%s/s", qiotest_tmpdir());
    socket_way(text, _i);
}
END_TEST

START_TEST(unix_abstract)
{
    char text[64];

    snprintf(text, sizeof(text), "unix:qiotest.c.%d,abstract=on",
             (int)getpid());
    socket_way(text, _i);
}
END_TEST

START_TEST(fd)
{
    QIOError *err = NULL;
    struct server s;
    QIOChannel *ioc;
    char text[256];
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    snprintf(text, sizeof(text), "fd:%d%s", fds[0], layers[_i].server);
    server_start(&s, text);
    snprintf(text, sizeof(text), "fd:%d%s", fds[1], layers[_i].client);
    ioc = connect_as(text, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(fcntl(fds[1], F_GETFD), -1);
    use(ioc);
    ck_assert_int_eq(server_end(&s), QIO_ERROR_NONE);
    ck_assert_int_eq(fcntl(fds[0], F_GETFD), -1);
}
END_TEST

/* The command is this program, which serves its stdio:. Layers need both
 * directions, whatever the mode. */
START_TEST(exec_and_stdio)
{
    QIOEndpointMode mode = _i ? QIO_ENDPOINT_WRITE : QIO_ENDPOINT_READWRITE;
    char *escaped = qiop_optstr_escape(layers[_i].server, NULL);
    QIOError *err = NULL;
    QIOChannel *ioc;
    char text[600];

    snprintf(text, sizeof(text), "exec:exec '%s' 'stdio:%s' '%s'%s", self,
             escaped, qiotest_tmpdir(), layers[_i].client);
    free(escaped);
    ioc = connect_as(text, mode, LIMIT_MS, &err);
    qiotest_ok(&err);
    use(ioc);
}
END_TEST

START_TEST(x509_host_of_address)
{
    QIOError *err = NULL;
    struct server s;
    QIOChannel *ioc;
    char full[256];
    char at[160];

    server_start(&s, "tcp:127.0.0.1:0,tls-creds=x509-server");
    reach(s.l, at, sizeof(at));
    snprintf(full, sizeof(full), "%s,tls-creds=x509-client", at);
    ioc = connect_as(full, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err);
    qiotest_ok(&err);
    use(ioc);
    ck_assert_int_eq(server_end(&s), QIO_ERROR_NONE);
}
END_TEST

/* One attempt of both sides that ends in these errors. */
static void fails(const char *listen, const char *client, QIOErrorCode code,
                  QIOErrorCode server_code)
{
    QIOError *err = NULL;
    struct server s;
    QIOChannel *ioc;
    char full[256];
    char at[160];

    server_start(&s, listen);
    reach(s.l, at, sizeof(at));
    snprintf(full, sizeof(full), "%s%s", at, client);
    ioc = connect_as(full, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err);
    ck_assert_ptr_null(ioc);
    qiotest_error(&err, code);
    ck_assert_int_eq(server_end(&s), server_code);
}

START_TEST(wrong_host)
{
    char text[160];

    fails("tcp:127.0.0.1:0,tls-creds=x509-server",
          ",tls-creds=x509-client,tls-hostname=other.example",
          QIO_ERROR_TLS_VERIFY, QIO_ERROR_TLS_REJECTED);
    snprintf(text, sizeof(text), "unix:%s/s,tls-creds=psk-server",
             qiotest_tmpdir());
    fails(text, ",tls-creds=anon-client", QIO_ERROR_TLS_REJECTED,
          QIO_ERROR_TLS);
}
END_TEST

START_TEST(wrong_path)
{
    fails("tcp:127.0.0.1:0,websocket=/right", ",websocket=/wrong",
          QIO_ERROR_WEBSOCKET_REJECTED, QIO_ERROR_WEBSOCKET);
    fails("tcp:127.0.0.1:0,tls-creds=psk-server,websocket=/right",
          ",tls-creds=psk-client,websocket=/right/",
          QIO_ERROR_WEBSOCKET_REJECTED, QIO_ERROR_WEBSOCKET);
    fails("tcp:127.0.0.1:0,websocket=/", ",tls-creds=psk-client", QIO_ERROR_TLS,
          QIO_ERROR_WEBSOCKET);
}
END_TEST

/* Without a name there is nothing to compare the certificate with. */
START_TEST(no_host)
{
    QIOError *err = NULL;
    QIOChannel *ioc;
    char text[128];
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    snprintf(text, sizeof(text), "fd:%d,tls-creds=x509-client", fds[0]);
    ioc = connect_as(text, QIO_ENDPOINT_READWRITE, 100, &err);
    ck_assert_ptr_null(ioc);
    qiotest_error(&err, QIO_ERROR_INVALID);
    /* A call that fails took nothing. */
    ck_assert_int_eq(close(fds[0]), 0);
    ck_assert_int_eq(close(fds[1]), 0);
}
END_TEST

/* The handshake's failure is the accept's, and the next client is served. */
START_TEST(listener_goes_on)
{
    QIOError *err = NULL;
    QIOListener *l = listening(
        "tcp:127.0.0.1:0,tls-creds=x509-server,tls-authz=nobody", objects);
    struct server s = {.l = l};
    QIOChannel *ioc;
    char full[256];
    char at[160];
    char byte;
    int i;

    reach(l, at, sizeof(at));
    snprintf(full, sizeof(full), "%s,tls-creds=x509-client", at);
    for (i = 0; i < 2; i++) {
        pthread_create(&s.thread, NULL, serve_one, &s);
        ioc = connect_as(full, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err);
        if (ioc) {
            /* TLS 1.3: the client hears of it when it reads. */
            ck_assert_int_lt(qio_channel_read(ioc, &byte, 1, &err), 0);
            qio_channel_unref(ioc);
        }
        qiotest_error(&err, QIO_ERROR_TLS_REJECTED);
        pthread_join(s.thread, NULL);
        ck_assert_int_eq(s.code, QIO_ERROR_AUTHZ);
    }
    qio_listener_free(l);
}
END_TEST

static void not_connected(const char *text, QIOErrorCode code)
{
    QIOError *err = NULL;

    ck_assert_ptr_null(
        connect_as(text, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err));
    qiotest_error(&err, code);
}

static void not_listening(const char *text, QIOErrorCode code)
{
    QIOError *err = NULL;
    QIOEndpoint *ep = parse(text);

    ck_assert_ptr_null(qio_endpoint_listen_sync(ep, objects, 1, &err));
    qiotest_error(&err, code);
    qio_endpoint_free(ep);
}

/* What the layers name is looked up before anything is opened. */
START_TEST(wrong_ids)
{
    QIOError *err = NULL;
    QIOEndpoint *ep = parse("tcp:127.0.0.1:1,tls-creds=psk-client");

    not_connected("tcp:127.0.0.1:1,tls-creds=none", QIO_ERROR_NOT_FOUND);
    not_connected("tcp:127.0.0.1:1,tls-creds=nobody", QIO_ERROR_INVALID);
    not_connected("tcp:127.0.0.1:1,tls-creds=psk-server", QIO_ERROR_INVALID);
    not_connected("tcp:127.0.0.1:1,tls-creds=psk-client,tls-authz=nobody",
                  QIO_ERROR_INVALID);
    not_connected("tcp:127.0.0.1:1,websocket=/a b", QIO_ERROR_INVALID);
    not_connected("tcp:127.0.0.1:1,websocket=/,tls-creds=none",
                  QIO_ERROR_NOT_FOUND);
    not_listening("tcp:127.0.0.1:0,tls-creds=none", QIO_ERROR_NOT_FOUND);
    not_listening("tcp:127.0.0.1:0,tls-creds=psk-client", QIO_ERROR_INVALID);
    not_listening("tcp:127.0.0.1:0,tls-creds=psk-server,tls-authz=none",
                  QIO_ERROR_NOT_FOUND);
    not_listening("tcp:127.0.0.1:0,tls-creds=psk-server,tls-authz=psk-server",
                  QIO_ERROR_INVALID);
    not_listening("tcp:127.0.0.1:0,websocket=/#", QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_endpoint_connect_sync(
        ep, NULL, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err));
    qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    qio_endpoint_free(ep);
}
END_TEST

START_TEST(nobody_there)
{
    QIOListener *l = listening("tcp:127.0.0.1:0", NULL);
    char at[160];

    reach(l, at, sizeof(at));
    qio_listener_free(l);
    not_connected(at, QIO_ERROR_CONNECT);
    not_connected("unix:/nonexistent/socket", QIO_ERROR_CONNECT);
    not_connected("fd:999", QIO_ERROR_INVALID);
    not_listening("fd:999", QIO_ERROR_INVALID);
}
END_TEST

/* Connected, but the handshake never comes: the limit is for everything. */
START_TEST(silent_server)
{
    QIOError *err = NULL;
    QIOListener *l = listening("tcp:127.0.0.1:0", NULL);
    int64_t start = qiop_now_us();
    char full[256];
    char at[160];

    reach(l, at, sizeof(at));
    snprintf(full, sizeof(full), "%s,tls-creds=psk-client", at);
    ck_assert_ptr_null(connect_as(full, QIO_ENDPOINT_READWRITE, 100, &err));
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_int_ge(qiop_now_us() - start, 100000);
    qio_listener_free(l);
}
END_TEST

START_TEST(silent_client)
{
    QIOError *err = NULL;
    QIOListener *l = listening("tcp:127.0.0.1:0,tls-creds=psk-server", objects);
    QIOChannel *ioc;
    char at[160];

    reach(l, at, sizeof(at));
    ioc = connect_as(at, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err);
    qiotest_ok(&err);
    ck_assert_ptr_null(
        qio_listener_accept_open_sync(l, QIO_ENDPOINT_READWRITE, 100, &err));
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    qio_channel_unref(ioc);
    qio_listener_free(l);
}
END_TEST

/* A shutdown of the listener ends a handshake that hangs. */
START_TEST(shutdown_in_handshake)
{
    QIOError *err = NULL;
    QIOChannel *ioc;
    struct server s;
    char at[160];

    server_start(&s, "tcp:127.0.0.1:0,tls-creds=psk-server");
    reach(s.l, at, sizeof(at));
    ioc = connect_as(at, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err);
    qiotest_ok(&err);
    usleep(50000);
    qio_listener_shutdown(s.l);
    ck_assert_int_eq(server_end(&s), QIO_ERROR_SHUTDOWN);
    qio_channel_unref(ioc);
}
END_TEST

/* Layers on a channel of one's own. */
START_TEST(layer_own)
{
    QIOError *err = NULL;
    QIOEndpoint *ep = parse("stdio:,tls-creds=anon-client");
    struct server s;
    QIOChannel *base;
    QIOChannel *top;
    char at[160];

    server_start(&s, "tcp:127.0.0.1:0,tls-creds=anon-server");
    reach(s.l, at, sizeof(at));
    base = connect_as(at, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err);
    qiotest_ok(&err);
    ck_assert_ptr_null(
        qio_endpoint_layer_sync(ep, objects, base, true, LIMIT_MS, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    top = qio_endpoint_layer_sync(ep, objects, base, false, LIMIT_MS, &err);
    qiotest_ok(&err);
    ck_assert_ptr_eq(qio_channel_base(top), base);
    qio_channel_unref(base);
    use(top);
    ck_assert_int_eq(server_end(&s), QIO_ERROR_NONE);
    qio_endpoint_free(ep);
}
END_TEST

/* The program as its own peer: serve URI with the credentials in DIR/tls. */
static int serve_as_child(const char *uri, const char *dir)
{
    static const char *const kinds[] = {"anon", "psk", "x509"};
    QIOEndpoint *ep = qio_endpoint_parse(uri, NULL);
    QIOListener *l;
    QIOChannel *ioc = NULL;
    char text[256];
    int i;

    objects = qio_objects_new(NULL);
    for (i = 0; i < 3; i++) {
        snprintf(text, sizeof(text),
                 "tls-creds-%s,id=%s-server,endpoint=server%s%s%s", kinds[i],
                 kinds[i], i ? ",dir=" : "", i ? dir : "", i ? "/tls" : "");
        if (qio_objects_add(objects, text, NULL) < 0) {
            return 2;
        }
    }
    if (qio_objects_add(objects,
                        "authz-list,id=client,rules.0.match=CN=client*,"
                        "rules.0.format=glob",
                        NULL) < 0) {
        return 2;
    }
    l = qio_endpoint_listen_sync(ep, objects, 1, NULL);
    if (l) {
        ioc = qio_listener_accept_open_sync(l, QIO_ENDPOINT_READWRITE, LIMIT_MS,
                                            NULL);
    }
    if (ioc) {
        echo(ioc);
    }
    qio_channel_unref(ioc);
    qio_listener_free(l);
    qio_endpoint_free(ep);
    qio_objects_free(objects);
    return ioc ? 0 : 1;
}

static Suite *make_suite(void)
{
    Suite *s = suite_create("connect");
    TCase *tc = qiotest_case(s, "connect");

    tcase_add_checked_fixture(tc, make_objects, free_objects);
    tcase_add_loop_test(tc, tcp, 0, N_LAYERS);
    tcase_add_loop_test(tc, every_order, 1, 4 * 4 * 4);
    tcase_add_loop_test(tc, tcp6, 0, N_LAYERS);
    tcase_add_loop_test(tc, unix_path, 0, N_LAYERS);
    tcase_add_loop_test(tc, unix_abstract, 0, N_LAYERS);
    tcase_add_loop_test(tc, fd, 0, N_LAYERS);
    tcase_add_loop_test(tc, exec_and_stdio, 0, N_LAYERS);
    tcase_add_test(tc, x509_host_of_address);
    tcase_add_test(tc, wrong_host);
    tcase_add_test(tc, wrong_path);
    tcase_add_test(tc, no_host);
    tcase_add_test(tc, listener_goes_on);
    tcase_add_test(tc, wrong_ids);
    tcase_add_test(tc, nobody_there);
    tcase_add_test(tc, silent_server);
    tcase_add_test(tc, silent_client);
    tcase_add_test(tc, shutdown_in_handshake);
    tcase_add_test(tc, layer_own);
    return s;
}

int main(int argc, char **argv)
{
    ssize_t n;

    if (argc == 3) {
        return serve_as_child(argv[1], argv[2]);
    }
    n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0) {
        return EXIT_FAILURE;
    }
    return qiotest_main(make_suite());
}

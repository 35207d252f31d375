/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Migration URIs with TLS parameters beside them. */
#include "qiotest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qio/migration/connect.h>
#include "tlsdir.h"

#define LIMIT_MS 10000

static QIOObjects *objects;

static void make_objects(void)
{
    objects = tlsdir_objects();
}

static void free_objects(void)
{
    qio_objects_free(objects);
}

struct incoming {
    char uri[160];
    QIOListener *listener; /* instead of uri */
    const char *creds;
    const char *authz;
    pthread_t thread;
    QIOErrorCode code;
    char got[5];
};

/* Takes "ping" and answers "pong". */
static void *accept_one(void *opaque)
{
    struct incoming *in = opaque;
    QIOError *err = NULL;
    QIOChannel *ioc;

    ioc = in->listener
              ? qio_listener_accept_open_sync(
                    in->listener, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err)
              : qio_migration_accept_sync(in->uri, in->creds, in->authz,
                                          objects, LIMIT_MS, &err);
    if (ioc && qio_channel_read_all(ioc, in->got, 4, &err) == 0 &&
        qio_channel_write_all(ioc, "pong", 4, &err) == 0) {
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    }
    in->code = qio_error_code(err);
    qio_error_free(err);
    qio_channel_unref(ioc);
    return NULL;
}

static void ping(QIOChannel *ioc)
{
    QIOError *err = NULL;
    char buf[5] = "";

    ck_assert_int_eq(qio_channel_write_all(ioc, "ping", 4, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 4, &err), 0);
    qiotest_ok(&err);
    ck_assert_str_eq(buf, "pong");
}

static void way_between(const char *in_uri, const char *uri,
                        const char *server_creds, const char *authz,
                        const char *client_creds, const char *hostname)
{
    struct incoming in = {.creds = server_creds, .authz = authz};
    QIOError *err = NULL;
    QIOChannel *ioc;

    snprintf(in.uri, sizeof(in.uri), "%s", in_uri);
    pthread_create(&in.thread, NULL, accept_one, &in);
    ioc = qio_migration_connect_sync(uri, client_creds, hostname, objects,
                                     LIMIT_MS, &err);
    qiotest_ok(&err);
    ping(ioc);
    pthread_join(in.thread, NULL);
    ck_assert_int_eq(in.code, QIO_ERROR_NONE);
    ck_assert_str_eq(in.got, "ping");
    qio_channel_unref(ioc);
}

/* Both ends of a pair of sockets as fd: URIs. */
static void way(const char *server_creds, const char *authz,
                const char *client_creds, const char *hostname)
{
    char in_uri[32], uri[32];
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    snprintf(in_uri, sizeof(in_uri), "fd:%d", fds[0]);
    snprintf(uri, sizeof(uri), "fd:%d", fds[1]);
    way_between(in_uri, uri, server_creds, authz, client_creds, hostname);
}

START_TEST(plain)
{
    way(NULL, NULL, NULL, NULL);
    way("", "", "", "");
}
END_TEST

START_TEST(tls)
{
    way("anon-server", NULL, "anon-client", NULL);
    way("psk-server", NULL, "psk-client", NULL);
    way("x509-server", "client", "x509-client", TLSDIR_HOST);
}
END_TEST

/* A command at each end, joined by fifos of their own: those of an earlier pair
 * may still be read from. */
START_TEST(tls_over_commands)
{
    static const char form[] = "exec:cat <%s/%s & exec cat >%s/%s";
    static const char *const creds[][4] = {
        {"x509-server", "client", "x509-client", TLSDIR_HOST},
        {"psk-server", NULL, "psk-client", NULL},
        {NULL, NULL, NULL, NULL},
    };
    const char *const *c = creds[_i];
    const char *dir = qiotest_tmpdir();
    char path[128], in_uri[160], uri[160];

    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, i ? "back" : "forth");
        ck_assert_int_eq(mkfifo(path, 0600), 0);
    }
    snprintf(in_uri, sizeof(in_uri), form, dir, "forth", dir, "back");
    snprintf(uri, sizeof(uri), form, dir, "back", dir, "forth");
    way_between(in_uri, uri, c[0], c[1], c[2], c[3]);
}
END_TEST

/* With listeners: plain, and with TLS, whose host the TCP address tells. */
START_TEST(transports)
{
    static const char *const uris[] = {"tcp:127.0.0.1:0", "tcp::0,ipv4",
                                       "unix:%s/sock", "unix:,abstract"};
    bool secure = _i % 2, named = _i / 2 > 0;
    struct incoming in = {.creds = secure ? "x509-server" : NULL,
                          .authz = secure ? "client" : NULL};
    QIOError *err = NULL;
    QIOAddress *addr;
    QIOChannel *ioc;
    char *uri;

    snprintf(in.uri, sizeof(in.uri), uris[_i / 2], qiotest_tmpdir());
    in.listener =
        qio_migration_listen_sync(in.uri, in.creds, in.authz, objects, &err);
    qiotest_ok(&err);
    addr = qio_listener_get_address(in.listener, 0, &err);
    qiotest_ok(&err);
    uri = qio_address_to_string(addr, &err);
    qiotest_ok(&err);
    pthread_create(&in.thread, NULL, accept_one, &in);
    ioc = qio_migration_connect_sync(uri, secure ? "x509-client" : NULL,
                                     secure && named ? TLSDIR_HOST : NULL,
                                     objects, LIMIT_MS, &err);
    qiotest_ok(&err);
    ping(ioc);
    pthread_join(in.thread, NULL);
    ck_assert_int_eq(in.code, QIO_ERROR_NONE);
    qio_channel_unref(ioc);
    qio_listener_free(in.listener);
    qio_address_free(addr);
    free(uri);
}
END_TEST

/* The host name beside the URI counts more than the one in it. */
START_TEST(hostname_overrides)
{
    QIOError *err = NULL;
    struct incoming in = {.creds = "x509-server"};
    QIOChannel *ioc;
    char uri[128];
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    snprintf(in.uri, sizeof(in.uri), "fd:%d", fds[0]);
    snprintf(uri, sizeof(uri),
             "fd:%d,tls-creds=x509-client,tls-hostname=other.example", fds[1]);
    pthread_create(&in.thread, NULL, accept_one, &in);
    ioc = qio_migration_connect_sync(uri, NULL, TLSDIR_HOST, objects, LIMIT_MS,
                                     &err);
    qiotest_ok(&err);
    ping(ioc);
    pthread_join(in.thread, NULL);
    ck_assert_int_eq(in.code, QIO_ERROR_NONE);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(parameters_without_tls)
{
    QIOError *err = NULL;

    ck_assert_ptr_null(qio_migration_connect_sync(
        "tcp:127.0.0.1:1", NULL, "host", objects, LIMIT_MS, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_migration_listen_sync("tcp:127.0.0.1:0", NULL,
                                                 "nobody", objects, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_migration_listen_sync("tcp:127.0.0.1:0", "none",
                                                 NULL, objects, &err));
    qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    ck_assert_ptr_null(qio_migration_connect_sync("nonsense", NULL, NULL, NULL,
                                                  LIMIT_MS, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_migration_accept_sync("tcp:127.0.0.1:0,x=y", NULL,
                                                 NULL, NULL, LIMIT_MS, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

START_TEST(nobody_comes)
{
    QIOError *err = NULL;

    ck_assert_ptr_null(qio_migration_accept_sync("tcp:127.0.0.1:0", NULL, NULL,
                                                 NULL, 50, &err));
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
}
END_TEST

/* Out into a file, from its offset on, and in from it. */
START_TEST(file)
{
    QIOError *err = NULL;
    QIOChannel *ioc;
    char uri[160];
    char buf[16] = "";
    struct stat st;
    FILE *f;

    snprintf(uri, sizeof(uri), "file:%s/state,offset=4", qiotest_tmpdir());
    *strchr(uri, ',') = '\0';
    f = fopen(uri + 5, "w");
    fputs("headold contents", f);
    fclose(f);
    uri[strlen(uri)] = ',';
    ioc = qio_migration_connect_sync(uri, NULL, NULL, NULL, LIMIT_MS, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_write_all(ioc, "new", 3, &err), 0);
    qio_channel_unref(ioc);
    ioc = qio_migration_accept_sync(uri, NULL, NULL, NULL, LIMIT_MS, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 3, &err), 0);
    ck_assert_str_eq(buf, "new");
    ck_assert_int_eq(qio_channel_read(ioc, buf, 1, &err), 0);
    qio_channel_unref(ioc);
    *strchr(uri, ',') = '\0';
    ck_assert_int_eq(stat(uri + 5, &st), 0);
    ck_assert_int_eq(st.st_size, 7);
}
END_TEST

START_TEST(file_is_private)
{
    QIOError *err = NULL;
    QIOChannel *ioc;
    char uri[160];
    struct stat st;

    snprintf(uri, sizeof(uri), "file:%s/new", qiotest_tmpdir());
    umask(0);
    ioc = qio_migration_connect_sync(uri, NULL, NULL, NULL, LIMIT_MS, &err);
    qiotest_ok(&err);
    qio_channel_unref(ioc);
    ck_assert_int_eq(stat(uri + 5, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(exec)
{
    QIOError *err = NULL;
    QIOChannel *ioc = qio_migration_connect_sync(
        "exec:sed -u s/ping/pong,/", NULL, NULL, NULL, LIMIT_MS, &err);
    char buf[8] = "";

    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_write_all(ioc, "ping\n", 5, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 6, &err), 0);
    ck_assert_str_eq(buf, "pong,\n");
    qio_channel_unref(ioc);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("connect");
    TCase *tc = qiotest_case(s, "connect");

    tcase_add_checked_fixture(tc, make_objects, free_objects);
    tcase_add_test(tc, plain);
    tcase_add_test(tc, tls);
    tcase_add_loop_test(tc, tls_over_commands, 0, 3);
    tcase_add_loop_test(tc, transports, 0, 8);
    tcase_add_test(tc, hostname_overrides);
    tcase_add_test(tc, parameters_without_tls);
    tcase_add_test(tc, nobody_comes);
    tcase_add_test(tc, file);
    tcase_add_test(tc, file_is_private);
    tcase_add_test(tc, exec);
    return qiotest_main(s);
}

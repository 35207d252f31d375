/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vsock with data, also where the kernel has no loopback for it: this program's
 * socket calls come before the C library's and make AF_VSOCK sockets of unix
 * ones, whose abstract names tell the ports. Everything of ours is the real
 * thing: addresses, listening, dialing, the channel, TLS on top.
 */
#include <config.h>
#include "contract.h"
#include "qiotest.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef HAVE_LINUX_VM_SOCKETS_H
#include <linux/vm_sockets.h>

#include <qio/channel-ops.h>
#include <qio/channel-socket.h>
#include <qio/migration/connect.h>
#include "base/fd.h"
#include "net/listen.h"
#include "tlsdir.h"

#define LIMIT_MS 10000
#define NAME "libqio-vsock-%d-%u" /* of one process */
#define FIRST_FREE_PORT 1024

/* ---- the stand-in ---- */

static uint32_t next_port = FIRST_FREE_PORT;

static socklen_t name_for(uint32_t port, struct sockaddr_un *un)
{
    int n;

    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    n = snprintf(un->sun_path + 1, sizeof(un->sun_path) - 1, NAME,
                 (int)getpid(), port);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

/* What the kernel says of a unix socket's name, as vsock; 0: it is not ours. */
static uint32_t port_of(const struct sockaddr_un *un, socklen_t len)
{
    int pid;
    uint32_t port;
    char text[sizeof(un->sun_path) + 1] = "";

    if (un->sun_family != AF_UNIX ||
        len <= offsetof(struct sockaddr_un, sun_path) + 1 || un->sun_path[0]) {
        return 0;
    }
    memcpy(text, un->sun_path + 1,
           len - offsetof(struct sockaddr_un, sun_path) - 1);
    return sscanf(text, NAME, &pid, &port) == 2 ? port : 0;
}

static int ask_name(long call, int fd, struct sockaddr *sa, socklen_t *len)
{
    struct sockaddr_vm vm = {.svm_family = AF_VSOCK,
                             .svm_cid = VMADDR_CID_LOCAL};
    struct sockaddr_un un;
    socklen_t un_len = sizeof(un);

    if (syscall(call, fd, &un, &un_len) < 0) {
        return -1;
    }
    vm.svm_port = port_of(&un, un_len);
    if (!vm.svm_port) {
        return (int)syscall(call, fd, sa, len);
    }
    memcpy(sa, &vm, *len < sizeof(vm) ? *len : sizeof(vm));
    *len = sizeof(vm);
    return 0;
}

QIO_API int socket(int family, int type, int protocol)
{
    return (int)syscall(SYS_socket, family == AF_VSOCK ? AF_UNIX : family, type,
                        protocol);
}

static int bind_port(int fd, uint32_t port)
{
    struct sockaddr_un un;
    socklen_t len;

    if (port == VMADDR_PORT_ANY) {
        port = next_port++;
    }
    len = name_for(port, &un);
    return (int)syscall(SYS_bind, fd, &un, len);
}

QIO_API int bind(int fd, const struct sockaddr *sa, socklen_t len)
{
    const struct sockaddr_vm *vm = (const void *)sa;

    return sa->sa_family == AF_VSOCK ? bind_port(fd, vm->svm_port)
                                     : (int)syscall(SYS_bind, fd, sa, len);
}

QIO_API int connect(int fd, const struct sockaddr *sa, socklen_t len)
{
    const struct sockaddr_vm *vm = (const void *)sa;
    struct sockaddr_un un;

    if (sa->sa_family != AF_VSOCK) {
        return (int)syscall(SYS_connect, fd, sa, len);
    }
    if (vm->svm_cid != VMADDR_CID_LOCAL) {
        errno = ENODEV;
        return -1;
    }
    if (bind_port(fd, VMADDR_PORT_ANY) < 0) {
        return -1;
    }
    len = name_for(vm->svm_port, &un);
    if (syscall(SYS_connect, fd, &un, len) < 0) {
        /* As vsock says that nobody listens. */
        errno = errno == ECONNREFUSED ? ECONNRESET : errno;
        return -1;
    }
    return 0;
}

QIO_API int getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
    return ask_name(SYS_getsockname, fd, sa, len);
}

QIO_API int getpeername(int fd, struct sockaddr *sa, socklen_t *len)
{
    return ask_name(SYS_getpeername, fd, sa, len);
}

QIO_API int getsockopt(int fd, int level, int option, void *value,
                       socklen_t *len)
{
    struct sockaddr_vm vm;
    socklen_t vm_len = sizeof(vm);
    int rc = (int)syscall(SYS_getsockopt, fd, level, option, value, len);

    if (rc == 0 && level == SOL_SOCKET && option == SO_DOMAIN &&
        getsockname(fd, (struct sockaddr *)&vm, &vm_len) == 0 &&
        vm.svm_family == AF_VSOCK) {
        *(int *)value = AF_VSOCK;
    }
    return rc;
}

/* ---- the tests ---- */

static int listen_any(struct qiop_listen_sockets *l, QIOError **errp)
{
    QIOAddress *addr = qio_address_parse("vsock:any:4294967295", errp);
    int rc = addr ? qiop_listen(addr, 5, l, errp) : -1;

    qio_address_free(addr);
    return rc;
}

static int pair_vsock(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    struct qiop_listen_sockets l;
    QIOAddress *addr;

    (void)opaque;
    if (listen_any(&l, errp)) {
        return -1;
    }
    addr = qio_address_new_vsock(VMADDR_CID_LOCAL,
                                 qio_address_vsock_port(l.v[0].local), errp);
    pair[0] = qio_channel_socket_connect_sync(addr, LIMIT_MS, errp);
    pair[1] = pair[0] ? qio_channel_socket_new_fd(
                            qiop_fd_accept(l.v[0].fd, false, errp), errp)
                      : NULL;
    qio_address_free(addr);
    qiop_listen_sockets_free(&l);
    return pair[1] ? 0 : -1;
}

static QIOError *err;

START_TEST(names)
{
    QIOChannel *pair[2];
    QIOAddress *addr;
    int i;

    ck_assert_int_eq(pair_vsock(NULL, pair, &err), 0);
    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(qio_channel_query(pair[i],
                                           QIO_CHANNEL_QUERY_REMOTE_ADDRESS,
                                           &addr, &err),
                         0);
        ck_assert_int_eq(qio_address_type(addr), QIO_ADDRESS_VSOCK);
        ck_assert_uint_eq(qio_address_vsock_cid(addr), VMADDR_CID_LOCAL);
        ck_assert_uint_eq(qio_address_vsock_port(addr) % 2, i);
        qio_address_free(addr);
        qio_channel_unref(pair[i]);
    }
}
END_TEST

START_TEST(nobody_listens)
{
    QIOAddress *addr = qio_address_parse("vsock:local:99", &err);

    ck_assert_ptr_null(qio_channel_socket_connect_sync(addr, LIMIT_MS, &err));
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "vsock:1:99"));
    qiotest_error(&err, QIO_ERROR_CONNECT);
    qio_address_free(addr);
}
END_TEST

static void *incoming(void *opaque)
{
    QIOError *error = NULL;
    QIOChannel *ioc = qio_listener_accept_open_sync(
        opaque, QIO_ENDPOINT_READWRITE, LIMIT_MS, &error);
    char got[5] = "";

    qiotest_ok(&error);
    ck_assert_int_eq(qio_channel_read_all(ioc, got, 4, &error), 0);
    ck_assert_str_eq(got, "ping");
    ck_assert_int_eq(qio_channel_write_all(ioc, "pong", 4, &error), 0);
    qio_channel_unref(ioc);
    return NULL;
}

/* A migration's two ends, as URIs. */
START_TEST(migration)
{
    static const char *const creds[][3] = {
        {NULL, NULL, NULL},
        {"psk-server", "psk-client", NULL},
        {"x509-server", "x509-client", TLSDIR_HOST},
    };
    const char *const *c = creds[_i];
    QIOObjects *objects = tlsdir_objects();
    QIOListener *l =
        qio_migration_listen_sync("vsock:any:4444", c[0], NULL, objects, &err);
    char got[5] = "";
    QIOChannel *ioc;
    pthread_t thread;

    qiotest_ok(&err);
    ck_assert_int_eq(pthread_create(&thread, NULL, incoming, l), 0);
    ioc = qio_migration_connect_sync("vsock:1:4444", c[1], c[2], objects,
                                     LIMIT_MS, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_write_all(ioc, "ping", 4, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(ioc, got, 4, &err), 0);
    ck_assert_str_eq(got, "pong");
    pthread_join(thread, NULL);
    qio_channel_unref(ioc);
    qio_listener_free(l);
    qio_objects_free(objects);
}
END_TEST

static const struct qio_contract vsock = {
    "vsock", pair_vsock, NULL, CONTRACT_HALF_CLOSE | CONTRACT_PEEK, 0};

int main(void)
{
    Suite *s = suite_create("vsock");
    TCase *tc = qiotest_case(s, "addresses");

    tcase_add_test(tc, names);
    tcase_add_test(tc, nobody_listens);
    tcase_add_loop_test(tc, migration, 0, 3);
    qio_contract_suite(s, &vsock);
    return qiotest_main(s);
}
#else
int main(void)
{
    printf("this system's headers do not know vsock\n");
    return 77;
}
#endif

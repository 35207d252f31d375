/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each allocation fails once: an error comes back, nothing is lost. */
#include <config.h>
#include "qiotest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <qio/channel-command.h>
#include <qio/endpoint.h>
#include "tlsdir.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#ifndef SANITIZED
/* QIO_API: visible, so that the C library itself comes to them, too. Its own
 * are here by the names it keeps for those who replace malloc(). */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

static bool armed;
static long countdown; /* allocations until the one that fails */
static long held;      /* blocks, since it was armed */

static bool fails_now(void)
{
    return armed && countdown-- == 0;
}

static void *taken(void *p)
{
    held += armed && p;
    return p;
}

QIO_API void *malloc(size_t size)
{
    if (fails_now()) {
        errno = ENOMEM;
        return NULL;
    }
    return taken(__libc_malloc(size));
}

QIO_API void *calloc(size_t n, size_t size)
{
    if (fails_now()) {
        errno = ENOMEM;
        return NULL;
    }
    return taken(__libc_calloc(n, size));
}

QIO_API void *realloc(void *p, size_t size)
{
    if (fails_now()) {
        errno = ENOMEM;
        return NULL;
    }
    return p ? __libc_realloc(p, size) : taken(__libc_realloc(p, size));
}

QIO_API int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p = fails_now() ? NULL : taken(__libc_memalign(alignment, size));

    if (!p) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}

QIO_API void free(void *p)
{
    held -= armed && p;
    __libc_free(p);
}

/* Runs step with its first, second ... allocation failing until it does not
 * get that far. Returns how many calls failed: the C library itself gets along
 * without some. */
static long exhaust(bool (*step)(void *opaque, QIOError **errp), void *opaque)
{
    long failed = 0;
    long n;

    for (n = 0; n < 100000; n++) {
        QIOError *err = NULL;
        bool done, explained;

        countdown = n;
        held = 0;
        armed = true;
        done = step(opaque, &err);
        explained = err != NULL;
        qio_error_free(err);
        armed = false;
        ck_assert(done == !explained);
        ck_assert_int_eq(held, 0);
        failed += !done;
        if (done && countdown >= 0) {
            return failed;
        }
    }
    ck_abort_msg("it never ends");
    return -1;
}

static bool parse_and_print(void *opaque, QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(opaque, errp);
    char *text;

    if (!ep) {
        return false;
    }
    text = qio_endpoint_to_string(ep, errp);
    free(text);
    qio_endpoint_free(ep);
    return text != NULL;
}

START_TEST(texts)
{
    static char *const all[] = {
        "tcp:h:1,to=5,tls-creds=a,tls-hostname=b,tls-authz=c,listen=on",
        "unix:/p,abstract=on,websocket=/w",
        "fd:5",
        "exec:a,b,tls-creds=c",
        "file:/p,offset=5,tls-creds=c",
        "stdio:",
    };
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        ck_assert_int_gt(exhaust(parse_and_print, all[i]), 2);
    }
}
END_TEST

static bool add_object(void *opaque, QIOError **errp)
{
    QIOObjects *set = qio_objects_new(errp);
    int ret = -1;

    if (set) {
        ret = qio_objects_add(set, opaque, errp);
    }
    qio_objects_free(set);
    return ret == 0;
}

START_TEST(objects)
{
    char file[128];
    FILE *f;

    snprintf(file, sizeof(file), "secret,id=s,format=base64,file=%s/f",
             qiotest_tmpdir());
    f = fopen(strchr(file, '/'), "w");
    fputs("cGFzc3dvcmQ=", f);
    fclose(f);
    ck_assert_int_gt(exhaust(add_object, "authz-simple,id=a,identity=x"), 1);
    ck_assert_int_gt(exhaust(add_object, "authz-list,id=a,rules.0.match=x,"
                                         "rules.1.match=y"),
                     1);
    ck_assert_int_gt(exhaust(add_object, "secret,id=s,data=x"), 1);
    ck_assert_int_gt(exhaust(add_object, file), 1);
    ck_assert_int_gt(exhaust(add_object, "tls-creds-anon,id=t,endpoint=server"),
                     1);
}
END_TEST

/* Listen, connect and accept without TLS, all in one thread: the backlog
 * makes it possible. */
static bool meet(void *opaque, QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(opaque, errp);
    QIOListener *l = NULL;
    QIOChannel *client = NULL;
    QIOChannel *server = NULL;

    if (ep) {
        l = qio_endpoint_listen_sync(ep, NULL, 1, errp);
    }
    if (l) {
        client = qio_endpoint_connect_sync(ep, NULL, QIO_ENDPOINT_READWRITE,
                                           5000, errp);
    }
    if (client) {
        server = qio_listener_accept_open_sync(l, QIO_ENDPOINT_READWRITE, 5000,
                                               errp);
    }
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_listener_free(l);
    qio_endpoint_free(ep);
    return server != NULL;
}

START_TEST(connections)
{
    char text[128];

    snprintf(text, sizeof(text), "unix:%s/s", qiotest_tmpdir());
    ck_assert_int_gt(exhaust(meet, text), 10);
}
END_TEST

/* A child that has ended needs no thread that waits for it. */
static void let_end(const QIOChannel *ioc)
{
    pid_t pid = ioc ? qio_channel_command_pid(ioc) : -1;
    siginfo_t info;

    if (pid > 0) {
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    }
}

static bool run_command(void *opaque, QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(opaque, errp);
    QIOChannel *ioc = NULL;

    if (ep) {
        ioc =
            qio_endpoint_connect_sync(ep, NULL, QIO_ENDPOINT_READ, 5000, errp);
    }
    let_end(ioc);
    qio_channel_unref(ioc);
    qio_endpoint_free(ep);
    return ioc != NULL;
}

START_TEST(commands)
{
    char text[128];
    FILE *f;

    ck_assert_int_gt(exhaust(run_command, "exec:true"), 1);
    snprintf(text, sizeof(text), "file:%s/f", qiotest_tmpdir());
    f = fopen(text + 5, "w");
    fclose(f);
    ck_assert_int_gt(exhaust(run_command, text), 1);
}
END_TEST
#endif

int main(void)
{
    Suite *s = suite_create("nomem");
    TCase *tc = qiotest_case(s, "nomem");

#ifndef SANITIZED
    tcase_add_test(tc, texts);
    tcase_add_test(tc, objects);
    tcase_add_test(tc, connections);
    tcase_add_test(tc, commands);
#else
    (void)tc;
#endif
    return qiotest_main(s);
}

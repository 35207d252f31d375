/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GIO's TLS connection on the socket, to be compared with. */
#include <config.h>
#include "bench-peers.h"

#include "bench-tls.h"
#include "bench.h"

#ifdef HAVE_GIO
#include <gio/gio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES (1 << 20)

/* The backend is a module. Asked for in a process of its own: the library is
 * not to be at work in the one that forks the ends. */
const char *bench_gio_missing(void)
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(!g_tls_backend_supports_tls(g_tls_backend_get_default()));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        return "no TLS backend of GIO (glib-networking)";
    }
    return NULL;
}

static gboolean accept_any(GTlsConnection *c, GTlsCertificate *cert,
                           GTlsCertificateFlags errors, gpointer data)
{
    (void)c;
    (void)cert;
    (void)errors;
    (void)data;
    return TRUE;
}

static GIOStream *session(int fd, int server)
{
    GError *err = NULL;
    GTlsCertificate *cert = NULL;
    GSocket *sock;
    GIOStream *base, *tls;
    char *pem, *key;

    setenv("G_TLS_GNUTLS_PRIORITY", BENCH_PRIORITY, 1);
    pem = g_strdup_printf("%s/server-cert.pem", bench_tls_dir());
    key = g_strdup_printf("%s/server-key.pem", bench_tls_dir());
    if (server) {
        cert = g_tls_certificate_new_from_files(pem, key, &err);
    }
    sock = err ? NULL : g_socket_new_from_fd(fd, &err);
    if (err) {
        bench_fail(err->message);
    }
    base = G_IO_STREAM(g_socket_connection_factory_create_connection(sock));
    tls = server ? g_tls_server_connection_new(base, cert, &err)
                 : g_tls_client_connection_new(base, NULL, &err);
    if (err) {
        bench_fail(err->message);
    }
    g_signal_connect(tls, "accept-certificate", G_CALLBACK(accept_any), NULL);
    if (!g_tls_connection_handshake(G_TLS_CONNECTION(tls), NULL, &err)) {
        bench_fail(err->message);
    }
    g_free(pem);
    g_free(key);
    return tls;
}

void bench_gio_send(int fd, const void *arg)
{
    const struct bench_bulk *bulk = arg;
    GIOStream *tls = session(fd, 0);
    GOutputStream *out = g_io_stream_get_output_stream(tls);
    char *b = g_malloc0(bulk->chunk);

    bench_begin();
    for (uint64_t done = 0; done < bulk->total; done += bulk->chunk) {
        if (!g_output_stream_write_all(out, b, bulk->chunk, NULL, NULL, NULL)) {
            bench_fail("g_output_stream_write_all");
        }
    }
    bench_end();
    g_io_stream_close(tls, NULL, NULL);
}

void bench_gio_recv(int fd, const void *arg)
{
    const struct bench_bulk *bulk = arg;
    GIOStream *tls = session(fd, 1);
    GInputStream *in = g_io_stream_get_input_stream(tls);
    char *b = g_malloc0(READ_BYTES);
    uint64_t done = 0;
    gssize n;

    bench_begin();
    while ((n = g_input_stream_read(in, b, READ_BYTES, NULL, NULL)) > 0) {
        done += (uint64_t)n;
    }
    bench_end();
    if (n < 0 || done < bulk->total) {
        bench_fail("g_input_stream_read");
    }
}
#else
const char *bench_gio_missing(void)
{
    return "built without GIO";
}

void bench_gio_send(int fd, const void *arg)
{
    (void)fd;
    (void)arg;
    bench_fail(bench_gio_missing());
}

void bench_gio_recv(int fd, const void *arg)
{
    bench_gio_send(fd, arg);
}
#endif

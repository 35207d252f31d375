/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plain loop of OpenSSL on the socket, 64 KiB at a time, to be compared
 * with. */
#include <config.h>
#include "bench-peers.h"

#include "bench-tls.h"
#include "bench.h"

#ifdef HAVE_OPENSSL
#include <openssl/ssl.h>
#include <stdio.h>
#include <unistd.h>

#define CHUNK (64 << 10)

const char *bench_openssl_missing(void)
{
    return NULL;
}

void *bench_openssl(int fd, int server)
{
    SSL_CTX *ctx =
        SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    char cert[128], key[128];
    SSL *ssl;

    snprintf(cert, sizeof(cert), "%s/server-cert.pem", bench_tls_dir());
    snprintf(key, sizeof(key), "%s/server-key.pem", bench_tls_dir());
    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(ctx, BENCH_SUITE) ||
        (server &&
         (SSL_CTX_use_certificate_file(ctx, cert, SSL_FILETYPE_PEM) != 1 ||
          SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1))) {
        bench_fail("cannot set OpenSSL up");
    }
    SSL_CTX_set_num_tickets(ctx, 0);
    ssl = SSL_new(ctx);
    if (!ssl || !SSL_set_fd(ssl, fd) ||
        (server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1) {
        bench_fail("OpenSSL's handshake");
    }
    return ssl;
}

void bench_openssl_send(int fd, const void *arg)
{
    static char b[CHUNK];
    const struct bench_bulk *bulk = arg;
    SSL *ssl = bench_openssl(fd, 0);

    bench_begin();
    for (uint64_t done = 0; done < bulk->total; done += sizeof(b)) {
        if (SSL_write(ssl, b, sizeof(b)) != sizeof(b)) {
            bench_fail("SSL_write");
        }
    }
    bench_end();
    SSL_shutdown(ssl);
    close(fd);
}

void bench_openssl_recv(int fd, const void *arg)
{
    static char b[CHUNK];
    const struct bench_bulk *bulk = arg;
    SSL *ssl = bench_openssl(fd, 1);
    uint64_t done = 0;
    int n;

    bench_begin();
    while ((n = SSL_read(ssl, b, sizeof(b))) > 0) {
        done += (uint64_t)n;
    }
    bench_end();
    if (done < bulk->total) {
        bench_fail("SSL_read");
    }
}
#else
const char *bench_openssl_missing(void)
{
    return "built without OpenSSL";
}

void bench_openssl_send(int fd, const void *arg)
{
    (void)fd;
    (void)arg;
    bench_fail(bench_openssl_missing());
}

void bench_openssl_recv(int fd, const void *arg)
{
    bench_openssl_send(fd, arg);
}
#endif

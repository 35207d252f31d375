/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS ends for the measuring programs; see bench-tls.h. */
#include "bench-tls.h"

#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

static char dir[] = "/tmp/qiobench.XXXXXX";
static pid_t owner;
static const char *priority = BENCH_PRIORITY;

static void check(int r)
{
    if (r < 0) {
        bench_fail(gnutls_strerror(r));
    }
}

static const char *path(const char *file)
{
    static char p[128];

    snprintf(p, sizeof(p), "%s/%s", dir, file);
    return p;
}

static void save(const char *file, const gnutls_datum_t *d)
{
    FILE *f = fopen(path(file), "w");

    if (!f || fwrite(d->data, d->size, 1, f) != 1 || fclose(f)) {
        bench_fail("cannot write a certificate");
    }
}

static void clean_up(void)
{
    if (getpid() != owner) {
        return;
    }
    unlink(path("ca-cert.pem"));
    unlink(path("server-cert.pem"));
    unlink(path("server-key.pem"));
    rmdir(dir);
}

void bench_tls_setup(void)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;
    unsigned char serial = 1;

    if (!mkdtemp(dir)) {
        bench_fail("cannot make a directory");
    }
    owner = getpid();
    atexit(clean_up);
    check(gnutls_x509_privkey_init(&key));
    check(gnutls_x509_privkey_generate(
        key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
        0));
    check(gnutls_x509_crt_init(&crt));
    check(gnutls_x509_crt_set_version(crt, 3));
    check(gnutls_x509_crt_set_key(crt, key));
    check(gnutls_x509_crt_set_serial(crt, &serial, 1));
    check(gnutls_x509_crt_set_dn(crt, "CN=bench", NULL));
    check(gnutls_x509_crt_set_activation_time(crt, time(NULL) - 60));
    check(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 86400));
    check(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
    check(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem));
    save("ca-cert.pem", &pem);
    save("server-cert.pem", &pem);
    gnutls_free(pem.data);
    check(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem));
    save("server-key.pem", &pem);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

const char *bench_tls_dir(void)
{
    return dir;
}

gnutls_certificate_credentials_t bench_gnutls_server_cred(void)
{
    gnutls_certificate_credentials_t cred;
    char cert[128];

    snprintf(cert, sizeof(cert), "%s", path("server-cert.pem"));
    check(gnutls_certificate_allocate_credentials(&cred));
    check(gnutls_certificate_set_x509_key_file(
        cred, cert, path("server-key.pem"), GNUTLS_X509_FMT_PEM));
    return cred;
}

gnutls_session_t bench_gnutls(int fd, int server)
{
    gnutls_certificate_credentials_t cred;
    gnutls_session_t s;
    int r;

    if (server) {
        cred = bench_gnutls_server_cred();
    } else {
        check(gnutls_certificate_allocate_credentials(&cred));
    }
    check(gnutls_init(&s, server ? GNUTLS_SERVER | GNUTLS_NO_TICKETS
                                 : GNUTLS_CLIENT));
    check(gnutls_priority_set_direct(s, BENCH_PRIORITY, NULL));
    check(gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, cred));
    gnutls_transport_set_int(s, fd);
    do {
        r = gnutls_handshake(s);
    } while (r < 0 && !gnutls_error_is_fatal(r));
    check(r);
    return s;
}

void bench_tls_set_priority(const char *text)
{
    priority = text;
}

QIOChannel *bench_qio_tls(int fd, int server)
{
    const unsigned flags =
        QIO_TLS_CREDS_NO_VERIFY_PEER | QIO_TLS_CREDS_NO_SANITY_CHECK;
    QIOError *err = NULL;
    QIOTLSCreds *creds = qio_tls_creds_x509_new(
        server ? QIO_TLS_ENDPOINT_SERVER : QIO_TLS_ENDPOINT_CLIENT, dir, NULL,
        priority, flags, &err);
    QIOChannel *base = creds ? qio_channel_socket_new_fd(fd, &err) : NULL;
    QIOChannel *ioc = NULL;

    if (base) {
        ioc = server ? qio_channel_tls_new_server(base, creds, NULL, &err)
                     : qio_channel_tls_new_client(base, creds, NULL, &err);
    }
    if (!ioc || qio_channel_open_sync(ioc, 10000, &err) < 0) {
        bench_fail(qio_error_message(err));
    }
    qio_channel_unref(base);
    qio_tls_creds_unref(creds);
    return ioc;
}

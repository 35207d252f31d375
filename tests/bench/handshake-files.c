/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates and a key for bench-handshake. */
#include "bench-handshake.h"

#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

static char dir[] = "/tmp/qiobench.XXXXXX";

static const char *const files[] = {
    "ca-cert.pem",     "server-cert.pem", "server-key.pem",
    "client-cert.pem", "client-key.pem",  "keys.psk",
};

struct party {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

static void check(int r)
{
    if (r < 0) {
        bench_fail(gnutls_strerror(r));
    }
}

static void save(const char *name, const void *data, size_t len)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    if (!f || fwrite(data, len, 1, f) != 1 || fclose(f)) {
        bench_fail("cannot write a file");
    }
}

static void clean_up(void)
{
    char path[128];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
}

/* issuer NULL: a CA. */
static void make(struct party *p, const char *dn, const char *purpose,
                 const struct party *issuer)
{
    static unsigned char serial = 1;

    check(gnutls_x509_privkey_init(&p->key));
    check(gnutls_x509_privkey_generate(
        p->key, GNUTLS_PK_ECDSA,
        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    check(gnutls_x509_crt_init(&p->crt));
    check(gnutls_x509_crt_set_version(p->crt, 3));
    check(gnutls_x509_crt_set_key(p->crt, p->key));
    check(gnutls_x509_crt_set_serial(p->crt, &serial, 1));
    serial++;
    check(gnutls_x509_crt_set_dn(p->crt, dn, NULL));
    check(gnutls_x509_crt_set_activation_time(p->crt, time(NULL) - 60));
    check(gnutls_x509_crt_set_expiration_time(p->crt, time(NULL) + 86400));
    check(gnutls_x509_crt_set_basic_constraints(p->crt, !issuer, -1));
    check(gnutls_x509_crt_set_key_usage(p->crt,
                                        issuer ? GNUTLS_KEY_DIGITAL_SIGNATURE
                                               : GNUTLS_KEY_KEY_CERT_SIGN));
    if (issuer) {
        check(gnutls_x509_crt_set_subject_alt_name(
            p->crt, GNUTLS_SAN_DNSNAME, HANDSHAKE_HOST, strlen(HANDSHAKE_HOST),
            GNUTLS_FSAN_SET));
        check(gnutls_x509_crt_set_key_purpose_oid(p->crt, purpose, 0));
    } else {
        issuer = p;
    }
    check(gnutls_x509_crt_sign2(p->crt, issuer->crt, issuer->key,
                                GNUTLS_DIG_SHA256, 0));
}

static void save_party(struct party *p, const char *cert, const char *key)
{
    gnutls_datum_t pem;

    check(gnutls_x509_crt_export2(p->crt, GNUTLS_X509_FMT_PEM, &pem));
    save(cert, pem.data, pem.size);
    gnutls_free(pem.data);
    if (key) {
        check(gnutls_x509_privkey_export2(p->key, GNUTLS_X509_FMT_PEM, &pem));
        save(key, pem.data, pem.size);
        gnutls_free(pem.data);
    }
}

const char *handshake_files(void)
{
    static const char psk[] = HANDSHAKE_USER ":" HANDSHAKE_KEY "\n";
    struct party ca, server, client;

    if (!mkdtemp(dir)) {
        bench_fail("cannot make a directory");
    }
    atexit(clean_up);
    make(&ca, "CN=CA", NULL, NULL);
    make(&server, "CN=server", GNUTLS_KP_TLS_WWW_SERVER, &ca);
    make(&client, "CN=client", GNUTLS_KP_TLS_WWW_CLIENT, &ca);
    save_party(&ca, "ca-cert.pem", NULL);
    save_party(&server, "server-cert.pem", "server-key.pem");
    save_party(&client, "client-cert.pem", "client-key.pem");
    save("keys.psk", psk, strlen(psk));
    gnutls_x509_crt_deinit(ca.crt);
    gnutls_x509_privkey_deinit(ca.key);
    gnutls_x509_crt_deinit(server.crt);
    gnutls_x509_privkey_deinit(server.key);
    gnutls_x509_crt_deinit(client.crt);
    gnutls_x509_privkey_deinit(client.key);
    return dir;
}

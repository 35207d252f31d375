/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates for tests, made on the spot. Everything asserts on failure. */
#ifndef TLSCERT_H
#define TLSCERT_H

#include <stdbool.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define TLSCERT_NAMES 6

/* An extension that is not there, there, or there and critical. */
enum tlscert_ext {
    TLSCERT_NONE,
    TLSCERT_PLAIN,
    TLSCERT_CRITICAL,
};

struct tlscert_spec {
    const char *country; /* comes before the common name */
    const char *cn;
    const char *dns[TLSCERT_NAMES];
    const char *ip[TLSCERT_NAMES];
    enum tlscert_ext constraints; /* basic constraints */
    bool ca;
    enum tlscert_ext usage_ext;
    unsigned usage; /* GNUTLS_KEY_* */
    enum tlscert_ext purpose_ext;
    const char *purpose[2]; /* GNUTLS_KP_* */
    int from_hours;         /* relative to now; 0, 0: valid now */
    int to_hours;
    gnutls_digest_algorithm_t digest; /* 0: SHA-256 */
    bool ed25519;                     /* the key; else ECDSA on P-256 */
    bool must_staple;                 /* RFC 7633 */
};

struct tlscert {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

/* issuer NULL: signed by itself. */
void tlscert_make(struct tlscert *cert, const struct tlscert_spec *spec,
                  const struct tlscert *issuer);
void tlscert_free(struct tlscert *cert);

/* The usual three. */
void tlscert_make_ca(struct tlscert *cert, const char *cn);
void tlscert_make_server(struct tlscert *cert, const struct tlscert *ca);
void tlscert_make_client(struct tlscert *cert, const struct tlscert *ca,
                         const char *cn);

/* PEM files dir/name; a list ends with NULL. */
void tlscert_write(const char *dir, const char *name,
                   const struct tlscert *first, ...) __attribute__((sentinel));
void tlscert_write_key(const char *dir, const char *name,
                       const struct tlscert *cert, const char *password);
void tlscert_write_crl(const char *dir, const char *name,
                       const struct tlscert *ca, const struct tlscert *revoked);
/* What an OCSP response says, and who says it. */
struct tlscert_ocsp {
    bool revoked; /* an hour ago, for the key was compromised */
    bool unknown;
    int from_hours, to_hours;     /* relative to now; to 0: it does not say */
    const struct tlscert *signer; /* NULL: the issuer */
};

/* About cert, in DER. */
void tlscert_write_ocsp(const char *dir, const char *name,
                        const struct tlscert *cert,
                        const struct tlscert *issuer,
                        const struct tlscert_ocsp *ocsp);
void tlscert_write_text(const char *dir, const char *name, const char *text);
/* A directory tmpdir/name; the string is static per name slot (8 slots). */
const char *tlscert_dir(const char *name);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the TLS room knows of credentials: the object behind QIOTLSCreds. */
#ifndef QIOP_TLS_CREDS_H
#define QIOP_TLS_CREDS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <qio/tls-creds.h>
#include "tls/config.h"

/* priority.c: what is negotiated unless the credentials say otherwise. */
const char *qiop_tls_default_priority(void);
/* The same with the question answered whether the CPU has AES. */
const char *qiop_tls_priority_for(bool aes);
bool qiop_cpu_has_aes(void);

/* A user of keys.psk. */
struct qiop_psk_entry {
    char *user;
    gnutls_datum_t key; /* raw bytes */
};

/* A file that was read, or was not there. */
struct qiop_creds_stamp {
    char *path;
    bool exists;
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime, ctime;
};

struct qiop_creds_stamps {
    struct qiop_creds_stamp *v;
    size_t n;
};

/*
 * What was loaded, at first or by a reload. It never changes: sessions keep the
 * material that they began with.
 */
struct qiop_tls_material {
    atomic_int refs;
    const QIOTLSConfig *config; /* the credentials', which outlive us */
    /* One of these, as kind and endpoint say. */
    gnutls_certificate_credentials_t x509;
    gnutls_psk_client_credentials_t psk_client;
    gnutls_psk_server_credentials_t psk_server;
    gnutls_anon_client_credentials_t anon_client;
    gnutls_anon_server_credentials_t anon_server;
    /* A PSK server's users. */
    struct qiop_psk_entry *psk;
    size_t npsk;
    /* See tickets.h; NULL: sessions are not resumed. */
    struct qiop_ticket_keys *ticket_keys;
    struct qiop_ticket_store *ticket_store;
    struct qiop_eddsa *eddsa; /* or NULL, see creds-x509-eddsa.c */
    unsigned own_certs; /* x509: identities that we have to show */
    time_t expires;     /* the first of our own to do so; 0: none does */
    struct qiop_creds_stamps stamps;
};

struct QIOTLSCreds {
    atomic_int refs;
    QIOTLSConfig *config; /* as it was at first */
    gnutls_priority_t priority;
    const char *engine; /* of records, static; NULL for the best */
    void *ipsecmb;      /* see qiop_creds_load_engines() */
    pthread_mutex_t lock;
    struct qiop_tls_material *material; /* the present one; lock */
};

static inline bool qiop_creds_verify(const QIOTLSCreds *creds)
{
    return !(creds->config->flags & QIO_TLS_CREDS_NO_VERIFY_PEER);
}

/* The present material, with a reference for the caller. */
struct qiop_tls_material *qiop_creds_material(QIOTLSCreds *creds);
void qiop_tls_material_unref(struct qiop_tls_material *m);

/* Fill empty material. 0 or -1. */
int qiop_creds_load_x509(struct qiop_tls_material *m, QIOError **errp);
int qiop_creds_load_psk(struct qiop_tls_material *m, QIOError **errp);
int qiop_creds_load_anon(struct qiop_tls_material *m, QIOError **errp);

/* Our own certificates, of an x509 server or client. */
struct qiop_cert_list;
int qiop_creds_load_own(struct qiop_tls_material *m,
                        const struct qiop_cert_list *cas, const char *ca_path,
                        QIOError **errp);

/* Give the identity with this index (the first has 0) the OCSP response of the
 * file, if there is one. 0 or -1. creds-x509-ocsp.c */
int qiop_creds_load_ocsp(struct qiop_tls_material *m, unsigned index,
                         const char *path, QIOError **errp);
/* Whether a response is about a certificate that is revoked; then the text says
 * since when and why, as what follows "the certificate". */
#define QIOP_OCSP_TEXT_SIZE 160
bool qiop_ocsp_revoked(const gnutls_datum_t *der,
                       char text[QIOP_OCSP_TEXT_SIZE]);

/* A client's only identity, from a file, if it is one that GnuTLS does not
 * find. 0 or -1. */
int qiop_creds_load_eddsa(struct qiop_tls_material *m, QIOError **errp);
void qiop_creds_eddsa_free(struct qiop_eddsa *eddsa);
/* The session provides it. */
struct qiop_tls_material *qiop_creds_of_session(gnutls_session_t session);

/* creds-priority.c: what config says about versions, ciphers and groups. */
int qiop_creds_set_priority(QIOTLSCreds *creds, QIOError **errp);

/* What libipsec-mb finds out about the CPU, once for all sessions; NULL when it
 * does not serve. engine.c */
int qiop_creds_load_engines(QIOTLSCreds *creds, QIOError **errp);

/* Wipe and free what creds-psk.c put there. */
void qiop_creds_psk_clear(struct qiop_tls_material *m);

/* A copy of a user's key for gnutls_free(). 0; 1 for an unknown user; -1 no
 * memory; -2 the program's function failed. */
int qiop_creds_psk_find(const struct qiop_tls_material *m, const char *user,
                        gnutls_datum_t *key);

/* Asked by GnuTLS in a server's handshake; the session provides it. */
int qiop_creds_psk_lookup(gnutls_session_t session, const char *user,
                          gnutls_datum_t *key);

/* dir/name, to free(). */
char *qiop_creds_path(const char *dir, const char *name, QIOError **errp);

/* The whole file, zero-terminated, to be given back to qiop_creds_file_free(),
 * which wipes it. Returns 0, -1, or 1 when it does not exist and `optional`. */
int qiop_creds_file_read(const char *path, bool optional, gnutls_datum_t *out,
                         struct qiop_creds_stamps *stamps, QIOError **errp);
void qiop_creds_file_free(gnutls_datum_t *data);

/* Whether a file is another one now than when it was read. */
bool qiop_creds_stamps_changed(const struct qiop_creds_stamps *stamps);
void qiop_creds_stamps_free(struct qiop_creds_stamps *stamps);

/* Our own certificates as loaded from a file. */
struct qiop_cert_list {
    gnutls_x509_crt_t *crt;
    unsigned n;
};

int qiop_cert_list_load(struct qiop_cert_list *list, const gnutls_datum_t *pem,
                        const char *path, QIOError **errp);
void qiop_cert_list_free(struct qiop_cert_list *list);

/* Whether our chain (leaf first) of cert_path is fit for our endpoint with the
 * CAs of ca_path, and the system's if we trust them. 0 or -1 with
 * QIO_ERROR_CREDENTIALS. */
int qiop_cert_sanity(const struct qiop_tls_material *m,
                     const struct qiop_cert_list *chain, const char *cert_path,
                     const struct qiop_cert_list *cas, const char *ca_path,
                     QIOError **errp);

/* Text for messages, to free(): the subject, without control characters, and
 * a date. NULL without memory. */
char *qiop_cert_dn(gnutls_x509_crt_t crt);
#define QIOP_DATE_SIZE 32
const char *qiop_cert_date(time_t when, char buf[QIOP_DATE_SIZE]);
/* How authorizers and people name a certificate: its DN first, then its
 * alternative names with their kinds in front, "DNS:a.example". As they are. */
#define QIOP_CERT_NAMES_MAX 65
struct qiop_cert_names {
    char *v[QIOP_CERT_NAMES_MAX];
    size_t n;
};
/* 0, or GnuTLS' code; to be freed in either case. */
int qiop_cert_names_load(struct qiop_cert_names *names, gnutls_x509_crt_t crt);
void qiop_cert_names_free(struct qiop_cert_names *names);
/* Replace what could break a message's line. */
void qiop_text_clean(char *text);

#endif

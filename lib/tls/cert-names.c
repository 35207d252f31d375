/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names in a certificate, as authorizers see them. */
#include <config.h>
#include "creds.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "KIND:text". 0; 1 for one that is of no interest; or GnuTLS' code. */
static int alternative(int type, const gnutls_datum_t *san, char **out)
{
    static const struct {
        int type;
        const char *kind;
    } kinds[] = {
        {GNUTLS_SAN_DNSNAME, "DNS"},
        {GNUTLS_SAN_URI, "URI"},
        {GNUTLS_SAN_RFC822NAME, "EMAIL"},
    };
    char ip[INET6_ADDRSTRLEN];
    size_t i;
    int ret = 0;

    *out = NULL;
    if (type == GNUTLS_SAN_IPADDRESS && (san->size == 4 || san->size == 16) &&
        inet_ntop(san->size == 4 ? AF_INET : AF_INET6, san->data, ip,
                  sizeof(ip))) {
        ret = asprintf(out, "IP:%s", ip);
    }
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        /* One with a zero inside would be cut, and pass for another. */
        if (type == kinds[i].type && !memchr(san->data, 0, san->size)) {
            ret = asprintf(out, "%s:%.*s", kinds[i].kind, (int)san->size,
                           (const char *)san->data);
        }
    }
    if (ret < 0) {
        *out = NULL;
        return GNUTLS_E_MEMORY_ERROR;
    }
    return *out ? 0 : 1;
}

static int add_name(struct qiop_cert_names *names, gnutls_x509_crt_t crt,
                    unsigned i)
{
    unsigned char buf[1024];
    size_t size = sizeof(buf);
    gnutls_datum_t san = {buf, 0};
    int type = gnutls_x509_crt_get_subject_alt_name(crt, i, buf, &size, NULL);
    int ret;

    if (type == GNUTLS_E_SHORT_MEMORY_BUFFER) {
        return 0;
    }
    if (type < 0) {
        return type;
    }
    san.size = (unsigned)size;
    ret = alternative(type, &san, &names->v[names->n]);
    names->n += ret == 0;
    return ret < 0 ? ret : 0;
}

int qiop_cert_names_load(struct qiop_cert_names *names, gnutls_x509_crt_t crt)
{
    gnutls_datum_t dn = {NULL, 0};
    unsigned i;
    int ret;

    names->n = 0;
    ret = gnutls_x509_crt_get_dn3(crt, &dn, 0);
    if (ret < 0) {
        return ret;
    }
    names->v[0] = strndup((const char *)dn.data, dn.size);
    gnutls_free(dn.data);
    if (!names->v[0]) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    names->n = 1;
    for (i = 0; i + 1 < QIOP_CERT_NAMES_MAX && ret >= 0; i++) {
        ret = add_name(names, crt, i);
    }
    return ret < 0 && ret != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ? ret : 0;
}

void qiop_cert_names_free(struct qiop_cert_names *names)
{
    while (names->n > 0) {
        free(names->v[--names->n]);
    }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The proof that a server speaks websocket. */
#include <config.h>
#include "websocket/key.h"

#include <stdint.h>
#include <string.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#define NONCE_BYTES 16
#define SHA1_BYTES 20

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64(char *out, const uint8_t *in, size_t len)
{
    for (size_t i = 0; i < len; i += 3, out += 4) {
        size_t left = len - i;
        uint32_t v = (uint32_t)in[i] << 16;

        v |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        v |= left > 2 ? in[i + 2] : 0;
        out[0] = digits[v >> 18];
        out[1] = digits[v >> 12 & 63];
        out[2] = left > 1 ? digits[v >> 6 & 63] : '=';
        out[3] = left > 2 ? digits[v & 63] : '=';
    }
    *out = '\0';
}

static int failed(int rc, QIOError **errp)
{
    qio_error_set_tls(
        errp, rc == GNUTLS_E_MEMORY_ERROR ? QIO_ERROR_NOMEM : QIO_ERROR_SYSTEM,
        rc, "no websocket key: %s", gnutls_strerror(rc));
    return -1;
}

int qiop_ws_nonce(char out[QIOP_WS_NONCE_SIZE], QIOError **errp)
{
    uint8_t bytes[NONCE_BYTES];
    int rc = gnutls_rnd(GNUTLS_RND_NONCE, bytes, sizeof(bytes));

    if (rc < 0) {
        return failed(rc, errp);
    }
    base64(out, bytes, sizeof(bytes));
    return 0;
}

bool qiop_ws_nonce_is_valid(const char *nonce)
{
    size_t n = strspn(nonce, digits);

    /* The last digit carries two bits of the sixteenth byte, and no more. */
    return n == 22 && strcmp(nonce + n, "==") == 0 &&
           (strchr(digits, nonce[n - 1]) - digits) % 16 == 0;
}

int qiop_ws_accept(char out[QIOP_WS_ACCEPT_SIZE], const char *nonce,
                   QIOError **errp)
{
    char text[QIOP_WS_NONCE_SIZE + sizeof(guid)];
    uint8_t digest[SHA1_BYTES];
    size_t len = strnlen(nonce, QIOP_WS_NONCE_SIZE - 1);
    int rc;

    memcpy(text, nonce, len);
    memcpy(text + len, guid, sizeof(guid));
    rc =
        gnutls_hash_fast(GNUTLS_DIG_SHA1, text, len + sizeof(guid) - 1, digest);
    if (rc < 0) {
        return failed(rc, errp);
    }
    base64(out, digest, sizeof(digest));
    return 0;
}

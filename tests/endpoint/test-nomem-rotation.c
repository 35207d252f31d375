/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A watch of credentials, and a change that it sees, with each allocation
 * failing once: what fails is told, the old is kept. */
#include <config.h>
#include <fcntl.h>
#include <stdio.h>
#include <qio/creds-watch.h>
#include "failmalloc.h"
#include "qiotest.h"
#include "tlscert.h"

struct rotation {
    const char *dir;
    QIOTLSCreds *creds;
    bool changed;
    QIOError *err;
};

static void changed(QIOTLSCreds *creds, const QIOError *err, void *opaque)
{
    struct rotation *r = opaque;

    (void)creds;
    r->changed = true;
    r->err = err ? qio_error_copy(err) : NULL;
}

/* The file is another one each time: the watch loads it at once. */
static bool rotate(void *opaque, QIOError **errp)
{
    struct rotation *r = opaque;
    QIOLoop *loop = qio_loop_new(errp);
    QIOTLSCredsWatch *watch = NULL;
    char from[512], to[512];
    bool ok = true;

    if (!loop) {
        return false;
    }
    r->changed = false;
    r->err = NULL;
    snprintf(from, sizeof(from), "%s/next", r->dir);
    snprintf(to, sizeof(to), "%s/keys.psk", r->dir);
    if (!qio_tls_creds_changed(r->creds) &&
        renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) < 0) {
        qio_loop_free(loop);
        return false;
    }
    watch = qio_tls_creds_watch_new(loop, r->creds, changed, r, errp);
    while (watch && ok && !r->changed) {
        ok = qio_loop_step(loop, -1, errp) >= 0;
    }
    qio_tls_creds_watch_free(watch);
    qio_loop_free(loop);
    ok = ok && watch && !r->err;
    qio_error_propagate(errp, r->err);
    return ok;
}

START_TEST(each)
{
    struct rotation r = {.dir = tlscert_dir("psk")};
    QIOError *err = NULL;

    tlscert_write_text(r.dir, "keys.psk", "qemu:00112233445566778899\n");
    tlscert_write_text(r.dir, "next", "qemu:ffeeddccbbaa99887766\n");
    r.creds = qio_tls_creds_psk_new(QIO_TLS_ENDPOINT_SERVER, r.dir, NULL, NULL,
                                    0, &err);
    qiotest_ok(&err);
    ck_assert_int_gt(failmalloc_each(rotate, &r, 0), 10);
    qio_tls_creds_unref(r.creds);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rotation without memory");
    TCase *tc = qiotest_case(s, "rotation");

    tcase_add_test(tc, each);
    return failmalloc_main(s);
}

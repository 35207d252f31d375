/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates and keys made on the spot; see tlsdir.h. */
#include <config.h>
#include "tlsdir.h"

#include <stdio.h>
#include "qiotest.h"
#include "tlscert.h"

const char *tlsdir_make(void)
{
    const char *dir = tlscert_dir("tls");
    struct tlscert ca, server, client;

    tlscert_make_ca(&ca, "test CA");
    tlscert_make_server(&server, &ca);
    tlscert_make_client(&client, &ca, "client");
    tlscert_write(dir, "ca-cert.pem", &ca, NULL);
    tlscert_write(dir, "server-cert.pem", &server, NULL);
    tlscert_write_key(dir, "server-key.pem", &server, NULL);
    tlscert_write(dir, "client-cert.pem", &client, NULL);
    tlscert_write_key(dir, "client-key.pem", &client, NULL);
    tlscert_write_text(dir, "keys.psk",
                       "qemu:00112233445566778899aabbccddeeff\n");
    tlscert_free(&ca);
    tlscert_free(&server);
    tlscert_free(&client);
    return dir;
}

static void add(QIOObjects *objects, const char *fmt, const char *side,
                const char *path)
{
    QIOError *err = NULL;
    char text[256];

    snprintf(text, sizeof(text), fmt, side, side, path);
    ck_assert_msg(qio_objects_add(objects, text, &err) == 0, "%s: %s", text,
                  qio_error_message(err));
}

QIOObjects *tlsdir_objects(void)
{
    static const char *const sides[] = {"client", "server"};
    const char *path = tlsdir_make();
    QIOObjects *objects = qio_objects_new(NULL);
    int i;

    ck_assert_ptr_nonnull(objects);
    for (i = 0; i < 2; i++) {
        add(objects, "tls-creds-x509,id=x509-%s,endpoint=%s,dir=%s", sides[i],
            path);
        add(objects, "tls-creds-psk,id=psk-%s,endpoint=%s,dir=%s", sides[i],
            path);
        add(objects, "tls-creds-anon,id=anon-%s,endpoint=%s", sides[i], "");
    }
    add(objects, "authz-list,id=everybody,policy=allow", "", "");
    add(objects, "authz-list,id=nobody", "", "");
    add(objects,
        "authz-list,id=client,rules.0.match=CN=client*,"
        "rules.0.format=glob",
        "", "");
    return objects;
}

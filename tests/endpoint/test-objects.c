/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The set of objects, its texts and its secrets. */
#include "qiotest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qio/objects.h>
#include "endpoint/objects.h"
#include "tlscert.h"

static QIOObjects *set;

static void make_set(void)
{
    set = qio_objects_new(NULL);
    ck_assert_ptr_nonnull(set);
}

static void free_set(void)
{
    qio_objects_free(set);
}

static void add(const char *text)
{
    QIOError *err = NULL;
    int ret = qio_objects_add(set, text, &err);

    qiotest_ok(&err);
    ck_assert_int_eq(ret, 0);
}

static void refused_as(const char *text, QIOErrorCode code, const char *why)
{
    QIOError *err = NULL;
    size_t before = set->n;

    ck_assert_msg(qio_objects_add(set, text, &err) < 0, "'%s' was accepted",
                  text);
    ck_assert_msg(strstr(qio_error_message(err), why), "'%s': %s", text,
                  qio_error_message(err));
    qiotest_error(&err, code);
    ck_assert_uint_eq(set->n, before);
    ck_assert_int_lt(qio_objects_add(set, text, NULL), 0);
}

static void refused(const char *text, const char *why)
{
    refused_as(text, QIO_ERROR_INVALID, why);
}

/* A file in the scratch directory; its path is static. */
static const char *scratch_file(const char *name, const char *data, size_t len)
{
    static char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", qiotest_tmpdir(), name);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, len, f), len);
    fclose(f);
    return path;
}

static const char *secret_of(const char *id)
{
    const struct qiop_object *obj =
        qiop_objects_find(set, id, QIOP_OBJECT_SECRET, NULL);

    ck_assert_ptr_nonnull(obj);
    return obj->u.secret;
}

START_TEST(general_rules)
{
    refused("", "unknown type");
    refused("nonsense,id=a", "unknown type of object 'nonsense'");
    refused("id=a", "unknown type");
    refused("authz-simple,identity=x", "'id' is missing");
    refused("authz-simple,id=,identity=x", "'id' is empty");
    refused("authz-simple,id,identity=x", "'id' needs a value");
    refused("authz-simple,id=a,id=b,identity=x", "'id' is given twice");
    refused("authz-simple,id=a,identity=x,identity=x", "given twice");
    refused("authz-simple,id=a,=x", "without a name");
    refused("authz-simple,id=a,", "needs a value");
    refused("authz-simple,id=a,identity=x,colour=red", "'colour' is not known");
    refused("authz-simple,id=a,identity=x,dir=/", "'dir' is not known");
    add("authz-simple,id=a,identity=x");
    refused_as("authz-simple,id=a,identity=x", QIO_ERROR_IN_USE, "'a'");
    refused_as("secret,id=a,data=x", QIO_ERROR_IN_USE, "'a'");
}
END_TEST

START_TEST(ids)
{
    static const char *const good[] = {"a", "Z9", "a-b.c_d", "tls0"};
    static const char *const bad[] = {"9a",  "-a",  "_a",   ".a",
                                      "a b", "a/b", "a,,b", "\xc3\xa4"};
    char text[64];
    size_t i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text), "authz-simple,id=%s,identity=x", good[i]);
        add(text);
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "authz-simple,id=%s,identity=x", bad[i]);
        refused(text, "bad ID");
    }
}
END_TEST

START_TEST(authz_simple)
{
    QIOAuthz *authz;

    refused("authz-simple,id=a", "'identity' is missing");
    refused("authz-simple,id=a,identity=", "'identity' is empty");
    add("authz-simple,id=a,identity=CN=c,,O=x");
    authz = qio_objects_get_authz(set, "a", NULL);
    ck_assert(qio_authz_is_allowed(authz, "CN=c,O=x"));
    ck_assert(!qio_authz_is_allowed(authz, "CN=c"));
}
END_TEST

static bool allowed(const char *id, const char *identity)
{
    return qio_authz_is_allowed(qio_objects_get_authz(set, id, NULL), identity);
}

START_TEST(authz_list)
{
    refused("authz-list,id=a,policy=maybe", "either deny or allow");
    refused("authz-list,id=a,rules.0.match=x,rules.0.policy=on", "policy");
    refused("authz-list,id=a,rules.0.match=x,rules.0.format=regex", "format");
    refused("authz-list,id=a,rules.0.policy=allow", "no match");
    refused("authz-list,id=a,rules.1.match=x", "none before");
    refused("authz-list,id=a,rules.0.match=x,rules.2.match=y", "none before");
    refused("authz-list,id=a,rules.00.match=x", "not known");
    refused("authz-list,id=a,rules.0.match=x,rules.0.colour=y", "not known");
    refused("authz-list,id=a,match=x", "not known");

    add("authz-list,id=none");
    ck_assert(!allowed("none", "x"));
    add("authz-list,id=all,policy=allow");
    ck_assert(allowed("all", "x"));
    /* Order is by number, whatever the order in the text. */
    add("authz-list,id=order,rules.1.match=a*,rules.1.format=glob,"
        "rules.0.match=ab,rules.0.policy=deny,rules.2.match=z");
    ck_assert(!allowed("order", "ab"));
    ck_assert(allowed("order", "ac"));
    ck_assert(allowed("order", "z"));
    ck_assert(!allowed("order", "zz"));
    add("authz-list,id=exact,rules.0.match=a*");
    ck_assert(!allowed("exact", "ab"));
    ck_assert(allowed("exact", "a*"));
}
END_TEST

START_TEST(authz_others)
{
    static const char rules[] = "{\"rules\":[{\"match\":\"fred\","
                                "\"policy\":\"allow\"}]}";
    char text[256];

    refused("authz-list-file,id=f", "'filename' is missing");
    refused("authz-list-file,id=f,filename=/x,refresh=2", "either off or on");
    refused("authz-list-file,id=f,filename=/x,policy=allow", "not known");
    refused_as("authz-list-file,id=f,filename=/nonexistent",
               QIO_ERROR_NOT_FOUND, "/nonexistent");
    scratch_file("rules.json", rules, sizeof(rules) - 1);
    snprintf(text, sizeof(text), "authz-list-file,id=f,filename=%s/rules.json",
             qiotest_tmpdir());
    add(text);
    ck_assert(allowed("f", "fred"));
    ck_assert(!allowed("f", "frida"));
    refused("authz-pam,id=p", "'service' is missing");
    refused("authz-pam,id=p,service=x,user=y", "not known");
}
END_TEST

START_TEST(authz_many_rules)
{
    size_t room = 64 * 1024;
    char *text = malloc(room);
    size_t len = snprintf(text, room, "authz-list,id=a");
    int i;

    for (i = 0; i < 500; i++) {
        len += snprintf(text + len, room - len, ",rules.%d.match=m%d", i, i);
    }
    add(text);
    ck_assert(allowed("a", "m499"));
    ck_assert(!allowed("a", "m500"));
    free(text);
}
END_TEST

START_TEST(tls_creds)
{
    char text[256];
    const char *dir = qiotest_tmpdir();
    QIOTLSCreds *creds;

    refused("tls-creds-anon,id=t", "'endpoint' is missing");
    refused("tls-creds-anon,id=t,endpoint=peer", "either client or server");
    refused("tls-creds-anon,id=t,endpoint=client,dir=/", "not known");
    refused("tls-creds-anon,id=t,endpoint=client,sanity-check=on", "not known");
    refused("tls-creds-anon,id=t,endpoint=client,verify-peer=2", "on or off");
    refused("tls-creds-anon,id=t,endpoint=client,priority", "needs a value");
    refused("tls-creds-anon,id=t,endpoint=client,tls-engine=fast",
            "unknown TLS record engine 'fast'");
    refused("tls-creds-psk,id=t,endpoint=client", "need a directory");
    refused("tls-creds-psk,id=t,endpoint=client,dir=", "need a directory");
    refused("tls-creds-psk,id=t,endpoint=client,dir=/,passwordid=x",
            "not known");
    refused("tls-creds-x509,id=t,endpoint=client", "need a directory");
    refused("tls-creds-x509,id=t,endpoint=client,dir=/,username=x",
            "not known");
    refused("tls-creds-x509,id=t,endpoint=client,dir=/,sanity-check=x",
            "on or off");
    refused("tls-creds-x509,id=t,endpoint=client,dir=/,password=x",
            "'password' is not known");
    refused("tls-creds-x509,id=t,endpoint=client,dir=/,min-version=1.1",
            "'min-version' is 1.2 or 1.3");
    refused("tls-creds-x509,id=t,endpoint=client,dir=/,certificate=/c,key=/k",
            "starts with 'pkcs11:'");
    refused("tls-creds-anon,id=t,endpoint=client,groups=X25519:P-12",
            "unknown key exchange group 'P-12'");
    refused("tls-creds-psk,id=t,endpoint=server,dir=/,username=x",
            "takes no user name");
    refused_as("tls-creds-x509,id=t,endpoint=client,dir=/,passwordid=p",
               QIO_ERROR_NOT_FOUND, "no secret with the ID 'p'");
    snprintf(text, sizeof(text), "tls-creds-x509,id=t,endpoint=client,dir=%s",
             dir);
    refused_as(text, QIO_ERROR_NOT_FOUND, "ca-cert.pem");
    snprintf(text, sizeof(text), "tls-creds-psk,id=t,endpoint=client,dir=%s",
             dir);
    refused_as(text, QIO_ERROR_NOT_FOUND, "keys.psk");

    add("tls-creds-anon,id=c,endpoint=client");
    add("tls-creds-anon,id=s,endpoint=server,verify-peer=off");
    add("tls-creds-anon,id=e,endpoint=server,tls-engine=aead");
    add("tls-creds-anon,id=v,endpoint=server,max-version=1.2,"
        "groups=X25519:SECP256R1");
    add("tls-creds-x509,id=y,endpoint=client,system-trust");
    creds = qio_objects_get_tls_creds(set, "c", NULL);
    ck_assert_int_eq(qio_tls_creds_endpoint(creds), QIO_TLS_ENDPOINT_CLIENT);
    creds = qio_objects_get_tls_creds(set, "s", NULL);
    ck_assert_int_eq(qio_tls_creds_endpoint(creds), QIO_TLS_ENDPOINT_SERVER);
    ck_assert_int_eq(qio_tls_creds_kind(creds), QIO_TLS_CREDS_ANON);

    scratch_file("keys.psk", "qemu:00112233445566778899aabbccddeeff\n", 38);
    snprintf(text, sizeof(text),
             "tls-creds-psk,id=p,endpoint=client,dir=%s,username=qemu,"
             "verify-peer=yes",
             dir);
    add(text);
    creds = qio_objects_get_tls_creds(set, "p", NULL);
    ck_assert_int_eq(qio_tls_creds_kind(creds), QIO_TLS_CREDS_PSK);
    refused_as("tls-creds-x509,id=t,endpoint=client,dir=/,passwordid=p",
               QIO_ERROR_INVALID, "different kind");
}
END_TEST

START_TEST(secrets)
{
    refused("secret,id=s", "either data or file");
    refused("secret,id=s,data=x,file=y", "either data or file");
    refused("secret,id=s,data=x,format=hex", "either raw or base64");
    refused("secret,id=s,data=!!!!,format=base64", "not valid base64");
    refused("secret,id=s,data=YQBi,format=base64", "zero byte");
    add("secret,id=raw,data=a,,b=c");
    ck_assert_str_eq(secret_of("raw"), "a,b=c");
    add("secret,id=b64,data=cGFzc3dvcmQ=,format=base64");
    ck_assert_str_eq(secret_of("b64"), "password");
    add("secret,id=empty,data=");
    ck_assert_str_eq(secret_of("empty"), "");
}
END_TEST

/* Whatever is wrong with a secret's text, no piece of it is repeated. */
START_TEST(secrets_stay_secret)
{
    static const char *const bad[] = {
        "secret,id=s,data=x,hunter2",
        "secret,id=s,data=x,hunter2=y",
        "secret,id=s,data=x,y=hunter2",
        "secret,id=s,data=hunter2,data=hunter2",
        "secret,id=s,data=hunter2,format=base64",
        "secret,id=s,data=hunter2,file=hunter2",
        "secret,id=s,data=a,hunter2=1,hunter2=2",
    };
    QIOError *err = NULL;
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_lt(qio_objects_add(set, bad[i], &err), 0);
        ck_assert_msg(!strstr(qio_error_message(err), "hunter2"), "%s",
                      qio_error_message(err));
        qiotest_error(&err, QIO_ERROR_INVALID);
    }
}
END_TEST

START_TEST(secret_files)
{
    char *big = malloc(QIOP_SECRET_MAX + 1);
    char text[256];

    refused_as("secret,id=s,file=/nonexistent/x", QIO_ERROR_SYSTEM,
               "/nonexistent/x");
    snprintf(text, sizeof(text), "secret,id=a,file=%s",
             scratch_file("a", "line\n", 5));
    add(text);
    ck_assert_str_eq(secret_of("a"), "line\n");
    snprintf(text, sizeof(text), "secret,id=b,format=base64,file=%s",
             scratch_file("b", "cGFzc3dv\ncmQ=\n", 14));
    add(text);
    ck_assert_str_eq(secret_of("b"), "password");

    memset(big, 'x', QIOP_SECRET_MAX + 1);
    snprintf(text, sizeof(text), "secret,id=c,file=%s",
             scratch_file("c", big, QIOP_SECRET_MAX));
    add(text);
    ck_assert_uint_eq(strlen(secret_of("c")), QIOP_SECRET_MAX);
    snprintf(text, sizeof(text), "secret,id=d,file=%s",
             scratch_file("d", big, QIOP_SECRET_MAX + 1));
    refused(text, "larger");
    snprintf(text, sizeof(text), "secret,id=e,file=%s",
             scratch_file("e", "a\0b", 3));
    refused(text, "zero byte");
    snprintf(text, sizeof(text), "secret,id=f,file=%s", qiotest_tmpdir());
    refused_as(text, QIO_ERROR_SYSTEM, "");
    free(big);
}
END_TEST

/* A private key that is encrypted, its password a secret of the set. */
START_TEST(x509_password)
{
    const char *dir = tlscert_dir("encrypted");
    struct tlscert ca, client;
    char text[256];

    tlscert_make_ca(&ca, "test CA");
    tlscert_make_client(&client, &ca, "client");
    tlscert_write(dir, "ca-cert.pem", &ca, NULL);
    tlscert_write(dir, "client-cert.pem", &client, NULL);
    tlscert_write_key(dir, "client-key.pem", &client, "pass,word");
    tlscert_free(&ca);
    tlscert_free(&client);

    add("secret,id=good,data=pass,,word");
    add("secret,id=bad,data=password");
    snprintf(text, sizeof(text), "tls-creds-x509,id=t,endpoint=client,dir=%s",
             dir);
    refused_as(text, QIO_ERROR_CREDENTIALS, "client-key.pem");
    strcat(text, ",passwordid=bad");
    refused_as(text, QIO_ERROR_CREDENTIALS, "client-key.pem");
    *strrchr(text, '=') = '\0';
    strcat(text, "=good");
    add(text);
    ck_assert_int_eq(
        qio_tls_creds_kind(qio_objects_get_tls_creds(set, "t", NULL)),
        QIO_TLS_CREDS_X509);
}
END_TEST

START_TEST(look_up)
{
    QIOError *err = NULL;

    add("tls-creds-anon,id=creds,endpoint=client");
    add("authz-simple,id=authz,identity=x");
    ck_assert_ptr_null(qio_objects_get_tls_creds(set, "none", &err));
    qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    ck_assert_ptr_null(qio_objects_get_authz(set, "none", &err));
    qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    ck_assert_ptr_null(qio_objects_get_tls_creds(set, "authz", &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_objects_get_authz(set, "creds", &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

START_TEST(from_code)
{
    QIOError *err = NULL;
    QIOTLSCreds *creds =
        qio_tls_creds_anon_new(QIO_TLS_ENDPOINT_CLIENT, NULL, 0, &err);
    QIOAuthz *authz = qio_authz_new_simple("x", &err);

    qiotest_ok(&err);
    ck_assert_int_eq(qio_objects_add_tls_creds(set, "c", creds, &err), 0);
    ck_assert_int_eq(qio_objects_add_authz(set, "a", authz, &err), 0);
    ck_assert_int_lt(qio_objects_add_authz(set, "c", authz, &err), 0);
    qiotest_error(&err, QIO_ERROR_IN_USE);
    ck_assert_int_lt(qio_objects_add_tls_creds(set, "1", creds, &err), 0);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_lt(qio_objects_add_tls_creds(set, NULL, creds, &err), 0);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_tls_creds_unref(creds);
    qio_authz_unref(authz);
    /* The set's own references keep them. */
    ck_assert_ptr_eq(qio_objects_get_tls_creds(set, "c", NULL), creds);
    ck_assert(allowed("a", "x"));
    qio_objects_free(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("objects");
    TCase *tc = qiotest_case(s, "objects");

    tcase_add_checked_fixture(tc, make_set, free_set);
    tcase_add_test(tc, general_rules);
    tcase_add_test(tc, ids);
    tcase_add_test(tc, authz_simple);
    tcase_add_test(tc, authz_list);
    tcase_add_test(tc, authz_others);
    tcase_add_test(tc, authz_many_rules);
    tcase_add_test(tc, tls_creds);
    tcase_add_test(tc, secrets);
    tcase_add_test(tc, secrets_stay_secret);
    tcase_add_test(tc, secret_files);
    tcase_add_test(tc, x509_password);
    tcase_add_test(tc, look_up);
    tcase_add_test(tc, from_code);
    return qiotest_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials that load themselves again, however their files are replaced. */
#include <config.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qio/creds-watch.h>
#include "qiotest.h"
#include "tlscert.h"

#define SERVER QIO_TLS_ENDPOINT_SERVER

static struct tlscert ca;
static time_t begin;

/* What became of it. */
struct seen {
    QIOLoop *loop;
    QIOTLSCreds *creds;
    QIOTLSCredsWatch *watch;
    int good, bad;
    bool frees;
    char why[512];
};

static void changed(QIOTLSCreds *creds, const QIOError *err, void *opaque)
{
    struct seen *seen = opaque;

    ck_assert_ptr_eq(creds, seen->creds);
    if (err) {
        seen->bad++;
        snprintf(seen->why, sizeof(seen->why), "%s", qio_error_message(err));
    } else {
        seen->good++;
    }
    if (seen->frees) {
        qio_tls_creds_watch_free(seen->watch);
        seen->watch = NULL;
    }
}

static void watch(struct seen *seen)
{
    QIOError *err = NULL;

    seen->loop = qio_loop_new(&err);
    seen->watch =
        qio_tls_creds_watch_new(seen->loop, seen->creds, changed, seen, &err);
    qiotest_ok(&err);
    ck_assert_ptr_nonnull(seen->watch);
}

static void begin_with(struct seen *seen, const char *dir)
{
    QIOError *err = NULL;

    *seen = (struct seen){0};
    seen->creds = qio_tls_creds_x509_new(SERVER, dir, NULL, NULL, 0, &err);
    qiotest_ok(&err);
    watch(seen);
}

/* Until the function was called that often. */
static void await(struct seen *seen, int good, int bad)
{
    while (seen->good < good || seen->bad < bad) {
        ck_assert_int_ge(qio_loop_step(seen->loop, -1, NULL), 0);
    }
    ck_assert_int_eq(seen->good, good);
    ck_assert_int_eq(seen->bad, bad);
}

static void finish(struct seen *seen)
{
    qio_tls_creds_watch_free(seen->watch);
    qio_loop_free(seen->loop);
    qio_tls_creds_unref(seen->creds);
}

/* Which of the certificates below it is, by its days. */
static int days(struct seen *seen)
{
    return (int)((qio_tls_creds_expires(seen->creds) - begin + 43200) / 86400);
}

/* A certificate that ends after so many days; suffix as files have it. */
static void write_files(const char *dir, int n, const char *suffix)
{
    struct tlscert_spec spec = {
        .cn = "server", .from_hours = -2, .to_hours = 24 * n};
    struct tlscert cert;
    char name[64];

    tlscert_make(&cert, &spec, &ca);
    snprintf(name, sizeof(name), "ca-cert.pem%s", suffix);
    tlscert_write(dir, name, &ca, NULL);
    snprintf(name, sizeof(name), "server-cert.pem%s", suffix);
    tlscert_write(dir, name, &cert, NULL);
    snprintf(name, sizeof(name), "server-key.pem%s", suffix);
    tlscert_write_key(dir, name, &cert, NULL);
    tlscert_free(&cert);
}

/* printf() of a path in the scratch directory; static. */
static const char *path(const char *dir, const char *name)
{
    static char buf[4][512];
    static unsigned next;
    char *at = buf[next++ % 4];

    snprintf(at, sizeof(buf[0]), "%s/%s", dir, name);
    return at;
}

static void move(const char *dir, const char *from, const char *to)
{
    ck_assert_int_eq(rename(path(dir, from), path(dir, to)), 0);
}

/* A link that appears in the place of what is there. */
static void link_to(const char *where, const char *dir, const char *name)
{
    ck_assert_int_eq(symlink(where, path(dir, "new-link")), 0);
    move(dir, "new-link", name);
}

static void setup(void)
{
    tlscert_make_ca(&ca, "CA");
    begin = time(NULL);
}

static void teardown(void)
{
    tlscert_free(&ca);
}

START_TEST(renamed)
{
    const char *dir = tlscert_dir("renamed");
    struct seen seen;

    write_files(dir, 10, "");
    begin_with(&seen, dir);
    write_files(dir, 20, ".new");
    move(dir, "server-cert.pem.new", "server-cert.pem");
    move(dir, "server-key.pem.new", "server-key.pem");
    await(&seen, 1, 0);
    ck_assert_int_eq(days(&seen), 20);
    /* The new files are watched as well. */
    write_files(dir, 30, "");
    await(&seen, 2, 0);
    ck_assert_int_eq(days(&seen), 30);
    finish(&seen);
}
END_TEST

static const char *const names[] = {"ca-cert.pem", "server-cert.pem",
                                    "server-key.pem"};

/* DIR/NAME -> ..data/NAME, ..data -> a directory of this version. */
START_TEST(versions)
{
    const char *dir = tlscert_dir("versions"), *old = tlscert_dir("versions/1"),
               *new = tlscert_dir("versions/2");
    struct seen seen;

    write_files(old, 10, "");
    link_to("1", dir, "..data");
    for (int i = 0; i < 3; i++) {
        link_to(path("..data", names[i]), dir, names[i]);
    }
    begin_with(&seen, dir);
    write_files(new, 20, "");
    link_to("2", dir, "..data");
    await(&seen, 1, 0);
    ck_assert_int_eq(days(&seen), 20);
    finish(&seen);
}
END_TEST

/* live/NAME -> ../archive/NAME.N */
START_TEST(archive)
{
    const char *dir = tlscert_dir("live"), *store = tlscert_dir("archive");
    struct seen seen;
    char name[64];

    write_files(store, 10, ".1");
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s.1", names[i]);
        link_to(path("../archive", name), dir, names[i]);
    }
    begin_with(&seen, dir);
    write_files(store, 20, ".2");
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s.2", names[i]);
        link_to(path("../archive", name), dir, names[i]);
    }
    await(&seen, 1, 0);
    ck_assert_int_eq(days(&seen), 20);
    /* Where the links lead to. */
    write_files(store, 30, ".2");
    await(&seen, 2, 0);
    ck_assert_int_eq(days(&seen), 30);
    finish(&seen);
}
END_TEST

/* The directory itself: a link that leads elsewhere, or, if _i, one that is
 * moved away and replaced. */
START_TEST(directory)
{
    const char *top = tlscert_dir("top"), *old = tlscert_dir("top/1"),
               *new = tlscert_dir("top/2");
    struct seen seen;

    write_files(old, 10, "");
    if (_i) {
        move(top, "1", "now");
    } else {
        link_to("1", top, "now");
    }
    begin_with(&seen, path(top, "now/"));
    write_files(new, 20, "");
    if (_i) {
        move(top, "now", "old");
        move(top, "2", "now");
    } else {
        link_to("2", top, "now");
    }
    await(&seen, 1, 0);
    ck_assert_int_eq(days(&seen), 20);
    finish(&seen);
}
END_TEST

/* Half a file is no certificate, and half of a pair is none. */
START_TEST(by_and_by)
{
    const char *dir = tlscert_dir("parts");
    struct seen seen;
    struct stat st;
    int fd;

    write_files(dir, 10, "");
    begin_with(&seen, dir);
    write_files(dir, 20, ".new");
    ck_assert_int_eq(stat(path(dir, "server-cert.pem.new"), &st), 0);
    fd = open(path(dir, "server-cert.pem"), O_WRONLY | O_TRUNC);
    ck_assert_int_eq(write(fd, "-----BEGIN CERTIFICATE-----\nMIIB", 32), 32);
    await(&seen, 0, 1);
    ck_assert_ptr_nonnull(strstr(seen.why, "server-cert.pem"));
    ck_assert_int_eq(days(&seen), 10);
    close(fd);
    move(dir, "server-cert.pem.new", "server-cert.pem");
    await(&seen, 0, 2);
    ck_assert_ptr_nonnull(strstr(seen.why, "key"));
    ck_assert_int_eq(days(&seen), 10);
    move(dir, "server-key.pem.new", "server-key.pem");
    await(&seen, 1, 2);
    ck_assert_int_eq(days(&seen), 20);
    finish(&seen);
}
END_TEST

/* The same failure is told once. */
START_TEST(once)
{
    const char *dir = tlscert_dir("once");
    struct seen seen;
    int64_t n = 0;

    write_files(dir, 10, "");
    begin_with(&seen, dir);
    move(dir, "server-key.pem", "away");
    await(&seen, 0, 1);
    /* Longer than it takes to notice: rounds of the loop with work. */
    while (n < 3) {
        ck_assert_int_eq(utimensat(AT_FDCWD, path(dir, "ca-cert.pem"), NULL, 0),
                         0);
        ck_assert_int_ge(qio_loop_step(seen.loop, 300, NULL), 0);
        n++;
    }
    ck_assert_int_eq(seen.bad, 1);
    move(dir, "away", "server-key.pem");
    await(&seen, 1, 1);
    finish(&seen);
}
END_TEST

START_TEST(changed_before)
{
    const char *dir = tlscert_dir("before");
    struct seen seen = {0};
    QIOError *err = NULL;

    write_files(dir, 10, "");
    seen.creds = qio_tls_creds_x509_new(SERVER, dir, NULL, NULL, 0, &err);
    qiotest_ok(&err);
    write_files(dir, 20, "");
    watch(&seen);
    await(&seen, 1, 0);
    ck_assert_int_eq(days(&seen), 20);
    finish(&seen);
}
END_TEST

/* A file that was not there: a list of revocations, here of ourselves. */
START_TEST(a_file_comes)
{
    const char *dir = tlscert_dir("comes");
    struct tlscert_spec spec = {
        .cn = "server", .from_hours = -2, .to_hours = 240};
    struct tlscert other;
    struct seen seen;

    write_files(dir, 10, "");
    begin_with(&seen, dir);
    ck_assert(!qio_tls_creds_changed(seen.creds));
    tlscert_make(&other, &spec, &ca);
    tlscert_write_crl(dir, "ca-crl.pem", &ca, &other);
    tlscert_free(&other);
    await(&seen, 1, 0);
    ck_assert(!qio_tls_creds_changed(seen.creds));
    finish(&seen);
}
END_TEST

START_TEST(freed_by_its_function)
{
    const char *dir = tlscert_dir("freed");
    struct seen seen;

    write_files(dir, 10, "");
    begin_with(&seen, dir);
    seen.frees = true;
    write_files(dir, 20, "");
    await(&seen, 1, 0);
    ck_assert_ptr_null(seen.watch);
    finish(&seen);
}
END_TEST

START_TEST(outlives_its_loop)
{
    const char *dir = tlscert_dir("loop");
    struct seen seen;

    write_files(dir, 10, "");
    begin_with(&seen, dir);
    qio_loop_free(seen.loop);
    seen.loop = NULL;
    write_files(dir, 20, "");
    ck_assert_int_eq(seen.good, 0);
    finish(&seen);
}
END_TEST

/* Of other kinds; those without files have nothing to watch. */
START_TEST(kinds)
{
    const char *dir = tlscert_dir("psk");
    QIOError *err = NULL;
    struct seen seen = {0};

    tlscert_write_text(dir, "keys.psk", "qemu:00112233445566778899\n");
    seen.creds = qio_tls_creds_psk_new(SERVER, dir, NULL, NULL, 0, &err);
    qiotest_ok(&err);
    watch(&seen);
    tlscert_write_text(dir, "keys.psk", "qemu:0\n");
    await(&seen, 0, 1);
    tlscert_write_text(dir, "keys.psk", "qemu:ffeeddccbbaa99887766\n");
    await(&seen, 1, 1);
    finish(&seen);
    seen.creds = qio_tls_creds_anon_new(SERVER, NULL, 0, &err);
    qiotest_ok(&err);
    watch(&seen);
    ck_assert_int_eq(qio_loop_step(seen.loop, 0, &err), 0);
    finish(&seen);
    qio_tls_creds_watch_free(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("creds-watch");
    TCase *tc = qiotest_case(s, "watch");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, renamed);
    tcase_add_test(tc, versions);
    tcase_add_test(tc, archive);
    tcase_add_loop_test(tc, directory, 0, 2);
    tcase_add_test(tc, by_and_by);
    tcase_add_test(tc, once);
    tcase_add_test(tc, changed_before);
    tcase_add_test(tc, a_file_comes);
    tcase_add_test(tc, freed_by_its_function);
    tcase_add_test(tc, outlives_its_loop);
    tcase_add_test(tc, kinds);
    return qiotest_main(s);
}

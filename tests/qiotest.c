/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test programs' shared room; see qiotest.h. */
#include <config.h>
#include "qiotest.h"

#include <dirent.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int fds_before;
static char tmpdir[64];

static int count_entries(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;

    ck_assert_ptr_nonnull(d);
    while (readdir(d)) {
        n++;
    }
    closedir(d);
    return n;
}

int qiotest_count_fds(void)
{
    return count_entries("/proc/self/fd");
}

int qiotest_count_threads(void)
{
    return count_entries("/proc/self/task");
}

void qiotest_settle_threads(int threads)
{
    for (int i = 0; i < 400 && qiotest_count_threads() > threads; i++) {
        poll(NULL, 0, 5);
    }
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void setup(void)
{
    fds_before = qiotest_count_fds();
}

static void teardown(void)
{
    if (tmpdir[0]) {
        nftw(tmpdir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        tmpdir[0] = '\0';
    }
    ck_assert_msg(qiotest_count_fds() == fds_before,
                  "%d descriptors before the test, %d after", fds_before,
                  qiotest_count_fds());
}

const char *qiotest_tmpdir(void)
{
    if (!tmpdir[0]) {
        snprintf(tmpdir, sizeof(tmpdir), "/tmp/qiotest.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(tmpdir));
    }
    return tmpdir;
}

TCase *qiotest_case(Suite *s, const char *name)
{
    TCase *tc = tcase_create(name);

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, QIOTEST_SECONDS);
    suite_add_tcase(s, tc);
    return tc;
}

int qiotest_main(Suite *s)
{
    SRunner *sr = srunner_create(s);
    int failed;

    srunner_run_all(sr, CK_ENV);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void qiotest_no_error(QIOError **errp, const char *file, int line)
{
    if (*errp) {
        ck_abort_msg("%s:%d: unexpected error %s: %s", file, line,
                     qio_error_code_name(qio_error_code(*errp)),
                     qio_error_message(*errp));
    }
}

void qiotest_expect(QIOError **errp, QIOErrorCode code, const char *file,
                    int line)
{
    if (!*errp) {
        ck_abort_msg("%s:%d: expected error %s, got none", file, line,
                     qio_error_code_name(code));
    }
    if (qio_error_code(*errp) != code) {
        ck_abort_msg("%s:%d: expected error %s, got %s: %s", file, line,
                     qio_error_code_name(code),
                     qio_error_code_name(qio_error_code(*errp)),
                     qio_error_message(*errp));
    }
    qio_error_free(*errp);
    *errp = NULL;
}

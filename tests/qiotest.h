/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every test program shares: a main, a test case whose tests each run in
 * their own process with an alarm and with descriptors counted before and
 * after, and checks that print an error's message.
 */
#ifndef QIOTEST_H
#define QIOTEST_H

#include <check.h>
#include <qio/error.h>

#define QIOTEST_SECONDS 30

/* A new case in the suite, with the alarm and the descriptor count. */
TCase *qiotest_case(Suite *s, const char *name);

/* Run the suite; for `return qiotest_main(suite)` in main(). */
int qiotest_main(Suite *s);

/* How many descriptors this process has open. */
int qiotest_count_fds(void);

int qiotest_count_threads(void);
/* Wait for threads that nobody waits for, which have files of their own open,
 * until this many are left. A sanitizer may have begun one that stays, so there
 * is an end to it. */
void qiotest_settle_threads(int threads);

/* Fail with the message if an error is set (and free it). */
void qiotest_no_error(QIOError **errp, const char *file, int line);
#define qiotest_ok(errp) qiotest_no_error((errp), __FILE__, __LINE__)

/* Check that *errp holds this code, free it and make it NULL. */
void qiotest_expect(QIOError **errp, QIOErrorCode code, const char *file,
                    int line);
#define qiotest_error(errp, code)                                              \
    qiotest_expect((errp), (code), __FILE__, __LINE__)

/* A scratch directory for this test, removed at exit of the process; the
 * string is static. */
const char *qiotest_tmpdir(void);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every allocation of the small channels fails once: no channel, or one that
 * works; no descriptor and no child is left behind. */
#include <config.h>
#include <qio/channel-buffer.h>
#include <qio/channel-command.h>
#include <qio/channel-null.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "failmalloc.h"
#include "qiotest.h"

static bool use_null(void *opaque, QIOError **errp)
{
    QIOChannel *ioc = qio_channel_null_new(errp);
    bool ok;

    (void)opaque;
    if (!ioc) {
        return false;
    }
    ok = qio_channel_set_name(ioc, "hole", errp) == 0 &&
         qio_channel_write_all(ioc, "abc", 3, errp) == 0;
    qio_channel_unref(ioc);
    return ok;
}

START_TEST(test_null)
{
    ck_assert_int_ge(failmalloc_each(use_null, NULL, FAILMALLOC_NO_LEAK), 2);
}
END_TEST

static bool use_buffer(void *opaque, QIOError **errp)
{
    static const char data[1000] = "x";
    QIOChannel *ioc = qio_channel_buffer_new(0, errp);
    bool ok = true;

    (void)opaque;
    if (!ioc) {
        return false;
    }
    for (int i = 0; ok && i < 10; i++) {
        ok = qio_channel_write_all(ioc, data, sizeof(data), errp) == 0;
    }
    qio_channel_unref(ioc);
    return ok;
}

START_TEST(test_buffer)
{
    ck_assert_int_ge(failmalloc_each(use_buffer, NULL, FAILMALLOC_NO_LEAK), 3);
}
END_TEST

static bool use_command(void *opaque, QIOError **errp)
{
    const char *const *argv = opaque;
    QIOChannel *ioc = qio_channel_command_new_spawn(argv, O_RDWR, errp);
    char c;
    bool ok;

    if (!ioc) {
        return false;
    }
    ok = qio_channel_write_all(ioc, "x", 1, errp) == 0 &&
         qio_channel_read_all(ioc, &c, 1, errp) == 0;
    qio_channel_close(ioc, NULL);
    ok = qio_channel_command_wait(ioc, -1, NULL, ok ? errp : NULL) == 0 && ok;
    qio_channel_unref(ioc);
    return ok;
}

START_TEST(test_command)
{
    const char *const argv[] = {"cat", NULL};

    ck_assert_int_ge(
        failmalloc_each(use_command, (void *)argv, FAILMALLOC_NO_LEAK), 3);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

static bool use_options(void *opaque, QIOError **errp)
{
    const char *const argv[] = {"sh", "-c", "cat; echo $A $B >&2; exit 3",
                                NULL};
    QIOSpawnOptions *o = qio_spawn_options_new(errp);
    QIOChannel *ioc = NULL;
    bool ok;

    (void)opaque;
    ok = o && qio_spawn_options_set_env(o, "A", "b", errp) == 0 &&
         qio_spawn_options_set_env(o, "B", "c", errp) == 0 &&
         qio_spawn_options_set_env(o, "A", "a", errp) == 0 &&
         qio_spawn_options_set_directory(o, "/", errp) == 0 &&
         qio_spawn_options_set_search(o, "/usr/bin:/bin", errp) == 0 &&
         qio_spawn_options_set_stderr(o, QIO_SPAWN_STDERR_CAPTURE, 100, errp) ==
             0;
    if (ok) {
        ioc = qio_channel_command_new_options(argv, O_RDWR, o, errp);
    }
    qio_spawn_options_free(o);
    if (!ioc) {
        return false;
    }
    qio_channel_close(ioc, NULL);
    /* Without memory it may fail for that reason, but fail it must. */
    ok = qio_channel_command_wait(ioc, -1, NULL, NULL) == -1;
    if (ok) {
        size_t len;
        char *text = qio_channel_command_get_stderr(ioc, &len, errp);

        ok = text && len == 4 && memcmp(text, "a c\n", 4) == 0;
        free(text);
    }
    qio_channel_unref(ioc);
    return ok;
}

START_TEST(test_options)
{
    ck_assert_int_ge(failmalloc_each(use_options, NULL, FAILMALLOC_NO_LEAK),
                     12);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

static bool no_command(void *opaque, QIOError **errp)
{
    const char *const argv[] = {opaque, NULL};
    QIOChannel *ioc = qio_channel_command_new_spawn(argv, O_RDWR, errp);
    bool ok = !ioc && *errp;

    if (ioc) {
        qio_channel_unref(ioc);
    }
    qio_error_free(*errp);
    *errp = NULL;
    return ok;
}

START_TEST(test_no_command)
{
    ck_assert_int_ge(failmalloc_each(no_command, (void *)"/nonexistent/x",
                                     FAILMALLOC_NO_LEAK),
                     3);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("oom");
    TCase *tc = qiotest_case(s, "channel");

    tcase_add_test(tc, test_null);
    tcase_add_test(tc, test_buffer);
    tcase_add_test(tc, test_command);
    tcase_add_test(tc, test_options);
    tcase_add_test(tc, test_no_command);
    return failmalloc_main(s);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authorizers. */
#include <config.h>
#include <stdio.h>
#include <string.h>
#include <qio/authz.h>
#include "qiotest.h"
#include "tls/authz.h"
#include "tlscert.h"

START_TEST(simple)
{
    QIOError *err = NULL;
    QIOAuthz *a = qio_authz_new_simple("CN=a,O=*", &err);

    qiotest_ok(&err);
    ck_assert(qio_authz_is_allowed(a, "CN=a,O=*"));
    ck_assert(!qio_authz_is_allowed(a, "CN=a,O=x"));
    ck_assert(!qio_authz_is_allowed(a, "CN=a,O=*x"));
    ck_assert(!qio_authz_is_allowed(a, ""));
    ck_assert(!qio_authz_is_allowed(a, NULL));
    ck_assert_int_eq(
        qio_authz_list_append(a, "x", QIO_AUTHZ_FORMAT_EXACT, true, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_authz_unref(qio_authz_ref(a));
    qio_authz_unref(a);
    qio_authz_unref(NULL);
    ck_assert_ptr_null(qio_authz_new_simple(NULL, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_authz_new_simple("", &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

static void rule(QIOAuthz *a, const char *match, QIOAuthzFormat format,
                 bool allow)
{
    QIOError *err = NULL;

    ck_assert_int_ge(qio_authz_list_append(a, match, format, allow, &err), 0);
    qiotest_ok(&err);
}

START_TEST(list_order)
{
    QIOError *err = NULL;
    QIOAuthz *a = qio_authz_new_list(_i, &err);

    ck_assert_int_eq(qio_authz_is_allowed(a, "fred"), _i);
    rule(a, "fred", QIO_AUTHZ_FORMAT_EXACT, true);
    rule(a, "fr*", QIO_AUTHZ_FORMAT_GLOB, false);
    rule(a, "frida", QIO_AUTHZ_FORMAT_EXACT, true);
    rule(a, "b?b", QIO_AUTHZ_FORMAT_GLOB, true);
    rule(a, "x*", QIO_AUTHZ_FORMAT_EXACT, true);
    ck_assert(qio_authz_is_allowed(a, "fred"));
    ck_assert(!qio_authz_is_allowed(a, "freddy"));
    ck_assert(!qio_authz_is_allowed(a, "frida"));
    ck_assert(qio_authz_is_allowed(a, "bob"));
    ck_assert(qio_authz_is_allowed(a, "x*"));
    ck_assert_int_eq(qio_authz_is_allowed(a, "bb"), _i);
    ck_assert_int_eq(qio_authz_is_allowed(a, "xy"), _i);
    ck_assert_int_eq(
        qio_authz_list_append(a, NULL, QIO_AUTHZ_FORMAT_EXACT, true, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_authz_unref(a);
}
END_TEST

START_TEST(globs)
{
    static const struct {
        const char *glob, *text;
        bool match;
    } cases[] = {
        {"*", "", true},          {"*", "abc", true},
        {"", "", true},           {"", "a", false},
        {"a*c", "abbc", true},    {"a*c", "abbcd", false},
        {"*a*b*", "xaxbx", true}, {"*a*b", "abab", true},
        {"*a*b", "aba", false},   {"?", "", false},
        {"a**", "a", true},       {"[ab]", "a", false},
        {"[ab]", "[ab]", true},   {"a\\*", "a*", false},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        QIOError *err = NULL;
        QIOAuthz *a = qio_authz_new_list(false, &err);

        rule(a, cases[i].glob, QIO_AUTHZ_FORMAT_GLOB, true);
        ck_assert_msg(qio_authz_is_allowed(a, cases[i].text) == cases[i].match,
                      "'%s' against '%s'", cases[i].glob, cases[i].text);
        qio_authz_unref(a);
    }
}
END_TEST

/* Indices, and what the changes do to the verdict. */
START_TEST(list_edit)
{
    const QIOAuthzFormat exact = QIO_AUTHZ_FORMAT_EXACT;
    QIOError *err = NULL;
    QIOAuthz *a = qio_authz_new_list(false, &err);

    ck_assert_int_eq(qio_authz_list_append(a, "fred", exact, true, &err), 0);
    ck_assert_int_eq(qio_authz_list_append(a, "bob", exact, true, &err), 1);
    ck_assert_int_eq(
        qio_authz_list_insert(a, 0, "f*", QIO_AUTHZ_FORMAT_GLOB, false, &err),
        0);
    ck_assert(!qio_authz_is_allowed(a, "fred"));
    ck_assert(qio_authz_is_allowed(a, "bob"));
    ck_assert_int_eq(qio_authz_list_insert(a, 99, "ann", exact, true, &err), 3);
    ck_assert_int_eq(qio_authz_list_delete(a, "f*", &err), 0);
    ck_assert(qio_authz_is_allowed(a, "fred"));
    ck_assert_int_eq(qio_authz_list_delete(a, "bob", &err), 1);
    ck_assert(!qio_authz_is_allowed(a, "bob"));
    ck_assert_int_eq(qio_authz_list_delete(a, "ann", &err), 1);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_authz_list_delete(a, "ann", &err), -1);
    qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    ck_assert_int_eq(
        qio_authz_list_insert(a, 0, "x", (QIOAuthzFormat)7, true, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_authz_unref(a);
}
END_TEST

static bool check(QIOAuthz *a, const char *name, const char *other,
                  const char *third)
{
    const char *names[] = {name, other, third};
    size_t n = third ? 3 : other ? 2 : 1;

    return qio_authz_check(a, names, n, NULL) == 0;
}

/* Rules about alternative names, and that no others reach them. */
START_TEST(alternatives)
{
    QIOError *err = NULL;
    QIOAuthz *a = qio_authz_new_list(false, &err);

    rule(a, "DNS:bad.example", QIO_AUTHZ_FORMAT_EXACT, false);
    rule(a, "DNS:*.example", QIO_AUTHZ_FORMAT_GLOB, true);
    rule(a, "*CN=root*", QIO_AUTHZ_FORMAT_GLOB, true);
    ck_assert(check(a, "CN=x", "DNS:a.example", NULL));
    ck_assert(check(a, "CN=x", "IP:192.0.2.1", "DNS:a.example"));
    ck_assert(!check(a, "CN=x", "DNS:a.other", NULL));
    ck_assert(!check(a, "CN=x", "DNS:a.example", "DNS:bad.example"));
    ck_assert(check(a, "CN=root,O=x", NULL, NULL));
    ck_assert(!check(a, "CN=x", "DNS:CN=root", NULL));
    ck_assert(!check(a, "CN=x", "URI:DNS:a.example", NULL));
    qio_authz_unref(a);
    a = qio_authz_new_simple("IP:192.0.2.1", &err);
    ck_assert(check(a, "CN=x", "IP:192.0.2.1", NULL));
    ck_assert(!check(a, "CN=x", "IP:192.0.2.2", NULL));
    qio_authz_unref(a);
}
END_TEST

START_TEST(reasons)
{
    const char *name = "CN=a\nb";
    QIOError *err = NULL;
    QIOAuthz *a = qio_authz_new_list(false, &err);

    ck_assert_int_eq(qio_authz_check(a, &name, 1, &err), -1);
    ck_assert_str_eq(qio_error_message(err), "'CN=a?b' is not allowed");
    qiotest_error(&err, QIO_ERROR_AUTHZ);
    ck_assert_int_eq(qio_authz_check(a, NULL, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_AUTHZ);
    ck_assert_int_eq(qio_authz_reload(a, &err), 0);
    qio_authz_unref(a);
}
END_TEST

struct asked {
    int calls, destroyed;
};

static bool ask(const char *const *names, size_t n, void *opaque)
{
    ((struct asked *)opaque)->calls++;
    return n == 2 && strcmp(names[1], "DNS:yes") == 0;
}

static void forget(void *opaque)
{
    ((struct asked *)opaque)->destroyed++;
}

START_TEST(function)
{
    struct asked asked = {0, 0};
    QIOError *err = NULL;
    QIOAuthz *a = qio_authz_new_func(ask, &asked, forget, &err);

    ck_assert(check(a, "CN=x", "DNS:yes", NULL));
    ck_assert(!check(a, "CN=x", "DNS:no", NULL));
    ck_assert_int_eq(asked.calls, 2);
    ck_assert(!qio_authz_is_allowed(a, NULL));
    ck_assert_int_eq(asked.calls, 2);
    qio_authz_unref(a);
    ck_assert_int_eq(asked.destroyed, 1);
    ck_assert_ptr_null(qio_authz_new_func(NULL, &asked, forget, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(asked.destroyed, 2);
}
END_TEST

/* ---- rules in a file ---- */

#define RULE(m, p) "{\"match\":\"" m "\",\"policy\":\"" p "\"}"
#define GLOB(m, p)                                                             \
    "{\"match\":\"" m "\",\"policy\":\"" p "\",\"format\":\"glob\"}"

static char path[512];

static void write_rules(const char *text)
{
    const char *dir = tlscert_dir("authz");

    tlscert_write_text(dir, "rules.json", text);
    snprintf(path, sizeof(path), "%s/rules.json", dir);
}

static QIOAuthz *from_file(const char *text, bool refresh)
{
    QIOError *err = NULL;
    QIOAuthz *a;

    write_rules(text);
    a = qio_authz_new_list_file(path, refresh, &err);
    qiotest_ok(&err);
    return a;
}

static void verdicts(const char *text, bool fred, bool freddy, bool bob)
{
    QIOAuthz *a = from_file(text, true);

    ck_assert_int_eq(qio_authz_is_allowed(a, "fred"), fred);
    ck_assert_int_eq(qio_authz_is_allowed(a, "freddy"), freddy);
    ck_assert_int_eq(qio_authz_is_allowed(a, "bob"), bob);
    qio_authz_unref(a);
}

START_TEST(file_rules)
{
    verdicts("{\"rules\": []}", false, false, false);
    verdicts("{\"policy\": \"deny\", \"rules\": []}\n", false, false, false);
    verdicts("{\"rules\": [], \"policy\": \"allow\"}", true, true, true);
    verdicts("{\"policy\":\"allow\",\"rules\":[" RULE("fred", "deny") "]}",
             false, true, true);
    verdicts("{\"rules\": [ " RULE("fred", "allow") " ] }", true, false, false);
    verdicts("{\"rules\":[" RULE("fred", "allow") ",\n" GLOB(
                 "fr*", "deny") "," GLOB("*", "allow") "]}",
             true, false, true);
    verdicts("{\"rules\":[" RULE("fr\\u0065d", "allow") "]}", true, false,
             false);
}
END_TEST

/* QEMU's cases, by its names, of lists and of files alike. */
static const struct policy {
    const char *name;
    bool allow; /* the default */
    struct {
        const char *match;
        bool glob, allow;
    } rules[3];
    bool fred, freddy, bob;
} policies[] = {
    {"default/deny", false, {{NULL, false, false}}, false, false, false},
    {"default/allow", true, {{NULL, false, false}}, true, true, true},
    {"explicit/deny", true, {{"fred", false, false}}, false, true, true},
    {"explicit/allow", false, {{"fred", false, true}}, true, false, false},
    {"complex",
     true,
     {{"fred", false, true}, {"fr*", true, false}, {"bob", false, false}},
     true,
     false,
     false},
};

#define POLICIES (int)(sizeof(policies) / sizeof(policies[0]))

static QIOAuthz *policy_list(const struct policy *p)
{
    QIOAuthz *a = qio_authz_new_list(p->allow, NULL);

    for (size_t i = 0; i < 3 && p->rules[i].match; i++) {
        rule(a, p->rules[i].match,
             p->rules[i].glob ? QIO_AUTHZ_FORMAT_GLOB : QIO_AUTHZ_FORMAT_EXACT,
             p->rules[i].allow);
    }
    return a;
}

static QIOAuthz *policy_file(const struct policy *p)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "{\"policy\": \"%s\", \"rules\": [",
                     p->allow ? "allow" : "deny");

    for (size_t i = 0; i < 3 && p->rules[i].match; i++) {
        n += snprintf(text + n, sizeof(text) - (size_t)n,
                      "%s{\"match\": \"%s\", \"policy\": \"%s\", "
                      "\"format\": \"%s\"}",
                      i ? ", " : "", p->rules[i].match,
                      p->rules[i].allow ? "allow" : "deny",
                      p->rules[i].glob ? "glob" : "exact");
    }
    snprintf(text + n, sizeof(text) - (size_t)n, "]}");
    return from_file(text, false);
}

START_TEST(policy)
{
    const struct policy *p = &policies[_i / 2];
    QIOAuthz *a = _i % 2 ? policy_file(p) : policy_list(p);

    ck_assert_msg(qio_authz_is_allowed(a, "fred") == p->fred, "%s", p->name);
    ck_assert_msg(qio_authz_is_allowed(a, "freddy") == p->freddy, "%s",
                  p->name);
    ck_assert_msg(qio_authz_is_allowed(a, "bob") == p->bob, "%s", p->name);
    qio_authz_unref(a);
}
END_TEST

START_TEST(file_faults)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "line 1: '{' is expected"},
        {"{}", "line 1: a string is expected"},
        {"{\"policy\":\"deny\"}", "the list has no rules"},
        {"{\"policy\":\"maybe\",\"rules\":[]}", "allow or deny"},
        {"{\"rules\":[],\"rules\":[]}", "once each"},
        {"{\"rules\":[],\"else\":\"x\"}", "once each"},
        {"{\"rules\":[]} x", "something follows"},
        {"{\"rules\":[\n" RULE("a", "allow") ",]}", "line 2: a rule is"},
        {"{\"rules\":[{\"match\":\"a\"}]}", "needs match and policy"},
        {"{\"rules\":[{\"match\":\"\"}]}", "an empty text"},
        {"{\"rules\":[{\"match\":\"a\",\"match\":\"b\"}]}", "twice"},
        {"{\"rules\":[{\"user\":\"a\"}]}", "match, policy and format"},
        {"{\"rules\":[{\"match\":\"a\\u0000\"}]}", "cannot be there"},
        {"{\"rules\":[{\"match\":\"a", "a string without end"},
        {"{\"rules\":[" RULE("a", "allow"), "']' is expected"},
    };
    QIOError *err = NULL;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_rules(cases[i].text);
        ck_assert_ptr_null(qio_authz_new_list_file(path, true, &err));
        ck_assert_msg(strstr(qio_error_message(err), cases[i].why) &&
                          strstr(qio_error_message(err), path),
                      "%zu: '%s' is not in '%s'", i, cases[i].why,
                      qio_error_message(err));
        qiotest_error(&err, QIO_ERROR_CREDENTIALS);
    }
    ck_assert_ptr_null(qio_authz_new_list_file("/nonexistent", true, &err));
    qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    ck_assert_ptr_null(qio_authz_new_list_file(NULL, true, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

/* A changed file counts at once; a broken one lets nobody in. */
START_TEST(file_refresh)
{
    QIOAuthz *a = from_file("{\"rules\":[" RULE("fred", "allow") "]}", true);
    const char *name = "fred";
    QIOError *err = NULL;

    ck_assert(qio_authz_is_allowed(a, "fred"));
    write_rules("{\"rules\":[" RULE("bob", "allow") "],\"policy\":\"deny\"}");
    ck_assert(!qio_authz_is_allowed(a, "fred"));
    ck_assert(qio_authz_is_allowed(a, "bob"));
    write_rules("{\"rules\":[");
    ck_assert(!qio_authz_is_allowed(a, "bob"));
    ck_assert_int_eq(qio_authz_check(a, &name, 1, &err), -1);
    ck_assert(strstr(qio_error_message(err), "rules.json' line 1: a rule is"));
    qiotest_error(&err, QIO_ERROR_AUTHZ);
    write_rules("{\"rules\":[" RULE("fred", "allow") "]}");
    ck_assert(qio_authz_is_allowed(a, "fred"));
    ck_assert_int_eq(remove(path), 0);
    ck_assert(!qio_authz_is_allowed(a, "fred"));
    qio_authz_unref(a);
}
END_TEST

/* Without refresh only a reload counts, and a broken file changes nothing. */
START_TEST(file_reload)
{
    QIOAuthz *a = from_file("{\"rules\":[" RULE("fred", "allow") "]}", false);
    QIOError *err = NULL;

    write_rules("{\"rules\":[" RULE("bob", "allow") "]}");
    ck_assert(qio_authz_is_allowed(a, "fred"));
    ck_assert_int_eq(qio_authz_reload(a, &err), 0);
    ck_assert(!qio_authz_is_allowed(a, "fred"));
    ck_assert(qio_authz_is_allowed(a, "bob"));
    write_rules("nonsense");
    ck_assert_int_eq(qio_authz_reload(a, &err), -1);
    qiotest_error(&err, QIO_ERROR_CREDENTIALS);
    ck_assert(qio_authz_is_allowed(a, "bob"));
    qio_authz_unref(a);
}
END_TEST

/* ---- PAM ---- */

static void service(const char *name, const char *text)
{
    tlscert_write_text(tlscert_dir("pam"), name, text);
}

static bool pam_allows(const char *name, const char *user, const char *why)
{
    QIOError *err = NULL;
    QIOAuthz *a = qiop_authz_new_pam(name, tlscert_dir("pam"), &err);
    int ret;

    qiotest_ok(&err);
    ret = qio_authz_check(a, &user, 1, &err);
    if (ret) {
        ck_assert_msg(strstr(qio_error_message(err), why) != NULL, "%s",
                      qio_error_message(err));
        qiotest_error(&err, QIO_ERROR_AUTHZ);
    }
    qio_authz_unref(a);
    return ret == 0;
}

START_TEST(pam)
{
    QIOError *err = NULL;
    QIOAuthz *a = qio_authz_new_pam("qio-no-such-service", &err);

    if (!a) {
        qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
        return;
    }
    qio_authz_unref(a);
    service("good", "account required pam_succeed_if.so quiet user = root\n");
    service("other", "account required pam_deny.so\n");
    ck_assert(pam_allows("good", "root", NULL));
    ck_assert(!pam_allows("good", "nobody", "PAM service 'good': "));
    ck_assert(!pam_allows("good", "no such user", "PAM service 'good': "));
    ck_assert(!pam_allows("unknown", "root", "PAM service 'unknown': "));
    ck_assert_ptr_null(qio_authz_new_pam("../x", &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_authz_new_pam("", &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-authz");
    TCase *tc = qiotest_case(s, "authz");

    tcase_add_test(tc, simple);
    tcase_add_loop_test(tc, list_order, 0, 2);
    tcase_add_test(tc, globs);
    tcase_add_test(tc, list_edit);
    tcase_add_test(tc, alternatives);
    tcase_add_test(tc, reasons);
    tcase_add_test(tc, function);
    tcase_add_test(tc, file_rules);
    tcase_add_loop_test(tc, policy, 0, 2 * POLICIES);
    tcase_add_test(tc, file_faults);
    tcase_add_test(tc, file_refresh);
    tcase_add_test(tc, file_reload);
    tcase_add_test(tc, pam);
    return qiotest_main(s);
}

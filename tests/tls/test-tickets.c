/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tickets that a client keeps: how many, of whom, and which one next. */
#include <config.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "qiotest.h"
#include "tls/tickets.h"

static struct qiop_ticket_store *make(void)
{
    QIOError *err = NULL;
    struct qiop_ticket_store *store = qiop_ticket_store_new(NULL, &err);

    qiotest_ok(&err);
    return store;
}

static void put(struct qiop_ticket_store *store, const char *host,
                const char *text, bool once)
{
    const gnutls_datum_t data = {(unsigned char *)text, (unsigned)strlen(text)};

    qiop_ticket_store_put(store, host, &data, time(NULL) + 100, once);
}

/* Takes the ticket `text` for host; NULL: there is none. */
static void takes(struct qiop_ticket_store *store, const char *host,
                  const char *text)
{
    gnutls_datum_t data;
    time_t until;
    bool found = qiop_ticket_store_take(store, host, &data, &until);

    ck_assert(found == (text != NULL));
    if (found) {
        ck_assert_uint_eq(data.size, strlen(text));
        ck_assert_mem_eq(data.data, text, data.size);
        ck_assert_int_le(until, time(NULL) + 100);
        qiop_ticket_free(&data);
        ck_assert_ptr_null(data.data);
    }
}

START_TEST(newest_first)
{
    struct qiop_ticket_store *store = make();

    put(store, "a", "a1", true);
    put(store, "b", "b1", true);
    put(store, "a", "a2", true);
    takes(store, "c", NULL);
    takes(store, "a", "a2");
    takes(store, "a", "a1");
    takes(store, "a", NULL);
    takes(store, "b", "b1");
    qiop_ticket_store_free(store);
}
END_TEST

START_TEST(reusable)
{
    struct qiop_ticket_store *store = make();

    put(store, "a", "old", false);
    put(store, "a", "new", false);
    takes(store, "a", "new");
    takes(store, "a", "new");
    /* The server has another version now. */
    put(store, "a", "once", true);
    takes(store, "a", "once");
    takes(store, "a", NULL);
    qiop_ticket_store_free(store);
}
END_TEST

START_TEST(forgotten)
{
    struct qiop_ticket_store *store = make();

    put(store, "a", "a1", true);
    put(store, "b", "b1", true);
    put(store, "a", "a2", true);
    qiop_ticket_store_forget(store, "a");
    takes(store, "a", NULL);
    takes(store, "b", "b1");
    qiop_ticket_store_free(store);
}
END_TEST

static int count(struct qiop_ticket_store *store, const char *host)
{
    gnutls_datum_t data;
    time_t until;
    int n = 0;

    while (qiop_ticket_store_take(store, host, &data, &until)) {
        qiop_ticket_free(&data);
        n++;
    }
    return n;
}

START_TEST(bounded)
{
    struct qiop_ticket_store *store = make();
    char host[16], large[40000];
    int i, n = 0;

    for (i = 0; i < 100; i++) {
        put(store, "a", "a", true);
    }
    ck_assert_int_eq(count(store, "a"), 8);
    for (i = 0; i < 200; i++) {
        snprintf(host, sizeof(host), "host%d", i);
        put(store, host, "x", true);
    }
    takes(store, "host199", "x");
    takes(store, "host0", NULL);
    for (i = 0; i < 200; i++) {
        snprintf(host, sizeof(host), "host%d", i);
        n += count(store, host);
    }
    ck_assert_int_eq(n, 63);
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    put(store, "a", large, true);
    takes(store, "a", NULL);
    qiop_ticket_store_free(store);
}
END_TEST

START_TEST(expired)
{
    const gnutls_datum_t data = {(unsigned char *)"x", 1};
    struct qiop_ticket_store *store = make();

    qiop_ticket_store_put(store, "a", &data, time(NULL), true);
    takes(store, "a", NULL);
    qiop_ticket_store_put(store, "a", &data, time(NULL) - 5, true);
    takes(store, "a", NULL);
    qiop_ticket_store_free(store);
}
END_TEST

#define ROUNDS 2000

static void *busy(void *opaque)
{
    struct qiop_ticket_store *store = opaque;
    gnutls_datum_t data;
    time_t until;
    int i;

    for (i = 0; i < ROUNDS; i++) {
        put(store, i % 2 ? "a" : "b", "x", i % 3 != 0);
        if (qiop_ticket_store_take(store, "a", &data, &until)) {
            qiop_ticket_free(&data);
        }
        if (i % 64 == 0) {
            qiop_ticket_store_forget(store, "b");
        }
    }
    return NULL;
}

START_TEST(threads)
{
    struct qiop_ticket_store *store = make();
    pthread_t t[4];
    int i;

    for (i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&t[i], NULL, busy, store), 0);
    }
    for (i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
    }
    qiop_ticket_store_free(store);
}
END_TEST

/* Nothing to trust, nothing that expires. */
START_TEST(trust)
{
    gnutls_certificate_credentials_t x509;

    ck_assert_int_gt(qiop_tickets_trust_until(NULL, 1000), 2000000000);
    ck_assert_int_eq(gnutls_certificate_allocate_credentials(&x509), 0);
    ck_assert_int_gt(qiop_tickets_trust_until(x509, 1000), 2000000000);
    gnutls_certificate_free_credentials(x509);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-tickets");
    TCase *tc = qiotest_case(s, "tickets");

    tcase_add_test(tc, newest_first);
    tcase_add_test(tc, reusable);
    tcase_add_test(tc, forgotten);
    tcase_add_test(tc, bounded);
    tcase_add_test(tc, expired);
    tcase_add_test(tc, threads);
    tcase_add_test(tc, trust);
    return qiotest_main(s);
}

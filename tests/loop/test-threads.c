/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loops in several threads, each with TLS transfers, watches, timers and tasks,
 * while other threads shut channels down, cancel tasks and call into the loops.
 */
#include <config.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qio/channel-tls.h>
#include <qio/channel-unix.h>
#include "loop/waiter.h"
#include "tlspair.h"

#define ROOMS 3
#define ROUNDS 40
#define BULK (200 << 10)
#define TASKS 5 /* of a round: two openings, two transfers, an echo */

static struct tlspair_creds creds;
static uint8_t bulk[BULK];

/* A loop with its thread. */
struct room {
    QIOLoop *loop;
    QIOTimer *timer;
    pthread_t thread;
    int round;
    int ticks;

    /* of a round */
    QIOChannel *ioc[2]; /* client and server */
    QIOWatch *watch;
    bool watched; /* until its destroy function has run */
    int opened;
    int tasks; /* under way */
    int destroyed;
    int failures;
    uint8_t *in;

    /* what others may lay hands on */
    pthread_mutex_t lock;
    QIOChannel *victim;
    QIOTask *task;
    int meddled;
};

/* Every other round is left in peace. */
static bool disturbed(const struct room *r)
{
    return r->round % 2 == 0;
}

static void show(struct room *r, QIOChannel *ioc, QIOTask *task)
{
    QIOChannel *old_ioc;
    QIOTask *old_task;

    pthread_mutex_lock(&r->lock);
    old_ioc = r->victim;
    old_task = r->task;
    r->victim = ioc ? qio_channel_ref(ioc) : NULL;
    r->task = task ? qio_task_ref(task) : NULL;
    pthread_mutex_unlock(&r->lock);
    qio_channel_unref(old_ioc);
    qio_task_unref(old_task);
}

/* ---- a round ---- */

static void begin_round(struct room *r);

static void end_round(struct room *r)
{
    show(r, NULL, NULL);
    ck_assert_int_eq(r->destroyed, r->opened == 2 ? TASKS : 2);
    if (r->watch) {
        qio_watch_remove(r->watch);
        r->watch = NULL;
    }
    ck_assert(!r->watched);
    if (!disturbed(r)) {
        ck_assert_int_eq(r->failures, 0);
        ck_assert_mem_eq(r->in, bulk, BULK);
    }
    for (int i = 0; i < 2; i++) {
        qio_channel_close(r->ioc[i], NULL);
        qio_channel_unref(r->ioc[i]);
    }
    if (++r->round == ROUNDS) {
        qio_loop_quit(r->loop);
    } else {
        begin_round(r);
    }
}

static void destroy(void *opaque)
{
    struct room *r = opaque;

    r->destroyed++;
    if (r->tasks == 0) {
        end_round(r);
    }
}

/* One that fails takes all others along. */
static void note_end(struct room *r, QIOTask *task)
{
    ck_assert_int_gt(r->tasks, 0);
    r->tasks--;
    if (qio_task_error(task)) {
        QIOErrorCode code = qio_error_code(qio_task_error(task));

        ck_assert_msg(disturbed(r), "%s",
                      qio_error_message(qio_task_error(task)));
        ck_assert_int_ne(code, QIO_ERROR_TIMEOUT);
        ck_assert_int_ne(code, QIO_ERROR_INVALID);
        r->failures++;
        for (int i = 0; i < 2; i++) {
            qio_channel_shutdown(r->ioc[i], QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
        }
    }
}

static void ended(QIOTask *task, void *opaque)
{
    note_end(opaque, task);
}

/* What the client wrote has come back, so that was all. */
static void read_all(QIOTask *task, void *opaque)
{
    struct room *r = opaque;

    note_end(r, task);
    qio_channel_shutdown(r->ioc[0], QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
}

static bool trouble(QIOChannel *ioc, unsigned events, void *opaque)
{
    struct room *r = opaque;

    ck_assert(!(events & (QIO_EVENT_IN | QIO_EVENT_OUT)));
    ck_assert_ptr_eq(ioc, r->ioc[0]);
    r->watch = NULL;
    return false;
}

static void unwatched(void *opaque)
{
    ((struct room *)opaque)->watched = false;
}

static void transfer(struct room *r)
{
    QIOChannel *c = r->ioc[0], *s = r->ioc[1];
    QIOTask *task;

    r->tasks += 3;
    task = qio_channel_read_all_async(c, r->loop, r->in, BULK, 20000, read_all,
                                      r, destroy, NULL);
    ck_assert_ptr_nonnull(task);
    ck_assert_ptr_nonnull(qio_channel_write_all_async(
        c, r->loop, bulk, BULK, 20000, ended, r, destroy, NULL));
    ck_assert_ptr_nonnull(qio_channel_copy_async(
        s, s, r->loop, QIO_COPY_ONE_WAY, 20000, ended, r, destroy, NULL));
    r->watched = true;
    r->watch =
        qio_channel_add_watch(c, r->loop, 0, trouble, r, unwatched, NULL);
    /* Somebody may have shut it down, but nobody closes it. */
    ck_assert_ptr_nonnull(r->watch);
    if (disturbed(r)) {
        show(r, r->round % 4 ? c : s, task);
    }
}

static void opened(QIOTask *task, void *opaque)
{
    struct room *r = opaque;

    note_end(r, task);
    if (!qio_task_error(task) && ++r->opened == 2) {
        transfer(r);
    }
}

static void begin_round(struct room *r)
{
    QIOChannel *base[2];
    QIOTask *task[2];

    r->opened = r->destroyed = r->failures = 0;
    r->tasks = 2;
    memset(r->in, 0, BULK);
    ck_assert_int_eq(qio_channel_unix_pair(base, NULL), 0);
    r->ioc[0] =
        qio_channel_tls_new_client(base[0], creds.client, "localhost", NULL);
    r->ioc[1] = qio_channel_tls_new_server(base[1], creds.server, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(base[i]);
        task[i] = qio_channel_open_async(r->ioc[i], r->loop, 20000, opened, r,
                                         destroy, NULL);
        ck_assert_ptr_nonnull(task[i]);
    }
    if (disturbed(r)) {
        show(r, r->ioc[0], task[1]);
    }
}

/* ---- threads ---- */

static void tick(QIOTimer *timer, void *opaque)
{
    struct room *r = opaque;

    ck_assert_ptr_eq(timer, r->timer);
    r->ticks++;
}

static void start(void *opaque)
{
    begin_round(opaque);
}

static void *live(void *opaque)
{
    struct room *r = opaque;

    ck_assert_int_eq(qio_loop_run(r->loop, NULL), 0);
    return NULL;
}

static void open_room(struct room *r)
{
    pthread_mutex_init(&r->lock, NULL);
    r->in = malloc(BULK);
    r->loop = qio_loop_new(NULL);
    r->timer = qio_timer_new(r->loop, tick, r, NULL);
    ck_assert(r->in && r->timer);
    ck_assert_int_eq(qio_timer_start(r->timer, 1, 1, NULL), 0);
    ck_assert_int_eq(qio_loop_invoke(r->loop, start, r, NULL, NULL), 0);
    ck_assert_int_eq(pthread_create(&r->thread, NULL, live, r), 0);
}

static void close_room(struct room *r)
{
    ck_assert_int_eq(r->round, ROUNDS);
    ck_assert_int_gt(r->ticks, 0);
    qio_loop_free(r->loop);
    qio_timer_free(r->timer);
    pthread_mutex_destroy(&r->lock);
    free(r->in);
}

/* ---- those who meddle ---- */

struct call {
    atomic_int *ran;
    atomic_int *destroyed;
};

static void called(void *opaque)
{
    atomic_fetch_add(((struct call *)opaque)->ran, 1);
}

static void call_destroyed(void *opaque)
{
    atomic_fetch_add(((struct call *)opaque)->destroyed, 1);
}

struct meddler {
    struct room *rooms;
    struct call call;
    unsigned seed;
    int calls;
    atomic_bool *stop;
    pthread_t thread;
};

static void meddle(struct meddler *m, struct room *r)
{
    static const QIOChannelShutdown how[] = {QIO_CHANNEL_SHUTDOWN_BOTH,
                                             QIO_CHANNEL_SHUTDOWN_READ,
                                             QIO_CHANNEL_SHUTDOWN_WRITE};
    unsigned n = (unsigned)rand_r(&m->seed);
    QIOChannel *ioc;
    QIOTask *task;

    pthread_mutex_lock(&r->lock);
    ioc = r->victim ? qio_channel_ref(r->victim) : NULL;
    task = r->task ? qio_task_ref(r->task) : NULL;
    r->meddled += ioc != NULL;
    pthread_mutex_unlock(&r->lock);
    if (ioc && n % 4 == 0) {
        qio_task_cancel(task);
    } else if (ioc) {
        qio_channel_shutdown(ioc, how[n % 4 - 1], NULL);
    }
    qio_channel_unref(ioc);
    qio_task_unref(task);
}

static void *meddle_thread(void *opaque)
{
    struct meddler *m = opaque;

    while (!atomic_load(m->stop)) {
        struct room *r = &m->rooms[(unsigned)rand_r(&m->seed) % ROOMS];

        ck_assert_int_eq(
            qio_loop_invoke(r->loop, called, &m->call, call_destroyed, NULL),
            0);
        m->calls++;
        usleep((unsigned)rand_r(&m->seed) % 3000);
        meddle(m, r);
    }
    return NULL;
}

START_TEST(test_rooms)
{
    struct room rooms[ROOMS] = {{0}};
    struct meddler meddlers[2];
    atomic_int ran = 0, destroyed = 0;
    atomic_bool stop = false;
    int calls = 0, meddled = 0;

    for (size_t i = 0; i < BULK; i++) {
        bulk[i] = (uint8_t)(i * 7 + i / 251);
    }
    tlspair_creds_make(&creds, NULL);
    for (int i = 0; i < ROOMS; i++) {
        open_room(&rooms[i]);
    }
    for (int i = 0; i < 2; i++) {
        meddlers[i] = (struct meddler){.rooms = rooms,
                                       .call = {&ran, &destroyed},
                                       .seed = (unsigned)(i + 1),
                                       .stop = &stop};
        ck_assert_int_eq(pthread_create(&meddlers[i].thread, NULL,
                                        meddle_thread, &meddlers[i]),
                         0);
    }
    for (int i = 0; i < ROOMS; i++) {
        pthread_join(rooms[i].thread, NULL);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(meddlers[i].thread, NULL);
        calls += meddlers[i].calls;
    }
    for (int i = 0; i < ROOMS; i++) {
        meddled += rooms[i].meddled;
        close_room(&rooms[i]);
    }
    ck_assert_int_eq(destroyed, calls);
    ck_assert_int_gt(ran, 0);
    ck_assert_int_gt(meddled, 0);
    tlspair_creds_free(&creds);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("threads");
    TCase *tc = qiotest_case(s, "threads");

    tcase_add_test(tc, test_rooms);
    return qiotest_main(s);
}

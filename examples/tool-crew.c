/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calling the other end many times, for one stream over many connections. */
#include "tool-crew.h"

#include <stdlib.h>
#include "tool-spoil.h"

/* What a server gives with the first answer; with each other one it gives
 * another one (tls-config.h). */
#define TICKETS 4

/* Something under way; lives as long as its task. */
typedef struct Step {
    ToolCrew *crew; /* NULL: nobody cares any more */
    QIOTask *task;
} Step;

struct ToolCrew {
    ToolCrewPlan plan;
    QIOChannel *ioc;
    unsigned called;
    Step *steps[QIO_MIGRATION_CHANNELS_MAX]; /* connections being made */
    Step *opening;
    QIOError *err; /* why opening was cancelled */
    bool done;
};

/* ---- steps ---- */

static void free_step(void *opaque)
{
    Step *s = opaque;

    qio_task_unref(s->task);
    free(s);
}

static Step *new_step(ToolCrew *crew, QIOError **errp)
{
    Step *s = calloc(1, sizeof(*s));

    if (!s) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    s->crew = crew;
    return s;
}

static void forget(Step **at)
{
    Step *s = *at;

    *at = NULL;
    if (s) {
        s->crew = NULL;
        qio_task_cancel(s->task);
    }
}

/* ---- the end ---- */

static void fail(ToolCrew *crew, bool reached, QIOError *err)
{
    crew->plan.then(crew->plan.opaque, NULL, reached, err);
}

static void opened(QIOTask *task, void *opaque)
{
    Step *s = opaque;
    ToolCrew *crew = s->crew;
    QIOError *err = NULL;

    if (!crew) {
        return;
    }
    crew->opening = NULL;
    if (crew->err) {
        err = crew->err;
        crew->err = NULL;
        fail(crew, false, err);
        return;
    }
    if (qio_task_propagate_error(task, &err)) {
        fail(crew, true, err);
        return;
    }
    crew->done = true;
    crew->plan.then(crew->plan.opaque, crew->ioc, true, NULL);
}

static int begin_to_open(ToolCrew *crew, QIOError **errp)
{
    Step *s = new_step(crew, errp);
    QIOTask *task;

    if (!s) {
        return -1;
    }
    task = qio_channel_open_async(crew->ioc, crew->plan.loop,
                                  crew->plan.timeout_ms, opened, s, free_step,
                                  errp);
    if (!task) {
        return -1;
    }
    s->task = qio_task_ref(task);
    crew->opening = s;
    return 0;
}

/* ---- connections ---- */

static void connected(QIOTask *task, void *opaque)
{
    Step *s = opaque;
    ToolCrew *crew = s->crew;
    QIOError *err = NULL;

    if (!crew) {
        return;
    }
    for (unsigned i = 0; i < QIO_MIGRATION_CHANNELS_MAX; i++) {
        if (crew->steps[i] == s) {
            crew->steps[i] = NULL;
        }
    }
    if (qio_task_propagate_error(task, &err)) {
        fail(crew, false, err);
        return;
    }
    if (qio_migration_channels_join(crew->ioc, qio_task_channel(task), NULL,
                                    &err) < 0 ||
        (!crew->opening && begin_to_open(crew, &err))) {
        fail(crew, true, err);
    }
}

static int call(ToolCrew *crew, QIOError **errp)
{
    const ToolCrewPlan *plan = &crew->plan;
    Step *s = new_step(crew, errp);
    QIOTask *task;

    if (!s) {
        return -1;
    }
    task = qio_endpoint_connect_async(
        plan->ep, plan->objects, QIO_ENDPOINT_READWRITE, plan->loop,
        plan->timeout_ms, connected, s, free_step, errp);
    if (!task) {
        return -1;
    }
    s->task = qio_task_ref(task);
    crew->steps[crew->called++] = s;
    return 0;
}

static void answered(QIOChannel *ioc, unsigned n, void *opaque)
{
    ToolCrew *crew = opaque;
    bool tls = qio_endpoint_has_tls(crew->plan.ep);

    (void)ioc;
    while (crew->called < crew->plan.count &&
           (!tls || crew->called < n + TICKETS)) {
        if (call(crew, &crew->err)) {
            qio_task_cancel(crew->opening->task);
            return;
        }
    }
}

/* ---- life ---- */

ToolCrew *tool_crew_new(const ToolCrewPlan *plan, QIOError **errp)
{
    ToolCrew *crew = calloc(1, sizeof(*crew));

    if (!crew) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    crew->plan = *plan;
    crew->ioc = qio_migration_channels_new_client(plan->count, errp);
    if (!crew->ioc ||
        qio_migration_channels_set_threads(
            crew->ioc, plan->threads && plan->count > 1, errp) ||
        qio_migration_channels_on_answer(crew->ioc, answered, crew, errp) ||
        call(crew, errp)) {
        tool_crew_free(crew);
        return NULL;
    }
    return crew;
}

void tool_crew_free(ToolCrew *crew)
{
    if (!crew) {
        return;
    }
    for (unsigned i = 0; i < QIO_MIGRATION_CHANNELS_MAX; i++) {
        forget(&crew->steps[i]);
    }
    forget(&crew->opening);
    if (crew->ioc) {
        (void)!qio_migration_channels_on_answer(crew->ioc, NULL, NULL, NULL);
    }
    if (crew->ioc && !crew->done) {
        tool_spoil(crew->ioc);
        qio_channel_close(crew->ioc, NULL);
    }
    qio_channel_unref(crew->ioc);
    qio_error_free(crew->err);
    free(crew);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calling the other end many times, for one stream over many connections: the
 * first one, and when it has been answered the others, so that they can resume
 * its TLS session. Without TLS these are made at once, with TLS as answers
 * bring tickets.
 */
#ifndef TOOL_CREW_H
#define TOOL_CREW_H

#include <stdbool.h>
#include <qio/migration/migration.h>
#include <qio/qio.h>

typedef struct ToolCrew ToolCrew;

/* All are there, and ioc stands on them; or NULL with the reason, which is to
 * be freed: then reached says whether somebody was. May free the crew. */
typedef void ToolCrewFunc(void *opaque, QIOChannel *ioc, bool reached,
                          QIOError *err);

typedef struct ToolCrewPlan {
    const QIOEndpoint
        *ep; /* with the layers; outlives the crew, like objects */
    QIOObjects *objects;
    QIOLoop *loop;
    unsigned count;
    bool threads;   /* one for each of them, if there are many */
    int timeout_ms; /* for each step */
    ToolCrewFunc *then;
    void *opaque;
} ToolCrewPlan;

/* NULL with *errp when it cannot even begin; then() is called later. */
ToolCrew *tool_crew_new(const ToolCrewPlan *plan, QIOError **errp);

/* Those who are there are told that it came to nothing, unless then() has been
 * called with a channel. NULL is allowed. */
void tool_crew_free(ToolCrew *crew);

#endif

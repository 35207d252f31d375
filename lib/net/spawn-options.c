/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a command is started: its search path, directory, environment and
 * standard error. */
#include <config.h>
#include "net/spawn-options.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_KEPT (1u << 20)

const QIOSpawnOptions qiop_spawn_defaults = {
    .stderr_how = QIO_SPAWN_STDERR_INHERIT,
};

static int out_of_memory(QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_NOMEM, 0,
                  "out of memory for the options of a command");
    return -1;
}

QIOSpawnOptions *qio_spawn_options_new(QIOError **errp)
{
    QIOSpawnOptions *o = malloc(sizeof(*o));

    if (!o) {
        out_of_memory(errp);
        return NULL;
    }
    *o = qiop_spawn_defaults;
    return o;
}

void qio_spawn_options_free(QIOSpawnOptions *o)
{
    if (!o) {
        return;
    }
    qio_spawn_options_clear_env(o);
    free(o->search);
    free(o->directory);
    free(o);
}

static int replace(char **where, const char *text, QIOError **errp)
{
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy) {
        return out_of_memory(errp);
    }
    free(*where);
    *where = copy;
    return 0;
}

int qio_spawn_options_set_search(QIOSpawnOptions *o, const char *dirs,
                                 QIOError **errp)
{
    return replace(&o->search, dirs, errp);
}

int qio_spawn_options_set_directory(QIOSpawnOptions *o, const char *directory,
                                    QIOError **errp)
{
    return replace(&o->directory, directory, errp);
}

int qio_spawn_options_set_stderr(QIOSpawnOptions *o, QIOSpawnStderr how,
                                 size_t keep, QIOError **errp)
{
    bool capture = how == QIO_SPAWN_STDERR_CAPTURE;

    if (how > QIO_SPAWN_STDERR_CAPTURE || capture != (keep > 0) ||
        keep > MOST_KEPT) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "capturing standard error keeps 1 to %u bytes, anything "
                      "else none",
                      MOST_KEPT);
        return -1;
    }
    o->stderr_how = how;
    o->stderr_keep = keep;
    return 0;
}

/* ---- the environment ---- */

/* Whether both are about the same variable. */
static bool same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");

    return len == strcspn(b, "=") && strncmp(a, b, len) == 0;
}

/* Where the variable of this entry is, n_env if nowhere. */
static size_t find(const QIOSpawnOptions *o, const char *entry)
{
    size_t i;

    for (i = 0; i < o->n_env && !same_name(o->env[i], entry); i++) {
    }
    return i;
}

/* Takes entry, on success. */
static int put(QIOSpawnOptions *o, char *entry, QIOError **errp)
{
    size_t i = find(o, entry);
    char **env;

    if (i < o->n_env) {
        free(o->env[i]);
        o->env[i] = entry;
        return 0;
    }
    env = reallocarray(o->env, o->n_env + 1, sizeof(*env));
    if (!env) {
        return out_of_memory(errp);
    }
    o->env = env;
    o->env[o->n_env++] = entry;
    return 0;
}

int qio_spawn_options_set_env(QIOSpawnOptions *o, const char *name,
                              const char *value, QIOError **errp)
{
    char *entry;

    if (!name || !*name || strchr(name, '=')) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "'%s' is no name of a variable", name ? name : "");
        return -1;
    }
    if (asprintf(&entry, "%s%s%s", name, value ? "=" : "", value ? value : "") <
        0) {
        return out_of_memory(errp);
    }
    if (put(o, entry, errp) < 0) {
        free(entry);
        return -1;
    }
    return 0;
}

void qio_spawn_options_clear_env(QIOSpawnOptions *o)
{
    for (size_t i = 0; i < o->n_env; i++) {
        free(o->env[i]);
    }
    free(o->env);
    o->env = NULL;
    o->n_env = 0;
    o->clear_env = true;
}

char **qiop_spawn_options_env(const QIOSpawnOptions *o)
{
    char **ours = o->clear_env ? NULL : environ;
    size_t n = 0, at = 0;
    char **env;

    while (ours && ours[n]) {
        n++;
    }
    env = calloc(n + o->n_env + 1, sizeof(*env));
    if (!env) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (find(o, ours[i]) == o->n_env) {
            env[at++] = ours[i];
        }
    }
    for (size_t i = 0; i < o->n_env; i++) {
        if (strchr(o->env[i], '=')) {
            env[at++] = o->env[i];
        }
    }
    return env;
}

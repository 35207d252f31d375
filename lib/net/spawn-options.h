/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is inside QIOSpawnOptions. */
#ifndef QIOP_NET_SPAWN_OPTIONS_H
#define QIOP_NET_SPAWN_OPTIONS_H

#include <stdbool.h>
#include <qio/spawn.h>

struct QIOSpawnOptions {
    char *search;    /* NULL: our PATH */
    char *directory; /* NULL: ours */
    bool clear_env;
    char **env; /* "NAME=VALUE", or "NAME" to leave it out */
    size_t n_env;
    QIOSpawnStderr stderr_how;
    size_t stderr_keep;
};

/* What is used for no options. */
extern const QIOSpawnOptions qiop_spawn_defaults;

/* The command's environment: an array to free(), whose strings belong to the
 * options and to ours. NULL without memory. */
char **qiop_spawn_options_env(const QIOSpawnOptions *o);

#endif

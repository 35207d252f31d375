/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * web-page-server [--object TEXT] DIR URI: give the files under DIR to
 * browsers, over HTTP, or over HTTPS when URI has ,tls-creds=ID. For trying
 * things out: it knows GET and nothing else.
 *
 *   web-page-server /usr/share/novnc tcp:localhost:8000
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "serve.h"

#define PROGRAM "web-page-server"
#define HEAD_MAX 8192

/* Read a request up to its empty line; nothing comes behind it. Returns 1, 0
 * when the client sends none, or -1. */
static int read_head(QIOChannel *ioc, char head[HEAD_MAX], QIOError **errp)
{
    size_t len = 0;

    head[0] = '\0';
    while (!strstr(head, "\r\n\r\n") && len < HEAD_MAX - 1) {
        ssize_t n = qio_channel_read(ioc, head + len, HEAD_MAX - 1 - len, errp);

        if (n <= 0) {
            return (int)n;
        }
        len += (size_t)n;
        head[len] = '\0';
    }
    return 1;
}

static const char *type_of(const char *path)
{
    static const struct {
        const char *suffix;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript"},
        {".css", "text/css"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(dot, types[i].suffix) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

static int answer(QIOChannel *ioc, const char *status, const char *type,
                  long long len, QIOError **errp)
{
    char head[512];
    int n = snprintf(head, sizeof(head),
                     "HTTP/1.1 %s\r\n"
                     "Content-Type: %s\r\n"
                     "Content-Length: %lld\r\n"
                     "Cache-Control: no-store\r\n"
                     "Connection: close\r\n\r\n",
                     status, type, len);

    return qio_channel_write_all(ioc, head, (size_t)n, errp);
}

static int send_file(QIOChannel *ioc, FILE *file, const char *path,
                     QIOError **errp)
{
    char buf[65536];
    struct stat st;
    size_t n;

    if (fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode)) {
        return answer(ioc, "404 Not Found", "text/plain", 0, errp);
    }
    if (answer(ioc, "200 OK", type_of(path), st.st_size, errp) < 0) {
        return -1;
    }
    while ((n = fread(buf, 1, sizeof(buf), file)) > 0) {
        if (qio_channel_write_all(ioc, buf, n, errp) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The path that is asked for, below where we are and without its query; NULL
 * for what we do not do. */
static char *path_asked_for(char *head)
{
    char *path = head + strlen("GET /");

    if (strncmp(head, "GET /", strlen("GET /")) != 0) {
        return NULL;
    }
    path[strcspn(path, "?# \r")] = '\0';
    return path[0] == '/' || strstr(path, "..") ? NULL : path;
}

static int give(QIOChannel *ioc, char *head, QIOError **errp)
{
    const char *path = path_asked_for(head);
    FILE *file;
    int result;

    if (!path) {
        return answer(ioc, "400 Bad Request", "text/plain", 0, errp);
    }
    file = fopen(path, "re");
    if (!file) {
        return answer(ioc, "404 Not Found", "text/plain", 0, errp);
    }
    result = send_file(ioc, file, path, errp);
    fclose(file);
    return result;
}

static int serve_one(QIOChannel *ioc, void *opaque, QIOError **errp)
{
    char head[HEAD_MAX];
    int n;

    (void)opaque;
    qio_channel_set_timeout(ioc, SERVE_PATIENCE);
    n = read_head(ioc, head, errp);
    if (n <= 0) {
        return n;
    }
    if (give(ioc, head, errp) < 0 ||
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, errp) < 0) {
        return -1;
    }
    return qio_channel_flush(ioc, errp);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"object", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    QIOError *err = NULL;
    QIOObjects *objects = qio_objects_new(&err);
    int c, result = 1;

    while (objects && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 'o') {
            goto usage;
        }
        if (qio_objects_add(objects, optarg, &err) < 0) {
            break;
        }
    }
    if (err) {
        complain(PROGRAM, &err);
        goto out;
    }
    if (argc - optind != 2) {
        goto usage;
    }
    if (chdir(argv[optind]) < 0) {
        perror(argv[optind]);
        goto out;
    }
    result = serve(PROGRAM, argv[optind + 1], objects, serve_one, NULL);
    goto out;
usage:
    fprintf(stderr, "usage: " PROGRAM " [--object TEXT] DIR URI\n");
    result = 2;
out:
    qio_objects_free(objects);
    return result;
}

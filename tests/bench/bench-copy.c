/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Relaying from one descriptor to another: qio_channel_copy() and the task as
 * they are, the same through a buffer (a loop of reading and writing, a layer
 * in between that does nothing), and a loop of splice(2). The relay's CPU is
 * what is compared first, as both its neighbours have a share in the
 * throughput.
 */
#include <config.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <qio/channel-ops.h>
#include <qio/qio.h>
#include "bench.h"

#define CHUNK (1 << 20)
#define PIECE (512 * 1024)

enum end { TCP, UNIX, PIPE, FILE_END };
enum way { BUFFER, SYNC, BUFFER_TASK, TASK, SPLICE, WAYS };

static const char *const end_name[] = {"tcp", "unix", "pipe", "file"};

struct figure {
    double seconds, relay, all;
};

static void tcp_pair(int fd[2])
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t len = sizeof(sin);
    int l = socket(AF_INET, SOCK_STREAM, 0);

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (l < 0 || fd[0] < 0 || bind(l, (struct sockaddr *)&sin, len) < 0 ||
        listen(l, 1) < 0 || getsockname(l, (struct sockaddr *)&sin, &len) < 0 ||
        connect(fd[0], (struct sockaddr *)&sin, len) < 0) {
        bench_fail("tcp");
    }
    fd[1] = accept(l, NULL, NULL);
    close(l);
    if (fd[1] < 0) {
        bench_fail("accept");
    }
}

static int scratch(uint64_t bytes)
{
    char name[] = "/tmp/bench-copy-XXXXXX";
    static char data[CHUNK];
    int fd = mkstemp(name);

    if (fd < 0 || unlink(name) < 0) {
        bench_fail("mkstemp");
    }
    memset(data, 1, sizeof(data));
    for (uint64_t done = 0; done < bytes; done += CHUNK) {
        if (write(fd, data, CHUNK) != CHUNK) {
            bench_fail("write");
        }
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* fd[0] is written to, fd[1] read from; of a file there is one only. */
static void make(enum end e, int fd[2], bool source, uint64_t bytes)
{
    int p[2];

    fd[0] = fd[1] = -1;
    if (e == TCP) {
        tcp_pair(fd);
    } else if (e == UNIX && socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0) {
        bench_fail("socketpair");
    } else if (e == PIPE) {
        if (pipe(p) < 0) {
            bench_fail("pipe");
        }
        fd[0] = p[1];
        fd[1] = p[0];
    } else if (e == FILE_END) {
        fd[source] = scratch(source ? bytes : 0);
    }
}

static void produce(int fd, uint64_t bytes)
{
    static char data[CHUNK];

    memset(data, 1, sizeof(data));
    while (bytes > 0) {
        ssize_t n = write(fd, data, bytes < CHUNK ? bytes : CHUNK);

        if (n <= 0) {
            bench_fail("write");
        }
        bytes -= (uint64_t)n;
    }
}

static void consume(int fd)
{
    static char data[CHUNK];

    while (read(fd, data, sizeof(data)) > 0) {
    }
}

/* ---- the relay ---- */

/* A transparent layer without anything of its own: what it leaves out goes
 * below, but for the bytes, which it has to hand on itself. */
struct nothing {
    QIOChannel *below;
};

static ssize_t nothing_readv(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, int **fds, size_t *nfds, int flags,
                             QIOError **errp)
{
    struct nothing *t = qio_channel_private(ioc);

    (void)fds;
    (void)nfds;
    (void)flags;
    return qio_channel_try_readv(t->below, iov, niov, errp);
}

static ssize_t nothing_writev(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, const int *fds, size_t nfds,
                              int flags, QIOError **errp)
{
    struct nothing *t = qio_channel_private(ioc);

    (void)fds;
    (void)nfds;
    (void)flags;
    return qio_channel_try_writev(t->below, iov, niov, errp);
}

static int nothing_do(QIOChannel *ioc, QIOError **errp)
{
    (void)ioc;
    (void)errp;
    return 0;
}

static void nothing_finalize(QIOChannel *ioc)
{
    (void)ioc;
}

static const QIOChannelOps nothing_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "nothing",
    .kind = QIO_CHANNEL_KIND_TRANSPARENT,
    .readv = nothing_readv,
    .writev = nothing_writev,
    .flush = nothing_do,
    .close = nothing_do,
    .finalize = nothing_finalize,
};

/* Takes ioc. */
static QIOChannel *with_nothing(QIOChannel *ioc)
{
    QIOChannel *top = qio_channel_alloc_layer(
        &nothing_ops, sizeof(struct nothing), ioc, NULL);

    if (!top) {
        bench_fail("out of memory");
    }
    ((struct nothing *)qio_channel_private(top))->below = ioc;
    qio_channel_unref(ioc);
    return top;
}

static void ended(QIOTask *task, void *opaque)
{
    *(bool *)opaque = true;
    if (qio_task_error(task)) {
        bench_fail(qio_error_message(qio_task_error(task)));
    }
}

static void run_task(QIOChannel *from, QIOChannel *to)
{
    QIOLoop *loop = qio_loop_new(NULL);
    bool done = false;

    if (!loop || !qio_channel_copy_async(from, to, loop, QIO_COPY_ONE_WAY, -1,
                                         ended, &done, NULL, NULL)) {
        bench_fail("qio_channel_copy_async");
    }
    while (!done) {
        if (qio_loop_step(loop, -1, NULL) < 0) {
            bench_fail("qio_loop_step");
        }
    }
    qio_loop_free(loop);
}

static void copy_by_hand(QIOChannel *from, QIOChannel *to)
{
    char *buf = malloc(PIECE);
    ssize_t n;

    while (buf && (n = qio_channel_read(from, buf, PIECE, NULL)) > 0) {
        if (qio_channel_write_all(to, buf, (size_t)n, NULL) < 0) {
            bench_fail("qio_channel_write_all");
        }
    }
    free(buf);
}

static void relay_channels(int in, int out, enum way way)
{
    bool task = way == TASK || way == BUFFER_TASK;
    QIOChannel *from, *to;

    if (task) {
        /* As the library's own sockets may be. */
        fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
        fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
    }
    from = qio_channel_fd_new(in, NULL);
    to = qio_channel_fd_new(out, NULL);
    if (!from || !to) {
        bench_fail("qio_channel_fd_new");
    }
    if (way == BUFFER_TASK) {
        from = with_nothing(from);
    }
    if (task) {
        run_task(from, to);
    } else if (way == BUFFER) {
        copy_by_hand(from, to);
    } else if (qio_channel_copy(from, to, 0, NULL, NULL) < 0) {
        bench_fail("qio_channel_copy");
    }
    qio_channel_unref(from);
    qio_channel_unref(to);
}

static void relay_splice(int in, int out)
{
    int p[2];
    ssize_t n, k;

    if (pipe(p) < 0) {
        bench_fail("pipe");
    }
    fcntl(p[1], F_SETPIPE_SZ, PIECE);
    while ((n = splice(in, NULL, p[1], NULL, PIECE, 0)) > 0) {
        for (; n > 0; n -= k) {
            k = splice(p[0], NULL, out, NULL, (size_t)n, 0);
            if (k <= 0) {
                bench_fail("splice");
            }
        }
    }
    close(in);
    close(out);
}

static double cpu_of(int who)
{
    struct rusage u;

    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double reap(pid_t pid)
{
    double before = cpu_of(RUSAGE_CHILDREN);
    int status;

    if (pid <= 0) {
        return 0;
    }
    if (waitpid(pid, &status, 0) < 0 || status != 0) {
        bench_fail("a process of the relay failed");
    }
    return cpu_of(RUSAGE_CHILDREN) - before;
}

static void run(enum end src, enum end dst, enum way way, uint64_t bytes,
                struct figure *f)
{
    int s[2], d[2];
    pid_t pid[3] = {0};
    double begin;

    make(src, s, true, bytes);
    make(dst, d, false, 0);
    begin = bench_now();
    for (int i = 0; i < 3; i++) {
        if ((i == 0 && src == FILE_END) || (i == 2 && dst == FILE_END)) {
            continue;
        }
        pid[i] = fork();
        if (pid[i] != 0) {
            continue;
        }
        close(i == 0 ? s[1] : s[0]);
        close(i == 2 ? d[0] : d[1]);
        if (i == 0) {
            close(d[0]);
            produce(s[0], bytes);
        } else if (i == 2) {
            close(s[1]);
            consume(d[1]);
        } else if (way == SPLICE) {
            relay_splice(s[1], d[0]);
        } else {
            relay_channels(s[1], d[0], way);
        }
        _exit(0);
    }
    for (int i = 0; i < 2; i++) {
        close(s[i]);
        close(d[i]);
    }
    f->relay = reap(pid[1]);
    f->all = f->relay + reap(pid[0]) + reap(pid[2]);
    f->seconds = bench_now() - begin;
}

/* ---- the table ---- */

static double median_of(const struct figure *f, int runs, size_t member)
{
    double v[101];

    for (int i = 0; i < runs; i++) {
        memcpy(&v[i], (const char *)&f[i] + member, sizeof(v[i]));
    }
    return bench_median(v, runs);
}

static double ratio_of(const struct figure *a, const struct figure *b, int runs,
                       size_t member)
{
    double v[101];

    for (int i = 0; i < runs; i++) {
        double x, y;

        memcpy(&x, (const char *)&a[i] + member, sizeof(x));
        memcpy(&y, (const char *)&b[i] + member, sizeof(y));
        v[i] = x / y;
    }
    return bench_median(v, runs);
}

static void compare(enum end src, enum end dst, int runs, int mib,
                    bool kernel_moves)
{
    static const char *const way_name[] = {
        "copy, buffer", "copy", "task, buffer", "task", "splice loop"};
    static struct figure f[WAYS][101];
    const size_t relay = offsetof(struct figure, relay);
    const size_t all = offsetof(struct figure, all);
    const size_t seconds = offsetof(struct figure, seconds);
    char name[80];

    snprintf(name, sizeof(name), "%s to %s", end_name[src], end_name[dst]);
    if (!bench_wanted(name)) {
        return;
    }
    for (int i = -1; i < runs; i++) {
        for (int w = 0; w < WAYS; w++) {
            run(src, dst, (enum way)w, (uint64_t)mib << 20,
                &f[w][i < 0 ? 0 : i]);
        }
    }
    bench_row(name);
    for (int w = 0; w < WAYS; w++) {
        printf("  %-14s %-12s %6.0f MiB/s, CPU s/GiB relay %.3f, all %.3f\n",
               name, way_name[w], mib / median_of(f[w], runs, seconds),
               median_of(f[w], runs, relay) * 1024 / mib,
               median_of(f[w], runs, all) * 1024 / mib);
    }
    if (!kernel_moves) {
        return;
    }
    bench_ratio("copy, relay's CPU against the buffer's",
                ratio_of(f[SYNC], f[BUFFER], runs, relay), 0.95, 0);
    bench_ratio("copy, throughput against the buffer's",
                ratio_of(f[BUFFER], f[SYNC], runs, seconds), 0.8, 1);
    bench_ratio("task, relay's CPU against the buffer's",
                ratio_of(f[TASK], f[BUFFER_TASK], runs, relay), 0.95, 0);
    bench_ratio("copy, relay's CPU against a splice loop's",
                ratio_of(f[SYNC], f[SPLICE], runs, relay), 1.35, 0);
}

int main(int argc, char **argv)
{
    int runs = 5;
    int mib = 1024;

    bench_options(argc, argv, &runs, &mib);
    printf("copy: %d MiB, median of %d runs, all ends on this machine\n", mib,
           runs);
    compare(TCP, TCP, runs, mib, true);
    compare(TCP, UNIX, runs, mib, true);
    compare(TCP, PIPE, runs, mib, true);
    compare(UNIX, UNIX, runs, mib, true);
    compare(UNIX, PIPE, runs, mib, true);
    compare(PIPE, TCP, runs, mib, true);
    compare(PIPE, UNIX, runs, mib, true);
    compare(UNIX, TCP, runs, mib, false);
    compare(FILE_END, TCP, runs, mib, false);
    compare(TCP, FILE_END, runs, mib, false);
    return 0;
}

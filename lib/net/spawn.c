/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting a child process with pipes to its standard input and output. */
#include <config.h>
#include "net/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "net/spawn-options.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

#define REAPER_STACK (128 * 1024)

/* Everything the child needs, prepared before it exists. */
struct plan {
    const QIOSpawnOptions *opt;
    char *path;
    char *const *argv;
    char **envp;
    int directory; /* -1: ours */
    int stdio[3];  /* what becomes 0, 1, 2 */
    int status_fd; /* close-on-exec; gets a struct failure */
    int max_fd;
};

/* Why there was no exec(). */
struct failure {
    int reason; /* errno */
    bool in_directory;
};

/* ---- before fork() ---- */

/* dir: where relative names start. */
static bool executable(int dir, const char *path, int *reason)
{
    struct stat st;

    if (fstatat(dir, path, &st, 0) < 0) {
        if (errno == EACCES) {
            *reason = EACCES;
        }
        return false;
    }
    if (!S_ISREG(st.st_mode) || faccessat(dir, path, X_OK, AT_EACCESS) < 0) {
        *reason = EACCES;
        return false;
    }
    return true;
}

static int no_command(QIOError **errp, const char *name, int reason)
{
    qio_error_set(errp, QIO_ERROR_COMMAND, reason, "cannot run '%s'", name);
    return -1;
}

static int out_of_memory(QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory for a command");
    return -1;
}

static const char *search_path(const QIOSpawnOptions *opt)
{
    const char *path = opt->search ? opt->search : getenv("PATH");

    return path ? path : "/bin:/usr/bin";
}

/* The file that execvp() would find, without its fallback to a shell. */
static int find_command(const struct plan *plan, char **out, QIOError **errp)
{
    const char *path = search_path(plan->opt);
    const char *name = plan->argv[0];
    int dir = plan->directory < 0 ? AT_FDCWD : plan->directory;
    int reason = ENOENT;

    if (strchr(name, '/') || !*name || (plan->opt->search && !*path)) {
        *out = strdup(name);
        return *out ? 0 : out_of_memory(errp);
    }
    for (;;) {
        size_t len = strcspn(path, ":");
        char *file;

        if (asprintf(&file, "%.*s%s%s", (int)len, path, len ? "/" : "./",
                     name) < 0) {
            return out_of_memory(errp);
        }
        if (executable(dir, file, &reason)) {
            *out = file;
            return 0;
        }
        free(file);
        if (!path[len]) {
            return no_command(errp, name, reason);
        }
        path += len + 1;
    }
}

static int no_directory(const struct plan *plan, int reason, QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_COMMAND, reason, "cannot run '%s' in '%s'",
                  plan->argv[0], plan->opt->directory);
    return -1;
}

/* Opened, so that it is the same when the program is looked for and when it is
 * run. */
static int find_directory(struct plan *plan, QIOError **errp)
{
    int fd;

    if (!plan->opt->directory) {
        return 0;
    }
    fd = qiop_fd_open(plan->opt->directory, O_PATH | O_DIRECTORY, 0, NULL);
    if (fd < 0) {
        return no_directory(plan, errno, errp);
    }
    plan->directory = qiop_fd_above_stdio(fd, errp);
    return plan->directory < 0 ? -1 : 0;
}

static int pipe_above_stdio(int fds[2], QIOError **errp)
{
    if (qiop_fd_pipe(fds, false, errp) < 0) {
        fds[0] = fds[1] = -1;
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        fds[i] = qiop_fd_above_stdio(fds[i], errp);
        if (fds[i] < 0) {
            qiop_fd_close(fds[1 - i]);
            fds[0] = fds[1] = -1;
            return -1;
        }
    }
    return 0;
}

/* A pipe of which *ours does not block. */
static int stdio_pipe(bool to_child, int *ours, int *theirs, QIOError **errp)
{
    int fds[2];

    if (pipe_above_stdio(fds, errp) < 0) {
        return -1;
    }
    *ours = fds[to_child ? 1 : 0];
    *theirs = fds[to_child ? 0 : 1];
    return qiop_fd_set_nonblock(*ours, true, NULL, errp);
}

static int dev_null(int *fd, QIOError **errp)
{
    *fd = qiop_fd_open("/dev/null", O_RDWR, 0, errp);
    if (*fd >= 0) {
        *fd = qiop_fd_above_stdio(*fd, errp);
    }
    return *fd < 0 ? -1 : 0;
}

/* One of our own standard descriptors, or /dev/null if it is closed: a child
 * that opens a file must not get it as its standard output. */
static int inherit(int which, int *fd, QIOError **errp)
{
    if (fcntl(which, F_GETFD) < 0) {
        return dev_null(fd, errp);
    }
    *fd = which;
    return 0;
}

static int prepare_stderr(struct plan *plan, struct qiop_spawn *out,
                          QIOError **errp)
{
    int *theirs = &plan->stdio[STDERR_FILENO];

    switch (plan->opt->stderr_how) {
    case QIO_SPAWN_STDERR_DISCARD:
        return dev_null(theirs, errp);
    case QIO_SPAWN_STDERR_CAPTURE:
        return stdio_pipe(false, &out->stderr_fd, theirs, errp);
    default:
        return inherit(STDERR_FILENO, theirs, errp);
    }
}

static int prepare_stdio(struct plan *plan, unsigned pipes,
                         struct qiop_spawn *out, QIOError **errp)
{
    int r;

    if (pipes & QIOP_SPAWN_STDIN) {
        r = stdio_pipe(true, &out->stdin_fd, &plan->stdio[0], errp);
    } else {
        r = dev_null(&plan->stdio[0], errp);
    }
    if (r < 0) {
        return -1;
    }
    if (pipes & QIOP_SPAWN_STDOUT) {
        r = stdio_pipe(false, &out->stdout_fd, &plan->stdio[1], errp);
    } else {
        r = inherit(STDOUT_FILENO, &plan->stdio[1], errp);
    }
    return r < 0 ? -1 : prepare_stderr(plan, out, errp);
}

static void plan_free(struct plan *plan)
{
    for (int i = 0; i < 3; i++) {
        if (plan->stdio[i] > STDERR_FILENO) {
            qiop_fd_close(plan->stdio[i]);
        }
    }
    qiop_fd_close(plan->status_fd);
    qiop_fd_close(plan->directory);
    free(plan->envp);
    free(plan->path);
}

/* ---- between fork() and exec(): async-signal-safe calls only ---- */

static void default_signals(void)
{
    struct sigaction dfl;
    sigset_t none;

    memset(&dfl, 0, sizeof(dfl));
    dfl.sa_handler = SIG_DFL;
    for (int sig = 1; sig < NSIG; sig++) {
        sigaction(sig, &dfl, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

struct dirent_head { /* struct linux_dirent64 */
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    uint8_t type;
    char name[];
};

static int parse_number(const char *s)
{
    int n = 0;

    for (; *s >= '0' && *s <= '9'; s++) {
        n = n * 10 + (*s - '0');
    }
    return *s ? -1 : n;
}

static void cloexec(int fd)
{
    if (fd > STDERR_FILENO) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}

/* Kernels before 5.11. Without /proc, number by number. */
static void cloexec_one_by_one(int max_fd)
{
    _Alignas(struct dirent_head) char buf[2048];
    int dir = qiop_fd_open("/proc/self/fd", O_RDONLY | O_DIRECTORY, 0, NULL);
    long n;

    if (dir < 0) {
        for (int fd = STDERR_FILENO + 1; fd < max_fd; fd++) {
            cloexec(fd);
        }
        return;
    }
    while ((n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0) {
        for (long at = 0; at < n;) {
            struct dirent_head *entry = (struct dirent_head *)(buf + at);

            cloexec(parse_number(entry->name));
            at += entry->reclen;
        }
    }
}

static void close_all_on_exec(int max_fd)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) ==
        0) {
        return;
    }
#endif
    cloexec_one_by_one(max_fd);
}

static _Noreturn void run_child(const struct plan *plan)
{
    struct failure why;
    ssize_t n;

    memset(&why, 0, sizeof(why));
    default_signals();
    if (plan->directory >= 0 && fchdir(plan->directory) < 0) {
        why.in_directory = true;
        goto failed;
    }
    for (int i = 0; i < 3; i++) {
        if (qiop_fd_place(plan->stdio[i], i) < 0) {
            goto failed;
        }
    }
    close_all_on_exec(plan->max_fd);
    execve(plan->path, plan->argv, plan->envp);

failed:
    why.reason = errno;
    do {
        n = write(plan->status_fd, &why, sizeof(why));
    } while (n < 0 && errno == EINTR);
    _exit(127);
}

/* ---- the parent ---- */

/* With all signals blocked, so that no handler of ours runs in the child. */
static pid_t fork_child(const struct plan *plan)
{
    sigset_t all, old;
    pid_t pid;
    int saved;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid = fork();
    if (pid == 0) {
        run_child(plan);
    }
    saved = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = saved;
    return pid;
}

/* No reason when exec() closed the pipe, else what went wrong. */
static struct failure read_exec_status(int fd)
{
    struct failure why = {0};
    ssize_t n;

    do {
        n = read(fd, &why, sizeof(why));
    } while (n < 0 && errno == EINTR);
    if (n != 0 && n != (ssize_t)sizeof(why)) {
        why.reason = EIO;
    }
    return why;
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static int start(struct plan *plan, int status_fd, struct qiop_spawn *out,
                 QIOError **errp)
{
    struct failure why;

    out->pid = fork_child(plan);
    if (out->pid < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot fork for '%s'",
                      plan->argv[0]);
        return -1;
    }
    /* Before the child can have been reaped by anybody: its number is its. */
    out->pidfd = qiop_fd_pidfd(out->pid, NULL);
    qiop_fd_close(plan->status_fd);
    plan->status_fd = -1;
    why = read_exec_status(status_fd);
    if (!why.reason) {
        return 0;
    }
    reap(out->pid);
    return why.in_directory ? no_directory(plan, why.reason, errp)
                            : no_command(errp, plan->argv[0], why.reason);
}

static int open_file_limit(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT32_MAX
               ? (int)limit.rlim_cur
               : INT32_MAX;
}

int qiop_spawn(const char *const argv[], unsigned pipes,
               const QIOSpawnOptions *opt, struct qiop_spawn *out,
               QIOError **errp)
{
    struct plan plan = {
        .opt = opt ? opt : &qiop_spawn_defaults,
        .argv = (char *const *)argv,
        .directory = -1,
        .stdio = {-1, -1, -1},
        .status_fd = -1,
        .max_fd = open_file_limit(),
    };
    int status[2] = {-1, -1};
    int ret = -1;

    *out = QIOP_SPAWN_NONE;
    if (!argv || !argv[0]) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "no command to run");
        return -1;
    }
    plan.envp = qiop_spawn_options_env(plan.opt);
    if (!plan.envp) {
        return out_of_memory(errp);
    }
    if (find_directory(&plan, errp) < 0 ||
        find_command(&plan, &plan.path, errp) < 0 ||
        prepare_stdio(&plan, pipes, out, errp) < 0 ||
        pipe_above_stdio(status, errp) < 0) {
        goto out;
    }
    plan.status_fd = status[1];
    ret = start(&plan, status[0], out, errp);

out:
    qiop_fd_close(status[0]);
    plan_free(&plan);
    if (ret < 0) {
        qiop_fd_close(out->stdin_fd);
        qiop_fd_close(out->stdout_fd);
        qiop_fd_close(out->stderr_fd);
        qiop_fd_close(out->pidfd);
        *out = QIOP_SPAWN_NONE;
    }
    return ret;
}

/* ---- afterwards ---- */

int qiop_spawn_try_wait(pid_t pid, int *status, QIOError **errp)
{
    pid_t r;

    do {
        r = waitpid(pid, status, WNOHANG);
    } while (r < 0 && errno == EINTR);
    if (r < 0) {
        qio_error_set(errp, QIO_ERROR_COMMAND, errno,
                      "the exit status of process %ld is lost", (long)pid);
        return -1;
    }
    return r == pid ? 1 : 0;
}

int qiop_spawn_signal(const struct qiop_spawn *child, int sig, QIOError **errp)
{
    int r = -1;

#ifdef SYS_pidfd_send_signal
    if (child->pidfd >= 0) {
        r = (int)syscall(SYS_pidfd_send_signal, child->pidfd, sig, NULL, 0);
    }
#endif
    if (child->pidfd < 0) {
        r = kill(child->pid, sig);
    }
    if (r < 0 && errno != ESRCH) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                      "cannot signal process %ld", (long)child->pid);
        return -1;
    }
    return 0;
}

/* What the thread that waits for a child needs. */
struct orphan {
    pid_t pid;
    int pidfd;
    int stderr_fd;
};

/* Until the child has ended, or closed its end: without a reader it would be
 * killed for writing. */
static void swallow(const struct orphan *o)
{
    struct pollfd pfd[2] = {
        {.fd = o->stderr_fd, .events = POLLIN},
        {.fd = o->pidfd, .events = POLLIN},
    };
    char buf[4096];

    while (o->stderr_fd >= 0 && poll(pfd, 2, -1) > 0 && !pfd[1].revents) {
        if (read(o->stderr_fd, buf, sizeof(buf)) <= 0) {
            return;
        }
    }
}

static void *reaper(void *opaque)
{
    struct orphan *o = opaque;

    swallow(o);
    qiop_fd_close(o->stderr_fd);
    qiop_fd_close(o->pidfd);
    reap(o->pid);
    free(o);
    return NULL;
}

static int start_reaper(struct orphan *o)
{
    pthread_attr_t attr;
    pthread_t thread;
    int r = pthread_attr_init(&attr);

    if (r != 0) {
        return -1;
    }
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, REAPER_STACK);
    r = pthread_create(&thread, &attr, reaper, o);
    pthread_attr_destroy(&attr);
    return r ? -1 : 0;
}

static int leave_to_reaper(const struct qiop_spawn *child)
{
    struct orphan *o = malloc(sizeof(*o));
    sigset_t all, old;
    int r;

    if (!o) {
        return -1;
    }
    *o = (struct orphan){child->pid, child->pidfd, child->stderr_fd};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = start_reaper(o);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r < 0) {
        free(o);
    }
    return r;
}

void qiop_spawn_abandon(const struct qiop_spawn *child)
{
    struct qiop_spawn rest = *child;
    int status;

    /* Only for waiting for both at once. */
    if (rest.stderr_fd < 0) {
        qiop_fd_close(rest.pidfd);
        rest.pidfd = -1;
    }
    if (qiop_spawn_try_wait(rest.pid, &status, NULL) != 0 ||
        leave_to_reaper(&rest) < 0) {
        qiop_fd_close(rest.stderr_fd);
        qiop_fd_close(rest.pidfd);
    }
}

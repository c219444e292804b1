/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a session waits for its executor, beside bubblewrap in the same run, taken in turns:
 *
 *   cold         sandbox_spawn() called until EXECUTOR_HELLO is read: the executor is warm
 *   pooled       HANDOUT sent until EXECUTOR_LOCKED is read; it was spawned before the clock
 * started cold-locked  both, what a client waits for when the pool is empty bwrap        `bwrap
 * --unshare-all --ro-bind / / true` started until it has exited (without the bind there is no
 * /bin/true to run) bwrap-hello  the same with this program inside, until the byte that it writes
 * is read: the event that cold waits for
 *
 * What the last executor says of its own lock-down is printed with the figures. What is compared
 * with bwrap is cold-locked, the longer.
 *
 * start [--json] [--runs=N] [--executor=PATH [--argument=TEXT]...]. Without --executor this program
 * stands in the executor's place. Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/support/sandbox_peer.h"

#define RUNS_DEFAULT 200
#define RUNS_MAX 100000
#define RUNS_WARM 5
#define HELLO_FD 3
#define UID 61234
#define PAUSE_NSEC 3000000 /* for the kernel to take down what the last run left */
#define END_MSEC 10000

extern char **environ;

typedef enum Series {
    SERIES_COLD,
    SERIES_POOLED,
    SERIES_COLD_LOCKED,
    SERIES_BWRAP,
    SERIES_BWRAP_HELLO,
    _SERIES_MAX
} Series;

static const char *const series_names[_SERIES_MAX] = {"cold", "pooled", "cold-locked", "bwrap",
                                                      "bwrap-hello"};

typedef struct Bench {
    const char *executor;
    const char *args[16];
    size_t n_args;
    char self[4096];
    SandboxRoot roots[4];
    size_t n_roots;
    int n_runs;
    double *usec[_SERIES_MAX];
    ControlExecutorLocked locked;
} Bench;

static double now_usec(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void fail(const char *what, int r)
{
    (void)fprintf(stderr, "start: %s: %s\n", what, strerror(-r));
    exit(1);
}

static void run_sandbox(Bench *b, double *ret_cold, double *ret_pooled)
{
    PeerSession s = PEER_SESSION_INIT;
    SandboxSpec spec = SANDBOX_SPEC_INIT;
    spec.executor = b->executor;
    spec.args = b->args;
    spec.roots = b->roots;
    spec.n_roots = b->n_roots;
    double start = now_usec();
    int r = peer_spawn(&spec, &s);
    *ret_cold = now_usec() - start;
    if (r < 0)
        fail(sandbox_step_to_string(s.report.step), r);
    const struct timespec pause = {.tv_nsec = PAUSE_NSEC};
    (void)nanosleep(&pause, NULL);
    start = now_usec();
    r = peer_hand_out(&s, UID, UID, -EBADF);
    *ret_pooled = now_usec() - start;
    if (r < 0)
        fail("hand-out", r);
    b->locked = s.locked;
    (void)peer_end(&s, END_MSEC, NULL);
}

/* @hello: run this program inside and wait for its byte, else run true(1) and wait for the exit. */
static double run_bwrap(const Bench *b, bool hello)
{
    const char *program = hello ? b->self : "true";
    char *const argv[] = {(char *)"bwrap",
                          (char *)"--unshare-all",
                          (char *)"--ro-bind",
                          (char *)"/",
                          (char *)"/",
                          (char *)program,
                          (char *)(hello ? "--hello" : NULL),
                          NULL};
    int pair[2];
    pid_t pid;
    int status;
    char byte;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        fail("socketpair", -errno);
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, pair[1], HELLO_FD);
    double start = now_usec();
    int r = posix_spawnp(&pid, "bwrap", &actions, NULL, argv, environ);
    if (r != 0)
        fail("bwrap", -r);
    (void)close(pair[1]);
    double end = 0;
    if (hello) {
        ssize_t n = read(pair[0], &byte, 1);
        end = now_usec();
        if (n != 1)
            fail("bwrap said nothing", -EPROTO);
    }
    (void)waitpid(pid, &status, 0);
    if (!hello)
        end = now_usec();
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(pair[0]);
    if (status != 0)
        fail("bwrap failed", -EIO);
    return end - start;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double percentile(const Bench *b, Series s, int permille)
{
    int i = b->n_runs * permille / 1000;
    return b->usec[s][MIN(i, b->n_runs - 1)];
}

static void print_json(const Bench *b, double cold, double pooled)
{
    printf("{\"benchmark\": \"start\", \"executor\": \"%s\", \"runs\": %d, \"unit\": \"usec\"",
           b->executor, b->n_runs);
    for (int s = 0; s < _SERIES_MAX; s++)
        printf(", \"%s\": {\"p50\": %.1f, \"p99\": %.1f, \"min\": %.1f}", series_names[s],
               percentile(b, s, 500), percentile(b, s, 990), b->usec[s][0]);
    printf(", \"locked\": {\"seccomp_calls\": %u, \"landlock_abi\": %u, \"ring_restricted\": %u}",
           b->locked.n_seccomp_calls, b->locked.landlock_abi, b->locked.ring_restricted);
    printf(", \"cold_to_bwrap\": %.3f, \"bwrap_to_pooled\": %.1f}\n", cold, pooled);
}

static void print_table(const Bench *b, double cold, double pooled)
{
    printf("session start with %s, %d runs of each, in turns; milliseconds\n", b->executor,
           b->n_runs);
    printf("%-12s %8s %8s %8s\n", "", "p50", "p99", "min");
    for (int s = 0; s < _SERIES_MAX; s++)
        printf("%-12s %8.3f %8.3f %8.3f\n", series_names[s], percentile(b, s, 500) / 1e3,
               percentile(b, s, 990) / 1e3, b->usec[s][0] / 1e3);
    printf("locked: uid %u, %u system calls, Landlock ABI %u, ring %s\n", b->locked.uid,
           b->locked.n_seccomp_calls, b->locked.landlock_abi,
           b->locked.ring_restricted ? "restricted" : "none");
    printf("cold and locked takes %.2f of bwrap's time; pooled is %.1f times as fast as bwrap "
           "(medians)\n",
           cold, pooled);
}

static void run(Bench *b, bool json)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NSEC};
    for (int i = -RUNS_WARM; i < b->n_runs; i++) {
        double t[_SERIES_MAX];
        run_sandbox(b, &t[SERIES_COLD], &t[SERIES_POOLED]);
        t[SERIES_COLD_LOCKED] = t[SERIES_COLD] + t[SERIES_POOLED];
        (void)nanosleep(&pause, NULL);
        t[SERIES_BWRAP] = run_bwrap(b, false);
        (void)nanosleep(&pause, NULL);
        t[SERIES_BWRAP_HELLO] = run_bwrap(b, true);
        (void)nanosleep(&pause, NULL);
        for (int s = 0; s < _SERIES_MAX && i >= 0; s++)
            b->usec[s][i] = t[s];
    }
    for (int s = 0; s < _SERIES_MAX; s++)
        qsort(b->usec[s], (size_t)b->n_runs, sizeof(double), compare);
    double cold = percentile(b, SERIES_COLD_LOCKED, 500) / percentile(b, SERIES_BWRAP, 500);
    double pooled = percentile(b, SERIES_BWRAP, 500) / percentile(b, SERIES_POOLED, 500);
    if (json)
        print_json(b, cold, pooled);
    else
        print_table(b, cold, pooled);
}

static int inside_main(int argc, char **argv)
{
    PeerInside inside;
    char byte;
    if (peer_inside(argc, argv, 0, &inside) != 0)
        return 1;
    return read(inside.data_fd, &byte, 1) < 0;
}

int main(int argc, char **argv)
{
    Bench b = {.n_runs = RUNS_DEFAULT};
    bool json = false;
    if (argc > 1 && strcmp(argv[1], "--hello") == 0)
        return write(HELLO_FD, "h", 1) != 1;
    if (argc > 1 && strcmp(argv[1], "--inside") == 0)
        return inside_main(argc, argv);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strncmp(argv[i], "--runs=", 7) == 0)
            b.n_runs = atoi(argv[i] + 7);
        else if (strncmp(argv[i], "--executor=", 11) == 0)
            b.executor = argv[i] + 11;
        else if (strncmp(argv[i], "--argument=", 11) == 0 && b.n_args + 1 < ARRAY_SIZE(b.args))
            b.args[b.n_args++] = argv[i] + 11;
        else {
            (void)fprintf(
                stderr,
                "usage: start [--json] [--runs=N] [--executor=PATH [--argument=TEXT]...]\n");
            return 2;
        }
    }
    if (geteuid() != 0 || b.n_runs < 1 || b.n_runs > RUNS_MAX) {
        (void)fputs("start: needs root, and 1 to 100000 runs\n", stderr);
        return geteuid() != 0 ? 77 : 2;
    }
    ssize_t n = readlink("/proc/self/exe", b.self, sizeof(b.self) - 1);
    if (n < 0)
        fail("/proc/self/exe", -errno);
    if (!b.executor) {
        b.executor = b.self;
        b.args[b.n_args++] = "--inside";
    }
    /* The roots of the shipped configuration. */
    static const char *const paths[] = {"/home", "/srv", "/data", "/mnt"};
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        b.roots[b.n_roots++] = (SandboxRoot){.path = paths[i]};
    for (int s = 0; s < _SERIES_MAX; s++) {
        b.usec[s] = calloc((size_t)b.n_runs, sizeof(double));
        if (!b.usec[s])
            fail("calloc", -ENOMEM);
    }
    run(&b, json);
    for (int s = 0; s < _SERIES_MAX; s++)
        free(b.usec[s]);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/cgroup on a real cgroup v2: limits hold, shrinking kills nothing (D-2), an overrun ends
 * the group and is counted, events arrive, kill and removal work, a sandbox is born inside its
 * leaf. Needs root and the memory and pids controllers.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sandbox/cgroup/cgroup.h"
#include "tests/support/sandbox_peer.h"

#define MIB (UINT64_C(1) << 20)
#define WAIT_MSEC 20000

static int n_failed, n_passed;
static char name[64];

static void check(bool good, const char *what)
{
    if (good)
        n_passed++;
    else
        n_failed++;
    printf("%-6s %s\n", good ? "ok" : "FAILED", what);
    (void)fflush(stdout);
}

/* A process in the leaf that touches as many MiB as it reads bytes, and answers each with one. */
typedef struct Hog {
    pid_t pid;
    int in, out;
} Hog;

static void __attribute__((noreturn)) hog_main(int leaf_fd, int in, int out)
{
    char byte;
    if (cgroup_attach(leaf_fd, 0) != 0 || write(out, "r", 1) != 1)
        _exit(1);
    while (read(in, &byte, 1) == 1) {
        char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            _exit(2);
        memset(p, byte, MIB);
        if (write(out, "d", 1) != 1)
            _exit(3);
    }
    _exit(0);
}

static Hog hog_start(int leaf_fd)
{
    int to[2], from[2];
    char byte;
    if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
        exit(1);
    Hog h = {.pid = fork(), .in = to[1], .out = from[0]};
    if (h.pid == 0) {
        (void)close(to[1]);
        hog_main(leaf_fd, to[0], from[1]);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    if (read(h.out, &byte, 1) != 1)
        exit(1);
    return h;
}

/* Return: MiB that it touched before it died or nothing happened for a while. */
static int hog_grow(const Hog *h, int mib)
{
    char byte = 'x';
    for (int i = 0; i < mib; i++) {
        struct pollfd p = {.fd = h->out, .events = POLLIN};
        if (write(h->in, &byte, 1) != 1 || poll(&p, 1, WAIT_MSEC) <= 0 ||
            read(h->out, &byte, 1) != 1)
            return i;
    }
    return mib;
}

static int hog_end(Hog *h)
{
    int status = -1;
    (void)close(h->in);
    (void)close(h->out);
    (void)waitpid(h->pid, &status, 0);
    return status;
}

static bool wait_empty(int leaf_fd)
{
    int fd;
    if (cgroup_watch_open(leaf_fd, CGROUP_WATCH_POPULATED, &fd) != 0)
        return false;
    for (int i = 0; i < 100 && cgroup_populated(leaf_fd) != 0; i++) {
        struct pollfd p = {.fd = fd, .events = POLLPRI};
        (void)cgroup_watch_rearm(fd);
        (void)poll(&p, 1, 100);
    }
    (void)close(fd);
    return cgroup_populated(leaf_fd) == 0;
}

static void limits_hold(int leaf)
{
    CgroupMemory m;
    uint64_t high, max;
    const CgroupLimits limits = {.memory_max_bytes = 64 * MIB,
                                 .memory_high_bytes = 56 * MIB,
                                 .pids_max = 4,
                                 .cpu_weight = 50,
                                 .oom_group = true,
                                 .no_swap = true};
    check(cgroup_limits_set(
              leaf, CGROUP_CONTROLLER_MEMORY | CGROUP_CONTROLLER_PIDS | CGROUP_CONTROLLER_CPU,
              &limits) == 0,
          "limits of a new leaf");
    Hog h = hog_start(leaf);
    check(hog_grow(&h, 40) == 40, "40 MiB fit below 56");
    check(cgroup_memory_read(leaf, &m) == 0 && m.current_bytes >= 40 * MIB &&
              m.max_bytes == 64 * MIB,
          "memory.current and memory.max");

    check(cgroup_memory_shrink(leaf, 8 * MIB, 16 * MIB, &high, &max) == CGROUP_E_BELOW_USE,
          "shrinking below use says so");
    check(cgroup_memory_read(leaf, &m) == 0 && m.max_bytes == max && m.high_bytes == high &&
              max >= m.current_bytes,
          "and stops above it (D-2)");
    check(kill(h.pid, 0) == 0 && m.n_oom_kill == 0, "and kills nothing");

    check(cgroup_memory_grow(leaf, 100 * MIB, 120 * MIB) == 0 && hog_grow(&h, 40) == 40,
          "growing makes room");

    int fd = -EBADF;
    check(cgroup_watch_open(leaf, CGROUP_WATCH_MEMORY, &fd) == 0 && cgroup_watch_rearm(fd) == 0,
          "watch");
    struct pollfd p = {.fd = fd, .events = POLLPRI};
    check(poll(&p, 1, 50) == 0, "which is quiet while nothing happens");
    check(cgroup_memory_grow(leaf, CGROUP_UNLIMITED, CGROUP_UNLIMITED) == 0, "no limit");
    (void)fd_write_file_at(leaf, "memory.high", "max");
    (void)fd_write_file_at(leaf, "memory.max", "125829120");
    check(hog_grow(&h, 200) < 60, "an overrun ends");
    check(poll(&p, 1, WAIT_MSEC) == 1 && (p.revents & POLLPRI), "with an event");
    int status = hog_end(&h);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "by SIGKILL");
    check(cgroup_memory_read(leaf, &m) == 0 && m.n_oom_kill > 0 && m.n_oom_group_kill == 1,
          "that memory.events counts as ours");
    (void)close(fd);
    check(wait_empty(leaf), "the leaf becomes empty");
    (void)fd_write_file_at(leaf, "memory.max", "max");
}

static void kill_and_freeze(int leaf)
{
    Hog h = hog_start(leaf);
    char byte = 'x';
    check(cgroup_freeze(leaf, true) == 0, "freeze");
    (void)usleep(100000);
    (void)write(h.in, &byte, 1);
    struct pollfd p = {.fd = h.out, .events = POLLIN};
    check(poll(&p, 1, 200) == 0, "stops it");
    check(cgroup_freeze(leaf, false) == 0 && poll(&p, 1, WAIT_MSEC) == 1, "thaw");
    check(cgroup_kill(leaf) == 0, "kill");
    int status = hog_end(&h);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && wait_empty(leaf), "ends all of it");
}

static void born_inside(int leaf, const char *self)
{
    PeerSession s = PEER_SESSION_INIT;
    SandboxSpec spec = SANDBOX_SPEC_INIT;
    const char *const args[] = {"--inside", NULL};
    char procs[64];
    spec.executor = self;
    spec.args = args;
    spec.cgroup_fd = leaf;
    int r = peer_spawn(&spec, &s);
    if (r < 0)
        printf("at %s: %s\n", sandbox_step_to_string(s.report.step), strerror(-r));
    check(r == 0, "a sandbox starts in the leaf");
    check(fd_read_file_at(leaf, "cgroup.procs", procs, sizeof(procs)) > 0 && atoi(procs) == s.pid,
          "and is born there");
    check(peer_hand_out(&s, 61234, 61234, -EBADF) == 0, "and locks");
    (void)peer_end(&s, WAIT_MSEC, NULL);
    check(wait_empty(leaf), "and leaves it empty");
}

int main(int argc, char **argv)
{
    char self[4096];
    PeerInside inside;
    int root, leaf;
    uint32_t controllers = 0;
    const uint32_t needed = CGROUP_CONTROLLER_MEMORY | CGROUP_CONTROLLER_PIDS;
    if (argc > 1) {
        char byte;
        return peer_inside(argc, argv, 0, &inside) != 0 || read(inside.data_fd, &byte, 1) < 0;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0 || geteuid() != 0 || cgroup_open_root("/sys/fs/cgroup", &root) != 0 ||
        cgroup_controllers(root, &controllers) != 0 || (controllers & needed) != needed) {
        puts("needs root and cgroup v2 with the memory and pids controllers");
        return 77;
    }
    self[n] = '\0';
    (void)snprintf(name, sizeof(name), "berth-test-%d", getpid());
    check(cgroup_enable(root, controllers & (needed | CGROUP_CONTROLLER_CPU)) == 0,
          "controllers for children");
    check(cgroup_create(root, name, &leaf) == 0, "a leaf");
    limits_hold(leaf);
    born_inside(leaf, self);
    kill_and_freeze(leaf); /* last: it spends the leaf */
    check(cgroup_remove(root, name) == 0, "removal");

    PeerSession s = PEER_SESSION_INIT;
    SandboxSpec spec = SANDBOX_SPEC_INIT;
    CgroupMemory m;
    spec.executor = self;
    spec.cgroup_fd = leaf;
    check(peer_spawn(&spec, &s) < 0 && s.report.step == SANDBOX_STEP_CLONE,
          "nothing starts in a removed leaf");
    (void)peer_end(&s, WAIT_MSEC, NULL);
    check(cgroup_memory_read(leaf, &m) == CGROUP_E_GONE, "which is gone");
    printf("%d passed, %d failed\n", n_passed, n_failed);
    return n_failed > 0;
}

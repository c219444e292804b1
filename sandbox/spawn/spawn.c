/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clone3 -> ... -> exec. Above the line "the child" everything is prepared by the parent, which may
 * allocate; below it there are system calls only (INV-1): the child is a copy of one thread of a
 * process with several, and a lock held by another thread at the time of the clone stays held for
 * ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sandbox/namespace/mount_plan.h"
#include "sandbox/sandbox.h"
#include "sandbox/spawn/capability.h"

#define NOFILE_DEFAULT 1024u
#define STATUS_FD (CONTROL_EXECUTOR_FD + 1)
#define NODES_MAX 1024u
#define CHILD_TIMEOUT_MSEC 20000

/* What comes back over the status pipe: once before exec (error 0), and again if something failed.
 */
typedef struct StatusMessage {
    int32_t step;
    int32_t error;
    uint64_t roots_skipped;
} StatusMessage;

typedef struct Child {
    const SandboxSpec *spec;
    MountPlan plan;
    char **argv;
    cpu_set_t cpus;
    unsigned long nodes[NODES_MAX / (8 * sizeof(unsigned long))];
    int status_fd;
} Child;

static void child_freep(Child **child)
{
    if (!*child)
        return;
    for (char **p = (*child)->argv; p && *p; p++)
        free(*p);
    free((*child)->argv);
    free(*child);
}

static int child_make_argv(Child *child)
{
    const SandboxSpec *spec = child->spec;
    size_t n_args = 0;
    while (spec->args && spec->args[n_args])
        n_args++;
    if (n_args > SANDBOX_ARGS_MAX)
        return -E2BIG;
    child->argv = calloc(1 + n_args + spec->n_roots + 1, sizeof(*child->argv));
    if (!child->argv)
        return -ENOMEM;
    size_t n = 0;
    child->argv[n++] = strdup("berth-executor");
    for (size_t i = 0; i < n_args && child->argv[n - 1]; i++)
        child->argv[n++] = strdup(spec->args[i]);
    for (size_t i = 0; i < spec->n_roots && child->argv[n - 1]; i++)
        if (asprintf(&child->argv[n++], "--%s=%s", spec->roots[i].writable ? "write" : "read",
                     spec->roots[i].path) < 0)
            child->argv[n - 1] = NULL;
    return child->argv[n - 1] ? 0 : -ENOMEM;
}

static int child_new(const SandboxSpec *spec, Child **ret_child)
{
    _cleanup_(child_freep) Child *child = calloc(1, sizeof(*child));
    if (!child)
        return -ENOMEM;
    if (!spec->executor || spec->control_fd < 0 || spec->n_cpus > SANDBOX_CPUS_MAX ||
        spec->numa_node >= (int)NODES_MAX)
        return -EINVAL;
    child->spec = spec;
    _cleanup_close_ int host_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (host_fd < 0)
        return -errno;
    int r = mount_plan_init(host_fd, spec->executor, spec->roots, spec->n_roots, &child->plan);
    if (r < 0)
        return r;
    r = child_make_argv(child);
    if (r < 0)
        return r;
    for (size_t i = 0; i < spec->n_cpus; i++) {
        if (spec->cpus[i] >= CPU_SETSIZE)
            return -EINVAL;
        CPU_SET(spec->cpus[i], &child->cpus);
    }
    if (spec->numa_node >= 0)
        child->nodes[spec->numa_node / (8 * sizeof(long))] =
            1ul << (spec->numa_node % (8 * sizeof(long)));
    *ret_child = TAKE_PTR(child);
    return 0;
}

/* ---- the child ----------------------------------------------------------------------------------
 */

/* 0..2 are /dev/null (or the given stderr), 3 the control socket, 4 the status pipe until exec; no
 * more. */
static int child_descriptors(Child *child)
{
    const SandboxSpec *spec = child->spec;
    /* Away from the low numbers first, so that no dup2() below closes what another one needs. */
    int status = fcntl(child->status_fd, F_DUPFD_CLOEXEC, 16);
    int control = fcntl(spec->control_fd, F_DUPFD_CLOEXEC, 16);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int err = spec->stderr_fd >= 0 ? fcntl(spec->stderr_fd, F_DUPFD_CLOEXEC, 16) : null;
    if (status < 0 || control < 0 || null < 0 || err < 0)
        return -errno;
    null = fcntl(null, F_DUPFD_CLOEXEC, 16);
    if (null < 0)
        return -errno;
    if (spec->stderr_fd < 0)
        err = null;
    if (dup3(status, STATUS_FD, O_CLOEXEC) < 0)
        return -errno;
    child->status_fd = STATUS_FD;
    if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(err, 2) < 0 ||
        dup2(control, CONTROL_EXECUTOR_FD) < 0)
        return -errno;
    return syscall(__NR_close_range, STATUS_FD + 1, ~0u, 0) < 0 ? -errno : 0;
}

static int lower_limit(int resource, rlim_t value)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0)
        return -errno;
    /* Only ever down: raising a hard limit needs a capability that berthd does not ask for. */
    limit.rlim_max = MIN(limit.rlim_max, value);
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

static int child_limits(const Child *child)
{
    const SandboxSpec *spec = child->spec;
    int r = lower_limit(RLIMIT_CORE, 0);
    if (r >= 0)
        r = lower_limit(RLIMIT_NOFILE, spec->nofile_max > 0 ? spec->nofile_max : NOFILE_DEFAULT);
    if (r >= 0 && spec->file_size_max > 0)
        r = lower_limit(RLIMIT_FSIZE, spec->file_size_max);
    if (r < 0)
        return r;
    if (spec->n_cpus > 0 && sched_setaffinity(0, sizeof(child->cpus), &child->cpus) < 0)
        return -errno;
    if (spec->numa_node >= 0 &&
        syscall(__NR_set_mempolicy, MPOL_PREFERRED, child->nodes, (unsigned long)NODES_MAX) < 0 &&
        errno != ENOSYS)
        return -errno;
    return 0;
}

static int child_capabilities(void)
{
    /* exec as root makes permitted = bounding | inheritable. */
    int r = capability_bound(CAPABILITIES_AT_EXEC);
    return r < 0 ? r : capability_limit(CAPABILITIES_AT_EXEC);
}

static int child_steps(Child *child, StatusMessage *message, SandboxStep *step)
{
    static char *const no_environment[] = {(char *)"LC_ALL=C.UTF-8", NULL};
    bool namespaces = !(child->spec->flags & SANDBOX_FLAG_WITHOUT_NAMESPACES);

    *step = SANDBOX_STEP_DESCRIPTORS;
    sigset_t none;
    sigemptyset(&none);
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || setsid() < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return -errno;
    int r = child_descriptors(child);
    if (r < 0)
        return r;
    *step = SANDBOX_STEP_LIMITS;
    r = child_limits(child);
    if (r < 0)
        return r;
    if (namespaces) {
        *step = SANDBOX_STEP_CLONE;
        /* Here and not in clone3: so that its root is the leaf, not the parent's group. */
        if (unshare(CLONE_NEWCGROUP) < 0)
            return -errno;
        (void)umask(0);
        r = mount_plan_apply(&child->plan, &message->roots_skipped, step);
        if (r < 0)
            return r;
    }
    (void)umask(022);
    *step = SANDBOX_STEP_CAPABILITIES;
    r = child_capabilities();
    if (r < 0)
        return r;
    *step = SANDBOX_STEP_EXEC;
    message->step = SANDBOX_STEP_NONE;
    (void)write(child->status_fd, message, sizeof(*message));
    execve(namespaces ? MOUNT_PLAN_EXECUTOR : child->spec->executor, child->argv, no_environment);
    return -errno;
}

static void __attribute__((noreturn)) child_main(Child *child)
{
    StatusMessage message = {0};
    SandboxStep step = SANDBOX_STEP_NONE;
    int r = child_steps(child, &message, &step);
    message.step = step;
    message.error = r;
    (void)write(child->status_fd, &message, sizeof(message));
    _exit(127);
}

/* ---- the parent again ---------------------------------------------------------------------------
 */

static int clone_child(const SandboxSpec *spec, pid_t *ret_pid, int *ret_pidfd)
{
    int pidfd = -EBADF;
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    if (!(spec->flags & SANDBOX_FLAG_WITHOUT_NAMESPACES))
        args.flags |= CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    if (spec->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)spec->cgroup_fd;
    }
    long pid = syscall(__NR_clone3, &args, sizeof(args));
    if (pid < 0)
        return -errno;
    *ret_pid = (pid_t)pid;
    *ret_pidfd = pidfd;
    return 0;
}

/*
 * Two messages at most, then the end of file: exec closed the pipe, or the child is gone. A child
 * that hangs (a data root on a file system that does not answer) must not hang berthd's worker.
 */
static StatusMessage read_status(int fd)
{
    StatusMessage message = {.step = SANDBOX_STEP_CLONE, .error = -ESRCH};
    StatusMessage next;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int r = poll(&p, 1, CHILD_TIMEOUT_MSEC);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0) {
            message.error = r < 0 ? -errno : -ETIMEDOUT;
            return message;
        }
        if (fd_read_all(fd, &next, sizeof(next)) < 0)
            return message;
        message = next;
    }
}

static void reap(pid_t pid, int *pidfd)
{
    siginfo_t info;
    int r;
    (void)syscall(__NR_pidfd_send_signal, *pidfd, SIGKILL, NULL, 0);
    do
        r = waitid(P_PID, (id_t)pid, &info, WEXITED);
    while (r < 0 && errno == EINTR);
    fd_closep(pidfd);
}

int sandbox_spawn(const SandboxSpec *spec, pid_t *ret_pid, int *ret_pidfd,
                  SandboxReport *ret_report)
{
    *ret_report = (SandboxReport){.step = SANDBOX_STEP_SPEC};
    _cleanup_(child_freep) Child *child = NULL;
    int r = child_new(spec, &child);
    if (r < 0)
        return r;
    ret_report->step = SANDBOX_STEP_CLONE;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    _cleanup_close_ int read_fd = ends[0];
    _cleanup_close_ int write_fd = ends[1];
    child->status_fd = write_fd;

    pid_t pid = 0;
    int pidfd = -EBADF;
    r = clone_child(spec, &pid, &pidfd);
    if (r < 0)
        return r;
    if (pid == 0)
        child_main(child);
    write_fd = fd_close(write_fd);

    StatusMessage message = read_status(read_fd);
    ret_report->step = (SandboxStep)message.step;
    ret_report->roots_skipped = message.roots_skipped;
    if (message.error < 0) {
        reap(pid, &pidfd);
        return message.error;
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd;
    return 0;
}

int sandbox_spill_open(const char *path, int *ret_fd)
{
    if (path[0] != '/')
        return -EINVAL;
    _cleanup_close_ int source = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (source < 0)
        return errno == ENOTDIR ? -ELOOP : -errno;
    _cleanup_close_ int tree =
        open_tree(source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return -errno;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                              .propagation = MS_PRIVATE};
    if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        return -errno;
    *ret_fd = TAKE_FD(tree);
    return 0;
}

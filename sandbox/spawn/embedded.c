/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start without berthd and without root. Each layer is tried by itself: hosts differ in what
 * they let a user do (no user namespaces at all; user namespaces without rights by AppArmor; no
 * Landlock), and less is still better than nothing as long as it is named.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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
#include "sandbox/spawn/confine.h"

/* One line "ID ID 1": files keep their owners, and nobody else's id exists. */
static int map_self(void)
{
    char line[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    /* The files below /proc/self belong to root while the process is non-dumpable. */
    if (prctl(PR_SET_DUMPABLE, 1) < 0)
        return -errno;
    if (unshare(CLONE_NEWUSER) < 0)
        return -errno;
    int r = fd_write_file_at(AT_FDCWD, "/proc/self/setgroups", "deny");
    if (r < 0)
        return r;
    (void)snprintf(line, sizeof(line), "%u %u 1\n", uid, uid);
    r = fd_write_file_at(AT_FDCWD, "/proc/self/uid_map", line);
    if (r < 0)
        return r;
    (void)snprintf(line, sizeof(line), "%u %u 1\n", gid, gid);
    return fd_write_file_at(AT_FDCWD, "/proc/self/gid_map", line);
}

/* Waits for the executor and ends like it. Stays outside the pid namespace, holds nothing, dies
 * with nobody. */
static void __attribute__((noreturn)) stand_by(pid_t child)
{
    int status;
    pid_t r;
    (void)syscall(__NR_close_range, 0, ~0u, 0);
    do
        r = waitpid(child, &status, 0);
    while (r < 0 && errno == EINTR);
    if (r == child && WIFSIGNALED(status)) {
        (void)signal(WTERMSIG(status), SIG_DFL);
        (void)raise(WTERMSIG(status));
    }
    _exit(r == child && WIFEXITED(status) ? WEXITSTATUS(status)
                                          : 128 + (r == child ? WTERMSIG(status) : 0));
}

static void enter_pid_namespace(uint32_t *missing)
{
    if (unshare(CLONE_NEWPID) < 0) {
        *missing |= SANDBOX_MISSING_PID_NAMESPACE;
        return;
    }
    pid_t child = fork();
    if (child > 0)
        stand_by(child);
    if (child < 0) /* unshared for children only, so nothing is lost */
        *missing |= SANDBOX_MISSING_PID_NAMESPACE;
    else
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* its parent is the launcher's handle on it */
}

/* Users do have links in the way to their data; here they are followed with nobody's rights but
 * their own. */
static int list_roots(const SandboxRoots *roots, SandboxRoot *list, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < roots->n; i++) {
        char *source = realpath(roots->paths[i], NULL);
        if (!source && errno == ENOMEM)
            return -ENOMEM;
        if (source)
            list[n++] = (SandboxRoot){
                .path = roots->paths[i], .source = source, .writable = roots->writable[i]};
    }
    *ret_n = n;
    return 0;
}

/*
 * As a detached mount where that is possible, else as a plain directory: whoever has no mount
 * namespace of its own sees all directories anyway.
 */
static int open_spill(const char *path)
{
    _cleanup_close_ int fd = -EBADF;

    if (!path)
        return -EBADF;
    if (sandbox_spill_open(path, &fd) < 0)
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static int enter_mount_namespace(const SandboxRoots *roots, const char *spill_path,
                                 int *ret_spill_fd, uint32_t *missing)
{
    SandboxRoot list[SANDBOX_ROOTS_MAX];
    char cwd[PATH_MAX];
    size_t n = 0;
    uint64_t skipped;
    SandboxStep step;
    bool has_cwd = getcwd(cwd, sizeof(cwd)) != NULL;
    _cleanup_free_ MountPlan *plan = malloc(sizeof(*plan));
    int r = plan ? list_roots(roots, list, &n) : -ENOMEM;
    bool own =
        r >= 0 && mount_plan_init(AT_FDCWD, NULL, list, n, plan) >= 0 && unshare(CLONE_NEWNS) >= 0;
    *ret_spill_fd = open_spill(spill_path);
    if (r >= 0 && (!own || mount_plan_apply(plan, &skipped, &step) < 0))
        *missing |= SANDBOX_MISSING_MOUNT_NAMESPACE;
    else if (r >= 0 && has_cwd)
        (void)chdir(cwd); /* "/" stays when it is not visible */
    for (size_t i = 0; i < n; i++)
        free((char *)list[i].source);
    return r;
}

/* Away from the terminal, and from the launcher's input and output; its stderr stays for last
 * words. */
static int leave_terminal(void)
{
    struct rlimit no_core = {0};
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0)
        return -errno;
    (void)setsid(); /* the leader of a group cannot; its fork below can */
    return 0;
}

int sandbox_embed(const SandboxRoots *roots, const RingOptions *ring, const char *spill_path,
                  Ring *ret_ring, ControlExecutorHello *ret_hello, int *ret_spill_fd,
                  uint32_t *ret_missing)
{
    uint32_t missing = SANDBOX_MISSING_CGROUP;
    int r = leave_terminal();
    if (r < 0)
        return r;
    if (syscall(__NR_close_range, CONTROL_EXECUTOR_FD + 1, ~0u, 0) < 0)
        return -errno;
    if (geteuid() != 0 && map_self() < 0)
        missing |= SANDBOX_MISSING_USER_NAMESPACE;
    if (unshare(CLONE_NEWNET) < 0)
        missing |= SANDBOX_MISSING_NET_NAMESPACE;
    if (unshare(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
        missing |= SANDBOX_MISSING_IPC_NAMESPACE;
    enter_pid_namespace(&missing);
    (void)setsid();
    r = enter_mount_namespace(roots, spill_path, ret_spill_fd, &missing);
    if (r < 0)
        return r;
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    confine_make_ring(ring, ret_ring, ret_hello);
    if (ret_ring->fd < 0)
        missing |= SANDBOX_MISSING_RING;
    if (ret_hello->landlock_abi == 0)
        missing |= SANDBOX_MISSING_LANDLOCK;
    *ret_missing = missing;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager's start, and the line to the service manager.
 *
 * Its program lies beside berthd's and is opened before anything is given up, so that it starts
 * from a folder that its user may not enter. Between fork and exec there are system calls only:
 * control threads may be running.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "daemon/core/core.h"
#include "daemon/log.h"
#include "sandbox/spawn/capability.h"

#define MANAGER_NAME "berth-manager"
#define SEND_TIMEOUT_SEC 10

static int open_program(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(MANAGER_NAME));

    if (n <= 0)
        return n < 0 ? -errno : -ENOENT;
    path[n] = 0;
    char *slash = strrchr(path, '/');
    if (!slash)
        return -ENOENT;
    memcpy(slash + 1, MANAGER_NAME, sizeof(MANAGER_NAME));
    int fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* In the child. Return: the errno of what failed. */
static int become_manager(const Core *core, int program_fd, int channel_fd, pid_t parent)
{
    static const int plain[] = {SIGPIPE, SIGTERM, SIGINT, SIGHUP};
    static char *const argv[] = {(char *)MANAGER_NAME, NULL};
    sigset_t none;

    sigemptyset(&none);
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
        (void)signal(plain[i], SIG_DFL);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return errno;
    int null = open("/dev/null", O_RDWR);
    /* Both above 3 first, so that dup2 overwrites neither. */
    int channel = fcntl(channel_fd, F_DUPFD_CLOEXEC, 10);
    int program = fcntl(program_fd, F_DUPFD_CLOEXEC, 10);
    if (null < 0 || channel < 0 || program < 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(channel, CONTROL_MANAGER_FD) < 0 ||
        syscall(SYS_close_range, CONTROL_MANAGER_FD + 1, ~0u, 1u << 2 /* CLOEXEC */) < 0)
        return errno;
    if (capability_bound(0) < 0 || setgroups(0, NULL) < 0 ||
        setresgid(core->manager_gid, core->manager_gid, core->manager_gid) < 0 ||
        setresuid(core->manager_uid, core->manager_uid, core->manager_uid) < 0 ||
        capability_limit(0) < 0)
        return errno;
    /* After the change of uid, which would clear it. A core that is killed takes it along. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return errno;
    if (getppid() != parent)
        return ESRCH;
    (void)syscall(SYS_execveat, program, "", argv, environ, AT_EMPTY_PATH);
    return errno;
}

static int send_start(Core *core)
{
    int fds[CONTROL_FDS_MAX], n_fds = 0;
    _cleanup_close_ int config = core_config_file(&core->config->config);
    const char *watchdog = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t watched = (uint64_t)getpid();
    ControlFrame frame;

    if (config < 0)
        return config;
    control_init(&frame, CONTROL_CORE_START, 0);
    ControlCoreStart *s = &frame.core_start;
    if (pid)
        (void)text_parse_u64(pid, INT32_MAX, &watched);
    if (watchdog && watched == (uint64_t)getpid())
        (void)text_parse_u64(watchdog, UINT64_MAX / 2, &s->watchdog_usec);
    s->gateway_uid = core->gateway_uid;
    s->controllers = core->cgroup.controllers;
    s->has_cgroup = core->cgroup.fd >= 0;
    s->has_pressure = core->pressure_fd >= 0;
    text_copy(s->cgroup_path, sizeof(s->cgroup_path), core->cgroup.path);
    size_t n = 0;
    for (unsigned i = 0; i < core->cgroup.n_unenforced && n < sizeof(s->unenforced) - 1; i++)
        n += (size_t)snprintf(s->unenforced + n, sizeof(s->unenforced) - n, "%s\n",
                              core->cgroup.unenforced[i]);
    fds[n_fds++] = config;
    fds[n_fds++] = core->listen_fd;
    if (s->has_cgroup)
        fds[n_fds++] = core->cgroup.fd;
    if (s->has_pressure)
        fds[n_fds++] = core->pressure_fd;
    return control_send(core->channel_fd, &frame, fds, (size_t)n_fds);
}

int core_start_manager(Core *core)
{
    const struct timeval patience = {.tv_sec = SEND_TIMEOUT_SEC};
    _cleanup_close_ int program = open_program();
    int pair[2];

    if (program < 0) {
        log_line(LOG_ERR, "cannot open " MANAGER_NAME " beside berthd: %s", strerror(-program));
        return program;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    _cleanup_close_ int theirs = pair[1];
    core->channel_fd = pair[0];
    (void)setsockopt(core->channel_fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    pid_t self = getpid(), pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        _exit(become_manager(core, program, theirs, self));
    core->manager_pid = pid;
    core->manager_pidfd = pidfd_open(pid, 0);
    int r = core->manager_pidfd < 0 ? -errno : send_start(core);
    if (r < 0)
        log_line(LOG_ERR, "cannot start the manager: %s", strerror(-r));
    return r;
}

void core_notify(const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path ? strlen(path) : 0;

    if (n < 2 || n >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, n + 1);
    if (path[0] == '@')
        address.sun_path[0] = 0;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

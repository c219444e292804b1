/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A berth-manager that has been taken over: started by the real berthd in the real one's place, it
 * asks the core for what it may not have. Which of these is said by BERTH_FAKE; each must end with
 * this process being killed, but for
 *
 *   rights   says on stderr what it could do by itself, and exits
 *   abort    dies
 *   obey     does nothing, and exits with 0 when it is told to stop
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/control.h"

#define MIB (UINT64_C(1) << 20)

static ControlFrame frame;
static int fds[CONTROL_FDS_MAX];

static void fail(const char *what)
{
    fprintf(stderr, "fake manager: %s\n", what);
    _exit(3);
}

/* Waits for @type; a STOP in between is obeyed. */
static void await(ControlType type)
{
    size_t n_fds;

    do {
        if (control_receive(CONTROL_MANAGER_FD, CONTROL_SENDER_CORE, &frame, fds, &n_fds) != 1)
            fail("the core is gone");
        if (frame.header.type == CONTROL_CORE_STOP)
            _exit(0);
    } while (frame.header.type != type);
}

static void ask(ControlFrame *f, int fd)
{
    if (control_send(CONTROL_MANAGER_FD, f, &fd, fd >= 0 ? 1 : 0) < 0)
        fail("cannot send");
}

static void spawn(uint64_t executor, uint64_t max_bytes)
{
    ControlFrame f;

    control_init(&f, CONTROL_CORE_SPAWN, 0);
    f.core_spawn.executor = executor;
    f.core_spawn.high_bytes = f.core_spawn.max_bytes = max_bytes;
    ask(&f, -EBADF);
}

static void place(uint64_t executor, uint64_t ticket)
{
    ControlFrame f;

    control_init(&f, CONTROL_CORE_PLACE, 0);
    f.core_place.executor = executor;
    f.core_place.ticket = ticket;
    f.core_place.session = 1;
    f.core_place.cpus[0] = f.core_place.mems = 1;
    f.core_place.cpu_weight = 100;
    ask(&f, -EBADF);
}

static void resize(uint64_t executor, uint64_t max_bytes)
{
    ControlFrame f;

    control_init(&f, CONTROL_CORE_RESIZE, 1);
    f.core_resize.executor = executor;
    f.core_resize.high_bytes = f.core_resize.max_bytes = max_bytes;
    ask(&f, -EBADF);
}

/* A ticket for whom this process may speak: itself. */
static uint64_t own_ticket(void)
{
    ControlFrame f;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        fail("socketpair");
    control_init(&f, CONTROL_CORE_IDENTIFY, 7);
    f.core_identify.keep = 1;
    ask(&f, pair[0]);
    await(CONTROL_CORE_IDENTITY);
    if (frame.core_identity.result != 0 || frame.core_identity.uid != getuid())
        fail("it is not told who it is");
    return frame.core_identity.ticket;
}

static int opened(int dir, const char *path, int flags)
{
    int fd = openat(dir, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void rights(int cgroup_fd)
{
    gid_t groups[8];

    spawn(1, 64 * MIB);
    await(CONTROL_CORE_BORN);
    int leaf = fds[0];
    fprintf(stderr, "rights: uid %d groups %d nnp %d\n", getuid() != 0 && geteuid() != 0,
            getgroups(8, groups), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    fprintf(stderr, "rights: read %d\n", opened(leaf, "memory.max", O_RDONLY) >= 0);
    fprintf(stderr, "rights: write %d %d %d %d %d %d\n", opened(leaf, "memory.max", O_WRONLY),
            opened(leaf, "cgroup.procs", O_WRONLY), opened(leaf, "cgroup.kill", O_WRONLY),
            opened(cgroup_fd, "cgroup.procs", O_WRONLY), mkdirat(cgroup_fd, "mine", 0755),
            kill(frame.core_born.pid, SIGKILL));
    _exit(0);
}

int main(void)
{
    const char *what = getenv("BERTH_FAKE");
    int start_fds[CONTROL_FDS_MAX];

    (void)prctl(PR_SET_NAME, "berth-manager");
    (void)signal(SIGTERM, SIG_IGN);
    await(CONTROL_CORE_START);
    memcpy(start_fds, fds, sizeof(fds));
    if (strcmp(what, "rights") == 0)
        rights(start_fds[2]);
    else if (strcmp(what, "abort") == 0) {
        spawn(1, 64 * MIB);
        await(CONTROL_CORE_WARM);
        raise(SIGKILL);
    } else if (strcmp(what, "obey") == 0) {
        fprintf(stderr, "it is ready\n");
        await(CONTROL_CORE_STOP);
    } else if (strcmp(what, "memory") == 0)
        spawn(1, UINT64_C(1) << 50);
    else if (strcmp(what, "much") == 0)
        for (uint64_t i = 1; i <= 4096; i++)
            spawn(i, 128 * MIB);
    else if (strcmp(what, "grow") == 0) {
        spawn(1, 64 * MIB);
        await(CONTROL_CORE_WARM);
        resize(1, UINT64_C(1) << 50);
    } else if (strcmp(what, "again") == 0) {
        spawn(1, 64 * MIB);
        spawn(1, 64 * MIB);
    } else if (strcmp(what, "nobody") == 0) {
        spawn(1, 64 * MIB);
        await(CONTROL_CORE_WARM);
        place(1, 1);
    } else if (strcmp(what, "second") == 0) {
        spawn(1, 64 * MIB);
        await(CONTROL_CORE_WARM);
        uint64_t ticket = own_ticket();
        place(1, ticket);
        await(CONTROL_CORE_LOCKED);
        fprintf(stderr, "it was locked\n");
        place(1, ticket);
    } else if (strcmp(what, "garbage") == 0)
        (void)!send(CONTROL_MANAGER_FD, "garbage", 7, MSG_NOSIGNAL);
    else if (strcmp(what, "notify") == 0) {
        ControlFrame f;
        control_init(&f, CONTROL_CORE_NOTIFY, 0);
        f.core_notify.notice = CORE_NOTICE_STATUS;
        memcpy(f.core_notify.status, "x\nMAINPID=1", 12);
        ask(&f, -EBADF);
    } else
        fail("BERTH_FAKE=?");
    for (;;)
        await(CONTROL_CORE_START);
}

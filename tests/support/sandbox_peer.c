/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sandbox_peer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

static int receive(int fd, ControlSender sender, ControlType type, ControlFrame *frame, int *fds)
{
    int received[CONTROL_FDS_MAX];
    size_t n_fds = 0;
    int r = control_receive(fd, sender, frame, received, &n_fds);
    if (r == 0)
        return -ECONNRESET;
    if (r < 0)
        return r;
    for (size_t i = 0; i < CONTROL_FDS_MAX; i++) {
        if (fds)
            fds[i] = received[i];
        else
            fd_closep(&received[i]);
    }
    if (frame->header.type == CONTROL_EXECUTOR_FAILED)
        return frame->executor_failed.error;
    return frame->header.type == type ? 0 : -EPROTO;
}

int peer_spawn(const SandboxSpec *given, PeerSession *session)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    SandboxSpec spec = *given;
    spec.control_fd = pair[1];
    int r = sandbox_spawn(&spec, &session->pid, &session->pidfd, &session->report);
    (void)fd_close(pair[1]);
    session->control_fd = pair[0];
    if (r < 0)
        return r;
    ControlFrame frame;
    r = receive(session->control_fd, CONTROL_SENDER_EXECUTOR, CONTROL_EXECUTOR_HELLO, &frame, NULL);
    if (r == 0)
        session->hello = frame.executor_hello;
    return r;
}

int peer_hand_out(PeerSession *session, uid_t uid, gid_t gid, int spill_fd)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    _cleanup_close_ int theirs = pair[1];
    session->data_fd = pair[0];
    ControlFrame frame;
    control_init(&frame, CONTROL_HANDOUT, 1);
    frame.handout.session = 1;
    frame.handout.uid = uid;
    frame.handout.gid = gid;
    frame.handout.n_groups = 1;
    frame.handout.groups[0] = gid;
    frame.handout.n_threads = 2;
    frame.handout.has_spill = spill_fd >= 0;
    const int fds[2] = {theirs, spill_fd};
    int r = control_send(session->control_fd, &frame, fds, spill_fd >= 0 ? 2 : 1);
    if (r == 0)
        r = receive(session->control_fd, CONTROL_SENDER_EXECUTOR, CONTROL_EXECUTOR_LOCKED, &frame,
                    NULL);
    if (r == 0)
        session->locked = frame.executor_locked;
    return r;
}

int peer_end(PeerSession *session, int timeout_ms, siginfo_t *ret_info)
{
    siginfo_t info = {0};
    session->control_fd = fd_close(session->control_fd);
    session->data_fd = fd_close(session->data_fd);
    if (session->pidfd < 0)
        return 0;
    struct pollfd p = {.fd = session->pidfd, .events = POLLIN};
    int r = poll(&p, 1, timeout_ms);
    if (r <= 0)
        (void)syscall(__NR_pidfd_send_signal, session->pidfd, SIGKILL, NULL, 0);
    r = waitid(P_PIDFD, (id_t)session->pidfd, &info, WEXITED) < 0 ? -errno : 0;
    session->pidfd = fd_close(session->pidfd);
    if (ret_info)
        *ret_info = info;
    return r;
}

static int report_failure(int r, SandboxStep step)
{
    ControlFrame frame;
    control_init(&frame, CONTROL_EXECUTOR_FAILED, 0);
    frame.executor_failed.error = r;
    frame.executor_failed.step = step;
    (void)snprintf(frame.executor_failed.reason, sizeof(frame.executor_failed.reason), "%s: %s",
                   sandbox_step_to_string(step), strerror(-r));
    (void)control_send(CONTROL_EXECUTOR_FD, &frame, NULL, 0);
    return r;
}

int peer_inside(int argc, char **argv, uint32_t flags, PeerInside *ret_inside)
{
    static const RingOptions ring_options = {.n_entries = 64, .n_files = 64};
    PeerInside in = {.ring = RING_INIT, .data_fd = -EBADF, .spill_fd = -EBADF};
    SandboxStep step = SANDBOX_STEP_WARM;
    ControlFrame frame;
    int fds[CONTROL_FDS_MAX];

    int r = sandbox_roots_from_argv(argc, argv, &in.roots);
    if (r < 0)
        return report_failure(r, step);
    control_init(&frame, CONTROL_EXECUTOR_HELLO, 0);
    r = sandbox_warm(&ring_options, &in.ring, &frame.executor_hello, &step);
    if (r < 0)
        return report_failure(r, step);
    SandboxPrepared prepared;
    r = sandbox_prepare(&in.roots, flags, &prepared, &step);
    if (r < 0)
        return report_failure(r, step);
    r = control_send(CONTROL_EXECUTOR_FD, &frame, NULL, 0);
    if (r < 0)
        return r;

    r = receive(CONTROL_EXECUTOR_FD, CONTROL_SENDER_DAEMON_TO_EXECUTOR, CONTROL_HANDOUT, &frame,
                fds);
    if (r == -ECONNRESET)
        return 1;
    if (r < 0)
        return report_failure(r, SANDBOX_STEP_IDENTITY);
    in.data_fd = fds[0];
    in.spill_fd = fds[1];
    in.uid = frame.handout.uid;
    r = sandbox_take_identity(frame.handout.uid, frame.handout.gid, frame.handout.groups,
                              frame.handout.n_groups);
    if (r < 0)
        return report_failure(r, SANDBOX_STEP_IDENTITY);
    SandboxLockOptions options = {.roots = &in.roots,
                                  .spill_fd = in.spill_fd,
                                  .ring = &in.ring,
                                  .flags = flags,
                                  .prepared = &prepared};
    control_init(&frame, CONTROL_EXECUTOR_LOCKED, 1);
    r = sandbox_lock(&options, &frame.executor_locked, NULL, &step);
    if (r < 0)
        return report_failure(r, step);
    r = control_send(CONTROL_EXECUTOR_FD, &frame, NULL, 0);
    if (r < 0)
        return r;
    in.locked = frame.executor_locked;
    *ret_inside = in;
    return 0;
}

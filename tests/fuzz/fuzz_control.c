/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control frames: the only bytes of peers that berthd parses itself, its own two halves among
 * these. The first byte of the input says who sends and how many descriptors come along; the rest
 * is one datagram. What control_check() lets through must be what the header promises to every
 * reader, and control_receive() must decide as it did, hand over exactly the descriptors it
 * reports, and lose none.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define FDS_SENT_MAX 8u

static void has_end(const char *text, size_t size)
{
    assert(memchr(text, 0, size));
}

/* What code after the check relies on, written down a second time. */
static void check_promises(const ControlFrame *f)
{
    switch (f->header.type) {
    case CONTROL_SESSION_OPEN:
        has_end(f->session_open.session_id, sizeof(f->session_open.session_id));
        assert(f->session_open.profile < _LATENCY_PROFILE_MAX && f->session_open.performance < 2);
        break;
    case CONTROL_EXECUTOR_HELLO:
        has_end(f->executor_hello.executor_version, sizeof(f->executor_hello.executor_version));
        assert(f->executor_hello.io_mode <= IO_MODE_PREAD);
        break;
    case CONTROL_EXECUTOR_FAILED:
        has_end(f->executor_failed.reason, sizeof(f->executor_failed.reason));
        break;
    case CONTROL_QUERY_ESTIMATE:
        has_end(f->query_estimate.operation_id, sizeof(f->query_estimate.operation_id));
        assert(f->query_estimate.profile < _LATENCY_PROFILE_MAX);
        break;
    case CONTROL_QUERY_END:
        assert(f->query_end.state < _QUERY_STATE_MAX);
        break;
    case CONTROL_MEMORY_REQUEST:
        has_end(f->memory_request.operator_name, sizeof(f->memory_request.operator_name));
        break;
    case CONTROL_HANDOUT:
        has_end(f->handout.home, sizeof(f->handout.home));
        assert(f->handout.n_groups <= CONTROL_GROUPS_MAX && f->handout.has_spill < 2);
        break;
    case CONTROL_SESSION_LOST:
        has_end(f->session_lost.reason, sizeof(f->session_lost.reason));
        has_end(f->session_lost.operator_name, sizeof(f->session_lost.operator_name));
        assert(f->session_lost.cause < _SESSION_CAUSE_MAX);
        break;
    case CONTROL_CORE_PLACE:
        assert(f->core_place.cpu_weight <= 10000 && f->core_place.n_threads <= CONTROL_CPUS_MAX);
        break;
    case CONTROL_CORE_MOVE:
        assert(f->core_move.cpu_weight <= 10000 && f->core_move.new_mems < 2);
        break;
    case CONTROL_CORE_IDENTIFY:
        assert(f->core_identify.keep < 2 && f->core_identify.token.is_given < 2);
        break;
    case CONTROL_CORE_NOTIFY:
        has_end(f->core_notify.status, sizeof(f->core_notify.status));
        assert(f->core_notify.notice < _CORE_NOTICE_MAX);
        break;
    case CONTROL_CORE_START:
        has_end(f->core_start.cgroup_path, sizeof(f->core_start.cgroup_path));
        has_end(f->core_start.unenforced, sizeof(f->core_start.unenforced));
        assert(f->core_start.has_cgroup < 2 && f->core_start.has_pressure < 2);
        break;
    case CONTROL_CORE_IDENTITY:
        has_end(f->core_identity.user, sizeof(f->core_identity.user));
        has_end(f->core_identity.reason, sizeof(f->core_identity.reason));
        break;
    case CONTROL_CORE_WARM:
        has_end(f->core_warm.hello.executor_version, sizeof(f->core_warm.hello.executor_version));
        break;
    case CONTROL_CORE_FAULT:
        has_end(f->core_fault.reason, sizeof(f->core_fault.reason));
        assert(f->core_fault.cause < _SESSION_CAUSE_MAX);
        break;
    default:
        break;
    }
}

static int lowest_free_fd(void)
{
    int fd = fcntl(0, F_DUPFD_CLOEXEC, 3);
    fd_close(fd);
    return fd;
}

static void send_raw(int fd, const uint8_t *data, size_t n_bytes, size_t n_fds)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * FDS_SENT_MAX)];
        struct cmsghdr align;
    } buffer = {0};
    struct iovec part = {.iov_base = (void *)data, .iov_len = n_bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (n_fds > 0) {
        message.msg_control = buffer.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        int fds[FDS_SENT_MAX];
        for (size_t i = 0; i < n_fds; i++)
            fds[i] = fd;
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
    }
    if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)n_bytes)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const ControlSender senders[] = {
        CONTROL_SENDER_GATEWAY,           CONTROL_SENDER_EXECUTOR,
        CONTROL_SENDER_DAEMON_TO_GATEWAY, CONTROL_SENDER_DAEMON_TO_EXECUTOR,
        CONTROL_SENDER_MANAGER,           CONTROL_SENDER_CORE};
    if (n_bytes < 2 || n_bytes > 2 * CONTROL_FRAME_MAX)
        return 0;
    ControlSender sender = senders[data[0] & 0x80 ? 4 + (data[0] & 1) : data[0] & 3];
    size_t n_fds = (data[0] >> 2 & 31) % (FDS_SENT_MAX + 1);
    data++;
    n_bytes--;

    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        abort();
    send_raw(pair[1], data, n_bytes, n_fds);
    int free_before = lowest_free_fd();

    ControlFrame frame;
    int fds[CONTROL_FDS_MAX];
    size_t n_received = 0;
    int r = control_receive(pair[0], sender, &frame, fds, &n_received);
    assert(r == 1 || r == -EPROTO);
    bool fits = n_bytes <= CONTROL_FRAME_MAX && n_fds <= CONTROL_FDS_MAX;
    if (fits) {
        ControlFrame copy = {0};
        memcpy(&copy, data, n_bytes);
        assert((r == 1) == control_check(&copy, n_bytes, n_fds, sender));
    } else {
        assert(r == -EPROTO);
    }
    if (r == 1) {
        assert(n_received == n_fds && frame.header.size == n_bytes);
        check_promises(&frame);
        for (size_t i = 0; i < n_received; i++) {
            assert(fcntl(fds[i], F_GETFD) == FD_CLOEXEC);
            fd_close(fds[i]);
        }
    }
    assert(lowest_free_fd() == free_before); /* none is left open */
    fd_close(pair[0]);
    fd_close(pair[1]);
    return 0;
}

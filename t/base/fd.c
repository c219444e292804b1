/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/control.h"

int fd_write_all(int fd, const void *data, size_t n_bytes)
{
    const char *p = data;
    while (n_bytes > 0) {
        ssize_t n = write(fd, p, n_bytes);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        p += n;
        n_bytes -= (size_t)n;
    }
    return 0;
}

int fd_read_all(int fd, void *data, size_t n_bytes)
{
    char *p = data;
    size_t done = 0;
    while (done < n_bytes) {
        ssize_t n = read(fd, p + done, n_bytes - done);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (n == 0)
            return done == 0 ? -ENODATA : -EPROTO;
        done += (size_t)n;
    }
    return 0;
}

ssize_t fd_read_file_at(int dir_fd, const char *path, char *buf, size_t size)
{
    assert(size > 0);
    _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    size_t done = 0;
    for (;;) {
        ssize_t n = read(fd, buf + done, size - done);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (n == 0)
            break;
        done += (size_t)n;
        if (done == size)
            return -EFBIG;
    }
    buf[done] = '\0';
    return (ssize_t)done;
}

int fd_write_file_at(int dir_fd, const char *path, const char *text)
{
    _cleanup_close_ int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    size_t n_bytes = strlen(text);
    ssize_t n;
    do
        n = write(fd, text, n_bytes);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return (size_t)n == n_bytes ? 0 : -EIO;
}

int fd_send_frame(int fd, const void *data, size_t n_bytes, const int *fds, size_t n_fds)
{
    assert(n_fds <= CONTROL_FDS_MAX);
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * CONTROL_FDS_MAX)];
    } control = {0};
    struct iovec iov = {.iov_base = (void *)data, .iov_len = n_bytes};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (n_fds > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
    }
    for (;;) {
        ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);
        if (n >= 0)
            return (size_t)n == n_bytes ? 0 : -EMSGSIZE;
        if (errno != EINTR)
            return -errno;
    }
}

ssize_t fd_receive_frame(int fd, void *buf, size_t size, int *ret_fds, size_t *ret_n_fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * CONTROL_FDS_MAX)];
    } control;
    struct iovec iov = {.iov_base = buf, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n;
    do
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;

    int fds[CONTROL_FDS_MAX];
    size_t n_fds = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n_here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n_here; i++) {
            int received;
            memcpy(&received, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (n_fds < CONTROL_FDS_MAX)
                fds[n_fds++] = received;
            else
                (void)fd_close(received);
        }
    }
    if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (size_t i = 0; i < n_fds; i++)
            (void)fd_close(fds[i]);
        return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : -EPROTO;
    }
    for (size_t i = 0; i < CONTROL_FDS_MAX; i++)
        ret_fds[i] = i < n_fds ? fds[i] : -EBADF;
    *ret_n_fds = n_fds;
    return n;
}

int fd_set_nonblock(int fd, int nonblock)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    flags = nonblock ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

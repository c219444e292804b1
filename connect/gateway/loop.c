/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/gateway/loop.h"

#include <errno.h>
#include <stddef.h>

#include "base/cleanup.h"

int loop_init(Loop *loop)
{
    loop->n_ready = loop->at = 0;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_done(Loop *loop)
{
    loop->epoll_fd = fd_close(loop->epoll_fd);
}

int loop_add(Loop *loop, LoopSource *s, int fd, uint32_t events, LoopCallback callback,
             void *userdata)
{
    *s = (LoopSource){.fd = -EBADF, .events = events, .callback = callback, .userdata = userdata};
    struct epoll_event e = {.events = events, .data.ptr = s};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
        return -errno;
    s->fd = fd;
    return 0;
}

int loop_modify(Loop *loop, LoopSource *s, uint32_t events)
{
    if (s->fd < 0 || s->events == events)
        return 0;
    struct epoll_event e = {.events = events, .data.ptr = s};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, s->fd, &e) < 0)
        return -errno;
    s->events = events;
    return 0;
}

void loop_remove(Loop *loop, LoopSource *s)
{
    if (s->fd < 0)
        return;
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    s->fd = -EBADF;
    /* Events of this round that have not been delivered yet must not find freed memory. */
    for (int i = loop->at; i < loop->n_ready; i++)
        if (loop->ready[i].data.ptr == s)
            loop->ready[i].data.ptr = NULL;
}

int loop_run(Loop *loop, int timeout_msec)
{
    int n = epoll_wait(loop->epoll_fd, loop->ready, LOOP_EVENTS_MAX, timeout_msec);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    loop->n_ready = n;
    for (loop->at = 0; loop->at < loop->n_ready;) {
        struct epoll_event e = loop->ready[loop->at++];
        LoopSource *s = e.data.ptr;
        if (s && s->fd >= 0)
            s->callback(s->userdata, e.events);
    }
    loop->n_ready = 0;
    return 0;
}

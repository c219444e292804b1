/* SPDX-License-Identifier: Apache-2.0 */
/* The link to berthd. It may go and come back; sessions wait for it, clients get UNAVAILABLE
 * meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "connect/gateway/gateway_internal.h"

#define BACKOFF_FIRST_USEC (UINT64_C(100) * USEC_PER_MSEC)
#define BACKOFF_MAX_USEC (UINT64_C(5) * USEC_PER_SEC)
#define QUEUE_MAX 4096u
#define FRAMES_PER_EVENT 256u

static void on_control_event(void *userdata, uint32_t events);

bool control_link_is_up(const Gateway *g)
{
    return g->control.fd >= 0;
}

static void queued_free(ControlLink *link, QueuedFrame *q)
{
    list_remove(&q->node);
    link->n_queue--;
    fd_close(q->fd);
    free(q);
}

static void link_down(Gateway *g)
{
    ControlLink *link = &g->control;
    if (link->fd < 0)
        return;
    loop_remove(&g->loop, &link->source);
    link->fd = fd_close(link->fd);
    while (!list_empty(&link->queue))
        queued_free(link, container_of(link->queue.next, QueuedFrame, node));
    link->backoff_usec = BACKOFF_FIRST_USEC;
    link->next_attempt_usec = clock_now_usec() + link->backoff_usec;
    if (g->stopping)
        return;
    gateway_log("berthd is gone; trying to reach it again");
    list_for_each_safe (pos, &g->sessions)
        session_on_daemon_gone(container_of(pos, Session, node));
    list_for_each_safe (pos, &g->clients) {
        Client *c = container_of(pos, Client, node);
        if (c->identity == IDENTITY_STATE_ASKED) {
            c->identity = IDENTITY_STATE_NONE;
            client_ask_identity(c);
        }
    }
}

void control_link_close(Gateway *g)
{
    bool stopping = g->stopping;
    g->stopping = true;
    link_down(g);
    g->stopping = stopping;
}

static int flush_queue(Gateway *g)
{
    ControlLink *link = &g->control;
    while (!list_empty(&link->queue)) {
        QueuedFrame *q = container_of(link->queue.next, QueuedFrame, node);
        int r = control_send(link->fd, &q->frame, &q->fd, q->fd >= 0 ? 1 : 0);
        if (r == -EAGAIN)
            break;
        if (r < 0)
            return r;
        queued_free(link, q);
    }
    return loop_modify(&g->loop, &link->source,
                       EPOLLIN | (list_empty(&link->queue) ? 0 : EPOLLOUT));
}

int control_link_send(Gateway *g, const ControlFrame *frame, int fd)
{
    ControlLink *link = &g->control;
    if (link->fd < 0)
        return -ENOTCONN;
    int r =
        list_empty(&link->queue) ? control_send(link->fd, frame, &fd, fd >= 0 ? 1 : 0) : -EAGAIN;
    if (r != -EAGAIN)
        return r < 0 ? -ENOTCONN : 0; /* the event of the broken socket does the rest */

    if (link->n_queue >= QUEUE_MAX)
        return -ENOTCONN;
    QueuedFrame *q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOTCONN;
    memcpy(&q->frame, frame, frame->header.size);
    q->fd = -EBADF;
    if (fd >= 0) {
        q->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (q->fd < 0) {
            free(q);
            return -ENOTCONN;
        }
    }
    list_append(&link->queue, &q->node);
    link->n_queue++;
    (void)loop_modify(&g->loop, &link->source, EPOLLIN | EPOLLOUT);
    return 0;
}

static void dispatch(Gateway *g, const ControlFrame *f, int *fds)
{
    switch (f->header.type) {
    case CONTROL_IDENTITY:
        client_set_identity(g, &f->identity);
        break;
    case CONTROL_SESSION_READY:
        session_on_ready(g, &f->session_ready, &fds[0]);
        break;
    case CONTROL_SESSION_REFUSED:
        session_on_refused(g, &f->session_refused);
        break;
    case CONTROL_SESSION_LOST:
        session_on_lost(g, &f->session_lost);
        break;
    case CONTROL_SESSION_NOTICE:
        session_on_notice(g, &f->session_notice);
        break;
    default:
        break;
    }
}

static void on_control_event(void *userdata, uint32_t events)
{
    Gateway *g = userdata;
    ControlLink *link = &g->control;

    if ((events & EPOLLOUT) && flush_queue(g) < 0) {
        link_down(g);
        return;
    }
    for (unsigned i = 0; i < FRAMES_PER_EVENT; i++) {
        ControlFrame frame;
        int fds[CONTROL_FDS_MAX];
        size_t n_fds;
        int r = control_receive(link->fd, CONTROL_SENDER_DAEMON_TO_GATEWAY, &frame, fds, &n_fds);
        if (r == -EAGAIN)
            return;
        if (r <= 0) {
            if (r == -EPROTO)
                gateway_log("berthd sent a malformed frame");
            link_down(g);
            return;
        }
        dispatch(g, &frame, fds);
        for (size_t k = 0; k < n_fds; k++)
            fd_close(fds[k]);
        if (link->fd < 0)
            return;
    }
}

static int try_connect(Gateway *g)
{
    ControlLink *link = &g->control;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!text_copy(address.sun_path, sizeof(address.sun_path), link->path))
        return -ENAMETOOLONG;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    ControlFrame hello;
    control_init(&hello, CONTROL_GATEWAY_HELLO, 0);
    int r = control_send(fd, &hello, NULL, 0);
    if (r < 0)
        return r;
    r = loop_add(&g->loop, &link->source, fd, EPOLLIN, on_control_event, g);
    if (r < 0)
        return r;
    link->fd = TAKE_FD(fd);
    return 0;
}

void control_link_tick(Gateway *g, uint64_t now)
{
    ControlLink *link = &g->control;
    if (link->fd >= 0 || now < link->next_attempt_usec || g->stopping)
        return;
    int r = try_connect(g);
    if (r < 0) {
        link->backoff_usec = MIN(MAX(link->backoff_usec * 2, BACKOFF_FIRST_USEC), BACKOFF_MAX_USEC);
        link->next_attempt_usec = now + link->backoff_usec;
        return;
    }
    link->backoff_usec = 0;
    gateway_log("connected to berthd at %s", link->path);
    list_for_each_safe (pos, &g->clients)
        client_ask_identity(container_of(pos, Client, node));
    list_for_each_safe (pos, &g->sessions)
        session_on_daemon_back(container_of(pos, Session, node));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"

typedef struct Parcel {
    ListNode node;
    int fd;
    ControlFrame frame; /* only header.size bytes are there */
} Parcel;

static Parcel *parcel_free(Parcel *p)
{
    fd_close(p->fd);
    free(p);
    return NULL;
}

void outbox_init(Outbox *box, int fd, sd_event_source *source)
{
    *box = (Outbox){.fd = fd, .source = source};
    list_init(&box->frames);
}

void outbox_done(Outbox *box)
{
    if (!box->frames.next)
        return;
    list_for_each_safe (n, &box->frames) {
        list_remove(n);
        parcel_free(container_of(n, Parcel, node));
    }
    box->n_frames = 0;
}

int outbox_send(Outbox *box, const ControlFrame *frame, int fd_taken)
{
    _cleanup_close_ int fd = fd_taken;

    if (box->n_frames == 0) {
        int r = control_send(box->fd, frame, &fd, fd >= 0 ? 1 : 0);
        if (r != -EAGAIN)
            return r;
    }
    if (box->n_frames == OUTBOX_FRAMES_MAX)
        return -ENOBUFS;
    Parcel *p = malloc(offsetof(Parcel, frame) + frame->header.size);
    if (!p)
        return -ENOMEM;
    memcpy(&p->frame, frame, frame->header.size);
    p->fd = TAKE_FD(fd);
    list_append(&box->frames, &p->node);
    box->n_frames++;
    return sd_event_source_set_io_events(box->source, EPOLLIN | EPOLLOUT);
}

int outbox_flush(Outbox *box)
{
    while (!list_empty(&box->frames)) {
        Parcel *p = container_of(box->frames.next, Parcel, node);
        int r = control_send(box->fd, &p->frame, &p->fd, p->fd >= 0 ? 1 : 0);
        if (r == -EAGAIN)
            return 0;
        if (r < 0)
            return r;
        list_remove(&p->node);
        parcel_free(p);
        box->n_frames--;
    }
    return sd_event_source_set_io_events(box->source, EPOLLIN);
}

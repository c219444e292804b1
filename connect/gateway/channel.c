/* SPDX-License-Identifier: Apache-2.0 */
/* The data channel to one executor: frames of base/data_frame.h over a non-blocking stream. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "connect/gateway/gateway_internal.h"

#define READ_PER_EVENT (4u << 20)
#define WRITE_VECTORS 16u
/* What a dead executor may have left in the socket: its send buffer, and no more. */
#define DRAIN_MAX (256u << 20)

static void outgoing_free(Outgoing *o)
{
    list_remove(&o->node);
    grpc_buffer_unref(o->owner);
    free(o->owned);
    free(o);
}

void channel_close(Channel *ch)
{
    if (ch->fd < 0)
        return;
    loop_remove(&ch->session->gateway->loop, &ch->source);
    ch->fd = fd_close(ch->fd);
    while (!list_empty(&ch->outgoing))
        outgoing_free(container_of(ch->outgoing.next, Outgoing, node));
    ch->payload = grpc_buffer_unref(ch->payload);
    ch->n_written = ch->n_header = 0;
    ch->paused = false;
}

static void on_channel_event(void *userdata, uint32_t events);

/* A paused channel leaves the loop altogether: a hang-up cannot be masked and would be told for
 * ever. */
static void wants(Channel *ch)
{
    Loop *loop = &ch->session->gateway->loop;
    uint32_t events = EPOLLIN | (list_empty(&ch->outgoing) ? 0 : EPOLLOUT);
    if (ch->paused)
        loop_remove(loop, &ch->source);
    else if (ch->source.fd < 0)
        (void)loop_add(loop, &ch->source, ch->fd, events, on_channel_event, ch);
    else
        (void)loop_modify(loop, &ch->source, events);
}

/* ---- writing ---- */

/* Drops @n written bytes from the front of the queue. */
static void advance(Channel *ch, size_t n)
{
    ch->n_written += n;
    while (!list_empty(&ch->outgoing)) {
        Outgoing *o = container_of(ch->outgoing.next, Outgoing, node);
        size_t n_frame = sizeof(o->header) + o->header.n_payload;
        if (ch->n_written < n_frame)
            return;
        ch->n_written -= n_frame;
        outgoing_free(o);
    }
}

/* Return: 0 when all is written or the socket is full; negative errno when the peer is gone. */
static int flush(Channel *ch)
{
    while (!list_empty(&ch->outgoing)) {
        struct iovec iov[WRITE_VECTORS];
        size_t n_iov = 0, n_skip = ch->n_written;
        list_for_each (pos, &ch->outgoing) {
            Outgoing *o = container_of(pos, Outgoing, node);
            if (n_iov + 2 > WRITE_VECTORS)
                break;
            if (n_skip < sizeof(o->header))
                iov[n_iov++] =
                    (struct iovec){(char *)&o->header + n_skip, sizeof(o->header) - n_skip};
            n_skip = n_skip > sizeof(o->header) ? n_skip - sizeof(o->header) : 0;
            if (o->header.n_payload > n_skip)
                iov[n_iov++] =
                    (struct iovec){(char *)o->bytes + n_skip, o->header.n_payload - n_skip};
            n_skip = 0;
        }
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n_iov};
        ssize_t n = sendmsg(ch->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        advance(ch, (size_t)n);
    }
    return 0;
}

int channel_send(Channel *ch, DataType type, uint16_t flags, uint64_t operation, uint64_t rows,
                 GrpcBuffer *owner, const void *bytes, size_t n_bytes)
{
    if (ch->fd < 0)
        return -ENOTCONN;
    if (n_bytes > DATA_PAYLOAD_MAX)
        return -EMSGSIZE;
    Outgoing *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->header = (DataHeader){.magic = DATA_MAGIC,
                             .type = (uint16_t)type,
                             .flags = flags,
                             .operation = operation,
                             .rows = rows,
                             .n_payload = (uint32_t)n_bytes};
    if (owner) {
        o->owner = grpc_buffer_ref(owner);
        o->bytes = bytes;
    } else if (n_bytes > 0) {
        o->owned = malloc(n_bytes);
        if (!o->owned) {
            free(o);
            return -ENOMEM;
        }
        memcpy(o->owned, bytes, n_bytes);
        o->bytes = o->owned;
    }
    list_append(&ch->outgoing, &o->node);
    (void)flush(ch); /* a broken socket shows as an event */
    wants(ch);
    return 0;
}

/* ---- reading ---- */

static bool header_is_good(const DataHeader *h)
{
    if (h->magic != DATA_MAGIC || h->n_payload > DATA_PAYLOAD_MAX)
        return false;
    switch (h->type) {
    case DATA_RESPONSE:
    case DATA_ANALYZED:
    case DATA_ERROR:
    case DATA_CONFIG:
        return true;
    case DATA_COMPLETE:
        return h->n_payload == 0;
    case DATA_FETCH:
        return h->n_payload <= DATA_NAME_MAX;
    }
    return false;
}

/* Return: 1 something was read; 0 nothing now; negative errno: the channel is finished. */
static int read_step(Channel *ch, size_t *n_total)
{
    Session *s = ch->session;
    void *to = (char *)&ch->header + ch->n_header;
    size_t n_wanted = sizeof(ch->header) - ch->n_header;
    bool in_payload = n_wanted == 0;

    if (in_payload) {
        if (!ch->payload) {
            ch->payload =
                grpc_buffer_new(&s->tenant->outbound, RESPONSE_HEADROOM, ch->header.n_payload);
            if (!ch->payload) { /* the tenant holds all it may: wait until clients have read */
                ch->paused = true;
                wants(ch);
                return 0;
            }
        }
        to = ch->payload->data + ch->payload->tail;
        n_wanted = ch->header.n_payload - grpc_buffer_size(ch->payload);
    }
    if (n_wanted > 0) {
        ssize_t n = recv(ch->fd, to, n_wanted, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            return 1;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        if (n == 0)
            return -EPIPE;
        *n_total += (size_t)n;
        if (in_payload)
            ch->payload->tail += (size_t)n;
        else
            ch->n_header += (size_t)n;
        if ((size_t)n < n_wanted)
            return 1;
    }
    if (!in_payload)
        return header_is_good(&ch->header) ? 1 : -EPROTO;

    _cleanup_grpc_buffer_ GrpcBuffer *payload = TAKE_PTR(ch->payload);
    ch->n_header = 0;
    session_on_frame(s, &ch->header, &payload);
    return 1;
}

static void on_channel_event(void *userdata, uint32_t events)
{
    Channel *ch = userdata;
    size_t n_total = 0;
    int r = events & EPOLLOUT ? flush(ch) : 0;

    if (r == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        do
            r = read_step(ch, &n_total);
        while (r > 0 && n_total < READ_PER_EVENT && ch->fd >= 0);
    if (ch->fd < 0)
        return; /* a frame ended the session */
    if (r < 0) {
        if (r == -EPROTO)
            gateway_log("session %s: the executor broke the data channel's rules", ch->session->id);
        session_on_channel_lost(ch->session);
        return;
    }
    wants(ch);
}

void channel_drain(Channel *ch)
{
    size_t n_total = 0;
    while (ch->fd >= 0 && n_total < DRAIN_MAX && read_step(ch, &n_total) > 0)
        continue;
}

void channel_resume(Channel *ch)
{
    if (ch->fd < 0 || !ch->paused)
        return;
    ch->paused = false;
    wants(ch);
}

int channel_open(Channel *ch, Session *s, int fd)
{
    int r = fd_set_nonblock(fd, 1);
    if (r < 0)
        return r;
    *ch = (Channel){.session = s, .fd = -EBADF};
    list_init(&ch->outgoing);
    r = loop_add(&s->gateway->loop, &ch->source, fd, EPOLLIN, on_channel_event, ch);
    if (r < 0)
        return r;
    ch->fd = fd;
    return 0;
}

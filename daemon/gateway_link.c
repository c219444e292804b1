/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/gateway_link.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "daemon/core_link.h"
#include "daemon/log.h"
#include "daemon/outbox.h"
#include "daemon/session/session.h"

#define FRAMES_USEC (50 * USEC_PER_MSEC)
#define FRAMES_MAX 200u

struct GatewayPeer {
    ListNode node;
    Manager *manager;
    int fd;
    sd_event_source *source;
    Outbox outbox;
    bool greeted;
    bool broken; /* to be closed when the loop is back */
    sd_event_source *broken_source;
    unsigned n_lookups; /* of Manager.lookups that are this peer's */
    bool closed;
};

/* IDENTIFY or SESSION_OPEN, while the core asks whose the socket is. */
typedef struct Lookup {
    ListNode node;
    GatewayPeer *peer;
    uint64_t serial; /* ours, for the core */
    ControlFrame frame;
} Lookup;

static void peer_free_if_done(GatewayPeer *p)
{
    if (p->closed && p->n_lookups == 0)
        free(p);
}

static Session *session_of_peer(Manager *m, const GatewayPeer *p)
{
    list_for_each (n, &m->sessions) {
        Session *s = container_of(n, Session, node);
        if (s->peer == p)
            return s;
    }
    return NULL;
}

static void peer_close(GatewayPeer *p)
{
    Manager *m = p->manager;

    if (p->closed)
        return;
    p->closed = true;
    list_remove(&p->node);
    m->n_peers--;
    p->source = sd_event_source_disable_unref(p->source);
    p->broken_source = sd_event_source_disable_unref(p->broken_source);
    outbox_done(&p->outbox);
    p->fd = fd_close(p->fd);
    /* Ending one may end another, so begin again each time. */
    for (Session *s; (s = session_of_peer(m, p));)
        session_close(s, SESSION_CAUSE_CLOSED, "the gateway is gone");
    peer_free_if_done(p);
}

static int on_broken(sd_event_source *source, void *userdata)
{
    peer_close(userdata);
    return 0;
}

static void peer_break(GatewayPeer *p, const char *why)
{
    if (p->closed || p->broken)
        return;
    p->broken = true;
    LogRecord record = log_record(LOG_EVENT_PROTOCOL, LOG_WARNING);
    log_field(&record, "REASON", "%s", why);
    log_send(&record, "gateway connection closed: %s", why);
    /* Not here: the caller may be walking over the sessions that this ends. */
    if (sd_event_add_defer(p->manager->event, &p->broken_source, on_broken, p) < 0)
        log_line(LOG_ERR, "out of memory while a gateway connection is closed");
}

void gateway_send(GatewayPeer *p, const ControlFrame *frame, int fd)
{
    if (!p || p->closed || p->broken) {
        fd_close(fd);
        return;
    }
    int r = outbox_send(&p->outbox, frame, fd);
    if (r < 0 && r != -EPIPE && r != -ECONNRESET)
        peer_break(p, r == -ENOBUFS ? "it does not read its answers" : strerror(-r));
}

static void answer_identify(GatewayPeer *p, uint64_t serial, const ControlCoreIdentity *answer)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_IDENTITY, serial);
    frame.identity.result = answer->result > 0 ? -ENXIO : answer->result;
    frame.identity.uid = answer->result == 0 ? answer->uid : UINT32_MAX;
    if (answer->result == 0)
        text_copy(frame.identity.user, sizeof(frame.identity.user), answer->user);
    gateway_send(p, &frame, -EBADF);
}

static void refuse_open(GatewayPeer *p, uint64_t serial, SessionCause cause, const char *reason)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_SESSION_REFUSED, serial);
    frame.session_refused.cause = cause;
    text_copy(frame.session_refused.reason, sizeof(frame.session_refused.reason), reason);
    gateway_send(p, &frame, -EBADF);
    LogRecord record = log_record(LOG_EVENT_REFUSED, LOG_NOTICE);
    log_field(&record, "CAUSE", "%s", session_cause_to_string(cause));
    log_field(&record, "REASON", "%s", reason);
    log_send(&record, "session refused: %s", reason);
}

/* The identity, or why there is none, is known: answer. Return: true when its ticket is used. */
static bool identified(GatewayPeer *p, const ControlFrame *frame, const ControlCoreIdentity *answer)
{
    uint64_t serial = frame->header.serial;
    Identity identity = {.ticket = answer->ticket, .uid = answer->uid};

    if (p->closed || p->broken)
        return false;
    text_copy(identity.user, sizeof(identity.user), answer->user);
    identity.group =
        quotas_group_of(&p->manager->quotas, answer->gid, answer->groups, answer->n_groups);
    if (frame->header.type == CONTROL_IDENTIFY)
        answer_identify(p, serial, answer);
    else if (answer->result != 0)
        refuse_open(p, serial, SESSION_CAUSE_NO_IDENTITY, answer->reason);
    else if (p->manager->stopping)
        refuse_open(p, serial, SESSION_CAUSE_SHUTDOWN, "berthd is stopping");
    else
        return session_open(p->manager, p, &frame->session_open, &identity);
    return false;
}

static void lookup_free(Manager *m, Lookup *l)
{
    GatewayPeer *p = l->peer;

    list_remove(&l->node);
    m->n_lookups--;
    p->n_lookups--;
    free(l);
    peer_free_if_done(p);
}

void gateway_identified(Manager *m, const ControlCoreIdentity *answer)
{
    list_for_each (n, &m->lookups) {
        Lookup *l = container_of(n, Lookup, node);
        if (l->serial != answer->header.serial)
            continue;
        if (!identified(l->peer, &l->frame, answer))
            core_link_release(m, answer->ticket);
        lookup_free(m, l);
        return;
    }
    core_link_release(m, answer->ticket);
}

static void look_up(GatewayPeer *p, const ControlFrame *frame, int fd_taken)
{
    _cleanup_close_ int fd = fd_taken;
    Manager *m = p->manager;
    Lookup *l = m->n_lookups < LOOKUPS_MAX ? calloc(1, sizeof(*l)) : NULL;

    if (!l) {
        ControlCoreIdentity no = {.result = -EBUSY,
                                  .reason = "too many connections are being identified"};
        (void)identified(p, frame, &no);
        return;
    }
    l->peer = p;
    l->serial = ++m->last_lookup;
    memcpy(&l->frame, frame, frame->header.size);
    list_append(&m->lookups, &l->node);
    m->n_lookups++;
    p->n_lookups++;
    bool opens = frame->header.type == CONTROL_SESSION_OPEN;
    core_link_identify(m, l->serial, opens,
                       opens ? &frame->session_open.token : &frame->identify.token, TAKE_FD(fd));
}

static void take_frame(GatewayPeer *p, const ControlFrame *frame, int *fds)
{
    Session *s;

    if (!p->greeted) {
        p->greeted = frame->header.type == CONTROL_GATEWAY_HELLO;
        if (!p->greeted)
            peer_break(p, "the first frame is not gateway-hello");
        return;
    }
    switch (frame->header.type) {
    case CONTROL_GATEWAY_HELLO:
        peer_break(p, "a second gateway-hello");
        break;
    case CONTROL_IDENTIFY:
    case CONTROL_SESSION_OPEN:
        look_up(p, frame, TAKE_FD(fds[0]));
        break;
    case CONTROL_SESSION_CLOSE:
        /* A session that has just ended by itself is no fault: messages cross. */
        s = manager_find_session(p->manager, frame->session_close.session);
        if (s && s->peer == p)
            session_close(s, SESSION_CAUSE_CLOSED, "");
        break;
    case CONTROL_SESSION_RETRY:
        s = manager_find_session(p->manager, frame->session_retry.session);
        if (s && s->peer == p)
            session_retry(s, frame->header.serial);
        break;
    }
}

static int on_peer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    GatewayPeer *p = userdata;
    int fds[CONTROL_FDS_MAX];
    ControlFrame frame;
    size_t n_fds = 0;

    if (events & EPOLLOUT && outbox_flush(&p->outbox) < 0) {
        peer_close(p);
        return 0;
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return 0;
    int r = control_receive(fd, CONTROL_SENDER_GATEWAY, &frame, fds, &n_fds);
    if (r == -EAGAIN || r == -EINTR)
        return 0;
    if (r == 1) {
        take_frame(p, &frame, fds);
        for (size_t i = 0; i < n_fds; i++)
            fd_close(fds[i]);
    } else if (r == -EPROTO)
        peer_break(p, "a malformed frame");
    else {
        log_line(LOG_NOTICE, "the gateway disconnected");
        peer_close(p);
    }
    return 0;
}

static int peer_new(Manager *m, int fd_taken)
{
    _cleanup_close_ int fd = fd_taken;
    _cleanup_free_ GatewayPeer *p = calloc(1, sizeof(*p));
    int size = 1 << 20;

    if (!p)
        return -ENOMEM;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    int r = sd_event_add_io(m->event, &p->source, fd, EPOLLIN, on_peer, p);
    /* As for executors: whatever it sends, the loop gets to the others. */
    if (r >= 0)
        r = sd_event_source_set_ratelimit(p->source, FRAMES_USEC, FRAMES_MAX);
    if (r < 0) {
        sd_event_source_disable_unref(p->source);
        return r;
    }
    p->manager = m;
    p->fd = TAKE_FD(fd);
    outbox_init(&p->outbox, p->fd, p->source);
    list_append(&m->peers, &p->node);
    m->n_peers++;
    (void)TAKE_PTR(p);
    return 0;
}

static int on_listen(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    Manager *m = userdata;
    struct ucred creds = {.uid = (uid_t)-1};
    socklen_t n = sizeof(creds);
    _cleanup_close_ int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (peer < 0)
        return 0;
    if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &creds, &n) < 0 || creds.uid != m->gateway_uid) {
        LogRecord record = log_record(LOG_EVENT_REFUSED, LOG_WARNING);
        log_field(&record, "UID", "%u", creds.uid);
        log_field(&record, "REASON", "not the gateway's user");
        log_send(&record, "connection on the gateway socket from uid %u refused: not %s", creds.uid,
                 m->config->config.gateway_user);
        return 0;
    }
    if (m->n_peers >= GATEWAY_PEERS_MAX) {
        log_line(LOG_WARNING, "more than %u gateways at once, connection refused",
                 GATEWAY_PEERS_MAX);
        return 0;
    }
    int r = peer_new(m, TAKE_FD(peer));
    if (r < 0)
        log_line(LOG_ERR, "cannot serve a gateway: %s", strerror(-r));
    return 0;
}

int gateway_listen(Manager *m)
{
    int r = sd_event_add_io(m->event, &m->listen_source, m->listen_fd, EPOLLIN, on_listen, m);

    return MIN(r, 0);
}

void gateway_unlisten(Manager *m)
{
    m->listen_source = sd_event_source_disable_unref(m->listen_source);
    m->listen_fd = fd_close(m->listen_fd);
}

void gateway_close_all(Manager *m)
{
    list_for_each_safe (n, &m->peers)
        peer_close(container_of(n, GatewayPeer, node));
    /* What the core will not answer any more. */
    list_for_each_safe (n, &m->lookups)
        lookup_free(m, container_of(n, Lookup, node));
}

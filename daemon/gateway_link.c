/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/gateway_link.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
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
    unsigned n_lookups; /* jobs that will ask for this peer */
    bool closed;
};

/* IDENTIFY or SESSION_OPEN: the owner of the socket is asked for on the look-up thread. */
typedef struct LookupJob {
    WorkerJob job;
    GatewayPeer *peer;
    ControlFrame frame;
    int fd;
    uint16_t tcp_port;
    int result;
    Identity identity;
    char reason[CONTROL_REASON_MAX];
} LookupJob;

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

static void lookup_run(WorkerJob *job)
{
    LookupJob *j = container_of(job, LookupJob, job);
    uid_t uid;

    j->result = identity_uid_of_socket(j->fd, j->tcp_port, &uid, j->reason, sizeof(j->reason));
    if (j->result == 0)
        j->result = identity_lookup(uid, &j->identity);
    if (j->result < 0)
        text_copy(j->reason, sizeof(j->reason), strerror(-j->result));
}

static void answer_identify(GatewayPeer *p, const LookupJob *j)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_IDENTITY, j->frame.header.serial);
    frame.identity.result = j->result > 0 ? -ENXIO : j->result;
    frame.identity.uid = j->result == 0 ? j->identity.uid : UINT32_MAX;
    if (j->result == 0)
        text_copy(frame.identity.user, sizeof(frame.identity.user), j->identity.user);
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

/* The identity, or why there is none, is known: answer. */
static void identified(GatewayPeer *p, const LookupJob *j)
{
    uint64_t serial = j->frame.header.serial;

    if (p->closed || p->broken)
        return;
    if (j->frame.header.type == CONTROL_IDENTIFY)
        answer_identify(p, j);
    else if (j->result != 0)
        refuse_open(p, serial, SESSION_CAUSE_NO_IDENTITY, j->reason);
    else if (p->manager->stopping)
        refuse_open(p, serial, SESSION_CAUSE_SHUTDOWN, "berthd is stopping");
    else
        session_open(p->manager, p, &j->frame.session_open, &j->identity);
}

static void lookup_done(WorkerJob *job)
{
    LookupJob *j = container_of(job, LookupJob, job);
    GatewayPeer *p = j->peer;

    p->n_lookups--;
    p->manager->n_lookups--;
    if (j->result == 0) {
        p->manager->recent[p->manager->n_recent++ % RECENT_MAX] =
            (RecentIdentity){.usec = clock_now_usec(), .identity = j->identity};
    }
    identified(p, j);
    fd_close(j->fd);
    free(j);
    peer_free_if_done(p);
}

/*
 * A client that has just been identified opens its session next: then NSS has been asked already,
 * and on a unix socket the kernel's answer takes no time. Rights that were taken from a user in
 * between count RECENT_USEC later.
 */
static bool known(Manager *m, LookupJob *j, int fd)
{
    int domain = 0;
    socklen_t n = sizeof(domain);
    uid_t uid;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0 || domain != AF_UNIX ||
        identity_uid_of_socket(fd, 0, &uid, j->reason, sizeof(j->reason)) != 0)
        return false;
    for (unsigned i = 0; i < RECENT_MAX; i++) {
        const RecentIdentity *r = &m->recent[i];
        if (r->usec > 0 && r->identity.uid == uid && clock_now_usec() - r->usec < RECENT_USEC) {
            j->identity = r->identity;
            return true;
        }
    }
    return false;
}

static void look_up(GatewayPeer *p, const ControlFrame *frame, int fd_taken)
{
    _cleanup_close_ int fd = fd_taken;
    LookupJob now = {.frame = *frame};

    if (known(p->manager, &now, fd)) {
        identified(p, &now);
        return;
    }
    LookupJob *j = p->manager->n_lookups < LOOKUPS_MAX ? calloc(1, sizeof(*j)) : NULL;

    if (!j) {
        now.result = -EBUSY;
        text_copy(now.reason, sizeof(now.reason), "too many connections are being identified");
        identified(p, &now);
        return;
    }
    j->job = (WorkerJob){.run = lookup_run, .done = lookup_done};
    j->peer = p;
    memcpy(&j->frame, frame, frame->header.size);
    j->fd = TAKE_FD(fd);
    j->tcp_port = (uint16_t)p->manager->config->config.client_port;
    p->n_lookups++;
    p->manager->n_lookups++;
    worker_submit(p->manager->workers[WORKER_LOOKUP], &j->job);
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

static int make_socket(Manager *m)
{
    const Config *config = &m->config->config;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = -EBADF;

    if (!text_copy(address.sun_path, sizeof(address.sun_path), config->gateway_socket))
        return -ENAMETOOLONG;
    char *slash = strrchr(address.sun_path, '/');
    if (slash && slash != address.sun_path) {
        *slash = 0;
        (void)mkdir(address.sun_path, 0755);
        *slash = '/';
    }
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)unlink(address.sun_path);
    mode_t before = umask(0117);
    int r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    (void)umask(before);
    if (r < 0)
        return r;
    m->own_socket = true;
    struct group *group = getgrnam(config->gateway_group);
    if (!group)
        log_line(LOG_WARNING, "group %s does not exist: only root can reach %s",
                 config->gateway_group, address.sun_path);
    else if (chown(address.sun_path, (uid_t)-1, group->gr_gid) < 0)
        log_line(LOG_WARNING, "cannot give %s to group %s: %m", address.sun_path,
                 config->gateway_group);
    if (listen(fd, 16) < 0)
        return -errno;
    m->listen_fd = TAKE_FD(fd);
    return 0;
}

int gateway_listen(Manager *m)
{
    int n = sd_listen_fds(1), r;

    if (n > 1 ||
        (n == 1 && sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, NULL, 0) <= 0)) {
        log_line(LOG_ERR,
                 "expected one listening AF_UNIX seqpacket socket by activation, got %d "
                 "descriptors",
                 n);
        return -EINVAL;
    }
    if (n == 1) {
        m->listen_fd = SD_LISTEN_FDS_START;
        (void)fd_set_nonblock(m->listen_fd, true);
    } else {
        r = make_socket(m);
        if (r < 0) {
            log_line(LOG_ERR, "cannot listen on %s: %s", m->config->config.gateway_socket,
                     strerror(-r));
            return r;
        }
    }
    return sd_event_add_io(m->event, &m->listen_source, m->listen_fd, EPOLLIN, on_listen, m);
}

void gateway_unlisten(Manager *m)
{
    m->listen_source = sd_event_source_disable_unref(m->listen_source);
    if (m->own_socket)
        (void)unlink(m->config->config.gateway_socket);
    m->own_socket = false;
    m->listen_fd = fd_close(m->listen_fd);
}

void gateway_close_all(Manager *m)
{
    list_for_each_safe (n, &m->peers)
        peer_close(container_of(n, GatewayPeer, node));
}

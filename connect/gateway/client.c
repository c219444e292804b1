/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's connection: accepted, named by berthd (which asks the kernel), then served. Nothing is
 * read before it has a name, so whatever it sends is charged to the right tenant from the first
 * byte.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "connect/gateway/gateway_internal.h"

/* ---- tenants ---- */

Tenant *tenant_acquire(Gateway *g, uint32_t uid, const char *user)
{
    list_for_each (pos, &g->tenants) {
        Tenant *t = container_of(pos, Tenant, node);
        if (t->uid == uid)
            return t;
    }
    Tenant *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->uid = uid;
    text_copy(t->user, sizeof(t->user), user);
    t->inbound.limit = t->outbound.limit = TENANT_BYTES_MAX;
    t->artifacts.limit = ARTIFACT_BYTES_MAX;
    list_append(&g->tenants, &t->node);
    return t;
}

void tenant_release_if_empty(Gateway *g, Tenant *t)
{
    if (t->n_clients > 0 || t->n_sessions > 0 || t->inbound.n_bytes > 0 ||
        t->outbound.n_bytes > 0 || t->artifacts.n_bytes > 0)
        return;
    list_remove(&t->node);
    free(t);
}

/* ---- connections ---- */

/* The uid under which unnamed connections are counted, while there is no berthd to name them. */
#define UID_NOBODY UINT32_MAX

static void client_pump(Client *c, bool can_read)
{
    bool wants_write = false;
    if (c->dead || !c->connection)
        return;
    int r = grpc_connection_pump(c->connection, c->fd, can_read, &wants_write);
    if (r < 0 || grpc_connection_is_finished(c->connection)) {
        c->dead = true;
        return;
    }
    bool wants_read = !grpc_connection_is_congested(c->connection);
    (void)loop_modify(&c->gateway->loop, &c->source,
                      (wants_read ? EPOLLIN : 0) | (wants_write ? EPOLLOUT : 0));
}

static void on_client_event(void *userdata, uint32_t events)
{
    Client *c = userdata;
    if (!c->connection) { /* not served yet, so only its end can have come */
        c->dead = true;
        return;
    }
    client_pump(c, (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0);
}

static int client_serve(Client *c, uint32_t uid, const char *user)
{
    Gateway *g = c->gateway;
    Tenant *t = tenant_acquire(g, uid, user);
    if (!t)
        return -ENOMEM;
    if (c->tenant != t) {
        if (t->n_clients >= CLIENTS_PER_TENANT_MAX)
            return -EMFILE;
        t->n_clients++;
        c->tenant = t;
    }
    int r = grpc_connection_new(true, &rpc_handlers, c, &t->inbound, GRPC_MESSAGE_BYTES_MAX,
                                &c->connection);
    if (r < 0)
        return r;
    r = loop_modify(&g->loop, &c->source, EPOLLIN);
    client_pump(c, false);
    return r;
}

void client_ask_identity(Client *c)
{
    ControlFrame frame;
    if (c->identity == IDENTITY_STATE_KNOWN || c->identity == IDENTITY_STATE_REFUSED || c->dead)
        return;
    control_init(&frame, CONTROL_IDENTIFY, c->id);
    if (control_link_send(c->gateway, &frame, c->fd) == 0) {
        c->identity = IDENTITY_STATE_ASKED;
        return;
    }
    c->identity = IDENTITY_STATE_NONE;
    if (!c->connection && client_serve(c, UID_NOBODY, "nobody") < 0)
        c->dead = true;
}

void client_set_identity(Gateway *g, const ControlIdentity *identity)
{
    Client *c = NULL;
    list_for_each (pos, &g->clients) {
        Client *one = container_of(pos, Client, node);
        if (one->id == identity->header.serial)
            c = one;
    }
    if (!c || c->dead || c->identity != IDENTITY_STATE_ASKED)
        return; /* it has gone in the meantime */
    if (c->connection) {
        /* Served without a name while berthd was away: its bytes are on the wrong account. Start
         * afresh. */
        c->dead = true;
        return;
    }
    bool known = identity->result == 0;
    c->identity = known ? IDENTITY_STATE_KNOWN : IDENTITY_STATE_REFUSED;
    if (client_serve(c, known ? identity->uid : UID_NOBODY, known ? identity->user : "nobody") < 0)
        c->dead = true;
}

/* A connection that cannot be accepted stays in the backlog and keeps the listener readable:
 * without a pause the loop would spin on it. */
static void accept_pause(Gateway *g)
{
    g->accept_paused = true;
    for (unsigned i = 0; i < g->n_listeners; i++)
        (void)loop_modify(&g->loop, &g->listeners[i].source, 0);
}

void client_accept_resume(Gateway *g)
{
    if (!g->accept_paused)
        return;
    g->accept_paused = false;
    for (unsigned i = 0; i < g->n_listeners; i++)
        (void)loop_modify(&g->loop, &g->listeners[i].source, EPOLLIN);
}

void client_accept(Gateway *g, int listen_fd)
{
    for (unsigned i = 0; i < 16; i++) { /* then the others get a turn */
        _cleanup_close_ int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
            continue;
        if (fd < 0) {
            if (errno != EAGAIN)
                accept_pause(g);
            return;
        }
        if (g->n_clients >= g->max_clients || g->stopping)
            continue;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1},
                         sizeof(int)); /* fails on AF_UNIX */
        Client *c = calloc(1, sizeof(*c));
        if (!c)
            return;
        c->gateway = g;
        c->id = ++g->last_serial;
        c->accepted_usec = clock_now_usec();
        list_init(&c->dirty);
        if (loop_add(&g->loop, &c->source, fd, EPOLLRDHUP, on_client_event, c) < 0) {
            free(c);
            continue;
        }
        c->fd = TAKE_FD(fd);
        list_append(&g->clients, &c->node);
        g->n_clients++;
        client_ask_identity(c);
    }
}

void client_pump_dirty(Gateway *g)
{
    while (!list_empty(&g->dirty)) {
        Client *c = container_of(g->dirty.next, Client, dirty);
        list_remove(&c->dirty);
        client_pump(c, false);
    }
}

void client_tick(Client *c, uint64_t now)
{
    if (c->dead)
        return;
    if (c->connection)
        (void)grpc_connection_expire(c->connection, now);
    /* Half-open: connected and then silent. After its first call a client may be idle as long as it
     * likes. */
    bool started = c->connection && grpc_connection_calls_started(c->connection) > 0;
    if (!started && now - c->accepted_usec > HEADERS_TIMEOUT_USEC)
        c->dead = true;
}

void client_free(Client *c)
{
    Gateway *g = c->gateway;
    c->dead = true;
    loop_remove(&g->loop, &c->source);
    c->connection = grpc_connection_free(c->connection);
    list_remove(&c->dirty);
    list_remove(&c->node);
    c->fd = fd_close(c->fd);
    g->n_clients--;
    client_accept_resume(g);
    if (c->tenant) {
        c->tenant->n_clients--;
        tenant_release_if_empty(g, c->tenant);
    }
    free(c);
}

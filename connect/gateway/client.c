/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's connection: accepted, named by berthd (which asks the kernel), then served. Nothing is
 * read before it has a name, so whatever it sends is charged to the right tenant from the first
 * byte. With TLS the name comes from a token in the first call's headers (login.c), and nothing
 * behind them is read before the answer.
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
/* After a bad login: time for its client to read the answer and close. */
#define CLOSING_USEC (UINT64_C(1) * USEC_PER_SEC)

/* Return: whether TLS is through its handshake. */
static bool client_shake_hands(Client *c)
{
    bool wants_write;
    if (!c->tls || tls_is_ready(c->tls))
        return true;
    int r = tls_handshake(c->tls, &wants_write);
    if (r == -EAGAIN)
        (void)loop_modify(&c->gateway->loop, &c->source, wants_write ? EPOLLOUT : EPOLLIN);
    else if (r < 0)
        c->dead = true;
    return r == 0;
}

static void client_pump(Client *c, bool can_read)
{
    bool wants_write = false;
    if (c->dead || !c->connection || !client_shake_hands(c))
        return;
    int r = grpc_connection_pump(c->connection, c->fd, can_read, &wants_write);
    if (r < 0 || grpc_connection_is_finished(c->connection)) {
        c->dead = true;
        return;
    }
    bool wants_read = !grpc_connection_is_congested(c->connection) &&
                      !(c->tls && c->identity == IDENTITY_STATE_ASKED);
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
    if (c->tls)
        grpc_connection_set_transport(c->connection, &tls_transport, c->tls);
    r = loop_modify(&g->loop, &c->source, EPOLLIN);
    client_pump(c, false);
    return r;
}

int client_adopt(Client *c, uint32_t uid, const char *user)
{
    Gateway *g = c->gateway;
    Tenant *t = tenant_acquire(g, uid, user), *before = c->tenant;
    if (!t)
        return -ENOMEM;
    if (t->n_clients >= CLIENTS_PER_TENANT_MAX)
        return -EMFILE;
    t->n_clients++;
    c->tenant = t;
    before->n_clients--;
    tenant_release_if_empty(g, before);
    grpc_connection_set_account(c->connection, &t->inbound);
    g->n_unproven--;
    penalty_forgive(&g->penalties, c->penalty_key);
    return 0;
}

void client_put_token(const Client *c, ControlToken *token)
{
    if (!c->tls)
        return;
    token->is_given = 1;
    token->token = c->token;
}

void client_ask_identity(Client *c)
{
    ControlFrame frame;
    if (c->identity == IDENTITY_STATE_UNPROVEN || c->identity == IDENTITY_STATE_KNOWN ||
        c->identity == IDENTITY_STATE_REFUSED || c->dead)
        return;
    control_init(&frame, CONTROL_IDENTIFY, c->id);
    client_put_token(c, &frame.identify.token);
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
    if (c->tls) {
        login_answer(c, identity);
        return;
    }
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

/* Half of what an unproven connection may cost is known here: its address pays for a bad login, and
 * gets that back for a good one. */
static bool admit(Gateway *g, const struct sockaddr_storage *address, uint64_t *ret_key)
{
    uint64_t now = clock_now_usec();
    *ret_key = penalty_key(&g->penalties, address);
    if (g->n_unproven >= g->max_clients / 4 || !penalty_is_served(&g->penalties, *ret_key, now))
        return false;
    penalty_add(&g->penalties, *ret_key, now);
    return true;
}

/* Nobody's until a token has been shown. */
static int begin_tls(Client *c)
{
    int r = tls_new(c->gateway->tls, c->fd, &c->tls);
    if (r < 0)
        return r;
    c->identity = IDENTITY_STATE_UNPROVEN;
    c->gateway->n_unproven++;
    return client_serve(c, UID_NOBODY, "nobody");
}

void client_accept(Gateway *g, int listen_fd, bool with_tls)
{
    for (unsigned i = 0; i < 16; i++) { /* then the others get a turn */
        struct sockaddr_storage address = {0};
        socklen_t n_address = sizeof(address);
        uint64_t key = 0;
        _cleanup_close_ int fd = accept4(listen_fd, (struct sockaddr *)&address, &n_address,
                                         SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
            continue;
        if (fd < 0) {
            if (errno != EAGAIN)
                accept_pause(g);
            return;
        }
        if (g->n_clients >= g->max_clients || g->stopping)
            continue;
        if (with_tls && !admit(g, &address, &key))
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
        c->penalty_key = key;
        if (!with_tls)
            client_ask_identity(c);
        else if (begin_tls(c) < 0)
            c->dead = true;
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
    bool started = c->connection && grpc_connection_calls_started(c->connection) > 0 &&
                   (!c->tls || c->identity == IDENTITY_STATE_KNOWN);
    if (c->closing && now - c->closing_usec > CLOSING_USEC)
        c->dead = true;
    if (!started && now - c->accepted_usec > HEADERS_TIMEOUT_USEC)
        c->dead = true;
}

void client_free(Client *c)
{
    Gateway *g = c->gateway;
    c->dead = true;
    loop_remove(&g->loop, &c->source);
    c->connection = grpc_connection_free(c->connection);
    if (c->tls && c->identity != IDENTITY_STATE_KNOWN)
        g->n_unproven--;
    c->tls = tls_free(c->tls);
    explicit_bzero(&c->token, sizeof(c->token));
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

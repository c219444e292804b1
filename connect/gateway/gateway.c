/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: events, then what they made dirty, then what they made dead, once a second the clock.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "connect/gateway/gateway_internal.h"

#define TICK_MSEC 1000
#define STOP_USEC (UINT64_C(2) * USEC_PER_SEC)

void gateway_log(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    /* One write: journald and terminals get whole lines. <6> is the level that sd-daemon(3) reads.
     */
    fprintf(stderr, "<6>%s\n", text);
}

static void on_listener(void *userdata, uint32_t events)
{
    struct Listener *l = userdata;
    client_accept(l->gateway, l->source.fd, l->with_tls);
}

static void begin_stop(Gateway *g)
{
    if (g->stopping)
        return;
    gateway_log("stopping");
    g->stopping = true;
    g->stop_usec = clock_now_usec() + STOP_USEC;
    _cleanup_error_ GatewayError e = {0};
    gateway_error_set(&e, GRPC_UNAVAILABLE, GATEWAY_ERROR_PLAIN, "", "",
                      "the gateway is shutting down");
    for (unsigned i = 0; i < g->n_listeners; i++)
        loop_remove(&g->loop, &g->listeners[i].source);
    list_for_each_safe (pos, &g->sessions)
        session_end(container_of(pos, Session, node), &e, false, true);
    list_for_each (pos, &g->clients) {
        Client *c = container_of(pos, Client, node);
        if (c->connection)
            grpc_connection_shutdown(c->connection);
    }
}

static void on_signal(void *userdata, uint32_t events)
{
    Gateway *g = userdata;
    struct signalfd_siginfo info;
    if (read(g->signals.fd, &info, sizeof(info)) == sizeof(info))
        begin_stop(g);
}

int gateway_add_listener(Gateway *g, int fd, bool with_tls)
{
    if (g->n_listeners == LISTEN_MAX)
        return -E2BIG;
    struct Listener *l = &g->listeners[g->n_listeners];
    l->gateway = g;
    l->with_tls = with_tls;
    int r = loop_add(&g->loop, &l->source, fd, EPOLLIN, on_listener, l);
    if (r < 0)
        return r;
    g->n_listeners++;
    return 0;
}

void gateway_set_limits(Gateway *g, uint64_t n_fds)
{
    uint64_t half = n_fds > OTHER_FDS ? (n_fds - OTHER_FDS) / 2 : 0;
    g->max_clients = (unsigned)MIN(MAX(half, UINT64_C(1)), (uint64_t)CLIENTS_MAX);
    g->max_sessions = (unsigned)MIN(MAX(half, UINT64_C(1)), (uint64_t)SESSIONS_MAX);
}

int gateway_init(Gateway *g, const char *control_path)
{
    *g = (Gateway){.control = {.path = control_path, .fd = -EBADF, .source.fd = -EBADF},
                   .signals.fd = -EBADF,
                   .max_clients = CLIENTS_MAX,
                   .max_sessions = SESSIONS_MAX};
    list_init(&g->control.queue);
    list_init(&g->clients);
    list_init(&g->dirty);
    list_init(&g->sessions);
    list_init(&g->tenants);
    for (unsigned i = 0; i < SESSION_BUCKETS; i++)
        list_init(&g->buckets[i]);
    if (getrandom(&g->penalties.seed, sizeof(g->penalties.seed), 0) < 0)
        return -errno;
    g->tombstones = calloc(TOMBSTONES_MAX, sizeof(*g->tombstones));
    if (!g->tombstones)
        return -ENOMEM;
    int r = loop_init(&g->loop);
    if (r < 0)
        return r;

    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
        return -errno;
    int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    return loop_add(&g->loop, &g->signals, fd, EPOLLIN, on_signal, g);
}

/* Frees what was marked; nothing else frees clients and sessions. */
static void sweep(Gateway *g)
{
    list_for_each_safe (pos, &g->clients) {
        Client *c = container_of(pos, Client, node);
        if (c->dead)
            client_free(c);
    }
    list_for_each_safe (pos, &g->sessions) {
        Session *s = container_of(pos, Session, node);
        if (s->state == SESSION_STATE_CLOSED)
            session_free(s);
    }
}

void gateway_done(Gateway *g)
{
    list_for_each_safe (pos, &g->clients)
        client_free(container_of(pos, Client, node));
    _cleanup_error_ GatewayError e = {0};
    list_for_each_safe (pos, &g->sessions)
        session_end(container_of(pos, Session, node), &e, false, false);
    sweep(g);
    control_link_close(g);
    for (unsigned i = 0; i < g->n_listeners; i++) {
        int fd = g->listeners[i].source.fd;
        loop_remove(&g->loop, &g->listeners[i].source);
        fd_close(fd);
    }
    int fd = g->signals.fd;
    loop_remove(&g->loop, &g->signals);
    fd_close(fd);
    loop_done(&g->loop);
    g->tls = tls_server_free(g->tls);
    free(g->tombstones);
}

static void tick(Gateway *g, uint64_t now)
{
    client_accept_resume(g);
    control_link_tick(g, now);
    list_for_each_safe (pos, &g->clients)
        client_tick(container_of(pos, Client, node), now);
    list_for_each_safe (pos, &g->sessions)
        session_tick(container_of(pos, Session, node), now);
}

static bool is_drained(const Gateway *g)
{
    list_for_each (pos, &g->clients) {
        const Client *c = container_of(pos, Client, node);
        if (c->connection && grpc_connection_calls_open(c->connection) > 0)
            return false;
    }
    return true;
}

int gateway_run(Gateway *g)
{
    uint64_t last_tick = 0;
    for (;;) {
        uint64_t now = clock_now_usec();
        uint64_t period = control_link_is_up(g) ? TICK_MSEC : TICK_MSEC / 10;
        if (now - last_tick >= period * USEC_PER_MSEC) {
            tick(g, now);
            last_tick = now;
        }
        client_pump_dirty(g);
        sweep(g);
        client_pump_dirty(g); /* a session that ended may have answered calls */
        if (g->stopping && (now >= g->stop_usec || is_drained(g)))
            return 0;
        uint64_t passed = (clock_now_usec() - last_tick) / USEC_PER_MSEC;
        int r = loop_run(&g->loop, (int)(passed < period ? period - passed : 0));
        if (r < 0)
            return r;
    }
}

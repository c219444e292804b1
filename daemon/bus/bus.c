/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "daemon/bus/bus_internal.h"
#include "daemon/log.h"

#define RETRY_USEC (5 * USEC_PER_SEC)

static int bus_connect(Bus *b);

void bus_session_path(const Session *s, char *buf)
{
    snprintf(buf, BUS_PATH_MAX, BUS_SESSION_PREFIX "/%" PRIu64, s->id);
}

Session *bus_find_session(Manager *m, const char *id)
{
    uint64_t number;

    /* "007" is not the name of session 7. */
    if (id[0] == '0' || text_parse_u64(id, UINT64_MAX, &number) < 0)
        return NULL;
    return manager_find_session(m, number);
}

int bus_find_object(sd_bus *bus, const char *path, const char *interface, void *userdata,
                    void **ret_found, sd_bus_error *ret_error)
{
    const size_t n = strlen(BUS_SESSION_PREFIX "/");
    Session *s = NULL;

    if (strncmp(path, BUS_SESSION_PREFIX "/", n) == 0)
        s = bus_find_session(userdata, path + n);
    if (!s)
        return 0;
    *ret_found = s;
    return 1;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *ret_error)
{
    Manager *m = userdata;
    char **nodes = calloc(m->n_sessions + 1, sizeof(*nodes));
    size_t n_nodes = 0;

    if (!nodes)
        return -ENOMEM;
    list_for_each (n, &m->sessions) {
        char path[BUS_PATH_MAX];
        bus_session_path(container_of(n, Session, node), path);
        nodes[n_nodes] = strdup(path);
        if (!nodes[n_nodes++]) {
            while (n_nodes > 0)
                free(nodes[--n_nodes]);
            free(nodes);
            return -ENOMEM;
        }
    }
    *ret_nodes = nodes;
    return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    Bus *b = userdata;

    b->retry = sd_event_source_disable_unref(b->retry);
    return bus_connect(b);
}

static int retry_later(Bus *b, const char *what, int r)
{
    bus_cancel_requests(b);
    b->bus = sd_bus_close_unref(b->bus);
    if (!b->complained)
        log_line(LOG_WARNING, "%s: %s; running on without D-Bus, trying again every 5 s", what,
                 strerror(-r));
    b->complained = true;
    r = manager_timer(b->manager, &b->retry, clock_now_usec() + RETRY_USEC, on_retry, b);
    return r < 0 ? r : 0;
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Bus *b = userdata;

    b->complained = false;
    /* Not from inside its own dispatch: the timer does the rest. */
    log_line(LOG_WARNING, "the connection to D-Bus was lost, trying again every 5 s");
    b->complained = true;
    return manager_timer(b->manager, &b->retry, clock_now_usec() + RETRY_USEC, on_retry, b);
}

static int on_name(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Bus *b = userdata;
    const sd_bus_error *error = sd_bus_message_get_error(message);
    uint32_t answer = 0;

    if (!error && sd_bus_message_read(message, "u", &answer) > 0 && (answer == 1 || answer == 4)) {
        log_line(LOG_INFO, "on the bus as " BUS_NAME);
        b->complained = false;
        return 0;
    }
    if (!b->complained)
        log_line(LOG_WARNING, "no right to the bus name " BUS_NAME ": %s, trying again every 5 s",
                 error ? error->message : "it is taken");
    b->complained = true;
    int r = manager_timer(b->manager, &b->retry, clock_now_usec() + RETRY_USEC, on_retry, b);
    return MIN(r, 0);
}

static int bus_connect(Bus *b)
{
    Manager *m = b->manager;

    bus_cancel_requests(b);
    b->bus = sd_bus_close_unref(b->bus);
    int r = sd_bus_open_system(&b->bus);
    if (r < 0)
        return retry_later(b, "no system bus", r);
    (void)sd_bus_set_exit_on_disconnect(b->bus, false);
    r = sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_MANAGER_INTERFACE, manager_vtable, m);
    if (r >= 0)
        r = sd_bus_add_fallback_vtable(b->bus, NULL, BUS_SESSION_PREFIX, BUS_SESSION_INTERFACE,
                                       session_vtable, bus_find_object, m);
    if (r >= 0)
        r = sd_bus_add_node_enumerator(b->bus, NULL, BUS_SESSION_PREFIX, enumerate, m);
    if (r >= 0)
        r = sd_bus_add_object_manager(b->bus, NULL, BUS_PATH);
    if (r >= 0)
        r = sd_bus_match_signal_async(b->bus, NULL, NULL, "/org/freedesktop/DBus/Local",
                                      "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                      NULL, b);
    if (r >= 0)
        r = sd_bus_request_name_async(b->bus, NULL, BUS_NAME, 0, on_name, b);
    /* After all else: a user who calls without end keeps nobody's executor waiting. */
    if (r >= 0)
        r = sd_bus_attach_event(b->bus, m->event, SD_EVENT_PRIORITY_NORMAL + 20);
    return r < 0 ? retry_later(b, "cannot use the system bus", r) : 0;
}

int bus_new(Manager *m)
{
    Bus *b = calloc(1, sizeof(*b));

    if (!b)
        return -ENOMEM;
    b->manager = m;
    list_init(&b->requests);
    m->bus = b;
    return bus_connect(b);
}

Bus *bus_free(Bus *b)
{
    if (!b)
        return NULL;
    bus_cancel_requests(b);
    for (unsigned i = 0; i < BUS_RELOADS_MAX; i++)
        b->reloads[i] = sd_bus_message_unref(b->reloads[i]);
    b->retry = sd_event_source_disable_unref(b->retry);
    b->bus = sd_bus_flush_close_unref(b->bus);
    free(b);
    return NULL;
}

void bus_reloaded(Manager *m, uint64_t serial, int result)
{
    if (!m->bus || serial == 0 || serial > BUS_RELOADS_MAX || !m->bus->reloads[serial - 1])
        return;
    sd_bus_message *call = TAKE_PTR(m->bus->reloads[serial - 1]);
    if (result < 0)
        (void)sd_bus_reply_method_errorf(
            call, BUS_ERROR_RELOAD,
            "The configuration is not valid; the old one stays. The log says why.");
    else
        (void)sd_bus_reply_method_return(call, NULL);
    sd_bus_message_unref(call);
}

static sd_bus *connection(const Manager *m)
{
    return m->bus && m->bus->bus && sd_bus_is_ready(m->bus->bus) > 0 ? m->bus->bus : NULL;
}

static void session_signal(Manager *m, const Session *s, const char *name, const char *cause)
{
    char path[BUS_PATH_MAX], id[24];

    snprintf(id, sizeof(id), "%" PRIu64, s->id);
    bus_session_path(s, path);
    if (cause)
        (void)sd_bus_emit_signal(connection(m), BUS_PATH, BUS_MANAGER_INTERFACE, name, "sos", id,
                                 path, cause);
    else
        (void)sd_bus_emit_signal(connection(m), BUS_PATH, BUS_MANAGER_INTERFACE, name, "so", id,
                                 path);
}

void bus_session_added(Manager *m, const Session *s)
{
    char path[BUS_PATH_MAX];

    if (!connection(m))
        return;
    bus_session_path(s, path);
    (void)sd_bus_emit_interfaces_added(connection(m), path, BUS_SESSION_INTERFACE, NULL);
    session_signal(m, s, "SessionAdded", NULL);
}

void bus_session_removed(Manager *m, const Session *s, const char *cause)
{
    char path[BUS_PATH_MAX];

    if (!connection(m))
        return;
    bus_session_path(s, path);
    (void)sd_bus_emit_interfaces_removed(connection(m), path, BUS_SESSION_INTERFACE, NULL);
    session_signal(m, s, "SessionRemoved", cause);
}

void bus_session_changed(Manager *m, Session *s)
{
    s->changed = true;
    manager_changed(m);
}

void bus_flush_changes(Manager *m)
{
    sd_bus *bus = connection(m);

    if (!bus)
        return;
    list_for_each (n, &m->sessions) {
        Session *s = container_of(n, Session, node);
        char path[BUS_PATH_MAX];
        if (!s->changed)
            continue;
        s->changed = false;
        bus_session_path(s, path);
        (void)sd_bus_emit_properties_changed(bus, path, BUS_SESSION_INTERFACE, "State",
                                             "Generation", "Pid", "Cgroup", "NumaNode", "NQueries",
                                             "MemoryGrantBytes", "MemoryLimitBytes", NULL);
    }
    (void)sd_bus_emit_properties_changed(bus, BUS_PATH, BUS_MANAGER_INTERFACE, "NSessions",
                                         "NQueries", "NQueued", "NWarm", "Draining",
                                         "MemoryBudgetBytes", "MemoryGrantedBytes", NULL);
}

void bus_limit_resized(Manager *m, Session *s, uint64_t old_bytes, uint64_t new_bytes,
                       const char *cause, uint64_t latency_usec)
{
    char id[24];

    if (!connection(m))
        return;
    snprintf(id, sizeof(id), "%" PRIu64, s->id);
    (void)sd_bus_emit_signal(connection(m), BUS_PATH, BUS_MANAGER_INTERFACE, "LimitResized",
                             "sttst", id, old_bytes, new_bytes, cause, latency_usec);
    bus_session_changed(m, s);
}

void bus_out_of_memory(Manager *m, const Session *s, uint64_t peak_bytes, uint64_t limit_bytes,
                       const char *outcome)
{
    char id[24];

    if (!connection(m))
        return;
    snprintf(id, sizeof(id), "%" PRIu64, s->id);
    (void)sd_bus_emit_signal(connection(m), BUS_PATH, BUS_MANAGER_INTERFACE, "OutOfMemory", "stts",
                             id, peak_bytes, limit_bytes, outcome);
}

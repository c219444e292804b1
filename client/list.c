/* SPDX-License-Identifier: Apache-2.0 */
/* berth sessions, pools, queries: one table each; berth sessions ID: everything about one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "client/manager.h"
#include "client/table.h"
#include "client/variant.h"
#include "client/verbs.h"

static const char *state_color(const char *state)
{
    if (strcmp(state, "running") == 0 || strcmp(state, "handout") == 0)
        return "green";
    if (strcmp(state, "restarting") == 0 || strcmp(state, "queued") == 0)
        return "yellow";
    return NULL;
}

static int list_sessions(const Options *o)
{
    static const TableColumn columns[] = {
        {"SESSION", "session", .right = true},
        {"USER", "user"},
        {"STATE", "state"},
        {"PROFILE", "profile"},
        {"NODE", "numa_node", .right = true},
        {"USED", "memory_current_bytes", .right = true},
        {"GRANT", "memory_grant_bytes", .right = true},
        {"LIMIT", "memory_limit_bytes", .right = true},
        {"PEAK", "memory_peak_bytes", .right = true},
        {"QUERIES", "queries", .right = true},
        {"GEN", "generation", .right = true},
        {"AGE", "started_usec", .right = true},
        {"CLIENT SESSION", "client_session", .cut = true},
        {"UID", "uid", .right = true},
    };
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_(table_freep) Table *t = NULL;
    SessionRow w;
    int r = bus_connect(&bus);
    if (r >= 0)
        r = manager_list(bus, "ListSessions", MANAGER_SESSION_TYPE, &reply);
    if (r >= 0)
        r = table_new(columns, ARRAY_SIZE(columns), o, &t);
    while (r >= 0 && (r = manager_next_session(reply, &w)) > 0) {
        table_row(t);
        table_text(t, w.id);
        table_text(t, w.user);
        table_word(t, w.state, state_color(w.state));
        table_text(t, w.profile);
        table_number_if(t, (uint64_t)w.node, w.node >= 0);
        table_bytes(t, w.current_bytes);
        table_bytes(t, w.grant_bytes);
        table_bytes(t, w.limit_bytes);
        table_bytes(t, w.peak_bytes);
        table_number(t, w.n_queries);
        table_number(t, w.generation);
        table_since(t, w.started_usec);
        table_text(t, w.client_session);
        table_number(t, w.uid);
    }
    return r < 0 ? r : table_print(t);
}

static int describe_session(const Options *o, const char *session)
{
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = bus_connect(&bus);
    if (r >= 0)
        r = bus_call(bus, "DescribeSession", &reply, "s", session);
    return r < 0 ? r : variant_print_dictionary(reply, o);
}

int verb_sessions(int argc, char **argv)
{
    Options o;
    int r = options_parse(argc, argv, OPTIONS_NONE, "[--json] [--no-legend] [SESSION]", 0, 1, &o);
    if (r >= 0)
        return r;
    r = o.n_words == 1 ? describe_session(&o, o.words[0]) : list_sessions(&o);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int list_pools(sd_bus *bus, const Options *o)
{
    static const TableColumn columns[] = {
        {"NODE", "numa_node", .right = true},
        {"CLASS", "class"},
        {"CPUS", "cpus"},
        {"SLOTS", "slots", .right = true},
        {"LEASED", "slots_leased", .right = true},
        {"MEMORY", "memory_bytes", .right = true},
        {"GRANTED", "memory_granted_bytes", .right = true},
        {"VERSION", "executor_version"},
    };
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_(table_freep) Table *t = NULL;
    PoolRow w;
    int r = manager_list(bus, "ListPools", MANAGER_POOL_TYPE, &reply);
    if (r >= 0)
        r = table_new(columns, ARRAY_SIZE(columns), o, &t);
    while (r >= 0 && (r = manager_next_pool(reply, &w)) > 0) {
        table_row(t);
        table_number(t, w.node);
        table_text(t, w.class);
        table_text(t, w.cpus);
        table_number(t, w.n_slots);
        table_number(t, w.n_leased);
        table_bytes(t, w.memory_bytes);
        table_bytes(t, w.granted_bytes);
        table_text(t, w.version);
    }
    return r < 0 ? r : table_print(t);
}

static int list_slots(sd_bus *bus, const Options *o)
{
    static const TableColumn columns[] = {
        {"SLOT", "slot", .right = true},
        {"NODE", "numa_node", .right = true},
        {"CLASS", "class"},
        {"CPUS", "cpus"},
        {"MEMORY", "memory_bytes", .right = true},
        {"SESSION", "session", .right = true},
        {"UID", "uid", .right = true},
    };
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_(table_freep) Table *t = NULL;
    SlotRow w;
    int r = manager_list(bus, "ListSlots", MANAGER_SLOT_TYPE, &reply);
    if (r >= 0)
        r = table_new(columns, ARRAY_SIZE(columns), o, &t);
    while (r >= 0 && (r = manager_next_slot(reply, &w)) > 0) {
        table_row(t);
        table_number(t, w.slot);
        table_number(t, w.node);
        table_text(t, w.class);
        table_text(t, w.cpus);
        table_bytes(t, w.memory_bytes);
        table_text(t, w.session);
        table_number_if(t, w.uid, w.uid != UINT32_MAX);
    }
    return r < 0 ? r : table_print(t);
}

int verb_pools(int argc, char **argv)
{
    Options o;
    _cleanup_bus_ sd_bus *bus = NULL;
    int r = options_parse(argc, argv, OPTION_SLOTS, "[--json] [--no-legend] [--slots]", 0, 0, &o);
    if (r >= 0)
        return r;
    r = bus_connect(&bus);
    if (r >= 0)
        r = o.slots ? list_slots(bus, &o) : list_pools(bus, &o);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int list_queries(const Options *o)
{
    static const TableColumn columns[] = {
        {"SESSION", "session", .right = true},
        {"QUERY", "query", .right = true},
        {"USER", "user"},
        {"STATE", "state"},
        {"POSITION", "queue_position", .right = true},
        {"SCAN", "scan_bytes", .right = true},
        {"ROWS", "rows", .right = true},
        {"ESTIMATE", "estimate_bytes", .right = true},
        {"GRANT", "grant_bytes", .right = true},
        {"THREADS", "threads", .right = true},
        {"AGE", "started_usec", .right = true},
        {"OPERATION", "operation", .cut = true},
        {"UID", "uid", .right = true},
    };
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_(table_freep) Table *t = NULL;
    QueryRow w;
    int r = bus_connect(&bus);
    if (r >= 0)
        r = manager_list(bus, "ListQueries", MANAGER_QUERY_TYPE, &reply);
    if (r >= 0)
        r = table_new(columns, ARRAY_SIZE(columns), o, &t);
    while (r >= 0 && (r = manager_next_query(reply, &w)) > 0) {
        table_row(t);
        table_text(t, w.session);
        table_number(t, w.query);
        table_text(t, w.user);
        table_word(t, w.state, state_color(w.state));
        table_number_if(t, w.position, w.position > 0);
        table_bytes(t, w.scan_bytes);
        table_number(t, w.rows);
        table_bytes(t, w.estimate_bytes);
        table_bytes(t, w.grant_bytes);
        table_number(t, w.n_threads);
        table_since(t, w.started_usec);
        table_text(t, w.operation);
        table_number(t, w.uid);
    }
    return r < 0 ? r : table_print(t);
}

int verb_queries(int argc, char **argv)
{
    Options o;
    int r = options_parse(argc, argv, OPTIONS_NONE, "[--json] [--no-legend]", 0, 0, &o);
    if (r >= 0)
        return r;
    return list_queries(&o) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/manager.h"

#include <stdio.h>

int manager_list(sd_bus *bus, const char *method, const char *row_type, sd_bus_message **ret_reply)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    char contents[64];
    int r = bus_call(bus, method, &reply, "");
    if (r < 0)
        return r;
    (void)snprintf(contents, sizeof(contents), "(%s)", row_type);
    r = sd_bus_message_enter_container(reply, 'a', contents);
    if (r <= 0)
        return bus_malformed(r);
    *ret_reply = TAKE_PTR(reply);
    return 0;
}

/* sd_bus_message_read() of a struct gives 0 at the end of the array. */
static int next(int r)
{
    return r < 0 ? bus_malformed(r) : r > 0;
}

int manager_next_session(sd_bus_message *reply, SessionRow *ret_row)
{
    SessionRow w = {0};
    const char *path;
    int r = next(sd_bus_message_read(
        reply, "(" MANAGER_SESSION_TYPE ")", &w.id, &w.uid, &w.user, &w.client_session, &w.state,
        &w.profile, &w.node, &w.grant_bytes, &w.limit_bytes, &w.current_bytes, &w.peak_bytes,
        &w.n_queries, &w.generation, &w.started_usec, &path));
    if (r > 0)
        *ret_row = w;
    return r;
}

int manager_next_query(sd_bus_message *reply, QueryRow *ret_row)
{
    QueryRow w = {0};
    int r = next(sd_bus_message_read(reply, "(" MANAGER_QUERY_TYPE ")", &w.session, &w.query,
                                     &w.operation, &w.uid, &w.user, &w.state, &w.position,
                                     &w.scan_bytes, &w.estimate_bytes, &w.grant_bytes, &w.rows,
                                     &w.n_threads, &w.started_usec));
    if (r > 0)
        *ret_row = w;
    return r;
}

int manager_next_pool(sd_bus_message *reply, PoolRow *ret_row)
{
    PoolRow w = {0};
    int r = next(sd_bus_message_read(reply, "(" MANAGER_POOL_TYPE ")", &w.node, &w.class, &w.cpus,
                                     &w.n_slots, &w.n_leased, &w.memory_bytes, &w.granted_bytes,
                                     &w.version));
    if (r > 0)
        *ret_row = w;
    return r;
}

int manager_next_slot(sd_bus_message *reply, SlotRow *ret_row)
{
    SlotRow w = {0};
    int r = next(sd_bus_message_read(reply, "(" MANAGER_SLOT_TYPE ")", &w.slot, &w.node, &w.class,
                                     &w.cpus, &w.memory_bytes, &w.session, &w.uid));
    if (r > 0)
        *ret_row = w;
    return r;
}

int manager_next_queued(sd_bus_message *reply, QueueRow *ret_row)
{
    QueueRow w = {0};
    int r = next(sd_bus_message_read(reply, "(" MANAGER_QUEUE_TYPE ")", &w.session, &w.query,
                                     &w.operation, &w.uid, &w.user, &w.position, &w.estimate_bytes,
                                     &w.scan_bytes, &w.waited_usec, &w.reason));
    if (r > 0)
        *ret_row = w;
    return r;
}

int manager_next_history(sd_bus_message *reply, HistoryRow *ret_row)
{
    HistoryRow w = {0};
    int r = next(sd_bus_message_read(
        reply, "(" MANAGER_HISTORY_TYPE ")", &w.id, &w.started_usec, &w.session, &w.query, &w.uid,
        &w.state, &w.cause, &w.version, &w.operation, &w.fingerprint, &w.rows, &w.scan_bytes,
        &w.estimate_bytes, &w.grant_bytes, &w.peak_bytes, &w.limit_bytes, &w.cpu_usec,
        &w.queued_usec, &w.elapsed_usec, &w.operator_name, &w.generation));
    if (r > 0)
        *ret_row = w;
    return r;
}

int manager_next_workload(sd_bus_message *reply, WorkloadRow *ret_row)
{
    WorkloadRow w = {0};
    int r = next(sd_bus_message_read(
        reply, "(" MANAGER_WORKLOAD_TYPE ")", &w.uid, &w.fingerprint, &w.version, &w.n, &w.n_failed,
        &w.n_oom, &w.first_usec, &w.last_usec, &w.estimate_bytes, &w.grant_bytes, &w.peak_bytes,
        &w.last_peak_bytes, &w.elapsed_usec, &w.cpu_usec, &w.queued_usec));
    if (r > 0)
        *ret_row = w;
    return r;
}

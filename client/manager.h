/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rows of org.berth.Berth1.Manager's lists. Texts are borrowed from the reply. */

#include "client/bus.h"

typedef struct SessionRow {
    const char *id, *user, *client_session, *state, *profile;
    uint32_t uid, n_queries, generation;
    int32_t node;
    uint64_t grant_bytes, limit_bytes, current_bytes, peak_bytes, started_usec;
} SessionRow;

typedef struct QueryRow {
    const char *session, *operation, *user, *state;
    uint32_t uid, position, n_threads;
    uint64_t query, scan_bytes, estimate_bytes, grant_bytes, rows, started_usec;
} QueryRow;

typedef struct PoolRow {
    const char *class, *cpus, *version;
    uint32_t node, n_slots, n_leased;
    uint64_t memory_bytes, granted_bytes;
} PoolRow;

typedef struct SlotRow {
    const char *class, *cpus, *session;
    uint32_t slot, node, uid;
    uint64_t memory_bytes;
} SlotRow;

typedef struct QueueRow {
    const char *session, *operation, *user, *reason;
    uint32_t uid, position;
    uint64_t query, estimate_bytes, scan_bytes, waited_usec;
} QueueRow;

typedef struct HistoryRow {
    const char *state, *cause, *version, *operation, *operator_name;
    uint32_t uid, generation;
    uint64_t id, started_usec, session, query, fingerprint, rows, scan_bytes, estimate_bytes,
        grant_bytes, peak_bytes, limit_bytes, cpu_usec, queued_usec, elapsed_usec;
} HistoryRow;

typedef struct WorkloadRow {
    const char *version;
    uint32_t uid;
    uint64_t fingerprint, n, n_failed, n_oom, first_usec, last_usec, estimate_bytes, grant_bytes,
        peak_bytes, last_peak_bytes, elapsed_usec, cpu_usec, queued_usec;
} WorkloadRow;

/* Enter the array of a reply to ListSessions etc. Return: 0; negative errno, told. */
int manager_list(sd_bus *bus, const char *method, const char *row_type, sd_bus_message **ret_reply);

#define MANAGER_SESSION_TYPE "sussssittttuuto"
#define MANAGER_QUERY_TYPE "stsussuttttut"
#define MANAGER_QUEUE_TYPE "stsusuttts"
#define MANAGER_HISTORY_TYPE "ttttussssttttttttttsu"
#define MANAGER_WORKLOAD_TYPE "utstttttttttttt"
#define MANAGER_POOL_TYPE "ussuutts"
#define MANAGER_SLOT_TYPE "uusstsu"

/* The next row. Return: 1 a row, 0 the end, negative errno, told. */
int manager_next_session(sd_bus_message *reply, SessionRow *ret_row);
int manager_next_query(sd_bus_message *reply, QueryRow *ret_row);
int manager_next_queued(sd_bus_message *reply, QueueRow *ret_row);
int manager_next_history(sd_bus_message *reply, HistoryRow *ret_row);
int manager_next_workload(sd_bus_message *reply, WorkloadRow *ret_row);
int manager_next_pool(sd_bus_message *reply, PoolRow *ret_row);
int manager_next_slot(sd_bus_message *reply, SlotRow *ret_row);

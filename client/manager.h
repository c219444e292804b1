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

/* Enter the array of a reply to ListSessions etc. Return: 0; negative errno, told. */
int manager_list(sd_bus *bus, const char *method, const char *row_type, sd_bus_message **ret_reply);

#define MANAGER_SESSION_TYPE "sussssittttuuto"
#define MANAGER_QUERY_TYPE "stsussuttttut"
#define MANAGER_POOL_TYPE "ussuutts"
#define MANAGER_SLOT_TYPE "uusstsu"

/* The next row. Return: 1 a row, 0 the end, negative errno, told. */
int manager_next_session(sd_bus_message *reply, SessionRow *ret_row);
int manager_next_query(sd_bus_message *reply, QueryRow *ret_row);
int manager_next_pool(sd_bus_message *reply, PoolRow *ret_row);
int manager_next_slot(sd_bus_message *reply, SlotRow *ret_row);

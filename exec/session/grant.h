/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who says how much memory and how many threads a query may use: berthd over the control link, or,
 * in embedded mode, the limits of the command line. Also the broker that the process pool asks
 * (D-10).
 */

#include <stdatomic.h>

#include "exec/connect/service.h"
#include "exec/memory/memory.h"
#include "exec/session/control_link.h"

/*
 * What the process itself needs besides what pools count: code, stacks, glibc's heap, the ring.
 * Measured on a warm executor with eight threads: 9 MiB; the rest is room. The pool's limit is the
 * grant minus this.
 */
#define GRANT_PROCESS_BYTES (UINT64_C(24) << 20)

typedef struct GrantSource GrantSource;

/**
 * grant_source_new() - limits that nobody can raise, until grant_source_connect()
 * @memory_bytes: grant of the whole process, GRANT_PROCESS_BYTES included
 * Return: 0 or -ENOMEM.
 */
int grant_source_new(uint64_t memory_bytes, uint32_t n_threads, GrantSource **ret_source);
/* From now on @link is asked. Before the first query. */
void grant_source_connect(GrantSource *source, ControlLink *link);
GrantSource *grant_source_free(GrantSource *source);

/* The process's root pool, whose broker is this source. Borrowed. */
MemPool *grant_source_pool(GrantSource *source);

/**
 * grant_ask() - may this query run, with how much?
 * Blocks while the query is queued. Return: 0; QUERY_E_FAILED with @error; QUERY_E_CANCELLED;
 * negative errno.
 */
int grant_ask(GrantSource *source, uint64_t query, const ServiceEstimate *estimate,
              const atomic_bool *cancelled, ServiceGrant *ret_grant, QueryError *error);

/* The query has ended; tells berthd, and gives memory that is no longer needed back. */
void grant_end(GrantSource *source, uint64_t query, const ServiceUsage *usage);

/* berthd wants the process below @total_bytes: drop what is cached and report. */
void grant_shrink(GrantSource *source, uint64_t total_bytes);

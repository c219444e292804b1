/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What queries have used, kept over restarts: one row for each query that ended, and one for each
 * workload (who, which plan, which executor version) with its sums. An sqlite database in a
 * directory of the manager's own.
 *
 * Calls may sleep on the disk, so they belong on a control thread, and one at a time. History is
 * never a reason to refuse work: a full disk costs records, a damaged file is put aside and begun
 * again, and both are told to who asked.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/control.h"

#define HISTORY_LIST_MAX 10000u

typedef struct HistoryRecord {
    uint64_t id;         /* out: ascending in order of their end */
    uint64_t start_usec; /* CLOCK_REALTIME, when it was asked for */
    uint32_t uid;
    uint32_t state; /* QueryState */
    uint32_t cause; /* SessionCause when its executor died under it, else NONE */
    uint32_t generation;
    uint64_t session, query, fingerprint;
    uint64_t rows, scan_bytes;
    uint64_t estimate_bytes; /* of memory, as first told */
    uint64_t grant_bytes;    /* the largest it had */
    uint64_t peak_bytes;     /* what it used */
    uint64_t limit_bytes;    /* memory.max of its executor at the end */
    uint64_t cpu_usec, queued_usec, elapsed_usec;
    char version[CONTROL_VERSION_NAME_MAX];
    char operation[CONTROL_SESSION_ID_MAX];
    char operator_name[CONTROL_OPERATOR_MAX]; /* that held the memory when it failed; "" */
} HistoryRecord;

typedef struct HistoryWorkload {
    uint32_t uid;
    uint64_t fingerprint;
    char version[CONTROL_VERSION_NAME_MAX];
    uint64_t n, n_failed, n_oom;
    uint64_t first_usec, last_usec; /* start of its first and latest query */
    uint64_t estimate_bytes;        /* largest */
    uint64_t grant_bytes;           /* largest */
    uint64_t peak_bytes;            /* largest */
    uint64_t last_peak_bytes;
    uint64_t elapsed_usec, cpu_usec, queued_usec; /* sums over all @n */
} HistoryWorkload;

typedef struct HistoryFilter {
    uint32_t uid;         /* UINT32_MAX: everybody */
    uint64_t fingerprint; /* 0: all */
    uint64_t since_usec;  /* start at or after */
    bool failed_only;
} HistoryFilter;

typedef struct History History;

typedef struct HistoryLimits {
    uint64_t queries_max;   /* older rows go */
    uint64_t workloads_max; /* those unused the longest go */
} HistoryLimits;

/**
 * history_open() - opens or makes `history.sqlite` in @dir, which exists
 * @ret_damaged: set when what was there could not be used and is now `history.sqlite.damaged`
 * Return: 0; -ENOMEM; -ENOSPC; -EIO or another errno of the file system.
 */
int history_open(const char *dir, const HistoryLimits *limits, History **ret_history,
                 bool *ret_damaged);
History *history_close(History *h);

static inline void history_closep(History **h)
{
    *h = history_close(*h);
}

/**
 * history_append() - all of them or none, in one transaction
 * Return: 0; -ENOSPC; -EIO; -EUCLEAN: the file was damaged, has been put aside and begun again, and
 * the records are in the new one.
 */
int history_append(History *h, const HistoryRecord *records, size_t n);

/* The latest first, at most @max. Return: 0; -EIO; -EUCLEAN as above, with nothing found. */
int history_list(History *h, const HistoryFilter *filter, HistoryRecord *records, size_t max,
                 size_t *ret_n);
/* The latest used first, at most @max. @filter->failed_only: those with a failure. */
int history_workloads(History *h, const HistoryFilter *filter, HistoryWorkload *workloads,
                      size_t max, size_t *ret_n);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The manager's side of the history: what ended is gathered, written by a thread of its own, and
 * asked for by the bus. Everything here is on the loop; the thread sees copies.
 */

#include "daemon/history/history.h"
#include "daemon/manager.h"
#include "daemon/worker.h"

typedef struct Records Records;

/* Makes @m->records. Without HistoryDirectory= nothing is kept, and asking gives nothing. Return: 0
 * or negative errno; a file that cannot be opened is only logged. */
int records_new(Manager *m);
/* Writes what waits. Accepts NULL. Return: NULL. */
Records *records_free(Records *r);

/* A query has ended. Copies; never blocks. */
void records_add(Records *r, const HistoryRecord *record);

/* A job of others on the same thread, behind all that wait. */
void records_submit(Records *r, WorkerJob *job);
/* HistoryDirectory= as it was at the start. */
const char *records_directory(const Records *r);

/* What was asked for; exactly one of the arrays is there. @error: negative errno, with no rows. */
typedef struct RecordsAnswer {
    int error;
    HistoryRecord *queries;
    HistoryWorkload *workloads;
    size_t n;
} RecordsAnswer;

typedef void (*RecordsAnswered)(Manager *m, void *userdata, const RecordsAnswer *answer);

/**
 * records_ask() - rows of the history, the latest first
 * @workloads: sums by workload instead of queries
 * @max:       at most HISTORY_LIST_MAX
 * @answered:  called once, on the loop, not before records_ask() has returned; when the manager
 *             ends with @answer NULL
 * Return: 0; -ENOMEM; -EBUSY: too many questions wait. @answered is not called then.
 */
int records_ask(Records *r, const HistoryFilter *filter, bool workloads, size_t max,
                RecordsAnswered answered, void *userdata);

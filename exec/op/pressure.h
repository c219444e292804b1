/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside op/: what happens when memory runs short and there is a spill directory.
 *
 * Who notices: a sink that can spill is asked to, before its next batch, when less than a sixteenth
 * of the limit is free. A charge that is refused anywhere, in a scan or a join probe, comes to
 * pressure_relieve() before it fails.
 *
 * Who spills: the source of the worker that needs memory, its sink, else the sinks of others. A
 * sink's local is touched under its worker's sink_lock: by the worker while a batch is in the sink,
 * by anybody who needs memory while it is not. Nobody waits for another's sink without a bound, and
 * who is inside a sink, whom others may be waiting for, hardly at all.
 *
 * What cannot stop half-way is covered by the worker's reserve, charged when the query begins and
 * filled up again at the next batch.
 */

#include "exec/op/pipeline.h"
#include "exec/op/spill.h"

#define PRESSURE_RESERVE_BYTES (UINT64_C(1) << 20)
#define SPILL_ORDER_BYTES (64u << 10) /* of worker->spill_order, for sorting what is written */

/* Fewer workers where their buffers alone would fill the limit. */
uint32_t pressure_threads(const MemPool *pool, uint32_t n_threads);
/* Return: 0; -ENOMEM; MEM_E_*. Without @q->run->spill nothing is done, and nothing spills. */
int pressure_init(Query *q);
void pressure_done(Query *q);

/*
 * Before pipeline @at begins: finished sinks make room for its workers. Return: 0; else the query
 * has failed.
 */
int pressure_shed(Query *q, uint32_t at);

/* The calling thread is @worker's from here to pressure_leave(). */
void pressure_enter(Worker *worker);
void pressure_leave(Worker *worker);
/* The worker's sink may be spilled; its local is made. */
void pressure_sink_open(Worker *worker, Operator *sink);
/* ... and no longer. */
void pressure_sink_close(Worker *worker);
/* Combine: nobody else touches the local meanwhile. */
int pressure_combine(Operator *sink, Worker *worker);

/*
 * A sink that appends rows and may spill tries in this order: as it is; with what it holds on disk;
 * when it holds nothing, with the worker's reserve. A refusal after that is the query's.
 *
 *     SpillTry try = {.disk = context->spill};
 *     for (at = 0; at < n; at += done) {
 *         spill_try(&try, worker, holds_rows);
 *         r = append(...);
 *         if (spill_refused(&try, worker, &r, holds_rows))
 *             r = spill(...);
 *         if (r)
 *             return r;
 *     }
 */
typedef struct SpillTry {
    bool disk; /* is there a spill directory? */
    bool with_reserve;
} SpillTry;

void spill_try(const SpillTry *t, Worker *worker, bool holds_rows);
/* @r: what the append returned; 0 is stored when it is worth another try. Return: spill now. */
bool spill_refused(SpillTry *t, Worker *worker, int *r, bool holds_rows);

/* Is the worker's reserve whole, or could it be filled up? */
bool worker_reserve(Worker *worker);
/* Less than this many bytes of rows are not written to disk, unless there is no other way. */
uint64_t spill_worth(const ExecContext *context);
/* A writer with the worker's own buffer; one at a time. */
void worker_spill_writer(Worker *worker, const SpillShape *shape, SpillWriter *ret_writer);
/* For writers with buffers of their own, of at most SPILL_BLOCK_BYTES: room for a packed block. */
void *worker_spill_packed(Worker *worker);
/* Counts what a node has written. */
void worker_spilled(Worker *worker, const Operator *op, uint64_t bytes);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Pipelines over morsels.
 *
 * A plan is cut at its blocking operators into pipelines: a Source, some streaming operators, a
 * Sink. Every worker runs the same pipeline, takes batches from the source and pushes each through
 * to the sink; what a worker needs for itself is a *local* that the operator makes for it.
 * A sink's result is the source of a later pipeline (aggregate, sort) or is used by a streaming
 * operator in one (hash join).
 *
 *   source    open, local_new, next ..., local_free, close
 *   stream    open, local_new, execute ..., flush, local_free, close
 *   sink      open, local_new, execute ..., combine, finish, local_free, close
 *
 * Order of calls, and which thread:
 *   open        once, one thread, when all pipelines that it depends on have finished
 *   local_new   once per worker, on the worker
 *   next/execute, flush, combine      on the worker
 *   finish      once, when all workers have combined; then finish_task(0..n) spread over workers
 *   local_free, close       always, also after errors, also when open failed half-way
 *
 * Every verb returns 0, QUERY_E_FAILED (through context_fail()), QUERY_E_CANCELLED, MEM_E_* or a
 * negative errno. The first error wins and stops all workers at their next batch.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/op/run.h"
#include "exec/plan/plan.h"
#include "exec/vec/vector.h"

enum {
    OP_E_END = 2000, /* source: no more batches for this worker. stream: no more rows are wanted */
};

typedef struct Operator Operator;

typedef struct Worker {
    uint32_t index; /* 0..context->n_threads-1 */
    ExecContext *context;
    NodeMetrics *metrics; /* by node id, this worker's own; NULL when nobody wants them */
    QueryError error;     /* this worker's; context_fail() keeps the first of all */
    void **locals;        /* of the pipeline that runs, by Operator.number */
    uint64_t position;    /* of the batch that it works on */
    uint32_t node;        /* whose time is running, and since when */
    uint64_t node_since;

    /* What memory pressure needs (pressure.h). */
    uint64_t reserve;          /* charged for what cannot stop half-way */
    _Atomic(uintptr_t) thread; /* that works for this worker; 0: none */
    pthread_mutex_t sink_lock; /* of the sink's local */
    Operator *sink;            /* whose local may be spilled, under sink_lock; or NULL */
    bool in_sink;              /* a batch is in it, or it is being spilled, by this thread */
    bool keep_reserve;         /* who asks now would rather go another way */
    bool can_retry;            /* who asks now handles a refusal itself */
    void *spill_buffer, *spill_order;
    /* Writes to disk what the source holds for this worker, on its thread. Return: less is held. */
    bool (*give)(void *userdata);
    void *give_userdata; /* or NULL */
    uint32_t n_batches;  /* into sinks; for tests */
} Worker;

/* Shared by all workers of a query. Const while pipelines run, except the atomics. */
struct ExecContext {
    MemPool *pool;
    MemArena *arena; /* for open() and makers only: single-threaded moments */
    uint32_t n_threads;
    const atomic_bool *cancel;
    atomic_bool stop;       /* an error, a cancel, or nobody wants more */
    ExecProgress *progress; /* never NULL */
    uint32_t n_nodes;
    struct SpillSpace *spill; /* NULL: nothing is written to disk */
};

/* To be asked between batches, and inside loops that run longer than a few milliseconds. */
static inline bool context_stopped(const ExecContext *context)
{
    return atomic_load_explicit(&context->stop, memory_order_relaxed) ||
           (context->cancel && atomic_load_explicit(context->cancel, memory_order_relaxed));
}

/*
 * What a finished join build knows about its keys, handed to the scan on the probe side. It may
 * pass rows that do not join; it never drops one that does. Null keys never pass.
 */
typedef struct RuntimeFilter {
    uint32_t column; /* output column of the scan; PHYS_I8..PHYS_I64 (decimals up to 18 digits too),
                        dates, timestamps */
    atomic_bool
        ready;  /* set before the scan's open(); never ready when the build judged it useless */
    bool empty; /* no key at all: nothing passes */
    int64_t min, max;       /* closed range of the keys */
    const uint64_t *bitmap; /* exact: bit (value - min); NULL: use bloom */
    const uint64_t *bloom;  /* u64[bloom_mask + 1] */
    uint64_t bloom_mask;
    /*
     * A bound that gets narrower while the scan runs: what a top-N has found so far. Ready from the
     * beginning; only the two values and the number of changes count, and nulls may pass.
     */
    bool moving, nulls_pass;
    atomic_int_fast64_t moving_min, moving_max;
    atomic_uint version;
} RuntimeFilter;

/* From now on nothing above @value (@from_below: below it) is wanted. */
void runtime_filter_narrow(RuntimeFilter *filter, bool from_below, int64_t value);

static inline uint64_t runtime_filter_hash(int64_t value)
{
    uint64_t h = (uint64_t)value * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 32);
}

static inline bool runtime_filter_test(const RuntimeFilter *f, int64_t value)
{
    if (f->empty || value < f->min || value > f->max)
        return false;
    if (f->bitmap) {
        uint64_t i = (uint64_t)value - (uint64_t)f->min;
        return f->bitmap[i >> 6] >> (i & 63) & 1;
    }
    if (f->bloom) {
        uint64_t h = runtime_filter_hash(value);
        uint64_t bits = UINT64_C(1) << (h >> 58) | UINT64_C(1) << (h >> 52 & 63);
        return (f->bloom[h & f->bloom_mask] & bits) == bits;
    }
    return true;
}

/**
 * runtime_filter_select() - rows of @v that may join
 * @sel:      in, ascending rows, or NULL for 0..@n
 * @sel_out:  out, u16[VEC_ROWS_MAX]; may be @sel
 * Return: rows left.
 */
uint32_t runtime_filter_select(const RuntimeFilter *filter, const Vector *v, const uint16_t *sel,
                               uint32_t n, uint16_t *sel_out);
/* Can any value of a closed range pass? For row groups, pages and dictionaries. */
bool runtime_filter_range(const RuntimeFilter *filter, int64_t min, int64_t max);

#define SOURCE_RUNTIME_FILTERS_MAX 8u

typedef struct SourceClass {
    const char *name; /* as EXPLAIN and messages say it: "scan" */
    /* Before open(): is there nothing to do? Then the pipeline is left out. NULL: never. */
    bool (*is_empty)(const Source *source);
    int (*open)(Source *source);
    int (*local_new)(Source *source, Worker *worker, void **ret_local);
    /**
     * next() - one more batch
     * The batch and what it points to stay valid until the next call with the same local, except
     * dictionaries and strings, which stay valid as long as any batch of their column chunk may be
     * in use by this worker (operators copy what they keep).
     *
     * @position of the batch is the number of its morsel, counted over the whole source, and never
     * falls on one worker. At least one batch comes back per morsel, if need be with
     * n_selected = 0, so that an ordered result knows how far everybody is.
     * Return: 0; OP_E_END; as above.
     */
    int (*next)(Source *source, void *local, Worker *worker, Batch **ret_batch);
    void (*local_free)(Source *source, void *local);
    /* Frees the source too. Called exactly once, whatever happened before; when its pipeline is
     * over. */
    void (*close)(Source *source);
} SourceClass;

/* The head of every source's own struct. */
struct Source {
    const SourceClass *class;
    ExecContext *context;
    const PlanNode *node;
    uint32_t n_workers_max; /* 1: only one worker may run it (a sorted stream). 0: no limit */
    bool ordered;           /* positions give the order of the rows */
    uint64_t rows_total;    /* 0 unknown; set by open() or before */
    uint32_t n_filters;     /* runtime filters, added before open(); look at @ready in open() */
    RuntimeFilter *filters[SOURCE_RUNTIME_FILTERS_MAX];
};

typedef struct OperatorClass {
    const char *name; /* "hash join build" */
    int (*open)(Operator *op);
    int (*local_new)(Operator *op, Worker *worker, void **ret_local);
    /*
     * Streams call op_emit() zero or more times; the batch that they emit is valid during that
     * call. Sinks consume. A batch is never changed except for its own header by the one who made
     * it.
     * Return: 0; OP_E_END when the operator wants no more input (limit); as above.
     */
    int (*execute)(Operator *op, void *local, Worker *worker, const Batch *batch);
    /* Streams: the worker's input has ended; emit what is left. NULL: nothing to do. */
    int (*flush)(Operator *op, void *local, Worker *worker);
    /* Sinks: hand the local's state to the operator. Concurrent with other workers. NULL: none. */
    int (*combine)(Operator *op, void *local, Worker *worker);
    /* Sinks: all have combined. @ret_n_tasks pieces of work follow, on any worker. NULL: none. */
    int (*finish)(Operator *op, Worker *worker, uint32_t *ret_n_tasks);
    int (*finish_task)(Operator *op, Worker *worker, uint32_t task);
    /*
     * Spill point: write the local's rows to disk and give their memory back. Called by the sink
     * itself when a charge is refused, and between its batches on any worker's thread: @worker is
     * the one that runs, the local may be another's (pressure.h). Return: 0 something was given
     * back; MEM_E_REFUSED there is too little to be worth it; as above.
     * NULL: cannot.
     */
    int (*spill)(Operator *op, void *local, Worker *worker);
    void (*local_free)(Operator *op, void *local);
    /*
     * Between pipelines: a finished sink, whose result nobody has begun to read, gives back memory
     * by writing to disk. Return: 0 something was given back; MEM_E_REFUSED; as above. NULL:
     * cannot.
     */
    int (*shed)(Operator *op, Worker *worker);
    /* No pipeline needs it any more: give memory back now, not at the end. NULL: nothing to give.
     */
    void (*release)(Operator *op);
    void (*close)(Operator *op); /* frees it too; exactly once */
} OperatorClass;

/* The head of every operator's own struct. */
struct Operator {
    const OperatorClass *class;
    ExecContext *context;
    const PlanNode *node;
    Operator *next;   /* in the pipeline; NULL for a sink */
    uint32_t number;  /* distance from the sink: index into the worker's locals */
    bool wants_order; /* a sink that shows in which order rows came: not with several workers */
};

/* One batch into @op: its execute(), and for a sink that can spill what memory pressure asks for.
 */
int op_execute(Operator *op, Worker *worker, const Batch *batch);
/* Push @batch into the operator after @op. Counts @op's rows. */
int op_emit(Operator *op, Worker *worker, const Batch *batch);

/**
 * context_fail() - turn any return code of a verb into what exec_run() returns
 * MEM_E_SPILL and MEM_E_REFUSED become a DATA_ERROR_MEMORY error that names peak, limit, operator
 * and remedy. 0, QUERY_E_*, OP_E_END and negative errno pass.
 */
int context_fail(ExecContext *context, Worker *worker, int r, const char *operator_name);

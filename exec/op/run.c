/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "exec/op/pipeline.h"
#include "exec/op/pressure.h"
#include "exec/op/team.h"

/*
 * Pipelines run one after the other, each by as many workers as come in time: a worker is a state
 * that a thread of the team takes up, and which thread that is changes from round to round.
 */

#define ROWS_FOR_ONE_WORKER 16384u /* below, waking the others costs more than they bring */

/* --- time --- */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void worker_switch(Worker *worker, uint32_t node)
{
    if (!worker->metrics)
        return;
    uint64_t now = now_ns();
    if (worker->node != UINT32_MAX)
        worker->metrics[worker->node].nanoseconds += now - worker->node_since;
    worker->node = node < worker->context->n_nodes ? node : UINT32_MAX;
    worker->node_since = now;
}

int op_emit(Operator *op, Worker *worker, const Batch *batch)
{
    Operator *next = op->next;
    uint32_t node = worker->node;

    if (worker->metrics && op->node->id < worker->context->n_nodes) {
        worker->metrics[op->node->id].rows += batch_rows(batch);
        worker->metrics[op->node->id].batches++;
    }
    worker_switch(worker, next->node->id);
    int r = op_execute(next, worker, batch);
    worker_switch(worker, node);
    return r;
}

/* --- errors --- */

static void format_bytes(uint64_t bytes, char *buf, size_t size)
{
    if (bytes >= UINT64_C(10) << 20)
        snprintf(buf, size, "%llu MiB", (unsigned long long)(bytes >> 20));
    else
        snprintf(buf, size, "%llu KiB", (unsigned long long)(bytes >> 10));
}

int context_fail(ExecContext *context, Worker *worker, int r, const char *operator_name)
{
    if (r != MEM_E_SPILL && r != MEM_E_REFUSED)
        return r;
    /* Nobody gives memory back for a query that is being cancelled. */
    if (context->cancel && atomic_load(context->cancel))
        return QUERY_E_CANCELLED;

    char peak[32], limit[32], spilled[64] = "", why[MEM_REASON_MAX];
    const char *who = mem_pool_last_operator(context->pool);
    mem_pool_reason(context->pool, why, sizeof(why));
    format_bytes(mem_pool_peak(context->pool), peak, sizeof(peak));
    format_bytes(mem_pool_limit(context->pool), limit, sizeof(limit));
    if (context->spill && spill_space_bytes(context->spill) > 0) {
        char bytes[32];
        format_bytes(spill_space_bytes(context->spill), bytes, sizeof(bytes));
        snprintf(spilled, sizeof(spilled), ", %s were written to disk", bytes);
    }
    return query_error_set(
        worker ? &worker->error : NULL, DATA_ERROR_MEMORY, "OUT_OF_MEMORY", "53200",
        "The query ran out of memory in operator '%s'%s%s: its peak was %s, the limit is %s%s. "
        "Ask for a larger memory limit, or lower the need: select fewer columns, filter earlier, "
        "or aggregate before joining.%s%s",
        operator_name, who && *who && strcmp(who, operator_name) != 0 ? ", asked by " : "",
        who && *who && strcmp(who, operator_name) != 0 ? who : "", peak, limit, spilled,
        *why ? " Reason: " : "", why);
}

void query_fail(Query *q, Worker *worker, int r, const char *operator_name)
{
    if (r == 0 || r == OP_E_END)
        return;
    r = context_fail(&q->context, worker, r, operator_name);
    pthread_mutex_lock(&q->lock);
    if (!q->has_error) {
        q->has_error = true;
        q->result = r;
        if (r == QUERY_E_FAILED && q->run->error)
            *q->run->error = worker->error;
    }
    pthread_mutex_unlock(&q->lock);
    atomic_store(&q->context.stop, true);
    pthread_mutex_lock(&q->order_lock);
    pthread_cond_broadcast(&q->order_changed);
    pthread_mutex_unlock(&q->order_lock);
}

/* --- order --- */

static void worker_set_position(Query *q, Worker *worker, uint64_t position)
{
    worker->position = position;
    if (!q->order_needed)
        return;
    pthread_mutex_lock(&q->order_lock);
    if (q->positions[worker->index] != position) {
        q->positions[worker->index] = position;
        pthread_cond_broadcast(&q->order_changed);
    }
    pthread_mutex_unlock(&q->order_lock);
}

static bool others_ahead(const Query *q, const Worker *worker)
{
    for (uint32_t i = 0; i < q->n_order; i++)
        if (i != worker->index && q->positions[i] < worker->position)
            return false;
    return true;
}

int worker_wait_turn(Worker *worker)
{
    Query *q = query_of(worker->context);
    int r = 0;

    if (!q->order_needed)
        return 0;
    pthread_mutex_lock(&q->order_lock);
    while (!others_ahead(q, worker) &&
           !(r = context_stopped(&q->context) ? QUERY_E_CANCELLED : 0)) {
        /* A cancel from outside wakes nobody, so look again now and then. */
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 50000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&q->order_changed, &q->order_lock, &until);
    }
    pthread_mutex_unlock(&q->order_lock);
    return r;
}

/* --- one pipeline, one worker --- */

static Operator *pipeline_sink(const Pipeline *p)
{
    Operator *sink = p->first;

    while (sink->next)
        sink = sink->next;
    return sink;
}

static int make_locals(Pipeline *p, Worker *worker, void **ret_source_local)
{
    for (Operator *op = p->first; op; op = op->next) {
        int r = op->class->local_new ? op->class->local_new(op, worker, &worker->locals[op->number])
                                     : 0;
        if (r)
            return context_fail(worker->context, worker, r, op->class->name);
    }
    if (!p->source->class->local_new)
        return 0;
    int r = p->source->class->local_new(p->source, worker, ret_source_local);
    return context_fail(worker->context, worker, r, p->source->class->name);
}

static int push_all(Query *q, Pipeline *p, Worker *worker, void *source_local)
{
    Operator *first = p->first;
    uint32_t source_node = p->source->node->id;

    for (;;) {
        Batch *batch = NULL;
        if (context_stopped(&q->context))
            return QUERY_E_CANCELLED;
        if (atomic_load_explicit(&p->done, memory_order_relaxed))
            return 0;
        worker_switch(worker, source_node);
        int r = p->source->class->next(p->source, source_local, worker, &batch);
        if (r == OP_E_END)
            return 0;
        if (r)
            return context_fail(&q->context, worker, r, p->source->class->name);
        if (batch->position != worker->position)
            worker_set_position(q, worker, batch->position);
        uint32_t n = batch_rows(batch);
        if (n == 0)
            continue;
        if (worker->metrics && source_node < q->context.n_nodes) {
            worker->metrics[source_node].rows += n;
            worker->metrics[source_node].batches++;
        }
        worker_switch(worker, first->node->id);
        r = op_execute(first, worker, batch);
        if (r == OP_E_END) {
            atomic_store(&p->done, true);
            return 0;
        }
        if (r)
            return context_fail(&q->context, worker, r, first->class->name);
    }
}

static int finish_worker(Pipeline *p, Worker *worker)
{
    for (Operator *op = p->first; op; op = op->next) {
        int r = 0;
        worker_switch(worker, op->node->id);
        if (op->class->flush)
            r = op->class->flush(op, worker->locals[op->number], worker);
        if (r == 0 && op->class->combine)
            r = pressure_combine(op, worker);
        if (r && r != OP_E_END)
            return context_fail(worker->context, worker, r, op->class->name);
    }
    return 0;
}

static void pipeline_worker(Query *q, Worker *worker, Pipeline *p)
{
    void *source_local = NULL;

    /* From here on others must wait for its first batch; before, it had not begun. */
    worker_set_position(q, worker, 0);
    memset(worker->locals, 0, sizeof(void *) * p->depth);
    int r = make_locals(p, worker, &source_local);
    if (r == 0) {
        pressure_sink_open(worker, pipeline_sink(p));
        r = push_all(q, p, worker, source_local);
    }
    if (r == 0)
        r = finish_worker(p, worker);
    pressure_sink_close(worker);
    if (r)
        query_fail(q, worker, r, p->source->class->name);
    worker_set_position(q, worker, UINT64_MAX);
    worker_switch(worker, UINT32_MAX);

    if (source_local && p->source->class->local_free)
        p->source->class->local_free(p->source, source_local);
    for (Operator *op = p->first; op; op = op->next)
        if (worker->locals[op->number] && op->class->local_free)
            op->class->local_free(op, worker->locals[op->number]);
}

typedef struct Tasks {
    Operator *sink;
    _Atomic uint32_t next;
    uint32_t n;
} Tasks;

static void task_worker(Query *q, Worker *worker, Tasks *tasks)
{
    worker_switch(worker, tasks->sink->node->id);
    for (;;) {
        uint32_t i = atomic_fetch_add(&tasks->next, 1);
        if (i >= tasks->n || context_stopped(&q->context))
            break;
        int r = tasks->sink->class->finish_task(tasks->sink, worker, i);
        if (r) {
            query_fail(q, worker, r, tasks->sink->class->name);
            break;
        }
    }
    worker_switch(worker, UINT32_MAX);
}

/* --- the query --- */

static int pipeline_open(Query *q, Pipeline *p)
{
    Worker *worker = &q->workers[0];

    for (Operator *op = p->first; op; op = op->next) {
        uint32_t i = 0;
        while (q->operators[i] != op)
            i++;
        if (q->operator_opened[i])
            continue;
        q->operator_opened[i] = true;
        int r = op->class->open ? op->class->open(op) : 0;
        if (r) {
            query_fail(q, worker, r, op->class->name);
            return r;
        }
    }
    int r = p->source->class->open ? p->source->class->open(p->source) : 0;
    query_fail(q, worker, r, p->source->class->name);
    return r;
}

/* What only this pipeline needed is given back. */
static void pipeline_release(Query *q, uint32_t at)
{
    Pipeline *p = &q->pipelines[at];

    p->closed = true;
    p->source->class->close(p->source);
    for (Operator *op = p->first; op; op = op->next) {
        bool needed = false;
        for (uint32_t i = at + 1; i < q->n_pipelines && !needed; i++)
            for (const Operator *o = q->pipelines[i].first; o && !needed; o = o->next)
                needed = o == op;
        if (!needed && op->class->release)
            op->class->release(op);
    }
}

/* --- rounds --- */

typedef enum RoundStage {
    ROUND_PIPELINE, /* the next one is to be opened */
    ROUND_FINISH,   /* its workers have ended */
} RoundStage;

typedef struct Rounds {
    Query *query;
    RoundStage stage;
    uint32_t at; /* pipeline */
    Tasks tasks; /* with a sink while they are this round's work */
} Rounds;

static uint32_t pipeline_prepare(Query *q, const Pipeline *p)
{
    uint32_t n = q->context.n_threads;

    if (p->source->rows_total) {
        atomic_fetch_add(&q->context.progress->rows_total, p->source->rows_total);
        if (p->source->rows_total < ROWS_FOR_ONE_WORKER)
            n = 1;
    }
    if (p->source->n_workers_max && n > p->source->n_workers_max)
        n = p->source->n_workers_max;
    if (p->source->ordered && p->source->node->kind != PLAN_SCAN && pipeline_sink(p)->wants_order)
        n = 1;
    q->order_needed = n > 1 && p->source->ordered;
    q->n_order = n;
    for (uint32_t i = 0; i < n; i++) {
        q->positions[i] = UINT64_MAX;
        q->workers[i].position = UINT64_MAX;
    }
    return n;
}

/* Return: number of tasks that follow. */
static uint32_t pipeline_finish(Query *q, const Pipeline *p, Tasks *tasks)
{
    Operator *sink = pipeline_sink(p);

    *tasks = (Tasks){.sink = sink};
    if (!p->finishes || !sink->class->finish || context_stopped(&q->context))
        return 0;
    worker_switch(&q->workers[0], sink->node->id);
    int r = sink->class->finish(sink, &q->workers[0], &tasks->n);
    worker_switch(&q->workers[0], UINT32_MAX);
    query_fail(q, &q->workers[0], r, sink->class->name);
    return r == 0 ? tasks->n : 0;
}

static uint32_t rounds_next(void *userdata)
{
    Rounds *rounds = userdata;
    Query *q = rounds->query;

    for (;;) {
        Pipeline *p = &q->pipelines[rounds->at];

        if (rounds->stage == ROUND_PIPELINE) {
            rounds->tasks.sink = NULL;
            if (rounds->at == q->n_pipelines || context_stopped(&q->context))
                return 0;
            rounds->stage = ROUND_FINISH;
            if (p->source->class->is_empty && p->source->class->is_empty(p->source))
                continue;
            if (pressure_shed(q, rounds->at) || pipeline_open(q, p))
                return 0;
            return pipeline_prepare(q, p);
        }
        rounds->stage = ROUND_PIPELINE;
        pipeline_release(q, rounds->at++);
        if (pipeline_finish(q, p, &rounds->tasks) > 0)
            return MIN(rounds->tasks.n, q->context.n_threads);
    }
}

static void rounds_work(void *userdata, uint32_t member)
{
    Rounds *rounds = userdata;
    Query *q = rounds->query;

    pressure_enter(&q->workers[member]);
    if (rounds->tasks.sink)
        task_worker(q, &q->workers[member], &rounds->tasks);
    else
        pipeline_worker(q, &q->workers[member], &q->pipelines[rounds->at]);
    pressure_leave(&q->workers[member]);
}

static int query_init(Query *q, QueryRun *run, ExecProgress *progress, uint32_t max_depth)
{
    bool few = run->spill && !run->spill->force;
    uint32_t n = few ? pressure_threads(run->pool, run->n_threads) : run->n_threads;
    int r = mem_arena_new(run->pool, "query", &q->context.arena);
    if (r)
        return r;
    MemArena *arena = q->context.arena;
    q->n_metrics = run->metrics ? run->n_metrics : 0;
    q->context.pool = run->pool;
    q->context.n_threads = n;
    q->context.cancel = run->cancel;
    q->context.progress = run->progress ? run->progress : progress;
    q->context.n_nodes = q->n_metrics;
    q->workers = mem_arena_new_array(arena, Worker, n);
    q->positions = mem_arena_new_array(arena, uint64_t, n);
    if (!q->workers || !q->positions)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n; i++) {
        Worker *w = &q->workers[i];
        w->index = i;
        w->context = &q->context;
        w->node = UINT32_MAX;
        if (q->n_metrics) {
            w->metrics = mem_arena_new_array(arena, NodeMetrics, q->n_metrics);
            if (!w->metrics)
                return mem_arena_error(arena);
        }
    }
    return 0;
}

static int query_prepare(Query *q)
{
    MemArena *arena = q->context.arena;
    uint32_t depth = 1;
    int r = query_build(q, q->run->plan);

    if (r)
        return r;
    for (uint32_t i = 0; i < q->n_pipelines; i++)
        depth = MAX(depth, q->pipelines[i].depth);
    q->operator_opened = mem_arena_new_array(arena, bool, q->n_operators + 1);
    if (!q->operator_opened)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < q->context.n_threads; i++) {
        q->workers[i].locals = mem_arena_new_array(arena, void *, depth + 1);
        if (!q->workers[i].locals)
            return mem_arena_error(arena);
    }
    return 0;
}

static int query_execute(Query *q)
{
    static const TeamRounds class = {.next = rounds_next, .work = rounds_work};
    Rounds rounds = {.query = q};
    ExecTeam *own = NULL;

    if (!q->run->team) {
        int r = exec_team_new(&own);

        if (r < 0)
            return r;
    }
    exec_team_run(q->run->team ? q->run->team : own, &class, &rounds);
    (void)exec_team_free(own);

    if (q->has_error)
        return q->result;
    return context_stopped(&q->context) ? QUERY_E_CANCELLED : 0;
}

static void query_close(Query *q)
{
    for (uint32_t i = q->n_pipelines; i-- > 0;)
        if (!q->pipelines[i].closed)
            q->pipelines[i].source->class->close(q->pipelines[i].source);
    for (uint32_t i = q->n_operators; i-- > 0;)
        q->operators[i]->class->close(q->operators[i]);
    for (uint32_t i = 0; q->workers && i < q->context.n_threads; i++)
        for (uint32_t k = 0; k < q->n_metrics && q->workers[i].metrics; k++) {
            NodeMetrics *to = &q->run->metrics[k];
            const NodeMetrics *from = &q->workers[i].metrics[k];
            to->rows += from->rows;
            to->batches += from->batches;
            to->nanoseconds += from->nanoseconds;
            to->bytes += from->bytes;
            to->spilled += from->spilled;
            to->pruned += from->pruned;
        }
    pressure_done(q);
    mem_arena_free(q->context.arena);
    pthread_mutex_destroy(&q->lock);
    pthread_mutex_destroy(&q->result_lock);
    pthread_mutex_destroy(&q->order_lock);
    pthread_cond_destroy(&q->order_changed);
}

int exec_run(QueryRun *run)
{
    ExecProgress progress = {0};
    Query q = {.run = run};

    assert(run->plan && run->pool && run->result);
    if (run->n_threads == 0 || run->n_threads > EXEC_THREADS_MAX)
        return -EINVAL;
    pthread_mutex_init(&q.lock, NULL);
    pthread_mutex_init(&q.result_lock, NULL);
    pthread_mutex_init(&q.order_lock, NULL);
    pthread_cond_init(&q.order_changed, NULL);
    if (run->metrics)
        memset(run->metrics, 0, sizeof(NodeMetrics) * run->n_metrics);

    int r = query_init(&q, run, &progress, 0);
    if (r == 0)
        r = pressure_init(&q);
    if (r == 0)
        r = query_prepare(&q);
    if (r == 0)
        r = query_execute(&q);
    if (r == MEM_E_SPILL || r == MEM_E_REFUSED) {
        Worker nobody = {.context = &q.context};
        q.context.pool = run->pool;
        r = context_fail(&q.context, &nobody, r, "query");
        if (run->error)
            *run->error = nobody.error;
    } else if (r == QUERY_E_FAILED && !q.has_error && q.workers && run->error) {
        *run->error = q.workers[0].error;
    }
    query_close(&q);
    return r;
}

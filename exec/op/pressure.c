/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pressure.h"

#include <time.h>

/* A worker's scan buffers, batches and reserve. */
#define WORKER_BYTES (UINT64_C(24) << 20)
#define WORKER_ROOM (UINT64_C(14) << 20) /* of that, without what sinks hold */
#define SPILL_BUFFER_BYTES (SPILL_BLOCK_BYTES + spill_packed_bytes(SPILL_BLOCK_BYTES))
#define ATTEMPTS_MAX 16u
#define HEADROOM_MIN (UINT64_C(1) << 20)
#define HEADROOM_MAX (UINT64_C(32) << 20)
#define SPILL_WORTH_BYTES (UINT64_C(512) << 10)
#define WAIT_NSEC 200000000       /* for one other worker to leave its sink */
#define WAIT_IN_SINK_NSEC 5000000 /* ... while it may be waiting for ours */

uint32_t pressure_threads(const MemPool *pool, uint32_t n_threads)
{
    uint64_t n = mem_pool_limit(pool) / WORKER_BYTES;

    return n >= n_threads ? n_threads : n > 0 ? (uint32_t)n : 1;
}

static bool reserve_fill(Worker *worker)
{
    uint64_t missing = PRESSURE_RESERVE_BYTES - worker->reserve;

    if (likely(missing == 0))
        return true;
    if (mem_charge(worker->context->pool, missing, "spill") != 0)
        return false;
    worker->reserve += missing;
    return true;
}

static Worker *worker_of_thread(Query *q)
{
    uintptr_t self = (uintptr_t)pthread_self();

    for (uint32_t i = 0; i < q->context.n_threads; i++)
        if (atomic_load_explicit(&q->workers[i].thread, memory_order_relaxed) == self)
            return &q->workers[i];
    return NULL;
}

/* Under @owner's sink_lock. */
static bool spill_locked(Worker *owner, Worker *worker)
{
    bool was = worker->in_sink, done = false;
    Operator *sink = owner->sink;

    worker->in_sink = true;
    if (sink) {
        int r = sink->class->spill(sink, owner->locals[sink->number], worker);
        done = r == 0;
    }
    worker->in_sink = was;
    return done;
}

/*
 * One of the other workers' sinks. A sink that stays busy may be giving back memory at this moment,
 * so that is worth another try.
 */
static MemRelief spill_others(Query *q, Worker *self, long wait_nsec)
{
    bool busy = false;

    for (uint32_t i = 1; i < q->context.n_threads; i++) {
        Worker *other = &q->workers[(self->index + i) % q->context.n_threads];

        if (pthread_mutex_trylock(&other->sink_lock) != 0) {
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_nsec += wait_nsec;
            until.tv_sec += until.tv_nsec / 1000000000;
            until.tv_nsec %= 1000000000;
            if (pthread_mutex_timedlock(&other->sink_lock, &until) != 0) {
                busy = true;
                continue;
            }
        }
        bool done = spill_locked(other, self);
        pthread_mutex_unlock(&other->sink_lock);
        if (done)
            return MEM_RELIEF_RETRY;
    }
    return busy ? MEM_RELIEF_RETRY : MEM_RELIEF_NONE;
}

static MemRelief take_reserve(Worker *self, uint64_t bytes)
{
    if (self->keep_reserve || self->reserve < bytes)
        return MEM_RELIEF_NONE;
    self->reserve -= bytes;
    return MEM_RELIEF_COVERED;
}

void spill_try(const SpillTry *t, Worker *worker, bool holds_rows)
{
    worker->can_retry = t->disk && holds_rows;
    worker->keep_reserve = !t->with_reserve;
}

bool spill_refused(SpillTry *t, Worker *worker, int *r, bool holds_rows)
{
    bool may_spill = t->disk && holds_rows;

    worker->can_retry = worker->keep_reserve = false;
    if (*r != MEM_E_SPILL && *r != MEM_E_REFUSED)
        return false;
    if (t->disk && !may_spill && !t->with_reserve)
        *r = 0;
    t->with_reserve = !may_spill;
    return may_spill;
}

static MemRelief pressure_relieve(void *userdata, uint64_t bytes, uint32_t attempt)
{
    Query *q = userdata;
    Worker *self = worker_of_thread(q);

    if (!self || attempt >= ATTEMPTS_MAX || context_stopped(&q->context))
        return MEM_RELIEF_NONE;
    if (self->can_retry)
        return MEM_RELIEF_NONE;
    if (self->in_sink) {
        if (take_reserve(self, bytes) == MEM_RELIEF_COVERED)
            return MEM_RELIEF_COVERED;
        return spill_others(q, self, WAIT_IN_SINK_NSEC);
    }
    if (self->give_userdata && self->give(self->give_userdata))
        return MEM_RELIEF_RETRY;
    if (self->sink) {
        pthread_mutex_lock(&self->sink_lock);
        bool done = spill_locked(self, self);
        pthread_mutex_unlock(&self->sink_lock);
        if (done)
            return MEM_RELIEF_RETRY;
    }
    MemRelief relief = spill_others(q, self, WAIT_NSEC);
    if (relief == MEM_RELIEF_RETRY && attempt + 1 < ATTEMPTS_MAX)
        return relief;
    return take_reserve(self, bytes);
}

int pressure_init(Query *q)
{
    for (uint32_t i = 0; i < q->context.n_threads; i++)
        pthread_mutex_init(&q->workers[i].sink_lock, NULL);
    q->pressure_init = true;
    if (!q->run->spill)
        return 0;
    int r = spill_space_new(q->run->spill, q->context.pool, &q->context.spill);
    if (r)
        return r;
    for (uint32_t i = 0; r == 0 && i < q->context.n_threads; i++) {
        r = mem_block_alloc(q->context.pool, SPILL_BUFFER_BYTES, "spill",
                            &q->workers[i].spill_buffer);
        if (r == 0)
            r = mem_block_alloc(q->context.pool, SPILL_ORDER_BYTES, "spill",
                                &q->workers[i].spill_order);
        if (r == 0)
            (void)reserve_fill(&q->workers[i]);
    }
    if (r)
        return r;
    mem_pool_set_relief(q->context.pool, pressure_relieve, q);
    return 0;
}

void pressure_done(Query *q)
{
    MemPool *pool = q->context.pool;

    if (!q->pressure_init)
        return;
    mem_pool_set_relief(pool, NULL, NULL);
    for (uint32_t i = 0; i < q->context.n_threads; i++) {
        Worker *w = &q->workers[i];
        if (w->reserve)
            mem_uncharge(pool, w->reserve);
        if (w->spill_buffer)
            mem_block_free(pool, w->spill_buffer, SPILL_BUFFER_BYTES);
        if (w->spill_order)
            mem_block_free(pool, w->spill_order, SPILL_ORDER_BYTES);
        pthread_mutex_destroy(&w->sink_lock);
    }
    q->context.spill = spill_space_free(q->context.spill);
}

/* Has somebody begun to read what the sink of @op's pipeline made? */
static bool is_read(const Query *q, const Operator *op, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        for (const Operator *o = q->pipelines[i].first; o; o = o->next)
            if (o->node == op->node && o != op)
                return true;
    return false;
}

static bool is_finished(const Query *q, const Operator *op, uint32_t at)
{
    for (uint32_t i = at; i < q->n_pipelines; i++)
        for (const Operator *o = q->pipelines[i].first; o; o = o->next)
            if (o == op)
                return false;
    return true;
}

int pressure_shed(Query *q, uint32_t at)
{
    Worker *worker = &q->workers[0];
    MemPool *pool = q->context.pool;

    if (!q->context.spill)
        return 0;
    uint64_t limit = mem_pool_limit(pool), need = q->context.n_threads * WORKER_ROOM;
    need = MIN(need, limit / 2);
    for (uint32_t i = 0; i < q->n_operators; i++) {
        Operator *op = q->operators[i];
        if (mem_pool_make_room(pool, need, "query") == 0)
            return 0;
        if (!op->class->shed || !is_finished(q, op, at) || is_read(q, op, at))
            continue;
        int r = op->class->shed(op, worker);
        if (r && r != MEM_E_REFUSED && r != MEM_E_SPILL) {
            query_fail(q, worker, r, op->class->name);
            return r;
        }
    }
    return 0;
}

void pressure_enter(Worker *worker)
{
    atomic_store_explicit(&worker->thread, (uintptr_t)pthread_self(), memory_order_relaxed);
    if (worker->context->spill)
        (void)worker_reserve(worker);
}

void pressure_leave(Worker *worker)
{
    atomic_store_explicit(&worker->thread, 0, memory_order_relaxed);
}

void pressure_sink_open(Worker *worker, Operator *sink)
{
    if (!worker->context->spill || !sink->class->spill)
        return;
    pthread_mutex_lock(&worker->sink_lock);
    worker->sink = sink;
    pthread_mutex_unlock(&worker->sink_lock);
}

void pressure_sink_close(Worker *worker)
{
    if (!worker->sink)
        return;
    pthread_mutex_lock(&worker->sink_lock);
    worker->sink = NULL;
    pthread_mutex_unlock(&worker->sink_lock);
}

uint64_t spill_worth(const ExecContext *context)
{
    return query_of((ExecContext *)(uintptr_t)context)->run->spill->force ? 1 : SPILL_WORTH_BYTES;
}

bool worker_reserve(Worker *worker)
{
    bool was = worker->can_retry;

    worker->can_retry = true; /* this charge may fail */
    bool full = reserve_fill(worker);
    worker->can_retry = was;
    return full;
}

static bool wants_spill(Worker *worker)
{
    ExecContext *context = worker->context;
    uint32_t force = query_of(context)->run->spill->force;
    uint64_t limit = mem_pool_limit(context->pool), headroom = limit / 16;

    if (force && ++worker->n_batches % force == 0)
        return true;
    bool full = worker_reserve(worker);
    headroom = headroom < HEADROOM_MIN   ? HEADROOM_MIN
               : headroom > HEADROOM_MAX ? HEADROOM_MAX
                                         : headroom;
    return !full || mem_pool_make_room(context->pool, headroom, "query") != 0;
}

int op_execute(Operator *op, Worker *worker, const Batch *batch)
{
    void *local = worker->locals[op->number];
    int r = 0;

    if (op->next || !worker->sink)
        return op->class->execute(op, local, worker, batch);
    pthread_mutex_lock(&worker->sink_lock);
    worker->in_sink = true;
    if (wants_spill(worker)) {
        r = op->class->spill(op, local, worker);
        r = r == MEM_E_REFUSED || r == MEM_E_SPILL ? 0 : r;
        (void)reserve_fill(worker);
    }
    if (r == 0)
        r = op->class->execute(op, local, worker, batch);
    worker->in_sink = false;
    pthread_mutex_unlock(&worker->sink_lock);
    return r;
}

int pressure_combine(Operator *op, Worker *worker)
{
    void *local = worker->locals[op->number];

    if (op->next || !worker->sink)
        return op->class->combine(op, local, worker);
    pthread_mutex_lock(&worker->sink_lock);
    worker->in_sink = true;
    int r = op->class->combine(op, local, worker);
    worker->in_sink = false;
    worker->sink = NULL;
    pthread_mutex_unlock(&worker->sink_lock);
    return r;
}

void *worker_spill_packed(Worker *worker)
{
    return (uint8_t *)worker->spill_buffer + SPILL_BLOCK_BYTES;
}

void worker_spill_writer(Worker *worker, const SpillShape *shape, SpillWriter *ret_writer)
{
    spill_writer_init(ret_writer, worker->context->spill, shape, worker->spill_buffer,
                      SPILL_BLOCK_BYTES, worker_spill_packed(worker));
}

void worker_spilled(Worker *worker, const Operator *op, uint64_t bytes)
{
    if (worker->metrics && op->node->id < worker->context->n_nodes)
        worker->metrics[op->node->id].spilled += bytes;
}

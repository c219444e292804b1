/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/aggregate_spill.h"

#define BITS 4u
#define PARTITIONS AGGREGATE_PARTITIONS
#define SHIFT_FIRST AGGREGATE_PARTITION_SHIFT
_Static_assert(PARTITIONS == 1u << BITS, "a partition is some bits of the hash");

/* A partition that waits to be united; @shift: the bits that chose it. */
typedef struct Piece {
    struct Piece *next;
    SpillRun run;
    uint32_t shift;
} Piece;

struct AggregateDisk {
    SpillShape groups;
    SpillShape *values; /* per distinct set */
    atomic_bool used;
    SpillRun runs[PARTITIONS];          /* of groups; under the aggregation's lock */
    SpillRun (*value_runs)[PARTITIONS]; /* per distinct set; likewise */
    Piece *pieces;                      /* likewise */
    bool pieces_made;
};

static bool is_refused(int r)
{
    return r == MEM_E_SPILL || r == MEM_E_REFUSED;
}

int aggregate_spill_init(Aggregation *a, MemArena *arena)
{
    if (!a->op.context->spill)
        return 0;
    struct AggregateDisk *d = mem_arena_new_of(arena, struct AggregateDisk);
    if (!d)
        return mem_arena_error(arena);
    d->values = mem_arena_new_array(arena, SpillShape, a->n_distinct + 1);
    d->value_runs = mem_arena_zalloc(arena, sizeof(*d->value_runs) * (a->n_distinct + 1), 16);
    d->groups.strings = mem_arena_new_array(arena, uint32_t, a->n_groups + a->n_states + 1);
    if (!d->values || !d->value_runs || !d->groups.strings)
        return mem_arena_error(arena);
    d->groups.size = a->row_size;
    for (uint32_t i = 0; i < a->n_groups; i++)
        if (a->keys.phys[i] == PHYS_STRING)
            d->groups.strings[d->groups.n_strings++] = a->keys.offsets[i];
    for (uint32_t i = 0; i < a->n_states; i++)
        switch (a->states[i].kind) {
        case STATE_COUNT:
        case STATE_SUM_INT:
        case STATE_SUM_F64:
        case STATE_VARIANCE:
        case STATE_MOMENTS:
        case STATE_COVARIANCE:
        case STATE_BIT_AND:
        case STATE_BIT_OR:
        case STATE_BIT_XOR:
        case STATE_PRODUCT:
            break;
        case STATE_MIN:
        case STATE_MAX:
        case STATE_FIRST:
        case STATE_FIRST_KNOWN:
        case STATE_LAST:
        case STATE_LAST_KNOWN:
        case STATE_MIN_BY:
        case STATE_MAX_BY:
            if (a->states[i].phys == PHYS_STRING) /* zeroed until something was seen */
                d->groups.strings[d->groups.n_strings++] = a->states[i].offset;
            break;
        case STATE_COLLECT: /* read back it is only merged from */
            d->groups.strings[d->groups.n_strings++] = a->states[i].offset;
            break;
        default:
            return 0; /* it holds pointers that we do not know: it stays in memory */
        }
    for (uint32_t i = 0; i < a->n_distinct; i++) {
        int r = spill_shape_of_layout(arena, &a->distinct[i].layout, 0, &d->values[i]);
        if (r)
            return r;
    }
    a->disk = d;
    return 0;
}

void aggregate_spill_done(Aggregation *a)
{
    struct AggregateDisk *d = a->disk;
    SpillSpace *space = a->op.context->spill;

    if (!d)
        return;
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        spill_run_done(&d->runs[p], space);
        for (uint32_t i = 0; i < a->n_distinct; i++)
            spill_run_done(&d->value_runs[i][p], space);
    }
    for (Piece *piece = d->pieces, *next; piece; piece = next) {
        next = piece->next;
        spill_run_done(&piece->run, space);
        mem_block_free(a->op.context->pool, piece, sizeof(*piece));
    }
    d->pieces = NULL;
}

uint64_t aggregate_part_bytes(const Aggregation *a, const AggregatePart *part)
{
    uint64_t n = part->table.n_groups ? group_table_bytes(&part->table) : 0;

    for (uint32_t i = 0; i < a->n_distinct; i++)
        if (part->distinct[i].n_groups)
            n += group_table_bytes(&part->distinct[i]);
    return n;
}

/* --- writing --- */

static inline uint32_t partition_of(const uint8_t *row, uint32_t shift)
{
    return (uint32_t)(group_hash(row) >> shift) & (PARTITIONS - 1);
}

/* Groups by partition, in the memory of the slots, which are not needed any more. NULL: too small.
 */
static uint32_t *order_groups(GroupTable *t, uint32_t shift, uint32_t *starts)
{
    uint32_t *order = (uint32_t *)t->slots, at[PARTITIONS];

    if (t->n_slots * sizeof(uint64_t) < t->n_groups * sizeof(uint32_t))
        return NULL;
    memset(starts, 0, sizeof(uint32_t) * (PARTITIONS + 1));
    for (uint32_t g = 0; g < t->n_groups; g++)
        starts[partition_of(group_row(t, g), shift) + 1]++;
    for (uint32_t p = 0; p < PARTITIONS; p++)
        starts[p + 1] += starts[p];
    memcpy(at, starts, sizeof(at));
    for (uint32_t g = 0; g < t->n_groups; g++)
        order[at[partition_of(group_row(t, g), shift)]++] = g;
    return order;
}

static int write_partition(GroupTable *t, const uint32_t *order, const uint32_t *starts, uint32_t p,
                           uint32_t shift, SpillWriter *writer, SpillRun *run, Worker *worker)
{
    uint32_t from = order ? starts[p] : 0, end = order ? starts[p + 1] : t->n_groups;
    int r = 0;

    for (uint32_t k = from; r == 0 && k < end; k++) {
        const uint8_t *row = group_row(t, order ? order[k] : k);
        if (order && k + 16 < end)
            __builtin_prefetch(group_row(t, order[k + 16]));
        if (order || partition_of(row, shift) == p)
            r = spill_write(writer, run, NULL, 0, row, &worker->error);
        if ((k & 0xffff) == 0xffff && context_stopped(worker->context))
            return QUERY_E_CANCELLED;
    }
    return r ? r : spill_flush(writer, run, &worker->error);
}

/*
 * A whole table to disk; it is empty afterwards. @lock: of the runs when others write to them too.
 */
static int spill_table(Aggregation *a, GroupTable *t, const SpillShape *shape, uint32_t shift,
                       SpillRun *runs, pthread_mutex_t *lock, Worker *worker)
{
    uint32_t starts[PARTITIONS + 1];
    uint32_t *order = order_groups(t, shift, starts);
    SpillSpace *space = a->op.context->spill;
    SpillWriter writer;
    int r = 0;

    if (t->n_groups == 0)
        return 0;
    worker_spill_writer(worker, shape, &writer);
    for (uint32_t p = 0; r == 0 && p < PARTITIONS; p++) {
        SpillRun run = {0};
        r = write_partition(t, order, starts, p, shift, &writer, &run, worker);
        if (r) {
            spill_run_done(&run, space);
            break;
        }
        if (lock)
            pthread_mutex_lock(lock);
        spill_run_join(&runs[p], &run, space);
        if (lock)
            pthread_mutex_unlock(lock);
    }
    worker_spilled(worker, &a->op, writer.written);
    if (r)
        return r;
    GroupTable empty;
    r = group_table_init(&empty, t->pool, t->operator_name, t->keys, t->row_size);
    if (r)
        return r;
    group_table_done(t);
    *t = empty;
    return 0;
}

int aggregate_spill_part(Aggregation *a, AggregatePart *part, Worker *worker)
{
    struct AggregateDisk *d = a->disk;
    int r = 0;

    atomic_store(&d->used, true);
    for (uint32_t i = 0; r == 0 && i < a->n_distinct; i++)
        r = spill_table(a, &part->distinct[i], &d->values[i], SHIFT_FIRST, d->value_runs[i],
                        &a->lock, worker);
    if (r == 0)
        r = spill_table(a, &part->table, &d->groups, SHIFT_FIRST, d->runs, &a->lock, worker);
    return r;
}

/* --- the end of input --- */

bool aggregate_has_spilled(const Aggregation *a)
{
    return a->disk && atomic_load(&a->disk->used);
}

bool aggregate_wants_disk(Aggregation *a)
{
    MemPool *pool = a->op.context->pool;
    uint64_t bytes = 0;

    if (!a->disk)
        return false;
    if (atomic_load(&a->disk->used))
        return true;
    if (a->n_parts < 2 || a->in_place)
        return false;
    for (uint32_t i = 0; i < a->n_parts; i++)
        bytes += aggregate_part_bytes(a, a->parts[i]);
    return mem_pool_make_room(pool, bytes, "aggregate") != 0;
}

int aggregate_disk_finish(Aggregation *a, Worker *worker, uint32_t *ret_n_tasks)
{
    int r = 0;

    atomic_store(&a->disk->used, true);
    for (uint32_t i = 0; r == 0 && i < a->n_parts; i++) {
        AggregatePart *part = a->parts[i];
        group_dense_done(&part->dense, a->op.context->pool);
        r = aggregate_spill_part(a, part, worker);
    }
    a->n_results = 0;
    a->from_disk = true;
    *ret_n_tasks = r == 0 ? a->n_distinct * PARTITIONS : 0;
    return r;
}

/* Half of a merge that failed cannot be repeated, so the reserve must be there for it. */
static bool may_go_on(Worker *worker)
{
    return worker_reserve(worker);
}

/* --- values of DISTINCT --- */

typedef struct ValueTask {
    Aggregation *a;
    Worker *worker;
    uint32_t set;
    GroupTable seen;   /* values */
    GroupTable groups; /* with what they did to the state */
    uint8_t *key;
} ValueTask;

static int flush_groups(ValueTask *t)
{
    struct AggregateDisk *d = t->a->disk;

    return spill_table(t->a, &t->groups, &d->groups, SHIFT_FIRST, d->runs, &t->a->lock, t->worker);
}

static int take_value(ValueTask *t, const uint8_t *row)
{
    const DistinctSet *set = &t->a->distinct[t->set];
    int r = may_go_on(t->worker) ? 0 : MEM_E_SPILL;

    for (uint32_t attempt = 0; attempt < 2; attempt++) {
        if (r == 0) {
            /* The state is changed last, and only strings can be refused then. */
            t->worker->can_retry = attempt == 0 && t->groups.n_groups > 0;
            r = aggregate_distinct_value(t->a, set, &t->groups, row, t->key);
            t->worker->can_retry = false;
        }
        if (!is_refused(r) || attempt > 0)
            return r;
        r = flush_groups(t);
    }
    return r;
}

static int unite_values(ValueTask *t, SpillRun *run, uint32_t shift);

static int unite_parts(ValueTask *t, SpillRun *parts, uint32_t shift)
{
    SpillSpace *space = t->a->op.context->spill;
    int r = 0;

    for (uint32_t p = 0; p < PARTITIONS; p++) {
        if (r == 0)
            r = unite_values(t, &parts[p], shift);
        spill_run_done(&parts[p], space);
    }
    return r;
}

/* Depth: one level for every four bits of the hash. */
static int unite_values(ValueTask *t, SpillRun *run, uint32_t shift)
{
    Aggregation *a = t->a;
    const SpillShape *shape = &a->disk->values[t->set];
    SpillRun parts[PARTITIONS] = {0};
    bool divided = false;
    SpillReader reader;
    int r = spill_reader_init(&reader, a->op.context->spill, shape, run);

    while (r == 0) {
        r = context_stopped(a->op.context) ? QUERY_E_CANCELLED
                                           : spill_reader_next(&reader, &t->worker->error);
        if (r || reader.n_rows == 0)
            break;
        for (uint32_t i = 0; r == 0 && i < reader.n_rows; i++) {
            uint32_t number;
            const uint8_t *row = reader.memory + (size_t)i * shape->size;
            bool retry = shift >= BITS && t->seen.n_groups > 0;
            t->worker->can_retry = retry;
            r = group_table_find(&t->seen, row, &number);
            t->worker->can_retry = false;
            if (!is_refused(r) || !retry)
                continue;
            divided = true;
            r = spill_table(a, &t->seen, shape, shift - BITS, parts, NULL, t->worker);
            if (r == 0)
                r = group_table_find(&t->seen, row, &number);
        }
    }
    spill_reader_done(&reader);
    if (r == 0 && divided)
        r = spill_table(a, &t->seen, shape, shift - BITS, parts, NULL, t->worker);
    for (uint32_t g = 0; r == 0 && g < t->seen.n_groups; g++)
        r = take_value(t, group_row(&t->seen, g));
    GroupTable empty;
    if (r == 0)
        r = group_table_init(&empty, a->op.context->pool, "aggregate", &a->distinct[t->set].layout,
                             shape->size);
    if (r == 0) {
        group_table_done(&t->seen);
        t->seen = empty;
    }
    if (r == 0 && divided)
        return unite_parts(t, parts, shift - BITS);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        spill_run_done(&parts[p], a->op.context->spill);
    return r;
}

int aggregate_disk_task(Aggregation *a, Worker *worker, uint32_t task)
{
    MemPool *pool = a->op.context->pool;
    ValueTask t = {.a = a, .worker = worker, .set = task / PARTITIONS};
    SpillRun *run = &a->disk->value_runs[t.set][task % PARTITIONS];
    void *key = NULL;

    if (run->n_rows == 0)
        return 0;
    int r = mem_block_alloc(pool, a->keys.size, "aggregate", &key);
    if (r)
        return r;
    t.key = key;
    r = group_table_init(&t.seen, pool, "aggregate", &a->distinct[t.set].layout,
                         a->disk->values[t.set].size);
    if (r == 0)
        r = group_table_init(&t.groups, pool, "aggregate", &a->keys, a->row_size);
    if (r == 0)
        r = unite_values(&t, run, SHIFT_FIRST);
    if (r == 0)
        r = flush_groups(&t);
    group_table_done(&t.seen);
    group_table_done(&t.groups);
    mem_block_free(pool, key, a->keys.size);
    return r;
}

/* --- groups --- */

static int push_piece(Aggregation *a, SpillRun *run, uint32_t shift)
{
    void *memory;

    if (run->n_rows == 0)
        return 0;
    int r = mem_block_alloc(a->op.context->pool, sizeof(Piece), "aggregate", &memory);
    if (r)
        return r;
    Piece *piece = memory;
    *piece = (Piece){.run = *run, .shift = shift};
    *run = (SpillRun){0};
    pthread_mutex_lock(&a->lock);
    piece->next = a->disk->pieces;
    a->disk->pieces = piece;
    pthread_mutex_unlock(&a->lock);
    return 0;
}

/* Return: false when there is none. */
static bool pop_piece(Aggregation *a, Piece *ret)
{
    pthread_mutex_lock(&a->lock);
    Piece *piece = a->disk->pieces;
    if (piece)
        a->disk->pieces = piece->next;
    pthread_mutex_unlock(&a->lock);
    if (!piece)
        return false;
    *ret = *piece;
    mem_block_free(a->op.context->pool, piece, sizeof(*piece));
    return true;
}

/* One row into the table. Return: 0; MEM_E_*: nothing has changed; QUERY_E_*. */
static int unite_row(Aggregation *a, GroupTable *t, const uint8_t *row, bool may_spill,
                     Worker *worker)
{
    uint32_t number;

    worker->can_retry = may_spill;
    int r = aggregate_find_group(a, t, row, &number);
    worker->can_retry = false;
    return r ? r : aggregate_merge_group(a, t, row, number);
}

/* Return: 0 with all of @piece in @t, or, when *ret_divided, in smaller pieces. */
static int unite_piece(Aggregation *a, Piece *piece, GroupTable *t, Worker *worker,
                       bool *ret_divided)
{
    const SpillShape *shape = &a->disk->groups;
    SpillRun parts[PARTITIONS] = {0};
    SpillReader reader;
    uint32_t shift = piece->shift - BITS;
    int r = spill_reader_init(&reader, a->op.context->spill, shape, &piece->run);

    *ret_divided = false;
    while (r == 0) {
        r = context_stopped(a->op.context) ? QUERY_E_CANCELLED
                                           : spill_reader_next(&reader, &worker->error);
        if (r || reader.n_rows == 0)
            break;
        /* Strings of states are covered by the reserve. */
        bool full = !may_go_on(worker);
        for (uint32_t i = 0; r == 0 && i < reader.n_rows; i++) {
            const uint8_t *row = reader.memory + (size_t)i * shape->size;
            bool may_spill = piece->shift >= BITS && t->n_groups > 0;
            r = full && may_spill ? MEM_E_SPILL : unite_row(a, t, row, may_spill, worker);
            if (!is_refused(r) || !may_spill)
                continue;
            full = false;
            *ret_divided = true;
            r = spill_table(a, t, shape, shift, parts, NULL, worker);
            if (r == 0)
                r = unite_row(a, t, row, false, worker);
        }
    }
    spill_reader_done(&reader);
    if (r == 0 && *ret_divided)
        r = spill_table(a, t, shape, shift, parts, NULL, worker);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        if (r == 0)
            r = push_piece(a, &parts[p], shift);
        spill_run_done(&parts[p], a->op.context->spill);
    }
    spill_run_done(&piece->run, a->op.context->spill);
    return r;
}

static int make_pieces(Aggregation *a)
{
    int r = 0;

    pthread_mutex_lock(&a->lock);
    bool made = a->disk->pieces_made;
    a->disk->pieces_made = true;
    pthread_mutex_unlock(&a->lock);
    for (uint32_t p = 0; r == 0 && !made && p < PARTITIONS; p++)
        r = push_piece(a, &a->disk->runs[p], SHIFT_FIRST);
    return r;
}

int aggregate_disk_next(Aggregation *a, Worker *worker, GroupTable *t)
{
    int r = make_pieces(a);

    while (r == 0) {
        Piece piece;
        bool divided = false;

        if (!pop_piece(a, &piece))
            return OP_E_END;
        r = group_table_init(t, a->op.context->pool, "aggregate", &a->keys, a->row_size);
        if (r)
            spill_run_done(&piece.run, a->op.context->spill);
        else
            r = unite_piece(a, &piece, t, worker, &divided);
        if (r == 0 && !divided)
            return 0;
        group_table_done(t);
    }
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/aggregate_spill.h"

/*
 * The workers' tables become one: each partition of the hash is merged by one task. A single table
 * is taken as it is. A few tables are left where they are: a group that an earlier one has as well
 * is taken in there, so that no row moves. With DISTINCT everything is merged at once, because the
 * values of a group must meet before they are counted.
 */

#define MERGE_AHEAD 16u   /* groups asked for before they are merged */
#define IN_PLACE_PARTS 4u /* with more, looking into each of them costs more than moving rows */

int aggregate_find_group(Aggregation *a, GroupTable *to, const uint8_t *row, uint32_t *ret_number)
{
    return a->n_groups ? group_table_find(to, row, ret_number) : group_table_single(to, ret_number);
}

int aggregate_merge_group(Aggregation *a, GroupTable *to, const uint8_t *row, uint32_t number)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < a->n_states; i++)
        r = state_merge(&a->states[i], group_row(to, number), row, to->strings);
    return r;
}

static int merge_group(Aggregation *a, GroupTable *to, const uint8_t *row)
{
    uint32_t number;
    int r = aggregate_find_group(a, to, row, &number);

    return r ? r : aggregate_merge_group(a, to, row, number);
}

static int merge_part(Aggregation *a, GroupTable *to, AggregatePart *part)
{
    for (uint32_t g = 0; g < part->table.n_groups; g++) {
        int r = merge_group(a, to, group_row(&part->table, g));
        if (r)
            return r;
    }
    return 0;
}

/* One value that a group had not seen goes into the group's state. */
int aggregate_distinct_value(Aggregation *a, const DistinctSet *set, GroupTable *to,
                             const uint8_t *row, uint8_t *key)
{
    const State *st = &a->states[set->state];
    const RowLayout *from = &set->layout;
    uint32_t number = 0;
    int r;

    if (a->n_groups > 0) {
        memset(key, 0, a->keys.size);
        memcpy(key, row + 8, 8);
        for (uint32_t c = 0; c < a->n_groups; c++) {
            memcpy(key + a->keys.offsets[c], row + from->offsets[c], phys_size(from->phys[c]));
            if (row_is_null(from, row, c))
                row_set_null(&a->keys, key, c);
        }
        r = group_table_find(to, key, &number);
    } else {
        r = group_table_single(to, &number);
    }
    if (r)
        return r;

    uint64_t value[2] __attribute__((aligned(16))) = {0, 0};
    memcpy(value, row + from->offsets[a->n_groups], phys_size(from->phys[a->n_groups]));
    Vector v = {
        .type = st->type, .phys = from->phys[a->n_groups], .encoding = VEC_CONST, .values = value};
    StateInput in = {
        .kern = kern_select(),
        .v = &v,
        .n = 1,
        .n_rows = 1,
        .single = group_row(to, number),
        .strings = to->strings,
    };
    return state_update(st, &in);
}

static int merge_distinct(Aggregation *a, GroupTable *to, uint32_t d, uint8_t *key)
{
    const DistinctSet *set = &a->distinct[d];
    GroupTable *all = &a->parts[0]->distinct[d];
    uint32_t number;

    for (uint32_t p = 1; p < a->n_parts; p++) {
        GroupTable *t = &a->parts[p]->distinct[d];
        for (uint32_t g = 0; g < t->n_groups; g++) {
            int r = group_table_find(all, group_row(t, g), &number);
            if (r)
                return r;
        }
    }
    for (uint32_t g = 0; g < all->n_groups; g++) {
        int r = aggregate_distinct_value(a, set, to, group_row(all, g), key);
        if (r)
            return r;
    }
    return 0;
}

/* --- in place --- */

static bool part_lookup(const Aggregation *a, AggregatePart *part, const uint8_t *row,
                        uint32_t *ret_number)
{
    int64_t value = 0;

    if (!part->dense.usable)
        return group_table_lookup(&part->table, row, ret_number);
    bool is_null = !aggregate_dense_key(a, row, &value);
    const uint32_t *at = group_dense_at(&part->dense, is_null, value);
    if (!at || *at == 0)
        return false;
    *ret_number = *at - 1;
    return true;
}

static void part_prefetch(const Aggregation *a, AggregatePart *part, const uint8_t *row)
{
    int64_t value = 0;

    if (!part->dense.usable) {
        group_table_prefetch(&part->table, row);
    } else if (aggregate_dense_key(a, row, &value)) {
        const uint32_t *at = group_dense_at(&part->dense, false, value);
        if (at)
            __builtin_prefetch(at);
    }
}

/* Several parts, each of which can be searched. */
static int start_in_place(Aggregation *a)
{
    if (a->n_parts < 2 || a->n_parts > IN_PLACE_PARTS)
        return 0;
    for (uint32_t i = 0; i < a->n_parts; i++)
        if (a->parts[i]->table.n_slots == 0 && !a->parts[i]->dense.usable)
            return 0;
    for (uint32_t i = 1; i < a->n_parts; i++) {
        AggregatePart *part = a->parts[i];
        part->is_elsewhere = mem_arena_zalloc(part->arena, part->table.n_groups + 1, 1);
        if (!part->is_elsewhere)
            return mem_arena_error(part->arena);
    }
    a->in_place = true;
    return 0;
}

static int take_in(Aggregation *a, uint8_t *to, const uint8_t *row, uint32_t task)
{
    if (!a->task_strings[task]) {
        int r = mem_arena_new(a->op.context->pool, "aggregate", &a->task_strings[task]);
        if (r)
            return r;
    }
    for (uint32_t i = 0; i < a->n_states; i++) {
        int r = state_merge(&a->states[i], to, row, a->task_strings[task]);
        if (r)
            return r;
    }
    return 0;
}

/* The groups of one partition that part @p and an earlier one both have. */
static int merge_in_place(Aggregation *a, uint32_t p, uint32_t task)
{
    AggregatePart *part = a->parts[p];
    uint32_t from = part->order ? part->starts[task] : 0, n_elsewhere = 0;
    uint32_t end = part->order ? part->starts[task + 1] : part->table.n_groups;

    for (uint32_t k = from; k < end; k++) {
        uint32_t g = part->order ? part->order[k] : k, number;
        const uint8_t *row = group_row(&part->table, g);

        if (part->order && k + 2 * MERGE_AHEAD < end)
            __builtin_prefetch(group_row(&part->table, part->order[k + 2 * MERGE_AHEAD]));
        if (k + MERGE_AHEAD < end)
            part_prefetch(a, a->parts[0],
                          group_row(&part->table,
                                    part->order ? part->order[k + MERGE_AHEAD] : k + MERGE_AHEAD));
        if (!part->order && group_hash(row) >> AGGREGATE_PARTITION_SHIFT != task)
            continue;
        if ((k & 4095) == 0 && context_stopped(a->op.context))
            return QUERY_E_CANCELLED;
        for (uint32_t i = 0; i < p; i++) {
            if (!part_lookup(a, a->parts[i], row, &number))
                continue;
            int r = take_in(a, group_row(&a->parts[i]->table, number), row, task);
            if (r)
                return r;
            part->is_elsewhere[g] = 1;
            n_elsewhere++;
            break;
        }
    }
    pthread_mutex_lock(&a->lock);
    part->n_elsewhere += n_elsewhere;
    pthread_mutex_unlock(&a->lock);
    return 0;
}

int aggregate_finish(Operator *op, Worker *worker, uint32_t *ret_n_tasks)
{
    Aggregation *a = (Aggregation *)op;
    bool partitioned = false;
    uint64_t bytes = 0;
    int r = 0;

    *ret_n_tasks = 0;
    for (uint32_t i = 0; i < a->n_parts; i++) {
        partitioned |= a->parts[i]->order != NULL;
        bytes += group_table_bytes(&a->parts[i]->table);
    }
    if (worker->metrics && op->node->id < op->context->n_nodes)
        worker->metrics[op->node->id].bytes += bytes;
    if (partitioned && !aggregate_has_spilled(a)) {
        r = start_in_place(a);
        if (r)
            return r;
    }
    if (aggregate_wants_disk(a))
        return aggregate_disk_finish(a, worker, ret_n_tasks);
    if (partitioned && a->n_parts > 1) {
        a->n_results = AGGREGATE_PARTITIONS;
        *ret_n_tasks = AGGREGATE_PARTITIONS;
        return 0;
    }

    a->n_results = 1;
    if (a->n_parts == 0) {
        r = group_table_init(&a->results[0], op->context->pool, "aggregate", &a->keys, a->row_size);
    } else {
        a->results[0] = a->parts[0]->table;
        a->parts[0]->table = (GroupTable){0};
    }
    for (uint32_t i = 1; r == 0 && i < a->n_parts; i++)
        r = merge_part(a, &a->results[0], a->parts[i]);
    if (r == 0 && a->n_distinct > 0 && a->n_parts > 0) {
        uint8_t *key = mem_arena_zalloc(op->context->arena, a->keys.size, 16);
        if (!key)
            return mem_arena_error(op->context->arena);
        for (uint32_t d = 0; r == 0 && d < a->n_distinct; d++)
            r = merge_distinct(a, &a->results[0], d, key);
    }
    /* Without GROUP BY there is always one row. */
    if (r == 0 && a->n_groups == 0) {
        uint32_t number;
        r = group_table_single(&a->results[0], &number);
    }
    return r;
}

int aggregate_finish_task(Operator *op, Worker *worker, uint32_t task)
{
    Aggregation *a = (Aggregation *)op;
    int r = 0;

    if (a->from_disk)
        return aggregate_disk_task(a, worker, task);
    GroupTable *to = &a->results[task];
    for (uint32_t p = 1; r == 0 && a->in_place && p < a->n_parts; p++)
        r = merge_in_place(a, p, task);
    if (r || a->in_place)
        return r;
    r = group_table_init(to, op->context->pool, "aggregate", &a->keys, a->row_size);

    for (uint32_t i = 0; r == 0 && i < a->n_parts; i++) {
        AggregatePart *part = a->parts[i];
        uint32_t from = part->order ? part->starts[task] : 0;
        uint32_t end = part->order ? part->starts[task + 1] : part->table.n_groups;
        for (uint32_t k = from; r == 0 && k < end; k++) {
            const uint8_t *row = group_row(&part->table, part->order ? part->order[k] : k);
            if (part->order && k + MERGE_AHEAD < end) /* in no order of addresses */
                __builtin_prefetch(group_row(&part->table, part->order[k + MERGE_AHEAD]));
            if (!part->order && group_hash(row) >> AGGREGATE_PARTITION_SHIFT != task)
                continue;
            r = merge_group(a, to, row);
            if ((k & 4095) == 0 && context_stopped(op->context))
                return QUERY_E_CANCELLED;
        }
    }
    return r;
}

/* --- what comes out --- */

typedef struct AggregateSource {
    Source source;
    Aggregation *aggregation;
    _Atomic uint64_t next; /* batch, counted over all results */
    uint64_t starts[AGGREGATE_PARTITIONS + 1];
} AggregateSource;

typedef struct AggregateSourceLocal {
    MemArena *arena;
    Batch batch;
    Vector *columns;
    void **values; /* per column */
    uint64_t **valid;
    const uint8_t **rows;
    GroupTable table; /* from disk: of the partition that is put out */
    uint32_t at;
} AggregateSourceLocal;

static uint64_t batches_of(const GroupTable *t)
{
    return (t->n_groups + VEC_ROWS_MAX - 1) / VEC_ROWS_MAX;
}

static int aggregate_source_open(Source *source)
{
    AggregateSource *s = (AggregateSource *)source;
    Aggregation *a = s->aggregation;

    for (uint32_t i = 0; a->in_place && i < a->n_parts; i++) {
        GroupTable *t = &a->parts[i]->table;
        group_table_drop_slots(t);
        group_dense_done(&a->parts[i]->dense, source->context->pool);
        a->results[i] = *t;
        *t = (GroupTable){0};
        source->rows_total -= a->parts[i]->n_elsewhere;
    }
    if (a->in_place)
        a->n_results = a->n_parts;
    for (uint32_t i = 0; i < a->n_results; i++) {
        s->starts[i + 1] = s->starts[i] + batches_of(&a->results[i]);
        source->rows_total += a->results[i].n_groups;
    }
    /* The workers' tables have been merged. */
    if (a->n_results > 1)
        for (uint32_t i = 0; i < a->n_parts; i++)
            group_table_done(&a->parts[i]->table);
    return 0;
}

static void aggregate_source_local_free(Source *source, void *local)
{
    AggregateSourceLocal *l = local;
    group_table_done(&l->table);
    mem_arena_free(l->arena);
}

static int aggregate_source_local_new(Source *source, Worker *worker, void **ret_local)
{
    Aggregation *a = ((AggregateSource *)source)->aggregation;
    uint32_t n = a->n_groups + a->n_aggregates;
    MemArena *arena;
    int r = mem_arena_new(source->context->pool, "aggregate", &arena);
    if (r)
        return r;
    AggregateSourceLocal *l = mem_arena_new_of(arena, AggregateSourceLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->columns = mem_arena_new_array(arena, Vector, n + 1);
    l->values = mem_arena_new_array(arena, void *, n + 1);
    l->valid = mem_arena_new_array(arena, uint64_t *, n + 1);
    l->rows = mem_arena_new_array(arena, const uint8_t *, VEC_ROWS_MAX);
    if (!l->columns || !l->values || !l->valid || !l->rows)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n; i++) {
        Type type = i < a->n_groups ? a->group_types[i] : a->aggregates[i - a->n_groups].type;
        l->values[i] = mem_arena_alloc(arena, phys_size(type_phys(type)) * VEC_ROWS_MAX, 64);
        l->valid[i] = mem_arena_alloc(arena, VEC_VALID_WORDS * 8, 64);
        if (!l->values[i] || !l->valid[i])
            return mem_arena_error(arena);
    }
    return 0;
}

/* l->rows[0..@n) as a batch. */
static int put_out(Aggregation *a, AggregateSourceLocal *l, uint32_t n, uint64_t number,
                   Worker *worker, Batch **ret_batch)
{
    for (uint32_t c = 0; c < a->n_groups; c++)
        row_gather(&a->keys, c, l->rows, n, NULL, l->values[c], l->valid[c], &l->columns[c]);
    for (uint32_t i = 0; i < a->n_aggregates; i++) {
        uint32_t c = a->n_groups + i;
        int r = aggregate_finalize(&a->aggregates[i], &a->states[a->aggregate_state[i]], l->rows, n,
                                   l->values[c], l->valid[c], &l->columns[c], &worker->error);
        if (r)
            return r;
    }
    l->batch = (Batch){
        .n_rows = n,
        .n_selected = n,
        .n_columns = a->n_groups + a->n_aggregates,
        .columns = l->columns,
        .position = number,
    };
    *ret_batch = &l->batch;
    return 0;
}

static int next_from_disk(AggregateSource *s, AggregateSourceLocal *l, Worker *worker,
                          Batch **ret_batch)
{
    GroupTable *t = &l->table;
    uint32_t n = 0;

    while (l->at == t->n_groups) {
        group_table_done(t);
        l->at = 0;
        int r = aggregate_disk_next(s->aggregation, worker, t);
        if (r)
            return r;
        group_table_drop_slots(t);
    }
    for (; n < VEC_ROWS_MAX && l->at < t->n_groups; l->at++)
        l->rows[n++] = group_row(t, l->at);
    return put_out(s->aggregation, l, n, atomic_fetch_add(&s->next, 1), worker, ret_batch);
}

static int aggregate_source_next(Source *source, void *local, Worker *worker, Batch **ret_batch)
{
    AggregateSource *s = (AggregateSource *)source;
    AggregateSourceLocal *l = local;
    Aggregation *a = s->aggregation;
    if (a->from_disk)
        return next_from_disk(s, l, worker, ret_batch);
    uint64_t number = atomic_fetch_add(&s->next, 1);
    uint32_t p = 0;

    while (p < a->n_results && number >= s->starts[p + 1])
        p++;
    if (p == a->n_results)
        return OP_E_END;
    const GroupTable *t = &a->results[p];
    uint32_t first = (uint32_t)(number - s->starts[p]) * VEC_ROWS_MAX;
    uint32_t end = first + MIN(t->n_groups - first, VEC_ROWS_MAX), n = 0;
    const uint8_t *is_elsewhere = a->in_place ? a->parts[p]->is_elsewhere : NULL;
    for (uint32_t g = first; g < end; g++)
        if (!is_elsewhere || !is_elsewhere[g])
            l->rows[n++] = group_row(t, g);
    return put_out(a, l, n, number, worker, ret_batch);
}

static void aggregate_source_close(Source *source)
{
    Aggregation *a = ((AggregateSource *)source)->aggregation;

    for (uint32_t i = 0; i < AGGREGATE_PARTITIONS; i++)
        group_table_done(&a->results[i]);
    for (uint32_t i = 0; i < a->n_parts; i++)
        aggregate_part_free(a, a->parts[i]);
    a->n_parts = 0;
}

static const SourceClass aggregate_source_class = {
    .name = "aggregate",
    .open = aggregate_source_open,
    .local_new = aggregate_source_local_new,
    .next = aggregate_source_next,
    .local_free = aggregate_source_local_free,
    .close = aggregate_source_close,
};

int aggregate_source_new(Query *q, Operator *aggregate, Source **ret)
{
    AggregateSource *s = mem_arena_new_of(q->context.arena, AggregateSource);
    if (!s)
        return mem_arena_error(q->context.arena);
    s->aggregation = (Aggregation *)aggregate;
    s->source = (Source){
        .class = &aggregate_source_class,
        .context = &q->context,
        .node = aggregate->node,
    };
    *ret = &s->source;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/aggregate_spill.h"

/*
 * Grouping: every worker fills a table of its own. Four ways from a row to its group, the first
 * that applies:
 *
 *   no key           there is one group
 *   small numbers    all keys are dictionary codes with few values: an index made of the codes'
 *                    numbers looks the group up in an array
 *   one integer      whose values lie close together: an array from value to group
 *   hash             key rows are built for the batch and looked up in the group table
 *
 * With at most 15 groups in the second way, sums and counts run as vectorised kernels over the
 * whole batch, rows that are not selected going to a group that nobody reads.
 */

#define DIRECT_KEYS_MAX 4u
#define FEW_GROUPS (KERN_GROUPS_FEW - 1)

typedef struct SeenEntries {
    uint64_t dict_id;
    uint8_t *bytes; /* [capacity], per entry of that dictionary */
    uint32_t capacity;
} SeenEntries;

typedef struct AggregateLocal {
    ExprState *state;
    const KernelTable *kern;
    MemArena *arena;
    AggregatePart *part;
    Vector *keys; /* [n_groups] of the batch */
    KeyHashCache *caches;
    SeenEntries *seen; /* per distinct set */
    uint8_t *key_rows; /* VEC_ROWS_MAX rows of the layout */
    uint8_t *distinct_rows;
    uint64_t *hashes;
    uint32_t *numbers; /* per selected row: its group */
    uint8_t **rows;
    uint8_t *few; /* per row of the batch: its group, or the one nobody reads */
    uint8_t *few_without_nulls;
    void *scratch;
    uint16_t *sel;
    MemPool *pool;
    GroupDense dense;
    bool direct; /* small numbers still possible */
    uint32_t direct_bits;
    KeyIds *ids;      /* per key */
    uint32_t *groups; /* [1 << n_groups * direct_bits]: group + 1 */
    uint16_t *index;
} AggregateLocal;

static void aggregate_local_free(Operator *op, void *local)
{
    AggregateLocal *l = local;
    expr_state_free(l->state);
    group_dense_done(&l->dense, op->context->pool);
    aggregate_part_free((Aggregation *)op, l->part);
    mem_arena_free(l->arena);
}

static int part_new(Aggregation *a, AggregatePart **ret)
{
    MemPool *pool = a->op.context->pool;
    MemArena *arena;
    int r = mem_arena_new(pool, "aggregate", &arena);
    if (r)
        return r;
    AggregatePart *part = mem_arena_new_of(arena, AggregatePart);
    if (!part) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    part->arena = arena;
    part->distinct = mem_arena_new_array(arena, GroupTable, a->n_distinct + 1);
    r = part->distinct ? group_table_init(&part->table, pool, "aggregate", &a->keys, a->row_size)
                       : mem_arena_error(arena);
    for (uint32_t i = 0; r == 0 && i < a->n_distinct; i++)
        r = group_table_init(&part->distinct[i], pool, "aggregate", &a->distinct[i].layout,
                             a->distinct[i].layout.size);
    if (r) {
        aggregate_part_free(a, part);
        return r;
    }
    *ret = part;
    return 0;
}

static int direct_init(Aggregation *a, AggregateLocal *l)
{
    static const uint8_t bits[DIRECT_KEYS_MAX + 1] = {0, 12, 8, 5, 4};

    if (a->n_groups == 0 || a->n_groups > DIRECT_KEYS_MAX)
        return 0;
    l->direct_bits = bits[a->n_groups];
    l->ids = mem_arena_new_array(l->arena, KeyIds, a->n_groups);
    l->groups = mem_arena_new_array(l->arena, uint32_t, 1u << (l->direct_bits * a->n_groups));
    l->index = mem_arena_new_array(l->arena, uint16_t, VEC_ROWS_MAX);
    if (!l->ids || !l->groups || !l->index)
        return mem_arena_error(l->arena);
    for (uint32_t i = 0; i < a->n_groups; i++) {
        int r = key_ids_init(&l->ids[i], l->arena, a->keys.phys[i], 1u << l->direct_bits);
        if (r)
            return r;
    }
    l->direct = true;
    return 0;
}

static int aggregate_local_new(Operator *op, Worker *worker, void **ret_local)
{
    Aggregation *a = (Aggregation *)op;
    MemArena *arena;
    int r = mem_arena_new(op->context->pool, "aggregate", &arena);
    if (r)
        return r;
    AggregateLocal *l = mem_arena_new_of(arena, AggregateLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l; /* freed by aggregate_local_free() from here on */
    l->arena = arena;
    l->kern = kern_select();
    l->keys = mem_arena_new_array(arena, Vector, a->n_groups + 1);
    l->caches = mem_arena_new_array(arena, KeyHashCache, a->n_groups + 1);
    l->seen = mem_arena_new_array(arena, SeenEntries, a->n_distinct + 1);
    l->hashes = mem_arena_alloc(arena, sizeof(uint64_t) * VEC_ROWS_MAX, 64);
    l->numbers = mem_arena_alloc(arena, sizeof(uint32_t) * VEC_ROWS_MAX, 64);
    l->rows = mem_arena_alloc(arena, sizeof(uint8_t *) * VEC_ROWS_MAX, 64);
    l->few = mem_arena_alloc(arena, VEC_ROWS_MAX, 64);
    l->few_without_nulls = mem_arena_alloc(arena, VEC_ROWS_MAX, 64);
    l->scratch = mem_arena_alloc(arena, (size_t)VEC_ROWS_MAX * 16, 64);
    l->sel = mem_arena_alloc(arena, sizeof(uint16_t) * VEC_ROWS_MAX, 64);
    if (!l->keys || !l->caches || !l->seen || !l->hashes || !l->numbers || !l->rows || !l->few ||
        !l->few_without_nulls || !l->scratch || !l->sel)
        return mem_arena_error(arena);
    l->pool = op->context->pool;
    l->dense.usable = a->n_groups == 1;
    r = direct_init(a, l);
    if (r == 0)
        r = part_new(a, &l->part);
    if (r == 0)
        r = expr_state_new(a->program, op->context->pool, &l->state);
    return r;
}

/* --- keys --- */

/* Key rows of the selected rows, hashes in front, strings still the batch's. */
static int build_keys(const RowLayout *layout, const Vector *vectors, uint32_t n_columns,
                      const uint16_t *sel, uint32_t n, const uint64_t *hashes, uint8_t *rows)
{
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *row = rows + (size_t)i * layout->size;
        memset(row, 0, layout->size);
        memcpy(row, &hashes[i], 8);
    }
    for (uint32_t c = 0; c < n_columns; c++) {
        const Vector *v = &vectors[c];
        if (v->phys == PHYS_STRING) {
            const VecString *values = v->values;
            for (uint32_t i = 0; i < n; i++) {
                uint32_t row = sel ? sel[i] : i;
                uint8_t *to = rows + (size_t)i * layout->size;
                if (vec_row_is_null(v, row))
                    row_set_null(layout, to, c);
                else
                    memcpy(to + layout->offsets[c], &values[vec_index(v, row)], sizeof(VecString));
            }
            continue;
        }
        int r = row_scatter(layout, c, v, sel, n, rows, NULL);
        if (r)
            return r;
        if (v->phys == PHYS_F64 || v->phys == PHYS_F32)
            for (uint32_t i = 0; i < n; i++) {
                uint8_t *at = rows + (size_t)i * layout->size + layout->offsets[c];
                if (v->phys == PHYS_F64) {
                    double x;
                    memcpy(&x, at, 8);
                    x = x == 0 ? 0.0 : x != x ? __builtin_nan("") : x;
                    memcpy(at, &x, 8);
                } else {
                    float x;
                    memcpy(&x, at, 4);
                    x = x == 0 ? 0.0f : x != x ? __builtin_nanf("") : x;
                    memcpy(at, &x, 4);
                }
            }
    }
    return 0;
}

static int hash_keys(Aggregation *a, AggregateLocal *l, const uint16_t *sel, uint32_t n)
{
    for (uint32_t c = 0; c < a->n_groups; c++) {
        int r = key_hash(l->kern, &l->keys[c], sel, n, c == 0, &l->caches[c], l->arena, l->hashes);
        if (r)
            return r;
    }
    if (a->n_groups == 0)
        memset(l->hashes, 0, sizeof(uint64_t) * n);
    return 0;
}

static int key_rows_buffer(Aggregation *a, AggregateLocal *l)
{
    if (!l->key_rows)
        l->key_rows = mem_arena_alloc(l->arena, (size_t)a->keys.size * VEC_ROWS_MAX, 64);
    return l->key_rows ? 0 : mem_arena_error(l->arena);
}

static int find_by_hash(Aggregation *a, AggregateLocal *l, const uint16_t *sel, uint32_t n,
                        uint32_t *numbers)
{
    int r = key_rows_buffer(a, l);
    if (r == 0)
        r = hash_keys(a, l, sel, n);
    if (r == 0)
        r = build_keys(&a->keys, l->keys, a->n_groups, sel, n, l->hashes, l->key_rows);
    return r ? r : group_table_find_rows(&l->part->table, l->key_rows, n, numbers);
}

/* --- small numbers --- */

/* The number of one row's key value. -ENOSPC: too many values for this way. */
static int direct_id(AggregateLocal *l, uint32_t key, uint32_t row, uint16_t *ret_id)
{
    const Vector *v = &l->keys[key];
    if (vec_row_is_null(v, row)) {
        *ret_id = KEY_ID_NULL;
        return 0;
    }
    return key_ids_find(&l->ids[key], vec_value_at(v, row), l->part->table.strings, ret_id);
}

static int direct_column(AggregateLocal *l, uint32_t key, const uint16_t *sel, uint32_t n)
{
    const Vector *v = &l->keys[key];
    KeyIds *ids = &l->ids[key];
    uint32_t shift = key * l->direct_bits;
    uint16_t *index = l->index;
    uint16_t id = 0;
    int r;

    if (v->encoding == VEC_CONST) {
        r = direct_id(l, key, 0, &id);
        for (uint32_t i = 0; r == 0 && i < n; i++)
            index[i] = (uint16_t)((key ? index[i] : 0) | id << shift);
        return r;
    }
    r = key_ids_dictionary(ids, v, l->arena);
    if (r)
        return r;
    const uint16_t *remap = ids->remap;
    const uint32_t *codes = v->codes;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (v->has_nulls && !vec_bit(v->valid, row)) {
            id = KEY_ID_NULL;
        } else {
            id = remap[codes[row]];
            if (unlikely(id == KEY_ID_NONE)) {
                r = direct_id(l, key, row, &id);
                if (r)
                    return r;
                ids->remap[codes[row]] = id;
            }
        }
        index[i] = (uint16_t)((key ? index[i] : 0) | id << shift);
    }
    return 0;
}

/* Return: 0 with *ret_done; false when the batch must be hashed. */
static int find_direct(Aggregation *a, AggregateLocal *l, const uint16_t *sel, uint32_t n,
                       bool *ret_done)
{
    *ret_done = false;
    for (uint32_t c = 0; c < a->n_groups; c++) {
        const Vector *v = &l->keys[c];
        bool small = v->encoding == VEC_CONST || (v->encoding == VEC_DICT && v->n_dict <= 65536);
        if (!small || v->phys != a->keys.phys[c] || v->phys == PHYS_F32 || v->phys == PHYS_F64)
            return 0;
    }
    for (uint32_t c = 0; c < a->n_groups; c++) {
        int r = direct_column(l, c, sel, n);
        if (r == -ENOSPC) {
            l->direct = false;
            return 0;
        }
        if (r)
            return r;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t group = l->groups[l->index[i]];
        if (unlikely(group == 0)) {
            uint16_t one = sel ? sel[i] : (uint16_t)i;
            int r = find_by_hash(a, l, &one, 1, &group);
            if (r)
                return r;
            l->groups[l->index[i]] = ++group;
        }
        l->numbers[i] = group - 1;
    }
    *ret_done = true;
    return 0;
}

/* --- one integer key, values close together --- */

bool aggregate_dense_key(const Aggregation *a, const uint8_t *row, int64_t *ret_value)
{
    const uint8_t *at = row + a->keys.offsets[0];

    if (row_is_null(&a->keys, row, 0))
        return false;
    switch (a->keys.phys[0]) {
    case PHYS_I8:
        *ret_value = *(const int8_t *)at;
        break;
    case PHYS_I16: {
        int16_t x;
        memcpy(&x, at, 2);
        *ret_value = x;
        break;
    }
    case PHYS_I32: {
        int32_t x;
        memcpy(&x, at, 4);
        *ret_value = x;
        break;
    }
    default:
        memcpy(ret_value, at, 8);
    }
    return true;
}

/* Groups that were found in another way before. The slots are not needed any more. */
static void dense_take_over(Aggregation *a, AggregateLocal *l)
{
    GroupTable *t = &l->part->table;
    GroupDense *d = &l->dense;
    int64_t value = 0, min = INT64_MAX, max = INT64_MIN;

    for (uint32_t g = 0; g < t->n_groups; g++)
        if (aggregate_dense_key(a, group_row(t, g), &value)) {
            min = MIN(min, value);
            max = MAX(max, value);
        }
    if (min <= max)
        group_dense_cover(d, l->pool, min, max, 0);
    for (uint32_t g = 0; d->usable && g < t->n_groups; g++) {
        bool is_null = !aggregate_dense_key(a, group_row(t, g), &value);
        *group_dense_at(d, is_null, value) = g + 1;
    }
    if (d->usable)
        group_table_drop_slots(t);
}

static int dense_new_group(Aggregation *a, AggregateLocal *l, uint16_t row, uint32_t *ret_group)
{
    int r = key_rows_buffer(a, l);
    if (r == 0)
        r = hash_keys(a, l, &row, 1);
    if (r == 0)
        r = build_keys(&a->keys, l->keys, 1, &row, 1, l->hashes, l->key_rows);
    if (r == 0)
        r = group_table_add(&l->part->table, l->key_rows, ret_group);
    return r;
}

#define DENSE_LOOP(type)                                                                           \
    do {                                                                                           \
        const type *values = v->values;                                                            \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            uint32_t row = sel ? sel[i] : i;                                                       \
            bool is_null = v->has_nulls && vec_row_is_null(v, row);                                \
            uint32_t *group =                                                                      \
                is_null ? &d->null_group : &d->groups[(uint64_t)values[vec_index(v, row)] - base]; \
            if (unlikely(*group == 0)) {                                                           \
                uint32_t made;                                                                     \
                int r = dense_new_group(a, l, (uint16_t)row, &made);                               \
                if (r)                                                                             \
                    return r;                                                                      \
                *group = made + 1;                                                                 \
            }                                                                                      \
            l->numbers[i] = *group - 1;                                                            \
        }                                                                                          \
    } while (0)

/* Return: 0 with *ret_done; false when the batch must be hashed, as all after it. */
static int find_dense(Aggregation *a, AggregateLocal *l, const uint16_t *sel, uint32_t n,
                      bool *ret_done)
{
    GroupDense *d = &l->dense;
    const Vector *v = &l->keys[0];
    int64_t min, max;

    *ret_done = false;
    if (v->phys != a->keys.phys[0] || v->phys < PHYS_I8 || v->phys > PHYS_I64)
        d->usable = false;
    else if (group_dense_range(v, sel, n, &min, &max))
        group_dense_cover(d, l->pool, min, max, n);
    if (d->usable && l->part->table.n_slots > 0)
        dense_take_over(a, l);
    if (!d->usable) {
        group_dense_done(d, l->pool);
        return 0;
    }
    uint64_t base = (uint64_t)d->base;
    switch (v->phys) {
    case PHYS_I8:
        DENSE_LOOP(int8_t);
        break;
    case PHYS_I16:
        DENSE_LOOP(int16_t);
        break;
    case PHYS_I32:
        DENSE_LOOP(int32_t);
        break;
    default:
        DENSE_LOOP(int64_t);
        break;
    }
    *ret_done = true;
    return 0;
}

/* --- states --- */

/* Rows for which a FILTER is true. */
static int filter_rows(AggregateLocal *l, Worker *worker, uint32_t output, const uint16_t *sel,
                       uint32_t n, uint16_t *out, uint32_t *places, uint32_t *ret_n)
{
    Vector v;
    int r = expr_eval(l->state, output, &v, &worker->error);
    if (r)
        return r;
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (vec_row_is_null(&v, row) || !((const uint8_t *)v.values)[vec_index(&v, row)])
            continue;
        out[k] = (uint16_t)row;
        places[k++] = i;
    }
    *ret_n = k;
    return 0;
}

/* Sums and counts of few groups by kernels. Return: done. */
static bool update_few(AggregateLocal *l, const State *st, const StateInput *in,
                       const int64_t *counts)
{
    GroupTable *t = &l->part->table;
    uint32_t n_groups = t->n_groups;
    const Vector *v = in->v;
    int64_t sums[KERN_GROUPS_FEW] = {0}, own_counts[KERN_GROUPS_FEW] = {0};
    const uint8_t *groups = l->few;
    int64_t limit = INT64_MAX / (int64_t)VEC_ROWS_MAX;

    if (st->kind != STATE_COUNT && st->kind != STATE_SUM_INT)
        return false;
    if (v && v->has_nulls) {
        if (v->encoding == VEC_CONST)
            return false;
        for (uint32_t i = 0; i < in->n_rows; i++)
            l->few_without_nulls[i] = vec_bit(v->valid, i) ? l->few[i] : (uint8_t)n_groups;
        groups = l->few_without_nulls;
        l->kern->group_count(groups, in->n_rows, n_groups + 1, own_counts);
        counts = own_counts;
    }
    if (st->kind == STATE_COUNT) {
        for (uint32_t g = 0; g < n_groups; g++)
            *(int64_t *)(void *)(group_row(t, g) + st->offset) += counts[g];
        return true;
    }
    if (v->phys != PHYS_I64 || v->encoding == VEC_CONST || !in->bounded || in->lo < -limit ||
        in->hi > limit)
        return false;
    const int64_t *values = v->values;
    if (v->encoding == VEC_DICT) {
        Vector flat;
        if (in->sel)
            vec_flatten(v, in->sel, in->n, in->scratch, NULL, &flat);
        else
            l->kern->gather_u64(v->values, v->codes, in->scratch, in->n);
        values = in->scratch;
    }
    l->kern->group_sum_i64(values, groups, in->n_rows, n_groups + 1, sums);
    for (uint32_t g = 0; g < n_groups; g++) {
        sum_add_many((SumInt *)(void *)(group_row(t, g) + st->offset), sums[g], counts[g]);
    }
    return true;
}

static int update_states(Aggregation *a, AggregateLocal *l, Worker *worker, const Batch *batch,
                         bool single)
{
    GroupTable *t = &l->part->table;
    uint32_t n = batch_rows(batch);
    bool few = !single && t->n_groups <= FEW_GROUPS && n * 2 > batch->n_rows;
    bool have_rows = false;
    int64_t counts[KERN_GROUPS_FEW] = {0};

    if (few) {
        if (batch->sel) {
            memset(l->few, (int)t->n_groups, batch->n_rows);
            for (uint32_t i = 0; i < n; i++)
                l->few[batch->sel[i]] = (uint8_t)l->numbers[i];
        } else {
            for (uint32_t i = 0; i < n; i++)
                l->few[i] = (uint8_t)l->numbers[i];
        }
        l->kern->group_count(l->few, batch->n_rows, t->n_groups + 1, counts);
    }
    for (uint32_t i = 0; i < a->n_states; i++) {
        const State *st = &a->states[i];
        Vector v;
        bool is_distinct = false;
        for (uint32_t d = 0; d < a->n_distinct; d++)
            is_distinct |= a->distinct[d].state == i;
        if (is_distinct)
            continue;
        StateInput in = {
            .kern = l->kern,
            .sel = batch->sel,
            .n = n,
            .n_rows = batch->n_rows,
            .scratch = l->scratch,
            .strings = t->strings,
        };
        if (st->arg != UINT32_MAX) {
            int r = expr_eval_narrow(l->state, st->arg, &v, &in.bounded, &in.lo, &in.hi,
                                     &worker->error);
            if (r)
                return r;
            in.v = &v;
        }
        if (st->filter == UINT32_MAX && few && update_few(l, st, &in, counts))
            continue;
        if (!single && !have_rows) {
            for (uint32_t k = 0; k < n; k++)
                l->rows[k] = group_row(t, l->numbers[k]);
            have_rows = true;
        }
        in.rows = single ? NULL : l->rows;
        in.single = single ? group_row(t, 0) : NULL;
        uint8_t **filtered = l->scratch;
        if (st->filter != UINT32_MAX) {
            uint32_t *places = (uint32_t *)l->scratch + 3 * VEC_ROWS_MAX;
            int r = filter_rows(l, worker, st->filter, batch->sel, n, l->sel, places, &in.n);
            if (r)
                return r;
            in.sel = l->sel;
            if (!single) {
                for (uint32_t k = 0; k < in.n; k++)
                    filtered[k] = l->rows[places[k]];
                in.rows = filtered;
            }
        }
        int r = state_update(st, &in);
        if (r)
            return r;
    }
    return 0;
}

/* --- to disk --- */

static bool is_refused(int r)
{
    return r == MEM_E_SPILL || r == MEM_E_REFUSED;
}

/* What leads from rows to groups without a hash goes with the groups. */
static int spill_local(Aggregation *a, AggregateLocal *l, Worker *worker)
{
    l->direct = false;
    group_dense_done(&l->dense, l->pool);
    return aggregate_spill_part(a, l->part, worker);
}

static int aggregate_spill(Operator *op, void *local, Worker *worker)
{
    Aggregation *a = (Aggregation *)op;
    AggregateLocal *l = local;

    if (!a->disk || !l->part ||
        aggregate_part_bytes(a, l->part) + l->dense.size * 4 < spill_worth(op->context))
        return MEM_E_REFUSED;
    return spill_local(a, l, worker);
}

/* --- DISTINCT --- */

/*
 * Without groups a value counts once, so an entry of a dictionary is looked up once: the rows of
 * @v that show an entry for the first time.
 */
static int rows_of_new_entries(AggregateLocal *l, SeenEntries *seen, const Vector *v,
                               const uint16_t *sel, uint32_t n, uint16_t *out, uint32_t *ret_n)
{
    uint32_t k = 0;

    if (seen->dict_id != v->dict_id) {
        if (seen->capacity < v->n_dict) {
            seen->capacity = MAX(v->n_dict, 2 * seen->capacity);
            seen->bytes = mem_arena_alloc(l->arena, seen->capacity, 64);
            if (!seen->bytes) {
                seen->capacity = 0;
                return mem_arena_error(l->arena);
            }
        }
        memset(seen->bytes, 0, v->n_dict);
        seen->dict_id = v->dict_id;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (vec_row_is_null(v, row) || seen->bytes[v->codes[row]])
            continue;
        seen->bytes[v->codes[row]] = 1;
        out[k++] = (uint16_t)row;
    }
    *ret_n = k;
    return 0;
}

static int update_distinct(Aggregation *a, AggregateLocal *l, Worker *worker, const Batch *batch)
{
    for (uint32_t d = 0; d < a->n_distinct; d++) {
        const DistinctSet *set = &a->distinct[d];
        const State *st = &a->states[set->state];
        const uint16_t *sel = batch->sel;
        uint32_t n = batch_rows(batch), number;
        int r = 0;

        if (st->filter != UINT32_MAX) {
            r = filter_rows(l, worker, st->filter, sel, n, l->sel, l->scratch, &n);
            if (r)
                return r;
            sel = l->sel;
        }
        r = expr_eval(l->state, st->arg, &l->keys[a->n_groups], &worker->error);
        if (r == 0 && a->n_groups == 0 && l->keys[0].encoding == VEC_DICT) {
            r = rows_of_new_entries(l, &l->seen[d], &l->keys[0], sel, n, l->sel, &n);
            sel = l->sel;
        }
        if (r == 0)
            r = hash_keys(a, l, sel, n);
        if (r)
            return r;
        uint64_t *group_hashes = l->scratch;
        memcpy(group_hashes, l->hashes, sizeof(uint64_t) * n);
        r = key_hash(l->kern, &l->keys[a->n_groups], sel, n, false, NULL, NULL, l->hashes);
        if (r)
            return r;
        if (!l->distinct_rows) {
            uint32_t size = 0;
            for (uint32_t i = 0; i < a->n_distinct; i++)
                size = MAX(size, a->distinct[i].layout.size);
            l->distinct_rows = mem_arena_alloc(l->arena, (size_t)size * VEC_ROWS_MAX, 64);
            if (!l->distinct_rows)
                return mem_arena_error(l->arena);
        }
        r = build_keys(&set->layout, l->keys, a->n_groups + 1, sel, n, l->hashes, l->distinct_rows);
        for (uint32_t i = 0; r == 0 && i < n; i++) {
            uint8_t *row = l->distinct_rows + (size_t)i * set->layout.size;
            if (row_is_null(&set->layout, row, a->n_groups))
                continue; /* aggregates do not see nulls */
            memcpy(row + 8, &group_hashes[i], 8);
            worker->can_retry = a->disk && l->part->distinct[d].n_groups > 0;
            r = group_table_find(&l->part->distinct[d], row, &number);
            worker->can_retry = false;
            if (is_refused(r) && a->disk && l->part->distinct[d].n_groups > 0) {
                r = spill_local(a, l, worker);
                if (r == 0)
                    r = group_table_find(&l->part->distinct[d], row, &number);
            }
        }
        if (r)
            return r;
    }
    return 0;
}

static int find_groups(Aggregation *a, AggregateLocal *l, const Batch *batch)
{
    uint32_t n = batch_rows(batch), number;
    bool done = false;
    int r = 0;

    if (a->n_groups == 0)
        return group_table_single(&l->part->table, &number);
    if (l->direct)
        r = find_direct(a, l, batch->sel, n, &done);
    if (r == 0 && !done && l->dense.usable)
        r = find_dense(a, l, batch->sel, n, &done);
    if (r == 0 && !done)
        r = find_by_hash(a, l, batch->sel, n, l->numbers);
    return r;
}

static int aggregate_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    Aggregation *a = (Aggregation *)op;
    AggregateLocal *l = local;
    bool bounded;
    int64_t lo, hi;
    int r = 0;

    expr_begin(l->state, batch);
    for (uint32_t i = 0; i < a->n_groups; i++) {
        r = expr_eval_narrow(l->state, i, &l->keys[i], &bounded, &lo, &hi, &worker->error);
        if (r)
            return r;
    }
    /* A group that was made without a row is harmless: its states say so. */
    worker->can_retry = a->disk && l->part->table.n_groups > 0;
    r = find_groups(a, l, batch);
    worker->can_retry = false;
    if (is_refused(r) && a->disk && l->part->table.n_groups > 0) {
        r = spill_local(a, l, worker);
        if (r == 0)
            r = find_groups(a, l, batch);
    }
    if (r == 0 && a->n_states > 0)
        r = update_states(a, l, worker, batch, a->n_groups == 0);
    if (r == 0 && a->n_distinct > 0)
        r = update_distinct(a, l, worker, batch);
    return r;
}

/* Sort the groups by partition, so that finish_task() finds its own. */
static int partition_part(AggregatePart *part)
{
    GroupTable *t = &part->table;
    uint32_t *starts = part->starts;

    part->order = mem_arena_alloc(part->arena, sizeof(uint32_t) * t->n_groups, 64);
    if (!part->order)
        return mem_arena_error(part->arena);
    memset(starts, 0, sizeof(part->starts));
    for (uint32_t g = 0; g < t->n_groups; g++)
        starts[(group_hash(group_row(t, g)) >> AGGREGATE_PARTITION_SHIFT) + 1]++;
    for (uint32_t p = 0; p < AGGREGATE_PARTITIONS; p++)
        starts[p + 1] += starts[p];
    uint32_t at[AGGREGATE_PARTITIONS];
    memcpy(at, starts, sizeof(at));
    for (uint32_t g = 0; g < t->n_groups; g++)
        part->order[at[group_hash(group_row(t, g)) >> AGGREGATE_PARTITION_SHIFT]++] = g;
    return 0;
}

static int aggregate_combine(Operator *op, void *local, Worker *worker)
{
    Aggregation *a = (Aggregation *)op;
    AggregateLocal *l = local;
    int r = 0;

    if (aggregate_has_spilled(a))
        r = spill_local(a, l, worker);
    else if (a->n_distinct == 0 && op->context->n_threads > 1 && l->part->table.n_groups >= 4096)
        r = partition_part(l->part);
    if (is_refused(r) && a->disk && !aggregate_has_spilled(a))
        r = spill_local(a, l, worker);
    if (r)
        return r;
    if (l->dense.usable && l->part->table.n_slots == 0) {
        l->part->dense = l->dense;
        l->dense = (GroupDense){0};
    }
    pthread_mutex_lock(&a->lock);
    if (a->n_parts == a->parts_capacity) {
        uint32_t capacity = a->parts_capacity ? a->parts_capacity * 2 : 16;
        AggregatePart **list = mem_arena_new_array(op->context->arena, AggregatePart *, capacity);
        if (list && a->n_parts)
            memcpy(list, a->parts, sizeof(*list) * a->n_parts);
        if (list) {
            a->parts = list;
            a->parts_capacity = capacity;
        } else {
            r = mem_arena_error(op->context->arena);
        }
    }
    if (r == 0)
        a->parts[a->n_parts++] = TAKE_PTR(l->part);
    pthread_mutex_unlock(&a->lock);
    return r;
}

void aggregate_part_free(Aggregation *a, AggregatePart *part)
{
    if (!part)
        return;
    group_table_done(&part->table);
    group_dense_done(&part->dense, a->op.context->pool);
    for (uint32_t i = 0; part->distinct && i < a->n_distinct; i++)
        group_table_done(&part->distinct[i]);
    mem_arena_free(part->arena);
}

static void aggregate_close(Operator *op)
{
    Aggregation *a = (Aggregation *)op;

    for (uint32_t i = 0; i < a->n_parts; i++)
        aggregate_part_free(a, a->parts[i]);
    for (uint32_t i = 0; i < AGGREGATE_PARTITIONS; i++)
        group_table_done(&a->results[i]);
    for (uint32_t i = 0; i < AGGREGATE_PARTITIONS; i++)
        mem_arena_free(a->task_strings[i]);
    aggregate_spill_done(a);
    pthread_mutex_destroy(&a->lock);
}

const OperatorClass aggregate_class = {
    .name = "hash aggregate",
    .local_new = aggregate_local_new,
    .execute = aggregate_execute,
    .combine = aggregate_combine,
    .finish = aggregate_finish,
    .finish_task = aggregate_finish_task,
    .spill = aggregate_spill,
    .local_free = aggregate_local_free,
    .close = aggregate_close,
};

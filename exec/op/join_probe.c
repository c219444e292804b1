/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/join_disk.h"

#include "exec/kernel/hash.h"

/*
 * Probe. Two ways out:
 *
 *   in place   every left row has at most one match: the left columns go on as they came, with a
 *              selection, and the right columns are written at the same rows
 *   gathered   pairs of left row and right row, up to VEC_ROWS_MAX at a time: dictionaries keep
 *              their codes, flat columns are copied
 *
 * A residual predicate looks at gathered pairs before they count as matches.
 */

typedef struct JoinProbe {
    Operator op;
    JoinBuild *build;
    ExprProgram *program;  /* left keys */
    ExprProgram *residual; /* over left + right columns, or NULL */
    uint32_t n_left, n_right;
    JoinType type;
} JoinProbe;

typedef struct ProbeLocal {
    ExprState *state, *residual;
    const KernelTable *kern;
    MemArena *arena;
    Vector *keys;
    KeyHashCache *caches;
    uint16_t *rows; /* left rows with a key */
    uint64_t *hashes;
    const uint8_t **heads; /* per such row: first of its chain, or NULL */
    uint8_t *matched;      /* per row of the batch */
    uint16_t *sel;
    uint16_t *pair_left;
    const uint8_t **pair_right;
    uint32_t n_pairs;
    Vector *columns; /* of what is emitted */
    void **values;   /* per emitted column */
    uint32_t *room;  /* rows that fit there */
    uint64_t **valid;
    uint32_t **codes;       /* per left column */
    const JoinBuild *build; /* what is probed now */
    ProbeDisk *disk;        /* NULL: all of it is in memory */
} ProbeLocal;

static void probe_local_free(Operator *op, void *local)
{
    ProbeLocal *l = local;
    if (l->disk)
        probe_disk_done(((JoinProbe *)op)->build, l->disk);
    expr_state_free(l->state);
    expr_state_free(l->residual);
    mem_arena_free(l->arena);
}

static int probe_local_new(Operator *op, Worker *worker, void **ret_local)
{
    JoinProbe *p = (JoinProbe *)op;
    uint32_t n = p->n_left + p->n_right;
    MemArena *arena;
    int r = mem_arena_new(op->context->pool, "hash join probe", &arena);
    if (r)
        return r;
    ProbeLocal *l = mem_arena_new_of(arena, ProbeLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->kern = kern_select();
    l->keys = mem_arena_new_array(arena, Vector, p->build->n_keys + 1);
    l->caches = mem_arena_new_array(arena, KeyHashCache, p->build->n_keys + 1);
    l->rows = mem_arena_new_array(arena, uint16_t, VEC_ROWS_MAX);
    l->hashes = mem_arena_alloc(arena, sizeof(uint64_t) * VEC_ROWS_MAX, 64);
    l->heads = mem_arena_new_array(arena, const uint8_t *, VEC_ROWS_MAX);
    l->matched = mem_arena_new_array(arena, uint8_t, VEC_ROWS_MAX);
    l->sel = mem_arena_new_array(arena, uint16_t, VEC_ROWS_MAX);
    l->pair_left = mem_arena_new_array(arena, uint16_t, VEC_ROWS_MAX);
    l->pair_right = mem_arena_new_array(arena, const uint8_t *, VEC_ROWS_MAX);
    l->columns = mem_arena_new_array(arena, Vector, n + 1);
    l->values = mem_arena_new_array(arena, void *, n + 1);
    l->valid = mem_arena_new_array(arena, uint64_t *, n + 1);
    l->codes = mem_arena_new_array(arena, uint32_t *, n + 1);
    l->room = mem_arena_new_array(arena, uint32_t, n + 1);
    if (!l->keys || !l->caches || !l->rows || !l->hashes || !l->heads || !l->matched || !l->sel ||
        !l->pair_left || !l->pair_right || !l->columns || !l->values || !l->valid || !l->codes ||
        !l->room)
        return mem_arena_error(arena);
    if (join_disk_diverts(p->build)) {
        l->disk = mem_arena_new_of(arena, ProbeDisk);
        if (!l->disk)
            return mem_arena_error(arena);
    }
    r = expr_state_new(p->program, op->context->pool, &l->state);
    if (r == 0 && p->residual)
        r = expr_state_new(p->residual, op->context->pool, &l->residual);
    return r;
}

/* A join of hundreds of small tables has tens of thousands of columns: few rows take little room.
 */
#define ROOM_FIRST 64u

static int column_buffers(ProbeLocal *l, uint32_t column, uint32_t n)
{
    uint32_t room = n <= ROOM_FIRST ? ROOM_FIRST : VEC_ROWS_MAX;
    if (l->room[column] < room) {
        l->values[column] = mem_arena_alloc(l->arena, (size_t)room * 16, 64);
        if (!l->values[column])
            return mem_arena_error(l->arena);
        l->codes[column] = NULL;
        l->room[column] = room;
    }
    if (!l->valid[column])
        l->valid[column] = mem_arena_alloc(l->arena, VEC_VALID_WORDS * 8, 64);
    return l->values[column] && l->valid[column] ? 0 : mem_arena_error(l->arena);
}

/* Right columns of some rows into the emitted batch. */
static int right_columns(JoinProbe *p, ProbeLocal *l, const uint8_t *const *rows, uint32_t n,
                         const uint16_t *at)
{
    for (uint32_t c = 0; c < p->n_right; c++) {
        int r = column_buffers(l, p->n_left + c, at ? VEC_ROWS_MAX : n);
        if (r)
            return r;
        row_gather(&l->build->layout, c, rows, n, at, l->values[p->n_left + c],
                   l->valid[p->n_left + c], &l->columns[p->n_left + c]);
    }
    return 0;
}

/* Left columns of some rows, dense. */
static int left_columns(JoinProbe *p, ProbeLocal *l, const Batch *batch, const uint16_t *rows,
                        uint32_t n)
{
    for (uint32_t c = 0; c < p->n_left; c++) {
        const Vector *v = &batch->columns[c];
        Vector *out = &l->columns[c];
        if (v->encoding == VEC_CONST) {
            *out = *v;
            continue;
        }
        int r = column_buffers(l, c, n);
        if (r)
            return r;
        if (v->encoding == VEC_DICT) {
            if (!l->codes[c])
                l->codes[c] = mem_arena_new_array(l->arena, uint32_t, l->room[c]);
            if (!l->codes[c])
                return mem_arena_error(l->arena);
            for (uint32_t i = 0; i < n; i++)
                l->codes[c][i] = v->codes[rows[i]];
            *out = *v;
            out->codes = l->codes[c];
        } else {
            *out = (Vector){
                .type = v->type, .phys = v->phys, .encoding = VEC_FLAT, .values = l->values[c]};
            Vector without = *v;
            without.has_nulls = false;
            vec_gather(&without, rows, n, l->values[c], NULL);
        }
        if (v->has_nulls) {
            memset(l->valid[c], 0, VEC_VALID_WORDS * 8);
            for (uint32_t i = 0; i < n; i++)
                if (vec_bit(v->valid, rows[i]))
                    vec_bit_set(l->valid[c], i);
            out->has_nulls = true;
            out->valid = l->valid[c];
        }
    }
    return 0;
}

static bool row_matches(const JoinProbe *p, const ProbeLocal *l, uint32_t i, const uint8_t *row)
{
    const JoinBuild *b = l->build;

    if (b->dense)
        return true;
    if (join_hash(row) != l->hashes[i])
        return false;
    if (b->integer)
        return true;
    for (uint32_t k = 0; k < b->n_keys; k++)
        if (!row_equal(&b->layout, b->key_columns[k], &l->keys[k], l->rows[i], row))
            return false;
    return true;
}

static const uint8_t *chain_find(const JoinProbe *p, const ProbeLocal *l, uint32_t i,
                                 const uint8_t *row)
{
    while (row && !row_matches(p, l, i, row))
        row = join_next(row);
    return row;
}

/* The first match of each of @n rows; none is NULL. */
static void find_heads(const JoinProbe *p, ProbeLocal *l, uint32_t n)
{
    const JoinBuild *b = l->build;
    const uint64_t *directory = b->directory;

    if (b->dense) {
        for (uint32_t i = 0; i < n; i++) {
            uint64_t slot = l->hashes[i] - (uint64_t)b->dense_min;
            l->heads[i] =
                slot < b->n_directory ? (const uint8_t *)(uintptr_t)directory[slot] : NULL;
        }
        return;
    }
    /* First all directory words, whose misses overlap; then the chains of those whose tag fits. */
    for (uint32_t i = 0; i < n; i++) {
        uint64_t h = b->integer ? hash_u64(l->hashes[i]) : l->hashes[i];
        uint64_t entry = directory[h >> b->shift], tag = join_tag(h);
        l->heads[i] =
            (entry & tag) == tag ? (const uint8_t *)(uintptr_t)(entry & JOIN_POINTER_MASK) : NULL;
    }
    for (uint32_t i = 0; i < n; i++)
        if (l->heads[i])
            __builtin_prefetch(l->heads[i]);
    for (uint32_t i = 0; i < n; i++)
        if (l->heads[i])
            l->heads[i] = chain_find(p, l, i, l->heads[i]);
}

static bool marks_right(const JoinProbe *p)
{
    return p->type == JOIN_RIGHT || p->type == JOIN_FULL || join_is_right_only(p->type);
}

static bool is_marked(const uint8_t *row)
{
    return __atomic_load_n(row + 16, __ATOMIC_RELAXED);
}

static void mark(const uint8_t *row)
{
    __atomic_store_n((uint8_t *)row + 16, 1, __ATOMIC_RELAXED);
}

static int emit(JoinProbe *p, ProbeLocal *l, Worker *worker, uint32_t n_rows, const uint16_t *sel,
                uint32_t n, uint64_t position, bool with_right)
{
    Batch out = {
        .n_rows = n_rows,
        .n_selected = sel ? n : n_rows,
        .sel = sel,
        .n_columns = p->n_left + (with_right ? p->n_right : 0),
        .columns = l->columns,
        .position = position,
    };
    return n == 0 ? 0 : op_emit(&p->op, worker, &out);
}

/* Left columns as they came, nulls on the right. */
static int emit_unmatched(JoinProbe *p, ProbeLocal *l, Worker *worker, const Batch *batch,
                          const uint16_t *sel, uint32_t n, bool with_right)
{
    memcpy(l->columns, batch->columns, sizeof(Vector) * p->n_left);
    for (uint32_t c = 0; with_right && c < p->n_right; c++)
        l->columns[p->n_left + c] = vec_const_null(p->op.node->right->fields[c].type);
    return emit(p, l, worker, batch->n_rows, sel, n, batch->position, with_right);
}

/* SEMI, ANTI and the unmatched rows of LEFT and FULL: by the marks of the batch's rows. */
static int emit_by_mark(JoinProbe *p, ProbeLocal *l, Worker *worker, const Batch *batch,
                        bool matched, bool with_right)
{
    uint32_t n = batch_rows(batch), k = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;
        l->sel[k] = (uint16_t)row;
        k += l->matched[row] == matched;
    }
    return emit_unmatched(p, l, worker, batch, l->sel, k, with_right);
}

/* At most one match per left row, no residual: in place. */
static int probe_in_place(JoinProbe *p, ProbeLocal *l, Worker *worker, const Batch *batch,
                          uint32_t n_keys)
{
    uint32_t k = 0;

    for (uint32_t i = 0; i < n_keys; i++) {
        l->sel[k] = l->rows[i];
        l->pair_right[k] = l->heads[i];
        k += l->heads[i] != NULL;
    }
    if (marks_right(p))
        for (uint32_t i = 0; i < k; i++)
            mark(l->pair_right[i]);
    if (join_is_right_only(p->type))
        return 0;
    if (k > 0) {
        memcpy(l->columns, batch->columns, sizeof(Vector) * p->n_left);
        int r = right_columns(p, l, l->pair_right, k, l->sel);
        if (r == 0)
            r = emit(p, l, worker, batch->n_rows, l->sel, k, batch->position, true);
        if (r)
            return r;
    }
    if (p->type != JOIN_LEFT && p->type != JOIN_FULL)
        return 0;
    memset(l->matched, 0, batch->n_rows);
    for (uint32_t i = 0; i < n_keys; i++)
        l->matched[l->rows[i]] = l->heads[i] != NULL;
    return emit_by_mark(p, l, worker, batch, false, true);
}

/* What has been collected: filter by the residual, mark, emit. */
static int flush_pairs(JoinProbe *p, ProbeLocal *l, Worker *worker, const Batch *batch)
{
    uint32_t n = l->n_pairs, k = n;
    const uint16_t *sel = NULL;
    bool only_marks = p->type == JOIN_SEMI || p->type == JOIN_ANTI || join_is_right_only(p->type);
    bool marks = marks_right(p);

    l->n_pairs = 0;
    if (n == 0)
        return 0;
    int r = left_columns(p, l, batch, l->pair_left, n);
    if (r == 0)
        r = right_columns(p, l, l->pair_right, n, NULL);
    if (r)
        return r;
    if (p->residual) {
        Batch pairs = {
            .n_rows = n,
            .n_selected = n,
            .n_columns = p->n_left + p->n_right,
            .columns = l->columns,
        };
        r = expr_select(l->residual, &pairs, l->sel, &k, &worker->error);
        if (r)
            return r;
        sel = l->sel;
    }
    for (uint32_t i = 0; i < k; i++) {
        uint32_t pair = sel ? sel[i] : i;
        l->matched[l->pair_left[pair]] = 1;
        if (marks)
            mark(l->pair_right[pair]);
    }
    return only_marks ? 0 : emit(p, l, worker, n, sel, k, batch->position, true);
}

/* Without a residual all rows of a key are marked together, so the first tells of the others. */
static void mark_chains(const JoinProbe *p, ProbeLocal *l, uint32_t n_keys)
{
    for (uint32_t i = 0; i < n_keys; i++) {
        const uint8_t *row = l->heads[i];
        if (!row || is_marked(row))
            continue;
        /* From behind the first on, and that one last: who finds it marked finds all marked. */
        for (row = chain_find(p, l, i, join_next(row)); row;
             row = chain_find(p, l, i, join_next(row)))
            mark(row);
        __atomic_store_n((uint8_t *)l->heads[i] + 16, 1, __ATOMIC_RELEASE);
    }
}

static int probe_gathered(JoinProbe *p, ProbeLocal *l, Worker *worker, const Batch *batch,
                          uint32_t n_keys)
{
    bool only_left = p->type == JOIN_SEMI || p->type == JOIN_ANTI;
    bool only_right = join_is_right_only(p->type);

    if (only_right && !p->residual) {
        mark_chains(p, l, n_keys);
        return 0;
    }
    memset(l->matched, 0, batch->n_rows);
    l->n_pairs = 0;
    for (uint32_t i = 0; i < n_keys; i++) {
        const uint8_t *row = l->heads[i];
        if (only_left && !p->residual) {
            l->matched[l->rows[i]] = row != NULL;
            continue;
        }
        for (; row; row = chain_find(p, l, i, join_next(row))) {
            if (only_right && is_marked(row))
                continue;
            l->pair_left[l->n_pairs] = l->rows[i];
            l->pair_right[l->n_pairs++] = row;
            if (l->n_pairs < VEC_ROWS_MAX)
                continue;
            int r = context_stopped(p->op.context) ? QUERY_E_CANCELLED
                                                   : flush_pairs(p, l, worker, batch);
            if (r)
                return r;
            if (only_left && l->matched[l->rows[i]])
                break;
        }
    }
    int r = flush_pairs(p, l, worker, batch);
    if (r)
        return r;
    switch (p->type) {
    case JOIN_SEMI:
        return emit_by_mark(p, l, worker, batch, true, false);
    case JOIN_ANTI:
        return emit_by_mark(p, l, worker, batch, false, false);
    case JOIN_LEFT:
    case JOIN_FULL:
        return emit_by_mark(p, l, worker, batch, false, true);
    default:
        return 0;
    }
}

/* NOT IN: a null on the right makes every row unknown, a null on the left that row, unless the
 * right side is empty. */
static int probe_null_aware(JoinProbe *p, ProbeLocal *l, Worker *worker, const Batch *batch,
                            uint32_t n_keys)
{
    uint32_t k = 0;

    if (l->build->n_rows == 0 && !atomic_load(&l->build->null_key))
        return emit_unmatched(p, l, worker, batch, batch->sel, batch_rows(batch), false);
    if (atomic_load(&l->build->null_key))
        return 0;
    for (uint32_t i = 0; i < n_keys; i++) {
        l->sel[k] = l->rows[i];
        k += l->heads[i] == NULL;
    }
    return emit_unmatched(p, l, worker, batch, l->sel, k, false);
}

static int probe_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    JoinProbe *p = (JoinProbe *)op;
    ProbeLocal *l = local;
    uint32_t n = batch_rows(batch), n_keys;
    const JoinBuild *other = join_disk_current(p->build, worker);
    Batch kept;
    int r;

    if (other && join_disk_passing(p->build, worker))
        return op_emit(op, worker, batch);
    l->build = other ? other : p->build;
    expr_begin(l->state, batch);
    for (uint32_t i = 0; i < l->build->n_keys; i++) {
        r = expr_eval(l->state, i, &l->keys[i], &worker->error);
        if (r)
            return r;
    }
    r = join_keys(l->build, l->kern, l->keys, batch->sel, n, l->caches, l->arena, l->rows,
                  l->hashes, &n_keys);
    if (r)
        return r;
    if (!other && l->disk) {
        r = join_disk_divert(p->build, l->disk, batch, l->rows, l->hashes, &n_keys, worker, &kept);
        if (r || kept.n_selected == 0)
            return r;
        batch = &kept;
    }
    if (l->build->n_keys == 0) {
        /* No key: every row of the build side, all in one chain. */
        const uint8_t *all =
            (const uint8_t *)(uintptr_t)(l->build->directory[0] & JOIN_POINTER_MASK);
        for (uint32_t i = 0; i < n_keys; i++)
            l->heads[i] = all;
    } else {
        find_heads(p, l, n_keys);
    }
    if (p->type == JOIN_ANTI && op->node->join.null_aware && !p->residual)
        return probe_null_aware(p, l, worker, batch, n_keys);
    bool one =
        !atomic_load_explicit(&l->build->duplicates, memory_order_relaxed) && l->build->n_keys > 0;
    if (one && !p->residual && p->type != JOIN_SEMI && p->type != JOIN_ANTI)
        return probe_in_place(p, l, worker, batch, n_keys);
    return probe_gathered(p, l, worker, batch, n_keys);
}

static int probe_flush(Operator *op, void *local, Worker *worker)
{
    ProbeLocal *l = local;

    return l->disk ? join_disk_flush(((JoinProbe *)op)->build, l->disk, worker) : 0;
}

/* Build rows that come out after the probe are still needed, unless they have come out by now. */
static void probe_release(Operator *op)
{
    JoinProbe *p = (JoinProbe *)op;

    if (!marks_right(p) || p->build->disk)
        join_build_release(p->build);
}

static void probe_close(Operator *op)
{
}

static const OperatorClass probe_class = {
    .name = "hash join probe",
    .local_new = probe_local_new,
    .execute = probe_execute,
    .flush = probe_flush,
    .release = probe_release,
    .local_free = probe_local_free,
    .close = probe_close,
};

int join_probe_new(Query *q, const PlanNode *node, Operator *build, Operator *next, Operator **ret)
{
    MemArena *arena = q->context.arena;
    JoinProbe *p = mem_arena_new_of(arena, JoinProbe);
    if (!p)
        return mem_arena_error(arena);
    operator_init(&p->op, &probe_class, q, node, next);
    p->build = (JoinBuild *)build;
    p->n_left = node->input->n_fields;
    p->n_right = node->right->n_fields;
    p->type = (JoinType)node->join.type;
    int r = expr_compile(arena, node->join.left_keys, node->join.n_keys, p->n_left,
                         &q->workers[0].error, &p->program);
    Expr *residual = node->join.residual;
    if (r == 0 && residual)
        r = expr_compile(arena, &residual, 1, p->n_left + p->n_right, &q->workers[0].error,
                         &p->residual);
    if (r)
        return r;
    *ret = &p->op;
    return query_add_operator(q, &p->op);
}

/* --- RIGHT and FULL: what nothing matched; with the sides of SEMI exchanged: what was --- */

typedef struct UnmatchedSource {
    Source source;
    JoinBuild *build;
    _Atomic uint32_t next_block;
} UnmatchedSource;

typedef struct UnmatchedLocal {
    MemArena *arena;
    const JoinBlock *block;
    uint32_t at;
    uint32_t number;
    Batch batch;
    Vector *columns;
    void **values;
    uint64_t **valid;
    const uint8_t **rows;
} UnmatchedLocal;

/* Columns of the other side, all null. */
static uint32_t unmatched_left(const Source *source)
{
    const PlanNode *node = source->node;
    return join_is_right_only(node->join.type) ? 0 : node->input->n_fields;
}

static void unmatched_local_free(Source *source, void *local)
{
    mem_arena_free(((UnmatchedLocal *)local)->arena);
}

static int unmatched_local_new(Source *source, Worker *worker, void **ret_local)
{
    const PlanNode *node = source->node;
    uint32_t n_left = unmatched_left(source), n_right = node->right->n_fields;
    MemArena *arena;
    int r = mem_arena_new(source->context->pool, "hash join", &arena);
    if (r)
        return r;
    UnmatchedLocal *l = mem_arena_new_of(arena, UnmatchedLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->columns = mem_arena_new_array(arena, Vector, n_left + n_right + 1);
    l->values = mem_arena_new_array(arena, void *, n_right + 1);
    l->valid = mem_arena_new_array(arena, uint64_t *, n_right + 1);
    l->rows = mem_arena_new_array(arena, const uint8_t *, VEC_ROWS_MAX);
    if (!l->columns || !l->values || !l->valid || !l->rows)
        return mem_arena_error(arena);
    for (uint32_t c = 0; c < n_left; c++)
        l->columns[c] = vec_const_null(node->input->fields[c].type);
    for (uint32_t c = 0; c < n_right; c++) {
        l->values[c] = mem_arena_alloc(arena, (size_t)VEC_ROWS_MAX * 16, 64);
        l->valid[c] = mem_arena_alloc(arena, VEC_VALID_WORDS * 8, 64);
        if (!l->values[c] || !l->valid[c])
            return mem_arena_error(arena);
    }
    return 0;
}

static int unmatched_next(Source *source, void *local, Worker *worker, Batch **ret_batch)
{
    UnmatchedSource *s = (UnmatchedSource *)source;
    UnmatchedLocal *l = local;
    JoinBuild *b = s->build;
    uint32_t n_left = unmatched_left(source), n_right = source->node->right->n_fields, n = 0;
    uint8_t wanted = source->node->join.type == JOIN_RIGHT_SEMI;

    if (!l->block || l->at == l->block->n_rows) {
        l->number = atomic_fetch_add(&s->next_block, 1);
        if (l->number >= b->n_blocks) {
            l->block = NULL;
            return OP_E_END;
        }
        l->block = &b->blocks[l->number];
        l->at = 0;
    }
    for (; l->at < l->block->n_rows && n < VEC_ROWS_MAX; l->at++) {
        const uint8_t *row = l->block->rows + (size_t)l->at * b->layout.size;
        l->rows[n] = row;
        n += row[16] == wanted;
    }
    for (uint32_t c = 0; c < n_right; c++)
        row_gather(&b->layout, c, l->rows, n, NULL, l->values[c], l->valid[c],
                   &l->columns[n_left + c]);
    l->batch = (Batch){
        .n_rows = n,
        .n_selected = n,
        .n_columns = n_left + n_right,
        .columns = l->columns,
        .position = l->number,
    };
    *ret_batch = &l->batch;
    return 0;
}

static void unmatched_close(Source *source)
{
    JoinBuild *b = ((UnmatchedSource *)source)->build;

    if (!b->disk)
        join_build_release(b);
}

static const SourceClass unmatched_class = {
    .name = "hash join",
    .local_new = unmatched_local_new,
    .next = unmatched_next,
    .local_free = unmatched_local_free,
    .close = unmatched_close,
};

int join_unmatched_new(Query *q, Operator *build, Source **ret)
{
    UnmatchedSource *s = mem_arena_new_of(q->context.arena, UnmatchedSource);
    if (!s)
        return mem_arena_error(q->context.arena);
    s->build = (JoinBuild *)build;
    s->source = (Source){.class = &unmatched_class, .context = &q->context, .node = build->node};
    *ret = &s->source;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/window_sort.h"

#include "exec/op/window_rows.h"

/*
 * With a limit (row_number() <= 3) a run that has grown to twice its size is sorted, and of each
 * partition only the rows that pass so far are kept: rows that came later are behind them, or take
 * their place.
 */

#define PART_ROWS 65536u                 /* wanted of a part */
#define CUT_ROWS 4096u                   /* of a part, that a limit is asked of */
#define PART_BYTES (UINT64_C(512) << 10) /* that it takes at least, of one worker */

typedef struct WindowSortLocal {
    MemArena *arena;
    const KernelTable *kern;
    KeyHashCache *caches; /* per key of the partition */
    SortRun **runs;       /* per part; NULL: no row came yet */
    uint64_t *cut_at;     /* per part: rows of a run that a limit is asked of */
    uint64_t *hashes, *prefixes;
    uint16_t *rows;
    uint8_t *parts; /* of each row */
    uint64_t n;     /* rows held */
} WindowSortLocal;

/* Of rows that are to come: 1 when they are few, or of one partition. */
static uint32_t count_parts(const Query *q, const PlanNode *node)
{
    uint64_t limit = mem_pool_limit(q->context.pool);
    uint32_t n = 1;

    while (node->window.n_partition > 0 && n < WINDOW_PARTS_MAX &&
           node->input->rows >= 2.0 * n * PART_ROWS &&
           2 * n * q->context.n_threads * PART_BYTES <= limit / 4)
        n *= 2;
    return n;
}

static void local_free(Operator *op, void *local)
{
    WindowSortLocal *l = local;
    uint32_t n = ((WindowSort *)op)->n_parts;

    for (uint32_t i = 0; l->runs && i < n; i++)
        sort_run_free(l->runs[i]);
    mem_arena_free(l->arena);
}

static int local_new(Operator *op, Worker *worker, void **ret_local)
{
    WindowSort *s = (WindowSort *)op;
    MemArena *arena;
    int r = mem_arena_new(op->context->pool, "window", &arena);
    if (r)
        return r;
    WindowSortLocal *l = mem_arena_new_of(arena, WindowSortLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->kern = kern_select();
    l->caches = mem_arena_new_array(arena, KeyHashCache, s->window->window.n_partition + 1);
    l->hashes = mem_arena_new_array(arena, uint64_t, VEC_ROWS_MAX);
    l->prefixes = mem_arena_new_array(arena, uint64_t, VEC_ROWS_MAX);
    l->rows = mem_arena_new_array(arena, uint16_t, VEC_ROWS_MAX);
    l->parts = mem_arena_new_array(arena, uint8_t, VEC_ROWS_MAX);
    l->runs = mem_arena_new_array(arena, SortRun *, s->n_parts);
    l->cut_at = mem_arena_new_array(arena, uint64_t, s->n_parts);
    for (uint32_t i = 0; l->cut_at && i < s->n_parts; i++)
        l->cut_at[i] = CUT_ROWS;
    if (!l->cut_at || !l->caches || !l->hashes || !l->prefixes || !l->rows || !l->parts || !l->runs)
        return mem_arena_error(arena);
    return 0;
}

void window_set_prefixes(const Sort *s, SortRun *run)
{
    if (s->n_keys == 0) /* all are zeros */
        return;
    const SortKey *key = &s->op.node->sort.keys[0];
    uint32_t column = s->key_columns[0];

    for (uint64_t i = 0; i < run->n; i++) {
        SortEntry *e = &run->entries[i];
        Vector v = {.phys = s->layout.phys[column],
                    .encoding = VEC_FLAT,
                    .values = (void *)(uintptr_t)(e->row + s->layout.offsets[column])};
        bool null = row_is_null(&s->layout, e->row, column);
        e->prefix = !null              ? sort_prefix(key, &v, 0)
                    : key->nulls_first ? SORT_PREFIX_NULL_FIRST
                                       : SORT_PREFIX_NULL_LAST;
    }
}

static int spill_all(WindowSort *s, WindowSortLocal *l, Worker *worker)
{
    int r = 0;

    atomic_store(&s->spilled, true);
    for (uint32_t i = 0; r == 0 && i < s->n_parts; i++) {
        if (!l->runs[i] || l->runs[i]->n == 0)
            continue;
        window_set_prefixes(&s->parts[i], l->runs[i]);
        r = sort_spill_run(&s->parts[i], l->runs[i], worker);
    }
    if (r == 0)
        l->n = 0;
    return r;
}

/* Of sorted entries those that pass go to the front of @to. Return: how many. */
static uint64_t keep_first(const WindowSort *s, const SortEntry *from, uint64_t n, SortEntry *to)
{
    const PlanNode *node = s->window;
    const RowLayout *l = &s->parts->layout;
    const SortKey *keys = node->window.keys;
    uint32_t n_partition = node->window.n_partition, n_keys = node->window.n_keys;
    int64_t number = 0, rank = 0, dense = 0;
    uint64_t kept = 0;

    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *row = from[i].row, *before = i > 0 ? from[i - 1].row : NULL;
        if (!before || !window_same_keys(l, keys, before, row, 0, n_partition))
            number = rank = dense = 0;
        number++;
        if (number == 1 || !window_same_keys(l, keys, before, row, n_partition, n_keys)) {
            rank = number;
            dense++;
        }
        int64_t it = node->window.limited_by == WINDOW_ROW_NUMBER ? number
                     : node->window.limited_by == WINDOW_RANK     ? rank
                                                                  : dense;
        if (it <= node->window.limit)
            to[kept++] = from[i];
    }
    return kept;
}

static int cut(WindowSort *s, WindowSortLocal *l, uint32_t part, Worker *worker)
{
    const Sort *sort = &s->parts[part];
    SortRun *run = l->runs[part];
    MemPool *pool = s->op.context->pool;
    uint64_t n = run->n;
    SortEntry *sorted, *other = run->entries + run->capacity;
    void *block = NULL;
    int r = 0;

    l->cut_at[part] = 2 * n;
    if (!run->has_room) {
        r = mem_block_alloc(pool, sizeof(SortEntry) * n, "window", &block);
        other = block;
    } else if (mem_pool_make_room(pool, n * sort->layout.size, "window") != 0) {
        return 0; /* it will go to disk as it is */
    }
    if (r)
        return r;
    r = window_sort_entries(sort, run->entries, other, n, &sorted);
    uint64_t kept = r == 0 ? keep_first(s, sorted, n, run->entries) : n;
    if (block)
        mem_block_free(pool, block, sizeof(SortEntry) * n);
    if (r)
        return r;
    l->n -= n - kept;
    l->cut_at[part] = MAX(2 * kept, (uint64_t)CUT_ROWS);
    if (kept > n / 4 * 3) { /* rows that are left out stay where they are */
        run->n = kept;
        return 0;
    }
    return sort_run_cut(sort, run, kept);
}

/* Rows of one part. */
static int append(WindowSort *s, WindowSortLocal *l, uint32_t part, const Vector *columns,
                  const uint16_t *rows, uint32_t n, Worker *worker)
{
    SpillTry try = {.disk = s->op.context->spill};
    int r = 0;

    for (uint32_t at = 0, done; at < n; at += done) {
        spill_try(&try, worker, l->n > 0);
        done = 0;
        r = l->runs[part] ? 0 : sort_run_new(&s->parts[part], s->op.context->pool, &l->runs[part]);
        if (r == 0)
            r = sort_run_append(&s->parts[part], l->runs[part], columns, NULL, rows + at,
                                l->prefixes, n - at, &done);
        worker->can_retry = worker->keep_reserve = false;
        l->n += done;
        if (r == 0 && s->window->window.limit > 0 && l->runs[part]->n >= l->cut_at[part])
            r = cut(s, l, part, worker);
        if (spill_refused(&try, worker, &r, l->n > 0))
            r = spill_all(s, l, worker);
        if (r)
            return r;
    }
    return 0;
}

static int execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    WindowSort *s = (WindowSort *)op;
    WindowSortLocal *l = local;
    uint32_t n = batch_rows(batch), begins[WINDOW_PARTS_MAX + 1] = {0};
    uint32_t shift = 64 - (uint32_t)__builtin_ctz(s->n_parts);

    for (uint32_t k = 0; s->n_parts > 1 && k < s->window->window.n_partition; k++) {
        const Vector *v = &batch->columns[s->window->window.keys[k].expr->column];
        int r = key_hash(l->kern, v, batch->sel, n, k == 0, &l->caches[k], l->arena, l->hashes);
        if (r)
            return r;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t h = shift < 64 ? l->hashes[i] * UINT64_C(0x9E3779B97F4A7C15) >> shift : 0;
        l->parts[i] = (uint8_t)h;
        begins[h + 1]++;
    }
    for (uint32_t p = 0; p < s->n_parts; p++)
        begins[p + 1] += begins[p];
    uint32_t at[WINDOW_PARTS_MAX];
    memcpy(at, begins, sizeof(at));
    for (uint32_t i = 0; i < n; i++)
        l->rows[at[l->parts[i]]++] = batch->sel ? batch->sel[i] : (uint16_t)i;
    for (uint32_t p = 0; p < s->n_parts; p++) {
        uint32_t k = begins[p + 1] - begins[p];
        int r = k ? append(s, l, p, batch->columns, l->rows + begins[p], k, worker) : 0;
        if (r)
            return r;
    }
    return 0;
}

static int spill(Operator *op, void *local, Worker *worker)
{
    WindowSort *s = (WindowSort *)op;
    WindowSortLocal *l = local;

    if (l->n == 0 || l->n * s->parts[0].shape.size < spill_worth(op->context))
        return MEM_E_REFUSED;
    return spill_all(s, l, worker);
}

static int combine(Operator *op, void *local, Worker *worker)
{
    WindowSort *s = (WindowSort *)op;
    WindowSortLocal *l = local;
    int r = 0;

    if (atomic_load(&s->spilled) && l->n > 0)
        return spill_all(s, l, worker);
    for (uint32_t i = 0; r == 0 && i < s->n_parts; i++)
        if (l->runs[i] && l->runs[i]->n > 0)
            r = sort_add_run(&s->parts[i], worker, TAKE_PTR(l->runs[i]));
    return r;
}

static void close_parts(Operator *op)
{
    WindowSort *s = (WindowSort *)op;

    for (uint32_t i = 0; i < s->n_parts; i++) {
        for (uint32_t k = 0; k < s->parts[i].n_runs; k++)
            sort_run_free(s->parts[i].runs[k]);
        for (uint32_t k = 0; k < s->parts[i].n_spilled; k++)
            spill_run_done(&s->parts[i].spilled[k], op->context->spill);
    }
    mem_arena_free(s->arena);
    pthread_mutex_destroy(&s->lock);
}

static const OperatorClass window_sort_class = {
    .name = "window sort",
    .local_new = local_new,
    .execute = execute,
    .combine = combine,
    .spill = spill,
    .local_free = local_free,
    .close = close_parts,
};

Sort *window_sort_parts(Operator *op, uint32_t *ret_n)
{
    WindowSort *s = (WindowSort *)op;

    assert(op->class == &window_sort_class);
    *ret_n = s->n_parts;
    return s->parts;
}

int window_sort_new(Query *q, const PlanNode *node, const PlanNode *order, Operator **ret)
{
    uint32_t n = count_parts(q, node), n_columns = order->n_fields, n_keys = order->sort.n_keys;
    MemArena *arena = q->context.arena;
    WindowSort *s = mem_arena_new_of(arena, WindowSort);
    Type *types = mem_arena_new_array(arena, Type, n_columns + 1);
    uint32_t *columns = mem_arena_new_array(arena, uint32_t, n_keys + 1);
    Sort *parts = mem_arena_new_array(arena, Sort, n);
    Sort like = {.n_keys = n_keys, .n_columns = n_columns, .key_columns = columns};

    if (!s || !types || !columns || !parts)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n_columns; i++)
        types[i] = order->fields[i].type;
    for (uint32_t i = 0; i < n_keys; i++)
        columns[i] = order->sort.keys[i].expr->column;
    int r = row_layout_make(arena, types, n_columns, 0, &like.layout);
    if (r == 0)
        r = spill_shape_of_layout(arena, &like.layout, sizeof(uint64_t), &like.shape);
    if (r)
        return r;
    operator_init(&s->op, &window_sort_class, q, order, NULL);
    operator_init(&like.op, &window_sort_class, q, order, NULL);
    like.lock = &s->lock;
    for (uint32_t i = 0; i < n; i++)
        memcpy(&parts[i], &like, sizeof(like));
    s->n_parts = n;
    s->parts = parts;
    s->window = node;
    r = query_add_operator(q, &s->op);
    if (r)
        return r;
    pthread_mutex_init(&s->lock, NULL);
    r = mem_arena_new(q->context.pool, "window", &s->arena);
    if (r)
        return r;
    for (uint32_t i = 0; i < n; i++)
        parts[i].arena = s->arena;
    *ret = &s->op;
    return 0;
}

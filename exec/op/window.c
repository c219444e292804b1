/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/window.h"

#include "exec/op/sort_run.h"

/*
 * Window functions: rows come sorted by partition and order (the sort may have been on disk) and
 * are collected until some whole partitions are there; all functions are then computed for those,
 * one partition after the other, and the rows go out with the results behind them. A partition must
 * fit in memory, the input need not.
 */

#define CHUNK_ROWS VEC_ROWS_MAX /* partitions are put together up to this */

typedef struct WindowSource {
    Source source;
    Source *sorted;
    Sort hold; /* only its layout counts: rows are kept as a sort keeps them */
    uint32_t n_in;
} WindowSource;

typedef struct WindowLocal {
    MemArena *arena;
    void *sorted; /* the local of the sorted source */
    SortRun *run;
    const uint8_t **rows;
    uint32_t rows_capacity;
    uint32_t *starts; /* of partitions among the rows */
    uint32_t n_starts, starts_capacity;
    uint32_t n_seen; /* rows that have been looked at for borders */
    bool ended;
    /* What is being put out. */
    WindowChunk chunk;
    WindowOutput *outputs;
    bool has_chunk;
    uint32_t at;
    /* One batch. */
    Batch batch;
    Vector *columns;
    void **values;
    uint64_t **valid;
    uint16_t *sel;
    uint64_t *prefixes;
} WindowLocal;

static void window_local_free(Source *source, void *local)
{
    WindowSource *w = (WindowSource *)source;
    WindowLocal *l = local;
    MemPool *pool = source->context->pool;

    if (l->sorted)
        w->sorted->class->local_free(w->sorted, l->sorted);
    sort_run_free(l->run);
    if (l->rows)
        mem_block_free(pool, l->rows, sizeof(*l->rows) * l->rows_capacity);
    if (l->starts)
        mem_block_free(pool, l->starts, sizeof(*l->starts) * l->starts_capacity);
    mem_arena_free(l->chunk.arena);
    mem_arena_free(l->arena);
}

static int window_local_new(Source *source, Worker *worker, void **ret_local)
{
    WindowSource *w = (WindowSource *)source;
    MemPool *pool = source->context->pool;
    uint32_t n = source->node->n_fields;
    MemArena *arena;
    int r = mem_arena_new(pool, "window", &arena);
    if (r)
        return r;
    WindowLocal *l = mem_arena_new_of(arena, WindowLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->outputs = mem_arena_new_array(arena, WindowOutput, n - w->n_in + 1);
    l->columns = mem_arena_new_array(arena, Vector, n + 1);
    l->values = mem_arena_new_array(arena, void *, n + 1);
    l->valid = mem_arena_new_array(arena, uint64_t *, n + 1);
    l->sel = mem_arena_new_array(arena, uint16_t, VEC_ROWS_MAX);
    l->prefixes = mem_arena_new_array(arena, uint64_t, VEC_ROWS_MAX);
    if (!l->outputs || !l->columns || !l->values || !l->valid || !l->sel || !l->prefixes)
        return mem_arena_error(arena);
    for (uint32_t c = 0; c < w->n_in; c++) {
        l->values[c] = mem_arena_alloc(arena, phys_size(w->hold.layout.phys[c]) * VEC_ROWS_MAX, 64);
        l->valid[c] = mem_arena_alloc(arena, VEC_VALID_WORDS * 8, 64);
        if (!l->values[c] || !l->valid[c])
            return mem_arena_error(arena);
    }
    for (uint32_t i = 0; i < VEC_ROWS_MAX; i++)
        l->sel[i] = (uint16_t)i;
    r = mem_arena_new(pool, "window", &l->chunk.arena);
    if (r == 0)
        r = sort_run_new(&w->hold, pool, &l->run);
    return r ? r : w->sorted->class->local_new(w->sorted, worker, &l->sorted);
}

/* --- collecting --- */

static int grow(MemPool *pool, void **list, size_t size, uint32_t *capacity, uint64_t wanted)
{
    uint64_t larger = *capacity ? *capacity : 8192;
    void *block;

    if (wanted <= *capacity)
        return 0;
    while (larger < wanted)
        larger *= 2;
    if (larger > UINT32_MAX / 2)
        return -E2BIG;
    int r = mem_block_alloc(pool, size * larger, "window", &block);
    if (r)
        return r;
    if (*list) {
        memcpy(block, *list, size * *capacity);
        mem_block_free(pool, *list, size * *capacity);
    }
    *list = block;
    *capacity = (uint32_t)larger;
    return 0;
}

/* Rows of @columns in the order of @sel are kept. */
static int keep_rows(WindowSource *w, WindowLocal *l, const Vector *columns, const uint16_t *sel,
                     uint32_t n)
{
    uint32_t done;
    return sort_run_append(&w->hold, l->run, columns, NULL, sel, l->prefixes, n, &done);
}

static int note_start(WindowSource *w, WindowLocal *l, uint32_t row)
{
    int r = grow(w->source.context->pool, (void **)&l->starts, sizeof(*l->starts),
                 &l->starts_capacity, (uint64_t)l->n_starts + 1);
    if (r == 0)
        l->starts[l->n_starts++] = row;
    return r;
}

/* Where partitions begin among the rows that are new. */
static int find_starts(WindowSource *w, WindowLocal *l)
{
    const PlanNode *node = w->source.node;
    WindowChunk c = {.node = node, .layout = &w->hold.layout};
    SortRun *run = l->run;

    for (; l->n_seen < run->n; l->n_seen++) {
        uint32_t i = l->n_seen;
        if (i > 0 && window_compare(&c, run->entries[i - 1].row, run->entries[i].row, 0,
                                    node->window.n_partition) == 0)
            continue;
        int r = note_start(w, l, i);
        if (r)
            return r;
    }
    return 0;
}

/* Until whole partitions of enough rows are there, or all rows. */
static int collect(WindowSource *w, WindowLocal *l, Worker *worker)
{
    while (!l->ended && (l->n_starts < 2 || l->starts[l->n_starts - 1] < CHUNK_ROWS)) {
        Batch *batch;
        if (context_stopped(w->source.context))
            return QUERY_E_CANCELLED;
        int r = w->sorted->class->next(w->sorted, l->sorted, worker, &batch);
        if (r == OP_E_END) {
            l->ended = true;
            break;
        }
        uint32_t n = r == 0 ? batch_rows(batch) : 0;
        if (r == 0 && n > 0)
            r = keep_rows(w, l, batch->columns, batch->sel ? batch->sel : l->sel, n);
        if (r == 0)
            r = find_starts(w, l);
        if (r)
            return r;
    }
    return 0;
}

/* The rows behind the chunk, of a partition that is not whole, begin the next one. */
static int carry_over(WindowSource *w, WindowLocal *l)
{
    SortRun *old = l->run;
    uint64_t from = l->chunk.n_rows, n = old->n - from;
    const uint8_t *rows[64];

    l->run = NULL;
    int r = sort_run_new(&w->hold, w->source.context->pool, &l->run);
    for (uint64_t at = 0; r == 0 && at < n;) {
        uint32_t k = (uint32_t)MIN(n - at, (uint64_t)64);
        for (uint32_t i = 0; i < k; i++)
            rows[i] = old->entries[from + at + i].row;
        for (uint32_t c = 0; c < w->n_in; c++)
            row_gather(&w->hold.layout, c, rows, k, NULL, l->values[c], l->valid[c],
                       &l->columns[c]);
        r = keep_rows(w, l, l->columns, l->sel, k);
        at += k;
    }
    sort_run_free(old);
    l->n_starts = 0;
    l->n_seen = 0;
    return r ? r : find_starts(w, l);
}

/* --- computing --- */

static int make_outputs(WindowSource *w, WindowLocal *l)
{
    WindowChunk *c = &l->chunk;

    for (uint32_t i = 0; i < w->source.node->window.n_functions; i++) {
        WindowOutput *out = &l->outputs[i];
        *out = (WindowOutput){.phys = (uint8_t)type_phys(w->source.node->window.functions[i].type)};
        size_t words = ((size_t)c->n_rows + 63) / 64 + 1;
        out->values = mem_arena_alloc(c->arena, phys_size(out->phys) * c->n_rows + 64, 64);
        out->valid = mem_arena_alloc(c->arena, words * 8, 64);
        if (!out->values || !out->valid)
            return mem_arena_error(c->arena);
        memset(out->valid, 0xff, words * 8);
    }
    return 0;
}

/* The next whole partitions and their results. Return: OP_E_END: there is none. */
static int next_chunk(WindowSource *w, WindowLocal *l, Worker *worker)
{
    const PlanNode *node = w->source.node;
    WindowChunk *c = &l->chunk;
    int r = 0;

    if (l->has_chunk)
        r = carry_over(w, l);
    l->has_chunk = false;
    if (r == 0)
        r = collect(w, l, worker);
    if (r)
        return r;
    if (l->run->n == 0)
        return OP_E_END;
    uint32_t n_partitions = l->ended ? l->n_starts : l->n_starts - 1;
    mem_arena_reset(c->arena);
    *c = (WindowChunk){.node = node,
                       .context = w->source.context,
                       .arena = c->arena,
                       .layout = &w->hold.layout,
                       .n_rows = l->ended ? (uint32_t)l->run->n : l->starts[l->n_starts - 1]};
    r = grow(w->source.context->pool, (void **)&l->rows, sizeof(*l->rows), &l->rows_capacity,
             c->n_rows);
    if (r)
        return r;
    for (uint32_t i = 0; i < c->n_rows; i++)
        l->rows[i] = l->run->entries[i].row;
    c->rows = l->rows;
    r = make_outputs(w, l);
    for (uint32_t k = 0; r == 0 && k < n_partitions; k++) {
        WindowPartition p = {c, l->starts[k], k + 1 < l->n_starts ? l->starts[k + 1] : c->n_rows};
        for (uint32_t i = 0; r == 0 && i < node->window.n_functions; i++)
            r = window_evaluate(&p, &node->window.functions[i], &l->outputs[i], &worker->error);
    }
    l->has_chunk = true;
    l->at = 0;
    return r;
}

static int window_next(Source *source, void *local, Worker *worker, Batch **ret_batch)
{
    WindowSource *w = (WindowSource *)source;
    WindowLocal *l = local;
    const PlanNode *node = source->node;

    if (!l->has_chunk || l->at == l->chunk.n_rows) {
        int r = next_chunk(w, l, worker);
        if (r)
            return r;
    }
    /* Batches begin at multiples of 64 rows, where the bitmaps of results have a word. */
    uint32_t n = MIN(l->chunk.n_rows - l->at, VEC_ROWS_MAX);
    for (uint32_t c = 0; c < w->n_in; c++)
        row_gather(&w->hold.layout, c, l->chunk.rows + l->at, n, NULL, l->values[c], l->valid[c],
                   &l->columns[c]);
    for (uint32_t i = 0; i < node->window.n_functions; i++) {
        WindowOutput *out = &l->outputs[i];
        l->columns[w->n_in + i] = (Vector){
            .type = node->window.functions[i].type,
            .phys = out->phys,
            .encoding = VEC_FLAT,
            .has_nulls = out->has_nulls,
            .values = out->values + (size_t)l->at * phys_size(out->phys),
            .valid = out->has_nulls ? out->valid + l->at / 64 : NULL,
        };
    }
    l->batch =
        (Batch){.n_rows = n, .n_selected = n, .n_columns = node->n_fields, .columns = l->columns};
    l->at += n;
    *ret_batch = &l->batch;
    return 0;
}

static int window_open(Source *source)
{
    WindowSource *w = (WindowSource *)source;
    return w->sorted->class->open ? w->sorted->class->open(w->sorted) : 0;
}

static void window_close(Source *source)
{
    WindowSource *w = (WindowSource *)source;
    w->sorted->class->close(w->sorted);
}

static const SourceClass window_class = {
    .name = "window",
    .open = window_open,
    .local_new = window_local_new,
    .next = window_next,
    .local_free = window_local_free,
    .close = window_close,
};

int window_source_new(Query *q, const PlanNode *node, Source *sorted, Source **ret)
{
    MemArena *arena = q->context.arena;
    uint32_t n = node->input->n_fields;
    WindowSource *w = mem_arena_new_of(arena, WindowSource);
    Type *types = mem_arena_new_array(arena, Type, n + 1);

    if (!w || !types)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n; i++)
        types[i] = node->input->fields[i].type;
    w->sorted = sorted;
    w->n_in = n;
    w->hold.n_columns = n;
    w->hold.op.context = &q->context;
    int r = row_layout_make(arena, types, n, 0, &w->hold.layout);
    if (r)
        return r;
    w->source = (Source){
        .class = &window_class,
        .context = &q->context,
        .node = node,
        .n_workers_max = 1,
        .ordered = true,
    };
    *ret = &w->source;
    return 0;
}

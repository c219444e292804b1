/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pressure.h"

/*
 * The rows of a plan that several nodes read (PLAN_SHARED): a sink that keeps them in blocks, on
 * disk where memory ends, and a source for each reader. Whoever reads last gives them back.
 */

#define STORE_BLOCK_BYTES ((size_t)256 << 10)

typedef struct StoreBlock {
    struct StoreBlock *next;
    size_t bytes;
    uint32_t n_rows, capacity;
    uint64_t pad[5];
} StoreBlock;
_Static_assert(sizeof(StoreBlock) == 64, "rows start aligned");

/* One worker's rows, in the order in which they came. */
typedef struct StoreRows {
    struct StoreRows *next;
    MemPool *pool;
    StoreBlock *first, *last;
    uint64_t n, bytes;
    MemArena *strings;
    RowStrings keeper;
} StoreRows;

typedef struct Store {
    Operator op;
    RowLayout layout;
    SpillShape shape;
    pthread_mutex_t lock;
    StoreRows *rows, *rows_last;
    SpillRun spilled; /* what was written, in front of what is in memory */
    uint32_t n_readers;
} Store;

/* --- rows --- */

static void rows_drop_blocks(StoreRows *rows)
{
    for (StoreBlock *b = rows->first, *next; b; b = next) {
        next = b->next;
        mem_block_free(rows->pool, b, b->bytes);
    }
    rows->first = rows->last = NULL;
    rows->n = rows->bytes = 0;
    rows->strings = mem_arena_free(rows->strings);
}

/* Accepts NULL. */
static void rows_free(StoreRows *rows)
{
    if (!rows)
        return;
    rows_drop_blocks(rows);
    mem_block_free(rows->pool, rows, sizeof(*rows));
}

static int rows_strings(const Store *s, StoreRows *rows)
{
    int r = mem_arena_new(rows->pool, "shared rows", &rows->strings);
    return r ? r : row_strings_init(&rows->keeper, rows->strings, s->layout.n_columns);
}

static int rows_new(const Store *s, StoreRows **ret)
{
    MemPool *pool = s->op.context->pool;
    void *block;
    int r = mem_block_alloc(pool, sizeof(StoreRows), "shared rows", &block);
    if (r)
        return r;
    StoreRows *rows = block;
    *rows = (StoreRows){.pool = pool};
    r = rows_strings(s, rows);
    if (r) {
        rows_free(rows);
        return r;
    }
    *ret = rows;
    return 0;
}

/* Room for some of @n rows, at the end of the last block. */
static int rows_reserve(const Store *s, StoreRows *rows, uint32_t n, uint32_t *ret_n)
{
    StoreBlock *block = rows->last;

    if (!block || block->n_rows == block->capacity) {
        size_t bytes = MAX(STORE_BLOCK_BYTES, sizeof(StoreBlock) + s->layout.size);
        void *memory;
        int r = mem_block_alloc(rows->pool, bytes, "shared rows", &memory);
        if (r)
            return r;
        block = memory;
        *block = (StoreBlock){
            .bytes = bytes,
            .capacity = (uint32_t)((bytes - sizeof(StoreBlock)) / s->layout.size),
        };
        if (rows->last)
            rows->last->next = block;
        else
            rows->first = block;
        rows->last = block;
        rows->bytes += bytes;
    }
    *ret_n = MIN(n, block->capacity - block->n_rows);
    return 0;
}

/* @ret_done: out, also on failure: rows that were kept, the first of them. */
static int rows_append(const Store *s, StoreRows *rows, const Vector *columns, const uint16_t *sel,
                       uint32_t n, uint32_t *ret_done)
{
    int r = 0;

    *ret_done = 0;
    if (!rows->strings)
        r = rows_strings(s, rows);
    for (uint32_t at = 0, k; r == 0 && at < n; at += k) {
        r = rows_reserve(s, rows, n - at, &k);
        if (r)
            break;
        StoreBlock *block = rows->last;
        uint8_t *to = (uint8_t *)(block + 1) + (size_t)block->n_rows * s->layout.size;
        for (uint32_t i = 0; i < k; i++)
            memset(to + (size_t)i * s->layout.size, 0, s->layout.head + s->layout.n_nulls);
        for (uint32_t c = 0; r == 0 && c < s->layout.n_columns; c++)
            r = row_scatter(&s->layout, c, &columns[c], sel + at, k, to, &rows->keeper);
        if (r)
            break;
        block->n_rows += k;
        rows->n += k;
        *ret_done = at + k;
    }
    return r;
}

static int rows_spill(Store *s, StoreRows *rows, Worker *worker)
{
    SpillSpace *space = s->op.context->spill;
    SpillRun out = {0};
    SpillWriter writer;
    int r = 0;

    worker_spill_writer(worker, &s->shape, &writer);
    for (const StoreBlock *b = rows->first; r == 0 && b; b = b->next) {
        const uint8_t *row = (const uint8_t *)(b + 1);
        for (uint32_t i = 0; r == 0 && i < b->n_rows; i++, row += s->layout.size)
            r = spill_write(&writer, &out, NULL, 0, row, &worker->error);
        if (r == 0 && context_stopped(s->op.context))
            r = QUERY_E_CANCELLED;
    }
    if (r == 0)
        r = spill_flush(&writer, &out, &worker->error);
    worker_spilled(worker, &s->op, writer.written);
    if (r == 0) {
        pthread_mutex_lock(&s->lock);
        spill_run_join(&s->spilled, &out, space);
        pthread_mutex_unlock(&s->lock);
        rows_drop_blocks(rows);
    }
    spill_run_done(&out, space);
    return r;
}

/* --- the sink --- */

typedef struct StoreLocal {
    StoreRows *rows;
    uint16_t all[VEC_ROWS_MAX]; /* 0, 1, 2, ...: every row */
} StoreLocal;

static int store_local_new(Operator *op, Worker *worker, void **ret_local)
{
    void *block;
    int r = mem_block_alloc(op->context->pool, sizeof(StoreLocal), "shared rows", &block);
    if (r)
        return r;
    StoreLocal *l = block;
    l->rows = NULL;
    for (uint32_t i = 0; i < VEC_ROWS_MAX; i++)
        l->all[i] = (uint16_t)i;
    *ret_local = l;
    return rows_new((Store *)op, &l->rows);
}

static void store_local_free(Operator *op, void *local)
{
    rows_free(((StoreLocal *)local)->rows);
    mem_block_free(op->context->pool, local, sizeof(StoreLocal));
}

static int store_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    Store *s = (Store *)op;
    StoreLocal *l = local;
    StoreRows *rows = l->rows;
    const uint16_t *sel = batch->sel ? batch->sel : l->all;
    SpillTry try = {.disk = op->context->spill};
    uint32_t n = batch_rows(batch);

    for (uint32_t at = 0, done; at < n; at += done) {
        spill_try(&try, worker, rows->n > 0);
        int r = rows_append(s, rows, batch->columns, sel + at, n - at, &done);
        if (spill_refused(&try, worker, &r, rows->n > 0))
            r = rows_spill(s, rows, worker);
        if (r)
            return r;
    }
    return 0;
}

/* Called while the sink is not in the middle of a batch, perhaps by another worker. */
static int store_spill(Operator *op, void *local, Worker *worker)
{
    StoreRows *rows = ((StoreLocal *)local)->rows;

    if (!rows || rows->n == 0 || rows->bytes < spill_worth(op->context))
        return MEM_E_REFUSED;
    return rows_spill((Store *)op, rows, worker);
}

static int store_combine(Operator *op, void *local, Worker *worker)
{
    Store *s = (Store *)op;
    StoreRows *rows = TAKE_PTR(((StoreLocal *)local)->rows);

    if (worker->metrics && op->node->id < op->context->n_nodes)
        worker->metrics[op->node->id].bytes += rows->bytes;
    pthread_mutex_lock(&s->lock);
    if (s->rows_last)
        s->rows_last->next = rows;
    else
        s->rows = rows;
    s->rows_last = rows;
    pthread_mutex_unlock(&s->lock);
    return 0;
}

/* Between pipelines nobody is in the middle of it. */
static int store_shed(Operator *op, Worker *worker)
{
    Store *s = (Store *)op;
    int r = MEM_E_REFUSED;

    for (StoreRows *rows = s->rows; rows; rows = rows->next) {
        if (rows->n == 0)
            continue;
        r = rows_spill(s, rows, worker);
        if (r)
            break;
    }
    return r;
}

static void store_release(Store *s)
{
    for (StoreRows *rows = s->rows, *next; rows; rows = next) {
        next = rows->next;
        rows_free(rows);
    }
    s->rows = s->rows_last = NULL;
    spill_run_done(&s->spilled, s->op.context->spill);
}

static void store_close(Operator *op)
{
    Store *s = (Store *)op;
    store_release(s);
    pthread_mutex_destroy(&s->lock);
}

static const OperatorClass store_class = {
    .name = "shared rows",
    .local_new = store_local_new,
    .execute = store_execute,
    .combine = store_combine,
    .spill = store_spill,
    .shed = store_shed,
    .local_free = store_local_free,
    .close = store_close,
};

int store_new(Query *q, const PlanNode *node, Operator **ret)
{
    MemArena *arena = q->context.arena;
    Store *s = mem_arena_new_of(arena, Store);
    Type *types = mem_arena_new_array(arena, Type, node->n_fields + 1);

    if (!s || !types)
        return mem_arena_error(arena);
    operator_init(&s->op, &store_class, q, node, NULL);
    s->op.wants_order = true;
    for (uint32_t i = 0; i < node->n_fields; i++)
        types[i] = node->fields[i].type;
    int r = row_layout_make(arena, types, node->n_fields, 0, &s->layout);
    if (r == 0)
        r = spill_shape_of_layout(arena, &s->layout, 0, &s->shape);
    if (r == 0)
        r = query_add_operator(q, &s->op);
    if (r)
        return r;
    pthread_mutex_init(&s->lock, NULL);
    *ret = &s->op;
    return 0;
}

/* --- a reader --- */

typedef struct StoreSource {
    Source source;
    Store *store;
    pthread_mutex_t lock; /* of what follows: what no worker has taken yet */
    SpillCursor spilled;
    const StoreRows *rows;
    const StoreBlock *block;
    uint64_t position;
} StoreSource;

typedef struct StoreSourceLocal {
    MemArena *arena;
    Batch batch;
    Vector *columns;
    void **values;
    uint64_t **valid;
    const uint8_t **rows;
    uint8_t *memory; /* for a block from disk, and behind it for its packed form */
    size_t n_memory;
    const uint8_t *at; /* rows that are left of the block, and how many */
    uint32_t n_left;
    uint64_t position;
} StoreSourceLocal;

static int store_source_open(Source *source)
{
    StoreSource *s = (StoreSource *)source;
    const Store *store = s->store;

    s->spilled = spill_run_begin(&store->spilled);
    s->rows = store->rows;
    s->block = s->rows ? s->rows->first : NULL;
    source->rows_total = store->spilled.n_rows;
    for (const StoreRows *rows = store->rows; rows; rows = rows->next)
        source->rows_total += rows->n;
    return 0;
}

static void store_source_local_free(Source *source, void *local)
{
    StoreSourceLocal *l = local;

    if (l->n_memory)
        mem_block_free(source->context->pool, l->memory, l->n_memory);
    mem_arena_free(l->arena);
}

static int store_source_local_new(Source *source, Worker *worker, void **ret_local)
{
    const Store *store = ((StoreSource *)source)->store;
    const RowLayout *layout = &store->layout;
    uint32_t n = layout->n_columns;
    MemArena *arena;
    int r = mem_arena_new(source->context->pool, "shared rows", &arena);
    if (r)
        return r;
    StoreSourceLocal *l = mem_arena_new_of(arena, StoreSourceLocal);
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
    for (uint32_t c = 0; c < n; c++) {
        l->values[c] = mem_arena_alloc(arena, phys_size(layout->phys[c]) * VEC_ROWS_MAX, 64);
        l->valid[c] = mem_arena_alloc(arena, VEC_VALID_WORDS * 8, 64);
        if (!l->values[c] || !l->valid[c])
            return mem_arena_error(arena);
    }
    if (store->spilled.n_blocks == 0)
        return 0;
    void *memory;
    size_t bytes = 2 * (size_t)ALIGN_UP(store->spilled.raw_max, 8u);
    r = mem_block_alloc(source->context->pool, bytes, "shared rows", &memory);
    if (r)
        return r;
    l->memory = memory;
    l->n_memory = bytes;
    return 0;
}

/* The next block that nobody has taken. Return: 0; OP_E_END; QUERY_E_FAILED. */
static int next_block(StoreSource *s, StoreSourceLocal *l, Worker *worker)
{
    pthread_mutex_lock(&s->lock);
    const SpillBlock *on_disk = spill_cursor_next(&s->spilled);
    while (!on_disk && s->rows && !s->block) {
        s->rows = s->rows->next;
        s->block = s->rows ? s->rows->first : NULL;
    }
    const StoreBlock *block = on_disk ? NULL : s->block;
    if (block)
        s->block = block->next;
    l->position = s->position++;
    pthread_mutex_unlock(&s->lock);

    if (on_disk) {
        int r = spill_read(s->source.context->spill, &s->store->shape, on_disk, l->memory,
                           l->memory + l->n_memory / 2, &worker->error);
        if (r)
            return r;
        l->at = l->memory;
        l->n_left = on_disk->n_rows;
        return 0;
    }
    if (!block)
        return OP_E_END;
    l->at = (const uint8_t *)(block + 1);
    l->n_left = block->n_rows;
    return 0;
}

static int store_source_next(Source *source, void *local, Worker *worker, Batch **ret_batch)
{
    StoreSource *s = (StoreSource *)source;
    StoreSourceLocal *l = local;
    const RowLayout *layout = &s->store->layout;

    while (l->n_left == 0) {
        int r = next_block(s, l, worker);
        if (r)
            return r;
    }
    uint32_t n = MIN(l->n_left, VEC_ROWS_MAX);
    for (uint32_t i = 0; i < n; i++, l->at += layout->size)
        l->rows[i] = l->at;
    l->n_left -= n;
    for (uint32_t c = 0; c < layout->n_columns; c++)
        row_gather(layout, c, l->rows, n, NULL, l->values[c], l->valid[c], &l->columns[c]);
    l->batch = (Batch){.n_rows = n,
                       .n_selected = n,
                       .n_columns = layout->n_columns,
                       .columns = l->columns,
                       .position = l->position};
    *ret_batch = &l->batch;
    return 0;
}

static void store_source_close(Source *source)
{
    StoreSource *s = (StoreSource *)source;

    pthread_mutex_destroy(&s->lock);
    if (--s->store->n_readers == 0)
        store_release(s->store);
}

static const SourceClass store_source_class = {
    .name = "shared rows",
    .open = store_source_open,
    .local_new = store_source_local_new,
    .next = store_source_next,
    .local_free = store_source_local_free,
    .close = store_source_close,
};

int store_source_new(Query *q, Operator *store, const PlanNode *node, Source **ret)
{
    StoreSource *s = mem_arena_new_of(q->context.arena, StoreSource);
    if (!s)
        return mem_arena_error(q->context.arena);
    s->store = (Store *)store;
    s->store->n_readers++;
    pthread_mutex_init(&s->lock, NULL);
    s->source = (Source){
        .class = &store_source_class, .context = &q->context, .node = node, .ordered = true};
    *ret = &s->source;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pipeline.h"

/*
 * Sort and top-N. Workers keep rows and sort entries of their own; the source merges the runs.
 *
 * An entry is the first key as 64 bits whose order is the key's, and the row. Only entries of equal
 * prefix look at the row. With a small limit a worker keeps at most twice as many rows as wanted:
 * when that is full it sorts, drops the rest, and from then on skips rows whose prefix is above the
 * last one kept.
 */

#define TOP_ROWS_MAX 65536u
#define ROW_BLOCK_BYTES ((size_t)256 << 10)
#define PREFIX_NULL_FIRST 0u
#define PREFIX_NULL_LAST UINT64_MAX

typedef struct SortEntry {
    uint64_t prefix;
    const uint8_t *row;
} SortEntry;

typedef struct RowBlock RowBlock;
struct RowBlock {
    RowBlock *next;
    size_t bytes;
    uint32_t n_rows, capacity;
    uint64_t pad[5];
};
_Static_assert(sizeof(RowBlock) == 64, "rows start aligned");

/* Sorted (after combine) entries and what they point to. */
typedef struct SortRun {
    MemPool *pool;
    SortEntry *entries;
    uint64_t n, capacity;
    RowBlock *blocks; /* newest first */
    MemArena *strings;
    RowStrings keeper;
} SortRun;

typedef struct Sort {
    Operator op;
    ExprProgram *program; /* keys */
    uint32_t n_keys, n_columns;
    RowLayout layout;      /* columns, then keys that are none of them */
    uint32_t *key_columns; /* per key */
    uint64_t top;          /* rows wanted, offset included; 0: all */
    pthread_mutex_t lock;
    SortRun **runs;
    uint32_t n_runs, runs_capacity;
} Sort;

typedef struct SortLocal {
    ExprState *state;
    MemArena *arena;
    SortRun *run;
    Vector *keys;
    uint64_t *prefixes;
    uint16_t *rows;
    bool has_threshold;
    uint64_t threshold;
} SortLocal;

/* --- order --- */

static int compare_rows(const Sort *s, const uint8_t *a, const uint8_t *b)
{
    for (uint32_t k = 0; k < s->n_keys; k++) {
        const SortKey *key = &s->op.node->sort.keys[k];
        uint32_t c = s->key_columns[k];
        bool null_a = row_is_null(&s->layout, a, c), null_b = row_is_null(&s->layout, b, c);
        if (null_a || null_b) {
            if (null_a != null_b)
                return null_a == key->nulls_first ? -1 : 1;
            continue;
        }
        uint64_t x[2] __attribute__((aligned(16))), y[2] __attribute__((aligned(16)));
        size_t size = phys_size(s->layout.phys[c]);
        memcpy(x, a + s->layout.offsets[c], size);
        memcpy(y, b + s->layout.offsets[c], size);
        int order = vec_value_compare(s->layout.phys[c], x, y);
        if (order)
            return key->descending ? -order : order;
    }
    return 0;
}

static inline bool entry_less(const Sort *s, const SortEntry *a, const SortEntry *b)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    return compare_rows(s, a->row, b->row) < 0;
}

/* 63 bits that order as the value does; equal bits say nothing when @ret_exact is false. */
static uint64_t order_bits(const Vector *v, uint32_t row)
{
    const void *p = vec_value_at(v, row);
    uint64_t bits;

    switch (v->phys) {
    case PHYS_BOOL:
        return *(const uint8_t *)p;
    case PHYS_I8:
        return (uint64_t)(*(const int8_t *)p + 128);
    case PHYS_I16:
        return (uint64_t)(*(const int16_t *)p + 32768);
    case PHYS_I32:
        return (uint64_t)((int64_t) * (const int32_t *)p + (INT64_C(1) << 31));
    case PHYS_I64:
        return (*(const uint64_t *)p ^ UINT64_C(0x8000000000000000)) >> 1;
    case PHYS_I128: {
        /* The upper bits of what is left when values above 96 bits are cut off at the ends. */
        __int128 x;
        memcpy(&x, p, 16);
        const __int128 limit = (__int128)1 << 95;
        x = x >= limit ? limit - 1 : x < -limit ? -limit : x;
        return (uint64_t)((unsigned __int128)(x + limit) >> 33);
    }
    case PHYS_F32:
    case PHYS_F64: {
        double d = v->phys == PHYS_F32 ? (double)*(const float *)p : *(const double *)p;
        if (d != d)
            return INT64_MAX;
        d = d == 0 ? 0.0 : d;
        memcpy(&bits, &d, 8);
        bits = bits >> 63 ? ~bits : bits | UINT64_C(0x8000000000000000);
        return bits >> 1;
    }
    default: {
        const VecString *s = p;
        const char *text = vec_string_data(s);
        uint8_t first[8] = {0};
        memcpy(first, text, s->length < 8 ? s->length : 8);
        memcpy(&bits, first, 8);
        return __builtin_bswap64(bits) >> 1;
    }
    }
}

static uint64_t prefix_of(const SortKey *key, const Vector *v, uint32_t row)
{
    if (vec_row_is_null(v, row))
        return key->nulls_first ? PREFIX_NULL_FIRST : PREFIX_NULL_LAST;
    uint64_t bits = order_bits(v, row);
    if (key->descending)
        bits = UINT64_C(0x7fffffffffffffff) - bits;
    return bits + 1; /* 1..2^63, nulls on either side */
}

/* --- entries --- */

static void insertion_sort(const Sort *s, SortEntry *e, uint64_t n)
{
    for (uint64_t i = 1; i < n; i++) {
        SortEntry moving = e[i];
        uint64_t at = i;
        for (; at > 0 && entry_less(s, &moving, &e[at - 1]); at--)
            e[at] = e[at - 1];
        e[at] = moving;
    }
}

/* Stable merge sort; @other has room for @n entries. Return: 0; QUERY_E_CANCELLED. */
static int merge_sort(const Sort *s, SortEntry *entries, SortEntry *other, uint64_t n)
{
    const uint64_t run = 24;
    SortEntry *from = entries, *to = other;

    for (uint64_t i = 0; i < n; i += run)
        insertion_sort(s, entries + i, MIN(run, n - i));
    for (uint64_t width = run; width < n; width *= 2) {
        for (uint64_t i = 0; i < n; i += 2 * width) {
            uint64_t mid = MIN(i + width, n), end = MIN(i + 2 * width, n);
            uint64_t a = i, b = mid, k = i;
            if ((i & 0xfffff) == 0 && context_stopped(s->op.context))
                return QUERY_E_CANCELLED;
            if (mid == end || !entry_less(s, &from[mid], &from[mid - 1])) {
                memcpy(to + i, from + i, sizeof(SortEntry) * (end - i));
                continue;
            }
            while (a < mid && b < end)
                to[k++] = entry_less(s, &from[b], &from[a]) ? from[b++] : from[a++];
            memcpy(to + k, from + a, sizeof(SortEntry) * (mid - a));
            k += mid - a;
            memcpy(to + k, from + b, sizeof(SortEntry) * (end - b));
        }
        SortEntry *t = from;
        from = to;
        to = t;
    }
    if (from != entries)
        memcpy(entries, from, sizeof(SortEntry) * n);
    return 0;
}

static int run_sort(const Sort *s, SortRun *run)
{
    void *other;
    if (run->n < 2)
        return 0;
    size_t bytes = sizeof(SortEntry) * run->n;
    int r = mem_block_alloc(run->pool, bytes, "sort", &other);
    if (r)
        return r;
    r = merge_sort(s, run->entries, other, run->n);
    mem_block_free(run->pool, other, bytes);
    return r;
}

static int run_reserve(SortRun *run, uint64_t n)
{
    uint64_t capacity = run->capacity ? run->capacity : 4096;
    void *entries;

    if (run->n + n <= run->capacity)
        return 0;
    while (capacity < run->n + n)
        capacity *= 2;
    int r = mem_block_alloc(run->pool, sizeof(SortEntry) * capacity, "sort", &entries);
    if (r)
        return r;
    if (run->entries) {
        memcpy(entries, run->entries, sizeof(SortEntry) * run->n);
        mem_block_free(run->pool, run->entries, sizeof(SortEntry) * run->capacity);
    }
    run->entries = entries;
    run->capacity = capacity;
    return 0;
}

static void blocks_free(MemPool *pool, RowBlock *block)
{
    while (block) {
        RowBlock *next = block->next;
        mem_block_free(pool, block, block->bytes);
        block = next;
    }
}

/* Also of one that was only half made. */
static void run_free(SortRun *run)
{
    if (!run)
        return;
    MemPool *pool = run->pool;
    if (run->entries)
        mem_block_free(pool, run->entries, sizeof(SortEntry) * run->capacity);
    blocks_free(pool, run->blocks);
    mem_arena_free(run->strings);
    mem_block_free(pool, run, sizeof(*run));
}

static int run_strings(const Sort *s, SortRun *run)
{
    int r = mem_arena_new(run->pool, "sort", &run->strings);
    return r ? r : row_strings_init(&run->keeper, run->strings, s->layout.n_columns);
}

static int run_new(const Sort *s, MemPool *pool, SortRun **ret)
{
    void *block;
    int r = mem_block_alloc(pool, sizeof(SortRun), "sort", &block);
    if (r)
        return r;
    SortRun *run = block;
    *run = (SortRun){.pool = pool};
    r = run_strings(s, run);
    if (r) {
        run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

/* Room for some of @n rows. */
static int rows_reserve(const Sort *s, SortRun *run, uint32_t n, uint8_t **ret_rows,
                        uint32_t *ret_n)
{
    RowBlock *block = run->blocks;

    if (!block || block->n_rows == block->capacity) {
        size_t bytes = MAX(ROW_BLOCK_BYTES, sizeof(RowBlock) + s->layout.size);
        void *memory;
        int r = mem_block_alloc(run->pool, bytes, "sort", &memory);
        if (r)
            return r;
        block = memory;
        *block = (RowBlock){
            .next = run->blocks,
            .bytes = bytes,
            .capacity = (uint32_t)((bytes - sizeof(RowBlock)) / s->layout.size),
        };
        run->blocks = block;
    }
    *ret_n = MIN(n, block->capacity - block->n_rows);
    *ret_rows = (uint8_t *)(block + 1) + (size_t)block->n_rows * s->layout.size;
    block->n_rows += *ret_n;
    return 0;
}

/* --- top-N: keep the best, in new blocks --- */

static int copy_strings(const Sort *s, SortRun *run, uint8_t *row)
{
    const RowLayout *l = &s->layout;
    for (uint32_t c = 0; l->has_strings && c < l->n_columns; c++) {
        VecString x;
        if (l->phys[c] != PHYS_STRING)
            continue;
        memcpy(&x, row + l->offsets[c], sizeof(x));
        if (x.length <= VEC_STRING_INLINE)
            continue;
        char *bytes = mem_arena_alloc(run->strings, x.length, 1);
        if (!bytes)
            return mem_arena_error(run->strings);
        memcpy(bytes, x.ptr, x.length);
        x.ptr = bytes;
        memcpy(row + l->offsets[c], &x, sizeof(x));
    }
    return 0;
}

static int run_prune(const Sort *s, SortLocal *l)
{
    SortRun *run = l->run, old;
    int r = run_sort(s, run);
    if (r)
        return r;
    if (run->n <= s->top)
        return 0;
    run->n = s->top;
    l->has_threshold = true;
    l->threshold = run->entries[s->top - 1].prefix;

    old = *run;
    run->blocks = NULL;
    run->strings = NULL;
    r = run_strings(s, run);
    for (uint64_t i = 0; r == 0 && i < run->n; i++) {
        uint8_t *to;
        uint32_t one;
        r = rows_reserve(s, run, 1, &to, &one);
        if (r)
            break;
        memcpy(to, run->entries[i].row, s->layout.size);
        r = copy_strings(s, run, to);
        run->entries[i].row = to;
    }
    blocks_free(old.pool, old.blocks);
    mem_arena_free(old.strings);
    return r;
}

/* --- the sink --- */

static void sort_local_free(Operator *op, void *local)
{
    SortLocal *l = local;
    expr_state_free(l->state);
    run_free(l->run);
    mem_arena_free(l->arena);
}

static int sort_local_new(Operator *op, Worker *worker, void **ret_local)
{
    Sort *s = (Sort *)op;
    MemPool *pool = op->context->pool;
    MemArena *arena;
    int r = mem_arena_new(pool, "sort", &arena);
    if (r)
        return r;
    SortLocal *l = mem_arena_new_of(arena, SortLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->keys = mem_arena_new_array(arena, Vector, s->n_keys + 1);
    l->prefixes = mem_arena_new_array(arena, uint64_t, VEC_ROWS_MAX);
    l->rows = mem_arena_new_array(arena, uint16_t, VEC_ROWS_MAX);
    if (!l->keys || !l->prefixes || !l->rows)
        return mem_arena_error(arena);
    r = run_new(s, pool, &l->run);
    return r ? r : expr_state_new(s->program, pool, &l->state);
}

static int append_rows(Sort *s, SortLocal *l, const Batch *batch, uint32_t n)
{
    SortRun *run = l->run;
    int r = run_reserve(run, n);

    for (uint32_t at = 0, k; r == 0 && at < n; at += k) {
        uint8_t *to;
        r = rows_reserve(s, run, n - at, &to, &k);
        if (r)
            return r;
        for (uint32_t i = 0; i < k; i++) {
            uint8_t *row = to + (size_t)i * s->layout.size;
            memset(row, 0, s->layout.head + s->layout.n_nulls);
            run->entries[run->n++] = (SortEntry){l->prefixes[at + i], row};
        }
        for (uint32_t c = 0; r == 0 && c < s->n_columns; c++)
            r = row_scatter(&s->layout, c, &batch->columns[c], l->rows + at, k, to, &run->keeper);
        for (uint32_t i = 0; r == 0 && i < s->n_keys; i++)
            if (s->key_columns[i] >= s->n_columns)
                r = row_scatter(&s->layout, s->key_columns[i], &l->keys[i], l->rows + at, k, to,
                                &run->keeper);
    }
    return r;
}

static int sort_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    Sort *s = (Sort *)op;
    SortLocal *l = local;
    uint32_t n = batch_rows(batch), k = 0;

    expr_begin(l->state, batch);
    for (uint32_t i = 0; i < s->n_keys; i++) {
        int r = expr_eval(l->state, i, &l->keys[i], &worker->error);
        if (r)
            return r;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;
        uint64_t prefix = s->n_keys ? prefix_of(&op->node->sort.keys[0], &l->keys[0], row) : 0;
        l->rows[k] = (uint16_t)row;
        l->prefixes[k] = prefix;
        k += !l->has_threshold || prefix <= l->threshold;
    }
    int r = append_rows(s, l, batch, k);
    if (r == 0 && s->top && l->run->n >= 2 * s->top + VEC_ROWS_MAX)
        r = run_prune(s, l);
    return r;
}

static int sort_combine(Operator *op, void *local, Worker *worker)
{
    Sort *s = (Sort *)op;
    SortLocal *l = local;
    int r = run_sort(s, l->run);
    if (r)
        return r;
    if (s->top && l->run->n > s->top)
        l->run->n = s->top;
    if (worker->metrics && op->node->id < op->context->n_nodes)
        worker->metrics[op->node->id].bytes += l->run->n * (s->layout.size + sizeof(SortEntry));
    pthread_mutex_lock(&s->lock);
    if (s->n_runs == s->runs_capacity) {
        uint32_t capacity = s->runs_capacity ? s->runs_capacity * 2 : 16;
        SortRun **list = mem_arena_new_array(op->context->arena, SortRun *, capacity);
        if (list) {
            if (s->n_runs)
                memcpy(list, s->runs, sizeof(*list) * s->n_runs);
            s->runs = list;
            s->runs_capacity = capacity;
        } else {
            r = mem_arena_error(op->context->arena);
        }
    }
    if (r == 0)
        s->runs[s->n_runs++] = TAKE_PTR(l->run);
    pthread_mutex_unlock(&s->lock);
    return r;
}

static void sort_close(Operator *op)
{
    Sort *s = (Sort *)op;
    for (uint32_t i = 0; i < s->n_runs; i++)
        run_free(s->runs[i]);
    pthread_mutex_destroy(&s->lock);
}

static const OperatorClass sort_class = {
    .name = "sort",
    .local_new = sort_local_new,
    .execute = sort_execute,
    .combine = sort_combine,
    .local_free = sort_local_free,
    .close = sort_close,
};

int sort_new(Query *q, const PlanNode *node, Operator **ret)
{
    MemArena *arena = q->context.arena;
    Sort *s = mem_arena_new_of(arena, Sort);
    uint32_t n_columns = node->input->n_fields, n = n_columns, n_keys = node->sort.n_keys;
    Type *types = mem_arena_new_array(arena, Type, n_columns + n_keys + 1);
    Expr **keys = mem_arena_new_array(arena, Expr *, n_keys + 1);

    if (!s || !types || !keys)
        return mem_arena_error(arena);
    operator_init(&s->op, &sort_class, q, node, NULL);
    s->n_columns = n_columns;
    s->n_keys = n_keys;
    s->key_columns = mem_arena_new_array(arena, uint32_t, n_keys + 1);
    if (!s->key_columns)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n_columns; i++)
        types[i] = node->input->fields[i].type;
    for (uint32_t i = 0; i < n_keys; i++) {
        keys[i] = node->sort.keys[i].expr;
        if (keys[i]->kind == EXPR_COLUMN) {
            s->key_columns[i] = keys[i]->column;
        } else {
            types[n] = keys[i]->type;
            s->key_columns[i] = n++;
        }
    }
    if (node->sort.limit >= 0) {
        uint64_t offset = node->sort.offset > 0 ? (uint64_t)node->sort.offset : 0;
        uint64_t top = offset + (uint64_t)node->sort.limit;
        s->top = top > 0 && top <= TOP_ROWS_MAX ? top : 0;
    }
    int r = row_layout_make(arena, types, n, 0, &s->layout);
    if (r == 0)
        r = expr_compile(arena, keys, n_keys, n_columns, &q->workers[0].error, &s->program);
    if (r)
        return r;
    r = query_add_operator(q, &s->op);
    if (r)
        return r;
    pthread_mutex_init(&s->lock, NULL);
    *ret = &s->op;
    return 0;
}

/* --- the source: one worker merges the runs --- */

typedef struct SortSource {
    Source source;
    Sort *sort;
    uint64_t *at; /* per run */
    uint64_t skip, left;
} SortSource;

typedef struct SortSourceLocal {
    MemArena *arena;
    Batch batch;
    Vector *columns;
    void **values;
    uint64_t **valid;
    const uint8_t **rows;
} SortSourceLocal;

static int sort_source_open(Source *source)
{
    SortSource *s = (SortSource *)source;
    const PlanNode *node = source->node;

    s->at = mem_arena_new_array(source->context->arena, uint64_t, s->sort->n_runs + 1);
    s->skip = node->sort.limit >= 0 && node->sort.offset > 0 ? (uint64_t)node->sort.offset : 0;
    s->left = node->sort.limit >= 0 ? (uint64_t)node->sort.limit : UINT64_MAX;
    return s->at ? 0 : mem_arena_error(source->context->arena);
}

static void sort_source_local_free(Source *source, void *local)
{
    mem_arena_free(((SortSourceLocal *)local)->arena);
}

static int sort_source_local_new(Source *source, Worker *worker, void **ret_local)
{
    Sort *s = ((SortSource *)source)->sort;
    MemArena *arena;
    int r = mem_arena_new(source->context->pool, "sort", &arena);
    if (r)
        return r;
    SortSourceLocal *l = mem_arena_new_of(arena, SortSourceLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->columns = mem_arena_new_array(arena, Vector, s->n_columns + 1);
    l->values = mem_arena_new_array(arena, void *, s->n_columns + 1);
    l->valid = mem_arena_new_array(arena, uint64_t *, s->n_columns + 1);
    l->rows = mem_arena_new_array(arena, const uint8_t *, VEC_ROWS_MAX);
    if (!l->columns || !l->values || !l->valid || !l->rows)
        return mem_arena_error(arena);
    for (uint32_t c = 0; c < s->n_columns; c++) {
        l->values[c] = mem_arena_alloc(arena, phys_size(s->layout.phys[c]) * VEC_ROWS_MAX, 64);
        l->valid[c] = mem_arena_alloc(arena, VEC_VALID_WORDS * 8, 64);
        if (!l->values[c] || !l->valid[c])
            return mem_arena_error(arena);
    }
    return 0;
}

/* The smallest of the runs' next entries; runs are as few as workers. NULL: all are empty. */
static const uint8_t *next_row(SortSource *s)
{
    const Sort *sort = s->sort;
    uint32_t best = UINT32_MAX;

    for (uint32_t i = 0; i < sort->n_runs; i++) {
        const SortRun *run = sort->runs[i];
        if (s->at[i] == run->n)
            continue;
        if (best == UINT32_MAX ||
            entry_less(sort, &run->entries[s->at[i]], &sort->runs[best]->entries[s->at[best]]))
            best = i;
    }
    return best == UINT32_MAX ? NULL : sort->runs[best]->entries[s->at[best]++].row;
}

static int sort_source_next(Source *source, void *local, Worker *worker, Batch **ret_batch)
{
    SortSource *s = (SortSource *)source;
    SortSourceLocal *l = local;
    Sort *sort = s->sort;
    uint32_t n = 0;

    while (n < VEC_ROWS_MAX && s->left > 0) {
        const uint8_t *row = next_row(s);
        if (!row)
            break;
        if (s->skip > 0) {
            s->skip--;
            continue;
        }
        l->rows[n++] = row;
        s->left--;
    }
    if (n == 0)
        return OP_E_END;
    for (uint32_t c = 0; c < sort->n_columns; c++)
        row_gather(&sort->layout, c, l->rows, n, NULL, l->values[c], l->valid[c], &l->columns[c]);
    l->batch =
        (Batch){.n_rows = n, .n_selected = n, .n_columns = sort->n_columns, .columns = l->columns};
    *ret_batch = &l->batch;
    return 0;
}

static void sort_source_close(Source *source)
{
}

static const SourceClass sort_source_class = {
    .name = "sort",
    .open = sort_source_open,
    .local_new = sort_source_local_new,
    .next = sort_source_next,
    .local_free = sort_source_local_free,
    .close = sort_source_close,
};

int sort_source_new(Query *q, Operator *sort, Source **ret)
{
    SortSource *s = mem_arena_new_of(q->context.arena, SortSource);
    if (!s)
        return mem_arena_error(q->context.arena);
    s->sort = (Sort *)sort;
    s->source = (Source){
        .class = &sort_source_class,
        .context = &q->context,
        .node = sort->node,
        .n_workers_max = 1,
        .ordered = true,
    };
    *ret = &s->source;
    return 0;
}

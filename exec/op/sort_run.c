/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/sort_run.h"

#define ROW_BLOCK_BYTES ((size_t)256 << 10)

struct SortBlock {
    SortBlock *next;
    size_t bytes;
    uint32_t n_rows, capacity;
    uint64_t pad[5];
};
_Static_assert(sizeof(SortBlock) == 64, "rows start aligned");

/* --- order --- */

int sort_compare_rows(const Sort *s, const uint8_t *a, const uint8_t *b)
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

uint64_t sort_prefix(const SortKey *key, const Vector *v, uint32_t row)
{
    if (vec_row_is_null(v, row))
        return key->nulls_first ? SORT_PREFIX_NULL_FIRST : SORT_PREFIX_NULL_LAST;
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
        for (; at > 0 && sort_entry_less(s, &moving, &e[at - 1]); at--)
            e[at] = e[at - 1];
        e[at] = moving;
    }
}

/* A merge sort. */
int sort_entries(const Sort *s, SortEntry *entries, SortEntry *other, uint64_t n)
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
            if (mid == end || !sort_entry_less(s, &from[mid], &from[mid - 1])) {
                memcpy(to + i, from + i, sizeof(SortEntry) * (end - i));
                continue;
            }
            while (a < mid && b < end)
                to[k++] = sort_entry_less(s, &from[b], &from[a]) ? from[b++] : from[a++];
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

int sort_run_sort(const Sort *s, SortRun *run)
{
    void *other;
    if (run->n < 2)
        return 0;
    if (run->has_room)
        return sort_entries(s, run->entries, run->entries + run->capacity, run->n);
    size_t bytes = sizeof(SortEntry) * run->n;
    int r = mem_block_alloc(run->pool, bytes, "sort", &other);
    if (r)
        return r;
    r = sort_entries(s, run->entries, other, run->n);
    mem_block_free(run->pool, other, bytes);
    return r;
}

static size_t entries_bytes(const SortRun *run, uint64_t capacity)
{
    return sizeof(SortEntry) * capacity * (run->has_room ? 2 : 1);
}

static void entries_free(SortRun *run)
{
    if (run->entries)
        mem_block_free(run->pool, run->entries, entries_bytes(run, run->capacity));
    run->entries = NULL;
    run->capacity = 0;
}

static int run_reserve(SortRun *run, uint64_t n)
{
    uint64_t capacity = run->capacity ? run->capacity : 4096;
    void *entries;

    if (run->n + n <= run->capacity)
        return 0;
    while (capacity < run->n + n)
        capacity *= 2;
    int r = mem_block_alloc(run->pool, entries_bytes(run, capacity), "sort", &entries);
    if (r)
        return r;
    if (run->n)
        memcpy(entries, run->entries, sizeof(SortEntry) * run->n);
    entries_free(run);
    run->entries = entries;
    run->capacity = capacity;
    return 0;
}

static void blocks_free(MemPool *pool, SortBlock *block)
{
    while (block) {
        SortBlock *next = block->next;
        mem_block_free(pool, block, block->bytes);
        block = next;
    }
}

/* Also of one that was only half made. */
void sort_run_free(SortRun *run)
{
    if (!run)
        return;
    MemPool *pool = run->pool;
    entries_free(run);
    blocks_free(pool, run->blocks);
    mem_arena_free(run->strings);
    mem_block_free(pool, run, sizeof(*run));
}

static int run_strings(const Sort *s, SortRun *run)
{
    int r = mem_arena_new(run->pool, "sort", &run->strings);
    return r ? r : row_strings_init(&run->keeper, run->strings, s->layout.n_columns);
}

int sort_run_new(const Sort *s, MemPool *pool, SortRun **ret)
{
    void *block;
    int r = mem_block_alloc(pool, sizeof(SortRun), "sort", &block);
    if (r)
        return r;
    SortRun *run = block;
    *run = (SortRun){.pool = pool, .has_room = s->op.context->spill != NULL};
    r = run_strings(s, run);
    if (r) {
        sort_run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

/* Room for some of @n rows. */
static int rows_reserve(const Sort *s, SortRun *run, uint32_t n, uint8_t **ret_rows,
                        uint32_t *ret_n)
{
    SortBlock *block = run->blocks;

    if (!block || block->n_rows == block->capacity) {
        size_t bytes = MAX(ROW_BLOCK_BYTES, sizeof(SortBlock) + s->layout.size);
        void *memory;
        int r = mem_block_alloc(run->pool, bytes, "sort", &memory);
        if (r)
            return r;
        block = memory;
        *block = (SortBlock){
            .next = run->blocks,
            .bytes = bytes,
            .capacity = (uint32_t)((bytes - sizeof(SortBlock)) / s->layout.size),
        };
        run->blocks = block;
    }
    *ret_n = MIN(n, block->capacity - block->n_rows);
    *ret_rows = (uint8_t *)(block + 1) + (size_t)block->n_rows * s->layout.size;
    block->n_rows += *ret_n;
    return 0;
}

static int scatter_rows(const Sort *s, SortRun *run, const Vector *columns, const Vector *keys,
                        const uint16_t *rows, uint32_t n, uint8_t *to)
{
    int r = 0;

    for (uint32_t c = 0; r == 0 && c < s->n_columns; c++)
        r = row_scatter(&s->layout, c, &columns[c], rows, n, to, &run->keeper);
    for (uint32_t i = 0; r == 0 && i < s->n_keys; i++)
        if (s->key_columns[i] >= s->n_columns)
            r = row_scatter(&s->layout, s->key_columns[i], &keys[i], rows, n, to, &run->keeper);
    return r;
}

int sort_run_append(const Sort *s, SortRun *run, const Vector *columns, const Vector *keys,
                    const uint16_t *rows, const uint64_t *prefixes, uint32_t n, uint32_t *ret_done)
{
    int r = run_reserve(run, n);

    *ret_done = 0;
    for (uint32_t at = 0, k; r == 0 && at < n; at += k) {
        uint8_t *to;
        r = rows_reserve(s, run, n - at, &to, &k);
        if (r)
            return r;
        for (uint32_t i = 0; i < k; i++) {
            uint8_t *row = to + (size_t)i * s->layout.size;
            memset(row, 0, s->layout.head + s->layout.n_nulls);
            run->entries[run->n + i] = (SortEntry){prefixes[at + i], row};
        }
        r = scatter_rows(s, run, columns, keys, rows + at, k, to);
        if (r) {
            run->blocks->n_rows -= k;
            return r;
        }
        run->n += k;
        *ret_done = at + k;
    }
    return r;
}

/* --- fewer rows --- */

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

int sort_run_reset(const Sort *s, SortRun *run)
{
    blocks_free(run->pool, run->blocks);
    run->blocks = NULL;
    run->n = 0;
    if (run->has_room) /* spilled: others want the memory */
        entries_free(run);
    run->strings = mem_arena_free(run->strings);
    return run_strings(s, run);
}

int sort_run_cut(const Sort *s, SortRun *run, uint64_t n)
{
    SortRun old = *run;

    if (run->n <= n)
        return 0;
    run->n = n;
    run->blocks = NULL;
    run->strings = NULL;
    int r = run_strings(s, run);
    for (uint64_t i = 0; r == 0 && i < n; i++) {
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

int sort_add_run(Sort *s, Worker *worker, SortRun *run)
{
    int r = 0;

    if (worker->metrics && s->op.node->id < s->op.context->n_nodes)
        worker->metrics[s->op.node->id].bytes += run->n * (s->layout.size + sizeof(SortEntry));
    pthread_mutex_lock(s->lock);
    if (s->n_runs == s->runs_capacity) {
        uint32_t capacity = s->runs_capacity ? s->runs_capacity * 2 : 16;
        SortRun **list = mem_arena_new_array(s->arena, SortRun *, capacity);
        if (list) {
            if (s->n_runs)
                memcpy(list, s->runs, sizeof(*list) * s->n_runs);
            s->runs = list;
            s->runs_capacity = capacity;
        } else {
            r = mem_arena_error(s->arena);
        }
    }
    if (r == 0)
        s->runs[s->n_runs++] = TAKE_PTR(run);
    pthread_mutex_unlock(s->lock);
    sort_run_free(run);
    return r;
}

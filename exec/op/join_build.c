/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/join_disk.h"

#include "exec/kernel/hash.h"

/*
 * Build: workers append rows to blocks of their own; when all are done, the directory is made and
 * the blocks are linked into it, a block per task.
 */

#define BLOCK_BYTES_FIRST ((size_t)64 << 10)
#define BLOCK_BYTES_MAX ((size_t)1 << 20)
/* A directory indexed by the key itself may have this many entries for each row. */
#define DENSE_FACTOR 8u
#define DENSE_MAX (UINT64_C(1) << 28)
/* Bits of an exact filter per row, and at most. */
#define BITMAP_FACTOR 512u
#define BITMAP_BITS_MAX (UINT64_C(1) << 28)
#define LEAVE_MAX (UINT64_C(64) << 20)
#define FILTER_SHARE 8u /* of the free memory, for one filter */

typedef struct BuildLocal {
    ExprState *state;
    const KernelTable *kern;
    MemArena *arena;   /* this struct and buffers */
    MemArena *strings; /* handed over */
    RowStrings keeper;
    KeyHashCache *caches;
    Vector *keys;
    JoinBlock *blocks; /* [n_blocks] */
    uint32_t n_blocks, capacity;
    size_t next_bytes;
    uint16_t *rows, *null_rows;
    uint64_t *hashes;
    int64_t min[JOIN_FILTERS_MAX], max[JOIN_FILTERS_MAX];
    uint64_t n_held; /* rows in @blocks */
} BuildLocal;

int join_keys(const JoinBuild *b, const KernelTable *kern, const Vector *keys, const uint16_t *sel,
              uint32_t n, KeyHashCache *caches, MemArena *arena, uint16_t *rows, uint64_t *out,
              uint32_t *ret_n)
{
    uint32_t k = n;
    bool nulls = false;

    for (uint32_t c = 0; c < b->n_keys; c++)
        nulls |= keys[c].has_nulls;
    if (nulls) {
        k = 0;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = sel ? sel[i] : i;
            bool null = false;
            for (uint32_t c = 0; c < b->n_keys; c++)
                null |= vec_row_is_null(&keys[c], row);
            rows[k] = (uint16_t)row;
            k += !null;
        }
    } else if (sel) {
        memcpy(rows, sel, sizeof(uint16_t) * n);
    } else {
        for (uint32_t i = 0; i < n; i++)
            rows[i] = (uint16_t)i;
    }
    *ret_n = k;

    if (b->integer) {
        const Vector *v = &keys[0];
        if (v->phys == PHYS_I64 && v->encoding == VEC_FLAT) {
            const int64_t *values = v->values;
            for (uint32_t i = 0; i < k; i++)
                out[i] = (uint64_t)values[rows[i]];
        } else if (v->phys == PHYS_I64 && v->encoding == VEC_DICT) {
            const int64_t *values = v->values;
            for (uint32_t i = 0; i < k; i++)
                out[i] = (uint64_t)values[v->codes[rows[i]]];
        } else {
            for (uint32_t i = 0; i < k; i++)
                out[i] = (uint64_t)join_integer(v, rows[i]);
        }
        return 0;
    }
    for (uint32_t c = 0; c < b->n_keys; c++) {
        int r = key_hash(kern, &keys[c], rows, k, c == 0, &caches[c], arena, out);
        if (r)
            return r;
    }
    if (b->n_keys == 0)
        memset(out, 0, sizeof(uint64_t) * k);
    return 0;
}

static void build_local_free(Operator *op, void *local)
{
    BuildLocal *l = local;
    expr_state_free(l->state);
    for (uint32_t i = 0; i < l->n_blocks; i++)
        mem_block_free(op->context->pool, l->blocks[i].rows, l->blocks[i].bytes);
    mem_arena_free(l->strings);
    mem_arena_free(l->arena);
}

static int build_local_new(Operator *op, Worker *worker, void **ret_local)
{
    JoinBuild *b = (JoinBuild *)op;
    MemPool *pool = op->context->pool;
    MemArena *arena;
    int r = mem_arena_new(pool, "hash join build", &arena);
    if (r)
        return r;
    BuildLocal *l = mem_arena_new_of(arena, BuildLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->kern = kern_select();
    l->next_bytes = BLOCK_BYTES_FIRST;
    l->keys = mem_arena_new_array(arena, Vector, b->n_keys + 1);
    l->caches = mem_arena_new_array(arena, KeyHashCache, b->n_keys + 1);
    l->rows = mem_arena_new_array(arena, uint16_t, VEC_ROWS_MAX);
    l->null_rows = mem_arena_new_array(arena, uint16_t, VEC_ROWS_MAX);
    l->hashes = mem_arena_alloc(arena, sizeof(uint64_t) * VEC_ROWS_MAX, 64);
    if (!l->keys || !l->caches || !l->rows || !l->null_rows || !l->hashes)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < JOIN_FILTERS_MAX; i++) {
        l->min[i] = INT64_MAX;
        l->max[i] = INT64_MIN;
    }
    r = mem_arena_new(pool, "hash join build", &l->strings);
    if (r == 0)
        r = row_strings_init(&l->keeper, l->strings, b->layout.n_columns);
    if (r == 0)
        r = expr_state_new(b->program, pool, &l->state);
    return r;
}

/* Room for @n more rows at *@ret_rows, perhaps fewer: *@ret_n. */
static int reserve_rows(JoinBuild *b, BuildLocal *l, uint32_t n, JoinBlock **ret_block,
                        uint32_t *ret_n)
{
    JoinBlock *last = l->n_blocks ? &l->blocks[l->n_blocks - 1] : NULL;

    if (!last || last->n_rows == last->capacity) {
        if (l->n_blocks == l->capacity) {
            uint32_t capacity = l->capacity ? l->capacity * 2 : 16;
            JoinBlock *list = mem_arena_new_array(l->arena, JoinBlock, capacity);
            if (!list)
                return mem_arena_error(l->arena);
            if (l->n_blocks)
                memcpy(list, l->blocks, sizeof(*list) * l->n_blocks);
            l->blocks = list;
            l->capacity = capacity;
        }
        size_t bytes = l->next_bytes;
        void *rows;
        while (bytes < b->layout.size)
            bytes *= 2;
        int r = mem_block_alloc(b->op.context->pool, bytes, "hash join build", &rows);
        if (r)
            return r;
        if (l->next_bytes < BLOCK_BYTES_MAX)
            l->next_bytes *= 2;
        l->blocks[l->n_blocks++] = (JoinBlock){
            .rows = rows, .capacity = (uint32_t)(bytes / b->layout.size), .bytes = bytes};
        last = &l->blocks[l->n_blocks - 1];
    }
    *ret_block = last;
    *ret_n = MIN(n, last->capacity - last->n_rows);
    return 0;
}

/* Rows of the local go to disk. */
static int spill_local(JoinBuild *b, BuildLocal *l, Worker *worker)
{
    MemPool *pool = b->op.context->pool;
    int r = join_disk_write(b, l->blocks, l->n_blocks, worker);

    if (r)
        return r;
    for (uint32_t i = 0; i < l->n_blocks; i++)
        mem_block_free(pool, l->blocks[i].rows, l->blocks[i].bytes);
    l->n_blocks = 0;
    l->n_held = 0;
    l->next_bytes = BLOCK_BYTES_FIRST;
    l->strings = mem_arena_free(l->strings);
    r = mem_arena_new(pool, "hash join build", &l->strings);
    return r ? r : row_strings_init(&l->keeper, l->strings, b->layout.n_columns);
}

static int build_spill(Operator *op, void *local, Worker *worker)
{
    JoinBuild *b = (JoinBuild *)op;
    BuildLocal *l = local;

    if (!b->disk || !l->strings ||
        l->n_held * b->layout.size + (l->n_held ? mem_arena_bytes(l->strings) : 0) <
            spill_worth(op->context))
        return MEM_E_REFUSED;
    return spill_local(b, l, worker);
}

static int scatter_rows(JoinBuild *b, BuildLocal *l, const Batch *batch, const uint16_t *rows,
                        uint32_t n, uint8_t *to)
{
    uint32_t n_right = b->op.node->right->n_fields;
    int r = 0;

    for (uint32_t c = 0; r == 0 && c < n_right; c++)
        r = row_scatter(&b->layout, c, &batch->columns[c], rows, n, to, &l->keeper);
    for (uint32_t c = 0; r == 0 && c < b->n_keys; c++)
        if (b->key_columns[c] >= n_right)
            r = row_scatter(&b->layout, b->key_columns[c], &l->keys[c], rows, n, to, &l->keeper);
    return r;
}

/* Some of @n rows, hashes beside them. Return: as below; nothing has changed after a failure. */
static int append_some(JoinBuild *b, BuildLocal *l, const Batch *batch, const uint16_t *rows,
                       const uint64_t *hashes, uint8_t is_null, uint32_t n, uint32_t *ret_n)
{
    const RowLayout *layout = &b->layout;
    JoinBlock *block = NULL;
    int r = reserve_rows(b, l, n, &block, &n);

    if (r)
        return r;
    uint8_t *to = block->rows + (size_t)block->n_rows * layout->size;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *row = to + (size_t)i * layout->size;
        memcpy(row, &hashes[i], 8);
        memset(row + 8, 0, JOIN_HEAD - 8 + layout->n_nulls);
        row[17] = is_null;
    }
    r = scatter_rows(b, l, batch, rows, n, to);
    if (r)
        return r;
    block->n_rows += n;
    l->n_held += n;
    *ret_n = n;
    return 0;
}

/*
 * @n rows of the batch, hashes beside them. @is_null: their key is, and the linker is to leave them
 * out: see join_link_block().
 */
static int append_rows(JoinBuild *b, BuildLocal *l, const Batch *batch, const uint16_t *rows,
                       const uint64_t *hashes, uint8_t is_null, uint32_t n, Worker *worker)
{
    SpillTry try = {.disk = b->disk};

    for (uint32_t at = 0; at < n;) {
        uint32_t k = 0;

        spill_try(&try, worker, l->n_held > 0);
        int r = append_some(b, l, batch, rows + at, hashes + at, is_null, n - at, &k);
        if (spill_refused(&try, worker, &r, l->n_held > 0))
            r = spill_local(b, l, worker);
        if (r)
            return r;
        at += k;
    }
    return 0;
}

static void note_ranges(JoinBuild *b, BuildLocal *l, const uint16_t *rows, uint32_t n)
{
    for (uint32_t f = 0; f < b->n_filters; f++) {
        const Vector *v = &l->keys[b->filters[f].key];
        int64_t min = l->min[f], max = l->max[f];
        for (uint32_t i = 0; i < n; i++) {
            int64_t x = join_integer(v, rows[i]);
            min = x < min ? x : min;
            max = x > max ? x : max;
        }
        l->min[f] = min;
        l->max[f] = max;
    }
}

static int build_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    JoinBuild *b = (JoinBuild *)op;
    BuildLocal *l = local;
    uint32_t n = batch_rows(batch), k;
    int r;

    expr_begin(l->state, batch);
    for (uint32_t i = 0; i < b->n_keys; i++) {
        r = expr_eval(l->state, i, &l->keys[i], &worker->error);
        if (r)
            return r;
    }
    r = join_keys(b, l->kern, l->keys, batch->sel, n, l->caches, l->arena, l->rows, l->hashes, &k);
    if (r)
        return r;
    note_ranges(b, l, l->rows, k);
    r = append_rows(b, l, batch, l->rows, l->hashes, 0, k, worker);
    if (r || k == n)
        return r;

    atomic_store(&b->null_key, true);
    if (!b->keep_nulls)
        return 0;
    uint32_t n_null = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;
        bool null = false;
        for (uint32_t c = 0; c < b->n_keys; c++)
            null |= vec_row_is_null(&l->keys[c], row);
        l->null_rows[n_null] = (uint16_t)row;
        n_null += null;
    }
    memset(l->hashes, 0, sizeof(uint64_t) * n_null);
    return append_rows(b, l, batch, l->null_rows, l->hashes, 1, n_null, worker);
}

int join_list_grow(MemArena *arena, void **list, uint32_t *capacity, uint32_t needed, size_t size)
{
    uint32_t wanted = *capacity ? *capacity : 16;
    if (needed <= *capacity)
        return 0;
    while (wanted < needed)
        wanted *= 2;
    void *grown = mem_arena_alloc(arena, size * wanted, 16);
    if (!grown)
        return mem_arena_error(arena);
    if (*capacity)
        memcpy(grown, *list, size * *capacity);
    *list = grown;
    *capacity = wanted;
    return 0;
}

static int build_combine(Operator *op, void *local, Worker *worker)
{
    JoinBuild *b = (JoinBuild *)op;
    BuildLocal *l = local;
    MemArena *arena = op->context->arena;

    if (join_disk_used(b)) {
        int k = spill_local(b, l, worker);
        if (k)
            return k;
    }
    pthread_mutex_lock(&b->lock);
    int r = join_list_grow(arena, (void **)&b->blocks, &b->blocks_capacity,
                           b->n_blocks + l->n_blocks, sizeof(JoinBlock));
    if (r == 0)
        r = join_list_grow(arena, (void **)&b->arenas, &b->arenas_capacity, b->n_arenas + 1,
                           sizeof(MemArena *));
    if (r == 0) {
        for (uint32_t i = 0; i < l->n_blocks; i++) {
            b->n_rows += l->blocks[i].n_rows;
            b->blocks[b->n_blocks++] = l->blocks[i];
        }
        l->n_blocks = 0;
        b->arenas[b->n_arenas++] = TAKE_PTR(l->strings);
        for (uint32_t f = 0; f < b->n_filters; f++) {
            b->key_min[f] = MIN(b->key_min[f], l->min[f]);
            b->key_max[f] = MAX(b->key_max[f], l->max[f]);
        }
    }
    pthread_mutex_unlock(&b->lock);
    return r;
}

/* --- the directory --- */

static int integer_range(const JoinBuild *b, int64_t *ret_min, int64_t *ret_max)
{
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (uint32_t i = 0; i < b->n_blocks; i++) {
        const uint8_t *row = b->blocks[i].rows;
        for (uint32_t k = 0; k < b->blocks[i].n_rows; k++, row += b->layout.size) {
            int64_t x = (int64_t)join_hash(row);
            if (row[17])
                continue;
            min = x < min ? x : min;
            max = x > max ? x : max;
        }
    }
    *ret_min = min;
    *ret_max = max;
    return min <= max;
}

static int directory_alloc(JoinBuild *b, uint64_t n)
{
    void *block;
    int r = mem_block_alloc(b->op.context->pool, sizeof(uint64_t) * n, "hash join build", &block);
    if (r)
        return r;
    memset(block, 0, sizeof(uint64_t) * n);
    b->directory = block;
    b->n_directory = n;
    return 0;
}

int join_directory_alloc(JoinBuild *b, uint64_t n_rows)
{
    uint32_t bits = 6;

    while (b->n_keys > 0 && (UINT64_C(1) << bits) < n_rows * 2 && bits < 40)
        bits++;
    b->dense = false;
    b->shift = 64 - bits;
    return directory_alloc(b, UINT64_C(1) << bits);
}

/* A filter that would take too much of the memory is done without. */
static bool filter_too_large(JoinBuild *b, uint32_t f, uint64_t words)
{
    const MemPool *pool = b->op.context->pool;
    uint64_t limit = mem_pool_limit(pool), reserved = mem_pool_reserved(pool);

    if (!b->disk || words * 8 <= (limit > reserved ? limit - reserved : 0) / FILTER_SHARE)
        return false;
    b->n_filters--;
    b->filters[f] = b->filters[b->n_filters];
    b->key_min[f] = b->key_min[b->n_filters];
    b->key_max[f] = b->key_max[b->n_filters];
    return true;
}

static int filters_alloc(JoinBuild *b)
{
    for (uint32_t f = 0; f < b->n_filters; f++) {
        RuntimeFilter *filter = b->filters[f].filter;
        filter->min = b->key_min[f];
        filter->max = b->key_max[f];
        filter->empty = b->n_rows == 0 || filter->min > filter->max;
        if (filter->empty)
            continue;
        uint64_t span = (uint64_t)filter->max - (uint64_t)filter->min;
        bool exact = span < BITMAP_BITS_MAX && span / BITMAP_FACTOR <= b->n_rows;
        uint64_t words = span / 64 + 1;
        if (!exact)
            for (words = 64; words * 4 < b->n_rows; words *= 2)
                ;
        if (filter_too_large(b, f, words)) {
            f--;
            continue;
        }
        void *block;
        int r = mem_block_alloc(b->op.context->pool, words * 8, "hash join build", &block);
        if (r)
            return r;
        memset(block, 0, words * 8);
        b->bitmaps[f] = block;
        b->bitmap_words[f] = words;
        if (exact) {
            filter->bitmap = block;
        } else {
            filter->bloom = block;
            filter->bloom_mask = words - 1;
        }
    }
    return 0;
}

/* Can it have a directory of @bytes and leave something for what comes after it? */
static bool leaves_room(const JoinBuild *b, uint64_t bytes)
{
    uint64_t held = 0;

    if (!b->disk)
        return true;
    for (uint32_t i = 0; i < b->n_blocks; i++)
        held += b->blocks[i].bytes;
    for (uint32_t i = 0; i < b->n_arenas; i++)
        held += mem_arena_bytes(b->arenas[i]);
    held = MIN(held, LEAVE_MAX);
    return mem_pool_make_room(b->op.context->pool, bytes + held, "hash join build") == 0;
}

/* Rows that fit but whose directory does not: they go to disk after all. */
static int build_to_disk(JoinBuild *b, Worker *worker)
{
    MemPool *pool = b->op.context->pool;
    int r = join_disk_write(b, b->blocks, b->n_blocks, worker);

    if (r)
        return r;
    for (uint32_t i = 0; i < b->n_blocks; i++)
        mem_block_free(pool, b->blocks[i].rows, b->blocks[i].bytes);
    for (uint32_t i = 0; i < b->n_arenas; i++)
        mem_arena_free(b->arenas[i]);
    b->n_blocks = b->n_arenas = 0;
    b->n_rows = join_disk_rows(b);
    return 0;
}

static int build_shed(Operator *op, Worker *worker)
{
    JoinBuild *b = (JoinBuild *)op;
    bool used = join_disk_used(b);
    uint32_t n_tasks;
    uint64_t held = 0;
    int r = 0;

    for (uint32_t i = 0; i < b->n_blocks; i++)
        held += b->blocks[i].bytes;
    if (!b->disk || held < spill_worth(op->context))
        return MEM_E_REFUSED;
    if (!used)
        r = build_to_disk(b, worker);
    if (r)
        return r;
    join_build_release(b);
    r = join_disk_finish(b, held / 2, &n_tasks);
    for (uint32_t i = 0; r == 0 && i < n_tasks; i++)
        r = join_disk_task(b, worker, i);
    return r;
}

static int build_finish(Operator *op, Worker *worker, uint32_t *ret_n_tasks)
{
    JoinBuild *b = (JoinBuild *)op;
    int64_t min, max;
    int r;

    if (worker->metrics && op->node->id < op->context->n_nodes)
        for (uint32_t i = 0; i < b->n_blocks; i++)
            worker->metrics[op->node->id].bytes += b->blocks[i].bytes;
    bool from_disk = join_disk_used(b);
    if (!from_disk && b->integer && integer_range(b, &min, &max)) {
        uint64_t span = (uint64_t)max - (uint64_t)min;
        if (span < DENSE_MAX && span / DENSE_FACTOR <= b->n_rows + 1024 &&
            leaves_room(b, sizeof(uint64_t) * span)) {
            b->dense = true;
            b->dense_min = min;
            r = directory_alloc(b, span + 1);
            if (r)
                return r;
        }
    }
    if (!from_disk && !b->dense && b->n_rows > 0)
        from_disk = !leaves_room(b, 4 * sizeof(uint64_t) * b->n_rows);
    if (from_disk) {
        r = build_to_disk(b, worker);
        if (r == 0)
            r = filters_alloc(b);
        return r ? r : join_disk_finish(b, UINT64_MAX, ret_n_tasks);
    }
    if (!b->dense) {
        r = join_directory_alloc(b, b->n_rows);
        if (r)
            return r;
    }
    r = filters_alloc(b);
    if (r)
        return r;
    *ret_n_tasks = b->n_blocks;
    if (b->n_blocks == 0)
        for (uint32_t f = 0; f < b->n_filters; f++)
            atomic_store(&b->filters[f].filter->ready, true);
    return 0;
}

static bool keys_equal(const JoinBuild *b, const uint8_t *x, const uint8_t *y)
{
    if (join_hash(x) != join_hash(y))
        return false;
    if (b->integer)
        return true;
    for (uint32_t k = 0; k < b->n_keys; k++) {
        uint32_t c = b->key_columns[k];
        uint8_t phys = b->layout.phys[c];
        uint64_t u[2] __attribute__((aligned(16))), v[2] __attribute__((aligned(16)));
        memcpy(u, x + b->layout.offsets[c], phys_size(phys));
        memcpy(v, y + b->layout.offsets[c], phys_size(phys));
        if (vec_value_compare(phys, u, v) != 0)
            return false;
    }
    return true;
}

static void link_row(JoinBuild *b, uint8_t *row)
{
    uint64_t key = join_hash(row);
    uint64_t slot = b->dense     ? key - (uint64_t)b->dense_min
                    : b->integer ? hash_u64(key) >> b->shift
                                 : key >> b->shift;
    uint64_t tag = b->dense ? 0 : join_tag(b->integer ? hash_u64(key) : key);
    uint64_t head = __atomic_load_n(&b->directory[slot], __ATOMIC_ACQUIRE), entry;
    bool known = atomic_load_explicit(&b->duplicates, memory_order_relaxed) || b->n_keys == 0;
    const uint8_t *seen = NULL;

    do {
        const uint8_t *first = (const uint8_t *)(uintptr_t)(head & JOIN_POINTER_MASK);
        /* A row that came in between must be compared too; those behind @seen have been. */
        for (const uint8_t *at = first; at && at != seen && !known; at = join_next(at))
            if (b->dense || keys_equal(b, at, row)) {
                atomic_store(&b->duplicates, true);
                known = true;
            }
        seen = first;
        memcpy(row + 8, &first, sizeof(first));
        entry = (uint64_t)(uintptr_t)row | (head & ~JOIN_POINTER_MASK) | tag;
    } while (!__atomic_compare_exchange_n(&b->directory[slot], &head, entry, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

static void filter_row(JoinBuild *b, const uint8_t *row)
{
    for (uint32_t f = 0; f < b->n_filters; f++) {
        const RuntimeFilter *filter = b->filters[f].filter;
        uint32_t c = b->key_columns[b->filters[f].key];
        const uint8_t *at = row + b->layout.offsets[c];
        Vector v = {.phys = b->layout.phys[c], .encoding = VEC_CONST, .values = (void *)at};
        int64_t x = join_integer(&v, 0);
        if (filter->bitmap) {
            uint64_t i = (uint64_t)x - (uint64_t)filter->min;
            __atomic_fetch_or(&b->bitmaps[f][i >> 6], UINT64_C(1) << (i & 63), __ATOMIC_RELAXED);
        } else {
            uint64_t h = runtime_filter_hash(x);
            uint64_t bits = UINT64_C(1) << (h >> 58) | UINT64_C(1) << (h >> 52 & 63);
            __atomic_fetch_or(&b->bitmaps[f][h & filter->bloom_mask], bits, __ATOMIC_RELAXED);
        }
    }
}

void join_link_block(JoinBuild *b, const JoinBlock *block)
{
    uint8_t *row = block->rows;

    for (uint32_t i = 0; i < block->n_rows; i++, row += b->layout.size)
        if (!row[17]) /* a null key: in the blocks only, to come out unmatched */
            link_row(b, row);
}

void join_filter_rows(JoinBuild *b, const uint8_t *rows, uint32_t n_rows)
{
    for (uint32_t i = 0; b->n_filters && i < n_rows; i++, rows += b->layout.size)
        if (!rows[17])
            filter_row(b, rows);
}

static int build_finish_task(Operator *op, Worker *worker, uint32_t task)
{
    JoinBuild *b = (JoinBuild *)op;

    if (join_disk_used(b)) {
        int r = join_disk_task(b, worker, task);
        if (r)
            return r;
    } else {
        join_link_block(b, &b->blocks[task]);
        join_filter_rows(b, b->blocks[task].rows, b->blocks[task].n_rows);
    }
    /* Scans look at their filters when this pipeline is over, so any task may say so. */
    for (uint32_t f = 0; f < b->n_filters; f++)
        atomic_store(&b->filters[f].filter->ready, true);
    return 0;
}

void join_build_release(JoinBuild *b)
{
    MemPool *pool = b->op.context->pool;

    for (uint32_t i = 0; i < b->n_blocks; i++)
        mem_block_free(pool, b->blocks[i].rows, b->blocks[i].bytes);
    for (uint32_t i = 0; i < b->n_arenas; i++)
        mem_arena_free(b->arenas[i]);
    if (b->directory)
        mem_block_free(pool, b->directory, sizeof(uint64_t) * b->n_directory);
    b->n_blocks = b->n_arenas = 0;
    b->directory = NULL;
}

static void build_close(Operator *op)
{
    JoinBuild *b = (JoinBuild *)op;
    MemPool *pool = op->context->pool;

    join_build_release(b);
    join_disk_done(b);
    for (uint32_t f = 0; f < b->n_filters; f++)
        if (b->bitmaps[f])
            mem_block_free(pool, b->bitmaps[f], b->bitmap_words[f] * 8);
    pthread_mutex_destroy(&b->lock);
}

static const OperatorClass build_class = {
    .name = "hash join build",
    .local_new = build_local_new,
    .execute = build_execute,
    .combine = build_combine,
    .finish = build_finish,
    .finish_task = build_finish_task,
    .spill = build_spill,
    .shed = build_shed,
    .local_free = build_local_free,
    .close = build_close,
};

int join_build_add_filter(Operator *op, uint32_t key, RuntimeFilter *filter)
{
    JoinBuild *b = (JoinBuild *)op;
    if (b->n_filters == JOIN_FILTERS_MAX)
        return 0;
    b->key_min[b->n_filters] = INT64_MAX;
    b->key_max[b->n_filters] = INT64_MIN;
    b->filters[b->n_filters++] = (JoinFilter){.key = key, .filter = filter};
    return 0;
}

int join_build_new(Query *q, const PlanNode *node, Operator **ret)
{
    MemArena *arena = q->context.arena;
    JoinBuild *b = mem_arena_new_of(arena, JoinBuild);
    uint32_t n_right = node->right->n_fields, n_keys = node->join.n_keys, n = n_right;
    Type *types = mem_arena_new_array(arena, Type, n_right + n_keys + 1);

    if (!b || !types)
        return mem_arena_error(arena);
    if (n_keys > JOIN_KEYS_MAX)
        return -E2BIG;
    operator_init(&b->op, &build_class, q, node, NULL);
    b->n_keys = n_keys;
    b->keep_nulls = node->join.type == JOIN_RIGHT || node->join.type == JOIN_FULL ||
                    node->join.type == JOIN_RIGHT_ANTI;
    b->key_columns = mem_arena_new_array(arena, uint32_t, n_keys + 1);
    if (!b->key_columns)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n_right; i++)
        types[i] = node->right->fields[i].type;
    for (uint32_t i = 0; i < n_keys; i++) {
        const Expr *key = node->join.right_keys[i];
        if (key->kind == EXPR_COLUMN) {
            b->key_columns[i] = key->column;
        } else {
            types[n] = key->type;
            b->key_columns[i] = n++;
        }
    }
    PhysKind phys = n_keys == 1 ? type_phys(node->join.right_keys[0]->type) : PHYS_STRING;
    b->integer = phys >= PHYS_I8 && phys <= PHYS_I64;
    int r = row_layout_make(arena, types, n, JOIN_HEAD, &b->layout);
    if (r == 0)
        r = join_disk_init(b, arena);
    if (r == 0)
        r = expr_compile(arena, node->join.right_keys, n_keys, n_right, &q->workers[0].error,
                         &b->program);
    if (r)
        return r;
    r = query_add_operator(q, &b->op);
    if (r)
        return r;
    pthread_mutex_init(&b->lock, NULL);
    *ret = &b->op;
    return 0;
}

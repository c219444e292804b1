/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/window_rows.h"

/*
 * A block in memory is as it will be on disk: rows from the front, the bytes of long strings from
 * the back, at most what a block of the spill file holds; so one block there is one here.
 */

#define FORCED_ROWS 3u /* of a block when tests force everything to disk */
#define BLOCKS_MIN 64u
#define HEADROOM_MIN (UINT64_C(1) << 20)
#define HEADROOM_MAX (UINT64_C(32) << 20)

int window_rows_init(WindowRows *w, ExecContext *context, const Operator *op,
                     const RowLayout *layout, MemArena *arena)
{
    bool forced = context->spill && query_of(context)->run->spill->force;

    *w = (WindowRows){.context = context,
                      .op = op,
                      .layout = layout,
                      .rows_max = forced ? FORCED_ROWS : UINT32_MAX};
    w->nothing = mem_arena_zalloc(arena, layout->size, 64);
    if (!w->nothing)
        return mem_arena_error(arena);
    return spill_shape_of_layout(arena, layout, 0, &w->shape);
}

static void drop_memory(WindowRows *w, WindowBlock *b)
{
    if (b->memory)
        mem_block_free(w->context->pool, b->memory, b->bytes);
    b->memory = NULL;
}

void window_rows_done(WindowRows *w)
{
    for (uint32_t i = w->front; i < w->n_blocks; i++)
        drop_memory(w, &w->blocks[i]);
    if (w->blocks)
        mem_block_free(w->context->pool, w->blocks, sizeof(*w->blocks) * w->capacity);
    w->blocks = NULL;
    w->front = w->n_blocks = w->capacity = 0;
}

/* --- to disk --- */

static int write_block(WindowRows *w, WindowBlock *b)
{
    Worker *worker = w->worker;
    SpillSpace *space = w->context->spill;
    SpillRun run = {0};
    SpillWriter writer;
    int r = 0;

    worker_spill_writer(worker, &w->shape, &writer);
    for (uint32_t i = 0; r == 0 && i < b->n; i++)
        r = spill_write(&writer, &run, NULL, 0, b->memory + (size_t)i * w->layout->size,
                        &worker->error);
    if (r == 0)
        r = spill_flush(&writer, &run, &worker->error);
    if (r == 0) {
        SpillCursor cursor = spill_run_begin(&run);
        assert(run.n_blocks == 1);
        b->spilled = *spill_cursor_next(&cursor);
        b->on_disk = true;
    }
    worker_spilled(worker, w->op, writer.written);
    spill_run_done(&run, space);
    return r;
}

/* The newest block stays: it is written to, and the row that came last is compared. */
static bool may_go(const WindowRows *w, uint32_t i)
{
    return i + 1 < w->n_blocks && w->blocks[i].memory && w->blocks[i].refs == 0;
}

static bool can_give(const WindowRows *w)
{
    for (uint32_t i = w->front; w->context->spill && i < w->n_blocks; i++)
        if (may_go(w, i))
            return true;
    return false;
}

static int give_back(WindowRows *w)
{
    Worker *worker = w->worker;
    bool was = worker->in_sink;
    int r = 0;

    worker->in_sink = true; /* the list of blocks may come out of the reserve */
    for (uint32_t i = w->front; r == 0 && i < w->n_blocks; i++) {
        WindowBlock *b = &w->blocks[i];
        if (!may_go(w, i))
            continue;
        if (!b->on_disk)
            r = write_block(w, b);
        if (r == 0)
            drop_memory(w, b);
        if (r == 0 && context_stopped(w->context))
            r = QUERY_E_CANCELLED;
    }
    worker->in_sink = was;
    w->idle = 0;
    return r;
}

bool window_rows_give(void *userdata)
{
    WindowRows *w = userdata;

    if (!can_give(w))
        return false;
    int r = give_back(w);
    if (r && w->result == 0)
        w->result = r;
    return r == 0;
}

/* First own blocks go to disk, then others are asked for memory. */
static int get_memory(WindowRows *w, size_t bytes, void **ret)
{
    Worker *worker = w->worker;

    for (;;) {
        bool give = can_give(w);
        worker->can_retry = give;
        int r = mem_block_alloc(w->context->pool, bytes, "window", ret);
        worker->can_retry = false;
        if (!give || (r != MEM_E_SPILL && r != MEM_E_REFUSED))
            return r;
        r = give_back(w);
        if (r)
            return r;
    }
}

/* --- growing --- */

static int blocks_reserve(WindowRows *w)
{
    void *list;

    if (w->n_blocks < w->capacity)
        return 0;
    if (w->front > w->capacity / 2) {
        memmove(w->blocks, w->blocks + w->front, sizeof(*w->blocks) * (w->n_blocks - w->front));
        w->gone += w->front;
        w->n_blocks -= w->front;
        w->front = 0;
        return 0;
    }
    uint32_t capacity = w->capacity ? w->capacity * 2 : BLOCKS_MIN;
    int r = get_memory(w, sizeof(*w->blocks) * capacity, &list);
    if (r)
        return r;
    if (w->blocks) {
        memcpy(list, w->blocks, sizeof(*w->blocks) * w->n_blocks);
        mem_block_free(w->context->pool, w->blocks, sizeof(*w->blocks) * w->capacity);
    }
    w->blocks = list;
    w->capacity = capacity;
    return 0;
}

/* Who evaluates the rows needs memory too. */
static bool is_short(const WindowRows *w)
{
    MemPool *pool = w->context->pool;
    uint64_t headroom = mem_pool_limit(pool) / 16;

    headroom = headroom < HEADROOM_MIN   ? HEADROOM_MIN
               : headroom > HEADROOM_MAX ? HEADROOM_MAX
                                         : headroom;
    return !worker_reserve(w->worker) || mem_pool_make_room(pool, headroom, "window") != 0;
}

static int add_block(WindowRows *w, uint64_t bytes)
{
    void *memory;
    int r = blocks_reserve(w);

    if (r == 0 && can_give(w) && (w->rows_max != UINT32_MAX || is_short(w)))
        r = give_back(w);
    bytes = MAX(bytes, (uint64_t)SPILL_BLOCK_BYTES);
    if (r == 0)
        r = get_memory(w, bytes, &memory);
    if (r)
        return r;
    w->blocks[w->n_blocks++] = (WindowBlock){.first = w->n, .bytes = bytes, .memory = memory};
    return 0;
}

static uint64_t long_strings(const WindowRows *w, const uint8_t *row)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < w->shape.n_strings; i++) {
        uint32_t length;
        memcpy(&length, row + w->shape.strings[i], sizeof(length));
        n += length > VEC_STRING_INLINE ? length : 0;
    }
    return n;
}

int window_rows_append(WindowRows *w, const uint8_t *row)
{
    uint64_t size = w->layout->size, n_strings = w->shape.n_strings ? long_strings(w, row) : 0;
    WindowBlock *b = w->n_blocks > w->front ? &w->blocks[w->n_blocks - 1] : NULL;

    if (!b || !b->memory || b->n >= w->rows_max ||
        b->n * size + b->n_strings + size + n_strings > b->bytes) {
        int r = add_block(w, size + n_strings);
        if (r)
            return r;
        b = &w->blocks[w->n_blocks - 1];
    }
    uint8_t *to = b->memory + b->n * size;
    memcpy(to, row, size);
    for (uint32_t i = 0; n_strings > 0 && i < w->shape.n_strings; i++) {
        VecString s;
        memcpy(&s, to + w->shape.strings[i], sizeof(s));
        if (s.length <= VEC_STRING_INLINE)
            continue;
        b->n_strings += s.length;
        char *bytes = (char *)b->memory + b->bytes - b->n_strings;
        memcpy(bytes, s.ptr, s.length);
        s.ptr = bytes;
        memcpy(to + w->shape.strings[i], &s, sizeof(s));
    }
    b->n++;
    w->n++;
    w->last = to;
    return 0;
}

/* --- reading --- */

static int load_block(WindowRows *w, WindowBlock *b)
{
    size_t bytes = ALIGN_UP((size_t)b->spilled.raw, (size_t)8), n_scratch = 0;
    void *memory, *scratch = worker_spill_packed(w->worker);
    int r = get_memory(w, bytes, &memory);

    if (r == 0 && b->spilled.raw > SPILL_BLOCK_BYTES) {
        n_scratch = b->spilled.stored;
        r = get_memory(w, n_scratch, &scratch);
        if (r) {
            mem_block_free(w->context->pool, memory, bytes);
            return r;
        }
    }
    if (r)
        return r;
    r = spill_read(w->context->spill, &w->shape, &b->spilled, memory, scratch, &w->worker->error);
    if (n_scratch)
        mem_block_free(w->context->pool, scratch, n_scratch);
    if (r) {
        mem_block_free(w->context->pool, memory, bytes);
        return r;
    }
    b->memory = memory;
    b->bytes = bytes;
    return 0;
}

static WindowBlock *block_of(const WindowRows *w, uint64_t number)
{
    return &w->blocks[number - 1 - w->gone];
}

/* One block that was read and that nobody holds stays, since edges of frames go to and fro. */
static void leave(WindowCursor *c)
{
    WindowRows *w = c->rows;

    if (c->block == 0)
        return;
    WindowBlock *b = block_of(w, c->block);
    if (--b->refs == 0 && b->on_disk) {
        WindowBlock *idle = w->idle ? block_of(w, w->idle) : NULL;
        if (idle && idle != b && idle->refs == 0 && idle->on_disk)
            drop_memory(w, idle);
        w->idle = c->block;
    }
    c->block = 0;
    c->n = 0;
    c->first = 0;
}

void window_rows_clear(WindowRows *w)
{
    for (WindowCursor *c = w->cursors; c; c = c->next)
        leave(c);
    window_rows_done(w);
    w->list = NULL;
    w->last = NULL;
    w->n = w->idle = w->gone = 0;
}

void window_cursor_init(WindowCursor *c, WindowRows *w)
{
    *c = (WindowCursor){.rows = w, .next = w->cursors, .base = w->nothing};
    w->cursors = c;
}

static void fail(WindowCursor *c, uint64_t row, int r)
{
    WindowRows *w = c->rows;

    if (w->result == 0)
        w->result = r;
    c->first = row;
    c->n = 1;
    c->base = w->nothing;
}

/* The block of a row; most often the one behind that where the cursor stood. */
static uint32_t find_block(const WindowRows *w, uint32_t near, uint64_t row)
{
    uint32_t low = w->front, high = w->n_blocks;

    for (uint32_t i = near; i < near + 2 && i < high; i++)
        if (i >= low && row - w->blocks[i].first < w->blocks[i].n)
            return i;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (w->blocks[middle].first <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void window_seek(WindowCursor *c, uint64_t row)
{
    WindowRows *w = c->rows;
    uint32_t near = c->block ? (uint32_t)(c->block - 1 - w->gone) : w->front;

    leave(c);
    if (w->front == w->n_blocks || row >= w->n || row < w->blocks[w->front].first) {
        fail(c, row, -ENOTRECOVERABLE);
        return;
    }
    uint32_t at = find_block(w, near, row);
    WindowBlock *b = &w->blocks[at];
    if (!b->memory) {
        int r = load_block(w, b);
        if (r) {
            fail(c, row, r);
            return;
        }
    }
    b->refs++;
    c->block = w->gone + at + 1;
    c->first = b->first;
    c->n = b->n;
    c->base = b->memory;
}

uint32_t window_cursor_room(const WindowCursor *c, uint64_t row)
{
    const WindowRows *w = c->rows;

    if (w->list)
        return UINT32_MAX;
    if (c->block == 0)
        return 0;
    const WindowBlock *b = block_of(w, c->block);
    return row - b->first < b->n ? (uint32_t)(b->first + b->n - row) : 0;
}

void window_rows_forget(WindowRows *w, uint64_t row)
{
    if (w->list)
        return;
    for (WindowCursor *c = w->cursors; c; c = c->next)
        if (c->block && block_of(w, c->block)->first + block_of(w, c->block)->n <= row)
            leave(c);
    while (w->front + 1 < w->n_blocks) {
        WindowBlock *b = &w->blocks[w->front];
        if (b->first + b->n > row || b->refs > 0)
            break;
        if (w->idle == w->gone + w->front + 1)
            w->idle = 0;
        drop_memory(w, b);
        w->front++;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/sort_spill.h"

/*
 * A row on disk is the entry's prefix and the row, in order. The merge keeps one block of each run
 * in memory and the runs in a heap by their next row. A row that was given out points into its
 * block, so the block is replaced at the next batch: the batch ends where a block ends.
 */

#define FAN_IN_MIN 4u
#define FAN_IN_MAX 1024u

static uint64_t room(const MemPool *pool)
{
    uint64_t limit = mem_pool_limit(pool), reserved = mem_pool_reserved(pool);

    return limit > reserved ? limit - reserved : 0;
}

static int add_spilled(Sort *s, const SpillRun *run)
{
    MemArena *arena = s->arena;
    int r = 0;

    pthread_mutex_lock(s->lock);
    if (s->n_spilled == s->spilled_capacity) {
        uint32_t capacity = s->spilled_capacity ? s->spilled_capacity * 2 : 16;
        SpillRun *list = mem_arena_new_array(arena, SpillRun, capacity);
        if (list) {
            if (s->n_spilled)
                memcpy(list, s->spilled, sizeof(*list) * s->n_spilled);
            s->spilled = list;
            s->spilled_capacity = capacity;
        } else {
            r = mem_arena_error(arena);
        }
    }
    if (r == 0)
        s->spilled[s->n_spilled++] = *run;
    pthread_mutex_unlock(s->lock);
    return r;
}

int sort_spill_run(Sort *s, SortRun *run, Worker *worker)
{
    SpillRun out = {0};
    SpillWriter writer;
    int r = sort_run_sort(s, run);

    if (r)
        return r;
    worker_spill_writer(worker, &s->shape, &writer);
    for (uint64_t i = 0; r == 0 && i < run->n; i++) {
        const SortEntry *e = &run->entries[i];
        r = spill_write(&writer, &out, &e->prefix, sizeof(e->prefix), e->row, &worker->error);
        if ((i & 0xffff) == 0 && context_stopped(s->op.context))
            r = QUERY_E_CANCELLED;
    }
    if (r == 0)
        r = spill_flush(&writer, &out, &worker->error);
    if (r == 0)
        r = add_spilled(s, &out);
    worker_spilled(worker, &s->op, writer.written);
    if (r) {
        spill_run_done(&out, s->op.context->spill);
        return r;
    }
    return sort_run_reset(s, run);
}

int sort_append(Sort *s, SortRun *run, const Vector *columns, const Vector *keys,
                const uint16_t *rows, const uint64_t *prefixes, uint32_t n, SortSpill spill,
                void *local, Worker *worker)
{
    SpillTry try = {.disk = s->op.context->spill};

    for (uint32_t at = 0, done; at < n; at += done) {
        spill_try(&try, worker, run->n > 0);
        int r = sort_run_append(s, run, columns, keys, rows + at, prefixes + at, n - at, &done);
        if (spill_refused(&try, worker, &r, run->n > 0))
            r = spill(s, local, worker);
        if (r)
            return r;
    }
    return 0;
}

/* --- the merge --- */

static inline bool before(const Sort *s, const MergeInput *a, const MergeInput *b)
{
    if (sort_entry_less(s, &a->entry, &b->entry))
        return true;
    return a->number < b->number && !sort_entry_less(s, &b->entry, &a->entry);
}

static void sift_down(SortMerge *m, uint32_t at)
{
    MergeInput *moving = m->heap[at];

    for (uint32_t child; (child = 2 * at + 1) < m->n_heap; at = child) {
        if (child + 1 < m->n_heap && before(m->sort, m->heap[child + 1], m->heap[child]))
            child++;
        if (!before(m->sort, m->heap[child], moving))
            break;
        m->heap[at] = m->heap[child];
    }
    m->heap[at] = moving;
}

/* What is at the input's position. Return: false when its block, or all of it, is over. */
static bool load(const SortMerge *m, MergeInput *in)
{
    if (in->run) {
        if (in->at == in->run->n)
            return false;
        in->entry = in->run->entries[in->at];
        return true;
    }
    if (in->at == in->reader.n_rows)
        return false;
    const uint8_t *row = in->reader.memory + in->at * m->sort->shape.size;
    memcpy(&in->entry.prefix, row, sizeof(in->entry.prefix));
    in->entry.row = row + sizeof(in->entry.prefix);
    return true;
}

/* The input's next block. Return: 1 a row is there; 0 the end; below 0 or QUERY_E_*: an error. */
static int load_block(const SortMerge *m, MergeInput *in, Worker *worker, bool *ret_more)
{
    int r = in->run ? 0 : spill_reader_next(&in->reader, &worker->error);

    if (!in->run)
        in->at = 0;
    *ret_more = r == 0 && load(m, in);
    return r;
}

void sort_merge_close(SortMerge *m)
{
    for (uint32_t i = 0; m->inputs && i < m->n_inputs; i++)
        spill_reader_done(&m->inputs[i].reader);
    m->n_inputs = m->n_heap = 0;
    m->taken = NULL;
}

/* The first @n_spilled runs on disk, and those in memory when @with_memory. */
static int open_inputs(Sort *s, uint32_t n_spilled, bool with_memory, Worker *worker, SortMerge *m)
{
    uint32_t n = n_spilled + (with_memory ? s->n_runs : 0);
    MemArena *arena = s->arena;
    int r = 0;

    if (n > m->capacity) {
        pthread_mutex_lock(s->lock); /* of the arena: parts of a window are merged side by side */
        m->inputs = mem_arena_new_array(arena, MergeInput, n);
        m->heap = mem_arena_new_array(arena, MergeInput *, n);
        pthread_mutex_unlock(s->lock);
        if (!m->inputs || !m->heap)
            return mem_arena_error(arena);
        m->capacity = n;
    }
    m->sort = s;
    m->n_inputs = m->n_heap = 0;
    m->taken = NULL;
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        MergeInput *in = &m->inputs[i];
        bool more;
        *in = (MergeInput){.number = i};
        if (i < n_spilled)
            r = spill_reader_init(&in->reader, s->op.context->spill, &s->shape, &s->spilled[i]);
        else
            in->run = s->runs[i - n_spilled];
        m->n_inputs = i + 1;
        if (r == 0)
            r = load_block(m, in, worker, &more);
        if (r == 0 && more)
            m->heap[m->n_heap++] = in;
    }
    for (uint32_t i = m->n_heap / 2; i-- > 0;)
        sift_down(m, i);
    return r;
}

int sort_merge_begin(SortMerge *m, Worker *worker)
{
    MergeInput *in = m->taken;
    bool more;

    if (!in)
        return 0;
    m->taken = NULL;
    int r = load_block(m, in, worker, &more);
    if (r || !more)
        return r;
    /* Put where the last one is, then to its place. */
    uint32_t at = m->n_heap++;
    for (; at > 0 && before(m->sort, in, m->heap[(at - 1) / 2]); at = (at - 1) / 2)
        m->heap[at] = m->heap[(at - 1) / 2];
    m->heap[at] = in;
    return 0;
}

const uint8_t *sort_merge_next(SortMerge *m)
{
    if (m->taken || m->n_heap == 0)
        return NULL;
    MergeInput *in = m->heap[0];
    const uint8_t *row = in->entry.row;

    in->at++;
    if (load(m, in)) {
        sift_down(m, 0);
        return row;
    }
    m->heap[0] = m->heap[--m->n_heap];
    if (m->n_heap)
        sift_down(m, 0);
    if (!in->run)
        m->taken = in;
    return row;
}

/* The first @n runs on disk become one. */
static int merge_some(Sort *s, uint32_t n, SortMerge *m, Worker *worker)
{
    SpillRun out = {0};
    SpillWriter writer;
    int r = open_inputs(s, n, false, worker, m);

    worker_spill_writer(worker, &s->shape, &writer);
    while (r == 0 && !sort_merge_ended(m)) {
        r = context_stopped(s->op.context) ? QUERY_E_CANCELLED : sort_merge_begin(m, worker);
        for (const uint8_t *row; r == 0 && (row = sort_merge_next(m));)
            r = spill_write(&writer, &out, NULL, 0, row - sizeof(uint64_t), &worker->error);
    }
    if (r == 0)
        r = spill_flush(&writer, &out, &worker->error);
    worker_spilled(worker, &s->op, writer.written);
    sort_merge_close(m);
    if (r) {
        spill_run_done(&out, s->op.context->spill);
        return r;
    }
    for (uint32_t i = 0; i < n; i++)
        spill_run_done(&s->spilled[i], s->op.context->spill);
    /* It takes their place in front, so that equal rows keep their order. */
    memmove(s->spilled + 1, s->spilled + n, sizeof(*s->spilled) * (s->n_spilled - n));
    s->spilled[0] = out;
    s->n_spilled -= n - 1;
    return 0;
}

int sort_merge_open(Sort *s, Worker *worker, SortMerge *m)
{
    MemPool *pool = s->op.context->pool;
    int r = 0;

    *m = (SortMerge){.sort = s};
    if (s->n_spilled > 0) {
        uint64_t buffer = 2 * (uint64_t)SPILL_BLOCK_BYTES;
        uint32_t wanted = MIN(s->n_spilled, 32u);
        /* Runs in memory make room for the buffers of the others. */
        for (uint32_t i = 0; r == 0 && i < s->n_runs && room(pool) / 2 < wanted * buffer; i++)
            r = sort_spill_run(s, s->runs[i], worker);
        while (r == 0) {
            uint64_t fan_in = room(pool) / 2 / buffer;
            uint32_t n = fan_in < FAN_IN_MIN   ? FAN_IN_MIN
                         : fan_in > FAN_IN_MAX ? FAN_IN_MAX
                                               : (uint32_t)fan_in;
            if (s->n_spilled <= n)
                break;
            r = merge_some(s, MIN(n, s->n_spilled - n + 1), m, worker);
        }
    }
    return r ? r : open_inputs(s, s->n_spilled, true, worker, m);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/join_disk.h"

#include "exec/kernel/hash.h"
#include "exec/op/join_disk_internal.h"

#define WINDOW_ROWS                                                                                \
    (SPILL_ORDER_BYTES / (uint32_t)sizeof(uint8_t *)) /* sorted by partition together */
#define RESIDENT_NUM 2u /* of the free memory, two fifths may come back */
#define RESIDENT_DEN 5u
#define CHUNK_ROWS 256u /* of the probe, made into rows together */

uint32_t join_partition(uint64_t hash, uint32_t level)
{
    return (uint32_t)(hash_u64(hash + (level + 1) * UINT64_C(0x9E3779B97F4A7C15)) >> 60);
}

/* Columns of the probe side that somebody will read. */
static int left_layout(JoinDisk *d, const PlanNode *node, MemArena *arena)
{
    uint32_t n_left = node->input->n_fields, n = 0;
    Type *types = mem_arena_new_array(arena, Type, n_left + 1);
    bool all = !node->join.unused || node->join.residual || join_is_right_only(node->join.type);

    d->left_place = mem_arena_new_array(arena, uint32_t, n_left + 1);
    d->left_columns = mem_arena_new_array(arena, uint32_t, n_left + 1);
    if (!types || !d->left_place || !d->left_columns)
        return mem_arena_error(arena);
    for (uint32_t k = 0; k < node->join.n_keys; k++)
        all |= node->join.left_keys[k]->kind != EXPR_COLUMN;
    for (uint32_t c = 0; c < n_left; c++) {
        bool wanted = all || !node->join.unused[c];
        for (uint32_t k = 0; k < node->join.n_keys && !wanted; k++)
            wanted = node->join.left_keys[k]->column == c;
        d->left_place[c] = wanted ? n : UINT32_MAX;
        if (!wanted)
            continue;
        types[n] = node->input->fields[c].type;
        d->left_columns[n++] = c;
    }
    int r = row_layout_make(arena, types, n, sizeof(uint64_t), &d->left);
    return r ? r : spill_shape_of_layout(arena, &d->left, 0, &d->left_shape);
}

int join_disk_init(JoinBuild *b, MemArena *arena)
{
    ExecContext *context = b->op.context;

    if (!context->spill || b->n_keys == 0)
        return 0;
    JoinDisk *d = mem_arena_new_of(arena, JoinDisk);
    if (!d)
        return mem_arena_error(arena);
    d->current = mem_arena_new_array(arena, JoinBuild *, context->n_threads);
    d->passing = mem_arena_new_array(arena, bool, context->n_threads);
    if (!d->current || !d->passing)
        return mem_arena_error(arena);
    int r = spill_shape_of_layout(arena, &b->layout, 0, &d->shape);
    if (r == 0)
        r = left_layout(d, b->op.node, arena);
    b->disk = r == 0 ? d : NULL;
    return r;
}

void join_disk_done(JoinBuild *b)
{
    JoinDisk *d = b->disk;
    SpillSpace *space = b->op.context->spill;

    for (uint32_t p = 0; d && p < JOIN_PARTITIONS; p++) {
        spill_run_done(&d->build[p], space);
        spill_run_done(&d->probe[p], space);
    }
}

bool join_disk_used(const JoinBuild *b)
{
    return b->disk && atomic_load_explicit(&b->disk->used, memory_order_relaxed);
}

uint64_t join_disk_rows(const JoinBuild *b)
{
    uint64_t n = 0;

    for (uint32_t p = 0; p < JOIN_PARTITIONS; p++)
        n += b->disk->build[p].n_rows;
    return n;
}

/* --- build rows --- */

typedef struct RowWalk {
    const JoinBlock *blocks;
    uint32_t n_blocks, block, row;
} RowWalk;

static const uint8_t *walk_next(RowWalk *w, uint32_t size)
{
    while (w->block < w->n_blocks && w->row == w->blocks[w->block].n_rows) {
        w->block++;
        w->row = 0;
    }
    return w->block == w->n_blocks ? NULL : w->blocks[w->block].rows + (size_t)w->row++ * size;
}

/* Up to WINDOW_ROWS rows, by partition. Return: how many. */
static uint32_t sort_window(RowWalk *walk, uint32_t size, const uint8_t **order, uint32_t *starts)
{
    RowWalk again = *walk;
    uint32_t n = 0, at[JOIN_PARTITIONS];
    const uint8_t *row;

    memset(starts, 0, sizeof(uint32_t) * (JOIN_PARTITIONS + 1));
    for (; n < WINDOW_ROWS && (row = walk_next(walk, size)); n++)
        starts[join_partition(join_hash(row), 0) + 1]++;
    for (uint32_t p = 0; p < JOIN_PARTITIONS; p++)
        starts[p + 1] += starts[p];
    memcpy(at, starts, sizeof(at));
    for (uint32_t i = 0; i < n; i++) {
        row = walk_next(&again, size);
        order[at[join_partition(join_hash(row), 0)]++] = row;
    }
    return n;
}

static int write_window(JoinBuild *b, const uint8_t **order, const uint32_t *starts,
                        SpillWriter *writer, Worker *worker)
{
    SpillSpace *space = b->op.context->spill;
    int r = 0;

    for (uint32_t p = 0; r == 0 && p < JOIN_PARTITIONS; p++) {
        SpillRun run = {0};
        for (uint32_t i = starts[p]; r == 0 && i < starts[p + 1]; i++)
            r = spill_write(writer, &run, NULL, 0, order[i], &worker->error);
        if (r == 0)
            r = spill_flush(writer, &run, &worker->error);
        pthread_mutex_lock(&b->lock);
        if (r == 0)
            spill_run_join(&b->disk->build[p], &run, space);
        pthread_mutex_unlock(&b->lock);
        spill_run_done(&run, space);
    }
    return r;
}

int join_disk_write(JoinBuild *b, const JoinBlock *blocks, uint32_t n_blocks, Worker *worker)
{
    RowWalk walk = {.blocks = blocks, .n_blocks = n_blocks};
    uint32_t starts[JOIN_PARTITIONS + 1];
    SpillWriter writer;
    const uint8_t **order = worker->spill_order;
    int r = 0;

    atomic_store(&b->disk->used, true);
    worker_spill_writer(worker, &b->disk->shape, &writer);
    while (r == 0 && sort_window(&walk, b->layout.size, order, starts) > 0)
        r = context_stopped(b->op.context) ? QUERY_E_CANCELLED
                                           : write_window(b, order, starts, &writer, worker);
    worker_spilled(worker, &b->op, writer.written);
    return r;
}

/* --- what comes back --- */

static uint64_t run_need(const SpillRun *run)
{
    return run->raw_bytes + run->raw_bytes / 16 + run->n_rows * 2 * sizeof(uint64_t);
}

int join_disk_finish(JoinBuild *b, uint64_t bytes_max, uint32_t *ret_n_tasks)
{
    JoinDisk *d = b->disk;
    MemPool *pool = b->op.context->pool;
    uint64_t limit = mem_pool_limit(pool), reserved = mem_pool_reserved(pool), rows = 0;
    uint64_t room = limit > reserved ? (limit - reserved) / RESIDENT_DEN * RESIDENT_NUM : 0;
    uint32_t n_blocks = 0;

    if (query_of(b->op.context)->run->spill->force)
        room = b->n_rows * b->layout.size / 2; /* tests: some of each */
    room = MIN(room, bytes_max);
    d->mask = 0xffff;
    for (uint32_t i = 0; i < JOIN_PARTITIONS; i++) {
        uint32_t best = JOIN_PARTITIONS;
        for (uint32_t p = 0; p < JOIN_PARTITIONS; p++)
            if (d->mask >> p & 1 &&
                (best == JOIN_PARTITIONS || d->build[p].raw_bytes < d->build[best].raw_bytes))
                best = p;
        if (run_need(&d->build[best]) > room)
            break;
        room -= run_need(&d->build[best]);
        d->mask &= (uint16_t) ~(1u << best);
        rows += d->build[best].n_rows;
        n_blocks += d->build[best].n_blocks;
    }
    int r = join_list_grow(b->op.context->arena, (void **)&b->blocks, &b->blocks_capacity,
                           n_blocks + 1, sizeof(JoinBlock));
    if (r == 0)
        r = join_directory_alloc(b, rows);
    *ret_n_tasks = r == 0 ? JOIN_PARTITIONS : 0;
    return r;
}

int join_load_block(JoinBuild *b, const SpillBlock *block, Worker *worker, JoinBlock *ret_block)
{
    JoinDisk *d = b->disk;
    MemPool *pool = b->op.context->pool;
    bool large = block->stored > spill_packed_bytes(SPILL_BLOCK_BYTES);
    void *rows, *scratch = worker_spill_packed(worker);
    int r = mem_block_alloc(pool, block->raw, "hash join build", &rows);

    if (r)
        return r;
    if (large)
        r = mem_block_alloc(pool, block->stored, "hash join build", &scratch);
    if (r == 0) {
        r = spill_read(b->op.context->spill, &d->shape, block, rows, scratch, &worker->error);
        if (large)
            mem_block_free(pool, scratch, block->stored);
    }
    if (r) {
        mem_block_free(pool, rows, block->raw);
        return r;
    }
    *ret_block = (JoinBlock){
        .rows = rows, .n_rows = block->n_rows, .capacity = block->n_rows, .bytes = block->raw};
    return 0;
}

/* The other partitions are read for what the filters must know. */
static int filter_partition(JoinBuild *b, const SpillRun *run, Worker *worker)
{
    SpillReader reader;
    int r = spill_reader_init(&reader, b->op.context->spill, &b->disk->shape, run);

    while (r == 0) {
        r = context_stopped(b->op.context) ? QUERY_E_CANCELLED
                                           : spill_reader_next(&reader, &worker->error);
        if (r || reader.n_rows == 0)
            break;
        join_filter_rows(b, reader.memory, reader.n_rows);
    }
    spill_reader_done(&reader);
    return r;
}

int join_disk_task(JoinBuild *b, Worker *worker, uint32_t task)
{
    JoinDisk *d = b->disk;
    const SpillBlock *block;
    int r = 0;

    if (d->mask >> task & 1)
        return b->n_filters ? filter_partition(b, &d->build[task], worker) : 0;
    for (SpillCursor c = spill_run_begin(&d->build[task]);
         r == 0 && (block = spill_cursor_next(&c));) {
        JoinBlock loaded;
        r = context_stopped(b->op.context) ? QUERY_E_CANCELLED
                                           : join_load_block(b, block, worker, &loaded);
        if (r)
            return r;
        pthread_mutex_lock(&b->lock);
        b->blocks[b->n_blocks++] = loaded;
        pthread_mutex_unlock(&b->lock);
        join_link_block(b, &loaded);
        join_filter_rows(b, loaded.rows, loaded.n_rows);
    }
    return r;
}

/* --- probe rows --- */

const JoinBuild *join_disk_current(const JoinBuild *b, const Worker *worker)
{
    return b->disk ? b->disk->current[worker->index] : NULL;
}

bool join_disk_passing(const JoinBuild *b, const Worker *worker)
{
    return b->disk->passing[worker->index];
}

bool join_disk_diverts(const JoinBuild *b)
{
    return b->disk && b->disk->mask != 0;
}

static int probe_disk_open(JoinBuild *b, ProbeDisk *pd, Worker *worker)
{
    JoinDisk *d = b->disk;
    void *memory;

    if (pd->memory)
        return 0;
    pd->n_memory = (size_t)PROBE_BUFFER_BYTES * (uint32_t)__builtin_popcount(d->mask) +
                   (size_t)CHUNK_ROWS * d->left.size;
    int r = mem_block_alloc(b->op.context->pool, pd->n_memory, "hash join probe", &memory);
    if (r)
        return r;
    pd->memory = memory;
    uint8_t *at = memory;
    for (uint32_t p = 0; p < JOIN_PARTITIONS; p++) {
        if (!(d->mask >> p & 1))
            continue;
        spill_writer_init(&pd->writers[p], b->op.context->spill, &d->left_shape, at,
                          PROBE_BUFFER_BYTES, worker_spill_packed(worker));
        at += PROBE_BUFFER_BYTES;
    }
    pd->rows = at;
    return 0;
}

/* Strings stay the batch's: they are written at once. */
static void scatter_strings(const RowLayout *l, uint32_t column, const Vector *v,
                            const uint16_t *sel, uint32_t n, uint8_t *rows)
{
    const VecString *values = v->values;

    for (uint32_t i = 0; i < n; i++) {
        uint8_t *row = rows + (size_t)i * l->size;
        if (vec_row_is_null(v, sel[i])) {
            row_set_null(l, row, column);
            memset(row + l->offsets[column], 0, sizeof(VecString));
        } else {
            memcpy(row + l->offsets[column], &values[vec_index(v, sel[i])], sizeof(VecString));
        }
    }
}

static int write_rows(JoinBuild *b, ProbeDisk *pd, const Batch *batch, const uint16_t *rows,
                      const uint64_t *hashes, uint32_t n, Worker *worker)
{
    const RowLayout *l = &b->disk->left;
    int r = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint8_t *row = pd->rows + (size_t)i * l->size;
        memcpy(row, &hashes[i], sizeof(uint64_t));
        memset(row + l->head, 0, l->n_nulls);
    }
    for (uint32_t c = 0; r == 0 && c < l->n_columns; c++) {
        const Vector *v = &batch->columns[b->disk->left_columns[c]];
        if (v->phys == PHYS_STRING)
            scatter_strings(l, c, v, rows, n, pd->rows);
        else
            r = row_scatter(l, c, v, rows, n, pd->rows, NULL);
    }
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        uint32_t p = join_partition(hashes[i], 0);
        r = spill_write(&pd->writers[p], &pd->runs[p], NULL, 0, pd->rows + (size_t)i * l->size,
                        &worker->error);
    }
    return r;
}

int join_disk_divert(JoinBuild *b, ProbeDisk *pd, const Batch *batch, uint16_t *rows,
                     uint64_t *hashes, uint32_t *n, Worker *worker, Batch *ret_kept)
{
    uint16_t out[CHUNK_ROWS], mask = b->disk->mask;
    uint64_t out_hashes[CHUNK_ROWS];
    uint64_t gone[VEC_VALID_WORDS] = {0};
    uint32_t k = 0, m = 0, n_rows = batch_rows(batch), left = 0;
    int r = probe_disk_open(b, pd, worker);

    for (uint32_t i = 0; r == 0 && i < *n; i++) {
        if (!(mask >> join_partition(hashes[i], 0) & 1)) {
            rows[k] = rows[i];
            hashes[k++] = hashes[i];
            continue;
        }
        vec_bit_set(gone, rows[i]);
        out[m] = rows[i];
        out_hashes[m++] = hashes[i];
        if (m == CHUNK_ROWS) {
            r = write_rows(b, pd, batch, out, out_hashes, m, worker);
            m = 0;
        }
    }
    if (r == 0 && m > 0)
        r = write_rows(b, pd, batch, out, out_hashes, m, worker);
    *n = k;
    for (uint32_t i = 0; r == 0 && i < n_rows; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;
        pd->kept[left] = (uint16_t)row;
        left += !vec_bit(gone, row);
    }
    *ret_kept = *batch;
    ret_kept->sel = pd->kept;
    ret_kept->n_selected = left;
    return r;
}

int join_disk_flush(JoinBuild *b, ProbeDisk *pd, Worker *worker)
{
    int r = 0;

    for (uint32_t p = 0; pd->memory && r == 0 && p < JOIN_PARTITIONS; p++) {
        if (!(b->disk->mask >> p & 1))
            continue;
        r = spill_flush(&pd->writers[p], &pd->runs[p], &worker->error);
        worker_spilled(worker, &b->op, pd->writers[p].written);
        pthread_mutex_lock(&b->lock);
        spill_run_join(&b->disk->probe[p], &pd->runs[p], b->op.context->spill);
        pthread_mutex_unlock(&b->lock);
    }
    return r;
}

void probe_disk_done(JoinBuild *b, ProbeDisk *pd)
{
    for (uint32_t p = 0; p < JOIN_PARTITIONS; p++)
        spill_run_done(&pd->runs[p], b->op.context->spill);
    if (pd->memory)
        mem_block_free(b->op.context->pool, pd->memory, pd->n_memory);
    pd->memory = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/join_disk_internal.h"

/*
 * Joins pairs of partitions on disk. Each worker takes pairs of its own: build rows into a table
 * that only it probes, then batches of probe rows, then, where the join keeps build rows, those
 * that it keeps.
 */

#define LEVELS_MAX 12u
#define WHOLE_SHARE 8u /* a part with all but an eighth of the rows: dividing gained nothing */

typedef enum PieceStage {
    PIECE_NONE,
    PIECE_LOAD,
    PIECE_PROBE,
    PIECE_KEPT,
} PieceStage;

typedef struct DiskSource {
    Source source;
    JoinBuild *build;
    bool keeps_right;
} DiskSource;

typedef struct DiskLocal {
    MemArena *arena;
    Batch batch;
    Vector *columns;
    void **values;
    uint64_t **valid;
    const uint8_t **rows;
    bool has_piece;
    JoinPiece piece;
    PieceStage stage;
    JoinBuild table;
    bool has_table;
    SpillCursor build_at; /* blocks that were not loaded yet */
    const SpillBlock *build_next;
    SpillReader reader;
    uint32_t at, block;
    uint32_t worker;
} DiskLocal;

static bool is_refused(int r)
{
    return r == MEM_E_SPILL || r == MEM_E_REFUSED;
}

/* --- pieces --- */

static int push_piece(JoinBuild *b, JoinPiece *piece)
{
    void *memory;
    int r = mem_block_alloc(b->op.context->pool, sizeof(JoinPiece), "hash join", &memory);

    if (r)
        return r;
    JoinPiece *kept = memory;
    *kept = *piece;
    piece->build = piece->probe = (SpillRun){0};
    pthread_mutex_lock(&b->lock);
    kept->next = b->disk->pieces;
    b->disk->pieces = kept;
    pthread_mutex_unlock(&b->lock);
    return 0;
}

static bool pop_piece(JoinBuild *b, JoinPiece *ret)
{
    pthread_mutex_lock(&b->lock);
    JoinPiece *piece = b->disk->pieces;
    if (piece)
        b->disk->pieces = piece->next;
    pthread_mutex_unlock(&b->lock);
    if (!piece)
        return false;
    *ret = *piece;
    mem_block_free(b->op.context->pool, piece, sizeof(*piece));
    return true;
}

static void piece_done(JoinBuild *b, JoinPiece *piece)
{
    spill_run_done(&piece->build, b->op.context->spill);
    spill_run_done(&piece->probe, b->op.context->spill);
}

/* Does an empty side make the result empty? */
static bool is_idle(const DiskSource *s, const JoinPiece *piece)
{
    uint8_t type = s->source.node->join.type;

    if (piece->probe.n_rows == 0)
        return !s->keeps_right || piece->build.n_rows == 0 || type == JOIN_RIGHT_SEMI;
    return piece->build.n_rows == 0 &&
           (type == JOIN_INNER || type == JOIN_SEMI || s->keeps_right) && type != JOIN_FULL;
}

/* Must the join know what a probe row met before it is over? */
static bool needs_whole(const DiskSource *s)
{
    uint8_t type = s->source.node->join.type;

    return type == JOIN_LEFT || type == JOIN_FULL || type == JOIN_SEMI || type == JOIN_ANTI;
}

static int divide_run(JoinBuild *b, const SpillShape *shape, SpillRun *run, uint32_t level,
                      SpillRun *parts, Worker *worker)
{
    ExecContext *context = b->op.context;
    size_t bytes = (size_t)PROBE_BUFFER_BYTES * JOIN_PARTITIONS;
    SpillWriter writers[JOIN_PARTITIONS];
    SpillReader reader;
    void *memory;
    int r = mem_block_alloc(context->pool, bytes, "hash join", &memory);

    if (r)
        return r;
    for (uint32_t p = 0; p < JOIN_PARTITIONS; p++)
        spill_writer_init(&writers[p], context->spill, shape,
                          (uint8_t *)memory + (size_t)p * PROBE_BUFFER_BYTES, PROBE_BUFFER_BYTES,
                          worker_spill_packed(worker));
    r = spill_reader_init(&reader, context->spill, shape, run);
    while (r == 0) {
        r = context_stopped(context) ? QUERY_E_CANCELLED
                                     : spill_reader_next(&reader, &worker->error);
        if (r || reader.n_rows == 0)
            break;
        for (uint32_t i = 0; r == 0 && i < reader.n_rows; i++) {
            const uint8_t *row = reader.memory + (size_t)i * shape->size;
            uint32_t p = join_partition(join_hash(row), level);
            r = spill_write(&writers[p], &parts[p], NULL, 0, row, &worker->error);
        }
    }
    spill_reader_done(&reader);
    for (uint32_t p = 0; p < JOIN_PARTITIONS; p++) {
        if (r == 0)
            r = spill_flush(&writers[p], &parts[p], &worker->error);
        worker_spilled(worker, &b->op, writers[p].written);
    }
    mem_block_free(context->pool, memory, bytes);
    spill_run_done(run, context->spill);
    return r;
}

static int divide_piece(JoinBuild *b, JoinPiece *piece, Worker *worker)
{
    SpillRun build[JOIN_PARTITIONS] = {0}, probe[JOIN_PARTITIONS] = {0};
    uint64_t n_rows = piece->build.n_rows;
    uint32_t level = piece->level + 1;
    int r = divide_run(b, &b->disk->shape, &piece->build, level, build, worker);

    if (r == 0)
        r = divide_run(b, &b->disk->left_shape, &piece->probe, level, probe, worker);
    for (uint32_t p = 0; p < JOIN_PARTITIONS; p++) {
        JoinPiece part = {.build = build[p], .probe = probe[p], .level = level};
        part.whole = part.build.n_rows > n_rows - n_rows / WHOLE_SHARE;
        if (r == 0)
            r = push_piece(b, &part);
        piece_done(b, &part);
    }
    return r;
}

/* --- the table of one pair --- */

static void table_free(DiskSource *s, DiskLocal *l)
{
    if (!l->has_table)
        return;
    s->build->disk->current[l->worker] = NULL;
    s->build->disk->passing[l->worker] = false;
    join_build_release(&l->table);
    if (l->table.blocks)
        mem_block_free(s->source.context->pool, l->table.blocks,
                       sizeof(JoinBlock) * l->table.blocks_capacity);
    l->has_table = false;
}

/* Half of the blocks go again, to be loaded later. */
static void drop_half(DiskSource *s, DiskLocal *l)
{
    JoinBuild *t = &l->table;

    for (uint32_t keep = (t->n_blocks + 1) / 2; t->n_blocks > keep;) {
        JoinBlock *block = &t->blocks[--t->n_blocks];
        t->n_rows -= block->n_rows;
        mem_block_free(s->source.context->pool, block->rows, block->bytes);
    }
    l->build_at = spill_run_begin(&l->piece.build);
    for (uint32_t i = 0; i <= l->block + t->n_blocks; i++)
        l->build_next = spill_cursor_next(&l->build_at);
}

/* Blocks from l->build_next on. */
static int load_blocks(DiskSource *s, DiskLocal *l, Worker *worker)
{
    JoinBuild *t = &l->table;
    int r = 0;

    while (r == 0 && l->build_next) {
        if (context_stopped(s->source.context))
            return QUERY_E_CANCELLED;
        r = join_load_block(s->build, l->build_next, worker, &t->blocks[t->n_blocks]);
        if (r)
            break;
        t->n_rows += t->blocks[t->n_blocks++].n_rows;
        l->build_next = spill_cursor_next(&l->build_at);
    }
    return r;
}

static int table_make(DiskSource *s, DiskLocal *l, bool part, Worker *worker)
{
    const JoinBuild *b = s->build;
    JoinBuild *t = &l->table;
    void *blocks;

    *t = (JoinBuild){.op = b->op,
                     .n_keys = b->n_keys,
                     .layout = b->layout,
                     .key_columns = b->key_columns,
                     .integer = b->integer,
                     .keep_nulls = b->keep_nulls};
    atomic_init(&t->null_key, atomic_load(&b->null_key));
    l->has_table = true;
    t->blocks_capacity = l->piece.build.n_blocks + 1;
    int r = mem_block_alloc(b->op.context->pool, sizeof(JoinBlock) * t->blocks_capacity,
                            "hash join", &blocks);
    if (r)
        return r;
    t->blocks = blocks;
    r = load_blocks(s, l, worker);
    if (is_refused(r) && part && t->n_blocks >= 2) {
        drop_half(s, l);
        r = 0;
    }
    if (r == 0)
        r = join_directory_alloc(t, t->n_rows);
    if (is_refused(r) && part && t->n_blocks >= 2) {
        drop_half(s, l);
        r = join_directory_alloc(t, t->n_rows);
    }
    if (r)
        return r;
    for (uint32_t i = 0; i < t->n_blocks; i++)
        join_link_block(t, &t->blocks[i]);
    l->block += t->n_blocks;
    return 0;
}

/* One table of the piece. Return: 0 with l->stage; it may have been divided. */
static int piece_load(DiskSource *s, DiskLocal *l, Worker *worker)
{
    JoinPiece *piece = &l->piece;
    bool divisible = !piece->whole && piece->level < LEVELS_MAX && piece->build.n_blocks > 1;
    bool part = !divisible && !needs_whole(s);

    worker->keep_reserve = divisible || part;
    int r = table_make(s, l, part, worker);
    worker->keep_reserve = false;
    if (is_refused(r) && divisible && l->block == 0) {
        table_free(s, l);
        r = divide_piece(s->build, piece, worker);
        l->stage = PIECE_NONE;
        return r;
    }
    if (r == 0)
        r = spill_reader_init(&l->reader, s->source.context->spill, &s->build->disk->left_shape,
                              &piece->probe);
    if (r)
        return r;
    s->build->disk->current[l->worker] = &l->table;
    l->at = 0;
    l->stage = PIECE_PROBE;
    return 0;
}

/* --- batches --- */

static int probe_batch(DiskSource *s, DiskLocal *l)
{
    const JoinDisk *d = s->build->disk;
    uint32_t n_left = s->source.node->input->n_fields, n = 0;

    for (; n < VEC_ROWS_MAX && l->at < l->reader.n_rows; l->at++)
        l->rows[n++] = l->reader.memory + (size_t)l->at * d->left.size;
    for (uint32_t c = 0; c < n_left; c++) {
        if (d->left_place[c] == UINT32_MAX)
            l->columns[c] = vec_const_null(s->source.node->input->fields[c].type);
        else
            row_gather(&d->left, d->left_place[c], l->rows, n, NULL, l->values[c], l->valid[c],
                       &l->columns[c]);
    }
    l->batch = (Batch){.n_rows = n, .n_selected = n, .n_columns = n_left, .columns = l->columns};
    return 0;
}

/* Build rows that the join keeps. Return: false when there are no more. */
static bool kept_batch(DiskSource *s, DiskLocal *l)
{
    const PlanNode *node = s->source.node;
    const JoinBuild *t = &l->table;
    uint32_t n_left = join_is_right_only(node->join.type) ? 0 : node->input->n_fields, n = 0;
    uint8_t wanted = node->join.type == JOIN_RIGHT_SEMI;

    for (uint32_t i = 0; i < t->n_blocks && n < VEC_ROWS_MAX; i++) {
        JoinBlock *block = &t->blocks[i];
        for (; block->capacity > 0 && n < VEC_ROWS_MAX; block->capacity--) {
            const uint8_t *row =
                block->rows + (size_t)(block->n_rows - block->capacity) * t->layout.size;
            l->rows[n] = row;
            n += row[16] == wanted;
        }
    }
    for (uint32_t c = 0; c < n_left; c++)
        l->columns[c] = vec_const_null(node->input->fields[c].type);
    for (uint32_t c = 0; c < node->right->n_fields; c++)
        row_gather(&t->layout, c, l->rows, n, NULL, l->values[n_left + c], l->valid[n_left + c],
                   &l->columns[n_left + c]);
    l->batch = (Batch){.n_rows = n,
                       .n_selected = n,
                       .n_columns = n_left + node->right->n_fields,
                       .columns = l->columns};
    return n > 0;
}

/* The pair's table has been probed with everything. */
static void table_over(DiskSource *s, DiskLocal *l)
{
    table_free(s, l);
    if (l->build_next) { /* some build rows have not had their turn */
        l->stage = PIECE_LOAD;
        return;
    }
    piece_done(s->build, &l->piece);
    l->has_piece = false;
    l->stage = PIECE_NONE;
}

static int next_piece(DiskSource *s, DiskLocal *l)
{
    if (l->has_piece) /* it was divided */
        piece_done(s->build, &l->piece);
    l->has_piece = pop_piece(s->build, &l->piece);
    if (!l->has_piece)
        return OP_E_END;
    if (is_idle(s, &l->piece))
        return 0;
    l->build_at = spill_run_begin(&l->piece.build);
    l->build_next = spill_cursor_next(&l->build_at);
    l->block = 0;
    l->stage = PIECE_LOAD;
    return 0;
}

static int disk_source_next(Source *source, void *local, Worker *worker, Batch **ret_batch)
{
    DiskSource *s = (DiskSource *)source;
    DiskLocal *l = local;
    int r = 0;

    *ret_batch = &l->batch;
    while (r == 0) {
        if (context_stopped(source->context))
            return QUERY_E_CANCELLED;
        switch (l->stage) {
        case PIECE_NONE:
            r = next_piece(s, l);
            break;
        case PIECE_LOAD:
            (void)worker_reserve(worker);
            r = piece_load(s, l, worker);
            break;
        case PIECE_PROBE:
            if (l->at < l->reader.n_rows)
                return probe_batch(s, l);
            l->at = 0;
            r = spill_reader_next(&l->reader, &worker->error);
            if (r || l->reader.n_rows > 0)
                break;
            spill_reader_done(&l->reader);
            if (s->keeps_right) {
                s->build->disk->passing[l->worker] = true;
                l->stage = PIECE_KEPT;
            } else {
                table_over(s, l);
            }
            break;
        case PIECE_KEPT:
            if (kept_batch(s, l))
                return 0;
            table_over(s, l);
            break;
        }
    }
    return r;
}

/* --- the source --- */

static bool disk_source_is_empty(const Source *source)
{
    return !join_disk_diverts(((const DiskSource *)source)->build);
}

static int disk_source_open(Source *source)
{
    JoinBuild *b = ((DiskSource *)source)->build;
    int r = 0;

    /* What was in memory has been probed. */
    join_build_release(b);
    for (uint32_t p = 0; r == 0 && p < JOIN_PARTITIONS; p++) {
        JoinPiece piece = {.build = b->disk->build[p], .probe = b->disk->probe[p]};
        if (!(b->disk->mask >> p & 1))
            continue;
        b->disk->build[p] = b->disk->probe[p] = (SpillRun){0};
        r = push_piece(b, &piece);
        piece_done(b, &piece);
    }
    return r;
}

static void disk_source_local_free(Source *source, void *local)
{
    DiskSource *s = (DiskSource *)source;
    DiskLocal *l = local;

    spill_reader_done(&l->reader);
    table_free(s, l);
    if (l->has_piece)
        piece_done(s->build, &l->piece);
    mem_arena_free(l->arena);
}

static int disk_source_local_new(Source *source, Worker *worker, void **ret_local)
{
    const PlanNode *node = source->node;
    uint32_t n = node->input->n_fields + node->right->n_fields;
    MemArena *arena;
    int r = mem_arena_new(source->context->pool, "hash join", &arena);
    if (r)
        return r;
    DiskLocal *l = mem_arena_new_of(arena, DiskLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->worker = worker->index;
    l->columns = mem_arena_new_array(arena, Vector, n + 1);
    l->values = mem_arena_new_array(arena, void *, n + 1);
    l->valid = mem_arena_new_array(arena, uint64_t *, n + 1);
    l->rows = mem_arena_new_array(arena, const uint8_t *, VEC_ROWS_MAX);
    if (!l->columns || !l->values || !l->valid || !l->rows)
        return mem_arena_error(arena);
    for (uint32_t c = 0; c < n; c++) {
        l->values[c] = mem_arena_alloc(arena, (size_t)VEC_ROWS_MAX * 16, 64);
        l->valid[c] = mem_arena_alloc(arena, VEC_VALID_WORDS * 8, 64);
        if (!l->values[c] || !l->valid[c])
            return mem_arena_error(arena);
    }
    return 0;
}

static void disk_source_close(Source *source)
{
    JoinBuild *b = ((DiskSource *)source)->build;

    for (JoinPiece piece; pop_piece(b, &piece);)
        piece_done(b, &piece);
}

static const SourceClass disk_source_class = {
    .name = "hash join",
    .is_empty = disk_source_is_empty,
    .open = disk_source_open,
    .local_new = disk_source_local_new,
    .next = disk_source_next,
    .local_free = disk_source_local_free,
    .close = disk_source_close,
};

int join_disk_source_new(Query *q, Operator *build, Source **ret)
{
    DiskSource *s = mem_arena_new_of(q->context.arena, DiskSource);
    uint8_t type = build->node->join.type;

    if (!s)
        return mem_arena_error(q->context.arena);
    s->build = (JoinBuild *)build;
    s->keeps_right = type == JOIN_RIGHT || type == JOIN_FULL || join_is_right_only(type);
    s->source = (Source){.class = &disk_source_class, .context = &q->context, .node = build->node};
    *ret = &s->source;
    return 0;
}

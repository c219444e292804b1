/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/scan_rows.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/expr/expr.h"
#include "exec/op/scan_internal.h"
#include "exec/plan/expr_build.h"
#include "exec/plan/source_format.h"
#include "exec/text/decompress.h"
#include "exec/text/rows.h"

/*
 * Morsels are what the format says (batches of Arrow), or else parts of files, or whole files where
 * the format cannot be cut or the file is compressed. A part of a text owns the lines that begin in
 * it: it reads one byte before itself, to know whether a line begins right there, and goes on
 * behind its end until its last line is over.
 *
 * Of each batch the columns of the filters are made first, the others for the rows that are left.
 */

#define ROWS_PART_BYTES ((uint64_t)4 << 20)
#define ROWS_PART_BYTES_MIN ((uint64_t)256 << 10)
#define ROWS_TAIL_BYTES ((uint64_t)64 << 10) /* read behind a part, for its last line */
#define ROWS_LINE_BYTES_MAX ((uint64_t)1 << 31)

typedef struct RowsMorsel {
    const ScanFile *file;
    uint64_t from, to; /* bytes, or of the format's parts that one */
    bool whole;
} RowsMorsel;

typedef struct RowsSource {
    Source source;
    const SourceInfo *info;
    const RowFormat *format;
    ExprProgram *program; /* of the filters; NULL: none */
    bool *filter_field;   /* output columns that they look at */
    RowColumn *columns;
    RowsMorsel *morsels;
    uint32_t n_morsels;
    atomic_uint next_morsel;
} RowsSource;

typedef struct RowsLocal {
    void *reader;
    ExprState *state;
    Batch batch;
    Vector *vectors;
    ScanConstant *constants;
    bool *made;
    uint16_t *sel; /* [2][VEC_ROWS_MAX], used in turn */
    uint32_t next_sel;
    const RowsMorsel *morsel;
    uint32_t number;
    bool emitted, over;
    /* The bytes of the morsel: fetched, or in a block of their own. */
    IoFetch *fetch;
    void *block;
    size_t n_block;
} RowsLocal;

/* --- open ------------------------------------------------------------------------------------- */

static bool visit_filter(void *userdata, uint32_t column)
{
    ((bool *)userdata)[column] = true;
    return true;
}

static int open_filters(RowsSource *s, MemArena *arena)
{
    const PlanNode *node = s->source.node;
    Worker worker = {.context = s->source.context};
    int r;

    s->filter_field = mem_arena_new_array(arena, bool, node->n_fields + 1);
    if (!s->filter_field)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < node->scan.n_filters; i++)
        expr_each_column(node->scan.filters[i], visit_filter, s->filter_field);
    if (node->scan.n_filters == 0)
        return 0;
    r = expr_compile(arena, node->scan.filters, node->scan.n_filters, node->n_fields, &worker.error,
                     &s->program);
    return context_fail(s->source.context, &worker, r, "scan");
}

/* All files of such a source have the same columns. */
static int open_columns(RowsSource *s, MemArena *arena)
{
    const PlanNode *node = s->source.node;
    const ScanFile *first = node->scan.n_files > 0 ? &node->scan.files[0] : NULL;

    s->columns = mem_arena_new_array(arena, RowColumn, node->n_fields + 1);
    if (!s->columns)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < node->n_fields && first; i++) {
        uint32_t number = scan_file_column(&node->scan, first, i);

        s->columns[i] =
            (RowColumn){number >= SCAN_PARTITION ? ROW_NO_COLUMN : number, node->fields[i].type};
    }
    return 0;
}

static uint64_t part_bytes(const RowsSource *s)
{
    uint64_t wanted = s->info->bytes / (8 * (uint64_t)s->source.context->n_threads) + 1;

    return MAX(MIN(wanted, ROWS_PART_BYTES), ROWS_PART_BYTES_MIN);
}

/* The format knows where its files can be cut. */
static int open_parts(RowsSource *s, MemArena *arena)
{
    const PlanScan *scan = &s->source.node->scan;
    uint64_t n = 0;

    for (uint32_t i = 0; i < scan->n_files; i++)
        n += s->format->n_parts(scan->files[i].source);
    if (n > UINT32_MAX)
        return -EOVERFLOW;
    s->morsels = mem_arena_new_array(arena, RowsMorsel, n + 1);
    if (!s->morsels)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < scan->n_files; i++)
        for (uint32_t k = 0; k < s->format->n_parts(scan->files[i].source); k++)
            s->morsels[s->n_morsels++] = (RowsMorsel){&scan->files[i], k, k + 1, false};
    return 0;
}

static int open_morsels(RowsSource *s, MemArena *arena)
{
    const PlanScan *scan = &s->source.node->scan;
    bool can_split = s->format->can_split(s->info->state);
    uint64_t bytes = part_bytes(s), n = 0;

    for (uint32_t i = 0; i < scan->n_files; i++)
        n += scan->files[i].size_bytes / bytes + 1;
    if (n > UINT32_MAX)
        return -EOVERFLOW;
    s->morsels = mem_arena_new_array(arena, RowsMorsel, n + 1);
    if (!s->morsels)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < scan->n_files; i++) {
        const ScanFile *file = &scan->files[i];
        bool whole = !can_split || text_is_compressed(file->path);

        for (uint64_t at = 0; at < file->size_bytes;) {
            uint64_t to = whole ? file->size_bytes : MIN(at + bytes, file->size_bytes);

            s->morsels[s->n_morsels++] = (RowsMorsel){file, at, to, whole};
            at = to;
        }
    }
    return 0;
}

static int rows_open(Source *source)
{
    RowsSource *s = (RowsSource *)source;
    MemArena *arena = source->context->arena;
    Worker worker = {.context = source->context};
    int r = open_filters(s, arena);

    if (r == 0)
        r = open_columns(s, arena);
    if (r == 0)
        r = s->format->n_parts ? open_parts(s, arena) : open_morsels(s, arena);
    return context_fail(source->context, &worker, r, "scan");
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void release_morsel(RowsSource *s, RowsLocal *l)
{
    l->fetch = io_fetch_free(l->fetch);
    mem_block_free(s->source.context->pool, l->block, l->n_block);
    l->block = NULL;
    l->n_block = 0;
    l->morsel = NULL;
}

static int read_failed(const RowsMorsel *m, int r, QueryError *error)
{
    if (r == -ENOMEM || r > 0)
        return r;
    return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                           "Encountered error while reading file file://%s: %s.", m->file->path,
                           r == -ENODATA   ? "it became shorter while it was read"
                           : r == -ESTALE  ? "it was replaced while it was read"
                           : r == -E2BIG   ? "a line has more than 2 GiB"
                           : r == -EBADMSG ? "its compressed data is damaged"
                                           : strerror(-r));
}

/* The line that the fetched bytes end in goes on: a block of its own, twice as much each time. */
static int read_longer(RowsSource *s, RowsLocal *l, IoFile *file, uint64_t start, uint64_t end,
                       const uint8_t **ret_text, uint64_t *ret_n)
{
    uint64_t size = io_file_size(file);

    for (uint64_t n = 2 * (end - start);; n *= 2) {
        uint64_t line;
        void *block;
        int r;

        n = MIN(n, size - start);
        if (n > ROWS_LINE_BYTES_MAX)
            return -E2BIG;
        mem_block_free(s->source.context->pool, l->block, l->n_block);
        l->block = NULL;
        r = mem_block_alloc(s->source.context->pool, n + IO_SLOP, "scan", &block);
        if (r != 0)
            return r;
        l->block = block;
        l->n_block = n + IO_SLOP;
        r = io_read(file, start, n, block);
        if (r != 0)
            return r;
        line = row_line_end(block, l->morsel->to - 1 - start, n);
        if (line < n || start + n == size) {
            memset((uint8_t *)block + n, 0, IO_SLOP);
            *ret_text = block;
            *ret_n = line;
            return 0;
        }
    }
}

/* The lines that begin in the part. */
static int read_part(RowsSource *s, RowsLocal *l, IoFile *file, RowWindow *window)
{
    const RowsMorsel *m = l->morsel;
    uint64_t start = m->from > 0 ? m->from - 1 : 0, skip = 0, n;
    uint64_t end = MIN(m->to + ROWS_TAIL_BYTES, io_file_size(file));
    const uint8_t *text;
    int r;

    if (m->to > io_file_size(file))
        return -ENODATA;
    r = io_fetch_start(file, s->source.context->pool,
                       &(IoRange){.offset = start, .n_bytes = end - start}, 1, &l->fetch);
    if (r == 0)
        r = io_fetch_wait(l->fetch, 0, &text);
    if (r != 0)
        return r;
    n = row_line_end(text, m->to - 1 - start, end - start);
    if (n == end - start && end < io_file_size(file)) {
        r = read_longer(s, l, file, start, end, &text, &n);
        if (r != 0)
            return r;
    }
    if (m->from > 0) /* the line that this part begins in is another's */
        skip = row_line_end(text, 0, n);
    window->text = text + skip;
    window->n = start + skip < m->to ? n - skip : 0;
    return 0;
}

static int read_whole(RowsSource *s, RowsLocal *l, IoFile *file, RowWindow *window)
{
    uint64_t n = io_file_size(file);
    MemPool *pool = s->source.context->pool;
    const uint8_t *text;
    int r = io_fetch_start(file, pool, &(IoRange){.n_bytes = n}, 1, &l->fetch);

    if (r == 0)
        r = io_fetch_wait(l->fetch, 0, &text);
    if (r != 0)
        return r;
    window->text = text;
    window->n = n;
    if (!text_is_compressed(l->morsel->file->path))
        return 0;
    r = text_decompress(pool, l->morsel->file->path, text, n, &l->block, &l->n_block, &window->n);
    l->fetch = io_fetch_free(l->fetch);
    window->text = l->block;
    return r;
}

static void file_unrefp(IoFile **file)
{
    *file = io_file_unref(*file);
}

static int begin_morsel(RowsSource *s, RowsLocal *l, Worker *worker)
{
    _cleanup_(file_unrefp) IoFile *file = NULL;
    const RowsMorsel *m = l->morsel;
    RowWindow window = {.path = m->file->path, .is_first = m->from == 0};
    uint64_t n_bytes = m->to - m->from;
    int r = io_file_open(s->info->io, m->file->path, &file, &worker->error);

    if (r != 0)
        return r;
    if (s->format->n_parts)
        r = s->format->begin_part(l->reader, file, m->file->source, (uint32_t)m->from, &n_bytes,
                                  &worker->error);
    else
        r = m->whole ? read_whole(s, l, file, &window) : read_part(s, l, file, &window);
    if (r != 0)
        return read_failed(m, r, &worker->error);
    atomic_fetch_add(&s->source.context->progress->bytes_scanned, n_bytes);
    if (worker->metrics)
        worker->metrics[s->source.node->id].bytes += n_bytes;
    return s->format->n_parts ? 0 : s->format->begin(l->reader, &window, &worker->error);
}

/* --- rows ------------------------------------------------------------------------------------- */

static int make_column(RowsSource *s, RowsLocal *l, uint32_t i, Worker *worker)
{
    const PlanNode *node = s->source.node;

    if (l->made[i])
        return 0;
    l->made[i] = true;
    if (s->columns[i].number == ROW_NO_COLUMN) {
        scan_constant(&node->scan, l->morsel->file, i, node->fields[i].type, &l->constants[i],
                      &l->vectors[i]);
        return 0;
    }
    return s->format->column(l->reader, i, l->batch.sel, l->batch.n_selected, &l->vectors[i],
                             &worker->error);
}

static void narrow(RowsLocal *l, uint16_t *sel, uint32_t n)
{
    if (n == l->batch.n_selected)
        return;
    l->batch.sel = sel;
    l->batch.n_selected = n;
    l->next_sel ^= 1;
}

static uint16_t *spare_sel(RowsLocal *l)
{
    return l->sel + l->next_sel * (size_t)VEC_ROWS_MAX;
}

static int filter_rows(RowsSource *s, RowsLocal *l, Worker *worker)
{
    uint32_t n;
    int r = 0;

    if (s->program) {
        for (uint32_t i = 0; i < s->source.node->n_fields && r == 0; i++)
            if (s->filter_field[i])
                r = make_column(s, l, i, worker);
        if (r == 0)
            r = expr_select(l->state, &l->batch, spare_sel(l), &n, &worker->error);
        if (r != 0)
            return r;
        narrow(l, spare_sel(l), n);
    }
    for (uint32_t i = 0; i < s->source.n_filters && l->batch.n_selected > 0; i++) {
        const RuntimeFilter *f = s->source.filters[i];

        if (f->moving || !atomic_load(&f->ready))
            continue;
        r = make_column(s, l, f->column, worker);
        if (r != 0)
            return r;
        n = runtime_filter_select(f, &l->vectors[f->column], l->batch.sel, l->batch.n_selected,
                                  spare_sel(l));
        narrow(l, spare_sel(l), n);
    }
    return 0;
}

/* The next batch of the morsel; l->over when there is none. */
static int next_rows(RowsSource *s, RowsLocal *l, Worker *worker)
{
    const PlanNode *node = s->source.node;
    int r = s->format->next(l->reader, &l->batch.n_rows, &l->batch.sel, &l->batch.n_selected,
                            &worker->error);

    if (r != 0)
        return r;
    l->over = l->batch.n_rows == 0;
    memset(l->made, 0, node->n_fields);
    atomic_fetch_add(&s->source.context->progress->rows_scanned, l->batch.n_rows);
    r = l->over ? 0 : filter_rows(s, l, worker);
    for (uint32_t i = 0; i < node->n_fields && r == 0 && l->batch.n_selected > 0; i++)
        if (!node->scan.filter_only || !node->scan.filter_only[i])
            r = make_column(s, l, i, worker);
    return r;
}

static int claim(RowsSource *s, RowsLocal *l, Worker *worker)
{
    release_morsel(s, l);
    l->number = atomic_fetch_add(&s->next_morsel, 1);
    if (l->number >= s->n_morsels)
        return OP_E_END;
    l->morsel = &s->morsels[l->number];
    l->emitted = l->over = false;
    return begin_morsel(s, l, worker);
}

static int rows_next(Source *source, void *userdata, Worker *worker, Batch **ret_batch)
{
    RowsSource *s = (RowsSource *)source;
    RowsLocal *l = userdata;

    for (;;) {
        int r = 0;

        if (context_stopped(source->context))
            return OP_E_END;
        if (!l->morsel || (l->over && l->emitted))
            r = claim(s, l, worker);
        if (r == 0)
            r = next_rows(s, l, worker);
        if (r != 0)
            return r;
        l->batch.position = l->number;
        if (l->over ? !l->emitted : l->batch.n_selected > 0) {
            l->emitted = true;
            *ret_batch = &l->batch;
            return 0;
        }
    }
}

/* --- locals ----------------------------------------------------------------------------------- */

static void rows_local_free(Source *source, void *userdata)
{
    RowsSource *s = (RowsSource *)source;
    RowsLocal *l = userdata;

    if (!l)
        return;
    release_morsel(s, l);
    if (l->reader)
        s->format->reader_free(l->reader);
    (void)expr_state_free(l->state);
    mem_block_free(source->context->pool, l->sel, 2 * VEC_ROWS_MAX * sizeof(uint16_t));
    free(l->vectors);
    free(l->constants);
    free(l->made);
    free(l);
}

static int rows_local_new(Source *source, Worker *worker, void **ret_local)
{
    RowsSource *s = (RowsSource *)source;
    uint32_t n = source->node->n_fields;
    MemPool *pool = source->context->pool;
    RowRequest request = {
        .state = s->info->state, .columns = s->columns, .n_columns = n, .pool = pool};
    RowsLocal *l = calloc(1, sizeof(*l));
    void *block;
    int r;

    if (!l)
        return -ENOMEM;
    l->vectors = calloc((size_t)n + 1, sizeof(Vector));
    l->constants = calloc((size_t)n + 1, sizeof(ScanConstant));
    l->made = calloc((size_t)n + 1, sizeof(bool));
    r = l->vectors && l->constants && l->made ? 0 : -ENOMEM;
    if (r == 0)
        r = mem_block_alloc(pool, 2 * VEC_ROWS_MAX * sizeof(uint16_t), "scan", &block);
    if (r == 0) {
        l->sel = block;
        r = s->format->reader_new(&request, &l->reader);
    }
    if (r == 0 && s->program)
        r = expr_state_new(s->program, pool, &l->state);
    l->batch = (Batch){.n_columns = n, .columns = l->vectors};
    if (r != 0) {
        rows_local_free(source, l);
        return r;
    }
    *ret_local = l;
    return 0;
}

static void rows_close(Source *source)
{
    free(source);
}

static const SourceClass rows_class = {
    .name = "scan",
    .open = rows_open,
    .local_new = rows_local_new,
    .next = rows_next,
    .local_free = rows_local_free,
    .close = rows_close,
};

int rows_source_new(ExecContext *context, const PlanNode *node, Source **ret_source)
{
    const SourceInfo *info = node->scan.source;
    RowsSource *s = calloc(1, sizeof(*s));

    if (!s)
        return -ENOMEM;
    s->source.class = &rows_class;
    s->source.context = context;
    s->source.node = node;
    s->source.ordered = true;
    s->info = info;
    s->format = info->format->rows;
    *ret_source = &s->source;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "exec/op/scan_internal.h"
#include "exec/op/scan_rows.h"
#include "exec/plan/source_format.h"

/*
 * Morsels are row groups, or parts of them where there are too few for the workers. The bytes of a
 * row group's wanted columns are one fetch, shared by its parts, started some morsels ahead and
 * given back when the last part is done.
 *
 * One batch: filters in their present order, each decoding its column only where rows are left;
 * then the columns that the plan wants, for the rows that survived. A column that is not decoded in
 * a batch is skipped lazily, so whole pages of it may never be decompressed.
 */

#define PREFETCH_BYTES_MAX ((uint64_t)64 << 20) /* ahead of the workers, all together */
#define PREFETCH_SHARE 16u                      /* of the limit at most */

typedef struct ScanGroup {
    const ParquetFile *file;
    const ScanFile *data;
    uint32_t row_group;
    uint32_t n_parts_left; /* under the scan's lock */
    uint64_t bytes;        /* of the wanted column chunks */
    bool claimed;          /* under the scan's lock: a part of it has been given out */
    pthread_mutex_t lock;  /* of what follows; one thread at a time waits for a fetch */
    IoFetch *fetch;        /* NULL: not started, or given back */
    IoFetch *rest;         /* the columns that no filter needs, when @lazy */
    ScanRanges live;
    bool lazy, finished;
    atomic_bool has_rows; /* something passed the filters */
} ScanGroup;

typedef struct ScanMorsel {
    ScanGroup *group;
    uint64_t first_row, n_rows; /* in the row group */
} ScanMorsel;

typedef struct ScanSource {
    Source source;
    ScanFilters filters;
    ScanGroup *groups;
    uint32_t n_groups;
    ScanMorsel *morsels;
    uint32_t n_morsels;
    pthread_mutex_t lock;
    bool lock_init;
    uint32_t next_morsel;     /* to be claimed */
    uint32_t next_prefetch;   /* group to be started next */
    uint32_t n_done, n_empty; /* groups, and those of which no row passed */
    bool *filter_field;       /* output columns that filters look at */
    uint32_t *fetch_index;    /* per output column: which range of its fetch, when lazy */
    uint32_t n_filter_fields;
    atomic_uint_fast64_t rows_pruned; /* not yet told to a worker's metrics */
    uint32_t n_ahead;                 /* groups started and not yet claimed */
    uint64_t bytes_ahead;             /* theirs */
    uint64_t ahead_max;
} ScanSource;

typedef struct ScanLocal {
    ScanFilterContext context;
    ScanFilterState *filters; /* in the order in which they run */
    uint32_t n_filters, n_exprs;
    ParquetReader **readers; /* per output column */
    bool *open;              /* the reader is open for this morsel */
    bool *decoded;           /* in this batch */
    bool *widened;           /* this morsel's file has another type than the plan */
    void **wide;             /* per output column: values made wider, or NULL */
    ScanConstant *constants; /* per output column */
    Vector *vectors;
    Batch batch;
    uint16_t *sel[2];
    uint8_t *block;
    size_t n_block;

    const ScanMorsel *morsel;
    uint32_t morsel_number;
    uint64_t done;  /* rows of the morsel */
    uint32_t range; /* of the row group's live ones: at or before the next row */
    bool emitted;   /* a batch of it */
    uint32_t n_batches;
} ScanLocal;

static int scan_fail(ScanSource *scan, int r, QueryError *error)
{
    Worker worker = {.context = scan->source.context};

    if (r != QUERY_E_FAILED && r != MEM_E_SPILL && r != MEM_E_REFUSED)
        return r;
    if (error)
        worker.error = *error;
    return context_fail(scan->source.context, &worker, r, "scan");
}

/* --- open: row groups and morsels ------------------------------------------------------------- */

static uint64_t count_groups(const ScanSource *scan)
{
    const PlanScan *plan = &scan->source.node->scan;
    uint64_t n = 0;

    for (uint32_t i = 0; i < plan->n_files; i++)
        n += parquet_file_n_row_groups(plan->files[i].source);
    return n;
}

static uint64_t group_rows(const ScanGroup *group)
{
    return parquet_file_row_group(group->file, group->row_group)->n_rows;
}

static void add_file_groups(ScanSource *scan, const ScanFile *data)
{
    const PlanNode *node = scan->source.node;
    const ParquetFile *file = data->source;

    for (uint32_t g = 0; g < parquet_file_n_row_groups(file); g++) {
        ScanGroup *group = &scan->groups[scan->n_groups];

        if (parquet_file_row_group(file, g)->n_rows == 0)
            continue;
        if (!scan_filters_may_pass(&scan->filters, node, data, g)) {
            scan->rows_pruned += parquet_file_row_group(file, g)->n_rows;
            continue;
        }
        *group = (ScanGroup){.file = file, .data = data, .row_group = g};
        for (uint32_t i = 0; i < node->n_fields; i++) {
            uint32_t number = scan_file_column(&node->scan, data, i);

            if (number < SCAN_PARTITION)
                group->bytes += parquet_file_chunk(file, g, number)->n_bytes;
        }
        (void)pthread_mutex_init(&group->lock, NULL);
        scan->n_groups++;
        scan->source.rows_total += group_rows(group);
    }
}

/* Rows of a morsel: whole row groups where there are enough of them. */
static uint64_t morsel_rows(const ScanSource *scan)
{
    uint64_t n_threads = scan->source.context->n_threads, rows;

    if (n_threads <= 1 || scan->n_groups >= 4 * n_threads)
        return UINT64_MAX;
    rows = scan->source.rows_total / (8 * n_threads) + 1;
    return MAX(ALIGN_UP(rows, (uint64_t)VEC_ROWS_MAX), (uint64_t)SCAN_PART_ROWS_MIN);
}

static int make_morsels(ScanSource *scan, MemArena *arena)
{
    uint64_t rows = morsel_rows(scan), n = 0;

    for (uint32_t i = 0; i < scan->n_groups; i++)
        n += rows == UINT64_MAX ? 1 : (group_rows(&scan->groups[i]) + rows - 1) / rows;
    if (n > UINT32_MAX)
        return -EOVERFLOW;
    scan->morsels = mem_arena_new_array(arena, ScanMorsel, n + 1);
    if (!scan->morsels)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < scan->n_groups; i++) {
        ScanGroup *group = &scan->groups[i];

        for (uint64_t at = 0; at < group_rows(group);) {
            uint64_t m = MIN(rows, group_rows(group) - at);

            scan->morsels[scan->n_morsels++] =
                (ScanMorsel){.group = group, .first_row = at, .n_rows = m};
            group->n_parts_left++;
            at += m;
        }
    }
    return 0;
}

static int open_filters(ScanSource *scan)
{
    RuntimeFilter *const *runtime = scan->source.filters;
    QueryError error = {0};
    int r = scan_filters_build(scan->source.context->arena, scan->source.node, runtime,
                               scan->source.n_filters, &scan->filters, &error);

    return r == 0 ? 0 : scan_fail(scan, r, &error);
}

/* Which output columns filters look at, and where each is found in the fetch of its kind. */
static int sort_fields(ScanSource *scan, MemArena *arena)
{
    uint32_t n_fields = scan->source.node->n_fields, n_rest = 0;

    scan->filter_field = mem_arena_new_array(arena, bool, n_fields + 1);
    scan->fetch_index = mem_arena_new_array(arena, uint32_t, n_fields + 1);
    if (!scan->filter_field || !scan->fetch_index)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < scan->filters.n_filters; i++)
        for (uint32_t k = 0; k < scan->filters.filters[i].n_columns; k++)
            scan->filter_field[scan->filters.filters[i].columns[k]] = true;
    for (uint32_t i = 0; i < n_fields; i++)
        scan->fetch_index[i] = scan->filter_field[i] ? scan->n_filter_fields++ : n_rest++;
    return 0;
}

static int scan_open(Source *source)
{
    ScanSource *scan = (ScanSource *)source;
    const PlanScan *plan = &source->node->scan;
    MemArena *arena = source->context->arena;
    uint64_t n_groups = count_groups(scan);
    int r;

    if (pthread_mutex_init(&scan->lock, NULL) != 0)
        return -ENOMEM;
    scan->lock_init = true;
    r = open_filters(scan);
    if (r != 0)
        return r;
    r = sort_fields(scan, arena);
    if (r != 0)
        return scan_fail(scan, r, NULL);
    scan->groups = mem_arena_new_array(arena, ScanGroup, n_groups + 1);
    if (!scan->groups)
        return scan_fail(scan, mem_arena_error(arena), NULL);
    source->rows_total = 0;
    for (uint32_t i = 0; i < plan->n_files; i++)
        add_file_groups(scan, &plan->files[i]);
    scan->ahead_max =
        MIN(PREFETCH_BYTES_MAX, mem_pool_limit(source->context->pool) / PREFETCH_SHARE);
    r = make_morsels(scan, arena);
    return r == 0 ? 0 : scan_fail(scan, r, NULL);
}

/* --- fetching --------------------------------------------------------------------------------- */

typedef enum FetchPart {
    FETCH_ALL,
    FETCH_FILTERS,
    FETCH_REST,
} FetchPart;

static int start_fetch(ScanSource *scan, ScanGroup *group, FetchPart part, Worker *worker,
                       IoFetch **ret_fetch)
{
    const PlanNode *node = scan->source.node;
    const ParquetPart *parts = group->live.parts;
    _cleanup_free_ IoRange *ranges = calloc((size_t)node->n_fields * 2 + 1, sizeof(*ranges));
    uint64_t bytes = 0, at = 0;
    size_t n = 0;
    int r;

    if (!ranges)
        return -ENOMEM;
    for (uint32_t i = 0; i < node->n_fields; i++) {
        uint32_t number = scan_file_column(&node->scan, group->data, i);
        const ParquetChunk *chunk;

        if (part != FETCH_ALL && scan->filter_field[i] != (part == FETCH_FILTERS))
            continue;
        if (number >= SCAN_PARTITION) { /* not in the file: nothing, beside what is read anyhow */
            ranges[n++] = (IoRange){.offset = at};
            if (parts)
                ranges[n++] = (IoRange){.offset = at};
            continue;
        }
        chunk = parquet_file_chunk(group->file, group->row_group, number);
        at = chunk->offset;
        if (parts) { /* the dictionary, and some pages */
            ranges[n++] = (IoRange){.offset = at, .n_bytes = parts[i].n_dictionary};
            ranges[n++] = (IoRange){.offset = parts[i].offset, .n_bytes = parts[i].n_bytes};
            bytes += parts[i].n_dictionary + parts[i].n_bytes;
            continue;
        }
        ranges[n++] = (IoRange){.offset = chunk->offset, .n_bytes = chunk->n_bytes};
        bytes += chunk->n_bytes;
    }
    r = io_fetch_start(parquet_file_io(group->file), scan->source.context->pool, ranges, n,
                       ret_fetch);
    if (r != 0)
        return r;
    atomic_fetch_add(&scan->source.context->progress->bytes_scanned, bytes);
    if (worker->metrics)
        worker->metrics[node->id].bytes += bytes;
    return 0;
}

/* Under the group's lock. */
static int group_start(ScanSource *scan, ScanGroup *group, bool lazy, Worker *worker)
{
    group->lazy = lazy;
    return start_fetch(scan, group, lazy ? FETCH_FILTERS : FETCH_ALL, worker, &group->fetch);
}

/* Under the group's lock. False when page indexes or Bloom filters show that no row passes. */
static bool group_may_pass(ScanSource *scan, ScanGroup *group)
{
    if (!group->live.looked)
        scan_ranges_find(&scan->filters, scan->source.node, group->data, group->row_group,
                         group->bytes, scan->source.context->pool, &group->live);
    return !group->live.none;
}

/* Ahead of its use, so a failure is nobody's yet: whoever needs the group tries again. */
static void group_prefetch(ScanSource *scan, ScanGroup *group, bool lazy, Worker *worker)
{
    pthread_mutex_lock(&group->lock);
    if (!group->fetch && !group->finished && group_may_pass(scan, group))
        (void)group_start(scan, group, lazy, worker);
    pthread_mutex_unlock(&group->lock);
}

/*
 * Under the scan's lock. When most row groups turn out to hold nothing that passes, only what the
 * filters look at is read, and the rest of a row group when its first row has passed.
 */
static bool is_lazy_locked(const ScanSource *scan)
{
    return scan->n_done >= 2 && scan->n_empty * 2 > scan->n_done && scan->n_filter_fields > 0 &&
           scan->n_filter_fields < scan->source.node->n_fields;
}

/* Under the scan's lock. Return: the group that should be started next, or NULL. */
static ScanGroup *choose_prefetch_locked(ScanSource *scan)
{
    ScanGroup *group;

    while (scan->next_prefetch < scan->n_groups && scan->groups[scan->next_prefetch].claimed)
        scan->next_prefetch++;
    if (scan->next_prefetch == scan->n_groups || scan->n_ahead >= scan->source.context->n_threads ||
        scan->bytes_ahead + scan->groups[scan->next_prefetch].bytes > scan->ahead_max)
        return NULL;
    group = &scan->groups[scan->next_prefetch++];
    scan->n_ahead++;
    scan->bytes_ahead += group->bytes;
    return group;
}

/* Under the scan's lock. */
static void note_claimed_locked(ScanSource *scan, ScanGroup *group)
{
    if (group->claimed)
        return;
    group->claimed = true;
    if ((size_t)(group - scan->groups) < scan->next_prefetch) {
        scan->n_ahead--;
        scan->bytes_ahead -= group->bytes;
    }
}

/* Return: 0; OP_E_END; an error of the fetch. */
static int claim_morsel(ScanSource *scan, ScanLocal *local, Worker *worker)
{
    ScanGroup *group, *ahead;
    bool lazy;
    int r = 0;

    pthread_mutex_lock(&scan->lock);
    if (scan->next_morsel == scan->n_morsels) {
        pthread_mutex_unlock(&scan->lock);
        return OP_E_END;
    }
    local->morsel_number = scan->next_morsel++;
    local->morsel = &scan->morsels[local->morsel_number];
    group = local->morsel->group;
    note_claimed_locked(scan, group);
    ahead = choose_prefetch_locked(scan);
    lazy = is_lazy_locked(scan);
    pthread_mutex_unlock(&scan->lock);

    local->done = 0;
    local->range = 0;
    local->emitted = false;
    /* A bound that has moved since the scan was opened may leave the row group unread. */
    if (scan->filters.n_moving > 0 &&
        !scan_filters_may_pass(&scan->filters, scan->source.node, group->data, group->row_group)) {
        local->done = local->morsel->n_rows;
        atomic_fetch_add(&scan->rows_pruned, local->morsel->n_rows);
        return 0;
    }
    pthread_mutex_lock(&group->lock);
    if (!group_may_pass(scan, group)) {
        local->done = local->morsel->n_rows;
        atomic_fetch_add(&scan->rows_pruned, local->morsel->n_rows);
    } else if (!group->fetch) {
        r = group_start(scan, group, lazy, worker);
    }
    pthread_mutex_unlock(&group->lock);
    if (r == 0 && ahead)
        group_prefetch(scan, ahead, lazy, worker);
    return r;
}

static void release_morsel(ScanSource *scan, ScanLocal *local)
{
    ScanGroup *group;
    bool last;

    if (!local->morsel)
        return;
    for (uint32_t i = 0; i < scan->source.node->n_fields; i++)
        if (local->readers[i] && local->open[i]) {
            parquet_reader_close(local->readers[i]);
            local->open[i] = false;
        }
    group = local->morsel->group;
    local->morsel = NULL;
    pthread_mutex_lock(&scan->lock);
    last = --group->n_parts_left == 0;
    if (last) {
        scan->n_done++;
        scan->n_empty += !atomic_load(&group->has_rows);
    }
    pthread_mutex_unlock(&scan->lock);
    if (!last)
        return;
    pthread_mutex_lock(&group->lock);
    group->fetch = io_fetch_free(group->fetch);
    group->rest = io_fetch_free(group->rest);
    scan_ranges_done(&group->live, scan->source.context->pool);
    group->finished = true;
    pthread_mutex_unlock(&group->lock);
}

static int fetch_failed(const ScanGroup *group, int r, QueryError *error)
{
    const char *path = io_file_path(parquet_file_io(group->file));

    if (r == -ENOMEM || r > 0)
        return r;
    return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                           "Encountered error while reading file file:%s: %s.", path,
                           r == -ENODATA  ? "it became shorter while it was read"
                           : r == -ESTALE ? "it was replaced while it was read"
                                          : strerror(-r));
}

/* Under the group's lock. @ret_part: the second range, where the column has two. */
static int column_bytes(ScanSource *scan, ScanGroup *group, uint32_t column, Worker *worker,
                        const uint8_t **ret_bytes, const uint8_t **ret_part)
{
    uint32_t index = group->lazy ? scan->fetch_index[column] : column;
    IoFetch *fetch = group->fetch;
    int r = 0;

    if (group->lazy && !scan->filter_field[column]) {
        if (!group->rest)
            r = start_fetch(scan, group, FETCH_REST, worker, &group->rest);
        fetch = group->rest;
    }
    if (r != 0 || !group->live.parts)
        return r == 0 ? io_fetch_wait(fetch, index, ret_bytes) : r;
    r = io_fetch_wait(fetch, (size_t)index * 2, ret_bytes);
    return r == 0 ? io_fetch_wait(fetch, (size_t)index * 2 + 1, ret_part) : r;
}

/* The file has another type than the plan, and its values cannot be made such. */
static int type_mismatch(const ScanGroup *group, uint32_t number, Type type, QueryError *error)
{
    static const char *const physical[_PARQUET_PHYSICAL_MAX] = {
        [PARQUET_BOOLEAN] = "BOOLEAN",   [PARQUET_INT32] = "INT32",
        [PARQUET_INT64] = "INT64",       [PARQUET_INT96] = "INT96",
        [PARQUET_FLOAT] = "FLOAT",       [PARQUET_DOUBLE] = "DOUBLE",
        [PARQUET_BYTE_ARRAY] = "BINARY", [PARQUET_FIXED] = "FIXED_LEN_BYTE_ARRAY",
    };
    const ParquetColumn *c = parquet_file_column(group->file, number);
    char buf[200];

    return query_error_set(error, DATA_ERROR_FILE,
                           "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH", "KD001",
                           "Encountered error while reading file file://%s. Data type mismatches "
                           "when reading Parquet column [%s]. Expected Spark type %s, actual "
                           "Parquet type %s.",
                           group->data->path, c->name, type_format(type, buf, sizeof(buf)),
                           physical[MIN(c->physical, PARQUET_FIXED)]);
}

/* The reader of an output column, at the morsel's row @local->done. */
static int column_reader(ScanSource *scan, ScanLocal *local, uint32_t column,
                         ParquetReader **ret_reader, Worker *worker)
{
    const PlanNode *node = scan->source.node;
    ScanGroup *group = local->morsel->group;
    uint32_t number = scan_file_column(&node->scan, group->data, column);
    const ParquetColumn *stored = parquet_file_column(group->file, number);
    const uint8_t *bytes, *part = NULL;
    int r = 0;

    *ret_reader = local->readers[column];
    if (local->open[column])
        return 0;
    if (!stored->unreadable && !scan_can_widen(stored->type, node->fields[column].type))
        return type_mismatch(group, number, node->fields[column].type, &worker->error);
    if (!local->readers[column])
        r = parquet_reader_new(scan->source.context->pool, &local->readers[column]);
    if (r != 0)
        return r;
    *ret_reader = local->readers[column];
    pthread_mutex_lock(&group->lock);
    r = column_bytes(scan, group, column, worker, &bytes, &part);
    pthread_mutex_unlock(&group->lock);
    if (r != 0)
        return fetch_failed(group, r, &worker->error);
    r = part ? parquet_reader_open_part(*ret_reader, group->file, group->row_group, number,
                                        &group->live.parts[column], bytes, part, &worker->error)
             : parquet_reader_open(*ret_reader, group->file, group->row_group, number, bytes,
                                   &worker->error);
    if (r != 0)
        return r;
    local->open[column] = true;
    parquet_reader_skip(*ret_reader, local->morsel->first_row + local->done);
    return 0;
}

/* --- one morsel ------------------------------------------------------------------------------- */

/* True when a dictionary shows that no row of the morsel passes a filter. */
static int morsel_is_empty(ScanSource *scan, ScanLocal *local, bool *ret_empty, Worker *worker)
{
    *ret_empty = false;
    for (uint32_t i = 0; i < local->n_filters && !*ret_empty; i++) {
        ScanFilterState *state = &local->filters[i];
        const ParquetChunk *chunk;
        ParquetReader *reader;
        uint32_t column, number;
        Vector dict;
        bool only;
        int r;

        if (state->filter->n_columns != 1 || state->null_passes)
            continue;
        column = state->filter->columns[0];
        number = scan_file_column(&scan->source.node->scan, local->morsel->group->data, column);
        if (number >= SCAN_PARTITION || local->widened[column])
            continue;
        chunk =
            parquet_file_chunk(local->morsel->group->file, local->morsel->group->row_group, number);
        if (!chunk->only_dictionary)
            continue;
        r = column_reader(scan, local, column, &reader, worker);
        if (r == 0)
            r = parquet_reader_dictionary(reader, &dict, &only, &worker->error);
        if (r == 0 && dict.n_dict > 0 && only && state->dict_id != dict.dict_id)
            r = scan_filter_dictionary(&local->context, state, &dict);
        if (r != 0)
            return r;
        *ret_empty = only && dict.n_dict > 0 && state->pass_usable && state->n_passing == 0;
    }
    return 0;
}

/* Which columns the file of the morsel has in another type. */
static void note_widened(const ScanSource *scan, ScanLocal *local)
{
    const PlanNode *node = scan->source.node;
    const ScanGroup *group = local->morsel->group;

    for (uint32_t i = 0; i < node->n_fields; i++) {
        uint32_t number = scan_file_column(&node->scan, group->data, i);

        local->widened[i] =
            number < SCAN_PARTITION &&
            !type_same_bytes(parquet_file_column(group->file, number)->type, node->fields[i].type);
    }
}

static int next_morsel(ScanSource *scan, ScanLocal *local, Worker *worker)
{
    ExecProgress *progress = scan->source.context->progress;
    bool empty;
    int r;

    release_morsel(scan, local);
    r = claim_morsel(scan, local, worker);
    if (worker->metrics)
        worker->metrics[scan->source.node->id].pruned += atomic_exchange(&scan->rows_pruned, 0);
    if (r != 0) {
        const ScanGroup *group = local->morsel ? local->morsel->group : NULL;

        return r == OP_E_END || !group ? r : fetch_failed(group, r, &worker->error);
    }
    atomic_fetch_add(&progress->rows_scanned, local->morsel->n_rows);
    if (local->done == local->morsel->n_rows)
        return 0;
    note_widened(scan, local);
    r = morsel_is_empty(scan, local, &empty, worker);
    if (r == 0 && empty)
        local->done = local->morsel->n_rows;
    return r;
}

/* A file's narrower values as what the plan says. */
static int widen_column(ScanSource *scan, ScanLocal *local, uint32_t column, Type type)
{
    const Batch *batch = &local->batch;
    void *room = local->wide[column];

    if (!room) {
        int r = mem_block_alloc(scan->source.context->pool, 16 * (size_t)VEC_ROWS_MAX, "scan",
                                &local->wide[column]);
        if (r != 0)
            return r;
        room = local->wide[column];
    }
    scan_widen(&local->vectors[column], type, batch->sel, batch->n_selected, room);
    return 0;
}

static int decode_column(ScanSource *scan, ScanLocal *local, uint32_t column, Worker *worker)
{
    const PlanNode *node = scan->source.node;
    const ScanFile *data = local->morsel->group->data;
    Type type = node->fields[column].type;
    ParquetReader *reader;
    int r;

    if (local->decoded[column])
        return 0;
    if (scan_file_column(&node->scan, data, column) >= SCAN_PARTITION) {
        scan_constant(&node->scan, data, column, type, &local->constants[column],
                      &local->vectors[column]);
        local->decoded[column] = true;
        return 0;
    }
    r = column_reader(scan, local, column, &reader, worker);
    if (r == 0)
        r = parquet_reader_next(reader, local->batch.n_rows, local->batch.sel,
                                local->batch.n_selected, &local->vectors[column], &worker->error);
    if (r == 0 && local->widened[column])
        r = widen_column(scan, local, column, type);
    local->decoded[column] = r == 0;
    return r;
}

static int run_filter(ScanSource *scan, ScanLocal *local, ScanFilterState *state, Worker *worker)
{
    Batch *batch = &local->batch;
    uint16_t *out = batch->sel == local->sel[0] ? local->sel[1] : local->sel[0];
    uint32_t n = 0, n_before = batch->n_selected;
    uint64_t start = clock_now_nsec();
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < state->filter->n_columns; i++)
        r = decode_column(scan, local, state->filter->columns[i], worker);
    if (r == 0)
        r = scan_filter_apply(&local->context, state, batch, out, &n, &worker->error);
    if (r != 0)
        return r;
    state->nsec += (double)(clock_now_nsec() - start);
    state->rows_in += n_before;
    state->rows_out += n;
    if (n < n_before) {
        batch->sel = out;
        batch->n_selected = n;
    }
    return 0;
}

/* What a filter costs for each row that it takes away: the cheapest way to few rows goes first. */
static double filter_rank(const ScanFilterState *state)
{
    double dropped = state->rows_in - state->rows_out;

    if (state->rows_in < 1)
        return 0; /* not tried yet: try it */
    return state->nsec / MAX(dropped, state->rows_in * 1e-4);
}

static void reorder_filters(ScanLocal *local)
{
    for (uint32_t i = 1; i < local->n_filters; i++) {
        ScanFilterState moved = local->filters[i];
        double rank = filter_rank(&moved);
        uint32_t at = i;

        for (; at > 0 && filter_rank(&local->filters[at - 1]) > rank; at--)
            local->filters[at] = local->filters[at - 1];
        local->filters[at] = moved;
    }
    for (uint32_t i = 0; i < local->n_filters; i++) {
        local->filters[i].nsec /= 2;
        local->filters[i].rows_in /= 2;
        local->filters[i].rows_out /= 2;
    }
}

/* Columns that were not looked at in this batch stay behind: they skip when they are next read. */
static void skip_undecoded(ScanLocal *local, uint32_t n_fields)
{
    for (uint32_t i = 0; i < n_fields; i++)
        if (local->open[i] && !local->decoded[i])
            parquet_reader_skip(local->readers[i], local->batch.n_rows);
}

static int decode_wanted(ScanSource *scan, ScanLocal *local, Worker *worker)
{
    const PlanNode *node = scan->source.node;

    for (uint32_t i = 0; i < node->n_fields; i++) {
        int r;

        if (node->scan.filter_only && node->scan.filter_only[i])
            continue;
        r = decode_column(scan, local, i, worker);
        if (r != 0)
            return r;
    }
    return 0;
}

/* Moves over rows that the page index rules out. Return: rows from there on that are together. */
static uint64_t pass_dead_rows(ScanSource *scan, ScanLocal *local)
{
    const ScanRanges *live = &local->morsel->group->live;
    uint64_t left = local->morsel->n_rows - local->done, passed, end;
    uint64_t at = local->morsel->first_row + local->done, next;

    if (!live->ranges)
        return left;
    next = scan_ranges_next(live, at, &local->range, &end);
    passed = MIN(next - at, left);
    if (passed == 0)
        return MIN(end - at, left);
    for (uint32_t i = 0; i < scan->source.node->n_fields; i++)
        if (local->open[i])
            parquet_reader_skip(local->readers[i], passed);
    local->done += passed;
    atomic_fetch_add(&scan->rows_pruned, passed);
    return passed == left ? 0 : MIN(end - next, left - passed);
}

/* One batch of the morsel; n_selected may be 0. */
static int scan_batch(ScanSource *scan, ScanLocal *local, Worker *worker)
{
    uint32_t n_fields = scan->source.node->n_fields;
    Batch *batch = &local->batch;
    int r = 0;

    batch->n_rows = (uint32_t)MIN(pass_dead_rows(scan, local), (uint64_t)VEC_ROWS_MAX);
    batch->n_selected = batch->n_rows;
    batch->sel = NULL;
    memset(local->decoded, 0, n_fields);
    for (uint32_t i = 0; r == 0 && i < local->n_filters && batch->n_selected > 0; i++)
        r = run_filter(scan, local, &local->filters[i], worker);
    if (r == 0 && batch->n_selected > 0)
        r = decode_wanted(scan, local, worker);
    if (r != 0)
        return r;
    local->done += batch->n_rows;
    skip_undecoded(local, n_fields);
    if (++local->n_batches % SCAN_ADAPT_BATCHES == 0 && local->n_filters > 1)
        reorder_filters(local);
    return 0;
}

static int scan_next(Source *source, void *userdata, Worker *worker, Batch **ret_batch)
{
    ScanSource *scan = (ScanSource *)source;
    ScanLocal *local = userdata;

    for (;;) {
        int r = 0;

        if (context_stopped(source->context))
            return OP_E_END;
        if (!local->morsel || (local->done == local->morsel->n_rows && local->emitted))
            r = next_morsel(scan, local, worker);
        if (r != 0)
            return r;
        local->batch.position = local->morsel_number;
        if (local->done == local->morsel->n_rows) { /* nothing passed: say that it is over */
            local->batch.n_rows = local->batch.n_selected = 0;
            local->batch.sel = NULL;
            local->emitted = true;
            *ret_batch = &local->batch;
            return 0;
        }
        r = scan_batch(scan, local, worker);
        if (r != 0)
            return r;
        if (local->batch.n_selected > 0) {
            if (!local->emitted)
                atomic_store(&local->morsel->group->has_rows, true);
            local->emitted = true;
            *ret_batch = &local->batch;
            return 0;
        }
    }
}

/* --- locals ----------------------------------------------------------------------------------- */

static void scan_local_free(Source *source, void *userdata)
{
    ScanSource *scan = (ScanSource *)source;
    ScanLocal *local = userdata;

    if (!local)
        return;
    release_morsel(scan, local);
    for (uint32_t i = 0; local->readers && i < source->node->n_fields; i++)
        (void)parquet_reader_free(local->readers[i]);
    for (uint32_t i = 0; local->filters && i < local->n_filters; i++)
        scan_filter_state_done(&local->context, &local->filters[i]);
    for (uint32_t i = 0; local->context.exprs && i < local->n_exprs; i++)
        (void)expr_state_free(local->context.exprs[i]);
    for (uint32_t i = 0; local->wide && i < source->node->n_fields; i++)
        mem_block_free(source->context->pool, local->wide[i], 16 * (size_t)VEC_ROWS_MAX);
    mem_block_free(source->context->pool, local->block, local->n_block);
    free(local->wide);
    free(local->widened);
    free(local->constants);
    free(local->context.exprs);
    free(local->filters);
    free(local->readers);
    free(local->open);
    free(local->decoded);
    free(local->vectors);
    free(local);
}

/* bytes | more bytes | sel, sel, spare | dense values */
static int local_buffers(ScanSource *scan, ScanLocal *local)
{
    size_t n_bytes = VEC_ROWS_MAX + 64, n_sel = VEC_ROWS_MAX * sizeof(uint16_t) + 64;
    uint8_t *at;
    void *block;
    int r;

    local->n_block = 2 * n_bytes + 3 * n_sel + 16 * (size_t)VEC_ROWS_MAX;
    r = mem_block_alloc(scan->source.context->pool, local->n_block, "scan", &block);
    if (r != 0) {
        local->n_block = 0;
        return r;
    }
    at = local->block = block;
    local->context.dense = at;
    at += 16 * (size_t)VEC_ROWS_MAX;
    local->context.bytes = at;
    local->context.more_bytes = at + n_bytes;
    at += 2 * n_bytes;
    local->sel[0] = (uint16_t *)at;
    local->sel[1] = (uint16_t *)(at + n_sel);
    local->context.spare = (uint16_t *)(at + 2 * n_sel);
    return 0;
}

static int local_exprs(ScanSource *scan, ScanLocal *local)
{
    local->context.exprs = calloc(scan->filters.n_exprs + 1, sizeof(ExprState *));
    if (!local->context.exprs)
        return -ENOMEM;
    local->n_exprs = scan->filters.n_exprs;
    for (uint32_t i = 0; i < scan->filters.n_filters; i++)
        for (uint32_t k = 0; k < scan->filters.filters[i].n_predicates; k++) {
            const ScanPredicate *p = &scan->filters.filters[i].predicates[k];
            int r;

            if (p->kind != SCAN_EXPR)
                continue;
            r = expr_state_new(p->program, scan->source.context->pool,
                               &local->context.exprs[p->expr_number]);
            if (r != 0)
                return r;
        }
    return 0;
}

static int local_filters(ScanSource *scan, ScanLocal *local)
{
    local->filters = calloc(scan->filters.n_filters + 1, sizeof(ScanFilterState));
    if (!local->filters)
        return -ENOMEM;
    for (uint32_t i = 0; i < scan->filters.n_filters; i++) {
        int r =
            scan_filter_state_init(&local->context, &scan->filters.filters[i], &local->filters[i]);

        if (r != 0)
            return r;
        local->n_filters++;
    }
    return 0;
}

static int scan_local_new(Source *source, Worker *worker, void **ret_local)
{
    ScanSource *scan = (ScanSource *)source;
    uint32_t n_fields = source->node->n_fields;
    ScanLocal *local = calloc(1, sizeof(*local));
    int r = 0;

    if (!local)
        return -ENOMEM;
    local->context.pool = source->context->pool;
    local->context.kern = kern_select();
    local->readers = calloc((size_t)n_fields + 1, sizeof(ParquetReader *));
    local->open = calloc((size_t)n_fields + 1, sizeof(bool));
    local->decoded = calloc((size_t)n_fields + 1, sizeof(bool));
    local->vectors = calloc((size_t)n_fields + 1, sizeof(Vector));
    local->widened = calloc((size_t)n_fields + 1, sizeof(bool));
    local->wide = calloc((size_t)n_fields + 1, sizeof(void *));
    local->constants = calloc((size_t)n_fields + 1, sizeof(ScanConstant));
    if (!local->readers || !local->open || !local->decoded || !local->vectors || !local->widened ||
        !local->wide || !local->constants)
        r = -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < n_fields; i++) {
        local->vectors[i].type = source->node->fields[i].type;
        local->vectors[i].phys = (uint8_t)type_phys(local->vectors[i].type);
    }
    local->batch.n_columns = n_fields;
    local->batch.columns = local->vectors;
    if (r == 0)
        r = local_buffers(scan, local);
    if (r == 0)
        r = local_exprs(scan, local);
    if (r == 0)
        r = local_filters(scan, local);
    if (r != 0) {
        scan_local_free(source, local);
        return r;
    }
    *ret_local = local;
    return 0;
}

static void scan_close(Source *source)
{
    ScanSource *scan = (ScanSource *)source;

    for (uint32_t i = 0; i < scan->n_groups; i++) {
        (void)io_fetch_free(scan->groups[i].fetch);
        (void)io_fetch_free(scan->groups[i].rest);
        scan_ranges_done(&scan->groups[i].live, source->context->pool);
        pthread_mutex_destroy(&scan->groups[i].lock);
    }
    if (scan->lock_init)
        pthread_mutex_destroy(&scan->lock);
    free(scan);
}

static const SourceClass scan_class = {
    .name = "scan",
    .open = scan_open,
    .local_new = scan_local_new,
    .next = scan_next,
    .local_free = scan_local_free,
    .close = scan_close,
};

int scan_source_new(ExecContext *context, const PlanNode *node, Source **ret_source)
{
    const SourceInfo *info = node->kind == PLAN_SCAN ? node->scan.source : NULL;
    ScanSource *scan;

    if (node->kind != PLAN_SCAN || (info && !info->loaded))
        return -EINVAL;
    if (info && info->format->rows)
        return rows_source_new(context, node, ret_source);
    scan = calloc(1, sizeof(*scan));
    if (!scan)
        return -ENOMEM;
    scan->source.class = &scan_class;
    scan->source.context = context;
    scan->source.node = node;
    scan->source.ordered = true;
    for (uint32_t i = 0; i < node->scan.n_files; i++)
        scan->source.rows_total += parquet_file_rows(node->scan.files[i].source);
    *ret_source = &scan->source;
    return 0;
}

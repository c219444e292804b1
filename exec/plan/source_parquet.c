/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/plan/source_format.h"
#include "exec/plan/source_statistics.h"
#include "exec/vec/nested.h"

/* Parquet as a source: columns and statistics from footers, files matched to columns by name. */

static bool is_parquet(const char *path)
{
    static const char *const ends[] = {".parquet", ".parq"};
    size_t n = strlen(path);

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        size_t m = strlen(ends[i]);

        if (n >= m && strcasecmp(path + n - m, ends[i]) == 0)
            return true;
    }
    return false;
}

/* --- columns ---------------------------------------------------------------------------------- */

static bool same_name(const SourceInfo *source, const char *a, const char *b)
{
    return source->request->case_sensitive ? strcmp(a, b) == 0 : strcasecmp(a, b) == 0;
}

static int cannot_merge(const SourceInfo *source, uint32_t file, const char *column,
                        QueryError *error)
{
    return query_error_set(error, DATA_ERROR_ANALYSIS, "CANNOT_MERGE_SCHEMAS", "42KD9",
                           "Failed merging schemas: file:%s and file:%s differ in column %s.",
                           source->files[0].path, source->files[file].path, column);
}

/* Types that meet only when they are the same, or decimals of one scale. */
static int merge_column(SourceInfo *source, SourceColumn *s, const ParquetColumn *c, uint32_t file,
                        QueryError *error)
{
    if (type_equal(s->type, c->type) && s->readable == (c->unreadable == NULL))
        return 0;
    if (s->type.kind != TYPE_DECIMAL || c->type.kind != TYPE_DECIMAL ||
        s->type.scale != c->type.scale)
        return cannot_merge(source, file, s->name, error);
    s->type.precision = MAX(s->type.precision, c->type.precision);
    return 0;
}

/* All columns of @file that are not there yet, at the end. */
static int merge_file(SourceLoad *load, SourceInfo *source, uint32_t file, uint32_t *n_room)
{
    SessionFile opened;
    int r = session_files_parquet(load->files, source->files[file].path, &opened, load->error);
    uint32_t n = r == 0 ? parquet_file_n_columns(opened.parquet) : 0, known = source->n_columns;

    if (r != 0)
        return r;
    if (source->n_columns + n > *n_room) {
        uint32_t room = MAX(*n_room * 2, source->n_columns + n);
        SourceColumn *grown = mem_arena_new_array(load->arena, SourceColumn, (size_t)room + 1);

        if (!grown)
            return mem_arena_error(load->arena);
        if (source->n_columns > 0)
            memcpy(grown, source->columns, source->n_columns * sizeof(*grown));
        source->columns = grown;
        *n_room = room;
    }
    for (uint32_t i = 0; i < n && r == 0; i++) {
        const ParquetColumn *c = parquet_file_column(opened.parquet, i);
        uint32_t at = known > 0 ? source_column_number(source, c->name, i) : UINT32_MAX;

        if (at != UINT32_MAX)
            r = merge_column(source, &source->columns[at], c, file, load->error);
        else
            r = source_put_column(load->arena, &source->columns[source->n_columns++], c->name,
                                  c->type, c->unreadable);
        if (source->n_columns > PARQUET_COLUMNS_MAX)
            return cannot_merge(source, file, c->name, load->error);
    }
    return r;
}

static int parquet_infer(SourceLoad *load, SourceInfo *source)
{
    const SourceRequest *request = source->request;
    bool merge = source_option_bool(request, "mergeSchema", request->merge_schema);
    uint32_t n_room = 0;
    int r = 0;

    if (request->schema)
        return source_given_columns(load, source);
    for (uint32_t i = 0; r == 0 && i < (merge ? source->n_files : 1); i++)
        r = merge_file(load, source, i, &n_room);
    return r;
}

/* --- files ------------------------------------------------------------------------------------ */

static bool is_identity(const SourceInfo *source, const ParquetFile *file)
{
    if (parquet_file_n_columns(file) != source->n_columns || source->n_partitions > 0)
        return false;
    for (uint32_t i = 0; i < source->n_columns; i++)
        if (strcmp(parquet_file_column(file, i)->name, source->columns[i].name) != 0)
            return false;
    return true;
}

static uint32_t number_in_file(const SourceInfo *source, const ParquetFile *file, const char *name,
                               uint32_t hint)
{
    uint32_t n = parquet_file_n_columns(file);

    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = (hint + k) % n;

        if (same_name(source, parquet_file_column(file, i)->name, name))
            return i;
    }
    return SCAN_MISSING;
}

/* The files of one table mostly have one map: @last is shared when it is the same. */
static int map_file(SourceLoad *load, const SourceInfo *source, ScanFile *file,
                    const uint32_t *last)
{
    const ParquetFile *parquet = file->source;
    _cleanup_free_ uint32_t *map = NULL;
    uint32_t *kept, hint = 0;
    size_t n_bytes = source->n_columns * sizeof(*map);

    file->columns = NULL;
    if (is_identity(source, parquet))
        return 0;
    map = malloc(n_bytes + sizeof(*map));
    if (!map)
        return -ENOMEM;
    for (uint32_t i = 0; i < source->n_columns; i++) {
        map[i] = number_in_file(source, parquet, source->columns[i].name, hint);
        hint = map[i] == SCAN_MISSING ? hint : map[i] + 1;
    }
    source_map_partitions(source, map);
    if (last && memcmp(last, map, n_bytes) == 0) {
        file->columns = last;
        return 0;
    }
    kept = mem_arena_new_array(load->arena, uint32_t, source->n_columns + 1);
    if (!kept)
        return mem_arena_error(load->arena);
    memcpy(kept, map, n_bytes);
    file->columns = kept;
    return 0;
}

static int parquet_load(SourceLoad *load, SourceInfo *source)
{
    _cleanup_free_ const SourceFileStatistics **statistics =
        calloc((size_t)source->n_files + 1, sizeof(*statistics));
    const uint32_t *last = NULL;

    if (!statistics)
        return -ENOMEM;
    source->bytes = 0;
    for (uint32_t i = 0; i < source->n_files; i++) {
        ScanFile *file = &source->files[i];
        SessionFile opened;
        int r = session_files_parquet(load->files, file->path, &opened, load->error);

        if (r != 0)
            return r;
        file->source = opened.parquet;
        file->size_bytes = opened.size_bytes;
        source->rows += parquet_file_rows(opened.parquet);
        source->bytes += file->size_bytes;
        statistics[i] = opened.statistics;
        r = map_file(load, source, file, last);
        if (r != 0)
            return r;
        last = file->columns ? file->columns : last;
    }
    source_merge_statistics(source, statistics);
    return 0;
}

const SourceFormat source_format_parquet = {
    .name = "parquet",
    .title = "Parquet",
    .is_data = is_parquet,
    .infer = parquet_infer,
    .load = parquet_load,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/arrow/rows.h"
#include "exec/plan/source_format.h"

/* Arrow as a source: columns of the first file, or given; others are matched to them by name. */

static bool is_arrow(const char *path)
{
    static const char *const ends[] = {".arrow", ".arrows", ".feather", ".ipc"};
    size_t n = strlen(path);

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        size_t m = strlen(ends[i]);

        if (n >= m && strcasecmp(path + n - m, ends[i]) == 0)
            return true;
    }
    return false;
}

static void file_unrefp(IoFile **file)
{
    *file = io_file_unref(*file);
}

static int open_file(SourceLoad *load, const SourceInfo *source, uint32_t i, ArrowFile **ret)
{
    _cleanup_(file_unrefp) IoFile *file = NULL;
    int r = io_file_open(source->io, source->files[i].path, &file, load->error);

    if (r == 0)
        r = arrow_file_open(file, session_files_pool(load->files), load->arena, ret, load->error);
    return r;
}

static int arrow_infer(SourceLoad *load, SourceInfo *source)
{
    ArrowFile *file;
    int r;

    if (source->request->schema)
        return source_given_columns(load, source);
    r = open_file(load, source, 0, &file);
    if (r != 0)
        return r;
    source->columns = mem_arena_new_array(load->arena, SourceColumn, file->n_fields + 1u);
    if (!source->columns)
        return mem_arena_error(load->arena);
    for (uint32_t i = 0; i < file->n_fields && r == 0; i++)
        r = source_put_column(load->arena, &source->columns[source->n_columns++],
                              file->fields[i].name, file->types[i], file->unreadable[i]);
    return r;
}

/* ---- files ---- */

/* Which field of @file each column of the source is. */
static int map_fields(SourceLoad *load, const SourceInfo *source, ArrowFile *file)
{
    uint32_t *map = mem_arena_new_array(load->arena, uint32_t, source->n_columns + 1u);

    if (!map)
        return mem_arena_error(load->arena);
    for (uint32_t i = 0; i < source->n_columns; i++)
        map[i] = ARROW_NO_FIELD;
    for (uint32_t i = 0; i < file->n_fields; i++) {
        uint32_t at = source_column_number(source, file->fields[i].name, i);

        if (at != UINT32_MAX && map[at] == ARROW_NO_FIELD)
            map[at] = i;
    }
    file->columns = map;
    return 0;
}

static int arrow_load(SourceLoad *load, SourceInfo *source)
{
    uint32_t *map = mem_arena_new_array(load->arena, uint32_t, source->n_columns + 1u);

    if (!map)
        return mem_arena_error(load->arena);
    for (uint32_t i = 0; i < source->n_columns; i++)
        map[i] = i;
    source_map_partitions(source, map);
    for (uint32_t i = 0; i < source->n_files; i++) {
        ArrowFile *file;
        int r = open_file(load, source, i, &file);

        if (r == 0)
            r = map_fields(load, source, file);
        if (r != 0)
            return r;
        source->files[i].source = file;
        source->files[i].columns = map;
        source->rows += file->n_rows;
    }
    for (uint32_t i = 0; i < source->n_columns && source->rows > 0; i++)
        source->columns[i].bytes_per_row =
            (double)source->bytes / (double)source->rows / source->n_columns;
    return 0;
}

const SourceFormat source_format_arrow = {
    .name = "arrow",
    .title = "Arrow",
    .is_data = is_arrow,
    .infer = arrow_infer,
    .load = arrow_load,
    .rows = &arrow_rows,
};

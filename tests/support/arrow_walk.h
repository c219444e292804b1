/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* All rows and columns of an Arrow file, as a scan reads them, every value looked at. */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/arrow/rows.h"
#include "exec/vec/nested.h"

/* Aborts when a vector holds what no vector may hold. */
static void arrow_walk_vector(const Vector *v, uint32_t n, uint64_t *sum)
{
    for (uint32_t row = 0; row < n; row++) {
        uint32_t at = vec_index(v, row);

        if (v->encoding == VEC_DICT && at >= v->n_dict)
            abort();
        if (vec_row_is_null(v, row))
            continue;
        if (v->phys == PHYS_STRING) {
            const VecString *s = (const VecString *)v->values + at;
            const char *bytes = vec_string_data(s);

            if (type_is_nested(v->type) && !nested_check(v->type, s))
                abort();
            *sum += s->length > 0 ? (uint8_t)bytes[0] + (uint8_t)bytes[s->length - 1] : 0;
        } else {
            *sum += ((const uint8_t *)v->values)[at * phys_size(v->phys)];
        }
    }
}

static int arrow_walk_part(void *reader, uint32_t n_columns, uint64_t *ret_rows, QueryError *error)
{
    const uint16_t *sel;
    uint32_t n, n_sel;
    uint64_t sum = 0;
    int r;

    for (;;) {
        r = arrow_rows.next(reader, &n, &sel, &n_sel, error);
        if (r != 0 || n == 0)
            return r;
        *ret_rows += n;
        for (uint32_t i = 0; i < n_columns && r == 0; i++) {
            Vector v;

            r = arrow_rows.column(reader, i, NULL, n, &v, error);
            if (r == 0)
                arrow_walk_vector(&v, n, &sum);
        }
        if (r != 0)
            return r;
    }
}

/* Return: 0 and the rows; as the reader. Columns that are not read are left out. */
static int arrow_walk(IoFile *io, MemPool *pool, uint64_t *ret_rows, QueryError *error)
{
    _cleanup_free_ RowColumn *columns = NULL;
    _cleanup_free_ uint32_t *map = NULL;
    MemArena *arena = NULL;
    ArrowFile *file = NULL;
    void *reader = NULL;
    uint32_t n = 0;
    int r = mem_arena_new(pool, "test", &arena);

    *ret_rows = 0;
    if (r == 0)
        r = arrow_file_open(io, pool, arena, &file, error);
    if (r == 0) {
        columns = calloc(file->n_fields + 1u, sizeof(*columns));
        map = calloc(file->n_fields + 1u, sizeof(*map));
        if (!columns || !map)
            abort();
        for (uint32_t i = 0; i < file->n_fields; i++) {
            if (file->unreadable[i])
                continue;
            map[n] = i;
            columns[n] = (RowColumn){n, file->types[i]};
            n++;
        }
        file->columns = map;
        r = arrow_rows.reader_new(&(RowRequest){.columns = columns, .n_columns = n, .pool = pool},
                                  &reader);
    }
    for (uint32_t i = 0; r == 0 && i < arrow_rows.n_parts(file); i++) {
        uint64_t n_bytes;

        r = arrow_rows.begin_part(reader, io, file, i, &n_bytes, error);
        if (r == 0)
            r = arrow_walk_part(reader, n, ret_rows, error);
    }
    arrow_rows.reader_free(reader);
    if (arena)
        (void)mem_arena_free(arena);
    return r;
}

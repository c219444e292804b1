/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of our own writer as a scan reads it: values, selections, columns that the file lacks;
 * each charge refused in turn, after which everything has been given back (AF-3). What other
 * writers make is the affair of tests/conformance/arrow_files.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "tests/support/arrow_walk.h"

#define N_ROWS 10000u
#define LIMIT ((uint64_t)256 << 20)

static const ArrowField element = {.name = "item", .type = ARROW_TYPE_INT64, .nullable = true};
static const ArrowField fields[] = {
    {.name = "i", .type = ARROW_TYPE_INT64},
    {.name = "s", .type = ARROW_TYPE_UTF8, .nullable = true},
    {.name = "l", .type = ARROW_TYPE_LIST, .children = &element, .n_children = 1},
};

typedef struct Stream {
    uint8_t *bytes;
    size_t n;
    int64_t numbers[N_ROWS];
    int32_t offsets[N_ROWS + 1], ones[N_ROWS + 1];
    uint8_t valid[N_ROWS / 8 + 8];
    char text[N_ROWS * 2];
} Stream;

/* Two batches: number, text of one or two letters (null every third), a list of the number. */
static void make_stream(Stream *s)
{
    _cleanup_arrow_writer_ ArrowWriter *w = NULL;
    size_t at = 0;

    memset(s->text, 'x', sizeof(s->text));
    for (uint32_t i = 0; i < N_ROWS; i++) {
        s->numbers[i] = 7 * (int64_t)i;
        s->offsets[i + 1] = s->offsets[i] + (int32_t)(1 + i % 2);
        s->ones[i + 1] = (int32_t)i + 1;
        if (i % 3 > 0)
            s->valid[i / 8] |= (uint8_t)(1u << i % 8);
    }
    const ArrowColumn items = {.length = N_ROWS, .data = s->numbers};
    const ArrowColumn columns[] = {
        {.length = N_ROWS, .data = s->numbers},
        {.length = N_ROWS,
         .null_count = -1,
         .validity = s->valid,
         .offsets = s->offsets,
         .data = s->text},
        {.length = N_ROWS, .offsets = s->ones, .children = &items},
    };
    assert_int_equal(arrow_writer_new(fields, ARRAY_SIZE(fields), &w), 0);
    for (unsigned pass = 0; pass < 2; pass++) { /* measure, then write */
        static const ArrowPart parts[] = {ARROW_PART_SCHEMA, ARROW_PART_BATCH, ARROW_PART_BATCH,
                                          ARROW_PART_END};
        at = 0;
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
            at +=
                arrow_writer_write_part(w, parts[i], columns, N_ROWS, pass ? s->bytes + at : NULL);
        if (pass == 0)
            s->bytes = malloc(at);
        assert_non_null(s->bytes);
    }
    s->n = at;
}

typedef struct Fixture {
    Stream stream;
    IoContext *io;
    IoFile *file;
    MemPool *pool;
} Fixture;

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    make_stream(&f->stream);
    assert_int_equal(io_context_new_pread(&f->io), 0);
    assert_int_equal(io_file_open_buffer(f->io, "/f", f->stream.bytes, f->stream.n, &f->file), 0);
    assert_int_equal(mem_pool_new(LIMIT, NULL, NULL, &f->pool), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    (void)io_file_unref(f->file);
    (void)io_context_free(f->io);
    (void)mem_pool_free(f->pool); /* asserts that all was given back */
    free(f->stream.bytes);
    free(f);
    return 0;
}

/* Columns: the list, one that the file lacks, the text. */
static void test_values(void **state)
{
    static const uint32_t map[] = {2, ARROW_NO_FIELD, 1};
    Fixture *f = *state;
    MemArena *arena;
    ArrowFile *file;
    QueryError error = {0};
    void *reader;
    uint64_t n_bytes, row = 0;
    const uint16_t *all, sel[] = {1, 3, 9};
    uint32_t n, n_sel;

    assert_int_equal(mem_arena_new(f->pool, "test", &arena), 0);
    assert_int_equal(arrow_file_open(f->file, f->pool, arena, &file, &error), 0);
    assert_int_equal(file->n_rows, 2 * N_ROWS);
    assert_int_equal(file->n_batches, 2);
    file->columns = map;
    const RowColumn columns[] = {{0, file->types[2]}, {1, TYPE(INT)}, {2, TYPE(STRING)}};
    const RowRequest request = {.columns = columns, .n_columns = 3, .pool = f->pool};
    assert_int_equal(arrow_rows.reader_new(&request, &reader), 0);
    assert_int_equal(arrow_rows.begin_part(reader, f->file, file, 1, &n_bytes, &error), 0);
    assert_true(n_bytes > 0 && n_bytes < f->stream.n / 2); /* not that of the first column */
    while (arrow_rows.next(reader, &n, &all, &n_sel, &error) == 0 && n > 0) {
        Vector list, none, text;

        assert_int_equal(arrow_rows.column(reader, 0, sel, 3, &list, &error), 0);
        assert_int_equal(arrow_rows.column(reader, 1, NULL, n, &none, &error), 0);
        assert_int_equal(arrow_rows.column(reader, 2, NULL, n, &text, &error), 0);
        for (uint32_t i = 0; i < 3; i++) {
            NestedItem item;

            nested_element(TYPE(LONG), (const VecString *)list.values + sel[i], 0, &item);
            assert_int_equal(item.value.i64, 7 * (int64_t)(row + sel[i]));
        }
        for (uint32_t i = 0; i < n; i++, row++) {
            assert_true(vec_row_is_null(&none, i));
            assert_int_equal(vec_row_is_null(&text, i), row % 3 == 0);
            if (row % 3)
                assert_int_equal(((const VecString *)text.values)[i].length, 1 + row % 2);
        }
    }
    assert_int_equal(row, N_ROWS);
    arrow_rows.reader_free(reader);
    (void)mem_arena_free(arena);
}

static void test_starved(void **state)
{
    Fixture *f = *state;
    uint64_t rows;
    int r = -1;

    for (uint64_t nth = 1; r != 0; nth++) {
        QueryError error = {0};

        mem_pool_fail_charge(f->pool, nth);
        r = arrow_walk(f->file, f->pool, &rows, &error);
        mem_pool_fail_charge(f->pool, 0);
        assert_int_equal(mem_pool_reserved(f->pool), 0);
        if (r == 0)
            assert_true(nth > 4);
        else
            assert_true(r == MEM_E_REFUSED || r == MEM_E_SPILL);
    }
    assert_int_equal(rows, 2 * N_ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_starved, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

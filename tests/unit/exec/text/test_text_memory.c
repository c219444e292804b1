/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards exec/text against memory: each charge of a reader and of decompression refused in turn
 * ends with an error or with all rows, and everything is given back.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "exec/io/io.h"
#include "exec/text/decompress.h"
#include "exec/text/json.h"

#define N_ROWS 9000u
#define ROW_BYTES 120u
#define LIMIT ((uint64_t)256 << 20)

static const int64_t no_offset;
static const Zone utc = {.offsets = &no_offset, .repeats_from = INT64_MAX};
static const TypeField element = {"element", {.kind = TYPE_STRING}, true};
static const RowColumn columns[] = {
    {0, {.kind = TYPE_LONG}},
    {1, {.kind = TYPE_STRING}},
    {ROW_NO_COLUMN, {.kind = TYPE_INT}},
};
static const RowColumn json_columns[] = {
    {0, {.kind = TYPE_LONG}},
    {1, {.kind = TYPE_ARRAY, .n_children = 1, .children = &element}},
};

/* Return: as the reader. */
static int read_rows(const RowFormat *format, const RowRequest *request, const char *text,
                     uint64_t *ret_rows)
{
    RowWindow window = {"/f", (const uint8_t *)text, strlen(text), true};
    QueryError error = {0};
    const uint16_t *sel;
    uint32_t n = 0, n_sel;
    void *reader;
    int r = format->reader_new(request, &reader);

    *ret_rows = 0;
    if (r != 0)
        return r;
    r = format->begin(reader, &window, &error);
    while (r == 0) {
        r = format->next(reader, &n, &sel, &n_sel, &error);
        if (r != 0 || n == 0)
            break;
        *ret_rows += n_sel;
        for (uint32_t i = 0; i < request->n_columns && r == 0; i++) {
            Vector v;

            if (request->columns[i].number != ROW_NO_COLUMN)
                r = format->column(reader, i, sel, n_sel, &v, &error);
        }
    }
    format->reader_free(reader);
    return r;
}

static void refuse_each(const RowFormat *format, const void *state, const RowColumn *wanted,
                        uint32_t n_wanted, const char *text)
{
    bool done = false;

    for (uint64_t nth = 1; !done; nth++) {
        RowRequest request = {state, wanted, n_wanted, NULL};
        uint64_t n_rows;
        int r;

        assert_int_equal(mem_pool_new(LIMIT, NULL, NULL, &request.pool), 0);
        mem_pool_fail_charge(request.pool, nth);
        r = read_rows(format, &request, text, &n_rows);
        done = r == 0;
        assert_true(r == 0 || r == MEM_E_REFUSED || r == -ENOMEM);
        if (done)
            assert_int_equal(n_rows, N_ROWS);
        assert_int_equal(mem_pool_reserved(request.pool), 0);
        (void)mem_pool_free(request.pool);
        assert_in_range(nth, 1, 1000);
        if (nth == 1)
            assert_false(done);
    }
}

static char *make_text(const char *format)
{
    char *text = calloc(N_ROWS + 1, ROW_BYTES);
    size_t n = 0;

    for (int i = 0; i < (int)N_ROWS; i++)
        n += (size_t)snprintf(text + n, ROW_BYTES,
                              i % 7 ? "%d,plain text that is not inline\n"
                                    : "%d,\"with \\\"escapes\\\" in it\"\n",
                              i);
    if (format) {
        n = 0;
        for (int i = 0; i < (int)N_ROWS; i++)
            n +=
                (size_t)snprintf(text + n, ROW_BYTES,
                                 "{\"a\":%d,\"b\":[\"x\",\"a longer \\n text, %d\",null]}\n", i, i);
        text[n] = '\0';
    }
    return text;
}

static void test_csv(void **state)
{
    CsvOptions options = {.separator = ",",
                          .n_separator = 1,
                          .quote = '"',
                          .escape = '\\',
                          .null_value = "",
                          .empty_value = "",
                          .nan_value = "NaN",
                          .positive_inf = "Inf",
                          .negative_inf = "-Inf",
                          .text.zone = &utc,
                          .text.n_columns = 2,
                          .text.corrupt = ROW_NO_COLUMN};
    char *text = make_text(NULL);

    refuse_each(&csv_rows, &options, columns, ARRAY_SIZE(columns), text);
    options.text.mode = TEXT_DROP_MALFORMED;
    refuse_each(&csv_rows, &options, columns, ARRAY_SIZE(columns), text);
    free(text);
}

static void test_json(void **state)
{
    static const char *const names[] = {"a", "b"};
    JsonOptions options = {
        .text.zone = &utc, .text.n_columns = 2, .names = names, .text.corrupt = ROW_NO_COLUMN};
    char *text = make_text("json");

    refuse_each(&json_rows, &options, json_columns, ARRAY_SIZE(json_columns), text);
    free(text);
}

static void test_lines(void **state)
{
    LineOptions options = {0};
    char *text = make_text(NULL);

    refuse_each(&line_rows, &options, &columns[1], 1, text);
    free(text);
}

static void test_decompress(void **state)
{
    size_t size = (size_t)3 << 20;
    uint8_t *zeros = calloc(1, size), *packed = malloc(size);
    size_t n_packed = ZSTD_compress(packed, size, zeros, size, 1);
    bool done = false;

    for (uint64_t nth = 1; !done; nth++) {
        MemPool *pool;
        void *block;
        size_t n_block;
        uint64_t n;
        int r;

        assert_int_equal(mem_pool_new(LIMIT, NULL, NULL, &pool), 0);
        mem_pool_fail_charge(pool, nth);
        r = text_decompress(pool, "/x.zst", packed, n_packed, &block, &n_block, &n);
        done = r == 0;
        assert_true(done ? n == size : r == MEM_E_REFUSED);
        mem_block_free(pool, block, n_block);
        assert_int_equal(mem_pool_reserved(pool), 0);
        (void)mem_pool_free(pool);
    }
    free(zeros);
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_decompress),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

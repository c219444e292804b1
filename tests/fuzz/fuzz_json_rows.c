/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON files: the first byte chooses the options, the rest is the file. Its schema is inferred and
 * its records are read as a schema of their own; both must see the same number of records, and
 * every nested value must be one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/io/io.h"
#include "exec/text/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const TypeField element = {"element", {.kind = TYPE_INT}, true};
static const TypeField entry[] = {{"key", {.kind = TYPE_STRING}, false},
                                  {"value", {.kind = TYPE_DOUBLE}, true}};
static const TypeField fields[] = {{"a", {.kind = TYPE_TIMESTAMP}, true},
                                   {"b", {.kind = TYPE_BINARY}, true}};
static const RowColumn columns[] = {
    {0, {.kind = TYPE_LONG}},
    {1, {.kind = TYPE_STRING}},
    {2, {.kind = TYPE_ARRAY, .n_children = 1, .children = &element}},
    {3, {.kind = TYPE_MAP, .n_children = 2, .children = entry}},
    {4, {.kind = TYPE_STRUCT, .n_children = 2, .children = fields}},
    {5, {.kind = TYPE_DECIMAL, .precision = 20, .scale = 2}},
    {6, {.kind = TYPE_DATE}},
    {7, {.kind = TYPE_STRING}},
};
static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "_corrupt_record"};

static uint64_t read_all(const JsonOptions *options, MemPool *pool, const uint8_t *text, size_t n)
{
    RowRequest request = {options, columns, ARRAY_SIZE(columns), pool};
    RowWindow window = {"/f", text, n, true};
    QueryError error = {0};
    const uint16_t *sel;
    uint32_t n_rows = 0, n_sel;
    uint64_t total = 0;
    void *reader;

    if (json_rows.reader_new(&request, &reader) != 0)
        return 0;
    if (json_rows.begin(reader, &window, &error) == 0)
        while (json_rows.next(reader, &n_rows, &sel, &n_sel, &error) == 0 && n_rows > 0) {
            total += n_rows;
            for (uint32_t i = 0; i < ARRAY_SIZE(columns); i++) {
                Vector v;

                if (json_rows.column(reader, i, sel, n_sel, &v, &error) != 0)
                    abort();
                for (uint32_t row = 0; row < n_rows && type_is_nested(v.type); row++)
                    if (!vec_row_is_null(&v, row) &&
                        !nested_check(v.type, &((VecString *)v.values)[row]))
                        abort();
            }
        }
    json_rows.reader_free(reader);
    return total;
}

static uint64_t infer_all(const JsonOptions *options, MemPool *pool, const uint8_t *text, size_t n)
{
    JsonInfer infer = {0};
    Type type = TYPE(NULL), one;
    CsvField record;
    uint64_t total = 0;
    JsonScan *scan;
    bool gone;
    uint32_t at;

    if (json_scan_new(options, pool, &scan) != 0)
        return 0;
    if (mem_arena_new(pool, "infer", &infer.arena) == 0) {
        json_scan_begin(scan, text, n);
        while (json_scan_record(scan, &at, &record) == 0) {
            total++;
            if (at != JSON_NO_RECORD && json_infer(&infer, json_scan_text(scan), at, &one) == 0 &&
                type_is_bounded(one) && json_unite(&infer, type, one, &one) == 0 &&
                type_is_bounded(one))
                type = one;
        }
        (void)json_without_void(&infer, type, &type, &gone);
        (void)mem_arena_free(infer.arena);
    }
    (void)json_scan_free(scan);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t no_offset;
    static const Zone utc = {.offsets = &no_offset, .repeats_from = INT64_MAX};
    JsonOptions options = {
        .text.zone = &utc, .text.n_columns = ARRAY_SIZE(columns), .names = names};
    MemPool *pool;
    uint8_t *text;

    if (size < 1 || mem_pool_new((uint64_t)256 << 20, NULL, NULL, &pool) != 0)
        return 0;
    options.text.multi_line = data[0] & 1;
    options.text.mode = data[0] & 2 ? TEXT_DROP_MALFORMED : TEXT_PERMISSIVE;
    options.text.corrupt = data[0] & 4 ? 7 : ROW_NO_COLUMN;
    if (data[0] & 8)
        options.text.has_date_format = text_pattern_parse("dd/MM/yyyy", &options.text.date_format);
    text = calloc(size - 1 + IO_SLOP, 1);
    if (text) {
        memcpy(text, data + 1, size - 1);
        if (read_all(&options, pool, text, size - 1) != infer_all(&options, pool, text, size - 1))
            abort();
    }
    free(text);
    (void)mem_pool_free(pool);
    return 0;
}

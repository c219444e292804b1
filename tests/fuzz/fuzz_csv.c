/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV: the first bytes choose the options, the rest is the file. Records by the reader and by the
 * scan that inference uses must be the same number, cut anywhere.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/io/io.h"
#include "exec/text/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const RowColumn columns[] = {
    {0, {.kind = TYPE_INT}},
    {1, {.kind = TYPE_DOUBLE}},
    {2, {.kind = TYPE_DECIMAL, .precision = 20, .scale = 2}},
    {3, {.kind = TYPE_DATE}},
    {4, {.kind = TYPE_TIMESTAMP}},
    {5, {.kind = TYPE_STRING}},
    {6, {.kind = TYPE_BOOLEAN}},
    {7, {.kind = TYPE_STRING}},
};

static uint64_t read_all(const CsvOptions *options, MemPool *pool, const uint8_t *text, size_t n)
{
    RowRequest request = {options, columns, ARRAY_SIZE(columns), pool};
    RowWindow window = {"/f", text, n, true};
    QueryError error = {0};
    const uint16_t *sel;
    uint32_t n_rows = 0, n_sel;
    uint64_t total = 0;
    void *reader;

    if (csv_rows.reader_new(&request, &reader) != 0)
        return 0;
    if (csv_rows.begin(reader, &window, &error) == 0)
        while (csv_rows.next(reader, &n_rows, &sel, &n_sel, &error) == 0 && n_rows > 0) {
            total += n_rows;
            if (n_sel > n_rows)
                abort();
            for (uint32_t i = 0; i < ARRAY_SIZE(columns); i++) {
                Vector v;

                if (csv_rows.column(reader, i, sel, n_sel, &v, &error) != 0)
                    abort();
                for (uint32_t k = 0; k < n_sel && v.phys == PHYS_STRING; k++) {
                    const VecString *s = &((VecString *)v.values)[sel ? sel[k] : k];
                    volatile char touch = s->length > 0 ? vec_string_data(s)[s->length - 1] : 0;
                    (void)touch;
                }
            }
        }
    csv_rows.reader_free(reader);
    return total;
}

static uint64_t scan_all(const CsvOptions *options, MemPool *pool, const uint8_t *text, size_t n)
{
    CsvField fields[4], record;
    CsvScan *scan;
    uint64_t total = 0;
    uint32_t n_fields;
    Type type = TYPE(NULL);

    if (csv_scan_new(options, pool, &scan) != 0)
        return 0;
    csv_scan_begin(scan, text, n, true);
    while (csv_scan_record(scan, fields, ARRAY_SIZE(fields), &n_fields, &record) == 0) {
        total++;
        for (uint32_t i = 0; i < MIN(n_fields, (uint32_t)ARRAY_SIZE(fields)); i++)
            type = csv_infer(options, type, &fields[i]);
    }
    (void)csv_scan_free(scan);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t no_offset;
    static const Zone utc = {.offsets = &no_offset, .repeats_from = INT64_MAX};
    static const char separators[] = {',', ';', '\t', '"'};
    CsvOptions options = {.null_value = "",
                          .empty_value = "",
                          .nan_value = "NaN",
                          .positive_inf = "Inf",
                          .negative_inf = "-Inf",
                          .text.zone = &utc,
                          .text.n_columns = 8,
                          .text.corrupt = ROW_NO_COLUMN,
                          .n_separator = 1};
    MemPool *pool;
    uint8_t *text;
    uint64_t n_read;

    if (size < 2 || mem_pool_new((uint64_t)256 << 20, NULL, NULL, &pool) != 0)
        return 0;
    options.separator[0] = separators[data[0] & 3];
    if (data[0] & 4)
        options.separator[options.n_separator++] = '|';
    options.quote = data[0] & 8 ? '"' : data[0] & 16 ? '\'' : 0;
    options.escape = data[0] & 32 ? '\\' : '"';
    options.comment = data[0] & 64 ? '#' : 0;
    options.header = data[0] & 128;
    options.text.multi_line = data[1] & 1;
    options.trim_leading = data[1] & 2;
    options.trim_trailing = data[1] & 4;
    options.text.mode = data[1] & 8 ? TEXT_DROP_MALFORMED : TEXT_PERMISSIVE;
    options.text.corrupt = data[1] & 16 ? 7 : ROW_NO_COLUMN;
    if (data[1] & 32)
        options.text.has_date_format = text_pattern_parse("dd/MM/yyyy", &options.text.date_format);
    /* Exactly the room that is promised, so that a byte too many is seen. */
    text = calloc(size - 2 + IO_SLOP, 1);
    if (text) {
        memcpy(text, data + 2, size - 2);
        n_read = read_all(&options, pool, text, size - 2);
        if (n_read != scan_all(&options, pool, text, size - 2))
            abort();
    }
    free(text);
    (void)mem_pool_free(pool);
    return 0;
}

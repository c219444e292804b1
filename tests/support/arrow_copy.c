/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an Arrow IPC stream from standard input with our reader and writes it to standard output
 * with our writer, so that tests/conformance/test_arrow.py can compare both with pyarrow.
 * arrow_copy [FIRST COUNT]: of each batch only those rows, as a slice. Exit 3: refused; the reason
 * on stderr.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/arrow/arrow.h"

static uint8_t *read_all(FILE *from, size_t *ret_n)
{
    uint8_t *data = NULL;
    size_t n = 0, capacity = 0;
    for (;;) {
        if (n == capacity) {
            capacity = capacity ? capacity * 2 : 65536;
            uint8_t *more = realloc(data, capacity);
            if (!more) {
                free(data);
                return NULL;
            }
            data = more;
        }
        size_t k = fread(data + n, 1, capacity - n, from);
        if (k == 0)
            break;
        n += k;
    }
    *ret_n = n;
    return data;
}

static void emit(const ArrowWriter *w, ArrowPart part, const ArrowColumn *columns, int64_t n_rows)
{
    size_t n = arrow_writer_write_part(w, part, columns, n_rows, NULL);
    _cleanup_free_ uint8_t *out = malloc(n);
    if (!out || arrow_writer_write_part(w, part, columns, n_rows, out) != n ||
        fwrite(out, 1, n, stdout) != n)
        exit(1);
}

int main(int argc, char **argv)
{
    size_t n_bytes;
    _cleanup_free_ uint8_t *data = read_all(stdin, &n_bytes);
    _cleanup_arrow_reader_ ArrowReader *r = NULL;
    _cleanup_arrow_writer_ ArrowWriter *w = NULL;
    uint32_t n_fields;
    const ArrowColumn *columns;
    int64_t n_rows;

    if (!data)
        return 1;
    int k = arrow_reader_new(data, n_bytes, &r);
    if (k == 0) {
        const ArrowField *fields = arrow_reader_fields(r, &n_fields);
        if (arrow_writer_new(fields, n_fields, &w) < 0)
            return 1;
        emit(w, ARROW_PART_SCHEMA, NULL, 0);
        while ((k = arrow_reader_next(r, &columns, &n_rows)) > 0) {
            _cleanup_free_ ArrowColumn *slice = calloc(n_fields + 1, sizeof(*slice));
            if (!slice)
                return 1;
            if (n_fields > 0)
                memcpy(slice, columns, n_fields * sizeof(*slice));
            if (argc == 3) {
                int64_t first = MIN(atoll(argv[1]), n_rows),
                        count = MIN(atoll(argv[2]), n_rows - first);
                for (uint32_t i = 0; i < n_fields; i++) {
                    slice[i].offset = first;
                    slice[i].length = count;
                    slice[i].null_count = -1;
                }
                n_rows = count;
            }
            emit(w, ARROW_PART_BATCH, slice, n_rows);
        }
    }
    if (k < 0) {
        fprintf(stderr, "%s\n", r ? arrow_reader_reason(r) : strerror(-k));
        return 3;
    }
    emit(w, ARROW_PART_END, NULL, 0);
    return 0;
}

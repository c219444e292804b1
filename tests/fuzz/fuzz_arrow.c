/* SPDX-License-Identifier: Apache-2.0 */
/* The Arrow IPC reader: any bytes give a result; what it accepts, the writer can write again
 * (ARROW-1). */
#include <stdlib.h>

#include "base/cleanup.h"
#include "connect/arrow/arrow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    _cleanup_arrow_reader_ ArrowReader *r = NULL;
    _cleanup_arrow_writer_ ArrowWriter *w = NULL;
    const ArrowColumn *columns;
    uint32_t n_fields;
    int64_t n_rows;

    if (arrow_reader_new(data, n_bytes, &r) < 0)
        return 0;
    const ArrowField *fields = arrow_reader_fields(r, &n_fields);
    if (arrow_writer_new(fields, n_fields, &w) < 0)
        abort(); /* the reader let a schema through that the writer refuses */
    while (arrow_reader_next(r, &columns, &n_rows) > 0) {
        size_t n = arrow_writer_measure(w, columns, n_rows);
        if (n > 64 << 20)
            continue; /* a column of nulls may claim many rows in few bytes */
        _cleanup_free_ uint8_t *out = malloc(n);
        if (out)
            arrow_writer_write(w, columns, n_rows, out, n);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "exec/text/json.h"

/* Lines as rows of one column, or whole files (wholetext). */

typedef struct LineReader {
    RowRequest request;
    const LineOptions *options;
    const char *path;
    RowLines lines;
    bool begun;
    VecString *values; /* [VEC_ROWS_MAX] */
} LineReader;

static void line_reader_free(void *userdata)
{
    LineReader *reader = userdata;

    if (!reader)
        return;
    mem_block_free(reader->request.pool, reader->values, VEC_ROWS_MAX * sizeof(VecString));
    free(reader);
}

static int line_reader_new(const RowRequest *request, void **ret_reader)
{
    LineReader *reader = calloc(1, sizeof(*reader));
    void *block;
    int r;

    if (!reader)
        return -ENOMEM;
    reader->request = *request;
    reader->options = request->state;
    r = mem_block_alloc(request->pool, VEC_ROWS_MAX * sizeof(VecString), "text", &block);
    if (r != 0) {
        free(reader);
        return r;
    }
    reader->values = block;
    *ret_reader = reader;
    return 0;
}

static int line_begin(void *userdata, const RowWindow *window, QueryError *error)
{
    LineReader *reader = userdata;
    bool whole = reader->options->whole;
    uint64_t skip = window->is_first && !whole ? row_mark_bytes(window->text, window->n) : 0;

    reader->path = window->path;
    reader->lines = (RowLines){window->text + skip, window->text + window->n, whole};
    reader->begun = false;
    return 0;
}

/* A file without a byte is a value, too. */
static bool next_value(LineReader *reader, const uint8_t **ret_text, uint64_t *ret_n)
{
    bool is_there = row_next_line(&reader->lines, ret_text, ret_n);

    if (!is_there && reader->options->whole && !reader->begun) {
        *ret_text = reader->lines.at;
        *ret_n = 0;
        is_there = true;
    }
    reader->begun = true;
    return is_there;
}

static int line_next(void *userdata, uint32_t *ret_n, const uint16_t **ret_sel, uint32_t *ret_n_sel,
                     QueryError *error)
{
    LineReader *reader = userdata;
    const uint8_t *text;
    uint32_t row = 0;
    uint64_t n;

    while (row < VEC_ROWS_MAX && next_value(reader, &text, &n)) {
        if (n > INT32_MAX)
            return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                                   "Encountered error while reading file file://%s. A line has "
                                   "more than 2 GiB.",
                                   reader->path);
        reader->values[row++] = vec_string((const char *)text, (uint32_t)n);
    }
    *ret_n = *ret_n_sel = row;
    *ret_sel = NULL;
    return 0;
}

static int line_column(void *userdata, uint32_t i, const uint16_t *sel, uint32_t n, Vector *ret,
                       QueryError *error)
{
    LineReader *reader = userdata;

    *ret = (Vector){.type = reader->request.columns[i].type,
                    .phys = PHYS_STRING,
                    .encoding = VEC_FLAT,
                    .values = reader->values};
    return 0;
}

static bool line_can_split(const void *state)
{
    return !((const LineOptions *)state)->whole;
}

const RowFormat line_rows = {
    .name = "text",
    .can_split = line_can_split,
    .reader_new = line_reader_new,
    .reader_free = line_reader_free,
    .begin = line_begin,
    .next = line_next,
    .column = line_column,
};

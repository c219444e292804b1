/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/text/json.h"

/* Lines as rows of one column, or whole files (wholetext). */

typedef struct LineReader {
    RowRequest request;
    const LineOptions *options;
    const char *path;
    const uint8_t *at, *end;
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
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF};
    LineReader *reader = userdata;

    reader->path = window->path;
    reader->at = window->text;
    reader->end = window->text + window->n;
    reader->begun = false;
    if (window->is_first && window->n >= sizeof(mark) && !reader->options->whole &&
        memcmp(window->text, mark, sizeof(mark)) == 0)
        reader->at += sizeof(mark);
    return 0;
}

static int line_next(void *userdata, uint32_t *ret_n, const uint16_t **ret_sel, uint32_t *ret_n_sel,
                     QueryError *error)
{
    LineReader *reader = userdata;
    uint32_t row = 0;

    while (row < VEC_ROWS_MAX &&
           (reader->at < reader->end || (reader->options->whole && !reader->begun))) {
        uint64_t left = (uint64_t)(reader->end - reader->at);
        uint64_t all = reader->options->whole ? left : row_line_end(reader->at, 0, left);
        uint64_t n = all;

        while (n > 0 && !reader->options->whole &&
               (reader->at[n - 1] == '\n' || reader->at[n - 1] == '\r'))
            n--;
        if (n > INT32_MAX)
            return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                                   "Encountered error while reading file file://%s. A line has "
                                   "more than 2 GiB.",
                                   reader->path);
        reader->values[row++] = vec_string((const char *)reader->at, (uint32_t)n);
        reader->at += all;
        reader->begun = true;
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

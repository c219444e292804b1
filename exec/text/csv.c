/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/text/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * The reader: a batch of records is cut first, keeping the fields of the columns that are wanted;
 * then each column is made of its fields, for the rows that filters left. Only when malformed
 * records matter (they are dropped, fail the query, or are shown) are all values made at once.
 */

typedef struct CsvColumn {
    CsvField *fields; /* [VEC_ROWS_MAX]; NULL: not a field */
    RowVector room;
    bool made; /* for all rows of this batch */
} CsvColumn;

typedef struct CsvReader {
    RowRequest request;
    const CsvOptions *options;
    CsvScan *scan;
    const char *path;
    CsvColumn *columns; /* per output column */
    CsvField *record;   /* fields of one, [n_record] */
    uint32_t n_record;  /* beyond the last that is wanted there is no need to look */
    uint32_t n_fields;  /* a record should have */
    bool all_wanted;    /* so their number is looked at, as Spark does */
    bool judge;         /* malformed records matter */
    uint32_t n_rows;
    CsvField *texts; /* [VEC_ROWS_MAX] whole records, when judged */
    uint8_t *bad;
    uint16_t *sel;
    uint8_t *block;
    size_t n_block;
} CsvReader;

static void csv_reader_free(void *userdata)
{
    CsvReader *reader = userdata;
    MemPool *pool;

    if (!reader)
        return;
    pool = reader->request.pool;
    for (uint32_t i = 0; reader->columns && i < reader->request.n_columns; i++) {
        mem_block_free(pool, reader->columns[i].fields, VEC_ROWS_MAX * sizeof(CsvField));
        row_vector_free(pool, &reader->columns[i].room);
    }
    mem_block_free(pool, reader->block, reader->n_block);
    (void)csv_scan_free(reader->scan);
    free(reader->columns);
    free(reader->record);
    free(reader);
}

static int column_new(CsvReader *reader, uint32_t i)
{
    const RowColumn *c = &reader->request.columns[i];
    CsvColumn *column = &reader->columns[i];
    void *block;
    int r;

    if (c->number == ROW_NO_COLUMN)
        return 0;
    r = row_vector_new(reader->request.pool, c->type, "CSV", &column->room);
    if (r != 0)
        return r;
    if (c->number == reader->options->text.corrupt)
        return 0;
    r = mem_block_alloc(reader->request.pool, VEC_ROWS_MAX * sizeof(CsvField), "CSV", &block);
    if (r == 0)
        column->fields = block;
    return r;
}

/* What of the schema is wanted, and whether that is all of it. */
static int look_at_columns(CsvReader *reader)
{
    const CsvOptions *o = reader->options;
    uint32_t n_wanted = 0;
    bool corrupt = false;

    for (uint32_t i = 0; i < reader->request.n_columns; i++) {
        uint32_t number = reader->request.columns[i].number;
        uint32_t field = number > o->text.corrupt ? number - 1 : number;

        if (number == ROW_NO_COLUMN)
            continue;
        if (number == o->text.corrupt) {
            corrupt = true;
            continue;
        }
        n_wanted++;
        reader->n_record = MAX(reader->n_record, field + 1);
    }
    reader->n_fields = o->text.n_columns - (o->text.corrupt != ROW_NO_COLUMN);
    /* Spark's parser gives as many fields as it was asked for when it was not asked for all. */
    reader->all_wanted = n_wanted + corrupt == o->text.n_columns;
    reader->judge = corrupt || o->text.mode != TEXT_PERMISSIVE;
    reader->record = calloc((size_t)reader->n_record + 1, sizeof(CsvField));
    return reader->record ? 0 : -ENOMEM;
}

static int csv_reader_new(const RowRequest *request, void **ret_reader)
{
    CsvReader *reader = calloc(1, sizeof(*reader));
    void *block;
    int r;

    if (!reader)
        return -ENOMEM;
    reader->request = *request;
    reader->options = request->state;
    reader->columns = calloc((size_t)request->n_columns + 1, sizeof(CsvColumn));
    r = reader->columns ? look_at_columns(reader) : -ENOMEM;
    if (r == 0)
        r = csv_scan_new(reader->options, request->pool, &reader->scan);
    for (uint32_t i = 0; i < request->n_columns && r == 0; i++)
        r = column_new(reader, i);
    if (r == 0 && reader->judge) {
        reader->n_block = VEC_ROWS_MAX * (sizeof(CsvField) + sizeof(uint16_t) + 1);
        r = mem_block_alloc(request->pool, reader->n_block, "CSV", &block);
        if (r == 0) {
            reader->block = block;
            reader->texts = block;
            reader->sel = (uint16_t *)(void *)(reader->texts + VEC_ROWS_MAX);
            reader->bad = (uint8_t *)(reader->sel + VEC_ROWS_MAX);
        } else {
            reader->n_block = 0;
        }
    }
    if (r != 0) {
        csv_reader_free(reader);
        return r;
    }
    *ret_reader = reader;
    return 0;
}

static int csv_begin(void *userdata, const RowWindow *window, QueryError *error)
{
    CsvReader *reader = userdata;

    reader->path = window->path;
    csv_scan_begin(reader->scan, window->text, window->n, window->is_first);
    return 0;
}

static int too_wide(const CsvReader *reader, QueryError *error)
{
    return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                           "Encountered error while reading file file://%s. A record has more than "
                           "%u columns or 2 GiB.",
                           reader->path, CSV_COLUMNS_MAX);
}

static void store_record(CsvReader *reader, uint32_t row)
{
    for (uint32_t i = 0; i < reader->request.n_columns; i++) {
        uint32_t number = reader->request.columns[i].number;

        if (reader->columns[i].fields)
            reader->columns[i].fields[row] =
                reader->record[number - (number > reader->options->text.corrupt)];
    }
}

/* Values of one column; *bad says which rows have none where there is a field. */
static void make_column(CsvReader *reader, uint32_t i, const uint16_t *sel, uint32_t n,
                        uint8_t *bad)
{
    const CsvOptions *o = reader->options;
    CsvColumn *column = &reader->columns[i];
    Vector *v = &column->room.vector;
    uint32_t n_null = 0;

    memset(v->valid, 0xFF, VEC_VALID_WORDS * sizeof(uint64_t));
    for (uint32_t k = 0; k < n; k++) {
        uint32_t row = sel ? sel[k] : k;
        const CsvField *f = &column->fields[row];

        if (!csv_is_null(o, f)) {
            if (csv_value(o, f, v->type, v->values, row))
                continue;
            if (bad)
                bad[row] = 1;
        }
        memset((uint8_t *)v->values + row * phys_size(v->phys), 0, phys_size(v->phys));
        vec_bit_clear(v->valid, row);
        n_null++;
    }
    v->has_nulls = n_null > 0;
}

static void make_corrupt(CsvReader *reader, uint32_t i)
{
    Vector *v = &reader->columns[i].room.vector;

    memset(v->valid, 0, VEC_VALID_WORDS * sizeof(uint64_t));
    v->has_nulls = true;
    for (uint32_t row = 0; row < reader->n_rows; row++) {
        ((VecString *)v->values)[row] =
            reader->bad[row]
                ? vec_string((const char *)reader->texts[row].text, reader->texts[row].n)
                : (VecString){0};
        if (reader->bad[row])
            vec_bit_set(v->valid, row);
    }
}

/* All values now, and what is to be done about the records that have a wrong one. */
static int judge(CsvReader *reader, const uint16_t **ret_sel, uint32_t *ret_n_sel,
                 QueryError *error)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < reader->request.n_columns; i++)
        if (reader->columns[i].fields) {
            make_column(reader, i, NULL, reader->n_rows, reader->bad);
            reader->columns[i].made = true;
        }
    for (uint32_t i = 0; i < reader->request.n_columns; i++)
        if (reader->request.columns[i].number == reader->options->text.corrupt &&
            reader->columns[i].room.block)
            make_corrupt(reader, i);
    for (uint32_t row = 0; row < reader->n_rows; row++) {
        if (reader->bad[row] && reader->options->text.mode == TEXT_FAIL_FAST)
            return row_malformed(reader->path, reader->texts[row].text, reader->texts[row].n,
                                 error);
        if (!reader->bad[row] || reader->options->text.mode == TEXT_PERMISSIVE)
            reader->sel[n++] = (uint16_t)row;
    }
    *ret_sel = n == reader->n_rows ? NULL : reader->sel;
    *ret_n_sel = n;
    return 0;
}

static int csv_next(void *userdata, uint32_t *ret_n, const uint16_t **ret_sel, uint32_t *ret_n_sel,
                    QueryError *error)
{
    CsvReader *reader = userdata;
    CsvField text;
    uint32_t n_found;
    int r = 0;

    csv_scan_forget(reader->scan);
    reader->n_rows = 0;
    for (uint32_t i = 0; i < reader->request.n_columns; i++)
        reader->columns[i].made = false;
    while (reader->n_rows < VEC_ROWS_MAX) {
        r = csv_scan_record(reader->scan, reader->record, reader->n_record, &n_found, &text);
        if (r != 0)
            break;
        store_record(reader, reader->n_rows);
        if (reader->judge) {
            reader->texts[reader->n_rows] = text;
            reader->bad[reader->n_rows] = reader->all_wanted && n_found != reader->n_fields;
        }
        reader->n_rows++;
    }
    if (r == -E2BIG)
        return too_wide(reader, error);
    if (r != 0 && r != -ENODATA)
        return r;
    *ret_n = *ret_n_sel = reader->n_rows;
    *ret_sel = NULL;
    return reader->judge && reader->n_rows > 0 ? judge(reader, ret_sel, ret_n_sel, error) : 0;
}

static int csv_column(void *userdata, uint32_t i, const uint16_t *sel, uint32_t n, Vector *ret,
                      QueryError *error)
{
    CsvReader *reader = userdata;
    CsvColumn *column = &reader->columns[i];

    if (column->fields && !column->made)
        make_column(reader, i, sel, n, NULL);
    *ret = column->room.vector;
    return 0;
}

static bool csv_can_split(const void *state)
{
    return !((const CsvOptions *)state)->text.multi_line;
}

const RowFormat csv_rows = {
    .name = "csv",
    .can_split = csv_can_split,
    .reader_new = csv_reader_new,
    .reader_free = csv_reader_free,
    .begin = csv_begin,
    .next = csv_next,
    .column = csv_column,
};

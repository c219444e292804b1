/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/text/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * A record is parsed into nodes, its keys are looked up among the wanted columns, and their values
 * are made at once: a record is malformed when one of them is, which must be known before anything
 * is given out. Keys mostly come in the order of the record before, so the column behind the last
 * one found is tried first.
 */

struct JsonScan {
    const JsonOptions *options;
    MemPool *pool;
    MemArena *arena;
    RowLines lines;
    void *block; /* nodes */
    size_t n_block;
    JsonText text; /* of the line that is being read */
    CsvField line;
    uint32_t next, stop; /* elements of an array that are records still to come */
};

int json_scan_new(const JsonOptions *options, MemPool *pool, JsonScan **ret_scan)
{
    JsonScan *scan = calloc(1, sizeof(*scan));
    int r = scan ? mem_arena_new(pool, "JSON", &scan->arena) : -ENOMEM;

    if (r != 0) {
        free(scan);
        return r;
    }
    scan->options = options;
    scan->pool = pool;
    scan->text = (JsonText){
        .arena = scan->arena,
        .zone = options->text.zone,
        .date = options->text.has_date_format ? &options->text.date_format : NULL,
        .timestamp = options->text.has_timestamp_format ? &options->text.timestamp_format : NULL,
    };
    *ret_scan = scan;
    return 0;
}

JsonScan *json_scan_free(JsonScan *scan)
{
    if (scan) {
        (void)mem_arena_free(scan->arena);
        mem_block_free(scan->pool, scan->block, scan->n_block);
        free(scan);
    }
    return NULL;
}

void json_scan_begin(JsonScan *scan, const uint8_t *text, uint64_t n)
{
    scan->lines =
        (RowLines){text + row_mark_bytes(text, n), text + n, scan->options->text.multi_line};
    scan->next = scan->stop = 0;
}

void json_scan_forget(JsonScan *scan)
{
    mem_arena_reset(scan->arena);
}

const JsonText *json_scan_text(const JsonScan *scan)
{
    return &scan->text;
}

static int node_room(JsonScan *scan, size_t n)
{
    int r;

    if (n * sizeof(JsonNode) <= scan->n_block)
        return 0;
    mem_block_free(scan->pool, scan->block, scan->n_block);
    scan->block = NULL;
    scan->n_block = 0;
    r = mem_block_alloc(scan->pool, n * sizeof(JsonNode), "JSON", &scan->block);
    if (r == 0)
        scan->n_block = n * sizeof(JsonNode);
    return r;
}

/* Return: 0; 1: it is no JSON; MEM_E_*. What stands behind the first value is of no account. */
static int parse_line(JsonScan *scan)
{
    const char *text = (const char *)scan->line.text;
    uint32_t n_nodes, end;
    int r = node_room(scan, 256);

    while (r == 0) {
        size_t room = scan->n_block / sizeof(JsonNode);

        r = json_parse(text, scan->line.n, scan->block, (uint32_t)MIN(room, (size_t)UINT32_MAX),
                       &n_nodes, &end);
        if (r != -ENOSPC)
            break;
        r = node_room(scan, MIN(room * 4, (size_t)scan->line.n + 1));
    }
    scan->text.text = text;
    scan->text.nodes = scan->block;
    return r == -EBADMSG ? 1 : r;
}

/* The next line that holds anything. */
static bool next_line(JsonScan *scan, uint64_t *ret_n)
{
    while (row_next_line(&scan->lines, &scan->line.text, ret_n))
        for (uint64_t i = 0; i < *ret_n; i++)
            if (scan->line.text[i] > ' ')
                return true;
    return false;
}

int json_scan_record(JsonScan *scan, uint32_t *ret_at, CsvField *ret_text)
{
    const JsonNode *nodes = scan->block;
    uint64_t n;
    int r;

    while (scan->next == scan->stop) {
        if (!next_line(scan, &n))
            return -ENODATA;
        if (n > INT32_MAX)
            return -E2BIG;
        scan->line.n = (uint32_t)n;
        *ret_text = scan->line;
        *ret_at = JSON_NO_RECORD;
        r = parse_line(scan);
        if (r != 0)
            return r == 1 ? 0 : r;
        nodes = scan->block;
        if (nodes[0].kind == JSON_OBJECT) {
            *ret_at = 0;
            return 0;
        }
        if (nodes[0].kind != JSON_ARRAY)
            return 0;
        scan->next = 1;
        scan->stop = nodes[0].next;
        for (uint32_t i = 1; i < scan->stop; i = nodes[i].next)
            if (nodes[i].kind != JSON_OBJECT) { /* then none of it is a record */
                scan->next = scan->stop;
                return 0;
            }
    }
    *ret_at = scan->next;
    *ret_text = scan->line;
    scan->next = nodes[scan->next].next;
    return 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

typedef struct JsonColumn {
    RowVector room;
    const char *name;
    uint32_t n_name;
} JsonColumn;

typedef struct JsonReader {
    RowRequest request;
    const JsonOptions *options;
    JsonScan *scan;
    const char *path;
    JsonColumn *columns;
    uint32_t corrupt; /* output column of malformed records; ROW_NO_COLUMN: none */
    uint16_t *sel;
} JsonReader;

static void json_reader_free(void *userdata)
{
    JsonReader *reader = userdata;
    MemPool *pool;

    if (!reader)
        return;
    pool = reader->request.pool;
    for (uint32_t i = 0; reader->columns && i < reader->request.n_columns; i++)
        row_vector_free(pool, &reader->columns[i].room);
    mem_block_free(pool, reader->sel, VEC_ROWS_MAX * sizeof(uint16_t));
    (void)json_scan_free(reader->scan);
    free(reader->columns);
    free(reader);
}

static int column_new(JsonReader *reader, uint32_t i)
{
    const RowColumn *c = &reader->request.columns[i];
    JsonColumn *column = &reader->columns[i];
    int r;

    if (c->number == ROW_NO_COLUMN)
        return 0;
    r = row_vector_new(reader->request.pool, c->type, "JSON", &column->room);
    if (r != 0)
        return r;
    column->room.vector.has_nulls = true;
    if (c->number == reader->options->text.corrupt) {
        reader->corrupt = i;
    } else {
        column->name = reader->options->names[c->number];
        column->n_name = (uint32_t)strlen(column->name);
    }
    return 0;
}

static int json_reader_new(const RowRequest *request, void **ret_reader)
{
    JsonReader *reader = calloc(1, sizeof(*reader));
    void *block;
    int r;

    if (!reader)
        return -ENOMEM;
    reader->request = *request;
    reader->options = request->state;
    reader->corrupt = ROW_NO_COLUMN;
    reader->columns = calloc((size_t)request->n_columns + 1, sizeof(JsonColumn));
    r = reader->columns ? json_scan_new(reader->options, request->pool, &reader->scan) : -ENOMEM;
    for (uint32_t i = 0; i < request->n_columns && r == 0; i++)
        r = column_new(reader, i);
    if (r == 0) {
        r = mem_block_alloc(request->pool, VEC_ROWS_MAX * sizeof(uint16_t), "JSON", &block);
        if (r == 0)
            reader->sel = block;
    }
    if (r != 0) {
        json_reader_free(reader);
        return r;
    }
    *ret_reader = reader;
    return 0;
}

static int json_begin(void *userdata, const RowWindow *window, QueryError *error)
{
    JsonReader *reader = userdata;

    reader->path = window->path;
    json_scan_begin(reader->scan, window->text, window->n);
    return 0;
}

/* The output column of a key, looked for from the one behind @*hint. Return: its number, or the
 * number of columns. */
static uint32_t find_column(const JsonReader *reader, const JsonNode *key, uint32_t *hint)
{
    const JsonText *json = json_scan_text(reader->scan);
    uint32_t n = reader->request.n_columns;

    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = *hint + k < n ? *hint + k : *hint + k - n;
        const JsonColumn *c = &reader->columns[i];

        if (c->name && json_key_is(json, key, c->name, c->n_name)) {
            *hint = i + 1 < n ? i + 1 : 0;
            return i;
        }
    }
    return n;
}

static int read_object(JsonReader *reader, uint32_t at, uint32_t row, bool *ret_bad)
{
    const JsonText *json = json_scan_text(reader->scan);
    const JsonNode *nodes = json->nodes;
    uint32_t hint = 0;

    for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i + 1].next) {
        uint32_t number = find_column(reader, &nodes[i], &hint);
        JsonColumn *c = &reader->columns[number];
        NestedItem item;
        int r;

        if (number == reader->request.n_columns)
            continue;
        r = json_value(json, i + 1, c->room.vector.type, &item, ret_bad);
        if (r != 0)
            return r;
        nested_store(&item, c->room.size, c->room.vector.values, row);
        if (item.is_null)
            vec_bit_clear(c->room.vector.valid, row);
        else
            vec_bit_set(c->room.vector.valid, row);
    }
    return 0;
}

static void store_corrupt(JsonReader *reader, uint32_t row, const CsvField *text)
{
    Vector *v = &reader->columns[reader->corrupt].room.vector;

    ((VecString *)v->values)[row] = vec_string((const char *)text->text, text->n);
    vec_bit_set(v->valid, row);
}

/* Return: 0; -EMSGSIZE: a value that is too long; as json_scan_record(). */
static int read_row(JsonReader *reader, uint32_t row, bool *ret_keep, QueryError *error)
{
    bool bad = false;
    CsvField text;
    uint32_t at;
    int r = json_scan_record(reader->scan, &at, &text);

    if (r != 0)
        return r;
    if (at == JSON_NO_RECORD)
        bad = true;
    else
        r = read_object(reader, at, row, &bad);
    if (r != 0)
        return r;
    if (bad && reader->options->text.mode == TEXT_FAIL_FAST)
        return row_malformed(reader->path, text.text, text.n, error);
    if (bad && reader->corrupt != ROW_NO_COLUMN)
        store_corrupt(reader, row, &text);
    *ret_keep = !bad || reader->options->text.mode == TEXT_PERMISSIVE;
    return 0;
}

static int json_next(void *userdata, uint32_t *ret_n, const uint16_t **ret_sel, uint32_t *ret_n_sel,
                     QueryError *error)
{
    JsonReader *reader = userdata;
    uint32_t row = 0, n_kept = 0;
    int r = 0;

    json_scan_forget(reader->scan);
    for (uint32_t i = 0; i < reader->request.n_columns; i++)
        if (reader->columns[i].room.block)
            memset(reader->columns[i].room.block, 0, reader->columns[i].room.n_block);
    while (row < VEC_ROWS_MAX && r == 0) {
        bool keep = false;

        r = read_row(reader, row, &keep, error);
        if (r != 0)
            break;
        reader->sel[n_kept] = (uint16_t)row;
        n_kept += keep;
        row++;
    }
    if (r == -E2BIG || r == -EMSGSIZE)
        return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                               "Encountered error while reading file file://%s. A record has more "
                               "than 2 GiB.",
                               reader->path);
    if (r != 0 && r != -ENODATA)
        return r;
    *ret_n = row;
    *ret_n_sel = n_kept;
    *ret_sel = n_kept == row ? NULL : reader->sel;
    return 0;
}

static int json_column(void *userdata, uint32_t i, const uint16_t *sel, uint32_t n, Vector *ret,
                       QueryError *error)
{
    JsonReader *reader = userdata;

    *ret = reader->columns[i].room.vector;
    return 0;
}

static bool json_can_split(const void *state)
{
    return !((const JsonOptions *)state)->text.multi_line;
}

const RowFormat json_rows = {
    .name = "json",
    .can_split = json_can_split,
    .reader_new = json_reader_new,
    .reader_free = json_reader_free,
    .begin = json_begin,
    .next = json_next,
    .column = json_column,
};

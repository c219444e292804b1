/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/plan/source_text.h"

/* CSV as a source: Spark's options, names from a header, types from the values when asked for. */

static const char *option_or(const SourceRequest *request, const char *key, const char *otherwise)
{
    const char *value = source_option(request, key);

    return value ? value : otherwise;
}

static int bad_option(const char *key, const char *what, QueryError *error)
{
    return query_error_set(error, DATA_ERROR_ANALYSIS, "INVALID_PARAMETER_VALUE", "22023", "%s %s.",
                           key, what);
}

/* One character or none. */
static int character(const SourceRequest *request, const char *key, char otherwise, char *ret,
                     QueryError *error)
{
    const char *value = source_option(request, key);

    *ret = otherwise;
    if (!value)
        return 0;
    if (strlen(value) > 1)
        return bad_option(key, "cannot be more than one character", error);
    *ret = value[0];
    return 0;
}

/* Backslashes as in "\t"; what stands behind one is itself otherwise. */
static int separator(const SourceRequest *request, CsvOptions *o, QueryError *error)
{
    const char *value = option_or(request, "sep", option_or(request, "delimiter", ","));

    for (; *value; value++) {
        char c = *value;

        if (o->n_separator == CSV_SEPARATOR_MAX)
            return bad_option("Delimiter", "cannot have so many characters", error);
        if (c == '\\' && value[1]) {
            c = *++value;
            c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
        }
        o->separator[o->n_separator++] = c;
    }
    return o->n_separator > 0 ? 0 : bad_option("Delimiter", "cannot be empty", error);
}

static int encoding(const SourceRequest *request, QueryError *error)
{
    const char *value = option_or(request, "encoding", option_or(request, "charset", "UTF-8"));
    int r;

    if (strcasecmp(value, "UTF-8") == 0 || strcasecmp(value, "US-ASCII") == 0)
        return 0;
    r = query_error_set(error, DATA_ERROR_ANALYSIS, "INVALID_PARAMETER_VALUE.CHARSET", "22023",
                        "The value of parameter(s) `charset` in `CSVOptions` is invalid: expects "
                        "one of the us-ascii, utf-8, but got %.40s.",
                        value);
    return r;
}

static int parse_options(SourceLoad *load, const SourceRequest *request, CsvOptions *o)
{
    static const char *const refused[] = {
        "enforceSchema",
        "true",
        "preferDate",
        "true",
        "unescapedQuoteHandling",
        "STOP_AT_DELIMITER",
        "charToEscapeQuoteEscaping",
        NULL,
        NULL,
    };
    QueryError *error = load->error;
    int r = source_text_options(request, refused, &o->text, error);

    o->header = source_option_bool(request, "header", false);
    o->trim_leading = source_option_bool(request, "ignoreLeadingWhiteSpace", false);
    o->trim_trailing = source_option_bool(request, "ignoreTrailingWhiteSpace", false);
    o->null_value = option_or(request, "nullValue", "");
    o->empty_value = option_or(request, "emptyValue", "");
    o->nan_value = option_or(request, "nanValue", "NaN");
    o->positive_inf = option_or(request, "positiveInf", "Inf");
    o->negative_inf = option_or(request, "negativeInf", "-Inf");
    if (r == 0)
        r = separator(request, o, error);
    if (r == 0)
        r = encoding(request, error);
    if (r == 0)
        r = character(request, "quote", '"', &o->quote, error);
    if (r == 0)
        r = character(request, "escape", '\\', &o->escape, error);
    if (r == 0)
        r = character(request, "comment", 0, &o->comment, error);
    return r;
}

/* --- names ------------------------------------------------------------------------------------ */

typedef struct Inference {
    SourceLoad *load;
    SourceInfo *source;
    CsvOptions *options;
    CsvScan *scan;
    CsvField *fields;
    uint32_t n; /* columns; known when @fields is */
    bool header;
} Inference;

static bool is_repeated(const Inference *in, uint32_t i)
{
    const SourceColumn *columns = in->source->columns;

    for (uint32_t k = 0; k < in->n; k++)
        if (k != i && strcasecmp(columns[k].name, columns[i].name) == 0)
            return true;
    return false;
}

/* As Spark: no name is _c and its number, repeated ones get their number behind. */
static int name_columns(Inference *in)
{
    SourceInfo *source = in->source;
    MemArena *arena = in->load->arena;
    bool *repeated;

    source->columns = mem_arena_new_array(arena, SourceColumn, in->n + 1);
    repeated = mem_arena_new_array(arena, bool, in->n + 1);
    if (!source->columns || !repeated)
        return mem_arena_error(arena);
    source->n_columns = in->n;
    for (uint32_t i = 0; i < in->n; i++) {
        const CsvField *f = &in->fields[i];
        char name[16];
        bool named = in->header && !csv_is_null(in->options, f) && f->n > 0;

        (void)snprintf(name, sizeof(name), "_c%u", i);
        source->columns[i] = (SourceColumn){
            .name = named ? mem_arena_strndup(arena, (const char *)f->text, f->n)
                          : mem_arena_strndup(arena, name, strlen(name)),
            .type = TYPE(NULL),
            .nullable = true,
            .readable = true,
        };
        if (!source->columns[i].name)
            return mem_arena_error(arena);
    }
    for (uint32_t i = 0; i < in->n && in->n <= 4096; i++)
        repeated[i] = is_repeated(in, i);
    for (uint32_t i = 0; i < in->n; i++) {
        size_t size = strlen(source->columns[i].name) + 12;
        char *name = repeated[i] ? mem_arena_alloc(arena, size, 1) : NULL;

        if (repeated[i] && !name)
            return mem_arena_error(arena);
        if (name) {
            (void)snprintf(name, size, "%s%u", source->columns[i].name, i);
            source->columns[i].name = name;
        }
    }
    return 0;
}

/* The first record says how many columns there are. */
static int first_record(void *userdata, const TextWindow *window, QueryError *error)
{
    Inference *in = userdata;
    CsvField text;
    int r;

    csv_scan_begin(in->scan, window->text, window->n, window->is_first);
    r = csv_scan_record(in->scan, in->fields, CSV_COLUMNS_MAX, &in->n, &text);
    if (r == -ENODATA)
        return 0;
    if (r == 0)
        r = name_columns(in);
    return r == 0 ? 1 : r;
}

/* --- types ------------------------------------------------------------------------------------ */

static int infer_window(void *userdata, const TextWindow *window, QueryError *error)
{
    Inference *in = userdata;
    SourceColumn *columns = in->source->columns;
    CsvField text;
    uint32_t n;
    int r;

    csv_scan_begin(in->scan, window->text, window->n, window->is_first);
    for (;;) {
        r = csv_scan_record(in->scan, in->fields, in->n, &n, &text);
        if (r != 0)
            break;
        for (uint32_t i = 0; i < MIN(n, in->n); i++)
            columns[i].type = csv_infer(in->options, columns[i].type, &in->fields[i]);
    }
    csv_scan_forget(in->scan);
    return r == -ENODATA ? 0 : r;
}

static int infer_all(Inference *in)
{
    int r;

    in->header = in->options->header;
    in->options->header = false; /* it is the record that is looked at */
    r = source_text_each(in->load, in->source, in->options->text.multi_line, first_record, in);
    in->options->header = in->header;
    if (r == 0 && source_option_bool(in->source->request, "inferSchema", false))
        r = source_text_each(in->load, in->source, in->options->text.multi_line, infer_window, in);
    for (uint32_t i = 0; i < in->source->n_columns && r == 0; i++)
        if (in->source->columns[i].type.kind == TYPE_NULL)
            in->source->columns[i].type = TYPE(STRING);
    return r;
}

static void csv_scan_freep(CsvScan **scan)
{
    *scan = csv_scan_free(*scan);
}

static int infer_columns(SourceLoad *load, SourceInfo *source, CsvOptions *options)
{
    _cleanup_free_ CsvField *fields = calloc(CSV_COLUMNS_MAX, sizeof(*fields));
    _cleanup_(csv_scan_freep) CsvScan *scan = NULL;
    Inference in = {.load = load, .source = source, .options = options, .fields = fields};
    int r = fields ? csv_scan_new(options, session_files_pool(load->files), &scan) : -ENOMEM;

    if (r != 0)
        return r;
    in.scan = scan;
    return infer_all(&in);
}

/* Types that text is not read as. */
static int check_types(const SourceInfo *source, QueryError *error)
{
    char type[200];

    for (uint32_t i = 0; i < source->n_columns; i++) {
        const SourceColumn *c = &source->columns[i];

        if (c->type.kind < TYPE_BOOLEAN || c->type.kind > TYPE_TIMESTAMP_NTZ)
            return query_error_set(error, DATA_ERROR_ANALYSIS,
                                   "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", "0A000",
                                   "The CSV datasource doesn't support the column `%.100s` of the "
                                   "type \"%.100s\".",
                                   c->name, type_format(c->type, type, sizeof(type)));
    }
    return 0;
}

static int csv_open(SourceLoad *load, SourceInfo *source)
{
    CsvOptions *options = mem_arena_new_of(load->arena, CsvOptions);
    int r;

    if (!options)
        return mem_arena_error(load->arena);
    r = parse_options(load, source->request, options);
    if (r == 0)
        r = source->request->schema ? source_text_given(load, source, &options->text.corrupt)
                                    : infer_columns(load, source, options);
    if (r == 0)
        r = check_types(source, load->error);
    options->text.n_columns = source->n_columns;
    source->state = options;
    return r;
}

const SourceFormat source_format_csv = {
    .name = "csv",
    .title = "CSV",
    .infer = csv_open,
    .load = source_text_load,
    .rows = &csv_rows,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/plan/source_text.h"
#include "exec/text/json.h"
#include "exec/vec/nested.h"

/* JSON and plain lines as sources: columns from all records, or given. */

typedef struct Inference {
    SourceLoad *load;
    JsonOptions *options;
    JsonScan *scan;
    JsonInfer record; /* of one record: given back after it */
    JsonInfer kept;
    Type type; /* of all records so far */
    bool corrupt;
} Inference;

static int too_wide(SourceLoad *load)
{
    return query_error_set(load->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE.JSON_SCHEMA",
                           "0A000",
                           "JSON records of more than %u different fields, or nested deeper than "
                           "%u, are not supported.",
                           UINT8_MAX, NESTED_DEPTH_MAX);
}

static int fail_fast(SourceLoad *load)
{
    return query_error_set(load->error, DATA_ERROR_FILE,
                           "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", "22023",
                           "Malformed records are detected in record parsing: _corrupt_record. "
                           "Parse Mode: FAILFAST. To process malformed records as null result, try "
                           "setting the option 'mode' as 'PERMISSIVE'.");
}

static int infer_window(void *userdata, const TextWindow *window, QueryError *error)
{
    Inference *in = userdata;
    CsvField text;
    uint32_t at;
    int r;

    json_scan_begin(in->scan, window->text, window->n);
    while ((r = json_scan_record(in->scan, &at, &text)) == 0) {
        if (at != JSON_NO_RECORD)
            r = json_widen(&in->record, &in->kept, json_scan_text(in->scan), at, &in->type);
        else if (in->options->text.mode == TEXT_FAIL_FAST)
            r = fail_fast(in->load);
        else
            in->corrupt |= in->options->text.mode == TEXT_PERMISSIVE;
        if (r != 0)
            return r == -E2BIG ? too_wide(in->load) : r;
    }
    json_scan_forget(in->scan);
    return r == -ENODATA ? 0 : r;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const SourceColumn *)a)->name, ((const SourceColumn *)b)->name);
}

static int no_twice(const SourceInfo *source, QueryError *error)
{
    for (uint32_t i = 0; i < source->n_columns; i++)
        for (uint32_t k = 0; k < i; k++) {
            char name[300];
            int r;

            if (!source_text_same_name(source->request, source->columns[i].name,
                                       source->columns[k].name))
                continue;
            (void)snprintf(name, sizeof(name), "`%.290s`", source->columns[i].name);
            r = query_error_set(error, DATA_ERROR_ANALYSIS, "COLUMN_ALREADY_EXISTS", "42711",
                                "The column %s already exists. Choose another name or rename the "
                                "existing column.",
                                name);
            query_error_parameters(error, "columnName", name, NULL);
            return r;
        }
    return 0;
}

static int make_columns(Inference *in, SourceInfo *source)
{
    const char *corrupt = source_text_corrupt_name(source->request);
    MemArena *arena = in->load->arena;
    bool gone = true;
    Type type = in->type;
    int r = type.kind == TYPE_STRUCT ? json_without_void(&in->kept, type, &type, &gone) : 0;

    if (r != 0)
        return r;
    source->columns = mem_arena_new_array(arena, SourceColumn, (size_t)type.n_children + 2);
    if (!source->columns)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < type.n_children && !gone; i++)
        source->columns[source->n_columns++] =
            (SourceColumn){.name = type.children[i].name, .type = type.children[i].type};
    if (in->corrupt && source_find_column(source, corrupt, false) == -1)
        source->columns[source->n_columns++] =
            (SourceColumn){.name = corrupt, .type = TYPE(STRING)};
    qsort(source->columns, source->n_columns, sizeof(*source->columns), by_name);
    for (uint32_t i = 0; i < source->n_columns; i++) {
        source->columns[i].nullable = source->columns[i].readable = true;
        if (in->corrupt && strcmp(source->columns[i].name, corrupt) == 0)
            in->options->text.corrupt = i;
    }
    return no_twice(source, in->load->error);
}

static int infer_columns(SourceLoad *load, SourceInfo *source, JsonOptions *options)
{
    MemPool *pool = session_files_pool(load->files);
    Inference in = {.load = load, .options = options, .kept = {load->arena, options->as_strings}};
    int r = json_scan_new(options, pool, &in.scan);

    in.record.as_strings = options->as_strings;
    if (r == 0)
        r = mem_arena_new(pool, "schema", &in.record.arena);
    if (r == 0)
        r = source_text_each(load, source, options->text.multi_line, infer_window, &in);
    if (r == 0)
        r = make_columns(&in, source);
    if (in.record.arena)
        (void)mem_arena_free(in.record.arena);
    (void)json_scan_free(in.scan);
    return r;
}

static int parse_options(SourceLoad *load, const SourceRequest *request, JsonOptions *o)
{
    static const char *const refused[] = {
        "encoding",
        "UTF-8",
        "charset",
        "UTF-8",
        "allowUnquotedFieldNames",
        "false",
        "allowComments",
        "false",
        "allowNumericLeadingZeros",
        "false",
        "allowBackslashEscapingAnyCharacter",
        "false",
        "allowUnquotedControlChars",
        "false",
        "allowSingleQuotes",
        "true",
        "prefersDecimal",
        "false",
        "dropFieldIfAllNull",
        "false",
        "inferTimestamp",
        "false",
        "singleVariantColumn",
        NULL,
        NULL,
    };
    int r = source_text_options(request, refused, &o->text, load->error);

    o->as_strings = source_option_bool(request, "primitivesAsString", false);
    return r;
}

static bool is_read(Type type)
{
    if (type.kind == TYPE_MAP && type.children[0].type.kind != TYPE_STRING)
        return false;
    for (uint32_t i = 0; i < type.n_children; i++)
        if (!is_read(type.children[i].type))
            return false;
    return type.kind != TYPE_NULL && type.kind != TYPE_INTERVAL_YM && type.kind != TYPE_INTERVAL_DT;
}

static int finish(SourceLoad *load, SourceInfo *source, JsonOptions *options)
{
    const char **names = mem_arena_new_array(load->arena, const char *, source->n_columns + 1);
    char type[200];

    if (!names)
        return mem_arena_error(load->arena);
    for (uint32_t i = 0; i < source->n_columns; i++) {
        const SourceColumn *c = &source->columns[i];

        names[i] = c->name;
        if (!is_read(c->type))
            return query_error_set(load->error, DATA_ERROR_ANALYSIS,
                                   "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", "0A000",
                                   "The JSON datasource doesn't support the column `%.100s` of the "
                                   "type \"%.100s\".",
                                   c->name, type_format(c->type, type, sizeof(type)));
    }
    options->names = names;
    options->text.n_columns = source->n_columns;
    source->state = options;
    return 0;
}

static int json_open(SourceLoad *load, SourceInfo *source)
{
    JsonOptions *options = mem_arena_new_of(load->arena, JsonOptions);
    int r;

    if (!options)
        return mem_arena_error(load->arena);
    r = parse_options(load, source->request, options);
    if (r == 0)
        r = source->request->schema ? source_text_given(load, source, &options->text.corrupt)
                                    : infer_columns(load, source, options);
    return r == 0 ? finish(load, source, options) : r;
}

const SourceFormat source_format_json = {
    .name = "json",
    .title = "JSON",
    .infer = json_open,
    .load = source_text_load,
    .rows = &json_rows,
};

/* --- plain lines ------------------------------------------------------------------------------ */

static int text_open(SourceLoad *load, SourceInfo *source)
{
    static const char *const refused[] = {"lineSep", NULL, "encoding", "UTF-8", NULL};
    LineOptions *options = mem_arena_new_of(load->arena, LineOptions);
    uint32_t corrupt;
    char type[200];
    int r = source_text_refuse(source->request, refused, load->error);

    if (!options)
        return mem_arena_error(load->arena);
    if (r != 0)
        return r;
    options->whole = source_option_bool(source->request, "wholetext", false);
    source->state = options;
    if (source->request->schema) {
        r = source_text_given(load, source, &corrupt);
        if (r == 0 && source->n_columns > 1)
            r = query_error_set(load->error, DATA_ERROR_ANALYSIS, "UNSUPPORTED_FEATURE.TEXT_SCHEMA",
                                "0A000",
                                "Text data source supports only a single column, and you have %u "
                                "columns.",
                                source->n_columns);
        if (r == 0 && source->n_columns == 1 && source->columns[0].type.kind != TYPE_STRING)
            r = query_error_set(
                load->error, DATA_ERROR_ANALYSIS, "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", "0A000",
                "The Text datasource doesn't support the column `%.100s` of the "
                "type \"%.100s\".",
                source->columns[0].name, type_format(source->columns[0].type, type, sizeof(type)));
        return r;
    }
    source->columns = mem_arena_new_array(load->arena, SourceColumn, 2);
    if (!source->columns)
        return mem_arena_error(load->arena);
    source->columns[0] =
        (SourceColumn){.name = "value", .type = TYPE(STRING), .nullable = true, .readable = true};
    source->n_columns = 1;
    return 0;
}

const SourceFormat source_format_text = {
    .name = "text",
    .title = "Text",
    .infer = text_open,
    .load = source_text_load,
    .rows = &line_rows,
};

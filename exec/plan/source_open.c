/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/plan/partition.h"
#include "exec/plan/source_format.h"
#include "exec/vec/nested.h"

/* Paths into files, files into partitions, and the format's part in between. */

static const SourceFormat *const formats[] = {&source_format_parquet, &source_format_csv,
                                              &source_format_json, &source_format_text,
                                              &source_format_arrow};

const SourceFormat *source_format_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        if (strcasecmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

static int no_format(const char *name, QueryError *error)
{
    static const char *const known[] = {"orc", "avro", "delta",     "jdbc",
                                        "xml", "hive", "binaryFile"};
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcasecmp(name, known[i]) == 0)
            return query_error_set(error, DATA_ERROR_ANALYSIS, "UNSUPPORTED_DATASOURCE_FORMAT",
                                   "42604", "The data source format %.64s is not supported.", name);
    r = query_error_set(error, DATA_ERROR_ANALYSIS, "DATA_SOURCE_NOT_FOUND", "42K02",
                        "Failed to find the data source: %.64s. Make sure the provider name is "
                        "correct and the package is properly registered and compatible with your "
                        "Spark version.",
                        name);
    query_error_parameters(error, "provider", name, NULL);
    return r;
}

const char *source_option(const SourceRequest *request, const char *key)
{
    for (uint32_t i = request->n_options; i-- > 0;)
        if (strcasecmp(request->options[i].key, key) == 0)
            return request->options[i].value;
    return NULL;
}

bool source_option_bool(const SourceRequest *request, const char *key, bool otherwise)
{
    const char *value = source_option(request, key);

    return value ? strcasecmp(value, "true") == 0 : otherwise;
}

static int no_schema(const SourceFormat *format, QueryError *error)
{
    int r = query_error_set(error, DATA_ERROR_ANALYSIS, "UNABLE_TO_INFER_SCHEMA", "42KD9",
                            "Unable to infer schema for %s. It must be specified manually.",
                            format->title);
    query_error_parameters(error, "format", format->title, NULL);
    return r;
}

/* --- files ------------------------------------------------------------------------------------ */

static const char *strip_scheme(const char *path)
{
    if (strncmp(path, "file://", 7) == 0 && path[7] == '/')
        return path + 7;
    if (strncmp(path, "file:", 5) == 0 && path[5] == '/')
        return path + 5;
    return path;
}

/* In a directory only files that say what they are count; a file that is named counts. */
static void keep_data(IoList *list, bool (*is_data)(const char *path))
{
    size_t kept = 0;

    for (size_t i = 0; i < list->n_paths; i++) {
        if (!list->from_directory || !is_data || is_data(list->files[i].path))
            list->files[kept++] = list->files[i];
        else
            free(list->files[i].path);
    }
    list->n_paths = kept;
}

/* Moves what @from has to the end of @to. */
static int append_list(IoList *to, IoList *from)
{
    IoListed *grown;

    if (to->n_paths + from->n_paths > SOURCE_FILES_MAX)
        return -E2BIG;
    grown = realloc(to->files, (to->n_paths + from->n_paths + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    to->files = grown;
    if (from->n_paths > 0)
        memcpy(grown + to->n_paths, from->files, from->n_paths * sizeof(*grown));
    to->n_paths += from->n_paths;
    from->n_paths = 0;
    return 0;
}

static int list_files(const SourceFormat *format, const SourceRequest *request, IoList *list,
                      QueryError *error)
{
    for (uint32_t i = 0; i < request->n_paths; i++) {
        _cleanup_(io_list_done) IoList one = {0};
        const char *path = strip_scheme(request->paths[i]);
        int r = io_list(path, SOURCE_FILES_MAX, &one, error);

        if (r == QUERY_E_FAILED && error && strcmp(error->error_class, "PATH_NOT_FOUND") == 0) {
            char name[400];
            (void)snprintf(name, sizeof(name), "file:%.390s", path);
            query_error_parameters(error, "path", name, NULL);
        }
        if (r != 0)
            return r;
        keep_data(&one, format->is_data);
        r = append_list(list, &one);
        if (r == -E2BIG)
            return query_error_set(error, DATA_ERROR_ANALYSIS, "PATH_NOT_FOUND", "42K03",
                                   "The paths mean more than %u files.", SOURCE_FILES_MAX);
        if (r != 0)
            return r;
    }
    return 0;
}

/* Is the file in the very directory that was asked for? */
static bool is_direct(const IoListed *file)
{
    return !strchr(file->path + file->n_root + (file->path[file->n_root] == '/'), '/');
}

static int add_files(SourceInfo *source, const IoList *list, const PartitionColumns *partitions,
                     bool recursive, MemArena *arena)
{
    source->files = mem_arena_new_array(arena, ScanFile, list->n_paths + 1);
    if (!source->files)
        return mem_arena_error(arena);
    for (size_t i = 0; i < list->n_paths; i++) {
        const IoListed *listed = &list->files[i];
        ScanFile *file = &source->files[source->n_files];

        if (partitions->n > 0 ? !partitions->values[i] : !recursive && !is_direct(listed))
            continue;
        file->path = mem_arena_strndup(arena, listed->path, strlen(listed->path));
        if (!file->path)
            return mem_arena_error(arena);
        file->size_bytes = listed->size_bytes;
        file->partition = partitions->n > 0 ? partitions->values[i] : NULL;
        source->bytes += file->size_bytes;
        source->n_files++;
    }
    source->n_listed = source->n_files;
    return 0;
}

/* --- columns ---------------------------------------------------------------------------------- */

int source_put_column(MemArena *arena, SourceColumn *s, const char *name, Type type,
                      const char *unreadable)
{
    int r;

    s->name = mem_arena_strndup(arena, name, strlen(name));
    if (!s->name)
        return mem_arena_error(arena);
    r = type_copy(arena, type, &s->type);
    if (r != 0)
        return r;
    s->nullable = true;
    s->readable = unreadable == NULL;
    s->unreadable = unreadable;
    return 0;
}

int source_given_columns(SourceLoad *load, SourceInfo *source)
{
    const SourceRequest *request = source->request;

    source->columns = mem_arena_new_array(load->arena, SourceColumn, request->n_schema + 1);
    if (!source->columns)
        return mem_arena_error(load->arena);
    for (uint32_t i = 0; i < request->n_schema; i++) {
        int r = source_put_column(load->arena, &source->columns[source->n_columns++],
                                  request->schema[i].name, request->schema[i].type, NULL);

        if (r != 0)
            return r;
    }
    return 0;
}

static bool same_name(const SourceRequest *request, const char *a, const char *b)
{
    return request->case_sensitive ? strcmp(a, b) == 0 : strcasecmp(a, b) == 0;
}

uint32_t source_column_number(const SourceInfo *source, const char *name, uint32_t hint)
{
    for (uint32_t i = hint; i < source->n_columns; i++)
        if (same_name(source->request, source->columns[i].name, name))
            return i;
    for (uint32_t i = 0; i < MIN(hint, source->n_columns); i++)
        if (same_name(source->request, source->columns[i].name, name))
            return i;
    return UINT32_MAX;
}

int source_find_column(const SourceInfo *source, const char *name, bool case_sensitive)
{
    int found = -1;

    for (uint32_t i = 0; i < source->n_columns; i++) {
        const char *other = source->columns[i].name;

        if (case_sensitive ? strcmp(name, other) != 0 : strcasecmp(name, other) != 0)
            continue;
        if (found >= 0)
            return -2;
        found = (int)i;
    }
    return found;
}

void source_map_partitions(const SourceInfo *source, uint32_t *map)
{
    for (uint32_t i = 0; i < source->n_partitions; i++)
        map[source->partitions[i]] = SCAN_PARTITION + i;
}

static int add_partitions(SourceInfo *source, const PartitionColumns *partitions, MemArena *arena)
{
    uint32_t n = source->n_columns;
    SourceColumn *columns = mem_arena_new_array(arena, SourceColumn, n + partitions->n);

    source->partitions = mem_arena_new_array(arena, uint32_t, partitions->n);
    if (!columns || !source->partitions)
        return mem_arena_error(arena);
    if (n > 0)
        memcpy(columns, source->columns, n * sizeof(*columns));
    for (uint32_t i = 0; i < partitions->n; i++) {
        int at = source_find_column(source, partitions->names[i], source->request->case_sensitive);

        if (at < 0) {
            at = (int)n++;
            columns[at].name = partitions->names[i];
        }
        columns[at].type = partitions->types[i];
        columns[at].nullable = columns[at].readable = true;
        source->partitions[i] = (uint32_t)at;
    }
    source->n_partitions = partitions->n;
    source->columns = columns;
    source->n_columns = n;
    return 0;
}

/* A given schema may name the partitions: the format is asked for the other columns. */
static const SourceRequest *keep_request(const SourceRequest *request,
                                         const PartitionColumns *partitions, MemArena *arena)
{
    SourceRequest *kept = mem_arena_new_of(arena, SourceRequest);
    PlanField *fields = mem_arena_new_array(arena, PlanField, request->n_schema + 1);

    if (!kept || !fields)
        return NULL;
    *kept = *request;
    kept->n_schema = 0;
    for (uint32_t i = 0; i < request->n_schema; i++) {
        bool is_partition = false;

        for (uint32_t k = 0; k < partitions->n; k++)
            is_partition |= request->schema[i].name == partitions->names[k];
        if (!is_partition)
            fields[kept->n_schema++] = request->schema[i];
    }
    kept->schema = request->schema ? fields : NULL;
    return kept;
}

static const int64_t no_offset;
static const Zone utc = {.offsets = &no_offset, .repeats_from = INT64_MAX};

static int discover(const SourceRequest *request, const IoList *list, bool recursive,
                    MemArena *arena, PartitionColumns *partitions, QueryError *error)
{
    const char *base = source_option(request, "basePath");
    PartitionRequest p = {
        .base_path = base ? strip_scheme(base) : NULL,
        .given = request->schema,
        .n_given = request->n_schema,
        .case_sensitive = request->case_sensitive,
        .as_strings = request->partitions_as_strings,
        .zone = request->zone ? request->zone : &utc,
    };

    *partitions = (PartitionColumns){0};
    return recursive ? 0 : partition_discover(list, &p, arena, partitions, error);
}

int source_open(SessionFiles *files, const SourceRequest *request, MemArena *arena,
                SourceInfo **ret_source, QueryError *error)
{
    _cleanup_(io_list_done) IoList list = {0};
    const SourceFormat *format = source_format_find(request->format);
    bool recursive = source_option_bool(request, "recursiveFileLookup", false);
    SourceLoad load = {files, arena, error};
    PartitionColumns partitions;
    SourceInfo *source;
    int r;

    if (!format)
        return no_format(request->format, error);
    r = list_files(format, request, &list, error);
    if (r == 0)
        r = discover(request, &list, recursive, arena, &partitions, error);
    if (r != 0)
        return r;
    source = mem_arena_new_of(arena, SourceInfo);
    if (!source)
        return mem_arena_error(arena);
    source->format = format;
    source->io = session_files_io(files);
    source->request = keep_request(request, &partitions, arena);
    if (!source->request)
        return mem_arena_error(arena);
    r = add_files(source, &list, &partitions, recursive, arena);
    if (r == 0 && source->n_files == 0 && !request->schema)
        r = no_schema(format, error);
    if (r == 0)
        r = format->infer(&load, source);
    if (r == 0 && partitions.n > 0)
        r = add_partitions(source, &partitions, arena);
    if (r != 0)
        return r;
    *ret_source = source;
    return partitions.n > 0 ? 0 : source_load(files, source, NULL, arena, ret_source, error);
}

/* What statistics give lives as long as the files; the plan may live longer. */
static int keep_strings(SourceInfo *source, MemArena *arena)
{
    for (uint32_t i = 0; i < source->n_columns; i++) {
        SourceColumn *c = &source->columns[i];
        Literal *bounds[] = {&c->min, &c->max};

        if (!c->has_min_max || type_phys(c->type) != PHYS_STRING)
            continue;
        for (size_t k = 0; k < ARRAY_SIZE(bounds); k++) {
            VecString s = bounds[k]->s;
            char *copy = mem_arena_strndup(arena, vec_string_data(&s), s.length);

            if (!copy)
                return mem_arena_error(arena);
            bounds[k]->s = vec_string(copy, s.length);
        }
    }
    return 0;
}

int source_load(SessionFiles *files, const SourceInfo *from, const bool *keep, MemArena *arena,
                SourceInfo **ret_source, QueryError *error)
{
    SourceLoad load = {files, arena, error};
    SourceInfo *source = mem_arena_new_of(arena, SourceInfo);
    int r;

    if (!source)
        return mem_arena_error(arena);
    *source = *from;
    source->files = mem_arena_new_array(arena, ScanFile, from->n_files + 1);
    source->columns = mem_arena_new_array(arena, SourceColumn, from->n_columns + 1);
    if (!source->files || !source->columns)
        return mem_arena_error(arena);
    if (from->n_columns > 0)
        memcpy(source->columns, from->columns, from->n_columns * sizeof(*source->columns));
    source->n_files = 0;
    source->rows = source->bytes = 0;
    source->rows_exact = true;
    for (uint32_t i = 0; i < from->n_files; i++) {
        if (keep && !keep[i])
            continue;
        source->bytes += from->files[i].size_bytes;
        source->files[source->n_files++] = from->files[i];
    }
    r = from->format->load(&load, source);
    if (r == 0)
        r = keep_strings(source, arena);
    if (r != 0)
        return r;
    source->loaded = true;
    *ret_source = source;
    return 0;
}

bool source_same(const SourceInfo *a, const SourceInfo *b)
{
    const SourceRequest *x = a->request, *y = b->request;

    if (a->format != b->format || a->n_columns != b->n_columns || x->n_options != y->n_options ||
        x->zone != y->zone)
        return false;
    for (uint32_t i = 0; i < a->n_columns; i++)
        if (strcmp(a->columns[i].name, b->columns[i].name) != 0 ||
            !type_equal(a->columns[i].type, b->columns[i].type))
            return false;
    for (uint32_t i = 0; i < x->n_options; i++)
        if (strcmp(x->options[i].key, y->options[i].key) != 0 ||
            strcmp(x->options[i].value, y->options[i].value) != 0)
            return false;
    return true;
}

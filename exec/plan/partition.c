/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/plan/partition.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/kernel/civil.h"
#include "exec/kernel/decimal.h"
#include "exec/text/value.h"

/*
 * Files come sorted by path, so those of one folder stand together: each folder is looked at once.
 * First the texts of all folders, then the types that fit all of them, then the values.
 */

#define DEFAULT_PARTITION "__HIVE_DEFAULT_PARTITION__"

typedef struct RawValue {
    const char *raw;  /* as the folder has it */
    const char *text; /* percent-decoded; NULL: the default partition */
} RawValue;

typedef struct Folder {
    size_t first_file, n_bytes; /* of the path, without '/' behind */
    size_t n_base;              /* where its partitions begin */
    uint32_t n;                 /* columns; 0: none */
    const char **names;
    RawValue *values;
} Folder;

typedef struct Discovery {
    const IoList *list;
    const PartitionRequest *request;
    MemArena *arena;
    QueryError *error;
    Folder *folders;
    size_t n_folders;
    uint32_t *folder_of; /* per file */
} Discovery;

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* %XX as the character of that number, as Spark has it; what is no such escape stays as it is. */
static char *percent_decode(MemArena *arena, const char *text, size_t n)
{
    char *out = mem_arena_strndup(arena, text, n);
    size_t at = 0;

    for (size_t i = 0; out && i < n; i++) {
        int high = text[i] == '%' && i + 2 < n ? hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        int c = low < 0 ? 0 : high << 4 | low;

        if (c == 0) {
            out[at++] = text[i];
            continue;
        }
        if (c >= 0x80)
            out[at++] = (char)(0xC0 | c >> 6);
        out[at++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3F));
        i += 2;
    }
    if (out)
        out[at] = '\0';
    return out;
}

/* --- folders ---------------------------------------------------------------------------------- */

/* Where the table begins: the base path when the file lies below it, else its root. */
static size_t root_bytes(const Discovery *d, const IoListed *file)
{
    const char *base = d->request->base_path;
    size_t n = base ? strlen(base) : 0;

    while (n > 1 && base[n - 1] == '/')
        n--;
    if (n > 0 && strncmp(base, file->path, n) == 0 && (file->path[n] == '/' || n == 1))
        return n;
    return file->n_root;
}

static int add_column(Discovery *d, Folder *folder, const char *name, const char *equals,
                      const char *end)
{
    RawValue *value = &folder->values[folder->n];
    size_t n_raw = (size_t)(end - equals - 1);

    folder->names[folder->n] = percent_decode(d->arena, name, (size_t)(equals - name));
    value->raw = mem_arena_strndup(d->arena, equals + 1, n_raw);
    if (!folder->names[folder->n] || !value->raw)
        return mem_arena_error(d->arena);
    if (strcmp(value->raw, DEFAULT_PARTITION) != 0) {
        value->text = percent_decode(d->arena, equals + 1, n_raw);
        if (!value->text)
            return mem_arena_error(d->arena);
    }
    folder->n++;
    return 0;
}

/* From the file up: folders without '=' are passed by until a column was seen, then they end it. */
static int read_folder(Discovery *d, Folder *folder, const char *path, size_t n_root)
{
    size_t end = folder->n_bytes;
    int r = 0;

    folder->n_base = end;
    while (end > n_root && folder->n < PARTITION_COLUMNS_MAX) {
        size_t start = end;
        const char *equals;

        while (start > 0 && path[start - 1] != '/')
            start--;
        equals = memchr(path + start, '=', end - start);
        if (!equals && folder->n > 0)
            break;
        if (equals && (equals == path + start || equals + 1 == path + end))
            return query_error_set(
                d->error, DATA_ERROR_ANALYSIS, "CONFLICTING_DIRECTORY_STRUCTURES", "KD009",
                "Empty partition column name or value in file:%.*s.", (int)end, path);
        if (equals) {
            if (folder->n == 0) {
                folder->names = mem_arena_new_array(d->arena, const char *, PARTITION_COLUMNS_MAX);
                folder->values = mem_arena_new_array(d->arena, RawValue, PARTITION_COLUMNS_MAX);
                if (!folder->names || !folder->values)
                    return mem_arena_error(d->arena);
            }
            r = add_column(d, folder, path + start, equals, path + end);
            if (r != 0)
                return r;
        }
        end = start > 1 ? start - 1 : start;
        if (folder->n > 0)
            folder->n_base = end;
        if (start == 0)
            break;
    }
    for (uint32_t i = 0; i < folder->n / 2; i++) { /* they were found from behind */
        uint32_t k = folder->n - 1 - i;
        const char *name = folder->names[i];
        RawValue value = folder->values[i];

        folder->names[i] = folder->names[k];
        folder->values[i] = folder->values[k];
        folder->names[k] = name;
        folder->values[k] = value;
    }
    return 0;
}

static int read_folders(Discovery *d)
{
    const IoList *list = d->list;
    int r;

    d->folders = mem_arena_new_array(d->arena, Folder, list->n_paths);
    d->folder_of = mem_arena_new_array(d->arena, uint32_t, list->n_paths);
    if (!d->folders || !d->folder_of)
        return mem_arena_error(d->arena);
    for (size_t i = 0; i < list->n_paths; i++) {
        const char *path = list->files[i].path;
        size_t n = (size_t)(strrchr(path, '/') - path);
        const Folder *last = d->n_folders > 0 ? &d->folders[d->n_folders - 1] : NULL;

        if (!last || last->n_bytes != n ||
            strncmp(list->files[last->first_file].path, path, n) != 0) {
            Folder *folder = &d->folders[d->n_folders++];

            *folder = (Folder){.first_file = i, .n_bytes = n};
            r = read_folder(d, folder, path, root_bytes(d, &list->files[i]));
            if (r != 0)
                return r;
        }
        d->folder_of[i] = (uint32_t)(d->n_folders - 1);
    }
    return 0;
}

/* --- do the folders agree? -------------------------------------------------------------------- */

static bool same_name(const Discovery *d, const char *a, const char *b)
{
    return d->request->case_sensitive ? strcmp(a, b) == 0 : strcasecmp(a, b) == 0;
}

static bool same_names(const Discovery *d, const Folder *a, const Folder *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!same_name(d, a->names[i], b->names[i]))
            return false;
    return true;
}

static const char *folder_path(const Discovery *d, const Folder *folder)
{
    return d->list->files[folder->first_file].path;
}

static int names_differ(const Discovery *d, const Folder *a, const Folder *b)
{
    char names[2][300] = {"", ""};
    const Folder *const folders[] = {a, b};

    for (size_t k = 0; k < 2; k++)
        for (uint32_t i = 0, at = 0; i < folders[k]->n && at + 60 < sizeof(names[k]); i++)
            at += (uint32_t)snprintf(names[k] + at, sizeof(names[k]) - at, "%s%.50s", i ? ", " : "",
                                     folders[k]->names[i]);
    return query_error_set(
        d->error, DATA_ERROR_ANALYSIS, "CONFLICTING_PARTITION_COLUMN_NAMES", "KD009",
        "Conflicting partition column names detected:\n\n\tPartition column name list #0: "
        "%s\n\tPartition column name list #1: %s\n\nFor partitioned table directories, data files "
        "should only live in leaf directories.\nAnd directories at the same level should have the "
        "same partition column name.\nPlease check the following directories for unexpected files "
        "or inconsistent partition column names:\n\n\tfile:%.*s\n\tfile:%.*s",
        names[0], names[1], (int)MIN(a->n_bytes, (size_t)300), folder_path(d, a),
        (int)MIN(b->n_bytes, (size_t)300), folder_path(d, b));
}

static int bases_differ(const Discovery *d, const Folder *a, const Folder *b)
{
    char paths[700];

    (void)snprintf(paths, sizeof(paths), "\n\tfile:%.*s\n\tfile:%.*s\n",
                   (int)MIN(a->n_base, (size_t)330), folder_path(d, a),
                   (int)MIN(b->n_base, (size_t)330), folder_path(d, b));
    query_error_set(d->error, DATA_ERROR_ANALYSIS, "CONFLICTING_DIRECTORY_STRUCTURES", "KD009",
                    "Conflicting directory structures detected.\nSuspicious paths:\n%s\nIf "
                    "provided paths are partition directories, please set \"basePath\" in the "
                    "options of the data source to specify the root directory of the table.\nIf "
                    "there are multiple root directories, please load them separately and then "
                    "union them.",
                    paths);
    query_error_parameters(d->error, "discoveredBasePaths", paths, NULL);
    return QUERY_E_FAILED;
}

/* Return: 0 with the first folder that has columns, or NULL. */
static int check_folders(const Discovery *d, const Folder **ret_first)
{
    const Folder *first = NULL;

    for (size_t i = 0; i < d->n_folders && !first; i++)
        if (d->folders[i].n > 0)
            first = &d->folders[i];
    for (size_t i = 0; i < d->n_folders && first; i++) {
        const Folder *f = &d->folders[i];

        if (f->n_base != first->n_base ||
            strncmp(folder_path(d, f), folder_path(d, first), f->n_base) != 0)
            return bases_differ(d, first, f);
        if (f->n > 0 && !same_names(d, first, f))
            return names_differ(d, first, f);
    }
    *ret_first = first;
    return 0;
}

/* --- types ------------------------------------------------------------------------------------ */

static bool parse_integer(const char *text, int64_t *ret)
{
    return text_integer(text, (uint32_t)strlen(text), ret);
}

static bool parse_decimal(const char *text, uint32_t *ret_precision, __int128 *ret)
{
    return text_whole(text, (uint32_t)strlen(text), ret_precision, ret);
}

static bool parse_double(const char *text, double *ret)
{
    return text_double(text, (uint32_t)strlen(text), ret);
}

static bool has_shape(const char *text, const char *shape)
{
    return text_has_shape(text, (uint32_t)strlen(text), shape);
}

static bool parse_clock(const char *text, const Zone *zone, int64_t *ret)
{
    if (!has_shape(text, "dddd-dd-dd dd:dd:dd") && !has_shape(text, "dddd-dd-dd dd:dd:dd.d"))
        return false;
    return zone_parse_instant(zone, text, (uint32_t)strlen(text), ret);
}

static bool parse_day(const char *text, int32_t *ret)
{
    return has_shape(text, "dddd-dd-dd") && civil_parse_date(text, (uint32_t)strlen(text), ret);
}

static Type infer_type(const Discovery *d, const char *text)
{
    uint32_t precision;
    int64_t i;
    int32_t day;
    __int128 wide;
    double x;

    if (!text)
        return TYPE(NULL);
    if (d->request->as_strings)
        return TYPE(STRING);
    if (parse_integer(text, &i))
        return i >= INT32_MIN && i <= INT32_MAX ? TYPE(INT) : TYPE(LONG);
    if (parse_decimal(text, &precision, &wide))
        return TYPE_DECIMAL_OF(precision, 0);
    if (parse_double(text, &x))
        return TYPE(DOUBLE);
    if (parse_clock(text, d->request->zone, &i))
        return TYPE(TIMESTAMP);
    return parse_day(text, &day) ? TYPE(DATE) : TYPE(STRING);
}

static uint32_t digits_of(Type t)
{
    return t.kind == TYPE_INT ? 10 : t.kind == TYPE_LONG ? 20 : t.precision;
}

static bool is_whole(Type t)
{
    return t.kind == TYPE_INT || t.kind == TYPE_LONG || t.kind == TYPE_DECIMAL;
}

static Type wider(Type a, Type b)
{
    if (a.kind == TYPE_NULL)
        return b;
    if (b.kind == TYPE_NULL || type_equal(a, b))
        return a;
    if (is_whole(a) && is_whole(b)) {
        if (a.kind != TYPE_DECIMAL && b.kind != TYPE_DECIMAL)
            return TYPE(LONG);
        return TYPE_DECIMAL_OF(MAX(digits_of(a), digits_of(b)), 0);
    }
    if ((a.kind == TYPE_DOUBLE && b.kind == TYPE_INT) ||
        (a.kind == TYPE_INT && b.kind == TYPE_DOUBLE))
        return TYPE(DOUBLE);
    if ((a.kind == TYPE_DATE && b.kind == TYPE_TIMESTAMP) ||
        (a.kind == TYPE_TIMESTAMP && b.kind == TYPE_DATE))
        return TYPE(TIMESTAMP);
    return TYPE(STRING);
}

static const PlanField *given_field(const Discovery *d, const char *name)
{
    for (uint32_t i = 0; i < d->request->n_given; i++)
        if (same_name(d, d->request->given[i].name, name))
            return &d->request->given[i];
    return NULL;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool text_value(const char *text, Type type, const Zone *zone, Literal *ret)
{
    uint32_t n = (uint32_t)strlen(text), precision;
    CivilClock clock;
    int32_t day;

    switch (type.kind) {
    case TYPE_BYTE:
        return parse_integer(text, &ret->i) && ret->i == (int8_t)ret->i;
    case TYPE_SHORT:
        return parse_integer(text, &ret->i) && ret->i == (int16_t)ret->i;
    case TYPE_INT:
        return parse_integer(text, &ret->i) && ret->i == (int32_t)ret->i;
    case TYPE_LONG:
        return parse_integer(text, &ret->i);
    case TYPE_DECIMAL: {
        __int128 wide;

        if (!(type.scale == 0
                  ? parse_decimal(text, &precision, &wide) || dec_parse(text, n, 0, &wide) == 0
                  : dec_parse(text, n, type.scale, &wide) == 0) ||
            !dec_fits(wide, type.precision))
            return false;
        if (type.precision <= 18)
            ret->i = (int64_t)wide;
        else
            ret->i128 = wide;
        return true;
    }
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        if (!parse_double(text, &ret->d))
            return false;
        if (type.kind == TYPE_FLOAT)
            ret->d = (float)ret->d;
        return true;
    case TYPE_BOOLEAN:
        ret->b = strcasecmp(text, "true") == 0;
        return ret->b || strcasecmp(text, "false") == 0;
    case TYPE_DATE:
        if (!civil_parse_date(text, n, &day))
            return false;
        ret->i = day;
        return true;
    case TYPE_TIMESTAMP:
        return zone_parse_instant(zone, text, n, &ret->i);
    case TYPE_TIMESTAMP_NTZ:
        if (!civil_parse_clock(text, n, &clock))
            return false;
        ret->i = clock.wall;
        return true;
    case TYPE_STRING:
    case TYPE_BINARY:
        ret->s = vec_string(text, n);
        return true;
    default:
        return false;
    }
}

static int bad_value(const Discovery *d, const char *name, const char *raw, Type type)
{
    char buf[100], quoted[110];

    for (char *c = type_format(type, buf, sizeof(buf)); *c; c++)
        *c = (char)toupper((unsigned char)*c);
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", buf);
    query_error_set(d->error, DATA_ERROR_ANALYSIS, "INVALID_PARTITION_VALUE", "42846",
                    "Failed to cast value '%.200s' to data type %s for partition column `%.100s`. "
                    "Ensure the value matches the expected data type for this partition column.",
                    raw, quoted, name);
    query_error_parameters(d->error, "value", raw, "dataType", quoted, "columnName", name, NULL);
    return QUERY_E_FAILED;
}

static int folder_values(const Discovery *d, const Folder *folder, const PartitionColumns *columns,
                         const Literal **ret)
{
    Literal *values = mem_arena_new_array(d->arena, Literal, columns->n);

    if (!values)
        return mem_arena_error(d->arena);
    for (uint32_t i = 0; i < columns->n; i++) {
        const RawValue *raw = &folder->values[i];

        values[i].is_null = !raw->text;
        if (raw->text && !text_value(raw->text, columns->types[i], d->request->zone, &values[i]))
            return bad_value(d, columns->names[i], raw->raw, columns->types[i]);
    }
    *ret = values;
    return 0;
}

static int make_columns(const Discovery *d, const Folder *first, PartitionColumns *ret)
{
    ret->n = first->n;
    ret->names = first->names;
    ret->types = mem_arena_new_array(d->arena, Type, first->n);
    ret->values = mem_arena_new_array(d->arena, const Literal *, d->list->n_paths);
    if (!ret->types || !ret->values)
        return mem_arena_error(d->arena);
    for (uint32_t i = 0; i < first->n; i++) {
        const PlanField *given = given_field(d, first->names[i]);

        for (size_t k = 0; k < d->n_folders && !given; k++)
            if (d->folders[k].n > 0)
                ret->types[i] = wider(ret->types[i], infer_type(d, d->folders[k].values[i].text));
        if (given) {
            ret->types[i] = given->type;
            ret->names[i] = given->name;
        }
    }
    return 0;
}

int partition_discover(const IoList *list, const PartitionRequest *request, MemArena *arena,
                       PartitionColumns *ret, QueryError *error)
{
    Discovery d = {.list = list, .request = request, .arena = arena, .error = error};
    const Folder *first = NULL;
    const Literal *values = NULL;
    size_t last = SIZE_MAX;
    int r = read_folders(&d);

    *ret = (PartitionColumns){0};
    if (r == 0)
        r = check_folders(&d, &first);
    if (r != 0 || !first)
        return r;
    r = make_columns(&d, first, ret);
    for (size_t i = 0; i < list->n_paths && r == 0; i++) {
        const Folder *folder = &d.folders[d.folder_of[i]];

        if (folder->n > 0 && d.folder_of[i] != last)
            r = folder_values(&d, folder, ret, &values);
        last = d.folder_of[i];
        ret->values[i] = folder->n > 0 ? values : NULL;
    }
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/catalog/entry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/cleanup.h"

#define MAGIC "berth-catalog"
#define VERSION "1"
#define FIELDS_MAX 5u
#define END_BYTES 21u /* "end", tab, 16 digits, newline */

static const char *const kinds[_CATALOG_KIND_MAX] = {
    [CATALOG_TABLE] = "table", [CATALOG_VIEW] = "view", [CATALOG_DATABASE] = "database"};

/* ---- writing ---- */

static void put_field(FILE *out, const char *text)
{
    fputc('\t', out);
    for (const char *c = text ? text : ""; *c; c++)
        if (*c == '\\' || *c == '\t' || *c == '\n') {
            fputc('\\', out);
            fputc(*c == '\t' ? 't' : *c == '\n' ? 'n' : '\\', out);
        } else
            fputc(*c, out);
}

/* Nothing when there is no text. */
static void put_line(FILE *out, const char *word, const char *text)
{
    if (!text)
        return;
    fputs(word, out);
    put_field(out, text);
    fputc('\n', out);
}

static void put_pairs(FILE *out, const char *word, const UOption *pairs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        fputs(word, out);
        put_field(out, pairs[i].key);
        put_field(out, pairs[i].value);
        fputc('\n', out);
    }
}

static void put_column(FILE *out, const CatalogColumn *c)
{
    fputs("column", out);
    put_field(out, c->name);
    put_field(out, c->type);
    put_field(out, c->required ? "required" : "null");
    if (c->comment)
        put_field(out, c->comment);
    fputc('\n', out);
}

static void put_entry(FILE *out, const CatalogEntry *e)
{
    char number[32];
    fprintf(out, MAGIC "\t" VERSION "\t%s\n", kinds[e->kind]);
    (void)snprintf(number, sizeof(number), "%lld", (long long)e->created_usec);
    put_line(out, "created", number);
    put_line(out, "managed", e->managed ? "true" : NULL);
    put_line(out, "format", e->format);
    put_line(out, "location", e->location);
    put_line(out, "comment", e->comment);
    put_line(out, "text", e->text);
    put_line(out, "database", e->database);
    for (uint32_t i = 0; i < e->n_columns; i++)
        put_column(out, &e->columns[i]);
    for (uint32_t i = 0; i < e->n_partitions; i++)
        put_line(out, "partition", e->partitions[i]);
    for (uint32_t i = 0; i < e->n_sources; i++)
        put_line(out, "source", e->sources[i]);
    put_pairs(out, "option", e->options, e->n_options);
    put_pairs(out, "property", e->properties, e->n_properties);
}

int catalog_entry_write(const CatalogEntry *e, char **ret_bytes, size_t *ret_n)
{
    _cleanup_free_ char *bytes = NULL;
    size_t n;
    if (e->n_columns > CATALOG_COLUMNS_MAX || e->n_options > CATALOG_PAIRS_MAX ||
        e->n_properties > CATALOG_PAIRS_MAX)
        return -E2BIG;
    FILE *out = open_memstream(&bytes, &n);
    if (!out)
        return -ENOMEM;
    put_entry(out, e);
    if (fflush(out) == 0)
        fprintf(out, "end\t%016llx\n", (unsigned long long)XXH64(bytes, n, 0));
    if (fclose(out) != 0)
        return -ENOMEM;
    if (n > CATALOG_BYTES_MAX)
        return -E2BIG;
    *ret_bytes = TAKE_PTR(bytes);
    *ret_n = n;
    return 0;
}

/* ---- reading ---- */

typedef struct Reader {
    MemArena *arena;
    CatalogEntry *entry;
    /* How many of each there are, counted before they are read. */
    uint32_t n_columns, n_partitions, n_sources, n_options, n_properties;
    const char *wrong; /* the first thing that is */
} Reader;

static int damaged(const char *where, uint32_t line, const char *what, QueryError *error)
{
    return query_error_set(error, DATA_ERROR_FILE, "BERTH_CATALOG_DAMAGED", "58030",
                           "The catalogue's file %.300s is damaged, at line %u: %s. Drop the "
                           "object and make it again, or put the file back from a copy.",
                           where, line, what);
}

/* A field without its escapes; NULL when one is wrong, or memory is refused. */
static const char *take_field(Reader *r, const char *from, size_t n)
{
    char *copy = mem_arena_alloc(r->arena, n + 1, 1);
    size_t at = 0;
    if (!copy)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        char c = from[i];
        if (c == '\\') {
            c = i + 1 < n ? from[++i] : '\0';
            c = c == 't' ? '\t' : c == 'n' ? '\n' : c == '\\' ? '\\' : '\0';
        }
        if (c == '\0') {
            r->wrong = "a byte that cannot stand in a field";
            return NULL;
        }
        copy[at++] = c;
    }
    copy[at] = '\0';
    return copy;
}

/* The fields of a line without its newline. Return: how many; 0 after a failure. */
static uint32_t split_line(Reader *r, const char *line, size_t n, const char **fields)
{
    uint32_t n_fields = 0;
    for (size_t from = 0; from <= n; n_fields++) {
        const char *tab = memchr(line + from, '\t', n - from);
        size_t to = tab ? (size_t)(tab - line) : n;
        if (n_fields == FIELDS_MAX) {
            r->wrong = "too many fields";
            return 0;
        }
        fields[n_fields] = take_field(r, line + from, to - from);
        if (!fields[n_fields])
            return 0;
        from = to + 1;
    }
    return n_fields;
}

static bool take_column(Reader *r, const char **fields, uint32_t n)
{
    CatalogColumn *c = &r->entry->columns[r->entry->n_columns++];
    if (n < 4 || (strcmp(fields[3], "null") != 0 && strcmp(fields[3], "required") != 0)) {
        r->wrong = "a column is not complete";
        return false;
    }
    *c = (CatalogColumn){.name = fields[1],
                         .type = fields[2],
                         .required = fields[3][0] == 'r',
                         .comment = n > 4 ? fields[4] : NULL};
    return true;
}

static bool take_text(Reader *r, const char **fields, uint32_t n)
{
    CatalogEntry *e = r->entry;
    const struct {
        const char *word, **place;
    } texts[] = {{"format", &e->format},
                 {"location", &e->location},
                 {"comment", &e->comment},
                 {"text", &e->text},
                 {"database", &e->database}};
    for (size_t i = 0; n == 2 && i < ARRAY_SIZE(texts); i++)
        if (strcmp(fields[0], texts[i].word) == 0) {
            *texts[i].place = fields[1];
            return true;
        }
    r->wrong = "a word that is not known";
    return false;
}

static bool take_line(Reader *r, const char **fields, uint32_t n)
{
    CatalogEntry *e = r->entry;
    const char *word = fields[0];
    if (strcmp(word, "column") == 0)
        return take_column(r, fields, n);
    if (strcmp(word, "partition") == 0 && n == 2)
        return e->partitions[e->n_partitions++] = fields[1], true;
    if (strcmp(word, "source") == 0 && n == 2)
        return e->sources[e->n_sources++] = fields[1], true;
    if (strcmp(word, "option") == 0 && n == 3)
        return e->options[e->n_options++] = (UOption){fields[1], fields[2]}, true;
    if (strcmp(word, "property") == 0 && n == 3)
        return e->properties[e->n_properties++] = (UOption){fields[1], fields[2]}, true;
    if (strcmp(word, "managed") == 0 && n == 2)
        return e->managed = true, true;
    if (strcmp(word, "created") == 0 && n == 2)
        return e->created_usec = strtoll(fields[1], NULL, 10), true;
    return take_text(r, fields, n);
}

static bool take_first(Reader *r, const char **fields, uint32_t n)
{
    if (n != 3 || strcmp(fields[0], MAGIC) != 0) {
        r->wrong = "it is no file of a catalogue";
        return false;
    }
    if (strcmp(fields[1], VERSION) != 0) {
        r->wrong = "it is of a newer version";
        return false;
    }
    for (uint32_t i = 0; i < _CATALOG_KIND_MAX; i++)
        if (strcmp(fields[2], kinds[i]) == 0) {
            r->entry->kind = (CatalogKind)i;
            return true;
        }
    r->wrong = "it is of no kind that is known";
    return false;
}

static bool begins(const char *line, size_t n, const char *word)
{
    size_t k = strlen(word);
    return n > k && memcmp(line, word, k) == 0 && line[k] == '\t';
}

static void count_line(Reader *r, const char *line, size_t n)
{
    r->n_columns += begins(line, n, "column");
    r->n_partitions += begins(line, n, "partition");
    r->n_sources += begins(line, n, "source");
    r->n_options += begins(line, n, "option");
    r->n_properties += begins(line, n, "property");
}

/* Room for all lists; more than there may be is not asked for. */
static int make_room(Reader *r)
{
    CatalogEntry *e = r->entry;
    MemArena *a = r->arena;
    if (r->n_columns > CATALOG_COLUMNS_MAX || r->n_partitions > CATALOG_COLUMNS_MAX ||
        r->n_sources > CATALOG_COLUMNS_MAX || r->n_options > CATALOG_PAIRS_MAX ||
        r->n_properties > CATALOG_PAIRS_MAX) {
        r->wrong = "it has too many lines";
        return 0;
    }
    e->columns = mem_arena_new_array(a, CatalogColumn, r->n_columns + 1);
    e->partitions = mem_arena_new_array(a, const char *, r->n_partitions + 1);
    e->sources = mem_arena_new_array(a, const char *, r->n_sources + 1);
    e->options = mem_arena_new_array(a, UOption, r->n_options + 1);
    e->properties = mem_arena_new_array(a, UOption, r->n_properties + 1);
    return e->columns && e->partitions && e->sources && e->options && e->properties
               ? 0
               : mem_arena_error(a);
}

/* Is the last line the sum of all before it? */
static bool sum_is_right(const char *bytes, size_t n)
{
    char sum[END_BYTES + 1];
    if (n < END_BYTES)
        return false;
    n -= END_BYTES;
    (void)snprintf(sum, sizeof(sum), "end\t%016llx\n", (unsigned long long)XXH64(bytes, n, 0));
    return memcmp(bytes + n, sum, END_BYTES) == 0;
}

static const char *what_lacks(const CatalogEntry *e)
{
    switch (e->kind) {
    case CATALOG_TABLE:
        return e->format && e->location && e->location[0] == '/' ? NULL : "a table without a place";
    case CATALOG_VIEW:
        return e->text && e->database && e->n_sources == e->n_columns ? NULL
                                                                      : "a view without a query";
    default:
        return e->location ? NULL : "a database without a place";
    }
}

int catalog_entry_read(const char *bytes, size_t n, const char *where, MemArena *arena,
                       CatalogEntry *ret_entry, QueryError *error)
{
    CatalogEntry entry = {0};
    Reader r = {.arena = arena, .entry = &entry};
    uint32_t line = 0;
    if (n > CATALOG_BYTES_MAX)
        return damaged(where, 1, "it is too long", error);
    if (!sum_is_right(bytes, n))
        return damaged(where, 1, "its last line is not the sum of what is before it", error);
    n -= END_BYTES;
    if (n == 0 || bytes[n - 1] != '\n')
        return damaged(where, 1, "a line is not complete", error);
    for (size_t at = 0; at < n;
         at = (size_t)((const char *)memchr(bytes + at, '\n', n - at) - bytes) + 1)
        count_line(&r, bytes + at, n - at);
    int result = make_room(&r);
    for (size_t at = 0; result == 0 && at < n && !r.wrong; line++) {
        const char *end = memchr(bytes + at, '\n', n - at), *fields[FIELDS_MAX];
        uint32_t n_fields = split_line(&r, bytes + at, (size_t)(end - bytes) - at, fields);
        if (n_fields == 0 && !r.wrong)
            result = mem_arena_error(arena);
        else if (n_fields > 0)
            (void)(line == 0 ? take_first(&r, fields, n_fields) : take_line(&r, fields, n_fields));
        at = (size_t)(end - bytes) + 1;
    }
    if (result == 0 && !r.wrong)
        r.wrong = what_lacks(&entry);
    if (result != 0)
        return result;
    if (r.wrong)
        return damaged(where, line, r.wrong, error);
    *ret_entry = entry;
    return 0;
}

bool catalog_name_is_valid(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n > 0 && name[n] == '\0' && n <= CATALOG_NAME_MAX;
}

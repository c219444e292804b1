/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ADBC driver for Spark Connect from C: loaded with dlopen(), results read as the Arrow C
 * stream. The structures are those of ADBC 1.1 and of the Arrow C data interface, written down from
 * their specifications.
 *
 * usage: adbc DRIVER URL
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
} ArrowSchema;

typedef struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
} ArrowArray;

typedef struct ArrowStream {
    int (*get_schema)(struct ArrowStream *, ArrowSchema *);
    int (*get_next)(struct ArrowStream *, ArrowArray *);
    const char *(*get_last_error)(struct ArrowStream *);
    void (*release)(struct ArrowStream *);
    void *private_data;
} ArrowStream;

typedef struct AdbcError {
    char *message;
    int32_t vendor_code;
    char sqlstate[5];
    void (*release)(struct AdbcError *);
    void *private_data, *private_driver;
} AdbcError;

/* Database, connection and statement look the same. */
typedef struct AdbcObject {
    void *private_data, *private_driver;
} AdbcObject;

typedef uint8_t Status;

static struct {
    Status (*database_new)(AdbcObject *, AdbcError *);
    Status (*database_set)(AdbcObject *, const char *, const char *, AdbcError *);
    Status (*database_init)(AdbcObject *, AdbcError *);
    Status (*database_release)(AdbcObject *, AdbcError *);
    Status (*connection_new)(AdbcObject *, AdbcError *);
    Status (*connection_init)(AdbcObject *, AdbcObject *, AdbcError *);
    Status (*connection_release)(AdbcObject *, AdbcError *);
    Status (*table_schema)(AdbcObject *, const char *, const char *, const char *, ArrowSchema *,
                           AdbcError *);
    Status (*statement_new)(AdbcObject *, AdbcObject *, AdbcError *);
    Status (*statement_sql)(AdbcObject *, const char *, AdbcError *);
    Status (*statement_run)(AdbcObject *, ArrowStream *, int64_t *, AdbcError *);
    Status (*statement_release)(AdbcObject *, AdbcError *);
} adbc;

static unsigned passed, failed;

static void check(const char *what, const char *seen, const char *wanted)
{
    if (strcmp(seen, wanted) == 0) {
        passed++;
        return;
    }
    failed++;
    printf("FAILED  %s: '%s', wanted '%s'\n", what, seen, wanted);
}

static void load(const char *path)
{
    static const char *const names[] = {
        "DatabaseNew",           "DatabaseSetOption",
        "DatabaseInit",          "DatabaseRelease",
        "ConnectionNew",         "ConnectionInit",
        "ConnectionRelease",     "ConnectionGetTableSchema",
        "StatementNew",          "StatementSetSqlQuery",
        "StatementExecuteQuery", "StatementRelease",
    };
    void *library = dlopen(path, RTLD_NOW);
    void **place = (void **)&adbc;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char name[64];
        snprintf(name, sizeof(name), "Adbc%s", names[i]);
        place[i] = library ? dlsym(library, name) : NULL;
        if (!place[i]) {
            fprintf(stderr, "%s: %s\n", path, dlerror());
            exit(1);
        }
    }
}

static void take_error(AdbcError *e, char *text, size_t size)
{
    snprintf(text, size, "%s", e->message ? e->message : "no message");
    if (e->release)
        e->release(e);
    *e = (AdbcError){0};
}

static bool is_null(const ArrowArray *a, int64_t i)
{
    const uint8_t *bits = a->buffers[0];
    int64_t at = a->offset + i;
    return a->null_count != 0 && bits && !(bits[at / 8] >> (at % 8) & 1);
}

static void append_value(char *text, size_t size, const char *format, const ArrowArray *a,
                         int64_t i)
{
    size_t n = strlen(text);
    int64_t at = a->offset + i;
    text += n;
    size -= n;
    if (is_null(a, i)) {
        snprintf(text, size, "null");
    } else if (strcmp(format, "i") == 0) {
        snprintf(text, size, "%" PRId32, ((const int32_t *)a->buffers[1])[at]);
    } else if (strcmp(format, "l") == 0) {
        snprintf(text, size, "%" PRId64, ((const int64_t *)a->buffers[1])[at]);
    } else if (strcmp(format, "g") == 0) {
        snprintf(text, size, "%g", ((const double *)a->buffers[1])[at]);
    } else if (strcmp(format, "u") == 0) {
        const int32_t *ends = a->buffers[1];
        snprintf(text, size, "%.*s", (int)(ends[at + 1] - ends[at]),
                 (const char *)a->buffers[2] + ends[at]);
    } else if (strcmp(format, "b") == 0) {
        snprintf(text, size, "%s",
                 ((const uint8_t *)a->buffers[1])[at / 8] >> (at % 8) & 1 ? "true" : "false");
    } else {
        snprintf(text, size, "<%s>", format);
    }
}

static void append_rows(char *text, size_t size, ArrowStream *stream, int64_t *ret_n)
{
    ArrowSchema schema = {0};
    if (stream->get_schema(stream, &schema) != 0) {
        snprintf(text, size, "%s", stream->get_last_error(stream));
        return;
    }
    for (;;) {
        ArrowArray batch = {0};
        if (stream->get_next(stream, &batch) != 0) {
            const char *why = stream->get_last_error(stream);
            snprintf(text, size, "%s", why ? why : "the stream broke");
            break;
        }
        if (!batch.release)
            break;
        *ret_n += batch.length;
        for (int64_t i = 0; i < batch.length && strlen(text) + 64 < size; i++)
            for (int64_t k = 0; k < batch.n_children; k++) {
                if (*text)
                    strcat(text, k == 0 ? " | " : ",");
                append_value(text, size, schema.children[k]->format, batch.children[k], i);
            }
        batch.release(&batch);
    }
    if (schema.release)
        schema.release(&schema);
}

/* Rows as "1,x | 2,y", or the text of the error. */
static const char *run(AdbcObject *connection, const char *sql, int64_t *ret_n)
{
    static char text[4096];
    AdbcObject statement = {0};
    AdbcError error = {0};
    ArrowStream stream = {0};
    int64_t n = 0;
    *text = 0;
    if (adbc.statement_new(connection, &statement, &error) != 0 ||
        adbc.statement_sql(&statement, sql, &error) != 0 ||
        adbc.statement_run(&statement, &stream, NULL, &error) != 0)
        take_error(&error, text, sizeof(text));
    else
        append_rows(text, sizeof(text), &stream, &n);
    if (stream.release)
        stream.release(&stream);
    (void)adbc.statement_release(&statement, &error);
    if (ret_n)
        *ret_n = n;
    return text;
}

static void check_sql(AdbcObject *connection, const char *sql, const char *wanted)
{
    check(sql, run(connection, sql, NULL), wanted);
}

static void check_error(AdbcObject *connection, const char *sql, const char *wanted)
{
    const char *seen = run(connection, sql, NULL);
    check(sql, strstr(seen, wanted) ? wanted : seen, wanted);
}

static const struct {
    const char *sql, *wanted;
} statements[] = {
    {"select 1", "1"},
    {"select 1 as a, 'x' as b union all select 2, null order by a", "1,x | 2,null"},
    {"select 2.5d, 9000000000, true, cast(null as int)", "2.5,9000000000,true,null"},
    {"select id, id * id from range(4)", "0,0 | 1,1 | 2,4 | 3,9"},
    {"select 1 where false", ""},
    {"create or replace temp view t as select * from values (1,'a'),(2,'b'),(3,'a') v(n,s)", ""},
    {"select * from t order by n", "1,a | 2,b | 3,a"},
    {"select s, sum(n) from t group by s order by s", "a,4 | b,2"},
    {"select count(*) from t a join t b using (s)", "5"},
    {"select n, rank() over (order by s) from t order by n", "1,1 | 2,3 | 3,1"},
    {"with c as (select max(n) m from t) select m from c", "3"},
    {"select n from t where n > (select avg(n) from t)", "3"},
    {"select s from t intersect select 'a'", "a"},
    {"select upper(concat(s, '-', n)) from t where n = 2", "B-2"},
    {"select size(array(1, 2)), map('k', 7)['k']", "2,7"},
    {"select named_struct('p', 5).p", "5"},
    {"select explode(array('p', 'q'))", "p | q"},
    {"select year(date'2024-02-29'), string(date'2024-02-29')", "2024,2024-02-29"},
    {"select case when n = 1 then 'one' else 'more' end from t order by n", "one | more | more"},
    {"select int(grouping(s)), count(*) from t group by rollup (s) order by 1, 2",
     "0,1 | 0,2 | 1,3"},
    {"set spark.sql.session.timeZone = Europe/Berlin", "spark.sql.session.timeZone,Europe/Berlin"},
    {"select string(timestamp_seconds(0))", "1970-01-01 01:00:00"},
    {"select current_database()", "default"},
    {"select count(distinct s) from t", "2"},
    {"select s from t group by s having count(*) > 1", "a"},
    {"drop view t", ""},
};

int main(int argc, char **argv)
{
    AdbcObject database = {0}, connection = {0};
    AdbcError error = {0};
    char text[512];
    int64_t n;
    if (argc != 3)
        return 2;
    load(argv[1]);
    if (adbc.database_new(&database, &error) != 0 ||
        adbc.database_set(&database, "uri", argv[2], &error) != 0 ||
        adbc.database_init(&database, &error) != 0 ||
        adbc.connection_new(&connection, &error) != 0 ||
        adbc.connection_init(&connection, &database, &error) != 0) {
        take_error(&error, text, sizeof(text));
        fprintf(stderr, "%s\n", text);
        return 1;
    }
    for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++)
        check_sql(&connection, statements[i].sql, statements[i].wanted);

    (void)run(&connection, "select id, repeat('x', 100) from range(200000)", &n);
    check("200,000 rows", n == 200000 ? "all" : "not all", "all");
    check_error(&connection, "selec 1", "PARSE_SYNTAX_ERROR");
    check_error(&connection, "select * from nowhere", "TABLE_OR_VIEW_NOT_FOUND");
    check_error(&connection, "select 1 / 0", "DIVIDE_BY_ZERO");
    check_error(&connection, "select int('x')", "CAST_INVALID_INPUT");
    check_sql(&connection, "select 'after errors'", "after errors");

    (void)run(&connection, "create temp view typed as select 1 as a, 'x' as b", NULL);
    ArrowSchema schema = {0};
    if (adbc.table_schema(&connection, NULL, NULL, "typed", &schema, &error) == 0) {
        snprintf(text, sizeof(text), "%s %s, %s %s", schema.children[0]->name,
                 schema.children[0]->format, schema.children[1]->name, schema.children[1]->format);
        schema.release(&schema);
    } else {
        take_error(&error, text, sizeof(text));
    }
    check("the schema of a table", text, "a i, b u");

    (void)adbc.connection_release(&connection, &error);
    (void)adbc.database_release(&database, &error);
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed < 30;
}

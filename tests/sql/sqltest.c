/* SPDX-License-Identifier: Apache-2.0 */

/*
 * sqltest: runs sqllogictest files through the executor's service, in this process.
 *
 *   sqltest FILE.test ...         exit 0 when every record holds
 *   sqltest --sql 'SELECT 1'      prints the result, or the error
 *   sqltest --stdin               a statement a line; for each `ok ROWS TYPES` and the rows, or
 *                                 `error CLASS MESSAGE`: for programs that ask many
 *   sqltest --threads N, --time   before any of them
 *   sqltest_starved --starve SEED FILE.test ...   each record also while one charge of memory or
 * one malloc fails, TRIES times: right, or an error of memory sqltest --ring                before
 * any of them: files are read through a ring, all of them
 *
 * Records, separated by empty lines; # begins a comment line:
 *
 *   statement ok                  the lines below run without an error
 *   statement error CLASS         ... fail with this error class (a prefix up to a dot is enough)
 *   query TYPES [rowsort]         TYPES: int,decimal(10,2),... as Spark names them
 *   SELECT ...
 *   ----
 *   a<TAB>b                       one line per row; NULL, (empty) for ''
 */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "connect/arrow/arrow.h"
#include "connect/proto/proto.h"
#include "connect/proto/spark_service.h"
#include "exec/connect/service.h"
#include "exec/io/io.h"
#include "exec/op/run.h"
#include "exec/plan/datetime.h"
#ifdef SQLTEST_STARVE
#include "tests/sql/starve.h"
#else
static inline void starve_malloc(uint64_t nth)
{
}
static inline void starve_pause(bool pause)
{
}
#endif
#include "sandbox/ring/ring.h"

typedef struct Text {
    char *data;
    size_t n, size;
} Text;

typedef struct Result {
    Text types; /* "int,string" */
    char **rows;
    size_t n_rows, size;
    bool has_types;
    int bad; /* a reply that could not be read */
} Result;

static uint32_t n_threads = 2;

static void text_add(Text *t, const char *s, size_t n)
{
    if (t->n + n + 1 > t->size) {
        t->size = (t->n + n + 1) * 2;
        t->data = realloc(t->data, t->size);
        if (!t->data)
            abort();
    }
    memcpy(t->data + t->n, s, n);
    t->n += n;
    t->data[t->n] = '\0';
}

static void text_puts(Text *t, const char *s)
{
    text_add(t, s, strlen(s));
}

static void result_done(Result *r)
{
    for (size_t i = 0; i < r->n_rows; i++)
        free(r->rows[i]);
    free(r->rows);
    free(r->types.data);
    *r = (Result){0};
}

static void format_double(double d, bool single, char *buf, size_t size)
{
    if (isnan(d)) {
        snprintf(buf, size, "NaN");
        return;
    }
    if (isinf(d)) {
        snprintf(buf, size, d > 0 ? "Infinity" : "-Infinity");
        return;
    }
    /* The shortest digits that read back the same, laid out as Java does. */
    char e[64], digits[40];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(e, sizeof(e), "%.*e", precision, d);
        if (single ? strtof(e, NULL) == (float)d : strtod(e, NULL) == d)
            break;
    }
    int exponent = atoi(strchr(e, 'e') + 1), n = 0, at = 0;
    for (const char *p = e; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    if (signbit(d))
        buf[at++] = '-';
    bool plain = d == 0 || (exponent >= -3 && exponent < 7);
    int whole = !plain ? 1 : exponent >= 0 ? exponent + 1 : 0;
    if (whole == 0) {
        buf[at++] = '0';
        buf[at++] = '.';
        for (int i = exponent + 1; i < 0; i++)
            buf[at++] = '0';
    }
    for (int i = 0; i < MAX(n, whole); i++) {
        if (whole > 0 && i == whole)
            buf[at++] = '.';
        buf[at++] = i < n ? digits[i] : '0';
    }
    if (whole >= n) {
        buf[at++] = '.';
        buf[at++] = '0';
    }
    if (!plain)
        at += snprintf(buf + at, size - (size_t)at, "E%d", exponent);
    buf[at] = '\0';
}

static void format_decimal(__int128 v, int scale, char *buf)
{
    char digits[64];
    int n = 0, at = 0;
    bool negative = v < 0;
    unsigned __int128 u = negative ? -(unsigned __int128)v : (unsigned __int128)v;
    do {
        digits[n++] = (char)('0' + (int)(u % 10));
        u /= 10;
    } while (u > 0 || n <= scale);
    if (negative)
        buf[at++] = '-';
    while (n > 0) {
        if (n == scale)
            buf[at++] = '.';
        buf[at++] = digits[--n];
    }
    buf[at] = '\0';
}

static void format_cell(Text *out, const ArrowField *f, const ArrowColumn *c, int64_t row);

/* Nested values as CAST to STRING writes them. */
static void format_part(Text *out, const ArrowField *f, const ArrowColumn *c, int64_t row)
{
    bool text = f->type == ARROW_TYPE_UTF8 || f->type == ARROW_TYPE_BINARY;
    if (f->type == ARROW_TYPE_NULL || !arrow_is_valid(c, c->offset + row))
        text_puts(out, "null");
    else if (!text || c->offsets[c->offset + row + 1] > c->offsets[c->offset + row])
        format_cell(out, f, c, row);
}

static void format_nested(Text *out, const ArrowField *f, const ArrowColumn *c, int64_t at)
{
    text_puts(out, f->type == ARROW_TYPE_LIST ? "[" : "{");
    if (f->type == ARROW_TYPE_STRUCT) {
        for (uint32_t i = 0; i < f->n_children; i++) {
            text_puts(out, i ? ", " : "");
            format_part(out, &f->children[i], &c->children[i], at);
        }
        text_puts(out, "}");
        return;
    }
    for (int32_t i = c->offsets[at]; i < c->offsets[at + 1]; i++) {
        text_puts(out, i > c->offsets[at] ? ", " : "");
        if (f->type == ARROW_TYPE_LIST) {
            format_part(out, f->children, c->children, i);
            continue;
        }
        const ArrowField *entry = f->children;
        format_part(out, &entry->children[0], &c->children->children[0], i);
        text_puts(out, " -> ");
        format_part(out, &entry->children[1], &c->children->children[1], i);
    }
    text_puts(out, f->type == ARROW_TYPE_LIST ? "]" : "}");
}

static void format_cell(Text *out, const ArrowField *f, const ArrowColumn *c, int64_t row)
{
    char buf[128] = "";
    if (f->type == ARROW_TYPE_NULL || !arrow_is_valid(c, c->offset + row)) {
        text_puts(out, "NULL");
        return;
    }
    int64_t at = c->offset + row;
    switch (f->type) {
    case ARROW_TYPE_BOOL:
        text_puts(out, ((const uint8_t *)c->data)[at / 8] >> (at % 8) & 1 ? "true" : "false");
        return;
    case ARROW_TYPE_INT8:
        snprintf(buf, sizeof(buf), "%d", ((const int8_t *)c->data)[at]);
        break;
    case ARROW_TYPE_INT16:
        snprintf(buf, sizeof(buf), "%d", ((const int16_t *)c->data)[at]);
        break;
    case ARROW_TYPE_INT32:
        snprintf(buf, sizeof(buf), "%d", ((const int32_t *)c->data)[at]);
        break;
    case ARROW_TYPE_INT64:
    case ARROW_TYPE_DURATION:
        snprintf(buf, sizeof(buf), "%lld", (long long)((const int64_t *)c->data)[at]);
        break;
    case ARROW_TYPE_FLOAT:
        format_double(((const float *)c->data)[at], true, buf, sizeof(buf));
        break;
    case ARROW_TYPE_DOUBLE:
        format_double(((const double *)c->data)[at], false, buf, sizeof(buf));
        break;
    case ARROW_TYPE_DECIMAL128: {
        __int128 v;
        memcpy(&v, (const char *)c->data + at * 16, 16);
        format_decimal(v, f->scale, buf);
        break;
    }
    case ARROW_TYPE_DATE32:
        plan_format_date(((const int32_t *)c->data)[at], buf, sizeof(buf));
        break;
    case ARROW_TYPE_TIMESTAMP:
        plan_format_timestamp(((const int64_t *)c->data)[at], buf, sizeof(buf));
        break;
    case ARROW_TYPE_UTF8:
    case ARROW_TYPE_BINARY: {
        size_t n = (size_t)(c->offsets[at + 1] - c->offsets[at]);
        if (n == 0)
            text_puts(out, "(empty)");
        else
            text_add(out, (const char *)c->data + c->offsets[at], n);
        return;
    }
    case ARROW_TYPE_LIST:
    case ARROW_TYPE_MAP:
    case ARROW_TYPE_STRUCT:
        format_nested(out, f, c, at);
        return;
    default:
        text_puts(out, "?");
        return;
    }
    text_puts(out, buf);
}

static void format_type(Text *out, const ArrowField *f)
{
    static const char *const names[_ARROW_TYPE_MAX] = {
        [ARROW_TYPE_NULL] = "void",        [ARROW_TYPE_BOOL] = "boolean",
        [ARROW_TYPE_INT8] = "tinyint",     [ARROW_TYPE_INT16] = "smallint",
        [ARROW_TYPE_INT32] = "int",        [ARROW_TYPE_INT64] = "bigint",
        [ARROW_TYPE_FLOAT] = "float",      [ARROW_TYPE_DOUBLE] = "double",
        [ARROW_TYPE_UTF8] = "string",      [ARROW_TYPE_BINARY] = "binary",
        [ARROW_TYPE_DATE32] = "date",      [ARROW_TYPE_TIMESTAMP] = "timestamp",
        [ARROW_TYPE_DURATION] = "interval"};
    char buf[40];
    if (f->type == ARROW_TYPE_DECIMAL128) {
        snprintf(buf, sizeof(buf), "decimal(%d,%d)", f->precision, f->scale);
        text_puts(out, buf);
    } else if (f->type == ARROW_TYPE_STRUCT) {
        text_puts(out, "struct<");
        for (uint32_t i = 0; i < f->n_children; i++) {
            text_puts(out, i ? "," : "");
            text_puts(out, f->children[i].name);
            text_puts(out, ":");
            format_type(out, &f->children[i]);
        }
        text_puts(out, ">");
    } else if (f->type == ARROW_TYPE_LIST || f->type == ARROW_TYPE_MAP) {
        const ArrowField *parts = f->type == ARROW_TYPE_MAP ? f->children->children : f->children;
        text_puts(out, f->type == ARROW_TYPE_MAP ? "map<" : "array<");
        format_type(out, &parts[0]);
        if (f->type == ARROW_TYPE_MAP) {
            text_puts(out, ",");
            format_type(out, &parts[1]);
        }
        text_puts(out, ">");
    } else {
        text_puts(out, names[f->type] ? names[f->type] : "?");
        if (f->type == ARROW_TYPE_TIMESTAMP && !f->timezone)
            text_puts(out, "_ntz");
    }
}

static void add_row(Result *r, char *row)
{
    if (r->n_rows == r->size) {
        r->size = r->size ? r->size * 2 : 64;
        r->rows = realloc(r->rows, r->size * sizeof(*r->rows));
        if (!r->rows)
            abort();
    }
    r->rows[r->n_rows++] = row;
}

static int read_stream(Result *r, const uint8_t *data, size_t n)
{
    _cleanup_arrow_reader_ ArrowReader *reader = NULL;
    if (arrow_reader_new(data, n, &reader) != 0)
        return -EBADMSG;
    uint32_t n_fields;
    const ArrowField *fields = arrow_reader_fields(reader, &n_fields);
    for (uint32_t i = 0; i < n_fields && !r->has_types; i++) {
        if (i > 0)
            text_puts(&r->types, ",");
        format_type(&r->types, &fields[i]);
    }
    r->has_types = true;
    const ArrowColumn *columns;
    int64_t n_rows;
    int more;
    while ((more = arrow_reader_next(reader, &columns, &n_rows)) > 0) {
        for (int64_t row = 0; row < n_rows; row++) {
            Text line = {0};
            text_puts(&line, "");
            for (uint32_t i = 0; i < n_fields; i++) {
                if (i > 0)
                    text_puts(&line, "\t");
                format_cell(&line, &fields[i], &columns[i], row);
            }
            add_row(r, line.data);
        }
    }
    return more;
}

/* ServiceOperation.emit */
static int take_reply(void *userdata, const uint8_t *bytes, size_t n_bytes, uint64_t rows,
                      uint16_t flags)
{
    Result *r = userdata;
    ProtoReader reader = proto_reader(bytes, n_bytes);
    ProtoField f, g;
    while (proto_next(&reader, &f) > 0) {
        ProtoReader inner;
        if (f.number != SPARK_RESPONSE_ARROW_BATCH || proto_enter(&reader, &f, &inner) != 0)
            continue;
        size_t before = r->n_rows;
        uint64_t declared = 0;
        while (proto_next(&inner, &g) > 0) {
            if (g.number == SPARK_ARROW_BATCH_DATA &&
                read_stream(r, g.bytes.data, g.bytes.n_bytes) != 0)
                r->bad = -EBADMSG;
            if (g.number == SPARK_ARROW_BATCH_ROW_COUNT)
                declared = g.value;
        }
        if (r->n_rows - before != rows || declared != rows)
            r->bad = -EPROTO;
    }
    return 0;
}

static int take_reply_unstarved(void *userdata, const uint8_t *bytes, size_t n, uint64_t rows,
                                uint16_t flags)
{
    starve_pause(true);
    int r = take_reply(userdata, bytes, n, rows, flags);
    starve_pause(false);
    return r;
}

static int grant(void *userdata, void *operation, const ServiceEstimate *estimate,
                 ServiceGrant *ret_grant, QueryError *error)
{
    *ret_grant =
        (ServiceGrant){.memory_bytes = estimate->memory_peak_bytes, .n_threads = n_threads};
    return 0;
}

static int run(ServiceSession *session, const char *sql, Result *r, QueryError *error)
{
    ServiceOperation op = {.userdata = r, .emit = take_reply_unstarved};
    *r = (Result){0};
    *error = (QueryError){0};
    uint16_t flags;
    int result = service_execute_sql(session, &op, sql, strlen(sql), &flags, error);
    return result ? result : r->bad;
}

/* ---- an allocation that fails ---- */

#define TRIES 4

typedef struct Starve {
    MemPool *pool; /* NULL: nobody starves */
    uint64_t random;
} Starve;

static Starve starve;

static uint64_t starve_random(uint64_t below)
{
    starve.random ^= starve.random << 13;
    starve.random ^= starve.random >> 7;
    starve.random ^= starve.random << 17;
    return starve.random % below;
}

/* Where a constant cannot be computed for want of memory it is taken for something else. */
static bool is_starved_class(const char *class)
{
    static const char *const known[] = {"OUT_OF_MEMORY", "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
                                        "NON_LITERAL_PIVOT_VALUES"};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcmp(class, known[i]) == 0)
            return true;
    return false;
}

/* Small numbers as often as large ones. Return: false when the error is not one of memory. */
static bool run_starved(ServiceSession *session, const char *sql, Result *r, QueryError *error,
                        int *ret_result)
{
    uint64_t nth = 1 + starve_random(UINT64_C(1) << starve_random(13));
    if (starve_random(2))
        mem_pool_fail_charge(starve.pool, nth);
    else
        starve_malloc(nth);
    *ret_result = run(session, sql, r, error);
    mem_pool_fail_charge(starve.pool, 0);
    starve_malloc(0);
    return *ret_result == 0 || *ret_result == -ENOMEM || *ret_result == MEM_E_REFUSED ||
           *ret_result == MEM_E_SPILL ||
           (*ret_result == QUERY_E_FAILED && is_starved_class(error->error_class));
}

/* ---- test files ---- */

typedef struct Suite {
    ServiceSession *session;
    const char *file;
    unsigned n_ok, n_failed;
    unsigned n_starved; /* errors of memory that were asked for */
} Suite;

static void fail(Suite *s, unsigned line, const char *what, const char *sql)
{
    s->n_failed++;
    fprintf(stderr, "%s:%u: %s\n    %s\n", s->file, line, what, sql);
}

static void check_statement(Suite *s, unsigned line, const char *wanted, const char *sql)
{
    Result r;
    QueryError error;
    char what[1400];
    int result = run(s->session, sql, &r, &error);
    if (strcmp(wanted, "ok") == 0) {
        if (result == 0)
            s->n_ok++;
        else {
            snprintf(what, sizeof(what), "failed (%d): [%s] %s", result, error.error_class,
                     error.message);
            fail(s, line, what, sql);
        }
    } else {
        const char *class = wanted + strlen("error ");
        size_t n = strlen(class);
        bool same = result == QUERY_E_FAILED && strncmp(error.error_class, class, n) == 0 &&
                    (error.error_class[n] == '\0' || error.error_class[n] == '.');
        if (same) {
            s->n_ok++;
        } else {
            snprintf(what, sizeof(what), "wanted error %s, got %d [%s] %s", class, result,
                     error.error_class, error.message);
            fail(s, line, what, sql);
        }
    }
    result_done(&r);
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The error is one of memory, or the rows are those that are @wanted (in any order). */
static void check_starved(Suite *s, unsigned line, const char *sql, char *const *wanted,
                          size_t n_wanted)
{
    char **sorted = calloc(n_wanted + 1, sizeof(*sorted));
    char what[1400];
    if (!sorted)
        abort();
    if (n_wanted > 0) {
        memcpy(sorted, wanted, n_wanted * sizeof(*sorted));
        qsort(sorted, n_wanted, sizeof(*sorted), compare_rows);
    }
    for (int i = 0; i < TRIES; i++) {
        Result r;
        QueryError error;
        int result;
        bool right = run_starved(s->session, sql, &r, &error, &result);
        s->n_starved += result != 0;
        if (result == 0) {
            if (r.n_rows)
                qsort(r.rows, r.n_rows, sizeof(*r.rows), compare_rows);
            right = r.n_rows == n_wanted;
            for (size_t k = 0; right && k < n_wanted; k++)
                right = strcmp(r.rows[k], sorted[k]) == 0;
        }
        if (!right) {
            snprintf(what, sizeof(what), "without memory: %d [%s] %s, %zu rows", result,
                     error.error_class, error.message, r.n_rows);
            fail(s, line, what, sql);
        }
        result_done(&r);
    }
    free(sorted);
}

static void check_query(Suite *s, unsigned line, const char *types, bool sort, const char *sql,
                        char **wanted, size_t n_wanted)
{
    Result r;
    QueryError error;
    char what[4096];
    int result = run(s->session, sql, &r, &error);
    if (result != 0) {
        snprintf(what, sizeof(what), "failed (%d): [%s] %s", result, error.error_class,
                 error.message);
        fail(s, line, what, sql);
        result_done(&r);
        return;
    }
    if (sort) {
        if (r.n_rows)
            qsort(r.rows, r.n_rows, sizeof(*r.rows), compare_rows);
        if (n_wanted)
            qsort(wanted, n_wanted, sizeof(*wanted), compare_rows);
    }
    bool same = r.n_rows == n_wanted;
    size_t at = 0;
    while (same && at < n_wanted && strcmp(r.rows[at], wanted[at]) == 0)
        at++;
    same = same && at == n_wanted;
    if (same && strcmp(r.types.data ? r.types.data : "", types) == 0) {
        s->n_ok++;
    } else if (same) {
        snprintf(what, sizeof(what), "types: wanted %s, got %s", types, r.types.data);
        fail(s, line, what, sql);
    } else {
        snprintf(what, sizeof(what), "%zu rows wanted, %zu came; row %zu: wanted '%s', got '%s'",
                 n_wanted, r.n_rows, at, at < n_wanted ? wanted[at] : "",
                 at < r.n_rows ? r.rows[at] : "");
        fail(s, line, what, sql);
    }
    result_done(&r);
}

static char *next_line(char **at)
{
    char *line = *at;
    if (!line || !*line)
        return NULL;
    char *end = strchr(line, '\n');
    if (end) {
        *end = '\0';
        *at = end + 1;
    } else {
        *at = line + strlen(line);
    }
    return line;
}

static void run_records(Suite *s, char *at)
{
    char *line;
    unsigned number = 0;
    while ((line = next_line(&at))) {
        number++;
        if (line[0] == '\0' || line[0] == '#')
            continue;
        unsigned begun = number;
        bool is_query = strncmp(line, "query ", 6) == 0;
        if (!is_query && strncmp(line, "statement ", 10) != 0) {
            fail(s, number, "not a record", line);
            return;
        }
        const char *header = line + (is_query ? 6 : 10);
        Text sql = {0};
        text_puts(&sql, "");
        char *row = NULL;
        while ((row = next_line(&at)) && *row && strcmp(row, "----") != 0) {
            number++;
            text_puts(&sql, row);
            text_puts(&sql, "\n");
        }
        number++;
        char *wanted[4096];
        size_t n_wanted = 0;
        if (is_query && row && strcmp(row, "----") == 0) {
            while ((row = next_line(&at)) && *row && n_wanted < ARRAY_SIZE(wanted)) {
                number++;
                wanted[n_wanted++] = row;
            }
            number++;
        }
        if (is_query && starve.pool)
            check_starved(s, begun, sql.data, wanted, n_wanted);
        if (is_query) {
            char types[512];
            snprintf(types, sizeof(types), "%.*s", (int)strcspn(header, " "), header);
            check_query(s, begun, types, strstr(header, " rowsort") != NULL, sql.data, wanted,
                        n_wanted);
        } else {
            check_statement(s, begun, header, sql.data);
        }
        free(sql.data);
    }
}

static int run_file(const ServiceHost *host, const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    Text text = {0};
    char buf[65536];
    size_t n;
    text_puts(&text, "");
    while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
        text_add(&text, buf, n);
    fclose(f);
    Suite s = {.file = path};
    if (service_session_new(host, &s.session) != 0)
        return 1;
    run_records(&s, text.data);
    service_session_free(s.session);
    free(text.data);
    printf("%s: %u ok, %u failed", path, s.n_ok, s.n_failed);
    if (starve.pool)
        printf(", %u times without memory", s.n_starved);
    putchar('\n');
    return s.n_failed > 0;
}

static int print_sql(const ServiceHost *host, const char *sql, bool time)
{
    ServiceSession *session;
    Result r;
    QueryError error;
    if (service_session_new(host, &session) != 0)
        return 1;
    int result = 0;
    for (int i = 0; i < (time ? 5 : 1); i++) {
        uint64_t begun = clock_now_usec();
        result = run(session, sql, &r, &error);
        if (time)
            fprintf(stderr, "%.3f ms\n", (double)(clock_now_usec() - begun) / 1000);
        if (i + 1 < (time ? 5 : 1))
            result_done(&r);
    }
    if (result == 0) {
        printf("%s\n", r.types.data ? r.types.data : "");
        for (size_t i = 0; i < r.n_rows; i++)
            puts(r.rows[i]);
    } else {
        printf("error %d [%s] %s SQLSTATE: %s (line %u column %u)\n", result, error.error_class,
               error.message, error.sqlstate, error.line, error.column);
    }
    result_done(&r);
    service_session_free(session);
    return result != 0;
}

static int answer_lines(const ServiceHost *host)
{
    ServiceSession *session;
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    if (service_session_new(host, &session) != 0)
        return 1;
    while ((n = getline(&line, &size, stdin)) > 0) {
        Result r;
        QueryError error;
        int result = run(session, line, &r, &error);
        if (result == 0) {
            printf("ok %zu %s\n", r.n_rows, r.types.data ? r.types.data : "");
            for (size_t i = 0; i < r.n_rows; i++)
                puts(r.rows[i]);
        } else {
            for (char *c = error.message; *c; c++)
                *c = *c == '\n' ? ' ' : *c;
            printf("error %s %s\n", error.error_class[0] ? error.error_class : "?", error.message);
        }
        fflush(stdout);
        result_done(&r);
    }
    free(line);
    service_session_free(session);
    return 0;
}

int main(int argc, char **argv)
{
    MemPool *pool;
    IoContext *io;
    SessionFiles *files;
    if (mem_pool_new(UINT64_C(8) << 30, NULL, NULL, &pool) != 0 || io_context_new_pread(&io) != 0 ||
        session_files_new(pool, io, &files) != 0)
        return 2;
    Ring ring = RING_INIT;
    if (argc > 1 && strcmp(argv[1], "--ring") == 0) {
        session_files_free(files);
        io_context_free(io);
        RingOptions options = {.n_entries = 64, .n_files = 16};
        if (ring_open(&options, &ring) != 0) {
            puts("no ring here");
            return 0;
        }
        if (io_context_new_ring(&ring, &io) != 0 || session_files_new(pool, io, &files) != 0)
            return 2;
        io_context_set_probe(io, false);
        argv++;
        argc--;
    }
    ServiceHost host = {.pool = pool, .files = files, .grant = grant};
    ExecSpill spill = {.directory_fd = -EBADF};
    int failed = 0;
    bool time = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            n_threads = (uint32_t)atoi(argv[++i]);
        else if (strcmp(argv[i], "--spill") == 0 && i + 1 < argc) {
            /* Every sink goes to disk at each so many batches, whatever the memory. */
            spill.directory_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            spill.force = (uint32_t)atoi(argv[++i]);
            host.spill = &spill;
        } else if (strcmp(argv[i], "--starve") == 0 && i + 1 < argc)
            starve =
                (Starve){pool, strtoull(argv[++i], NULL, 10) * UINT64_C(0x9E3779B97F4A7C15) + 1};
        else if (strcmp(argv[i], "--time") == 0)
            time = true;
        else if (strcmp(argv[i], "--stdin") == 0)
            failed |= answer_lines(&host);
        else if (strcmp(argv[i], "--sql") == 0 && i + 1 < argc)
            failed |= print_sql(&host, argv[++i], time);
        else
            failed |= run_file(&host, argv[i]);
    }
    session_files_free(files);
    io_context_free(io);
    if (ring.fd >= 0)
        ring_close(&ring);
    mem_pool_free(pool);
    return failed;
}

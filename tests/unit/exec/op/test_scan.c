/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards SCAN-1 (exactly the rows that pass every filter, in the order of the file), SCAN-2 (a row
 * group that statistics rule out is not read), SCAN-3 (errors and refused memory leave nothing
 * behind) of exec/op/scan.c. Files come from tests/support/parquet_writer; what should pass is
 * decided again here, row by row.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "exec/op/op.h"
#include "exec/op/scan.h"
#include "exec/parquet/parquet.h"
#include "exec/plan/function.h"
#include "tests/support/parquet_writer.h"

#define N_ROWS 30000u

static int64_t id_of(uint64_t row)
{
    return (int64_t)row;
}

static int64_t bucket_of(uint64_t row)
{
    return (int64_t)(row * 7 % 10);
}

static bool bucket_null(uint64_t row)
{
    return row % 7 == 3;
}

static int64_t price_of(uint64_t row)
{
    return (int64_t)(row * 37 % 10007) - 5000;
}

static bool price_null(uint64_t row)
{
    return row % 11 == 5;
}

static const char *name_of(uint64_t row, char buf[64])
{
    snprintf(buf, 64, row % 3 ? "name-%d" : "a longer name, number %d", (int)(row % 50));
    return buf;
}

static const char *note_of(uint64_t row, char buf[64])
{
    snprintf(buf, 64, "note %llu that is long enough", (unsigned long long)row);
    return buf;
}

static bool note_null(uint64_t row)
{
    return row % 5 == 0;
}

static int64_t day_of(uint64_t row)
{
    return (int64_t)(row / 100);
}

static double ratio_of(uint64_t row)
{
    return (double)(row % 1000) / 8 - 50;
}

enum { ID, BUCKET, PRICE, NAME, NOTE, DAY, RATIO, N_COLUMNS };

static const ParquetWriterColumn columns[N_COLUMNS] = {
    {.name = "id", .kind = WRITE_INT64, .number = id_of},
    {.name = "bucket",
     .kind = WRITE_INT32,
     .optional = true,
     .dictionary = true,
     .number = bucket_of,
     .null = bucket_null},
    {.name = "price",
     .kind = WRITE_DECIMAL,
     .optional = true,
     .number = price_of,
     .null = price_null},
    {.name = "name", .kind = WRITE_STRING, .dictionary = true, .text = name_of},
    {.name = "note", .kind = WRITE_STRING, .optional = true, .text = note_of, .null = note_null},
    {.name = "day", .kind = WRITE_DATE, .dictionary = true, .number = day_of},
    {.name = "ratio", .kind = WRITE_DOUBLE, .real = ratio_of},
};

static const Type types[N_COLUMNS] = {
    {.kind = TYPE_LONG},
    {.kind = TYPE_INT},
    {.kind = TYPE_DECIMAL, .precision = 15, .scale = 2},
    {.kind = TYPE_STRING},
    {.kind = TYPE_STRING},
    {.kind = TYPE_DATE},
    {.kind = TYPE_DOUBLE},
};

static bool is_null(uint32_t column, uint64_t row)
{
    return columns[column].null && columns[column].null(row);
}

/* --- a file and a plan ------------------------------------------------------------------------ */

typedef struct Bed {
    uint8_t *bytes;
    size_t n_bytes;
    MemPool *pool;
    MemArena *arena;
    IoContext *io;
    IoFile *io_file;
    ParquetFile *file;
    ScanFile scan_file;
    PlanNode node;
    PlanField fields[N_COLUMNS];
    uint32_t numbers[N_COLUMNS];
    Expr *filters[8];
    bool filter_only[N_COLUMNS];
} Bed;

static int setup_groups(void **state, uint64_t rows_per_group)
{
    Bed *bed = calloc(1, sizeof(*bed));
    QueryError error = {0};

    bed->bytes = parquet_write(columns, N_COLUMNS, N_ROWS, rows_per_group, 1700, &bed->n_bytes);
    assert_int_equal(mem_pool_new((uint64_t)512 << 20, NULL, NULL, &bed->pool), 0);
    assert_int_equal(mem_arena_new(bed->pool, "test", &bed->arena), 0);
    assert_int_equal(io_context_new_pread(&bed->io), 0);
    assert_int_equal(
        io_file_open_buffer(bed->io, "/test.parquet", bed->bytes, bed->n_bytes, &bed->io_file), 0);
    assert_int_equal(parquet_file_open(bed->io_file, bed->pool, &bed->file, &error), 0);
    assert_int_equal(parquet_file_n_row_groups(bed->file),
                     (N_ROWS + rows_per_group - 1) / rows_per_group);
    bed->scan_file =
        (ScanFile){.path = "/test.parquet", .size_bytes = bed->n_bytes, .source = bed->file};
    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        assert_true(type_equal(parquet_file_column(bed->file, i)->type, types[i]));
        bed->fields[i] = (PlanField){columns[i].name, types[i], true};
        bed->numbers[i] = i;
    }
    bed->node = (PlanNode){.kind = PLAN_SCAN,
                           .n_fields = N_COLUMNS,
                           .fields = bed->fields,
                           .scan = {.format = "parquet",
                                    .files = &bed->scan_file,
                                    .n_files = 1,
                                    .columns = bed->numbers,
                                    .filters = bed->filters,
                                    .filter_only = NULL}};
    *state = bed;
    return 0;
}

static int setup(void **state)
{
    return setup_groups(state, 9000);
}

static int setup_many_groups(void **state)
{
    return setup_groups(state, 1000);
}

static int teardown(void **state)
{
    Bed *bed = *state;

    (void)parquet_file_free(bed->file);
    (void)io_file_unref(bed->io_file);
    (void)io_context_free(bed->io);
    (void)mem_arena_free(bed->arena);
    (void)mem_pool_free(bed->pool);
    free(bed->bytes);
    free(bed);
    return 0;
}

static Expr *new_expr(Bed *bed, ExprKind kind, Type type, uint32_t n_args)
{
    Expr *e = mem_arena_new_of(bed->arena, Expr);

    e->kind = (uint8_t)kind;
    e->type = type;
    e->nullable = true;
    e->n_args = n_args;
    e->args = mem_arena_new_array(bed->arena, Expr *, n_args + 1);
    return e;
}

static Expr *column_of(Bed *bed, uint32_t column)
{
    Expr *e = new_expr(bed, EXPR_COLUMN, types[column], 0);

    e->column = column;
    return e;
}

static Expr *literal_like(Bed *bed, uint32_t column, uint64_t row)
{
    Expr *e = new_expr(bed, EXPR_LITERAL, types[column], 0);
    char *buf = mem_arena_alloc(bed->arena, 64, 1);
    const char *text;

    if (columns[column].number) {
        e->literal.i = columns[column].number(row);
    } else if (columns[column].real) {
        e->literal.d = columns[column].real(row);
    } else {
        text = columns[column].text(row, buf);
        e->literal.s = vec_string(text, (uint32_t)strlen(text));
    }
    return e;
}

static Expr *call(Bed *bed, FunctionId function, Expr *a, Expr *b)
{
    Expr *e = new_expr(bed, EXPR_CALL, TYPE(BOOLEAN), b ? 2 : 1);

    e->function = function;
    e->args[0] = a;
    e->args[1] = b;
    return e;
}

/* --- running and checking --------------------------------------------------------------------- */

typedef bool (*Passes)(const void *userdata, uint64_t row);

typedef struct Check {
    Passes passes;
    const void *userdata;
    uint64_t next_row, n_rows;
    uint32_t ignore; /* columns, a bit each */
    bool wrong;
} Check;

static bool row_is_right(const Batch *batch, uint32_t at, uint64_t row, uint32_t ignore)
{
    char buf[64];

    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        const Vector *v = &batch->columns[i];
        const char *value;

        if (ignore >> i & 1)
            continue;
        value = (const char *)v->values + vec_index(v, at) * phys_size(v->phys);
        if (vec_row_is_null(v, at) != is_null(i, row))
            return false;
        if (is_null(i, row))
            continue;
        if (columns[i].text) {
            const VecString *s = (const VecString *)value;
            const char *text = columns[i].text(row, buf);

            if (s->length != strlen(text) || memcmp(vec_string_data(s), text, s->length) != 0)
                return false;
        } else if (columns[i].real) {
            if (*(const double *)value != columns[i].real(row))
                return false;
        } else if (v->phys == PHYS_I64 ? *(const int64_t *)value != columns[i].number(row)
                                       : *(const int32_t *)value != columns[i].number(row)) {
            return false;
        }
    }
    return true;
}

static int check_batch(void *userdata, const Batch *batch, QueryError *error)
{
    Check *c = userdata;

    for (uint32_t i = 0; i < batch->n_selected && !c->wrong; i++) {
        while (c->next_row < N_ROWS && !c->passes(c->userdata, c->next_row))
            c->next_row++;
        if (c->next_row >= N_ROWS ||
            !row_is_right(batch, batch->sel ? batch->sel[i] : i, c->next_row, c->ignore))
            c->wrong = true;
        c->next_row++;
        c->n_rows++;
    }
    return 0;
}

static int run(Bed *bed, uint32_t n_threads, Check *check, QueryError *error, NodeMetrics *metrics)
{
    QueryRun r = {.plan = &bed->node,
                  .pool = bed->pool,
                  .n_threads = n_threads,
                  .scan_new = scan_source_new,
                  .result = check_batch,
                  .userdata = check,
                  .error = error,
                  .metrics = metrics,
                  .n_metrics = metrics ? 1 : 0};

    return exec_run(&r);
}

static void expect_rows(Bed *bed, uint32_t n_filters, Passes passes, const void *userdata)
{
    uint64_t expected = 0;

    for (uint64_t row = 0; row < N_ROWS; row++)
        expected += passes(userdata, row);
    bed->node.scan.n_filters = n_filters;
    for (uint32_t threads = 1; threads <= 3; threads++) {
        Check check = {.passes = passes, .userdata = userdata};
        uint64_t before = mem_pool_reserved(bed->pool);
        QueryError error = {0};
        int r = run(bed, threads, &check, &error, NULL);

        if (r != 0)
            print_message("%d %s\n", r, error.message);
        assert_int_equal(r, 0);
        assert_false(check.wrong);
        assert_int_equal(check.n_rows, expected);
        assert_int_equal(mem_pool_reserved(bed->pool), before);
    }
}

static bool all_pass(const void *userdata, uint64_t row)
{
    return true;
}

static void test_every_row_in_order(void **state)
{
    expect_rows(*state, 0, all_pass, NULL);
}

typedef struct Compare {
    uint32_t column;
    FunctionId op;
    uint64_t like; /* the row whose value is the literal */
} Compare;

static int compare_rows(uint32_t column, uint64_t a, uint64_t b)
{
    char x[64], y[64];

    if (columns[column].number)
        return (columns[column].number(a) > columns[column].number(b)) -
               (columns[column].number(a) < columns[column].number(b));
    if (columns[column].real)
        return (columns[column].real(a) > columns[column].real(b)) -
               (columns[column].real(a) < columns[column].real(b));
    return strcmp(columns[column].text(a, x), columns[column].text(b, y));
}

static bool op_holds(FunctionId op, int c)
{
    switch (op) {
    case FN_EQ:
        return c == 0;
    case FN_NE:
        return c != 0;
    case FN_LT:
        return c < 0;
    case FN_LE:
        return c <= 0;
    case FN_GT:
        return c > 0;
    default:
        return c >= 0;
    }
}

static bool compare_passes(const void *userdata, uint64_t row)
{
    const Compare *c = userdata;

    return !is_null(c->column, row) && op_holds(c->op, compare_rows(c->column, row, c->like));
}

static void test_every_comparison_on_every_column(void **state)
{
    static const FunctionId ops[] = {FN_EQ, FN_NE, FN_LT, FN_LE, FN_GT, FN_GE};
    Bed *bed = *state;

    for (uint32_t column = 0; column < N_COLUMNS; column++)
        for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
            Compare c = {column, ops[i], 12345};

            bed->filters[0] =
                call(bed, ops[i], column_of(bed, column), literal_like(bed, column, c.like));
            expect_rows(bed, 1, compare_passes, &c);
        }
}

static bool all_of_them(const void *userdata, uint64_t row)
{
    const Compare *c = userdata;

    return compare_passes(&c[0], row) && compare_passes(&c[1], row) && compare_passes(&c[2], row) &&
           compare_passes(&c[3], row);
}

static void test_conjuncts_narrow_one_another(void **state)
{
    static const Compare c[] = {
        {DAY, FN_GE, 4000}, {DAY, FN_LT, 21000}, {BUCKET, FN_NE, 1}, {PRICE, FN_GT, 200}};
    Bed *bed = *state;

    for (size_t i = 0; i < ARRAY_SIZE(c); i++) /* the literal on the left for some */
        bed->filters[i] =
            i == 3 ? call(bed, FN_LT, literal_like(bed, PRICE, 200), column_of(bed, PRICE))
                   : call(bed, c[i].op, column_of(bed, c[i].column),
                          literal_like(bed, c[i].column, c[i].like));
    expect_rows(bed, 4, all_of_them, c);
}

static bool null_passes(const void *userdata, uint64_t row)
{
    return is_null(*(const uint32_t *)userdata, row);
}

static bool not_null_passes(const void *userdata, uint64_t row)
{
    return !is_null(*(const uint32_t *)userdata, row);
}

static void test_null_tests(void **state)
{
    Bed *bed = *state;

    for (uint32_t column = 0; column < N_COLUMNS; column++) {
        bed->filters[0] = call(bed, FN_IS_NULL, column_of(bed, column), NULL);
        expect_rows(bed, 1, null_passes, &column);
        bed->filters[0] = call(bed, FN_IS_NOT_NULL, column_of(bed, column), NULL);
        expect_rows(bed, 1, not_null_passes, &column);
    }
}

static bool in_passes(const void *userdata, uint64_t row)
{
    uint32_t column = *(const uint32_t *)userdata;

    return !is_null(column, row) &&
           (compare_rows(column, row, 17) == 0 || compare_rows(column, row, 29001) == 0);
}

static void test_in_lists(void **state)
{
    Bed *bed = *state;

    for (uint32_t column = 0; column < N_COLUMNS; column++) {
        Expr *in = new_expr(bed, EXPR_IN, TYPE(BOOLEAN), 4);

        in->args[0] = column_of(bed, column);
        in->args[1] = literal_like(bed, column, 29001);
        in->args[2] = literal_like(bed, column, 17);
        in->args[3] = literal_like(bed, column, 17);
        in->args[3]->literal.is_null = true;
        bed->filters[0] = in;
        expect_rows(bed, 1, in_passes, &column);
    }
}

static bool less_than_id(const void *userdata, uint64_t row)
{
    return !is_null(PRICE, row) && id_of(row) < 8000 && strlen(note_of(row, (char[64]){0})) == 28 &&
           !is_null(NOTE, row);
}

/* Predicates that only the evaluator knows: length(note) = 28, and one over two columns. */
static void test_other_expressions(void **state)
{
    Bed *bed = *state;
    Expr *length = new_expr(bed, EXPR_CALL, TYPE(INT), 1),
         *n = new_expr(bed, EXPR_LITERAL, TYPE(INT), 0);

    length->function = FN_LENGTH;
    length->args[0] = column_of(bed, NOTE);
    n->literal.i = 28;
    bed->filters[0] = call(bed, FN_EQ, length, n);
    bed->filters[1] = call(bed, FN_LT, column_of(bed, ID), literal_like(bed, ID, 8000));
    bed->filters[2] = call(bed, FN_LE, column_of(bed, PRICE), column_of(bed, PRICE));
    expect_rows(bed, 3, less_than_id, NULL);
}

static void test_statistics_spare_row_groups(void **state)
{
    Bed *bed = *state;
    static const struct {
        Compare c;
        uint64_t groups;
    } cases[] = {
        {{ID, FN_EQ, 100}, 1},    {{ID, FN_LT, 9000}, 1},  {{ID, FN_LE, 9000}, 2},
        {{ID, FN_GE, 26999}, 2},  {{ID, FN_GT, 26999}, 1}, {{DAY, FN_EQ, 10000}, 1},
        {{ID, FN_GT, N_ROWS}, 0}, {{NOTE, FN_LE, 1}, 1},   {{RATIO, FN_GE, 0}, 4},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t whole = 0, first = 0;
        Check check = {.passes = compare_passes, .userdata = &cases[i].c};
        NodeMetrics metrics = {0};
        QueryError error = {0};

        for (uint32_t g = 0; g < 4; g++)
            for (uint32_t k = 0; k < N_COLUMNS; k++) {
                whole += parquet_file_chunk(bed->file, g, k)->n_bytes;
                if (g == 3)
                    first += parquet_file_chunk(bed->file, g, k)->n_bytes;
            }
        bed->filters[0] = call(bed, cases[i].c.op, column_of(bed, cases[i].c.column),
                               literal_like(bed, cases[i].c.column, cases[i].c.like));
        bed->node.scan.n_filters = 1;
        assert_int_equal(run(bed, 1, &check, &error, &metrics), 0);
        assert_false(check.wrong);
        if (cases[i].groups == 0)
            assert_int_equal(metrics.bytes, 0);
        else if (cases[i].groups == 4)
            assert_int_equal(metrics.bytes, whole);
        else
            assert_in_range(metrics.bytes, first, whole * (cases[i].groups + 1) / 4 - 1);
    }
}

static void test_columns_only_for_filters_may_be_missing(void **state)
{
    static const Compare c = {DAY, FN_EQ, 15050};
    Bed *bed = *state;
    Check check = {.passes = compare_passes, .userdata = &c, .ignore = 1u << DAY | 1u << NAME};
    QueryError error = {0};

    bed->filters[0] = call(bed, FN_EQ, column_of(bed, DAY), literal_like(bed, DAY, 15050));
    bed->filters[1] = call(bed, FN_IS_NOT_NULL, column_of(bed, NAME), NULL);
    bed->node.scan.n_filters = 2;
    bed->filter_only[DAY] = bed->filter_only[NAME] = true;
    bed->node.scan.filter_only = bed->filter_only;
    assert_int_equal(run(bed, 2, &check, &error, NULL), 0);
    assert_false(check.wrong);
    assert_int_equal(check.n_rows, 100);
}

static bool first_row(const void *userdata, uint64_t row)
{
    return row == 0 || row == N_ROWS - 1;
}

/* id = 0 OR id = last: two rows far apart, and statistics do not look into expressions. */
static void test_what_no_row_needs_is_not_read(void **state)
{
    Bed *bed = *state;
    Check check = {.passes = first_row};
    NodeMetrics metrics = {0};
    QueryError error = {0};
    uint64_t whole = 0;
    Expr *last = call(bed, FN_EQ, column_of(bed, ID), literal_like(bed, ID, N_ROWS - 1));

    bed->filters[0] =
        call(bed, FN_OR, call(bed, FN_EQ, column_of(bed, ID), literal_like(bed, ID, 0)), last);
    bed->node.scan.n_filters = 1;
    for (uint32_t g = 0; g < parquet_file_n_row_groups(bed->file); g++)
        for (uint32_t k = 0; k < N_COLUMNS; k++)
            whole += parquet_file_chunk(bed->file, g, k)->n_bytes;
    assert_int_equal(run(bed, 1, &check, &error, &metrics), 0);
    assert_false(check.wrong);
    assert_int_equal(check.n_rows, 2);
    assert_true(metrics.bytes < whole / 2);
}

static void test_no_columns_still_counts_rows(void **state)
{
    Bed *bed = *state;
    Source *source;
    ExecProgress progress = {0};
    ExecContext context = {
        .pool = bed->pool, .arena = bed->arena, .n_threads = 1, .progress = &progress};
    Worker worker = {.context = &context};
    uint64_t n = 0;
    Batch *batch;
    void *local;
    int r;

    bed->node.n_fields = 0;
    assert_int_equal(scan_source_new(&context, &bed->node, &source), 0);
    assert_int_equal(source->class->open(source), 0);
    assert_int_equal(source->class->local_new(source, &worker, &local), 0);
    while ((r = source->class->next(source, local, &worker, &batch)) == 0)
        n += batch->n_selected;
    assert_int_equal(r, OP_E_END);
    assert_int_equal(n, N_ROWS);
    source->class->local_free(source, local);
    source->class->close(source);
}

/* --- top-N over a scan: its bound must leave out no row that belongs to the best --- */

#define TOP_ROWS 25

typedef struct TopCheck {
    uint32_t column, n;
    bool is_null[TOP_ROWS];
    int64_t values[TOP_ROWS];
} TopCheck;

static int keep_top(void *userdata, const Batch *batch, QueryError *error)
{
    TopCheck *c = userdata;
    const Vector *v = &batch->columns[c->column];

    for (uint32_t i = 0; i < batch->n_selected && c->n < TOP_ROWS; i++, c->n++) {
        uint32_t at = batch->sel ? batch->sel[i] : i;

        c->is_null[c->n] = vec_row_is_null(v, at);
        if (c->is_null[c->n])
            continue;
        c->values[c->n] = v->phys == PHYS_I64 ? ((const int64_t *)v->values)[vec_index(v, at)]
                                              : ((const int32_t *)v->values)[vec_index(v, at)];
    }
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* What the rows in front must be: as many nulls as there are or fit, and the ends of the values. */
static void expect_top(Bed *bed, uint32_t column, SortKey key, uint32_t n_threads)
{
    int64_t *sorted = malloc(N_ROWS * sizeof(int64_t));
    uint64_t n = 0, n_nulls = 0;
    PlanNode sort = {.kind = PLAN_SORT, .n_fields = bed->node.n_fields, .fields = bed->node.fields};
    TopCheck check = {.column = column};
    QueryError error = {0};

    assert_non_null(sorted);
    for (uint64_t row = 0; row < N_ROWS; row++)
        if (is_null(column, row))
            n_nulls++;
        else
            sorted[n++] = columns[column].number(row);
    qsort(sorted, n, sizeof(int64_t), compare_numbers);
    sort.input = &bed->node;
    sort.sort.keys = &key;
    sort.sort.n_keys = 1;
    sort.sort.limit = TOP_ROWS;
    QueryRun r = {.plan = &sort,
                  .pool = bed->pool,
                  .n_threads = n_threads,
                  .scan_new = scan_source_new,
                  .result = keep_top,
                  .userdata = &check,
                  .error = &error};
    assert_int_equal(exec_run(&r), 0);
    assert_int_equal(check.n, TOP_ROWS);
    n_nulls = key.nulls_first ? n_nulls : 0;
    for (uint32_t i = 0; i < TOP_ROWS; i++) {
        assert_int_equal(check.is_null[i], i < n_nulls);
        if (i >= n_nulls)
            assert_int_equal(check.values[i],
                             key.descending ? sorted[n - 1 - (i - n_nulls)] : sorted[i - n_nulls]);
    }
    free(sorted);
}

static void test_top_rows_of_a_scan(void **state)
{
    Bed *bed = *state;

    bed->node.scan.n_filters = 0;
    for (uint32_t column = 0; column < N_COLUMNS; column++)
        for (uint32_t kind = 0; columns[column].number && kind < 4; kind++)
            for (uint32_t threads = 1; threads <= 3; threads += 2)
                expect_top(bed, column,
                           (SortKey){.expr = column_of(bed, column),
                                     .descending = kind & 1,
                                     .nulls_first = kind & 2},
                           threads);
}

static void test_refused_memory_leaves_nothing(void **state)
{
    Bed *bed = *state;
    uint64_t before = mem_pool_reserved(bed->pool);
    bool done = false;

    bed->filters[0] = call(bed, FN_GE, column_of(bed, DAY), literal_like(bed, DAY, 5000));
    bed->node.scan.n_filters = 1;
    before = mem_pool_reserved(bed->pool);
    for (uint64_t nth = 1; !done && nth < 400; nth++) {
        static const Compare c = {DAY, FN_GE, 5000};
        Check check = {.passes = compare_passes, .userdata = &c};
        QueryError error = {0};
        int r;

        mem_pool_fail_charge(bed->pool, nth);
        r = run(bed, 2, &check, &error, NULL);
        mem_pool_fail_charge(bed->pool, 0);
        assert_int_equal(mem_pool_reserved(bed->pool), before);
        done = r == 0;
        if (!done) {
            assert_int_equal(r, QUERY_E_FAILED);
            assert_int_equal(error.kind, DATA_ERROR_MEMORY);
        }
    }
    assert_true(done);
}

static void test_a_broken_page_is_an_error_with_the_file_in_it(void **state)
{
    Bed *bed = *state;
    const ParquetChunk *chunk = parquet_file_chunk(bed->file, 2, NOTE);
    uint64_t before = mem_pool_reserved(bed->pool);
    Check check = {.passes = all_pass};
    QueryError error = {0};

    memset(bed->bytes + chunk->offset + chunk->n_bytes / 2, 0xff, 200);
    assert_int_equal(run(bed, 2, &check, &error, NULL), QUERY_E_FAILED);
    assert_string_equal(error.error_class, "FAILED_READ_FILE.NO_HINT");
    assert_int_equal(error.kind, DATA_ERROR_FILE);
    assert_non_null(strstr(error.message, "/test.parquet"));
    assert_non_null(strstr(error.message, "note"));
    assert_int_equal(mem_pool_reserved(bed->pool), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_every_row_in_order),
        T(test_every_comparison_on_every_column),
        T(test_conjuncts_narrow_one_another),
        T(test_null_tests),
        T(test_in_lists),
        T(test_other_expressions),
        T(test_statistics_spare_row_groups),
        T(test_columns_only_for_filters_may_be_missing),
        cmocka_unit_test_setup_teardown(test_what_no_row_needs_is_not_read, setup_many_groups,
                                        teardown),
        T(test_no_columns_still_counts_rows),
        T(test_top_rows_of_a_scan),
        cmocka_unit_test_setup_teardown(test_top_rows_of_a_scan, setup_many_groups, teardown),
        T(test_refused_memory_leaves_nothing),
        T(test_a_broken_page_is_an_error_with_the_file_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

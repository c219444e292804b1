/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Operators on hand-built plans over VALUES and RANGE, with 1 to 4 threads, against naive loops
 * over the same rows as text: joins of every type with and without residual, grouping by every type
 * and encoding, sort with nulls, limits in order, union. Then: a cancel, a callback that stops, the
 * first error, and every charge failing in turn without a leak (OP-6).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>

#include "exec/op/op.h"
#include "exec/op/run.h"
#include "exec/op/team.h"
#include "tests/support/exec_build.h"

static const Type all_types[] = {
    {.kind = TYPE_BOOLEAN},
    {.kind = TYPE_BYTE},
    {.kind = TYPE_SHORT},
    {.kind = TYPE_INT},
    {.kind = TYPE_LONG},
    {.kind = TYPE_DOUBLE},
    {.kind = TYPE_FLOAT},
    {.kind = TYPE_DECIMAL, .precision = 12, .scale = 2},
    {.kind = TYPE_DECIMAL, .precision = 30, .scale = 4},
    {.kind = TYPE_STRING},
    {.kind = TYPE_DATE},
};
#define N_TYPES (sizeof(all_types) / sizeof(all_types[0]))

/* A table of random batches. The last column numbers the rows. */
static PlanNode *random_table(Build *b, uint32_t n_columns, const Type *types, uint32_t n_batches,
                              uint32_t rows, uint32_t domain, uint32_t nulls)
{
    PlanNode *p = build_plan(b, PLAN_VALUES, n_columns, types, NULL);
    int64_t number = 0;
    p->values.batches = build_alloc(b, sizeof(Batch) * (n_batches + 1));
    p->values.n_batches = n_batches;
    for (uint32_t i = 0; i < n_batches; i++) {
        Batch *batch = &p->values.batches[i];
        uint32_t n = 1 + build_below(b, rows);
        *batch = (Batch){.n_rows = n, .n_columns = n_columns};
        batch->columns = build_alloc(b, sizeof(Vector) * (n_columns + 1));
        for (uint32_t c = 0; c < n_columns; c++)
            batch->columns[c] =
                build_vector(b, types[c], build_below(b, _BUILD_ENCODING_MAX), n, domain, nulls);
        Vector *last = &batch->columns[n_columns - 1];
        if (types[n_columns - 1].kind == TYPE_LONG) {
            int64_t *values = build_alloc(b, sizeof(int64_t) * n);
            for (uint32_t r = 0; r < n; r++)
                values[r] = number++;
            *last = (Vector){.type = TYPE(LONG), .phys = PHYS_I64, .values = values};
        }
        batch->sel = build_selection(b, n, build_below(b, 2) ? 60 : 100, &batch->n_selected);
    }
    return p;
}

/* Rows of a VALUES node as cells of text. */
typedef struct Table {
    char ***cells; /* [n][n_columns] */
    uint32_t n, n_columns;
} Table;

static Table table_of(Build *b, const PlanNode *values)
{
    Table t = {.n_columns = values->n_fields};
    uint32_t total = 0;
    for (uint32_t i = 0; i < values->values.n_batches; i++)
        total += values->values.batches[i].n_rows;
    t.cells = build_alloc(b, sizeof(char **) * (total + 1));
    for (uint32_t i = 0; i < values->values.n_batches; i++) {
        const Batch *batch = &values->values.batches[i];
        uint32_t n = batch->sel ? batch->n_selected : batch->n_rows;
        for (uint32_t k = 0; k < n; k++) {
            uint32_t row = batch->sel ? batch->sel[k] : k;
            char **line = t.cells[t.n++] = build_alloc(b, sizeof(char *) * t.n_columns);
            for (uint32_t c = 0; c < t.n_columns; c++) {
                line[c] = build_alloc(b, 96);
                vec_format(&batch->columns[c], row, line[c], 96);
            }
        }
    }
    return t;
}

static ExecSpill spilling;    /* with @force the second half of the tests writes to disk, often */
static ExecTeam *shared_team; /* half of the runs use it, the others threads of their own */

static int run_plan(PlanNode *plan, MemPool *pool, uint32_t threads, BuildRows *rows,
                    QueryError *error)
{
    MemPool *query;
    if (mem_pool_new_child(pool, "query", &query))
        return -ENOMEM;
    QueryRun run = {
        .plan = plan,
        .pool = query,
        .n_threads = threads,
        .team = threads % 2 ? NULL : shared_team,
        .result = build_rows_result,
        .userdata = rows,
        .error = error,
        .spill = spilling.force ? &spilling : NULL,
    };
    int r = exec_run(&run);
    mem_pool_free(query); /* asserts a balance of zero */
    return r;
}

static void assert_same_rows(BuildRows *got, BuildRows *wanted, const char *what, uint32_t seed)
{
    build_rows_sort(got);
    build_rows_sort(wanted);
    for (uint32_t i = 0; i < got->n && i < wanted->n; i++)
        if (strcmp(got->rows[i], wanted->rows[i]) != 0)
            fail_msg("%s, seed %u, row %u: '%s', wanted '%s'", what, seed, i, got->rows[i],
                     wanted->rows[i]);
    if (got->n != wanted->n)
        fail_msg("%s, seed %u: %u rows, wanted %u", what, seed, got->n, wanted->n);
}

/* --- joins --- */

static void join_line(BuildRows *out, char *const *left, uint32_t n_left, char *const *right,
                      uint32_t n_right)
{
    char line[2048] = "";
    for (uint32_t c = 0; c < n_left; c++)
        strcat(strcat(line, left ? left[c] : "NULL"), "|");
    for (uint32_t c = 0; c < n_right; c++)
        strcat(strcat(line, right ? right[c] : "NULL"), "|");
    build_rows_add(out, line);
}

static bool keys_match(char *const *l, char *const *r, uint32_t n_keys)
{
    for (uint32_t k = 0; k < n_keys; k++)
        if (strcmp(l[k], "NULL") == 0 || strcmp(l[k], r[k]) != 0)
            return false;
    return true;
}

static void naive_join(const Table *l, const Table *r, JoinType type, uint32_t n_keys,
                       bool residual, BuildRows *out)
{
    bool *used = calloc(r->n + 1, 1);
    bool only_left = type == JOIN_SEMI || type == JOIN_ANTI;
    for (uint32_t i = 0; i < l->n; i++) {
        bool any = false;
        for (uint32_t k = 0; k < r->n; k++) {
            /* residual: row number left < row number right */
            if (!keys_match(l->cells[i], r->cells[k], n_keys) ||
                (residual &&
                 atoll(l->cells[i][l->n_columns - 1]) >= atoll(r->cells[k][r->n_columns - 1])))
                continue;
            any = used[k] = true;
            if (!only_left)
                join_line(out, l->cells[i], l->n_columns, r->cells[k], r->n_columns);
        }
        if (type == JOIN_SEMI ? any : type == JOIN_ANTI ? !any : false)
            join_line(out, l->cells[i], l->n_columns, NULL, 0);
        if (!any && (type == JOIN_LEFT || type == JOIN_FULL))
            join_line(out, l->cells[i], l->n_columns, NULL, r->n_columns);
    }
    for (uint32_t k = 0; k < r->n; k++)
        if (!used[k] && (type == JOIN_RIGHT || type == JOIN_FULL))
            join_line(out, NULL, l->n_columns, r->cells[k], r->n_columns);
    free(used);
}

static PlanNode *join_plan(Build *b, PlanNode *left, PlanNode *right, JoinType type,
                           uint32_t n_keys, bool residual, bool computed_keys)
{
    uint32_t n = left->n_fields + right->n_fields;
    Type *types = build_alloc(b, sizeof(Type) * n);
    for (uint32_t i = 0; i < n; i++)
        types[i] =
            i < left->n_fields ? left->fields[i].type : right->fields[i - left->n_fields].type;
    bool only_left = type == JOIN_SEMI || type == JOIN_ANTI;
    PlanNode *p = build_plan(b, PLAN_JOIN, only_left ? left->n_fields : n, types, left);
    p->right = right;
    p->join.type = (uint8_t)type;
    p->join.n_keys = n_keys;
    p->join.left_keys = build_alloc(b, sizeof(Expr *) * (n_keys + 1));
    p->join.right_keys = build_alloc(b, sizeof(Expr *) * (n_keys + 1));
    for (uint32_t k = 0; k < n_keys; k++) {
        p->join.left_keys[k] = build_column(b, k, left->fields[k].type);
        p->join.right_keys[k] = build_column(b, k, right->fields[k].type);
        if (computed_keys)
            p->join.right_keys[k] =
                build_call(b, FN_COALESCE, right->fields[k].type, p->join.right_keys[k],
                           build_null(b, right->fields[k].type));
    }
    if (residual)
        p->join.residual =
            build_call(b, FN_LT, TYPE(BOOLEAN), build_column(b, left->n_fields - 1, TYPE(LONG)),
                       build_column(b, n - 1, TYPE(LONG)));
    return p;
}

static void test_joins(void **state)
{
    static const JoinType joins[] = {JOIN_INNER, JOIN_LEFT,  JOIN_SEMI,
                                     JOIN_ANTI,  JOIN_RIGHT, JOIN_FULL};
    for (uint32_t seed = 1; seed <= 360; seed++) {
        Build b;
        Type types[4];
        BuildRows got = {0}, wanted = {0};
        QueryError error = {0};
        build_init(&b, seed);
        uint32_t n_keys = seed % 7 == 0 ? 0 : 1 + build_below(&b, 2);
        JoinType type = joins[seed % 6];
        bool residual = build_below(&b, 3) == 0;
        for (uint32_t i = 0; i < 3; i++)
            types[i] = all_types[build_below(&b, N_TYPES)];
        types[3] = TYPE(LONG);
        uint32_t domain = 1 + build_below(&b, 40), nulls = build_below(&b, 2) * 5;
        PlanNode *l = random_table(&b, 4, types, build_below(&b, 5), 60, domain, nulls);
        PlanNode *r = random_table(&b, 4, types, build_below(&b, 4), 40, domain, nulls);
        Table lt = table_of(&b, l), rt = table_of(&b, r);
        PlanNode *p = join_plan(&b, l, r, type, n_keys, residual, build_below(&b, 3) == 0);
        naive_join(&lt, &rt, type, n_keys, residual, &wanted);
        int x = run_plan(p, b.pool, 1 + seed % 4, &got, &error);
        if (x)
            fail_msg("seed %u: %d %s", seed, x, error.message);
        assert_same_rows(&got, &wanted, "join", seed);
        build_rows_free(&got);
        build_rows_free(&wanted);
        build_done(&b);
    }
}

/* More matches than a batch holds: pairs come out in several pieces. */
static void test_join_many_matches(void **state)
{
    Build b;
    Type types[2] = {TYPE(LONG), TYPE(LONG)};
    BuildRows got = {0}, wanted = {0};
    QueryError error = {0};
    build_init(&b, 3);
    PlanNode *l = random_table(&b, 2, types, 2, 80, 1, 0);
    PlanNode *r = random_table(&b, 2, types, 2, 90, 1, 0);
    Table lt = table_of(&b, l), rt = table_of(&b, r);
    for (int type = JOIN_INNER; type <= JOIN_LEFT; type++) {
        PlanNode *p = join_plan(&b, l, r, (JoinType)type, 1, true, false);
        naive_join(&lt, &rt, (JoinType)type, 1, true, &wanted);
        assert_int_equal(run_plan(p, b.pool, 2, &got, &error), 0);
        assert_same_rows(&got, &wanted, "many", 0);
        build_rows_free(&got);
        build_rows_free(&wanted);
    }
    build_done(&b);
}

/* NOT IN: a null on the right empties the result, a null on the left drops its row. */
static void test_null_aware_anti(void **state)
{
    for (uint32_t seed = 1; seed <= 30; seed++) {
        Build b;
        Type types[2] = {TYPE(INT), TYPE(LONG)};
        BuildRows got = {0}, wanted = {0};
        QueryError error = {0};
        build_init(&b, seed);
        PlanNode *l = random_table(&b, 2, types, 2, 30, 20, 6);
        PlanNode *r = random_table(&b, 2, types, seed % 3, 12, 20, seed % 2 ? 0 : 20);
        Table lt = table_of(&b, l), rt = table_of(&b, r);
        PlanNode *p = join_plan(&b, l, r, JOIN_ANTI, 1, false, false);
        p->join.null_aware = true;
        bool right_null = false;
        for (uint32_t k = 0; k < rt.n; k++)
            right_null |= strcmp(rt.cells[k][0], "NULL") == 0;
        for (uint32_t i = 0; i < lt.n; i++) {
            bool keep = !right_null && (rt.n == 0 || strcmp(lt.cells[i][0], "NULL") != 0);
            for (uint32_t k = 0; k < rt.n && keep; k++)
                keep = strcmp(lt.cells[i][0], rt.cells[k][0]) != 0;
            if (keep)
                join_line(&wanted, lt.cells[i], 2, NULL, 0);
        }
        assert_int_equal(run_plan(p, b.pool, 2, &got, &error), 0);
        assert_same_rows(&got, &wanted, "not in", seed);
        build_rows_free(&got);
        build_rows_free(&wanted);
        build_done(&b);
    }
}

/* --- aggregates --- */

static Aggregate aggregate(AggregateId id, Type type, Expr *arg)
{
    return (Aggregate){.id = (uint8_t)id, .type = type, .arg = arg, .nullable = true};
}

/* Groups by text, then COUNT(*), COUNT(x), SUM(x), MIN(y), COUNT(DISTINCT x), SUM(x) FILTER. */
static void naive_aggregate(const Table *t, uint32_t n_groups, BuildRows *out)
{
    bool *done = calloc(t->n + 1, 1);
    for (uint32_t i = 0; i < t->n; i++) {
        char line[1024] = "", number[64];
        long long count = 0, count_x = 0, sum = 0, distinct = 0, filtered = 0;
        bool any_filtered = false;
        const char *min_y = NULL;
        if (done[i])
            continue;
        for (uint32_t k = i; k < t->n; k++) {
            bool same = true, fresh = true;
            char *const *row = t->cells[k];
            for (uint32_t g = 0; g < n_groups; g++)
                same &= strcmp(t->cells[i][g], row[g]) == 0;
            if (!same)
                continue;
            const char *x = row[n_groups], *y = row[n_groups + 1];
            if (strcmp(x, "NULL") != 0) {
                for (uint32_t m = i; m < k && fresh; m++) {
                    bool together = done[m] || m == i;
                    for (uint32_t g = 0; g < n_groups; g++)
                        together &= strcmp(t->cells[i][g], t->cells[m][g]) == 0;
                    fresh = !(together && strcmp(t->cells[m][n_groups], x) == 0);
                }
                count_x++;
                sum += atoll(x);
                distinct += fresh;
                if (atoll(row[t->n_columns - 1]) >= 20) {
                    filtered += atoll(x);
                    any_filtered = true;
                }
            }
            if (strcmp(y, "NULL") != 0 && (!min_y || strcmp(y, min_y) < 0))
                min_y = y;
            count++;
            done[k] = true;
        }
        for (uint32_t g = 0; g < n_groups; g++)
            strcat(strcat(line, t->cells[i][g]), "|");
        snprintf(number, sizeof(number), "%lld|%lld|", count, count_x);
        strcat(line, number);
        snprintf(number, sizeof(number), "%lld|", sum);
        strcat(line, count_x ? number : "NULL|");
        strcat(strcat(line, min_y ? min_y : "NULL"), "|");
        snprintf(number, sizeof(number), "%lld|", distinct);
        strcat(line, number);
        snprintf(number, sizeof(number), "%lld|", filtered);
        strcat(line, any_filtered ? number : "NULL|");
        build_rows_add(out, line);
    }
    free(done);
}

static PlanNode *aggregate_plan(Build *b, PlanNode *input, uint32_t n_groups, bool distinct)
{
    uint32_t n = n_groups + 6, last = input->n_fields - 1;
    Type *types = build_alloc(b, sizeof(Type) * n);
    Expr *x = build_column(b, n_groups, TYPE(INT)),
         *y = build_column(b, n_groups + 1, TYPE(STRING));
    for (uint32_t g = 0; g < n_groups; g++)
        types[g] = input->fields[g].type;
    for (uint32_t i = n_groups; i < n; i++)
        types[i] = i == n_groups + 3 ? TYPE(STRING) : TYPE(LONG);
    PlanNode *p = build_plan(b, PLAN_AGGREGATE, n, types, input);
    p->aggregate.n_groups = n_groups;
    p->aggregate.groups = build_alloc(b, sizeof(Expr *) * (n_groups + 1));
    for (uint32_t g = 0; g < n_groups; g++)
        p->aggregate.groups[g] = build_column(b, g, types[g]);
    Aggregate *a = p->aggregate.aggregates = build_alloc(b, sizeof(Aggregate) * 6);
    p->aggregate.n_aggregates = 6;
    a[0] = aggregate(AGG_COUNT_STAR, TYPE(LONG), NULL);
    a[1] = aggregate(AGG_COUNT, TYPE(LONG), x);
    a[2] = aggregate(AGG_SUM, TYPE(LONG), x);
    a[3] = aggregate(AGG_MIN, TYPE(STRING), y);
    a[4] = aggregate(AGG_COUNT, TYPE(LONG), x);
    a[4].distinct = distinct;
    a[5] = aggregate(AGG_SUM, TYPE(LONG), x);
    a[5].filter = build_call(b, FN_GE, TYPE(BOOLEAN), build_column(b, last, TYPE(LONG)),
                             build_literal(b, TYPE(LONG), 20));
    return p;
}

static void test_aggregates(void **state)
{
    for (uint32_t seed = 1; seed <= 200; seed++) {
        Build b;
        Type types[8];
        BuildRows got = {0}, wanted = {0};
        QueryError error = {0};
        build_init(&b, seed);
        uint32_t n_groups = build_below(&b, 5), n = 0;
        for (; n < n_groups; n++)
            types[n] = all_types[build_below(&b, N_TYPES)];
        types[n++] = TYPE(INT);
        types[n++] = TYPE(STRING);
        types[n++] = TYPE(LONG);
        uint32_t domain = build_below(&b, 2) ? 3 : 40;
        PlanNode *t =
            random_table(&b, n, types, 1 + build_below(&b, 6), 90, domain, build_below(&b, 2) * 4);
        Table rows = table_of(&b, t);
        if (n_groups == 0 && rows.n == 0)
            continue;
        naive_aggregate(&rows, n_groups, &wanted);
        int r = run_plan(aggregate_plan(&b, t, n_groups, true), b.pool, 1 + seed % 3, &got, &error);
        if (r)
            fail_msg("seed %u: %d %s", seed, r, error.message);
        assert_same_rows(&got, &wanted, "aggregate", seed);
        build_rows_free(&got);
        build_rows_free(&wanted);
        build_done(&b);
    }
}

/* Enough groups that the workers' tables are merged by partition; sums of wide decimals. */
static void test_many_groups(void **state)
{
    Build b;
    BuildRows got = {0};
    QueryError error = {0};
    build_init(&b, 1);
    Type one[1] = {TYPE(LONG)}, out[3] = {TYPE(LONG), TYPE(LONG), TYPE_DECIMAL_OF(38, 0)};
    PlanNode *range = build_plan(&b, PLAN_RANGE, 1, one, NULL);
    range->range.end = 300000;
    range->range.step = 1;
    PlanNode *p = build_plan(&b, PLAN_AGGREGATE, 3, out, range);
    Expr *id = build_column(&b, 0, TYPE(LONG));
    Expr *groups[1] = {
        build_call(&b, FN_MODULO, TYPE(LONG), id, build_literal(&b, TYPE(LONG), 50000))};
    Aggregate a[2] = {
        aggregate(AGG_COUNT_STAR, TYPE(LONG), NULL),
        aggregate(AGG_SUM, TYPE_DECIMAL_OF(38, 0), build_cast(&b, TYPE_DECIMAL_OF(28, 0), id)),
    };
    p->aggregate.n_groups = 1;
    p->aggregate.groups = groups;
    p->aggregate.n_aggregates = 2;
    p->aggregate.aggregates = a;
    assert_int_equal(run_plan(p, b.pool, 3, &got, &error), 0);
    assert_int_equal(got.n, 50000);
    for (uint32_t i = 0; i < got.n; i++) {
        long long group, count, sum;
        assert_int_equal(sscanf(got.rows[i], "%lld|%lld|%lld|", &group, &count, &sum), 3);
        assert_int_equal(count, 6);
        assert_int_equal(sum, 6 * group + 50000 * 15);
    }
    build_rows_free(&got);
    build_done(&b);
}

/* Sums that do not fit say so. */
static void test_sum_overflow(void **state)
{
    Build b;
    BuildRows got = {0};
    QueryError error = {0};
    build_init(&b, 1);
    Type one[1] = {TYPE(LONG)};
    PlanNode *range = build_plan(&b, PLAN_RANGE, 1, one, NULL);
    range->range.start = INT64_MAX - 10;
    range->range.end = INT64_MAX;
    range->range.step = 1;
    PlanNode *p = build_plan(&b, PLAN_AGGREGATE, 1, one, range);
    Aggregate a = aggregate(AGG_SUM, TYPE(LONG), build_column(&b, 0, TYPE(LONG)));
    p->aggregate.n_aggregates = 1;
    p->aggregate.aggregates = &a;
    assert_int_equal(run_plan(p, b.pool, 2, &got, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, "ARITHMETIC_OVERFLOW");
    assert_int_equal(got.n, 0);
    build_rows_free(&got);
    build_done(&b);
}

/* --- sort and limits --- */

static const PlanNode *sorting;
static const Type *sorting_types;

/* Cells compare as numbers, or as text for strings and booleans ("false" < "true"). */
static int cell_compare(const char *x, const char *y, Type type, const SortKey *key)
{
    bool nx = strcmp(x, "NULL") == 0, ny = strcmp(y, "NULL") == 0;
    if (nx || ny)
        return nx == ny ? 0 : nx == key->nulls_first ? -1 : 1;
    bool text = type.kind == TYPE_STRING || type.kind == TYPE_BOOLEAN;
    double a = text ? 0 : atof(x), c = text ? 0 : atof(y);
    int r = text ? strcmp(x, y) : a < c ? -1 : a > c;
    return key->descending ? -r : r;
}

static int line_compare(const void *a, const void *b)
{
    char *const *x = *(char **const *)a, *const *y = *(char **const *)b;
    for (uint32_t k = 0; k < sorting->sort.n_keys; k++) {
        const SortKey *key = &sorting->sort.keys[k];
        uint32_t c = key->expr->column;
        int r = cell_compare(x[c], y[c], sorting_types[c], key);
        if (r)
            return r;
    }
    return 0;
}

static void test_sorts(void **state)
{
    for (uint32_t seed = 1; seed <= 250; seed++) {
        Build b;
        Type types[4];
        SortKey keys[4];
        BuildRows got = {0}, wanted = {0};
        QueryError error = {0};
        build_init(&b, seed);
        for (uint32_t i = 0; i < 3; i++)
            types[i] = all_types[build_below(&b, N_TYPES)];
        types[3] = TYPE(LONG);
        PlanNode *t = random_table(&b, 4, types, build_below(&b, 8), 400, 1 + build_below(&b, 60),
                                   build_below(&b, 2) * 4);
        Table rows = table_of(&b, t);
        PlanNode *p = build_plan(&b, PLAN_SORT, 4, types, t);
        uint32_t n_keys = 1 + build_below(&b, 3);
        for (uint32_t k = 0; k <= n_keys; k++) /* the row number makes the order total */
            keys[k] = (SortKey){
                .expr = build_column(&b, k == n_keys ? 3 : k, types[k == n_keys ? 3 : k]),
                .descending = build_below(&b, 2),
                .nulls_first = build_below(&b, 2),
            };
        p->sort.keys = keys;
        p->sort.n_keys = n_keys + 1;
        p->sort.limit = build_below(&b, 2) ? (int64_t)build_below(&b, 50) : -1;
        p->sort.offset = p->sort.limit >= 0 ? build_below(&b, 10) : 0;
        sorting = p;
        sorting_types = types;
        qsort(rows.cells, rows.n, sizeof(char **), line_compare);
        uint64_t from = (uint64_t)p->sort.offset;
        uint64_t to = p->sort.limit < 0 ? rows.n : from + (uint64_t)p->sort.limit;
        for (uint64_t i = from; i < to && i < rows.n; i++)
            join_line(&wanted, rows.cells[i], 4, NULL, 0);
        int r = run_plan(p, b.pool, 1 + seed % 4, &got, &error);
        if (r)
            fail_msg("seed %u: %d %s", seed, r, error.message);
        assert_int_equal(got.n, wanted.n);
        for (uint32_t i = 0; i < got.n; i++)
            if (strcmp(got.rows[i], wanted.rows[i]) != 0)
                fail_msg("seed %u row %u: '%s', wanted '%s'", seed, i, got.rows[i], wanted.rows[i]);
        build_rows_free(&got);
        build_rows_free(&wanted);
        build_done(&b);
    }
}

/* A small limit over many rows prunes again and again; the result is that of a full sort. */
static void test_top_prunes(void **state)
{
    Build b;
    BuildRows got = {0};
    QueryError error = {0};
    build_init(&b, 1);
    Type one[1] = {TYPE(LONG)}, two[2] = {TYPE(LONG), TYPE(STRING)};
    PlanNode *range = build_plan(&b, PLAN_RANGE, 1, one, NULL);
    range->range.end = 200000;
    range->range.step = 1;
    Expr *id = build_column(&b, 0, TYPE(LONG));
    Expr *hash = build_call(
        &b, FN_MODULO, TYPE(LONG),
        build_call(&b, FN_MULTIPLY, TYPE(LONG), id, build_literal(&b, TYPE(LONG), 77777)),
        build_literal(&b, TYPE(LONG), 200003));
    Expr *exprs[2] = {hash,
                      build_call(&b, FN_CONCAT, TYPE(STRING), build_string(&b, "a long text for "),
                                 build_cast(&b, TYPE(STRING), hash))};
    PlanNode *project = build_plan(&b, PLAN_PROJECT, 2, two, range);
    project->project.exprs = exprs;
    PlanNode *p = build_plan(&b, PLAN_SORT, 2, two, project);
    SortKey key = {.expr = build_column(&b, 0, TYPE(LONG)), .descending = true};
    p->sort.keys = &key;
    p->sort.n_keys = 1;
    p->sort.limit = 100;
    assert_int_equal(run_plan(p, b.pool, 2, &got, &error), 0);
    assert_int_equal(got.n, 100);
    long long last = INT64_MAX;
    for (uint32_t i = 0; i < got.n; i++) {
        long long x, y;
        assert_int_equal(sscanf(got.rows[i], "%lld|a long text for %lld|", &x, &y), 2);
        assert_true(x == y && x < last);
        last = x;
    }
    assert_true(last > 199800);
    build_rows_free(&got);
    build_done(&b);
}

/* Without a sort, rows come in the order of the input however many workers there are. */
static void test_order_and_limit(void **state)
{
    for (uint32_t threads = 1; threads <= 4; threads++) {
        Build b;
        BuildRows got = {0};
        QueryError error = {0};
        build_init(&b, 1);
        Type one[1] = {TYPE(LONG)};
        PlanNode *range = build_plan(&b, PLAN_RANGE, 1, one, NULL);
        range->range.start = 10;
        range->range.end = 400000;
        range->range.step = 3;
        PlanNode *filter = build_plan(&b, PLAN_FILTER, 1, one, range);
        filter->filter.condition =
            build_call(&b, FN_NE, TYPE(BOOLEAN),
                       build_call(&b, FN_MODULO, TYPE(LONG), build_column(&b, 0, TYPE(LONG)),
                                  build_literal(&b, TYPE(LONG), 2)),
                       build_literal(&b, TYPE(LONG), 0));
        assert_int_equal(run_plan(filter, b.pool, threads, &got, &error), 0);
        assert_int_equal(got.n, 66665);
        for (uint32_t i = 0; i < got.n; i++)
            assert_int_equal(atoll(got.rows[i]), 13 + 6 * (long long)i);
        build_rows_free(&got);

        PlanNode *limit = build_plan(&b, PLAN_LIMIT, 1, one, filter);
        limit->limit.limit = 20000;
        limit->limit.offset = 30000;
        assert_int_equal(run_plan(limit, b.pool, threads, &got, &error), 0);
        assert_int_equal(got.n, 20000);
        for (uint32_t i = 0; i < got.n; i++)
            assert_int_equal(atoll(got.rows[i]), 13 + 6 * (30000 + (long long)i));
        build_rows_free(&got);
        build_done(&b);
    }
}

static void test_union_distinct(void **state)
{
    Build b;
    BuildRows got = {0};
    QueryError error = {0};
    build_init(&b, 1);
    Type one[1] = {TYPE(LONG)};
    PlanNode *inputs[3];
    for (uint32_t i = 0; i < 3; i++) {
        inputs[i] = build_plan(&b, PLAN_RANGE, 1, one, NULL);
        inputs[i]->range.start = i * 1000;
        inputs[i]->range.end = i * 1000 + 2000;
        inputs[i]->range.step = 1;
    }
    PlanNode *u = build_plan(&b, PLAN_UNION, 1, one, NULL);
    u->union_all.inputs = inputs;
    u->union_all.n_inputs = 3;
    assert_int_equal(run_plan(u, b.pool, 2, &got, &error), 0);
    assert_int_equal(got.n, 6000);
    build_rows_free(&got);
    PlanNode *d = build_plan(&b, PLAN_DISTINCT, 1, one, u);
    assert_int_equal(run_plan(d, b.pool, 2, &got, &error), 0);
    assert_int_equal(got.n, 4000);
    build_rows_free(&got);
    build_done(&b);
}

/* --- ends before the end --- */

typedef struct Stopper {
    atomic_bool cancel;
    uint32_t batches;
} Stopper;

static int cancel_after_three(void *userdata, const Batch *batch, QueryError *error)
{
    Stopper *s = userdata;
    if (++s->batches == 3)
        atomic_store(&s->cancel, true);
    return 0;
}

static void test_cancel(void **state)
{
    Build b;
    build_init(&b, 1);
    Type one[1] = {TYPE(LONG)};
    PlanNode *range = build_plan(&b, PLAN_RANGE, 1, one, NULL);
    range->range.end = INT64_MAX;
    range->range.step = 1;
    for (uint32_t threads = 1; threads <= 3; threads++) {
        Stopper s = {0};
        QueryRun run = {
            .plan = range,
            .pool = b.pool,
            .n_threads = threads,
            .cancel = &s.cancel,
            .result = cancel_after_three,
            .userdata = &s,
        };
        assert_int_equal(exec_run(&run), QUERY_E_CANCELLED);
        assert_int_equal(s.batches, 3);
        BuildRows rows = {.stop_after = 2};
        run.cancel = NULL;
        run.result = build_rows_result;
        run.userdata = &rows;
        assert_int_equal(exec_run(&run), QUERY_E_CANCELLED);
        assert_int_equal(rows.n_batches, 2);
        build_rows_free(&rows);
    }
    build_done(&b);
}

static void test_first_error(void **state)
{
    Build b;
    BuildRows got = {0};
    QueryError error = {0};
    build_init(&b, 1);
    Type one[1] = {TYPE(LONG)};
    PlanNode *range = build_plan(&b, PLAN_RANGE, 1, one, NULL);
    range->range.start = -300000;
    range->range.end = 300000;
    range->range.step = 1;
    PlanNode *p = build_plan(&b, PLAN_PROJECT, 1, one, range);
    Expr *e = build_call(&b, FN_MODULO, TYPE(LONG), build_literal(&b, TYPE(LONG), 1),
                         build_column(&b, 0, TYPE(LONG)));
    p->project.exprs = &e;
    assert_int_equal(run_plan(p, b.pool, 3, &got, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, "DIVIDE_BY_ZERO");
    build_rows_free(&got);
    build_done(&b);
}

/* A tenant that may not grow reads who asked, how much there was and what to do. */
static void test_out_of_memory(void **state)
{
    Build b;
    MemPool *small;
    BuildRows got = {0};
    QueryError error = {0};
    build_init(&b, 1);
    Type one[1] = {TYPE(LONG)};
    PlanNode *range = build_plan(&b, PLAN_RANGE, 1, one, NULL);
    range->range.end = 10000000;
    range->range.step = 1;
    PlanNode *d = build_plan(&b, PLAN_DISTINCT, 1, one, range);
    assert_int_equal(mem_pool_new(UINT64_C(24) << 20, NULL, NULL, &small), 0);
    assert_int_equal(run_plan(d, small, 2, &got, &error), QUERY_E_FAILED);
    assert_int_equal(error.kind, DATA_ERROR_MEMORY);
    assert_non_null(strstr(error.message, "hash aggregate"));
    assert_non_null(strstr(error.message, "peak"));
    mem_pool_free(small);
    build_rows_free(&got);
    build_done(&b);
}

/* Every charge fails once: a clean error, nothing left over (OP-6). */
static PlanNode *plan_of_everything(Build *b)
{
    Type types[4] = {TYPE(STRING), TYPE(INT), TYPE(STRING), TYPE(LONG)};
    PlanNode *l = random_table(b, 4, types, 3, 200, 30, 5);
    PlanNode *r = random_table(b, 4, types, 3, 60, 30, 5);
    PlanNode *join = join_plan(b, l, r, JOIN_FULL, 2, true, true);
    PlanNode *filter = build_plan(b, PLAN_FILTER, 8, NULL, join);
    memcpy(filter->fields, join->fields, sizeof(PlanField) * 8);
    filter->filter.condition =
        build_call(b, FN_IS_NOT_NULL, TYPE(BOOLEAN), build_column(b, 3, TYPE(LONG)));
    Type out[5] = {TYPE(STRING), TYPE(INT), TYPE(INT), TYPE(STRING), TYPE(LONG)};
    Expr **exprs = build_alloc(b, sizeof(Expr *) * 5);
    exprs[0] = build_column(b, 0, TYPE(STRING));
    exprs[1] = build_column(b, 1, TYPE(INT));
    exprs[2] = build_column(b, 5, TYPE(INT));
    exprs[3] = build_call(b, FN_CONCAT, TYPE(STRING), build_column(b, 2, TYPE(STRING)),
                          build_string(b, " and more than twelve bytes"));
    exprs[4] = build_column(b, 3, TYPE(LONG));
    PlanNode *project = build_plan(b, PLAN_PROJECT, 5, out, filter);
    project->project.exprs = exprs;
    PlanNode *group = aggregate_plan(b, project, 2, true);
    PlanNode *sort = build_plan(b, PLAN_SORT, group->n_fields, NULL, group);
    memcpy(sort->fields, group->fields, sizeof(PlanField) * group->n_fields);
    SortKey *keys = build_alloc(b, sizeof(SortKey) * 2);
    keys[0] = (SortKey){.expr = build_column(b, 0, TYPE(STRING))};
    keys[1] = (SortKey){.expr = build_column(b, 1, TYPE(INT))};
    sort->sort.keys = keys;
    sort->sort.n_keys = 2;
    sort->sort.limit = -1;
    PlanNode *limit = build_plan(b, PLAN_LIMIT, group->n_fields, NULL, sort);
    memcpy(limit->fields, group->fields, sizeof(PlanField) * group->n_fields);
    limit->limit.limit = 1000;
    return limit;
}

static void test_refused_memory(void **state)
{
    Build b;
    BuildRows whole = {0};
    QueryError error = {0};
    uint32_t failed = 0;
    build_init(&b, 21);
    PlanNode *plan = plan_of_everything(&b);
    assert_int_equal(run_plan(plan, b.pool, 2, &whole, &error), 0);
    assert_true(whole.n > 10);
    for (uint64_t nth = 1; nth < 200; nth++) {
        BuildRows got = {0};
        memset(&error, 0, sizeof(error));
        mem_pool_fail_charge(b.pool, nth);
        int r = run_plan(plan, b.pool, 2, &got, &error);
        mem_pool_fail_charge(b.pool, 0);
        assert_true(r == 0 || r == QUERY_E_FAILED);
        if (r == QUERY_E_FAILED) {
            assert_int_equal(error.kind, DATA_ERROR_MEMORY);
            failed++;
        } else {
            assert_int_equal(got.n, whole.n);
        }
        build_rows_free(&got);
    }
    assert_true(failed > (spilling.force ? 3 : 50)); /* reserves cover most when it may spill */
    build_rows_free(&whole);
    build_done(&b);
}

static void test_metrics(void **state)
{
    Build b;
    BuildRows got = {0};
    NodeMetrics metrics[2];
    ExecProgress progress = {0};
    build_init(&b, 1);
    Type one[1] = {TYPE(LONG)};
    PlanNode *range = build_plan(&b, PLAN_RANGE, 1, one, NULL);
    range->range.end = 100000;
    range->range.step = 1;
    range->id = 1;
    PlanNode *filter = build_plan(&b, PLAN_FILTER, 1, one, range);
    filter->filter.condition = build_call(&b, FN_LT, TYPE(BOOLEAN), build_column(&b, 0, TYPE(LONG)),
                                          build_literal(&b, TYPE(LONG), 1000));
    QueryRun run = {
        .plan = filter,
        .pool = b.pool,
        .n_threads = 2,
        .result = build_rows_result,
        .userdata = &got,
        .metrics = metrics,
        .n_metrics = 2,
        .progress = &progress,
    };
    assert_int_equal(exec_run(&run), 0);
    assert_int_equal(metrics[0].rows, 1000);
    assert_int_equal(metrics[1].rows, 100000);
    assert_true(metrics[1].nanoseconds > 0);
    assert_int_equal(progress.rows_scanned, 100000);
    assert_int_equal(progress.rows_total, 100000);
    build_rows_free(&got);
    build_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joins),           cmocka_unit_test(test_join_many_matches),
        cmocka_unit_test(test_null_aware_anti), cmocka_unit_test(test_aggregates),
        cmocka_unit_test(test_many_groups),     cmocka_unit_test(test_sum_overflow),
        cmocka_unit_test(test_sorts),           cmocka_unit_test(test_top_prunes),
        cmocka_unit_test(test_order_and_limit), cmocka_unit_test(test_union_distinct),
        cmocka_unit_test(test_cancel),          cmocka_unit_test(test_first_error),
        cmocka_unit_test(test_out_of_memory),   cmocka_unit_test(test_refused_memory),
        cmocka_unit_test(test_metrics),
    };
    /* The same answers when sinks go to disk all the time. */
    const struct CMUnitTest spilled[] = {
        cmocka_unit_test(test_joins),           cmocka_unit_test(test_join_many_matches),
        cmocka_unit_test(test_null_aware_anti), cmocka_unit_test(test_aggregates),
        cmocka_unit_test(test_many_groups),     cmocka_unit_test(test_sum_overflow),
        cmocka_unit_test(test_sorts),           cmocka_unit_test(test_top_prunes),
        cmocka_unit_test(test_order_and_limit), cmocka_unit_test(test_union_distinct),
        cmocka_unit_test(test_cancel),          cmocka_unit_test(test_first_error),
        cmocka_unit_test(test_refused_memory),
    };
    int r = exec_team_new(&shared_team);
    if (r == 0)
        r = cmocka_run_group_tests(tests, NULL, NULL);
    spilling.directory_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (spilling.force = 1; r == 0 && spilling.force < 4; spilling.force += 2)
        r = cmocka_run_group_tests_name("spilled", spilled, NULL, NULL);
    (void)close(spilling.directory_fd);
    (void)exec_team_free(shared_team);
    return r;
}

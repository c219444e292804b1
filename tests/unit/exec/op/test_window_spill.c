/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Windows over one partition that is many times larger than the memory of the query: every function
 * that may look at all of it, against loops over the same rows; then the same with charges refused.
 */

#include "base/cleanup.h"
#include "exec/op/run.h"
#include "tests/support/exec_build.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_FUNCTIONS = 16, BACK = 40000, AHEAD = 15000, LIMIT_BYTES = 16 << 20 };

/* By rows: the order is the id, downwards. By peers: it is id / @peers. */
typedef struct Shape {
    int64_t n, peers; /* @peers = 1: every row is alone */
} Shape;

typedef struct Wanted {
    Shape shape;
    int64_t *running, *most_behind, *most_around; /* by place in the order */
    uint64_t seen;
    int64_t wrong; /* -1: none, or an id */
    uint32_t wrong_column;
} Wanted;

static int64_t value_of(int64_t id)
{
    return id * 7919 % 100003;
}

static Expr *text_of(Build *b, Expr *id)
{
    Expr *cast = build_alloc(b, sizeof(*cast));
    *cast = (Expr){.kind = EXPR_CAST, .type = TYPE(STRING), .n_args = 1, .nullable = true};
    cast->args = build_alloc(b, sizeof(Expr *));
    cast->args[0] =
        build_call(b, FN_MULTIPLY, TYPE(LONG), id, build_literal(b, TYPE(LONG), 1000003));
    return build_call(b, FN_CONCAT, TYPE(STRING), cast,
                      build_string(b, ", said in more than twelve bytes"));
}

/* id, value, order, text */
static PlanNode *window_plan(Build *b, Shape shape)
{
    Type one[1] = {TYPE(LONG)}, some[4] = {TYPE(LONG), TYPE(LONG), TYPE(LONG), TYPE(STRING)};
    PlanNode *range = build_plan(b, PLAN_RANGE, 1, one, NULL);
    range->range.end = shape.n;
    range->range.step = 1;
    PlanNode *project = build_plan(b, PLAN_PROJECT, 4, some, range);
    Expr *id = build_column(b, 0, TYPE(LONG));
    project->project.exprs = build_alloc(b, sizeof(Expr *) * 4);
    project->project.exprs[0] = id;
    project->project.exprs[1] =
        build_call(b, FN_MODULO, TYPE(LONG),
                   build_call(b, FN_MULTIPLY, TYPE(LONG), id, build_literal(b, TYPE(LONG), 7919)),
                   build_literal(b, TYPE(LONG), 100003));
    project->project.exprs[2] =
        build_call(b, FN_INT_DIVIDE, TYPE(LONG), id, build_literal(b, TYPE(LONG), shape.peers));
    project->project.exprs[3] = text_of(b, id);

    Expr *value = build_column(b, 1, TYPE(LONG)), *text = build_column(b, 3, TYPE(STRING));
    WindowEdge before = {.kind = WINDOW_PRECEDING, .offset = BACK};
    WindowEdge behind = {.kind = WINDOW_FOLLOWING, .offset = AHEAD};
    WindowEdge first = {.kind = WINDOW_UNBOUNDED_PRECEDING}, here = {.kind = WINDOW_CURRENT_ROW};
    WindowEdge last = {.kind = WINDOW_UNBOUNDED_FOLLOWING};
    Aggregate sum = {.id = AGG_SUM, .nullable = true, .type = TYPE(LONG), .arg = value};
    Aggregate max = {.id = AGG_MAX, .nullable = true, .type = TYPE(LONG), .arg = value};
    Aggregate max_text = {.id = AGG_MAX, .nullable = true, .type = TYPE(STRING), .arg = text};
    const WindowFunction functions[N_FUNCTIONS] = {
        {.id = WINDOW_ROW_NUMBER, .type = TYPE(INT)},
        {.id = WINDOW_RANK, .type = TYPE(INT)},
        {.id = WINDOW_SHIFT, .type = TYPE(LONG), .arg = value, .offset = -3},
        {.id = WINDOW_SHIFT, .type = TYPE(LONG), .arg = value, .offset = AHEAD},
        {.type = TYPE(LONG), .range = true, .start = first, .end = here, .aggregate = sum},
        {.type = TYPE(LONG), .start = first, .end = last, .aggregate = sum},
        {.type = TYPE(LONG), .start = before, .end = behind, .aggregate = sum},
        {.type = TYPE(LONG), .start = before, .end = behind, .aggregate = max},
        {.type = TYPE(LONG), .start = here, .end = last, .aggregate = max},
        {.id = WINDOW_LAST_VALUE, .type = TYPE(LONG), .arg = value, .start = before, .end = behind},
        {.id = WINDOW_FIRST_VALUE, .type = TYPE(STRING), .arg = text, .start = first, .end = here},
        {.id = WINDOW_NTILE, .type = TYPE(INT), .offset = 7},
        {.id = WINDOW_CUME_DIST, .type = TYPE(DOUBLE)},
        {.id = WINDOW_NTH_VALUE,
         .type = TYPE(LONG),
         .arg = value,
         .offset = 3,
         .ignore_nulls = true,
         .start = before,
         .end = here},
        {.id = WINDOW_SHIFT, .type = TYPE(STRING), .arg = text, .offset = -BACK},
        {.type = TYPE(STRING), .start = before, .end = here, .aggregate = max_text},
    };
    Type all[4 + N_FUNCTIONS];
    memcpy(all, some, sizeof(some));
    for (uint32_t i = 0; i < N_FUNCTIONS; i++)
        all[4 + i] = functions[i].type;
    PlanNode *w = build_plan(b, PLAN_WINDOW, 4 + N_FUNCTIONS, all, project);
    w->window.keys = build_alloc(b, sizeof(SortKey) * 1);
    w->window.keys[0] = (SortKey){.expr = build_column(b, 2, TYPE(LONG)), .descending = true};
    w->window.n_keys = 1;
    WindowFunction *f = build_alloc(b, sizeof(functions));
    memcpy(f, functions, sizeof(functions));
    w->window.functions = f;
    w->window.n_functions = N_FUNCTIONS;
    return w;
}

/* --- what is wanted, by place: place p is id n - 1 - p when every row is alone --- */

static void expect(Build *b, Wanted *w, Shape shape)
{
    int64_t n = shape.n, sum = 0, most = -1;

    *w = (Wanted){.shape = shape, .wrong = -1};
    w->running = build_alloc(b, sizeof(int64_t) * (size_t)(n + 1));
    w->most_behind = build_alloc(b, sizeof(int64_t) * (size_t)n);
    w->most_around = build_alloc(b, sizeof(int64_t) * (size_t)n);
    for (int64_t p = 0; p < n; p++) {
        sum += value_of(n - 1 - p);
        w->running[p + 1] = sum;
    }
    for (int64_t p = n - 1; p >= 0; p--) {
        most = MAX(most, value_of(n - 1 - p));
        w->most_behind[p] = most;
    }
    /* A row of falling values, the place of the largest in front. */
    int64_t *places = build_alloc(b, sizeof(int64_t) * (size_t)n), front = 0, end = 0, in = 0;
    for (int64_t p = 0; p < n; p++) {
        for (; in < n && in <= p + AHEAD; in++) {
            while (end > front && value_of(n - 1 - places[end - 1]) <= value_of(n - 1 - in))
                end--;
            places[end++] = in;
        }
        while (places[front] < p - BACK)
            front++;
        w->most_around[p] = value_of(n - 1 - places[front]);
    }
}

static int64_t long_at(const Batch *batch, uint32_t column, uint32_t row)
{
    const Vector *v = &batch->columns[column];
    return vec_row_is_null(v, row) ? INT64_MIN : ((const int64_t *)v->values)[vec_index(v, row)];
}

static int64_t int_at(const Batch *batch, uint32_t column, uint32_t row)
{
    const Vector *v = &batch->columns[column];
    return ((const int32_t *)v->values)[vec_index(v, row)];
}

/* The number in front of a text of ours; INT64_MIN: null. */
static int64_t text_at(const Batch *batch, uint32_t column, uint32_t row)
{
    const Vector *v = &batch->columns[column];
    if (vec_row_is_null(v, row))
        return INT64_MIN;
    const VecString *s = (const VecString *)v->values + vec_index(v, row);
    return strtoll(vec_string_data(s), NULL, 10) / 1000003;
}

static void check(Wanted *w, const Batch *batch, uint32_t row)
{
    int64_t n = w->shape.n, peers = w->shape.peers, id = long_at(batch, 0, row);
    int64_t groups = (n + peers - 1) / peers, group = groups - 1 - id / peers;
    int64_t top = n - (groups - 1) * peers; /* rows of the first group */
    int64_t first = group == 0 ? 0 : top + (group - 1) * peers, end = top + group * peers;
    int64_t p = int_at(batch, 4, row) - 1; /* by row_number(): of peers any order may be it */
    bool alone = peers == 1;
    int64_t bucket =
        p < n % 7 * (n / 7 + 1) ? p / (n / 7 + 1) : n % 7 + (p - n % 7 * (n / 7 + 1)) / (n / 7);
    double part = ((const double *)batch->columns[16].values)[row] - (double)end / (double)n;
    const struct {
        bool asked;
        int64_t got, wanted;
    } cells[] = {
        {alone, p, n - 1 - id},
        {true, p >= first && p < end, true},
        {true, int_at(batch, 5, row), first + 1},
        {alone, long_at(batch, 6, row), p < 3 ? INT64_MIN : value_of(id + 3)},
        {alone, long_at(batch, 7, row), p + AHEAD >= n ? INT64_MIN : value_of(id - AHEAD)},
        {true, long_at(batch, 8, row), w->running[end]},
        {true, long_at(batch, 9, row), w->running[n]},
        {alone, long_at(batch, 10, row),
         w->running[MIN(n, p + AHEAD + 1)] - w->running[MAX(0, p - BACK)]},
        {alone, long_at(batch, 11, row), w->most_around[p]},
        {alone, long_at(batch, 12, row), w->most_behind[p]},
        {alone, long_at(batch, 13, row), value_of(n - 1 - MIN(n - 1, p + AHEAD))},
        {alone, text_at(batch, 14, row), n - 1},
        {true, int_at(batch, 15, row), bucket + 1},
        {true, part > -1e-12 && part < 1e-12, true},
        {alone, long_at(batch, 17, row),
         p < 2 ? INT64_MIN : value_of(n - 1 - (MAX(0, p - BACK) + 2))},
        {alone, text_at(batch, 18, row), p < BACK ? INT64_MIN : id + BACK},
        {true, text_at(batch, 3, row), id},
    };
    for (uint32_t i = 0; i < ARRAY_SIZE(cells) && w->wrong < 0; i++)
        if (cells[i].asked && cells[i].got != cells[i].wanted) {
            w->wrong = id;
            w->wrong_column = i;
        }
    /* The largest of texts: of all ids around, by their bytes; looked at for a few. */
    if (!alone || w->seen % 40009 != 0)
        return;
    char most[24] = "", text[24];
    for (int64_t q = MAX(0, p - BACK); q <= p; q++) {
        snprintf(text, sizeof(text), "%lld,", (long long)((n - 1 - q) * 1000003));
        if (strcmp(text, most) > 0)
            memcpy(most, text, sizeof(text));
    }
    if (text_at(batch, 19, row) != strtoll(most, NULL, 10) / 1000003 && w->wrong < 0) {
        w->wrong = id;
        w->wrong_column = ARRAY_SIZE(cells);
    }
}

static int look(void *userdata, const Batch *batch, QueryError *error)
{
    Wanted *w = userdata;
    for (uint32_t i = 0; i < batch->n_selected; i++) {
        check(w, batch, batch->sel ? batch->sel[i] : i);
        w->seen++;
    }
    return 0;
}

static int run_window(const PlanNode *plan, MemPool *pool, const ExecSpill *spill, Wanted *w,
                      NodeMetrics *metrics, QueryError *error)
{
    QueryRun run = {.plan = plan,
                    .pool = pool,
                    .n_threads = 2,
                    .result = look,
                    .userdata = w,
                    .error = error,
                    .metrics = metrics,
                    .n_metrics = metrics ? 4 : 0,
                    .spill = spill};
    return exec_run(&run);
}

static int open_directory(void)
{
    int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void test_large_partition(void **state)
{
    static const Shape shapes[] = {{250000, 1}, {200000, 90000}, {100000, 7}};
    ExecSpill spill = {.directory_fd = open_directory()};

    for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
        Build b;
        MemPool *pool;
        QueryError error = {0};
        Wanted w;
        NodeMetrics metrics[4];
        build_init(&b, 1);
        expect(&b, &w, shapes[i]);
        PlanNode *plan = window_plan(&b, shapes[i]);
        assert_int_equal(mem_pool_new(LIMIT_BYTES, NULL, NULL, &pool), 0);
        int r = run_window(plan, pool, &spill, &w, metrics, &error);
        if (r || w.wrong >= 0)
            fail_msg("%d %s, id %lld, cell %u", r, error.message, (long long)w.wrong,
                     w.wrong_column);
        assert_int_equal(w.seen, shapes[i].n);
        assert_true(mem_pool_peak(pool) <= LIMIT_BYTES);
        mem_pool_free(pool); /* asserts a balance of zero */
        build_done(&b);
    }
    (void)close(spill.directory_fd);
}

/* Without a spill directory the same fails with an error that says so. */
static void test_no_directory(void **state)
{
    Build b;
    MemPool *pool;
    QueryError error = {0};
    Wanted w;
    Shape shape = {300000, 1};
    build_init(&b, 1);
    expect(&b, &w, shape);
    assert_int_equal(mem_pool_new(LIMIT_BYTES, NULL, NULL, &pool), 0);
    assert_int_equal(run_window(window_plan(&b, shape), pool, NULL, &w, NULL, &error),
                     QUERY_E_FAILED);
    assert_int_equal(error.kind, DATA_ERROR_MEMORY);
    mem_pool_free(pool);
    build_done(&b);
}

static void test_refused_memory(void **state)
{
    static const Shape shapes[] = {{4000, 3}, {100000, 1}};
    ExecSpill spill = {.directory_fd = open_directory()};
    PlanNode *plans[2];
    Wanted wanted[2];
    Build b;
    uint32_t failed = 0, right = 0;

    build_init(&b, 3);
    for (uint32_t i = 0; i < 2; i++) {
        expect(&b, &wanted[i], shapes[i]);
        plans[i] = window_plan(&b, shapes[i]);
    }
    for (uint32_t turn = 0; turn < 36; turn++) {
        Wanted *w = &wanted[turn % 6 == 0];
        MemPool *pool;
        QueryError error = {0};
        spill.force = w == &wanted[0] ? turn % 3 : 0;
        assert_int_equal(mem_pool_new(LIMIT_BYTES, NULL, NULL, &pool), 0);
        w->seen = 0;
        mem_pool_fail_charge(pool, 1 + build_below(&b, turn % 2 ? 200 : 2000));
        int r = run_window(plans[turn % 6 == 0], pool, &spill, w, NULL, &error);
        mem_pool_fail_charge(pool, 0);
        if (w->wrong >= 0)
            fail_msg("turn %u: id %lld, cell %u", turn, (long long)w->wrong, w->wrong_column);
        if (r) {
            assert_int_equal(r, QUERY_E_FAILED);
            assert_int_equal(error.kind, DATA_ERROR_MEMORY);
            failed++;
        } else {
            assert_int_equal(w->seen, w->shape.n);
            right++;
        }
        mem_pool_free(pool);
    }
    assert_true(right > 10);
    assert_true(failed < 36);
    build_done(&b);
    (void)close(spill.directory_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_partition),
        cmocka_unit_test(test_no_directory),
        cmocka_unit_test(test_refused_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

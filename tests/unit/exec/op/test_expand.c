/* SPDX-License-Identifier: Apache-2.0 */

/* Expand, replicate and sample against what they are defined as; refused memory. */

#include "base/cleanup.h"
#include "exec/op/run.h"
#include "tests/support/exec_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N_ROWS = 10000 };

static PlanNode *range_plan(Build *b)
{
    PlanNode *range = build_plan(b, PLAN_RANGE, 1, (Type[]){TYPE(LONG)}, NULL);
    range->range.end = N_ROWS;
    range->range.step = 1;
    return range;
}

static int64_t value_at(const Vector *v, uint32_t row)
{
    uint32_t at = v->encoding == VEC_CONST ? 0 : v->encoding == VEC_DICT ? v->codes[row] : row;
    return ((const int64_t *)v->values)[at];
}

static int run_plan(const PlanNode *plan, MemPool *pool, ExecResult result, void *userdata,
                    QueryError *error)
{
    ExecProgress progress = {0};
    QueryRun run = {.plan = plan,
                    .pool = pool,
                    .n_threads = 3,
                    .result = result,
                    .userdata = userdata,
                    .error = error,
                    .progress = &progress};
    return exec_run(&run);
}

/* ---- expand ---- */

/* Sets of the key (column 0): kept, left out, kept again. */
static PlanNode *expand_plan(Build *b)
{
    PlanNode *node =
        build_plan(b, PLAN_EXPAND, 3, (Type[]){TYPE(LONG), TYPE(LONG), TYPE(LONG)}, range_plan(b));
    node->expand.keys = build_alloc(b, sizeof(uint32_t));
    node->expand.n_keys = 1;
    node->expand.sets = build_alloc(b, sizeof(uint64_t) * 3);
    node->expand.ids = build_alloc(b, sizeof(int64_t) * 3);
    node->expand.n_sets = 3;
    node->expand.sets[0] = node->expand.sets[2] = 1;
    node->expand.ids[1] = 1;
    return node;
}

typedef struct Expanded {
    int64_t rows[3], sum[3];
    bool bad;
} Expanded;

static int take_expanded(void *userdata, const Batch *batch, QueryError *error)
{
    Expanded *e = userdata;
    for (uint32_t i = 0; i < batch->n_selected; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;
        int64_t id = value_at(&batch->columns[1], row), set = value_at(&batch->columns[2], row);
        bool null = vec_row_is_null(&batch->columns[0], row);
        e->bad |= set < 0 || set > 2 || id != (set == 1) || null != (set == 1);
        if (e->bad)
            return 0;
        e->rows[set]++;
        e->sum[set] += null ? 0 : value_at(&batch->columns[0], row);
    }
    return 0;
}

static void test_expand(void **state)
{
    Build b;
    build_init(&b, 1);
    Expanded e = {0};
    QueryError error = {0};
    assert_int_equal(run_plan(expand_plan(&b), b.pool, take_expanded, &e, &error), 0);
    assert_false(e.bad);
    int64_t sum = (int64_t)N_ROWS * (N_ROWS - 1) / 2;
    for (int set = 0; set < 3; set++) {
        assert_int_equal(e.rows[set], N_ROWS);
        assert_int_equal(e.sum[set], set == 1 ? 0 : sum);
    }
    build_done(&b);
}

/* ---- replicate ---- */

/* id as often as id % 101 - 1: never for 0 and 1, more often than there are rounds at the end. */
static PlanNode *replicate_plan(Build *b)
{
    PlanNode *project =
        build_plan(b, PLAN_PROJECT, 2, (Type[]){TYPE(LONG), TYPE(LONG)}, range_plan(b));
    Expr *id = build_column(b, 0, TYPE(LONG));
    project->project.exprs = build_alloc(b, sizeof(Expr *) * 2);
    project->project.exprs[0] = id;
    project->project.exprs[1] =
        build_call(b, FN_SUBTRACT, TYPE(LONG),
                   build_call(b, FN_MODULO, TYPE(LONG), id, build_literal(b, TYPE(LONG), 101)),
                   build_literal(b, TYPE(LONG), 1));
    return build_plan(b, PLAN_REPLICATE, 1, (Type[]){TYPE(LONG)}, project);
}

static int take_times(void *userdata, const Batch *batch, QueryError *error)
{
    uint32_t *times = userdata;
    for (uint32_t i = 0; i < batch->n_selected; i++)
        times[value_at(&batch->columns[0], batch->sel ? batch->sel[i] : i)]++;
    return 0;
}

static void test_replicate(void **state)
{
    Build b;
    build_init(&b, 1);
    uint32_t *times = calloc(N_ROWS, sizeof(*times));
    assert_non_null(times);
    QueryError error = {0};
    assert_int_equal(run_plan(replicate_plan(&b), b.pool, take_times, times, &error), 0);
    for (int i = 0; i < N_ROWS; i++)
        assert_int_equal(times[i], i % 101 > 1 ? i % 101 - 1 : 0);
    free(times);
    build_done(&b);
}

/* ---- sample ---- */

static PlanNode *sample_plan(Build *b, double low, double high)
{
    PlanNode *node = build_plan(b, PLAN_SAMPLE, 1, (Type[]){TYPE(LONG)}, range_plan(b));
    node->sample.low = low;
    node->sample.high = high;
    node->sample.seed = 7;
    return node;
}

/* Two ranges that meet part the rows; the same seed gives the same ones. */
static void test_sample(void **state)
{
    Build b;
    build_init(&b, 1);
    static const double bounds[3][2] = {{0, 0.25}, {0.25, 1}, {0, 0.25}};
    uint32_t *times = calloc(3 * (size_t)N_ROWS, sizeof(*times));
    assert_non_null(times);
    QueryError error = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(run_plan(sample_plan(&b, bounds[i][0], bounds[i][1]), b.pool, take_times,
                                  times + (size_t)i * N_ROWS, &error),
                         0);
    uint32_t n = 0;
    for (int i = 0; i < N_ROWS; i++) {
        assert_int_equal(times[i] + times[N_ROWS + i], 1);
        assert_int_equal(times[i], times[2 * N_ROWS + i]);
        n += times[i];
    }
    assert_in_range(n, N_ROWS / 4 - 300, N_ROWS / 4 + 300);
    free(times);
    build_done(&b);
}

/* ---- refused memory ---- */

static int take_nothing(void *userdata, const Batch *batch, QueryError *error)
{
    return 0;
}

static void test_refused_memory(void **state)
{
    Build b;
    build_init(&b, 1);
    PlanNode *plans[] = {expand_plan(&b), replicate_plan(&b), sample_plan(&b, 0, 0.5)};
    uint64_t before = mem_pool_reserved(b.pool);
    for (size_t i = 0; i < ARRAY_SIZE(plans); i++) {
        bool done = false;
        for (uint64_t nth = 1; !done && nth < 2000; nth++) {
            QueryError error = {0};
            mem_pool_fail_charge(b.pool, nth);
            int r = run_plan(plans[i], b.pool, take_nothing, NULL, &error);
            mem_pool_fail_charge(b.pool, 0);
            assert_int_equal(mem_pool_reserved(b.pool), before);
            done = r == 0;
            if (!done) {
                assert_int_equal(r, QUERY_E_FAILED);
                assert_int_equal(error.kind, DATA_ERROR_MEMORY);
            }
        }
        assert_true(done);
    }
    build_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_replicate),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_refused_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

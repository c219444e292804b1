/* SPDX-License-Identifier: Apache-2.0 */

/* Window functions against loops over the same rows, for partitions of all sizes; refused memory.
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

/* So many rows that some partitions end with a batch. */
enum { N_ROWS = 32768, N_FUNCTIONS = 7 };

/* id, id % @n_partitions, (id * 77) % 1009 */
static PlanNode *window_plan(Build *b, int64_t n_partitions)
{
    Type one[1] = {TYPE(LONG)}, three[3] = {TYPE(LONG), TYPE(LONG), TYPE(LONG)};
    PlanNode *range = build_plan(b, PLAN_RANGE, 1, one, NULL);
    range->range.end = N_ROWS;
    range->range.step = 1;
    PlanNode *project = build_plan(b, PLAN_PROJECT, 3, three, range);
    Expr *id = build_column(b, 0, TYPE(LONG));
    project->project.exprs = build_alloc(b, sizeof(Expr *) * 3);
    project->project.exprs[0] = id;
    project->project.exprs[1] =
        build_call(b, FN_MODULO, TYPE(LONG), id, build_literal(b, TYPE(LONG), n_partitions));
    project->project.exprs[2] =
        build_call(b, FN_MODULO, TYPE(LONG),
                   build_call(b, FN_MULTIPLY, TYPE(LONG), id, build_literal(b, TYPE(LONG), 77)),
                   build_literal(b, TYPE(LONG), 1009));

    Type all[3 + N_FUNCTIONS] = {TYPE(LONG), TYPE(LONG), TYPE(LONG), TYPE(INT),  TYPE(LONG),
                                 TYPE(LONG), TYPE(LONG), TYPE(LONG), TYPE(LONG), TYPE(DOUBLE)};
    PlanNode *w = build_plan(b, PLAN_WINDOW, 3 + N_FUNCTIONS, all, project);
    w->window.keys = build_alloc(b, sizeof(SortKey) * 2);
    w->window.keys[0] = (SortKey){.expr = build_column(b, 1, TYPE(LONG)), .nulls_first = true};
    w->window.keys[1] = (SortKey){.expr = id, .descending = true};
    w->window.n_keys = 2;
    w->window.n_partition = 1;
    WindowFunction *f = build_alloc(b, sizeof(*f) * N_FUNCTIONS);
    Expr *value = build_column(b, 2, TYPE(LONG));
    Aggregate sum = {.id = AGG_SUM, .nullable = true, .type = TYPE(LONG), .arg = value};
    Aggregate max = {.id = AGG_MAX, .nullable = true, .type = TYPE(LONG), .arg = value};
    Aggregate spread = {.id = AGG_VAR_POP, .nullable = true, .type = TYPE(DOUBLE), .arg = value};
    WindowEdge before = {.kind = WINDOW_PRECEDING, .offset = 300};
    WindowEdge behind = {.kind = WINDOW_FOLLOWING, .offset = 20};
    f[0] = (WindowFunction){.id = WINDOW_ROW_NUMBER, .type = TYPE(INT)};
    f[1] = (WindowFunction){.id = WINDOW_SHIFT, .type = TYPE(LONG), .arg = value, .offset = -3};
    f[2] = (WindowFunction){.type = TYPE(LONG),
                            .range = true,
                            .start.kind = WINDOW_UNBOUNDED_PRECEDING,
                            .end.kind = WINDOW_CURRENT_ROW,
                            .aggregate = sum};
    f[3] = (WindowFunction){.type = TYPE(LONG), .start = before, .end = behind, .aggregate = sum};
    f[4] = (WindowFunction){.type = TYPE(LONG), .start = before, .end = behind, .aggregate = max};
    f[5] = (WindowFunction){
        .id = WINDOW_LAST_VALUE, .type = TYPE(LONG), .arg = value, .start = before, .end = behind};
    f[6] =
        (WindowFunction){.type = TYPE(DOUBLE), .start = before, .end = behind, .aggregate = spread};
    w->window.functions = f;
    w->window.n_functions = N_FUNCTIONS;
    return w;
}

typedef struct Seen {
    int64_t n_partitions;
    uint64_t n;
    bool wrong;
} Seen;

static int64_t value_of(int64_t id)
{
    return id * 77 % 1009;
}

static int64_t long_at(const Batch *batch, uint32_t column, uint32_t row)
{
    const Vector *v = &batch->columns[column];
    return ((const int64_t *)v->values)[vec_index(v, row)];
}

/* Rows of a partition are those of equal remainder, from the largest id down. */
static bool row_is_right(const Batch *batch, uint32_t row, int64_t n)
{
    int64_t id = long_at(batch, 0, row), top = (N_ROWS - 1 - id % n) / n * n + id % n;
    int64_t place = (top - id) / n, count = (top - id % n) / n + 1, running = 0, sliding = 0;
    int64_t most = -1, last = -1;
    double sum = 0, squares = 0, k = 0;

    for (int64_t i = 0; i < count && i <= place + 20; i++) {
        int64_t x = value_of(top - i * n);
        running += i <= place ? x : 0;
        if (i < place - 300)
            continue;
        sliding += x;
        most = MAX(most, x);
        last = x;
        sum += (double)x;
        squares += (double)x * (double)x;
        k++;
    }
    const Vector *number = &batch->columns[3], *lag = &batch->columns[4];
    double spread = squares / k - sum / k * (sum / k);
    double got = ((const double *)batch->columns[9].values)[row];
    bool lag_right = place < 3 ? vec_row_is_null(lag, row)
                               : !vec_row_is_null(lag, row) &&
                                     long_at(batch, 4, row) == value_of(top - (place - 3) * n);
    return ((const int32_t *)number->values)[vec_index(number, row)] == place + 1 && lag_right &&
           long_at(batch, 5, row) == running && long_at(batch, 6, row) == sliding &&
           long_at(batch, 7, row) == most && long_at(batch, 8, row) == last &&
           got - spread < 1e-3 && spread - got < 1e-3;
}

static int look(void *userdata, const Batch *batch, QueryError *error)
{
    Seen *seen = userdata;
    for (uint32_t i = 0; i < batch->n_selected; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;
        /* Long loops for some of the rows only. */
        if (seen->n_partitions > 20 || seen->n % 97 == 0)
            seen->wrong |= !row_is_right(batch, row, seen->n_partitions);
        seen->n++;
    }
    return 0;
}

static int run_window(const PlanNode *plan, MemPool *pool, const ExecSpill *spill, Seen *seen,
                      QueryError *error)
{
    QueryRun run = {.plan = plan,
                    .pool = pool,
                    .n_threads = 2,
                    .result = look,
                    .userdata = seen,
                    .spill = spill,
                    .error = error};
    return exec_run(&run);
}

/* @rows: as the optimiser would guess; many are spread over parts. */
static void run_all_sizes(double rows, const ExecSpill *spill)
{
    static const int64_t sizes[] = {1, 2, 4, 7, 8, 13, 900, 4096, N_ROWS};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        Build b;
        QueryError error = {0};
        Seen seen = {.n_partitions = sizes[i]};
        build_init(&b, 1);
        PlanNode *plan = window_plan(&b, sizes[i]);
        plan->input->rows = rows;
        int r = run_window(plan, b.pool, spill, &seen, &error);
        if (r)
            fail_msg("%d %s", r, error.message);
        assert_int_equal(seen.n, N_ROWS);
        assert_false(seen.wrong);
        build_done(&b);
    }
}

static void test_partitions_of_all_sizes(void **state)
{
    run_all_sizes(0, NULL);
}

static void test_parts(void **state)
{
    run_all_sizes(1e6, NULL);
    run_all_sizes(1e8, NULL);
}

static void test_parts_on_disk(void **state)
{
    ExecSpill spill = {.directory_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

    assert_true(spill.directory_fd >= 0);
    for (spill.force = 1; spill.force < 4; spill.force += 2)
        run_all_sizes(1e6, &spill);
    (void)close(spill.directory_fd);
}

static void test_refused_memory(void **state)
{
    Build b;
    build_init(&b, 1);
    PlanNode *plan = window_plan(&b, 3);
    plan->input->rows = 1e6;
    uint64_t before = mem_pool_reserved(b.pool);
    bool done = false;

    for (uint64_t nth = 1; !done && nth < 2000; nth += 1 + nth / 16) {
        Seen seen = {.n_partitions = 3};
        QueryError error = {0};
        mem_pool_fail_charge(b.pool, nth);
        int r = run_window(plan, b.pool, NULL, &seen, &error);
        mem_pool_fail_charge(b.pool, 0);
        assert_int_equal(mem_pool_reserved(b.pool), before);
        done = r == 0;
        if (!done) {
            assert_int_equal(r, QUERY_E_FAILED);
            assert_int_equal(error.kind, DATA_ERROR_MEMORY);
        }
    }
    assert_true(done);
    build_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partitions_of_all_sizes),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_parts_on_disk),
        cmocka_unit_test(test_refused_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

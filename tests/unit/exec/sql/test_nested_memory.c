/* SPDX-License-Identifier: Apache-2.0 */

/* Queries over nested values, and such that read something twice, with each charge of memory
 * refused in turn: they end with an error or with all their rows, and give everything back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "exec/expr/expr.h"
#include "exec/io/io.h"
#include "exec/op/run.h"
#include "exec/plan/bind.h"
#include "exec/plan/optimise.h"
#include "exec/sql/parser.h"

#define SHARED                                                                                     \
    "WITH t AS (SELECT id % 3000 g, max(concat('a string that is not inline ', id % 9)) s FROM "   \
    "range(60000) GROUP BY id % 3000) "

typedef struct Bed {
    MemPool *pool;
    IoContext *io;
    SessionFiles *files;
    PlanSession *session;
} Bed;

static int count_rows(void *userdata, const Batch *batch, QueryError *error)
{
    *(uint64_t *)userdata += batch->sel ? batch->n_selected : batch->n_rows;
    return 0;
}

static uint32_t count_shared(const PlanNode *node)
{
    uint32_t n = node->kind == PLAN_SHARED;
    if (node->kind == PLAN_SHARED && node->shared.first)
        n += count_shared(node->shared.plan->node);
    return n + (node->input ? count_shared(node->input) : 0) +
           (node->right ? count_shared(node->right) : 0);
}

/* @nth 0: nothing is refused. @planning: the charges of the plan's memory count, too. */
static int run_sql(Bed *bed, const char *sql, uint64_t nth, bool planning, uint64_t *ret_rows)
{
    MemPool *plan_pool, *query_pool;
    MemArena *arena = NULL;
    QueryError error = {0};
    SqlStatement s;
    PlanNode *plan = NULL, *bound;
    PlanContext context;

    *ret_rows = 0;
    assert_int_equal(mem_pool_new(UINT64_C(1) << 30, NULL, NULL, &plan_pool), 0);
    assert_int_equal(mem_pool_new(UINT64_C(1) << 30, NULL, NULL, &query_pool), 0);
    assert_int_equal(mem_arena_new(plan_pool, "plan", &arena), 0);
    mem_pool_fail_charge(planning ? plan_pool : query_pool, nth);
    UBuilder b = {.arena = arena, .error = &error};
    int r = sql_parse_statement(&b, sql, strlen(sql), NULL, &s);
    plan_context_init(&context, arena, bed->session, bed->files, &error);
    context.fold = expr_fold;
    if (r == 0)
        r = plan_bind(&context, s.query, &bound);
    if (r == 0)
        r = plan_optimise(&context, bound, &plan);
    if (r == 0) {
        assert_int_equal(count_shared(plan), strncmp(sql, "WITH t", 6) == 0 ? 2 : 0);
        QueryRun run = {.plan = plan,
                        .pool = query_pool,
                        .n_threads = 2,
                        .result = count_rows,
                        .userdata = ret_rows,
                        .error = &error};
        r = exec_run(&run);
    }
    plan_context_done(&context);
    mem_arena_free(arena);
    mem_pool_free(query_pool); /* asserts a balance of zero */
    mem_pool_free(plan_pool);
    return r;
}

static const char *const queries[] = {
    "SELECT id, explode(transform(array(id, id * 2, NULL), x -> x + id)) FROM range(9000)",
    "SELECT g, collect_list(s), collect_set(s) FROM (SELECT id % 50 g, concat('a string that is "
    "not "
    "inline ', cast(id AS string)) s FROM range(5000)) GROUP BY g",
    "SELECT posexplode_outer(map('k', struct(id, array('x', cast(id AS string))))) FROM "
    "range(6000)",
    "SELECT aggregate(array(id, 1, 2), '', (a, x) -> concat(a, cast(x AS string), '-more than "
    "12')), "
    "array_sort(array(3, id, 1), (a, b) -> cast(b - a AS int)) FROM range(3000)",
    "SELECT DISTINCT array(id % 7, 0.5D) FROM range(5000) ORDER BY 1",
    "SELECT to_json(from_json(concat('{\"a\":[', cast(id AS string), ']}'), 'a array<int>')), "
    "split('a,b', ','), get_json_object('{\"a\":{\"b\":1}}', '$.a') FROM range(2000)",
    "SELECT id, rand(1), uuid(), randstr(20, 2), shuffle(array(id, 2, 3), 4) FROM range(5000)",
    "SELECT format_string('%s is %,d of %08.3f', concat('row ', id), id, id / 7), mask('Text 123 "
    "and "
    "more'), encode('a text of some length', 'utf-16'), sha2(cast(id AS string), 512), "
    "regexp_extract_all('a1 b2 c3', '([a-z])', 1), concat_ws(', ', array('a text', cast(id AS "
    "string)), 'and another'), date_format(timestamp_seconds(id), 'EEEE, d MMMM yyyy'), "
    "to_timestamp(concat('2020-01-01 00:00:', id % 60), 'yyyy-MM-dd HH:mm:s') FROM range(5000)",
    SHARED "SELECT a.g, a.s, b.s FROM t a JOIN t b ON a.g = b.g + 1",
    SHARED "SELECT g FROM t WHERE s = (SELECT max(s) FROM t)",
};

static void test_refused(Bed *bed, bool planning, uint64_t last)
{
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        uint64_t whole, rows, failed = 0;
        assert_int_equal(run_sql(bed, queries[i], 0, planning, &whole), 0);
        assert_true(whole > 0);
        for (uint64_t nth = 1; nth < last; nth++) {
            int r = run_sql(bed, queries[i], nth, planning, &rows);
            assert_true(r == 0 || r == QUERY_E_FAILED || r == MEM_E_REFUSED || r == MEM_E_SPILL);
            if (r == 0)
                assert_int_equal(rows, whole);
            failed += r != 0;
        }
        assert_true(planning || failed > 3);
    }
}

static void test_while_running(void **state)
{
    test_refused(*state, false, 60);
}

static void test_while_planning(void **state)
{
    test_refused(*state, true, 6);
}

static int setup(void **state)
{
    static Bed bed;
    assert_int_equal(mem_pool_new(UINT64_C(1) << 30, NULL, NULL, &bed.pool), 0);
    assert_int_equal(io_context_new_pread(&bed.io), 0);
    assert_int_equal(session_files_new(bed.pool, bed.io, &bed.files), 0);
    assert_int_equal(plan_session_new(bed.pool, &bed.session), 0);
    session_files_enter(bed.files);
    *state = &bed;
    return 0;
}

static int teardown(void **state)
{
    Bed *bed = *state;
    session_files_leave(bed->files);
    plan_session_free(bed->session);
    session_files_free(bed->files);
    io_context_free(bed->io);
    mem_pool_free(bed->pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_while_running),
        cmocka_unit_test(test_while_planning),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

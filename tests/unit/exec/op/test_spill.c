/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Queries that do not fit in their memory: the same rows as without a limit, within the limit;
 * every charge refused in turn; a disk that is full, a limit on the spill file; a cancel in the
 * middle; what was spilled is counted; nothing is left in the directory.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "exec/op/op.h"
#include "exec/op/run.h"
#include "exec/op/spill.h"
#include "tests/support/exec_build.h"

#define LIMIT (UINT64_C(8) << 20)

static char directory[] = "/tmp/berth-spill-XXXXXX";
static int directory_fd;

/* Rows of the result, as a sum that does not depend on their order; and whether they were sorted.
 */
typedef struct Digest {
    uint64_t n, sum;
    bool sorted;
    int64_t last;
    const atomic_bool *cancel_now;
} Digest;

static int add_batch(void *userdata, const Batch *batch, QueryError *error)
{
    Digest *d = userdata;
    uint32_t n = batch->sel ? batch->n_selected : batch->n_rows;
    char text[512];

    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;
        uint64_t h = 1469598103934665603u;
        for (uint32_t c = 0; c < batch->n_columns; c++) {
            vec_format(&batch->columns[c], row, text, sizeof(text));
            for (const char *p = text; *p; p++)
                h = (h ^ (uint8_t)*p) * 1099511628211u;
            h = (h ^ '|') * 1099511628211u;
        }
        d->sum += h;
        d->n++;
        const Vector *v = &batch->columns[0];
        if (v->phys == PHYS_I64 && !vec_row_is_null(v, row)) {
            int64_t x = ((const int64_t *)v->values)[vec_index(v, row)];
            d->sorted &= x >= d->last;
            d->last = x;
        }
    }
    return 0;
}

static int run(PlanNode *plan, uint64_t limit, const ExecSpill *spill, const atomic_bool *cancel,
               Digest *digest, uint64_t *ret_spilled, QueryError *error)
{
    MemPool *root, *pool;
    NodeMetrics metrics[16];
    *digest = (Digest){.sorted = true, .last = INT64_MIN};
    assert_int_equal(mem_pool_new(limit, NULL, NULL, &root), 0);
    assert_int_equal(mem_pool_new_child(root, "query", &pool), 0);
    QueryRun r = {.plan = plan,
                  .pool = pool,
                  .n_threads = 2,
                  .cancel = cancel,
                  .result = add_batch,
                  .userdata = digest,
                  .error = error,
                  .metrics = metrics,
                  .n_metrics = 16,
                  .spill = spill};
    int k = exec_run(&r);
    if (limit != UINT64_MAX)
        assert_true(mem_pool_peak(root) <= limit && mem_pool_peak(pool) <= limit);
    if (ret_spilled) {
        *ret_spilled = 0;
        for (uint32_t i = 0; i < 16; i++)
            *ret_spilled += metrics[i].spilled;
    }
    mem_pool_free(pool);
    mem_pool_free(root);
    return k;
}

/* (id mod @modulo, a text of it, id) for @n ids. */
static PlanNode *numbers(Build *b, int64_t n, int64_t modulo, uint32_t id)
{
    Type one[1] = {TYPE(LONG)}, three[3] = {TYPE(LONG), TYPE(STRING), TYPE(LONG)};
    PlanNode *range = build_plan(b, PLAN_RANGE, 1, one, NULL);
    range->range.end = n;
    range->range.step = 1;
    range->id = id;
    PlanNode *p = build_plan(b, PLAN_PROJECT, 3, three, range);
    Expr **e = build_alloc(b, sizeof(Expr *) * 3);
    e[0] = build_call(b, FN_MODULO, TYPE(LONG), build_column(b, 0, TYPE(LONG)),
                      build_literal(b, TYPE(LONG), modulo));
    Expr *cast = build_alloc(b, sizeof(Expr));
    *cast = (Expr){.kind = EXPR_CAST, .type = TYPE(STRING), .n_args = 1};
    cast->args = build_alloc(b, sizeof(Expr *));
    cast->args[0] = e[0];
    e[1] = build_call(b, FN_CONCAT, TYPE(STRING), cast,
                      build_string(b, " is longer than what fits in a row"));
    e[2] = build_column(b, 0, TYPE(LONG));
    p->project.exprs = e;
    p->id = id + 1;
    return p;
}

static PlanNode *sort_of(Build *b)
{
    PlanNode *in = numbers(b, 100000, 7919, 1);
    PlanNode *sort = build_plan(b, PLAN_SORT, in->n_fields, NULL, in);
    memcpy(sort->fields, in->fields, sizeof(PlanField) * in->n_fields);
    SortKey *keys = build_alloc(b, sizeof(SortKey));
    keys[0] = (SortKey){.expr = build_column(b, 0, TYPE(LONG))};
    sort->sort.keys = keys;
    sort->sort.n_keys = 1;
    sort->sort.limit = -1;
    return sort;
}

static PlanNode *distinct_of(Build *b)
{
    PlanNode *in = numbers(b, 100000, 80000, 1);
    PlanNode *d = build_plan(b, PLAN_DISTINCT, in->n_fields, NULL, in);
    memcpy(d->fields, in->fields, sizeof(PlanField) * in->n_fields);
    return d;
}

static PlanNode *group_of(Build *b, bool distinct)
{
    PlanNode *in = numbers(b, 100000, 60000, 1);
    Type out[4] = {TYPE(LONG), TYPE(LONG), TYPE(STRING), TYPE(LONG)};
    PlanNode *p = build_plan(b, PLAN_AGGREGATE, 4, out, in);
    Expr **groups = build_alloc(b, sizeof(Expr *));
    groups[0] = build_column(b, 0, TYPE(LONG));
    Aggregate *a = build_alloc(b, sizeof(Aggregate) * 3);
    a[0] = (Aggregate){.id = AGG_COUNT,
                       .arg = build_column(b, 2, TYPE(LONG)),
                       .distinct = distinct,
                       .type = TYPE(LONG)};
    a[1] =
        (Aggregate){.id = AGG_MAX, .arg = build_column(b, 1, TYPE(STRING)), .type = TYPE(STRING)};
    a[2] = (Aggregate){.id = AGG_COUNT,
                       .arg = build_column(b, 1, TYPE(STRING)),
                       .distinct = distinct,
                       .type = TYPE(LONG)};
    p->aggregate.n_groups = 1;
    p->aggregate.groups = groups;
    p->aggregate.n_aggregates = 3;
    p->aggregate.aggregates = a;
    return p;
}

static PlanNode *join_of(Build *b, JoinType type, int64_t modulo)
{
    PlanNode *l = numbers(b, 90000, 80021, 1), *r = numbers(b, 90000, modulo, 3);
    bool one = type == JOIN_SEMI || type == JOIN_ANTI;
    PlanNode *p = build_plan(b, PLAN_JOIN, one ? 3 : 6, NULL, l);
    memcpy(p->fields, l->fields, sizeof(PlanField) * 3);
    if (!one)
        memcpy(p->fields + 3, r->fields, sizeof(PlanField) * 3);
    p->right = r;
    p->join.type = (uint8_t)type;
    p->join.n_keys = 1;
    p->join.left_keys = build_alloc(b, sizeof(Expr *));
    p->join.right_keys = build_alloc(b, sizeof(Expr *));
    p->join.left_keys[0] = build_column(b, 1, TYPE(STRING));
    p->join.right_keys[0] = build_column(b, 1, TYPE(STRING));
    return p;
}

static void assert_directory_empty(void)
{
    DIR *d = opendir(directory);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        assert_int_equal(e->d_name[0], '.');
    closedir(d);
}

static void check_plan(PlanNode *plan, const char *what)
{
    const ExecSpill spill = {.directory_fd = directory_fd};
    QueryError error = {0};
    Digest whole, small;
    uint64_t spilled;

    assert_int_equal(run(plan, UINT64_MAX, NULL, NULL, &whole, NULL, &error), 0);
    /* When one worker alone gets everything done, on a busy machine, it may just fit. */
    int r = 0;
    for (uint32_t i = 0; i < 8 && r == 0; i++)
        r = run(plan, LIMIT, NULL, NULL, &small, NULL, &error);
    assert_int_equal(r, QUERY_E_FAILED);
    memset(&error, 0, sizeof(error));
    r = run(plan, LIMIT, &spill, NULL, &small, &spilled, &error);
    if (r)
        fail_msg("%s: %d %s", what, r, error.message);
    assert_true(spilled > 0);
    /* Also by two workers, who take from each other. */
    if (small.n == whole.n && small.sum == whole.sum) {
        const ExecSpill both = {.directory_fd = directory_fd, .force = 1u << 30};
        r = run(plan, LIMIT + (4 << 20), &both, NULL, &small, NULL, &error);
        if (r)
            fail_msg("%s, two workers: %d %s", what, r, error.message);
    }
    if (small.n != whole.n || small.sum != whole.sum)
        fail_msg("%s: other rows (%llu, wanted %llu)", what, (unsigned long long)small.n,
                 (unsigned long long)whole.n);
    assert_directory_empty();
}

static void test_same_rows(void **state)
{
    static const JoinType types[] = {JOIN_INNER, JOIN_LEFT,  JOIN_SEMI,
                                     JOIN_ANTI,  JOIN_RIGHT, JOIN_FULL};
    Build b;
    build_init(&b, 1);
    check_plan(sort_of(&b), "sort");
    check_plan(distinct_of(&b), "distinct");
    check_plan(group_of(&b, false), "aggregate");
    check_plan(group_of(&b, true), "aggregate distinct");
    for (uint32_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        check_plan(join_of(&b, types[i], 60017), "join");
    build_done(&b);
}

static void test_sorted(void **state)
{
    const ExecSpill spill = {.directory_fd = directory_fd};
    Build b;
    Digest d;
    build_init(&b, 1);
    assert_int_equal(run(sort_of(&b), LIMIT, &spill, NULL, &d, NULL, NULL), 0);
    assert_true(d.sorted);
    build_done(&b);
}

/* One key has all build rows: no division helps, they are joined in pieces. */
static void test_one_key(void **state)
{
    Build b;
    build_init(&b, 1);
    PlanNode *plan = join_of(&b, JOIN_INNER, 1);
    plan->input->input->range.start = 89000;
    plan->input->input->range.end = 90000;
    PlanNode *swapped = join_of(&b, JOIN_INNER, 1);
    *swapped = *plan;
    swapped->right = numbers(&b, 90000, 1, 3);
    swapped->input = numbers(&b, 3, 80021, 1);
    check_plan(swapped, "one key");
    build_done(&b);
}

/* Whatever charge is refused, the rows are right or the error is clean. */
static void test_refused(void **state)
{
    Build b;
    build_init(&b, 3);
    PlanNode *plans[] = {sort_of(&b), group_of(&b, true), join_of(&b, JOIN_FULL, 60017)};
    for (uint32_t i = 0; i < 3; i++) {
        Digest whole, got;
        assert_int_equal(run(plans[i], UINT64_MAX, NULL, NULL, &whole, NULL, NULL), 0);
        for (uint64_t nth = 1; nth < 4000; nth += nth + 60) {
            const ExecSpill spill = {.directory_fd = directory_fd};
            MemPool *root;
            QueryError error = {0};
            got = (Digest){.sorted = true, .last = INT64_MIN};
            assert_int_equal(mem_pool_new(LIMIT, NULL, NULL, &root), 0);
            MemPool *pool;
            assert_int_equal(mem_pool_new_child(root, "query", &pool), 0);
            mem_pool_fail_charge(root, nth);
            QueryRun r = {.plan = plans[i],
                          .pool = pool,
                          .n_threads = 2,
                          .result = add_batch,
                          .userdata = &got,
                          .error = &error,
                          .spill = &spill};
            int k = exec_run(&r);
            mem_pool_free(pool);
            mem_pool_free(root);
            assert_true(k == 0 || k == QUERY_E_FAILED);
            if (k == 0)
                assert_true(got.n == whole.n && got.sum == whole.sum);
            else
                assert_int_equal(error.kind, DATA_ERROR_MEMORY);
        }
    }
    assert_directory_empty();
    build_done(&b);
}

static void assert_full(PlanNode *plan, const ExecSpill *spill, const char *says)
{
    QueryError error = {0};
    Digest d;
    assert_int_equal(run(plan, LIMIT, spill, NULL, &d, NULL, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, "BERTH_SPILL_FAILED");
    assert_string_equal(error.sqlstate, "53100");
    assert_int_equal(error.kind, DATA_ERROR_MEMORY);
    assert_non_null(strstr(error.message, says));
    assert_directory_empty();
}

static void test_no_space(void **state)
{
    const ExecSpill spill = {.directory_fd = directory_fd},
                    bounded = {.directory_fd = directory_fd, .bytes_max = 1 << 20};
    struct rlimit before, small = {1 << 20, RLIM_INFINITY};
    Build b;
    build_init(&b, 1);
    PlanNode *plans[] = {sort_of(&b), group_of(&b, false), join_of(&b, JOIN_LEFT, 60017)};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_full(plans[i], &bounded, "of at most 1");
        small.rlim_max = before.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        assert_full(plans[i], &spill, strerror(EFBIG));
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    }
    build_done(&b);
}

typedef struct Canceller {
    atomic_bool cancel, over;
    useconds_t after;
} Canceller;

static void *cancel_later(void *arg)
{
    Canceller *c = arg;
    usleep(c->after);
    atomic_store(&c->cancel, true);
    return NULL;
}

static void test_cancel(void **state)
{
    const ExecSpill spill = {.directory_fd = directory_fd, .force = 2};
    Build b;
    build_init(&b, 1);
    PlanNode *plans[] = {sort_of(&b), group_of(&b, true), join_of(&b, JOIN_FULL, 60017)};
    for (uint32_t i = 0; i < 12; i++) {
        Canceller c = {.after = 3000 * (i / 3 + 1)};
        pthread_t thread;
        Digest d;
        pthread_create(&thread, NULL, cancel_later, &c);
        QueryError error = {0};
        int r = run(plans[i % 3], LIMIT, &spill, &c.cancel, &d, NULL, &error);
        if (r != QUERY_E_CANCELLED && r != 0)
            fail_msg("plan %u: %d %s", i % 3, r, error.message);
        pthread_join(thread, NULL);
    }
    assert_directory_empty();
    build_done(&b);
}

/* Blocks as they are written and read: rows of all sizes, one larger than a block, a damaged file.
 */
static void test_blocks(void **state)
{
    const ExecSpill options = {.directory_fd = directory_fd};
    MemPool *pool;
    MemArena *arena;
    RowLayout layout;
    SpillSpace *space;
    SpillShape shape;
    SpillWriter w;
    SpillReader reader;
    SpillRun run = {0};
    QueryError error = {0};
    const Type types[2] = {TYPE(STRING), TYPE(LONG)};
    static uint8_t buffer[4096], packed[8192];
    static char text[100000];

    memset(text, 'x', sizeof(text));
    assert_int_equal(mem_pool_new(UINT64_MAX, NULL, NULL, &pool), 0);
    assert_int_equal(mem_arena_new(pool, "test", &arena), 0);
    assert_int_equal(row_layout_make(arena, types, 2, 0, &layout), 0);
    assert_int_equal(spill_shape_of_layout(arena, &layout, 8, &shape), 0);
    assert_int_equal(spill_space_new(&options, pool, &space), 0);
    assert_true(spill_packed_bytes(sizeof(buffer)) <= sizeof(packed));
    spill_writer_init(&w, space, &shape, buffer, sizeof(buffer), packed);
    uint8_t *row = mem_arena_zalloc(arena, layout.size, 8);
    for (uint64_t i = 0; i < 500; i++) {
        VecString s = vec_string(text, (uint32_t)(i == 250 ? sizeof(text) : i % 90));
        memcpy(row + layout.offsets[0], &s, sizeof(s));
        memcpy(row + layout.offsets[1], &i, sizeof(i));
        assert_int_equal(spill_write(&w, &run, &i, sizeof(i), row, &error), 0);
    }
    assert_int_equal(spill_flush(&w, &run, &error), 0);
    assert_int_equal(run.n_rows, 500);
    assert_true(run.raw_max > sizeof(text));
    assert_int_equal(spill_reader_init(&reader, space, &shape, &run), 0);
    for (uint64_t i = 0; i < 500;) {
        assert_int_equal(spill_reader_next(&reader, &error), 0);
        assert_true(reader.n_rows > 0);
        for (uint32_t k = 0; k < reader.n_rows; k++, i++) {
            const uint8_t *at = reader.memory + (size_t)k * shape.size;
            VecString s;
            assert_memory_equal(at, &i, sizeof(i));
            memcpy(&s, at + 8 + layout.offsets[0], sizeof(s));
            assert_int_equal(s.length, i == 250 ? sizeof(text) : i % 90);
            assert_memory_equal(vec_string_data(&s), text, s.length);
        }
    }
    assert_int_equal(spill_reader_next(&reader, &error), 0);
    assert_int_equal(reader.n_rows, 0);
    spill_reader_done(&reader);

    /* A bit that the disk lost. */
    run.first = run.last;
    SpillCursor c = spill_run_begin(&run);
    SpillBlock block = *spill_cursor_next(&c);
    block.checksum ^= 1;
    uint8_t *to = mem_arena_alloc(arena, block.raw + 8, 8);
    assert_int_equal(spill_read(space, &shape, &block, to, packed, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, "BERTH_SPILL_FAILED");
    spill_run_done(&run, space);
    spill_space_free(space);
    mem_arena_free(arena);
    mem_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),  cmocka_unit_test(test_same_rows),
        cmocka_unit_test(test_sorted),  cmocka_unit_test(test_one_key),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_cancel),
    };
    if (!mkdtemp(directory))
        return 1;
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    close(directory_fd);
    rmdir(directory);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * query_run: SQL against Parquet through parser, binder, optimiser and operators, in one process
 * without sandbox; for developers, differential tests and benchmarks.
 *
 *   query_run [-t THREADS] [-r REPEATS] [-m MIB] [-s DIRECTORY] [-f N] [-e] [-q] [-v VIEW=PATH]...
 * SQL
 *
 * -e prints the plan with metrics, -q prints no rows. Rows are '|'-separated, nulls "NULL". With
 * repeats the times in milliseconds go to standard error. With -s what does not fit in memory is
 * written below that directory; with -f each sink spills at every Nth batch.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exec/expr/expr.h"
#include "exec/io/io.h"
#include "exec/op/run.h"
#include "exec/op/scan.h"
#include "exec/plan/bind.h"
#include "exec/plan/explain.h"
#include "exec/plan/optimise.h"
#include "exec/sql/parser.h"
#include "exec/vec/ops.h"

typedef struct Options {
    uint32_t threads, repeats;
    uint64_t memory_mib;
    ExecSpill spill;
    bool spills;
    bool explain, quiet;
    const char *views[64];
    uint32_t n_views;
} Options;

static const Options *options;
static NodeMetrics metrics[1024];

static int print_batch(void *userdata, const Batch *batch, QueryError *error)
{
    char buf[65536];
    uint32_t n = batch->sel ? batch->n_selected : batch->n_rows;
    if (options->quiet)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;
        for (uint32_t c = 0; c < batch->n_columns; c++) {
            const Vector *v = &batch->columns[c];
            if (c)
                putchar('|');
            if (v->type.kind == TYPE_DATE && !vec_row_is_null(v, row)) {
                time_t t = (time_t)((const int32_t *)v->values)[vec_index(v, row)] * 86400;
                struct tm tm;
                gmtime_r(&t, &tm);
                strftime(buf, sizeof(buf), "%Y-%m-%d", &tm);
                fputs(buf, stdout);
            } else {
                fputs(vec_format(v, row, buf, sizeof(buf)), stdout);
            }
        }
        putchar('\n');
    }
    return 0;
}

static void annotate(void *userdata, FILE *out, const PlanNode *node)
{
    if (node->id < 1024 && metrics[node->id].spilled)
        fprintf(out, " [spilled %llu KiB]", (unsigned long long)metrics[node->id].spilled >> 10);
    if (node->id < 1024)
        fprintf(out, " [%llu rows, %.2f ms, %llu KiB]", (unsigned long long)metrics[node->id].rows,
                (double)metrics[node->id].nanoseconds / 1e6,
                (unsigned long long)metrics[node->id].bytes >> 10);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int add_views(MemPool *pool, PlanSession *session)
{
    for (uint32_t i = 0; i < options->n_views; i++) {
        char sql[8192];
        const char *eq = strchr(options->views[i], '=');
        MemArena *arena;
        QueryError error = {0};
        SqlStatement s;
        snprintf(sql, sizeof(sql), "SELECT * FROM parquet.`%s`", eq + 1);
        char *name = strndup(options->views[i], (size_t)(eq - options->views[i]));
        mem_arena_new(plan_session_pool(session), "view", &arena);
        char *text = mem_arena_strndup(arena, sql, strlen(sql));
        UBuilder b = {.arena = arena, .error = &error};
        int r = sql_parse_statement(&b, text, strlen(text), NULL, &s);
        if (r == 0)
            r = plan_session_create_view(session, name, s.query, arena, true, &error);
        free(name);
        if (r) {
            fprintf(stderr, "view: %s\n", error.message);
            return r;
        }
    }
    return 0;
}

static int run_once(MemPool *pool, PlanSession *session, SessionFiles *files, const char *sql,
                    bool last)
{
    MemArena *arena;
    MemPool *query_pool;
    QueryError error = {0};
    SqlStatement s;
    PlanNode *plan = NULL, *bound;
    PlanContext context;

    mem_arena_new(pool, "plan", &arena);
    mem_pool_new_child(pool, "query", &query_pool);
    UBuilder b = {.arena = arena, .error = &error};
    int r = sql_parse_statement(&b, sql, strlen(sql), NULL, &s);
    plan_context_init(&context, arena, session, files, &error);
    context.fold = expr_fold;
    if (r == 0) {
        context.sql_text = sql;
        context.n_sql_text = strlen(sql);
        r = plan_bind(&context, s.query, &bound);
    }
    if (r == 0)
        r = plan_optimise(&context, bound, &plan);
    if (r == 0) {
        QueryRun run = {
            .plan = plan,
            .pool = query_pool,
            .n_threads = options->threads,
            .scan_new = scan_source_new,
            .result = print_batch,
            .error = &error,
            .metrics = options->explain ? metrics : NULL,
            .n_metrics = 1024,
            .spill = options->spills ? &options->spill : NULL,
        };
        r = exec_run(&run);
        if (r == 0 && options->explain && last)
            plan_explain_annotated(stderr, plan, annotate, NULL);
    }
    if (r)
        printf("ERROR %d [%s] %s\n", r, error.error_class, error.message);
    plan_context_done(&context);
    if (last && options->explain)
        fprintf(stderr, "peak %llu KiB\n", (unsigned long long)mem_pool_peak(query_pool) >> 10);
    mem_pool_free(query_pool);
    mem_arena_free(arena);
    return r;
}

int main(int argc, char **argv)
{
    Options o = {.threads = 2, .repeats = 1, .memory_mib = 8192};
    MemPool *pool;
    IoContext *io;
    SessionFiles *files;
    PlanSession *session;
    int opt, r = 0;

    while ((opt = getopt(argc, argv, "t:r:m:s:f:eqv:")) != -1)
        switch (opt) {
        case 't':
            o.threads = (uint32_t)atoi(optarg);
            break;
        case 'r':
            o.repeats = (uint32_t)atoi(optarg);
            break;
        case 'm':
            o.memory_mib = (uint64_t)atoll(optarg);
            break;
        case 's':
            o.spill.directory_fd = open(optarg, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            o.spills = o.spill.directory_fd >= 0;
            break;
        case 'f':
            o.spill.force = (uint32_t)atoi(optarg);
            break;
        case 'e':
            o.explain = true;
            break;
        case 'q':
            o.quiet = true;
            break;
        case 'v':
            if (o.n_views < 64 && strchr(optarg, '='))
                o.views[o.n_views++] = optarg;
            break;
        default:
            return 2;
        }
    options = &o;
    mem_pool_new(o.memory_mib << 20, NULL, NULL, &pool);
    io_context_new_pread(&io);
    session_files_new(pool, io, &files);
    plan_session_new(pool, &session);
    session_files_enter(files);
    r = add_views(pool, session);
    for (int i = optind; i < argc && r == 0; i++)
        for (uint32_t k = 0; k < o.repeats; k++) {
            double start = now();
            r = run_once(pool, session, files, argv[i], k + 1 == o.repeats);
            if (o.repeats > 1)
                fprintf(stderr, "%.2f ", now() - start);
            if (r)
                break;
            if (o.repeats > 1 && k + 1 == o.repeats)
                fprintf(stderr, "\n");
        }
    session_files_leave(files);
    plan_session_free(session);
    session_files_free(files);
    io_context_free(io);
    mem_pool_free(pool);
    return r != 0;
}

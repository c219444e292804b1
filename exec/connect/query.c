/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/connect/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "connect/proto/spark_relation.h"
#include "connect/proto/spark_service.h"
#include "exec/connect/catalogue.h"
#include "exec/connect/progress.h"
#include "exec/connect/recursion.h"
#include "exec/connect/show.h"
#include "exec/expr/expr.h"
#include "exec/op/scan.h"

/* Who expects no more is done before anybody looks at a progress bar. */
#define ROWS_FOR_PROGRESS 1000000
#define BYTES_FOR_PROGRESS (8u << 20)

/* ---- opening and closing ---- */

/* ---- rows that a plan depends on ---- */

typedef struct Collected {
    MemArena *arena;
    Literal *values;
    uint32_t n, max;
} Collected;

int query_literal(MemArena *arena, const Vector *v, uint32_t row, Literal *ret)
{
    uint32_t at = vec_index(v, row);
    *ret = (Literal){.is_null = vec_row_is_null(v, row)};
    if (ret->is_null)
        return 0;
    switch (v->phys) {
    case PHYS_BOOL:
        ret->b = ((const uint8_t *)v->values)[at];
        break;
    case PHYS_I8:
        ret->i = ((const int8_t *)v->values)[at];
        break;
    case PHYS_I16:
        ret->i = ((const int16_t *)v->values)[at];
        break;
    case PHYS_I32:
        ret->i = ((const int32_t *)v->values)[at];
        break;
    case PHYS_I64:
        ret->i = ((const int64_t *)v->values)[at];
        break;
    case PHYS_I128:
        memcpy(&ret->i128, (const char *)v->values + 16 * (size_t)at, 16);
        break;
    case PHYS_F32:
        ret->d = ((const float *)v->values)[at];
        break;
    case PHYS_F64:
        ret->d = ((const double *)v->values)[at];
        break;
    default: {
        const VecString *s = &((const VecString *)v->values)[at];
        char *copy = mem_arena_strndup(arena, vec_string_data(s), s->length);
        if (!copy)
            return mem_arena_error(arena);
        ret->s = vec_string(copy, s->length);
    }
    }
    return 0;
}

static int collect_batch(void *userdata, const Batch *batch, QueryError *error)
{
    Collected *c = userdata;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < batch->n_selected && c->n < c->max; i++)
        r = query_literal(c->arena, &batch->columns[0], batch->sel ? batch->sel[i] : i,
                          &c->values[c->n++]);
    return r;
}

int query_collect(Query *q, PlanNode *plan, uint32_t max, Literal *values, uint32_t *ret_n)
{
    Collected c = {.arena = q->arena, .values = values, .max = max};
    int r = query_run(q, plan, collect_batch, &c, NULL);
    *ret_n = c.n;
    return r;
}

static int collect_values(void *userdata, PlanNode *plan, uint32_t max, Literal *values,
                          uint32_t *ret_n)
{
    return query_collect(userdata, plan, max, values, ret_n);
}

int query_open(ServiceSession *session, const ServiceOperation *operation, QueryError *error,
               Query *q)
{
    *q = (Query){.session = session, .operation = operation, .error = error};
    if (!q->error)
        q->error = &q->own_error;
    int r = mem_pool_new_child(session->host.pool, "query", &q->pool);
    if (r != 0)
        return r;
    r = mem_arena_new(q->pool, "plan", &q->arena);
    if (r != 0)
        return query_result(q, r);
    q->builder = (UBuilder){.arena = q->arena, .error = q->error};
    q->decoder = (Decoder){.b = &q->builder,
                           .operation = operation,
                           .pool = q->pool,
                           .infer_json = query_infer_json,
                           .infer_userdata = q};
    if (session->host.files) {
        session_files_enter(session->host.files);
        q->entered = true;
    }
    plan_context_init(&q->context, q->arena, session->plan, session->host.files, q->error);
    q->context.fold = expr_fold;
    q->context.collect = collect_values;
    q->context.collect_userdata = q;
    q->database = plan_session_database(session->plan);
    if (!q->database)
        return -ENOMEM;
    q->context.database = q->database;
    q->context.find = catalogue_find_view;
    q->context.find_userdata = q;
    return 0;
}

void query_close(Query *q)
{
    plan_context_done(&q->context);
    if (q->entered)
        session_files_leave(q->session->host.files);
    free(q->metrics);
    free(q->database);
    q->database = NULL;
    if (q->plan_block)
        mem_block_free(q->pool, q->plan_block, q->n_plan_block);
    if (q->arena)
        mem_arena_free(q->arena);
    if (q->pool)
        mem_pool_free(q->pool);
    q->arena = NULL;
    q->pool = NULL;
}

int query_result(Query *q, int r)
{
    if (r == -E2BIG)
        return query_error_set(q->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The feature is not supported: a row, a key or a result of so many "
                               "columns, or a name of so many bytes.");
    if (r != MEM_E_SPILL && r != MEM_E_REFUSED)
        return r;
    char why[MEM_REASON_MAX];
    return query_error_set(
        q->error, DATA_ERROR_MEMORY, "OUT_OF_MEMORY", "53200",
        "Not enough memory for %s: %s (peak %llu bytes, limit %llu bytes). Ask "
        "for less at once, or let an administrator raise the limit.",
        mem_pool_last_operator(q->pool), mem_pool_reason(q->pool, why, sizeof(why)),
        (unsigned long long)mem_pool_peak(q->pool), (unsigned long long)mem_pool_limit(q->pool));
}

/* ---- planning ---- */

int query_bind(Query *q, const URel *tree, PlanNode **ret_plan)
{
    if (q->decoder.n_sql_texts == 1) {
        q->context.sql_text = q->decoder.sql_text;
        q->context.n_sql_text = q->decoder.n_sql_text;
    }
    return query_result(q, plan_bind(&q->context, tree, ret_plan));
}

static int ask_grant(Query *q, const PlanEstimate *estimate, bool writes, ServiceGrant *grant)
{
    ServiceHost *host = &q->session->host;
    if (!host->grant) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        *grant = (ServiceGrant){.memory_bytes = mem_pool_limit(q->pool),
                                .n_threads = n > 0 ? (uint32_t)n : 1};
        return 0;
    }
    ServiceEstimate e = {.scan_bytes = estimate->scan_bytes,
                         .rows = estimate->rows,
                         .memory_peak_bytes = estimate->memory_peak_bytes,
                         .memory_useful_bytes = session_files_cache_wish(host->files),
                         .fingerprint = estimate->fingerprint,
                         .parallelism = estimate->parallelism,
                         .is_slight = estimate->is_slight && !writes};
    return host->grant(host->userdata, q->operation->userdata, &e, grant, q->error);
}

static void tell_end(Query *q, int r, const ExecProgress *progress, uint64_t rows, uint64_t begun)
{
    ServiceHost *host = &q->session->host;
    if (!host->end)
        return;
    uint64_t busy = 0;
    for (uint32_t i = 0; i < q->n_metrics; i++)
        busy += q->metrics[i].nanoseconds;
    ServiceUsage usage = {.failed = r != 0 && r != QUERY_E_CANCELLED,
                          .cancelled = r == QUERY_E_CANCELLED,
                          .rows = rows,
                          .scan_bytes = progress->bytes_scanned,
                          .memory_peak_bytes = mem_pool_peak(q->pool),
                          .cpu_usec = busy / 1000,
                          .elapsed_usec = clock_now_usec() - begun};
    host->end(host->userdata, q->operation->userdata, &usage);
}

/* Counts rows on their way to whoever takes them. */
typedef struct Counted {
    ExecResult result;
    void *userdata;
    uint64_t rows;
} Counted;

static int count_rows(void *userdata, const Batch *batch, QueryError *error)
{
    Counted *c = userdata;
    c->rows += batch->n_selected;
    return c->result(c->userdata, batch, error);
}

/* To @sink_new, if there is one, else to @result. */
static int run_plan(Query *q, PlanNode *bound, ExecResult result, ExecSinkNew sink_new,
                    void *userdata, PlanNode **ret_optimised)
{
    PlanNode *plan;
    int r = plan_optimise(&q->context, bound, &plan);
    if (r != 0)
        return query_result(q, r);
    PlanEstimate estimate;
    plan_estimate(plan, &estimate);
    if (query_cancelled(q))
        return QUERY_E_CANCELLED;
    ServiceGrant grant;
    r = ask_grant(q, &estimate, sink_new, &grant);
    if (r != 0)
        return r;
    uint64_t begun = clock_now_usec();
    ExecProgress progress = {0};
    Counted counted = {result, userdata, 0};
    if (recursion_in(bound)) {
        uint32_t most = MAX(MIN(grant.n_threads, EXEC_THREADS_MAX), 1u);
        r = recursion_run(q, bound, most, &progress, &bound);
        if (r == 0)
            r = plan_optimise(&q->context, bound, &plan);
        if (r == 0)
            plan_estimate(plan, &estimate);
    }
    free(q->metrics);
    q->n_metrics = plan_count_nodes(plan);
    q->metrics = calloc(q->n_metrics, sizeof(*q->metrics));
    if (!q->metrics) {
        q->n_metrics = 0;
        r = r == 0 ? -ENOMEM : r;
    }
    if (r != 0) {
        r = query_result(q, r);
        tell_end(q, r, &progress, 0, begun);
        return r;
    }
    uint32_t n_threads = MIN(grant.n_threads, estimate.parallelism);
    n_threads = MIN(n_threads, EXEC_THREADS_MAX);
    QueryRun run = {.plan = plan,
                    .pool = q->pool,
                    .n_threads = MAX(n_threads, 1u),
                    .team = q->session->team,
                    .cancel = q->operation->cancelled,
                    .scan_new = scan_source_new,
                    .result = count_rows,
                    .sink_new = sink_new,
                    .userdata = sink_new ? userdata : &counted,
                    .error = q->error,
                    .metrics = q->metrics,
                    .n_metrics = q->n_metrics,
                    .progress = &progress,
                    .spill = q->session->host.spill};
    ProgressTeller teller = {0};
    if (!q->operation->replay && q->operation->emit &&
        (estimate.rows >= ROWS_FOR_PROGRESS || estimate.scan_bytes >= BYTES_FOR_PROGRESS))
        progress_start(&teller, q->operation, &progress);
    r = exec_run(&run);
    progress_stop(&teller);
    r = query_result(q, r);
    tell_end(q, r, &progress, counted.rows, begun);
    if (ret_optimised)
        *ret_optimised = plan;
    return r;
}

int query_run(Query *q, PlanNode *bound, ExecResult result, void *userdata,
              PlanNode **ret_optimised)
{
    return run_plan(q, bound, result, NULL, userdata, ret_optimised);
}

int query_run_sink(Query *q, PlanNode *bound, ExecSinkNew sink_new, void *userdata,
                   PlanNode **ret_optimised)
{
    return run_plan(q, bound, NULL, sink_new, userdata, ret_optimised);
}

/* ---- emitting ---- */

int query_emit(Query *q, ProtoWriter *w)
{
    int r = proto_writer_finish(w);
    if (r == 0 && !q->operation->replay)
        r = q->operation->emit(q->operation->userdata, w->data, w->n_bytes, 0, 0);
    return r;
}

typedef struct Emitter {
    Query *q;
    uint16_t flags;
    ReplyWriter *writer;
} Emitter;

static int emit_batch(void *userdata, const uint8_t *bytes, size_t n_bytes, uint64_t rows)
{
    Emitter *e = userdata;
    return e->q->operation->emit(e->q->operation->userdata, bytes, n_bytes, rows, e->flags);
}

static int take_batch(void *userdata, const Batch *batch, QueryError *error)
{
    Emitter *e = userdata;
    return reply_writer_add(e->writer, batch);
}

/* Would a second run give the same rows in the same order? */
static bool is_deterministic(const PlanNode *node)
{
    switch (node->kind) {
    case PLAN_SCAN:
    case PLAN_RANGE:
        return true;
    case PLAN_VALUES:
        return !node->values.recursion;
    case PLAN_FILTER:
    case PLAN_PROJECT:
    case PLAN_LIMIT:
    case PLAN_GENERATE:
        return is_deterministic(node->input);
    case PLAN_UNION:
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            if (!is_deterministic(node->union_all.inputs[i]))
                return false;
        return true;
    default:
        return false;
    }
}

static int emit_schema(Query *q, const PlanField *fields, uint32_t n)
{
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, DATA_PAYLOAD_MAX, NULL, NULL);
    reply_put_struct(&w, SPARK_RESPONSE_SCHEMA, fields, n);
    return query_emit(q, &w);
}

static void put_metric(ProtoWriter *w, const char *name, uint64_t value, const char *type)
{
    proto_begin(w, SPARK_METRICS_METRIC_OBJECT_EXECUTION_METRICS);
    proto_put_string(w, SPARK_MAP_KEY, name);
    proto_begin(w, SPARK_MAP_VALUE);
    proto_put_string(w, SPARK_METRICS_METRIC_VALUE_NAME, name);
    proto_put_int64(w, SPARK_METRICS_METRIC_VALUE_VALUE, (int64_t)value);
    proto_put_string(w, SPARK_METRICS_METRIC_VALUE_METRIC_TYPE, type);
    proto_end(w);
    proto_end(w);
}

static void put_node_metrics(Query *q, ProtoWriter *w, const PlanNode *node, int64_t parent)
{
    static const char *const names[_PLAN_KIND_MAX] = {[PLAN_SCAN] = "Scan",
                                                      [PLAN_RANGE] = "Range",
                                                      [PLAN_VALUES] = "LocalTableScan",
                                                      [PLAN_FILTER] = "Filter",
                                                      [PLAN_PROJECT] = "Project",
                                                      [PLAN_JOIN] = "HashJoin",
                                                      [PLAN_AGGREGATE] = "HashAggregate",
                                                      [PLAN_SORT] = "Sort",
                                                      [PLAN_LIMIT] = "Limit",
                                                      [PLAN_UNION] = "Union",
                                                      [PLAN_DISTINCT] = "Distinct",
                                                      [PLAN_SAMPLE] = "Sample",
                                                      [PLAN_EXPAND] = "Expand",
                                                      [PLAN_REPLICATE] = "Replicate",
                                                      [PLAN_GENERATE] = "Generate",
                                                      [PLAN_WINDOW] = "Window",
                                                      [PLAN_SHARED] = "Shared"};
    if (node->id < q->n_metrics) {
        const NodeMetrics *m = &q->metrics[node->id];
        proto_begin(w, SPARK_METRICS_METRICS);
        proto_put_string(w, SPARK_METRICS_METRIC_OBJECT_NAME, names[node->kind]);
        proto_put_int64(w, SPARK_METRICS_METRIC_OBJECT_PLAN_ID, node->id);
        proto_put_int64(w, SPARK_METRICS_METRIC_OBJECT_PARENT, parent);
        put_metric(w, "numOutputRows", m->rows, "sum");
        put_metric(w, "time", m->nanoseconds, "nsTiming");
        if (m->bytes > 0)
            put_metric(w, node->kind == PLAN_SCAN ? "filesSize" : "peakMemory", m->bytes, "size");
        if (m->pruned > 0)
            put_metric(w, "numPrunedRows", m->pruned, "sum");
        if (m->spilled > 0)
            put_metric(w, "spillSize", m->spilled, "size");
        proto_end(w);
    }
    if (node->kind == PLAN_UNION)
        for (uint32_t i = 0; i < node->union_all.n_inputs && i < 100; i++)
            put_node_metrics(q, w, node->union_all.inputs[i], node->id);
    if (node->kind == PLAN_SHARED && node->shared.first)
        put_node_metrics(q, w, node->shared.plan->node, node->id);
    if (node->input)
        put_node_metrics(q, w, node->input, node->id);
    if (node->right)
        put_node_metrics(q, w, node->right, node->id);
}

int query_emit_metrics(Query *q, const PlanNode *plan)
{
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, DATA_PAYLOAD_MAX, NULL, NULL);
    proto_begin(&w, SPARK_RESPONSE_METRICS);
    put_node_metrics(q, &w, plan, -1);
    proto_end(&w);
    int r = query_emit(q, &w);
    return r ? r : query_emit_observed(q);
}

int query_emit_plan(Query *q, PlanNode *bound, int64_t tail)
{
    if (q->operation->replay)
        return 0; /* rows change no state */
    Emitter e = {q, 0, NULL};
    _cleanup_(reply_writer_freep) ReplyWriter *writer = NULL;
    int r = reply_writer_new(q->pool, bound->fields, bound->n_fields, q->context.settings.time_zone,
                             tail, emit_batch, &e, q->error, &writer);
    if (r != 0)
        return query_result(q, r);
    e.writer = writer;
    reply_writer_set_chunks(writer, q->operation->chunk_bytes);
    e.flags = is_deterministic(bound) ? DATA_FLAG_DETERMINISTIC : 0;
    r = emit_schema(q, bound->fields, bound->n_fields);
    PlanNode *plan = NULL;
    if (r == 0)
        r = query_run(q, bound, take_batch, &e, &plan);
    if (r == 0)
        r = query_result(q, reply_writer_finish(writer));
    if (r == 0)
        r = query_emit_metrics(q, plan);
    return r;
}

/* ---- show() ---- */

static int take_cells(void *userdata, const Batch *batch, QueryError *error)
{
    return show_table_add(userdata, batch);
}

/* One row, one column: the text. */
static int emit_text(Query *q, const char *name, const char *text, size_t n)
{
    PlanField field = {name, TYPE(STRING), false};
    Emitter e = {q, 0, NULL};
    _cleanup_(reply_writer_freep) ReplyWriter *writer = NULL;
    int r = reply_writer_new(q->pool, &field, 1, NULL, -1, emit_batch, &e, q->error, &writer);
    if (r != 0)
        return query_result(q, r);
    VecString value = vec_string(text, (uint32_t)n);
    Vector v = {.type = TYPE(STRING), .phys = PHYS_STRING, .encoding = VEC_FLAT, .values = &value};
    Batch batch = {.n_rows = 1, .n_selected = 1, .n_columns = 1, .columns = &v};
    r = emit_schema(q, &field, 1);
    if (r == 0)
        r = reply_writer_add(writer, &batch);
    if (r == 0)
        r = reply_writer_finish(writer);
    return query_result(q, r);
}

static int execute_show(Query *q, ProtoReader r, bool html)
{
    URel *input = NULL;
    int32_t n_rows = 0, truncate = 0; /* 0 is not sent: show(truncate=False) */
    bool vertical = false;
    ProtoField f;
    int n;
    while ((n = decode_next(&q->decoder, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_SHOW_STRING_INPUT)
            input = decode_enter(&q->decoder, &r, &f, &inner) ? decode_relation(&q->decoder, inner)
                                                              : NULL;
        else if (f.number == SPARK_SHOW_STRING_NUM_ROWS)
            n_rows = proto_int32(f.value);
        else if (f.number == SPARK_SHOW_STRING_TRUNCATE)
            truncate = proto_int32(f.value);
        else if (f.number == SPARK_SHOW_STRING_VERTICAL)
            vertical = proto_bool(f.value);
    }
    if (n == 0 && !input)
        decode_malformed(&q->decoder);
    if (q->builder.result != 0)
        return query_result(q, q->builder.result);
    n_rows = n_rows < 0 ? 0 : MIN(n_rows, INT32_MAX - 1);
    PlanNode *plan, *text;
    int result = query_bind(q, input, &plan);
    if (result == 0)
        result = query_result(q, plan_wrap_strings(&q->context, plan, (int64_t)n_rows + 1, &text));
    if (result != 0 || q->operation->replay)
        return result;
    _cleanup_(show_table_freep) ShowTable *table = NULL;
    result = show_table_new(q->pool, plan->fields, plan->n_fields, (uint32_t)n_rows, &table);
    if (result == 0)
        result = query_run(q, text, take_cells, table, NULL);
    if (result != 0)
        return query_result(q, result);
    _cleanup_free_ char *buf = NULL;
    size_t n_buf;
    FILE *out = open_memstream(&buf, &n_buf);
    if (!out)
        return -ENOMEM;
    if (html)
        show_table_print_html(table, truncate, out);
    else
        show_table_print(table, truncate, vertical, out);
    if (fclose(out) != 0)
        return -ENOMEM;
    result = emit_text(q, html ? "html_string" : "show_string", buf, n_buf);
    return result ? result : query_emit_observed(q);
}

/* ---- a relation at the root ---- */

static int run_catalog(void *userdata, ProtoReader r, ProtoWriter *ret_relation)
{
    return query_catalog(userdata, r, ret_relation);
}

/* Clients without SqlCommand send commands as relations. */
static int run_statement(void *userdata, const SqlStatement *statement, ProtoWriter *ret_relation)
{
    return query_statement(userdata, statement, ret_relation);
}

int query_execute_relation(Query *q, ProtoReader r)
{
    ProtoReader walk = r, inner;
    ProtoField f;
    q->decoder.run_catalog = run_catalog;
    q->decoder.run_statement = run_statement;
    q->decoder.run_userdata = q;
    while (decode_next(&q->decoder, &walk, &f) > 0) {
        if (f.number != SPARK_RELATION_SHOW_STRING && f.number != SPARK_RELATION_HTML_STRING)
            continue;
        if (!decode_enter(&q->decoder, &walk, &f, &inner))
            break;
        return execute_show(q, inner, f.number == SPARK_RELATION_HTML_STRING);
    }
    URel *rel = decode_relation(&q->decoder, r);
    if (!rel)
        return query_result(q, q->builder.result);
    int64_t tail = -1;
    if (rel->kind == UREL_TAIL) {
        tail = MAX(rel->start, INT64_C(0));
        rel = rel->input;
    }
    PlanNode *plan;
    int result = query_bind(q, rel, &plan);
    return result ? result : query_emit_plan(q, plan, tail);
}

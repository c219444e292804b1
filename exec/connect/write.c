/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Commands that write: what they say becomes a WriteSpec, a plan and a commit. The executor tells
 * the gateway (DATA_FLAG_EFFECT) before the rename that makes the files visible; up to there a
 * command may be run again on another executor, afterwards never (D-8).
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "connect/proto/spark_command.h"
#include "exec/connect/write.h"
#include "exec/plan/source.h"
#include "exec/vec/nested.h"
#include "exec/write/write.h"

/* ---- the write itself ---- */

const char *write_absolute_path(Query *q, const char *path)
{
    _cleanup_free_ char *directory = NULL;
    if (strncmp(path, "file://", 7) == 0 && path[7] == '/')
        return path + 7;
    if (strncmp(path, "file:", 5) == 0 && path[5] == '/')
        return path + 5;
    if (path[0] == '/' ||
        plan_session_get_conf(q->session->plan, PLAN_DIRECTORY_KEY, &directory) != 0)
        return path;
    size_t n = strlen(directory) + strlen(path) + 2;
    char *joined = mem_arena_alloc(q->arena, n, 1);
    if (joined)
        (void)snprintf(joined, n, "%s/%s", directory, path);
    return joined;
}

int write_tell_effect(Query *q)
{
    if (!q->operation->emit)
        return 0;
    return q->operation->emit(q->operation->userdata, NULL, 0, 0, DATA_FLAG_EFFECT);
}

static int on_step(void *userdata, CommitStep step)
{
    Query *q = userdata;
    if (step < COMMIT_STEP_VISIBLE && query_cancelled(q))
        return QUERY_E_CANCELLED;
    return step == COMMIT_STEP_POINT ? write_tell_effect(q) : 0;
}

static bool is_sorted(const PlanNode *plan)
{
    while (plan->kind == PLAN_PROJECT)
        plan = plan->input;
    return plan->kind == PLAN_SORT;
}

static int run_write(Query *q, const WriteCommand *c, WriteSpec *spec, PlanNode *plan)
{
    _cleanup_(commit_freep) Commit *commit = NULL;
    int r = commit_begin(c->path, c->mode, on_step, q, &commit, q->error);
    if (r != 0)
        return r == COMMIT_E_IGNORED ? 0 : r;
    WriteRun run = {.spec = spec,
                    .path = c->path,
                    .directory_fd = commit_directory(commit),
                    .ordered = is_sorted(plan)};
    (void)snprintf(run.id, sizeof(run.id), "%s", commit_id(commit));
    if (c->ret_id)
        (void)snprintf(c->ret_id, sizeof(run.id), "%s", commit_id(commit));
    PlanNode *optimised = NULL;
    r = query_run_sink(q, plan, write_sink_new, &run, &optimised);
    plan_context_release(&q->context); /* all that was to be read has been */
    if (r == 0)
        r = commit_end(commit, q->error);
    if (r == 0)
        (void)query_emit_metrics(q, optimised); /* the write is done, whoever listens */
    return r;
}

/* "Z", "+02:00", or nothing. */
static void put_zone(const PlanContext *context, char *buf, size_t size)
{
    int64_t minutes = context->zone_usec / 60000000, m = minutes < 0 ? -minutes : minutes;
    buf[0] = '\0';
    if (context->zone_is_fixed && minutes == 0)
        (void)snprintf(buf, size, "Z");
    else if (context->zone_is_fixed)
        (void)snprintf(buf, size, "%c%02d:%02d", minutes < 0 ? '-' : '+', (int)(m / 60 % 100),
                       (int)(m % 60));
}

bool write_is_dynamic(Query *q, const WriteCommand *c)
{
    _cleanup_free_ char *mode = NULL;
    if (c->mode != COMMIT_OVERWRITE || c->n_partitions == 0)
        return false;
    for (uint32_t i = 0; i < c->n_options; i++)
        if (strcasecmp(c->options[i].key, "partitionOverwriteMode") == 0)
            return strcasecmp(c->options[i].value, "dynamic") == 0;
    return plan_session_get_conf(q->session->plan, "spark.sql.sources.partitionOverwriteMode",
                                 &mode) == 0 &&
           mode && strcasecmp(mode, "dynamic") == 0;
}

int query_write(Query *q, const WriteCommand *command)
{
    WriteCommand c = *command;
    WriteSpec spec;
    PlanNode *plan;
    URel *rel = NULL;
    if (q->operation->replay)
        return 0; /* what it did is still there */
    if (!c.path || !*c.path)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "INVALID_PARAMETER_VALUE", "22023",
                               "Expected exactly one path to be specified, but got: %s.",
                               c.path ? c.path : "");
    if (write_is_dynamic(q, &c))
        c.mode = COMMIT_REPLACE;
    c.path = write_absolute_path(q, c.path);
    if (!c.path)
        return query_result(q, mem_arena_error(q->arena));
    int r =
        write_format(q->arena, q->session->plan, c.format, c.options, c.n_options, &spec, q->error);
    put_zone(&q->context, spec.text.zone, sizeof(spec.text.zone));
    if (r == 0)
        r = query_bind(q, c.input, &plan);
    if (r == 0)
        r = write_prepare(&q->builder, c.input, plan->fields, plan->n_fields, c.partitions,
                          c.n_partitions, q->context.settings.case_sensitive, &spec, &rel);
    if (r == 0 && rel != c.input)
        r = query_bind(q, rel, &plan);
    return query_result(q, r ? r : run_write(q, &c, &spec, plan));
}

/* ---- WriteOperation ---- */

typedef struct Operation {
    WriteCommand command;
    const char *table;
    uint64_t save_method, mode;
    DecodeList partitions, options;
    bool named_format;
} Operation;

static void decode_table(Decoder *d, ProtoReader r, Operation *op)
{
    ProtoField f;
    while (decode_next(d, &r, &f) > 0) {
        if (f.number == SPARK_WRITE_OPERATION_SAVE_TABLE_TABLE_NAME)
            op->table = decode_string(d, &f);
        else if (f.number == SPARK_WRITE_OPERATION_SAVE_TABLE_SAVE_METHOD)
            op->save_method = f.value;
    }
}

static void decode_option(Decoder *d, ProtoReader r, Operation *op)
{
    char *key, *value;
    if (!decode_entry(d, r, &key, &value) || !value)
        return;
    UOption *option = ubuilder_alloc(d->b, 1, sizeof(*option));
    if (option)
        *option = (UOption){key, value};
    decode_add(d, &op->options, option);
    if (strcasecmp(key, "path") == 0)
        op->command.path = value;
}

static bool decode_field(Decoder *d, const ProtoReader *r, const ProtoField *f, Operation *op)
{
    ProtoReader inner;
    switch (f->number) {
    case SPARK_WRITE_OPERATION_INPUT:
        if (decode_enter(d, r, f, &inner))
            op->command.input = decode_relation(d, inner);
        return true;
    case SPARK_WRITE_OPERATION_SOURCE:
        op->command.format = decode_string(d, f);
        return true;
    case SPARK_WRITE_OPERATION_PATH:
        op->command.path = decode_string(d, f);
        return true;
    case SPARK_WRITE_OPERATION_TABLE:
        if (decode_enter(d, r, f, &inner))
            decode_table(d, inner, op);
        return true;
    case SPARK_WRITE_OPERATION_MODE:
        op->mode = f->value;
        return true;
    case SPARK_WRITE_OPERATION_PARTITIONING_COLUMNS:
        decode_add(d, &op->partitions, decode_string(d, f));
        return true;
    case SPARK_WRITE_OPERATION_OPTIONS:
        if (decode_enter(d, r, f, &inner))
            decode_option(d, inner, op);
        return true;
    case SPARK_WRITE_OPERATION_WITH_SCHEMA_EVOLUTION:
        return !proto_bool(f->value);
    default: /* sortBy, bucketBy, clusterBy say how rows lie, not which there are */
        return true;
    }
}

static int decode_operation(Query *q, ProtoReader r, Operation *op)
{
    Decoder *d = &q->decoder;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0)
        if (!decode_field(d, &r, &f, op))
            decode_unsupported(d, "schema evolution in writing");
    if (n == 0 && !op->command.input && d->b->result == 0)
        decode_malformed(d);
    if (d->b->result != 0)
        return query_result(q, d->b->result);
    UOption *options = ubuilder_alloc(d->b, op->options.n + 1, sizeof(*options));
    if (!options)
        return query_result(q, d->b->result);
    for (uint32_t i = 0; i < op->options.n; i++)
        options[i] = *(const UOption *)op->options.items[i];
    static const CommitMode modes[] = {[SPARK_SAVE_MODE_UNSPECIFIED] = COMMIT_ERROR,
                                       [SPARK_SAVE_MODE_APPEND] = COMMIT_APPEND,
                                       [SPARK_SAVE_MODE_OVERWRITE] = COMMIT_OVERWRITE,
                                       [SPARK_SAVE_MODE_ERROR_IF_EXISTS] = COMMIT_ERROR,
                                       [SPARK_SAVE_MODE_IGNORE] = COMMIT_IGNORE};
    if (op->mode >= ARRAY_SIZE(modes)) {
        decode_malformed(d);
        return query_result(q, d->b->result);
    }
    op->command.options = options;
    op->command.n_options = op->options.n;
    op->command.partitions = (const char *const *)op->partitions.items;
    op->command.n_partitions = op->partitions.n;
    op->command.mode = modes[op->mode];
    op->named_format = op->command.format && *op->command.format;
    if (!op->named_format)
        op->command.format = "parquet";
    return 0;
}

int query_write_operation(Query *q, ProtoReader r)
{
    Operation op = {.command = {.format = NULL}};
    int result = decode_operation(q, r, &op);
    if (result != 0)
        return result;
    if (!op.table)
        return query_write(q, &op.command);
    return write_to_table(q, &op.command, op.table,
                          op.save_method == SPARK_TABLE_SAVE_METHOD_INSERT_INTO, op.named_format);
}

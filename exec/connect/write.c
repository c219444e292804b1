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

static int unsupported(Query *q, const char *what)
{
    return query_error_set(q->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                           "The feature is not supported: %s.", what);
}

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
    PlanNode *optimised = NULL;
    r = query_run_sink(q, plan, write_sink_new, &run, &optimised);
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

/* An overwrite of only those partitions that the rows have. */
static bool is_dynamic(Query *q, const WriteCommand *c)
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
    if (is_dynamic(q, &c))
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

/* ---- tables of the session: files under a name ---- */

static UOption *copy_options(UBuilder *b, const UOption *options, uint32_t n)
{
    UOption *copy = ubuilder_alloc(b, n + 1, sizeof(*copy));
    for (uint32_t i = 0; copy && i < n; i++) {
        copy[i].key = ubuilder_strndup(b, options[i].key, strlen(options[i].key));
        copy[i].value = ubuilder_strndup(b, options[i].value, strlen(options[i].value));
    }
    return copy;
}

/* The files that a name means, and the partitions that its table was made with. Return: 0;
 * QUERY_E_FAILED. */
static int find_target(Query *q, const URel *target, const URel **ret_files, WriteCommand *c)
{
    UBuilder *b = &q->builder;
    *ret_files = target;
    if (target->kind == UREL_FILES)
        return 0;
    const char *name = target->parts[target->n_parts - 1];
    const PlanView *view = plan_session_view(q->session->plan, name);
    if (!view) {
        query_error_set(q->error, DATA_ERROR_ANALYSIS, "TABLE_OR_VIEW_NOT_FOUND", "42P01",
                        "The table or view `%.200s` cannot be found. Verify the spelling and "
                        "correctness of the schema and catalog.\nIf you did not qualify the name "
                        "with a schema, verify the current_schema() output, or qualify the name "
                        "with the correct schema and catalog.\nTo tolerate the error on drop use "
                        "DROP VIEW IF EXISTS or DROP TABLE IF EXISTS.",
                        name);
        return QUERY_E_FAILED;
    }
    /* The view's tree must outlive this query: its reference is the context's from here on. */
    const URel *tree = view->tree;
    if (tree->kind != UREL_FILES || tree->n_paths != 1) {
        plan_view_unref(view);
        return query_error_set(q->error, DATA_ERROR_ANALYSIS,
                               "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809",
                               "'INSERT' expects a table but `%.200s` is a view.", name);
    }
    URel *copy = urel_new(b, UREL_FILES);
    if (copy) {
        const char *path = ubuilder_strndup(b, tree->paths[0], strlen(tree->paths[0]));
        copy->format = ubuilder_strndup(b, tree->format, strlen(tree->format));
        copy->paths = ubuilder_dup(b, &path, 1, sizeof(path));
        copy->n_paths = 1;
        copy->fields = write_copy_fields(b, tree->fields, tree->n_fields);
        copy->n_fields = tree->n_fields;
        copy->options = copy_options(b, tree->options, tree->n_options);
        copy->n_options = tree->n_options;
        copy = urel_seal(b, copy);
    }
    uint32_t n = view->table ? view->table->n_partitions : 0;
    const char **partitions = ubuilder_alloc(b, n + 1, sizeof(*partitions));
    for (uint32_t i = 0; partitions && i < n; i++)
        partitions[i] =
            ubuilder_strndup(b, view->table->partitions[i], strlen(view->table->partitions[i]));
    c->partitions = partitions;
    c->n_partitions = n;
    plan_view_unref(view);
    *ret_files = copy;
    return copy && b->result == 0 ? 0 : query_result(q, b->result);
}

static const char *target_name(const URel *target, char *buf, size_t size)
{
    if (target->kind == UREL_FILES)
        (void)snprintf(buf, size, "`%.40s`.`%.200s`", target->format, target->paths[0]);
    else
        (void)snprintf(buf, size, "`spark_catalog`.`default`.`%.200s`",
                       target->parts[target->n_parts - 1]);
    return buf;
}

/* ---- store assignment, as ANSI and Spark have it ---- */

static bool is_time(Type t)
{
    return t.kind == TYPE_DATE || t.kind == TYPE_TIMESTAMP || t.kind == TYPE_TIMESTAMP_NTZ;
}

/* @path: out, where in a nested value it fails. */
static bool can_assign(Type from, Type to)
{
    if (type_same_bytes(from, to) || from.kind == TYPE_NULL)
        return true;
    if (type_is_nested(from) || type_is_nested(to)) {
        if (from.kind != to.kind || from.n_children != to.n_children)
            return false;
        for (uint32_t i = 0; i < to.n_children; i++)
            if (!can_assign(from.children[i].type, to.children[i].type))
                return false;
        return true;
    }
    return to.kind == TYPE_STRING || (type_is_numeric(from) && type_is_numeric(to)) ||
           (is_time(from) && is_time(to));
}

static int cannot_assign(Query *q, const char *table, const PlanField *from, const PlanField *to)
{
    char a[200], b[200], name[220];
    type_format(from->type, a, sizeof(a));
    type_format(to->type, b, sizeof(b));
    for (char *at = a; *at; at++)
        *at = (char)(*at >= 'a' && *at <= 'z' ? *at - 32 : *at);
    for (char *at = b; *at; at++)
        *at = (char)(*at >= 'a' && *at <= 'z' ? *at - 32 : *at);
    (void)snprintf(name, sizeof(name), "`%.200s`", to->name);
    query_error_set(q->error, DATA_ERROR_ANALYSIS, "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST",
                    "KD000",
                    "Cannot write incompatible data for the table %s: Cannot safely cast %s \"%s\" "
                    "to \"%s\".",
                    table, name, a, b);
    query_error_parameters(q->error, "tableName", table, "colName", name, "srcType", a,
                           "targetType", b, NULL);
    return QUERY_E_FAILED;
}

static void list_names(char *buf, size_t size, const PlanField *fields, uint32_t n)
{
    size_t at = 0;
    buf[0] = '\0';
    for (uint32_t i = 0; i < n && at + 4 < size; i++) {
        int k = snprintf(buf + at, size - at, "%s`%.60s`", i ? ", " : "", fields[i].name);
        at += k > 0 ? (size_t)k : 0;
    }
}

static int wrong_count(Query *q, const char *table, const PlanNode *target, const PlanNode *data,
                       bool too_many)
{
    char columns[300], given[300];
    list_names(columns, sizeof(columns), target->fields, target->n_fields);
    list_names(given, sizeof(given), data->fields, data->n_fields);
    return query_error_set(q->error, DATA_ERROR_ANALYSIS,
                           too_many ? "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"
                                    : "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS",
                           "21S01",
                           "Cannot write to %s, the reason is %s data columns:\nTable columns: "
                           "%s.\nData columns: %s.",
                           table, too_many ? "too many" : "not enough", columns, given);
}

static int find_field(const PlanNode *plan, const char *name, bool exact)
{
    for (uint32_t i = 0; i < plan->n_fields; i++)
        if ((exact ? strcmp : strcasecmp)(plan->fields[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* For each column of the table the one of the data, or -1: null. */
static int map_columns(Query *q, const SqlStatement *s, const char *table, const PlanNode *target,
                       const PlanNode *data, int *map)
{
    bool exact = q->context.settings.case_sensitive;
    uint32_t n_named = s->by_name ? data->n_fields : s->n_columns;
    for (uint32_t i = 0; i < target->n_fields; i++)
        map[i] = n_named > 0 ? -1 : (int)i;
    uint32_t n_wanted = n_named > 0 ? n_named : target->n_fields;
    if (data->n_fields != n_wanted)
        return wrong_count(q, table, target, data, data->n_fields > n_wanted);
    for (uint32_t i = 0; i < n_named; i++) {
        const char *name = s->by_name ? data->fields[i].name : s->columns[i];
        int at = find_field(target, name, exact);
        if (at < 0)
            return query_error_set(q->error, DATA_ERROR_ANALYSIS,
                                   "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703",
                                   "A column, variable, or function parameter with name `%.200s` "
                                   "cannot be resolved.",
                                   name);
        if (map[at] >= 0)
            return query_error_set(q->error, DATA_ERROR_ANALYSIS, "COLUMN_ALREADY_EXISTS", "42711",
                                   "The column `%.200s` already exists. Choose another name or "
                                   "rename the existing column.",
                                   name);
        map[at] = (int)i;
    }
    return 0;
}

/* The data under the table's names and types. */
static URel *assigned(Query *q, URel *input, const PlanNode *target, const PlanNode *data,
                      const int *map)
{
    UBuilder *b = &q->builder;
    URel *named = urel_new(b, UREL_TO_DF), *rel = urel_new(b, UREL_PROJECT);
    const char **names = ubuilder_alloc(b, data->n_fields + 1, sizeof(*names));
    UExpr **exprs = ubuilder_alloc(b, target->n_fields + 1, sizeof(*exprs));
    if (!named || !rel || !names || !exprs)
        return NULL;
    for (uint32_t i = 0; i < data->n_fields; i++) {
        char name[32];
        int n = snprintf(name, sizeof(name), "c%u", i);
        names[i] = ubuilder_strndup(b, name, (size_t)n);
    }
    named->input = input;
    named->names = names;
    named->n_names = data->n_fields;
    rel->input = urel_seal(b, named);
    for (uint32_t i = 0; rel->input && i < target->n_fields; i++) {
        UExpr *e = map[i] < 0 ? uexpr_null(b) : uexpr_column(b, &names[map[i]], 1);
        Type type = target->fields[i].type;
        if (map[i] < 0 || !type_equal(data->fields[map[i]].type, type))
            e = uexpr_cast(b, e, type, false);
        exprs[i] = e ? uexpr_alias(b, e, target->fields[i].name) : NULL;
        if (!exprs[i])
            return NULL;
    }
    rel->exprs = exprs;
    rel->n_exprs = target->n_fields;
    return rel->input ? urel_seal(b, rel) : NULL;
}

/* What a cast says about a value that does not fit is said about a column here. */
static int insert_result(Query *q, int r)
{
    if (r != QUERY_E_FAILED || (strcmp(q->error->error_class, "CAST_OVERFLOW") != 0 &&
                                strncmp(q->error->error_class, "NUMERIC_VALUE_OUT_OF_RANGE", 26)))
        return r;
    (void)snprintf(q->error->error_class, sizeof(q->error->error_class), "%s",
                   "CAST_OVERFLOW_IN_TABLE_INSERT");
    (void)snprintf(q->error->sqlstate, sizeof(q->error->sqlstate), "22003");
    char before[600];
    (void)snprintf(before, sizeof(before), "%.599s", q->error->message);
    (void)snprintf(q->error->message, sizeof(q->error->message),
                   "Fail to assign a value to a column of the table due to an overflow. Use "
                   "`try_cast` on the input value to tolerate overflow and return NULL instead. %s",
                   before);
    return r;
}

/* The table goes on in the folders that it has. */
static bool take_partitions(Query *q, const PlanNode *target, WriteCommand *c)
{
    const SourceInfo *source = target->kind == PLAN_SCAN ? target->scan.source : NULL;
    if (!source || source->n_partitions == 0)
        return true;
    const char **names =
        mem_arena_alloc(q->arena, sizeof(*names) * source->n_partitions, _Alignof(char *));
    for (uint32_t i = 0; names && i < source->n_partitions; i++)
        names[i] = target->fields[source->partitions[i]].name;
    c->partitions = names;
    c->n_partitions = source->n_partitions;
    return names != NULL;
}

/* PARTITION (name = value): they stand behind the data, as the table has them. */
static int check_partitions(Query *q, const SqlStatement *s, const WriteCommand *c)
{
    bool same = s->n_partitions == 0 || s->n_partitions == c->n_partitions;
    for (uint32_t i = 0; same && i < s->n_partitions; i++)
        same = strcasecmp(s->partitions[i], c->partitions[i]) == 0;
    return same ? 0 : unsupported(q, "PARTITION with other columns than all of the table's");
}

static int run_insert(Query *q, const SqlStatement *s)
{
    const URel *files;
    PlanNode *target, *data;
    char table[260];
    WriteCommand c = {.mode = s->replace ? COMMIT_OVERWRITE : COMMIT_APPEND};
    if (q->operation->replay)
        return 0;
    int r = find_target(q, s->target, &files, &c);
    if (r == 0)
        r = query_bind(q, files, &target);
    if (r == 0)
        r = query_bind(q, s->query, &data);
    if (r != 0)
        return r;
    (void)target_name(s->target, table, sizeof(table));
    r = check_partitions(q, s, &c);
    if (r != 0)
        return r;
    int *map = ubuilder_alloc(&q->builder, target->n_fields + 1, sizeof(*map));
    if (!map)
        return query_result(q, q->builder.result);
    r = map_columns(q, s, table, target, data, map);
    for (uint32_t i = 0; r == 0 && i < target->n_fields; i++)
        if (map[i] >= 0 && !can_assign(data->fields[map[i]].type, target->fields[i].type))
            r = cannot_assign(q, table, &data->fields[map[i]], &target->fields[i]);
    if (r != 0)
        return r;
    c.format = files->format;
    c.path = files->paths[0];
    c.options = files->options;
    c.n_options = files->n_options;
    c.input = assigned(q, s->query, target, data, map);
    if (!c.input)
        return query_result(q, q->builder.result);
    if (c.n_partitions == 0 && !take_partitions(q, target, &c))
        return query_result(q, mem_arena_error(q->arena));
    return insert_result(q, query_write(q, &c));
}

int query_write_statement(Query *q, const SqlStatement *s)
{
    if (s->kind == SQL_INSERT)
        return run_insert(q, s);
    WriteCommand c = {.format = s->format,
                      .path = s->path,
                      .mode = COMMIT_OVERWRITE,
                      .options = s->options,
                      .n_options = s->n_options,
                      .input = s->query};
    return query_write(q, &c);
}

/* ---- WriteOperation ---- */

typedef struct Operation {
    WriteCommand command;
    const char *table;
    uint64_t save_method, mode;
    DecodeList partitions, options;
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
    if (!op->command.format || !*op->command.format)
        op->command.format = "parquet";
    return 0;
}

/* insertInto() and saveAsTable() are the statements under other names. */
static int write_table(Query *q, const Operation *op)
{
    const char **parts;
    uint32_t n_parts;
    int r = query_result(
        q, unresolved_split_name(&q->builder, op->table, strlen(op->table), &parts, &n_parts));
    if (r != 0)
        return r;
    SqlStatement s = {.query = op->command.input,
                      .name = parts[n_parts - 1],
                      .format = op->command.format,
                      .path = op->command.path,
                      .options = (UOption *)op->command.options,
                      .n_options = op->command.n_options,
                      .partitions = (const char **)op->partitions.items,
                      .n_partitions = op->partitions.n,
                      .if_not_exists = op->command.mode == COMMIT_IGNORE,
                      .replace = op->command.mode == COMMIT_OVERWRITE};
    const PlanView *view = plan_session_view(q->session->plan, s.name);
    bool known = view != NULL;
    plan_view_unref(view);
    bool insert = op->save_method == SPARK_TABLE_SAVE_METHOD_INSERT_INTO;
    if (!insert && (!known || op->command.mode == COMMIT_ERROR || s.if_not_exists))
        return query_create_table(q, &s);
    s.n_partitions = 0;
    s.by_name = !insert;
    s.target = urel_new(&q->builder, UREL_TABLE);
    if (!s.target)
        return query_result(q, q->builder.result);
    s.target->parts = parts;
    s.target->n_parts = n_parts;
    return run_insert(q, &s);
}

int query_write_operation(Query *q, ProtoReader r)
{
    Operation op = {.command = {.format = NULL}};
    int result = decode_operation(q, r, &op);
    if (result != 0)
        return result;
    return op.table ? write_table(q, &op) : query_write(q, &op.command);
}

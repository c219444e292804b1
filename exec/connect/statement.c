/* SPDX-License-Identifier: Apache-2.0 */

/* Statements that are no queries, and the commands that carry them. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "connect/proto/spark_command.h"
#include "connect/proto/spark_relation.h"
#include "connect/proto/spark_service.h"
#include "exec/connect/query.h"
#include "exec/connect/text_table.h"
#include "exec/plan/explain.h"
#include "exec/plan/function_list.h"

/* ---- SET, SHOW COLUMNS and FUNCTIONS ---- */

static int each_conf(void *userdata, const char *key, const char *value)
{
    return table_row(userdata, (const char *[]){key, value});
}

/* Whoever else keeps the configuration hears of it; in a replay he has told us. */
static int set_conf(Query *q, const char *key, const char *value)
{
    int r = plan_session_set_conf(q->session->plan, key, value, q->error);
    if (r == 0 && q->operation->configured && !q->operation->replay)
        q->operation->configured(q->operation->userdata, key, value);
    return r;
}

static int run_set(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable t = {.q = q,
                   .fields = {{"key", TYPE(STRING), false}, {"value", TYPE(STRING), false}},
                   .n_columns = 2};
    int r;
    if (s->kind == SQL_RESET) {
        if (s->name) {
            r = set_conf(q, s->name, NULL);
        } else {
            /* Without a name: every key that was set. */
            r = plan_session_each_conf(q->session->plan, each_conf, &t);
            for (uint32_t i = 0; r == 0 && i < t.cells.n; i += 2)
                r = set_conf(q, t.cells.items[i], NULL);
            t.cells.n = 0;
        }
        t.n_columns = 0;
        q->flags |= DATA_FLAG_REPLAY;
        return r ? r : table_put(&t, w);
    }
    if (!s->name) {
        r = plan_session_each_conf(q->session->plan, each_conf, &t);
        return r ? query_result(q, r) : table_put(&t, w);
    }
    if (s->value) {
        r = set_conf(q, s->name, s->value);
        if (r != 0)
            return r;
        q->flags |= DATA_FLAG_REPLAY;
        r = table_row(&t, (const char *[]){s->name, s->value});
        return r ? query_result(q, r) : table_put(&t, w);
    }
    _cleanup_free_ char *value = NULL;
    r = plan_session_get_conf(q->session->plan, s->name, &value);
    if (r < 0 && r != -ENOENT)
        return r;
    r = table_row(&t, (const char *[]){s->name, value ? value : "<undefined>"});
    return r ? query_result(q, r) : table_put(&t, w);
}

static int run_show_columns(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable t = {.q = q, .fields = {{"col_name", TYPE(STRING), false}}, .n_columns = 1};
    PlanNode *plan;
    int r = query_bind(q, s->query, &plan);
    for (uint32_t i = 0; r == 0 && i < plan->n_fields; i++)
        r = query_result(q, table_row(&t, (const char *[]){plan->fields[i].name}));
    return r ? r : table_put(&t, w);
}

static int run_show_functions(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable t = {.q = q, .fields = {{"function", TYPE(STRING), false}}, .n_columns = 1};
    FunctionInfo *list = mem_arena_new_array(q->context.arena, FunctionInfo, FUNCTIONS_MAX);
    int r = 0;
    if (!list)
        return query_result(q, mem_arena_error(q->context.arena));
    size_t n = s->value ? 0 : function_list(list);
    for (size_t i = 0; r == 0 && i < n; i++)
        if (text_pattern_matches(s->pattern, list[i].name))
            r = query_result(q, table_row(&t, (const char *[]){list[i].name}));
    return r ? r : table_put(&t, w);
}

static int run_describe_function(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable t = {.q = q, .fields = {{"function_desc", TYPE(STRING), false}}, .n_columns = 1};
    FunctionInfo *list = mem_arena_new_array(q->context.arena, FunctionInfo, FUNCTIONS_MAX);
    const FunctionInfo *f = NULL;
    if (!list)
        return query_result(q, mem_arena_error(q->context.arena));
    size_t n = function_list(list);
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(list[i].name, s->name) == 0)
            f = &list[i];
    if (!f)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "UNRESOLVED_ROUTINE", "42883",
                               "Cannot resolve routine `%.100s` on search path "
                               "[`system`.`builtin`, `system`.`session`, "
                               "`spark_catalog`.`default`].",
                               s->name);
    char usage[160], lines[3][512];
    function_usage(f, usage, sizeof(usage));
    snprintf(lines[0], sizeof(lines[0]), "Function: %s", f->name);
    snprintf(lines[1], sizeof(lines[1]), "Usage: %s%s%s%s", usage[0] == '(' ? f->name : "", usage,
             f->meaning ? " - " : "", f->meaning ? f->meaning : "");
    snprintf(lines[2], sizeof(lines[2]), "Extended Usage:\n    It is of the kind: %s.", f->kind);
    int r = 0;
    for (int i = 0; r == 0 && i < (s->analyze ? 3 : 2); i++)
        r = query_result(q, table_row(&t, (const char *[]){lines[i]}));
    return r ? r : table_put(&t, w);
}

/* ---- EXPLAIN ---- */

static int drop_rows(void *userdata, const Batch *batch, QueryError *error)
{
    return 0;
}

static void annotate(void *userdata, FILE *out, const PlanNode *node)
{
    const Query *q = userdata;
    if (node->id >= q->n_metrics)
        return;
    const NodeMetrics *m = &q->metrics[node->id];
    fprintf(out, " (rows %llu, estimated %.0f, %.3f ms", (unsigned long long)m->rows, node->rows,
            (double)m->nanoseconds / 1e6);
    if (m->bytes > 0)
        fprintf(out, ", %s %.1f KiB", node->kind == PLAN_SCAN ? "read" : "held",
                (double)m->bytes / 1024);
    if (m->pruned > 0)
        fprintf(out, ", %llu rows pruned unread", (unsigned long long)m->pruned);
    if (m->spilled > 0)
        fprintf(out, ", spilled %.1f KiB", (double)m->spilled / 1024);
    fputc(')', out);
}

static int run_explain(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    static const uint8_t modes[] = {[SQL_EXPLAIN_SIMPLE] = PLAN_EXPLAIN_SIMPLE,
                                    [SQL_EXPLAIN_EXTENDED] = PLAN_EXPLAIN_EXTENDED,
                                    [SQL_EXPLAIN_FORMATTED] = PLAN_EXPLAIN_FORMATTED,
                                    [SQL_EXPLAIN_COST] = PLAN_EXPLAIN_COST,
                                    [SQL_EXPLAIN_CODEGEN] = PLAN_EXPLAIN_SIMPLE};
    PlanNode *bound, *plan = NULL;
    int r = query_bind(q, s->query, &bound);
    if (r == 0)
        r = s->analyze ? query_run(q, bound, drop_rows, NULL, &plan)
                       : query_result(q, plan_optimise(&q->context, bound, &plan));
    if (r != 0)
        return r;
    _cleanup_free_ char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return -ENOMEM;
    if (s->analyze)
        plan_explain_annotated(out, plan, annotate, q);
    else
        plan_explain(out, modes[s->mode], bound, plan);
    if (fclose(out) != 0)
        return -ENOMEM;
    TextTable t = {.q = q, .fields = {{"plan", TYPE(STRING), false}}, .n_columns = 1};
    r = table_row(&t, (const char *[]){text});
    return r ? query_result(q, r) : table_put(&t, w);
}

/* ---- views ---- */

int view_builder_open(Query *q, ViewBuilder *v)
{
    *v = (ViewBuilder){0};
    int r = mem_arena_new(plan_session_pool(q->session->plan), "view", &v->arena);
    if (r != 0)
        return query_result(q, r);
    v->builder = (UBuilder){.arena = v->arena, .error = q->error};
    v->decoder = (Decoder){.b = &v->builder,
                           .operation = q->operation,
                           .pool = q->pool,
                           .infer_json = query_infer_json,
                           .infer_userdata = q};
    return 0;
}

/* Looks at the tree once, so that a view of something that does not exist is refused here. */
int view_builder_keep(Query *q, ViewBuilder *v, const char *name, URel *tree, bool replace)
{
    PlanNode *plan;
    int r = query_bind(q, tree, &plan);
    if (r == 0)
        r = plan_session_create_view(q->session->plan, name, tree, v->arena, replace, q->error);
    if (r == 0) {
        v->arena = NULL;
        q->flags |= DATA_FLAG_REPLAY;
    }
    return r;
}

static URel *renamed(UBuilder *b, URel *query, const SqlStatement *s)
{
    URel *alias = s->n_columns > 0 ? urel_new(b, UREL_ALIAS) : NULL;
    if (!alias)
        return s->n_columns > 0 ? NULL : query;
    alias->input = query;
    alias->name = s->name;
    alias->names = s->columns;
    alias->n_names = s->n_columns;
    return urel_seal(b, alias);
}

static int run_create_view(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable none = {.q = q};
    if (!s->temporary) {
        int result = query_create_catalogue_view(q, s);
        return result ? result : table_put(&none, w);
    }
    if (s->if_not_exists) {
        const PlanView *view = plan_session_view(q->session->plan, s->name);
        plan_view_unref(view);
        if (view)
            return table_put(&none, w);
    }
    /* The statement again, this time where it may stay. */
    ViewBuilder v;
    int r = view_builder_open(q, &v);
    if (r != 0)
        return r;
    SqlStatement own;
    r = query_result(
        q, sql_parse_statement(&v.builder, q->decoder.sql_text, q->decoder.n_sql_text, NULL, &own));
    URel *tree = r == 0 ? renamed(&v.builder, own.query, &own) : NULL;
    if (r == 0)
        r = tree ? view_builder_keep(q, &v, own.name, tree, own.replace)
                 : query_result(q, v.builder.result);
    if (v.arena)
        mem_arena_free(v.arena);
    return r ? r : table_put(&none, w);
}

/* ---- variables ---- */

static int no_variable(Query *q, const char *name)
{
    char quoted[140];
    snprintf(quoted, sizeof(quoted), "`%.100s`", name);
    query_error_set(q->error, DATA_ERROR_ANALYSIS, "UNRESOLVED_VARIABLE", "42883",
                    "Cannot resolve variable %s on search path `SYSTEM`.`SESSION`.", quoted);
    query_error_parameters(q->error, "variableName", quoted, "searchPath", "`SYSTEM`.`SESSION`",
                           NULL);
    return QUERY_E_FAILED;
}

/* The value as text: SELECT CAST(CAST(value AS type) AS STRING). */
static int variable_text(Query *q, const SqlStatement *s, Type type, Literal *ret)
{
    const char *parts[] = {"value"};
    UBuilder *b = &q->builder;
    UExpr *e =
        uexpr_cast(b, uexpr_cast(b, uexpr_column(b, parts, 1), type, false), TYPE(STRING), false);
    URel *rel = e ? urel_new(b, UREL_PROJECT) : NULL;
    if (!rel)
        return query_result(q, b->result);
    rel->input = s->query;
    rel->exprs = ubuilder_dup(b, &e, 1, sizeof(e));
    rel->n_exprs = 1;
    rel = urel_seal(b, rel);
    if (!rel)
        return query_result(q, b->result);
    PlanNode *plan;
    uint32_t n = 0;
    *ret = (Literal){.is_null = true};
    int r = query_bind(q, rel, &plan);
    return r ? r : query_collect(q, plan, 1, ret, &n);
}

static int keep_variable(Query *q, const char *full, const char *name, Type type,
                         const Literal *text, bool replace)
{
    ViewBuilder v;
    int r = view_builder_open(q, &v);
    if (r != 0)
        return r;
    UBuilder *b = &v.builder;
    UExpr *e =
        text->is_null ? uexpr_null(b) : uexpr_string(b, vec_string_data(&text->s), text->s.length);
    e = uexpr_alias(b, uexpr_cast(b, e, type, false), name);
    URel *one = urel_seal(b, urel_new(b, UREL_ONE_ROW));
    URel *rel = e && one ? urel_new(b, UREL_PROJECT) : NULL;
    if (rel) {
        rel->input = one;
        rel->exprs = ubuilder_dup(b, &e, 1, sizeof(e));
        rel->n_exprs = 1;
        rel = rel->exprs ? urel_seal(b, rel) : NULL;
    }
    r = rel ? view_builder_keep(q, &v, full, rel, replace) : query_result(q, b->result);
    if (v.arena)
        mem_arena_free(v.arena);
    return r;
}

static int run_variable(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    char full[300];
    snprintf(full, sizeof(full), PLAN_VARIABLE_PREFIX "%.250s", s->name);
    TextTable none = {.q = q};
    if (s->kind == SQL_DROP_VARIABLE) {
        if (!plan_session_drop_view(q->session->plan, full) && !s->if_exists)
            return query_error_set(q->error, DATA_ERROR_ANALYSIS, "VARIABLE_NOT_FOUND", "42883",
                                   "The variable `system`.`session`.`%.100s` cannot be found. "
                                   "Verify the spelling and correctness of the schema and catalog.",
                                   s->name);
        q->flags |= DATA_FLAG_REPLAY;
        return table_put(&none, w);
    }
    const PlanView *view = plan_session_view(q->session->plan, full);
    bool known = view != NULL, declare = s->kind == SQL_DECLARE;
    Type type = known && !declare ? view->tree->exprs[0]->args[0]->type : s->type;
    plan_view_unref(view);
    if (!known && !declare)
        return no_variable(q, s->name);
    if (known && declare && !s->replace && !q->operation->replay)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "VARIABLE_ALREADY_EXISTS", "42723",
                               "Cannot create the variable `system`.`session`.`%.100s` because it "
                               "already exists. Choose a different name, or drop or replace the "
                               "existing variable.",
                               s->name);
    int r = 0;
    if (declare && !s->has_type) {
        PlanNode *plan;
        r = query_bind(q, s->query, &plan);
        if (r == 0)
            type = plan->fields[0].type;
    }
    if (r == 0 && (type.kind == TYPE_ARRAY || type.kind == TYPE_MAP || type.kind == TYPE_STRUCT))
        r = query_error_set(q->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                            "The feature is not supported: variables of nested types.");
    Literal text;
    if (r == 0)
        r = variable_text(q, s, type, &text);
    if (r == 0)
        r = keep_variable(q, full, s->name, type, &text, known);
    return r ? r : table_put(&none, w);
}

/* Nothing is to be done, but the table must be there; and partitioned where folders are looked for.
 */
static int run_touch(Query *q, const SqlStatement *s)
{
    SqlStatement recover = {.kind = SQL_ALTER_TABLE,
                            .alter = SQL_ALTER_RECOVER,
                            .database = s->database,
                            .name = s->name};
    PlanNode *plan;
    int r = query_bind(q, s->query, &plan);
    return r || !s->name ? r : query_alter_table(q, &recover);
}

/* Statements without rows. */
static int run_effect(Query *q, const SqlStatement *s)
{
    switch (s->kind) {
    case SQL_INSERT:
    case SQL_WRITE_DIRECTORY:
        return query_write_statement(q, s);
    case SQL_CREATE_TABLE:
        return query_create_table(q, s);
    case SQL_DROP_TABLE:
    case SQL_DROP_VIEW:
        return query_drop_table(q, s->database, s->name, s->if_exists, s->kind == SQL_DROP_VIEW);
    case SQL_TRUNCATE_TABLE:
        return query_truncate_table(q, s);
    case SQL_ALTER_TABLE:
        return query_alter_table(q, s);
    case SQL_CREATE_DATABASE:
        return query_create_database(q, s);
    case SQL_DROP_DATABASE:
        return query_drop_database(q, s->database, s->if_exists, s->cascade);
    case SQL_ALTER_DATABASE:
        return query_alter_database(q, s);
    case SQL_USE:
        return query_use(q, s->database);
    case SQL_TOUCH:
        return run_touch(q, s);
    default:
        return 0;
    }
}

int query_statement(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable none = {.q = q};
    switch (s->kind) {
    case SQL_SET:
    case SQL_RESET:
        return run_set(q, s, w);
    case SQL_SHOW_TABLES:
    case SQL_SHOW_VIEWS:
    case SQL_SHOW_DATABASES:
    case SQL_SHOW_CATALOGS:
    case SQL_SHOW_CREATE:
    case SQL_SHOW_PROPERTIES:
    case SQL_SHOW_PARTITIONS:
    case SQL_DESCRIBE:
    case SQL_DESCRIBE_DATABASE:
        return query_show(q, s, w);
    case SQL_SHOW_COLUMNS:
        return run_show_columns(q, s, w);
    case SQL_SHOW_FUNCTIONS:
        return run_show_functions(q, s, w);
    case SQL_DESCRIBE_FUNCTION:
        return run_describe_function(q, s, w);
    case SQL_EXPLAIN:
        return run_explain(q, s, w);
    case SQL_CREATE_VIEW:
        return run_create_view(q, s, w);
    case SQL_DECLARE:
    case SQL_SET_VARIABLE:
    case SQL_DROP_VARIABLE:
        return run_variable(q, s, w);
    default: {
        int r = run_effect(q, s);
        return r ? r : table_put(&none, w);
    }
    }
}

/* ---- commands ---- */

static int execute_create_view(Query *q, ProtoReader r)
{
    ViewBuilder v;
    int result = view_builder_open(q, &v);
    if (result != 0)
        return result;
    URel *tree = NULL;
    char *name = NULL;
    bool replace = false, global = false;
    ProtoField f;
    int n;
    while ((n = decode_next(&v.decoder, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_CREATE_VIEW_INPUT)
            tree = decode_enter(&v.decoder, &r, &f, &inner) ? decode_relation(&v.decoder, inner)
                                                            : NULL;
        else if (f.number == SPARK_CREATE_VIEW_NAME)
            name = decode_string(&v.decoder, &f);
        else if (f.number == SPARK_CREATE_VIEW_IS_GLOBAL)
            global = proto_bool(f.value);
        else if (f.number == SPARK_CREATE_VIEW_REPLACE)
            replace = proto_bool(f.value);
    }
    if (n == 0 && (!tree || !name))
        decode_malformed(&v.decoder);
    result = query_result(q, v.builder.result);
    const char **parts = NULL;
    uint32_t n_parts = 0;
    if (result == 0)
        result = query_result(
            q, unresolved_split_name(&v.builder, name, strlen(name), &parts, &n_parts));
    if (result == 0 && n_parts != 1)
        result = query_error_set(q->error, DATA_ERROR_ANALYSIS,
                                 "TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS", "428EK",
                                 "CREATE TEMPORARY VIEW or the corresponding Dataset APIs only "
                                 "accept single-part view names, but got: %.200s.",
                                 name);
    char full[300];
    if (result == 0 && global) {
        snprintf(full, sizeof(full), "global_temp.%.250s", parts[0]);
        parts[0] = full;
    }
    if (result == 0)
        result = view_builder_keep(q, &v, parts[0], tree, replace || q->operation->replay);
    if (v.arena)
        mem_arena_free(v.arena);
    return result;
}

/* Where the SQL message of a relation is: the relation itself, or the root of WithRelations. */
static bool find_sql(Decoder *d, ProtoReader r, ProtoReader *ret_sql)
{
    ProtoField f;
    while (decode_next(d, &r, &f) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_RELATION_SQL)
            return decode_enter(d, &r, &f, ret_sql);
        if (f.number != SPARK_RELATION_WITH_RELATIONS || !decode_enter(d, &r, &f, &inner))
            continue;
        ProtoField g;
        while (decode_next(d, &inner, &g) > 0) {
            ProtoReader root;
            if (g.number == SPARK_WITH_RELATIONS_ROOT && decode_enter(d, &inner, &g, &root))
                return find_sql(d, root, ret_sql);
        }
    }
    return false;
}

/* A query: checked, and given back as a relation that has not run. */
static int echo_relation(Query *q, ProtoBytes relation, ProtoWriter *w)
{
    URel *tree = decode_relation(&q->decoder, proto_reader(relation.data, relation.n_bytes));
    if (!tree)
        return query_result(q, q->builder.result);
    PlanNode *plan;
    int r = query_bind(q, tree, &plan);
    if (r == 0)
        proto_put_bytes(w, SPARK_SQL_COMMAND_RESULT_RELATION, relation.data, relation.n_bytes);
    return r;
}

static int execute_sql_command(Query *q, ProtoReader r)
{
    /* Either a relation, or (older clients) the fields of SQL, whose numbers are the same. */
    _cleanup_proto_writer_ ProtoWriter own;
    proto_writer_init(&own, DATA_PAYLOAD_MAX, NULL, NULL);
    ProtoBytes relation = {0};
    ProtoField f;
    int n;
    proto_begin(&own, SPARK_RELATION_SQL);
    while ((n = decode_next(&q->decoder, &r, &f)) > 0) {
        if (f.wire != PROTO_WIRE_BYTES)
            continue;
        if (f.number == SPARK_SQL_COMMAND_INPUT)
            relation = f.bytes;
        else if (f.number >= SPARK_SQL_COMMAND_SQL && f.number <= SPARK_SQL_COMMAND_POS_ARGUMENTS)
            proto_put_bytes(&own, f.number, f.bytes.data, f.bytes.n_bytes);
    }
    proto_end(&own);
    if (n < 0)
        return query_result(q, q->builder.result);
    int result = proto_writer_finish(&own);
    if (result != 0)
        return result;
    if (!relation.data)
        relation = (ProtoBytes){own.data, own.n_bytes};
    ProtoReader sql;
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, DATA_PAYLOAD_MAX, NULL, NULL);
    proto_begin(&w, SPARK_RESPONSE_SQL_COMMAND_RESULT);
    if (!find_sql(&q->decoder, proto_reader(relation.data, relation.n_bytes), &sql)) {
        if (q->builder.result != 0)
            return query_result(q, q->builder.result);
        result = echo_relation(q, relation, &w);
    } else {
        const char *text;
        size_t n_text;
        SqlParameters parameters;
        SqlStatement statement;
        if (!decode_sql_parameters(&q->decoder, sql, &text, &n_text, &parameters))
            return query_result(q, q->builder.result);
        result = query_result(
            q, sql_parse_statement(&q->builder, text, n_text, &parameters, &statement));
        if (result == 0 && statement.kind == SQL_QUERY) {
            result = echo_relation(q, relation, &w);
        } else if (result == 0) {
            q->decoder.sql_text = text;
            q->decoder.n_sql_text = n_text;
            q->decoder.n_sql_texts++;
            proto_begin(&w, SPARK_SQL_COMMAND_RESULT_RELATION);
            result = query_statement(q, &statement, &w);
            if (result == 0)
                proto_end(&w);
        }
    }
    if (result != 0)
        return result;
    proto_end(&w);
    return query_emit(q, &w);
}

static const char *refused_command(uint32_t number)
{
    switch (number) {
    case SPARK_COMMAND_REGISTER_FUNCTION:
    case SPARK_COMMAND_REGISTER_TABLE_FUNCTION:
        return "user-defined functions (RegisterFunction)";
    case SPARK_COMMAND_WRITE_STREAM_OPERATION_START:
    case SPARK_COMMAND_STREAMING_QUERY_COMMAND:
    case SPARK_COMMAND_STREAMING_QUERY_MANAGER_COMMAND:
    case SPARK_COMMAND_STREAMING_QUERY_LISTENER_BUS_COMMAND:
        return "structured streaming";
    case SPARK_COMMAND_ML_COMMAND:
        return "machine learning (MlCommand)";
    case SPARK_COMMAND_PIPELINE_COMMAND:
        return "pipelines (PipelineCommand)";
    case SPARK_COMMAND_CREATE_RESOURCE_PROFILE_COMMAND:
        return "resource profiles (CreateResourceProfileCommand)";
    case SPARK_COMMAND_EXECUTE_EXTERNAL_COMMAND:
        return "commands of other systems (ExecuteExternalCommand)";
    case SPARK_COMMAND_EXTENSION:
        return "command extensions (Extension)";
    case SPARK_COMMAND_REGISTER_DATA_SOURCE:
        return "data sources in Python (RegisterDataSource)";
    default:
        return "this command";
    }
}

/* As Spark's own tables have it: only those of other formats can merge. */
static int refuse_merge(Query *q, ProtoReader r)
{
    ProtoField f;
    const char *name = "";
    while (decode_next(&q->decoder, &r, &f) > 0)
        if (f.number == SPARK_MERGE_INTO_TABLE_COMMAND_TARGET_TABLE_NAME)
            name = decode_string(&q->decoder, &f);
    if (q->builder.result != 0)
        return query_result(q, q->builder.result);
    return query_error_set(q->error, DATA_ERROR_ANALYSIS, "UNSUPPORTED_FEATURE.TABLE_OPERATION",
                           "0A000",
                           "The feature is not supported: Table %.200s does not support MERGE INTO "
                           "TABLE. Please check the current catalog and namespace to make sure the "
                           "qualified table name is expected, and also check the catalog "
                           "implementation which is configured by \"spark.sql.catalog\".",
                           name);
}

/* There are no resources beyond processors and memory. */
static int get_resources(Query *q)
{
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, DATA_PAYLOAD_MAX, NULL, NULL);
    proto_put_empty(&w, SPARK_RESPONSE_GET_RESOURCES_COMMAND_RESULT);
    return query_emit(q, &w);
}

int query_execute_command(Query *q, ProtoReader r)
{
    ProtoField f;
    int n;
    while ((n = decode_next(&q->decoder, &r, &f)) > 0) {
        ProtoReader inner;
        if (!decode_enter(&q->decoder, &r, &f, &inner))
            break;
        if (f.number == SPARK_COMMAND_SQL_COMMAND)
            return execute_sql_command(q, inner);
        if (f.number == SPARK_COMMAND_CREATE_DATAFRAME_VIEW)
            return execute_create_view(q, inner);
        if (f.number == SPARK_COMMAND_WRITE_OPERATION)
            return query_write_operation(q, inner);
        if (f.number == SPARK_COMMAND_WRITE_OPERATION_V2)
            return query_write_operation_v2(q, inner);
        if (f.number == SPARK_COMMAND_CHECKPOINT_COMMAND)
            return query_checkpoint(q, inner);
        if (f.number == SPARK_COMMAND_REMOVE_CACHED_REMOTE_RELATION_COMMAND)
            return query_checkpoint_remove(q, inner);
        if (f.number == SPARK_COMMAND_MERGE_INTO_TABLE_COMMAND)
            return refuse_merge(q, inner);
        if (f.number == SPARK_COMMAND_GET_RESOURCES_COMMAND)
            return get_resources(q);
        decode_unsupported(&q->decoder, refused_command(f.number));
        break;
    }
    if (n == 0)
        decode_malformed(&q->decoder);
    return query_result(q, q->builder.result);
}

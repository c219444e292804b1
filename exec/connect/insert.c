/* SPDX-License-Identifier: Apache-2.0 */

/* INSERT: which column goes where, store assignment, and which partitions are replaced. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/connect/catalogue.h"
#include "exec/connect/table_partition.h"
#include "exec/connect/write.h"
#include "exec/plan/source.h"
#include "exec/vec/nested.h"

/* ---- the target ---- */

typedef struct Insert {
    WriteCommand command;
    const URel *files;
    bool is_table; /* @table is set; else a path, or a temporary view of one */
    TableRef table;
    PlanNode *target, *data;
    /* For each column of the table the one of the data; MAP_NULL; MAP_FIRST - k: the value k of
     * PARTITION (...). */
    int *map;
} Insert;

#define MAP_NULL (-1)
#define MAP_FIRST (-2)

static int unsupported(Query *q, const char *what)
{
    return query_error_set(q->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                           "The feature is not supported: %s.", what);
}

static int not_a_table(Query *q, const char *name)
{
    return query_error_set(q->error, DATA_ERROR_ANALYSIS, "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
                           "42809", "'INSERT' expects a table but %.300s is a view.", name);
}

static bool is_one_folder(const URel *tree)
{
    return tree->kind == UREL_FILES && tree->n_paths == 1;
}

static UOption *copy_options(UBuilder *b, const UOption *options, uint32_t n)
{
    UOption *copy = ubuilder_alloc(b, n + 1, sizeof(*copy));
    for (uint32_t i = 0; copy && i < n; i++) {
        copy[i].key = ubuilder_strndup(b, options[i].key, strlen(options[i].key));
        copy[i].value = ubuilder_strndup(b, options[i].value, strlen(options[i].value));
    }
    return copy;
}

/* The view's tree may go while this query runs. */
static const URel *copy_files(UBuilder *b, const URel *tree)
{
    URel *copy = urel_new(b, UREL_FILES);
    const char *path = ubuilder_strndup(b, tree->paths[0], strlen(tree->paths[0]));
    if (!copy || !path)
        return NULL;
    copy->format = ubuilder_strndup(b, tree->format, strlen(tree->format));
    copy->paths = ubuilder_dup(b, &path, 1, sizeof(path));
    copy->n_paths = 1;
    copy->fields = ubuilder_alloc(b, tree->n_fields + 1, sizeof(*copy->fields));
    for (uint32_t i = 0; copy->fields && i < tree->n_fields; i++) {
        const PlanField *f = &tree->fields[i];
        copy->fields[i] = (PlanField){.name = ubuilder_strndup(b, f->name, strlen(f->name)),
                                      .nullable = f->nullable};
        int r = type_copy(b->arena, f->type, &copy->fields[i].type);
        if (r != 0)
            return ubuilder_fail(b, r);
    }
    copy->n_fields = tree->n_fields;
    copy->options = copy_options(b, tree->options, tree->n_options);
    copy->n_options = tree->n_options;
    return b->result == 0 ? urel_seal(b, copy) : NULL;
}

/* The files that a name means, and the partitions that its table was made with. */
static int find_target(Query *q, Insert *in, const URel *target)
{
    UBuilder *b = &q->builder;
    in->files = target;
    if (target->kind == UREL_FILES)
        return 0;
    const char *name = target->parts[target->n_parts - 1];
    const char *database = target->n_parts > 1 ? target->parts[target->n_parts - 2] : NULL;
    const PlanView *view = database ? NULL : plan_session_view(q->session->plan, name);
    if (view && !is_one_folder(view->tree)) {
        plan_view_unref(view);
        return not_a_table(q, name);
    }
    if (view) {
        in->files = copy_files(b, view->tree);
        plan_view_unref(view);
        return in->files ? 0 : query_result(q, b->result);
    }
    int r = catalogue_need(q, database, name, &in->table);
    if (r != 0)
        return r;
    if (in->table.entry.kind != CATALOG_TABLE) {
        char quoted[400];
        return not_a_table(q, catalogue_quoted(&in->table, quoted, sizeof(quoted)));
    }
    in->is_table = true;
    in->command.partitions = in->table.entry.partitions;
    in->command.n_partitions = in->table.entry.n_partitions;
    in->files = catalogue_files(b, &in->table.entry);
    return in->files ? 0 : query_result(q, b->result);
}

static const char *target_name(const Insert *in, const URel *target, char *buf, size_t size)
{
    if (in->is_table)
        return catalogue_quoted(&in->table, buf, size);
    if (target->kind == UREL_FILES)
        (void)snprintf(buf, size, "`%.40s`.`%.200s`", target->format, target->paths[0]);
    else
        (void)snprintf(buf, size, "`%.200s`", target->parts[target->n_parts - 1]);
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

/* What PARTITION (name = value) gives: values stand for columns, a name alone for one of the data's
 * last. */
static int map_partitions(Query *q, const SqlStatement *s, const char *table, Insert *in,
                          uint32_t *n_static)
{
    for (uint32_t k = 0; k < s->n_partitions; k++) {
        bool known = false;
        int at = find_field(in->target, s->partitions[k], q->context.settings.case_sensitive);
        for (uint32_t i = 0; i < in->command.n_partitions; i++)
            known |= strcasecmp(in->command.partitions[i], s->partitions[k]) == 0;
        if (at < 0 || !known)
            return query_error_set(q->error, DATA_ERROR_ANALYSIS, "PARTITIONS_NOT_FOUND", "428FT",
                                   "The partition(s) `%.200s` cannot be found in table %.300s.",
                                   s->partitions[k], table);
        if (!s->values || !s->values[k])
            continue;
        in->map[at] = MAP_FIRST - (int)k;
        ++*n_static;
    }
    return 0;
}

static int map_columns(Query *q, const SqlStatement *s, const char *table, Insert *in)
{
    const PlanNode *target = in->target, *data = in->data;
    bool exact = q->context.settings.case_sensitive;
    uint32_t n_named = s->by_name ? data->n_fields : s->n_columns, n_static = 0, next = 0;
    for (uint32_t i = 0; i < target->n_fields; i++)
        in->map[i] = MAP_NULL;
    int r = map_partitions(q, s, table, in, &n_static);
    if (r != 0)
        return r;
    uint32_t n_wanted = n_named > 0 ? n_named : target->n_fields - n_static;
    if (data->n_fields != n_wanted)
        return wrong_count(q, table, target, data, data->n_fields > n_wanted);
    for (uint32_t i = 0; n_named == 0 && i < target->n_fields; i++)
        if (in->map[i] == MAP_NULL)
            in->map[i] = (int)next++;
    for (uint32_t i = 0; i < n_named; i++) {
        const char *name = s->by_name ? data->fields[i].name : s->columns[i];
        int at = find_field(target, name, exact);
        if (at < 0)
            return query_error_set(q->error, DATA_ERROR_ANALYSIS,
                                   "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703",
                                   "A column, variable, or function parameter with name `%.200s` "
                                   "cannot be resolved.",
                                   name);
        if (in->map[at] != MAP_NULL)
            return query_error_set(q->error, DATA_ERROR_ANALYSIS, "COLUMN_ALREADY_EXISTS", "42711",
                                   "The column `%.200s` already exists. Choose another name or "
                                   "rename the existing column.",
                                   name);
        in->map[at] = (int)i;
    }
    return 0;
}

/* The data under the table's names and types. */
static URel *assigned(Query *q, const SqlStatement *s, const Insert *in)
{
    UBuilder *b = &q->builder;
    const PlanNode *target = in->target, *data = in->data;
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
    named->input = s->query;
    named->names = names;
    named->n_names = data->n_fields;
    rel->input = urel_seal(b, named);
    for (uint32_t i = 0; rel->input && i < target->n_fields; i++) {
        int from = in->map[i];
        UExpr *e = from >= 0          ? uexpr_column(b, &names[from], 1)
                   : from == MAP_NULL ? uexpr_null(b)
                                      : s->values[MAP_FIRST - from];
        Type type = target->fields[i].type;
        if (from < 0 || !type_equal(data->fields[from].type, type))
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

/* ---- the statement ---- */

/* Rows of the table for which @condition is not true, and then those of @input. */
static URel *with_others(Query *q, const Insert *in, const UExpr *condition, URel *input)
{
    UBuilder *b = &q->builder;
    UExpr *args[] = {(UExpr *)condition, uexpr_bool(b, false)};
    URel *filter = urel_new(b, UREL_FILTER), *both = urel_new(b, UREL_SET_OP);
    UExpr *not_true = uexpr_call1(b, "not", uexpr_call(b, "coalesce", args, 2));
    if (!filter || !both || !not_true || !input)
        return NULL;
    filter->input = (URel *)in->files;
    filter->condition = not_true;
    filter = urel_seal(b, filter);
    URel *inputs[] = {filter, input};
    both->inputs = filter ? ubuilder_dup(b, inputs, 2, sizeof(*inputs)) : NULL;
    both->n_inputs = 2;
    both->set_op = USET_UNION;
    both->all = true;
    return both->inputs ? urel_seal(b, both) : NULL;
}

static int check_types(Query *q, const Insert *in, const char *table)
{
    for (uint32_t i = 0; i < in->target->n_fields; i++) {
        int from = in->map[i];
        if (from >= 0 && !can_assign(in->data->fields[from].type, in->target->fields[i].type))
            return cannot_assign(q, table, &in->data->fields[from], &in->target->fields[i]);
    }
    return 0;
}

/* IF NOT EXISTS: is the partition there? Return: 1 it is; 0; QUERY_E_FAILED; ... */
static int partition_is_there(Query *q, const SqlStatement *s, const Insert *in)
{
    PartitionSpec spec;
    DecodeList names = {0};
    if (!s->if_not_exists || !in->is_table)
        return 0;
    int r = table_partition_spec(q, &in->table, s, &spec);
    if (r == 0)
        r = table_list_partitions(q, &in->table, &spec, &names);
    return r ? r : names.n > 0;
}

/*
 * An overwrite with values for some partition columns replaces the partitions that have them: those
 * that the rows have one by one, then the others go. For all columns that is one partition.
 */
static int write_partitions(Query *q, const SqlStatement *s, Insert *in)
{
    char id[40] = "";
    bool dynamic = write_is_dynamic(q, &in->command);
    if (!in->is_table)
        return unsupported(q, "INSERT OVERWRITE of a partition of files that are no table");
    int r = partition_is_there(q, s, in);
    if (r != 0)
        return r == 1 ? 0 : r;
    in->command.mode = COMMIT_REPLACE;
    in->command.ret_id = id;
    r = query_write(q, &in->command);
    return r || dynamic || !id[0] ? r : table_drop_partitions(q, &in->table, s, id);
}

static bool has_values(const SqlStatement *s)
{
    for (uint32_t i = 0; s->values && i < s->n_partitions; i++)
        if (s->values[i])
            return true;
    return false;
}

int query_insert(Query *q, const SqlStatement *s, const InsertOptions *options)
{
    Insert in = {.command = {.mode = s->replace ? COMMIT_OVERWRITE : COMMIT_APPEND}};
    WriteCommand *c = &in.command;
    char table[400];
    if (q->operation->replay)
        return 0;
    int r = find_target(q, &in, s->target);
    if (r == 0)
        r = query_bind(q, in.files, &in.target);
    plan_context_release(&q->context); /* only its columns were wanted */
    if (r == 0)
        r = query_bind(q, s->query, &in.data);
    if (r != 0)
        return r;
    (void)target_name(&in, s->target, table, sizeof(table));
    in.map = ubuilder_alloc(&q->builder, in.target->n_fields + 1, sizeof(*in.map));
    if (!in.map || (c->n_partitions == 0 && !take_partitions(q, in.target, c)))
        return query_result(q, mem_arena_error(q->arena));
    r = map_columns(q, s, table, &in);
    if (r == 0)
        r = check_types(q, &in, table);
    if (r != 0)
        return r;
    c->format = in.files->format;
    c->path = in.files->paths[0];
    c->options = in.files->options;
    c->n_options = in.files->n_options;
    c->input = assigned(q, s, &in);
    if (options && options->condition)
        c->input = with_others(q, &in, options->condition, c->input);
    if (!c->input)
        return query_result(q, q->builder.result);
    if (options && options->dynamic && c->n_partitions > 0)
        c->mode = COMMIT_REPLACE;
    r = s->replace && has_values(s) ? write_partitions(q, s, &in) : query_write(q, c);
    return insert_result(q, r);
}

int query_write_statement(Query *q, const SqlStatement *s)
{
    if (s->kind == SQL_INSERT)
        return query_insert(q, s, NULL);
    WriteCommand c = {.format = s->format,
                      .path = s->path,
                      .mode = COMMIT_OVERWRITE,
                      .options = s->options,
                      .n_options = s->n_options,
                      .input = s->query};
    return query_write(q, &c);
}

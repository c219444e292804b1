/* SPDX-License-Identifier: Apache-2.0 */

/* Relations that come from somewhere: tables, views, files, ranges, values. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_decorrelate.h"
#include "exec/plan/bind_nested.h"
#include "exec/plan/source_format.h"

static void *table_not_found(Binder *b, const URel *rel)
{
    char name[300];
    size_t n = 0;
    name[0] = '\0';
    for (uint32_t i = 0; i < rel->n_parts && n + 4 < sizeof(name); i++)
        n +=
            (size_t)snprintf(name + n, sizeof(name) - n, "%s`%.100s`", i ? "." : "", rel->parts[i]);
    bind_error(b, rel->position, rel->stop, "TABLE_OR_VIEW_NOT_FOUND", "42P01",
               "The table or view %s cannot be found. Verify the spelling and correctness of the "
               "schema and catalog. If you did not qualify the name with a schema, verify the "
               "current_schema() output, or qualify the name with the correct schema and catalog. "
               "To tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS.",
               name);
    char path[400];
    (void)snprintf(path, sizeof(path),
                   "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`%.250s`]",
                   b->database);
    query_error_parameters(b->context->error, "relationName", name, "searchPath", path, NULL);
    return NULL;
}

static Bound *with_qualifier(Bound *bound, const char *qualifier)
{
    for (uint32_t i = 0; bound && i < bound->n_columns; i++)
        bound->columns[i].qualifier = qualifier;
    return bound;
}

/* Folders of one query; each is a descriptor. */
#define BIND_HOLDS_MAX 128u

static bool may_expand(Binder *b, const URel *rel);

static Bound *bind_view(Binder *b, const URel *rel, const PlanView *view)
{
    if (!may_expand(b, rel))
        return NULL;
    if (b->view_depth >= BIND_VIEW_DEPTH_MAX)
        return bind_error(b, rel->position, rel->stop, "VIEW_EXCEED_MAX_NESTED_DEPTH", "54K00",
                          "The depth of view `%.100s` exceeds the maximum view resolution depth "
                          "(%u).",
                          view->name, BIND_VIEW_DEPTH_MAX);
    /* A view sees neither the CTEs nor the outer query of whoever reads it. */
    Cte *ctes = b->ctes;
    uint32_t n_ctes = b->n_ctes;
    Scope *outer = b->outer;
    uint32_t n_plan_ids = b->n_plan_ids;
    const char *database = b->database;
    bool catalogue_only = b->catalogue_only;
    b->n_ctes = 0;
    b->ctes = NULL;
    b->ctes_capacity = 0;
    b->outer = NULL;
    b->database = view->database;
    b->catalogue_only = view->is_catalogued;
    b->view_depth++;
    Bound *bound = bind_relation(b, view->tree);
    b->view_depth--;
    b->database = database;
    b->catalogue_only = catalogue_only;
    b->outer = outer;
    b->ctes = ctes;
    b->n_ctes = b->ctes_capacity = n_ctes;
    b->n_plan_ids = n_plan_ids;
    if (!bound)
        return NULL;
    /* The view's own columns: its hidden ones end here. */
    Bound *named = bind_alloc(b, 1, sizeof(*named));
    BoundColumn *columns = bind_alloc(b, bound->n_columns, sizeof(*columns));
    if (!named || !columns)
        return NULL;
    *named = (Bound){.node = bound->node, .columns = columns};
    for (uint32_t i = 0; i < bound->n_columns; i++)
        if (!bound->columns[i].hidden)
            columns[named->n_columns++] = (BoundColumn){.name = bound->columns[i].name,
                                                        .attribute = ++b->next_attribute,
                                                        .index = bound->columns[i].index};
    bool global = strncmp(view->name, "global_temp.", 12) == 0;
    return with_qualifier(named, view->name + (global ? 12 : 0));
}

/* A reference for as long as the context lives. */
static bool hold_view(Binder *b, const PlanView *view)
{
    PlanContext *c = b->context;
    if (c->n_views == c->views_capacity) {
        uint32_t capacity = c->views_capacity ? c->views_capacity * 2 : 8;
        const PlanView **grown = bind_alloc(b, capacity, sizeof(*grown));
        if (!grown) {
            plan_view_unref(view);
            return false;
        }
        if (c->n_views > 0)
            memcpy(grown, c->views, c->n_views * sizeof(*grown));
        c->views = grown;
        c->views_capacity = capacity;
    }
    c->views[c->n_views++] = view;
    return true;
}

/* What stands for another query is bound anew each time: two of each, nested, are too many. */
static bool may_expand(Binder *b, const URel *rel)
{
    if (++b->n_expanded <= BIND_EXPANSIONS_MAX)
        return true;
    bind_error(b, rel->position, rel->stop, "FAILED_TO_PARSE_TOO_COMPLEX", "54001",
               "The statement, including potential SQL functions and referenced views, was too "
               "complex: it refers to queries with a name more than %u times.",
               BIND_EXPANSIONS_MAX);
    return false;
}

static Bound *bind_cte(Binder *b, const URel *rel, const Cte *cte)
{
    if (cte->loop && cte->loop->open)
        return bind_level_before(b, rel, cte);
    if (!may_expand(b, rel))
        return NULL;
    /* A WITH inside makes a list of its own: that of this query stays as it is. */
    Cte *ctes = b->ctes;
    uint32_t n_ctes = b->n_ctes, capacity = b->ctes_capacity;
    Scope *outer = b->outer;
    b->n_ctes = b->ctes_capacity = cte->n_visible;
    b->outer = cte->outer;
    bool same = outer == cte->outer;
    Bound *bound = cte->loop ? bind_recursive_cte(b, rel, cte) : bind_relation(b, cte->rel);
    b->ctes = ctes;
    b->n_ctes = n_ctes;
    b->ctes_capacity = capacity;
    b->outer = outer;
    if (bound && !same && plan_has_outer(bound->node))
        return bind_unsupported(b, rel->position, rel->stop,
                                "a correlated common table expression used in a subquery");
    return bound;
}

static const PlanView *temporary_view(const Binder *b, const char *name)
{
    return b->context->session ? plan_session_view(b->context->session, name) : NULL;
}

static void *temporary_inside(Binder *b, const URel *rel)
{
    bind_error(b, rel->position, rel->stop, "INVALID_TEMP_OBJ_REFERENCE", "42K0F",
               "Cannot create the persistent object of the type VIEW because it references to the "
               "temporary object `%.200s` of the type VIEW. Please make the temporary object "
               "persistent, or make the persistent object temporary.",
               rel->parts[rel->n_parts - 1]);
    return NULL;
}

/* db.t and spark_catalog.db.t; a name alone is one of the current database. */
static Bound *bind_catalogued(Binder *b, const URel *rel)
{
    PlanContext *c = b->context;
    const PlanView *view = NULL;
    uint32_t n = rel->n_parts;
    const char *database = n == 1 ? b->database : rel->parts[n - 2];
    if (n > 3 || (n == 3 && strcasecmp(rel->parts[0], "spark_catalog") != 0))
        return bind_error(b, rel->position, rel->stop, "REQUIRES_SINGLE_PART_NAMESPACE", "42K05",
                          "spark_catalog requires a single-part namespace: there is no other "
                          "catalog.");
    if (!c->find)
        return table_not_found(b, rel);
    int r = c->find(c->find_userdata, database, rel->parts[n - 1], &view);
    if (r != 0)
        return bind_fail(b, r);
    if (!view)
        return table_not_found(b, rel);
    return hold_view(b, view) ? bind_view(b, rel, view) : NULL;
}

Bound *bind_table(Binder *b, const URel *rel)
{
    if (rel->view)
        return bind_view(b, rel, rel->view);
    const PlanView *view = NULL;
    if (rel->n_parts == 1) {
        for (uint32_t i = b->n_ctes; i > 0; i--)
            if (names_equal(b, b->ctes[i - 1].name, rel->parts[0]))
                return bind_cte(b, rel, &b->ctes[i - 1]);
        view = temporary_view(b, rel->parts[0]);
    } else if (rel->n_parts == 2 && strcasecmp(rel->parts[0], "global_temp") == 0) {
        char name[300];
        snprintf(name, sizeof(name), "global_temp.%.250s", rel->parts[1]);
        view = temporary_view(b, name);
    }
    if (view && b->catalogue_only) {
        view = plan_view_unref(view);
        if (b->view_depth == 0)
            return temporary_inside(b, rel);
    }
    if (view)
        return hold_view(b, view) ? bind_view(b, rel, view) : NULL;
    return bind_catalogued(b, rel);
}

static PlanNode *scan_node(Binder *b, const URel *rel, const SourceInfo *source)
{
    PlanNode *node = bind_node(b, PLAN_SCAN, NULL, source->n_columns);
    uint32_t *columns = bind_alloc(b, source->n_columns, sizeof(*columns));
    if (!node || !columns)
        return NULL;
    node->scan.format = source->format->name;
    node->scan.files = source->files;
    node->scan.n_files = source->n_files;
    node->scan.columns = columns;
    node->scan.source = source;
    node->rows = (double)source->rows;
    for (uint32_t i = 0; i < source->n_columns; i++) {
        const SourceColumn *c = &source->columns[i];
        node->fields[i] = (PlanField){c->name, c->type, true};
        columns[i] = i;
    }
    return node;
}

/*
 * The path that source_open() wants: a relative one starts where the client says that it stands
 * (spark.berth.directory, set by `berth sql`); without that it stays as it is and is refused by
 * name. NULL: no memory.
 */
static const char *absolute_path(Binder *b, const char *path)
{
    PlanContext *c = b->context;
    char *directory = NULL;
    if (path[0] == '/' || strncmp(path, "file:", 5) == 0 || !c->session ||
        plan_session_get_conf(c->session, PLAN_DIRECTORY_KEY, &directory) != 0)
        return path;
    size_t n_directory = strlen(directory), n_path = strlen(path);
    char *joined = directory[0] == '/' ? bind_alloc(b, n_directory + n_path + 2, 1) : NULL;
    if (joined)
        (void)snprintf(joined, n_directory + n_path + 2, "%s/%s", directory, path);
    else if (directory[0] != '/')
        joined = (char *)path;
    free(directory);
    return joined;
}

/* "true" or not, of the session. */
static bool conf_is(const PlanContext *c, const char *key, bool otherwise)
{
    char *value = NULL;
    bool is = otherwise;
    if (c->session && plan_session_get_conf(c->session, key, &value) == 0)
        is = strcasecmp(value, "true") == 0;
    free(value);
    return is;
}

static bool source_request(Binder *b, const URel *rel, SourceRequest *ret)
{
    PlanContext *c = b->context;
    const char **paths = bind_alloc(b, rel->n_paths, sizeof(*paths));
    const Zone *zone = bind_zone(b);
    if (!paths || !zone)
        return false;
    for (uint32_t i = 0; i < rel->n_paths; i++) {
        paths[i] = absolute_path(b, rel->paths[i]);
        if (!paths[i])
            return false;
    }
    *ret = (SourceRequest){
        .paths = paths,
        .n_paths = rel->n_paths,
        .format = rel->format,
        .options = rel->options,
        .n_options = rel->n_options,
        .schema = rel->n_fields > 0 ? rel->fields : NULL,
        .n_schema = rel->n_fields,
        .case_sensitive = c->settings.case_sensitive,
        .merge_schema = conf_is(c, "spark.sql.parquet.mergeSchema", false),
        .partitions_as_strings =
            !conf_is(c, "spark.sql.sources.partitionColumnTypeInference.enabled", true),
        .zone = zone,
    };
    return true;
}

/* Holds the folders of @request, as far as there is room; more are read without. */
static bool hold_folders(Binder *b, const SourceRequest *request)
{
    PlanContext *c = b->context;
    for (uint32_t i = 0; i < request->n_paths && c->n_holds < BIND_HOLDS_MAX; i++) {
        if (c->n_holds == c->holds_capacity) {
            uint32_t capacity = c->holds_capacity ? c->holds_capacity * 2 : 4;
            int *grown = bind_alloc(b, capacity, sizeof(*grown));
            if (!grown)
                return false;
            if (c->n_holds > 0)
                memcpy(grown, c->holds, c->n_holds * sizeof(*grown));
            c->holds = grown;
            c->holds_capacity = capacity;
        }
        int fd = request->paths[i][0] == '/' ? io_hold(request->paths[i]) : -EINVAL;
        if (fd >= 0)
            c->holds[c->n_holds++] = fd;
    }
    return true;
}

/* Were the folders that were listed those that are held? */
static bool holds_are_of(const PlanContext *c, uint32_t from, const SourceRequest *request)
{
    for (uint32_t i = 0; i < request->n_paths; i++)
        for (uint32_t k = from; k < c->n_holds && request->n_paths == 1; k++)
            if (!io_hold_is_of(c->holds[k], request->paths[i]))
                return false;
    return true;
}

Bound *bind_files(Binder *b, const URel *rel)
{
    PlanContext *c = b->context;
    SourceRequest request;
    SourceInfo *source;
    if (!c->files)
        return bind_unsupported(b, rel->position, rel->stop, "reading files here");
    if (!source_request(b, rel, &request))
        return NULL;
    int r = 0;
    for (uint32_t tries = 0; tries < 3; tries++) {
        uint32_t from = c->n_holds;
        if (!hold_folders(b, &request))
            return NULL;
        r = source_open(c->files, &request, b->arena, &source, c->error);
        if (r != 0 || holds_are_of(c, from, &request))
            break;
        while (c->n_holds > from) /* replaced in between */
            (void)fd_close(c->holds[--c->n_holds]);
    }
    if (r != 0)
        return bind_fail(b, r);
    PlanNode *node = scan_node(b, rel, source);
    return node ? bound_new(b, node) : NULL;
}

Bound *bind_one_row(Binder *b)
{
    PlanNode *node = bind_node(b, PLAN_VALUES, NULL, 0);
    Batch *batch = bind_alloc(b, 1, sizeof(*batch));
    if (!node || !batch)
        return NULL;
    batch->n_rows = batch->n_selected = 1;
    node->values.batches = batch;
    node->values.n_batches = 1;
    return bound_new(b, node);
}

Bound *bind_range(Binder *b, const URel *rel)
{
    PlanNode *node = bind_node(b, PLAN_RANGE, NULL, 1);
    if (!node)
        return NULL;
    node->fields[0] = (PlanField){"id", TYPE(LONG), false};
    node->range.start = rel->start;
    node->range.end = rel->end;
    node->range.step = rel->step;
    if (rel->step == 0)
        return bind_error(b, rel->position, rel->stop, "INVALID_PARAMETER_VALUE", "22023",
                          "The value of the parameter `step` in `range` is invalid: it is 0.");
    return bound_new(b, node);
}

Bound *bind_local(Binder *b, const URel *rel)
{
    PlanNode *node = bind_node(b, PLAN_VALUES, NULL, rel->n_fields);
    if (!node)
        return NULL;
    for (uint32_t i = 0; i < rel->n_fields; i++)
        node->fields[i] = rel->fields[i];
    node->values.batches = rel->batches;
    node->values.n_batches = rel->n_batches;
    return bound_new(b, node);
}

/* VALUES: one projection of one row for each row, all in one union; rows of literals become
 * batches in the optimiser. */
Bound *bind_values(Binder *b, const URel *rel)
{
    uint32_t n = rel->n_columns, n_rows = rel->n_exprs / n;
    Bound *one = bind_one_row(b);
    Expr **cells = bind_alloc(b, rel->n_exprs, sizeof(*cells));
    const char **names = bind_alloc(b, n, sizeof(*names));
    if (!one || !cells || !names)
        return NULL;
    Scope scope = {.bound = one, .clause = "VALUES"};
    for (uint32_t i = 0; i < rel->n_exprs; i++) {
        cells[i] = bind_expr(b, &scope, rel->exprs[i]);
        if (!cells[i])
            return NULL;
    }
    for (uint32_t k = 0; k < n; k++) {
        Type type = cells[k]->type;
        for (uint32_t row = 1; row < n_rows; row++) {
            Type here = cells[row * n + k]->type;
            /* Texts and numbers do not meet here. */
            bool mixed = type.kind != TYPE_NULL && here.kind != TYPE_NULL &&
                         (type.kind == TYPE_STRING) != (here.kind == TYPE_STRING);
            if (mixed || !bind_wider(b, type, here, &type))
                return bind_error(b, rel->position, rel->stop,
                                  "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE",
                                  "42000",
                                  "Invalid inline table. Found incompatible types in the column "
                                  "`col%u` for inline table.",
                                  k + 1);
        }
        for (uint32_t row = 0; row < n_rows; row++)
            cells[row * n + k] = bind_cast_to(b, cells[row * n + k], type);
        char *name = bind_alloc(b, 1, 16);
        if (!name)
            return NULL;
        snprintf(name, 16, "col%u", k + 1);
        names[k] = name;
    }
    PlanNode **inputs = bind_alloc(b, n_rows, sizeof(*inputs));
    if (!inputs)
        return NULL;
    for (uint32_t row = 0; row < n_rows; row++) {
        inputs[row] = bind_project_node(b, one->node, cells + (size_t)row * n, names, n);
        if (!inputs[row])
            return NULL;
    }
    if (n_rows == 1)
        return bound_new(b, inputs[0]);
    PlanNode *node = bind_pass_node(b, PLAN_UNION, inputs[0]);
    if (!node)
        return NULL;
    node->input = NULL;
    node->union_all.inputs = inputs;
    node->union_all.n_inputs = n_rows;
    for (uint32_t row = 1; row < n_rows; row++)
        for (uint32_t k = 0; k < n; k++)
            node->fields[k].nullable |= inputs[row]->fields[k].nullable;
    return bound_new(b, node);
}

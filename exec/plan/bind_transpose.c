/* SPDX-License-Identifier: Apache-2.0 */

/*
 * transpose(): a small table on its side. The values are wanted while binding, because they become
 * names of columns; so the plan below runs here, once for each of its columns, in an order that
 * leaves no two different rows equal.
 */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_internal.h"

#define TRANSPOSE_ROWS_MAX 500u /* spark.sql.transposeMaxValues */

static Expr *pass(Binder *b, const PlanNode *node, uint32_t i)
{
    const PlanField *f = &node->fields[i];
    return bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
}

static bool is_flat(Type type)
{
    return type.kind != TYPE_ARRAY && type.kind != TYPE_MAP && type.kind != TYPE_STRUCT;
}

/* The number of the index column among the input's. */
static bool find_index(Binder *b, const URel *rel, const Bound *input, uint32_t *ret)
{
    *ret = 0;
    if (rel->n_exprs == 1) {
        Scope scope = {.bound = input, .outer = b->outer, .clause = "TRANSPOSE"};
        Expr *e = bind_expr(b, &scope, rel->exprs[0]);
        if (!e)
            return false;
        if (e->kind != EXPR_COLUMN || e->column >= input->node->n_fields) {
            bind_error(b, rel->position, rel->stop, "TRANSPOSE_INVALID_INDEX_COLUMN", "42804",
                       "Invalid index column for TRANSPOSE because: Index column must be an atomic "
                       "attribute");
            return false;
        }
        *ret = e->column;
    }
    char type[130];
    if (*ret < input->node->n_fields && is_flat(input->node->fields[*ret].type))
        return true;
    if (*ret < input->node->n_fields) {
        bind_type_text(input->node->fields[*ret].type, type);
        bind_error(b, rel->position, rel->stop, "TRANSPOSE_INVALID_INDEX_COLUMN", "42804",
                   "Invalid index column for TRANSPOSE because: Index column must be of atomic "
                   "type, but found: %s",
                   type);
    } else {
        bind_unsupported(b, rel->position, rel->stop, "transpose() of a table without columns");
    }
    return false;
}

/* Rows whose index is known, by the index and then by everything else. */
static PlanNode *sorted(Binder *b, PlanNode *input, uint32_t index)
{
    PlanNode *filter = bind_pass_node(b, PLAN_FILTER, input);
    PlanNode *sort = bind_pass_node(b, PLAN_SORT, filter);
    SortKey *keys = bind_alloc(b, input->n_fields, sizeof(*keys));
    if (!sort || !keys)
        return NULL;
    Expr *column = pass(b, input, index);
    filter->filter.condition =
        column
            ? bind_check(b, expr_call(b->arena, FN_IS_NOT_NULL, TYPE(BOOLEAN), false, &column, 1))
            : NULL;
    uint32_t n = 0;
    keys[n++] = (SortKey){.expr = pass(b, filter, index), .nulls_first = true};
    for (uint32_t i = 0; i < input->n_fields; i++)
        if (i != index && input->fields[i].type.kind != TYPE_MAP)
            keys[n++] = (SortKey){.expr = pass(b, filter, i), .nulls_first = true};
    sort->sort.keys = keys;
    sort->sort.n_keys = n;
    sort->sort.limit = -1;
    return b->result ? NULL : sort;
}

/* Column @i of @rows as @type. */
static bool collect_column(Binder *b, const URel *rel, PlanNode *rows, uint32_t i, Type type,
                           Literal *values, uint32_t *ret_n)
{
    PlanContext *c = b->context;
    Expr **exprs = bind_alloc(b, 1, sizeof(*exprs));
    const char **names = bind_alloc(b, 1, sizeof(*names));
    PlanNode *limit = bind_pass_node(b, PLAN_LIMIT, rows);
    if (!exprs || !names || !limit)
        return false;
    limit->limit.limit = TRANSPOSE_ROWS_MAX + 1;
    exprs[0] = bind_cast_to(b, pass(b, limit, i), type);
    names[0] = "value";
    PlanNode *project = exprs[0] ? bind_project_node(b, limit, exprs, names, 1) : NULL;
    if (!project)
        return false;
    int r = c->collect(c->collect_userdata, project, TRANSPOSE_ROWS_MAX + 1, values, ret_n);
    if (r != 0)
        return bind_fail(b, r), false;
    if (*ret_n <= TRANSPOSE_ROWS_MAX)
        return true;
    bind_error(b, rel->position, rel->stop, "TRANSPOSE_EXCEED_ROW_LIMIT", "54006",
               "Number of rows exceeds the allowed limit of %u for TRANSPOSE. If this was "
               "intended, set spark.sql.transposeMaxValues to at least the current row count.",
               TRANSPOSE_ROWS_MAX);
    return false;
}

/* The type that all columns but the index have in common; STRING when there are none. */
static bool common_type(Binder *b, const URel *rel, const PlanNode *node, uint32_t index, Type *ret)
{
    Expr **columns = bind_alloc(b, node->n_fields, sizeof(*columns));
    uint32_t n = 0;
    for (uint32_t i = 0; columns && i < node->n_fields; i++)
        if (i != index)
            columns[n++] = pass(b, node, i);
    *ret = TYPE(STRING);
    if (b->result)
        return false;
    if (n > 0 && !bind_common_type(b, columns, n, ret)) {
        bind_error(b, rel->position, rel->stop, "TRANSPOSE_NO_LEAST_COMMON_TYPE", "42K09",
                   "Transpose requires non-index columns to share a least common type, but they "
                   "do not.");
        return false;
    }
    if (is_flat(*ret))
        return true;
    bind_unsupported(b, rel->position, rel->stop, "transpose() of nested values");
    return false;
}

/* VALUES of one row for each column, under the names. */
static Bound *as_values(Binder *b, const Literal *cells, Type type, uint32_t n_rows,
                        uint32_t n_columns, const char *const *keys, const char **names)
{
    UBuilder builder = {.arena = b->arena, .error = b->context->error};
    URel *values = urel_new(&builder, UREL_VALUES), *named = urel_new(&builder, UREL_TO_DF);
    UExpr **exprs = bind_alloc(b, (size_t)n_rows * (n_columns + 1), sizeof(*exprs));
    if (!values || !named || !exprs)
        return bind_fail(b, builder.result);
    uint32_t n = 0;
    for (uint32_t row = 0; row < n_rows; row++) {
        exprs[n++] = uexpr_string(&builder, keys[row], strlen(keys[row]));
        for (uint32_t i = 0; i < n_columns; i++)
            exprs[n++] = uexpr_literal(&builder, type, cells[(size_t)row * n_columns + i]);
    }
    if (builder.result)
        return bind_fail(b, builder.result);
    values->exprs = exprs;
    values->n_exprs = n;
    values->n_columns = n_columns + 1;
    named->input = values;
    named->names = names;
    named->n_names = n_columns + 1;
    return bind_relation(b, named);
}

/* Nothing but the index: the names of the columns alone, without rows. */
static Bound *no_rows(Binder *b, uint32_t n_columns, const char **names)
{
    PlanNode *node = bind_node(b, PLAN_VALUES, NULL, n_columns + 1);
    for (uint32_t i = 0; node && i <= n_columns; i++)
        node->fields[i] = (PlanField){names[i], TYPE(STRING), i > 0};
    return node ? bound_new(b, node) : NULL;
}

Bound *bind_transpose(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    input = input ? bound_visible(b, input) : NULL;
    uint32_t index, n_columns, n_again;
    Type type;
    if (!input || !find_index(b, rel, input, &index) ||
        !common_type(b, rel, input->node, index, &type))
        return NULL;
    if (!b->context->collect)
        return bind_unsupported(b, rel->position, rel->stop, "transpose() here");
    uint32_t n_rows = input->node->n_fields - 1;
    PlanNode *rows = sorted(b, input->node, index);
    Literal *column = bind_alloc(b, TRANSPOSE_ROWS_MAX + 1, sizeof(*column));
    if (!rows || !column || !collect_column(b, rel, rows, index, TYPE(STRING), column, &n_columns))
        return NULL;
    const char **names = bind_alloc(b, n_columns + 1, sizeof(*names));
    const char **keys = bind_alloc(b, n_rows + 1, sizeof(*keys));
    Literal *cells = bind_alloc(b, (size_t)n_rows * n_columns + 1, sizeof(*cells));
    if (!names || !keys || !cells)
        return NULL;
    names[0] = "key";
    for (uint32_t i = 0; i < n_columns; i++) {
        names[i + 1] =
            mem_arena_strndup(b->arena, vec_string_data(&column[i].s), column[i].s.length);
        if (!names[i + 1])
            return bind_fail(b, mem_arena_error(b->arena));
    }
    if (n_rows == 0)
        return no_rows(b, n_columns, names);
    for (uint32_t i = 0, row = 0; i <= n_rows; i++) {
        if (i == index)
            continue;
        keys[row] = input->node->fields[i].name;
        if (!collect_column(b, rel, rows, i, type, column, &n_again))
            return NULL;
        if (n_again != n_columns)
            return bind_unsupported(b, rel->position, rel->stop,
                                    "transpose() of what gives other rows each time");
        memcpy(cells + (size_t)row++ * n_columns, column, n_columns * sizeof(*column));
    }
    return as_values(b, cells, type, n_rows, n_columns, keys, names);
}

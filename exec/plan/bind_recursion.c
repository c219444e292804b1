/* SPDX-License-Identifier: Apache-2.0 */

/*
 * WITH RECURSIVE r AS (first UNION ALL step): inside the step, r is the rows of the level before.
 * What comes out is a leaf that stands for all levels (PlanRecursion); they are run, one after the
 * other, by whoever runs the plan. Columns have the types of the first part, as in Spark; the step
 * is cast to them.
 *
 * Whether a definition refers to itself is seen when it is bound: the name is open then, and says
 * so when it is used. A definition that does not is bound once more, as an ordinary one.
 */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_decorrelate.h"
#include "exec/plan/type_rules.h"

#define NO_UNION                                                                                   \
    "Invalid recursive definition found. Recursive queries must be a UNION ALL whose first part "  \
    "does not refer to the query itself."

/* A WITH in front of a union is in front of both parts. */
static const URel *with_input(Binder *b, const URel *with, const URel *input)
{
    URel *copy = bind_alloc(b, 1, sizeof(*copy));
    if (!copy)
        return NULL;
    *copy = *with;
    copy->input = (URel *)input;
    return copy;
}

/* Return: false where @rel is no UNION ALL, and after an error. */
static bool split(Binder *b, const URel *rel, const URel **ret_first, const URel **ret_step)
{
    if (rel->kind == UREL_WITH) {
        const URel *first, *step;
        if (!split(b, rel->input, &first, &step))
            return false;
        *ret_first = with_input(b, rel, first);
        *ret_step = with_input(b, rel, step);
        return *ret_first && *ret_step;
    }
    if (rel->kind != UREL_SET_OP || rel->set_op != USET_UNION || !rel->all || rel->by_name ||
        rel->n_inputs < 2)
        return false;
    *ret_step = rel->inputs[rel->n_inputs - 1];
    *ret_first = rel->inputs[0];
    if (rel->n_inputs == 2)
        return true;
    URel *front = bind_alloc(b, 1, sizeof(*front));
    if (!front)
        return false;
    *front = *rel;
    front->n_inputs--;
    *ret_first = front;
    return true;
}

static bool is_distinct_union(const URel *rel)
{
    while (rel->kind == UREL_WITH)
        rel = rel->input;
    return rel->kind == UREL_SET_OP && rel->set_op == USET_UNION && !rel->all;
}

/* ---- places where rows of one level alone would give another answer ---- */

static bool refers(Binder *b, const URel *rel, const char *name)
{
    if (!rel)
        return false;
    if (rel->kind == UREL_TABLE)
        return rel->n_parts == 1 && !rel->view && names_equal(b, rel->parts[0], name);
    for (uint32_t i = 0; i < rel->n_inputs; i++)
        if (refers(b, rel->inputs[i], name))
            return true;
    return refers(b, rel->input, name) || refers(b, rel->right, name);
}

static bool aggregates(const URel *rel)
{
    if (rel->kind == UREL_AGGREGATE || rel->kind == UREL_PIVOT)
        return true;
    for (uint32_t i = 0; rel->kind == UREL_PROJECT && i < rel->n_exprs; i++)
        if (uexpr_has_aggregate(rel->exprs[i]))
            return true;
    return false;
}

static bool badly_placed(Binder *b, const URel *rel, const char *name)
{
    if (!rel)
        return false;
    if (aggregates(rel) && refers(b, rel->input, name))
        return true;
    if (rel->kind == UREL_JOIN) {
        bool left = rel->join_type == JOIN_RIGHT || rel->join_type == JOIN_FULL;
        bool right = rel->join_type != JOIN_INNER && rel->join_type != JOIN_CROSS &&
                     rel->join_type != JOIN_RIGHT;
        if ((left && refers(b, rel->input, name)) || (right && refers(b, rel->right, name)))
            return true;
    }
    for (uint32_t i = 0; i < rel->n_inputs; i++)
        if (badly_placed(b, rel->inputs[i], name))
            return true;
    return badly_placed(b, rel->input, name) || badly_placed(b, rel->right, name);
}

/* ---- binding ---- */

static Bound *leaf(Binder *b, const Cte *cte, const PlanRecursion *recursion,
                   const PlanField *fields, uint32_t n, bool level_before)
{
    PlanNode *node = bind_node(b, PLAN_VALUES, NULL, n);
    if (!node)
        return NULL;
    memcpy(node->fields, fields, n * sizeof(*fields));
    node->values.recursion = recursion;
    node->values.level_before = level_before;
    Bound *bound = bound_new(b, node);
    for (uint32_t i = 0; bound && i < n; i++)
        bound->columns[i].qualifier = cte->name;
    return bound;
}

Bound *bind_level_before(Binder *b, const URel *rel, const Cte *cte)
{
    CteLoop *loop = cte->loop;
    if (!loop->recursion)
        return bind_error(b, rel->position, rel->stop, loop->refused, "42836", "%s", loop->because);
    loop->used = true;
    return leaf(b, cte, loop->recursion, loop->fields, loop->n_fields, true);
}

/* The definition bound as one that must not refer to itself. */
static Bound *bind_plain(Binder *b, const Cte *cte, const URel *alias)
{
    bool distinct = is_distinct_union(cte->rel->input);
    cte->loop->recursion = NULL;
    cte->loop->refused =
        distinct ? "UNION_NOT_SUPPORTED_IN_RECURSIVE_CTE" : "INVALID_RECURSIVE_CTE";
    cte->loop->because = distinct
                             ? "The UNION operator is not yet supported within recursive common "
                               "table expressions (WITH clauses that refer to themselves, directly "
                               "or indirectly). Please use UNION ALL instead."
                             : NO_UNION;
    cte->loop->open = true;
    Bound *bound = bind_relation(b, alias);
    cte->loop->open = false;
    return bound ? bound_visible(b, bound) : NULL;
}

static PlanNode *step_as(Binder *b, const URel *rel, const Bound *step, const PlanField *fields,
                         uint32_t n)
{
    if (step->n_columns != n)
        return bind_error(b, rel->position, rel->stop, "NUM_COLUMNS_MISMATCH", "42826",
                          "UNION can only be performed on inputs with the same number of columns, "
                          "but the first input has %u columns and the second input has %u columns.",
                          n, step->n_columns);
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    for (uint32_t i = 0; exprs && names && i < n; i++) {
        const PlanField *f = &step->node->fields[step->columns[i].index];
        char from[130], to[130];
        if (!type_equal(f->type, fields[i].type) &&
            !type_can_cast(f->type, fields[i].type, b->context->settings.ansi)) {
            bind_type_text(f->type, from);
            bind_type_text(fields[i].type, to);
            return bind_error(b, rel->position, rel->stop, "INCOMPATIBLE_COLUMN_TYPE", "42825",
                              "UNION can only be performed on tables with compatible column types. "
                              "Column %u of the second table is %s type which is not compatible "
                              "with %s at the same column of the first table.",
                              i + 1, from, to);
        }
        Expr *column =
            bind_check(b, expr_column(b->arena, step->columns[i].index, f->type, f->nullable));
        exprs[i] = bind_cast_to(b, column, fields[i].type);
        names[i] = fields[i].name;
    }
    return b->result ? NULL : bind_project_node(b, step->node, exprs, names, n);
}

Bound *bind_recursive_cte(Binder *b, const URel *rel, const Cte *cte)
{
    CteLoop *loop = cte->loop;
    const URel *first, *step;
    if (!split(b, cte->rel->input, &first, &step))
        return b->result ? NULL : bind_plain(b, cte, cte->rel);
    URel alias = *cte->rel;
    alias.input = (URel *)first;
    Bound *top = bind_plain(b, cte, &alias);
    PlanRecursion *recursion = bind_alloc(b, 1, sizeof(*recursion));
    PlanField *fields = top ? bind_alloc(b, top->n_columns, sizeof(*fields)) : NULL;
    if (!recursion || !fields)
        return NULL;
    for (uint32_t i = 0; i < top->n_columns; i++)
        fields[i] =
            (PlanField){top->columns[i].name, top->node->fields[top->columns[i].index].type, true};
    CteLoop outer = *loop;
    *loop = (CteLoop){recursion, fields, top->n_columns, .open = true};
    Bound *next = bind_relation(b, step);
    next = next ? bound_visible(b, next) : NULL;
    bool used = loop->used;
    *loop = outer;
    if (!next)
        return NULL;
    if (!used)
        return bind_plain(b, cte, cte->rel);
    if (badly_placed(b, step, cte->name))
        return bind_error(b, rel->position, rel->stop, "INVALID_RECURSIVE_REFERENCE.PLACE", "42836",
                          "Invalid recursive reference found inside WITH RECURSIVE clause. It "
                          "cannot stand on the side of an outer, semi or anti join that is looked "
                          "up, in a full outer join or in an aggregate.");
    recursion->levels_max = cte->rel->start;
    recursion->first = top->node;
    recursion->step = step_as(b, cte->rel, next, fields, top->n_columns);
    if (!recursion->step)
        return NULL;
    if (plan_has_outer(recursion->first) || plan_has_outer(recursion->step))
        return bind_unsupported(b, rel->position, rel->stop,
                                "a recursive common table expression that is correlated");
    return leaf(b, cte, recursion, fields, top->n_columns, false);
}

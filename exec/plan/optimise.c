/* SPDX-License-Identifier: Apache-2.0 */

/* The order of the rewrites, and the small ones. */

#include "exec/plan/optimise.h"

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/optimise_internal.h"

void *opt_fail(Optimiser *o)
{
    if (o->result == 0) {
        int r = mem_arena_error(o->arena);
        o->result = r ? r : -ENOMEM;
    }
    return NULL;
}

void *opt_alloc(Optimiser *o, size_t n, size_t size)
{
    if (o->result != 0)
        return NULL;
    void *p = mem_arena_zalloc(o->arena, MAX(n * size, (size_t)1), 16);
    return p ? p : opt_fail(o);
}

PlanNode *opt_copy(Optimiser *o, const PlanNode *node)
{
    PlanNode *copy = opt_alloc(o, 1, sizeof(*copy));
    if (copy)
        *copy = *node;
    return copy;
}

PlanNode *opt_filter(Optimiser *o, PlanNode *input, Expr *const *parts, uint32_t n)
{
    if (!input || n == 0)
        return input;
    PlanNode *node = opt_alloc(o, 1, sizeof(*node));
    if (!node)
        return NULL;
    *node = (PlanNode){
        .kind = PLAN_FILTER, .input = input, .fields = input->fields, .n_fields = input->n_fields};
    node->filter.condition = expr_balanced(o->arena, FN_AND, parts, n);
    return node->filter.condition ? node : opt_fail(o);
}

PlanNode *opt_project_columns(Optimiser *o, PlanNode *input, const uint32_t *columns,
                              const PlanField *fields, uint32_t n)
{
    PlanNode *node = opt_alloc(o, 1, sizeof(*node));
    Expr **exprs = opt_alloc(o, n, sizeof(*exprs));
    PlanField *copy = opt_alloc(o, n, sizeof(*copy));
    if (!node || !exprs || !copy)
        return NULL;
    if (n > 0)
        memcpy(copy, fields, n * sizeof(*copy));
    for (uint32_t i = 0; i < n; i++) {
        exprs[i] = expr_column(o->arena, columns[i], fields[i].type, fields[i].nullable);
        if (!exprs[i])
            return opt_fail(o);
    }
    *node = (PlanNode){.kind = PLAN_PROJECT, .input = input, .fields = copy, .n_fields = n};
    node->project.exprs = exprs;
    return node;
}

/* ---- constants ---- */

static Expr *fold_logic(Optimiser *o, Expr *e)
{
    bool is_and = e->function == FN_AND;
    ExprList kept = {0};
    for (uint32_t i = 0; i < e->n_args; i++) {
        Expr *arg = e->args[i];
        bool known = arg->kind == EXPR_LITERAL && !arg->literal.is_null;
        if (known && arg->literal.b != is_and)
            return arg; /* FALSE in AND, TRUE in OR */
        if (!known && !expr_list_add(o->arena, &kept, arg))
            return opt_fail(o);
    }
    if (kept.n == e->n_args)
        return e;
    Expr *made = expr_balanced(o->arena, e->function, kept.items, kept.n);
    return made ? made : opt_fail(o);
}

static Expr *fold_args(Optimiser *o, Expr *e)
{
    Expr *copy = NULL;
    for (uint32_t i = 0; i < e->n_args; i++) {
        Expr *arg = opt_fold(o, e->args[i]);
        if (!arg)
            return NULL;
        if (arg == e->args[i])
            continue;
        if (!copy) {
            copy = opt_alloc(o, 1, sizeof(*copy));
            Expr **args = opt_alloc(o, e->n_args, sizeof(*args));
            if (!copy || !args)
                return NULL;
            *copy = *e;
            memcpy(args, e->args, e->n_args * sizeof(*args));
            copy->args = args;
        }
        copy->args[i] = arg;
    }
    return copy ? copy : e;
}

Expr *opt_fold(Optimiser *o, Expr *e)
{
    if (e->n_args == 0 && e->kind != EXPR_CALL)
        return e;
    e = fold_args(o, e);
    if (!e)
        return NULL;
    if (e->kind == EXPR_CALL && (e->function == FN_AND || e->function == FN_OR)) {
        e = fold_logic(o, e);
        if (!e || e->kind != EXPR_CALL)
            return e;
    }
    if (e->kind == EXPR_CAST && e->args[0]->kind == EXPR_LITERAL) {
        Expr *cast = expr_cast(o->arena, e->args[0], e->type, e->try_cast);
        if (cast && cast->kind == EXPR_LITERAL)
            return cast;
    }
    for (uint32_t i = 0; i < e->n_args; i++)
        if (e->args[i]->kind != EXPR_LITERAL)
            return e;
    Literal literal;
    if (!o->context->fold || o->context->fold(o->arena, e, &literal) != 0)
        return e;
    Expr *made = expr_literal(o->arena, e->type, literal);
    if (!made)
        return opt_fail(o);
    made->position = e->position;
    return made;
}

static bool fold_list(Optimiser *o, Expr ***list, uint32_t n)
{
    Expr **made = opt_alloc(o, n, sizeof(*made));
    for (uint32_t i = 0; made && i < n; i++) {
        made[i] = opt_fold(o, (*list)[i]);
        if (!made[i])
            return false;
    }
    *list = made;
    return made != NULL;
}

static bool fold_aggregates(Optimiser *o, PlanNode *node)
{
    Aggregate *made = opt_alloc(o, node->aggregate.n_aggregates, sizeof(*made));
    for (uint32_t i = 0; made && i < node->aggregate.n_aggregates; i++) {
        made[i] = node->aggregate.aggregates[i];
        if (made[i].arg && !(made[i].arg = opt_fold(o, made[i].arg)))
            return false;
        if (made[i].filter && !(made[i].filter = opt_fold(o, made[i].filter)))
            return false;
    }
    node->aggregate.aggregates = made;
    return made && fold_list(o, &node->aggregate.groups, node->aggregate.n_groups);
}

static bool fold_keys(Optimiser *o, PlanNode *node)
{
    SortKey *made = opt_alloc(o, node->sort.n_keys, sizeof(*made));
    for (uint32_t i = 0; made && i < node->sort.n_keys; i++) {
        made[i] = node->sort.keys[i];
        made[i].expr = opt_fold(o, made[i].expr);
        if (!made[i].expr)
            return false;
    }
    node->sort.keys = made;
    return made != NULL;
}

static bool fold_node(Optimiser *o, PlanNode *node)
{
    switch (node->kind) {
    case PLAN_FILTER:
        node->filter.condition = opt_fold(o, node->filter.condition);
        return node->filter.condition != NULL;
    case PLAN_PROJECT:
        return fold_list(o, &node->project.exprs, node->n_fields);
    case PLAN_JOIN:
        if (node->join.residual && !(node->join.residual = opt_fold(o, node->join.residual)))
            return false;
        return fold_list(o, &node->join.left_keys, node->join.n_keys) &&
               fold_list(o, &node->join.right_keys, node->join.n_keys);
    case PLAN_AGGREGATE:
        return fold_aggregates(o, node);
    case PLAN_SORT:
        return fold_keys(o, node);
    case PLAN_GENERATE:
        node->generate.array = opt_fold(o, node->generate.array);
        return node->generate.array != NULL;
    default:
        return true;
    }
}

/* ---- rows in memory ---- */

/* A union of one-row projections of literals: VALUES. */
static bool is_literal_row(const PlanNode *node)
{
    if (node->kind != PLAN_PROJECT || node->input->kind != PLAN_VALUES ||
        node->input->values.n_batches != 1 || node->input->values.batches[0].n_selected != 1)
        return false;
    for (uint32_t i = 0; i < node->n_fields; i++)
        if (node->project.exprs[i]->kind != EXPR_LITERAL)
            return false;
    return true;
}

static void store_literal(Vector *v, uint32_t row, Type type, const Literal *literal)
{
    if (literal->is_null) {
        v->has_nulls = true;
        return;
    }
    vec_bit_set(v->valid, row);
    char *at = (char *)v->values + (size_t)row * phys_size(v->phys);
    switch (v->phys) {
    case PHYS_BOOL:
        *(uint8_t *)at = literal->b;
        break;
    case PHYS_I8:
        *(int8_t *)at = (int8_t)literal->i;
        break;
    case PHYS_I16:
        *(int16_t *)at = (int16_t)literal->i;
        break;
    case PHYS_I32:
        *(int32_t *)at = (int32_t)literal->i;
        break;
    case PHYS_I64:
        *(int64_t *)at = literal->i;
        break;
    case PHYS_I128:
        memcpy(at, &literal->i128, sizeof(literal->i128));
        break;
    case PHYS_F32:
        *(float *)at = (float)literal->d;
        break;
    case PHYS_F64:
        *(double *)at = literal->d;
        break;
    default:
        memcpy(at, &literal->s, sizeof(literal->s));
    }
}

static bool fill_batch(Optimiser *o, Batch *batch, const PlanNode *node, uint32_t first, uint32_t n)
{
    *batch = (Batch){.n_rows = n, .n_selected = n, .n_columns = node->n_fields};
    batch->columns = opt_alloc(o, node->n_fields, sizeof(Vector));
    if (!batch->columns)
        return false;
    for (uint32_t k = 0; k < node->n_fields; k++) {
        Vector *v = &batch->columns[k];
        *v = (Vector){.type = node->fields[k].type,
                      .phys = (uint8_t)type_phys(node->fields[k].type),
                      .encoding = VEC_FLAT};
        v->values = mem_arena_zalloc(o->arena, ALIGN_UP(n * phys_size(v->phys), 64u), 64);
        v->valid = mem_arena_zalloc(o->arena, ALIGN_UP((n + 63) / 64 * 8, 64u), 64);
        if (!v->values || !v->valid)
            return opt_fail(o), false;
        for (uint32_t row = 0; row < n; row++)
            store_literal(v, row, v->type,
                          &node->union_all.inputs[first + row]->project.exprs[k]->literal);
        if (!v->has_nulls)
            v->valid = NULL;
    }
    return true;
}

static PlanNode *values_of_union(Optimiser *o, PlanNode *node)
{
    uint32_t n = node->union_all.n_inputs;
    for (uint32_t i = 0; i < n; i++)
        if (!is_literal_row(node->union_all.inputs[i]))
            return node;
    PlanNode *values = opt_copy(o, node);
    uint32_t n_batches = (n + VEC_ROWS_MAX - 1) / VEC_ROWS_MAX;
    Batch *batches = opt_alloc(o, n_batches, sizeof(*batches));
    if (!values || !batches)
        return NULL;
    for (uint32_t i = 0; i < n_batches; i++)
        if (!fill_batch(o, &batches[i], node, i * VEC_ROWS_MAX,
                        MIN(n - i * VEC_ROWS_MAX, VEC_ROWS_MAX)))
            return NULL;
    values->kind = PLAN_VALUES;
    values->values.batches = batches;
    values->values.n_batches = n_batches;
    values->values.recursion = NULL;
    return values;
}

/* ---- limits ---- */

/* LIMIT over a sort, perhaps with projections between: top-N. */
static PlanNode *top_n(Optimiser *o, PlanNode *limit)
{
    PlanNode *sort = limit->input;
    while (sort->kind == PLAN_PROJECT)
        sort = sort->input;
    if (limit->limit.limit < 0 || sort->kind != PLAN_SORT || sort->sort.limit >= 0)
        return limit;
    PlanNode *made = opt_copy(o, sort);
    if (!made)
        return NULL;
    made->sort.limit = limit->limit.limit;
    made->sort.offset = limit->limit.offset;
    /* The projections again, over the new node. */
    PlanNode *top = NULL, **at = &top;
    for (PlanNode *node = limit->input; node != sort; node = node->input) {
        PlanNode *copy = opt_copy(o, node);
        if (!copy)
            return NULL;
        *at = copy;
        at = &copy->input;
    }
    *at = made;
    return top;
}

/* Bottom up: constants, VALUES, DISTINCT values, top-N. */
static PlanNode *simplify(Optimiser *o, PlanNode *node)
{
    PlanNode *copy = opt_copy(o, node);
    if (!copy)
        return NULL;
    if (copy->kind == PLAN_UNION) {
        uint32_t n = copy->union_all.n_inputs;
        PlanNode **inputs = opt_alloc(o, n, sizeof(*inputs));
        for (uint32_t i = 0; inputs && i < n; i++)
            inputs[i] = simplify(o, copy->union_all.inputs[i]);
        if (o->result != 0)
            return NULL;
        copy->union_all.inputs = inputs;
        return values_of_union(o, copy);
    }
    if (copy->input && !(copy->input = simplify(o, copy->input)))
        return NULL;
    if (copy->right && !(copy->right = simplify(o, copy->right)))
        return NULL;
    if (!fold_node(o, copy))
        return NULL;
    if (copy->kind == PLAN_AGGREGATE)
        return opt_two_level_distinct(o, copy);
    return copy->kind == PLAN_LIMIT ? top_n(o, copy) : copy;
}

/* ---- numbers ---- */

static void number_nodes(PlanNode *node, uint32_t *next)
{
    node->id = (*next)++;
    if (node->kind == PLAN_UNION)
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            number_nodes(node->union_all.inputs[i], next);
    if (node->kind == PLAN_SHARED && !node->shared.plan->numbered) {
        node->shared.first = node->shared.plan->numbered = true;
        number_nodes(node->shared.plan->node, next);
    }
    if (node->input)
        number_nodes(node->input, next);
    if (node->right)
        number_nodes(node->right, next);
}

uint32_t plan_count_nodes(const PlanNode *node)
{
    uint32_t n = 1;
    if (node->kind == PLAN_UNION)
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            n += plan_count_nodes(node->union_all.inputs[i]);
    if (node->kind == PLAN_SHARED && node->shared.first)
        n += plan_count_nodes(node->shared.plan->node);
    if (node->input)
        n += plan_count_nodes(node->input);
    if (node->right)
        n += plan_count_nodes(node->right);
    return n;
}

int plan_optimise(PlanContext *context, PlanNode *plan, PlanNode **ret_plan)
{
    Optimiser o = {.context = context, .arena = context->arena};
    ExprList none = {0};
    PlanNode *node = simplify(&o, plan);
    node = node ? opt_push(&o, node, &none) : NULL;
    node = node ? opt_use_metadata(&o, node) : NULL;
    node = node ? opt_share(&o, node) : NULL;
    node = node ? opt_prune(&o, node) : NULL;
    if (!node)
        return o.result ? o.result : -ENOMEM;
    opt_estimate_tree(node);
    node = opt_exchange_sides(&o, node);
    if (!node)
        return o.result ? o.result : -ENOMEM;
    uint32_t next = 0;
    number_nodes(node, &next);
    *ret_plan = node;
    return 0;
}

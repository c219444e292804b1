/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/aggregate_spill.h"

/* From the plan's node to states and row layouts. */

int state_kind(const Aggregate *g, StateKind *ret)
{
    switch (g->id) {
    case AGG_COUNT_STAR:
    case AGG_COUNT:
        *ret = STATE_COUNT;
        return 0;
    case AGG_SUM:
    case AGG_AVG:
    case AGG_TRY_SUM:
    case AGG_TRY_AVG: {
        PhysKind phys = type_phys(g->arg->type);
        if (phys == PHYS_STRING)
            return -EOPNOTSUPP;
        *ret = phys == PHYS_F32 || phys == PHYS_F64 ? STATE_SUM_F64 : STATE_SUM_INT;
        return 0;
    }
    case AGG_MIN:
    case AGG_BOOL_AND:
        *ret = STATE_MIN;
        return 0;
    case AGG_MAX:
    case AGG_BOOL_OR:
        *ret = STATE_MAX;
        return 0;
    case AGG_MIN_BY:
        *ret = STATE_MIN_BY;
        return 0;
    case AGG_MAX_BY:
        *ret = STATE_MAX_BY;
        return 0;
    case AGG_BIT_AND:
        *ret = STATE_BIT_AND;
        return 0;
    case AGG_BIT_OR:
        *ret = STATE_BIT_OR;
        return 0;
    case AGG_BIT_XOR:
        *ret = STATE_BIT_XOR;
        return 0;
    case AGG_PRODUCT:
        *ret = STATE_PRODUCT;
        return 0;
    case AGG_SKEWNESS:
    case AGG_KURTOSIS:
        *ret = STATE_MOMENTS;
        return 0;
    case AGG_CORR:
    case AGG_COVAR_POP:
    case AGG_COVAR_SAMP:
    case AGG_REGR_SXY:
    case AGG_REGR_SLOPE:
    case AGG_REGR_INTERCEPT:
    case AGG_REGR_R2:
        *ret = STATE_COVARIANCE;
        return 0;
    case AGG_COLLECT:
        *ret = STATE_COLLECT;
        return 0;
    case AGG_FIRST:
        *ret = STATE_FIRST;
        return 0;
    case AGG_FIRST_KNOWN:
        *ret = STATE_FIRST_KNOWN;
        return 0;
    case AGG_LAST:
        *ret = STATE_LAST;
        return 0;
    case AGG_LAST_KNOWN:
        *ret = STATE_LAST_KNOWN;
        return 0;
    default:
        *ret = STATE_VARIANCE;
        return type_phys(g->arg->type) >= PHYS_STRING ? -EOPNOTSUPP : 0;
    }
}

/* The number of @expr among the program's outputs, the same one for the same object. */
static uint32_t add_output(Expr **outputs, uint32_t *n, Expr *expr)
{
    if (!expr)
        return UINT32_MAX;
    for (uint32_t i = 0; i < *n; i++)
        if (outputs[i] == expr)
            return i;
    outputs[*n] = expr;
    return (*n)++;
}

/* Do two expressions say the same? Enough for SUM(x) and AVG(x) to meet. */
static bool same_expr(const Expr *a, const Expr *b)
{
    if (a == b)
        return true;
    if (!a || !b || a->kind != b->kind || !type_equal(a->type, b->type) || a->n_args != b->n_args ||
        a->function != b->function || a->try_cast != b->try_cast)
        return false;
    if (a->kind == EXPR_COLUMN || a->kind == EXPR_VARIABLE)
        return a->column == b->column;
    if (a->kind == EXPR_LITERAL)
        return !a->literal.is_null && !b->literal.is_null && type_phys(a->type) <= PHYS_I64 &&
               type_phys(a->type) >= PHYS_I8 && a->literal.i == b->literal.i;
    for (uint32_t i = 0; i < a->n_args; i++)
        if (!same_expr(a->args[i], b->args[i]))
            return false;
    return true;
}

static int make_states(Aggregation *a, MemArena *arena, Expr **outputs, uint32_t *n_outputs)
{
    Expr **args = mem_arena_new_array(arena, Expr *, a->n_aggregates + 1);
    Expr **filters = mem_arena_new_array(arena, Expr *, a->n_aggregates + 1);
    if (!args || !filters)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < a->n_aggregates; i++) {
        const Aggregate *g = &a->aggregates[i];
        StateKind kind;
        int r = state_kind(g, &kind);
        if (r)
            return r;
        /* MIN and MAX do not care how often they see a value. */
        bool distinct = g->distinct && kind != STATE_MIN && kind != STATE_MAX && g->arg;
        uint32_t s = 0;
        for (; s < a->n_states; s++)
            if (!distinct && a->states[s].kind == kind && same_expr(args[s], g->arg) &&
                same_expr(filters[s], g->filter)) {
                bool taken = false;
                for (uint32_t d = 0; d < a->n_distinct; d++)
                    taken |= a->distinct[d].state == s;
                if (!taken)
                    break;
            }
        a->aggregate_state[i] = s;
        if (s < a->n_states)
            continue;
        args[s] = g->arg;
        filters[s] = g->filter;
        a->states[a->n_states++] = (State){
            .kind = (uint8_t)kind,
            .own_bytes = true,
            .phys = g->arg ? (uint8_t)type_phys(g->arg->type) : 0,
            .type = g->arg ? g->arg->type : TYPE(LONG),
            .arg = add_output(outputs, n_outputs, g->arg),
            .filter = add_output(outputs, n_outputs, g->filter),
        };
        if (distinct)
            a->distinct[a->n_distinct++].state = s;
    }
    return 0;
}

static int make_layouts(Aggregation *a, MemArena *arena)
{
    Type *types = mem_arena_new_array(arena, Type, a->n_groups + 1);
    if (!types)
        return mem_arena_error(arena);
    memcpy(types, a->group_types, sizeof(Type) * a->n_groups);
    int r = row_layout_make(arena, types, a->n_groups, 8, &a->keys);
    if (r)
        return r;
    a->row_size = a->keys.size;
    for (uint32_t i = 0; i < a->n_states; i++) {
        a->states[i].offset = a->row_size;
        a->row_size += state_size((StateKind)a->states[i].kind);
    }
    if (a->row_size > 32 && a->row_size < 64)
        a->row_size = 64; /* one cache line each, not two */
    for (uint32_t d = 0; d < a->n_distinct; d++) {
        types[a->n_groups] = a->states[a->distinct[d].state].type;
        r = row_layout_make(arena, types, a->n_groups + 1, 16, &a->distinct[d].layout);
        if (r)
            return r;
    }
    return 0;
}

static int column_exprs(MemArena *arena, const PlanNode *input, Expr ***ret)
{
    Expr **exprs = mem_arena_new_array(arena, Expr *, input->n_fields + 1);
    if (!exprs)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < input->n_fields; i++) {
        Expr *e = exprs[i] = mem_arena_new_of(arena, Expr);
        if (!e)
            return mem_arena_error(arena);
        e->kind = EXPR_COLUMN;
        e->column = i;
        e->type = input->fields[i].type;
        e->nullable = input->fields[i].nullable;
    }
    *ret = exprs;
    return 0;
}

int aggregate_new(Query *q, const PlanNode *node, Operator **ret)
{
    MemArena *arena = q->context.arena;
    Aggregation *a = mem_arena_new_of(arena, Aggregation);
    bool distinct_node = node->kind == PLAN_DISTINCT;
    Expr **groups = distinct_node ? NULL : node->aggregate.groups;
    int r;

    if (!a)
        return mem_arena_error(arena);
    operator_init(&a->op, &aggregate_class, q, node, NULL);
    a->n_groups = distinct_node ? node->input->n_fields : node->aggregate.n_groups;
    a->n_aggregates = distinct_node ? 0 : node->aggregate.n_aggregates;
    a->aggregates = distinct_node ? NULL : node->aggregate.aggregates;
    if (distinct_node) {
        r = column_exprs(arena, node->input, &groups);
        if (r)
            return r;
    }
    uint32_t n_outputs = a->n_groups;
    Expr **outputs = mem_arena_new_array(arena, Expr *, a->n_groups + 2 * a->n_aggregates + 1);
    a->group_types = mem_arena_new_array(arena, Type, a->n_groups + 1);
    a->states = mem_arena_new_array(arena, State, a->n_aggregates + 1);
    a->aggregate_state = mem_arena_new_array(arena, uint32_t, a->n_aggregates + 1);
    a->distinct = mem_arena_new_array(arena, DistinctSet, a->n_aggregates + 1);
    if (!outputs || !a->group_types || !a->states || !a->aggregate_state || !a->distinct)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < a->n_groups; i++) {
        outputs[i] = groups[i];
        a->group_types[i] = groups[i]->type;
    }
    r = make_states(a, arena, outputs, &n_outputs);
    if (r == 0)
        r = make_layouts(a, arena);
    if (r == 0)
        r = expr_compile(arena, outputs, n_outputs, node->input->n_fields, &q->workers[0].error,
                         &a->program);
    if (r)
        return r;
    r = aggregate_spill_init(a, arena);
    if (r)
        return r;
    for (uint32_t i = 0; i < a->n_states; i++)
        a->op.wants_order |= state_shows_order((StateKind)a->states[i].kind);
    r = query_add_operator(q, &a->op);
    if (r)
        return r;
    pthread_mutex_init(&a->lock, NULL);
    *ret = &a->op;
    return 0;
}

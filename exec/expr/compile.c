/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/nested.h"
#include "exec/expr/row.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "exec/plan/expr_build.h"

typedef struct Compiler {
    MemArena *arena;
    QueryError *error;
    ExprProgram *program;
    uint32_t capacity;
    uint32_t *slots;  /* hash table of the steps: number + 1, 0 free */
    uint32_t n_slots; /* a power of two, at least twice the capacity */
} Compiler;

static int fail_unsupported(Compiler *c, const Expr *e, const char *what)
{
    char type[64];
    int r = query_error_set(c->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                            "The expression (%s, of type %s) is not supported.", what,
                            type_format(e->type, type, sizeof(type)));
    if (c->error && e->position && !c->error->start)
        c->error->start = e->position;
    return r;
}

static bool same_literal(const Expr *a, const Expr *b)
{
    if (a->literal.is_null || b->literal.is_null)
        return a->literal.is_null && b->literal.is_null;
    switch (type_phys(a->type)) {
    case PHYS_STRING:
        return vec_string_equal(&a->literal.s, &b->literal.s);
    case PHYS_I128:
        return a->literal.i128 == b->literal.i128;
    case PHYS_F32:
    case PHYS_F64:
        return memcmp(&a->literal.d, &b->literal.d, sizeof(double)) == 0;
    case PHYS_BOOL:
        return a->literal.b == b->literal.b;
    default:
        return a->literal.i == b->literal.i;
    }
}

/* Would the two steps always give the same value? Arguments have been numbered already. */
static bool step_equal(const Step *a, const Step *b)
{
    if (a->kind != b->kind || a->function != b->function || a->n_args != b->n_args ||
        !type_equal(a->type, b->type))
        return false;
    if (a->kind == EXPR_COLUMN)
        return a->column == b->column;
    if (a->kind == EXPR_LITERAL)
        return same_literal(a->expr, b->expr);
    if (a->kind == EXPR_CAST && a->expr->try_cast != b->expr->try_cast)
        return false;
    return memcmp(a->args, b->args, sizeof(uint32_t) * a->n_args) == 0;
}

Vector expr_literal_vector(MemArena *arena, const Expr *e, int *ret_r)
{
    *ret_r = 0;
    if (e->literal.is_null || e->type.kind == TYPE_NULL)
        return vec_const_null(e->type);

    Vector v = {.type = e->type, .phys = (uint8_t)type_phys(e->type), .encoding = VEC_CONST};
    v.values = mem_arena_zalloc(arena, 16, 16);
    if (!v.values) {
        *ret_r = mem_arena_error(arena);
        return v;
    }
    switch (v.phys) {
    case PHYS_BOOL:
        *(uint8_t *)v.values = e->literal.b;
        break;
    case PHYS_I8:
        *(int8_t *)v.values = (int8_t)e->literal.i;
        break;
    case PHYS_I16:
        *(int16_t *)v.values = (int16_t)e->literal.i;
        break;
    case PHYS_I32:
        *(int32_t *)v.values = (int32_t)e->literal.i;
        break;
    case PHYS_I64:
        *(int64_t *)v.values = e->literal.i;
        break;
    case PHYS_I128:
        memcpy(v.values, &e->literal.i128, 16);
        break;
    case PHYS_F32:
        *(float *)v.values = (float)e->literal.d;
        break;
    case PHYS_F64:
        *(double *)v.values = e->literal.d;
        break;
    case PHYS_STRING:
        memcpy(v.values, &e->literal.s, sizeof(VecString));
        break;
    default:
        *ret_r = -EOPNOTSUPP;
    }
    return v;
}

/* Which column the arguments depend on together. */
static uint32_t merge_columns(uint32_t a, uint32_t b)
{
    if (a == STEP_NO_COLUMN || a == b)
        return b;
    return b == STEP_NO_COLUMN ? a : STEP_MANY_COLUMNS;
}

static bool function_can_fail(const Step *step, const Step *steps)
{
    if (step->kind == EXPR_CAST)
        return !step->expr->try_cast;
    if (step->kind != EXPR_CALL)
        return false;
    switch (step->function) {
    case FN_ADD:
    case FN_SUBTRACT:
    case FN_MULTIPLY:
    case FN_NEGATE:
    case FN_ABS:
        /* Spark's result types leave room, except where 38 digits cut them. */
        return !(step->type.kind == TYPE_DOUBLE || step->type.kind == TYPE_FLOAT ||
                 (step->type.kind == TYPE_DECIMAL && step->type.precision < 38));
    case FN_DIVIDE:
    case FN_INT_DIVIDE:
    case FN_MODULO:
    case FN_ROUND:
    case FN_CEIL:
    case FN_FLOOR:
    case FN_RLIKE:
    case FN_DATE_ADD:
    case FN_DATE_SUB:
    case FN_ADD_MONTHS:
    case FN_DATE_ADD_INTERVAL:
    case FN_MAKE_DATE:
    case FN_RAISE:
        return true;
    case FN_LIKE:
        return steps[step->args[1]].kind != EXPR_LITERAL;
    default:
        return (step->function >= FN_NESTED_FIRST && step->function <= FN_NESTED_LAST) ||
               row_can_fail(step->function);
    }
}

static int bind_step(Compiler *c, Step *step)
{
    const Step *steps = c->program->steps;
    const Expr *e = step->expr;
    int r;

    switch (e->kind) {
    case EXPR_COLUMN:
    case EXPR_LITERAL:
        return 0;
    case EXPR_CAST:
        r = expr_bind_nested(c->arena, step, steps);
        if (r || step->eval)
            return r;
        return expr_bind_cast(step, steps) ? 0 : fail_unsupported(c, e, "a cast");
    case EXPR_IN:
        r = expr_bind_in(c->arena, step, steps, c->error);
        if (r)
            return r;
        return step->eval || step->lazy ? 0 : fail_unsupported(c, e, "IN");
    case EXPR_CASE:
        return expr_bind_logic(step, steps) ? 0 : fail_unsupported(c, e, "CASE");
    case EXPR_VARIABLE:
    case EXPR_LAMBDA:
        return fail_unsupported(c, e, "a lambda");
    default:
        break;
    }
    if (nested_is_lambda(e->function)) {
        step->eval = eval_higher;
        return 0;
    }
    r = expr_bind_nested(c->arena, step, steps);
    if (r || step->eval)
        return r;
    if (expr_bind_logic(step, steps) || expr_bind_compare(step, steps) ||
        expr_bind_arithmetic(step, steps) || expr_bind_date(step, steps))
        return 0;
    step->eval = NULL; /* a binder that said no may have left its guess */
    step->lazy = NULL;
    if (expr_bind_row(step, steps) || (step->function == FN_TRY && expr_bind_try(step)))
        return 0;
    r = expr_bind_string(c->arena, step, steps, c->error);
    if (r)
        return r;
    if (step->eval || step->lazy)
        return 0;
    char what[32];
    snprintf(what, sizeof(what), "function %d", (int)e->function);
    return fail_unsupported(c, e, what);
}

/* Steps that are equal have the same. */
static uint64_t step_hash(const Step *step)
{
    uint64_t h = (uint64_t)step->kind << 48 ^ (uint64_t)step->function << 16 ^ step->n_args;

    if (step->kind == EXPR_COLUMN)
        h ^= (uint64_t)step->column << 20;
    if (step->kind == EXPR_LITERAL && !step->expr->literal.is_null) {
        const Literal *l = &step->expr->literal;

        h ^= step->phys == PHYS_STRING                          ? l->s.length
             : step->phys == PHYS_I128                          ? (uint64_t)l->i128
             : step->phys == PHYS_BOOL                          ? (uint64_t)l->b
             : step->phys == PHYS_F32 || step->phys == PHYS_F64 ? 0
                                                                : (uint64_t)l->i;
        for (uint32_t i = 0; step->phys == PHYS_STRING && i < MIN(l->s.length, 32u); i++)
            h = (h ^ (uint8_t)vec_string_data(&l->s)[i]) * UINT64_C(0x100000001B3);
    }
    for (uint32_t i = 0; step->kind != EXPR_COLUMN && i < step->n_args; i++)
        h = (h ^ step->args[i]) * UINT64_C(0x100000001B3);
    h *= UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

static void slot_put(Compiler *c, uint32_t number)
{
    uint64_t i = step_hash(&c->program->steps[number]);

    while (c->slots[i & (c->n_slots - 1)])
        i++;
    c->slots[i & (c->n_slots - 1)] = number + 1;
}

static bool find_step(const Compiler *c, const Step *step, uint32_t *ret_number)
{
    for (uint64_t i = step_hash(step); c->n_slots; i++) {
        uint32_t slot = c->slots[i & (c->n_slots - 1)];

        if (!slot)
            return false;
        if (step_equal(&c->program->steps[slot - 1], step)) {
            *ret_number = slot - 1;
            return true;
        }
    }
    return false;
}

static int grow_steps(Compiler *c)
{
    ExprProgram *p = c->program;
    uint32_t capacity = c->capacity ? c->capacity * 2 : 32;

    if (c->capacity >= EXPR_STEPS_MAX)
        return query_error_set(c->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The expression has more than %u parts.", EXPR_STEPS_MAX);
    Step *steps = mem_arena_new_array(c->arena, Step, capacity);
    uint32_t *slots = mem_arena_new_array(c->arena, uint32_t, capacity * 2);
    if (!steps || !slots)
        return mem_arena_error(c->arena);
    if (p->n_steps)
        memcpy(steps, p->steps, sizeof(Step) * p->n_steps);
    p->steps = steps;
    c->slots = slots;
    c->n_slots = capacity * 2;
    c->capacity = capacity;
    for (uint32_t i = 0; i < p->n_steps; i++)
        slot_put(c, i);
    return 0;
}

static int add_step(Compiler *c, Step *step, uint32_t *ret_number)
{
    ExprProgram *p = c->program;

    if (find_step(c, step, ret_number))
        return 0;
    int r = bind_step(c, step);
    if (r == 0 && p->n_steps == c->capacity)
        r = grow_steps(c);
    if (r)
        return r;
    p->steps[p->n_steps] = *step;
    slot_put(c, p->n_steps);
    *ret_number = p->n_steps++;
    return 0;
}

static int compile_expr(Compiler *c, const Expr *e, uint32_t depth, uint32_t *ret_number)
{
    Step step = {
        .kind = e->kind,
        .type = e->type,
        .phys = (uint8_t)type_phys(e->type),
        .function = e->kind == EXPR_CALL ? e->function : FN_INVALID,
        .column = STEP_NO_COLUMN,
        .constant = true,
        .expr = e,
    };

    if (depth > EXPR_DEPTH_MAX)
        return query_error_set(c->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The expression is nested deeper than %u.", EXPR_DEPTH_MAX);
    if (e->kind == EXPR_COLUMN) {
        assert(e->column < c->program->n_columns);
        step.column = e->column;
        step.constant = false;
        return add_step(c, &step, ret_number);
    }

    /* The items of an IN are literals that its set holds; only the value is a step. */
    uint32_t n_args = e->kind == EXPR_LITERAL ? 0 : e->kind == EXPR_IN ? 1 : e->n_args;
    Expr **args = e->args;
    bool higher = e->kind == EXPR_CALL && nested_is_lambda(e->function);
    if (higher) {
        int r = expr_higher_split(c->arena, e, c->error, &args, &n_args, &step.aux);
        if (r)
            return r;
    }
    step.args = mem_arena_new_array(c->arena, uint32_t, n_args + 1);
    if (!step.args)
        return mem_arena_error(c->arena);
    step.n_args = n_args;
    for (uint32_t i = 0; i < n_args; i++) {
        int r = compile_expr(c, args[i], depth + 1, &step.args[i]);
        if (r)
            return r;
        const Step *arg = &c->program->steps[step.args[i]];
        step.column = merge_columns(step.column, arg->column);
        step.constant &= arg->constant;
        step.can_fail |= arg->can_fail;
    }
    if (step.function == FN_TRY) { /* what its call does is forgiven, what goes in is not */
        step.can_fail = false;
        const Step *call = &c->program->steps[step.args[0]];
        for (uint32_t i = 0; i < call->n_args; i++)
            step.can_fail |= c->program->steps[call->args[i]].can_fail;
    }
    /* The parts of a lambda are in no step. */
    step.is_volatile = (step.function >= FN_VOLATILE_FIRST && step.function <= FN_VOLATILE_LAST) ||
                       (higher && expr_is_volatile(e));
    if (step.is_volatile) {
        step.constant = false;
        step.column = STEP_MANY_COLUMNS;
    }
    step.can_fail |= function_can_fail(&step, c->program->steps);
    step.dict = !step.constant && step.column != STEP_MANY_COLUMNS;
    if (e->kind == EXPR_IN || higher) {
        /* An IN, or what has a lambda, is never equal to another here: its items are not steps. */
        step.function = (FunctionId)(_FN_MAX + c->program->n_steps);
        int r = add_step(c, &step, ret_number);
        return r;
    }
    return add_step(c, &step, ret_number);
}

static int collect_conjuncts(Compiler *c, uint32_t number)
{
    const Step *step = &c->program->steps[number];

    if (step->kind == EXPR_CALL && step->function == FN_AND) {
        for (uint32_t i = 0; i < step->n_args; i++) {
            int r = collect_conjuncts(c, step->args[i]);
            if (r)
                return r;
        }
        return 0;
    }
    c->program->conjuncts[c->program->n_conjuncts++] = number;
    return 0;
}

static uint32_t count_conjuncts(const ExprProgram *p, uint32_t number)
{
    const Step *step = &p->steps[number];
    uint32_t n = 0;

    if (step->kind != EXPR_CALL || step->function != FN_AND)
        return 1;
    for (uint32_t i = 0; i < step->n_args; i++)
        n += count_conjuncts(p, step->args[i]);
    return n;
}

int expr_compile(MemArena *arena, Expr *const *exprs, uint32_t n_exprs, uint32_t n_columns,
                 QueryError *error, ExprProgram **ret_program)
{
    ExprProgram *p = mem_arena_new_of(arena, ExprProgram);
    if (!p)
        return mem_arena_error(arena);
    Compiler c = {.arena = arena, .error = error, .program = p};
    p->n_columns = n_columns;
    for (uint32_t i = 0; i < n_exprs && !p->partitions; i++)
        if (expr_is_volatile(exprs[i])) {
            p->partitions = mem_arena_new_of(arena, atomic_uint);
            if (!p->partitions)
                return mem_arena_error(arena);
            atomic_init(p->partitions, 0);
        }
    p->n_outputs = n_exprs;
    p->outputs = mem_arena_new_array(arena, uint32_t, n_exprs + 1);
    if (!p->outputs)
        return mem_arena_error(arena);

    uint32_t n_conjuncts = 0;
    for (uint32_t i = 0; i < n_exprs; i++) {
        int r = compile_expr(&c, exprs[i], 0, &p->outputs[i]);
        if (r)
            return r;
        n_conjuncts += count_conjuncts(p, p->outputs[i]);
    }
    p->conjuncts = mem_arena_new_array(arena, uint32_t, n_conjuncts + 1);
    if (!p->conjuncts)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n_exprs; i++) {
        int r = collect_conjuncts(&c, p->outputs[i]);
        if (r)
            return r;
    }
    *ret_program = p;
    return 0;
}

uint32_t expr_program_outputs(const ExprProgram *program)
{
    return program->n_outputs;
}

uint32_t expr_program_single_column(const ExprProgram *program, uint32_t output)
{
    uint32_t column = program->steps[program->outputs[output]].column;
    return column < program->n_columns ? column : UINT32_MAX;
}

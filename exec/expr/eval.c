/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <errno.h>

#define SCOPE_CONSTANT UINT64_MAX

int expr_state_new(const ExprProgram *program, MemPool *pool, ExprState **ret_state)
{
    MemArena *arena = NULL;
    int r = mem_arena_new(pool, "expression", &arena);
    if (r)
        return r;
    ExprState *s = mem_arena_new_of(arena, ExprState);
    if (!s) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    s->program = program;
    s->pool = pool;
    s->arena = arena;
    s->kern = kern_select();
    s->regs = mem_arena_new_array(arena, Reg, program->n_steps + 1);
    s->caches = mem_arena_new_array(arena, DictCache *, program->n_steps + 1);
    s->ranges = mem_arena_new_array(arena, ColumnRange, program->n_columns + 1);
    s->higher = mem_arena_new_array(arena, struct HigherState *, program->n_steps + 1);
    s->conjuncts = mem_arena_new_array(arena, ConjunctStats, program->n_conjuncts + 1);
    if (!s->regs || !s->caches || !s->ranges || !s->higher || !s->conjuncts) {
        r = mem_arena_error(arena);
        expr_state_free(s);
        return r;
    }
    for (uint32_t i = 0; i < program->n_conjuncts; i++)
        s->conjuncts[i].step = program->conjuncts[i];
    r = mem_arena_new(pool, "expression", &s->strings);
    if (r) {
        expr_state_free(s);
        return r;
    }
    *ret_state = s;
    return 0;
}

ExprState *expr_state_free(ExprState *s)
{
    if (!s)
        return NULL;
    expr_state_free(s->child);
    expr_regex_state_free(s);
    expr_memos_free(s);
    if (s->caches)
        for (uint32_t i = 0; i < s->program->n_steps; i++)
            if (s->caches[i])
                mem_arena_free(s->caches[i]->strings);
    for (uint32_t i = 0; s->higher && i < s->program->n_steps; i++)
        expr_higher_state_free(s->higher[i]);
    mem_arena_free(s->strings);
    mem_arena_free(s->arena); /* @s itself lies in it */
    return NULL;
}

void expr_begin(ExprState *s, const Batch *batch)
{
    assert(batch->n_columns >= s->program->n_columns || s->program->n_columns == 0);
    s->batch = batch;
    s->scratch_used = 0;
    s->base = (Scope){
        .id = ++s->n_scopes,
        .sel = batch->sel,
        .n = batch->sel ? batch->n_selected : batch->n_rows,
    };
    if (mem_arena_bytes(s->strings) > 0)
        mem_arena_reset(s->strings);
}

Scope expr_scope(ExprState *s, const Scope *outer, const uint16_t *sel, uint32_t n)
{
    return (Scope){.id = ++s->n_scopes, .outer = outer, .sel = sel, .n = n};
}

static bool scope_covered(const Scope *scope, uint64_t id)
{
    if (id == SCOPE_CONSTANT)
        return true;
    for (; scope; scope = scope->outer)
        if (scope->id == id)
            return true;
    return false;
}

void *expr_scratch(ExprState *s)
{
    if (s->scratch_used == s->n_scratch) {
        if (s->n_scratch == s->scratch_capacity) {
            uint32_t capacity = s->scratch_capacity ? s->scratch_capacity * 2 : 16;
            void **list = mem_arena_new_array(s->arena, void *, capacity);
            if (!list)
                return NULL;
            if (s->n_scratch)
                memcpy(list, s->scratch, sizeof(void *) * s->n_scratch);
            s->scratch = list;
            s->scratch_capacity = capacity;
        }
        void *buffer = mem_arena_alloc(s->arena, (size_t)VEC_ROWS_MAX * 16, 64);
        if (!buffer)
            return NULL;
        s->scratch[s->n_scratch++] = buffer;
    }
    return s->scratch[s->scratch_used++];
}

/* --- registers --- */

static int reg_buffers(ExprState *s, void **values, uint64_t **valid)
{
    if (!*values)
        *values = mem_arena_alloc(s->arena, (size_t)VEC_ROWS_MAX * 16, 64);
    if (!*valid)
        *valid = mem_arena_zalloc(s->arena, VEC_VALID_WORDS * 8, 64);
    return *values && *valid ? 0 : mem_arena_error(s->arena);
}

int expr_out(ExprState *s, Reg *out, Type type, PhysKind phys, void *ret_values)
{
    int r = reg_buffers(s, &out->values, &out->valid);
    if (r)
        return r;
    out->v =
        (Vector){.type = type, .phys = (uint8_t)phys, .encoding = VEC_FLAT, .values = out->values};
    out->bounded = false;
    *(void **)ret_values = out->values;
    return 0;
}

int expr_out_valid(ExprState *s, Reg *out)
{
    int r = reg_buffers(s, &out->values, &out->valid);
    if (r)
        return r;
    memset(out->valid, 0xff, VEC_VALID_WORDS * 8);
    out->v.valid = out->valid;
    out->v.has_nulls = true;
    return 0;
}

int expr_out_null(ExprState *s, const Step *step, Reg *out)
{
    out->v = vec_const_null(step->type);
    out->bounded = false;
    return 0;
}

int expr_live_rows(ExprState *s, const Scope *scope, const Vector *const *args, uint32_t n_args,
                   Reg *out, const uint16_t **ret_rows, uint32_t *ret_n)
{
    uint64_t *valid = out->valid;
    bool has_nulls = false;

    for (uint32_t i = 0; i < n_args; i++) {
        if (!args[i]->has_nulls)
            continue;
        if (args[i]->encoding == VEC_CONST) {
            if (vec_bit(args[i]->valid, 0))
                continue;
            memset(valid, 0, VEC_VALID_WORDS * 8);
        } else if (!has_nulls) {
            memcpy(valid, args[i]->valid, (s->batch->n_rows + 63) / 64 * 8);
        } else {
            for (uint32_t w = 0; w * 64 < s->batch->n_rows; w++)
                valid[w] &= args[i]->valid[w];
        }
        has_nulls = true;
    }
    out->v.has_nulls = has_nulls;
    out->v.valid = has_nulls ? valid : NULL;
    if (!has_nulls) {
        *ret_rows = scope->sel;
        *ret_n = scope->n;
        return 0;
    }

    uint16_t *rows = expr_rows(s);
    if (!rows)
        return mem_arena_error(s->arena);
    uint32_t k = 0;
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    {
        rows[k] = (uint16_t)row;
        k += vec_bit(valid, row);
    }
    *ret_rows = rows;
    *ret_n = k;
    return 0;
}

int expr_flat(ExprState *s, Reg *reg, const Scope *scope, const Vector **ret_vector)
{
    if (reg->v.encoding != VEC_DICT) {
        *ret_vector = &reg->v;
        return 0;
    }
    if (reg->flat_scope && scope_covered(scope, reg->flat_scope)) {
        *ret_vector = &reg->flat;
        return 0;
    }
    int r = reg_buffers(s, &reg->flat_values, &reg->flat_valid);
    if (r)
        return r;
    if (!scope->sel && phys_size(reg->v.phys) == 8) {
        s->kern->gather_u64(reg->v.values, reg->v.codes, reg->flat_values, scope->n);
        reg->flat = reg->v;
        reg->flat.encoding = VEC_FLAT;
        reg->flat.values = reg->flat_values;
    } else {
        vec_flatten(&reg->v, scope->sel, scope->n, reg->flat_values, reg->flat_valid, &reg->flat);
    }
    reg->flat_scope = scope->id;
    *ret_vector = &reg->flat;
    return 0;
}

int expr_flat_wide(ExprState *s, Reg *reg, const Scope *scope, const Vector **ret_vector)
{
    const Vector *from = NULL;
    int r = expr_flat(s, reg, scope, &from);
    if (r || from->phys == PHYS_I128) {
        *ret_vector = from;
        return r;
    }
    assert(from->phys == PHYS_I64);
    i128 *to = expr_scratch(s);
    Vector *wide = mem_arena_alloc(s->strings, sizeof(*wide), _Alignof(Vector));
    if (!to)
        return mem_arena_error(s->arena);
    if (!wide)
        return mem_arena_error(s->strings);
    const int64_t *values = from->values;
    if (from->encoding == VEC_CONST)
        to[0] = values[0];
    else
        EXPR_FOR_ROWS(scope->sel, scope->n, row)
    to[row] = values[row];
    *wide = *from;
    wide->phys = PHYS_I128;
    wide->values = to;
    *ret_vector = wide;
    return 0;
}

/* Range of n > 0 values of an integer kind. */
static void range_of(const ExprState *s, PhysKind phys, const void *values, uint32_t n,
                     int64_t *ret_lo, int64_t *ret_hi)
{
    int64_t lo = INT64_MAX, hi = INT64_MIN;

    if (phys == PHYS_I64) {
        s->kern->range_i64(values, n, ret_lo, ret_hi);
        return;
    }
    if (phys == PHYS_I32) {
        int32_t lo32, hi32;
        s->kern->range_i32(values, n, &lo32, &hi32);
        *ret_lo = lo32;
        *ret_hi = hi32;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        int64_t v = phys == PHYS_I8 ? ((const int8_t *)values)[i] : ((const int16_t *)values)[i];
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    *ret_lo = lo;
    *ret_hi = hi;
}

bool expr_range(ExprState *s, Reg *reg, const Scope *scope, int64_t *ret_lo, int64_t *ret_hi)
{
    const Vector *v = &reg->v;

    if (v->phys < PHYS_I8 || v->phys > PHYS_I64)
        return false;
    if (reg->bounded) {
        *ret_lo = reg->lo;
        *ret_hi = reg->hi;
        return true;
    }
    if (v->encoding == VEC_DICT) {
        /* A column's dictionary is looked at once. */
        ColumnRange *known = NULL;
        for (uint32_t c = 0; c < s->program->n_columns && !known; c++)
            if (s->ranges[c].dict_id == v->dict_id)
                known = &s->ranges[c];
        if (!known) {
            if (v->n_dict == 0) {
                *ret_lo = *ret_hi = 0;
                return true;
            }
            uint32_t slot = (uint32_t)(v->dict_id % (s->program->n_columns + 1));
            for (uint32_t c = 0; c < s->batch->n_columns && c < s->program->n_columns; c++)
                if (s->batch->columns[c].dict_id == v->dict_id &&
                    s->batch->columns[c].encoding == VEC_DICT)
                    slot = c;
            known = &s->ranges[slot];
            range_of(s, v->phys, v->values, v->n_dict, &known->lo, &known->hi);
            known->dict_id = v->dict_id;
        }
        reg->lo = known->lo;
        reg->hi = known->hi;
    } else if (v->encoding == VEC_CONST) {
        range_of(s, v->phys, v->values, 1, &reg->lo, &reg->hi);
    } else if (scope->n == 0) {
        reg->lo = reg->hi = 0;
    } else if (!scope->sel || scope->n * 4 > s->batch->n_rows) {
        /* Rows that nobody wants can only widen the range. */
        range_of(s, v->phys, v->values, s->batch->n_rows, &reg->lo, &reg->hi);
    } else {
        int64_t lo = INT64_MAX, hi = INT64_MIN;
        EXPR_FOR_ROWS(scope->sel, scope->n, row)
        {
            int64_t x = v->phys == PHYS_I64   ? ((const int64_t *)v->values)[row]
                        : v->phys == PHYS_I32 ? ((const int32_t *)v->values)[row]
                        : v->phys == PHYS_I16 ? ((const int16_t *)v->values)[row]
                                              : ((const int8_t *)v->values)[row];
            lo = x < lo ? x : lo;
            hi = x > hi ? x : hi;
        }
        *ret_lo = lo;
        *ret_hi = hi;
        return true; /* holds for this scope only, so it is not kept */
    }
    /* A register keeps it: it is refilled, and then forgets, whenever its scope changes. A column's
     * range covers the whole batch. */
    reg->bounded = v->encoding != VEC_FLAT || !scope->sel;
    *ret_lo = reg->lo;
    *ret_hi = reg->hi;
    return true;
}

/* --- evaluation --- */

static int eval_call(ExprState *s, const Step *step, const Scope *scope, Reg *out)
{
    Reg *inline_args[8];
    Reg **args = inline_args;
    bool all_const = step->n_args > 0 && !step->is_volatile;
    int r;

    if (step->lazy)
        return step->lazy(s, step, scope, out);
    if (step->n_args > ARRAY_SIZE(inline_args)) {
        args = mem_arena_alloc(s->strings, sizeof(Reg *) * step->n_args, 8);
        if (!args)
            return mem_arena_error(s->strings);
    }
    for (uint32_t i = 0; i < step->n_args; i++) {
        r = expr_step(s, step->args[i], scope, &args[i]);
        if (r)
            return r;
        all_const &= args[i]->v.encoding == VEC_CONST;
    }
    out->bounded = false;
    if (!all_const)
        return step->eval(s, step, scope, args, out);

    /* One row stands for all; of no rows nothing can fail. */
    if (scope->n == 0)
        return expr_out_null(s, step, out);
    static const uint16_t row_zero[1] = {0};
    Scope one = expr_scope(s, scope, row_zero, 1);
    r = step->eval(s, step, &one, args, out);
    if (r == 0 && out->v.encoding == VEC_FLAT)
        out->v.encoding = VEC_CONST;
    return r;
}

static int dict_eval(ExprState *s, const Step *step, const Scope *scope, const Vector *column,
                     Reg *out, bool *ret_done);

int expr_step(ExprState *s, uint32_t number, const Scope *scope, Reg **ret_reg)
{
    const Step *step = &s->program->steps[number];
    Reg *reg = &s->regs[number];
    int r = 0;

    *ret_reg = reg;
    /* For all rows at once, so that each keeps its value whoever asks next. A shuffle's argument
     * may fail, and waits until it is wanted. */
    if (step->is_volatile && step->function != FN_SHUFFLE && step->function <= FN_VOLATILE_LAST &&
        step->function >= FN_VOLATILE_FIRST)
        scope = &s->base;
    if (reg->scope && scope_covered(scope, reg->scope))
        return 0;
    reg->flat_scope = 0;
    reg->bounded = false;

    switch (step->kind) {
    case EXPR_COLUMN:
        reg->v = s->batch->columns[step->column];
        reg->scope = s->base.id;
        return 0;
    case EXPR_LITERAL:
        reg->v = expr_literal_vector(s->arena, step->expr, &r);
        reg->scope = r ? 0 : SCOPE_CONSTANT;
        return r;
    default:
        break;
    }

    reg->scope = 0;
    if (step->dict && step->column != STEP_NO_COLUMN) {
        const Vector *column = &s->batch->columns[step->column];
        bool done = false;
        if (column->encoding == VEC_DICT) {
            r = dict_eval(s, step, scope, column, reg, &done);
            if (r)
                return r;
        }
        if (done) {
            reg->scope = scope->id;
            return 0;
        }
    }
    r = eval_call(s, step, scope, reg);
    if (r)
        return r;
    /* A result that points into the batch's strings must not outlive them. */
    bool keeps = step->constant && scope->n > 0 && reg->v.phys != PHYS_STRING &&
                 reg->v.encoding == VEC_CONST && reg->v.values == reg->values;
    reg->scope = keeps ? SCOPE_CONSTANT : scope->id;
    return 0;
}

/* --- once per dictionary entry --- */

static int child_prepare(ExprState *s)
{
    if (s->child)
        return 0;
    Vector *columns = mem_arena_new_array(s->arena, Vector, s->program->n_columns + 1);
    if (!columns)
        return mem_arena_error(s->arena);
    s->child_columns = columns;
    return expr_state_new(s->program, s->pool, &s->child);
}

/* Evaluates @number over @n flat values in place of @column. */
static int child_eval(ExprState *s, uint32_t number, const Vector *column_vector, uint32_t column,
                      uint32_t n, QueryError *error, const Vector **ret_vector, Reg **ret_reg)
{
    ExprState *child = s->child;
    s->child_columns[column] = *column_vector;
    Batch batch = {
        .n_rows = n,
        .n_selected = n,
        .n_columns = s->program->n_columns,
        .columns = s->child_columns,
    };
    expr_begin(child, &batch);
    child->error = error;
    int r = expr_step(child, number, &child->base, ret_reg);
    if (r == 0)
        r = expr_flat(child, *ret_reg, &child->base, ret_vector);
    child->error = NULL;
    child->batch = NULL;
    return r;
}

static int cache_reserve(ExprState *s, DictCache *c, uint32_t n)
{
    if (n <= c->capacity)
        return 0;
    uint32_t capacity = c->capacity ? c->capacity : 64;
    while (capacity < n)
        capacity *= 2;
    void *values = mem_arena_alloc(s->arena, (size_t)capacity * 16, 64);
    uint64_t *valid = mem_arena_alloc(s->arena, (capacity + 63) / 64 * 8, 64);
    if (!values || !valid)
        return mem_arena_error(s->arena);
    c->values = values;
    c->valid = valid;
    c->capacity = capacity;
    return 0;
}

static int cache_keep_string(DictCache *c, VecString *s)
{
    if (s->length <= VEC_STRING_INLINE)
        return 0;
    char *bytes = mem_arena_alloc(c->strings, s->length, 1);
    if (!bytes)
        return mem_arena_error(c->strings);
    memcpy(bytes, s->ptr, s->length);
    s->ptr = bytes;
    return 0;
}

/* Results of one piece of the dictionary. */
static int cache_store(DictCache *c, uint32_t at, uint32_t n, const Vector *v, const Reg *reg,
                       bool *nulls)
{
    size_t size = phys_size(v->phys);

    if (at == 0)
        c->phys = v->phys;
    if (c->phys == PHYS_I64 && v->phys == PHYS_I128) {
        for (uint32_t i = at; i-- > 0;)
            ((i128 *)c->values)[i] = ((int64_t *)c->values)[i];
        c->phys = PHYS_I128;
    }
    uint32_t mask = expr_mask(v);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *from = (const uint8_t *)v->values + (size_t)(i & mask) * size;
        bool null = v->has_nulls && !vec_bit(v->valid, i & mask);
        if (null) {
            vec_bit_clear(c->valid, at + i);
            *nulls = true;
        } else {
            vec_bit_set(c->valid, at + i);
        }
        if (c->phys == PHYS_I128 && v->phys == PHYS_I64) {
            ((i128 *)c->values)[at + i] = null ? 0 : *(const int64_t *)from;
            continue;
        }
        uint8_t *to = (uint8_t *)c->values + (size_t)(at + i) * size;
        if (null) {
            /* So that a boolean's values are a map of what passes. */
            memset(to, 0, size);
            continue;
        }
        switch (size) {
        case 1:
            *to = *from;
            break;
        case 4:
            memcpy(to, from, 4);
            break;
        case 8:
            memcpy(to, from, 8);
            break;
        default:
            memcpy(to, from, size);
        }
        if (v->phys == PHYS_STRING) {
            int r = cache_keep_string(c, (VecString *)(void *)to);
            if (r)
                return r;
        }
    }
    c->bounded = (at == 0 || c->bounded) && reg->bounded;
    c->lo = at == 0 || reg->lo < c->lo ? reg->lo : c->lo;
    c->hi = at == 0 || reg->hi > c->hi ? reg->hi : c->hi;
    return 0;
}

static bool is_row_error(int r)
{
    return r == QUERY_E_FAILED;
}

static int cache_fill(ExprState *s, const Step *step, const Vector *column, DictCache *c)
{
    uint32_t number = (uint32_t)(step - s->program->steps);
    bool nulls = false;
    const Vector *v;
    Reg *reg;
    int r = child_prepare(s);
    if (r)
        return r;
    r = cache_reserve(s, c, column->n_dict);
    if (r)
        return r;
    if (!c->strings) {
        r = mem_arena_new(s->pool, "expression", &c->strings);
        if (r)
            return r;
    }
    mem_arena_reset(c->strings);

    /* First what a null gives. An error there matters only to rows that are null. */
    Vector null = vec_const_null(column->type);
    null.phys = column->phys;
    r = child_eval(s, number, &null, step->column, 1, NULL, &v, &reg);
    c->null_failed = is_row_error(r);
    if (r && !c->null_failed)
        return r;
    if (!c->null_failed) {
        c->null_is_null = vec_row_is_null(v, 0);
        memset(c->null_value, 0, sizeof(c->null_value));
        if (!c->null_is_null) {
            memcpy(c->null_value, v->values, phys_size(v->phys));
            if (v->phys == PHYS_STRING) {
                r = cache_keep_string(c, (VecString *)(void *)c->null_value);
                if (r)
                    return r;
            }
        }
        c->null_vector = *v;
        c->null_vector.values = c->null_value;
    }

    for (uint32_t at = 0; at < column->n_dict; at += VEC_ROWS_MAX) {
        uint32_t n = MIN(column->n_dict - at, VEC_ROWS_MAX);
        Vector piece = *column;
        piece.encoding = VEC_FLAT;
        piece.has_nulls = false;
        piece.valid = NULL;
        piece.codes = NULL;
        piece.values = (uint8_t *)column->values + (size_t)at * phys_size(column->phys);
        r = child_eval(s, number, &piece, step->column, n, NULL, &v, &reg);
        if (is_row_error(r)) {
            /* Perhaps no row uses that entry: leave it to the rows. */
            c->failed = true;
            return 0;
        }
        if (r == 0)
            r = cache_store(c, at, n, v, reg, &nulls);
        if (r)
            return r;
    }
    if (column->n_dict == 0)
        c->phys = step->phys;
    c->n = column->n_dict;
    c->new_id = vec_dict_id_next();
    c->ready = true;
    c->has_nulls = nulls;
    return 0;
}

/* Rows whose input is null get @c's value for null. The result becomes flat. */
static int dict_patch_nulls(ExprState *s, const Step *step, const Scope *scope,
                            const Vector *column, const DictCache *c, Reg *out)
{
    Vector codes = out->v;
    uint8_t *values;
    size_t size = phys_size(c->phys);

    int r = expr_out(s, out, step->type, c->phys, &values);
    if (r)
        return r;
    r = expr_out_valid(s, out);
    if (r)
        return r;
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    {
        bool null_in = !vec_bit(column->valid, row);
        uint32_t code = codes.codes[row];
        const void *from = null_in ? (const void *)c->null_value
                                   : (const uint8_t *)c->values + (size_t)code * size;
        memcpy(values + (size_t)row * size, from, size);
        if (!null_in && !vec_bit(c->valid, code))
            vec_bit_clear(out->v.valid, row);
    }
    return 0;
}

static int dict_result(ExprState *s, const Step *step, const Scope *scope, const Vector *column,
                       const DictCache *c, Reg *out)
{
    bool entry_nulls = c->has_nulls;

    out->v = (Vector){
        .type = step->type,
        .phys = c->phys,
        .encoding = VEC_DICT,
        .values = c->values,
        .codes = column->codes,
        .n_dict = c->n,
        .dict_id = c->new_id,
        .has_nulls = column->has_nulls,
        .valid = column->has_nulls ? column->valid : NULL,
    };
    out->bounded = c->bounded;
    out->lo = c->lo;
    out->hi = c->hi;
    if (column->has_nulls && !c->null_is_null)
        return dict_patch_nulls(s, step, scope, column, c, out);
    if (!entry_nulls)
        return 0;
    int r = reg_buffers(s, &out->values, &out->valid);
    if (r)
        return r;
    out->v.has_nulls = true;
    out->v.valid = out->valid;
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    {
        bool valid = (!column->has_nulls || vec_bit(column->valid, row)) &&
                     vec_bit(c->valid, column->codes[row]);
        if (valid)
            vec_bit_set(out->valid, row);
        else
            vec_bit_clear(out->valid, row);
    }
    return 0;
}

static int dict_eval(ExprState *s, const Step *step, const Scope *scope, const Vector *column,
                     Reg *out, bool *ret_done)
{
    uint32_t number = (uint32_t)(step - s->program->steps);
    DictCache *c = s->caches[number];

    if (column->n_dict == 0 || scope->n == 0)
        return 0;
    if (!c) {
        c = s->caches[number] = mem_arena_new_of(s->arena, DictCache);
        if (!c)
            return mem_arena_error(s->arena);
    }
    if (c->dict_id != column->dict_id) {
        c->dict_id = column->dict_id;
        c->ready = c->failed = false;
        c->rows = 0;
    }
    c->rows += scope->n;
    if (c->failed || (column->has_nulls && c->ready && c->null_failed))
        return 0;
    if (!c->ready) {
        /* Pays off when the rows are as many as the entries; a large dictionary must first show
         * that enough rows come. */
        if (column->n_dict > c->rows)
            return 0;
        int r = cache_fill(s, step, column, c);
        if (r)
            return r;
        if (!c->ready || (column->has_nulls && c->null_failed))
            return 0;
    }
    /* A wide decimal may have come narrow for one and wide for the other. */
    if (column->has_nulls && !c->null_is_null && c->null_vector.phys != c->phys)
        return 0;
    *ret_done = true;
    return dict_result(s, step, scope, column, c, out);
}

/* --- outputs --- */

int expr_eval_narrow(ExprState *s, uint32_t output, Vector *ret_out, bool *ret_bounded,
                     int64_t *ret_lo, int64_t *ret_hi, QueryError *error)
{
    Reg *reg;

    assert(output < s->program->n_outputs);
    s->error = error;
    int r = expr_step(s, s->program->outputs[output], &s->base, &reg);
    s->error = NULL;
    if (r)
        return r;
    *ret_bounded = expr_range(s, reg, &s->base, ret_lo, ret_hi);
    *ret_out = reg->v;
    return 0;
}

int expr_eval(ExprState *s, uint32_t output, Vector *ret_out, QueryError *error)
{
    Reg *reg;

    assert(output < s->program->n_outputs);
    s->error = error;
    uint32_t number = s->program->outputs[output];
    int r = expr_step(s, number, &s->base, &reg);
    s->error = NULL;
    if (r)
        return r;
    if (reg->v.phys == PHYS_I64 && s->program->steps[number].phys == PHYS_I128) {
        const Vector *wide;
        r = expr_flat_wide(s, reg, &s->base, &wide);
        if (r)
            return r;
        *ret_out = *wide;
        return 0;
    }
    *ret_out = reg->v;
    return 0;
}

int expr_select_dictionary(ExprState *s, uint32_t output, const Vector *dict, uint32_t n_entries,
                           uint8_t *ret_pass)
{
    uint32_t column = expr_program_single_column(s->program, output);
    uint32_t number = s->program->outputs[output];

    if (column == UINT32_MAX || s->program->steps[number].phys != PHYS_BOOL)
        return -EINVAL;
    int r = child_prepare(s);
    if (r)
        return r;
    for (uint32_t at = 0, n = 0; at < n_entries; at += n) {
        n = MIN(n_entries - at, VEC_ROWS_MAX);
        Vector piece = *dict;
        piece.encoding = VEC_FLAT;
        piece.has_nulls = false;
        const Vector *v;
        Reg *reg;
        piece.values = (uint8_t *)dict->values + (size_t)at * phys_size(dict->phys);
        r = child_eval(s, number, &piece, column, n, NULL, &v, &reg);
        if (is_row_error(r)) {
            /* Find out which: one by one. */
            for (uint32_t i = 0; i < n; i++) {
                Vector one = piece;
                one.values = (uint8_t *)piece.values + (size_t)i * phys_size(dict->phys);
                r = child_eval(s, number, &one, column, 1, NULL, &v, &reg);
                if (r && !is_row_error(r))
                    return r;
                ret_pass[at + i] =
                    r ? 2 : !vec_row_is_null(v, 0) && ((const uint8_t *)v->values)[0];
            }
            continue;
        }
        if (r)
            return r;
        for (uint32_t i = 0; i < n; i++)
            ret_pass[at + i] =
                !vec_row_is_null(v, i) && ((const uint8_t *)v->values)[i & expr_mask(v)];
    }
    return 0;
}

int expr_select_null(ExprState *s, uint32_t output, bool *ret_pass)
{
    uint32_t column = expr_program_single_column(s->program, output);
    uint32_t number = s->program->outputs[output];
    const Vector *v;
    Reg *reg;

    if (column == UINT32_MAX || s->program->steps[number].phys != PHYS_BOOL)
        return -EINVAL;
    int r = child_prepare(s);
    if (r)
        return r;
    Type type = TYPE(NULL);
    for (uint32_t i = 0; i < s->program->n_steps; i++)
        if (s->program->steps[i].kind == EXPR_COLUMN && s->program->steps[i].column == column)
            type = s->program->steps[i].type;
    Vector null = vec_const_null(type);
    r = child_eval(s, number, &null, column, 1, NULL, &v, &reg);
    if (is_row_error(r)) {
        *ret_pass = true; /* let the row raise it */
        return 0;
    }
    if (r)
        return r;
    *ret_pass = !vec_row_is_null(v, 0) && ((const uint8_t *)v->values)[0];
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/scan_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "exec/vec/ops.h"
#include "exec/vec/nested.h"

/*
 * The conjuncts of a scan, one filter per column. `column OP literal`, IN, IS NULL and runtime
 * filters are done here, on codes or on values; everything else goes to the evaluator. Null rows
 * never pass, except for IS NULL and for expressions that say so.
 */

/* --- recognising ------------------------------------------------------------------------------ */

/* A cast that changes neither value nor form: decimals that only get more digits. */
static const Expr *strip_cast(const Expr *e)
{
    while (e->kind == EXPR_CAST && e->n_args == 1) {
        const Expr *in = e->args[0];
        bool same = type_equal(e->type, in->type) ||
                    (e->type.kind == TYPE_DECIMAL && in->type.kind == TYPE_DECIMAL &&
                     e->type.scale == in->type.scale && e->type.precision >= in->type.precision &&
                     type_phys(e->type) == type_phys(in->type));

        if (!same)
            break;
        e = in;
    }
    return e;
}

static bool same_form(Type a, Type b)
{
    return a.kind == b.kind && a.scale == b.scale && type_phys(a) == type_phys(b) &&
           !type_is_nested(a);
}

static bool compare_of(FunctionId function, bool swapped, uint8_t *ret_op)
{
    static const struct {
        FunctionId function;
        uint8_t op, swapped;
    } table[] = {
        {FN_EQ, KERN_EQ, KERN_EQ}, {FN_NE, KERN_NE, KERN_NE}, {FN_LT, KERN_LT, KERN_GT},
        {FN_LE, KERN_LE, KERN_GE}, {FN_GT, KERN_GT, KERN_LT}, {FN_GE, KERN_GE, KERN_LE},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (table[i].function == function) {
            *ret_op = swapped ? table[i].swapped : table[i].op;
            return true;
        }
    return false;
}

static bool recognise_compare(const Expr *e, uint32_t *ret_column, ScanPredicate *p)
{
    const Expr *a, *b;
    bool swapped;

    if (e->n_args != 2)
        return false;
    a = strip_cast(e->args[0]);
    b = strip_cast(e->args[1]);
    swapped = a->kind == EXPR_LITERAL;
    if (!compare_of(e->function, swapped, &p->op))
        return false;
    if (swapped) {
        const Expr *t = a;

        a = b;
        b = t;
    }
    if (a->kind != EXPR_COLUMN || b->kind != EXPR_LITERAL || b->literal.is_null ||
        !same_form(a->type, b->type))
        return false;
    p->kind = SCAN_COMPARE;
    p->value = b->literal;
    *ret_column = a->column;
    return true;
}

static bool recognise_null_test(const Expr *e, uint32_t *ret_column, ScanPredicate *p)
{
    const Expr *a = e->n_args == 1 ? strip_cast(e->args[0]) : NULL;

    if (!a || a->kind != EXPR_COLUMN ||
        (e->function != FN_IS_NULL && e->function != FN_IS_NOT_NULL))
        return false;
    p->kind = e->function == FN_IS_NULL ? SCAN_IS_NULL : SCAN_NOT_NULL;
    *ret_column = a->column;
    return true;
}

static int literal_compare(PhysKind phys, const Literal *a, const Literal *b)
{
    switch (phys) {
    case PHYS_BOOL:
        return (int)a->b - (int)b->b;
    case PHYS_I128:
        return a->i128 < b->i128 ? -1 : a->i128 > b->i128;
    case PHYS_F32:
    case PHYS_F64:
        return vec_double_compare(a->d, b->d);
    case PHYS_STRING:
        return vec_string_compare(&a->s, &b->s);
    default:
        return a->i < b->i ? -1 : a->i > b->i;
    }
}

/* Few items as a rule: insertion keeps them in order. Nulls never make IN true. */
static int recognise_in(MemArena *arena, const Expr *e, uint32_t *ret_column, ScanPredicate *p)
{
    const Expr *a = strip_cast(e->args[0]);
    PhysKind phys = type_phys(a->type);
    Literal *items;

    if (a->kind != EXPR_COLUMN || e->n_args > 1024)
        return 0;
    for (uint32_t i = 1; i < e->n_args; i++)
        if (e->args[i]->kind != EXPR_LITERAL ||
            (!e->args[i]->literal.is_null && !same_form(a->type, e->args[i]->type)))
            return 0;
    items = mem_arena_new_array(arena, Literal, e->n_args);
    if (!items)
        return mem_arena_error(arena);
    for (uint32_t i = 1; i < e->n_args; i++) {
        uint32_t at = p->n_items;

        if (e->args[i]->literal.is_null)
            continue;
        for (; at > 0 && literal_compare(phys, &items[at - 1], &e->args[i]->literal) > 0; at--)
            items[at] = items[at - 1];
        items[at] = e->args[i]->literal;
        p->n_items++;
    }
    p->kind = SCAN_IN;
    p->items = items;
    *ret_column = a->column;
    return 0;
}

static int recognise(MemArena *arena, const Expr *e, uint32_t *ret_column, ScanPredicate *p)
{
    *p = (ScanPredicate){.kind = SCAN_EXPR};
    if (e->kind == EXPR_IN && e->n_args >= 1)
        return recognise_in(arena, e, ret_column, p);
    if (e->kind == EXPR_CALL && !recognise_compare(e, ret_column, p))
        (void)recognise_null_test(e, ret_column, p);
    return 0;
}

/* --- building --------------------------------------------------------------------------------- */

static void mark_columns(const Expr *e, bool *used, uint32_t depth)
{
    if (e->kind == EXPR_COLUMN)
        used[e->column] = true;
    if (depth < EXPR_DEPTH_MAX)
        for (uint32_t i = 0; i < e->n_args; i++)
            mark_columns(e->args[i], used, depth + 1);
}

static int filter_columns(MemArena *arena, const Expr *e, uint32_t n_fields, ScanFilter *filter)
{
    bool *used = mem_arena_new_array(arena, bool, n_fields + 1);

    filter->columns = mem_arena_new_array(arena, uint32_t, n_fields + 1);
    if (!used || !filter->columns)
        return mem_arena_error(arena);
    mark_columns(e, used, 0);
    for (uint32_t i = 0; i < n_fields; i++)
        if (used[i])
            filter->columns[filter->n_columns++] = i;
    return 0;
}

/* The filter of one column, made when it is first asked for. */
static ScanFilter *filter_of_column(MemArena *arena, ScanFilters *all, uint32_t column,
                                    uint32_t n_predicates_max)
{
    ScanFilter *filter;

    for (uint32_t i = 0; i < all->n_filters; i++)
        if (all->filters[i].n_columns == 1 && all->filters[i].columns[0] == column)
            return &all->filters[i];
    filter = &all->filters[all->n_filters];
    filter->columns = mem_arena_new_array(arena, uint32_t, 1);
    filter->predicates = mem_arena_new_array(arena, ScanPredicate, n_predicates_max);
    if (!filter->columns || !filter->predicates)
        return NULL;
    filter->columns[0] = column;
    filter->n_columns = 1;
    all->n_filters++;
    return filter;
}

static int add_conjunct(MemArena *arena, const PlanNode *node, const Expr *e, uint32_t n_max,
                        ScanFilters *all, QueryError *error)
{
    ScanFilter *filter, several = {0};
    ScanPredicate p;
    ExprProgram *program;
    uint32_t column = 0;
    int r = recognise(arena, e, &column, &p);

    if (r == 0 && p.kind == SCAN_EXPR) {
        r = filter_columns(arena, e, node->n_fields, &several);
        if (r == 0)
            r = expr_compile(arena, (Expr *const *)&e, 1, node->n_fields, error, &program);
        if (r != 0)
            return r;
        p.program = program;
        p.expr_number = all->n_exprs++;
        column = several.n_columns == 1 ? several.columns[0] : UINT32_MAX;
    }
    if (r != 0)
        return r;
    if (column != UINT32_MAX) {
        filter = filter_of_column(arena, all, column, n_max);
        if (!filter)
            return mem_arena_error(arena);
    } else {
        filter = &all->filters[all->n_filters++];
        *filter = several;
        filter->predicates = mem_arena_new_array(arena, ScanPredicate, 1);
        if (!filter->predicates)
            return mem_arena_error(arena);
    }
    filter->predicates[filter->n_predicates++] = p;
    return 0;
}

int scan_filters_build(MemArena *arena, const PlanNode *node, RuntimeFilter *const *runtime,
                       uint32_t n_runtime, ScanFilters *ret_filters, QueryError *error)
{
    uint32_t n_max = node->scan.n_filters + n_runtime + 1;
    ScanFilters all = {.filters = mem_arena_new_array(arena, ScanFilter, n_max)};
    int r = 0;

    if (!all.filters)
        return mem_arena_error(arena);
    for (uint32_t i = 0; r == 0 && i < node->scan.n_filters; i++)
        r = add_conjunct(arena, node, node->scan.filters[i], n_max, &all, error);
    for (uint32_t i = 0; r == 0 && i < n_runtime; i++) {
        ScanFilter *filter;

        if (!atomic_load(&runtime[i]->ready))
            continue;
        filter = filter_of_column(arena, &all, runtime[i]->column, n_max);
        if (!filter)
            return mem_arena_error(arena);
        filter->predicates[filter->n_predicates++] =
            (ScanPredicate){.kind = SCAN_RUNTIME, .runtime = runtime[i]};
        all.n_moving += runtime[i]->moving;
    }
    *ret_filters = all;
    return r;
}

/* --- deciding values -------------------------------------------------------------------------- */

#define COMPARE_LOOP(type, expression)                                                             \
    do {                                                                                           \
        const type *v = values;                                                                    \
        for (uint32_t i = 0; i < n; i++)                                                           \
            pass[i] = (expression);                                                                \
    } while (0)

#define COMPARE_ARMS(type, compare)                                                                \
    switch (p->op) {                                                                               \
    case KERN_EQ:                                                                                  \
        COMPARE_LOOP(type, (compare) == 0);                                                        \
        break;                                                                                     \
    case KERN_NE:                                                                                  \
        COMPARE_LOOP(type, (compare) != 0);                                                        \
        break;                                                                                     \
    case KERN_LT:                                                                                  \
        COMPARE_LOOP(type, (compare) < 0);                                                         \
        break;                                                                                     \
    case KERN_LE:                                                                                  \
        COMPARE_LOOP(type, (compare) <= 0);                                                        \
        break;                                                                                     \
    case KERN_GT:                                                                                  \
        COMPARE_LOOP(type, (compare) > 0);                                                         \
        break;                                                                                     \
    default:                                                                                       \
        COMPARE_LOOP(type, (compare) >= 0);                                                        \
        break;                                                                                     \
    }

static inline int three_way(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static inline int three_way_wide(__int128 a, __int128 b)
{
    return (a > b) - (a < b);
}

/* pass[i] = values[i] OP literal, for n flat values of any number. */
static void compare_values(const KernelTable *kern, const ScanPredicate *p, PhysKind phys,
                           const void *values, uint32_t n, uint8_t *pass)
{
    const Literal *l = &p->value;

    switch (phys) {
    case PHYS_I32:
        if (l->i >= INT32_MIN && l->i <= INT32_MAX)
            kern->compare_const_i32[p->op](values, (int32_t)l->i, pass, n);
        else
            COMPARE_ARMS(int32_t, three_way(v[i], l->i))
        break;
    case PHYS_I64:
        kern->compare_const_i64[p->op](values, l->i, pass, n);
        break;
    case PHYS_BOOL:
        COMPARE_ARMS(uint8_t, (int)v[i] - (int)l->b)
        break;
    case PHYS_I8:
        COMPARE_ARMS(int8_t, three_way(v[i], l->i))
        break;
    case PHYS_I16:
        COMPARE_ARMS(int16_t, three_way(v[i], l->i))
        break;
    case PHYS_I128:
        COMPARE_ARMS(__int128, three_way_wide(v[i], l->i128))
        break;
    case PHYS_F32:
        COMPARE_ARMS(float, vec_double_compare(v[i], l->d))
        break;
    case PHYS_F64:
        COMPARE_ARMS(double, vec_double_compare(v[i], l->d))
        break;
    default:
        if (p->op == KERN_EQ)
            COMPARE_LOOP(VecString, vec_string_equal(&v[i], &l->s));
        else if (p->op == KERN_NE)
            COMPARE_LOOP(VecString, !vec_string_equal(&v[i], &l->s));
        else
            COMPARE_ARMS(VecString, vec_string_compare(&v[i], &l->s))
        break;
    }
}

static void load_literal(PhysKind phys, const void *values, uint32_t i, Literal *ret)
{
    switch (phys) {
    case PHYS_BOOL:
        ret->b = ((const uint8_t *)values)[i] != 0;
        break;
    case PHYS_I8:
        ret->i = ((const int8_t *)values)[i];
        break;
    case PHYS_I16:
        ret->i = ((const int16_t *)values)[i];
        break;
    case PHYS_I32:
        ret->i = ((const int32_t *)values)[i];
        break;
    case PHYS_I64:
        ret->i = ((const int64_t *)values)[i];
        break;
    case PHYS_I128:
        ret->i128 = ((const __int128 *)values)[i];
        break;
    case PHYS_F32:
        ret->d = (double)((const float *)values)[i];
        break;
    case PHYS_F64:
        ret->d = ((const double *)values)[i];
        break;
    default:
        ret->s = ((const VecString *)values)[i];
    }
}

static bool in_items(const ScanPredicate *p, PhysKind phys, const Literal *value)
{
    uint32_t lo = 0, hi = p->n_items;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        int c = literal_compare(phys, &p->items[mid], value);

        if (c == 0)
            return true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static void in_values(const ScanPredicate *p, PhysKind phys, const void *values, uint32_t n,
                      uint8_t *pass)
{
    Literal value = {0};

    for (uint32_t i = 0; i < n; i++) {
        load_literal(phys, values, i, &value);
        pass[i] = in_items(p, phys, &value);
    }
}

static void runtime_values(const ScanPredicate *p, PhysKind phys, const void *values, uint32_t n,
                           uint8_t *pass)
{
    const RuntimeFilter *f = p->runtime;

    if (f->moving) {
        int64_t lo = atomic_load(&f->moving_min), hi = atomic_load(&f->moving_max);

        if (phys == PHYS_I64)
            COMPARE_LOOP(int64_t, (v[i] >= lo) & (v[i] <= hi));
        else if (phys == PHYS_I32)
            COMPARE_LOOP(int32_t, (v[i] >= lo) & (v[i] <= hi));
        else if (phys == PHYS_I16)
            COMPARE_LOOP(int16_t, (v[i] >= lo) & (v[i] <= hi));
        else
            COMPARE_LOOP(int8_t, (v[i] >= lo) & (v[i] <= hi));
        return;
    }
    if (phys == PHYS_I64) {
        COMPARE_LOOP(int64_t, runtime_filter_test(f, v[i]));
    } else if (phys == PHYS_I32) {
        COMPARE_LOOP(int32_t, runtime_filter_test(f, v[i]));
    } else {
        Literal value = {0};

        for (uint32_t i = 0; i < n; i++) {
            load_literal(phys, values, i, &value);
            pass[i] = runtime_filter_test(f, value.i);
        }
    }
}

/* One predicate over flat values without nulls; not for SCAN_EXPR. */
static void predicate_values(const KernelTable *kern, const ScanPredicate *p, PhysKind phys,
                             const void *values, uint32_t n, uint8_t *pass)
{
    switch (p->kind) {
    case SCAN_COMPARE:
        compare_values(kern, p, phys, values, n, pass);
        break;
    case SCAN_IN:
        in_values(p, phys, values, n, pass);
        break;
    case SCAN_RUNTIME:
        runtime_values(p, phys, values, n, pass);
        break;
    default:
        memset(pass, p->kind == SCAN_NOT_NULL, n);
    }
}

/* --- dictionaries ----------------------------------------------------------------------------- */

static void and_bytes(uint8_t *pass, const uint8_t *more, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        pass[i] &= more[i];
}

static int pass_room(ScanFilterContext *context, ScanFilterState *state, uint32_t n_dict)
{
    size_t n = ALIGN_UP((size_t)2 * n_dict + 128, (size_t)64);
    void *block;
    int r;

    if (n <= state->n_pass_block)
        return 0;
    mem_block_free(context->pool, state->pass, state->n_pass_block);
    state->pass = NULL;
    state->n_pass_block = 0;
    r = mem_block_alloc(context->pool, n, "scan filter", &block);
    if (r != 0)
        return r;
    state->pass = block;
    state->n_pass_block = n;
    return 0;
}

/* What the verdicts about a dictionary depend on beside it. */
static uint32_t filter_version(const ScanFilter *filter)
{
    uint32_t version = 0;

    for (uint32_t i = 0; i < filter->n_predicates; i++)
        if (filter->predicates[i].kind == SCAN_RUNTIME && filter->predicates[i].runtime->moving)
            version +=
                atomic_load_explicit(&filter->predicates[i].runtime->version, memory_order_relaxed);
    return version;
}

/* Entries whose evaluation fails are left to the rows that use them, so the map is not usable. */
static bool any_error(const uint8_t *pass, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (pass[i] > 1)
            return true;
    return false;
}

int scan_filter_dictionary(ScanFilterContext *context, ScanFilterState *state, const Vector *dict)
{
    uint32_t n = dict->n_dict, passing = 0;
    uint8_t *more;
    int r = pass_room(context, state, n);

    if (r != 0)
        return r;
    more = state->pass + ALIGN_UP((size_t)n, (size_t)64);
    state->dict_id = dict->dict_id;
    state->dict_version = filter_version(state->filter);
    state->pass_usable = true;
    memset(state->pass, 1, n);
    for (uint32_t i = 0; i < state->filter->n_predicates; i++) {
        const ScanPredicate *p = &state->filter->predicates[i];

        if (p->kind == SCAN_EXPR) {
            r = expr_select_dictionary(context->exprs[p->expr_number], 0, dict, n, more);
            if (r == -EINVAL || (r == 0 && any_error(more, n))) {
                state->pass_usable = false;
                return 0;
            }
            if (r != 0)
                return r;
        } else {
            predicate_values(context->kern, p, dict->phys, dict->values, n, more);
        }
        and_bytes(state->pass, more, n);
    }
    for (uint32_t i = 0; i < n; i++)
        passing += state->pass[i];
    state->n_passing = passing;
    return 0;
}

/* Codes with nulls: the byte of the code where there is a value. */
static uint32_t select_codes_nulls(const ScanFilterState *state, const Vector *v,
                                   const uint16_t *sel, uint32_t n, uint16_t *out)
{
    uint32_t k = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;

        out[k] = (uint16_t)row;
        k += vec_bit(v->valid, row) ? state->pass[v->codes[row]] : state->null_passes;
    }
    return k;
}

static uint32_t copy_sel(const Batch *batch, uint16_t *out)
{
    if (batch->sel)
        memcpy(out, batch->sel, batch->n_selected * sizeof(uint16_t));
    else
        for (uint32_t i = 0; i < batch->n_rows; i++)
            out[i] = (uint16_t)i;
    return batch->n_selected;
}

static uint32_t apply_codes(ScanFilterContext *context, ScanFilterState *state, const Batch *batch,
                            const Vector *v, uint16_t *out)
{
    if (v->has_nulls)
        return select_codes_nulls(state, v, batch->sel, batch->n_selected, out);
    if (state->n_passing == 0)
        return 0;
    if (state->n_passing == v->n_dict)
        return copy_sel(batch, out);
    if (batch->sel)
        return context->kern->select_codes_sel(state->pass, v->codes, batch->sel, batch->n_selected,
                                               out);
    return context->kern->select_codes(state->pass, v->codes, batch->n_rows, out);
}

/* --- values ----------------------------------------------------------------------------------- */

/* Rows are few: their values side by side. */
static void gather_values(const Vector *v, const uint16_t *sel, uint32_t n, void *out)
{
    (void)vec_gather(&(Vector){.phys = v->phys,
                               .type = v->type,
                               .encoding = v->encoding,
                               .values = v->values,
                               .codes = v->codes,
                               .n_dict = v->n_dict},
                     sel, n, out, NULL);
}

static uint32_t select_dense(const uint8_t *pass, const uint16_t *sel, uint32_t n, uint16_t *out)
{
    uint32_t k = 0;

    for (uint32_t i = 0; i < n; i++) {
        out[k] = sel[i];
        k += pass[i];
    }
    return k;
}

static uint32_t fix_nulls(const ScanFilterState *state, const Vector *v, const Batch *batch,
                          const uint8_t *pass, bool dense, uint16_t *out)
{
    uint32_t k = 0;

    for (uint32_t i = 0; i < batch->n_selected; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;

        out[k] = (uint16_t)row;
        k += vec_bit(v->valid, row) ? pass[dense ? i : row] : state->null_passes;
    }
    return k;
}

/* The predicates other than SCAN_EXPR over a flat column. */
static uint32_t apply_values(ScanFilterContext *context, ScanFilterState *state, const Batch *batch,
                             const Vector *v, uint16_t *out)
{
    bool dense = (batch->sel && batch->n_selected * 4 < batch->n_rows) || v->encoding == VEC_DICT;
    uint32_t n = dense ? batch->n_selected : batch->n_rows;
    const void *values = v->values;
    bool first = true;

    if (dense) {
        gather_values(v, batch->sel, n, context->dense);
        values = context->dense;
    }
    for (uint32_t i = 0; i < state->filter->n_predicates; i++) {
        const ScanPredicate *p = &state->filter->predicates[i];

        if (p->kind == SCAN_EXPR)
            continue;
        predicate_values(context->kern, p, v->phys, values, n,
                         first ? context->bytes : context->more_bytes);
        if (!first)
            and_bytes(context->bytes, context->more_bytes, n);
        first = false;
    }
    if (first)
        return copy_sel(batch, out);
    if (v->has_nulls)
        return fix_nulls(state, v, batch, context->bytes, dense, out);
    if (!batch->sel)
        return context->kern->select_bytes(context->bytes, n, out);
    if (dense)
        return select_dense(context->bytes, batch->sel, n, out);
    return context->kern->select_bytes_sel(context->bytes, batch->sel, batch->n_selected, out);
}

static int apply_exprs(ScanFilterContext *context, const ScanFilterState *state, const Batch *batch,
                       uint16_t *sel, uint32_t n, uint32_t *ret_n, QueryError *error)
{
    for (uint32_t i = 0; i < state->filter->n_predicates && n > 0; i++) {
        const ScanPredicate *p = &state->filter->predicates[i];
        Batch narrowed = *batch;
        int r;

        if (p->kind != SCAN_EXPR)
            continue;
        narrowed.sel = n == batch->n_rows ? NULL : sel;
        narrowed.n_selected = n;
        r = expr_select(context->exprs[p->expr_number], &narrowed, context->spare, &n, error);
        if (r != 0)
            return r;
        memcpy(sel, context->spare, n * sizeof(uint16_t));
    }
    *ret_n = n;
    return 0;
}

/*
 * A null row fails every predicate but those that let it pass; when a column's predicates are
 * values and expressions mixed, apply_values() lets nulls through if all of them do.
 */
int scan_filter_apply(ScanFilterContext *context, ScanFilterState *state, const Batch *batch,
                      uint16_t *sel_out, uint32_t *ret_n, QueryError *error)
{
    const Vector *v = &batch->columns[state->filter->columns[0]];
    int r;

    if (state->filter->n_columns != 1)
        return apply_exprs(context, state, batch, sel_out, copy_sel(batch, sel_out), ret_n, error);
    if (v->encoding == VEC_DICT) {
        Vector dict = *v;

        dict.encoding = VEC_FLAT;
        dict.has_nulls = false;
        dict.valid = NULL;
        if (state->dict_id != v->dict_id || state->dict_version != filter_version(state->filter)) {
            r = scan_filter_dictionary(context, state, &dict);
            if (r != 0)
                return r;
        }
        if (state->pass_usable) {
            *ret_n = apply_codes(context, state, batch, v, sel_out);
            return 0;
        }
    }
    return apply_exprs(context, state, batch, sel_out,
                       apply_values(context, state, batch, v, sel_out), ret_n, error);
}

/* --- one worker's state ----------------------------------------------------------------------- */

int scan_filter_state_init(ScanFilterContext *context, const ScanFilter *filter,
                           ScanFilterState *state)
{
    *state = (ScanFilterState){.filter = filter, .null_passes = filter->n_columns == 1};
    for (uint32_t i = 0; i < filter->n_predicates && filter->n_columns == 1; i++) {
        const ScanPredicate *p = &filter->predicates[i];
        bool passes = p->kind == SCAN_IS_NULL ||
                      (p->kind == SCAN_RUNTIME && p->runtime->moving && p->runtime->nulls_pass);

        if (p->kind == SCAN_EXPR) {
            int r = expr_select_null(context->exprs[p->expr_number], 0, &passes);

            if (r != 0)
                return r;
        }
        state->null_passes &= passes;
    }
    return 0;
}

void scan_filter_state_done(ScanFilterContext *context, ScanFilterState *state)
{
    mem_block_free(context->pool, state->pass, state->n_pass_block);
    state->pass = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/nested.h"

#include <errno.h>

#include "exec/plan/expr_build.h"

/*
 * Functions with lambdas. A lambda's body is a program of its own: its columns are the parameters,
 * then the columns of the query that the body mentions. The elements of many rows are laid out one
 * after the other and the program runs over them as over any batch.
 */

#define LAMBDAS_MAX 2u

typedef struct Lambda {
    ExprProgram *program;
    uint32_t n_parameters, n_captured;
    Type *types;    /* of the parameters, then of what is captured */
    uint32_t first; /* captured columns are the step's arguments from here on */
    Type result;
} Lambda;

typedef struct HigherAux {
    FunctionId function;
    uint32_t n_values; /* arguments that are no lambdas */
    uint32_t n_lambdas;
    Lambda lambdas[LAMBDAS_MAX];
    Type types[3]; /* of the values */
} HigherAux;

/* One thread's. */
struct HigherState {
    ExprState *states[LAMBDAS_MAX];
    Vector *columns[LAMBDAS_MAX];
    MemArena *turn[2]; /* what a fold carries from one element to the next */
};

bool nested_is_lambda(FunctionId id)
{
    return id >= FN_TRANSFORM && id <= FN_ARRAY_SORT;
}

/* ---- compiling ---- */

typedef struct Rewrite {
    MemArena *arena;
    const Expr *lambda;
    const uint32_t *captured;
    uint32_t n_captured;
} Rewrite;

static Expr *rewrite_body(void *userdata, Expr *e)
{
    const Rewrite *w = userdata;
    uint32_t n_parameters = w->lambda->n_args - 1;
    if (e->kind == EXPR_VARIABLE) {
        for (uint32_t i = 0; i < n_parameters; i++)
            if (w->lambda->args[i + 1]->column == e->column)
                return expr_column(w->arena, i, e->type, e->nullable);
        return NULL; /* of a lambda inside */
    }
    if (e->kind != EXPR_COLUMN)
        return NULL;
    uint32_t k = 0;
    while (w->captured[k] != e->column)
        k++;
    return expr_column(w->arena, n_parameters + k, e->type, e->nullable);
}

typedef struct Captured {
    MemArena *arena;
    uint32_t *columns;
    Expr **exprs;
    uint32_t n, capacity;
    int result;
} Captured;

static void capture(Captured *c, Expr *e)
{
    if (e->kind == EXPR_COLUMN) {
        for (uint32_t i = 0; i < c->n; i++)
            if (c->columns[i] == e->column)
                return;
        if (c->n == c->capacity) {
            uint32_t capacity = c->capacity ? c->capacity * 2 : 8;
            uint32_t *columns = mem_arena_new_array(c->arena, uint32_t, capacity);
            Expr **exprs = mem_arena_new_array(c->arena, Expr *, capacity);
            if (!columns || !exprs) {
                c->result = mem_arena_error(c->arena);
                return;
            }
            if (c->n > 0) {
                memcpy(columns, c->columns, c->n * sizeof(*columns));
                memcpy(exprs, c->exprs, c->n * sizeof(Expr *));
            }
            c->columns = columns;
            c->exprs = exprs;
            c->capacity = capacity;
        }
        c->columns[c->n] = e->column;
        c->exprs[c->n++] = e;
        return;
    }
    for (uint32_t i = 0; i < e->n_args && c->result == 0; i++)
        capture(c, e->args[i]);
}

static int compile_lambda(MemArena *arena, Expr *lambda, QueryError *error, Captured *c,
                          Lambda *ret)
{
    *c = (Captured){.arena = arena};
    capture(c, lambda->args[0]);
    if (c->result)
        return c->result;
    Rewrite w = {arena, lambda, c->columns, c->n};
    Expr *body = expr_rewrite(arena, lambda->args[0], rewrite_body, &w);
    ret->n_parameters = lambda->n_args - 1;
    ret->n_captured = c->n;
    ret->result = lambda->type;
    ret->types = mem_arena_new_array(arena, Type, ret->n_parameters + c->n + 1);
    if (!body || !ret->types)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < ret->n_parameters; i++)
        ret->types[i] = lambda->args[i + 1]->type;
    for (uint32_t i = 0; i < c->n; i++)
        ret->types[ret->n_parameters + i] = c->exprs[i]->type;
    return expr_compile(arena, &body, 1, ret->n_parameters + c->n, error, &ret->program);
}

int expr_higher_split(MemArena *arena, const Expr *e, QueryError *error, Expr ***ret_args,
                      uint32_t *ret_n, void **ret_aux)
{
    HigherAux *aux = mem_arena_new_of(arena, HigherAux);
    Captured captured[LAMBDAS_MAX];
    uint32_t n = 0;
    if (!aux)
        return mem_arena_error(arena);
    aux->function = e->function;
    for (uint32_t i = 0; i < e->n_args; i++) {
        if (e->args[i]->kind != EXPR_LAMBDA) {
            assert(aux->n_values < ARRAY_SIZE(aux->types));
            aux->types[aux->n_values++] = e->args[i]->type;
            n++;
            continue;
        }
        assert(aux->n_lambdas < LAMBDAS_MAX);
        uint32_t k = aux->n_lambdas++;
        int r = compile_lambda(arena, e->args[i], error, &captured[k], &aux->lambdas[k]);
        if (r)
            return r;
        n += captured[k].n;
    }
    Expr **args = mem_arena_new_array(arena, Expr *, n + 1);
    if (!args)
        return mem_arena_error(arena);
    uint32_t at = 0;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (e->args[i]->kind != EXPR_LAMBDA)
            args[at++] = e->args[i];
    for (uint32_t k = 0; k < aux->n_lambdas; k++) {
        aux->lambdas[k].first = at;
        for (uint32_t i = 0; i < captured[k].n; i++)
            args[at++] = captured[k].exprs[i];
    }
    *ret_args = args;
    *ret_n = n;
    *ret_aux = aux;
    return 0;
}

/* ---- a thread's state ---- */

void expr_higher_state_free(struct HigherState *h)
{
    if (!h)
        return;
    for (uint32_t i = 0; i < LAMBDAS_MAX; i++)
        expr_state_free(h->states[i]);
    for (uint32_t i = 0; i < 2; i++)
        mem_arena_free(h->turn[i]);
}

static int column_buffers(ExprState *s, Type type, Vector *v)
{
    *v = (Vector){.type = type, .phys = (uint8_t)type_phys(type), .encoding = VEC_FLAT};
    v->values = mem_arena_alloc(s->arena, (size_t)VEC_ROWS_MAX * phys_size(v->phys), 64);
    v->valid = mem_arena_zalloc(s->arena, VEC_VALID_WORDS * 8, 64);
    return v->values && v->valid ? 0 : mem_arena_error(s->arena);
}

static int higher_state(ExprState *s, const Step *step, struct HigherState **ret)
{
    const HigherAux *aux = step->aux;
    struct HigherState **slot = &s->higher[step - s->program->steps];
    if (!*slot) {
        *slot = mem_arena_new_of(s->arena, struct HigherState);
        if (!*slot)
            return mem_arena_error(s->arena);
    }
    struct HigherState *h = *slot;
    for (uint32_t k = 0; k < aux->n_lambdas; k++) {
        const Lambda *l = &aux->lambdas[k];
        uint32_t n = l->n_parameters + l->n_captured;
        if (h->states[k])
            continue;
        h->columns[k] = mem_arena_new_array(s->arena, Vector, n + 1);
        if (!h->columns[k])
            return mem_arena_error(s->arena);
        for (uint32_t i = 0; i < n; i++) {
            int r = column_buffers(s, l->types[i], &h->columns[k][i]);
            if (r)
                return r;
        }
        int r = expr_state_new(l->program, s->pool, &h->states[k]);
        if (r)
            return r;
    }
    for (uint32_t i = 0; i < 2 && aux->function == FN_AGGREGATE; i++) {
        int r = h->turn[i] ? 0 : mem_arena_new(s->pool, "expression", &h->turn[i]);
        if (r)
            return r;
    }
    *ret = h;
    return 0;
}

/* ---- running ---- */

/* A call over one batch. */
typedef struct Higher {
    NestedCall call;
    ExprState *s;
    const HigherAux *aux;
    struct HigherState *state;
    const Vector **v; /* the step's arguments, flat or constant */
} Higher;

static void fill_column(Vector *to, const NestedItem *items, uint32_t n)
{
    size_t size = phys_size(to->phys);
    to->has_nulls = false;
    memset(to->valid, 0xff, VEC_VALID_WORDS * 8);
    for (uint32_t i = 0; i < n; i++) {
        nested_store(&items[i], size, to->values, i);
        if (items[i].is_null) {
            vec_bit_clear(to->valid, i);
            to->has_nulls = true;
        }
    }
}

static void fill_captured(Vector *to, const Vector *from, const uint16_t *rows, uint32_t n)
{
    size_t size = phys_size(to->phys);
    to->has_nulls = false;
    memset(to->valid, 0xff, VEC_VALID_WORDS * 8);
    for (uint32_t i = 0; i < n; i++) {
        NestedItem item;
        nested_load(from, rows[i], &item);
        nested_store(&item, size, to->values, i);
        if (item.is_null) {
            vec_bit_clear(to->valid, i);
            to->has_nulls = true;
        }
    }
}

static int keep_bytes(MemArena *arena, VecString *s)
{
    if (s->length <= VEC_STRING_INLINE)
        return 0;
    char *bytes = mem_arena_alloc(arena, s->length, 8);
    if (!bytes)
        return mem_arena_error(arena);
    memcpy(bytes, s->ptr, s->length);
    s->ptr = bytes;
    return 0;
}

/**
 * run() - a lambda over @n sets of parameters
 * @parameters: per parameter @n items
 * @rows:       the batch's row that each belongs to
 * @results:    out, @n; strings lie in @arena
 */
static int run(Higher *h, uint32_t lambda, const NestedItem *const *parameters,
               const uint16_t *rows, uint32_t n, MemArena *arena, NestedItem *results)
{
    const Lambda *l = &h->aux->lambdas[lambda];
    ExprState *inner = h->state->states[lambda];
    Vector *columns = h->state->columns[lambda];
    bool bytes = type_phys(l->result) == PHYS_STRING;
    uint32_t m;

    for (uint32_t at = 0; at < n; at += m) {
        m = MIN(n - at, VEC_ROWS_MAX);
        for (uint32_t i = 0; i < l->n_parameters; i++)
            fill_column(&columns[i], parameters[i] + at, m);
        for (uint32_t i = 0; i < l->n_captured; i++)
            fill_captured(&columns[l->n_parameters + i], h->v[l->first + i], rows + at, m);
        Batch batch = {.n_rows = m,
                       .n_selected = m,
                       .n_columns = l->n_parameters + l->n_captured,
                       .columns = columns};
        Vector out;
        expr_begin(inner, &batch);
        int r = expr_eval(inner, 0, &out, h->s->error);
        if (r)
            return r;
        for (uint32_t i = 0; i < m; i++) {
            nested_load(&out, i, &results[at + i]);
            r = bytes && !results[at + i].is_null ? keep_bytes(arena, &results[at + i].value.s) : 0;
            if (r)
                return r;
        }
    }
    return 0;
}

static bool is_true(const NestedItem *item)
{
    return !item->is_null && item->value.b;
}

/* Rows that are worked on together, and their elements laid out one after the other. */
typedef struct Group {
    uint32_t n_rows;
    const uint16_t *rows;
    uint32_t *starts;       /* [n_rows + 1] */
    NestedItem *columns[3]; /* parameters, [starts[n_rows]] each */
    uint16_t *element_rows;
    NestedItem *results;
} Group;

static uint32_t array_count(const Higher *h, uint32_t arg, uint32_t row)
{
    NestedItem item;
    VecString keys, values;
    nested_load(h->v[arg], row, &item);
    if (h->aux->types[arg].kind == TYPE_ARRAY)
        return nested_count(&item.value.s);
    nested_map(&item.value.s, &keys, &values);
    return nested_count(&keys);
}

/* How many elements the lambda sees for a row. */
static uint32_t row_count(const Higher *h, uint32_t row)
{
    uint32_t n = array_count(h, 0, row);
    if (h->aux->function == FN_ZIP_WITH)
        n = MAX(n, array_count(h, 1, row));
    else if (h->aux->function == FN_MAP_ZIP_WITH)
        n += array_count(h, 1, row);
    return n;
}

static NestedItem load_arg(const Higher *h, uint32_t arg, uint32_t row)
{
    NestedItem item;
    nested_load(h->v[arg], row, &item);
    return item;
}

/* Keys of both maps, those of the second that the first has not behind them. */
static int lay_out_zip(Higher *h, Group *g, uint32_t row, uint32_t at, uint32_t *ret_n)
{
    Type key = h->aux->types[0].children[0].type;
    VecString keys[2], values[2];
    NestedSet set;
    uint32_t n = 0;
    for (uint32_t i = 0; i < 2; i++) {
        NestedItem map = load_arg(h, i, row);
        nested_map(&map.value.s, &keys[i], &values[i]);
    }
    uint32_t n_left = nested_count(&keys[0]), n_right = nested_count(&keys[1]);
    NestedItem *all = g->columns[0] + at;
    int r = nested_set_init(&h->call, &set, key, all, n_left + n_right);
    if (r)
        return r;
    for (; n < n_left; n++) {
        nested_element(key, &keys[0], n, &all[n]);
        nested_element(h->aux->types[0].children[1].type, &values[0], n, &g->columns[1][at + n]);
        g->columns[2][at + n] = (NestedItem){.is_null = true};
        nested_set_add(&set, n);
    }
    for (uint32_t i = 0; i < n_right; i++) {
        NestedItem value;
        nested_element(key, &keys[1], i, &all[n]);
        nested_element(h->aux->types[1].children[1].type, &values[1], i, &value);
        if (nested_set_add(&set, n)) {
            g->columns[1][at + n] = (NestedItem){.is_null = true};
            g->columns[2][at + n++] = value;
            continue;
        }
        uint32_t k = 0;
        while (nested_compare(key, &all[k].value, &all[n].value) != 0)
            k++;
        g->columns[2][at + k] = value;
    }
    *ret_n = n;
    return 0;
}

static int lay_out_row(Higher *h, Group *g, uint32_t row, uint32_t at, uint32_t *ret_n)
{
    NestedItem arg = load_arg(h, 0, row);
    VecString keys = arg.value.s, values;
    const Type *types = h->aux->types;

    switch (h->aux->function) {
    case FN_MAP_ZIP_WITH:
        return lay_out_zip(h, g, row, at, ret_n);
    case FN_ZIP_WITH:
        *ret_n = row_count(h, row);
        for (uint32_t i = 0; i < 2; i++) {
            arg = load_arg(h, i, row);
            for (uint32_t k = 0, n = nested_count(&arg.value.s); k < *ret_n; k++) {
                g->columns[i][at + k] = (NestedItem){.is_null = true};
                if (k < n)
                    nested_element(types[i].children[0].type, &arg.value.s, k,
                                   &g->columns[i][at + k]);
            }
        }
        return 0;
    case FN_MAP_FILTER:
    case FN_TRANSFORM_KEYS:
    case FN_TRANSFORM_VALUES:
        nested_map(&arg.value.s, &keys, &values);
        *ret_n = nested_count(&keys);
        for (uint32_t k = 0; k < *ret_n; k++) {
            nested_element(types[0].children[0].type, &keys, k, &g->columns[0][at + k]);
            nested_element(types[0].children[1].type, &values, k, &g->columns[1][at + k]);
        }
        return 0;
    default:
        *ret_n = nested_count(&keys);
        for (uint32_t k = 0; k < *ret_n; k++) {
            nested_element(types[0].children[0].type, &keys, k, &g->columns[0][at + k]);
            g->columns[1][at + k] = (NestedItem){.value.i32 = (int32_t)k};
        }
        return 0;
    }
}

static int lay_out(Higher *h, Group *g, uint64_t total)
{
    MemArena *arena = h->call.arena;
    g->starts = mem_arena_alloc(arena, sizeof(uint32_t) * (g->n_rows + 1ull), 4);
    g->element_rows = mem_arena_alloc(arena, sizeof(uint16_t) * (total + 1), 2);
    g->results = nested_items(&h->call, total);
    for (uint32_t i = 0; i < 3; i++) {
        g->columns[i] = nested_items(&h->call, total);
        if (!g->columns[i])
            return mem_arena_error(arena);
    }
    if (!g->starts || !g->element_rows || !g->results)
        return mem_arena_error(arena);
    uint32_t at = 0;
    for (uint32_t i = 0; i < g->n_rows; i++) {
        uint32_t n;
        g->starts[i] = at;
        int r = lay_out_row(h, g, g->rows[i], at, &n);
        if (r)
            return r;
        for (uint32_t k = 0; k < n; k++)
            g->element_rows[at + k] = g->rows[i];
        at += n;
    }
    g->starts[g->n_rows] = at;
    return 0;
}

/* ---- array_sort: all merges of a level take one step together ---- */

typedef struct Merge {
    uint32_t a, a_end, b, b_end, out;
} Merge;

static int merge_level(Higher *h, Group *g, NestedItem *from, NestedItem *to, Merge *merges,
                       uint32_t n_merges, NestedItem *left, NestedItem *right, uint16_t *rows)
{
    const NestedItem *parameters[2] = {left, right};
    while (n_merges > 0) {
        uint32_t active = 0;
        for (uint32_t i = 0; i < n_merges; i++) {
            Merge m = merges[i];
            if (m.a == m.a_end || m.b == m.b_end) {
                while (m.a < m.a_end)
                    to[m.out++] = from[m.a++];
                while (m.b < m.b_end)
                    to[m.out++] = from[m.b++];
                continue;
            }
            left[active] = from[m.a];
            right[active] = from[m.b];
            rows[active] = g->element_rows[m.a];
            merges[active++] = m;
        }
        n_merges = active;
        int r = run(h, 0, parameters, rows, active, h->call.arena, g->results);
        if (r)
            return r;
        for (uint32_t i = 0; i < active; i++) {
            Merge *m = &merges[i];
            if (g->results[i].is_null)
                return nested_fail_value(&h->call, "COMPARATOR_RETURNS_NULL", "22004",
                                         "The comparator has returned a NULL for a comparison. It "
                                         "should return a positive integer for \"greater than\", 0 "
                                         "for \"equal\" and a negative integer for \"less than\".");
            to[m->out++] = g->results[i].value.i32 > 0 ? from[m->b++] : from[m->a++];
        }
    }
    return 0;
}

static int sort_group(Higher *h, Group *g)
{
    uint32_t total = g->starts[g->n_rows], longest = 0;
    NestedItem *from = g->columns[0], *to = g->columns[1], *left = g->columns[2];
    NestedItem *right = nested_items(&h->call, total);
    Merge *merges = mem_arena_alloc(h->call.arena, sizeof(*merges) * (total + 1ull), 4);
    uint16_t *rows = mem_arena_alloc(h->call.arena, sizeof(*rows) * (total + 1ull), 2);
    if (!right || !merges || !rows)
        return mem_arena_error(h->call.arena);
    for (uint32_t i = 0; i < g->n_rows; i++)
        longest = MAX(longest, g->starts[i + 1] - g->starts[i]);
    for (uint64_t width = 1; width < longest; width *= 2) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < g->n_rows; i++) {
            uint64_t end = g->starts[i + 1];
            for (uint64_t at = g->starts[i]; at < end; at += 2 * width) {
                uint32_t middle = (uint32_t)MIN(at + width, end);
                merges[n++] = (Merge){(uint32_t)at, middle, middle,
                                      (uint32_t)MIN(at + 2 * width, end), (uint32_t)at};
            }
        }
        int r = merge_level(h, g, from, to, merges, n, left, right, rows);
        if (r)
            return r;
        NestedItem *swap = from;
        from = to;
        to = swap;
    }
    g->columns[0] = from;
    return 0;
}

/* ---- results of a group's rows ---- */

static int quantify(const Higher *h, const NestedItem *results, uint32_t n, NestedItem *ret)
{
    bool exists = h->aux->function == FN_EXISTS, nulls = false;
    for (uint32_t i = 0; i < n; i++) {
        nulls |= results[i].is_null;
        if (!results[i].is_null && (results[i].value.b != 0) == exists) {
            ret->value.b = exists;
            return 0;
        }
    }
    ret->is_null = nulls;
    ret->value.b = !exists && !nulls;
    return 0;
}

static int finish_row(Higher *h, Group *g, uint32_t i, NestedItem *ret)
{
    uint32_t at = g->starts[i], n = g->starts[i + 1] - at, k = 0;
    NestedItem *results = g->results + at, *first = g->columns[0] + at,
               *second = g->columns[1] + at;
    Type type = h->call.step->type;

    switch (h->aux->function) {
    case FN_TRANSFORM:
    case FN_ZIP_WITH:
        return nested_array(h->call.arena, type.children[0].type, results, n, &ret->value.s);
    case FN_ARRAY_SORT:
        return nested_array(h->call.arena, type.children[0].type, first, n, &ret->value.s);
    case FN_EXISTS:
    case FN_FORALL:
        return quantify(h, results, n, ret);
    case FN_FILTER:
        for (uint32_t m = 0; m < n; m++)
            if (is_true(&results[m]))
                first[k++] = first[m];
        return nested_array(h->call.arena, type.children[0].type, first, k, &ret->value.s);
    case FN_MAP_FILTER:
        for (uint32_t m = 0; m < n; m++)
            if (is_true(&results[m])) {
                first[k] = first[m];
                second[k++] = second[m];
            }
        return nested_make_map(&h->call, type, first, second, k, &ret->value.s);
    case FN_TRANSFORM_KEYS:
        return nested_make_map(&h->call, type, results, second, n, &ret->value.s);
    default: /* transform_values, map_zip_with */
        return nested_make_map(&h->call, type, first, results, n, &ret->value.s);
    }
}

static int eval_group(Higher *h, const uint16_t *rows, uint32_t n_rows, uint64_t total, Reg *out)
{
    Group g = {.n_rows = n_rows, .rows = rows};
    size_t size = phys_size(out->v.phys);
    int r = total > NESTED_COUNT_MAX ? -EMSGSIZE : lay_out(h, &g, total);
    if (r == 0 && h->aux->function == FN_ARRAY_SORT)
        r = sort_group(h, &g);
    else if (r == 0)
        r = run(h, 0, (const NestedItem *const *)g.columns, g.element_rows, g.starts[n_rows],
                h->call.arena, g.results);
    for (uint32_t i = 0; r == 0 && i < n_rows; i++) {
        NestedItem result = {0};
        r = finish_row(h, &g, i, &result);
        if (result.is_null) {
            vec_bit_clear(out->valid, rows[i]);
            out->v.has_nulls = true;
        }
        nested_store(&result, size, out->v.values, rows[i]);
    }
    return r;
}

/* ---- aggregate: element k of all rows, then element k + 1 ---- */

static int eval_fold(Higher *h, const uint16_t *rows, uint32_t n_rows, Reg *out)
{
    Type element = h->aux->types[0].children[0].type;
    bool bytes = type_phys(h->aux->types[1]) == PHYS_STRING;
    MemArena *arena = h->call.arena;
    NestedItem *state = nested_items(&h->call, n_rows), *elements = nested_items(&h->call, n_rows);
    NestedItem *before = nested_items(&h->call, n_rows), *after = nested_items(&h->call, n_rows);
    uint32_t *which = mem_arena_alloc(arena, sizeof(*which) * (n_rows + 1ull), 4);
    uint16_t *active = mem_arena_alloc(arena, sizeof(*active) * (n_rows + 1ull), 2);
    const NestedItem *parameters[2] = {before, elements};
    int r = 0;
    if (!state || !elements || !before || !after || !which || !active)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n_rows; i++)
        state[i] = load_arg(h, 1, rows[i]);
    for (uint32_t k = 0, n = 1; n > 0; k++) {
        MemArena *turn = h->state->turn[k % 2];
        mem_arena_reset(turn);
        n = 0;
        for (uint32_t i = 0; i < n_rows; i++) {
            NestedItem array = load_arg(h, 0, rows[i]);
            uint32_t count = nested_count(&array.value.s);
            if (k == count && k > 0 && bytes && !state[i].is_null)
                r = keep_bytes(arena, &state[i].value.s); /* this row is done */
            if (r)
                return r;
            if (k >= count)
                continue;
            nested_element(element, &array.value.s, k, &elements[n]);
            before[n] = state[i];
            active[n] = rows[i];
            which[n++] = i;
        }
        r = run(h, 0, parameters, active, n, turn, after);
        if (r)
            return r;
        for (uint32_t i = 0; i < n; i++)
            state[which[i]] = after[i];
    }
    const NestedItem *last[1] = {state};
    const NestedItem *results = state;
    if (h->aux->n_lambdas > 1) {
        r = run(h, 1, last, rows, n_rows, arena, after);
        results = after;
    }
    size_t size = phys_size(out->v.phys);
    for (uint32_t i = 0; r == 0 && i < n_rows; i++) {
        if (results[i].is_null) {
            vec_bit_clear(out->valid, rows[i]);
            out->v.has_nulls = true;
        }
        nested_store(&results[i], size, out->v.values, rows[i]);
    }
    return r;
}

int eval_higher(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out)
{
    Higher h = {.call = {.s = s, .step = step, .arena = s->strings}, .s = s, .aux = step->aux};
    uint16_t *rows = expr_rows(s);
    uint32_t n = 0, n_collections = 1;
    void *values;
    h.v = mem_arena_alloc(s->strings, sizeof(*h.v) * (step->n_args + 1ull), 8);
    if (!h.v)
        return mem_arena_error(s->strings);
    if (!rows)
        return mem_arena_error(s->arena);
    h.call.types = h.aux->types;
    for (uint32_t i = 0; i < step->n_args; i++) {
        int r = expr_flat(s, args[i], scope, &h.v[i]);
        if (r)
            return r;
    }
    int r = higher_state(s, step, &h.state);
    if (r == 0)
        r = expr_out(s, out, step->type, step->phys, &values);
    if (r == 0)
        r = expr_out_valid(s, out);
    if (r)
        return r;
    if (h.aux->function == FN_ZIP_WITH || h.aux->function == FN_MAP_ZIP_WITH)
        n_collections = 2;
    bool any_null = false;
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    {
        bool null = false;
        for (uint32_t i = 0; i < n_collections; i++)
            null |= vec_row_is_null(h.v[i], row);
        if (null) {
            vec_bit_clear(out->valid, row);
            memset((uint8_t *)values + row * phys_size(step->phys), 0, phys_size(step->phys));
            any_null = true;
        } else {
            rows[n++] = (uint16_t)row;
        }
    }
    out->v.has_nulls = any_null;
    if (h.aux->function == FN_AGGREGATE) {
        r = eval_fold(&h, rows, n, out);
    } else {
        /* As many rows at a time as have about a batch of elements. */
        for (uint32_t i = 0; r == 0 && i < n;) {
            uint64_t total = row_count(&h, rows[i]);
            uint32_t end = i + 1;
            while (end < n && total < VEC_ROWS_MAX)
                total += row_count(&h, rows[end++]);
            r = eval_group(&h, rows + i, end - i, total, out);
            i = end;
        }
    }
    return r == -EMSGSIZE ? nested_fail_size(s, step, NESTED_COUNT_MAX) : r;
}

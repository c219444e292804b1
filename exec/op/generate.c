/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pipeline.h"
#include "exec/vec/nested.h"

/*
 * explode() and its kin: for each row the elements of an array, beside copies of the row. Output
 * batches are filled up over input rows; an array may span several.
 */

typedef struct Generate {
    Operator op;
    ExprProgram *program; /* the array */
    uint32_t n_input, n_columns;
    Type element;
    bool outer, position, unpack;
    const bool *unused;
} Generate;

typedef struct GenerateLocal {
    ExprState *state;
    MemArena *arena;
    Vector *columns;   /* own buffers */
    Vector *out;       /* what is emitted */
    uint16_t *rows;    /* per output row: the input row */
    NestedItem *items; /* per output row: the element, when it is taken apart */
    uint32_t n;        /* output rows so far */
    bool nulls, elements_null;
} GenerateLocal;

static void generate_local_free(Operator *op, void *local)
{
    GenerateLocal *l = local;
    expr_state_free(l->state);
    mem_arena_free(l->arena);
}

static int generate_local_new(Operator *op, Worker *worker, void **ret_local)
{
    Generate *g = (Generate *)op;
    MemArena *arena;
    int r = mem_arena_new(op->context->pool, "generate", &arena);
    if (r)
        return r;
    GenerateLocal *l = mem_arena_new_of(arena, GenerateLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l; /* freed by generate_local_free() from here on */
    l->arena = arena;
    l->columns = mem_arena_new_array(arena, Vector, g->n_columns + 1);
    l->out = mem_arena_new_array(arena, Vector, g->n_columns + 1);
    l->rows = mem_arena_new_array(arena, uint16_t, VEC_ROWS_MAX);
    l->items = g->unpack ? mem_arena_alloc(arena, sizeof(NestedItem) * VEC_ROWS_MAX, 16) : NULL;
    if (!l->columns || !l->out || !l->rows || (g->unpack && !l->items))
        return mem_arena_error(arena);
    for (uint32_t c = 0; c < g->n_columns; c++) {
        const PlanField *f = &op->node->fields[c];
        Vector *v = &l->columns[c];
        *v = (Vector){.type = f->type, .phys = (uint8_t)type_phys(f->type), .encoding = VEC_FLAT};
        if (g->unused && g->unused[c]) {
            *v = vec_const_null(f->type);
            continue;
        }
        v->values = mem_arena_alloc(arena, (size_t)VEC_ROWS_MAX * phys_size(v->phys), 64);
        v->valid = mem_arena_zalloc(arena, VEC_VALID_WORDS * 8, 64);
        if (!v->values || !v->valid)
            return mem_arena_error(arena);
    }
    return expr_state_new(g->program, op->context->pool, &l->state);
}

/* The input's columns for the output rows so far. */
static void copy_columns(Generate *g, GenerateLocal *l, const Batch *batch, Vector *out)
{
    for (uint32_t c = 0; c < g->n_input; c++) {
        const Vector *v = &batch->columns[c];
        Vector *own = &l->columns[c];
        if (g->unused && g->unused[c]) {
            out[c] = *own;
            continue;
        }
        if (v->encoding == VEC_CONST) {
            out[c] = *v;
            continue;
        }
        out[c] = *own;
        out[c].phys = v->phys; /* a decimal may travel narrow */
        out[c].has_nulls = vec_gather(v, l->rows, l->n, own->values, own->valid);
    }
}

static void store_field(Generate *g, GenerateLocal *l, uint32_t field, Vector *v)
{
    size_t size = phys_size(v->phys);
    v->has_nulls = false;
    memset(v->valid, 0xff, VEC_VALID_WORDS * 8);
    for (uint32_t i = 0; i < l->n; i++) {
        NestedItem item = {.is_null = true};
        if (!l->items[i].is_null)
            nested_field(g->element, &l->items[i].value.s, field, &item);
        nested_store(&item, size, v->values, i);
        if (item.is_null) {
            vec_bit_clear(v->valid, i);
            v->has_nulls = true;
        }
    }
}

static int emit(Generate *g, GenerateLocal *l, Worker *worker, const Batch *batch)
{
    Vector *out = l->out;
    uint32_t first = g->n_input + g->position;
    if (l->n == 0)
        return 0;
    copy_columns(g, l, batch, out);
    for (uint32_t c = g->n_input; c < g->n_columns; c++) {
        Vector *v = &l->columns[c];
        if (!(g->unused && g->unused[c])) {
            if (g->unpack && c >= first)
                store_field(g, l, c - first, v);
            else
                v->has_nulls = c < first ? l->nulls : l->elements_null;
        }
        out[c] = *v;
    }
    Batch made = {.n_rows = l->n,
                  .n_selected = l->n,
                  .n_columns = g->n_columns,
                  .columns = out,
                  .position = batch->position};
    l->n = 0;
    l->nulls = l->elements_null = false;
    return op_emit(&g->op, worker, &made);
}

/* A row of its own for an array without elements. */
static void add_nothing(Generate *g, GenerateLocal *l, uint32_t row)
{
    uint32_t c = g->n_input + g->position;
    l->rows[l->n] = (uint16_t)row;
    if (g->position && !(g->unused && g->unused[g->n_input])) {
        ((int32_t *)l->columns[g->n_input].values)[l->n] = 0;
        vec_bit_clear(l->columns[g->n_input].valid, l->n);
    }
    l->nulls = true;
    if (g->unpack) {
        l->items[l->n] = (NestedItem){.is_null = true};
    } else if (!(g->unused && g->unused[c])) {
        size_t size = phys_size(l->columns[c].phys);
        memset((char *)l->columns[c].values + l->n * size, 0, size);
        vec_bit_clear(l->columns[c].valid, l->n);
        l->elements_null = true;
    }
    l->n++;
}

/* Elements [@first, @first + @n) of a row. */
static void add_elements(Generate *g, GenerateLocal *l, const VecString *array, uint32_t row,
                         uint32_t first, uint32_t n)
{
    uint32_t c = g->n_input + g->position;
    for (uint32_t i = 0; i < n; i++)
        l->rows[l->n + i] = (uint16_t)row;
    if (g->position && !(g->unused && g->unused[g->n_input])) {
        Vector *v = &l->columns[g->n_input];
        for (uint32_t i = 0; i < n; i++) {
            ((int32_t *)v->values)[l->n + i] = (int32_t)(first + i);
            vec_bit_set(v->valid, l->n + i);
        }
    }
    if (g->unpack)
        for (uint32_t i = 0; i < n; i++)
            nested_element(g->element, array, first + i, &l->items[l->n + i]);
    else if (!(g->unused && g->unused[c]))
        l->elements_null |= nested_elements(g->element, array, first, n, l->columns[c].values,
                                            l->columns[c].valid, l->n);
    l->n += n;
}

static int generate_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    Generate *g = (Generate *)op;
    GenerateLocal *l = local;
    Vector arrays;
    uint32_t n_rows = batch_rows(batch);

    expr_begin(l->state, batch);
    int r = expr_eval(l->state, 0, &arrays, &worker->error);
    if (r)
        return r;
    for (uint32_t i = 0; i < n_rows; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i, n = 0;
        NestedItem array;
        nested_load(&arrays, row, &array);
        if (!array.is_null)
            n = nested_count(&array.value.s);
        if (n == 0 && g->outer)
            add_nothing(g, l, row);
        for (uint32_t at = 0; at < n;) {
            uint32_t m = MIN(n - at, VEC_ROWS_MAX - l->n);
            add_elements(g, l, &array.value.s, row, at, m);
            at += m;
            if (l->n < VEC_ROWS_MAX)
                continue;
            if (context_stopped(op->context))
                return QUERY_E_CANCELLED;
            r = emit(g, l, worker, batch);
            if (r)
                return r;
        }
        if (l->n == VEC_ROWS_MAX) {
            r = emit(g, l, worker, batch);
            if (r)
                return r;
        }
    }
    return emit(g, l, worker, batch);
}

static void generate_close(Operator *op)
{
}

static const OperatorClass generate_class = {
    .name = "generate",
    .local_new = generate_local_new,
    .execute = generate_execute,
    .local_free = generate_local_free,
    .close = generate_close,
};

int generate_new(Query *q, const PlanNode *node, Operator *next, Operator **ret)
{
    Generate *g = mem_arena_new_of(q->context.arena, Generate);
    if (!g)
        return mem_arena_error(q->context.arena);
    operator_init(&g->op, &generate_class, q, node, next);
    g->n_input = node->input->n_fields;
    g->n_columns = node->n_fields;
    g->element = node->generate.array->type.children[0].type;
    g->outer = node->generate.outer;
    g->position = node->generate.position;
    g->unpack = node->generate.unpack;
    g->unused = node->generate.unused;
    int r = expr_compile(q->context.arena, (Expr *[]){node->generate.array}, 1, g->n_input,
                         &q->workers[0].error, &g->program);
    if (r)
        return r;
    *ret = &g->op;
    return query_add_operator(q, &g->op);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pipeline.h"

/*
 * Every batch once for each grouping set: keys that the set leaves out are null, and a column says
 * which set it is. No value is copied: the vectors are the input's.
 */

typedef struct Expand {
    Operator op;
} Expand;

typedef struct ExpandLocal {
    MemArena *arena;
    Vector *columns;
    Vector *nulls; /* one for each key */
    int64_t *ids;  /* of the set, and its position */
} ExpandLocal;

static void expand_local_free(Operator *op, void *local)
{
    ExpandLocal *l = local;
    mem_arena_free(l->arena);
}

static Vector constant(Type type, void *values, uint64_t *valid)
{
    return (Vector){.type = type,
                    .phys = (uint8_t)type_phys(type),
                    .encoding = VEC_CONST,
                    .has_nulls = valid != NULL,
                    .values = values,
                    .valid = valid};
}

static int expand_local_new(Operator *op, Worker *worker, void **ret_local)
{
    const PlanNode *node = op->node;
    MemArena *arena;
    int r = mem_arena_new(op->context->pool, "expand", &arena);
    if (r)
        return r;
    ExpandLocal *l = mem_arena_new_of(arena, ExpandLocal);
    Vector *columns = l ? mem_arena_new_array(arena, Vector, node->n_fields) : NULL;
    Vector *nulls = columns ? mem_arena_new_array(arena, Vector, node->expand.n_keys + 1) : NULL;
    int64_t *ids = nulls ? mem_arena_new_array(arena, int64_t, 2) : NULL;
    void *zero = ids ? mem_arena_zalloc(arena, 64, 64) : NULL;
    if (!zero) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    for (uint32_t i = 0; i < node->expand.n_keys; i++)
        nulls[i] = constant(node->fields[node->expand.keys[i]].type, zero,
                            (uint64_t *)((char *)zero + 32));
    *l = (ExpandLocal){.arena = arena, .columns = columns, .nulls = nulls, .ids = ids};
    *ret_local = l;
    return 0;
}

static int expand_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    const PlanNode *node = op->node;
    ExpandLocal *l = local;
    uint32_t n_input = node->input->n_fields;

    Batch out = *batch;
    out.columns = l->columns;
    out.n_columns = node->n_fields;
    for (uint32_t set = 0; set < node->expand.n_sets; set++) {
        memcpy(l->columns, batch->columns, n_input * sizeof(*l->columns));
        for (uint32_t i = 0; i < node->expand.n_keys; i++)
            if (!(node->expand.sets[set] >> i & 1))
                l->columns[node->expand.keys[i]] = l->nulls[i];
        l->ids[0] = node->expand.ids[set];
        l->ids[1] = set;
        for (uint32_t i = n_input; i < node->n_fields; i++)
            l->columns[i] = constant(TYPE(LONG), &l->ids[i - n_input], NULL);
        int r = op_emit(op, worker, &out);
        if (r)
            return r;
    }
    return 0;
}

static void expand_close(Operator *op)
{
}

static const OperatorClass expand_class = {
    .name = "expand",
    .local_new = expand_local_new,
    .execute = expand_execute,
    .local_free = expand_local_free,
    .close = expand_close,
};

int expand_new(Query *q, const PlanNode *node, Operator *next, Operator **ret)
{
    Expand *e = mem_arena_new_of(q->context.arena, Expand);
    if (!e)
        return mem_arena_error(q->context.arena);
    operator_init(&e->op, &expand_class, q, node, next);
    *ret = &e->op;
    return query_add_operator(q, &e->op);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Generators: explode() and its kin in a select list, in LATERAL VIEW and as table functions. Each
 * is an array of what it makes of one row; PLAN_GENERATE puts out the input's columns and the
 * element, its position if wanted, or the fields of the element.
 */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"

typedef enum GeneratorKind {
    GENERATOR_EXPLODE,
    GENERATOR_POSEXPLODE,
    GENERATOR_INLINE,
    GENERATOR_STACK,
    GENERATOR_JSON_TUPLE,
} GeneratorKind;

typedef struct Generator {
    const char *name;
    uint8_t kind; /* GeneratorKind */
    bool outer;
} Generator;

static const Generator generators[] = {
    {"explode", GENERATOR_EXPLODE, false},       {"explode_outer", GENERATOR_EXPLODE, true},
    {"posexplode", GENERATOR_POSEXPLODE, false}, {"posexplode_outer", GENERATOR_POSEXPLODE, true},
    {"inline", GENERATOR_INLINE, false},         {"inline_outer", GENERATOR_INLINE, true},
    {"stack", GENERATOR_STACK, false},           {"json_tuple", GENERATOR_JSON_TUPLE, false},
};

static const Generator *find_generator(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(generators); i++)
        if (strcmp(generators[i].name, name) == 0)
            return &generators[i];
    return NULL;
}

const char *bind_generator_name_at(size_t i)
{
    return i < ARRAY_SIZE(generators) ? generators[i].name : NULL;
}

bool function_is_generator(const char *name)
{
    return find_generator(name) != NULL;
}

void *bind_misplaced_generator(Binder *b, const Scope *scope, const UExpr *e)
{
    const char *quoted = uexpr_quoted(b, e);
    if (scope->clause && strcmp(scope->clause, "SELECT") == 0) {
        bind_error(b, e->position, e->stop, "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS", "42K0E",
                   "The generator is not supported: nested in expressions %.300s.", quoted);
        query_error_parameters(b->context->error, "expression", quoted, NULL);
        return NULL;
    }
    bind_error(b, e->position, e->stop, "UNSUPPORTED_GENERATOR.OUTSIDE_SELECT", "42K0E",
               "The generator is not supported: outside the SELECT clause, found: %.300s.", quoted);
    query_error_parameters(b->context->error, "plan", quoted, NULL);
    return NULL;
}

/* The generator that a select item is, without its alias; NULL: none. */
static const UExpr *item_generator(const UExpr *e)
{
    if (e && e->kind == UEXPR_ALIAS)
        e = e->args[0];
    return e && e->kind == UEXPR_CALL && function_is_generator(e->name) ? e : NULL;
}

/* ---- what a generator makes ---- */

typedef struct Generated {
    Expr *array;
    bool position, unpack;
    uint32_t n;
    PlanField *fields;
} Generated;

static Expr *bind_stack(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    if (n < 2)
        return bind_wrong_number(b, e, 2, 255);
    if (args[0]->kind != EXPR_LITERAL || args[0]->type.kind != TYPE_INT ||
        args[0]->literal.is_null || args[0]->literal.i < 1)
        return bind_unexpected_input(b, e, 0, "INT", args[0]);
    uint64_t n_rows = (uint64_t)args[0]->literal.i, n_values = n - 1;
    if (n_rows > UNRESOLVED_CHILDREN_MAX)
        return bind_unsupported(b, e->position, e->stop, "stack() of so many rows");
    uint64_t n_columns = (n_values + n_rows - 1) / n_rows;
    TypeField *fields = bind_alloc(b, n_columns, sizeof(*fields));
    Expr **rows = bind_alloc(b, n_rows, sizeof(*rows));
    Expr **cells = bind_alloc(b, n_columns, sizeof(*cells));
    Type record, type;
    if (!fields || !rows || !cells)
        return NULL;
    for (uint64_t c = 0; c < n_columns; c++) {
        Type t = TYPE(NULL);
        for (uint64_t i = c; i < n_values; i += n_columns)
            if (t.kind == TYPE_NULL)
                t = args[1 + i]->type;
            else if (args[1 + i]->type.kind != TYPE_NULL && !type_equal(t, args[1 + i]->type))
                return bind_error(b, e->position, e->stop,
                                  "DATATYPE_MISMATCH.STACK_COLUMN_DIFF_TYPES", "42K09",
                                  "Cannot resolve %.300s due to data type mismatch: The data type "
                                  "of the column (%u) do not have the same type.",
                                  uexpr_quoted(b, e), (unsigned)c);
        char name[24];
        snprintf(name, sizeof(name), "col%u", (unsigned)c);
        fields[c] = (TypeField){mem_arena_strndup(b->arena, name, strlen(name)), t, true};
        if (!fields[c].name)
            return bind_fail(b, mem_arena_error(b->arena));
    }
    if (!bind_struct_type(b, fields, (uint32_t)n_columns, &record) ||
        !bind_array_type(b, record, false, &type))
        return NULL;
    for (uint64_t r = 0; r < n_rows; r++) {
        for (uint64_t c = 0; c < n_columns; c++) {
            uint64_t i = r * n_columns + c;
            cells[c] = i < n_values ? bind_cast_to(b, args[1 + i], fields[c].type)
                                    : bind_check(b, expr_null(b->arena, fields[c].type));
        }
        rows[r] = bind_make_call(b, FN_STRUCT, record, false, cells, (uint32_t)n_columns);
        if (!rows[r])
            return NULL;
    }
    return bind_make_call(b, FN_ARRAY, type, false, rows, (uint32_t)n_rows);
}

static bool bind_generator(Binder *b, const UExpr *e, Expr **args, uint32_t n, bool outer,
                           Generated *ret)
{
    const Generator *g = find_generator(e->name);
    *ret = (Generated){.position = g->kind == GENERATOR_POSEXPLODE};
    outer |= g->outer;
    if (g->kind == GENERATOR_STACK) {
        ret->array = bind_stack(b, e, args, n);
        ret->unpack = true;
    } else if (g->kind == GENERATOR_JSON_TUPLE) {
        ret->array = bind_json_tuple(b, e, args, n);
        ret->unpack = true;
    } else if (n != 1) {
        return bind_wrong_number(b, e, 1, 1), false;
    } else if (g->kind == GENERATOR_INLINE) {
        if (args[0]->type.kind != TYPE_ARRAY || args[0]->type.children[0].type.kind != TYPE_STRUCT)
            return bind_unexpected_input(b, e, 0, "ARRAY<STRUCT>", args[0]), false;
        ret->array = args[0];
        ret->unpack = true;
    } else if (args[0]->type.kind == TYPE_MAP) {
        const TypeField *key = &args[0]->type.children[0], *value = &args[0]->type.children[1];
        TypeField fields[2] = {{"key", key->type, false}, {"value", value->type, value->nullable}};
        Type type;
        if (!bind_struct_type(b, fields, 2, &type) || !bind_array_type(b, type, false, &type))
            return false;
        ret->array = bind_make_call(b, FN_MAP_ENTRIES, type, args[0]->nullable, args, 1);
        ret->unpack = true;
    } else if (args[0]->type.kind == TYPE_ARRAY) {
        ret->array = args[0];
    } else {
        return bind_unexpected_input(b, e, 0, "ARRAY\" or \"MAP", args[0]), false;
    }
    if (!ret->array)
        return false;
    const TypeField *element = &ret->array->type.children[0];
    uint32_t n_columns = ret->unpack ? element->type.n_children : 1, k = 0;
    ret->n = n_columns + ret->position;
    ret->fields = bind_alloc(b, ret->n, sizeof(*ret->fields));
    if (!ret->fields)
        return false;
    if (ret->position)
        ret->fields[k++] = (PlanField){"pos", TYPE(INT), outer};
    for (uint32_t i = 0; i < n_columns; i++) {
        const TypeField *f = ret->unpack ? &element->type.children[i] : element;
        ret->fields[k++] = (PlanField){ret->unpack ? f->name : "col", f->type,
                                       f->nullable || element->nullable || outer};
    }
    return true;
}

/* @input with the generated columns behind its own, under @qualifier. @names: nullable. */
static Bound *generate_over(Binder *b, Bound *input, const UExpr *e, Expr **args, uint32_t n_args,
                            bool outer, const char *qualifier, const char **names)
{
    Generated g;
    uint32_t n_input = input->node->n_fields;
    if (!bind_generator(b, e, args, n_args, outer, &g))
        return NULL;
    PlanNode *node = bind_node(b, PLAN_GENERATE, input->node, n_input + g.n);
    Bound *bound = bind_alloc(b, 1, sizeof(*bound));
    BoundColumn *columns = bind_alloc(b, input->n_columns + g.n, sizeof(*columns));
    if (!node || !bound || !columns)
        return NULL;
    memcpy(node->fields, input->node->fields, n_input * sizeof(*node->fields));
    memcpy(node->fields + n_input, g.fields, g.n * sizeof(*node->fields));
    node->generate.array = g.array;
    node->generate.outer = outer || find_generator(e->name)->outer;
    node->generate.position = g.position;
    node->generate.unpack = g.unpack;
    memcpy(columns, input->columns, input->n_columns * sizeof(*columns));
    for (uint32_t i = 0; i < g.n; i++) {
        if (names)
            node->fields[n_input + i].name = names[i];
        columns[input->n_columns + i] = (BoundColumn){.name = node->fields[n_input + i].name,
                                                      .qualifier = qualifier,
                                                      .attribute = b->next_attribute++,
                                                      .index = n_input + i};
    }
    *bound = (Bound){.node = node, .columns = columns, .n_columns = input->n_columns + g.n};
    return bound;
}

static Expr **bind_arguments(Binder *b, Scope *scope, const UExpr *e)
{
    Expr **args = bind_alloc(b, e->n_args, sizeof(*args));
    for (uint32_t i = 0; args && i < e->n_args; i++) {
        args[i] = bind_expr(b, scope, e->args[i]);
        if (!args[i])
            return NULL;
    }
    return args;
}

/* ---- LATERAL VIEW, table functions ---- */

static bool names_fit(Binder *b, const UExpr *e, uint32_t n_names, uint32_t n)
{
    if (n_names == 0 || n_names == n)
        return true;
    bind_error(b, e->position, e->stop, "UDTF_ALIAS_NUMBER_MISMATCH", "42802",
               "The number of aliases supplied in the AS clause does not match the number of "
               "columns output by the UDTF. Expected %u aliases, but got %u. Please ensure that "
               "the number of aliases provided matches the number of columns output by the UDTF.",
               n, n_names);
    return false;
}

Bound *bind_generate(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    const UExpr *e = rel->condition;
    if (!input)
        return NULL;
    if (!function_is_generator(e->name)) {
        char name[110];
        snprintf(name, sizeof(name), "`%.100s`", e->name);
        if (rel->input->kind != UREL_ONE_ROW) {
            bind_error(b, e->position, e->stop, "ROUTINE_NOT_FOUND", "42883",
                       "The routine %s cannot be found. Verify the spelling and correctness of the "
                       "schema and catalog.",
                       name);
            query_error_parameters(b->context->error, "routineName", name, NULL);
            return NULL;
        }
        bind_error(b, e->position, e->stop, "UNRESOLVABLE_TABLE_VALUED_FUNCTION", "42883",
                   "Could not resolve %s to a table-valued function. Please make sure that %s is "
                   "defined as a table-valued function and that all required parameters are "
                   "provided correctly.",
                   name, name);
        query_error_parameters(b->context->error, "name", name, NULL);
        return NULL;
    }
    Scope scope = {.bound = input, .outer = b->outer, .clause = "LATERAL VIEW"};
    Expr **args = bind_arguments(b, &scope, e);
    Bound *bound =
        args ? generate_over(b, input, e, args, e->n_args, rel->all, rel->name, NULL) : NULL;
    if (!bound)
        return NULL;
    uint32_t n = bound->n_columns - input->n_columns;
    if (!names_fit(b, e, rel->n_names, n))
        return NULL;
    for (uint32_t i = 0; i < rel->n_names; i++)
        bound->columns[input->n_columns + i].name = rel->names[i];
    return bound;
}

/* ---- select lists ---- */

/* The names that the select item gives to @n columns; NULL: their own. */
static bool item_names(Binder *b, const UExpr *item, uint32_t n, const char ***ret)
{
    *ret = NULL;
    if (item->kind != UEXPR_ALIAS)
        return true;
    uint32_t n_names = item->n_parts ? item->n_parts : 1;
    if (!names_fit(b, item, n_names, n))
        return false;
    *ret = item->n_parts ? item->parts : (const char **)&item->name;
    return true;
}

/* Item @at, a generator, goes below the list. */
static SelectItem *place_generator(Binder *b, Bound **input, SelectItem *items, uint32_t at,
                                   uint32_t *n)
{
    const UExpr *item = items[at].expr, *e = item_generator(item);
    Scope scope = {.bound = *input, .outer = b->outer, .clause = "SELECT"};
    Expr **args = bind_arguments(b, &scope, e);
    uint32_t n_before = (*input)->n_columns;
    Bound *bound = args ? generate_over(b, *input, e, args, e->n_args, false, NULL, NULL) : NULL;
    if (!bound)
        return NULL;
    uint32_t n_generated = bound->n_columns - n_before;
    const char **names;
    SelectItem *list = bind_alloc(b, *n + n_generated, sizeof(*list));
    if (!list || !item_names(b, item, n_generated, &names))
        return NULL;
    memcpy(list, items, at * sizeof(*list));
    for (uint32_t i = 0; i < n_generated; i++) {
        BoundColumn *c = &bound->columns[n_before + i];
        list[at + i] = (SelectItem){.column = c, .name = names ? names[i] : c->name};
    }
    memcpy(list + at + n_generated, items + at + 1, (*n - at - 1) * sizeof(*list));
    /* The other items do not see the new columns. */
    bound->n_columns = n_before;
    *n += n_generated - 1;
    *input = bound;
    return list;
}

SelectItem *bind_generator_item(Binder *b, Bound **input, SelectItem *items, uint32_t *n)
{
    /* Several multiply: each over what the one before made. */
    for (uint32_t i = 0; items && i < *n; i++)
        if (item_generator(items[i].expr))
            items = place_generator(b, input, items, i, n);
    return items;
}

/* A select list with a generator over aggregates: first the aggregation with the generator's
 * arguments as columns, then the generator. @made false: there is no generator. */
Bound *bind_generator_over(Binder *b, const URel *rel, bool *ret_made)
{
    uint32_t at = UINT32_MAX, n_args = 0;
    for (uint32_t i = 0; i < rel->n_exprs; i++)
        if (item_generator(rel->exprs[i]))
            at = at == UINT32_MAX ? i : UINT32_MAX - 1;
    *ret_made = at != UINT32_MAX;
    if (!*ret_made)
        return NULL;
    const UExpr *item = at < rel->n_exprs ? rel->exprs[at] : rel->exprs[0];
    if (at >= rel->n_exprs)
        return bind_error(b, item->position, item->stop, "UNSUPPORTED_GENERATOR.MULTI_GENERATOR",
                          "42K0E",
                          "The generator is not supported: only one generator allowed per SELECT "
                          "clause.");
    const UExpr *e = item_generator(item);
    n_args = e->n_args;
    URel inner = *rel;
    inner.n_exprs = rel->n_exprs - 1 + n_args;
    inner.exprs = bind_alloc(b, inner.n_exprs, sizeof(*inner.exprs));
    Expr **args = bind_alloc(b, n_args, sizeof(*args));
    if (!inner.exprs || !args)
        return NULL;
    memcpy(inner.exprs, rel->exprs, at * sizeof(*inner.exprs));
    memcpy(inner.exprs + at, e->args, n_args * sizeof(*inner.exprs));
    memcpy(inner.exprs + at + n_args, rel->exprs + at + 1,
           (rel->n_exprs - at - 1) * sizeof(*inner.exprs));
    Bound *below = bind_relation(b, &inner);
    below = below ? bound_visible(b, below) : NULL;
    if (!below)
        return NULL;
    uint32_t n_groups = rel->with_groups ? rel->n_groups : 0, first = n_groups + at;
    if (below->n_columns != n_groups + inner.n_exprs)
        return bind_unsupported(b, e->position, e->stop, "a generator beside a star over groups");
    for (uint32_t i = 0; i < n_args; i++) {
        const PlanField *f = &below->node->fields[below->columns[first + i].index];
        args[i] = bind_check(
            b, expr_column(b->arena, below->columns[first + i].index, f->type, f->nullable));
    }
    if (b->result != 0)
        return NULL;
    Bound *bound = generate_over(b, below, e, args, n_args, false, NULL, NULL);
    if (!bound)
        return NULL;
    uint32_t n_generated = bound->n_columns - below->n_columns, k = 0;
    uint32_t n = below->n_columns - n_args + n_generated;
    const char **own, **names = bind_alloc(b, n, sizeof(*names));
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    if (!exprs || !names || !item_names(b, item, n_generated, &own))
        return NULL;
    for (uint32_t i = 0; i < below->n_columns + n_generated; i++) {
        /* In the place of the arguments stand the generated columns. */
        uint32_t c = i < first                 ? i
                     : i < first + n_generated ? below->n_columns + i - first
                                               : i - n_generated + n_args;
        if (k == n || c >= below->n_columns + n_generated)
            break;
        const BoundColumn *column = &bound->columns[c];
        const PlanField *f = &bound->node->fields[column->index];
        names[k] = own && i >= first && i < first + n_generated ? own[i - first] : column->name;
        exprs[k++] = bind_check(b, expr_column(b->arena, column->index, f->type, f->nullable));
    }
    if (b->result != 0)
        return NULL;
    return bound_new(b, bind_project_node(b, bound->node, exprs, names, n));
}

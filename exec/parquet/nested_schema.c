/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/nested.h"

#include <string.h>

#include "base/cleanup.h"
#include "exec/vec/nested.h"

/*
 * Groups and repeated fields of a schema to ARRAY, MAP and STRUCT, with the levels at which each is
 * there. Lists in all forms that writers have used; the rules by which old ones are told apart are
 * those of parquet-format, LogicalTypes.md, "Nested Types".
 */

typedef struct NestedBuild {
    ParquetFile *file;
    const SchemaElement *elements;
    uint32_t n, at, leaf;
    const char *column;     /* name of the top-level column */
    const char *unreadable; /* what cannot be read, once something cannot */
} NestedBuild;

static ParquetNode *build(NestedBuild *b, ParquetLevels levels, uint32_t depth);

static ParquetNode *refuse(NestedBuild *b, const char *what)
{
    if (!b->unreadable)
        b->unreadable = what;
    return NULL;
}

static ParquetNode *new_node(NestedBuild *b, ParquetNodeKind kind, ParquetLevels levels,
                             uint32_t n_children)
{
    ParquetNode *node = mem_arena_new_of(b->file->arena, ParquetNode);
    if (!node)
        return refuse(b, "out of memory");
    node->children = mem_arena_new_array(b->file->arena, ParquetNode *, n_children + 1);
    if (!node->children)
        return refuse(b, "out of memory");
    node->kind = (uint8_t)kind;
    node->definition = levels.definition;
    node->repetition = levels.repetition;
    node->n_children = n_children;
    node->first_leaf = b->leaf;
    return node;
}

static char *copy_name(NestedBuild *b, const SchemaElement *e)
{
    return mem_arena_strndup(b->file->arena, (const char *)e->name, e->n_name);
}

static ParquetNode *build_leaf(NestedBuild *b, const SchemaElement *original, ParquetLevels levels)
{
    SchemaElement e = *original;
    ParquetNode *node = new_node(b, PARQUET_NODE_LEAF, levels, 0);
    ParquetColumn *c = mem_arena_new_of(b->file->arena, ParquetColumn);
    if (!node || !c)
        return refuse(b, "out of memory");
    const char *reason = schema_leaf(c, &e);
    if (reason || c->unreadable)
        return refuse(b, reason ? reason : c->unreadable);
    c->name = b->column;
    c->leaf = b->leaf++;
    c->n_leaves = 1;
    node->leaf = c;
    node->type = c->type;
    return node;
}

static void set_children(ParquetNode *node, TypeKind kind, TypeField *fields, uint32_t n)
{
    node->type = (Type){.kind = (uint8_t)kind, .n_children = (uint8_t)n, .children = fields};
}

static ParquetNode *build_struct(NestedBuild *b, const SchemaElement *e, ParquetLevels levels,
                                 uint32_t depth)
{
    if (e->n_children == 0 || e->n_children > UINT8_MAX)
        return refuse(b, "a struct of no or more than 255 fields");
    ParquetNode *node = new_node(b, PARQUET_NODE_STRUCT, levels, e->n_children);
    TypeField *fields = mem_arena_new_array(b->file->arena, TypeField, e->n_children);
    if (!node || !fields)
        return refuse(b, "out of memory");
    for (uint32_t i = 0; i < e->n_children; i++) {
        if (b->at >= b->n)
            return refuse(b, "struct");
        fields[i].name = copy_name(b, &b->elements[b->at]);
        fields[i].nullable = true;
        node->children[i] = build(b, levels, depth + 1);
        if (!node->children[i] || !fields[i].name)
            return refuse(b, "out of memory");
        fields[i].type = node->children[i]->type;
    }
    set_children(node, TYPE_STRUCT, fields, e->n_children);
    return node;
}

/* An array of @element, which is there from level @inner on. */
static ParquetNode *finish_list(NestedBuild *b, ParquetNode *node, ParquetNode *element,
                                ParquetLevels inner)
{
    TypeField *field = mem_arena_new_of(b->file->arena, TypeField);
    if (!field || !element)
        return refuse(b, "out of memory");
    *field = (TypeField){"element", element->type, true};
    node->children[0] = element;
    node->inner_definition = inner.definition;
    node->inner_repetition = inner.repetition;
    set_children(node, TYPE_ARRAY, field, 1);
    return node;
}

static ParquetNode *build_list(NestedBuild *b, const SchemaElement *e, ParquetLevels levels,
                               uint32_t depth);
static ParquetNode *build_map(NestedBuild *b, const SchemaElement *e, ParquetLevels levels,
                              uint32_t depth);

/* What an element is, not asking how often it is there. */
static ParquetNode *build_as(NestedBuild *b, const SchemaElement *e, ParquetLevels levels,
                             uint32_t depth)
{
    return e->physical >= 0    ? build_leaf(b, e, levels)
           : schema_is_list(e) ? build_list(b, e, levels, depth)
           : schema_is_map(e)  ? build_map(b, e, levels, depth)
                               : build_struct(b, e, levels, depth);
}

/* The repeated element at b->at as what is repeated. */
static ParquetNode *build_repeated(NestedBuild *b, ParquetLevels inner, uint32_t depth)
{
    SchemaElement e = b->elements[b->at++];
    if (depth > NESTED_DEPTH_MAX)
        return refuse(b, "a type nested this deep");
    schema_normalise(&e);
    return build_as(b, &e, inner, depth);
}

static bool is_old_list(const SchemaElement *list, const SchemaElement *repeated,
                        const SchemaElement *only)
{
    static const char array[] = "array", tuple[] = "_tuple";
    size_t n = list->n_name, n_tuple = sizeof(tuple) - 1;

    if (repeated->physical >= 0 || repeated->n_children != 1 || only->repetition == 2)
        return true;
    if (repeated->n_name == sizeof(array) - 1 &&
        memcmp(repeated->name, array, sizeof(array) - 1) == 0)
        return true;
    return repeated->n_name == n + n_tuple && memcmp(repeated->name, list->name, n) == 0 &&
           memcmp(repeated->name + n, tuple, n_tuple) == 0;
}

static ParquetNode *build_list(NestedBuild *b, const SchemaElement *e, ParquetLevels levels,
                               uint32_t depth)
{
    if (e->n_children != 1 || b->elements[b->at].repetition != 2)
        return refuse(b, "a list without a repeated field");
    ParquetNode *node = new_node(b, PARQUET_NODE_LIST, levels, 1);
    const SchemaElement *repeated = &b->elements[b->at];
    ParquetLevels inner = {levels.definition + 1, levels.repetition + 1};
    if (!node)
        return NULL;
    if (is_old_list(e, repeated, repeated->physical >= 0 ? repeated : &b->elements[b->at + 1]))
        return finish_list(b, node, build_repeated(b, inner, depth + 1), inner);
    b->at++; /* the group that only repeats */
    return finish_list(b, node, build(b, inner, depth + 2), inner);
}

static ParquetNode *build_map(NestedBuild *b, const SchemaElement *e, ParquetLevels levels,
                              uint32_t depth)
{
    if (e->n_children != 1 || b->at >= b->n || b->elements[b->at].repetition != 2 ||
        b->elements[b->at].physical >= 0 || b->elements[b->at].n_children != 2)
        return refuse(b, "a map without keys and values");
    ParquetNode *node = new_node(b, PARQUET_NODE_MAP, levels, 2);
    TypeField *fields = mem_arena_new_array(b->file->arena, TypeField, 2);
    ParquetLevels inner = {levels.definition + 1, levels.repetition + 1};
    if (!node || !fields)
        return refuse(b, "out of memory");
    b->at++; /* the pairs */
    for (uint32_t i = 0; i < 2; i++) {
        node->children[i] = b->at < b->n ? build(b, inner, depth + 2) : NULL;
        if (!node->children[i])
            return refuse(b, "map");
        fields[i] = (TypeField){i == 0 ? "key" : "value", node->children[i]->type, i == 1};
    }
    if (type_contains(fields[0].type, TYPE_MAP))
        return refuse(b, "a map with maps as keys");
    node->inner_definition = inner.definition;
    node->inner_repetition = inner.repetition;
    set_children(node, TYPE_MAP, fields, 2);
    return node;
}

/* The element at b->at, below @levels. */
static ParquetNode *build(NestedBuild *b, ParquetLevels levels, uint32_t depth)
{
    if (b->unreadable)
        return NULL;
    if (depth > NESTED_DEPTH_MAX)
        return refuse(b, "a type nested this deep");
    SchemaElement e = b->elements[b->at];
    schema_normalise(&e);
    if (e.repetition == 2) {
        /* Repeated without an annotation around it: an array that is never null. */
        ParquetNode *node = new_node(b, PARQUET_NODE_LIST, levels, 1);
        ParquetLevels inner = {levels.definition + 1, levels.repetition + 1};
        return node ? finish_list(b, node, build_repeated(b, inner, depth + 1), inner) : NULL;
    }
    levels.definition += e.repetition == 1;
    b->at++;
    ParquetNode *node = build_as(b, &e, levels, depth);
    if (node)
        node->optional = e.repetition == 1;
    return node;
}

static void count_leaves(ParquetNode *node)
{
    node->n_leaves = node->kind == PARQUET_NODE_LEAF;
    for (uint32_t i = 0; i < node->n_children; i++) {
        count_leaves(node->children[i]);
        node->n_leaves += node->children[i]->n_leaves;
    }
}

void nested_schema_build(ParquetFile *file, ParquetColumn *column, const SchemaElement *elements,
                         uint32_t n_elements, uint32_t at)
{
    NestedBuild b = {
        .file = file, .elements = elements, .n = n_elements, .at = at, .column = column->name};
    ParquetNode *node = build(&b, (ParquetLevels){0}, 0);

    if (node && !type_is_bounded(node->type))
        node = refuse(&b, "a type with this many fields");
    if (!node || b.unreadable) {
        column->unreadable = b.unreadable ? b.unreadable : "a nested type";
        column->type = TYPE(NULL);
        return;
    }
    count_leaves(node);
    column->nested = node;
    column->type = node->type;
    column->unreadable = NULL;
    column->physical = 0;
    column->conversion = PARQUET_AS_IS;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/nested.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/parquet/reader_internal.h"
#include "exec/vec/nested.h"

/*
 * Rows out of the leaves of a nested column. Each leaf is a reader of its own whose pages give
 * levels beside values; they are decoded some thousand at a time. A row is put together from the
 * top: what the first leaf of a part says about the path above it holds for all its leaves.
 */

typedef struct Leaf {
    ParquetReader *reader;
    const ParquetNode *node;
    uint32_t n, at, value; /* levels decoded, the next one, the next value */
    uint32_t *definition, *repetition;
    PageBuffer *older; /* pages of which nothing is left in @reader's values */
} Leaf;

struct NestedReader {
    MemArena *arena; /* lists and leaves */
    MemArena *rows;  /* what the last batch points to */
    Leaf *leaves;
    uint32_t n_leaves;
    VecString *values;
    uint64_t *valid;
    bool building; /* false: rows are only passed */
    QueryError *error;
    ParquetReader *owner;
};

void nested_reader_free(ParquetReader *reader)
{
    NestedReader *n = reader->nested;

    if (!n)
        return;
    for (uint32_t i = 0; i < n->n_leaves; i++) {
        page_buffers_free(reader->pool, &n->leaves[i].older);
        parquet_reader_free(n->leaves[i].reader);
    }
    mem_arena_free(n->rows);
    mem_arena_free(n->arena); /* @n itself lies in it */
    reader->nested = NULL;
}

static const ParquetNode *find_leaf(const ParquetNode *node, uint32_t leaf)
{
    while (node->kind != PARQUET_NODE_LEAF) {
        uint32_t i = 0;
        while (i + 1 < node->n_children && node->children[i + 1]->first_leaf <= leaf)
            i++;
        node = node->children[i];
    }
    return node;
}

static int open_leaf(ParquetReader *reader, Leaf *leaf, const ParquetNode *node,
                     const ParquetChunk *chunk, const uint8_t *bytes, QueryError *error)
{
    MemArena *arena = reader->nested->arena;
    int r;

    leaf->node = node;
    leaf->definition = mem_arena_new_array(arena, uint32_t, VEC_ROWS_MAX + 16);
    leaf->repetition = mem_arena_new_array(arena, uint32_t, VEC_ROWS_MAX + 16);
    if (!leaf->definition || !leaf->repetition)
        return mem_arena_error(arena);
    r = parquet_reader_new(reader->pool, &leaf->reader);
    if (r != 0)
        return r;
    if (chunk->n_values > 0 && chunk->physical != node->leaf->physical)
        return reader_bad(reader, error, "a column chunk has another type than the schema says");
    leaf->reader->max_definition = node->definition;
    leaf->reader->max_repetition = node->repetition;
    leaf->reader->is_leaf = true;
    return reader_open_chunk(leaf->reader, reader->file, node->leaf, chunk, bytes, error);
}

int nested_reader_open(ParquetReader *reader, uint32_t row_group, const uint8_t *bytes,
                       QueryError *error)
{
    const ParquetColumn *column = reader->column;
    const ParquetRowGroup *group = &reader->file->row_groups[row_group];
    MemArena *arena;
    int r = mem_arena_new(reader->pool, "Parquet reader", &arena);

    if (r != 0)
        return r;
    NestedReader *n = mem_arena_new_of(arena, NestedReader);
    if (!n) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    reader->nested = n;
    n->arena = arena;
    n->owner = reader;
    n->leaves = mem_arena_new_array(arena, Leaf, column->n_leaves);
    n->values = mem_arena_new_array(arena, VecString, VEC_ROWS_MAX);
    n->valid = mem_arena_new_array(arena, uint64_t, VEC_VALID_WORDS);
    if (!n->leaves || !n->values || !n->valid)
        return mem_arena_error(arena);
    r = mem_arena_new(reader->pool, "Parquet reader", &n->rows);
    for (uint32_t i = 0; r == 0 && i < column->n_leaves; i++) {
        const ParquetChunk *chunk = &group->chunks[column->leaf + i];
        n->n_leaves = i + 1;
        r = open_leaf(reader, &n->leaves[i], find_leaf(column->nested, i), chunk,
                      bytes + (chunk->n_values ? chunk->offset - reader->chunk->offset : 0), error);
    }
    return r;
}

/* --- levels and values of one leaf ------------------------------------------------------------ */

static int read_levels(const ParquetReader *r, RleReader *levels, uint32_t max, uint32_t n,
                       uint32_t *dst, QueryError *error)
{
    uint32_t found = 0;

    if (max == 0) {
        memset(dst, 0, n * sizeof(*dst));
        return 0;
    }
    if (!rle_read(levels, n, dst, &found))
        return reader_bad(r, error, "a page's levels are cut short");
    return found > max ? reader_bad(r, error, "a level is too high") : 0;
}

/* More levels and their values. Return: 0 with leaf->at < leaf->n, or an error. */
static int refill(Leaf *leaf, QueryError *error)
{
    ParquetReader *r = leaf->reader;
    int result = 0;

    while (r->retired) {
        PageBuffer *page = r->retired;
        r->retired = page->next;
        page->next = leaf->older;
        leaf->older = page;
    }
    while (result == 0 && r->page_left == 0) {
        PageHeader header;
        result = page_find(r, &header, error);
        if (result == 0)
            result = page_start(r, &header, error);
    }
    if (result != 0)
        return result;
    uint32_t n = (uint32_t)MIN(r->page_left, (uint64_t)VEC_ROWS_MAX), n_values = 0;
    result = read_levels(r, &r->repetition, r->max_repetition, n, leaf->repetition, error);
    if (result == 0)
        result = read_levels(r, &r->levels.rle, r->max_definition, n, leaf->definition, error);
    if (result != 0)
        return result;
    for (uint32_t i = 0; i < n; i++)
        n_values += leaf->definition[i] == r->max_definition;
    r->page_left -= n;
    leaf->n = n;
    leaf->at = leaf->value = 0;
    return values_decode(r, n_values, r->out_values, NULL, 0, 0, error);
}

static int ensure(NestedReader *n, uint32_t leaf)
{
    Leaf *l = &n->leaves[leaf];
    return l->at < l->n ? 0 : refill(l, n->error);
}

/* --- rows ------------------------------------------------------------------------------------- */

static int read_node(NestedReader *n, const ParquetNode *node, NestedItem *ret);

/* One level of every leaf below @node: nothing is there. */
static int pass_node(NestedReader *n, const ParquetNode *node)
{
    for (uint32_t i = 0; i < node->n_leaves; i++) {
        Leaf *l = &n->leaves[node->first_leaf + i];
        int r = ensure(n, node->first_leaf + i);
        if (r != 0)
            return r;
        if (l->definition[l->at] >= node->definition + (node->kind != PARQUET_NODE_STRUCT &&
                                                        node->kind != PARQUET_NODE_LEAF))
            return reader_bad(n->owner, n->error, "the levels of its parts contradict each other");
        l->at++;
    }
    return 0;
}

static int read_leaf(NestedReader *n, const ParquetNode *node, NestedItem *ret)
{
    Leaf *l = &n->leaves[node->first_leaf];
    int r = ensure(n, node->first_leaf);

    if (r != 0)
        return r;
    ret->is_null = l->definition[l->at++] < node->definition;
    if (!ret->is_null) {
        memcpy(&ret->value, l->reader->out_values + (size_t)l->value * l->reader->n_phys,
               l->reader->n_phys);
        l->value++;
    }
    return 0;
}

static int read_struct(NestedReader *n, const ParquetNode *node, NestedItem *ret)
{
    NestedItem *fields = mem_arena_alloc(n->rows, sizeof(*fields) * (node->n_children + 1ull), 16);
    if (!fields)
        return mem_arena_error(n->rows);
    for (uint32_t i = 0; i < node->n_children; i++) {
        int r = read_node(n, node->children[i], &fields[i]);
        if (r != 0)
            return r;
    }
    return n->building ? nested_record(n->rows, node->type, fields, &ret->value.s) : 0;
}

typedef struct Items {
    NestedItem *items;
    uint32_t n, capacity;
} Items;

static int add_item(NestedReader *n, const ParquetNode *node, Items *list)
{
    if (list->n == list->capacity) {
        if (list->n >= NESTED_COUNT_MAX)
            return -EMSGSIZE;
        uint32_t capacity = list->capacity ? list->capacity * 2 : 8;
        NestedItem *grown = mem_arena_alloc(n->rows, sizeof(*grown) * (size_t)capacity, 16);
        if (!grown)
            return mem_arena_error(n->rows);
        if (list->n > 0)
            memcpy(grown, list->items, sizeof(*grown) * list->n);
        list->items = grown;
        list->capacity = capacity;
    }
    NestedItem *item = &list->items[n->building ? list->n++ : 0];
    *item = (NestedItem){0};
    return read_node(n, node, item);
}

static int finish_map(NestedReader *n, const ParquetNode *node, const Items *lists, NestedItem *ret)
{
    VecString halves[2];
    for (uint32_t i = 0; i < lists[0].n; i++)
        if (lists[0].items[i].is_null)
            return reader_bad(n->owner, n->error, "a map has a key that is null");
    for (uint32_t i = 0; i < 2; i++) {
        int r = nested_array(n->rows, node->type.children[i].type, lists[i].items, lists[i].n,
                             &halves[i]);
        if (r != 0)
            return r;
    }
    return nested_map_of(n->rows, &halves[0], &halves[1], &ret->value.s);
}

static int read_entries(NestedReader *n, const ParquetNode *node, NestedItem *ret)
{
    Items lists[2] = {{0}};
    Leaf *first = &n->leaves[node->first_leaf];
    int r;

    if (first->definition[first->at] < node->inner_definition) {
        r = pass_node(n, node);
    } else {
        do {
            for (uint32_t i = 0; i < node->n_children; i++) {
                r = add_item(n, node->children[i], &lists[i]);
                if (r != 0)
                    return r;
            }
            /* The end of the chunk ends the list. */
            if (first->at == first->n && first->reader->page_left == 0 &&
                first->reader->rows_left == 0)
                break;
            r = ensure(n, node->first_leaf);
            if (r != 0)
                return r;
        } while (first->repetition[first->at] == node->inner_repetition);
    }
    if (r != 0 || !n->building)
        return r;
    if (node->kind == PARQUET_NODE_MAP)
        return finish_map(n, node, lists, ret);
    return nested_array(n->rows, node->type.children[0].type, lists[0].items, lists[0].n,
                        &ret->value.s);
}

static int read_node(NestedReader *n, const ParquetNode *node, NestedItem *ret)
{
    const Leaf *first = &n->leaves[node->first_leaf];
    int r;

    *ret = (NestedItem){0};
    if (node->kind == PARQUET_NODE_LEAF)
        return read_leaf(n, node, ret);
    r = ensure(n, node->first_leaf);
    if (r != 0)
        return r;
    if (first->definition[first->at] < node->definition) {
        ret->is_null = true;
        return pass_node(n, node);
    }
    return node->kind == PARQUET_NODE_STRUCT ? read_struct(n, node, ret)
                                             : read_entries(n, node, ret);
}

static int read_row(NestedReader *n, bool building, NestedItem *ret)
{
    for (uint32_t i = 0; i < n->n_leaves; i++) {
        Leaf *l = &n->leaves[i];
        int r = ensure(n, i);
        if (r != 0)
            return r;
        if (l->repetition[l->at] != 0)
            return reader_bad(n->owner, n->error, "a row does not begin where it should");
    }
    n->building = building;
    return read_node(n, n->owner->column->nested, ret);
}

int nested_reader_next(ParquetReader *reader, uint32_t n_rows, const uint16_t *sel, uint32_t n_sel,
                       Vector *ret_out, QueryError *error)
{
    NestedReader *n = reader->nested;
    bool has_nulls = false;
    uint32_t at = 0;
    int r = 0;

    n->error = error;
    mem_arena_reset(n->rows);
    for (uint32_t i = 0; i < n->n_leaves; i++)
        page_buffers_free(reader->pool, &n->leaves[i].older);
    for (uint64_t skipped = 0; r == 0 && reader->skip > 0; reader->skip--) {
        NestedItem ignored;
        r = read_row(n, false, &ignored);
        if ((++skipped & 1023) == 0)
            mem_arena_reset(n->rows);
    }
    memset(n->valid, 0xff, VEC_VALID_WORDS * sizeof(uint64_t));
    for (uint32_t i = 0; r == 0 && i < n_rows; i++) {
        NestedItem item;
        bool wanted = !sel || (at < n_sel && sel[at] == i);
        at += wanted;
        r = read_row(n, wanted, &item);
        if (r != 0)
            break;
        n->values[i] = wanted && !item.is_null ? item.value.s : (VecString){0};
        if (item.is_null || !wanted) {
            vec_bit_clear(n->valid, i);
            has_nulls = true;
        }
    }
    n->error = NULL;
    if (r == -EMSGSIZE)
        return reader_bad(reader, error, "a value is larger than 2 GiB");
    *ret_out = (Vector){
        .type = reader->column->type,
        .phys = PHYS_STRING,
        .encoding = VEC_FLAT,
        .has_nulls = has_nulls,
        .valid = has_nulls ? n->valid : NULL,
        .values = n->values,
    };
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "exec/write/parquet_footer.h"

/*
 * Rows into column chunks. Columns without nesting go value by value from the vector into their
 * leaf; nested values are taken apart by a walk over their type, with repetition and definition
 * levels as in the Dremel paper (Melnik et al., VLDB 2010).
 */

struct FormatFile {
    ParquetOut out;
};

/* ---- the shape of the columns ---- */

static uint32_t count_leaves(Type type)
{
    if (!type_is_nested(type))
        return 1;
    uint32_t n = 0;
    for (uint32_t i = 0; i < type.n_children; i++)
        n += count_leaves(type.children[i].type);
    return n;
}

/* Names on the way to a leaf. */
typedef struct Path {
    const char *names[3 * NESTED_DEPTH_MAX + 3];
    uint8_t n;
} Path;

static int make_leaf(ParquetOut *p, Type type, uint8_t def, uint8_t rep, const Path *path)
{
    size_t n = 0;
    for (uint8_t i = 0; i < path->n; i++)
        n += strlen(path->names[i]) + 1;
    char *text = mem_arena_alloc(p->arena, n, 1), *at = text;
    if (!text)
        return mem_arena_error(p->arena);
    for (uint8_t i = 0; i < path->n; i++) {
        size_t k = strlen(path->names[i]) + 1;
        memcpy(at, path->names[i], k);
        at += k;
    }
    p->paths[p->n_leaves] = text;
    p->n_path[p->n_leaves] = path->n;
    leaf_init(&p->leaves[p->n_leaves++], p->pool, type, def, rep, p->spec->codec, &p->compressor,
              &p->body, &p->packed);
    return 0;
}

static int make_node(ParquetOut *p, WriteNode *node, const char *name, Type type, bool nullable,
                     uint8_t def, uint8_t rep, Path *path)
{
    uint8_t n_path = path->n;
    *node = (WriteNode){.type = type,
                        .nullable = nullable,
                        .def = def,
                        .rep = rep,
                        .n_children = type.n_children,
                        .leaf = p->n_leaves};
    path->names[path->n++] = name;
    def += nullable;
    int r = 0;
    if (!type_is_nested(type)) {
        r = make_leaf(p, type, def, rep, path);
    } else {
        if (type.kind != TYPE_STRUCT) {
            path->names[path->n++] = type.kind == TYPE_ARRAY ? "list" : "key_value";
            def++;
            rep++;
        }
        node->children = mem_arena_new_array(p->arena, WriteNode, type.n_children);
        if (!node->children)
            return mem_arena_error(p->arena);
        for (uint32_t i = 0; r == 0 && i < type.n_children; i++) {
            const TypeField *f = &type.children[i];
            const char *child = type.kind == TYPE_ARRAY    ? "element"
                                : type.kind == TYPE_STRUCT ? f->name
                                : i == 0                   ? "key"
                                                           : "value";
            r = make_node(p, &node->children[i], child, f->type,
                          f->nullable && !(type.kind == TYPE_MAP && i == 0), def, rep, path);
        }
    }
    node->n_leaves = p->n_leaves - node->leaf;
    path->n = n_path;
    return r;
}

static int make_columns(ParquetOut *p)
{
    const WriteSpec *spec = p->spec;
    uint32_t n = 0;
    Path path = {.n = 0};
    for (uint32_t i = 0; i < spec->n_fields; i++)
        n += count_leaves(spec->fields[i].type);
    p->columns = mem_arena_new_array(p->arena, WriteNode, spec->n_fields + 1);
    p->leaves = mem_arena_new_array(p->arena, Leaf, n + 1);
    p->paths = mem_arena_new_array(p->arena, const char *, n + 1);
    p->n_path = mem_arena_new_array(p->arena, uint8_t, n + 1);
    if (!p->columns || !p->leaves || !p->paths || !p->n_path)
        return mem_arena_error(p->arena);
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < spec->n_fields; i++)
        r = make_node(p, &p->columns[i], spec->fields[i].name, spec->fields[i].type,
                      spec->fields[i].nullable, 0, 0, &path);
    return r;
}

/* ---- rows ---- */

static int add_null(ParquetOut *p, const WriteNode *node, uint8_t rep, uint8_t def)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < node->n_leaves; i++)
        r = leaf_add_null(&p->leaves[node->leaf + i], rep, def);
    return r;
}

static int add_item(ParquetOut *p, const WriteNode *node, const NestedItem *item, uint8_t rep);

/* An array's elements, or a map's keys, or its values; the first one continues @rep. */
static int add_elements(ParquetOut *p, const WriteNode *node, const WriteNode *child,
                        const VecString *array, uint8_t rep)
{
    uint32_t n = nested_count(array);
    if (n == 0)
        return add_null(p, child, rep, (uint8_t)(node->def + node->nullable));
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        NestedItem item;
        nested_element(child->type, array, i, &item);
        r = add_item(p, child, &item, i == 0 ? rep : child->rep);
    }
    return r;
}

static int add_map(ParquetOut *p, const WriteNode *node, const VecString *map, uint8_t rep)
{
    VecString keys, values;
    nested_map(map, &keys, &values);
    int r = add_elements(p, node, &node->children[0], &keys, rep);
    return r ? r : add_elements(p, node, &node->children[1], &values, rep);
}

static int add_item(ParquetOut *p, const WriteNode *node, const NestedItem *item, uint8_t rep)
{
    int r = 0;
    if (item->is_null) /* -EBADMSG: the plan has promised that there is none */
        return node->nullable ? add_null(p, node, rep, node->def) : -EBADMSG;
    switch (node->type.kind) {
    case TYPE_ARRAY:
        return add_elements(p, node, &node->children[0], &item->value.s, rep);
    case TYPE_MAP:
        return add_map(p, node, &item->value.s, rep);
    case TYPE_STRUCT:
        for (uint32_t i = 0; r == 0 && i < node->n_children; i++) {
            NestedItem field;
            nested_field(node->type, &item->value.s, i, &field);
            r = add_item(p, &node->children[i], &field, rep);
        }
        return r;
    default:
        return leaf_add_value(&p->leaves[node->leaf], rep, &item->value);
    }
}

static int add_column(ParquetOut *p, const WriteNode *node, const Vector *v, const uint16_t *rows,
                      uint32_t n)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        NestedItem item;
        nested_load(v, rows[i], &item);
        for (uint32_t k = 0; r == 0 && k < node->n_leaves; k++)
            r = leaf_begin_row(&p->leaves[node->leaf + k]);
        if (r == 0)
            r = add_item(p, node, &item, 0);
    }
    return r;
}

/* ---- row groups ---- */

static int write_chunk(ParquetOut *p, Leaf *leaf)
{
    ChunkMeta c = {.begin = p->out->end};
    const LeafPage *pages = (const LeafPage *)(const void *)leaf->page_list.data;
    uint64_t n_dictionary = 0;
    int r = 0;
    c.has_dictionary = leaf->n_dictionary_pages > 0;
    if (c.has_dictionary) {
        Bytes page;
        bytes_init(&page, p->pool);
        r = leaf_dictionary_page(leaf, &page, &n_dictionary);
        if (r == 0)
            r = output_write(p->out, page.data, page.n);
        bytes_done(&page);
    }
    c.data_offset = p->out->end;
    if (r == 0)
        r = output_write(p->out, leaf->pages.data, leaf->pages.n);
    if (r == 0)
        r = footer_add_index(p, leaf, c.data_offset, &c);
    for (size_t i = 0; r == 0 && i < leaf->page_list.n / sizeof(*pages); i++)
        bounds_merge(leaf, &c.bounds, &pages[i].bounds);
    c.n_bytes = p->out->end - c.begin;
    c.n_uncompressed = leaf->n_uncompressed + n_dictionary;
    c.n_values = leaf->n_values;
    c.n_nulls = leaf->n_nulls_done;
    c.n_dictionary_pages = leaf->n_dictionary_pages;
    c.n_plain_pages = leaf->n_plain_pages;
    if (r == 0)
        r = bytes_add(&p->chunks, &c, sizeof(c));
    return r;
}

static int write_group(ParquetOut *p)
{
    GroupMeta group = {.n_rows = p->n_group_rows, .begin = p->out->end};
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < p->n_leaves; i++)
        r = leaf_finish_page(&p->leaves[i]);
    for (uint32_t i = 0; r == 0 && i < p->n_leaves; i++)
        r = write_chunk(p, &p->leaves[i]);
    if (r == 0)
        r = bytes_add(&p->groups, &group, sizeof(group));
    return r;
}

static int parquet_flush(FormatFile *file)
{
    ParquetOut *p = &file->out;
    if (p->failed || p->n_group_rows == 0)
        return p->failed;
    p->failed = write_group(p);
    if (p->failed)
        return p->failed;
    for (uint32_t i = 0; i < p->n_leaves; i++)
        leaf_reset(&p->leaves[i]);
    p->n_rows += p->n_group_rows;
    p->n_group_rows = 0;
    return 0;
}

static uint64_t parquet_bytes(const FormatFile *file)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < file->out.n_leaves; i++)
        n += leaf_bytes(&file->out.leaves[i]);
    return n;
}

#define ROWS_PER_STEP 512u /* rows between two looks at the size of the row group */

static int parquet_add(FormatFile *file, const Batch *batch, const uint16_t *rows, uint32_t n,
                       QueryError *error)
{
    ParquetOut *p = &file->out;
    for (uint32_t at = 0; p->failed == 0 && at < n; at += ROWS_PER_STEP) {
        uint32_t step = MIN(n - at, ROWS_PER_STEP);
        int r = 0;
        for (uint32_t c = 0; r == 0 && c < p->spec->n_fields; c++)
            r = add_column(p, &p->columns[c], &batch->columns[c], rows + at, step);
        p->failed = r;
        if (r == -EMSGSIZE)
            return query_error_set(error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                                   "The feature is not supported: Parquet values of more than "
                                   "64 MiB, or rows of more than 128 MiB in one column.");
        if (r == -EBADMSG)
            return query_error_set(error, DATA_ERROR_RUNTIME, "INTERNAL_ERROR", "XX000",
                                   "A null in a column of which the plan says that it has none.");
        if (r != 0)
            return r;
        p->n_group_rows += step;
        if (parquet_bytes(file) >= p->group_bytes && (r = parquet_flush(file)) != 0)
            return r;
    }
    return p->failed;
}

/* ---- the file ---- */

static void parquet_free(FormatFile *file)
{
    ParquetOut *p = &file->out;
    for (uint32_t i = 0; i < p->n_leaves; i++)
        leaf_done(&p->leaves[i]);
    bytes_done(&p->body);
    bytes_done(&p->packed);
    bytes_done(&p->groups);
    bytes_done(&p->chunks);
    bytes_done(&p->indexes);
    compressor_done(&p->compressor);
    mem_arena_free(p->arena);
}

static int parquet_open(const WriteSpec *spec, MemPool *pool, Output *out, uint64_t bytes_max,
                        FormatFile **ret_file)
{
    MemArena *arena;
    int r = mem_arena_new(pool, "write", &arena);
    if (r != 0)
        return r;
    FormatFile *file = mem_arena_new_of(arena, FormatFile);
    if (!file) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    ParquetOut *p = &file->out;
    *p = (ParquetOut){.spec = spec,
                      .pool = pool,
                      .arena = arena,
                      .out = out,
                      .group_bytes = MIN(spec->row_group_bytes, bytes_max)};
    Bytes *const all[] = {&p->body, &p->packed, &p->groups, &p->chunks, &p->indexes};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        bytes_init(all[i], pool);
    r = compressor_init(&p->compressor, pool, spec->codec);
    if (r == 0)
        r = make_columns(p);
    if (r == 0)
        r = output_write(out, "PAR1", 4);
    if (r != 0) {
        parquet_free(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

static int parquet_finish(FormatFile *file)
{
    int r = parquet_flush(file);
    return r ? r : footer_write(&file->out);
}

const WriteFormat write_parquet = {
    .name = "parquet",
    .title = "Parquet",
    .extension = ".parquet",
    .open = parquet_open,
    .add = parquet_add,
    .flush = parquet_flush,
    .finish = parquet_finish,
    .bytes = parquet_bytes,
    .free = parquet_free,
};

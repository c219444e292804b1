/* SPDX-License-Identifier: Apache-2.0 */

/* Forms in which lists and maps have been written: their types, and the levels of their parts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "exec/parquet/nested.h"

enum { REQUIRED, OPTIONAL, REPEATED };
enum { NONE = -1, MAP = 1, MAP_KEY_VALUE = 2, LIST = 3 };

#define GROUP(n, repeats, kind, children)                                                          \
    {                                                                                              \
        .name = (const uint8_t *)(n), .n_name = sizeof(n) - 1, .physical = -1,                     \
        .repetition = (repeats), .converted = (kind), .n_children = (children)                     \
    }
#define INT(n, repeats)                                                                            \
    {                                                                                              \
        .name = (const uint8_t *)(n), .n_name = sizeof(n) - 1, .physical = PARQUET_INT32,          \
        .repetition = (repeats), .converted = NONE                                                 \
    }

typedef struct Case {
    const char *type; /* or what makes it unreadable, behind a ! */
    /* Of the last leaf. */
    uint32_t definition, repetition;
    uint32_t n;
    SchemaElement elements[8];
} Case;

static const Case cases[] = {
    /* three levels */
    {"array<int>",
     3,
     1,
     3,
     {GROUP("a", OPTIONAL, LIST, 1), GROUP("list", REPEATED, NONE, 1), INT("element", OPTIONAL)}},
    {"array<int>",
     1,
     1,
     3,
     {GROUP("a", REQUIRED, LIST, 1), GROUP("bag", REPEATED, NONE, 1), INT("x", REQUIRED)}},
    /* two levels: the repeated field is the element */
    {"array<int>", 2, 1, 2, {GROUP("a", OPTIONAL, LIST, 1), INT("element", REPEATED)}},
    {"array<struct<x:int,y:int>>",
     3,
     1,
     4,
     {GROUP("a", OPTIONAL, LIST, 1), GROUP("element", REPEATED, NONE, 2), INT("x", REQUIRED),
      INT("y", OPTIONAL)}},
    {"array<struct<x:int>>",
     2,
     1,
     3,
     {GROUP("a", OPTIONAL, LIST, 1), GROUP("array", REPEATED, NONE, 1), INT("x", REQUIRED)}},
    {"array<struct<x:int>>",
     2,
     1,
     3,
     {GROUP("a", OPTIONAL, LIST, 1), GROUP("a_tuple", REPEATED, NONE, 1), INT("x", REQUIRED)}},
    {"array<array<int>>",
     3,
     2,
     3,
     {GROUP("a", OPTIONAL, LIST, 1), GROUP("array", REPEATED, LIST, 1), INT("array", REPEATED)}},
    /* repeated without an annotation */
    {"array<int>", 1, 1, 1, {INT("a", REPEATED)}},
    {"array<struct<x:int>>", 2, 1, 2, {GROUP("a", REPEATED, NONE, 1), INT("x", OPTIONAL)}},
    {"struct<x:array<int>>", 2, 1, 2, {GROUP("a", OPTIONAL, NONE, 1), INT("x", REPEATED)}},
    /* maps */
    {"map<int,int>",
     3,
     1,
     4,
     {GROUP("a", OPTIONAL, MAP, 1), GROUP("key_value", REPEATED, NONE, 2), INT("key", REQUIRED),
      INT("value", OPTIONAL)}},
    {"map<int,int>",
     2,
     1,
     4,
     {GROUP("a", OPTIONAL, MAP_KEY_VALUE, 1), GROUP("map", REPEATED, MAP_KEY_VALUE, 2),
      INT("k", REQUIRED), INT("v", REQUIRED)}},
    {"map<int,array<int>>",
     5,
     2,
     6,
     {GROUP("a", OPTIONAL, MAP, 1), GROUP("key_value", REPEATED, NONE, 2), INT("key", REQUIRED),
      GROUP("value", OPTIONAL, LIST, 1), GROUP("list", REPEATED, NONE, 1),
      INT("element", OPTIONAL)}},
    /* what is none of them */
    {"!a list without a repeated field",
     0,
     0,
     2,
     {GROUP("a", OPTIONAL, LIST, 1), INT("x", OPTIONAL)}},
    {"!a map without keys and values",
     0,
     0,
     3,
     {GROUP("a", OPTIONAL, MAP, 1), GROUP("key_value", REPEATED, NONE, 1), INT("key", REQUIRED)}},
};

static void test_forms(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const Case *c = &cases[i];
        SchemaElement elements[9] = {{.physical = -1, .converted = NONE, .n_children = 1}};
        ParquetFile file = {0};
        MemPool *pool;
        char type[128];
        memcpy(elements + 1, c->elements, c->n * sizeof(*elements));
        assert_int_equal(mem_pool_new(UINT64_C(1) << 26, NULL, NULL, &pool), 0);
        assert_int_equal(mem_arena_new(pool, "test", &file.arena), 0);
        assert_null(schema_build(&file, elements, c->n + 1));
        const ParquetColumn *column = &file.columns[0];
        if (c->type[0] == '!') {
            assert_non_null(column->unreadable);
            assert_string_equal(column->unreadable, c->type + 1);
        } else {
            assert_null(column->unreadable);
            assert_string_equal(type_format(column->type, type, sizeof(type)), c->type);
            const ParquetNode *node = column->nested;
            while (node->kind != PARQUET_NODE_LEAF)
                node = node->children[node->n_children - 1];
            assert_int_equal(node->definition, c->definition);
            assert_int_equal(node->repetition, c->repetition);
            assert_int_equal(node->leaf->leaf + 1, column->n_leaves);
        }
        mem_arena_free(file.arena);
        mem_pool_free(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

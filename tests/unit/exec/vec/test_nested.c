/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "exec/vec/nested.h"
#include "exec/vec/ops.h"

static MemPool *pool;
static MemArena *arena;

static int setup(void **state)
{
    assert_int_equal(mem_pool_new(UINT64_C(256) << 20, NULL, NULL, &pool), 0);
    assert_int_equal(mem_arena_new(pool, "test", &arena), 0);
    return 0;
}

static int teardown(void **state)
{
    mem_arena_free(arena);
    mem_pool_free(pool);
    return 0;
}

static uint64_t seed = 42;

static uint32_t random_below(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static Type child_type(uint8_t kind, const TypeField *fields, uint8_t n)
{
    return (Type){.kind = kind, .n_children = n, .children = fields};
}

/* A type of at most @depth levels around a leaf. */
static Type random_type(uint32_t depth)
{
    static const Type leaves[] = {TYPE(NULL),
                                  TYPE(BOOLEAN),
                                  TYPE(BYTE),
                                  TYPE(SHORT),
                                  TYPE(INT),
                                  TYPE(LONG),
                                  TYPE(FLOAT),
                                  TYPE(DOUBLE),
                                  TYPE_DECIMAL_OF(9, 2),
                                  TYPE_DECIMAL_OF(38, 6),
                                  TYPE(STRING),
                                  TYPE(BINARY),
                                  TYPE(TIMESTAMP),
                                  TYPE(DATE)};
    uint32_t shape = depth == 0 ? 0 : random_below(4);
    if (shape == 0)
        return leaves[random_below(ARRAY_SIZE(leaves))];
    uint32_t n = shape == 1 ? 1 : shape == 2 ? 2 : random_below(10);
    TypeField *fields = mem_arena_new_array(arena, TypeField, n + 1);
    for (uint32_t i = 0; i < n; i++)
        fields[i] = (TypeField){"f", random_type(depth - 1), true};
    return child_type(shape == 1   ? TYPE_ARRAY
                      : shape == 2 ? TYPE_MAP
                                   : TYPE_STRUCT,
                      fields, (uint8_t)n);
}

static NestedItem random_item(Type type, bool nullable);

static VecString random_array(Type element, uint32_t n, bool nullable)
{
    NestedItem *items = mem_arena_alloc(arena, sizeof(*items) * (n + 1), 16);
    VecString s;
    for (uint32_t i = 0; i < n; i++)
        items[i] = random_item(element, nullable);
    assert_int_equal(nested_array(arena, element, items, n, &s), 0);
    assert_int_equal(nested_count(&s), n);
    for (uint32_t i = 0; i < n; i++) {
        NestedItem back;
        nested_element(element, &s, i, &back);
        assert_int_equal(back.is_null, items[i].is_null);
        assert_int_equal(nested_compare_items(element, &back, &items[i]), 0);
    }
    return s;
}

static NestedItem random_item(Type type, bool nullable)
{
    NestedItem item = {.is_null = nullable && (type.kind == TYPE_NULL || random_below(5) == 0)};
    if (item.is_null)
        return item;
    uint32_t n = random_below(4);
    switch (type.kind) {
    case TYPE_ARRAY:
        item.value.s = random_array(type.children[0].type, n, true);
        break;
    case TYPE_MAP: {
        VecString keys = random_array(type.children[0].type, n ? 1 : 0, false);
        VecString values = random_array(type.children[1].type, n ? 1 : 0, true);
        assert_int_equal(nested_map_of(arena, &keys, &values, &item.value.s), 0);
        break;
    }
    case TYPE_STRUCT: {
        NestedItem *fields = mem_arena_alloc(arena, sizeof(*fields) * (type.n_children + 1u), 16);
        for (uint32_t i = 0; i < type.n_children; i++)
            fields[i] = random_item(type.children[i].type, true);
        assert_int_equal(nested_record(arena, type, fields, &item.value.s), 0);
        for (uint32_t i = 0; i < type.n_children; i++) {
            NestedItem back;
            nested_field(type, &item.value.s, i, &back);
            assert_int_equal(nested_compare_items(type.children[i].type, &back, &fields[i]), 0);
        }
        break;
    }
    case TYPE_STRING:
    case TYPE_BINARY: {
        char *text = mem_arena_zalloc(arena, 32, 1);
        uint32_t length = random_below(24);
        for (uint32_t i = 0; i < length; i++)
            text[i] = "\0\377ab"[random_below(4)];
        item.value.s = vec_string(text, length);
        break;
    }
    case TYPE_BOOLEAN:
    case TYPE_NULL:
        item.value.b = (uint8_t)random_below(2);
        break;
    case TYPE_FLOAT: {
        static const float values[] = {0.0f, -0.0f, 1.5f, -2.0f, NAN, INFINITY};
        item.value.f32 = values[random_below(6)];
        break;
    }
    case TYPE_DOUBLE: {
        static const double values[] = {0.0, -0.0, 1.5, -2.0, NAN, -INFINITY};
        item.value.f64 = values[random_below(6)];
        break;
    }
    default:
        if (type_phys(type) == PHYS_I128)
            item.value.i128 = ((int)random_below(7) - 3) * ((__int128)1 << random_below(100));
        else
            item.value.i64 = (int64_t)random_below(5) - 2;
        if (phys_size(type_phys(type)) < 8)
            item.value.words[0] &= (UINT64_C(1) << (8 * phys_size(type_phys(type)))) - 1;
    }
    return item;
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void test_round_trips(void **state)
{
    uint32_t n_nested = 0;
    for (uint32_t round = 0; round < 3000; round++) {
        Type type = random_type(3);
        if (!type_is_nested(type))
            continue;
        n_nested++;
        NestedItem a = random_item(type, false), b = random_item(type, false);
        VecString ka, kb, back;
        assert_true(nested_check(type, &a.value.s));
        assert_int_equal(nested_key(arena, type, &a.value.s, &ka), 0);
        assert_int_equal(nested_key(arena, type, &b.value.s, &kb), 0);
        /* The keys are in the order of the values. */
        int order = nested_compare(type, &a.value, &b.value);
        assert_int_equal(sign(vec_string_compare(&ka, &kb)), order);
        assert_int_equal(nested_compare(type, &b.value, &a.value), -order);
        if (order == 0)
            assert_true(nested_hash(type, &a.value) == nested_hash(type, &b.value));
        /* And come back as what they were, in normal form. */
        assert_int_equal(nested_unkey(arena, type, &ka, &back), 0);
        assert_true(nested_check(type, &back));
        NestedValue value = {.s = back};
        assert_int_equal(nested_compare(type, &a.value, &value), 0);
        VecString again;
        assert_int_equal(nested_key(arena, type, &back, &again), 0);
        assert_true(vec_string_equal(&again, &ka));
        if (!type_contains(type, TYPE_DOUBLE) && !type_contains(type, TYPE_FLOAT) &&
            !type_contains(type, TYPE_MAP)) {
            assert_true(vec_string_equal(&back, &a.value.s));
            assert_int_equal(vec_string_equal(&a.value.s, &b.value.s), order == 0);
        }
    }
    assert_true(n_nested > 1000);
}

static void test_elements_as_vector(void **state)
{
    const TypeField element = {"element", TYPE(STRING), true};
    Type type = child_type(TYPE_ARRAY, &element, 1);
    for (uint32_t round = 0; round < 50; round++) {
        VecString s = random_array(element.type, random_below(40), true), values[64];
        uint64_t valid[1] = {0};
        uint32_t n = nested_count(&s), first = n ? random_below(n) : 0;
        bool nulls = nested_elements(element.type, &s, first, n - first, values, valid, 3);
        bool expected = false;
        for (uint32_t i = first; i < n; i++) {
            NestedItem item;
            nested_element(element.type, &s, i, &item);
            expected |= item.is_null;
            assert_int_equal(vec_bit(valid, 3 + i - first), !item.is_null);
            if (!item.is_null)
                assert_true(vec_string_equal(&values[3 + i - first], &item.value.s));
        }
        assert_int_equal(nulls, expected);
        assert_true(nested_check(type, &s));
    }
}

static void test_damage_is_found(void **state)
{
    /* Bytes that are flipped are refused or still a value: reading all of it stays inside. */
    for (uint32_t round = 0; round < 2000; round++) {
        Type type = random_type(3);
        if (!type_is_nested(type))
            continue;
        NestedItem a = random_item(type, false);
        uint32_t n = a.value.s.length;
        char *copy = malloc(n ? n : 1);
        memcpy(copy, vec_string_data(&a.value.s), n);
        if (n > 0)
            copy[random_below(n)] ^= (char)(1 << random_below(8));
        uint32_t cut = random_below(3) == 0 && n > 0 ? random_below(n) : n;
        VecString damaged = vec_string(copy, cut), key;
        if (nested_check(type, &damaged))
            assert_int_equal(nested_key(arena, type, &damaged, &key), 0);
        free(copy);
    }
}

static void test_refused_memory(void **state)
{
    const TypeField element = {"element", TYPE(STRING), true};
    NestedItem item = {.value.s = vec_string("a string that is not inline", 27)};
    MemPool *small;
    MemArena *tight;
    VecString s;
    assert_int_equal(mem_pool_new(UINT64_C(8) << 20, NULL, NULL, &small), 0);
    assert_int_equal(mem_arena_new(small, "test", &tight), 0);
    int r = 0;
    for (uint32_t i = 0; i < 2000000 && r == 0; i++)
        r = nested_array(tight, element.type, &item, 1, &s);
    assert_true(r == MEM_E_SPILL || r == MEM_E_REFUSED);
    mem_arena_free(tight);
    mem_pool_free(small);
}

static void test_bounds_of_types(void **state)
{
    TypeField fields[NESTED_DEPTH_MAX + 2];
    Type type = TYPE(INT);
    for (uint32_t i = 0; i < ARRAY_SIZE(fields); i++) {
        assert_int_equal(type_is_bounded(type), i <= NESTED_DEPTH_MAX);
        fields[i] = (TypeField){"element", type, true};
        type = child_type(TYPE_ARRAY, &fields[i], 1);
    }
    /* struct<a: T, b: T> of the same T doubles with every level. */
    TypeField twice[20][2];
    type = TYPE(INT);
    for (uint32_t i = 0; i < 20; i++) {
        twice[i][0] = twice[i][1] = (TypeField){"a", type, true};
        type = child_type(TYPE_STRUCT, twice[i], 2);
    }
    assert_false(type_is_bounded(type));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),     cmocka_unit_test(test_elements_as_vector),
        cmocka_unit_test(test_damage_is_found), cmocka_unit_test(test_refused_memory),
        cmocka_unit_test(test_bounds_of_types),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

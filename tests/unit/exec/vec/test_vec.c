/* SPDX-License-Identifier: Apache-2.0 */

/* Flattening, gathering and rows keep values and nulls in every encoding (VEC-2); strings, floats
 * and types compare and print as they should (VEC-1, VEC-4). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

#include "exec/vec/row.h"
#include "tests/support/exec_build.h"

static const Type types[] = {
    {.kind = TYPE_BOOLEAN}, {.kind = TYPE_SHORT},
    {.kind = TYPE_INT},     {.kind = TYPE_LONG},
    {.kind = TYPE_DOUBLE},  {.kind = TYPE_DECIMAL, .precision = 30, .scale = 2},
    {.kind = TYPE_STRING},
};
#define N_TYPES (sizeof(types) / sizeof(types[0]))

static void assert_same(const Vector *a, uint32_t i, const Vector *b, uint32_t k)
{
    char x[128], y[128];
    assert_string_equal(vec_format(a, i, x, sizeof(x)), vec_format(b, k, y, sizeof(y)));
}

static void test_encodings(void **state)
{
    for (uint32_t seed = 1; seed < 300; seed++) {
        Build b;
        uint32_t n_sel, n;
        build_init(&b, seed);
        n = 1 + build_below(&b, 300);
        Vector v = build_vector(&b, types[seed % N_TYPES], build_below(&b, _BUILD_ENCODING_MAX), n,
                                1 + build_below(&b, 20), build_below(&b, 4));
        const uint16_t *sel = build_selection(&b, n, build_below(&b, 150), &n_sel);
        Vector flat, dense;
        vec_flatten(&v, sel, n_sel, build_alloc(&b, VEC_ROWS_MAX * 16),
                    build_alloc(&b, VEC_VALID_WORDS * 8), &flat);
        assert_int_equal(vec_compact(&v, sel, n_sel, b.arena, &dense), 0);
        assert_int_equal(flat.encoding, VEC_FLAT);
        for (uint32_t i = 0; i < n_sel; i++) {
            uint32_t row = sel ? sel[i] : i;
            assert_same(&v, row, &flat, row);
            assert_same(&v, row, &dense, i);
        }
        build_done(&b);
    }
}

static void test_rows(void **state)
{
    for (uint32_t seed = 1; seed < 200; seed++) {
        Build b;
        RowLayout layout;
        RowStrings strings;
        Vector columns[N_TYPES], out;
        const uint8_t *pointers[VEC_ROWS_MAX];
        uint32_t n, n_sel;
        build_init(&b, seed);
        n = 1 + build_below(&b, 200);
        const uint16_t *sel = build_selection(&b, n, build_below(&b, 150), &n_sel);
        assert_int_equal(row_layout_make(b.arena, types, N_TYPES, 8, &layout), 0);
        assert_int_equal(layout.size % 8, 0);
        assert_int_equal(row_strings_init(&strings, b.arena, N_TYPES), 0);
        uint8_t *rows = build_alloc(&b, (size_t)layout.size * (n + 1));
        for (uint32_t c = 0; c < N_TYPES; c++) {
            columns[c] = build_vector(&b, types[c], build_below(&b, _BUILD_ENCODING_MAX), n, 9,
                                      build_below(&b, 4));
            assert_int_equal(row_scatter(&layout, c, &columns[c], sel, n_sel, rows, &strings), 0);
        }
        for (uint32_t i = 0; i < n_sel; i++)
            pointers[i] = rows + (size_t)i * layout.size;
        for (uint32_t c = 0; c < N_TYPES; c++) {
            row_gather(&layout, c, pointers, n_sel, NULL, build_alloc(&b, VEC_ROWS_MAX * 16),
                       build_alloc(&b, VEC_VALID_WORDS * 8), &out);
            for (uint32_t i = 0; i < n_sel; i++) {
                uint32_t row = sel ? sel[i] : i;
                assert_same(&columns[c], row, &out, i);
                assert_true(row_equal(&layout, c, &columns[c], row, pointers[i]));
                const VecString *s = (const VecString *)out.values + i;
                if (types[c].kind == TYPE_STRING && !vec_row_is_null(&out, i) &&
                    s->length > VEC_STRING_INLINE) /* the row has a copy of its own */
                    assert_ptr_not_equal(s->ptr,
                                         ((const VecString *)vec_value_at(&columns[c], row))->ptr);
            }
        }
        build_done(&b);
    }
}

static void test_strings(void **state)
{
    static const char *const texts[] = {
        "",  "a",   "ab", "abcd", "abcde", "abcdefghijkl", "abcdefghijklm", "abcdefghijkln",
        "b", "\xff"};
    for (int i = 0; i < 10; i++)
        for (int k = 0; k < 10; k++) {
            VecString a = vec_string(texts[i], (uint32_t)strlen(texts[i]));
            VecString c = vec_string(texts[k], (uint32_t)strlen(texts[k]));
            int wanted = strcmp(texts[i], texts[k]), got = vec_string_compare(&a, &c);
            assert_int_equal((got > 0) - (got < 0), (wanted > 0) - (wanted < 0));
            assert_int_equal(vec_string_equal(&a, &c), i == k);
        }
    VecString zero = vec_string("a\0b", 3), one = vec_string("a", 1);
    assert_false(vec_string_equal(&zero, &one));
    assert_true(vec_string_compare(&one, &zero) < 0);
}

static void test_floats(void **state)
{
    assert_int_equal(vec_double_compare((double)NAN, (double)NAN), 0);
    assert_int_equal(vec_double_compare((double)NAN, (double)INFINITY), 1);
    assert_int_equal(vec_double_compare(-1, (double)NAN), -1);
    assert_int_equal(vec_double_compare(-0.0, 0.0), 0);
}

static void test_types(void **state)
{
    char text[64], tiny[6];
    const TypeField field = {.name = "x", .type = TYPE_DECIMAL_OF(15, 2), .nullable = true};
    Type array = {.kind = TYPE_ARRAY, .n_children = 1, .children = &field};
    Type record = {.kind = TYPE_STRUCT, .n_children = 1, .children = &field};
    assert_string_equal(type_format(array, text, sizeof(text)), "array<decimal(15,2)>");
    assert_string_equal(type_format(record, text, sizeof(text)), "struct<x:decimal(15,2)>");
    assert_string_equal(type_format(record, tiny, sizeof(tiny)), "struc");
    assert_int_equal(type_phys(TYPE_DECIMAL_OF(18, 0)), PHYS_I64);
    assert_int_equal(type_phys(TYPE_DECIMAL_OF(19, 0)), PHYS_I128);
    assert_false(type_equal(TYPE_DECIMAL_OF(18, 0), TYPE_DECIMAL_OF(18, 1)));
    assert_true(type_equal(array, array));
    assert_false(type_equal(array, record));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encodings), cmocka_unit_test(test_rows),
        cmocka_unit_test(test_strings),   cmocka_unit_test(test_floats),
        cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

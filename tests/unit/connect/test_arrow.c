/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Arrow IPC writer and reader against each other, and what the reader must refuse. That both
 * agree with the rest of the world is the affair of tests/conformance/test_arrow.py. (ARROW-1: no
 * view points outside the input; ARROW-2: what is not supported is refused by name.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"
#include "connect/arrow/arrow.h"

static const ArrowField fields[] = {
    {.name = "id", .type = ARROW_TYPE_INT64},
    {.name = "name", .type = ARROW_TYPE_UTF8, .nullable = true},
    {.name = "tags",
     .type = ARROW_TYPE_LIST,
     .nullable = true,
     .children = &(const ArrowField){.name = "item", .type = ARROW_TYPE_BOOL, .nullable = true},
     .n_children = 1},
    {.name = "ts", .type = ARROW_TYPE_TIMESTAMP, .nullable = true, .timezone = "Europe/Berlin"},
};

static const int64_t ids[] = {1, -2, 3};
static const int32_t name_offsets[] = {0, 2, 2, 5}, tag_offsets[] = {0, 1, 3, 3};
static const uint8_t name_valid[] = {5}, tag_bits[] = {5};
static const ArrowColumn bool_column = {.length = 3, .data = tag_bits};
static const ArrowColumn columns[] = {
    {.length = 3, .data = ids},
    {.length = 3,
     .null_count = 1,
     .validity = name_valid,
     .offsets = name_offsets,
     .data = "abxyz"},
    {.length = 3, .offsets = tag_offsets, .children = &bool_column},
    {.length = 3, .data = ids},
};

/* The stream at an address of the wished misalignment. */
static uint8_t *encode(size_t misalignment, uint8_t **ret_block, size_t *ret_n)
{
    ArrowWriter *w;
    assert_int_equal(arrow_writer_new(fields, ARRAY_SIZE(fields), &w), 0);
    size_t n = arrow_writer_measure(w, columns, 3);
    assert_int_equal(n % 8, 0);
    uint8_t *block = malloc(n + 8);
    assert_non_null(block);
    arrow_writer_write(w, columns, 3, block + misalignment, n);
    arrow_writer_free(w);
    *ret_block = block;
    *ret_n = n;
    return block + misalignment;
}

static void check_round_trip(size_t misalignment)
{
    size_t n;
    uint8_t *block, *data = encode(misalignment, &block, &n);
    ArrowReader *r;
    uint32_t n_fields;
    const ArrowColumn *c;
    int64_t n_rows;

    assert_int_equal(arrow_reader_new(data, n, &r), 0);
    const ArrowField *f = arrow_reader_fields(r, &n_fields);
    assert_int_equal(n_fields, 4);
    assert_string_equal(f[0].name, "id");
    assert_false(f[0].nullable);
    assert_int_equal(f[2].children[0].type, ARROW_TYPE_BOOL);
    assert_string_equal(f[3].timezone, "Europe/Berlin");

    assert_int_equal(arrow_reader_next(r, &c, &n_rows), 1);
    assert_int_equal(n_rows, 3);
    assert_memory_equal(c[0].data, ids, sizeof(ids));
    assert_int_equal((uintptr_t)c[0].data % 8, 0);
    assert_int_equal(c[1].null_count, 1);
    assert_true(arrow_is_valid(&c[1], 0) && !arrow_is_valid(&c[1], 1) && arrow_is_valid(&c[1], 2));
    assert_memory_equal((const char *)c[1].data + c[1].offsets[2], "xyz", 3);
    assert_int_equal(c[2].children[0].length, 3);
    assert_int_equal(*(const uint8_t *)c[2].children[0].data & 7, 5);
    assert_int_equal(arrow_reader_next(r, &c, &n_rows), 0);
    arrow_reader_free(r);
    free(block);
}

static void test_round_trip(void **state)
{
    check_round_trip(0);
    check_round_trip(1);
    check_round_trip(4);
}

/* Every cut and every flipped byte ends in a result, never outside the input (run under ASan). */
static void test_damage(void **state)
{
    size_t n;
    uint8_t *block, *data = encode(0, &block, &n);
    for (size_t i = 0; i < 2 * n; i++) {
        size_t n_here = i < n ? i : n;
        uint8_t *copy = malloc(n_here + 1);
        assert_non_null(copy);
        memcpy(copy, data, n_here);
        if (i >= n)
            copy[i - n] ^= (uint8_t)(0x55 + i);
        ArrowReader *r = NULL;
        const ArrowColumn *c;
        int64_t n_rows;
        int k = arrow_reader_new(copy, n_here, &r);
        while (k == 0 && arrow_reader_next(r, &c, &n_rows) > 0)
            assert_true(n_rows >= 0);
        if (k < 0 && r)
            assert_true(strlen(arrow_reader_reason(r)) > 0);
        arrow_reader_free(r);
        free(copy);
    }
    free(block);
}

static void test_schema_is_checked(void **state)
{
    ArrowWriter *w;
    ArrowField bad = {.name = "x", .type = _ARROW_TYPE_MAX};
    assert_int_equal(arrow_writer_new(&bad, 1, &w), -EINVAL);
    bad = (ArrowField){.name = "x", .type = ARROW_TYPE_DECIMAL128, .precision = 39};
    assert_int_equal(arrow_writer_new(&bad, 1, &w), -EINVAL);
    bad = (ArrowField){.name = "x", .type = ARROW_TYPE_LIST};
    assert_int_equal(arrow_writer_new(&bad, 1, &w), -EINVAL);
    bad = (ArrowField){.name = "x", .type = ARROW_TYPE_MAP, .children = fields, .n_children = 1};
    assert_int_equal(arrow_writer_new(&bad, 1, &w), -EINVAL);

    ArrowField deep[ARROW_DEPTH_MAX + 2] = {0};
    for (size_t i = 0; i < ARRAY_SIZE(deep) - 1; i++)
        deep[i] = (ArrowField){.type = ARROW_TYPE_LIST, .children = &deep[i + 1], .n_children = 1};
    assert_int_equal(arrow_writer_new(deep, 1, &w), -E2BIG);
}

static void test_empty_inputs(void **state)
{
    ArrowReader *r = NULL;
    assert_int_equal(arrow_reader_new(NULL, 0, &r), -EBADMSG);
    arrow_reader_free(r);
    assert_int_equal(arrow_reader_new((const uint8_t *)"\xff\xff\xff\xff\0\0\0\0", 8, &r),
                     -EBADMSG);
    arrow_reader_free(r);
    assert_int_equal(arrow_reader_new((const uint8_t *)"ARROW1\0\0", 8, &r), -EOPNOTSUPP);
    assert_non_null(strstr(arrow_reader_reason(r), "0.15"));
    arrow_reader_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_schema_is_checked),
        cmocka_unit_test(test_empty_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

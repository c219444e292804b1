/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OP-4: a runtime filter never drops a value that is a key. Every kind of filter (exact bitmap,
 * Bloom, range only, empty) over every encoding, compared with a plain search among the keys; the
 * first and last key, and what lies beside them, are among the values on purpose.
 */
#include "exec/op/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEYS_MAX 64u
#define BLOOM_WORDS 16u
#define N 512u

typedef struct Case {
    int64_t keys[KEYS_MAX];
    uint32_t n_keys;
    uint64_t bitmap[64], bloom[BLOOM_WORDS];
    RuntimeFilter filter;
} Case;

static bool is_key(const Case *c, int64_t value)
{
    for (uint32_t i = 0; i < c->n_keys; i++)
        if (c->keys[i] == value)
            return true;
    return false;
}

/* Keys @step apart from @first on; the span stays within the bitmap. */
static void case_init(Case *c, int64_t first, uint32_t n, int64_t step, bool bitmap, bool bloom)
{
    memset(c, 0, sizeof(*c));
    c->n_keys = n;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t at = (uint64_t)step * i;
        c->keys[i] = first + (int64_t)at;
        c->bitmap[at >> 6] |= UINT64_C(1) << (at & 63);
        uint64_t h = runtime_filter_hash(c->keys[i]);
        c->bloom[h & (BLOOM_WORDS - 1)] |= UINT64_C(1) << (h >> 58) | UINT64_C(1) << (h >> 52 & 63);
    }
    c->filter.empty = n == 0;
    c->filter.min = first;
    c->filter.max = n > 0 ? c->keys[n - 1] : first;
    c->filter.bitmap = bitmap ? c->bitmap : NULL;
    c->filter.bloom = bloom ? c->bloom : NULL;
    c->filter.bloom_mask = BLOOM_WORDS - 1;
}

/* Rows that must pass do, rows that an exact filter must drop are dropped, order is kept. */
static void check_rows(const Case *c, const Vector *v, const int64_t *values, const uint8_t *nulls,
                       const uint16_t *sel, uint32_t n)
{
    uint16_t out[N];
    uint32_t k = runtime_filter_select(&c->filter, v, sel, n, out), at = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint16_t row = sel ? sel[i] : (uint16_t)i;
        bool passed = at < k && out[at] == row;
        bool null = nulls && nulls[row];
        bool key = !null && is_key(c, values[row]);
        at += passed;
        if (key)
            assert_true(passed);
        if (null || (!key && (c->filter.bitmap || c->filter.empty)) ||
            (!null && (values[row] < c->filter.min || values[row] > c->filter.max)))
            assert_false(passed);
    }
    assert_int_equal(at, k);
}

static void check_case(const Case *c)
{
    static int64_t values[N], dictionary[N];
    static uint32_t codes[N];
    static uint8_t nulls[N];
    static uint64_t valid[N / 64];
    uint16_t sel[N];
    uint32_t n_sel = 0;

    memset(valid, 0xff, sizeof(valid));
    memset(nulls, 0, sizeof(nulls));
    for (uint32_t i = 0; i < N; i++) {
        /* Around the first key upwards, around the last downwards. */
        values[i] = i % 2 ? (int64_t)((uint64_t)c->filter.max + 8 - i / 2)
                          : (int64_t)((uint64_t)c->filter.min - 8 + i / 2);
        dictionary[i] = values[i];
        codes[i] = i;
        if (i % 3 != 1)
            sel[n_sel++] = (uint16_t)i;
    }
    Vector flat = {.phys = PHYS_I64, .encoding = VEC_FLAT, .values = values};
    check_rows(c, &flat, values, NULL, NULL, N);
    check_rows(c, &flat, values, NULL, sel, n_sel);
    Vector dict = {
        .phys = PHYS_I64, .encoding = VEC_DICT, .values = dictionary, .codes = codes, .n_dict = N};
    check_rows(c, &dict, values, NULL, NULL, N);
    check_rows(c, &dict, values, NULL, sel, n_sel);
    for (uint32_t i = 0; i < N; i += 5) {
        nulls[i] = 1;
        valid[i / 64] &= ~(UINT64_C(1) << (i % 64));
    }
    flat.has_nulls = dict.has_nulls = true;
    flat.valid = dict.valid = valid;
    check_rows(c, &flat, values, nulls, NULL, N);
    check_rows(c, &dict, values, nulls, sel, n_sel);
    for (uint32_t i = 0; i < 32; i++) {
        int64_t same[N];
        for (uint32_t k = 0; k < N; k++)
            same[k] = values[i];
        Vector one = {.phys = PHYS_I64, .encoding = VEC_CONST, .values = same};
        check_rows(c, &one, same, NULL, sel, n_sel);
    }
    /* A range with a key in it is never skipped. */
    for (uint32_t i = 0; i < N; i++)
        for (int64_t length = 0; length < 70; length += 23) {
            int64_t low = values[i], high;
            bool any = false;
            if (__builtin_add_overflow(low, length, &high))
                continue;
            for (uint32_t k = 0; k < c->n_keys; k++)
                any |= c->keys[k] >= low && c->keys[k] <= high;
            if (any)
                assert_true(runtime_filter_range(&c->filter, low, high));
            else if (c->filter.bitmap || c->filter.empty)
                assert_false(runtime_filter_range(&c->filter, low, high));
        }
}

static void test_keys_pass(void **state)
{
    static const int64_t firsts[] = {0, 1, -1000, 63, INT64_MAX - 4000, INT64_MIN + 100};
    static Case c;

    for (size_t f = 0; f < sizeof(firsts) / sizeof(firsts[0]); f++)
        for (uint32_t n = 0; n <= KEYS_MAX; n = n * 2 + 1)
            for (int64_t step = 1; step <= 61; step += 20)
                for (unsigned kind = 0; kind < 4; kind++) {
                    case_init(&c, firsts[f], n, step, kind & 1, kind & 2);
                    check_case(&c);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keys_pass)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

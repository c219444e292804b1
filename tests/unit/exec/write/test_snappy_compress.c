/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exec/parquet/codec.h"
#include "exec/write/compress.h"

/* What is compressed comes back, and never takes more room than promised. */

static uint32_t seed = 1;

static uint32_t next_random(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static void check(const uint8_t *data, size_t n)
{
    size_t bound = snappy_compress_bound(n);
    uint8_t *packed = malloc(bound + CODEC_SLOP), *back = malloc(n + CODEC_SLOP);
    assert_non_null(packed);
    assert_non_null(back);
    size_t k = snappy_compress(data, n, packed);
    assert_true(k <= bound);
    memset(packed + k, 0, CODEC_SLOP);
    assert_int_equal(snappy_decompress(packed, k, back, n), 0);
    assert_memory_equal(data, back, n);
    free(packed);
    free(back);
}

static void test_comes_back(void **state)
{
    size_t size = 300000;
    uint8_t *data = malloc(size);
    assert_non_null(data);
    for (uint32_t round = 0; round < 400; round++) {
        size_t n = round < 80 ? round : next_random() % size;
        uint32_t kind = round % 5, alphabet = 1 + next_random() % 200;
        for (size_t i = 0; i < n; i++) {
            uint32_t back = 1 + next_random() % 70000;
            data[i] = kind == 0                        ? (uint8_t)next_random()
                      : kind == 1                      ? 7
                      : kind == 2                      ? (uint8_t)(next_random() % alphabet)
                      : kind == 3                      ? (uint8_t)(i / alphabet)
                      : i > back && next_random() % 20 ? data[i - alphabet < i ? i - alphabet : 0]
                                                       : (uint8_t)next_random();
        }
        check(data, n);
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_comes_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The heap and the look-up beside the simplest thing that does the same, over random steps. */
#include "scheduler/heap.h"
#include "scheduler/lookup.h"
#include "tests/unit/scheduler/bed.h"

#define N 100u

static uint64_t rnd(uint64_t *rng)
{
    *rng ^= *rng << 13;
    *rng ^= *rng >> 7;
    *rng ^= *rng << 17;
    return *rng;
}

static void the_smallest_key_is_first(void **state)
{
    Heap h;
    uint64_t keys[N] = {0}, rng = 7;
    assert_int_equal(heap_init(&h, N), 0);
    for (int step = 0; step < 20000; step++) {
        uint32_t i = (uint32_t)(rnd(&rng) % N), first = N, n = 0;
        keys[i] = rnd(&rng) % 3 ? 1 + rnd(&rng) % 50 : 0;
        heap_keep(&h, i, keys[i] != 0, keys[i]);
        for (uint32_t k = 0; k < N; k++) {
            n += keys[k] != 0;
            assert_int_equal(heap_has(&h, k), keys[k] != 0);
            if (keys[k] != 0 && (first == N || keys[k] < keys[first]))
                first = k;
        }
        assert_int_equal(h.n, n);
        if (n > 0)
            assert_int_equal(h.entries[0].index, first);
    }
    heap_done(&h);
}

static void who_is_there_is_found(void **state)
{
    Lookup t;
    bool there[N] = {false};
    uint64_t rng = 11;
    assert_int_equal(lookup_init(&t, N), 0);
    for (int step = 0; step < 20000; step++) {
        uint32_t i = (uint32_t)(rnd(&rng) % N);
        if (there[i])
            lookup_remove(&t, i + 1);
        else
            lookup_put(&t, i + 1, i);
        there[i] = !there[i];
        lookup_remove(&t, N + 1 + i); /* nobody */
        for (uint32_t k = 0; k < N; k++)
            assert_int_equal(lookup_get(&t, k + 1), there[k] ? k : LOOKUP_NONE);
    }
    assert_int_equal(lookup_get(&t, 0), LOOKUP_NONE);
    lookup_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_key_is_first),
        cmocka_unit_test(who_is_there_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

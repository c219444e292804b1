/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards MEM-1 (charged before allocated), MEM-2 (an account is zero at its end), MEM-3 (a refused
 * charge changes nothing) of exec/memory/README.md.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"

static void test_limit_is_held_and_refusal_changes_nothing(void **state)
{
    MemPool *root, *child;
    char why[MEM_REASON_MAX];

    assert_int_equal(mem_pool_new(1000, NULL, NULL, &root), 0);
    assert_int_equal(mem_pool_new_child(root, "query", &child), 0);
    assert_int_equal(mem_charge(child, 600, "a"), 0);
    assert_int_equal(mem_charge(child, 401, "hash join build"), MEM_E_REFUSED);
    assert_int_equal(mem_pool_reserved(child), 600);
    assert_int_equal(mem_pool_reserved(root), 600);
    assert_non_null(strstr(mem_pool_reason(child, why, sizeof(why)), "hash join build"));
    assert_string_equal(mem_pool_last_operator(child), "hash join build");
    assert_int_equal(mem_charge(child, 400, "a"), 0);
    mem_uncharge(child, 1000);
    assert_int_equal(mem_pool_peak(root), 1000);
    assert_int_equal(mem_charge(child, UINT64_MAX, "a"), MEM_E_REFUSED);
    mem_pool_free(child);
    mem_pool_free(root);
}

static int ask_once(void *userdata, uint64_t total, uint64_t minimum, const char *operator_name,
                    uint64_t *ret_total, char *reason, size_t reason_size)
{
    int *n = userdata;

    if ((*n)++ > 0) {
        snprintf(reason, reason_size, "quota");
        return MEM_E_SPILL;
    }
    *ret_total = total + 100;
    return 0;
}

static void test_broker_is_asked_when_the_limit_is_met(void **state)
{
    MemPool *root;
    char why[MEM_REASON_MAX];
    int n = 0;

    assert_int_equal(mem_pool_new(100, ask_once, &n, &root), 0);
    assert_int_equal(mem_charge(root, 100, "a"), 0);
    assert_int_equal(n, 0);
    assert_int_equal(mem_charge(root, 100, "a"), 0);
    assert_int_equal(mem_pool_limit(root), 300);
    assert_int_equal(mem_charge(root, 100, "a"), 0);
    assert_int_equal(n, 1);
    assert_int_equal(mem_charge(root, 1, "a"), MEM_E_SPILL);
    assert_string_equal(mem_pool_reason(root, why, sizeof(why)), "quota");
    mem_uncharge(root, 300);
    mem_pool_free(root);
}

static void test_nth_charge_fails_on_demand(void **state)
{
    MemPool *root;
    void *block;

    assert_int_equal(mem_pool_new(UINT64_MAX, NULL, NULL, &root), 0);
    mem_pool_fail_charge(root, 2);
    assert_int_equal(mem_charge(root, 1, "a"), 0);
    assert_int_equal(mem_block_alloc(root, 1000, "a", &block), MEM_E_REFUSED);
    assert_int_equal(mem_charge(root, 1, "a"), 0);
    mem_uncharge(root, 2);
    mem_pool_free(root);
}

static void test_blocks_of_all_sizes_do_not_overlap(void **state)
{
    static const size_t sizes[] = {1,      64,      5000,    40000,   65536,   65537,  200000,
                                   500000, 1 << 20, 1100000, 2 << 20, 5000000, 9 << 20};
    enum { N = sizeof(sizes) / sizeof(sizes[0]), ROUNDS = 6 };
    void *blocks[ROUNDS][N];
    MemPool *root;

    assert_int_equal(mem_pool_new(UINT64_MAX, NULL, NULL, &root), 0);
    for (int again = 0; again < 2; again++) {
        for (int round = 0; round < ROUNDS; round++)
            for (size_t i = 0; i < N; i++) {
                assert_int_equal(mem_block_alloc(root, sizes[i], "t", &blocks[round][i]), 0);
                assert_int_equal((uintptr_t)blocks[round][i] % 64, 0);
                if (sizes[i] >= 2 << 20)
                    assert_int_equal((uintptr_t)blocks[round][i] % (2 << 20), 0);
                memset(blocks[round][i], round * 16 + (int)i, sizes[i]);
            }
        for (int round = 0; round < ROUNDS; round++)
            for (size_t i = 0; i < N; i++) {
                const uint8_t *b = blocks[round][i];

                for (size_t k = 0; k < sizes[i]; k += 61)
                    assert_int_equal(b[k], (uint8_t)(round * 16 + (int)i));
            }
        for (size_t i = 0; i < N; i++)
            for (int round = ROUNDS - 1; round >= 0; round--)
                mem_block_free(root, blocks[round][i], sizes[i]);
        assert_int_equal(mem_pool_reserved(root), 0);
    }
    assert_true(mem_recycler_bytes() > 0);
    mem_recycler_trim(0);
    assert_true(mem_recycler_bytes() <= 10u << 20); /* one slab per size may stay */
    mem_pool_free(root);
}

static void *hammer(void *arg)
{
    MemPool *root = arg;
    void *blocks[16];

    for (int i = 0; i < 300; i++) {
        for (int k = 0; k < 16; k++) {
            size_t n = (size_t)(i * 7919 + k * 104729) % 3000000 + 1;

            assert_int_equal(mem_block_alloc(root, n, "t", &blocks[k]), 0);
            ((uint8_t *)blocks[k])[n - 1] = 1;
        }
        for (int k = 0; k < 16; k++)
            mem_block_free(root, blocks[k], (size_t)(i * 7919 + k * 104729) % 3000000 + 1);
    }
    return NULL;
}

static void test_threads_share_the_recycler(void **state)
{
    pthread_t threads[3];
    MemPool *root;

    assert_int_equal(mem_pool_new(UINT64_MAX, NULL, NULL, &root), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, root), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(mem_pool_reserved(root), 0);
    mem_pool_free(root);
    mem_recycler_trim(0);
}

static void test_arena_reset_keeps_one_block_and_free_gives_all_back(void **state)
{
    MemPool *root;
    MemArena *arena;
    uint64_t first;

    assert_int_equal(mem_pool_new(64 << 20, NULL, NULL, &root), 0);
    assert_int_equal(mem_arena_new(root, "plan", &arena), 0);
    assert_int_equal(mem_pool_reserved(root), 0);
    memset(mem_arena_alloc(arena, 100, 8), 1, 100);
    first = mem_arena_bytes(arena);
    for (int i = 0; i < 10000; i++) {
        uint64_t *p = mem_arena_new_array(arena, uint64_t, 17);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 8, 0);
        assert_int_equal(p[16], 0);
    }
    assert_non_null(mem_arena_alloc(arena, 3000000, 64));
    assert_string_equal(mem_arena_strndup(arena, "abcdef", 3), "abc");
    mem_arena_reset(arena);
    assert_int_equal(mem_arena_bytes(arena), first);
    assert_null(mem_arena_alloc(arena, 100u << 20, 8));
    assert_int_equal(mem_arena_error(arena), MEM_E_REFUSED);
    mem_arena_free(arena);
    assert_int_equal(mem_pool_reserved(root), 0);
    mem_pool_free(root);
}

static void test_first_error_counts(void **state)
{
    QueryError error = {0};

    assert_int_equal(query_error_set(&error, DATA_ERROR_FILE, "A", "KD001", "first %d", 1),
                     QUERY_E_FAILED);
    assert_int_equal(query_error_set(&error, DATA_ERROR_PARSE, "B", "42601", "second"),
                     QUERY_E_FAILED);
    assert_string_equal(error.message, "first 1");
    assert_string_equal(error.error_class, "A");
    assert_int_equal(query_error_set(NULL, DATA_ERROR_FILE, "A", "KD001", "x"), QUERY_E_FAILED);
}

/* What a cache or another query holds leaves less room for blocks that wait to be used again. */
static void test_recycled_blocks_leave_room_for_other_accounts(void **state)
{
    const uint64_t mib = UINT64_C(1) << 20;
    MemPool *root, *query, *cache;
    void *block;

    (void)mem_recycler_trim(0);
    assert_int_equal(mem_pool_new(64 * mib, NULL, NULL, &root), 0);
    assert_int_equal(mem_pool_new_child(root, "query", &query), 0);
    assert_int_equal(mem_pool_new_child(root, "cache", &cache), 0);
    assert_int_equal(mem_block_alloc(query, 40 * mib, "test", &block), 0);
    mem_block_free(query, block, 40 * mib);
    assert_true(mem_recycler_bytes() >= 40 * mib);
    assert_true(mem_charge_free(cache, 40 * mib));
    assert_int_equal(mem_block_alloc(query, 128 << 10, "test", &block), 0);
    assert_true(mem_recycler_bytes() + mem_pool_reserved(root) <= 64 * mib + 4 * mib);
    mem_block_free(query, block, 128 << 10);
    mem_uncharge(cache, 40 * mib);
    (void)mem_pool_free(cache);
    (void)mem_pool_free(query);
    (void)mem_pool_free(root);
    (void)mem_recycler_trim(0);
}

static uint64_t resident_bytes(void *block, size_t bytes)
{
    unsigned char pages[64] = {0};
    uint64_t n = 0;

    assert_true(bytes / 4096 <= sizeof(pages));
    assert_int_equal(mincore(block, bytes, pages), 0);
    for (size_t i = 0; i < bytes / 4096; i++)
        n += pages[i] & 1 ? 4096 : 0;
    return n;
}

/* One used cell in every slab must not keep the memory of all the others. */
static void test_free_cells_of_used_slabs_leave_room(void **state)
{
    enum { CELLS = 640, CELL = 64 << 10 };
    const uint64_t limit = UINT64_C(64) << 20;
    static void *cells[CELLS];
    uint64_t resident = 0;
    MemPool *root;
    void *big;

    (void)state;
    (void)mem_recycler_trim(0);
    assert_int_equal(mem_pool_new(limit, NULL, NULL, &root), 0);
    for (size_t i = 0; i < CELLS; i++) {
        assert_int_equal(mem_block_alloc(root, CELL, "test", &cells[i]), 0);
        memset(cells[i], (int)i, CELL);
    }
    for (size_t i = 0; i < CELLS; i++)
        if (i % 32)
            mem_block_free(root, cells[i], CELL);
    assert_true(mem_recycler_bytes() >= UINT64_C(38) << 20);
    assert_int_equal(mem_block_alloc(root, 60 << 20, "test", &big), 0);
    assert_true(mem_recycler_bytes() + mem_pool_reserved(root) <= limit + (4 << 20));
    for (size_t i = 0; i < CELLS; i++)
        if (i % 32)
            resident += resident_bytes(cells[i], CELL);
        else
            assert_int_equal(((uint8_t *)cells[i])[CELL - 1], (uint8_t)i);
    assert_true(resident <= mem_recycler_bytes());
    mem_block_free(root, big, 60 << 20);

    /* They are cells again, and the books are even when all is free. */
    for (size_t i = 0; i < CELLS; i++)
        if (i % 32) {
            assert_int_equal(mem_block_alloc(root, CELL, "test", &cells[i]), 0);
            memset(cells[i], (int)i, CELL);
        }
    for (size_t i = 0; i < CELLS; i++) {
        assert_int_equal(((uint8_t *)cells[i])[7], (uint8_t)i);
        mem_block_free(root, cells[i], CELL);
    }
    (void)mem_recycler_trim(0);
    assert_int_equal(mem_recycler_bytes(), 0);
    (void)mem_pool_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_cells_of_used_slabs_leave_room),
        cmocka_unit_test(test_recycled_blocks_leave_room_for_other_accounts),
        cmocka_unit_test(test_limit_is_held_and_refusal_changes_nothing),
        cmocka_unit_test(test_broker_is_asked_when_the_limit_is_met),
        cmocka_unit_test(test_nth_charge_fails_on_demand),
        cmocka_unit_test(test_blocks_of_all_sizes_do_not_overlap),
        cmocka_unit_test(test_threads_share_the_recycler),
        cmocka_unit_test(test_arena_reset_keeps_one_block_and_free_gives_all_back),
        cmocka_unit_test(test_first_error_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

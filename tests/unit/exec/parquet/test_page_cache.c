/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of pages: what was added is found; it takes free memory only, and a share of it; it
 * gives everything back that nobody reads when another account needs it; a page that is being read
 * outlives that; a file's pages go with the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "exec/parquet/page_cache.h"

#define LIMIT (UINT64_C(64) << 20)
#define PAGE_BYTES ((size_t)100 << 10)
#define CHARGE (UINT64_C(128) << 10) /* of such a page, and a little */

typedef struct Bed {
    MemPool *root, *query;
    ParquetCache *cache;
    ParquetFile file;
} Bed;

static const CachedPage *add(Bed *b, uint64_t offset)
{
    CachedPage draft = {.file = b->file.cache_number, .offset = offset, .n_content = PAGE_BYTES};
    uint64_t before = mem_pool_reserved(b->query);

    assert_int_equal(page_buffer_new(b->query, PAGE_BYTES, "test", &draft.page), 0);
    memset(draft.page->bytes, (int)offset, PAGE_BYTES);
    const CachedPage *page = page_cache_add(b->cache, b->query, &draft);
    if (!page)
        (void)page_buffer_free(b->query, draft.page);
    assert_int_equal(mem_pool_reserved(b->query), before);
    return page;
}

static bool has(Bed *b, uint64_t offset)
{
    const CachedPage *page = page_cache_get(b->cache, b->file.cache_number, offset);

    if (!page)
        return false;
    assert_int_equal(page->page->bytes[PAGE_BYTES - 1], (uint8_t)offset);
    page_cache_put(b->cache, page);
    return true;
}

/* As many as there is room for. */
static uint32_t fill(Bed *b)
{
    uint32_t n = 0;

    for (const CachedPage *page; (page = add(b, n)); n++)
        page_cache_put(b->cache, page);
    return n;
}

static int setup(void **state)
{
    static Bed bed;

    bed = (Bed){0};
    assert_int_equal(mem_pool_new(LIMIT, NULL, NULL, &bed.root), 0);
    assert_int_equal(mem_pool_new_child(bed.root, "query", &bed.query), 0);
    assert_int_equal(parquet_cache_new(bed.root, &bed.cache), 0);
    parquet_file_use_cache(&bed.file, bed.cache);
    *state = &bed;
    return 0;
}

static int teardown(void **state)
{
    Bed *b = *state;

    (void)parquet_cache_free(b->cache);
    (void)mem_pool_free(b->query);
    (void)mem_pool_free(b->root); /* asserts a balance of zero */
    return 0;
}

static void test_a_share_of_the_limit(void **state)
{
    Bed *b = *state;
    ParquetCacheStatistics s;
    uint32_t n = fill(b);

    assert_in_range(n, LIMIT / 2 / CHARGE - 4, LIMIT / 2 / CHARGE);
    for (uint32_t i = 0; i < n; i++)
        assert_true(has(b, i));
    assert_false(has(b, n));
    parquet_cache_statistics(b->cache, &s);
    assert_int_equal(s.n_pages, n);
    assert_true(s.bytes <= LIMIT / 2);
}

static void test_needed_memory_is_given_back_at_once(void **state)
{
    Bed *b = *state;
    uint32_t n = fill(b), left = 0;
    uint64_t most = LIMIT - 3 * CHARGE;

    assert_int_equal(mem_charge(b->query, LIMIT / 2, "test"), 0);
    assert_true(has(b, 0)); /* that fits beside it */
    assert_int_equal(mem_charge(b->query, LIMIT * 3 / 8, "test"), 0);
    for (uint32_t i = 0; i < n; i++)
        left += has(b, i);
    assert_in_range(left, n / 4 - 3, n / 4 + 1);
    assert_int_equal(mem_pool_make_room(b->query, most - LIMIT * 7 / 8, "test"), 0);
    mem_uncharge(b->query, LIMIT * 7 / 8);

    /* One that is read stays, as long as it is. */
    mem_pool_shrink_cache(b->root, 0);
    const CachedPage *page = add(b, 7);
    assert_non_null(page);
    assert_int_equal(mem_charge(b->query, LIMIT, "test"), MEM_E_REFUSED);
    assert_int_equal(page->page->bytes[0], 7);
    page_cache_put(b->cache, page);
    assert_int_equal(mem_charge(b->query, most, "test"), 0);
    assert_null(add(b, 8));
    mem_uncharge(b->query, most);
}

static void test_old_pages_are_replaced(void **state)
{
    Bed *b = *state;
    uint32_t n = fill(b);

    for (uint32_t i = 0; i < 40; i++) {
        parquet_cache_tick(b->cache);
        assert_true(has(b, 1));
    }
    const CachedPage *page = add(b, 1000);
    assert_non_null(page);
    page_cache_put(b->cache, page);
    assert_true(has(b, 1000) && has(b, 1) && has(b, n - 1));
    assert_false(has(b, 0));
}

static void test_what_found_no_room_is_wished_for(void **state)
{
    Bed *b = *state;

    assert_int_equal(parquet_cache_wish(NULL), 0);
    assert_int_equal(parquet_cache_wish(b->cache), 0);
    uint32_t n = fill(b), more = ((1 << 20) + PAGE_BYTES - 1) / PAGE_BYTES;
    assert_int_equal(parquet_cache_wish(b->cache), 0); /* one page is not worth it */
    for (uint32_t i = 0; i < more; i++)
        assert_null(add(b, n + 1 + i));
    uint64_t wish = parquet_cache_wish(b->cache);
    assert_in_range(wish, LIMIT + 2 * (more - 4) * CHARGE, LIMIT + 2 * (more + 2) * CHARGE);
    parquet_cache_tick(b->cache);
    assert_int_equal(parquet_cache_wish(b->cache), wish);
    mem_pool_set_limit(b->root, wish);
    for (uint32_t i = 0; i < more; i++) {
        const CachedPage *page = add(b, n + 1 + i);
        assert_non_null(page);
        page_cache_put(b->cache, page);
    }
    for (uint32_t i = 0; i < 8; i++) /* and forgotten */
        parquet_cache_tick(b->cache);
    assert_int_equal(parquet_cache_wish(b->cache), 0);
}

static void test_a_file_is_forgotten(void **state)
{
    Bed *b = *state;
    ParquetFile other = {0};
    uint64_t number = b->file.cache_number;
    const CachedPage *page = add(b, 3);

    page_cache_put(b->cache, page);
    parquet_file_use_cache(&other, b->cache);
    assert_true(other.cache_number != number);
    assert_null(page_cache_get(b->cache, other.cache_number, 3));
    parquet_cache_forget(b->cache, &other);
    assert_true(has(b, 3));
    parquet_cache_forget(b->cache, &b->file);
    assert_null(page_cache_get(b->cache, number, 3));
    assert_null(page_cache_get(NULL, number, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_share_of_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_found_no_room_is_wished_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_needed_memory_is_given_back_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_pages_are_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_is_forgotten, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

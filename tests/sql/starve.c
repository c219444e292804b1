/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sql/starve.h"

#include <stdatomic.h>
#include <stddef.h>

/* Globals, because that is what malloc is. */
static atomic_ullong countdown;
static _Thread_local unsigned paused;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t n);

void starve_malloc(uint64_t nth)
{
    atomic_store(&countdown, nth);
}

void starve_pause(bool pause)
{
    paused = pause ? paused + 1 : paused - 1;
}

static bool refuse(void)
{
    unsigned long long left = paused ? 0 : atomic_load(&countdown);

    while (left > 0)
        if (atomic_compare_exchange_weak(&countdown, &left, left - 1))
            return left == 1;
    return false;
}

void *__wrap_malloc(size_t n)
{
    return refuse() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return refuse() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *block, size_t n)
{
    return refuse() ? NULL : __real_realloc(block, n);
}

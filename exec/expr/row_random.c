/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "exec/kernel/random.h"
#include "exec/vec/nested.h"

/*
 * Random values and row numbers. A call gives one value for each row that its state sees, in the
 * order of the rows, out of a generator that begins with the call's seed and the number of the
 * state; the last argument is the seed. Two calls with one seed give the same values.
 */

/* States are numbered as they come: the first, alone on small data, is 0. */
static uint32_t partition_of(RowCall *c)
{
    ExprState *s = c->s;
    if (!s->has_partition) {
        s->partition = atomic_fetch_add(s->program->partitions, 1);
        s->has_partition = true;
    }
    return s->partition;
}

/* The generator's memory, @size bytes; zeros at first. NULL: no memory. */
static void *generator(RowCall *c, size_t size, bool *ret_new)
{
    RowMemo *memo = c->memo;
    *ret_new = !memo->state;
    if (!memo->state)
        memo->state = mem_arena_zalloc(memo->arena, size, 16);
    return memo->state;
}

static int64_t seed_of(RowCall *c)
{
    return (int64_t)((uint64_t)row_int(c, c->n_args - 1) + partition_of(c));
}

static RandomShift *shift(RowCall *c)
{
    bool is_new;
    RandomShift *r = generator(c, sizeof(*r), &is_new);
    if (r && is_new)
        *r = random_shift(seed_of(c));
    return r;
}

static RandomTwister *twister(RowCall *c)
{
    bool is_new;
    RandomTwister *r = generator(c, sizeof(*r), &is_new);
    if (r && is_new)
        random_twister(r, seed_of(c));
    return r;
}

static int row_rand(RowCall *c)
{
    RandomShift *r = shift(c);
    return r ? row_set_double(c, random_shift_double(r)) : mem_arena_error(c->memo->arena);
}

static int row_randn(RowCall *c)
{
    RandomShift *r = shift(c);
    return r ? row_set_double(c, random_shift_normal(r)) : mem_arena_error(c->memo->arena);
}

static int row_randstr(RowCall *c)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    RandomShift *random = shift(c);
    int64_t n = row_int(c, 0);
    int r;

    if (!random)
        return mem_arena_error(c->memo->arena);
    if (n < 0)
        return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_PARAMETER_VALUE.LENGTH", "22023",
                        "The value of parameter(s) `length` in `randstr` is invalid: Expects "
                        "`length` greater than or equal to 0, but got %lld.",
                        (long long)n);
    char *out = row_bytes(c, (uint64_t)n, &r);
    if (!out)
        return r;
    for (int64_t i = 0; i < n; i++)
        out[i] = letters[abs(random_shift_int(random) % 62)];
    return row_set_part(c, vec_string(out, (uint32_t)n));
}

static int row_uuid(RowCall *c)
{
    RandomTwister *r = twister(c);
    char out[40];

    if (!r)
        return mem_arena_error(c->memo->arena);
    uint64_t high = (random_twister_long(r) & UINT64_C(0xffffffffffff0fff)) | 0x4000;
    uint64_t low =
        (random_twister_long(r) | UINT64_C(0x8000000000000000)) & UINT64_C(0xbfffffffffffffff);
    int n = snprintf(out, sizeof(out), "%08llx-%04llx-%04llx-%04llx-%012llx",
                     (unsigned long long)(high >> 32), (unsigned long long)(high >> 16 & 0xffff),
                     (unsigned long long)(high & 0xffff), (unsigned long long)(low >> 48),
                     (unsigned long long)(low & UINT64_C(0xffffffffffff)));
    return row_set_text(c, out, (size_t)n);
}

/* Elements in another order: each new one changes places with one before it, or stays. */
static int row_shuffle(RowCall *c)
{
    RandomTwister *random = twister(c);
    if (!random)
        return mem_arena_error(c->memo->arena);
    const VecString *array = row_string(c, 0);
    Type element = c->v[0]->type.children[0].type;
    uint32_t n = nested_count(array);
    NestedItem *items = mem_arena_alloc(c->s->strings, sizeof(*items) * ((size_t)n + 1), 16);
    if (!items)
        return mem_arena_error(c->s->strings);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = random_twister_below(random, i + 1);
        if (j != i)
            items[i] = items[j];
        nested_element(element, array, i, &items[j]);
    }
    VecString result;
    int r = nested_array(c->s->strings, element, items, n, &result);
    if (r == -EMSGSIZE)
        return row_too_large(c, UINT64_C(1) << 31);
    return r ? r : row_set_part(c, result);
}

static int row_partition(RowCall *c)
{
    return row_set_int(c, partition_of(c));
}

/* The number of the state in the upper bits, rows counted in the lower 33. */
static int row_increasing(RowCall *c)
{
    bool is_new;
    int64_t *next = generator(c, sizeof(*next), &is_new);

    if (!next)
        return mem_arena_error(c->memo->arena);
    if (is_new)
        *next = (int64_t)partition_of(c) << 33;
    return row_set_int(c, (*next)++);
}

#define AT(f) [FN_##f - FN_ROW_FIRST]

const RowRule row_rules_random[FN_ROW_LAST - FN_ROW_FIRST] = {
    AT(RAND) = {.row = row_rand, .flags = ROW_SAFE},
    AT(RANDN) = {.row = row_randn, .flags = ROW_SAFE},
    AT(RANDSTR) = {.row = row_randstr},
    AT(UUID) = {.row = row_uuid, .flags = ROW_SAFE},
    AT(SHUFFLE) = {.row = row_shuffle},
    AT(PARTITION_ID) = {.row = row_partition, .flags = ROW_SAFE},
    AT(INCREASING_ID) = {.row = row_increasing, .flags = ROW_SAFE},
};

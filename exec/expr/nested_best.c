/* SPDX-License-Identifier: Apache-2.0 */

/* max_by(x, y, k) and min_by(x, y, k): the x of the k pairs whose y are first. */

#include <stdlib.h>

#include "base/cleanup.h"
#include "exec/expr/nested.h"

typedef struct Pair {
    NestedItem by;
    uint32_t at;
} Pair;

typedef struct Order {
    Type type;
    bool descending;
} Order;

static int compare(const void *a, const void *b, void *userdata)
{
    const Pair *x = a, *y = b;
    const Order *order = userdata;
    int k = nested_compare(order->type, &x->by.value, &y->by.value);
    if (k != 0)
        return order->descending ? -k : k;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* array of structs of x and y, whose y are not null; int: how many, below 0 of the least */
int nested_best(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type record = c->types[0].children[0].type, of = record.children[0].type;
    Order order = {record.children[1].type, args[1].value.i32 > 0};
    uint32_t n = nested_count(&args[0].value.s), most = (uint32_t)abs(args[1].value.i32);
    Pair *pairs = mem_arena_alloc(c->arena, sizeof(*pairs) * (n + 1ull), 16);
    NestedItem *best = nested_items(c, MIN(n, most));
    if (!pairs || !best)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        NestedItem whole;
        nested_element(record, &args[0].value.s, i, &whole);
        nested_field(record, &whole.value.s, 1, &pairs[i].by);
        pairs[i].at = i;
    }
    qsort_r(pairs, n, sizeof(*pairs), compare, &order);
    n = MIN(n, most);
    for (uint32_t i = 0; i < n; i++) {
        NestedItem whole;
        nested_element(record, &args[0].value.s, pairs[i].at, &whole);
        nested_field(record, &whole.value.s, 0, &best[i]);
    }
    return nested_array(c->arena, of, best, n, &ret->value.s);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * For tests of exec/: expressions, vectors and plans by hand, random columns in every encoding, and
 * a collector of results. Everything lives in one arena; out of memory aborts.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/op/run.h"
#include "exec/plan/plan.h"
#include "exec/vec/ops.h"

typedef struct Build {
    MemPool *pool;
    MemArena *arena;
    uint64_t seed;
} Build;

static inline void build_init(Build *b, uint64_t seed)
{
    if (mem_pool_new(UINT64_C(2) << 30, NULL, NULL, &b->pool) ||
        mem_arena_new(b->pool, "test", &b->arena))
        abort();
    b->seed = seed * 2654435761u + 88172645463325252u;
}

static inline void build_done(Build *b)
{
    mem_arena_free(b->arena);
    mem_pool_free(b->pool); /* asserts that nothing is reserved any more */
}

static inline uint64_t build_random(Build *b)
{
    b->seed ^= b->seed << 13;
    b->seed ^= b->seed >> 7;
    b->seed ^= b->seed << 17;
    return b->seed;
}

static inline uint32_t build_below(Build *b, uint32_t n)
{
    return (uint32_t)(build_random(b) % n);
}

static inline void *build_alloc(Build *b, size_t n)
{
    void *p = mem_arena_zalloc(b->arena, n ? n : 1, 64);
    if (!p)
        abort();
    return p;
}

/* --- expressions --- */

static inline Expr *build_column(Build *b, uint32_t column, Type type)
{
    Expr *e = build_alloc(b, sizeof(*e));
    *e = (Expr){.kind = EXPR_COLUMN, .column = column, .type = type, .nullable = true};
    return e;
}

static inline Expr *build_literal(Build *b, Type type, int64_t i)
{
    Expr *e = build_alloc(b, sizeof(*e));
    *e = (Expr){.kind = EXPR_LITERAL, .type = type};
    if (type_phys(type) == PHYS_F64 || type_phys(type) == PHYS_F32)
        e->literal.d = (double)i;
    else if (type_phys(type) == PHYS_I128)
        e->literal.i128 = i;
    else if (type_phys(type) == PHYS_BOOL)
        e->literal.b = i != 0;
    else
        e->literal.i = i;
    return e;
}

static inline Expr *build_double(Build *b, double d)
{
    Expr *e = build_literal(b, TYPE(DOUBLE), 0);
    e->literal.d = d;
    return e;
}

static inline Expr *build_string(Build *b, const char *text)
{
    Expr *e = build_literal(b, TYPE(STRING), 0);
    char *copy = build_alloc(b, strlen(text) + 1);
    memcpy(copy, text, strlen(text));
    e->literal.s = vec_string(copy, (uint32_t)strlen(text));
    return e;
}

static inline Expr *build_null(Build *b, Type type)
{
    Expr *e = build_literal(b, type, 0);
    e->literal.is_null = true;
    return e;
}

static inline Expr *build_node(Build *b, ExprKind kind, FunctionId f, Type type, uint32_t n, ...)
{
    Expr *e = build_alloc(b, sizeof(*e));
    va_list ap;
    *e = (Expr){.kind = (uint8_t)kind, .function = f, .type = type, .n_args = n, .nullable = true};
    e->args = build_alloc(b, sizeof(Expr *) * n);
    va_start(ap, n);
    for (uint32_t i = 0; i < n; i++)
        e->args[i] = va_arg(ap, Expr *);
    va_end(ap);
    return e;
}

#define build_call(b, f, type, ...)                                                                \
    build_node((b), EXPR_CALL, (f), (type), sizeof((Expr *[]){__VA_ARGS__}) / sizeof(Expr *),      \
               __VA_ARGS__)
#define build_cast(b, type, arg) build_node((b), EXPR_CAST, FN_INVALID, (type), 1, (arg))

/* --- vectors --- */

typedef enum BuildEncoding {
    BUILD_FLAT,
    BUILD_DICT,        /* entries are the distinct small numbers, plus some that no row uses */
    BUILD_DICT_REPEAT, /* with equal entries */
    BUILD_CONST,
    _BUILD_ENCODING_MAX,
} BuildEncoding;

/* Value number @k of a type: small numbers, strings around the 12 bytes, some negative. */
static inline void build_value(Build *b, Type type, uint32_t k, void *to)
{
    int64_t i = (int64_t)k - 3;
    switch (type_phys(type)) {
    case PHYS_BOOL:
        *(uint8_t *)to = k & 1;
        break;
    case PHYS_I8:
        *(int8_t *)to = (int8_t)i;
        break;
    case PHYS_I16:
        *(int16_t *)to = (int16_t)(i * 3);
        break;
    case PHYS_I32:
        *(int32_t *)to = (int32_t)(i * 7);
        break;
    case PHYS_I64:
        *(int64_t *)to = i * 100;
        break;
    case PHYS_I128: {
        __int128 x = (__int128)i * 1000000007 * 1000000009;
        memcpy(to, &x, 16);
        break;
    }
    case PHYS_F32:
        *(float *)to = (float)i / 4;
        break;
    case PHYS_F64:
        *(double *)to = (double)i / 8;
        break;
    default: {
        char text[64];
        int n = snprintf(text, sizeof(text),
                         k % 3 == 0   ? "v%u"
                         : k % 3 == 1 ? "value %u"
                                      : "a longer value, number %u",
                         k);
        char *copy = build_alloc(b, (size_t)n);
        memcpy(copy, text, (size_t)n);
        VecString s = vec_string(copy, (uint32_t)n);
        memcpy(to, &s, sizeof(s));
    }
    }
}

/* @n rows out of @domain values, one null in @nulls (0: none). */
static inline Vector build_vector(Build *b, Type type, BuildEncoding encoding, uint32_t n,
                                  uint32_t domain, uint32_t nulls)
{
    size_t size = phys_size(type_phys(type));
    Vector v = {.type = type, .phys = (uint8_t)type_phys(type)};
    uint64_t *valid = build_alloc(b, VEC_VALID_WORDS * 8);

    v.has_nulls = nulls > 0;
    v.valid = nulls ? valid : NULL;
    if (encoding == BUILD_CONST) {
        v.encoding = VEC_CONST;
        v.values = build_alloc(b, 16);
        build_value(b, type, build_below(b, domain), v.values);
        if (!nulls || build_below(b, nulls))
            vec_bit_set(valid, 0);
        return v;
    }
    uint32_t *codes = build_alloc(b, sizeof(uint32_t) * (n + 1));
    uint32_t repeat = encoding == BUILD_DICT_REPEAT ? 2 : 1;
    uint32_t n_values = encoding == BUILD_FLAT ? n : domain * repeat + 2;
    v.values = build_alloc(b, size * (n_values + 1));
    for (uint32_t i = 0; i < n; i++) {
        bool null = nulls && build_below(b, nulls) == 0;
        codes[i] = null ? 0 : build_below(b, domain * repeat);
        if (!null)
            vec_bit_set(valid, i);
        if (encoding == BUILD_FLAT && !null)
            build_value(b, type, build_below(b, domain), (char *)v.values + size * i);
    }
    if (encoding == BUILD_FLAT)
        return v;
    for (uint32_t i = 0; i < n_values; i++)
        build_value(b, type, i % (domain + 2), (char *)v.values + size * i);
    v.encoding = VEC_DICT;
    v.codes = codes;
    v.n_dict = n_values;
    v.dict_id = vec_dict_id_next();
    v.dict_is_unique = repeat == 1;
    return v;
}

/* The same rows as VEC_FLAT. */
static inline Vector build_flat(Build *b, const Vector *v, uint32_t n)
{
    Vector flat;
    vec_flatten(v, NULL, n, build_alloc(b, VEC_ROWS_MAX * 16), build_alloc(b, VEC_VALID_WORDS * 8),
                &flat);
    return flat;
}

/* About @percent of @n rows; NULL for all. */
static inline const uint16_t *build_selection(Build *b, uint32_t n, uint32_t percent,
                                              uint32_t *ret_n)
{
    uint16_t *sel = build_alloc(b, sizeof(uint16_t) * (n + 1));
    uint32_t k = 0;
    if (percent >= 100) {
        *ret_n = n;
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++)
        if (build_below(b, 100) < percent)
            sel[k++] = (uint16_t)i;
    *ret_n = k;
    return sel;
}

/* --- plans --- */

static inline PlanNode *build_plan(Build *b, PlanKind kind, uint32_t n_fields, const Type *types,
                                   PlanNode *input)
{
    PlanNode *p = build_alloc(b, sizeof(*p));
    p->kind = (uint8_t)kind;
    p->n_fields = n_fields;
    p->fields = build_alloc(b, sizeof(PlanField) * (n_fields + 1));
    for (uint32_t i = 0; i < n_fields; i++)
        p->fields[i] =
            (PlanField){.name = "c", .type = types ? types[i] : TYPE(NULL), .nullable = true};
    p->input = input;
    return p;
}

/* --- rows as text --- */

typedef struct BuildRows {
    Build *build;
    char **rows;
    uint32_t n, capacity;
    uint32_t stop_after; /* 0: never; else QUERY_E_CANCELLED after so many batches */
    uint32_t n_batches;
} BuildRows;

static inline void build_rows_add(BuildRows *r, const char *text)
{
    if (r->n == r->capacity) {
        r->capacity = r->capacity ? r->capacity * 2 : 256;
        char **rows = realloc(r->rows, sizeof(char *) * r->capacity);
        if (!rows)
            abort();
        r->rows = rows;
    }
    r->rows[r->n++] = strdup(text);
}

static inline void build_rows_batch(BuildRows *r, const Batch *batch)
{
    uint32_t n = batch->sel ? batch->n_selected : batch->n_rows;
    for (uint32_t i = 0; i < n; i++) {
        char line[4096];
        size_t at = 0;
        line[0] = '\0';
        for (uint32_t c = 0; c < batch->n_columns; c++) {
            vec_format(&batch->columns[c], batch->sel ? batch->sel[i] : i, line + at, 256);
            at += strlen(line + at);
            line[at++] = '|';
            line[at] = '\0';
        }
        build_rows_add(r, line);
    }
}

static inline int build_rows_result(void *userdata, const Batch *batch, QueryError *error)
{
    BuildRows *r = userdata;
    for (uint32_t c = 0; c < batch->n_columns; c++)
        if (batch->columns[c].phys != type_phys(batch->columns[c].type))
            abort(); /* a narrow decimal must not come out */
    build_rows_batch(r, batch);
    r->n_batches++;
    return r->stop_after && r->n_batches >= r->stop_after ? QUERY_E_CANCELLED : 0;
}

static inline int build_rows_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void build_rows_sort(BuildRows *r)
{
    if (r->n > 1)
        qsort(r->rows, r->n, sizeof(char *), build_rows_compare);
}

static inline void build_rows_free(BuildRows *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        free(r->rows[i]);
    free(r->rows);
    r->rows = NULL;
    r->n = r->capacity = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Logical types of Spark SQL and how a column of each lies in memory.
 * Source: Spark SQL reference, "Data Types"; decimal rules as in Spark 4 (ANSI mode).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum TypeKind {
    TYPE_NULL, /* the type of a bare NULL; physically PHYS_BOOL, all null */
    TYPE_BOOLEAN,
    TYPE_BYTE,
    TYPE_SHORT,
    TYPE_INT,
    TYPE_LONG,
    TYPE_FLOAT,
    TYPE_DOUBLE,
    TYPE_DECIMAL,
    TYPE_STRING,
    TYPE_BINARY,
    TYPE_DATE,          /* days since 1970-01-01 */
    TYPE_TIMESTAMP,     /* microseconds since the epoch, UTC */
    TYPE_TIMESTAMP_NTZ, /* microseconds of a clock on the wall */
    TYPE_INTERVAL_YM,   /* months */
    TYPE_INTERVAL_DT,   /* microseconds */
    TYPE_ARRAY,
    TYPE_MAP,
    TYPE_STRUCT,
    _TYPE_KIND_MAX,
} TypeKind;

typedef struct TypeField TypeField;

/* By value everywhere; children of nested types live in the arena of whoever made the type. */
typedef struct Type {
    uint8_t kind;       /* TypeKind */
    uint8_t precision;  /* DECIMAL: 1..38 */
    uint8_t scale;      /* DECIMAL: 0..precision */
    uint8_t n_children; /* ARRAY 1, MAP 2, STRUCT 0..255 */
    const TypeField *children;
} Type;

struct TypeField {
    const char *name;
    Type type;
    bool nullable;
};

#define TYPE(k) ((Type){.kind = TYPE_##k})
#define TYPE_DECIMAL_OF(p, s)                                                                      \
    ((Type){.kind = TYPE_DECIMAL, .precision = (uint8_t)(p), .scale = (uint8_t)(s)})

/* What one value is in memory. */
typedef enum PhysKind {
    PHYS_BOOL, /* uint8_t 0 or 1 */
    PHYS_I8,
    PHYS_I16,
    PHYS_I32,  /* INT, DATE, INTERVAL_YM */
    PHYS_I64,  /* LONG, TIMESTAMP*, INTERVAL_DT, DECIMAL up to precision 18 */
    PHYS_I128, /* DECIMAL above precision 18; __int128, 16-byte aligned */
    PHYS_F32,
    PHYS_F64,
    PHYS_STRING, /* VecString; STRING, BINARY; ARRAY, MAP, STRUCT in the form of nested.h */
    _PHYS_MAX,
} PhysKind;

PhysKind type_phys(Type type);
/* Bytes of one value: 1, 2, 4, 8 or 16. */
size_t phys_size(PhysKind phys);
/* Same kind, precision, scale and children (names included). */
bool type_equal(Type a, Type b);
bool type_is_numeric(Type type);
bool type_is_integral(Type type);
/* Spark's spelling: "decimal(15,2)", "array<int>". Return: @buf, cut if it does not fit. */
char *type_format(Type type, char *buf, size_t size);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Spark's rules of types: which type two operands meet in, and what decimals become.
 * Source: Spark SQL reference, "ANSI Compliance" (type coercion) and "Data Types" (decimals);
 * precision loss is allowed (spark.sql.decimalOperations.allowPrecisionLoss), as by default.
 */

#include <stdbool.h>

#include "exec/plan/function.h"
#include "exec/vec/type.h"

#define DECIMAL_PRECISION_MAX 38
#define DECIMAL_MINIMUM_SCALE 6

/* A precision above 38 gives up digits of the fraction, down to DECIMAL_MINIMUM_SCALE. */
Type type_decimal_adjusted(int precision, int scale);
/* A precision above 38 is cut. */
Type type_decimal_bounded(int precision, int scale);
/* Result of FN_ADD, FN_SUBTRACT, FN_MULTIPLY, FN_DIVIDE, FN_MODULO. */
Type type_decimal_result(FunctionId function, Type a, Type b);
/* The decimal that holds every value of an integral type; DECIMAL gives itself. */
Type type_as_decimal(Type type);

/**
 * type_wider() - the type that both convert to without being asked (ANSI)
 * Numbers widen; an integral and a FLOAT meet in DOUBLE; STRING gives way to the other side
 * (integrals: LONG, fractions: DOUBLE); NULL to anything; DATE to TIMESTAMP.
 * Return: false when there is none.
 */
bool type_wider(Type a, Type b, Type *ret);
/* As type_wider() but between strings and other types the string wins: for CASE, COALESCE, IN and
 * set operations outside ANSI mode. */
bool type_wider_to_string(Type a, Type b, Type *ret);
/* May CAST be written between them at all (ANSI)? */
bool type_can_cast(Type from, Type to, bool ansi);

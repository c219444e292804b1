/* SPDX-License-Identifier: Apache-2.0 */

/* Functions that a signature describes; function_table.h says how. Sorted by name. */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/function_table.h"

static const FunctionSigned rows[] = {
    {"&", FN_BIT_AND, "*2 2", NULL, "a & b", "Bits that are set in both."},
    {"<<", FN_SHIFT_LEFT, "*2 2", NULL, "x << n", "Bits moved n places to the left."},
    {">>", FN_SHIFT_RIGHT, "*2 2", NULL, "x >> n",
     "Bits moved n places to the right, the sign kept."},
    {">>>", FN_SHIFT_RIGHT_UNSIGNED, "*2 2", NULL, "x >>> n",
     "Bits moved n places to the right, zeros in front."},
    {"^", FN_BIT_XOR, "*2 2", NULL, "a ^ b", "Bits that are set in one of the two."},
    {"acos", FN_ACOS, "d>d?", NULL, "(x)", "Angle whose cosine is x; NaN outside -1 to 1."},
    {"acosh", FN_ACOSH, "d>d?", NULL, "(x)", "Inverse hyperbolic cosine; NaN below 1."},
    {"asin", FN_ASIN, "d>d?", NULL, "(x)", "Angle whose sine is x; NaN outside -1 to 1."},
    {"asinh", FN_ASINH, "d>d?", NULL, "(x)", "Inverse hyperbolic sine."},
    {"atan", FN_ATAN, "d>d?", NULL, "(x)", "Angle whose tangent is x."},
    {"atan2", FN_ATAN2, "dd>d", NULL, "(y, x)", "Angle of the point (x, y) from the x axis."},
    {"atanh", FN_ATANH, "d>d?", NULL, "(x)", "Inverse hyperbolic tangent; NaN outside -1 to 1."},
    {"bin", FN_BIN, "l>s", NULL, "(n)", "A number in binary digits."},
    {"bit_count", FN_BIT_COUNT, "*1 1", NULL, "(x)", "How many bits are set in the 64-bit form."},
    {"bit_get", FN_BIT_GET, "Ii>T", NULL, "(x, n)", "Bit n, counted from the lowest."},
    {"bround", FN_BROUND, "*1 2", NULL, "(x[, digits])",
     "Rounded to a number of digits, halves to the even digit."},
    {"cbrt", FN_CBRT, "d>d?", NULL, "(x)", "Cube root."},
    {"ceil with digits", FN_CEIL_SCALE, "*2 2", NULL, "", ""},
    {"conv", FN_CONV, "sii>s?", NULL, "(text, from, to)",
     "Digits of base `from` in base `to`, both from 2 to 36."},
    {"cos", FN_COS, "d>d?", NULL, "(x)", "Cosine of an angle in radians."},
    {"cosh", FN_COSH, "d>d?", NULL, "(x)", "Hyperbolic cosine."},
    {"cot", FN_COT, "d>d?", NULL, "(x)", "Cotangent of an angle in radians."},
    {"csc", FN_CSC, "d>d?", NULL, "(x)", "Cosecant of an angle in radians."},
    {"degrees", FN_DEGREES, "d>d?", NULL, "(x)", "Radians as degrees."},
    {"expm1", FN_EXPM1, "d>d?", NULL, "(x)", "e to the power of x, less one; exact for small x."},
    {"factorial", FN_FACTORIAL, "i>l?", NULL, "(n)",
     "1 * 2 * ... * n for n from 0 to 20; else NULL."},
    {"floor with digits", FN_FLOOR_SCALE, "*2 2", NULL, "", ""},
    {"getbit", FN_BIT_GET, "Ii>T", NULL, "(x, n)", "Bit n, counted from the lowest."},
    {"hex", FN_HEX, "*1 1", NULL, "(x)",
     "A number, or the bytes of a string, in hexadecimal digits."},
    {"hypot", FN_HYPOT, "dd>d", NULL, "(a, b)",
     "Square root of a*a + b*b, without overflow in between."},
    {"locate", FN_INVALID, "ss|i>i",
     "(instr $2 $1);(if (isnull $3) 0 (if (< $3 1) 0 (if (= (instr (substring $2 $3) $1) 0) 0 (- "
     "(+ (instr (substring $2 $3) $1) $3) 1))))",
     "(part, text[, from])",
     "Where the part first stands in the text, counted from 1; 0 if it does not."},
    {"log", FN_LOG, "d|d>d?", "(ln $1);", "([base, ]x)",
     "Logarithm to the base, e by default; NULL where there is none."},
    {"log10", FN_LOG10, "d>d?", NULL, "(x)", "Logarithm to the base 10; NULL where there is none."},
    {"log1p", FN_LOG1P, "d>d?", NULL, "(x)",
     "Natural logarithm of x + 1; NULL where there is none."},
    {"log2", FN_LOG2, "d>d?", NULL, "(x)", "Logarithm to the base 2; NULL where there is none."},
    {"nanvl", FN_NANVL, "*2 2", NULL, "(a, b)", "a, or b where a is NaN."},
    {"nullifzero", FN_INVALID, "a>1?", "(if (= $1 0) null $1)", "(x)", "NULL for 0, else x."},
    {"pmod", FN_PMOD, "*2 2", NULL, "(a, n)", "a modulo n with the sign of n."},
    {"position", FN_INVALID, "ss|i>i",
     "(instr $2 $1);(if (isnull $3) 0 (if (< $3 1) 0 (if (= (instr (substring $2 $3) $1) 0) 0 (- "
     "(+ (instr (substring $2 $3) $1) $3) 1))))",
     "(part, text[, from])",
     "Where the part first stands in the text, counted from 1; 0 if it does not."},
    {"radians", FN_RADIANS, "d>d?", NULL, "(x)", "Degrees as radians."},
    {"rint", FN_RINT, "d>d?", NULL, "(x)",
     "The nearest whole number as a double; halves go to the even one."},
    {"sec", FN_SEC, "d>d?", NULL, "(x)", "Secant of an angle in radians."},
    {"shiftleft", FN_SHIFT_LEFT, "*2 2", NULL, "(x, n)", "Bits moved n places to the left."},
    {"shiftright", FN_SHIFT_RIGHT, "*2 2", NULL, "(x, n)",
     "Bits moved n places to the right, the sign kept."},
    {"shiftrightunsigned", FN_SHIFT_RIGHT_UNSIGNED, "*2 2", NULL, "(x, n)",
     "Bits moved n places to the right, zeros in front."},
    {"sign", FN_SIGNUM, "d>d?", NULL, "(x)", "-1, 0 or 1 as x is below, at or above zero."},
    {"signum", FN_SIGNUM, "d>d?", NULL, "(x)", "-1, 0 or 1 as x is below, at or above zero."},
    {"sin", FN_SIN, "d>d?", NULL, "(x)", "Sine of an angle in radians."},
    {"sinh", FN_SINH, "d>d?", NULL, "(x)", "Hyperbolic sine."},
    {"tan", FN_TAN, "d>d?", NULL, "(x)", "Tangent of an angle in radians."},
    {"tanh", FN_TANH, "d>d?", NULL, "(x)", "Hyperbolic tangent."},
    {"try_add", FN_INVALID, "aa>1?", "(try (+ $1 $2))", "(a, b)",
     "Sum, or NULL where it overflows."},
    {"try_divide", FN_INVALID, "aa>1?", "(try (/ $1 $2))", "(a, b)",
     "Quotient, or NULL where the divisor is 0."},
    {"try_mod", FN_INVALID, "aa>1?", "(try (% $1 $2))", "(a, b)",
     "Remainder, or NULL where the divisor is 0."},
    {"try_multiply", FN_INVALID, "aa>1?", "(try (* $1 $2))", "(a, b)",
     "Product, or NULL where it overflows."},
    {"try_subtract", FN_INVALID, "aa>1?", "(try (- $1 $2))", "(a, b)",
     "Difference, or NULL where it overflows."},
    {"unhex", FN_UNHEX, "s>y?", NULL, "(text)",
     "The bytes that hexadecimal digits stand for; NULL for other text."},
    {"width_bucket", FN_WIDTH_BUCKET, "dddl>l?", NULL, "(x, low, high, n)",
     "Which of n equally wide ranges between low and high holds x; 0 below, n + 1 above."},
    {"zeroifnull", FN_INVALID, "a>1!", "(coalesce $1 0)", "(x)", "0 for NULL, else x."},
    {"|", FN_BIT_OR, "*2 2", NULL, "a | b", "Bits that are set in either."},
    {"~", FN_BIT_NOT, "I>1", NULL, "~a", "Every bit inverted."},
};

static int compare_row(const void *key, const void *row)
{
    return strcmp(key, ((const FunctionSigned *)row)->name);
}

const FunctionSigned *function_signed_find(const char *name)
{
    return bsearch(name, rows, ARRAY_SIZE(rows), sizeof(rows[0]), compare_row);
}

const FunctionSigned *function_signed_by_id(FunctionId id)
{
    for (size_t i = 0; id != FN_INVALID && i < ARRAY_SIZE(rows); i++)
        if (rows[i].id == id)
            return &rows[i];
    return NULL;
}

const FunctionSigned *function_signed_row(size_t i)
{
    return i < ARRAY_SIZE(rows) ? &rows[i] : NULL;
}

void function_signed_arity(const FunctionSigned *f, uint32_t *ret_min, uint32_t *ret_max)
{
    const char *at = f->signature;
    uint32_t n = 0;
    bool optional = false, endless = false;
    if (*at == '*') {
        char *end;
        *ret_min = (uint32_t)strtoul(at + 1, &end, 10);
        *ret_max = (uint32_t)strtoul(end, NULL, 10);
        return;
    }
    *ret_min = 0;
    for (; *at != '>'; at++) {
        if (*at == '|') {
            optional = true;
            *ret_min = n;
        } else if (*at == '.') {
            endless = true;
        } else {
            n++;
        }
    }
    if (!optional)
        *ret_min = n;
    *ret_max = endless ? 255 : n;
}

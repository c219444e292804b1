/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/plan/function_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"

#define ANY 255

static const FunctionRow rows[] = {
    {"!", FN_NOT, RULE_LOGIC, 1, 1},
    {"!=", FN_NE, RULE_COMPARE, 2, 2},
    {"%", FN_MODULO, RULE_ARITHMETIC, 2, 2},
    {"*", FN_MULTIPLY, RULE_ARITHMETIC, 2, 2},
    {"+", FN_ADD, RULE_ARITHMETIC, 2, 2},
    {"-", FN_SUBTRACT, RULE_ARITHMETIC, 2, 2},
    {"/", FN_DIVIDE, RULE_DIVIDE, 2, 2},
    {"<", FN_LT, RULE_COMPARE, 2, 2},
    {"<=", FN_LE, RULE_COMPARE, 2, 2},
    {"<=>", FN_EQ_NULL_SAFE, RULE_COMPARE, 2, 2},
    {"<>", FN_NE, RULE_COMPARE, 2, 2},
    {"=", FN_EQ, RULE_COMPARE, 2, 2},
    {"==", FN_EQ, RULE_COMPARE, 2, 2},
    {">", FN_GT, RULE_COMPARE, 2, 2},
    {">=", FN_GE, RULE_COMPARE, 2, 2},
    {"abs", FN_ABS, RULE_SIGN, 1, 1},
    {"add_months", FN_ADD_MONTHS, RULE_ADD_MONTHS, 2, 2},
    {"and", FN_AND, RULE_LOGIC, 2, ANY},
    {"between", FN_INVALID, RULE_REWRITE, 3, 3},
    {"bigint", TYPE_LONG, RULE_CAST, 1, 1},
    {"binary", TYPE_BINARY, RULE_CAST, 1, 1},
    {"boolean", TYPE_BOOLEAN, RULE_CAST, 1, 1},
    {"ceil", FN_CEIL, RULE_CEIL, 1, 2},
    {"ceiling", FN_CEIL, RULE_CEIL, 1, 2},
    {"char_length", FN_LENGTH, RULE_LENGTH, 1, 1},
    {"character_length", FN_LENGTH, RULE_LENGTH, 1, 1},
    {"coalesce", FN_COALESCE, RULE_COALESCE, 1, ANY},
    {"concat", FN_CONCAT, RULE_STRING, 0, ANY},
    {"contains", FN_CONTAINS, RULE_STRING_TEST, 2, 2},
    {"curdate", FN_INVALID, RULE_REWRITE, 0, 0},
    {"current_catalog", FN_INVALID, RULE_REWRITE, 0, 0},
    {"current_database", FN_INVALID, RULE_REWRITE, 0, 0},
    {"current_date", FN_INVALID, RULE_REWRITE, 0, 0},
    {"current_schema", FN_INVALID, RULE_REWRITE, 0, 0},
    {"current_timestamp", FN_INVALID, RULE_REWRITE, 0, 0},
    {"current_timezone", FN_INVALID, RULE_REWRITE, 0, 0},
    {"date", TYPE_DATE, RULE_CAST, 1, 1},
    {"date_add", FN_DATE_ADD, RULE_DATE_ADD, 2, 2},
    {"date_diff", FN_DATE_DIFF, RULE_DATE_DIFF, 2, 2},
    {"date_part", FN_INVALID, RULE_REWRITE, 2, 2},
    {"date_sub", FN_DATE_SUB, RULE_DATE_ADD, 2, 2},
    {"date_trunc", FN_DATE_TRUNC, RULE_DATE_TRUNC, 2, 2},
    {"dateadd", FN_DATE_ADD, RULE_DATE_ADD, 2, 2},
    {"datediff", FN_DATE_DIFF, RULE_DATE_DIFF, 2, 2},
    {"datepart", FN_INVALID, RULE_REWRITE, 2, 2},
    {"day", FN_DAY, RULE_DATE_FIELD, 1, 1},
    {"dayofmonth", FN_DAY, RULE_DATE_FIELD, 1, 1},
    {"dayofweek", FN_DAY_OF_WEEK, RULE_DATE_FIELD, 1, 1},
    {"dayofyear", FN_DAY_OF_YEAR, RULE_DATE_FIELD, 1, 1},
    {"div", FN_INT_DIVIDE, RULE_INT_DIVIDE, 2, 2},
    {"double", TYPE_DOUBLE, RULE_CAST, 1, 1},
    {"e", FN_INVALID, RULE_REWRITE, 0, 0},
    {"endswith", FN_ENDS_WITH, RULE_STRING_TEST, 2, 2},
    {"equal_null", FN_EQ_NULL_SAFE, RULE_COMPARE, 2, 2},
    {"exp", FN_EXP, RULE_DOUBLE, 1, 1},
    {"extract", FN_INVALID, RULE_REWRITE, 2, 2},
    {"float", TYPE_FLOAT, RULE_CAST, 1, 1},
    {"floor", FN_FLOOR, RULE_CEIL, 1, 2},
    {"greatest", FN_GREATEST, RULE_COALESCE, 2, ANY},
    {"hour", FN_HOUR, RULE_TIME_FIELD, 1, 1},
    {"if", FN_INVALID, RULE_REWRITE, 3, 3},
    {"ifnull", FN_COALESCE, RULE_COALESCE, 2, 2},
    {"ilike", FN_INVALID, RULE_REWRITE, 2, 3},
    {"in", FN_INVALID, RULE_REWRITE, 1, ANY},
    {"instr", FN_INSTR, RULE_INSTR, 2, 2},
    {"int", TYPE_INT, RULE_CAST, 1, 1},
    {"isnan", FN_INVALID, RULE_REWRITE, 1, 1},
    {"isnotnull", FN_IS_NOT_NULL, RULE_NULL_TEST, 1, 1},
    {"isnull", FN_IS_NULL, RULE_NULL_TEST, 1, 1},
    {"lcase", FN_LOWER, RULE_STRING, 1, 1},
    {"least", FN_LEAST, RULE_COALESCE, 2, ANY},
    {"left", FN_LEFT, RULE_LEFT, 2, 2},
    {"len", FN_LENGTH, RULE_LENGTH, 1, 1},
    {"length", FN_LENGTH, RULE_LENGTH, 1, 1},
    {"like", FN_LIKE, RULE_LIKE, 2, 3},
    {"ln", FN_LN, RULE_DOUBLE, 1, 1},
    {"localtimestamp", FN_INVALID, RULE_REWRITE, 0, 0},
    {"lower", FN_LOWER, RULE_STRING, 1, 1},
    {"ltrim", FN_LTRIM, RULE_STRING, 1, 2},
    {"make_date", FN_MAKE_DATE, RULE_MAKE_DATE, 3, 3},
    {"minute", FN_MINUTE, RULE_TIME_FIELD, 1, 1},
    {"mod", FN_MODULO, RULE_ARITHMETIC, 2, 2},
    {"month", FN_MONTH, RULE_DATE_FIELD, 1, 1},
    {"negative", FN_NEGATE, RULE_SIGN, 1, 1},
    {"not", FN_NOT, RULE_LOGIC, 1, 1},
    {"now", FN_INVALID, RULE_REWRITE, 0, 0},
    {"nullif", FN_INVALID, RULE_REWRITE, 2, 2},
    {"nvl", FN_COALESCE, RULE_COALESCE, 2, 2},
    {"nvl2", FN_INVALID, RULE_REWRITE, 3, 3},
    {"or", FN_OR, RULE_LOGIC, 2, ANY},
    {"pi", FN_INVALID, RULE_REWRITE, 0, 0},
    {"positive", FN_INVALID, RULE_REWRITE, 1, 1},
    {"pow", FN_POWER, RULE_DOUBLE, 2, 2},
    {"power", FN_POWER, RULE_DOUBLE, 2, 2},
    {"quarter", FN_QUARTER, RULE_DATE_FIELD, 1, 1},
    {"regexp", FN_RLIKE, RULE_STRING_TEST, 2, 2},
    {"regexp_like", FN_RLIKE, RULE_STRING_TEST, 2, 2},
    {"replace", FN_REPLACE, RULE_STRING, 2, 3},
    {"right", FN_RIGHT, RULE_LEFT, 2, 2},
    {"rlike", FN_RLIKE, RULE_STRING_TEST, 2, 2},
    {"round", FN_ROUND, RULE_ROUND, 1, 2},
    {"rtrim", FN_RTRIM, RULE_STRING, 1, 2},
    {"second", FN_SECOND, RULE_TIME_FIELD, 1, 1},
    {"smallint", TYPE_SHORT, RULE_CAST, 1, 1},
    {"sqrt", FN_SQRT, RULE_DOUBLE, 1, 1},
    {"startswith", FN_STARTS_WITH, RULE_STRING_TEST, 2, 2},
    {"string", TYPE_STRING, RULE_CAST, 1, 1},
    {"substr", FN_SUBSTRING, RULE_SUBSTRING, 2, 3},
    {"substring", FN_SUBSTRING, RULE_SUBSTRING, 2, 3},
    {"timestamp", TYPE_TIMESTAMP, RULE_CAST, 1, 1},
    {"timestamp_of_session", FN_INVALID, RULE_REWRITE, 1, 1},
    {"tinyint", TYPE_BYTE, RULE_CAST, 1, 1},
    {"trim", FN_TRIM, RULE_STRING, 1, 2},
    {"typeof", FN_INVALID, RULE_REWRITE, 1, 1},
    {"ucase", FN_UPPER, RULE_STRING, 1, 1},
    {"upper", FN_UPPER, RULE_STRING, 1, 1},
    {"version", FN_INVALID, RULE_REWRITE, 0, 0},
    {"when", FN_INVALID, RULE_REWRITE, 2, ANY},
    {"year", FN_YEAR, RULE_DATE_FIELD, 1, 1},
};

static const struct {
    const char *name;
    AggregateId id;
} aggregates[] = {
    {"count", AGG_COUNT},
    {"sum", AGG_SUM},
    {"avg", AGG_AVG},
    {"mean", AGG_AVG},
    {"min", AGG_MIN},
    {"max", AGG_MAX},
    {"first", AGG_FIRST},
    {"first_value", AGG_FIRST},
    {"any_value", AGG_FIRST},
    {"first ignoring nulls", AGG_FIRST_KNOWN},
    {"last", AGG_LAST},
    {"last_value", AGG_LAST},
    {"last ignoring nulls", AGG_LAST_KNOWN},
    {"stddev", AGG_STDDEV_SAMP},
    {"std", AGG_STDDEV_SAMP},
    {"stddev_samp", AGG_STDDEV_SAMP},
    {"stddev_pop", AGG_STDDEV_POP},
    {"variance", AGG_VAR_SAMP},
    {"var_samp", AGG_VAR_SAMP},
    {"var_pop", AGG_VAR_POP},
    {"bool_and", AGG_BOOL_AND},
    {"every", AGG_BOOL_AND},
    {"bool_or", AGG_BOOL_OR},
    {"some", AGG_BOOL_OR},
    {"any", AGG_BOOL_OR},
    {"regr_sxx", AGG_M2},
    {"regr_syy", AGG_M2},
    {"skewness", AGG_SKEWNESS},
    {"kurtosis", AGG_KURTOSIS},
    {"corr", AGG_CORR},
    {"covar_pop", AGG_COVAR_POP},
    {"covar_samp", AGG_COVAR_SAMP},
    {"regr_count", AGG_COUNT},
    {"regr_avgx", AGG_AVG},
    {"regr_avgy", AGG_AVG},
    {"regr_sxy", AGG_REGR_SXY},
    {"regr_slope", AGG_REGR_SLOPE},
    {"regr_intercept", AGG_REGR_INTERCEPT},
    {"regr_r2", AGG_REGR_R2},
    {"max_by", AGG_MAX_BY},
    {"min_by", AGG_MIN_BY},
    {"bit_and", AGG_BIT_AND},
    {"bit_or", AGG_BIT_OR},
    {"bit_xor", AGG_BIT_XOR},
    {"product", AGG_PRODUCT},
    {"bitmap_construct_agg", AGG_COLLECT},
    {"bitmap_or_agg", AGG_COLLECT},
    {"try_sum", AGG_TRY_SUM},
    {"try_avg", AGG_TRY_AVG},
    {"collect_list", AGG_COLLECT},
    {"percentile", AGG_COLLECT},
    {"percentile_approx", AGG_COLLECT},
    {"approximate quantile", AGG_COLLECT},
    {"frequent items", AGG_COLLECT},
    {"approx_percentile", AGG_COLLECT},
    {"percentile_cont", AGG_COLLECT},
    {"percentile_disc", AGG_COLLECT},
    {"median", AGG_COLLECT},
    {"mode", AGG_COLLECT},
    {"listagg", AGG_COLLECT},
    {"string_agg", AGG_COLLECT},
    {"histogram_numeric", AGG_COLLECT},
    {"count_min_sketch", AGG_COLLECT},
    {"collect_set", AGG_COLLECT},
    {"array_agg", AGG_COLLECT},
    {"count_if", AGG_COUNT},
    {"approx_count_distinct", AGG_COUNT},
};

static int compare_row(const void *key, const void *row)
{
    return strcmp(key, ((const FunctionRow *)row)->name);
}

const FunctionRow *function_find(const char *name)
{
    return bsearch(name, rows, ARRAY_SIZE(rows), sizeof(rows[0]), compare_row);
}

const char *function_name(FunctionId id)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].id == id && rows[i].rule != RULE_CAST && rows[i].rule != RULE_REWRITE)
            return rows[i].name;
    if (id >= FN_NESTED_FIRST && id <= FN_NESTED_LAST && nested_function_name(id))
        return nested_function_name(id);
    const FunctionSigned *f = function_signed_by_id(id);
    if (f)
        return f->name;
    return id == FN_TRY                 ? "try"
           : id == FN_DATE_ADD_INTERVAL ? "+"
           : id == FN_NULLIF            ? "nullif"
           : id == FN_IF                ? "if"
                                        : "?";
}

const char *function_operator(FunctionId id)
{
    static const char *const ops[_FN_MAX] = {
        [FN_AND] = "AND",
        [FN_OR] = "OR",
        [FN_EQ] = "=",
        [FN_LT] = "<",
        [FN_LE] = "<=",
        [FN_GT] = ">",
        [FN_GE] = ">=",
        [FN_NE] = "!=",
        [FN_ADD] = "+",
        [FN_SUBTRACT] = "-",
        [FN_MULTIPLY] = "*",
        [FN_DIVIDE] = "/",
        [FN_MODULO] = "%",
        [FN_INT_DIVIDE] = "div",
        [FN_EQ_NULL_SAFE] = "<=>",
        [FN_DATE_ADD_INTERVAL] = "+",
    };
    return id < _FN_MAX ? ops[id] : NULL;
}

AggregateId aggregate_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(aggregates); i++)
        if (strcmp(aggregates[i].name, name) == 0)
            return aggregates[i].id;
    return _AGG_MAX;
}

const char *aggregate_name(AggregateId id)
{
    if (id == AGG_COUNT_STAR)
        return "count";
    for (size_t i = 0; i < ARRAY_SIZE(aggregates); i++)
        if (aggregates[i].id == id)
            return aggregates[i].name;
    return "?";
}

const FunctionRow *function_row(size_t i)
{
    return i < ARRAY_SIZE(rows) ? &rows[i] : NULL;
}

const char *aggregate_name_at(size_t i)
{
    return i < ARRAY_SIZE(aggregates) ? aggregates[i].name : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The names that Spark gives to columns without one, and expressions in messages. */

#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/plan/bind_internal.h"
#include "exec/plan/bind_sketch.h"
#include "exec/plan/bind_statistic.h"
#include "exec/plan/datetime.h"
#include "exec/plan/function_table.h"
#include "exec/vec/interval.h"

#define NAME_BYTES_MAX 4096u

/* Text that grows up to NAME_BYTES_MAX and is then cut. */
typedef struct Name {
    char buf[NAME_BYTES_MAX];
    size_t n;
    const struct NameLambda *lambda; /* parameters around */
    const Binder *b;
} Name;

typedef struct NameLambda {
    const struct NameLambda *outer;
    const UExpr *e;
} NameLambda;

static bool is_parameter(const Name *name, const char *part)
{
    for (const NameLambda *l = name->lambda; l; l = l->outer)
        for (uint32_t i = 0; i < l->e->n_parts; i++)
            if (strcasecmp(l->e->parts[i], part) == 0)
                return true;
    return false;
}

static void put_n(Name *name, const char *text, size_t n)
{
    n = MIN(n, NAME_BYTES_MAX - 1 - name->n);
    memcpy(name->buf + name->n, text, n);
    name->n += n;
}

static void put(Name *name, const char *text)
{
    put_n(name, text, strlen(text));
}

static void put_decimal(Name *name, Type type, const Literal *literal)
{
    __int128 v = literal_decimal(type, literal);
    bool negative = v < 0;
    unsigned __int128 u = negative ? -(unsigned __int128)v : (unsigned __int128)v;
    char digits[48];
    int n = 0;
    do {
        digits[n++] = (char)('0' + (int)(u % 10));
        u /= 10;
    } while (u > 0 || n <= type.scale);
    if (negative)
        put(name, "-");
    while (n > 0) {
        if (n == type.scale)
            put(name, ".");
        put_n(name, &digits[--n], 1);
    }
}

/* The fewest digits that read back, and Java's choice between 100.0 and 1.0E10. */
static void put_double(Name *name, double d, bool is_float)
{
    char digits[40];
    if (isnan(d) || isinf(d)) {
        put(name, isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity");
        return;
    }
    int precision = 0;
    do {
        snprintf(digits, sizeof(digits), "%.*e", precision, d);
    } while (++precision < 18 &&
             (is_float ? strtof(digits, NULL) != (float)d : strtod(digits, NULL) != d));
    int exponent = atoi(strchr(digits, 'e') + 1);
    *strchr(digits, 'e') = '\0';
    if (d != 0 && (exponent < -3 || exponent > 6)) {
        char tail[16];
        snprintf(tail, sizeof(tail), "%sE%d", strchr(digits, '.') ? "" : ".0", exponent);
        put(name, digits);
        put(name, tail);
        return;
    }
    char plain[48];
    int fraction = precision - 1 - exponent;
    snprintf(plain, sizeof(plain), "%.*f", fraction > 1 ? fraction : 1, d);
    put(name, plain);
}

static void put_literal(Name *name, Type type, const Literal *literal)
{
    char buf[96];
    if (literal->is_null) {
        put(name, "NULL");
        return;
    }
    switch (type.kind) {
    case TYPE_BOOLEAN:
        put(name, literal->b ? "true" : "false");
        return;
    case TYPE_BINARY:
        put(name, "X'");
        for (uint32_t i = 0; i < literal->s.length && i < 2000; i++) {
            snprintf(buf, sizeof(buf), "%02X", (uint8_t)vec_string_data(&literal->s)[i]);
            put(name, buf);
        }
        put(name, "'");
        return;
    case TYPE_STRING:
        put_n(name, vec_string_data(&literal->s), literal->s.length);
        return;
    case TYPE_DECIMAL:
        put_decimal(name, type, literal);
        return;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        put_double(name, literal->d, type.kind == TYPE_FLOAT);
        return;
    case TYPE_DATE:
        put(name, "DATE '");
        plan_format_date(literal->i, buf, sizeof(buf));
        put(name, buf);
        put(name, "'");
        return;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        put(name, type.kind == TYPE_TIMESTAMP ? "TIMESTAMP '" : "TIMESTAMP_NTZ '");
        plan_format_timestamp(literal->i, buf, sizeof(buf));
        put(name, buf);
        put(name, "'");
        return;
    case TYPE_INTERVAL_YM:
    case TYPE_INTERVAL_DT:
        buf[interval_format(type, literal->i, buf)] = '\0';
        break;
    default:
        snprintf(buf, sizeof(buf), "%lld", (long long)literal->i);
    }
    put(name, buf);
}

static void put_expr(Name *name, const UExpr *e);

static void put_list(Name *name, const UExpr *e, uint32_t from)
{
    for (uint32_t i = from; i < e->n_args; i++) {
        if (i > from)
            put(name, ", ");
        put_expr(name, e->args[i]);
    }
}

static void put_infix(Name *name, const UExpr *e, const char *op)
{
    put(name, "(");
    for (uint32_t i = 0; i < e->n_args; i++) {
        /* n-ary chains are left-deep for Spark: ((a AND b) AND c) */
        if (i + 2 < e->n_args)
            put(name, "(");
    }
    for (uint32_t i = 0; i < e->n_args; i++) {
        if (i > 0) {
            put(name, " ");
            put(name, op);
            put(name, " ");
        }
        put_expr(name, e->args[i]);
        if (i > 0 && i + 1 < e->n_args)
            put(name, ")");
    }
    put(name, ")");
}

static bool is_path(const Name *name, const UExpr *e)
{
    for (uint32_t i = 0; i < name->b->n_paths; i++)
        if (name->b->paths[i].e == e)
            return true;
    return false;
}

/* The last part, unless it is known to be a field: then the column and all fields. */
static void put_column(Name *name, const UExpr *e)
{
    uint32_t from = e->n_parts - 1;
    bool is_map = false;
    for (uint32_t i = 0; i < name->b->n_paths; i++)
        if (name->b->paths[i].e == e) {
            from = name->b->paths[i].n_column - 1;
            is_map = name->b->paths[i].is_map;
        }
    put(name, e->parts[from]);
    for (uint32_t i = from + 1; i < e->n_parts; i++) {
        put(name, is_map ? "[" : ".");
        put(name, e->parts[i]);
        put(name, is_map ? "]" : "");
    }
}

/* withField() and dropFields(): the call that changes the field, inside those of the structs
 * around. */
static void put_update(Name *name, const UExpr *e)
{
    const VecString *s = &e->args[1]->literal.s;
    const char *path = vec_string_data(s), *end = path + s->length;
    uint32_t n = 0;
    for (const char *at = path;; at++) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        put(name, n++ ? "WithField(update_fields(" : "update_fields(");
        put_expr(name, e->args[0]);
        if (at > path) {
            put(name, ".");
            put_n(name, path, (size_t)(at - 1 - path));
        }
        put(name, ", ");
        if (!dot)
            break;
        at = dot;
    }
    if (e->n_args == 3) {
        put(name, "WithField(");
        put_expr(name, e->args[2]);
        put(name, ")");
    } else {
        put(name, "dropfield()");
    }
    put(name, ")");
    while (--n > 0)
        put(name, "))");
}

static void put_lambda(Name *name, const UExpr *e)
{
    NameLambda inner = {name->lambda, e};
    name->lambda = &inner;
    put(name, "lambdafunction(");
    put_expr(name, e->args[0]);
    for (uint32_t i = 0; i < e->n_parts; i++)
        put(name, ", namedlambdavariable()");
    put(name, ")");
    name->lambda = inner.outer;
}

/* struct(a, b AS c), but named_struct(col1, a, col2, b) for (a, b). */
static void put_struct(Name *name, const UExpr *e)
{
    put(name, e->parameter ? "named_struct(" : "struct(");
    for (uint32_t i = 0; i < e->n_args; i++) {
        if (i > 0)
            put(name, ", ");
        if (e->parameter) {
            char column[20];
            snprintf(column, sizeof(column), "col%u, ", i + 1);
            put(name, column);
        }
        put_expr(name, e->args[i]);
        if (e->args[i]->kind == UEXPR_ALIAS) {
            put(name, " AS ");
            put(name, e->args[i]->name);
        }
    }
    put(name, ")");
}

/* trim() and its kin with characters; NULL: it is none. */
static const char *trim_side(const UExpr *e)
{
    if (e->n_args != 2)
        return NULL;
    return strcmp(e->name, "trim") == 0    ? "BOTH "
           : strcmp(e->name, "ltrim") == 0 ? "LEADING "
           : strcmp(e->name, "rtrim") == 0 ? "TRAILING "
                                           : NULL;
}

/* What Spark shows of arguments that were left out. */
static const char *shown_defaults(const UExpr *e)
{
    static const struct {
        const char *name;
        uint32_t n_args;
        const char *text;
    } rows[] = {
        {"sort_array", 1, ", true"},
        {"sentences", 1, ", , "},
        {"sentences", 2, ", "},
        {"split", 2, ", -1"},
        {"lpad", 2, ",  "},
        {"rpad", 2, ",  "},
        {"overlay", 3, ", -1"},
        {"regexp_replace", 3, ", 1"},
        {"regexp_extract", 2, ", 1"},
        {"regexp_extract_all", 2, ", 1"},
        {"regexp_instr", 2, ", 0"},
        {"mask", 1, ", X, x, n, NULL"},
        {"mask", 2, ", x, n, NULL"},
        {"mask", 3, ", n, NULL"},
        {"mask", 4, ", NULL"},
        {"from_unixtime", 1, ", yyyy-MM-dd HH:mm:ss"},
        {"unix_timestamp", 0, "current_timestamp(), yyyy-MM-dd HH:mm:ss"},
        {"unix_timestamp", 1, ", yyyy-MM-dd HH:mm:ss"},
        {"to_unix_timestamp", 1, ", yyyy-MM-dd HH:mm:ss"},
        {"months_between", 2, ", true"},
        {"make_dt_interval", 0, "0, 0, 0, 0.000000"},
        {"make_dt_interval", 1, ", 0, 0, 0.000000"},
        {"make_dt_interval", 2, ", 0, 0.000000"},
        {"make_dt_interval", 3, ", 0.000000"},
        {"make_ym_interval", 0, "0, 0"},
        {"make_ym_interval", 1, ", 0"},
        {"str_to_map", 1, ", ,, :"},
        {"str_to_map", 2, ", :"},
        {"aggregate", 3, ", lambdafunction(namedlambdavariable(), namedlambdavariable())"},
        {"reduce", 3, ", lambdafunction(namedlambdavariable(), namedlambdavariable())"},
        {"array_sort", 1,
         ", lambdafunction((IF(((namedlambdavariable() IS NULL) AND (namedlambdavariable() IS "
         "NULL)), 0, (IF((namedlambdavariable() IS NULL), 1, (IF((namedlambdavariable() IS NULL), "
         "-1, (IF((namedlambdavariable() < namedlambdavariable()), -1, (IF((namedlambdavariable() "
         "> namedlambdavariable()), 1, 0)))))))))), namedlambdavariable(), "
         "namedlambdavariable())"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].name, e->name) == 0 && rows[i].n_args == e->n_args)
            return rows[i].text;
    return NULL;
}

static void put_case(Name *name, const UExpr *e)
{
    put(name, "CASE");
    for (uint32_t i = 0; i + 1 < e->n_args; i += 2) {
        put(name, " WHEN ");
        put_expr(name, e->args[i]);
        put(name, " THEN ");
        put_expr(name, e->args[i + 1]);
    }
    if (e->n_args % 2 == 1) {
        put(name, " ELSE ");
        put_expr(name, e->args[e->n_args - 1]);
    }
    put(name, " END");
}

/* Some functions print in capitals, and some under another name. */
static const char *printed_name(const UExpr *e)
{
    const char *name = e->name;
    static const struct {
        const char *name, *printed;
    } names[] = {{"sqrt", "SQRT"},
                 {"power", "POWER"},
                 {"exp", "EXP"},
                 {"log10", "LOG10"},
                 {"log2", "LOG2"},
                 {"ceil", "CEIL"},
                 {"ceiling", "ceiling"},
                 {"floor", "FLOOR"},
                 {"signum", "SIGNUM"},
                 {"rlike", "RLIKE"},
                 {"regexp", "REGEXP"},
                 {"regexp_like", "REGEXP_LIKE"},
                 {"cbrt", "CBRT"},
                 {"hypot", "HYPOT"},
                 {"degrees", "DEGREES"},
                 {"radians", "RADIANS"},
                 {"sin", "SIN"},
                 {"cos", "COS"},
                 {"tan", "TAN"},
                 {"asin", "ASIN"},
                 {"acos", "ACOS"},
                 {"atan", "ATAN"},
                 {"sinh", "SINH"},
                 {"cosh", "COSH"},
                 {"tanh", "TANH"},
                 {"asinh", "ASINH"},
                 {"acosh", "ACOSH"},
                 {"atanh", "ATANH"},
                 {"cot", "COT"},
                 {"sec", "SEC"},
                 {"csc", "CSC"},
                 {"expm1", "EXPM1"},
                 {"log1p", "LOG1P"},
                 {"atan2", "ATAN2"},
                 {"log", "LOG"},
                 {"random", "rand"},
                 {"to_varchar", "to_char"},
                 {"dateadd", "date_add"},
                 {"curdate", "current_date"},
                 {"spark_partition_id", "SPARK_PARTITION_ID"},
                 {"e", "E"},
                 {"pi", "PI"},
                 {"array_agg", "collect_list"},
                 {"current_database", "current_schema"}};
    bool again = strcmp(name, "string_agg") == 0 && e->window;
    if (again)
        return "listagg";
    if (e->ignore_nulls && (strcmp(name, "first_value") == 0 || strcmp(name, "last_value") == 0))
        return name[0] == 'f' ? "first" : "last";
    if (e->n_args == 2 && (strcmp(name, "ceil") == 0 || strcmp(name, "floor") == 0))
        return name;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].printed;
    return name;
}

/* What Spark writes behind the arguments that were given; NULL: nothing. */
static const char *default_argument(const UExpr *e)
{
    static const struct {
        const char *name;
        uint32_t n_args;
        const char *text;
    } defaults[] = {
        {"round", 1, ", 0"}, {"bround", 1, ", 0"}, {"locate", 2, ", 1"}, {"position", 2, ", 1"}};
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        if (e->n_args == defaults[i].n_args && strcmp(e->name, defaults[i].name) == 0)
            return defaults[i].text;
    return NULL;
}

/* first(x, true) is shown without its flag. */
static bool hides_second(const char *name)
{
    static const char *const names[] = {"first", "first_value", "any_value",
                                        "last",  "last_value",  "approx_count_distinct"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* What an aggregate's arguments are, with those that were left out. */
static void put_plain(Name *name, const UExpr *e)
{
    static const struct {
        const char *name;
        uint32_t n_args;
        const char *text;
    } rows[] = {{"percentile", 2, ", 1"},
                {"percentile_approx", 2, ", 10000"},
                {"approx_percentile", 2, ", 10000"},
                {"listagg", 1, ", NULL"},
                {"string_agg", 1, ", NULL"}};
    uint32_t n = uexpr_n_plain(e);
    if (n == 3 && strcmp(e->name, "nth_value") == 0) /* without its flag */
        n = 2;
    for (uint32_t i = 0; i < n; i++) {
        put(name, i > 0 ? ", " : "");
        put_expr(name, e->args[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (n == rows[i].n_args && strcmp(rows[i].name, e->name) == 0)
            put(name, rows[i].text);
}

/* WITHIN GROUP (ORDER BY ...); listagg() shows all that an order says. */
static void put_within(Name *name, const UExpr *e)
{
    bool all = strcmp(e->name, "listagg") == 0 || strcmp(e->name, "string_agg") == 0;
    uint32_t n = uexpr_n_plain(e);
    for (uint32_t i = n; i < e->n_args; i++) {
        bool descending = e->window->descending[i - n];
        put(name, i > n ? ", " : " WITHIN GROUP (ORDER BY ");
        put_expr(name, e->args[i]);
        if (descending || all)
            put(name, descending ? " DESC" : " ASC");
        if (all)
            put(name, e->window->nulls_first[i - n] ? " NULLS FIRST" : " NULLS LAST");
    }
    if (n < e->n_args)
        put(name, ")");
}

/* mode(x, true) and mode() WITHIN GROUP (ORDER BY x) are one, with the order turned around. */
static bool put_mode(Name *name, const UExpr *e)
{
    if (strcmp(e->name, "mode") != 0)
        return false;
    bool flag = e->n_args == 2 && !e->window && e->args[1]->kind == UEXPR_LITERAL;
    bool within = e->n_args == 1 && e->window && e->window->n_order == 1;
    if (!within && !flag)
        return false;
    if (flag && !e->args[1]->literal.b) {
        put(name, "mode(");
        put_expr(name, e->args[0]);
        put(name, ")");
        return true;
    }
    put(name, "mode() WITHIN GROUP (ORDER BY ");
    put_expr(name, e->args[0]);
    put(name, flag || !e->window->descending[0] ? " DESC)" : ")");
    return true;
}

/* x LIKE ANY (...) of constants shows x alone; LIKE ... ESCAPE; TRIM(LEADING a FROM x). */
static bool put_like_or_trim(Name *name, const UExpr *e)
{
    bool and = strcmp(e->name, "and") == 0;
    if (e->parameter && (and || strcmp(e->name, "or") == 0)) {
        const UExpr *like = e->parameter == 2 ? e->args[0]->args[0] : e->args[0];
        put(name, e->parameter == 2 ? "not" : "");
        put(name, and? "likeall(" : "likeany(");
        put_expr(name, like->args[0]);
        put(name, ")");
        return true;
    }
    if (strcmp(e->name, "like") == 0 && e->n_args == 3) {
        put_expr(name, e->args[0]);
        put(name, " LIKE ");
        put_expr(name, e->args[1]);
        put(name, " ESCAPE '");
        put_expr(name, e->args[2]);
        put(name, "'");
        return true;
    }
    const char *side = strcmp(e->name, "trim") == 0    ? "BOTH "
                       : strcmp(e->name, "ltrim") == 0 ? "LEADING "
                       : strcmp(e->name, "rtrim") == 0 ? "TRAILING "
                                                       : NULL;
    if (!side || e->n_args != 2)
        return false;
    put(name, "TRIM(");
    put(name, side);
    put_expr(name, e->args[0]);
    put(name, " FROM ");
    put_expr(name, e->args[1]);
    put(name, ")");
    return true;
}

/* date + interval has no parentheses, date + days is date_add(). */
static bool put_date_sum(Name *name, const UExpr *e)
{
    uint32_t how = 0;
    for (uint32_t i = 0; e->n_args == 2 && i < name->b->n_paths; i++)
        if (name->b->paths[i].e == e)
            how = name->b->paths[i].n_column;
    if (how < PATH_SUM || how > PATH_DAYS_SWAPPED)
        return false;
    bool days = how >= PATH_DAYS;
    uint32_t first = how == PATH_SUM_SWAPPED || how == PATH_DAYS_SWAPPED;
    if (days)
        put(name, e->name[0] == '+' ? "date_add(" : "date_sub(");
    put_expr(name, e->args[first]);
    put(name, days ? ", " : e->name[0] == '+' ? " + " : " - ");
    put_expr(name, e->args[1 - first]);
    put(name, days ? ")" : "");
    return true;
}

/* Their schemas and options are not shown. */
static bool shows_text_only(const char *name)
{
    return strcmp(name, "from_json") == 0 || strcmp(name, "from_csv") == 0 ||
           strcmp(name, "schema_of_json") == 0 || strcmp(name, "schema_of_csv") == 0;
}

static void put_call(Name *name, const UExpr *e)
{
    if (put_like_or_trim(name, e) || put_date_sum(name, e))
        return;
    static const struct {
        const char *name, *op;
    } infix[] = {{"+", "+"},    {"-", "-"},     {"*", "*"},     {"/", "/"},   {"%", "%"},
                 {"==", "="},   {"=", "="},     {"<", "<"},     {"<=", "<="}, {">", ">"},
                 {">=", ">="},  {"<=>", "<=>"}, {"and", "AND"}, {"or", "OR"}, {"div", "div"},
                 {"|", "|"},    {"&", "&"},     {"^", "^"},     {"<<", "<<"}, {">>", ">>"},
                 {">>>", ">>>"}};
    for (size_t i = 0; e->n_args >= 2 && i < ARRAY_SIZE(infix); i++) {
        if (strcmp(e->name, infix[i].name) == 0) {
            put_infix(name, e, infix[i].op);
            return;
        }
    }
    if ((strcmp(e->name, "!=") == 0 || strcmp(e->name, "<>") == 0) && e->n_args == 2) {
        put(name, "(NOT ");
        put_infix(name, e, "=");
        put(name, ")");
    } else if (strcmp(e->name, "not") == 0 || strcmp(e->name, "!") == 0) {
        put(name, "(NOT ");
        put_list(name, e, 0);
        put(name, ")");
    } else if (strcmp(e->name, "isnull") == 0 || strcmp(e->name, "isnotnull") == 0) {
        put(name, "(");
        put_list(name, e, 0);
        put(name, strcmp(e->name, "isnull") == 0 ? " IS NULL)" : " IS NOT NULL)");
    } else if (strcmp(e->name, "in") == 0 && e->n_args > 0) {
        put(name, "(");
        put_expr(name, e->args[0]);
        put(name, " IN (");
        put_list(name, e, 1);
        put(name, "))");
    } else if (strcmp(e->name, "when") == 0) {
        put_case(name, e);
    } else if ((strcmp(e->name, "like") == 0 || strcmp(e->name, "rlike") == 0) && e->n_args == 2 &&
               e->name[0] == 'l') {
        put_expr(name, e->args[0]);
        put(name, " LIKE ");
        put_expr(name, e->args[1]);
    } else if (strcmp(e->name, "negative") == 0 && e->parameter) {
        put(name, "(- ");
        put_list(name, e, 0);
        put(name, ")");
    } else if (strcmp(e->name, "positive") == 0) {
        put(name, "(+ ");
        put_list(name, e, 0);
        put(name, ")");
    } else if (strcmp(e->name, "between") == 0 && e->n_args == 3) {
        put(name, "between(");
        put_list(name, e, 0);
        put(name, ")");
    } else if ((strcmp(e->name, "substr") == 0 || strcmp(e->name, "substring") == 0) &&
               e->n_args == 2) {
        put(name, e->name);
        put(name, "(");
        put_list(name, e, 0);
        put(name, ", 2147483647)");
    } else if (strcmp(e->name, "~") == 0) {
        put(name, "~");
        put_list(name, e, 0);
    } else if (default_argument(e)) {
        put(name, e->name);
        put(name, "(");
        put_list(name, e, 0);
        put(name, default_argument(e));
        put(name, ")");
    } else if (strcmp(e->name, "log") == 0 && e->n_args == 1) {
        put(name, "LOG(E(), ");
        put_list(name, e, 0);
        put(name, ")");
    } else if (strcmp(e->name, "if") == 0) {
        put(name, "(IF(");
        put_list(name, e, 0);
        put(name, "))");
    } else if ((strcmp(e->name, "extract") == 0 || strcmp(e->name, "datepart") == 0) &&
               e->n_args == 2) {
        put(name, e->name);
        put(name, "(");
        put_expr(name, e->args[0]);
        put(name, " FROM ");
        put_expr(name, e->args[1]);
        put(name, ")");
    } else if (strcmp(e->name, "struct") == 0) {
        put_struct(name, e);
    } else if (strcmp(e->name, "update_fields") == 0 && e->n_args >= 2 &&
               e->args[1]->kind == UEXPR_LITERAL && e->args[1]->type.kind == TYPE_STRING &&
               !e->args[1]->literal.is_null) {
        put_update(name, e);
    } else if (e->n_args > 1 && shows_text_only(e->name)) {
        put(name, e->name);
        put(name, "(");
        put_expr(name, e->args[0]);
        put(name, ")");
    } else if (trim_side(e)) {
        put(name, "TRIM(");
        put(name, trim_side(e));
        put_expr(name, e->args[0]);
        put(name, " FROM ");
        put_expr(name, e->args[1]);
        put(name, ")");
    } else if (sketch_defaults(e->name, e->n_args)) {
        put(name, e->name);
        put(name, "(");
        put_list(name, e, 0);
        put(name, sketch_defaults(e->name, e->n_args));
        put(name, ")");
    } else if (shown_defaults(e)) {
        put(name, e->name);
        put(name, "(");
        put_list(name, e, 0);
        put(name, shown_defaults(e));
        put(name, ")");
    } else if (e->n_args == 1 && function_find(e->name) &&
               function_find(e->name)->rule == RULE_CAST) {
        put_expr(name, e->args[0]); /* int('5') is a cast, which does not show */
    } else if (strcmp(e->name, "assert_true") == 0 && e->n_args == 1) {
        put(name, "assert_true(");
        put_expr(name, e->args[0]);
        put(name, ", '");
        put_expr(name, e->args[0]);
        put(name, "' is not true!)");
    } else if (strcmp(e->name, "raise_error") == 0 && e->n_args == 1) {
        put(name, "raise_error(USER_RAISED_EXCEPTION, map(errorMessage, ");
        put_expr(name, e->args[0]);
        put(name, "))");
    } else if (strcmp(e->name, "convert_timezone") == 0 && e->n_args == 2) {
        put(name, "convert_timezone(current_timezone(), ");
        put_list(name, e, 0);
        put(name, ")");
    } else if (strcmp(e->name, "shuffle") == 0 || strcmp(e->name, "uuid") == 0) {
        put(name, e->name); /* the seed is not shown */
        put(name, "(");
        if (e->name[0] == 's' && e->n_args > 0)
            put_expr(name, e->args[0]);
        put(name, ")");
    } else if (strcmp(e->name, "timestamp_of_session") == 0) {
        put_list(name, e, 0);
    } else {
        bool star = e->n_args == 1 && e->args[0]->kind == UEXPR_STAR;
        if (put_mode(name, e))
            return;
        put(name, printed_name(e));
        put(name, e->distinct ? "(DISTINCT " : "(");
        if (star && strcmp(e->name, "count") == 0)
            put(name, "1");
        else if (e->n_args == 2 && hides_second(e->name))
            put_expr(name, e->args[0]);
        else
            put_plain(name, e);
        put(name, ")");
        put_within(name, e);
        if (e->filter) {
            put(name, " FILTER (WHERE ");
            put_expr(name, e->filter);
            put(name, ")");
        }
    }
}

static void put_type(Name *name, Type type)
{
    char buf[256];
    type_format(type, buf, sizeof(buf));
    for (char *c = buf; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c += 'A' - 'a';
    put(name, buf);
}

static void put_bound(Name *name, const UWindowBound *bound)
{
    switch (bound->kind) {
    case WINDOW_UNBOUNDED_PRECEDING:
        put(name, "UNBOUNDED PRECEDING");
        break;
    case WINDOW_UNBOUNDED_FOLLOWING:
        put(name, "UNBOUNDED FOLLOWING");
        break;
    case WINDOW_CURRENT_ROW:
        put(name, "CURRENT ROW");
        break;
    default: {
        /* Distances are written as they count: backwards is a negative FOLLOWING. */
        bool back = bound->kind == WINDOW_PRECEDING;
        bool plain = bound->offset->kind == UEXPR_LITERAL;
        put(name, back && !plain ? "(- " : "");
        put_expr(name, bound->offset);
        put(name, back && !plain ? ")" : "");
        put(name, back && plain ? " PRECEDING" : " FOLLOWING");
    }
    }
}

/* lag and lead have a frame of one row. */
static bool put_shift(Name *name, const UExpr *call)
{
    bool lag = strcmp(call->name, "lag") == 0;
    char text[64];
    if (!lag && strcmp(call->name, "lead") != 0)
        return false;
    const UExpr *offset = call->n_args > 1 ? call->args[1] : NULL;
    bool negated = offset && offset->kind == UEXPR_CALL && strcmp(offset->name, "negative") == 0;
    if (negated)
        offset = offset->args[0];
    int64_t n = offset && offset->kind == UEXPR_LITERAL ? offset->literal.i : 1;
    n = negated ? -n : n;
    snprintf(text, sizeof(text), "ROWS BETWEEN %lld FOLLOWING AND %lld FOLLOWING",
             (long long)(lag ? -n : n), (long long)(lag ? -n : n));
    put(name, text);
    return true;
}

static void put_window(Name *name, const UExpr *e)
{
    static const char *const upper[][2] = {
        {"rank", "RANK()"}, {"dense_rank", "DENSE_RANK()"}, {"percent_rank", "PERCENT_RANK()"}};
    const UWindow *w = e->window;
    const UExpr *call = e->args[0];
    const char *shown = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(upper); i++)
        if (call->kind == UEXPR_CALL && strcmp(call->name, upper[i][0]) == 0)
            shown = upper[i][1];
    bool shift = call->kind == UEXPR_CALL &&
                 (strcmp(call->name, "lag") == 0 || strcmp(call->name, "lead") == 0);
    if (shown) {
        put(name, shown);
    } else if (shift) {
        put(name, call->name);
        put(name, "(");
        for (uint32_t i = 0; i < 3; i++) {
            put(name, i ? ", " : "");
            if (i < call->n_args)
                put_expr(name, call->args[i]);
            else
                put(name, i == 1 ? "1" : "NULL");
        }
        put(name, ")");
    } else {
        put_expr(name, call);
    }
    if (w->name) {
        put(name, " OVER ");
        put(name, w->name);
        return;
    }
    put(name, " OVER (");
    for (uint32_t i = 0; i < w->n_partition; i++) {
        put(name, i ? ", " : "PARTITION BY ");
        put_expr(name, e->args[1 + i]);
    }
    put(name, w->n_partition ? " " : "");
    for (uint32_t i = 0; i < w->n_order; i++) {
        put(name, i ? ", " : "ORDER BY ");
        put_expr(name, e->args[1 + w->n_partition + i]);
        put(name, w->descending[i] ? " DESC" : " ASC");
        put(name, w->nulls_first[i] ? " NULLS FIRST" : " NULLS LAST");
    }
    put(name, w->n_order ? " " : "");
    bool rows = call->kind == UEXPR_CALL && (shown || strcmp(call->name, "row_number") == 0 ||
                                             strcmp(call->name, "ntile") == 0);
    if (!put_shift(name, call)) {
        static const UWindowBound all = {WINDOW_UNBOUNDED_PRECEDING, NULL};
        const UWindowBound end = {
            w->n_order || rows ? WINDOW_CURRENT_ROW : WINDOW_UNBOUNDED_FOLLOWING, NULL};
        bool range = w->has_frame ? w->range : w->n_order > 0 && !rows;
        put(name, range ? "RANGE BETWEEN " : "ROWS BETWEEN ");
        put_bound(name, w->has_frame ? &w->start : &all);
        put(name, " AND ");
        put_bound(name, w->has_frame ? &w->end : &end);
    }
    put(name, ")");
}

static void put_expr(Name *name, const UExpr *e)
{
    if (name->n + 1 >= NAME_BYTES_MAX)
        return;
    switch (e->kind) {
    case UEXPR_LITERAL:
        put_literal(name, e->type, &e->literal);
        break;
    case UEXPR_COLUMN:
        if (is_parameter(name, e->parts[0])) {
            put(name, "namedlambdavariable()");
            for (uint32_t i = 1; i < e->n_parts; i++) {
                put(name, ".");
                put(name, e->parts[i]);
            }
            break;
        }
        put_column(name, e);
        break;
    case UEXPR_LAMBDA:
        put_lambda(name, e);
        break;
    case UEXPR_EXTRACT:
        put_expr(name, e->args[0]);
        put(name, e->name || is_path(name, e) ? "." : "[");
        put_expr(name, e->args[1]);
        put(name, e->name || is_path(name, e) ? "" : "]");
        break;
    case UEXPR_STAR:
        put(name, "*");
        break;
    case UEXPR_CALL:
        put_call(name, e);
        break;
    case UEXPR_WINDOW:
        put_window(name, e);
        break;
    case UEXPR_ALIAS:
        /* Inside another expression an alias is only what it names. */
        put_expr(name, e->args[0]);
        break;
    case UEXPR_CAST:
        put(name, e->try_cast ? "TRY_CAST(" : "CAST(");
        put_expr(name, e->args[0]);
        put(name, " AS ");
        put_type(name, e->type);
        put(name, ")");
        break;
    case UEXPR_SUBQUERY:
        if (e->subquery_kind == USUBQUERY_IN && e->n_args == 1) {
            put(name, "(");
            put_expr(name, e->args[0]);
            put(name, " IN (listquery()))");
            break;
        }
        put(name, e->subquery_kind == USUBQUERY_SCALAR   ? "scalarsubquery()"
                  : e->subquery_kind == USUBQUERY_EXISTS ? "exists()"
                                                         : "in()");
        break;
    default:
        put(name, "expression");
    }
}

static const char *name_of(Binder *b, const UExpr *e, const char *around)
{
    Name *name = mem_arena_alloc(b->arena, sizeof(*name), 8);
    if (!name)
        return bind_fail(b, mem_arena_error(b->arena));
    name->n = 0;
    name->lambda = NULL;
    name->b = b;
    put(name, around);
    put_expr(name, e);
    put(name, around);
    name->buf[name->n] = '\0';
    return name->buf;
}

const char *uexpr_name(Binder *b, const UExpr *e)
{
    if (e->kind == UEXPR_ALIAS)
        return e->name;
    if (e->kind == UEXPR_COLUMN)
        return e->parts[e->n_parts - 1];
    /* A cast of a column keeps its name. */
    if (e->kind == UEXPR_CAST && e->args[0]->kind == UEXPR_COLUMN)
        return e->args[0]->parts[e->args[0]->n_parts - 1];
    /* Built on the stack first, since most names are short. */
    Name name;
    name.n = 0;
    name.lambda = NULL;
    name.b = b;
    put_expr(&name, e);
    char *copy = mem_arena_strndup(b->arena, name.buf, name.n);
    return copy ? copy : bind_fail(b, mem_arena_error(b->arena));
}

const char *uexpr_quoted(Binder *b, const UExpr *e)
{
    return name_of(b, e, "\"");
}

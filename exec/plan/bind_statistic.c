/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/plan/bind_statistic.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/function_table.h"
#include "exec/vec/nested.h"

#define ARGS_MAX 3u

typedef struct Call {
    Binder *b;
    Scope *scope;
    const UExpr *e;
    Expr *args[ARGS_MAX]; /* without the keys of WITHIN GROUP */
    uint32_t n_args;
    Aggregate *a;
    AggregateFinish *finish;
} Call;

uint32_t uexpr_n_plain(const UExpr *e)
{
    return e->n_args - (e->kind == UEXPR_CALL && e->window ? e->window->n_order : 0);
}

static uint32_t n_keys(const Call *c)
{
    return c->e->n_args - c->n_args;
}

static bool is(const Call *c, const char *name)
{
    return strcmp(c->e->name, name) == 0;
}

/* ---- errors ---- */

static bool mismatch(const Call *c, const char *class, const char *what)
{
    bind_error(c->b, c->e->position, c->e->stop, class, "42K09",
               "Cannot resolve %.300s due to data type mismatch: %s", uexpr_quoted(c->b, c->e),
               what);
    return false;
}

static bool within_error(const Call *c, const char *class, const char *what)
{
    bind_error(c->b, c->e->position, c->e->stop, class, "42K0K",
               "Invalid function `%.60s` with WITHIN GROUP. %s", c->e->name, what);
    return false;
}

static bool unexpected(const Call *c, uint32_t i, const char *wanted)
{
    bind_unexpected_input(c->b, c->e, i, wanted, c->args[i]);
    return false;
}

/* A constant that is not null. Return: false after an error. */
static bool constant(const Call *c, Expr *e, const char *what, const char *type, Literal *ret)
{
    char text[200];
    bool folded = e->kind == EXPR_LITERAL;
    if (folded)
        *ret = e->literal;
    else if (!expr_has_columns(e) && c->b->context->fold)
        folded = c->b->context->fold(c->b->arena, e, ret) == 0;
    if (!folded) {
        snprintf(text, sizeof(text), "the input `%s` should be a foldable \"%s\" expression.", what,
                 type);
        return mismatch(c, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", text);
    }
    if (ret->is_null) {
        snprintf(text, sizeof(text), "The %s must not be null.", what);
        return mismatch(c, "DATATYPE_MISMATCH.UNEXPECTED_NULL", text);
    }
    return true;
}

static bool constant_int(const Call *c, uint32_t i, const char *what, int64_t least, int64_t *ret)
{
    Literal literal;
    char text[160];
    Expr *e = c->args[i]->type.kind == TYPE_LONG
                  ? c->args[i]
                  : bind_coerce(c->b, c->e, c->args[i], i, TYPE(INT), "INT");
    if (!e || !constant(c, e, what, "INT", &literal))
        return false;
    *ret = literal.i;
    if (literal.i >= least && literal.i <= INT32_MAX)
        return true;
    snprintf(text, sizeof(text),
             "The %s must be between [%lld, 2147483647] (current value = %lld).", what,
             (long long)least, (long long)literal.i);
    return mismatch(c, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", text);
}

/* ---- parts ---- */

static Expr *double_literal(Binder *b, double x)
{
    return bind_check(b, expr_literal(b->arena, TYPE(DOUBLE), (Literal){.d = x}));
}

static Expr *int_literal(Binder *b, int32_t value)
{
    return bind_check(b, expr_int(b->arena, value));
}

/* A struct of @values; null when one of the last @n_needed of them is. */
static Expr *struct_of(Binder *b, Expr *const *values, uint32_t n, uint32_t n_needed)
{
    TypeField *fields = bind_alloc(b, n, sizeof(*fields));
    Type type;
    ExprList known = {0};
    if (!fields)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        fields[i] = (TypeField){.name = "a", .type = values[i]->type, .nullable = true};
        Expr *value = values[i];
        if (i + n_needed < n || !value->nullable)
            continue;
        Expr *test =
            bind_check(b, expr_call(b->arena, FN_IS_NOT_NULL, TYPE(BOOLEAN), false, &value, 1));
        if (!test || !expr_list_add(b->arena, &known, test))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    if (!bind_struct_type(b, fields, n, &type))
        return NULL;
    Expr *made = bind_make_call(b, FN_STRUCT, type, false, values, n);
    if (!made || known.n == 0)
        return made;
    Expr *all = bind_check(b, expr_balanced(b->arena, FN_AND, known.items, known.n));
    return all ? bind_case(b, type, (Expr *[]){all, made}, 2) : NULL;
}

/* @value where @other is not null. */
static Expr *where_known(Binder *b, Expr *value, Expr *other)
{
    if (!value || !other || !other->nullable)
        return value;
    Expr *test =
        bind_check(b, expr_call(b->arena, FN_IS_NOT_NULL, TYPE(BOOLEAN), false, &other, 1));
    return test ? bind_case(b, value->type, (Expr *[]){test, value}, 2) : NULL;
}

static bool collect_values(Call *c, Expr *value, FunctionId function, Type type)
{
    if (!value)
        return false;
    *c->a = (Aggregate){
        .id = AGG_COLLECT, .distinct = c->a->distinct, .type = TYPE(BINARY), .arg = value};
    c->finish->collected = true;
    c->finish->function = function;
    c->finish->type = type;
    return true;
}

static bool add_extra(Call *c, Expr *e)
{
    c->finish->extra[c->finish->n_extra++] = e;
    return e != NULL;
}

/* ---- statistics ---- */

static bool bind_moment(Call *c)
{
    c->a->arg = bind_coerce(c->b, c->e, c->args[0], 0, TYPE(DOUBLE), "DOUBLE");
    c->a->type = TYPE(DOUBLE);
    return c->a->arg != NULL;
}

static bool bind_pair(Call *c)
{
    const char *wanted = strncmp(c->e->name, "regr_", 5) == 0 &&
                                 (is(c, "regr_count") || is(c, "regr_avgx") || is(c, "regr_avgy"))
                             ? "NUMERIC"
                             : "DOUBLE";
    Expr *first = bind_coerce(c->b, c->e, c->args[0], 0, TYPE(DOUBLE), wanted);
    Expr *second = first ? bind_coerce(c->b, c->e, c->args[1], 1, TYPE(DOUBLE), wanted) : NULL;
    if (!second)
        return false;
    c->a->type = TYPE(DOUBLE);
    if (is(c, "regr_avgx") || is(c, "regr_sxx")) {
        c->a->arg = where_known(c->b, second, first);
    } else if (is(c, "regr_avgy") || is(c, "regr_syy")) {
        c->a->arg = where_known(c->b, first, second);
    } else {
        bool by_second = c->a->id == AGG_REGR_SLOPE || c->a->id == AGG_REGR_INTERCEPT;
        Expr *pair[2] = {by_second ? second : first, by_second ? first : second};
        c->a->arg = bind_make_call(c->b, FN_PAIR, TYPE_DECIMAL_OF(38, 0),
                                   first->nullable || second->nullable, pair, 2);
    }
    if (c->a->id == AGG_COUNT) {
        c->a->type = TYPE(LONG);
        c->a->nullable = false;
    }
    return c->a->arg != NULL;
}

static bool bind_bits(Call *c)
{
    Type type = c->args[0]->type;
    if (type.kind == TYPE_NULL)
        type = TYPE(INT);
    if (!type_is_integral(type))
        return unexpected(c, 0, "INTEGRAL");
    c->a->arg = bind_cast_to(c->b, c->args[0], type);
    c->a->type = type;
    return c->a->arg != NULL;
}

/* ---- max_by, min_by ---- */

#define BEST_MAX 100000

/* max_by(x, y, k): an array of the k best, of all pairs. */
static bool bind_best(Call *c)
{
    int64_t k;
    Type type;
    char text[120];
    if (!constant_int(c, 2, "k", 1, &k))
        return false;
    if (k > BEST_MAX) {
        snprintf(text, sizeof(text), "The k must be between [1, %d] (current value = %lld).",
                 BEST_MAX, (long long)k);
        return mismatch(c, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", text);
    }
    return bind_array_type(c->b, c->args[0]->type, true, &type) &&
           collect_values(c, struct_of(c->b, c->args, 2, 1), FN_BEST, type) &&
           add_extra(c, int_literal(c->b, (int32_t)(is(c, "max_by") ? k : -k)));
}

static bool bind_by(Call *c)
{
    Binder *b = c->b;
    Expr *by = c->args[1];
    if (!type_is_orderable(by->type))
        return bind_invalid_ordering(b, c->e, c->e->name, by->type), false;
    if (c->n_args > 2)
        return bind_best(c);
    Expr *key = struct_of(b, &by, 1, 0), *value = struct_of(b, &c->args[0], 1, 0);
    key = key && value ? bind_order_key(b, key) : NULL;
    Expr *keyed =
        key ? bind_make_call(b, FN_KEYED, TYPE(BINARY), false, (Expr *[]){key, value}, 2) : NULL;
    c->a->arg = where_known(b, keyed, by);
    c->a->distinct = false;
    c->a->type = TYPE(BINARY);
    c->finish->keyed = true;
    c->finish->type = value ? value->type : TYPE(BINARY);
    return c->a->arg != NULL;
}

/* ---- percentiles ---- */

/* The cast of an array of constants is no constant; that of its elements is. */
static Expr *array_of_doubles(Binder *b, Expr *array, Type type)
{
    if (array->kind != EXPR_CALL || array->function != FN_ARRAY)
        return bind_cast_to(b, array, type);
    Expr **items = bind_alloc(b, array->n_args + 1, sizeof(*items));
    for (uint32_t i = 0; items && i < array->n_args; i++) {
        items[i] = bind_cast_to(b, array->args[i], TYPE(DOUBLE));
        if (!items[i])
            return NULL;
    }
    return items ? bind_make_call(b, FN_ARRAY, type, false, items, array->n_args) : NULL;
}

/* Between 0 and 1, one or an array of them. Return: NULL after an error. */
static Expr *percentages(Call *c, Expr *p, uint32_t i)
{
    Literal literal;
    Type type = TYPE(DOUBLE);
    char text[120];
    if (p->type.kind == TYPE_ARRAY) {
        if (!bind_array_type(c->b, TYPE(DOUBLE), true, &type))
            return NULL;
        p = array_of_doubles(c->b, p, type);
    } else {
        p = bind_coerce(c->b, c->e, p, i, TYPE(DOUBLE), "DOUBLE");
    }
    if (!p || !constant(c, p, "percentage", "DOUBLE", &literal))
        return NULL;
    uint32_t n = type.kind == TYPE_ARRAY ? nested_count(&literal.s) : 1;
    for (uint32_t k = 0; k < n; k++) {
        NestedItem item = {.value.f64 = literal.d};
        if (type.kind == TYPE_ARRAY)
            nested_element(TYPE(DOUBLE), &literal.s, k, &item);
        if (!item.is_null && item.value.f64 >= 0 && item.value.f64 <= 1)
            continue;
        snprintf(text, sizeof(text),
                 "The percentage must be between [0.0, 1.0] (current value = %g).", item.value.f64);
        mismatch(c, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", text);
        return NULL;
    }
    return bind_check(c->b, expr_literal(c->b->arena, type, literal));
}

/* The type of one percentile, or of an array of them. */
static bool percentile_type(Call *c, const Expr *p, Type of, Type *ret)
{
    *ret = of;
    return p->type.kind != TYPE_ARRAY || bind_array_type(c->b, of, false, ret);
}

static bool is_interval(Type t)
{
    return t.kind == TYPE_INTERVAL_YM || t.kind == TYPE_INTERVAL_DT;
}

static bool exact_percentile(Call *c, Expr *x, Expr *p, Expr *frequency, int32_t flags)
{
    Type type;
    if (!is_interval(x->type))
        x = bind_coerce(c->b, c->e, x, 0, TYPE(DOUBLE),
                        "NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH");
    p = x ? percentages(c, p, 1) : NULL;
    if (!p || !percentile_type(c, p, x->type, &type))
        return false;
    Expr *value = x;
    if (frequency) {
        if (!type_is_integral(frequency->type))
            return unexpected(c, 2, "INTEGRAL");
        frequency = bind_cast_to(c->b, frequency, TYPE(LONG));
        value = frequency ? struct_of(c->b, (Expr *[]){x, frequency}, 2, 2) : NULL;
    }
    return collect_values(c, value, FN_PERCENTILE, type) && add_extra(c, p) &&
           add_extra(c, int_literal(c->b, flags));
}

static bool bind_percentile(Call *c)
{
    return exact_percentile(c, c->args[0], c->args[1], c->n_args > 2 ? c->args[2] : NULL, 0);
}

static bool bind_median(Call *c)
{
    Expr *half = double_literal(c->b, 0.5);
    return half && exact_percentile(c, c->args[0], half, NULL, 0);
}

/* WITHIN GROUP (ORDER BY one key). Return: NULL after an error. */
static Expr *one_key(Call *c, uint32_t wanted)
{
    char text[100];
    if (n_keys(c) == 0)
        return within_error(c, "INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING",
                            "WITHIN GROUP is required for the function."),
               NULL;
    if (c->e->distinct)
        return within_error(c, "INVALID_WITHIN_GROUP_EXPRESSION.DISTINCT_UNSUPPORTED",
                            "The function does not support DISTINCT with WITHIN GROUP."),
               NULL;
    if (n_keys(c) != wanted) {
        snprintf(text, sizeof(text),
                 "The function requires %u orderings in WITHIN GROUP but got %u.", wanted,
                 n_keys(c));
        return within_error(c, "INVALID_WITHIN_GROUP_EXPRESSION.WRONG_NUM_ORDERINGS", text), NULL;
    }
    return bind_expr(c->b, c->scope, c->e->args[c->n_args]);
}

static bool bind_percentile_within(Call *c)
{
    Expr *key = one_key(c, 1);
    int32_t flags = is(c, "percentile_disc") ? 1 : 0;
    if (!key)
        return false;
    Expr *p = c->args[0];
    c->args[0] = key;
    return exact_percentile(c, key, p, NULL, flags | (c->e->window->descending[0] ? 2 : 0));
}

static bool bind_percentile_approx(Call *c)
{
    Expr *x = c->args[0];
    int64_t accuracy = 10000;
    Type type;
    bool moment = x->type.kind == TYPE_DATE || x->type.kind == TYPE_TIMESTAMP ||
                  x->type.kind == TYPE_TIMESTAMP_NTZ || is_interval(x->type);
    if (!type_is_numeric(x->type) && !moment)
        x = bind_coerce(c->b, c->e, x, 0, TYPE(DOUBLE),
                        "NUMERIC\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or "
                        "\"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND");
    Expr *p = x ? percentages(c, c->args[1], 1) : NULL;
    if (!p || !percentile_type(c, p, x->type, &type))
        return false;
    return (c->n_args < 3 || constant_int(c, 2, "accuracy", 1, &accuracy)) &&
           collect_values(c, x, FN_PERCENTILE_APPROX, type) && add_extra(c, p) &&
           add_extra(c, double_literal(c->b, 1.0 / (double)accuracy));
}

/* Of a DataFrame: x, percentages, error. */
static bool bind_quantile(Call *c)
{
    Literal error;
    Type type;
    Expr *p = percentages(c, c->args[1], 1);
    if (!p || !percentile_type(c, p, c->args[0]->type, &type) ||
        !constant(c, c->args[2], "relative error", "DOUBLE", &error))
        return false;
    if (!(error.d >= 0))
        return mismatch(c, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                        "The relative error must not be negative.");
    return collect_values(c, c->args[0], FN_PERCENTILE_APPROX, type) && add_extra(c, p) &&
           add_extra(c, double_literal(c->b, error.d));
}

/* A percentage of summary(). */
bool bind_summary_percentile(Binder *b, Expr *x, double p, Aggregate *a, AggregateFinish *finish)
{
    Call c = {.b = b, .a = a, .finish = finish};
    Expr *percentage = double_literal(b, p);
    if (x->type.kind == TYPE_STRING) /* text that is no number counts as null */
        x = bind_check(b, expr_cast(b->arena, x, TYPE(DOUBLE), true));
    return x && percentage && collect_values(&c, x, FN_PERCENTILE_APPROX, x->type) &&
           add_extra(&c, percentage) && add_extra(&c, double_literal(b, 1e-4));
}

/* ---- mode ---- */

static bool bind_mode(Call *c)
{
    Expr *value = c->n_args > 0 ? c->args[0] : NULL;
    int32_t which = 0;
    Literal literal;
    if (!value || n_keys(c) > 0 || c->e->distinct) {
        if (c->e->distinct && n_keys(c) == 0)
            return within_error(c, "INVALID_WITHIN_GROUP_EXPRESSION.DISTINCT_UNSUPPORTED",
                                "The function does not support DISTINCT with WITHIN GROUP.");
        value = one_key(c, value ? 0 : 1);
        if (!value)
            return false;
        which = c->e->window->descending[0] ? 2 : 1;
    } else if (c->n_args > 1) {
        Expr *flag = c->args[1];
        if (flag->kind != EXPR_LITERAL && expr_has_columns(flag)) {
            bind_error(c->b, c->e->position, c->e->stop, "NON_FOLDABLE_ARGUMENT", "42K08",
                       "The function `mode` requires the parameter `deterministic` to be a "
                       "foldable expression of the type \"BOOLEAN\", but the actual argument is a "
                       "non-foldable.");
            return false;
        }
        flag = bind_coerce(c->b, c->e, flag, 1, TYPE(BOOLEAN), "BOOLEAN");
        if (!flag || !constant(c, flag, "deterministic", "BOOLEAN", &literal))
            return false;
        which = literal.b ? 1 : 0;
    }
    return collect_values(c, bind_normalised(c->b, value), FN_MODE, value->type) &&
           add_extra(c, int_literal(c->b, which));
}

/* ---- listagg ---- */

static bool not_of_distinct(Call *c)
{
    return within_error(c, "INVALID_WITHIN_GROUP_EXPRESSION.MISMATCH_WITH_DISTINCT_INPUT",
                        "The function is invoked with DISTINCT and WITHIN GROUP but expressions do "
                        "not match. The WITHIN GROUP ordering expression must be picked from the "
                        "function inputs.");
}

static bool bind_listagg(Call *c)
{
    Binder *b = c->b;
    uint32_t n = n_keys(c);
    const UWindow *w = c->e->window;
    Expr *text = c->args[0], **parts = bind_alloc(b, n + 1, sizeof(*parts));
    char *orders = bind_alloc(b, 2 * n + 1, 1);
    Literal between = {.s = vec_string("", 0)};
    if (!parts || !orders)
        return false;
    if (text->type.kind != TYPE_BINARY)
        text = bind_coerce(b, c->e, text, 0, TYPE(STRING), "STRING\" or \"BINARY");
    Expr *delimiter = text && c->n_args > 1 ? c->args[1] : NULL;
    if (delimiter && !(delimiter->kind == EXPR_LITERAL && delimiter->literal.is_null)) {
        delimiter = bind_coerce(b, c->e, delimiter, 1, text->type, "STRING");
        if (!delimiter || !constant(c, delimiter, "delimiter", "STRING", &between))
            return false;
    }
    for (uint32_t i = 0; text && i < n; i++) {
        const UExpr *source = c->e->args[c->n_args + i];
        parts[i] = bind_expr(b, c->scope, source);
        if (!parts[i])
            return false;
        if (!type_is_orderable(parts[i]->type))
            return bind_invalid_ordering(b, source, "sortorder", parts[i]->type), false;
        if (c->e->distinct && (n > 1 || !expr_equal(parts[i], c->args[0])))
            return not_of_distinct(c);
        orders[2 * i] = w->descending[i] ? 'd' : 'a';
        orders[2 * i + 1] = w->nulls_first[i] ? 'f' : 'l';
    }
    bool by_itself = c->e->distinct && n > 0;
    parts[by_itself ? 0 : n] = text;
    Expr *value = text ? struct_of(b, parts, by_itself ? 1 : n + 1, 1) : NULL;
    return value && collect_values(c, value, FN_LISTAGG, text->type) &&
           add_extra(c, bind_check(b, expr_literal(b->arena, text->type, between))) &&
           add_extra(c, bind_check(b, expr_literal(b->arena, TYPE(STRING),
                                                   (Literal){.s = vec_string(orders, 2 * n)})));
}

/* ---- others ---- */

static bool bind_histogram(Call *c)
{
    Expr *x = c->args[0];
    int64_t bins;
    Type record, type;
    bool moment = x->type.kind == TYPE_DATE || x->type.kind == TYPE_TIMESTAMP ||
                  x->type.kind == TYPE_TIMESTAMP_NTZ || is_interval(x->type);
    if (!type_is_numeric(x->type) && !moment)
        x = bind_coerce(c->b, c->e, x, 0, TYPE(DOUBLE), "NUMERIC\" or \"DATE\" or \"TIMESTAMP");
    if (!x || !constant_int(c, 1, "nb", 2, &bins))
        return false;
    TypeField fields[2] = {{.name = "x", .type = x->type, .nullable = true},
                           {.name = "y", .type = TYPE(DOUBLE), .nullable = true}};
    return bind_struct_type(c->b, fields, 2, &record) &&
           bind_array_type(c->b, record, true, &type) && collect_values(c, x, FN_HISTOGRAM, type) &&
           add_extra(c, int_literal(c->b, (int32_t)bins));
}

static double number_of(const Expr *e)
{
    double x = e->literal.d;
    if (e->type.kind == TYPE_DECIMAL) {
        x = (double)literal_decimal(e->type, &e->literal);
        for (uint32_t i = 0; i < e->type.scale; i++)
            x /= 10;
    }
    return x;
}

/* Exact, whatever error is allowed. */
static bool bind_count_distinct(Call *c)
{
    Expr *error = c->n_args > 1 ? c->args[1] : NULL;
    if (error && (error->kind != EXPR_LITERAL ||
                  (error->type.kind != TYPE_DOUBLE && error->type.kind != TYPE_DECIMAL))) {
        bind_error(c->b, c->e->position, c->e->stop, "_LEGACY_ERROR_TEMP_1104", "42000",
                   "The second argument should be a double literal.");
        return false;
    }
    if (error && number_of(error) > 0.39) {
        bind_error(c->b, c->e->position, c->e->stop, "FAILED_FUNCTION_CALL", "38000",
                   "Failed preparing of the function `approx_count_distinct` for call. Please, "
                   "double check function's arguments.");
        return false;
    }
    if (!c->finish->over_window) {
        *c->a =
            (Aggregate){.id = AGG_COUNT, .distinct = true, .type = TYPE(LONG), .arg = c->args[0]};
        return true;
    }
    return collect_values(c, bind_normalised(c->b, c->args[0]), FN_ARRAY_DISTINCT, TYPE(LONG));
}

/* Of freqItems(): as many counters as the part of the rows that is asked for goes into all. */
static bool bind_frequent(Call *c)
{
    Literal support;
    Type type;
    if (!constant(c, c->args[1], "support", "DOUBLE", &support))
        return false;
    if (!(support.d >= 0.0001 && support.d <= 1)) {
        bind_error(c->b, c->e->position, c->e->stop, "_LEGACY_ERROR_TEMP_3210", "XX000",
                   "requirement failed: Support must be in [1e-4, 1], but got %g.", support.d);
        return false;
    }
    /* In a struct, so that NULL counts as a value. */
    Expr *x = bind_normalised(c->b, c->args[0]), *record = x ? struct_of(c->b, &x, 1, 0) : NULL;
    return record && bind_array_type(c->b, x->type, true, &type) &&
           collect_values(c, record, FN_FREQUENT, type) &&
           add_extra(c, int_literal(c->b, (int32_t)(1 / support.d)));
}

/* Bitmaps of 4096 bytes: of positions, or what is set in one of several. */
static bool bind_bitmap(Call *c)
{
    bool positions = is(c, "bitmap_construct_agg");
    Type type = positions ? TYPE(LONG) : TYPE(BINARY);
    Expr *x = c->args[0];
    if (!positions && x->type.kind != TYPE_BINARY && x->type.kind != TYPE_NULL)
        return unexpected(c, 0, "BINARY");
    x = bind_coerce(c->b, c->e, x, 0, type, positions ? "BIGINT" : "BINARY");
    return x && collect_values(c, x, FN_BITMAP, TYPE(BINARY));
}

static bool bind_refused(Call *c)
{
    bind_unsupported(c->b, c->e->position, c->e->stop, c->e->name);
    return false;
}

/* ---- the table ---- */

static const struct Family {
    const char *name;
    uint8_t min, max;
    bool (*bind)(Call *c);
    bool within; /* WITHIN GROUP may stand behind it */
    bool whole;  /* not over an ordered window */
} families[] = {
    {"approx_count_distinct", 1, 2, bind_count_distinct, false, false},
    {"approximate quantile", 3, 3, bind_quantile, false, false},
    {"approx_percentile", 2, 3, bind_percentile_approx, false, false},
    {"bit_and", 1, 1, bind_bits, false, false},
    {"bit_or", 1, 1, bind_bits, false, false},
    {"bit_xor", 1, 1, bind_bits, false, false},
    {"bitmap_construct_agg", 1, 1, bind_bitmap, false, false},
    {"bitmap_or_agg", 1, 1, bind_bitmap, false, false},
    {"corr", 2, 2, bind_pair, false, false},
    {"count_min_sketch", 0, ARGS_MAX, bind_refused, false, false},
    {"covar_pop", 2, 2, bind_pair, false, false},
    {"covar_samp", 2, 2, bind_pair, false, false},
    {"frequent items", 2, 2, bind_frequent, false, false},
    {"histogram_numeric", 2, 2, bind_histogram, false, false},
    {"kurtosis", 1, 1, bind_moment, false, false},
    {"listagg", 1, 2, bind_listagg, true, false},
    {"max_by", 2, 3, bind_by, false, false},
    {"median", 1, 1, bind_median, false, true},
    {"min_by", 2, 3, bind_by, false, false},
    {"mode", 0, 2, bind_mode, true, false},
    {"percentile", 2, 3, bind_percentile, false, false},
    {"percentile_approx", 2, 3, bind_percentile_approx, false, false},
    {"percentile_cont", 1, 1, bind_percentile_within, true, true},
    {"percentile_disc", 1, 1, bind_percentile_within, true, true},
    {"product", 1, 1, bind_moment, false, false},
    {"regr_avgx", 2, 2, bind_pair, false, false},
    {"regr_avgy", 2, 2, bind_pair, false, false},
    {"regr_count", 2, 2, bind_pair, false, false},
    {"regr_intercept", 2, 2, bind_pair, false, false},
    {"regr_r2", 2, 2, bind_pair, false, false},
    {"regr_slope", 2, 2, bind_pair, false, false},
    {"regr_sxx", 2, 2, bind_pair, false, false},
    {"regr_sxy", 2, 2, bind_pair, false, false},
    {"regr_syy", 2, 2, bind_pair, false, false},
    {"skewness", 1, 1, bind_moment, false, false},
    {"string_agg", 1, 2, bind_listagg, true, false},
};

static const struct Family *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(families); i++)
        if (strcmp(families[i].name, name) == 0)
            return &families[i];
    return NULL;
}

bool function_is_statistic(const char *name)
{
    return find(name) != NULL;
}

bool function_orders_within(const char *name)
{
    const struct Family *f = find(name);
    return f && f->within;
}

bool function_wants_whole_window(const UExpr *e)
{
    const struct Family *f = find(e->name);
    return f && f->whole;
}

bool bind_statistic(Binder *b, Scope *scope, const UExpr *e, Aggregate *a, AggregateFinish *finish)
{
    const struct Family *f = find(e->name);
    Call c = {.b = b, .scope = scope, .e = e, .n_args = uexpr_n_plain(e), .a = a, .finish = finish};
    char wanted[16];
    if (f->bind == bind_refused)
        return bind_refused(&c);
    if (c.n_args < f->min || c.n_args > f->max) {
        snprintf(wanted, sizeof(wanted), f->min == f->max ? "%u" : "[%u, %u]", f->min, f->max);
        bind_error(b, e->position, e->stop, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605",
                   "The `%.100s` requires %s parameters but the actual number is %u.", e->name,
                   wanted, c.n_args);
        return false;
    }
    for (uint32_t i = 0; i < c.n_args; i++) {
        c.args[i] = bind_expr(b, scope, e->args[i]);
        if (!c.args[i])
            return false;
    }
    a->nullable = true;
    return f->bind(&c);
}

Expr *bind_finished(Binder *b, const Aggregate *a, const AggregateFinish *finish, Expr *value)
{
    Type type;
    if (!value)
        return NULL;
    if (finish->keyed) {
        Expr *zero = int_literal(b, 0);
        value = bind_make_call(b, FN_KEYED_VALUE, finish->type, true, &value, 1);
        return value && zero ? bind_make_call(b, FN_FIELD, finish->type.children[0].type, true,
                                              (Expr *[]){value, zero}, 2)
                             : NULL;
    }
    if (finish->collected) {
        if (!bind_array_type(b, a->arg->type, false, &type))
            return NULL;
        value = bind_make_call(b, FN_COLLECTED, type, false, &value, 1);
    }
    if (!value || finish->function == FN_INVALID)
        return value;
    if (finish->function == FN_ARRAY_DISTINCT) {
        value = bind_make_call(b, FN_ARRAY_DISTINCT, type, false, &value, 1);
        if (finish->type.kind == TYPE_ARRAY)
            return value;
        value = value ? bind_make_call(b, FN_SIZE, TYPE(INT), false, &value, 1) : NULL;
        return value ? bind_cast_to(b, value, TYPE(LONG)) : NULL;
    }
    Expr *args[3] = {value, finish->extra[0], finish->extra[1]};
    return bind_make_call(b, finish->function, finish->type, true, args, 1 + finish->n_extra);
}

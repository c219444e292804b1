/* SPDX-License-Identifier: Apache-2.0 */

/* from_csv(), schema_of_csv(): a record of CSV in a text. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"
#include "exec/plan/csv_options.h"

static bool take_text(const VecString *value, char *ret, size_t size)
{
    if (value->length >= size)
        return false;
    memset(ret, 0, size);
    memcpy(ret, vec_string_data(value), value->length);
    return true;
}

static bool take_character(const VecString *value, char *ret)
{
    *ret = value->length ? vec_string_data(value)[0] : 0;
    return value->length <= 1;
}

static bool take_bool(const VecString *value, bool *ret)
{
    *ret = bind_option_is(value, "true");
    return *ret || bind_option_is(value, "false");
}

/* "\\t" is a tab, what else stands behind a backslash itself. */
static bool take_separator(const VecString *value, CsvReadOptions *o)
{
    const char *text = vec_string_data(value);
    o->n_separator = 0;
    for (uint32_t i = 0; i < value->length; i++) {
        char c = text[i];
        if (o->n_separator == CSV_SEPARATOR_MAX)
            return false;
        if (c == '\\' && i + 1 < value->length) {
            c = text[++i];
            c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
        }
        o->separator[o->n_separator++] = c;
    }
    return o->n_separator > 0;
}

static bool take_option(const VecString *key, const VecString *value, void *userdata)
{
    static const struct {
        const char *key, *value; /* as it is without it */
    } others[] = {{"emptyValue", ""},        {"nanValue", "NaN"},
                  {"positiveInf", "Inf"},    {"negativeInf", "-Inf"},
                  {"encoding", "UTF-8"},     {"charset", "UTF-8"},
                  {"lineSep", ""},           {"multiLine", "false"},
                  {"enforceSchema", "true"}, {"unescapedQuoteHandling", "STOP_AT_DELIMITER"},
                  {"locale", "en-US"},       {"timestampNTZFormat", ""},
                  {"timeZone", ""},          {"charToEscapeQuoteEscaping", ""}};
    CsvReadOptions *o = userdata;
    if (bind_option_is(key, "sep") || bind_option_is(key, "delimiter"))
        return take_separator(value, o);
    if (bind_option_is(key, "quote"))
        return take_character(value, &o->quote);
    if (bind_option_is(key, "escape"))
        return take_character(value, &o->escape);
    if (bind_option_is(key, "comment"))
        return take_character(value, &o->comment);
    if (bind_option_is(key, "ignoreLeadingWhiteSpace"))
        return take_bool(value, &o->trim_leading);
    if (bind_option_is(key, "ignoreTrailingWhiteSpace"))
        return take_bool(value, &o->trim_trailing);
    if (bind_option_is(key, "nullValue"))
        return take_text(value, o->null_value, sizeof(o->null_value));
    if (bind_option_is(key, "columnNameOfCorruptRecord"))
        return take_text(value, o->corrupt_name, sizeof(o->corrupt_name));
    if (bind_option_is(key, "dateFormat"))
        return bind_option_pattern(value, &o->date, &o->has_date);
    if (bind_option_is(key, "timestampFormat"))
        return bind_option_pattern(value, &o->timestamp, &o->has_timestamp);
    if (bind_option_is(key, "mode")) {
        o->fail_fast = bind_option_is(value, "FAILFAST");
        return o->fail_fast || bind_option_is(value, "PERMISSIVE");
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (bind_option_is(key, others[i].key))
            return bind_option_is(value, others[i].value);
    return true;
}

static bool check_fields(Binder *b, const UExpr *e, Type type)
{
    for (uint32_t i = 0; i < type.n_children; i++) {
        Type field = type.children[i].type;
        if (type_is_nested(field) || field.kind == TYPE_INTERVAL_YM ||
            field.kind == TYPE_INTERVAL_DT || field.kind == TYPE_NULL)
            return bind_unsupported(b, e->position, e->stop,
                                    "from_csv with fields that are nested or intervals"),
                   false;
    }
    return true;
}

static const CsvReadOptions defaults = {.separator = ",",
                                        .n_separator = 1,
                                        .quote = '"',
                                        .escape = '\\',
                                        .corrupt = ROW_NO_COLUMN,
                                        .corrupt_name = "_corrupt_record"};

CsvOptions csv_options_of(const CsvReadOptions *read)
{
    CsvOptions o = {.n_separator = read->n_separator,
                    .quote = read->quote,
                    .escape = read->escape,
                    .comment = read->comment,
                    .trim_leading = read->trim_leading,
                    .trim_trailing = read->trim_trailing,
                    .null_value = read->null_value,
                    .empty_value = "",
                    .nan_value = "NaN",
                    .positive_inf = "Inf",
                    .negative_inf = "-Inf"};
    memcpy(o.separator, read->separator, sizeof(o.separator));
    return o;
}

/* ---- schema_of_csv ---- */

/* The struct of a record, whose fields are _c0, _c1, ... Return: false after an error. */
static bool schema_of(Binder *b, const UExpr *e, const VecString *text, const CsvReadOptions *read,
                      Type *ret)
{
    CsvOptions o = csv_options_of(read);
    CsvField found[UINT8_MAX], whole;
    CsvScan *scan;
    uint32_t n = 0;
    int r = csv_scan_new(&o, plan_session_pool(b->context->session), &scan);
    if (r)
        return bind_fail(b, r), false;
    csv_scan_begin(scan, (const uint8_t *)vec_string_data(text), text->length, false);
    r = csv_scan_record(scan, found, UINT8_MAX, &n, &whole);
    TypeField *fields = r == 0 && n <= UINT8_MAX ? bind_alloc(b, n + 1u, sizeof(*fields)) : NULL;
    for (uint32_t i = 0; fields && i < n; i++) {
        char *name = bind_alloc(b, 1, 16);
        Type type = csv_infer(&o, TYPE(NULL), &found[i]);
        if (name)
            (void)snprintf(name, 16, "_c%u", i);
        fields[i] = (TypeField){.name = name ? name : "",
                                .type = type.kind == TYPE_NULL ? TYPE(STRING) : type,
                                .nullable = true};
    }
    (void)csv_scan_free(scan);
    if (r != 0 && r != -ENODATA)
        return bind_fail(b, r == -E2BIG ? -EMSGSIZE : r), false;
    if (!fields || b->result)
        return b->result ? false
                         : (bind_unsupported(b, e->position, e->stop,
                                             "schema_of_csv of a text without a record"),
                            false);
    *ret = (Type){.kind = TYPE_STRUCT, .n_children = (uint8_t)n, .children = fields};
    return true;
}

Expr *bind_schema_of_csv(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    CsvReadOptions options = defaults;
    Type type;
    if (n == 2 && !bind_options(b, e, args[1], take_option, &options))
        return NULL;
    if (args[0]->kind != EXPR_LITERAL || args[0]->type.kind != TYPE_STRING ||
        args[0]->literal.is_null)
        return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "42K09",
                          "Cannot resolve %.300s due to data type mismatch: the input `csv` should "
                          "be a foldable \"STRING\" expression.",
                          uexpr_quoted(b, e));
    return schema_of(b, e, &args[0]->literal.s, &options, &type) ? bind_type_as_ddl(b, type) : NULL;
}

/* ---- from_csv ---- */

Expr *bind_from_csv(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type type = args[1]->type;
    CsvReadOptions options = defaults;
    const UExpr *schema = e->args[1];
    if (n == 3 && !bind_options(b, e, args[2], take_option, &options))
        return NULL;
    if (schema->kind == UEXPR_CALL && strcmp(schema->name, "schema_of_csv") == 0 &&
        schema->n_args == 1 && schema->args[0]->kind == UEXPR_LITERAL &&
        schema->args[0]->type.kind == TYPE_STRING && !schema->args[0]->literal.is_null &&
        !schema_of(b, schema, &schema->args[0]->literal.s, &options, &type))
        return NULL;
    if (type.kind != TYPE_STRUCT)
        return bind_error(b, e->position, e->stop, "INVALID_SCHEMA.NON_STRING_LITERAL", "42K07",
                          "The input schema %.200s is not a valid schema string. The input "
                          "expression must be string literal and not null.",
                          uexpr_quoted(b, e->args[1]));
    if (args[0]->type.kind != TYPE_STRING && args[0]->type.kind != TYPE_NULL)
        return bind_unexpected_input(b, e, 0, "STRING", args[0]);
    Expr *text = bind_coerce(b, e, args[0], 0, TYPE(STRING), NULL);
    if (!text || !check_fields(b, e, type) || !bind_as_nullable(b, type, &type))
        return NULL;
    for (uint32_t i = 0; i < type.n_children; i++)
        if (strcmp(type.children[i].name, options.corrupt_name) == 0 &&
            type.children[i].type.kind == TYPE_STRING)
            options.corrupt = i;
    char *copy = bind_alloc(b, 1, sizeof(options));
    if (!copy)
        return NULL;
    memcpy(copy, &options, sizeof(options));
    Expr *made[] = {text, bind_zone_name(b),
                    bind_check(b, expr_literal(b->arena, TYPE(BINARY),
                                               (Literal){.s = vec_string(copy, sizeof(options))}))};
    if (!made[1] || !made[2])
        return NULL;
    return bind_make_call(b, FN_FROM_CSV, type, text->nullable, made, 3);
}

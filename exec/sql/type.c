/* SPDX-License-Identifier: Apache-2.0 */

/* Type names and schemas in DDL. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/sql/parser_internal.h"
#include "exec/vec/interval.h"

static const struct {
    const char *name;
    uint8_t kind;
} names[] = {
    {"boolean", TYPE_BOOLEAN},
    {"tinyint", TYPE_BYTE},
    {"byte", TYPE_BYTE},
    {"smallint", TYPE_SHORT},
    {"short", TYPE_SHORT},
    {"int", TYPE_INT},
    {"integer", TYPE_INT},
    {"bigint", TYPE_LONG},
    {"long", TYPE_LONG},
    {"float", TYPE_FLOAT},
    {"real", TYPE_FLOAT},
    {"double", TYPE_DOUBLE},
    {"string", TYPE_STRING},
    {"char", TYPE_STRING},
    {"character", TYPE_STRING},
    {"varchar", TYPE_STRING},
    {"binary", TYPE_BINARY},
    {"date", TYPE_DATE},
    {"timestamp", TYPE_TIMESTAMP},
    {"timestamp_ltz", TYPE_TIMESTAMP},
    {"timestamp_ntz", TYPE_TIMESTAMP_NTZ},
    {"void", TYPE_NULL},
    {"null", TYPE_NULL},
};

static bool parse_small_number(Parser *p, int max, int *ret)
{
    const Token *t = peek(p);
    if (t->kind != TOKEN_INTEGER || t->stop - t->start > 9)
        return syntax_error(p), false;
    int value = 0;
    for (uint32_t i = t->start; i < t->stop; i++)
        value = value * 10 + (p->text[i] - '0');
    if (value > max) {
        parse_error_at(p, t, "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "22003",
                       "Decimal precision %d exceeds max precision %d.", value, max);
        return false;
    }
    advance(p);
    *ret = value;
    return true;
}

static bool parse_decimal(Parser *p, Type *ret_type)
{
    int precision = 10, scale = 0;
    if (accept_op(p, OP_LPAREN)) {
        if (!parse_small_number(p, 38, &precision))
            return false;
        if (accept_op(p, OP_COMMA) && !parse_small_number(p, 38, &scale))
            return false;
        if (!expect_op(p, OP_RPAREN))
            return false;
    }
    if (precision < 1 || scale > precision) {
        parse_error_at(p, peek(p), "INVALID_DECIMAL_SCALE", "42K05",
                       "Decimal scale (%d) cannot be greater than precision (%d).", scale,
                       precision);
        return false;
    }
    *ret_type = TYPE_DECIMAL_OF(precision, scale);
    return true;
}

/* < type, ... > ; ">>" may close two. */
static bool close_angle(Parser *p)
{
    Token *t = (Token *)peek(p);
    if (t->kind == TOKEN_OPERATOR &&
        (t->op == OP_SHIFT_RIGHT || t->op == OP_SHIFT_RIGHT_UNSIGNED)) {
        t->op = t->op == OP_SHIFT_RIGHT ? OP_GT : OP_SHIFT_RIGHT;
        t->start++;
        return true;
    }
    return expect_op(p, OP_GT);
}

static bool parse_struct(Parser *p, Type *ret_type)
{
    TypeField children[255];
    uint32_t n = 0;
    if (accept_op(p, OP_NE)) { /* struct<> lexes as <> */
        *ret_type = TYPE(STRUCT);
        return true;
    }
    if (!expect_op(p, OP_LT))
        return false;
    do {
        if (n == ARRAY_SIZE(children))
            return syntax_error(p), false;
        TypeField *f = &children[n];
        f->nullable = true;
        f->name = parse_any_identifier(p);
        accept_op(p, OP_COLON);
        if (!f->name || !parse_type(p, &f->type))
            return false;
        if (at_words(p, "NOT", "NULL")) {
            advance(p);
            advance(p);
            f->nullable = false;
        }
        n++;
    } while (accept_op(p, OP_COMMA));
    if (!close_angle(p))
        return false;
    *ret_type = (Type){.kind = TYPE_STRUCT, .n_children = (uint8_t)n};
    ret_type->children = ubuilder_dup(p->b, children, n, sizeof(*children));
    return ret_type->children != NULL;
}

static bool parse_nested(Parser *p, uint8_t kind, Type *ret_type)
{
    TypeField children[2] = {
        {.name = kind == TYPE_ARRAY ? "element" : "key", .nullable = kind == TYPE_ARRAY},
        {.name = "value", .nullable = true}};
    uint32_t n = kind == TYPE_ARRAY ? 1 : 2;
    if (!expect_op(p, OP_LT) || !parse_type(p, &children[0].type))
        return false;
    if (n == 2 && (!expect_op(p, OP_COMMA) || !parse_type(p, &children[1].type)))
        return false;
    if (!close_angle(p))
        return false;
    *ret_type = (Type){.kind = kind, .n_children = (uint8_t)n};
    ret_type->children = ubuilder_dup(p->b, children, n, sizeof(*children));
    return ret_type->children != NULL;
}

static bool parse_interval_type(Parser *p, Type *ret_type)
{
    for (uint8_t kind = TYPE_INTERVAL_YM; kind <= TYPE_INTERVAL_DT; kind++) {
        for (uint32_t start = 0; start <= interval_last_field(kind); start++) {
            if (!accept_word(p, interval_field_name(kind, start)))
                continue;
            uint32_t end = start;
            if (accept_word(p, "TO")) {
                for (end = start + 1; end <= interval_last_field(kind); end++)
                    if (accept_word(p, interval_field_name(kind, end)))
                        break;
                if (end > interval_last_field(kind))
                    return syntax_error(p), false;
            }
            *ret_type = interval_type(kind, start, end);
            return true;
        }
    }
    return syntax_error(p), false;
}

static bool parse_type_body(Parser *p, Type *ret_type)
{
    const Token *t = peek(p);
    if (t->kind != TOKEN_WORD)
        return syntax_error(p), false;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!token_is_word(p, t, names[i].name))
            continue;
        advance(p);
        *ret_type = (Type){.kind = names[i].kind};
        if (names[i].kind == TYPE_STRING && at_op(p, OP_LPAREN)) {
            int length; /* char(n), varchar(n): a string whose length nobody checks on reading */
            advance(p);
            return parse_small_number(p, 999999999, &length) && expect_op(p, OP_RPAREN);
        }
        return true;
    }
    advance(p);
    if (token_is_word(p, t, "decimal") || token_is_word(p, t, "dec") ||
        token_is_word(p, t, "numeric"))
        return parse_decimal(p, ret_type);
    if (token_is_word(p, t, "array"))
        return parse_nested(p, TYPE_ARRAY, ret_type);
    if (token_is_word(p, t, "map"))
        return parse_nested(p, TYPE_MAP, ret_type);
    if (token_is_word(p, t, "struct"))
        return parse_struct(p, ret_type);
    if (token_is_word(p, t, "interval"))
        return parse_interval_type(p, ret_type);
    char name[64];
    snprintf(name, sizeof(name), "\"%.*s\"", (int)MIN(t->stop - t->start, 60u), p->text + t->start);
    for (char *c = name; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c += 'A' - 'a';
    parse_error_at(p, t, "UNSUPPORTED_DATATYPE", "0A000", "Unsupported data type %s.", name);
    query_error_parameters(p->b->error, "typeName", name, NULL);
    return false;
}

bool parse_type(Parser *p, Type *ret_type)
{
    if (!enter(p))
        return false;
    bool ok = parse_type_body(p, ret_type);
    leave(p);
    return ok;
}

bool parse_commented_fields(Parser *p, PlanField **ret_fields, const char ***ret_comments,
                            uint32_t *ret_n)
{
    PtrList list = {0}, comments = {0};
    do {
        PlanField *f = ubuilder_alloc(p->b, 1, sizeof(*f));
        const char **comment = ubuilder_alloc(p->b, 1, sizeof(*comment));
        if (!f || !comment)
            return false;
        f->nullable = true;
        f->name = parse_any_identifier(p);
        accept_op(p, OP_COLON);
        if (!f->name || !parse_type(p, &f->type))
            return false;
        if (at_words(p, "NOT", "NULL")) {
            advance(p);
            advance(p);
            f->nullable = false;
        }
        if (accept_word(p, "COMMENT")) {
            size_t n;
            *comment = parse_string(p, &n);
            if (!*comment)
                return false;
        }
        if (!list_add(p, &list, f) || !list_add(p, &comments, comment))
            return false;
    } while (accept_op(p, OP_COMMA));
    PlanField *fields = ubuilder_alloc(p->b, list.n, sizeof(*fields));
    const char **texts = ubuilder_alloc(p->b, list.n, sizeof(*texts));
    if (!fields || !texts)
        return false;
    for (uint32_t i = 0; i < list.n; i++) {
        fields[i] = *(PlanField *)list.items[i];
        texts[i] = *(const char **)comments.items[i];
    }
    *ret_fields = fields;
    *ret_comments = texts;
    *ret_n = list.n;
    return true;
}

bool parse_schema_fields(Parser *p, PlanField **ret_fields, uint32_t *ret_n)
{
    const char **comments;
    return parse_commented_fields(p, ret_fields, &comments, ret_n);
}

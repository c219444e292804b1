/* SPDX-License-Identifier: Apache-2.0 */

/* Queries: WITH, set operations, SELECT, FROM, joins, ORDER BY, LIMIT. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/sql/literal.h"

static URel *parse_relation(Parser *p);

bool at_query(const Parser *p)
{
    return at_word(p, "SELECT") || at_word(p, "WITH") || at_word(p, "VALUES") ||
           (at_word(p, "TABLE") &&
            (peek_at(p, 1)->kind == TOKEN_WORD || peek_at(p, 1)->kind == TOKEN_QUOTED)) ||
           (at_word(p, "FROM") && peek_at(p, 1)->kind != TOKEN_OPERATOR);
}

static URel *seal_marked(Parser *p, URel *rel, uint32_t first_token)
{
    if (!rel || failed(p))
        return NULL;
    rel->position = p->tokens[first_token].start + 1;
    rel->stop = p->at > 0 ? p->tokens[p->at - 1].stop : 0;
    return urel_seal(p->b, rel);
}

static URel *over(Parser *p, URelKind kind, URel *input)
{
    if (!input || failed(p))
        return NULL;
    URel *rel = urel_new(p->b, kind);
    if (rel)
        rel->input = input;
    return rel;
}

/* ---- FROM ---- */

static bool at_pivot(const Parser *p)
{
    const Token *next = peek_at(p, 1);
    return (at_word(p, "PIVOT") && next->op == OP_LPAREN) ||
           (at_word(p, "UNPIVOT") && (next->op == OP_LPAREN || token_is_word(p, next, "INCLUDE") ||
                                      token_is_word(p, next, "EXCLUDE")));
}

static bool at_alias(const Parser *p)
{
    return (at_word(p, "AS") || at_identifier(p)) && !at_pivot(p);
}

/* [AS] alias [(column, ...)] */
static URel *parse_alias(Parser *p, URel *rel, uint32_t first)
{
    if (!rel || failed(p) || !at_alias(p))
        return rel;
    accept_word(p, "AS");
    URel *alias = over(p, UREL_ALIAS, rel);
    if (!alias)
        return NULL;
    PtrList names = {0};
    if (at_op(p, OP_LPAREN)) {
        /* AS (a, b): columns without a name for the table */
        alias->name = "";
    } else {
        alias->name = parse_identifier(p);
    }
    if (accept_op(p, OP_LPAREN)) {
        do {
            list_add(p, &names, (void *)parse_any_identifier(p));
        } while (accept_op(p, OP_COMMA));
        expect_op(p, OP_RPAREN);
    }
    alias->names = (const char **)names.items;
    alias->n_names = names.n;
    return seal_marked(p, alias, first);
}

static URel *files_of(Parser *p, const char *format, const char *path, uint32_t first)
{
    URel *rel = urel_files(p->b, format, path);
    return rel ? seal_marked(p, rel, first) : NULL;
}

/* FROM 'x.parquet': the ending says the format. */
static URel *parse_path_literal(Parser *p, uint32_t first)
{
    size_t n;
    const Token *t = peek(p);
    char *path = parse_string(p, &n);
    if (!path)
        return NULL;
    if (strlen(path) != n || n == 0)
        return parse_error_at(p, t, "PARSE_SYNTAX_ERROR", "42601", "Not a path.");
    static const char *const endings[] = {"csv", "json", "orc", "avro", "arrow"};
    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        size_t length = strlen(endings[i]);
        if (n > length && path[n - length - 1] == '.' &&
            strcasecmp(path + n - length, endings[i]) == 0)
            return files_of(p, endings[i], path, first);
    }
    return files_of(p, "parquet", path, first);
}

static URel *parse_values(Parser *p)
{
    uint32_t first = p->at;
    PtrList cells = {0};
    uint32_t n_columns = 0;
    advance(p);
    do {
        uint32_t before = cells.n;
        const Token *t = peek(p);
        if (accept_op(p, OP_LPAREN)) {
            do {
                list_add(p, &cells, parse_named_expression(p));
            } while (accept_op(p, OP_COMMA));
            expect_op(p, OP_RPAREN);
        } else {
            list_add(p, &cells, parse_expression(p));
        }
        if (failed(p))
            return NULL;
        if (n_columns == 0)
            n_columns = cells.n;
        if (cells.n - before != n_columns)
            return parse_error_at(p, t, "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH", "42000",
                                  "Invalid inline table. Inline table expected %u columns but "
                                  "found %u columns in row %u.",
                                  n_columns, cells.n - before, before / n_columns);
    } while (accept_op(p, OP_COMMA));
    URel *rel = urel_new(p->b, UREL_VALUES);
    if (!rel)
        return NULL;
    rel->exprs = (UExpr **)cells.items;
    rel->n_exprs = cells.n;
    rel->n_columns = n_columns;
    return seal_marked(p, rel, first);
}

/* range(end), range(start, end[, step[, partitions]]) */
static URel *parse_range(Parser *p, uint32_t first)
{
    const Token *t = peek(p);
    advance(p);
    advance(p);
    int64_t values[4] = {0};
    uint32_t n = 0;
    do {
        UExpr *e = parse_expression(p);
        if (!e)
            return NULL;
        bool fits =
            n < 4 && e->kind == UEXPR_LITERAL && !e->literal.is_null && type_is_integral(e->type);
        if (!fits)
            return parse_error_at(p, t, "UNEXPECTED_INPUT_TYPE", "42K09",
                                  "The arguments of `range` must be integer literals.");
        values[n++] = e->literal.i;
    } while (accept_op(p, OP_COMMA));
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    URel *rel = urel_new(p->b, UREL_RANGE);
    if (!rel)
        return NULL;
    rel->start = n == 1 ? 0 : values[0];
    rel->end = n == 1 ? values[0] : values[1];
    rel->step = n > 2 ? values[2] : 1;
    if (rel->step == 0)
        return parse_error_at(p, t, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "42K09",
                              "The step of `range` must not be 0.");
    return seal_marked(p, rel, first);
}

static bool function_is_generator_at(Parser *p)
{
    static const char *const names[] = {
        "explode", "explode_outer", "posexplode", "posexplode_outer",
        "inline",  "inline_outer",  "stack",      "json_tuple"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (at_word(p, names[i]))
            return true;
    return false;
}

/* explode(x) over @input. */
static URel *parse_generator(Parser *p, URel *input, uint32_t first)
{
    const Token *t = peek(p);
    UExpr *e = parse_expression(p);
    if (!e || !input)
        return NULL;
    if (e->kind != UEXPR_CALL)
        return parse_error_at(p, t, "PARSE_SYNTAX_ERROR", "42601",
                              "Syntax error: a table function is wanted.");
    URel *rel = over(p, UREL_GENERATE, input);
    if (!rel)
        return NULL;
    rel->condition = e;
    return seal_marked(p, rel, first);
}

/* LATERAL VIEW [OUTER] generator(...) table [AS name, ...] */
static URel *parse_lateral_view(Parser *p, URel *input)
{
    uint32_t first = p->at;
    advance(p);
    advance(p);
    bool outer = accept_word(p, "OUTER");
    URel *rel = parse_generator(p, input, first);
    if (!rel)
        return NULL;
    rel->all = outer;
    PtrList names = {0};
    if (!at_word(p, "AS") && at_identifier(p) && !at_word(p, "LATERAL"))
        rel->name = parse_identifier(p);
    if (accept_word(p, "AS"))
        do {
            if (!list_add(p, &names, (void *)parse_any_identifier(p)))
                return NULL;
        } while (accept_op(p, OP_COMMA));
    rel->names = (const char **)names.items;
    rel->n_names = names.n;
    return failed(p) ? NULL : rel;
}

static URel *parse_table(Parser *p)
{
    uint32_t first = p->at;
    if (!at_identifier_clause(p) && peek_at(p, 1)->op == OP_LPAREN) {
        if (at_word(p, "RANGE"))
            return parse_range(p, first);
        if (function_is_generator_at(p))
            return parse_generator(p, urel_seal(p->b, urel_new(p->b, UREL_ONE_ROW)), first);
        const Token *t = peek(p);
        char name[80];
        snprintf(name, sizeof(name), "the table function %.*s", (int)MIN(t->stop - t->start, 50u),
                 p->text + t->start);
        return unsupported_at(p, t, name);
    }
    const char **parts;
    uint32_t n;
    if (!parse_name(p, &parts, &n))
        return NULL;
    URel *rel = urel_named(p->b, parts, n);
    if (!rel || rel->kind == UREL_FILES)
        return rel ? seal_marked(p, rel, first) : NULL;
    if (at_words(p, "VERSION", "AS") || at_words(p, "TIMESTAMP", "AS"))
        return unsupported_at(p, peek(p), "time travel");
    return seal_marked(p, rel, first);
}

/*
 * Behind an opening parenthesis in FROM: a query, or a join. Which one, only what follows an inner
 * parenthesis tells, so both come out of one function and nothing is read twice.
 */
static URel *parse_paren_body(Parser *p, bool *ret_is_query)
{
    if (!enter(p))
        return NULL;
    URel *rel;
    uint32_t first = p->at;
    *ret_is_query = true;
    if (at_query(p)) {
        rel = parse_query(p);
    } else if (accept_op(p, OP_LPAREN)) {
        bool inner_is_query = false;
        rel = parse_paren_body(p, &inner_is_query);
        expect_op(p, OP_RPAREN);
        bool goes_on = at_alias(p) || at_op(p, OP_COMMA) || at_word(p, "JOIN") ||
                       at_word(p, "INNER") || at_word(p, "LEFT") || at_word(p, "RIGHT") ||
                       at_word(p, "FULL") || at_word(p, "CROSS") || at_word(p, "NATURAL") ||
                       at_word(p, "SEMI") || at_word(p, "ANTI");
        if (inner_is_query && !goes_on) {
            rel = parse_query_tail(p, parse_set_operations(p, rel, 0));
        } else {
            *ret_is_query = false;
            rel = parse_joins(p, parse_alias(p, rel, first));
        }
    } else {
        *ret_is_query = false;
        rel = parse_relation(p);
    }
    leave(p);
    return failed(p) ? NULL : rel;
}

static bool sample_number(Parser *p, double *ret)
{
    const Token *t = peek(p);
    UExpr *e = parse_number(p, false);
    if (!e)
        return false;
    char buf[64] = "";
    memcpy(buf, p->text + t->start, MIN(t->stop - t->start, 63u));
    *ret = strtod(buf, NULL);
    return true;
}

/* TABLESAMPLE (30 PERCENT | 5 ROWS | BUCKET 1 OUT OF 10) [REPEATABLE (seed)] */
static URel *parse_sample(Parser *p, URel *input)
{
    uint32_t first = p->at;
    const Token *t = peek(p);
    double number, of = 100;
    advance(p);
    if (!expect_op(p, OP_LPAREN))
        return NULL;
    bool bucket = accept_word(p, "BUCKET");
    if (!sample_number(p, &number))
        return NULL;
    bool rows = !bucket && accept_word(p, "ROWS");
    if (bucket) {
        if (!expect_word(p, "OUT") || !expect_word(p, "OF") || !sample_number(p, &of))
            return NULL;
    } else if (!rows && !expect_word(p, "PERCENT")) {
        return NULL;
    }
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    URel *rel = over(p, rows ? UREL_LIMIT : UREL_SAMPLE, input);
    if (!rel)
        return NULL;
    if (rows) {
        rel->condition = uexpr_int(p->b, (int64_t)number);
        return seal_marked(p, rel, first);
    }
    rel->high = number / of;
    if (!(rel->high >= 0 && rel->high <= 1))
        return parse_error_at(p, t, "_LEGACY_ERROR_TEMP_0064", "42601",
                              "Sampling fraction (%g) must be on interval [0, 1].", rel->high);
    if (accept_word(p, "REPEATABLE")) {
        double seed;
        if (!expect_op(p, OP_LPAREN) || !sample_number(p, &seed) || !expect_op(p, OP_RPAREN))
            return NULL;
        rel->start = (int64_t)seed;
    } else {
        rel->all = true;
    }
    return seal_marked(p, rel, first);
}

static URel *parse_relation_primary(Parser *p)
{
    uint32_t first = p->at;
    URel *rel;
    bool lateral = at_word(p, "LATERAL") && !token_is_word(p, peek_at(p, 1), "VIEW");
    if (lateral)
        advance(p);
    if (accept_op(p, OP_LPAREN)) {
        bool is_query;
        rel = parse_paren_body(p, &is_query);
        expect_op(p, OP_RPAREN);
    } else if (peek(p)->kind == TOKEN_STRING) {
        rel = parse_path_literal(p, first);
    } else if (at_word(p, "VALUES")) {
        rel = parse_values(p);
    } else {
        rel = parse_table(p);
    }
    if (at_word(p, "TABLESAMPLE"))
        rel = parse_sample(p, rel);
    rel = parse_alias(p, rel, first);
    if (rel && !failed(p))
        rel->lateral = lateral;
    while (rel && !failed(p) && at_pivot(p))
        rel = parse_alias(p, parse_pivot(p, rel), first);
    return rel;
}

/* Return: true when a join keyword was read. */
static bool parse_join_type(Parser *p, JoinType *ret_type, bool *ret_natural)
{
    uint32_t before = p->at;
    *ret_natural = accept_word(p, "NATURAL");
    *ret_type = JOIN_INNER;
    if (accept_word(p, "INNER")) {
        *ret_type = JOIN_INNER;
    } else if (accept_word(p, "CROSS")) {
        *ret_type = JOIN_CROSS;
    } else if (accept_word(p, "LEFT")) {
        *ret_type = accept_word(p, "SEMI")   ? JOIN_SEMI
                    : accept_word(p, "ANTI") ? JOIN_ANTI
                                             : JOIN_LEFT;
        accept_word(p, "OUTER");
    } else if (accept_word(p, "RIGHT")) {
        *ret_type = JOIN_RIGHT;
        accept_word(p, "OUTER");
    } else if (accept_word(p, "FULL")) {
        *ret_type = JOIN_FULL;
        accept_word(p, "OUTER");
    } else if (accept_word(p, "SEMI")) {
        *ret_type = JOIN_SEMI;
    } else if (accept_word(p, "ANTI")) {
        *ret_type = JOIN_ANTI;
    }
    if (accept_word(p, "JOIN"))
        return true;
    if (p->at != before)
        syntax_error(p);
    return false;
}

/* a JOIN b ... JOIN c: left-deep, in a loop. */
URel *parse_joins(Parser *p, URel *left)
{
    uint32_t first = p->at;
    JoinType type;
    bool natural;
    while (left && !failed(p) && parse_join_type(p, &type, &natural)) {
        URel *join = over(p, UREL_JOIN, left);
        if (!join)
            return NULL;
        join->join_type = type;
        join->natural = natural;
        join->right = parse_relation_primary(p);
        if (accept_word(p, "ON")) {
            join->condition = parse_expression(p);
        } else if (accept_word(p, "USING")) {
            PtrList names = {0};
            if (!expect_op(p, OP_LPAREN))
                return NULL;
            do {
                list_add(p, &names, (void *)parse_any_identifier(p));
            } while (accept_op(p, OP_COMMA));
            expect_op(p, OP_RPAREN);
            join->names = (const char **)names.items;
            join->n_names = names.n;
        }
        if (failed(p))
            return NULL;
        left = seal_marked(p, join, first);
    }
    return failed(p) ? NULL : left;
}

static URel *parse_relation(Parser *p)
{
    return parse_joins(p, parse_relation_primary(p));
}

/* FROM a, b JOIN c ON ...: commas are cross joins of whole join chains. */
static URel *parse_from(Parser *p)
{
    uint32_t first = p->at;
    URel *rel = parse_relation(p);
    while (accept_op(p, OP_COMMA)) {
        URel *join = over(p, UREL_JOIN, rel);
        if (!join)
            return NULL;
        join->join_type = JOIN_CROSS;
        join->right = parse_relation(p);
        if (failed(p))
            return NULL;
        rel = seal_marked(p, join, first);
    }
    while (!failed(p) && at_words(p, "LATERAL", "VIEW"))
        rel = parse_lateral_view(p, rel);
    return failed(p) ? NULL : rel;
}

/* ---- SELECT ---- */

/* (a, b): several groups as one element of a set. */
static UExpr *as_composite(Parser *p, UExpr *e)
{
    bool row = e && e->kind == UEXPR_CALL && strcmp(e->name, "struct") == 0;
    return row ? uexpr_call(p->b, UGROUP_SET, e->args, e->n_args) : e;
}

static UExpr *parse_group_item(Parser *p, bool in_set);

/* ( item, ... ) behind ROLLUP, CUBE, GROUPING SETS. */
static UExpr *parse_group_construct(Parser *p, const char *name, bool sets)
{
    uint32_t first = p->at;
    PtrList items = {0};
    if (!enter(p) || !expect_op(p, OP_LPAREN))
        return NULL;
    do {
        if (!list_add(p, &items,
                      sets ? parse_group_item(p, true) : as_composite(p, parse_expression(p))))
            return NULL;
    } while (accept_op(p, OP_COMMA));
    leave(p);
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    return mark(p, uexpr_call(p->b, name, (UExpr **)items.items, items.n), first);
}

static UExpr *parse_group_item(Parser *p, bool in_set)
{
    bool call = peek_at(p, 1)->op == OP_LPAREN;
    if (at_words(p, "GROUPING", "SETS")) {
        advance(p);
        advance(p);
        return parse_group_construct(p, UGROUP_SETS, true);
    }
    if (call && accept_word(p, "ROLLUP"))
        return parse_group_construct(p, UGROUP_ROLLUP, false);
    if (call && accept_word(p, "CUBE"))
        return parse_group_construct(p, UGROUP_CUBE, false);
    if (in_set && at_op(p, OP_LPAREN) && peek_at(p, 1)->op == OP_RPAREN) {
        uint32_t first = p->at;
        advance(p);
        advance(p);
        return mark(p, uexpr_call(p->b, UGROUP_SET, NULL, 0), first);
    }
    UExpr *e = parse_expression(p);
    return in_set ? as_composite(p, e) : e;
}

/* GROUP BY a, b WITH ROLLUP; GROUP BY a, b GROUPING SETS (...): about all groups before. */
static bool parse_group_tail(Parser *p, PtrList *groups)
{
    UExpr *whole = NULL;
    if (at_words(p, "GROUPING", "SETS")) {
        UExpr *all = uexpr_call(p->b, UGROUP_SET, (UExpr **)groups->items, groups->n);
        UExpr *sets = parse_group_item(p, false);
        PtrList list = {0};
        list_add(p, &list, all);
        for (uint32_t i = 0; sets && i < sets->n_args; i++)
            list_add(p, &list, sets->args[i]);
        whole = failed(p) ? NULL : uexpr_call(p->b, UGROUP_SETS_OF, (UExpr **)list.items, list.n);
    } else if (at_words(p, "WITH", "ROLLUP") || at_words(p, "WITH", "CUBE")) {
        advance(p);
        whole = uexpr_call(p->b, at_word(p, "CUBE") ? UGROUP_CUBE : UGROUP_ROLLUP,
                           (UExpr **)groups->items, groups->n);
        advance(p);
    } else {
        return !failed(p);
    }
    *groups = (PtrList){0};
    return list_add(p, groups, whole);
}

bool parse_group_by(Parser *p, URel *rel)
{
    if (at_word(p, "ALL") && peek_at(p, 1)->op != OP_DOT && peek_at(p, 1)->op != OP_LPAREN) {
        advance(p);
        rel->group_all = true;
        return true;
    }
    PtrList groups = {0};
    do {
        if (!list_add(p, &groups, parse_group_item(p, false)))
            return false;
    } while (accept_op(p, OP_COMMA));
    if (!parse_group_tail(p, &groups))
        return false;
    rel->groups = (UExpr **)groups.items;
    rel->n_groups = groups.n;
    return true;
}

/* FROM t [SELECT ...] has its FROM first; SELECT may have one behind. */
static URel *parse_select(Parser *p)
{
    uint32_t first = p->at;
    URel *from = NULL;
    if (accept_word(p, "FROM")) {
        from = parse_from(p);
        if (!at_word(p, "SELECT")) {
            /* FROM t alone: all of it */
            URel *all = over(p, UREL_PROJECT, from);
            UExpr *star = uexpr_new(p->b, UEXPR_STAR, NULL, 0);
            if (!all || !star)
                return NULL;
            all->exprs = ubuilder_dup(p->b, &star, 1, sizeof(star));
            all->n_exprs = 1;
            return seal_marked(p, all, first);
        }
    }
    if (!expect_word(p, "SELECT"))
        return NULL;
    bool distinct = accept_word(p, "DISTINCT");
    if (!distinct && at_word(p, "ALL"))
        advance(p);
    PtrList exprs = {0};
    do {
        if (!list_add(p, &exprs, parse_named_expression(p)))
            return NULL;
    } while (accept_op(p, OP_COMMA));
    if (!from)
        from = accept_word(p, "FROM") ? parse_from(p)
                                      : seal_marked(p, urel_new(p->b, UREL_ONE_ROW), first);
    if (accept_word(p, "WHERE")) {
        uint32_t where = p->at - 1;
        URel *filter = over(p, UREL_FILTER, from);
        if (!filter)
            return NULL;
        filter->condition = parse_expression(p);
        from = failed(p) ? NULL : seal_marked(p, filter, where);
    }
    URel *rel = over(p, UREL_PROJECT, from);
    if (!rel)
        return NULL;
    rel->exprs = (UExpr **)exprs.items;
    rel->n_exprs = exprs.n;
    URel *select = rel;
    if (at_words(p, "GROUP", "BY")) {
        advance(p);
        advance(p);
        rel->kind = UREL_AGGREGATE;
        if (!parse_group_by(p, rel))
            return NULL;
    }
    if (accept_word(p, "HAVING")) {
        if (rel->kind == UREL_PROJECT)
            rel->kind = UREL_AGGREGATE;
        URel *having = over(p, UREL_HAVING, seal_marked(p, rel, first));
        if (!having)
            return NULL;
        having->condition = parse_expression(p);
        rel = failed(p) ? NULL : having;
    }
    if (rel && !parse_window_clause(p, select))
        return NULL;
    rel = seal_marked(p, rel, first);
    if (distinct) {
        rel = over(p, UREL_DISTINCT, rel);
        rel = seal_marked(p, rel, first);
    }
    return rel;
}

static URel *parse_query_primary(Parser *p)
{
    if (at_word(p, "VALUES")) {
        uint32_t first = p->at;
        return parse_alias(p, parse_values(p), first);
    }
    if (at_word(p, "TABLE")) {
        advance(p);
        return parse_table(p);
    }
    if (accept_op(p, OP_LPAREN)) {
        if (!enter(p))
            return NULL;
        URel *rel = parse_query(p);
        leave(p);
        expect_op(p, OP_RPAREN);
        return failed(p) ? NULL : rel;
    }
    return parse_select(p);
}

/* INTERSECT (level 1) binds tighter than UNION and EXCEPT (level 0). */
static bool set_op_at(const Parser *p, int level, USetOp *ret_op)
{
    if (at_word(p, "INTERSECT"))
        return *ret_op = USET_INTERSECT, true;
    if (level > 0)
        return false;
    if (at_word(p, "UNION"))
        return *ret_op = USET_UNION, true;
    if (at_word(p, "EXCEPT") || at_word(p, "MINUS") || at_word(p, "SETMINUS"))
        return *ret_op = USET_EXCEPT, true;
    return false;
}

URel *parse_set_operations(Parser *p, URel *left, int level)
{
    uint32_t first = p->at;
    USetOp op;
    if (level == 0)
        left = parse_set_operations(p, left, 1);
    while (left && !failed(p) && set_op_at(p, level, &op)) {
        advance(p);
        bool all = accept_word(p, "ALL");
        if (!all)
            accept_word(p, "DISTINCT");
        URel *right = parse_query_primary(p);
        if (level == 0)
            right = parse_set_operations(p, right, 1);
        if (!right)
            return NULL;
        bool extend = op == USET_UNION && all && left->kind == UREL_SET_OP &&
                      left->set_op == USET_UNION && left->all && left->n_options == 0;
        PtrList inputs = {0};
        if (extend)
            inputs = (PtrList){(void **)left->inputs, left->n_inputs, left->n_fields};
        else
            list_add(p, &inputs, left);
        list_add(p, &inputs, right);
        URel *rel = extend ? left : urel_new(p->b, UREL_SET_OP);
        if (!rel || failed(p))
            return NULL;
        rel->set_op = op;
        rel->all = all;
        rel->inputs = (URel **)inputs.items;
        rel->n_inputs = inputs.n;
        /* Room in the list, so that a long chain is not copied at each step. A query in parentheses
         * is not extended: its tail may have been parsed. */
        rel->n_fields = inputs.capacity;
        left = seal_marked(p, rel, first);
    }
    return failed(p) ? NULL : left;
}

/* ---- around a query ---- */

static bool parse_sort_keys(Parser *p, URel *rel)
{
    if (at_word(p, "ALL") && peek_at(p, 1)->op != OP_COMMA && peek_at(p, 1)->op != OP_DOT &&
        peek_at(p, 1)->op != OP_LPAREN) {
        advance(p);
        rel->sort_all = true;
    }
    USortKey *keys = NULL;
    uint32_t capacity = 0;
    for (bool more = true; more; more = !rel->sort_all && accept_op(p, OP_COMMA)) {
        if (rel->n_keys == capacity) {
            capacity = capacity ? capacity * 2 : 4;
            USortKey *grown = ubuilder_alloc(p->b, capacity, sizeof(*grown));
            if (!grown)
                return false;
            if (rel->n_keys > 0)
                memcpy(grown, keys, rel->n_keys * sizeof(*keys));
            keys = grown;
        }
        USortKey *key = &keys[rel->n_keys++];
        key->expr = rel->sort_all ? uexpr_null(p->b) : parse_expression(p);
        if (!key->expr)
            return false;
        key->descending = accept_word(p, "DESC");
        if (!key->descending)
            accept_word(p, "ASC");
        key->nulls_first = !key->descending;
        if (accept_word(p, "NULLS")) {
            key->nulls_first = accept_word(p, "FIRST");
            if (!key->nulls_first && !expect_word(p, "LAST"))
                return false;
        }
    }
    rel->keys = keys;
    return true;
}

URel *parse_query_tail(Parser *p, URel *rel)
{
    uint32_t first = p->at;
    /* Which partition a row goes to shows in nothing: all rows of a result are one. */
    if (at_words(p, "DISTRIBUTE", "BY")) {
        PtrList ignored = {0};
        advance(p);
        advance(p);
        if (!parse_expression_list(p, &ignored))
            return NULL;
    }
    if (at_words(p, "ORDER", "BY") || at_words(p, "SORT", "BY") || at_words(p, "CLUSTER", "BY")) {
        rel = over(p, UREL_SORT, rel);
        advance(p);
        advance(p);
        if (!rel || !parse_sort_keys(p, rel))
            return NULL;
        rel = seal_marked(p, rel, first);
    }
    UExpr *limit = NULL, *offset = NULL;
    uint32_t limit_at = p->at;
    bool any = false;
    if (accept_word(p, "LIMIT")) {
        any = true;
        if (!accept_word(p, "ALL"))
            limit = parse_expression(p);
    }
    if (at_word(p, "OFFSET")) {
        any = true;
        advance(p);
        offset = parse_expression(p);
    }
    if (any && !failed(p)) {
        rel = over(p, UREL_LIMIT, rel);
        if (!rel)
            return NULL;
        rel->condition = limit;
        rel->offset = offset;
        rel = seal_marked(p, rel, limit_at);
    }
    return parse_pipes(p, rel);
}

/* A whole number without a sign, of INT. */
static bool parse_levels(Parser *p, int64_t *ret)
{
    const Token *t = peek(p);
    UExpr *e = parse_expression(p);
    if (!e)
        return false;
    if (e->kind != UEXPR_LITERAL || e->type.kind != TYPE_INT || e->literal.is_null ||
        e->literal.i < 0)
        return parse_error_at(p, t, "PARSE_SYNTAX_ERROR", "42601",
                              "Syntax error: MAX RECURSION LEVEL takes a whole number."),
               false;
    *ret = e->literal.i;
    return true;
}

static URel *parse_cte(Parser *p, bool recursive)
{
    uint32_t first = p->at;
    URel *cte = urel_new(p->b, UREL_ALIAS);
    if (!cte)
        return NULL;
    cte->name = parse_identifier(p);
    PtrList names = {0};
    if (accept_op(p, OP_LPAREN)) {
        do {
            list_add(p, &names, (void *)parse_any_identifier(p));
        } while (accept_op(p, OP_COMMA));
        expect_op(p, OP_RPAREN);
    }
    cte->names = (const char **)names.items;
    cte->n_names = names.n;
    cte->start = -1;
    if (recursive && at_words(p, "MAX", "RECURSION")) {
        advance(p);
        advance(p);
        if (!expect_word(p, "LEVEL") || !parse_levels(p, &cte->start))
            return NULL;
    }
    accept_word(p, "AS");
    if (!expect_op(p, OP_LPAREN))
        return NULL;
    cte->input = parse_query(p);
    if (!cte->input || !expect_op(p, OP_RPAREN))
        return NULL;
    return seal_marked(p, cte, first);
}

static URel *parse_query_body(Parser *p)
{
    return parse_query_tail(p, parse_set_operations(p, parse_query_primary(p), 0));
}

URel *parse_query(Parser *p)
{
    uint32_t first = p->at;
    if (!enter(p))
        return NULL;
    URel *rel = NULL;
    if (accept_word(p, "WITH")) {
        /* A CTE may be called so. */
        bool recursive = at_word(p, "RECURSIVE") && peek_at(p, 1)->op != OP_LPAREN &&
                         !token_is_word(p, peek_at(p, 1), "AS");
        if (recursive)
            advance(p);
        PtrList ctes = {0};
        do {
            list_add(p, &ctes, parse_cte(p, recursive));
        } while (accept_op(p, OP_COMMA));
        rel = over(p, UREL_WITH, parse_query_body(p));
        if (rel) {
            rel->all = recursive;
            rel->inputs = (URel **)ctes.items;
            rel->n_inputs = ctes.n;
            rel = seal_marked(p, rel, first);
        }
    } else {
        rel = parse_query_body(p);
    }
    leave(p);
    return failed(p) ? NULL : rel;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Statements around queries: views, caching, variables, SET, EXPLAIN; and which one it is. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/sql/literal.h"

/* Global views are those of the session under a name with a dot. */
static const char *global_name(Parser *p, const char *name)
{
    if (!name)
        return NULL;
    char full[300];
    int n = snprintf(full, sizeof(full), "global_temp.%.250s", name);
    return ubuilder_strndup(p->b, full, (size_t)n);
}

bool parse_view_name(Parser *p, SqlStatement *s, bool temporary)
{
    const Token *t = peek(p);
    if (!parse_table_name(p, s))
        return false;
    if (s->database && strcasecmp(s->database, "global_temp") == 0) {
        s->database = NULL;
        s->name = global_name(p, s->name);
    } else if (s->database && temporary)
        return unsupported_at(p, t, "a temporary view with a qualified name"), false;
    return s->name != NULL;
}

/* A key of OPTIONS: 'text' or a.b.c */
static char *parse_option_key(Parser *p)
{
    size_t n;
    if (peek(p)->kind == TOKEN_STRING)
        return parse_string(p, &n);
    const char *first = parse_any_identifier(p);
    char *key = first ? ubuilder_strndup(p->b, first, strlen(first)) : NULL;
    while (key && accept_op(p, OP_DOT)) {
        const char *next = parse_any_identifier(p);
        char *longer = next ? ubuilder_alloc(p->b, strlen(key) + strlen(next) + 2, 1) : NULL;
        if (longer)
            sprintf(longer, "%s.%s", key, next);
        key = longer;
    }
    return key;
}

/* 'text', true, false, a number: as text. */
static char *parse_option_value(Parser *p)
{
    const Token *t = peek(p);
    size_t n;
    if (t->kind == TOKEN_STRING)
        return parse_string(p, &n);
    bool negative = at_op(p, OP_MINUS);
    if (negative)
        advance(p);
    const Token *last = peek(p);
    if (last->kind == TOKEN_END || last->kind == TOKEN_OPERATOR)
        return syntax_error(p);
    advance(p);
    return ubuilder_strndup(p->b, p->text + t->start, last->stop - t->start);
}

bool parse_options(Parser *p, PtrList *options, PtrList *paths)
{
    if (!expect_op(p, OP_LPAREN))
        return false;
    do {
        char *key = parse_option_key(p);
        accept_op(p, OP_EQ);
        char *value = key ? parse_option_value(p) : NULL;
        UOption *option = value ? ubuilder_alloc(p->b, 1, sizeof(*option)) : NULL;
        if (!option)
            return false;
        *option = (UOption){key, value};
        if (strcasecmp(key, "path") == 0)
            list_add(p, paths, value);
        else
            list_add(p, options, option);
    } while (accept_op(p, OP_COMMA));
    return expect_op(p, OP_RPAREN);
}

/* Do the parentheses that open here hold a schema, since USING follows? */
static bool at_schema(Parser *p)
{
    uint32_t depth = 0;
    if (!at_op(p, OP_LPAREN))
        return false;
    for (uint32_t i = p->at; p->tokens[i].kind != TOKEN_END; i++) {
        const Token *t = &p->tokens[i];
        depth += t->kind == TOKEN_OPERATOR && t->op == OP_LPAREN;
        if (t->kind == TOKEN_OPERATOR && t->op == OP_RPAREN && --depth == 0)
            return token_is_word(p, t + 1, "USING");
    }
    return false;
}

/* [(name type, ...)] USING parquet OPTIONS (path '/x', ...) */
static URel *parse_view_source(Parser *p)
{
    PlanField *fields = NULL;
    uint32_t n_fields = 0;
    if (accept_op(p, OP_LPAREN) &&
        (!parse_schema_fields(p, &fields, &n_fields) || !expect_op(p, OP_RPAREN)))
        return NULL;
    if (!expect_word(p, "USING"))
        return NULL;
    const char *format = parse_any_identifier(p);
    PtrList paths = {0}, options = {0};
    if (!format || !expect_word(p, "OPTIONS") || !parse_options(p, &options, &paths))
        return NULL;
    URel *rel = urel_new(p->b, UREL_FILES);
    if (!rel)
        return NULL;
    rel->options = ubuilder_alloc(p->b, options.n + 1, sizeof(*rel->options));
    for (uint32_t i = 0; rel->options && i < options.n; i++)
        rel->options[i] = *(UOption *)options.items[i];
    if (!rel->options)
        return NULL;
    rel->n_options = options.n;
    rel->fields = fields;
    rel->n_fields = n_fields;
    rel->format = format;
    rel->paths = (const char **)paths.items;
    rel->n_paths = paths.n;
    return urel_seal(p->b, rel);
}

/* [session.]v, or system.session.v */
static const char *parse_variable_name(Parser *p)
{
    const Token *t = peek(p);
    const char **parts;
    uint32_t n;
    if (!parse_name(p, &parts, &n))
        return NULL;
    if ((n == 2 && strcasecmp(parts[0], "session") != 0) ||
        (n == 3 && (strcasecmp(parts[0], "system") != 0 || strcasecmp(parts[1], "session") != 0)) ||
        n > 3)
        return unsupported_at(p, t, "variables outside of system.session");
    return parts[n - 1];
}

/* (a [COMMENT 'x'], ...) */
static bool parse_view_columns(Parser *p, SqlStatement *s, PtrList *columns)
{
    PtrList comments = {0};
    size_t n;
    advance(p);
    do {
        const char **comment = ubuilder_alloc(p->b, 1, sizeof(*comment));
        if (!list_add(p, columns, (void *)parse_any_identifier(p)) ||
            !list_add(p, &comments, comment))
            return false;
        if (accept_word(p, "COMMENT") && !(*comment = parse_string(p, &n)))
            return false;
    } while (accept_op(p, OP_COMMA));
    s->comments = ubuilder_alloc(p->b, comments.n, sizeof(*s->comments));
    for (uint32_t i = 0; s->comments && i < comments.n; i++)
        s->comments[i] = *(const char **)comments.items[i];
    return s->comments && expect_op(p, OP_RPAREN);
}

/* One clause before AS. Return: false: none is there. */
static bool parse_view_clause(Parser *p, SqlStatement *s)
{
    size_t n;
    if (accept_word(p, "COMMENT"))
        return (s->comment = parse_string(p, &n)) != NULL;
    if (accept_word(p, "TBLPROPERTIES"))
        return parse_properties(p, s);
    return false;
}

static bool parse_create(Parser *p, SqlStatement *s)
{
    const Token *first = peek(p);
    advance(p);
    if (accept_word(p, "OR")) {
        if (!expect_word(p, "REPLACE"))
            return false;
        s->replace = true;
    }
    if (at_word(p, "TABLE"))
        return parse_create_table(p, s);
    if (at_database(p) && !s->replace)
        return parse_database(p, s, true);
    bool global = accept_word(p, "GLOBAL");
    s->temporary = accept_word(p, "TEMPORARY") || accept_word(p, "TEMP");
    if (!at_word(p, "VIEW") || (global && !s->temporary))
        return unsupported_at(p, first, "CREATE of anything but tables, views and databases"),
               false;
    advance(p);
    if (at_words(p, "IF", "NOT")) {
        advance(p);
        advance(p);
        if (!expect_word(p, "EXISTS"))
            return false;
        s->if_not_exists = true;
    }
    s->kind = SQL_CREATE_VIEW;
    if (!parse_view_name(p, s, s->temporary))
        return false;
    if (global && strchr(s->name, '.') == NULL)
        s->name = global_name(p, s->name);
    bool files = at_schema(p) || at_word(p, "USING");
    PtrList columns = {0};
    if (!files && at_op(p, OP_LPAREN) && !parse_view_columns(p, s, &columns))
        return false;
    while (!files && parse_view_clause(p, s))
        ;
    if (files && !s->temporary)
        return unsupported_at(p, first, "a view of files that is not temporary"), false;
    if (files)
        s->query = parse_view_source(p);
    else if (!failed(p) && expect_word(p, "AS"))
        (void)parse_query_text(p, s);
    if (failed(p))
        return false;
    s->columns = (const char **)columns.items;
    s->n_columns = columns.n;
    return s->query != NULL;
}

static bool parse_drop(Parser *p, SqlStatement *s)
{
    const Token *first = peek(p);
    advance(p);
    if (at_words(p, "TEMPORARY", "VARIABLE") || at_words(p, "TEMP", "VARIABLE")) {
        advance(p);
        advance(p);
        s->kind = SQL_DROP_VARIABLE;
        if (at_words(p, "IF", "EXISTS")) {
            advance(p);
            advance(p);
            s->if_exists = true;
        }
        s->name = parse_variable_name(p);
        return s->name != NULL;
    }
    if (accept_word(p, "TABLE"))
        return parse_drop_table(p, s);
    if (at_database(p))
        return parse_database(p, s, false);
    if (!accept_word(p, "VIEW"))
        return unsupported_at(p, first, "DROP of anything but tables, views and databases"), false;
    s->kind = SQL_DROP_VIEW;
    s->if_exists = accept_exists(p, false);
    return parse_view_name(p, s, false);
}

URel *parse_relation_name(Parser *p)
{
    uint32_t first = p->at;
    const char **parts;
    uint32_t n;
    if (!parse_name(p, &parts, &n))
        return NULL;
    URel *rel = urel_named(p->b, parts, n);
    if (!rel)
        return NULL;
    rel->position = p->tokens[first].start + 1;
    return urel_seal(p->b, rel);
}

/* CACHE [LAZY] TABLE v [OPTIONS (...)] [AS query]: with a query it is a view of that name. */
static bool parse_cache(Parser *p, SqlStatement *s)
{
    advance(p);
    accept_word(p, "LAZY");
    if (!expect_word(p, "TABLE"))
        return false;
    s->kind = SQL_TOUCH;
    uint32_t first = p->at;
    s->query = parse_relation_name(p);
    uint32_t behind = p->at;
    if (accept_word(p, "OPTIONS")) {
        if (!expect_op(p, OP_LPAREN))
            return false;
        while (!at_op(p, OP_RPAREN) && peek(p)->kind != TOKEN_END)
            advance(p);
        if (!expect_op(p, OP_RPAREN))
            return false;
    }
    bool as = accept_word(p, "AS") || at_query(p);
    if (!s->query || !as)
        return s->query != NULL;
    uint32_t query = p->at;
    p->at = first;
    s->kind = SQL_CREATE_VIEW;
    s->temporary = true;
    if (!parse_view_name(p, s, true) || p->at != behind)
        return syntax_error(p), false;
    p->at = query;
    return parse_query_text(p, s);
}

/* SELECT e AS value */
static URel *value_query(Parser *p, UExpr *e)
{
    UExpr *alias = e ? uexpr_alias(p->b, e, "value") : NULL;
    URel *one = urel_seal(p->b, urel_new(p->b, UREL_ONE_ROW));
    URel *rel = alias && one ? urel_new(p->b, UREL_PROJECT) : NULL;
    if (!rel)
        return NULL;
    rel->input = one;
    rel->exprs = ubuilder_dup(p->b, &alias, 1, sizeof(alias));
    rel->n_exprs = 1;
    return rel->exprs ? urel_seal(p->b, rel) : NULL;
}

/* DECLARE [OR REPLACE] [VARIABLE] v [type] [DEFAULT e] */
static bool parse_declare(Parser *p, SqlStatement *s)
{
    advance(p);
    if (accept_word(p, "OR")) {
        if (!expect_word(p, "REPLACE"))
            return false;
        s->replace = true;
    }
    if (!accept_word(p, "VARIABLE"))
        accept_word(p, "VAR");
    s->kind = SQL_DECLARE;
    s->name = parse_variable_name(p);
    bool has_value = at_word(p, "DEFAULT") || at_op(p, OP_EQ) || peek(p)->kind == TOKEN_END ||
                     at_op(p, OP_SEMICOLON);
    if (!has_value) {
        s->has_type = true;
        if (!parse_type(p, &s->type))
            return false;
    }
    bool given = accept_word(p, "DEFAULT") || accept_op(p, OP_EQ);
    s->query = value_query(p, given ? parse_expression(p) : uexpr_null(p->b));
    return s->name && s->query;
}

/* SET VAR v = e */
static bool parse_set_variable(Parser *p, SqlStatement *s)
{
    advance(p);
    advance(p);
    s->kind = SQL_SET_VARIABLE;
    if (at_op(p, OP_LPAREN))
        return unsupported_at(p, peek(p), "SET VARIABLE of several variables"), false;
    s->name = parse_variable_name(p);
    if (!s->name || !expect_op(p, OP_EQ))
        return false;
    s->query = value_query(p, accept_word(p, "DEFAULT") ? uexpr_null(p->b) : parse_expression(p));
    return s->query != NULL;
}

/* SET TIME ZONE INTERVAL ...: hours and minutes as an offset, at the token @at. */
static bool parse_zone_interval(Parser *p, uint32_t at, SqlStatement *s)
{
    const int64_t minute = INT64_C(60000000);
    uint32_t last = p->at;
    p->at = at;
    UExpr *e = parse_interval(p);
    if (!e)
        return false;
    int64_t usec = e->kind == UEXPR_LITERAL && e->type.kind == TYPE_INTERVAL_DT ? e->literal.i : 1;
    if (usec % minute || usec > 18 * 60 * minute || usec < -18 * 60 * minute)
        return parse_error_at(p, &p->tokens[at],
                              "INVALID_INTERVAL_FORMAT.TIMEZONE_INTERVAL_OUT_OF_RANGE", "22006",
                              "The interval value must be in the range of [-18, +18] hours "
                              "with minute precision."),
               false;
    if (p->at != last)
        return syntax_error(p), false;
    int64_t minutes = (usec < 0 ? -usec : usec) / minute;
    char text[16];
    int n = snprintf(text, sizeof(text), "%c%02d:%02d", usec < 0 ? '-' : '+', (int)(minutes / 60),
                     (int)(minutes % 60));
    s->name = "spark.sql.session.timeZone";
    s->value = ubuilder_strndup(p->b, text, (size_t)n);
    return s->value != NULL;
}

/* SET key = value takes the rest of the text as it is, so it does not look at tokens. */
static bool parse_set(Parser *p, SqlStatement *s)
{
    advance(p);
    s->kind = SQL_SET;
    const char *at = p->text + p->tokens[p->at].start, *end = p->text + p->n_text;
    while (end > at && (end[-1] == ';' || (unsigned char)end[-1] <= ' '))
        end--;
    uint32_t first = p->at;
    p->at = p->n_tokens - 1;
    if (at >= end || (end - at == 2 && memcmp(at, "-v", 2) == 0))
        return true;
    if (end - at > 10 && strncasecmp(at, "TIME ZONE ", 10) == 0) {
        if (token_is_word(p, &p->tokens[first + 2], "INTERVAL"))
            return parse_zone_interval(p, first + 3, s);
        s->name = "spark.sql.session.timeZone";
        at += 10;
        while (at < end && (*at == ' ' || *at == '\'' || *at == '"'))
            at++;
        while (end > at && (end[-1] == '\'' || end[-1] == '"'))
            end--;
        if (end - at == 5 && strncasecmp(at, "LOCAL", 5) == 0) {
            s->value = "UTC"; /* an executor has no zone of its own */
            return true;
        }
        s->value = ubuilder_strndup(p->b, at, (size_t)(end - at));
        return s->value != NULL;
    }
    const char *eq = memchr(at, '=', (size_t)(end - at));
    const char *key_end = eq ? eq : end;
    while (key_end > at && (unsigned char)key_end[-1] <= ' ')
        key_end--;
    if (key_end - at > 2 && *at == '`' && key_end[-1] == '`') {
        at++;
        key_end--;
    }
    if (key_end == at || memchr(at, ' ', (size_t)(key_end - at))) {
        p->at = 1;
        syntax_error(p);
        return false;
    }
    s->name = ubuilder_strndup(p->b, at, (size_t)(key_end - at));
    if (eq) {
        for (eq++; eq < end && (unsigned char)*eq <= ' ';)
            eq++;
        s->value = ubuilder_strndup(p->b, eq, (size_t)(end - eq));
    }
    return !failed(p);
}

static bool parse_explain(Parser *p, SqlStatement *s)
{
    static const struct {
        const char *word;
        SqlExplainMode mode;
    } modes[] = {{"EXTENDED", SQL_EXPLAIN_EXTENDED},
                 {"FORMATTED", SQL_EXPLAIN_FORMATTED},
                 {"COST", SQL_EXPLAIN_COST},
                 {"CODEGEN", SQL_EXPLAIN_CODEGEN}};
    advance(p);
    s->kind = SQL_EXPLAIN;
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        if (accept_word(p, modes[i].word))
            s->mode = modes[i].mode;
    s->analyze = accept_word(p, "ANALYZE");
    s->query = parse_query(p);
    return s->query != NULL;
}

static bool parse_reset(Parser *p, SqlStatement *s)
{
    advance(p);
    s->kind = SQL_RESET;
    if (peek(p)->kind == TOKEN_END || at_op(p, OP_SEMICOLON))
        return true;
    uint32_t start = peek(p)->start;
    const char **parts;
    uint32_t n;
    if (!parse_name(p, &parts, &n))
        return false;
    s->name = ubuilder_strndup(p->b, p->text + start, p->tokens[p->at - 1].stop - start);
    return s->name != NULL;
}

static bool at_touch(const Parser *p)
{
    return at_words(p, "UNCACHE", "TABLE") || at_words(p, "REFRESH", "TABLE") ||
           at_words(p, "ANALYZE", "TABLE") || at_words(p, "REPAIR", "TABLE") ||
           at_words(p, "MSCK", "REPAIR");
}

/* What changes nothing here, of a table that must be there: statistics and folders are seen. */
static bool parse_touch(Parser *p, SqlStatement *s)
{
    bool msck = at_word(p, "MSCK"), repair = msck || at_word(p, "REPAIR"),
         uncache = at_word(p, "UNCACHE");
    bool analyze = at_word(p, "ANALYZE");
    s->kind = SQL_TOUCH;
    for (int i = msck ? 3 : 2; i > 0; i--)
        advance(p);
    s->if_exists = uncache && accept_exists(p, false);
    uint32_t first = p->at;
    s->query = parse_relation_name(p);
    if (s->query && repair && s->query->kind == UREL_TABLE) {
        uint32_t behind = p->at;
        p->at = first;
        if (!parse_table_name(p, s))
            return false;
        p->at = behind;
    }
    if (s->if_exists)
        s->kind = SQL_NOTHING;
    while (s->query && analyze && peek(p)->kind != TOKEN_END && !at_op(p, OP_SEMICOLON))
        advance(p);
    return s->query != NULL;
}

static bool parse_body(Parser *p, SqlStatement *s)
{
    static const char *const refused[] = {"UPDATE", "DELETE", "MERGE", "LOAD", "GRANT", "REVOKE",
                                          "BEGIN",  "COMMIT", "CALL",  "ADD",  "LIST",  "EXECUTE"};
    if (at_query(p) || at_op(p, OP_LPAREN)) {
        s->kind = SQL_QUERY;
        s->query = parse_query(p);
        return s->query != NULL;
    }
    if (at_word(p, "EXPLAIN"))
        return parse_explain(p, s);
    if (at_word(p, "CREATE"))
        return parse_create(p, s);
    if (at_words(p, "REPLACE", "TABLE")) {
        advance(p);
        s->replace = s->must_exist = true;
        return parse_create_table(p, s);
    }
    if (at_word(p, "INSERT"))
        return parse_insert(p, s);
    if (at_word(p, "DROP"))
        return parse_drop(p, s);
    if (at_word(p, "TRUNCATE"))
        return parse_truncate(p, s);
    if (at_word(p, "SHOW"))
        return parse_show(p, s);
    if (at_word(p, "DESCRIBE") || at_word(p, "DESC"))
        return parse_describe(p, s);
    if (at_word(p, "DECLARE"))
        return parse_declare(p, s);
    if (at_words(p, "SET", "VAR") || at_words(p, "SET", "VARIABLE"))
        return parse_set_variable(p, s);
    if (at_words(p, "SET", "CATALOG"))
        return parse_use(p, s);
    if (at_word(p, "SET"))
        return parse_set(p, s);
    if (at_word(p, "RESET"))
        return parse_reset(p, s);
    if (at_word(p, "USE"))
        return parse_use(p, s);
    if (at_word(p, "CACHE"))
        return parse_cache(p, s);
    if (at_word(p, "ALTER"))
        return parse_alter(p, s);
    if (at_words(p, "COMMENT", "ON"))
        return parse_comment_on(p, s);
    if (at_touch(p))
        return parse_touch(p, s);
    if (at_words(p, "CLEAR", "CACHE")) {
        advance(p);
        advance(p);
        s->kind = SQL_NOTHING;
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        if (at_word(p, refused[i]))
            return unsupported_at(p, peek(p), refused[i]), false;
    return syntax_error(p), false;
}

/* EXECUTE IMMEDIATE 'text' [USING value [AS name], ...]. */
static int execute_immediate(Parser *p, SqlStatement *ret)
{
    const Token *t = peek(p);
    if (p->parameters && p->parameters->immediate)
        return unsupported_at(p, t, "EXECUTE IMMEDIATE inside EXECUTE IMMEDIATE"), p->b->result;
    advance(p);
    advance(p);
    size_t n;
    if (peek(p)->kind != TOKEN_STRING)
        return unsupported_at(p, peek(p), "EXECUTE IMMEDIATE of anything but a text"), p->b->result;
    char *text = parse_string(p, &n);
    if (at_word(p, "INTO"))
        return unsupported_at(p, peek(p), "EXECUTE IMMEDIATE ... INTO"), p->b->result;
    PtrList values = {0}, names = {0};
    if (accept_word(p, "USING")) {
        bool paren = accept_op(p, OP_LPAREN);
        do {
            UExpr *e = parse_named_expression(p);
            bool named = e && e->kind == UEXPR_ALIAS;
            list_add(p, &values, named ? e->args[0] : e);
            if (named)
                list_add(p, &names, (void *)e->name);
        } while (accept_op(p, OP_COMMA));
        if (paren)
            expect_op(p, OP_RPAREN);
    }
    if (failed(p))
        return p->b->result;
    if (names.n > 0 && names.n != values.n)
        return parse_error_at(p, t, "ALL_PARAMETERS_MUST_BE_NAMED", "07001",
                              "Using name parameterized queries requires all parameters to be "
                              "named."),
               p->b->result;
    while (at_op(p, OP_SEMICOLON))
        advance(p);
    if (peek(p)->kind != TOKEN_END)
        return extra_input(p), p->b->result;
    SqlParameters parameters = {.names = names.n ? (const char **)names.items : NULL,
                                .values = (UExpr **)values.items,
                                .n_values = values.n,
                                .immediate = true};
    return sql_parse_statement(p->b, text, n, &parameters, ret);
}

int sql_parse_statement(UBuilder *b, const char *text, size_t n, const SqlParameters *parameters,
                        SqlStatement *ret_statement)
{
    Parser p;
    int r = parser_init(&p, b, text, n, parameters);
    if (r != 0)
        return r;
    SqlStatement s = {0};
    if (at_words(&p, "EXECUTE", "IMMEDIATE"))
        return execute_immediate(&p, ret_statement);
    bool ok = parse_body(&p, &s);
    while (ok && at_op(&p, OP_SEMICOLON))
        advance(&p);
    if (ok && peek(&p)->kind != TOKEN_END)
        extra_input(&p);
    if (b->result != 0)
        return b->result;
    *ret_statement = s;
    return 0;
}

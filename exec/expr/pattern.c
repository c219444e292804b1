/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/program.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "exec/expr/regex_literal.h"
#include "exec/kernel/find.h"
#include "exec/kernel/like.h"

/*
 * LIKE and RLIKE. A pattern that is a literal is compiled with the program; any other is compiled
 * when it changes from one row to the next. Regular expressions run on pcre2's interpreter: its JIT
 * would need writable and executable memory, which the sandbox refuses. Limits keep a hostile
 * pattern from running away.
 */

#define REGEX_MATCH_LIMIT 10000000u
#define REGEX_DEPTH_LIMIT 100000u
#define REGEX_HEAP_LIMIT_KIB 65536u

typedef struct RegexCode {
    pcre2_code *code;
    char required[REGEX_LITERAL_MAX]; /* is in every text that matches */
    uint32_t n_required;
} RegexCode;

/* pcre2 allocates from the program's arena and never frees: a compiled pattern lives as long. */
static void *arena_malloc(size_t n, void *arena)
{
    return mem_arena_alloc(arena, n, 16);
}

static void arena_free(void *p, void *arena)
{
}

static int like_error(QueryError *error, int r, const VecString *pattern)
{
    int n = (int)(pattern->length < 100 ? pattern->length : 100);
    switch (r) {
    case LIKE_E_ESCAPE_END:
        return query_error_set(error, DATA_ERROR_RUNTIME, "INVALID_FORMAT.ESC_AT_THE_END", "42601",
                               "The pattern '%.*s' is invalid: the escape character is not "
                               "allowed to end with.",
                               n, vec_string_data(pattern));
    case LIKE_E_ESCAPE_MIDDLE:
        return query_error_set(error, DATA_ERROR_RUNTIME, "INVALID_FORMAT.ESC_IN_THE_MIDDLE",
                               "42601",
                               "The pattern '%.*s' is invalid: the escape character is not "
                               "allowed to precede this character.",
                               n, vec_string_data(pattern));
    case LIKE_E_TOO_LONG:
        return query_error_set(error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "A LIKE pattern may have at most %u bytes.", LIKE_PATTERN_MAX);
    default:
        return r;
    }
}

static int escape_of(const Step *step, const Step *steps)
{
    if (step->n_args < 3)
        return '\\';
    const Expr *e = steps[step->args[2]].expr;
    if (e->literal.is_null || e->literal.s.length == 0)
        return -1;
    return (unsigned char)*vec_string_data(&e->literal.s);
}

static int eval_like(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out)
{
    const LikePattern *pattern = step->aux;
    LikePattern own;
    VecString last = {0};
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    uint8_t *values;

    for (uint32_t i = 0; i < 2; i++) {
        int r = expr_flat(s, args[i], scope, &v[i]);
        if (r)
            return r;
    }
    int r = expr_out(s, out, step->type, PHYS_BOOL, &values);
    if (r)
        return r;
    r = expr_live_rows(s, scope, v, 2, out, &rows, &n);
    if (r)
        return r;
    const VecString *texts = v[0]->values, *patterns = v[1]->values;
    uint32_t mask_text = expr_mask(v[0]), mask_pattern = expr_mask(v[1]);
    EXPR_FOR_ROWS(rows, n, row)
    {
        const VecString *text = &texts[row & mask_text], *p = &patterns[row & mask_pattern];
        if (!step->aux && (!pattern || !vec_string_equal(p, &last))) {
            r = like_compile(vec_string_data(p), p->length, escape_of(step, s->program->steps),
                             s->strings, &own);
            if (r)
                return like_error(s->error, r, p);
            pattern = &own;
            last = *p;
        }
        values[row] = like_match(pattern, vec_string_data(text), text->length);
    }
    return 0;
}

int expr_regex_compile_in(MemArena *arena, const VecString *pattern, const char *function,
                          QueryError *error, void **ret_code)
{
    pcre2_general_context *general = pcre2_general_context_create(arena_malloc, arena_free, arena);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    int code;
    PCRE2_SIZE offset;

    if (!context)
        return mem_arena_error(arena) ? mem_arena_error(arena) : -ENOMEM;
    pcre2_set_max_pattern_length(context, LIKE_PATTERN_MAX);
    pcre2_set_parens_nest_limit(context, 200);
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)vec_string_data(pattern), pattern->length,
                      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code, &offset, context);
    if (!compiled) {
        PCRE2_UCHAR what[128] = "";
        if (code == PCRE2_ERROR_HEAP_FAILED && mem_arena_error(arena))
            return mem_arena_error(arena);
        pcre2_get_error_message(code, what, sizeof(what));
        return query_error_set(error, DATA_ERROR_RUNTIME, "INVALID_PARAMETER_VALUE.PATTERN",
                               "22023",
                               "The value of parameter(s) `regexp` in `%s` is invalid: '%.*s', "
                               "%s at offset %zu.",
                               function, (int)(pattern->length < 100 ? pattern->length : 100),
                               vec_string_data(pattern), (const char *)what, (size_t)offset);
    }
    *ret_code = compiled;
    return 0;
}

int expr_regex_prepare(ExprState *s)
{
    if (s->regex_match_context)
        return 0;
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    s->regex_match_context = context;
    s->regex_match_data = data;
    if (!context || !data)
        return -ENOMEM;
    pcre2_set_match_limit(context, REGEX_MATCH_LIMIT);
    pcre2_set_depth_limit(context, REGEX_DEPTH_LIMIT);
    pcre2_set_heap_limit(context, REGEX_HEAP_LIMIT_KIB);
    return 0;
}

void expr_regex_state_free(ExprState *s)
{
    pcre2_match_context_free(s->regex_match_context);
    pcre2_match_data_free(s->regex_match_data);
}

int expr_regex_compile(ExprState *s, const VecString *pattern, void **ret_code)
{
    int r = expr_regex_prepare(s);
    return r ? r : expr_regex_compile_in(s->strings, pattern, "split", s->error, ret_code);
}

int expr_regex_find(ExprState *s, const Step *step, void *code, const VecString *text,
                    uint32_t from, bool *ret_found, uint32_t *ret_start, uint32_t *ret_end)
{
    int match = pcre2_match(code, (PCRE2_SPTR)vec_string_data(text), text->length, from, 0,
                            s->regex_match_data, s->regex_match_context);
    /* One pair of offsets is all there is room for, so groups give 0. */
    *ret_found = match >= 0;
    if (match >= 0) {
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->regex_match_data);
        *ret_start = (uint32_t)at[0];
        *ret_end = (uint32_t)at[1];
        return 0;
    }
    if (match == PCRE2_ERROR_NOMATCH)
        return 0;
    PCRE2_UCHAR what[128] = "";
    pcre2_get_error_message(match, what, sizeof(what));
    return expr_fail_pattern(s, step, "INVALID_PARAMETER_VALUE.PATTERN", (const char *)what);
}

static int eval_rlike(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                      Reg *out)
{
    const RegexCode *known = step->aux;
    pcre2_code *code = known ? known->code : NULL;
    VecString last = {0};
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    uint8_t *values;

    int r = expr_regex_prepare(s);
    if (r)
        return r;
    for (uint32_t i = 0; i < 2; i++) {
        r = expr_flat(s, args[i], scope, &v[i]);
        if (r)
            return r;
    }
    r = expr_out(s, out, step->type, PHYS_BOOL, &values);
    if (r)
        return r;
    r = expr_live_rows(s, scope, v, 2, out, &rows, &n);
    if (r)
        return r;
    const VecString *texts = v[0]->values, *patterns = v[1]->values;
    uint32_t mask_text = expr_mask(v[0]), mask_pattern = expr_mask(v[1]);
    EXPR_FOR_ROWS(rows, n, row)
    {
        const VecString *text = &texts[row & mask_text], *p = &patterns[row & mask_pattern];
        if (!step->aux && (!code || !vec_string_equal(p, &last))) {
            void *compiled;
            r = expr_regex_compile_in(s->strings, p, "rlike", s->error, &compiled);
            code = compiled;
            if (r)
                return r;
            last = *p;
        }
        if (known && known->n_required &&
            !find_bytes(vec_string_data(text), text->length, known->required, known->n_required)) {
            values[row] = false;
            continue;
        }
        int match = pcre2_match(code, (PCRE2_SPTR)vec_string_data(text), text->length, 0, 0,
                                s->regex_match_data, s->regex_match_context);
        if (match < 0 && match != PCRE2_ERROR_NOMATCH) {
            PCRE2_UCHAR what[128] = "";
            pcre2_get_error_message(match, what, sizeof(what));
            return expr_fail_pattern(s, step, "INVALID_PARAMETER_VALUE.PATTERN",
                                     (const char *)what);
        }
        values[row] = match >= 0;
    }
    return 0;
}

int expr_bind_string(MemArena *arena, Step *step, const Step *steps, QueryError *error)
{
    if (step->function != FN_LIKE && step->function != FN_RLIKE) {
        if (!expr_bind_string_plain(step, steps))
            step->eval = NULL;
        return 0;
    }
    if (step->n_args < 2 || step->phys != PHYS_BOOL || steps[step->args[0]].phys != PHYS_STRING ||
        steps[step->args[1]].phys != PHYS_STRING)
        return 0;
    if (step->n_args >= 3 &&
        (steps[step->args[2]].kind != EXPR_LITERAL || steps[step->args[2]].phys != PHYS_STRING))
        return 0;

    const Step *pattern = &steps[step->args[1]];
    bool literal = pattern->kind == EXPR_LITERAL && !pattern->expr->literal.is_null;
    step->eval = step->function == FN_LIKE ? eval_like : eval_rlike;
    if (!literal)
        return 0;
    const VecString *text = &pattern->expr->literal.s;
    if (step->function == FN_LIKE) {
        LikePattern *p = mem_arena_new_of(arena, LikePattern);
        if (!p)
            return mem_arena_error(arena);
        int r = like_compile(vec_string_data(text), text->length, escape_of(step, steps), arena, p);
        if (r)
            return like_error(error, r, text);
        step->aux = p;
        return 0;
    }
    RegexCode *regex = mem_arena_new_of(arena, RegexCode);
    if (!regex)
        return mem_arena_error(arena);
    void *compiled;
    int r = expr_regex_compile_in(arena, text, "rlike", error, &compiled);
    if (r)
        return r;
    regex->code = compiled;
    regex->n_required =
        regex_required_literal(vec_string_data(text), text->length, regex->required);
    step->aux = regex;
    return 0;
}

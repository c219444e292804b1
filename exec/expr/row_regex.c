/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <errno.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "exec/expr/regex_literal.h"
#include "exec/expr/utf8.h"
#include "exec/kernel/find.h"
#include "exec/vec/nested.h"
#include "exec/vec/ops.h"

/* regexp_*(): the pattern of the row before is kept, compiled; it is the same as a rule. */

typedef struct Regex {
    pcre2_code *code;
    pcre2_match_data *match;
    uint32_t n_groups;
    char required[REGEX_LITERAL_MAX];
    uint32_t n_required;
} Regex;

static void *arena_malloc(size_t n, void *arena)
{
    return mem_arena_alloc(arena, n, 16);
}

static void arena_free(void *p, void *arena)
{
}

static int regex_of(RowCall *c, const char *function, Regex **ret_regex)
{
    const VecString *pattern = row_string(c, 1);
    RowMemo *memo = c->memo;
    Regex *regex = memo->state;

    *ret_regex = regex;
    if (regex && vec_string_equal(&memo->key, pattern))
        return 0;
    memo->state = NULL;
    mem_arena_reset(memo->arena);
    int r = expr_regex_prepare(c->s);
    if (r)
        return r;
    char *text = mem_arena_alloc(memo->arena, pattern->length + 1, 1);
    regex = mem_arena_new_of(memo->arena, Regex);
    if (!text || !regex)
        return mem_arena_error(memo->arena);
    memcpy(text, vec_string_data(pattern), pattern->length);
    memo->key = vec_string(text, pattern->length);
    void *code;
    r = expr_regex_compile_in(memo->arena, &memo->key, function, c->s->error, &code);
    if (r)
        return r;
    regex->code = code;
    pcre2_general_context *general =
        pcre2_general_context_create(arena_malloc, arena_free, memo->arena);
    regex->match = general ? pcre2_match_data_create_from_pattern(regex->code, general) : NULL;
    if (!regex->match)
        return mem_arena_error(memo->arena) ? mem_arena_error(memo->arena) : MEM_E_REFUSED;
    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->n_groups);
    regex->n_required = regex_required_literal(text, pattern->length, regex->required);
    memo->state = *ret_regex = regex;
    return 0;
}

/* The next match from @at on. Return: 0 with *ret_found; an error of the row. */
static int find(RowCall *c, const Regex *regex, const VecString *text, size_t at, bool *ret_found)
{
    const char *bytes = vec_string_data(text);

    *ret_found = false;
    if (regex->n_required &&
        !find_bytes(bytes + at, text->length - at, regex->required, regex->n_required))
        return 0;
    int n = pcre2_match(regex->code, (PCRE2_SPTR)bytes, text->length, at, 0, regex->match,
                        c->s->regex_match_context);
    if (n < 0 && n != PCRE2_ERROR_NOMATCH) {
        PCRE2_UCHAR what[128] = "";
        pcre2_get_error_message(n, what, sizeof(what));
        return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_PARAMETER_VALUE.PATTERN", "22023",
                        "The pattern cannot be applied: %s.", (const char *)what);
    }
    *ret_found = n >= 0;
    return 0;
}

/* --- replacing --- */

/* $1 is a group, a backslash takes the next character as it is. */
static int put_replacement(RowCall *c, const Regex *regex, const char *text, const VecString *with,
                           RowText *out)
{
    const char *p = vec_string_data(with);
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer(regex->match);
    uint32_t n = with->length;

    for (uint32_t i = 0; i < n; i++) {
        int r;
        if (p[i] == '\\' && i + 1 < n) {
            r = row_text_add(c, out, &p[++i], 1);
        } else if (p[i] == '$' && i + 1 < n && p[i + 1] >= '0' && p[i + 1] <= '9') {
            uint32_t group = (uint32_t)(p[++i] - '0');
            while (i + 1 < n && p[i + 1] >= '0' && p[i + 1] <= '9' &&
                   group * 10 + (uint32_t)(p[i + 1] - '0') <= regex->n_groups)
                group = group * 10 + (uint32_t)(p[++i] - '0');
            if (group > regex->n_groups)
                return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX",
                                "22023", "The replacement names group %u of a pattern with %u.",
                                group, regex->n_groups);
            PCRE2_SIZE from = places[2 * group], to = places[2 * group + 1];
            r = from == PCRE2_UNSET ? 0 : row_text_add(c, out, text + from, to - from);
        } else {
            r = row_text_add(c, out, &p[i], 1);
        }
        if (r)
            return r;
    }
    return 0;
}

static int row_replace(RowCall *c)
{
    const VecString *text = row_string(c, 0), *with = row_string(c, 2);
    const char *bytes = vec_string_data(text);
    int64_t from = row_int(c, 3);
    uint32_t n = text->length, at = 0, copied = 0;
    RowText out = {0};
    Regex *regex;
    bool found = false;

    if (from < 1)
        return row_fail(c, DATA_ERROR_RUNTIME, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "42K09",
                        "The position of regexp_replace must be above 0, it is %lld.",
                        (long long)from);
    int r = regex_of(c, "regexp_replace", &regex);
    for (int64_t k = 1; k < from && at < n; k++)
        at = utf8_next(bytes, n, at);
    while (r == 0 && at <= n) {
        r = find(c, regex, text, at, &found);
        if (r || !found)
            break;
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(regex->match);
        uint32_t begin = (uint32_t)place[0], end = (uint32_t)place[1];
        r = row_text_add(c, &out, bytes + copied, begin - copied);
        if (r == 0)
            r = put_replacement(c, regex, bytes, with, &out);
        copied = end;
        at = end > begin ? end : end < n ? utf8_next(bytes, n, end) : n + 1;
    }
    if (r)
        return r;
    if (copied == 0 && !out.bytes)
        return row_set_part(c, *text);
    r = row_text_add(c, &out, bytes + copied, n - copied);
    return r ? r : row_set_part(c, vec_string(out.bytes, (uint32_t)out.n));
}

/* --- looking --- */

static int row_extract(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    int64_t group = row_int(c, 2);
    Regex *regex;
    bool found;
    int r = regex_of(c, "regexp_extract", &regex);

    if (r == 0 && (group < 0 || group > regex->n_groups))
        return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX", "22023",
                        "The value of parameter(s) `idx` in `regexp_extract` is invalid: Expects "
                        "group index between 0 and %u, but got %lld.",
                        regex->n_groups, (long long)group);
    if (r == 0)
        r = find(c, regex, text, 0, &found);
    if (r)
        return r;
    const PCRE2_SIZE *place = pcre2_get_ovector_pointer(regex->match);
    if (!found || place[2 * group] == PCRE2_UNSET)
        return row_set_part(c, vec_string("", 0));
    return row_set_text(c, vec_string_data(text) + place[2 * group],
                        place[2 * group + 1] - place[2 * group]);
}

/* A group of every match, as an array of texts. */
static int row_extract_all(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const char *bytes = vec_string_data(text);
    int64_t group = row_int(c, 2);
    uint32_t n = text->length, at = 0, n_items = 0, capacity = 0;
    NestedItem *items = NULL;
    Regex *regex;
    bool found;
    int r = regex_of(c, "regexp_extract_all", &regex);

    if (r == 0 && (group < 0 || group > regex->n_groups))
        return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX", "22023",
                        "The value of parameter(s) `idx` in `regexp_extract_all` is invalid: "
                        "Expects group index between 0 and %u, but got %lld.",
                        regex->n_groups, (long long)group);
    while (r == 0 && at <= n) {
        r = find(c, regex, text, at, &found);
        if (r || !found)
            break;
        if (n_items == capacity) {
            capacity = capacity * 2 + 16;
            NestedItem *more = mem_arena_alloc(c->s->strings, sizeof(*more) * capacity, 16);
            if (!more)
                return mem_arena_error(c->s->strings);
            if (n_items > 0)
                memcpy(more, items, sizeof(*more) * n_items);
            items = more;
        }
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(regex->match);
        PCRE2_SIZE from = place[2 * group], to = place[2 * group + 1];
        items[n_items++] = (NestedItem){
            .value.s = from == PCRE2_UNSET ? vec_string("", 0)
                                           : vec_string(bytes + from, (uint32_t)(to - from))};
        at = place[1] > place[0]      ? (uint32_t)place[1]
             : (uint32_t)place[1] < n ? utf8_next(bytes, n, (uint32_t)place[1])
                                      : n + 1;
    }
    VecString array;
    r = r ? r : nested_array(c->s->strings, TYPE(STRING), items, n_items, &array);
    if (r == -EMSGSIZE)
        return row_too_large(c, UINT64_C(1) << 31);
    return r ? r : row_set_part(c, array);
}

static int row_count(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    uint32_t n = text->length, at = 0;
    int64_t count = 0;
    Regex *regex;
    bool found = true;
    int r = regex_of(c, "regexp_count", &regex);

    while (r == 0 && at <= n) {
        r = find(c, regex, text, at, &found);
        if (r || !found)
            break;
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(regex->match);
        uint32_t end = (uint32_t)place[1];
        count++;
        at = place[1] > place[0] ? end : end < n ? utf8_next(vec_string_data(text), n, end) : n + 1;
    }
    return r ? r : row_set_int(c, count);
}

static int row_instr(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    Regex *regex;
    bool found;
    int r = regex_of(c, "regexp_instr", &regex);

    if (r == 0)
        r = find(c, regex, text, 0, &found);
    if (r)
        return r;
    uint32_t begin = found ? (uint32_t)pcre2_get_ovector_pointer(regex->match)[0] : 0;
    return row_set_int(c, found ? (int64_t)utf8_count(vec_string_data(text), begin) + 1 : 0);
}

static int row_substr(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    Regex *regex;
    bool found;
    int r = regex_of(c, "regexp_substr", &regex);

    if (r == 0)
        r = find(c, regex, text, 0, &found);
    if (r)
        return r;
    const PCRE2_SIZE *place = pcre2_get_ovector_pointer(regex->match);
    return found ? row_set_text(c, vec_string_data(text) + place[0], place[1] - place[0])
                 : row_set_null(c);
}

#define AT(f) [FN_##f - FN_ROW_FIRST]

const RowRule row_rules_regex[FN_ROW_LAST - FN_ROW_FIRST] = {
    AT(REGEXP_REPLACE) = {.row = row_replace}, AT(REGEXP_EXTRACT_ALL) = {.row = row_extract_all},
    AT(REGEXP_EXTRACT) = {.row = row_extract}, AT(REGEXP_COUNT) = {.row = row_count},
    AT(REGEXP_INSTR) = {.row = row_instr},     AT(REGEXP_SUBSTR) = {.row = row_substr},
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <stdio.h>

#include "exec/expr/utf8.h"
#include "exec/vec/ops.h"

/* Texts looked at letter by letter: what they sound like, whether they are what they should be. */

static char upper_ascii(char ch)
{
    return (char)(ch >= 'a' && ch <= 'z' ? ch - 32 : ch);
}

static int row_soundex(RowCall *c)
{
    /* '0': vowels, which part equal codes; '7': H and W, which do not. */
    static const char codes[] = "01230127022455012623017202";
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);
    char out[4] = {'0', '0', '0', '0'};
    uint32_t k = 1;
    char first = text->length ? upper_ascii(p[0]) : '\0';

    if (first < 'A' || first > 'Z')
        return row_set_part(c, *text);
    out[0] = first;
    char last = codes[first - 'A'];
    for (uint32_t i = 1; i < text->length && k < 4; i++) {
        char ch = upper_ascii(p[i]);
        char code = ch < 'A' || ch > 'Z' ? '0' : codes[ch - 'A'];
        if (code == '7')
            continue;
        if (code != '0' && code != last)
            out[k++] = code;
        last = code;
    }
    return row_set_text(c, out, 4);
}

static int row_reverse(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);
    uint32_t k = text->length;
    int r;
    char *out = row_bytes(c, text->length, &r);

    if (!out)
        return r;
    for (uint32_t at = 0, next; at < text->length; at = next) {
        next = utf8_next(p, text->length, at);
        k -= next - at;
        memcpy(out + k, p + at, next - at);
    }
    return row_set_part(c, vec_string(out, text->length));
}

static int row_luhn_check(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);
    uint32_t sum = 0;

    for (uint32_t i = 0; i < text->length; i++) {
        char ch = p[text->length - 1 - i];
        if (ch < '0' || ch > '9')
            return row_set_int(c, 0);
        uint32_t digit = (uint32_t)(ch - '0') << (i % 2);
        sum += digit > 9 ? digit - 9 : digit;
    }
    return row_set_int(c, text->length > 0 && sum % 10 == 0);
}

/* Upper and lower case, digits, and others, each replaced where the argument is not NULL. */
static int row_mask(RowCall *c)
{
    if (row_null(c, 0))
        return row_set_null(c);
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);
    uint64_t longest = 4;
    char folded[16];
    uint32_t k = 0;
    int r;

    for (uint32_t i = 1; i < 5; i++)
        if (!row_null(c, i))
            longest = MAX(longest, row_string(c, i)->length);
    char *out = row_bytes(c, text->length * longest, &r);
    if (!out)
        return r;
    for (uint32_t at = 0, next; at < text->length; at = next) {
        next = utf8_next(p, text->length, at);
        uint32_t n = MIN(next - at, 8u);
        bool digit = p[at] >= '0' && p[at] <= '9';
        bool upper = utf8_map_case(p + at, n, false, folded) != n || memcmp(folded, p + at, n) != 0;
        bool lower = utf8_map_case(p + at, n, true, folded) != n || memcmp(folded, p + at, n) != 0;
        uint32_t arg = upper ? 1 : lower ? 2 : digit ? 3 : 4;
        if (row_null(c, arg)) {
            memcpy(out + k, p + at, next - at);
            k += next - at;
        } else {
            const VecString *with = row_string(c, arg);
            memcpy(out + k, vec_string_data(with), with->length);
            k += with->length;
        }
    }
    return row_set_part(c, vec_string(out, k));
}

static int row_is_valid_utf8(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    return row_set_int(c, utf8_valid(vec_string_data(text), text->length));
}

static int row_make_valid_utf8(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);
    int r;

    if (utf8_valid(p, text->length))
        return row_set_part(c, *text);
    char *out = row_bytes(c, (uint64_t)text->length * 3, &r);
    return out ? row_set_part(c, vec_string(out, utf8_repair(p, text->length, out))) : r;
}

static int row_validate_utf8(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);

    if (utf8_valid(p, text->length))
        return row_set_part(c, *text);
    char shown[4 * 40 + 1] = "";
    for (uint32_t i = 0; i < text->length && i < 40; i++)
        snprintf(shown + 4 * i, 5, "\\x%02X", (uint8_t)p[i]);
    return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_UTF8_STRING", "22029",
                    "Invalid UTF8 byte sequence found in string: %s.", shown);
}

/* One of the arguments behind the first. */
static int row_elt(RowCall *c)
{
    if (row_null(c, 0))
        return row_set_null(c);
    int64_t i = row_int(c, 0);
    if (i < 1 || i >= c->n_args)
        return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_ARRAY_INDEX", "22003",
                        "The index %lld is out of bounds. The array has %u elements. Use the SQL "
                        "function `get()` to tolerate accessing element at invalid index and "
                        "return NULL instead.",
                        (long long)i, c->n_args - 1);
    return row_null(c, (uint32_t)i) ? row_set_null(c)
                                    : row_set_part(c, *row_string(c, (uint32_t)i));
}

#define AT(f) [FN_##f - FN_ROW_FIRST]

const RowRule row_rules_letters[FN_ROW_LAST - FN_ROW_FIRST] = {
    AT(SOUNDEX) = {.row = row_soundex, .flags = ROW_SAFE},
    AT(REVERSE) = {.row = row_reverse},
    AT(LUHN_CHECK) = {.row = row_luhn_check, .flags = ROW_SAFE},
    AT(MASK) = {.row = row_mask, .flags = ROW_NULLS},
    AT(IS_VALID_UTF8) = {.row = row_is_valid_utf8, .flags = ROW_SAFE},
    AT(MAKE_VALID_UTF8) = {.row = row_make_valid_utf8},
    AT(VALIDATE_UTF8) = {.row = row_validate_utf8},
    AT(ELT) = {.row = row_elt, .flags = ROW_NULLS},
};

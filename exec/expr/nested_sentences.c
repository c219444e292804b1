/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/nested.h"

#include <ctype.h>

/*
 * sentences(): a text as sentences of words. A sentence ends behind ? or ! and blanks, behind a
 * full stop and blanks unless a small letter follows, and at the end of a line. A word is letters
 * and digits; a hyphen, an apostrophe, a quote or a full stop between two letters belongs to it,
 * and so does a comma or a full stop between two digits. Bytes above ASCII are letters.
 */

typedef struct Text {
    const char *s;
    uint32_t n;
} Text;

static bool is_letter(const Text *t, uint32_t i)
{
    return i < t->n && (isalpha((unsigned char)t->s[i]) || (unsigned char)t->s[i] >= 0x80);
}

static bool is_digit(const Text *t, uint32_t i)
{
    return i < t->n && isdigit((unsigned char)t->s[i]);
}

static bool is_blank(const Text *t, uint32_t i)
{
    return i < t->n && (t->s[i] == ' ' || t->s[i] == '\t');
}

static bool is_one_of(const Text *t, uint32_t i, const char *set)
{
    return i < t->n && t->s[i] != '\0' && strchr(set, t->s[i]);
}

/* Behind the word that begins at @i, which is a letter or a digit. */
static uint32_t word_end(const Text *t, uint32_t i)
{
    for (;;) {
        if (is_letter(t, i) || is_digit(t, i))
            i++;
        else if (i > 0 && is_letter(t, i - 1) && is_letter(t, i + 1) && is_one_of(t, i, "-'\"."))
            i++;
        else if (i > 0 && is_digit(t, i - 1) && is_digit(t, i + 1) && is_one_of(t, i, "'\".,"))
            i++;
        else
            return i;
    }
}

/* Behind the end of the sentence that the mark at @i may be; @i: it is none. */
static uint32_t sentence_end(const Text *t, uint32_t i)
{
    uint32_t at = i;
    bool sure = false;
    if (is_one_of(t, i, "\n\r"))
        return i + 1;
    while (is_one_of(t, at, ".?!"))
        sure |= t->s[at++] != '.';
    if (at == i)
        return i;
    while (is_one_of(t, at, "\"')]}"))
        at++;
    uint32_t behind = at;
    while (is_blank(t, behind))
        behind++;
    if (sure)
        return behind;
    bool small = behind < t->n && islower((unsigned char)t->s[behind]);
    return behind > at && !small ? behind : i;
}

int nested_sentences(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type words_type = c->step->type.children[0].type;
    Text t = {vec_string_data(&args[0].value.s), args[0].value.s.length};
    NestedItem *words = nested_items(c, t.n / 2 + 1), *sentences = nested_items(c, t.n / 2 + 1);
    uint32_t n_words = 0, n_sentences = 0, i = 0;
    if (!words || !sentences)
        return mem_arena_error(c->arena);
    while (i <= t.n) {
        if (is_letter(&t, i) || is_digit(&t, i)) {
            uint32_t end = word_end(&t, i);
            words[n_words++] = (NestedItem){.value.s = vec_string(t.s + i, end - i)};
            i = end;
            continue;
        }
        uint32_t end = i < t.n ? sentence_end(&t, i) : t.n + 1;
        if (end > i && n_words > 0) {
            sentences[n_sentences] = (NestedItem){0};
            int r = nested_array(c->arena, words_type.children[0].type, words, n_words,
                                 &sentences[n_sentences++].value.s);
            if (r)
                return r;
            n_words = 0;
        }
        i = end > i ? end : i + 1;
    }
    return nested_array(c->arena, words_type, sentences, n_sentences, &ret->value.s);
}

/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/sql/lexer.h"

#include <string.h>

#include "base/cleanup.h"

static bool is_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c >= 0x80;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* Return: position after a nested comment that starts at @i, or @n when it does not end. */
static uint32_t skip_comment(const char *s, uint32_t i, uint32_t n)
{
    uint32_t depth = 0;
    while (i < n) {
        if (i + 1 < n && s[i] == '/' && s[i + 1] == '*') {
            depth++;
            i += 2;
        } else if (i + 1 < n && s[i] == '*' && s[i + 1] == '/') {
            i += 2;
            if (--depth == 0)
                return i;
        } else {
            i++;
        }
    }
    return n;
}

static uint32_t skip_space(const char *s, uint32_t i, uint32_t n)
{
    for (;;) {
        if (i < n && (s[i] == ' ' || (s[i] >= '\t' && s[i] <= '\r'))) {
            i++;
        } else if (i + 1 < n && (unsigned char)s[i] == 0xC2 && (unsigned char)s[i + 1] == 0xA0) {
            i += 2; /* a no-break space, from text that went through a browser */
        } else if (i + 1 < n && s[i] == '-' && s[i + 1] == '-') {
            while (i < n && s[i] != '\n')
                i++;
        } else if (i + 1 < n && s[i] == '/' && s[i + 1] == '*') {
            i = skip_comment(s, i, n);
        } else {
            return i;
        }
    }
}

static void lex_string(const char *s, uint32_t i, uint32_t n, bool raw, Token *t)
{
    char quote = s[i++];
    t->kind = TOKEN_BAD;
    while (i < n) {
        if (s[i] == '\\' && !raw && i + 1 < n) {
            i += 2;
        } else if (s[i] == quote) {
            i++;
            if (raw || i >= n || s[i] != quote) {
                t->kind = TOKEN_STRING;
                break;
            }
            i++;
        } else {
            i++;
        }
    }
    t->stop = MIN(i, n);
}

static void lex_quoted(const char *s, uint32_t i, uint32_t n, Token *t)
{
    t->kind = TOKEN_BAD;
    for (i++; i < n; i++) {
        if (s[i] != '`')
            continue;
        if (i + 1 < n && s[i + 1] == '`') {
            i++;
            continue;
        }
        t->kind = TOKEN_QUOTED;
        i++;
        break;
    }
    t->stop = i;
}

/* Number of characters of a type suffix at @i that ends the word, or 0. */
static uint32_t number_suffix(const char *s, uint32_t i, uint32_t n, bool fractional)
{
    if (i >= n)
        return 0;
    char c = s[i] | 0x20;
    uint32_t length = 0;
    if (c == 'b' && i + 1 < n && (s[i + 1] | 0x20) == 'd')
        length = 2;
    else if (c == 'f' || c == 'd')
        length = 1;
    else if (!fractional && (c == 'l' || c == 's' || c == 'y'))
        length = 1;
    if (length > 0 && i + length < n && is_word((unsigned char)s[i + length]))
        return 0;
    return length;
}

static void lex_number(const char *s, uint32_t i, uint32_t n, Token *t)
{
    uint32_t begin = i;
    bool fractional = false, exponent = false;
    while (i < n && is_digit((unsigned char)s[i]))
        i++;
    /* "1.a" is a qualified name to Spark only in places that we do not have: a dot after digits
     * belongs to the number. */
    if (i < n && s[i] == '.' && !(i + 1 < n && s[i + 1] == '.')) {
        fractional = true;
        for (i++; i < n && is_digit((unsigned char)s[i]); i++)
            ;
    }
    if (i < n && (s[i] | 0x20) == 'e') {
        uint32_t j = i + 1;
        if (j < n && (s[j] == '+' || s[j] == '-'))
            j++;
        if (j < n && is_digit((unsigned char)s[j])) {
            exponent = true;
            for (i = j; i < n && is_digit((unsigned char)s[i]); i++)
                ;
        }
    }
    uint32_t suffix = number_suffix(s, i, n, fractional || exponent);
    if (suffix > 0) {
        t->kind = TOKEN_SUFFIXED;
        t->stop = i + suffix;
        return;
    }
    t->kind = exponent ? TOKEN_EXPONENT : fractional ? TOKEN_DECIMAL : TOKEN_INTEGER;
    t->stop = i;
    if (!fractional && i < n && is_word((unsigned char)s[i])) {
        /* An identifier may begin with a digit: 2nd_value. */
        for (i = begin; i < n && is_word((unsigned char)s[i]); i++)
            ;
        t->kind = TOKEN_WORD;
        t->stop = i;
    }
}

static const struct {
    char text[4];
    uint8_t op;
} operators[] = {
    /* Longer ones first. */
    {">>>", OP_SHIFT_RIGHT_UNSIGNED},
    {"<=>", OP_NULL_SAFE_EQ},
    {"<<", OP_SHIFT_LEFT},
    {">>", OP_SHIFT_RIGHT},
    {"==", OP_EQ},
    {"<>", OP_NE},
    {"!=", OP_NE},
    {"<=", OP_LE},
    {"!>", OP_LE},
    {">=", OP_GE},
    {"!<", OP_GE},
    {"||", OP_CONCAT},
    {"->", OP_ARROW},
    {"=>", OP_FAT_ARROW},
    {"::", OP_DOUBLE_COLON},
    {"(", OP_LPAREN},
    {")", OP_RPAREN},
    {"[", OP_LBRACKET},
    {"]", OP_RBRACKET},
    {",", OP_COMMA},
    {".", OP_DOT},
    {";", OP_SEMICOLON},
    {":", OP_COLON},
    {"?", OP_QUESTION},
    {"+", OP_PLUS},
    {"-", OP_MINUS},
    {"*", OP_STAR},
    {"/", OP_SLASH},
    {"%", OP_PERCENT},
    {"~", OP_TILDE},
    {"&", OP_AMPERSAND},
    {"|", OP_PIPE},
    {"^", OP_HAT},
    {"=", OP_EQ},
    {"<", OP_LT},
    {">", OP_GT},
    {"!", OP_NOT},
};

static void lex_operator(const char *s, uint32_t i, uint32_t n, Token *t)
{
    for (size_t k = 0; k < ARRAY_SIZE(operators); k++) {
        size_t length = strlen(operators[k].text);
        if (i + length <= n && memcmp(s + i, operators[k].text, length) == 0) {
            t->kind = TOKEN_OPERATOR;
            t->op = operators[k].op;
            t->stop = i + (uint32_t)length;
            return;
        }
    }
    t->kind = TOKEN_BAD;
    t->stop = i + 1;
}

static void lex_one(const char *s, uint32_t n, Token *t)
{
    uint32_t i = t->start;
    unsigned char c = (unsigned char)s[i];
    t->op = OP_NONE;
    if ((c == 'r' || c == 'R') && i + 1 < n && (s[i + 1] == '\'' || s[i + 1] == '"')) {
        lex_string(s, i + 1, n, true, t);
    } else if (is_digit(c) || (c == '.' && i + 1 < n && is_digit((unsigned char)s[i + 1]))) {
        lex_number(s, i, n, t);
    } else if (is_word(c)) {
        while (i < n && is_word((unsigned char)s[i]))
            i++;
        t->kind = TOKEN_WORD;
        t->stop = i;
    } else if (c == '\'' || c == '"') {
        lex_string(s, i, n, false, t);
    } else if (c == '`') {
        lex_quoted(s, i, n, t);
    } else {
        lex_operator(s, i, n, t);
    }
}

int sql_lex(UBuilder *b, const char *text, size_t n_text, Token **ret_tokens, uint32_t *ret_n)
{
    if (n_text > SQL_TEXT_MAX) {
        ubuilder_fail(b, query_error_set(b->error, DATA_ERROR_PARSE, "FAILED_TO_PARSE_TOO_COMPLEX",
                                         "54001", "The statement is longer than %u bytes.",
                                         SQL_TEXT_MAX));
        return b->result;
    }
    uint32_t n = (uint32_t)n_text, n_tokens = 0;
    Token *tokens = NULL;
    /* Once to count, once to keep. */
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            tokens = mem_arena_alloc(b->arena, (n_tokens + 1) * sizeof(*tokens), 16);
            if (!tokens) {
                ubuilder_fail(b, mem_arena_error(b->arena));
                return b->result;
            }
            n_tokens = 0;
        }
        for (uint32_t i = skip_space(text, 0, n); i < n;) {
            Token t = {.start = i};
            lex_one(text, n, &t);
            if (pass == 1)
                tokens[n_tokens] = t;
            if (++n_tokens > SQL_TOKENS_MAX)
                return ubuilder_too_deep(b), b->result;
            i = skip_space(text, t.stop, n);
        }
    }
    tokens[n_tokens] = (Token){.kind = TOKEN_END, .start = n, .stop = n};
    *ret_tokens = tokens;
    *ret_n = n_tokens + 1;
    return 0;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* @n_digits hexadecimal digits at @s. Return: false when one is not. */
static bool parse_hex(const char *s, const char *end, int n_digits, uint32_t *ret)
{
    uint32_t value = 0;
    for (int i = 0; i < n_digits; i++) {
        if (s + i >= end)
            return false;
        char c = s[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return false;
        value = value << 4 | digit;
    }
    *ret = value;
    return true;
}

/* One escape sequence; @s is behind the backslash. Return: characters used. */
static size_t unescape(const char *s, const char *end, char *out, size_t *ret_n)
{
    uint32_t code;
    if (s[0] == 'u' && parse_hex(s + 1, end, 4, &code)) {
        *ret_n = put_utf8(out, code);
        return 5;
    }
    if (s[0] == 'U' && parse_hex(s + 1, end, 8, &code) && code <= 0x10FFFF) {
        *ret_n = put_utf8(out, code);
        return 9;
    }
    if (s[0] >= '0' && s[0] <= '1' && end - s >= 3 && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' &&
        s[2] <= '7') {
        *ret_n = put_utf8(out, (uint32_t)((s[0] - '0') * 64 + (s[1] - '0') * 8 + (s[2] - '0')));
        return 3;
    }
    *ret_n = 1;
    switch (s[0]) {
    case '0':
        out[0] = '\0';
        break;
    case 'b':
        out[0] = '\b';
        break;
    case 'n':
        out[0] = '\n';
        break;
    case 'r':
        out[0] = '\r';
        break;
    case 't':
        out[0] = '\t';
        break;
    case 'Z':
        out[0] = '\x1A';
        break;
    case '%':
    case '_':
        out[0] = '\\';
        out[1] = s[0];
        *ret_n = 2;
        break;
    default:
        out[0] = s[0];
    }
    return 1;
}

char *sql_unquote(UBuilder *b, const char *text, const Token *token, size_t *ret_n)
{
    const char *s = text + token->start, *end = text + token->stop - 1;
    bool raw = *s == 'r' || *s == 'R';
    if (raw)
        s++;
    char quote = *s++;
    char *out = ubuilder_alloc(b, 1, (size_t)(end - s) + 8);
    if (!out)
        return NULL;
    size_t n = 0;
    while (s < end) {
        if (*s == '\\' && !raw && quote != '`' && s + 1 < end + 1) {
            size_t added;
            s += 1 + unescape(s + 1, end, out + n, &added);
            n += added;
        } else if (*s == quote && !raw) {
            /* A name's quote; two texts without a blank between them are one text, as Spark 4.0
             * has it. */
            if (quote == '`')
                out[n++] = quote;
            s += 2;
        } else {
            out[n++] = *s++;
        }
    }
    out[n] = '\0';
    *ret_n = n;
    return out;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/kernel/json.h"

#include <errno.h>
#include <string.h>

typedef struct JsonReader {
    const char *text;
    uint32_t n, at;
} JsonReader;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(JsonReader *r)
{
    while (r->at < r->n && is_space(r->text[r->at]))
        r->at++;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_digit(const JsonReader *r)
{
    return r->at < r->n && r->text[r->at] >= '0' && r->text[r->at] <= '9';
}

static bool read_string(JsonReader *r, JsonNode *node)
{
    char quote = r->text[r->at++];

    *node = (JsonNode){.kind = JSON_STRING, .start = r->at};
    for (; r->at < r->n && r->text[r->at] != quote; r->at++) {
        unsigned char c = (unsigned char)r->text[r->at];
        if (c < 0x20)
            return false;
        if (c != '\\')
            continue;
        node->escaped = true;
        if (++r->at >= r->n)
            return false;
        c = (unsigned char)r->text[r->at];
        if (c == 'u') {
            for (uint32_t i = 0; i < 4; i++)
                if (++r->at >= r->n || !is_hex(r->text[r->at]))
                    return false;
        } else if (!memchr("\"\\/bfnrt'", c, 9)) {
            return false;
        }
    }
    if (r->at >= r->n)
        return false;
    node->n = r->at - node->start;
    r->at++;
    return true;
}

static bool read_digits(JsonReader *r)
{
    bool any = false;
    for (; is_digit(r); r->at++)
        any = true;
    return any;
}

static bool read_number(JsonReader *r, JsonNode *node)
{
    *node = (JsonNode){.kind = JSON_INTEGER, .start = r->at};
    if (r->text[r->at] == '-')
        r->at++;
    uint32_t first = r->at;
    if (!read_digits(r) || (r->text[first] == '0' && r->at > first + 1))
        return false;
    if (r->at < r->n && r->text[r->at] == '.') {
        node->kind = JSON_NUMBER;
        r->at++;
        if (!read_digits(r))
            return false;
    }
    if (r->at < r->n && (r->text[r->at] | 0x20) == 'e') {
        node->kind = JSON_NUMBER;
        r->at++;
        if (r->at < r->n && (r->text[r->at] == '+' || r->text[r->at] == '-'))
            r->at++;
        if (!read_digits(r))
            return false;
    }
    node->n = r->at - node->start;
    return true;
}

static bool read_word(JsonReader *r, JsonNode *node)
{
    static const struct {
        const char *word;
        uint8_t kind;
    } words[] = {{"null", JSON_NULL}, {"false", JSON_FALSE}, {"true", JSON_TRUE}};

    for (uint32_t i = 0; i < 3; i++) {
        uint32_t n = (uint32_t)strlen(words[i].word);
        if (n > r->n - r->at || memcmp(r->text + r->at, words[i].word, n) != 0)
            continue;
        *node = (JsonNode){.kind = words[i].kind, .start = r->at, .n = n};
        r->at += n;
        return true;
    }
    return false;
}

static bool read_scalar(JsonReader *r, JsonNode *node)
{
    char c = r->text[r->at];
    if (c == '"' || c == '\'')
        return read_string(r, node);
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(r, node);
    return read_word(r, node);
}

/* What may come next. */
enum {
    WANT_VALUE,
    WANT_VALUE_OR_END, /* behind [ */
    WANT_KEY_OR_END,   /* behind { */
    WANT_KEY,
    WANT_COMMA_OR_END,
};

int json_parse(const char *text, uint32_t n, JsonNode *nodes, uint32_t capacity, uint32_t *ret_n,
               uint32_t *ret_end)
{
    JsonReader r = {text, n, 0};
    uint32_t open[JSON_DEPTH_MAX], depth = 0, k = 0;
    int want = WANT_VALUE;

    for (;;) {
        skip_space(&r);
        if (r.at >= n)
            return -EBADMSG;
        char c = text[r.at];
        JsonNode *parent = depth ? &nodes[open[depth - 1]] : NULL;
        bool closes =
            parent && c == (parent->kind == JSON_ARRAY ? ']' : '}') &&
            (want == WANT_VALUE_OR_END || want == WANT_KEY_OR_END || want == WANT_COMMA_OR_END);
        if (closes) {
            r.at++;
            parent->n = r.at - parent->start;
            parent->next = k;
            depth--;
        } else if (want == WANT_COMMA_OR_END) {
            if (c != ',')
                return -EBADMSG;
            r.at++;
            want = parent->kind == JSON_ARRAY ? WANT_VALUE : WANT_KEY;
            continue;
        } else {
            if (k == capacity)
                return -ENOSPC;
            if (want == WANT_KEY || want == WANT_KEY_OR_END) {
                if ((c != '"' && c != '\'') || !read_string(&r, &nodes[k]))
                    return -EBADMSG;
                nodes[k].next = k + 1;
                k++;
                skip_space(&r);
                if (r.at >= n || text[r.at] != ':')
                    return -EBADMSG;
                r.at++;
                parent->count++;
                want = WANT_VALUE;
                continue;
            }
            if (parent && parent->kind == JSON_ARRAY)
                parent->count++;
            if (c == '[' || c == '{') {
                if (depth == JSON_DEPTH_MAX)
                    return -EBADMSG;
                nodes[k] = (JsonNode){.kind = c == '[' ? JSON_ARRAY : JSON_OBJECT, .start = r.at};
                open[depth++] = k++;
                r.at++;
                want = c == '[' ? WANT_VALUE_OR_END : WANT_KEY_OR_END;
                continue;
            }
            if (!read_scalar(&r, &nodes[k]))
                return -EBADMSG;
            nodes[k].next = k + 1;
            k++;
        }
        if (depth == 0)
            break;
        want = WANT_COMMA_OR_END;
    }
    *ret_n = k;
    *ret_end = r.at;
    return 0;
}

bool json_at_end(const char *text, uint32_t n, uint32_t at)
{
    JsonReader r = {text, n, at};
    skip_space(&r);
    return r.at == n;
}

static uint32_t hex4(const char *text)
{
    uint32_t x = 0;
    for (uint32_t i = 0; i < 4; i++) {
        char c = text[i];
        x = x << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return x;
}

static uint32_t put_utf8(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

uint32_t json_unescape(const char *text, uint32_t n, char *out)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (text[i] != '\\' || i + 1 >= n) {
            out[k++] = text[i];
            continue;
        }
        char c = text[++i];
        if (c == 'u' && n - i > 4) {
            uint32_t code = hex4(text + i + 1);
            i += 4;
            if (code >= 0xD800 && code < 0xE000) {
                /* Halves of a pair belong together; one alone stands for nothing. */
                uint32_t low =
                    n - i > 6 && text[i + 1] == '\\' && text[i + 2] == 'u' ? hex4(text + i + 3) : 0;
                if (code < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                    i += 6;
                } else {
                    code = '?';
                }
            }
            k += put_utf8(code, out + k);
            continue;
        }
        const char *from = "bfnrt", *to = "\b\f\n\r\t", *found = strchr(from, c);
        out[k++] = found && *found ? to[found - from] : c;
    }
    return k;
}

uint64_t json_escape(const char *text, uint32_t n, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    uint64_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *from = "\b\f\n\r\t\"\\", *to = "bfnrt\"\\";
        const char *found = c ? strchr(from, c) : NULL;
        char buf[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        uint32_t m = 6;
        if (found) {
            buf[1] = to[found - from];
            m = 2;
        } else if (c >= 0x20) {
            buf[0] = (char)c;
            m = 1;
        }
        if (out)
            memcpy(out + k, buf, m);
        k += m;
    }
    return k;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

void json_init(JsonWriter *w, FILE *out)
{
    memset(w, 0, sizeof(*w));
    w->out = out;
}

static void before_value(JsonWriter *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth > 0) {
        if (w->has_items[w->depth - 1])
            fputc(',', w->out);
        w->has_items[w->depth - 1] = true;
    }
}

static void begin(JsonWriter *w, char c)
{
    assert(w->depth < JSON_DEPTH_MAX);
    before_value(w);
    fputc(c, w->out);
    w->has_items[w->depth++] = false;
}

static void end(JsonWriter *w, char c)
{
    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    fputc(c, w->out);
}

void json_begin_object(JsonWriter *w)
{
    begin(w, '{');
}

void json_end_object(JsonWriter *w)
{
    end(w, '}');
}

void json_begin_array(JsonWriter *w)
{
    begin(w, '[');
}

void json_end_array(JsonWriter *w)
{
    end(w, ']');
}

/* Length of the well-formed UTF-8 sequence at @s (RFC 3629), or 0. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    if (s[0] < 0x80)
        return 1;
    size_t len = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
        (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    return len;
}

static void write_quoted(FILE *out, const char *value, size_t n_bytes)
{
    fputc('"', out);
    for (size_t i = 0; i < n_bytes;) {
        unsigned char c = (unsigned char)value[i];
        size_t len = utf8_length((const unsigned char *)value + i, n_bytes - i);
        if (len == 0) {
            fputs("\xEF\xBF\xBD", out);
            i++;
            continue;
        }
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c == '\t')
            fputs("\\t", out);
        else if (c == '\r')
            fputs("\\r", out);
        else if (c < 0x20 || c == 0x7F)
            fprintf(out, "\\u%04x", c);
        else
            fwrite(value + i, 1, len, out);
        i += len;
    }
    fputc('"', out);
}

void json_key(JsonWriter *w, const char *key)
{
    assert(w->depth > 0 && !w->after_key);
    before_value(w);
    write_quoted(w->out, key, strlen(key));
    fputc(':', w->out);
    w->after_key = true;
}

void json_string_n(JsonWriter *w, const char *value, size_t n_bytes)
{
    before_value(w);
    write_quoted(w->out, value, n_bytes);
}

void json_string(JsonWriter *w, const char *value)
{
    if (!value) {
        json_null(w);
        return;
    }
    json_string_n(w, value, strlen(value));
}

void json_u64(JsonWriter *w, uint64_t value)
{
    before_value(w);
    fprintf(w->out, "%" PRIu64, value);
}

void json_i64(JsonWriter *w, int64_t value)
{
    before_value(w);
    fprintf(w->out, "%" PRId64, value);
}

void json_double(JsonWriter *w, double value)
{
    if (isnan(value))
        json_string(w, "NaN");
    else if (isinf(value))
        json_string(w, value > 0 ? "Infinity" : "-Infinity");
    else {
        before_value(w);
        fprintf(w->out, "%.17g", value);
    }
}

void json_bool(JsonWriter *w, bool value)
{
    before_value(w);
    fputs(value ? "true" : "false", w->out);
}

void json_null(JsonWriter *w)
{
    before_value(w);
    fputs("null", w->out);
}

void json_raw(JsonWriter *w, const char *text)
{
    before_value(w);
    fputs(text, w->out);
}

/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/connect/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

typedef struct Cell {
    char *text; /* NULL: null */
    uint32_t n;
} Cell;

struct ShowTable {
    MemPool *pool;
    uint64_t charged;
    const PlanField *fields;
    uint32_t n_columns;
    uint32_t n_wanted;
    uint32_t n_rows, capacity;
    Cell *cells;
};

int show_table_new(MemPool *pool, const PlanField *fields, uint32_t n_fields, uint32_t n_rows,
                   ShowTable **ret_table)
{
    ShowTable *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    *t = (ShowTable){.pool = pool, .fields = fields, .n_columns = n_fields, .n_wanted = n_rows};
    *ret_table = t;
    return 0;
}

ShowTable *show_table_free(ShowTable *t)
{
    if (!t)
        return NULL;
    for (size_t i = 0; i < (size_t)t->n_rows * t->n_columns; i++)
        free(t->cells[i].text);
    free(t->cells);
    if (t->charged > 0)
        mem_uncharge(t->pool, t->charged);
    free(t);
    return NULL;
}

static int charge(ShowTable *t, uint64_t bytes)
{
    int r = mem_charge(t->pool, bytes, "show");
    if (r == 0)
        t->charged += bytes;
    return r;
}

static int add_row(ShowTable *t, const Batch *batch, uint32_t row)
{
    if (t->n_rows == t->capacity) {
        uint32_t capacity = t->capacity ? t->capacity * 2 : 32;
        size_t bytes = (size_t)capacity * MAX(t->n_columns, 1u) * sizeof(Cell);
        int r = charge(t, bytes / 2);
        if (r != 0)
            return r;
        Cell *grown = realloc(t->cells, bytes);
        if (!grown)
            return -ENOMEM;
        t->cells = grown;
        t->capacity = capacity;
    }
    Cell *cells = t->cells + (size_t)t->n_rows * t->n_columns;
    memset(cells, 0, t->n_columns * sizeof(*cells));
    t->n_rows++;
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const Vector *v = &batch->columns[i];
        if (v->phys != PHYS_STRING || vec_row_is_null(v, row))
            continue;
        const VecString *s = &((const VecString *)v->values)[vec_index(v, row)];
        int r = charge(t, s->length + 1);
        if (r != 0)
            return r;
        cells[i].text = malloc(s->length + 1u);
        if (!cells[i].text)
            return -ENOMEM;
        memcpy(cells[i].text, vec_string_data(s), s->length);
        cells[i].text[s->length] = '\0';
        cells[i].n = s->length;
    }
    return 0;
}

int show_table_add(ShowTable *t, const Batch *batch)
{
    for (uint32_t i = 0; i < batch->n_selected && t->n_rows <= t->n_wanted; i++) {
        int r = add_row(t, batch, batch->sel ? batch->sel[i] : i);
        if (r != 0)
            return r;
    }
    return 0;
}

/* ---- characters ---- */

/* Bytes of the character at @s, at least 1; *@ret_code 0 for a broken one. */
static uint32_t next_character(const char *s, uint32_t n, uint32_t *ret_code)
{
    unsigned char c = (unsigned char)s[0];
    uint32_t length = c < 0x80 ? 1 : c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    length = MIN(length, n);
    uint32_t code = length == 1 ? c : c & (0x7Fu >> length);
    for (uint32_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)s[i] & 0x3Fu);
    *ret_code = code;
    return length;
}

/* Characters that take two places, as Spark's show() counts them. */
static bool is_wide(uint32_t c)
{
    return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
           (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0xFE30 && c <= 0xFE4F) || (c >= 0xFF00 && c <= 0xFF60) ||
           (c >= 0xFFE0 && c <= 0xFFE6);
}

static uint32_t width_of(const char *s, uint32_t n)
{
    uint32_t width = 0;
    for (uint32_t i = 0; i < n;) {
        uint32_t code;
        i += next_character(s + i, n - i, &code);
        width += is_wide(code) ? 2 : 1;
    }
    return width;
}

/* A cell ready to print: tabs and line ends as escapes, cut, "NULL" for null. */
typedef struct Shown {
    const char *prefix; /* of the cell */
    uint32_t n;
    const char *ellipsis;
    uint32_t width;
} Shown;

static uint32_t count_characters(const char *s, uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; count++) {
        uint32_t code;
        i += next_character(s + i, n - i, &code);
    }
    return count;
}

static uint32_t bytes_of_characters(const char *s, uint32_t n, uint32_t count)
{
    uint32_t i = 0;
    for (uint32_t k = 0; i < n && k < count; k++) {
        uint32_t code;
        i += next_character(s + i, n - i, &code);
    }
    return i;
}

static Shown shown(const char *text, uint32_t n, int32_t truncate)
{
    if (!text)
        return (Shown){"NULL", 4, "", 4};
    Shown s = {text, n, "", 0};
    if (truncate > 0 && count_characters(text, n) > (uint32_t)truncate) {
        bool dots = truncate >= 4;
        s.n = bytes_of_characters(text, n, (uint32_t)(dots ? truncate - 3 : truncate));
        s.ellipsis = dots ? "..." : "";
    }
    s.width = width_of(s.prefix, s.n) + (uint32_t)strlen(s.ellipsis);
    for (uint32_t i = 0; i < s.n; i++)
        if (s.prefix[i] == '\n' || s.prefix[i] == '\r' || s.prefix[i] == '\t')
            s.width++;
    return s;
}

static void print_text(const Shown *s, FILE *out)
{
    for (uint32_t i = 0; i < s->n; i++) {
        char c = s->prefix[i];
        if (c == '\n')
            fputs("\\n", out);
        else if (c == '\r')
            fputs("\\r", out);
        else if (c == '\t')
            fputs("\\t", out);
        else
            fputc(c, out);
    }
    fputs(s->ellipsis, out);
}

static void print_padded(const Shown *s, uint32_t width, bool right, FILE *out)
{
    for (uint32_t i = s->width; right && i < width; i++)
        fputc(' ', out);
    print_text(s, out);
    for (uint32_t i = s->width; !right && i < width; i++)
        fputc(' ', out);
}

static void print_line(const uint32_t *widths, uint32_t n, FILE *out)
{
    fputc('+', out);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < widths[i]; k++)
            fputc('-', out);
        fputc('+', out);
    }
    fputc('\n', out);
}

static void print_more(const ShowTable *t, FILE *out)
{
    if (t->n_rows > t->n_wanted)
        fprintf(out, "only showing top %u %s", t->n_wanted, t->n_wanted == 1 ? "row" : "rows");
}

/* Names are never cut. */
static Shown header(const ShowTable *t, uint32_t column)
{
    const char *name = t->fields[column].name;
    return shown(name, (uint32_t)strlen(name), 0);
}

static Shown cell(const ShowTable *t, uint32_t row, uint32_t column, int32_t truncate)
{
    const Cell *c = &t->cells[(size_t)row * t->n_columns + column];
    return shown(c->text, c->n, truncate);
}

static void print_horizontal(const ShowTable *t, uint32_t n_rows, int32_t truncate, FILE *out)
{
    uint32_t *widths = calloc(t->n_columns + 1, sizeof(*widths));
    if (!widths)
        return;
    for (uint32_t i = 0; i < t->n_columns; i++) {
        widths[i] = MAX(header(t, i).width, 3u);
        for (uint32_t row = 0; row < n_rows; row++) {
            uint32_t width = cell(t, row, i, truncate).width;
            widths[i] = MAX(widths[i], width);
        }
    }
    print_line(widths, t->n_columns, out);
    fputc('|', out);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        Shown s = header(t, i);
        print_padded(&s, widths[i], truncate > 0, out);
        fputc('|', out);
    }
    fputc('\n', out);
    print_line(widths, t->n_columns, out);
    for (uint32_t row = 0; row < n_rows; row++) {
        fputc('|', out);
        for (uint32_t i = 0; i < t->n_columns; i++) {
            Shown s = cell(t, row, i, truncate);
            print_padded(&s, widths[i], truncate > 0, out);
            fputc('|', out);
        }
        fputc('\n', out);
    }
    print_line(widths, t->n_columns, out);
    free(widths);
}

static void print_vertical(const ShowTable *t, uint32_t n_rows, int32_t truncate, FILE *out)
{
    uint32_t name_width = 3, data_width = 3;
    for (uint32_t i = 0; i < t->n_columns; i++) {
        uint32_t width = header(t, i).width;
        name_width = MAX(name_width, width);
        for (uint32_t row = 0; row < n_rows; row++) {
            width = cell(t, row, i, truncate).width;
            data_width = MAX(data_width, width);
        }
    }
    for (uint32_t row = 0; row < n_rows; row++) {
        /* "-RECORD 0----": as wide as a line, with the number in it. */
        int n = fprintf(out, "-RECORD %u", row);
        for (uint32_t i = (uint32_t)n; i < name_width + data_width + 5; i++)
            fputc('-', out);
        fputc('\n', out);
        for (uint32_t i = 0; i < t->n_columns; i++) {
            Shown s = header(t, i);
            fputc(' ', out);
            print_padded(&s, name_width, false, out);
            fputs(" | ", out);
            s = cell(t, row, i, truncate);
            print_padded(&s, data_width, false, out);
            fputs(" \n", out);
        }
    }
}

void show_table_print(const ShowTable *t, int32_t truncate, bool vertical, FILE *out)
{
    uint32_t n_rows = MIN(t->n_rows, t->n_wanted);
    if (!vertical)
        print_horizontal(t, n_rows, truncate, out);
    else if (n_rows == 0)
        fputs("(0 rows)\n", out);
    else
        print_vertical(t, n_rows, truncate, out);
    print_more(t, out);
}

static void print_html(const Shown *s, FILE *out)
{
    for (uint32_t i = 0; i < s->n; i++) {
        switch (s->prefix[i]) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(s->prefix[i], out);
        }
    }
    fputs(s->ellipsis, out);
}

void show_table_print_html(const ShowTable *t, int32_t truncate, FILE *out)
{
    uint32_t n_rows = MIN(t->n_rows, t->n_wanted);
    fputs("<table border='1'>\n<tr>", out);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        Shown s = header(t, i);
        fputs("<th>", out);
        print_html(&s, out);
        fputs("</th>", out);
    }
    fputs("</tr>\n", out);
    for (uint32_t row = 0; row < n_rows; row++) {
        fputs("<tr>", out);
        for (uint32_t i = 0; i < t->n_columns; i++) {
            Shown s = cell(t, row, i, truncate);
            fputs("<td>", out);
            print_html(&s, out);
            fputs("</td>", out);
        }
        fputs("</tr>\n", out);
    }
    fputs("</table>\n", out);
    print_more(t, out);
    if (t->n_rows > t->n_wanted)
        fputc('\n', out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "client/value.h"
#include "connect/arrow/arrow.h"

/* A cell wider than this is cut in box form, so that one long text does not make the table
 * unreadable. */
#define CELL_WIDTH_MAX 60
/* Bytes of cells that box form holds at the most. */
#define BOX_BYTES_MAX (UINT64_C(256) << 20)

typedef struct Cell {
    char *text;
    int width; /* columns of the terminal */
} Cell;

struct ResultPrinter {
    FILE *out;
    ResultFormat format;
    uint64_t max_rows;
    uint64_t n_rows; /* seen */
    bool has_columns;
    /* box */
    uint32_t n_columns;
    char **names;
    bool *right; /* numbers stand at the right */
    Cell *cells; /* n_columns per row, n_held rows */
    uint64_t n_held, n_cells_allocated, n_bytes;
};

ResultFormat result_format_from_string(const char *text)
{
    static const char *const names[_RESULT_FORMAT_MAX] = {"box", "csv", "json", "arrow"};
    for (int i = 0; i < _RESULT_FORMAT_MAX; i++)
        if (strcmp(text, names[i]) == 0)
            return (ResultFormat)i;
    return _RESULT_FORMAT_INVALID;
}

int result_printer_new(FILE *out, ResultFormat format, uint64_t max_rows,
                       ResultPrinter **ret_printer)
{
    ResultPrinter *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->out = out;
    p->format = format;
    p->max_rows = max_rows;
    *ret_printer = p;
    return 0;
}

ResultPrinter *result_printer_free(ResultPrinter *p)
{
    if (!p)
        return NULL;
    for (uint64_t i = 0; i < p->n_held * p->n_columns; i++)
        free(p->cells[i].text);
    free(p->cells);
    for (uint32_t i = 0; p->names && i < p->n_columns; i++)
        free(p->names[i]);
    free(p->names);
    free(p->right);
    free(p);
    return NULL;
}

uint64_t result_printer_rows(const ResultPrinter *p)
{
    return p->n_rows;
}

bool result_printer_has_columns(const ResultPrinter *p)
{
    return p->has_columns;
}

/* Columns a text takes on the terminal, and how many bytes of it fit into @limit columns. */
static int text_width(const char *text, int limit, size_t *ret_n_fitting)
{
    mbstate_t state = {0};
    int width = 0;
    size_t at = 0, n = strlen(text);
    while (at < n) {
        wchar_t wc;
        size_t len = mbrtowc(&wc, text + at, n - at, &state);
        if (len == 0 || len > n - at) { /* not text in this locale: one column a byte */
            memset(&state, 0, sizeof(state));
            wc = L'?';
            len = 1;
        }
        int w = MAX(wcwidth(wc), 0);
        if (width + w > limit)
            break;
        width += w;
        at += len;
    }
    *ret_n_fitting = at;
    return width;
}

/* Control characters would move the cursor: they are shown as one space. */
static void blank_controls(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7F)
            *c = ' ';
}

static int make_cell(Cell *cell, const ArrowField *f, const ArrowColumn *c, int64_t row,
                     uint64_t *bytes)
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    if (!out)
        return -ENOMEM;
    value_print(out, f, c, row, false);
    if (fclose(out) != 0) {
        free(text);
        return -ENOMEM;
    }
    blank_controls(text);
    size_t n_fitting;
    cell->width = text_width(text, CELL_WIDTH_MAX, &n_fitting);
    if (n_fitting < n_text) {
        cell->width = text_width(text, CELL_WIDTH_MAX - 1, &n_fitting) + 1;
        char *cut = NULL;
        if (asprintf(&cut, "%.*s\xE2\x80\xA6", (int)n_fitting, text) < 0)
            cut = NULL;
        free(text);
        text = cut;
    }
    cell->text = text;
    *bytes += n_fitting + sizeof(*cell);
    return text ? 0 : -ENOMEM;
}

static int box_columns(ResultPrinter *p, const ArrowField *fields, uint32_t n_fields)
{
    p->names = calloc(n_fields + 1, sizeof(char *));
    p->right = calloc(n_fields + 1, sizeof(bool));
    if (!p->names || !p->right)
        return -ENOMEM;
    p->n_columns = n_fields;
    for (uint32_t i = 0; i < n_fields; i++) {
        p->names[i] = strdup(fields[i].name ? fields[i].name : "");
        if (!p->names[i])
            return -ENOMEM;
        blank_controls(p->names[i]);
        p->right[i] = fields[i].type >= ARROW_TYPE_INT8 && fields[i].type <= ARROW_TYPE_DECIMAL128;
    }
    return 0;
}

static int box_row(ResultPrinter *p, const ArrowField *fields, const ArrowColumn *columns,
                   int64_t row)
{
    if (p->n_held >= p->max_rows || p->n_bytes > BOX_BYTES_MAX)
        return 0;
    uint64_t need = (p->n_held + 1) * p->n_columns;
    if (need > p->n_cells_allocated) {
        uint64_t n = MAX(need, p->n_cells_allocated * 2);
        Cell *grown = reallocarray(p->cells, n, sizeof(Cell));
        if (!grown)
            return -ENOMEM;
        p->cells = grown;
        p->n_cells_allocated = n;
    }
    Cell *cells = p->cells + p->n_held * p->n_columns;
    memset(cells, 0, p->n_columns * sizeof(Cell));
    p->n_held++; /* before the cells, so that free() sees half a row */
    for (uint32_t i = 0; i < p->n_columns; i++) {
        int r = make_cell(&cells[i], &fields[i], &columns[i], row, &p->n_bytes);
        if (r < 0)
            return r;
    }
    return 0;
}

static void box_line(ResultPrinter *p, const int *widths, const char *left, const char *middle,
                     const char *right)
{
    fputs(left, p->out);
    for (uint32_t i = 0; i < p->n_columns; i++) {
        fputs(i ? middle : "", p->out);
        for (int k = 0; k < widths[i] + 2; k++)
            fputs("\xE2\x94\x80", p->out);
    }
    fprintf(p->out, "%s\n", right);
}

static void box_cell(FILE *out, const char *text, int width, int column_width, bool right)
{
    int pad = column_width - width;
    fprintf(out, "\xE2\x94\x82 %*s%s%*s ", right ? pad : 0, "", text, right ? 0 : pad, "");
}

static int box_finish(ResultPrinter *p)
{
    if (p->n_columns == 0)
        return 0;
    _cleanup_free_ int *widths = calloc(p->n_columns, sizeof(int));
    if (!widths)
        return -ENOMEM;
    size_t n_fitting;
    for (uint32_t i = 0; i < p->n_columns; i++) {
        widths[i] = text_width(p->names[i], INT32_MAX, &n_fitting);
        for (uint64_t row = 0; row < p->n_held; row++)
            widths[i] = MAX(widths[i], p->cells[row * p->n_columns + i].width);
    }
    box_line(p, widths, "\xE2\x94\x8C", "\xE2\x94\xAC", "\xE2\x94\x90");
    for (uint32_t i = 0; i < p->n_columns; i++)
        box_cell(p->out, p->names[i], text_width(p->names[i], INT32_MAX, &n_fitting), widths[i],
                 false);
    fputs("\xE2\x94\x82\n", p->out);
    box_line(p, widths, "\xE2\x94\x9C", "\xE2\x94\xBC", "\xE2\x94\xA4");
    for (uint64_t row = 0; row < p->n_held; row++) {
        for (uint32_t i = 0; i < p->n_columns; i++) {
            const Cell *c = &p->cells[row * p->n_columns + i];
            box_cell(p->out, c->text, c->width, widths[i], p->right[i]);
        }
        fputs("\xE2\x94\x82\n", p->out);
    }
    box_line(p, widths, "\xE2\x94\x94", "\xE2\x94\xB4", "\xE2\x94\x98");
    if (p->n_held < p->n_rows)
        fprintf(p->out, "%llu rows, the first %llu shown (--max-rows)\n",
                (unsigned long long)p->n_rows, (unsigned long long)p->n_held);
    else
        fprintf(p->out, "%llu row%s\n", (unsigned long long)p->n_rows, p->n_rows == 1 ? "" : "s");
    return 0;
}

/* RFC 4180: quoted when it holds a comma, a quote or a line end; a null is empty and unquoted. */
static int csv_text(FILE *out, const char *text, size_t n)
{
    bool quote = n == 0 || memchr(text, ',', n) || memchr(text, '"', n) || memchr(text, '\n', n) ||
                 memchr(text, '\r', n);
    if (!quote)
        return fwrite(text, 1, n, out) == n ? 0 : -EIO;
    fputc('"', out);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"')
            fputc('"', out);
        fputc(text[i], out);
    }
    fputc('"', out);
    return 0;
}

static int csv_row(ResultPrinter *p, const ArrowField *fields, uint32_t n,
                   const ArrowColumn *columns, int64_t row)
{
    for (uint32_t i = 0; i < n; i++) {
        fputs(i ? "," : "", p->out);
        if (fields[i].type == ARROW_TYPE_NULL || !arrow_is_valid(&columns[i], row))
            continue;
        if (fields[i].type != ARROW_TYPE_UTF8 && fields[i].type < ARROW_TYPE_LIST) {
            value_print(p->out, &fields[i], &columns[i], row, false);
            continue;
        }
        _cleanup_free_ char *text = NULL;
        size_t n_text = 0;
        FILE *mem = open_memstream(&text, &n_text);
        if (!mem)
            return -ENOMEM;
        value_print(mem, &fields[i], &columns[i], row, false);
        if (fclose(mem) != 0)
            return -ENOMEM;
        int r = csv_text(p->out, text, n_text);
        if (r < 0)
            return r;
    }
    fputc('\n', p->out);
    return 0;
}

static void json_row(ResultPrinter *p, const ArrowField *fields, uint32_t n,
                     const ArrowColumn *columns, int64_t row)
{
    fputs(p->n_rows ? ",\n {" : "[\n {", p->out);
    for (uint32_t i = 0; i < n; i++) {
        JsonWriter w;
        json_init(&w, p->out);
        fputs(i ? ", " : "", p->out);
        json_string(&w, fields[i].name ? fields[i].name : "");
        fputs(": ", p->out);
        value_print_json(p->out, &fields[i], &columns[i], row);
    }
    fputc('}', p->out);
}

static int print_header(ResultPrinter *p, const ArrowField *fields, uint32_t n_fields)
{
    p->has_columns = true;
    if (p->format == RESULT_FORMAT_BOX)
        return box_columns(p, fields, n_fields);
    if (p->format == RESULT_FORMAT_CSV) {
        for (uint32_t i = 0; i < n_fields; i++) {
            fputs(i ? "," : "", p->out);
            const char *name = fields[i].name ? fields[i].name : "";
            int r = csv_text(p->out, name, strlen(name));
            if (r < 0)
                return r;
        }
        if (n_fields > 0) /* what changes the session has a result without columns */
            fputc('\n', p->out);
    }
    return 0;
}

/* Bytes of the first encapsulated message, which in each of our streams is the schema (no body). */
static size_t schema_message_bytes(const uint8_t *ipc, size_t n_ipc)
{
    uint32_t n_metadata;
    if (n_ipc < 8)
        return 0;
    memcpy(&n_metadata, ipc + 4, 4);
    return n_metadata <= n_ipc - 8 ? 8 + (size_t)n_metadata : 0;
}

/* Each reply is a stream of its own; together they become one: the first schema, all batches, one
 * end. */
static int arrow_add(ResultPrinter *p, const uint8_t *ipc, size_t n_ipc)
{
    size_t n_schema = schema_message_bytes(ipc, n_ipc);
    if (n_schema == 0 || n_ipc < n_schema + 8)
        return -EBADMSG;
    size_t from = p->has_columns ? n_schema : 0,
           to = n_ipc - 8; /* the last 8 bytes are the end mark */
    return fwrite(ipc + from, 1, to - from, p->out) == to - from ? 0 : -EIO;
}

int result_printer_add(ResultPrinter *p, const uint8_t *ipc, size_t n_ipc)
{
    _cleanup_arrow_reader_ ArrowReader *reader = NULL;
    int r = arrow_reader_new(ipc, n_ipc, &reader);
    if (r < 0)
        return r;
    uint32_t n_fields;
    const ArrowField *fields = arrow_reader_fields(reader, &n_fields);
    if (p->format == RESULT_FORMAT_ARROW)
        r = arrow_add(p, ipc, n_ipc);
    if (r == 0 && !p->has_columns)
        r = print_header(p, fields, n_fields);
    const ArrowColumn *columns;
    int64_t n_rows;
    while (r == 0 && (r = arrow_reader_next(reader, &columns, &n_rows)) == 1) {
        r = 0;
        for (int64_t row = 0; r == 0 && row < n_rows; row++) {
            if (p->format == RESULT_FORMAT_BOX)
                r = box_row(p, fields, columns, row);
            else if (p->format == RESULT_FORMAT_CSV)
                r = csv_row(p, fields, n_fields, columns, row);
            else if (p->format == RESULT_FORMAT_JSON)
                json_row(p, fields, n_fields, columns, row);
            p->n_rows++;
        }
    }
    return r == 0 && ferror(p->out) ? -EIO : r;
}

int result_printer_finish(ResultPrinter *p)
{
    static const uint8_t end_mark[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0};
    int r = 0;
    if (!p->has_columns && p->format != RESULT_FORMAT_JSON)
        return 0;
    if (p->format == RESULT_FORMAT_BOX)
        r = box_finish(p);
    else if (p->format == RESULT_FORMAT_JSON)
        fputs(p->n_rows ? "\n]\n" : "[]\n", p->out);
    else if (p->format == RESULT_FORMAT_ARROW)
        fwrite(end_mark, 1, sizeof(end_mark), p->out);
    return r == 0 && (fflush(p->out) != 0 || ferror(p->out)) ? -EIO : r;
}

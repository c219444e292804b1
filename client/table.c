/* SPDX-License-Identifier: Apache-2.0 */
#include "client/table.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

struct Table {
    const TableColumn *columns;
    size_t n_columns, next;
    struct libscols_table *table; /* NULL: JSON */
    struct libscols_line *line;
    bool has_row; /* JSON: an object is open */
    JsonWriter json;
    uint64_t now_usec;
    int error;
};

int table_new(const TableColumn *columns, size_t n_columns, const Options *options,
              Table **ret_table)
{
    _cleanup_(table_freep) Table *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    *t = (Table){.columns = columns,
                 .n_columns = n_columns,
                 .next = n_columns,
                 .now_usec = clock_realtime_usec()};
    if (options->json) {
        json_init(&t->json, stdout);
        json_begin_array(&t->json);
        *ret_table = TAKE_PTR(t);
        return 0;
    }
    t->table = scols_new_table();
    if (!t->table)
        return -ENOMEM;
    (void)scols_table_enable_noheadings(t->table, !options->legend);
    (void)scols_table_enable_colors(t->table, options_colors());
    for (size_t i = 0; i < n_columns; i++) {
        int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) | (columns[i].cut ? SCOLS_FL_TRUNC : 0);
        if (!scols_table_new_column(t->table, columns[i].heading, 0, flags))
            return -ENOMEM;
    }
    *ret_table = TAKE_PTR(t);
    return 0;
}

Table *table_free(Table *t)
{
    if (!t)
        return NULL;
    scols_unref_table(t->table);
    free(t);
    return NULL;
}

void table_row(Table *t)
{
    if (!t->table) {
        if (t->has_row)
            json_end_object(&t->json);
        t->has_row = true;
        json_begin_object(&t->json);
    } else if (!(t->line = scols_table_new_line(t->table, NULL))) {
        t->error = -ENOMEM;
    }
    t->next = 0;
}

static void cell(Table *t, const char *text, const char *color)
{
    if (!t->line || scols_line_set_data(t->line, t->next, text) < 0) {
        t->error = -ENOMEM;
        return;
    }
    if (color)
        (void)scols_cell_set_color(scols_line_get_cell(t->line, t->next), color);
    t->next++;
}

static bool json_cell(Table *t)
{
    if (t->table)
        return false;
    json_key(&t->json, t->columns[t->next++].key);
    return true;
}

void table_word(Table *t, const char *text, const char *color)
{
    if (json_cell(t))
        json_string(&t->json, text);
    else
        cell(t, *text ? text : "-", color);
}

void table_text(Table *t, const char *text)
{
    table_word(t, text, NULL);
}

void table_number_if(Table *t, uint64_t value, bool known)
{
    char buf[32];
    (void)snprintf(buf, sizeof(buf), "%" PRIu64, value);
    if (!json_cell(t))
        cell(t, known ? buf : "-", NULL);
    else if (known)
        json_u64(&t->json, value);
    else
        json_null(&t->json);
}

void table_number(Table *t, uint64_t value)
{
    table_number_if(t, value, true);
}

void table_bytes(Table *t, uint64_t bytes)
{
    char buf[32];
    if (json_cell(t))
        json_u64(&t->json, bytes);
    else
        cell(t, text_format_bytes(buf, sizeof(buf), bytes), NULL);
}

char *table_format_span(char *buf, size_t size, uint64_t usec)
{
    uint64_t s = usec / USEC_PER_SEC;
    if (s < 60)
        (void)snprintf(buf, size, "%" PRIu64 "s", s);
    else if (s < 3600)
        (void)snprintf(buf, size, "%" PRIu64 "min %" PRIu64 "s", s / 60, s % 60);
    else if (s < 48 * 3600)
        (void)snprintf(buf, size, "%" PRIu64 "h %" PRIu64 "min", s / 3600, s / 60 % 60);
    else
        (void)snprintf(buf, size, "%" PRIu64 " days", s / 86400);
    return buf;
}

void table_since(Table *t, uint64_t usec)
{
    char buf[32];
    if (json_cell(t))
        json_u64(&t->json, usec);
    else
        cell(t,
             usec == 0
                 ? "-"
                 : table_format_span(buf, sizeof(buf), t->now_usec > usec ? t->now_usec - usec : 0),
             NULL);
}

void table_span(Table *t, uint64_t usec)
{
    char buf[32];
    if (json_cell(t))
        json_u64(&t->json, usec);
    else if (usec >= 10 * USEC_PER_SEC)
        cell(t, table_format_span(buf, sizeof(buf), usec), NULL);
    else {
        (void)snprintf(buf, sizeof(buf), "%" PRIu64 "ms", usec / USEC_PER_MSEC);
        cell(t, buf, NULL);
    }
}

int table_print(Table *t)
{
    if (!t->table) {
        if (t->has_row)
            json_end_object(&t->json);
        json_end_array(&t->json);
        fputc('\n', stdout);
    } else if (t->error == 0 && scols_table_get_nlines(t->table) > 0) {
        t->error = scols_print_table(t->table);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        t->error = -EIO;
    if (t->error < 0)
        fprintf(stderr, "berth: %s\n", strerror(-t->error));
    return t->error;
}

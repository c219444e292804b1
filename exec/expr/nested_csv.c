/* SPDX-License-Identifier: Apache-2.0 */

/* from_csv(text, zone, options): the first record of a text, as the reader of CSV files has it. */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/expr/nested.h"
#include "exec/plan/csv_options.h"

static CsvOptions options_of(const CsvReadOptions *read, const struct Zone *zone)
{
    CsvOptions o = csv_options_of(read);
    o.text = (TextOptions){.mode = TEXT_PERMISSIVE,
                           .has_date_format = read->has_date,
                           .has_timestamp_format = read->has_timestamp,
                           .date_format = read->date,
                           .timestamp_format = read->timestamp,
                           .zone = zone,
                           .corrupt = ROW_NO_COLUMN};
    return o;
}

/* The values of @found fields; *ret_bad: one of them is none of its type. */
static void take_fields(const CsvOptions *o, Type type, uint32_t corrupt, const CsvField *found,
                        uint32_t n_found, NestedItem *items, bool *ret_bad)
{
    for (uint32_t i = 0, at = 0; i < type.n_children; i++) {
        items[i] = (NestedItem){.is_null = true};
        if (i == corrupt)
            continue;
        const CsvField *f = at < n_found ? &found[at] : NULL;
        at++;
        if (!f || !f->text || csv_is_null(o, f))
            continue;
        items[i].is_null = !csv_value(o, f, type.children[i].type, &items[i].value, 0);
        *ret_bad |= items[i].is_null;
    }
}

int nested_from_csv(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type type = c->step->type;
    const VecString *text = &args[0].value.s;
    CsvField found[UINT8_MAX + 1], whole;
    CsvReadOptions read;
    CsvScan *scan = NULL;
    uint32_t n_found = 0;
    int r = nested_take_zone(c, args);
    NestedItem *items = nested_items(c, type.n_children);
    if (r || !items)
        return r ? r : mem_arena_error(c->arena);
    memcpy(&read, vec_string_data(&args[2].value.s), sizeof(read));
    CsvOptions o = options_of(&read, c->zone);
    r = csv_scan_new(&o, c->s->pool, &scan);
    if (r)
        return r;
    csv_scan_begin(scan, (const uint8_t *)vec_string_data(text), text->length, false);
    r = csv_scan_record(scan, found, type.n_children, &n_found, &whole);
    bool has_corrupt = read.corrupt != ROW_NO_COLUMN;
    /* An empty text is a record of nulls, and a good one. */
    bool bad = r == 0 && n_found != type.n_children - (uint32_t)has_corrupt;
    if (r == -ENODATA)
        r = 0;
    if (r == 0) {
        take_fields(&o, type, read.corrupt, found, n_found, items, &bad);
        if (has_corrupt && bad)
            items[read.corrupt] = (NestedItem){.value.s = *text};
        r = nested_record(c->arena, type, items, &ret->value.s);
    }
    (void)csv_scan_free(scan);
    if (r == 0 && bad && read.fail_fast)
        return nested_fail_value(c, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", "22023",
                                 "Malformed records are detected in record parsing. Parse Mode: "
                                 "FAILFAST. To process malformed records as null result, try "
                                 "setting the option 'mode' as 'PERMISSIVE'.");
    return r == -E2BIG ? -EMSGSIZE : r;
}

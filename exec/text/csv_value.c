/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/kernel/civil.h"
#include "exec/kernel/decimal.h"
#include "exec/text/csv.h"

/* Fields as values, and what values fields could be. */

static bool field_is(const CsvField *field, const char *word)
{
    return strlen(word) == field->n && memcmp(field->text, word, field->n) == 0;
}

static bool field_is_word(const CsvField *field, const char *word)
{
    return strlen(word) == field->n && strncasecmp((const char *)field->text, word, field->n) == 0;
}

bool csv_is_null(const CsvOptions *options, const CsvField *field)
{
    return !field->text || field_is(field, options->null_value);
}

static bool number(const CsvOptions *o, const CsvField *f, double *ret)
{
    if (text_double((const char *)f->text, f->n, ret))
        return true;
    if (field_is(f, o->nan_value))
        *ret = (double)NAN;
    else if (field_is(f, o->positive_inf))
        *ret = (double)INFINITY;
    else if (field_is(f, o->negative_inf))
        *ret = -(double)INFINITY;
    else
        return false;
    return true;
}

/* Commas between the digits are of no account. Return: length, or 0: too long. */
static uint32_t without_commas(const CsvField *f, char buf[100])
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < f->n; i++) {
        if (f->text[i] == ',')
            continue;
        if (n == 100)
            return 0;
        buf[n++] = (char)f->text[i];
    }
    return n;
}

static bool decimal(const CsvField *f, Type type, void *values, uint32_t row)
{
    char buf[100];
    uint32_t n = without_commas(f, buf);
    __int128 v;

    if (n == 0 || dec_parse(buf, n, type.scale, &v) != 0 || !dec_fits(v, type.precision))
        return false;
    if (type.precision <= 18)
        ((int64_t *)values)[row] = (int64_t)v;
    else
        ((__int128 *)values)[row] = v;
    return true;
}

static bool day(const CsvOptions *o, const CsvField *f, int32_t *ret)
{
    const char *text = (const char *)f->text;
    int64_t micros;
    bool offset;

    if (!o->text.has_date_format)
        return civil_parse_date(text, f->n, ret);
    if (!text_by_pattern(&o->text.date_format, text, f->n, &micros, &offset))
        return false;
    *ret = (int32_t)civil_floor_div(micros, INT64_C(86400000000));
    return true;
}

static bool instant(const CsvOptions *o, const CsvField *f, int64_t *ret)
{
    const char *text = (const char *)f->text;
    bool offset;

    if (!o->text.has_timestamp_format)
        return zone_parse_instant(o->text.zone, text, f->n, ret);
    if (!text_by_pattern(&o->text.timestamp_format, text, f->n, ret, &offset))
        return false;
    if (!offset)
        *ret = zone_instant(o->text.zone, *ret);
    return true;
}

static bool wall(const CsvOptions *o, const CsvField *f, int64_t *ret)
{
    const char *text = (const char *)f->text;
    CivilClock clock;
    bool offset;

    if (o->text.has_timestamp_format)
        return text_by_pattern(&o->text.timestamp_format, text, f->n, ret, &offset) && !offset;
    if (!civil_parse_clock(text, f->n, &clock) || clock.zone)
        return false;
    *ret = clock.wall;
    return true;
}

bool csv_value(const CsvOptions *o, const CsvField *f, Type type, void *values, uint32_t row)
{
    int64_t i;
    double d;

    switch (type.kind) {
    case TYPE_BOOLEAN:
        ((uint8_t *)values)[row] = field_is_word(f, "true");
        return ((uint8_t *)values)[row] || field_is_word(f, "false");
    case TYPE_BYTE:
        if (!text_integer((const char *)f->text, f->n, &i) || i != (int8_t)i)
            return false;
        ((int8_t *)values)[row] = (int8_t)i;
        return true;
    case TYPE_SHORT:
        if (!text_integer((const char *)f->text, f->n, &i) || i != (int16_t)i)
            return false;
        ((int16_t *)values)[row] = (int16_t)i;
        return true;
    case TYPE_INT:
        if (!text_integer((const char *)f->text, f->n, &i) || i != (int32_t)i)
            return false;
        ((int32_t *)values)[row] = (int32_t)i;
        return true;
    case TYPE_LONG:
        return text_integer((const char *)f->text, f->n, &((int64_t *)values)[row]);
    case TYPE_FLOAT:
        if (!number(o, f, &d))
            return false;
        ((float *)values)[row] = (float)d;
        return true;
    case TYPE_DOUBLE:
        return number(o, f, &((double *)values)[row]);
    case TYPE_DECIMAL:
        return decimal(f, type, values, row);
    case TYPE_DATE:
        return day(o, f, &((int32_t *)values)[row]);
    case TYPE_TIMESTAMP:
        return instant(o, f, &((int64_t *)values)[row]);
    case TYPE_TIMESTAMP_NTZ:
        return wall(o, f, &((int64_t *)values)[row]);
    default: /* STRING, BINARY */
        ((VecString *)values)[row] = vec_string((const char *)f->text, f->n);
        return true;
    }
}

/* --- inference -------------------------------------------------------------------------------- */

/* The order in which types are tried; a type seen before is where a field begins. */
typedef enum Step {
    STEP_INT,
    STEP_LONG,
    STEP_DECIMAL,
    STEP_DOUBLE,
    STEP_DATE,
    STEP_TIMESTAMP,
    STEP_BOOLEAN,
    STEP_STRING,
} Step;

static Step step_of(Type type)
{
    switch (type.kind) {
    case TYPE_LONG:
        return STEP_LONG;
    case TYPE_DECIMAL:
        return STEP_DECIMAL;
    case TYPE_DOUBLE:
        return STEP_DOUBLE;
    case TYPE_DATE:
        return STEP_DATE;
    case TYPE_TIMESTAMP:
        return STEP_TIMESTAMP;
    case TYPE_BOOLEAN:
        return STEP_BOOLEAN;
    case TYPE_STRING:
        return STEP_STRING;
    default:
        return STEP_INT;
    }
}

/* A decimal only when it has no fraction and is not written with a power of ten beyond that. */
static bool infer_decimal(const CsvField *f, Type *ret)
{
    char buf[100];
    uint32_t n = without_commas(f, buf), precision;
    __int128 v;

    if (n == 0 || !text_whole(buf, n, &precision, &v))
        return false;
    if (memchr(buf, 'e', n) || memchr(buf, 'E', n))
        return false;
    *ret = TYPE_DECIMAL_OF(precision, 0);
    return true;
}

static Type infer_from(const CsvOptions *o, Step step, const CsvField *f)
{
    const char *text = (const char *)f->text;
    int64_t i;
    int32_t d;
    double x;
    Type type;

    if (step == STEP_STRING)
        return TYPE(STRING);
    if (step <= STEP_LONG && text_integer(text, f->n, &i))
        return step == STEP_INT && i == (int32_t)i ? TYPE(INT) : TYPE(LONG);
    if (step <= STEP_DECIMAL && infer_decimal(f, &type))
        return type;
    if (step <= STEP_DOUBLE && number(o, f, &x))
        return TYPE(DOUBLE);
    if (step <= STEP_DATE &&
        (o->text.has_date_format || text_has_shape(text, f->n, "dddd-dd-dd")) && day(o, f, &d))
        return TYPE(DATE);
    if (step <= STEP_TIMESTAMP && instant(o, f, &i))
        return TYPE(TIMESTAMP);
    return field_is_word(f, "true") || field_is_word(f, "false") ? TYPE(BOOLEAN) : TYPE(STRING);
}

static uint32_t digits_of(Type t)
{
    return t.kind == TYPE_INT ? 10 : t.kind == TYPE_LONG ? 20 : t.precision;
}

static Type unite(Type a, Type b)
{
    bool wholes = step_of(a) <= STEP_DECIMAL && step_of(b) <= STEP_DECIMAL;

    if (a.kind == TYPE_NULL || type_equal(a, b))
        return b;
    if (wholes && (a.kind == TYPE_DECIMAL || b.kind == TYPE_DECIMAL))
        return TYPE_DECIMAL_OF(MAX(digits_of(a), digits_of(b)), 0);
    if (wholes)
        return TYPE(LONG);
    if (step_of(a) <= STEP_DOUBLE && step_of(b) <= STEP_DOUBLE)
        return TYPE(DOUBLE);
    if ((a.kind == TYPE_DATE || a.kind == TYPE_TIMESTAMP) &&
        (b.kind == TYPE_DATE || b.kind == TYPE_TIMESTAMP))
        return TYPE(TIMESTAMP);
    return TYPE(STRING);
}

Type csv_infer(const CsvOptions *options, Type so_far, const CsvField *field)
{
    if (so_far.kind == TYPE_STRING || !field->text || field->n == 0 || csv_is_null(options, field))
        return so_far;
    return unite(so_far, infer_from(options, step_of(so_far), field));
}

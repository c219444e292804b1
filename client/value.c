/* SPDX-License-Identifier: Apache-2.0 */
#include "client/value.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/json.h"

/*
 * The shortest decimal text that reads back as the same number, in Java's form, as Spark's show()
 * has it: plain with at least one digit behind the point from 0.001 up to ten millions, "1.0E20"
 * beyond.
 */
static void print_double(FILE *out, double v, int digits_max)
{
    if (isnan(v)) {
        fputs("NaN", out);
        return;
    }
    if (isinf(v)) {
        fputs(v > 0 ? "Infinity" : "-Infinity", out);
        return;
    }
    char text[40], digits[24] = "";
    for (int n = 0; n < digits_max; n++) {
        (void)snprintf(text, sizeof(text), "%.*e", n, fabs(v));
        if (digits_max == 9 ? strtof(text, NULL) == (float)fabs(v) : strtod(text, NULL) == fabs(v))
            break;
    }
    int n_digits = 0;
    for (const char *p = text; *p && *p != 'e'; p++)
        if (*p != '.')
            digits[n_digits++] = *p;
    int exponent = atoi(strchr(text, 'e') + 1);

    if (signbit(v))
        fputc('-', out);
    bool plain = v == 0 || (exponent >= -3 && exponent < 7);
    int before = plain ? exponent + 1 : 1; /* digits in front of the point */
    if (before <= 0)
        fputc('0', out);
    for (int i = 0; i < before; i++)
        fputc(i < n_digits ? digits[i] : '0', out);
    fputc('.', out);
    for (int i = before; i < 0; i++)
        fputc('0', out);
    if (before >= n_digits)
        fputc('0', out);
    else
        fputs(digits + MAX(before, 0), out);
    if (!plain)
        fprintf(out, "E%d", exponent);
}

static void print_decimal(FILE *out, const uint8_t *bytes, int32_t scale)
{
    __int128 v;
    memcpy(&v, bytes, sizeof(v));
    unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    char digits[48];
    int n = 0;
    do {
        digits[n++] = (char)('0' + (int)(u % 10));
        u /= 10;
    } while (u > 0 || n <= scale);
    if (v < 0)
        fputc('-', out);
    for (int i = n - 1; i >= 0; i--) {
        fputc(digits[i], out);
        if (i == scale && scale > 0)
            fputc('.', out);
    }
}

/* Days since 1970 to a proleptic Gregorian date (Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms"). */
static void print_date(FILE *out, int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    unsigned day = doy - (153 * mp + 2) / 5 + 1;
    unsigned month = mp < 10 ? mp + 3 : mp - 9;
    int64_t year = (int64_t)yoe + era * 400 + (month <= 2);
    fprintf(out, "%04" PRId64 "-%02u-%02u", year, month, day);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static void print_clock(FILE *out, int64_t usec)
{
    int64_t days = floor_div(usec, INT64_C(86400000000));
    int64_t rest = usec - days * INT64_C(86400000000);
    print_date(out, days);
    int64_t seconds = rest / 1000000, fraction = rest % 1000000;
    fprintf(out, " %02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
            (int)(seconds % 60));
    if (fraction == 0)
        return;
    char text[16];
    int n = snprintf(text, sizeof(text), ".%06d", (int)fraction);
    while (n > 0 && text[n - 1] == '0')
        text[--n] = '\0';
    fputs(text, out);
}

/* Moves an instant to the clock of its zone; the zone's rules are glibc's. */
static int64_t to_zone(int64_t usec, const char *zone)
{
    if (!zone || strcmp(zone, "UTC") == 0)
        return usec;
    if (!getenv("TZ") || strcmp(getenv("TZ"), zone) != 0) {
        (void)setenv("TZ", zone, 1);
        tzset();
    }
    time_t t = (time_t)floor_div(usec, 1000000);
    struct tm tm;
    return localtime_r(&t, &tm) ? usec + (int64_t)tm.tm_gmtoff * 1000000 : usec;
}

static void print_duration(FILE *out, int64_t usec)
{
    uint64_t u = usec < 0 ? -(uint64_t)usec : (uint64_t)usec;
    fprintf(out, "INTERVAL '%s%" PRIu64 " %02d:%02d:%02d", usec < 0 ? "-" : "",
            u / UINT64_C(86400000000), (int)(u / UINT64_C(3600000000) % 24),
            (int)(u / 60000000 % 60), (int)(u / 1000000 % 60));
    if (u % 1000000)
        fprintf(out, ".%06d", (int)(u % 1000000));
    fputs("' DAY TO SECOND", out);
}

static void print_text(FILE *out, const char *text, size_t n_bytes, bool quoted)
{
    if (!quoted) {
        fwrite(text, 1, n_bytes, out);
        return;
    }
    JsonWriter w;
    json_init(&w, out);
    json_string_n(&w, text, n_bytes);
}

static void print_nested(FILE *out, const ArrowField *f, const ArrowColumn *c, int64_t row,
                         bool json)
{
    void (*print)(FILE *, const ArrowField *, const ArrowColumn *, int64_t, bool) = value_print;
    if (f->type == ARROW_TYPE_STRUCT) {
        fputc('{', out);
        for (uint32_t i = 0; i < f->n_children; i++) {
            fputs(i ? ", " : "", out);
            if (json) {
                print_text(out, f->children[i].name, strlen(f->children[i].name), true);
                fputs(": ", out);
                value_print_json(out, &f->children[i], &c->children[i], row);
            } else {
                print(out, &f->children[i], &c->children[i], row, false);
            }
        }
        fputc('}', out);
        return;
    }
    bool map = f->type == ARROW_TYPE_MAP;
    const ArrowField *item = f->children;
    const ArrowColumn *items = c->children;
    fputc(map && !json ? '{' : '[', out);
    for (int32_t i = c->offsets[row]; i < c->offsets[row + 1]; i++) {
        fputs(i > c->offsets[row] ? ", " : "", out);
        if (json) {
            value_print_json(out, item, items, i);
        } else if (map) {
            print(out, &item->children[0], &items->children[0], i, false);
            fputs(" -> ", out);
            print(out, &item->children[1], &items->children[1], i, false);
        } else {
            print(out, item, items, i, false);
        }
    }
    fputc(map && !json ? '}' : ']', out);
}

void value_print(FILE *out, const ArrowField *f, const ArrowColumn *c, int64_t row, bool quoted)
{
    if (f->type == ARROW_TYPE_NULL || !arrow_is_valid(c, row)) {
        fputs("NULL", out);
        return;
    }
    const uint8_t *data = c->data;
    switch (f->type) {
    case ARROW_TYPE_BOOL:
        fputs(data[row / 8] >> (row % 8) & 1 ? "true" : "false", out);
        break;
    case ARROW_TYPE_INT8:
        fprintf(out, "%d", ((const int8_t *)data)[row]);
        break;
    case ARROW_TYPE_INT16:
        fprintf(out, "%d", ((const int16_t *)data)[row]);
        break;
    case ARROW_TYPE_INT32:
        fprintf(out, "%" PRId32, ((const int32_t *)data)[row]);
        break;
    case ARROW_TYPE_INT64:
        fprintf(out, "%" PRId64, ((const int64_t *)data)[row]);
        break;
    case ARROW_TYPE_FLOAT:
        print_double(out, (double)((const float *)data)[row], 9);
        break;
    case ARROW_TYPE_DOUBLE:
        print_double(out, ((const double *)data)[row], 17);
        break;
    case ARROW_TYPE_DECIMAL128:
        print_decimal(out, data + row * 16, f->scale);
        break;
    case ARROW_TYPE_UTF8:
        print_text(out, (const char *)data + c->offsets[row],
                   (size_t)(c->offsets[row + 1] - c->offsets[row]), quoted);
        break;
    case ARROW_TYPE_BINARY:
        for (int32_t i = c->offsets[row]; i < c->offsets[row + 1]; i++)
            fprintf(out, "%02X", data[i]);
        break;
    case ARROW_TYPE_DATE32:
        print_date(out, ((const int32_t *)data)[row]);
        break;
    case ARROW_TYPE_TIMESTAMP:
        print_clock(out, to_zone(((const int64_t *)data)[row], f->timezone));
        break;
    case ARROW_TYPE_DURATION:
        print_duration(out, ((const int64_t *)data)[row]);
        break;
    default:
        print_nested(out, f, c, row, false);
        break;
    }
}

void value_print_json(FILE *out, const ArrowField *f, const ArrowColumn *c, int64_t row)
{
    if (f->type == ARROW_TYPE_NULL || !arrow_is_valid(c, row)) {
        fputs("null", out);
        return;
    }
    switch (f->type) {
    case ARROW_TYPE_FLOAT:
    case ARROW_TYPE_DOUBLE: {
        double v = f->type == ARROW_TYPE_FLOAT ? (double)((const float *)c->data)[row]
                                               : ((const double *)c->data)[row];
        if (!isfinite(v)) { /* JSON has no such numbers */
            fputc('"', out);
            value_print(out, f, c, row, false);
            fputc('"', out);
            return;
        }
        value_print(out, f, c, row, false);
        return;
    }
    case ARROW_TYPE_BOOL:
    case ARROW_TYPE_INT8:
    case ARROW_TYPE_INT16:
    case ARROW_TYPE_INT32:
    case ARROW_TYPE_INT64:
    case ARROW_TYPE_DECIMAL128:
        value_print(out, f, c, row, false);
        return;
    case ARROW_TYPE_UTF8:
        value_print(out, f, c, row, true);
        return;
    case ARROW_TYPE_LIST:
    case ARROW_TYPE_MAP:
    case ARROW_TYPE_STRUCT:
        print_nested(out, f, c, row, true);
        return;
    default: /* dates and the like: text */
        fputc('"', out);
        value_print(out, f, c, row, false);
        fputc('"', out);
        return;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/arrow/batch_internal.h"

/* One pass for each kind of conversion, into memory of the batch. Rows that are null stay zero. */

#define USEC_PER_DAY INT64_C(86400000000)
#define MSEC_PER_DAY INT64_C(86400000)

size_t arrow_node_width(const ArrowNode *node)
{
    switch (node->wire) {
    case WIRE_TIMESTAMP:
    case WIRE_DURATION:
        return 8;
    default:
        return node->width;
    }
}

static void *room(ArrowConvert *convert, const ArrowColumn *c, size_t width)
{
    return arrow_take(convert->memory, (size_t)c->length + 1, width);
}

static int beyond(ArrowConvert *convert, const ArrowField *f, const char *what)
{
    return arrow_refuse(convert->reason, -EBADMSG, "field \"%s\" has %s", f->name, what);
}

static int convert_times(ArrowConvert *convert, const ArrowField *f, const ArrowNode *node,
                         ArrowColumn *c)
{
    static const int32_t factors[] = {
        [UNIT_SECOND] = 1000000, [UNIT_MILLISECOND] = 1000, [UNIT_MICROSECOND] = 1};
    const int64_t *from = c->data;
    int64_t *to = room(convert, c, sizeof(*to));
    if (!to)
        return -ENOMEM;
    for (int64_t i = 0; i < c->length; i++) {
        if (!arrow_is_valid(c, i))
            continue;
        if (node->unit == UNIT_NANOSECOND)
            to[i] = from[i] / 1000 - (from[i] % 1000 < 0);
        else if (__builtin_mul_overflow(from[i], (int64_t)factors[node->unit], &to[i]))
            return beyond(convert, f, "a time that microseconds cannot hold");
    }
    c->data = to;
    return 0;
}

static int convert_dates(ArrowConvert *convert, const ArrowField *f, ArrowColumn *c)
{
    const int64_t *from = c->data;
    int32_t *to = room(convert, c, sizeof(*to));
    if (!to)
        return -ENOMEM;
    for (int64_t i = 0; i < c->length; i++) {
        if (!arrow_is_valid(c, i))
            continue;
        int64_t days = from[i] / MSEC_PER_DAY - (from[i] % MSEC_PER_DAY < 0);
        if (days < INT32_MIN || days > INT32_MAX)
            return beyond(convert, f, "a date that 32 bits cannot hold");
        to[i] = (int32_t)days;
    }
    c->data = to;
    return 0;
}

/* Days and milliseconds. */
static int convert_intervals(ArrowConvert *convert, const ArrowField *f, ArrowColumn *c)
{
    const int32_t *from = c->data;
    int64_t *to = room(convert, c, sizeof(*to));
    if (!to)
        return -ENOMEM;
    for (int64_t i = 0; i < c->length; i++) {
        int64_t days;
        if (!arrow_is_valid(c, i))
            continue;
        if (__builtin_mul_overflow((int64_t)from[2 * i], USEC_PER_DAY, &days) ||
            __builtin_add_overflow(days, (int64_t)from[2 * i + 1] * 1000, &to[i]))
            return beyond(convert, f, "an interval that microseconds cannot hold");
    }
    c->data = to;
    return 0;
}

/* Integers without a sign, as the next wider type. */
static int convert_unsigned(ArrowConvert *convert, const ArrowNode *node, ArrowColumn *c)
{
    size_t width = 2 * (size_t)node->width;
    const uint8_t *from = c->data;
    uint8_t *to = room(convert, c, width);
    if (!to)
        return -ENOMEM;
    for (int64_t i = 0; i < c->length; i++)
        memcpy(to + (size_t)i * width, from + (size_t)i * node->width, node->width);
    c->data = to;
    return 0;
}

static int convert_decimals(ArrowConvert *convert, const ArrowField *f, const ArrowNode *node,
                            ArrowColumn *c)
{
    const uint8_t *from = c->data;
    uint8_t *to = room(convert, c, 16);
    if (!to)
        return -ENOMEM;
    for (int64_t i = 0; i < c->length; i++) {
        const uint8_t *value = from + (size_t)i * node->width;
        uint8_t words[32];
        if (!arrow_is_valid(c, i))
            continue;
        /* The sign goes on to 256 bits, of which the upper half may say nothing more. */
        memset(words, value[node->width - 1] & 0x80 ? 0xFF : 0, sizeof(words));
        memcpy(words, value, node->width);
        for (size_t k = 16; k < 32; k++)
            if (words[k] != (words[15] & 0x80 ? 0xFF : 0))
                return beyond(convert, f, "a decimal of more digits than it says");
        memcpy(to + (size_t)i * 16, words, 16);
    }
    c->data = to;
    return 0;
}

static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31,
             fraction = half & 0x3FF, bits;
    float value;

    if (exponent == 0) { /* fraction * 2^-24 */
        value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static int convert_halves(ArrowConvert *convert, ArrowColumn *c)
{
    const uint16_t *from = c->data;
    float *to = room(convert, c, sizeof(*to));
    if (!to)
        return -ENOMEM;
    for (int64_t i = 0; i < c->length; i++)
        to[i] = half_to_float(from[i]);
    c->data = to;
    return 0;
}

int arrow_convert(ArrowConvert *convert, const ArrowField *f, const ArrowNode *node, ArrowColumn *c)
{
    switch (node->wire) {
    case WIRE_INT:
        return node->is_signed ? 0 : convert_unsigned(convert, node, c);
    case WIRE_FLOAT:
        return node->width == 2 ? convert_halves(convert, c) : 0;
    case WIRE_DECIMAL:
        return node->width == 16 ? 0 : convert_decimals(convert, f, node, c);
    case WIRE_DATE:
        return node->width == 8 ? convert_dates(convert, f, c) : 0;
    case WIRE_TIMESTAMP:
    case WIRE_DURATION:
        return node->unit == UNIT_MICROSECOND ? 0 : convert_times(convert, f, node, c);
    case WIRE_INTERVAL:
        return node->unit == 1 ? convert_intervals(convert, f, c) : 0;
    default:
        return 0;
    }
}

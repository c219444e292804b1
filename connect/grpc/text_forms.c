/* SPDX-License-Identifier: Apache-2.0 */
/* The forms in which gRPC writes things into HTTP headers. */
#include "connect/grpc/grpc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define TIMEOUT_DIGITS_MAX 8u

const char *grpc_code_to_string(GrpcCode code)
{
    static const char *const names[_GRPC_CODE_MAX] = {
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    };
    return (unsigned)code < _GRPC_CODE_MAX ? names[code] : "UNKNOWN";
}

int grpc_timeout_parse(const char *text, uint64_t *ret_usec)
{
    uint64_t value = 0;
    size_t n = 0;
    for (; text[n] >= '0' && text[n] <= '9'; n++) {
        if (n == TIMEOUT_DIGITS_MAX)
            return -EINVAL;
        value = value * 10 + (uint64_t)(text[n] - '0');
    }
    if (n == 0 || text[n] == 0 || text[n + 1] != 0)
        return -EINVAL;
    switch (text[n]) {
    case 'H':
        value *= 3600 * USEC_PER_SEC;
        break;
    case 'M':
        value *= 60 * USEC_PER_SEC;
        break;
    case 'S':
        value *= USEC_PER_SEC;
        break;
    case 'm':
        value *= USEC_PER_MSEC;
        break;
    case 'u':
        break;
    case 'n':
        value /= NSEC_PER_USEC;
        break;
    default:
        return -EINVAL;
    }
    *ret_usec = value;
    return 0;
}

void grpc_timeout_format(uint64_t usec, char *buf, size_t size)
{
    if (usec < 100 * USEC_PER_SEC)
        snprintf(buf, size, "%" PRIu64 "u", usec);
    else if (usec / USEC_PER_SEC < 100000000)
        snprintf(buf, size, "%" PRIu64 "S", usec / USEC_PER_SEC);
    else
        snprintf(buf, size, "99999999S");
}

size_t grpc_percent_encode(const char *text, char *buf, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;
    for (const uint8_t *p = (const uint8_t *)text; *p; p++) {
        bool plain = *p >= 0x20 && *p <= 0x7e && *p != '%';
        if (size - n <= (plain ? 1 : 3))
            break;
        if (plain) {
            buf[n++] = (char)*p;
        } else {
            buf[n++] = '%';
            buf[n++] = digits[*p >> 4];
            buf[n++] = digits[*p & 15];
        }
    }
    buf[n] = 0;
    return n;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

void grpc_percent_decode(char *text)
{
    char *to = text;
    for (const char *p = text; *p;) {
        int high = *p == '%' ? hex_digit(p[1]) : -1;
        int low = high >= 0 ? hex_digit(p[2]) : -1;
        int byte = low >= 0 ? high << 4 | low : 0;
        if (byte != 0) {
            *to++ = (char)byte;
            p += 3;
        } else {
            *to++ = *p++;
        }
    }
    *to = 0;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t grpc_base64_encode(const uint8_t *data, size_t n_bytes, char *buf)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i += 3) {
        size_t n_here = MIN(n_bytes - i, (size_t)3);
        uint32_t bits = (uint32_t)data[i] << 16;
        if (n_here > 1)
            bits |= (uint32_t)data[i + 1] << 8;
        if (n_here > 2)
            bits |= data[i + 2];
        for (size_t k = 0; k <= n_here; k++)
            buf[n++] = base64_digits[bits >> (18 - 6 * k) & 63];
    }
    buf[n] = 0;
    return n;
}

int grpc_base64_decode(const char *text, size_t n, uint8_t *ret, size_t *ret_n)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n_out = 0;

    while (n > 0 && text[n - 1] == '=')
        n--;
    if (n % 4 == 1)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        const char *digit = text[i] ? strchr(base64_digits, text[i]) : NULL;
        if (!digit)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)(digit - base64_digits);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            ret[n_out++] = (uint8_t)(bits >> n_bits);
        }
    }
    *ret_n = n_out;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int text_parse_u64(const char *text, uint64_t max, uint64_t *ret_value)
{
    if (!isdigit((unsigned char)text[0]))
        return -EINVAL;
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (*end != '\0')
        return -EINVAL;
    if (errno == ERANGE || v > max)
        return -ERANGE;
    *ret_value = v;
    return 0;
}

int text_parse_bytes(const char *text, uint64_t *ret_bytes)
{
    if (!isdigit((unsigned char)text[0]))
        return -EINVAL;
    char *end;
    long double v = 0, place = 1;
    for (end = (char *)text; isdigit((unsigned char)*end); end++)
        v = v * 10 + (*end - '0');
    if (*end == '.')
        for (end++; isdigit((unsigned char)*end); end++)
            v += (*end - '0') * (place /= 10);
    while (*end == ' ')
        end++;
    static const char units[] = "KMGT";
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (unit) {
        for (const char *u = units; u <= unit; u++)
            v *= 1024;
        end++;
        if (*end == 'i')
            end++;
    }
    if (*end == 'B')
        end++;
    if (*end != '\0')
        return -EINVAL;
    if (v >= 18446744073709551616.0L)
        return -ERANGE;
    *ret_bytes = (uint64_t)v;
    return 0;
}

char *text_format_bytes(char *buf, size_t size, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1024 && u + 1 < sizeof(units) / sizeof(units[0])) {
        v /= 1024;
        u++;
    }
    if (u == 0)
        (void)snprintf(buf, size, "%" PRIu64 " B", bytes);
    else
        (void)snprintf(buf, size, "%.1f %s", v, units[u]);
    return buf;
}

int text_parse_cpu_list(const char *text, uint64_t *bits, size_t n_bits)
{
    memset(bits, 0, (n_bits + 63) / 64 * sizeof(uint64_t));
    int n = 0;
    const char *p = text;
    while (isspace((unsigned char)*p))
        p++;
    while (*p) {
        if (!isdigit((unsigned char)*p))
            return -EINVAL;
        char *end;
        unsigned long from = strtoul(p, &end, 10), to = from;
        if (*end == '-') {
            if (!isdigit((unsigned char)end[1]))
                return -EINVAL;
            to = strtoul(end + 1, &end, 10);
        }
        if (to < from)
            return -EINVAL;
        if (to >= n_bits)
            return -ERANGE;
        for (unsigned long i = from; i <= to; i++) {
            if (!(bits[i / 64] & (UINT64_C(1) << (i % 64))))
                n++;
            bits[i / 64] |= UINT64_C(1) << (i % 64);
        }
        p = end;
        if (*p == ',') {
            p++;
            if (!isdigit((unsigned char)*p))
                return -EINVAL;
        } else {
            while (isspace((unsigned char)*p))
                p++;
            if (*p)
                return -EINVAL;
        }
    }
    return n;
}

int text_format_cpu_list(const uint64_t *bits, size_t n_bits, char *buf, size_t size)
{
    size_t used = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < n_bits; i++) {
        if (!(bits[i / 64] & (UINT64_C(1) << (i % 64))))
            continue;
        size_t last = i;
        while (last + 1 < n_bits && bits[(last + 1) / 64] & (UINT64_C(1) << ((last + 1) % 64)))
            last++;
        int n = last > i ? snprintf(buf + used, size - used, "%s%zu-%zu", used ? "," : "", i, last)
                         : snprintf(buf + used, size - used, "%s%zu", used ? "," : "", i);
        if (n < 0 || (size_t)n >= size - used)
            return -ENOSPC;
        used += (size_t)n;
        i = last;
    }
    return (int)used;
}

bool text_copy(char *dst, size_t size, const char *src)
{
    size_t n = strlen(src);
    size_t fits = n < size ? n : size - 1;
    memcpy(dst, src, fits);
    dst[fits] = '\0';
    return fits == n;
}

/* Length of the well-formed sequence at @p (Unicode table 3-7), 0 when there is none. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
    uint8_t low = 0x80, high = 0xbf;
    size_t n_more;

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n_more = 1;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n_more = 2;
        if (p[0] == 0xe0)
            low = 0xa0; /* overlong */
        else if (p[0] == 0xed)
            high = 0x9f; /* surrogates */
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n_more = 3;
        if (p[0] == 0xf0)
            low = 0x90;
        else if (p[0] == 0xf4)
            high = 0x8f; /* beyond U+10FFFF */
    } else {
        return 0;
    }
    if (n <= n_more || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i <= n_more; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n_more + 1;
}

bool text_is_utf8(const void *text, size_t n_bytes)
{
    const uint8_t *p = text;
    size_t n = n_bytes;

    while (n > 0) {
        uint64_t eight;
        if (n >= 8 && (memcpy(&eight, p, 8), (eight & UINT64_C(0x8080808080808080)) == 0)) {
            p += 8;
            n -= 8;
            continue;
        }
        size_t n_here = *p < 0x80 ? 1 : utf8_sequence(p, n);
        if (n_here == 0)
            return false;
        p += n_here;
        n -= n_here;
    }
    return true;
}

size_t text_replace_invalid(const void *text, size_t n_bytes, char *out)
{
    const uint8_t *p = text;
    size_t n_out = 0;

    while (n_bytes > 0) {
        size_t n = *p < 0x80 ? 1 : utf8_sequence(p, n_bytes);
        memcpy(out + n_out, n > 0 ? (const char *)p : "\xef\xbf\xbd", n > 0 ? n : 3);
        n_out += n > 0 ? n : 3;
        n = n > 0 ? n : 1;
        p += n;
        n_bytes -= n;
    }
    return n_out;
}

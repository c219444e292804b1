/* SPDX-License-Identifier: Apache-2.0 */
/* Dates by patterns: eight bytes of a time, pattern NUL text. What is written stays in its bounds;
 * what was written by a whole pattern reads back. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "exec/kernel/date_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const char whole[] = "yyyy-MM-dd HH:mm:ss.SSSSSSXXX";
    static char out[DATE_TEXT_MAX];
    int64_t wall;
    DatePatternTime time;
    size_t n_out = 0;

    if (n_bytes < sizeof(wall) || n_bytes > 4096)
        return 0;
    memcpy(&wall, data, sizeof(wall));
    size_t n = n_bytes - sizeof(wall);
    char *bytes = malloc(n + 1);
    assert(bytes);
    memcpy(bytes, data + sizeof(wall), n);
    const char *end = memchr(bytes, '\0', n);
    uint32_t n_pattern = (uint32_t)(end ? end - bytes : (ptrdiff_t)n);
    uint32_t from = end ? n_pattern + 1 : n_pattern;
    (void)date_pattern_parse(bytes, n_pattern, bytes + from, (uint32_t)n - from, &time);
    DatePatternError error = date_pattern_format(
        bytes, n_pattern, wall % INT64_C(253402300800000000), 0, "UTC", 3, out, &n_out);
    assert(error || n_out <= DATE_TEXT_MAX);
    /* Years 1 to 9999. */
    wall = (int64_t)((uint64_t)wall % UINT64_C(315537897600000000)) - INT64_C(62135596800000000);
    error = date_pattern_format(whole, sizeof(whole) - 1, wall, 0, "UTC", 3, out, &n_out);
    assert(!error);
    error = date_pattern_parse(whole, sizeof(whole) - 1, out, (uint32_t)n_out, &time);
    assert(!error && time.wall == wall && time.has_offset && time.offset == 0);
    free(bytes);
    return 0;
}

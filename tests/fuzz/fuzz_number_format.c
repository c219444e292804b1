/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of numbers: format NUL text. What a format reads it writes, and reads back as the same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "exec/kernel/number_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    char out[NUMBER_TEXT_MAX];
    NumberFormat f;
    __int128 value, again;

    if (n_bytes > 4096)
        return 0;
    char *bytes = malloc(n_bytes + 1);
    assert(bytes);
    memcpy(bytes, data, n_bytes);
    const char *end = memchr(bytes, '\0', n_bytes);
    size_t n = end ? (size_t)(end - bytes) : n_bytes, from = end ? n + 1 : n;
    if (number_format_read(bytes, n, &f) == NUMBER_FORMAT_OK) {
        assert(f.n_before + f.n_after <= NUMBER_DIGITS_MAX);
        if (number_format_parse(&f, bytes + from, n_bytes - from, &value)) {
            size_t k = number_format_put(&f, value, f.n_after, out);
            assert(k <= sizeof(out));
            /* Without a digit there is nothing to read. */
            if (value != 0) {
                bool same = number_format_parse(&f, out, k, &again);
                assert(same && again == (f.sign || value > 0 ? value : -value));
            }
        }
    }
    free(bytes);
    return 0;
}

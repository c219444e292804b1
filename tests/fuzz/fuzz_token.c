/* SPDX-License-Identifier: Apache-2.0 */
/* What a client shows as its token: any text is none, or the one text of the token that it names.
 */
#include <stdlib.h>
#include <string.h>

#include "base/token_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    char text[128], again[TOKEN_TEXT];
    Token t;
    if (n_bytes >= sizeof(text))
        return 0;
    if (n_bytes > 0)
        memcpy(text, data, n_bytes);
    text[n_bytes] = 0;
    if (!token_parse(text, &t))
        return 0;
    token_format(&t, again);
    if (strcmp(text, again) != 0)
        abort();
    return 0;
}

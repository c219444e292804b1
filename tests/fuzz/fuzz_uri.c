/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a URI: each lies inside the text, behind the one before; repaired text is UTF-8. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "exec/expr/uri.h"
#include "exec/expr/utf8.h"

#define TEXT_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void inside(UriPart part, uint32_t from, uint32_t to)
{
    assert(!part.is_there || (part.from >= from && part.n <= to - part.from && part.from <= to));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes > TEXT_MAX)
        return 0;
    uint32_t n = (uint32_t)n_bytes;
    char *text = malloc(n_bytes + 1), *repaired = malloc(3 * n_bytes + 1);
    assert(text && repaired);
    memcpy(text, data, n_bytes);
    Uri uri;
    if (uri_parse(text, n, &uri)) {
        const UriPart parts[] = {uri.scheme, uri.authority, uri.path, uri.query, uri.fragment};
        uint32_t at = 0;
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            inside(parts[i], at, n);
            at = parts[i].is_there ? parts[i].from + parts[i].n : at;
        }
        inside(uri.user, uri.authority.from, uri.authority.from + uri.authority.n);
        inside(uri.host, uri.authority.from, uri.authority.from + uri.authority.n);
    }
    uint32_t k = utf8_repair(text, n, repaired);
    assert(k <= 3 * n && utf8_valid(repaired, k));
    assert(!utf8_valid(text, n) || (k == n && memcmp(text, repaired, n) == 0));
    free(repaired);
    free(text);
    return 0;
}

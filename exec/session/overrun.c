/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/session/overrun.h"

#include <string.h>
#include <sys/mman.h>

#include "base/data_frame.h"
#include "base/text.h"

#define PAGE_BYTES 4096u

void overrun_configure(_Atomic uint64_t *bytes, const char *payload, size_t n_payload)
{
    const char *p = payload, *end = payload + n_payload;
    while (p < end) {
        const char *key = p, *value = p + strlen(p) + 1;
        p = value + strlen(value) + 1;
        if (strcmp(key, OVERRUN_KEY) != 0)
            continue;
        uint64_t parsed = 0;
        if (strcmp(value, DATA_CONFIG_UNSET) != 0 && text_parse_bytes(value, &parsed) < 0)
            parsed = 0;
        atomic_store(bytes, parsed <= OVERRUN_BYTES_MAX ? parsed : 0);
    }
}

void *overrun_take(uint64_t bytes, const atomic_bool *cancelled)
{
    if (bytes == 0)
        return NULL;
    volatile unsigned char *p =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    for (uint64_t i = 0; i < bytes && !atomic_load_explicit(cancelled, memory_order_relaxed);
         i += PAGE_BYTES)
        p[i] = 1;
    return (void *)p;
}

void overrun_free(void *mapping, uint64_t bytes)
{
    if (mapping)
        (void)munmap(mapping, bytes);
}

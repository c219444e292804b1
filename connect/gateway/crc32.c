/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/gateway/crc32.h"

#include <pthread.h>
#include <string.h>

/* The polynomial of IEEE 802.3, lowest bit first. */
#define POLYNOMIAL UINT32_C(0xedb88320)

/* tables[k][b]: what byte b changes when k more bytes follow it. */
static uint32_t tables[8][256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t c = b;
        for (unsigned bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
        tables[0][b] = c;
    }
    for (unsigned k = 1; k < 8; k++)
        for (uint32_t b = 0; b < 256; b++)
            tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xff];
}

uint32_t crc32_update(uint32_t crc, const void *data, size_t n_bytes)
{
    const uint8_t *p = data;
    pthread_once(&made, make_tables);
    crc = ~crc;
    for (; n_bytes >= 8; n_bytes -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, sizeof(w)); /* little-endian, as everything here */
        w ^= crc;
        crc = 0;
        for (unsigned k = 0; k < 8; k++)
            crc ^= tables[7 - k][w >> 8 * k & 0xff];
    }
    for (; n_bytes > 0; n_bytes--, p++)
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
    return ~crc;
}

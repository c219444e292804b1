/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* SHA-256 (FIPS 180-4) of what fits into one block: what is kept of a token. */

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32u
#define SHA256_SHORT_MAX 55u

void sha256_short(const void *data, size_t n_bytes, uint8_t ret[SHA256_BYTES]);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* SHA-256 of short texts (FIPS 180-4): what is kept of a token. Not for bulk data. */

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32u

void sha256(const void *data, size_t n_bytes, uint8_t ret[SHA256_BYTES]);

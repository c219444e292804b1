/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Digests of whole texts, and Spark's hash of values.
 * Sources: RFC 1321 (MD5), FIPS 180-4 (SHA), Appleby, MurmurHash3 (public domain).
 */

#include <stddef.h>
#include <stdint.h>

typedef enum DigestKind {
    DIGEST_MD5,
    DIGEST_SHA1,
    DIGEST_SHA224,
    DIGEST_SHA256,
    DIGEST_SHA384,
    DIGEST_SHA512,
} DigestKind;

#define DIGEST_BYTES_MAX 64u

/* Return: bytes written to @out. */
size_t digest(DigestKind kind, const void *bytes, size_t n, uint8_t out[DIGEST_BYTES_MAX]);

/*
 * Murmur3 of 32 bits as Spark has it: each byte behind the last whole word is a word of its own,
 * with its sign.
 */
int32_t murmur3_int(int32_t value, int32_t seed);
int32_t murmur3_long(int64_t value, int32_t seed);
int32_t murmur3_bytes(const void *bytes, size_t n, int32_t seed);

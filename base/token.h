/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bearer tokens: how they are written, and the record that is kept of one.
 *
 *   berth_0123456789abcdef_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq
 *         the id, public   the secret, 32 bytes from the kernel in base64 for URLs
 *
 * The record is a file named after the id in TOKEN_DIRECTORY. Whose token it is, the kernel says:
 * the file's owner. It holds a hash of the secret, so reading it makes nobody anybody else; and
 * since the secret is as long as its hash, no slow hash is needed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/sha256.h"

#define TOKEN_DIRECTORY "/var/lib/berth/tokens"
#define TOKEN_SECRET_BYTES 32u
#define TOKEN_ID_TEXT 17u /* with NUL */
#define TOKEN_LABEL_MAX 64u

typedef struct Token {
    uint8_t id[8];
    uint8_t secret[TOKEN_SECRET_BYTES];
} Token;

/* The whole file, in the byte order of the machine: it does not travel. */
typedef struct TokenRecord {
    uint32_t magic, version;
    uint64_t made_usec, expires_usec; /* since 1970; expires 0: never */
    uint8_t hash[SHA256_BYTES];
    char label[TOKEN_LABEL_MAX]; /* for its owner; ends with NUL */
} TokenRecord;

#define TOKEN_MAGIC 0x4b4f5442u /* "BTOK" */
#define TOKEN_VERSION 1u

void token_format_id(const Token *t, char text[TOKEN_ID_TEXT]);
/* The same time for all bytes. */
bool token_equal(const void *a, const void *b, size_t n_bytes);

enum {
    TOKEN_E_UNKNOWN = 1, /* no such token, or another secret: one answer for both */
    TOKEN_E_EXPIRED,
};

/**
 * token_check() - whose token is it?
 * @directory: descriptor of TOKEN_DIRECTORY
 * @now_usec:  since 1970
 *
 * Believed is a regular file of the right size with one name, which nobody but its owner may write.
 * A token of uid 0 is never believed. Return: 0 and the owner; TOKEN_E_*; negative errno.
 */
int token_check(int directory, const Token *t, uint64_t now_usec, uid_t *ret_uid);

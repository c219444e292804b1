/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * text_parse_u64() - a whole decimal number, nothing before or after it
 * Return: 0; -EINVAL for anything else; -ERANGE above @max.
 */
int text_parse_u64(const char *text, uint64_t max, uint64_t *ret_value);

/**
 * text_parse_bytes() - "512", "64M", "1G", "1.5G" (powers of 1024; K, M, G, T with an optional iB
 * or B) Return: 0; -EINVAL; -ERANGE above UINT64_MAX.
 */
int text_parse_bytes(const char *text, uint64_t *ret_bytes);

/* "1.5 GiB", "312 B" into @buf. Return: @buf. */
char *text_format_bytes(char *buf, size_t size, uint64_t bytes);

/**
 * text_parse_cpu_list() - "0-3,8" of sysfs and cpuset files into a bitmap
 * @bits:    out, n_bits bits, lowest first; cleared before
 * Return: number of CPUs set; -EINVAL; -ERANGE when a number is not below @n_bits.
 */
int text_parse_cpu_list(const char *text, uint64_t *bits, size_t n_bits);

/* The reverse of text_parse_cpu_list(). Return: length, or -ENOSPC. */
int text_format_cpu_list(const uint64_t *bits, size_t n_bits, char *buf, size_t size);

/* Copies what fits and always ends with NUL. Return: false when it was cut. */
bool text_copy(char *dst, size_t size, const char *src);

/* Is it well-formed UTF-8 (no overlong forms, no surrogates)? @text may be NULL when @n_bytes is 0.
 */
bool text_is_utf8(const void *text, size_t n_bytes);
/* Each byte that belongs to no valid sequence becomes U+FFFD. @out has room for 3 * @n_bytes.
 * Return: bytes written. */
size_t text_replace_invalid(const void *text, size_t n_bytes, char *out);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/**
 * crc32_update() - the checksum of gzip, PNG and Ethernet, of bytes that follow others
 * @crc:    of the bytes before; 0 at the beginning
 * @data:   borrowed; may be NULL when @n_bytes is 0
 *
 * Eight bytes a step by tables that are made at the first call; thread-safe.
 * Return: the checksum so far.
 */
uint32_t crc32_update(uint32_t crc, const void *data, size_t n_bytes);

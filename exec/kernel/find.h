/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/**
 * find_bytes() - the first place of @needle in @text
 * For needles of a few bytes in texts of tens to hundreds, where what a call costs matters more
 * than how it scales; never reads outside of the two. Return: a pointer into @text, or NULL. An
 * empty needle is found at the beginning.
 */
const char *find_bytes(const char *text, size_t n, const char *needle, size_t m);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#define REGEX_LITERAL_MAX 64u

/**
 * regex_required_literal() - bytes that occur in every text that the pattern matches
 * Looks at the top level of the pattern only, and gives up on all that it is not sure of.
 * @out:  REGEX_LITERAL_MAX bytes
 * Return: how many; 0 when nothing is known.
 */
uint32_t regex_required_literal(const char *pattern, uint32_t n, char *out);

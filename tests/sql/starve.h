/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * malloc that fails once: in a program linked with --wrap=malloc, calloc and realloc, so in all
 * code of ours and in none of the C library's.
 */

#include <stdbool.h>
#include <stdint.h>

/* The @nth allocation from now on, by whichever thread, fails; 0: none does. */
void starve_malloc(uint64_t nth);
/* The calling thread's allocations are the test's own: they neither count nor fail. */
void starve_pause(bool pause);

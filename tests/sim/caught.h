/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For programs that were built with a fault: does any seed notice it? */

#include <stdbool.h>
#include <stdint.h>

/* Each seed in a process of its own, as @run ends it by SIGABRT when something is wrong. */
bool is_caught(uint64_t from, uint64_t to, void (*run)(uint64_t seed));

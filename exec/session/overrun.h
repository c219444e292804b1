/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Fault injection for the memory ladder: a query that takes memory without asking for it first, as
 * a bug in our accounting would. It tests steps 2 and 4 of the ladder (trip wire, restart larger),
 * which a correct executor never reaches. A tenant who sets it harms nobody else: the cgroup that
 * fills up is the tenant's own.
 *
 *   spark.berth.test.overrunBytes   how much each query takes beside what it needs; unset or 0:
 * nothing
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OVERRUN_KEY "spark.berth.test.overrunBytes"
/* More than this is a typing error. */
#define OVERRUN_BYTES_MAX (UINT64_C(1) << 40)

/* Reads the key from the payload of a DATA_CONFIG frame that service_config() has accepted, if it
 * is there. */
void overrun_configure(_Atomic uint64_t *bytes, const char *payload, size_t n_payload);

/*
 * Maps and touches @bytes from the first page to the last; stops when *@cancelled becomes true.
 * Return: the mapping for overrun_free(), or NULL when there is nothing to take.
 */
void *overrun_take(uint64_t bytes, const atomic_bool *cancelled);
void overrun_free(void *mapping, uint64_t bytes);

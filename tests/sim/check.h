/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "scheduler/scheduler.h"

/* Walks over all of the scheduler's state and asserts that it agrees with itself: sums, counts,
 * owners. */
void check_sched(const Sched *s);

/* Of everything that the scheduler knows: the same as long as nothing changes. */
uint64_t check_digest(const Sched *s);

/*
 * Fairness: no tenant has begun a query with a slot of its own while another one, which runs two or
 * more fewer, had one waiting that nothing but the lack of this slot kept back; but for queries
 * that had been overtaken as often as may be.
 *
 * check_before() remembers who runs how much, by tenant, before an event.
 */
uint64_t check_before(const Sched *s, uint32_t *ran);
void check_fairness(const Sched *s, const uint32_t *ran_before, uint64_t n_admitted_before);

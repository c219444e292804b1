/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "scheduler/scheduler.h"

/* Walks over all of the scheduler's state and asserts that it agrees with itself: sums, counts,
 * owners. */
void check_sched(const Sched *s);

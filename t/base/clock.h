/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define NSEC_PER_USEC UINT64_C(1000)

/* Microseconds of CLOCK_MONOTONIC. Cannot fail. */
uint64_t clock_now_usec(void);
/* Nanoseconds of CLOCK_MONOTONIC, for measuring. Cannot fail. */
uint64_t clock_now_nsec(void);
/* Microseconds since 1970 of CLOCK_REALTIME, for records that people read. Cannot fail. */
uint64_t clock_realtime_usec(void);

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

static uint64_t read_nsec(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

uint64_t clock_now_usec(void)
{
    return read_nsec(CLOCK_MONOTONIC) / NSEC_PER_USEC;
}

uint64_t clock_now_nsec(void)
{
    return read_nsec(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_usec(void)
{
    return read_nsec(CLOCK_REALTIME) / NSEC_PER_USEC;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Default values, and which values are possible. */
#include <errno.h>
#include <stdio.h>

#include "scheduler/scheduler_internal.h"

SchedConfig sched_config_default(uint64_t memory_bytes)
{
    /* The rest is for the kernel, its page cache and everything else on the host. */
    uint64_t budget =
        memory_bytes - MAX(memory_bytes / 8, MIN(memory_bytes / 4, UINT64_C(1024) * MIB));
    return (SchedConfig){
        .memory_budget_bytes = budget,
        .memory_reserve_bytes = budget / 16,
        .floor_bytes = 32 * MIB,
        .sessions_max = 256,
        .tenant_sessions_max = 32,
        .tenant_queries_max = 128,
        .queue_max = 1024,
        .n_warm = 2,
        .slot_cpus = 1,
        .slots_per_cpu = {2, 1},
        .cpu_weight = {400, 100},
        .interactive_scan_bytes = 1024 * MIB,
        .interactive_usec = 5 * USEC_PER_SEC,
        .thread_scan_bytes = 16 * MIB,
        .idle_usec = {2 * USEC_PER_SEC, 30 * USEC_PER_SEC},
        .throttle_usec = 2 * USEC_PER_SEC,
        .request_wait_usec = 10 * USEC_PER_SEC,
        .open_wait_usec = 20 * USEC_PER_SEC,
        .restart_window_usec = 3600 * USEC_PER_SEC,
        .restarts_max = 4,
        .warn_usec = 30 * USEC_PER_SEC,
    };
}

int sched_config_check(const SchedConfig *c, char *reason, size_t reason_size)
{
    uint64_t high, floor_max;
    sched_limits(MIN(c->floor_bytes, SCHED_BYTES_MAX), &high, &floor_max);
    const struct {
        const char *key;
        uint64_t value, least, most;
    } checks[] = {
        {"floor", c->floor_bytes, MIB, SCHED_BYTES_MAX},
        {"memory budget (it must carry two idle executors and the reserve)", c->memory_budget_bytes,
         4 * floor_max + c->memory_reserve_bytes, SCHED_BYTES_MAX},
        {"memory reserve", c->memory_reserve_bytes, 0, c->memory_budget_bytes / 2},
        {"session memory limit",
         c->session_memory_max_bytes ? c->session_memory_max_bytes : floor_max, floor_max,
         SCHED_BYTES_MAX},
        {"tenant memory quota", c->tenant_memory_max_bytes ? c->tenant_memory_max_bytes : floor_max,
         floor_max, SCHED_BYTES_MAX},
        {"number of sessions", c->sessions_max, 1, 16384},
        {"number of sessions per tenant", c->tenant_sessions_max, 1, UINT32_MAX},
        {"number of queries per tenant", c->tenant_queries_max, 1, UINT32_MAX},
        {"length of the queue", c->queue_max, 1, 65536},
        {"number of warm executors", c->n_warm, 0, 256},
        {"CPUs per slot", c->slot_cpus, 1, SLOT_CPUS_MAX},
        {"interactive slots per CPU", c->slots_per_cpu[SCHED_CLASS_INTERACTIVE], 1,
         SLOT_LAYERS_MAX},
        {"batch slots per CPU", c->slots_per_cpu[SCHED_CLASS_BATCH], 1, SLOT_LAYERS_MAX},
        {"interactive CPU weight", c->cpu_weight[SCHED_CLASS_INTERACTIVE], 1, 10000},
        {"batch CPU weight", c->cpu_weight[SCHED_CLASS_BATCH], 1, 10000},
        {"bytes to scan per thread", c->thread_scan_bytes, 1, UINT64_MAX},
        {"time above memory.high", c->throttle_usec, 10 * USEC_PER_MSEC, 60 * USEC_PER_SEC},
        {"wait for memory", c->request_wait_usec, 1, 3600 * USEC_PER_SEC},
        {"wait for an executor", c->open_wait_usec, USEC_PER_SEC, 3600 * USEC_PER_SEC},
        {"number of restarts", c->restarts_max, 1, SCHED_RESTARTS_MAX},
    };
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        if (checks[i].value >= checks[i].least && checks[i].value <= checks[i].most)
            continue;
        (void)snprintf(reason, reason_size, "%s: %ju is not between %ju and %ju", checks[i].key,
                       (uintmax_t)checks[i].value, (uintmax_t)checks[i].least,
                       (uintmax_t)checks[i].most);
        return -EINVAL;
    }
    return 0;
}

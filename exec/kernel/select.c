/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/kernel/kernel.h"

#include <stdatomic.h>

extern const KernelTable kern_plain, kern_base;
#ifdef __x86_64__
extern const KernelTable kern_avx2, kern_avx512;
#endif

uint32_t kern_tables(const KernelTable *ret_tables[4])
{
    uint32_t n = 0;
    ret_tables[n++] = &kern_plain;
    ret_tables[n++] = &kern_base;
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
        __builtin_cpu_supports("fma")) {
        ret_tables[n++] = &kern_avx2;
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vbmi2"))
            ret_tables[n++] = &kern_avx512;
    }
#endif
    return n;
}

const KernelTable *kern_select(void)
{
    /* Every thread computes the same answer, so a race stores the same pointer twice. */
    static _Atomic(const KernelTable *) chosen;
    const KernelTable *table = atomic_load_explicit(&chosen, memory_order_acquire);
    if (!table) {
        const KernelTable *all[4];
        table = all[kern_tables(all) - 1];
        atomic_store_explicit(&chosen, table, memory_order_release);
    }
    return table;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Classic BPF as seccomp uses it, run in user space: what would the kernel answer? */

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#define BPF_RUN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define BPF_RUN_ARCH AUDIT_ARCH_AARCH64
#endif

/* Aborts the test on an instruction that the kernel would refuse to load, or a jump out of the
 * program. */
uint32_t bpf_run(const struct sock_filter *code, size_t n, const struct seccomp_data *data);

/* The answer of two filters: the more severe action, as the kernel ranks them. */
uint32_t bpf_stricter(uint32_t a, uint32_t b);

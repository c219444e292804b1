/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The system calls of a locked executor: one table, one program made from it.
 *
 * The program is classic BPF, written here instead of by libseccomp: 64 plain comparisons need no
 * library in the path of every session start, and the unit test can run every row through its own
 * interpreter. Arguments are compared as masked 32-bit words (CVE-2019-10063: the kernel ignores
 * the upper half of an int argument).
 *
 * What is not in the table gives EPERM. What only an attacker calls kills the process (SIGSYS), so
 * that the attempt is seen and the workload is not blamed on its version (D-9).
 */

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SECCOMP_CALLS_MAX 64u /* D-6 */
#define SECCOMP_ROWS_MAX 160u
#define SECCOMP_PROGRAM_MAX 1024u

typedef enum SeccompRule {
    SECCOMP_RULE_ALLOW,
    SECCOMP_RULE_ONE_OF,  /* (argument & mask) is one of the values, else the row's action */
    SECCOMP_RULE_OWN_PID, /* the argument is the process's own pid */
    SECCOMP_RULE_ERRNO,   /* never; fails with @action */
    SECCOMP_RULE_KILL,    /* never; SIGSYS for the whole process */
    _SECCOMP_RULE_MAX,
} SeccompRule;

#define SECCOMP_VALUES_MAX 7u

typedef struct SeccompCall {
    uint32_t nr;
    const char *name;
    SeccompRule rule;
    const char *reason;
    uint8_t argument; /* ONE_OF, OWN_PID: 0..5 */
    uint8_t n_values; /* ONE_OF */
    uint32_t mask;    /* ONE_OF */
    uint32_t values[SECCOMP_VALUES_MAX];
    int action; /* ONE_OF: errno when none fits, or -1 to kill; ERRNO: the errno */
} SeccompCall;

/* The table, for the compiler, the tests and the documentation. */
extern const SeccompCall seccomp_calls[];
extern const size_t n_seccomp_calls;

/* Rows that let something through; at most SECCOMP_CALLS_MAX. */
uint32_t seccomp_n_allowed(void);

/* What the last steps of the lock-down need and nothing else may: allowed in the first of two
 * stages. */
extern const uint32_t seccomp_lock_calls[];
extern const size_t n_seccomp_lock_calls;

/*
 * A filter can only be added to, and loading a long one takes 100 us. So a pooled executor loads
 * WARM, which is the table plus the lock calls, before anybody waits, and adds FINAL, which takes
 * the lock calls away, at hand-out. Together they are FULL: the kernel takes the stricter answer.
 */
typedef enum SeccompStage {
    SECCOMP_STAGE_FULL,
    SECCOMP_STAGE_WARM,
    SECCOMP_STAGE_FINAL,
} SeccompStage;

/**
 * seccomp_compile() - make the program of one stage
 * @own_pid: for SECCOMP_RULE_OWN_PID
 * @program: out, room for SECCOMP_PROGRAM_MAX
 * Return: number of instructions. Cannot fail: the table is ours and a test holds its size.
 */
size_t seccomp_compile(SeccompStage stage, pid_t own_pid, struct sock_filter *program);

/**
 * seccomp_load() - confine the calling thread and all it will make
 * no_new_privs must be set. Return: 0 or negative errno.
 */
int seccomp_load(SeccompStage stage, pid_t own_pid);

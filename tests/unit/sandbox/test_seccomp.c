/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter table and the programs made from it (D-6). The programs are run by
 * tests/support/bpf_run.c over every number, and compared with what the table says in words; then
 * one is loaded for real in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sandbox/seccomp/seccomp.h"
#include "tests/support/bpf_run.h"

#define OWN_PID 4711
#define NUMBERS_END 1024u
#define ANSWER_EPERM (SECCOMP_RET_ERRNO | EPERM)

typedef struct Filter {
    struct sock_filter code[SECCOMP_PROGRAM_MAX];
    size_t n;
} Filter;

static Filter compile(SeccompStage stage)
{
    Filter f;
    f.n = seccomp_compile(stage, OWN_PID, f.code);
    return f;
}

static uint32_t ask(const Filter *f, uint32_t nr, unsigned argument, uint64_t value)
{
    struct seccomp_data data = {.nr = (int)nr, .arch = BPF_RUN_ARCH};
    data.args[argument] = value;
    return bpf_run(f->code, f->n, &data);
}

static const SeccompCall *row_of(uint32_t nr)
{
    for (size_t i = 0; i < n_seccomp_calls; i++)
        if (seccomp_calls[i].nr == nr)
            return &seccomp_calls[i];
    return NULL;
}

static uint32_t refusal(int action)
{
    return action < 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | (uint32_t)action;
}

/* The specification: the table read without any program. */
static uint32_t expected(uint32_t nr, uint64_t value)
{
    const SeccompCall *row = row_of(nr);
    if (!row)
        return ANSWER_EPERM;
    switch (row->rule) {
    case SECCOMP_RULE_ALLOW:
        return SECCOMP_RET_ALLOW;
    case SECCOMP_RULE_KILL:
        return SECCOMP_RET_KILL_PROCESS;
    case SECCOMP_RULE_OWN_PID:
        return (uint32_t)value == OWN_PID ? SECCOMP_RET_ALLOW : refusal(row->action);
    case SECCOMP_RULE_ONE_OF:
        for (unsigned i = 0; i < row->n_values; i++)
            if (((uint32_t)value & row->mask) == row->values[i])
                return SECCOMP_RET_ALLOW;
        return refusal(row->action);
    case SECCOMP_RULE_ERRNO:
    case _SECCOMP_RULE_MAX:
        break;
    }
    return refusal(row->action);
}

static const uint64_t samples[] = {0,
                                   1,
                                   2,
                                   3,
                                   4,
                                   6,
                                   7,
                                   9,
                                   10,
                                   11,
                                   128,
                                   129,
                                   137,
                                   393,
                                   OWN_PID,
                                   1030,
                                   0x3d0f00,
                                   0x3d0f00 | CLONE_NEWUSER,
                                   UINT64_C(1) << 32,
                                   UINT64_C(1) << 32 | 4,
                                   0x80000006,
                                   UINT32_MAX,
                                   UINT64_MAX};

static void table_is_within_its_limits(void **state)
{
    (void)state;
    assert_true(seccomp_n_allowed() <= SECCOMP_CALLS_MAX);
    for (size_t i = 0; i < n_seccomp_calls; i++) {
        assert_non_null(seccomp_calls[i].reason);
        assert_ptr_equal(row_of(seccomp_calls[i].nr), &seccomp_calls[i]); /* no number twice */
        if (seccomp_calls[i].rule == SECCOMP_RULE_ONE_OF)
            assert_in_range(seccomp_calls[i].n_values, 1, SECCOMP_VALUES_MAX);
    }
}

static void every_number_gets_what_the_table_says(void **state)
{
    (void)state;
    Filter f = compile(SECCOMP_STAGE_FULL);
    for (uint32_t nr = 0; nr < NUMBERS_END; nr++) {
        const SeccompCall *row = row_of(nr);
        unsigned argument = row ? row->argument : 0;
        for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
            assert_int_equal(ask(&f, nr, argument, samples[i]), expected(nr, samples[i]));
    }
}

/* The two stages of a pooled executor are together as strict as the one of an embedded one. */
static void two_stages_are_one(void **state)
{
    (void)state;
    Filter full = compile(SECCOMP_STAGE_FULL);
    Filter warm = compile(SECCOMP_STAGE_WARM);
    Filter final = compile(SECCOMP_STAGE_FINAL);
    for (uint32_t nr = 0; nr < NUMBERS_END; nr++) {
        const SeccompCall *row = row_of(nr);
        unsigned argument = row ? row->argument : 0;
        for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
            uint32_t both = bpf_stricter(ask(&warm, nr, argument, samples[i]),
                                         ask(&final, nr, argument, samples[i]));
            assert_int_equal(both, ask(&full, nr, argument, samples[i]));
        }
    }
}

static void lock_calls_are_all_that_the_first_stage_adds(void **state)
{
    (void)state;
    Filter full = compile(SECCOMP_STAGE_FULL);
    Filter warm = compile(SECCOMP_STAGE_WARM);
    for (uint32_t nr = 0; nr < NUMBERS_END; nr++) {
        bool lock_call = false;
        for (size_t i = 0; i < n_seccomp_lock_calls; i++)
            lock_call |= seccomp_lock_calls[i] == nr;
        if (lock_call) {
            assert_int_equal(ask(&warm, nr, 0, 0), SECCOMP_RET_ALLOW);
            assert_int_not_equal(ask(&full, nr, 0, 0), SECCOMP_RET_ALLOW);
        } else {
            assert_int_equal(ask(&warm, nr, 0, 0), ask(&full, nr, 0, 0));
        }
    }
}

static void foreign_architectures_are_killed(void **state)
{
    (void)state;
    static const SeccompStage stages[] = {SECCOMP_STAGE_FULL, SECCOMP_STAGE_WARM,
                                          SECCOMP_STAGE_FINAL};
    for (size_t s = 0; s < ARRAY_SIZE(stages); s++) {
        Filter f = compile(stages[s]);
        for (uint32_t nr = 0; nr < NUMBERS_END; nr++) {
            struct seccomp_data data = {.nr = (int)nr, .arch = AUDIT_ARCH_I386};
            assert_int_equal(bpf_run(f.code, f.n, &data), SECCOMP_RET_KILL_PROCESS);
#ifdef __x86_64__
            assert_int_equal(ask(&f, 0x40000000 | nr, 0, 0), SECCOMP_RET_KILL_PROCESS);
#endif
        }
    }
}

/* D-6 by name. */
static void never(void **state)
{
    (void)state;
    static const uint32_t calls[] = {__NR_ioctl,  __NR_prctl,  __NR_execve,         __NR_execveat,
                                     __NR_socket, __NR_ptrace, __NR_io_uring_setup, __NR_unshare,
                                     __NR_setns,  __NR_bpf,    __NR_keyctl,         __NR_mount,
                                     __NR_splice, __NR_clone3, __NR_seccomp};
    Filter f = compile(SECCOMP_STAGE_FULL);
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
        for (size_t k = 0; k < ARRAY_SIZE(samples); k++)
            for (unsigned a = 0; a < 6; a++)
                assert_int_not_equal(ask(&f, calls[i], a, samples[k]), SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&f, __NR_clone3, 0, 0),
                     SECCOMP_RET_ERRNO | ENOSYS); /* glibc then uses clone */
}

static void conditions(void **state)
{
    (void)state;
    Filter f = compile(SECCOMP_STAGE_FULL);
    const uint64_t thread = 0x3d0f00;
    assert_int_equal(ask(&f, __NR_mmap, 2, PROT_READ | PROT_WRITE), SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&f, __NR_mmap, 2, PROT_READ | PROT_EXEC), ANSWER_EPERM);
    assert_int_equal(ask(&f, __NR_mmap, 2, UINT64_C(1) << 40 | PROT_EXEC), ANSWER_EPERM);
    assert_int_equal(ask(&f, __NR_mprotect, 2, PROT_EXEC), ANSWER_EPERM);
    assert_int_equal(ask(&f, __NR_clone, 0, thread), SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&f, __NR_clone, 0, thread & ~(uint64_t)CLONE_THREAD), ANSWER_EPERM);
    assert_int_equal(ask(&f, __NR_clone, 0, 17 /* SIGCHLD: fork */), ANSWER_EPERM);
    for (uint64_t bit = 1; bit <= UINT32_MAX; bit <<= 1)
        if (!(thread & bit))
            assert_int_equal(ask(&f, __NR_clone, 0, thread | bit), ANSWER_EPERM);
    assert_int_equal(ask(&f, __NR_futex, 1, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME),
                     SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&f, __NR_futex, 1, FUTEX_WAKE | FUTEX_PRIVATE_FLAG), SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&f, __NR_futex, 1, FUTEX_LOCK_PI), ANSWER_EPERM);
    assert_int_equal(ask(&f, __NR_futex, 1, FUTEX_CMP_REQUEUE_PI | FUTEX_PRIVATE_FLAG),
                     ANSWER_EPERM);
    assert_int_equal(ask(&f, __NR_fcntl, 1, F_GETFL), SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&f, __NR_fcntl, 1, F_SETOWN), ANSWER_EPERM);
    assert_int_equal(ask(&f, __NR_fcntl, 1, F_SETLK), ANSWER_EPERM);
    assert_int_equal(ask(&f, __NR_io_uring_register, 1, IORING_REGISTER_FILES_UPDATE),
                     SECCOMP_RET_ALLOW);
    for (unsigned op = 0; op < 64; op++)
        if (op != IORING_REGISTER_FILES_UPDATE)
            assert_int_equal(ask(&f, __NR_io_uring_register, 1, op), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(ask(&f, __NR_io_uring_register, 1, IORING_REGISTER_FILES_UPDATE | 1u << 31),
                     SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(ask(&f, __NR_tgkill, 0, OWN_PID), SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&f, __NR_tgkill, 0, OWN_PID + 1), ANSWER_EPERM);
    assert_int_equal(ask(&f, __NR_tgkill, 0, (uint64_t)-1), ANSWER_EPERM);
}

static int run_child(void (*body)(void))
{
    pid_t pid = fork();
    int status = -1;
    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void load_both_stages(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        seccomp_load(SECCOMP_STAGE_WARM, getpid()) < 0)
        _exit(1);
    if (prctl(PR_GET_DUMPABLE) < 0 || syscall(__NR_ioctl, 0, 0, 0) != -1 || errno != EPERM)
        _exit(2);
    if (seccomp_load(SECCOMP_STAGE_FINAL, getpid()) < 0)
        _exit(3);
    if (prctl(PR_GET_DUMPABLE) != -1 || errno != EPERM ||
        seccomp_load(SECCOMP_STAGE_FULL, getpid()) != -EPERM)
        _exit(4);
}

static void load_and_exec(void)
{
    char *const argv[] = {(char *)"true", NULL};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        seccomp_load(SECCOMP_STAGE_FULL, getpid()) < 0)
        _exit(1);
    (void)execve("/bin/true", argv, argv + 1);
}

static void the_kernel_takes_it(void **state)
{
    (void)state;
    int status = run_child(load_both_stages);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    status = run_child(load_and_exec);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_within_its_limits),
        cmocka_unit_test(every_number_gets_what_the_table_says),
        cmocka_unit_test(two_stages_are_one),
        cmocka_unit_test(lock_calls_are_all_that_the_first_stage_adds),
        cmocka_unit_test(foreign_architectures_are_killed),
        cmocka_unit_test(never),
        cmocka_unit_test(conditions),
        cmocka_unit_test(the_kernel_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

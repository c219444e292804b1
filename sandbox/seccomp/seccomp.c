/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/seccomp/seccomp.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#define X32_BIT UINT32_C(0x40000000)
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "sandbox/seccomp: unknown architecture"
#endif

/* Arguments are 64-bit words; the lower half comes first on both machines. */
#define ARGUMENT_LOW(i) (offsetof(struct seccomp_data, args) + 8 * (i))

uint32_t seccomp_n_allowed(void)
{
    uint32_t n = 0;
    for (size_t i = 0; i < n_seccomp_calls; i++)
        n += seccomp_calls[i].rule != SECCOMP_RULE_ERRNO &&
             seccomp_calls[i].rule != SECCOMP_RULE_KILL;
    return n;
}

typedef struct Program {
    struct sock_filter *code;
    size_t n;
} Program;

static void emit(Program *p, struct sock_filter instruction)
{
    assert(p->n < SECCOMP_PROGRAM_MAX);
    p->code[p->n++] = instruction;
}

static void emit_return(Program *p, uint32_t action)
{
    emit(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static uint32_t refusal(int action)
{
    return action < 0 ? SECCOMP_RET_KILL_PROCESS
                      : SECCOMP_RET_ERRNO | ((uint32_t)action & SECCOMP_RET_DATA);
}

/* The body of one row; it always returns. */
static void emit_call(Program *p, const SeccompCall *call, pid_t own_pid)
{
    switch (call->rule) {
    case SECCOMP_RULE_ALLOW:
        emit_return(p, SECCOMP_RET_ALLOW);
        return;
    case SECCOMP_RULE_KILL:
        emit_return(p, SECCOMP_RET_KILL_PROCESS);
        return;
    case SECCOMP_RULE_OWN_PID:
        emit(p,
             (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT_LOW(call->argument)));
        emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)own_pid, 0, 1));
        emit_return(p, SECCOMP_RET_ALLOW);
        break;
    case SECCOMP_RULE_ONE_OF:
        emit(p,
             (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT_LOW(call->argument)));
        emit(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, call->mask));
        for (uint8_t i = 0; i < call->n_values; i++) /* to the `allow` behind the last comparison */
            emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->values[i],
                                                 (uint8_t)(call->n_values - 1 - i),
                                                 i + 1 == call->n_values));
        emit_return(p, SECCOMP_RET_ALLOW);
        break;
    case SECCOMP_RULE_ERRNO:
    case _SECCOMP_RULE_MAX:
        break;
    }
    emit_return(p, refusal(call->action));
}

size_t seccomp_compile(pid_t own_pid, struct sock_filter *program)
{
    Program p = {.code = program};
    emit(&p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                          offsetof(struct seccomp_data, arch)));
    emit(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0));
    emit_return(&p, SECCOMP_RET_KILL_PROCESS);
    emit(&p,
         (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
#ifdef X32_BIT
    emit(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
    emit_return(&p, SECCOMP_RET_KILL_PROCESS);
#endif
    /* One comparison per row, in the table's order. Rows without conditions are answered from the
     * kernel's bitmap (5.11) without running the program at all, so a search tree would save
     * nothing. */
    for (size_t i = 0; i < n_seccomp_calls; i++) {
        size_t jump = p.n;
        emit(&p,
             (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_calls[i].nr, 0, 0));
        emit_call(&p, &seccomp_calls[i], own_pid);
        assert(p.n - jump - 1 <= UINT8_MAX);
        program[jump].jf = (uint8_t)(p.n - jump - 1);
    }
    emit_return(&p, refusal(EPERM));
    return p.n;
}

int seccomp_load(pid_t own_pid)
{
    struct sock_filter code[SECCOMP_PROGRAM_MAX];
    struct sock_fprog program = {.len = (unsigned short)seccomp_compile(own_pid, code),
                                 .filter = code};
    return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

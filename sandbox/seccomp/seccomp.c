/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/seccomp/seccomp.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
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

/* More would not fit into the 8-bit distances: one instruction each, and the bodies of conditional
 * rows. */
#define BLOCK_RANGES_MAX 72u

/* A branch whose `return` comes at the end of its block. */
typedef struct Later {
    size_t branch, target;
    bool taken;
    uint32_t action;
} Later;

typedef struct Program {
    struct sock_filter *code;
    size_t n;
    Later later[BLOCK_RANGES_MAX];
    size_t n_later;
} Program;

/* System calls from @first up to the next range, all treated like @call; NULL: not in the table. */
typedef struct Range {
    uint32_t first;
    const SeccompCall *call;
} Range;

static void emit(Program *p, struct sock_filter instruction)
{
    assert(p->n < SECCOMP_PROGRAM_MAX);
    p->code[p->n++] = instruction;
}

static void emit_load(Program *p, uint32_t offset)
{
    emit(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
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

static bool is_conditional(const SeccompCall *call)
{
    return call && (call->rule == SECCOMP_RULE_ONE_OF || call->rule == SECCOMP_RULE_OWN_PID);
}

/* What an unconditional row, or no row, leads to. */
static uint32_t plain_action(const SeccompCall *call)
{
    if (!call)
        return refusal(EPERM);
    return call->rule == SECCOMP_RULE_ALLOW
               ? SECCOMP_RET_ALLOW
               : refusal(call->rule == SECCOMP_RULE_KILL ? -1 : call->action);
}

static void emit_call(Program *p, const SeccompCall *call, pid_t own_pid)
{
    if (!is_conditional(call)) {
        emit_return(p, plain_action(call));
        return;
    }
    bool pid = call->rule == SECCOMP_RULE_OWN_PID;
    uint8_t n = pid ? 1 : call->n_values;
    emit_load(p, ARGUMENT_LOW(call->argument));
    if (!pid)
        emit(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, call->mask));
    for (uint8_t i = 0; i < n; i++) /* a match jumps to the `allow` behind the last comparison */
        emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                             pid ? (uint32_t)own_pid : call->values[i],
                                             (uint8_t)(n - 1 - i), i + 1 == n));
    emit_return(p, SECCOMP_RET_ALLOW);
    emit_return(p, refusal(call->action));
}

/* The table as ranges over all numbers, neighbours with one fate merged. */
static size_t make_ranges(Range *ranges)
{
    const SeccompCall *sorted[SECCOMP_ROWS_MAX];
    assert(n_seccomp_calls <= SECCOMP_ROWS_MAX);
    for (size_t i = 0; i < n_seccomp_calls; i++) {
        size_t at = i;
        for (; at > 0 && sorted[at - 1]->nr > seccomp_calls[i].nr; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = &seccomp_calls[i];
    }
    size_t n = 0;
    uint32_t next = 0; /* first number without a range */
    for (size_t i = 0; i <= n_seccomp_calls; i++) {
        uint32_t nr = i < n_seccomp_calls ? sorted[i]->nr : UINT32_MAX;
        Range candidates[2] = {{next, NULL}, {nr, i < n_seccomp_calls ? sorted[i] : NULL}};
        for (size_t k = nr > next ? 0 : 1; k < (i < n_seccomp_calls ? 2 : 1); k++) {
            const Range *c = &candidates[k];
            if (n == 0 || is_conditional(c->call) || is_conditional(ranges[n - 1].call) ||
                plain_action(c->call) != plain_action(ranges[n - 1].call))
                ranges[n++] = *c;
        }
        next = nr + 1;
    }
    return n;
}

/* Points the branch at @branch, taken or not, to a `return @action` at the end of the block. */
static void later(Program *p, size_t branch, bool taken, uint32_t action)
{
    assert(p->n_later < ARRAY_SIZE(p->later));
    p->later[p->n_later++] = (Later){.branch = branch, .taken = taken, .action = action};
}

static void emit_tree(Program *p, const Range *ranges, size_t n, pid_t own_pid)
{
    if (n == 1) {
        emit_call(p, ranges[0].call, own_pid);
        return;
    }
    size_t half = n / 2;
    size_t branch = p->n;
    emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[half].first, 0, 0));
    if (half == 1 && !is_conditional(ranges[0].call))
        later(p, branch, false, plain_action(ranges[0].call));
    else
        emit_tree(p, ranges, half, own_pid);
    if (n - half == 1 && !is_conditional(ranges[half].call)) {
        later(p, branch, true, plain_action(ranges[half].call));
    } else {
        assert(p->n - branch - 1 <= UINT8_MAX);
        p->code[branch].jt = (uint8_t)(p->n - branch - 1);
        emit_tree(p, ranges + half, n - half, own_pid);
    }
}

/* A tree and the returns it shares, near enough for the 8-bit distances of a branch. */
static void emit_block(Program *p, const Range *ranges, size_t n, pid_t own_pid)
{
    p->n_later = 0;
    emit_tree(p, ranges, n, own_pid);
    for (size_t i = 0; i < p->n_later; i++) {
        uint32_t action = p->later[i].action;
        size_t k = 0;
        while (p->later[k].action != action)
            k++;
        if (k == i)
            emit_return(p, action);
        size_t target = k == i ? p->n - 1 : p->later[k].target;
        p->later[i].target = target;
        size_t distance = target - p->later[i].branch - 1;
        assert(distance <= UINT8_MAX);
        if (p->later[i].taken)
            p->code[p->later[i].branch].jt = (uint8_t)distance;
        else
            p->code[p->later[i].branch].jf = (uint8_t)distance;
    }
}

/*
 * A balanced search. The kernel runs the program once for each of its ~470 call numbers when it is
 * loaded, to learn which are always allowed (5.11), and it compiles every instruction: with one
 * comparison after the other loading took 240 us of every session start.
 */
static void emit_search(Program *p, const Range *ranges, size_t n, pid_t own_pid)
{
    if (n <= BLOCK_RANGES_MAX) {
        emit_block(p, ranges, n, own_pid);
        return;
    }
    size_t half = n / 2;
    size_t branch = p->n;
    emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[half].first, 0, 1));
    emit(p, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0)); /* as far as it has to be */
    emit_search(p, ranges, half, own_pid);
    p->code[branch + 1].k = (uint32_t)(p->n - branch - 2);
    emit_search(p, ranges + half, n - half, own_pid);
}

size_t seccomp_compile(pid_t own_pid, struct sock_filter *program)
{
    Program p = {.code = program};
    Range ranges[2 * SECCOMP_ROWS_MAX + 1];
    size_t n = make_ranges(ranges);
    emit_load(&p, offsetof(struct seccomp_data, arch));
    emit(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0));
    emit_return(&p, SECCOMP_RET_KILL_PROCESS);
    emit_load(&p, offsetof(struct seccomp_data, nr));
#ifdef X32_BIT
    emit(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
    emit_return(&p, SECCOMP_RET_KILL_PROCESS);
#endif
    emit_search(&p, ranges, n, own_pid);
    return p.n;
}

int seccomp_load(pid_t own_pid)
{
    struct sock_filter code[SECCOMP_PROGRAM_MAX];
    struct sock_fprog program = {.len = (unsigned short)seccomp_compile(own_pid, code),
                                 .filter = code};
    return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/seccomp/seccomp.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
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

/* System calls from @first up to the next range: one action, or the conditions of one row. */
typedef struct Range {
    uint32_t first;
    uint32_t action;
    const SeccompCall *call; /* a conditional row, or NULL */
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
    return call->rule == SECCOMP_RULE_ONE_OF || call->rule == SECCOMP_RULE_OWN_PID;
}

static bool is_lock_call(uint32_t nr)
{
    for (size_t i = 0; i < n_seccomp_lock_calls; i++)
        if (seccomp_lock_calls[i] == nr)
            return true;
    return false;
}

/* What happens to call @nr with row @call (NULL: none) in @stage. */
static Range fate(SeccompStage stage, uint32_t nr, const SeccompCall *call)
{
    bool lock_call = is_lock_call(nr);
    if ((stage == SECCOMP_STAGE_WARM && lock_call) || (stage == SECCOMP_STAGE_FINAL && !lock_call))
        return (Range){nr, SECCOMP_RET_ALLOW, NULL};
    if (!call)
        return (Range){nr, refusal(EPERM), NULL};
    if (is_conditional(call))
        return (Range){nr, 0, call};
    if (call->rule == SECCOMP_RULE_ALLOW)
        return (Range){nr, SECCOMP_RET_ALLOW, NULL};
    return (Range){nr, refusal(call->rule == SECCOMP_RULE_KILL ? -1 : call->action), NULL};
}

static void emit_range(Program *p, const Range *range, pid_t own_pid)
{
    const SeccompCall *call = range->call;
    if (!call) {
        emit_return(p, range->action);
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

/* Numbers that need a range of their own, ascending, each once. */
static size_t sort_numbers(uint32_t *numbers, const SeccompCall **rows)
{
    size_t n = 0;
    for (size_t i = 0; i < n_seccomp_calls + n_seccomp_lock_calls; i++) {
        const SeccompCall *row = i < n_seccomp_calls ? &seccomp_calls[i] : NULL;
        uint32_t nr = row ? row->nr : seccomp_lock_calls[i - n_seccomp_calls];
        size_t at = n;
        while (at > 0 && numbers[at - 1] > nr)
            at--;
        if (at > 0 && numbers[at - 1] == nr)
            continue;
        memmove(&numbers[at + 1], &numbers[at], (n - at) * sizeof(*numbers));
        memmove(&rows[at + 1], &rows[at], (n - at) * sizeof(*rows));
        numbers[at] = nr;
        rows[at] = row;
        n++;
    }
    return n;
}

static void add_range(Range *ranges, size_t *n, Range range)
{
    const Range *last = *n > 0 ? &ranges[*n - 1] : NULL;
    if (!last || last->call || range.call || last->action != range.action)
        ranges[(*n)++] = range;
}

/* The whole space of numbers as ranges, neighbours with one fate merged. */
static size_t make_ranges(SeccompStage stage, Range *ranges)
{
    uint32_t numbers[SECCOMP_ROWS_MAX];
    const SeccompCall *rows[SECCOMP_ROWS_MAX];
    assert(n_seccomp_calls + n_seccomp_lock_calls <= SECCOMP_ROWS_MAX);
    size_t n_numbers = sort_numbers(numbers, rows);
    size_t n = 0;
    uint32_t next = 0; /* first number without a range */
    for (size_t i = 0; i < n_numbers; i++) {
        if (numbers[i] > next)
            add_range(ranges, &n, fate(stage, next, NULL));
        add_range(ranges, &n, fate(stage, numbers[i], rows[i]));
        next = numbers[i] + 1;
    }
    add_range(ranges, &n, fate(stage, next, NULL));
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
        emit_range(p, &ranges[0], own_pid);
        return;
    }
    size_t half = n / 2;
    size_t branch = p->n;
    emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[half].first, 0, 0));
    if (half == 1 && !ranges[0].call)
        later(p, branch, false, ranges[0].action);
    else
        emit_tree(p, ranges, half, own_pid);
    if (n - half == 1 && !ranges[half].call) {
        later(p, branch, true, ranges[half].action);
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

size_t seccomp_compile(SeccompStage stage, pid_t own_pid, struct sock_filter *program)
{
    Program p = {.code = program};
    Range ranges[2 * SECCOMP_ROWS_MAX + 1];
    size_t n = make_ranges(stage, ranges);
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

int seccomp_load(SeccompStage stage, pid_t own_pid)
{
    struct sock_filter code[SECCOMP_PROGRAM_MAX];
    struct sock_fprog program = {.len = (unsigned short)seccomp_compile(stage, own_pid, code),
                                 .filter = code};
    return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter programs against the table read in words: for any number, architecture and arguments
 * the one-stage program, and the stricter of the two stages, give what the table says. 60 bytes of
 * input are one struct seccomp_data.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/seccomp/seccomp.h"
#include "tests/support/bpf_run.h"

#define OWN_PID 1

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static uint32_t refusal(int action)
{
    return action < 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | (uint32_t)action;
}

static uint32_t expected(const struct seccomp_data *data)
{
    if (data->arch != BPF_RUN_ARCH ||
        (BPF_RUN_ARCH == AUDIT_ARCH_X86_64 && (uint32_t)data->nr >= 0x40000000))
        return SECCOMP_RET_KILL_PROCESS;
    for (size_t i = 0; i < n_seccomp_calls; i++) {
        const SeccompCall *c = &seccomp_calls[i];
        if (c->nr != (uint32_t)data->nr)
            continue;
        uint32_t value = (uint32_t)data->args[c->argument];
        if (c->rule == SECCOMP_RULE_ALLOW || (c->rule == SECCOMP_RULE_OWN_PID && value == OWN_PID))
            return SECCOMP_RET_ALLOW;
        if (c->rule == SECCOMP_RULE_KILL)
            return SECCOMP_RET_KILL_PROCESS;
        for (unsigned k = 0; c->rule == SECCOMP_RULE_ONE_OF && k < c->n_values; k++)
            if ((value & c->mask) == c->values[k])
                return SECCOMP_RET_ALLOW;
        return refusal(c->action);
    }
    return refusal(EPERM);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static struct sock_filter programs[3][SECCOMP_PROGRAM_MAX];
    static size_t n[3];
    struct seccomp_data data;
    for (int stage = SECCOMP_STAGE_FULL; n[2] == 0 && stage <= SECCOMP_STAGE_FINAL; stage++)
        n[stage] = seccomp_compile((SeccompStage)stage, OWN_PID, programs[stage]);
    if (n_bytes < sizeof(data))
        return 0;
    memcpy(&data, bytes, sizeof(data));
    uint32_t wanted = expected(&data);
    uint32_t two =
        bpf_stricter(bpf_run(programs[SECCOMP_STAGE_WARM], n[SECCOMP_STAGE_WARM], &data),
                     bpf_run(programs[SECCOMP_STAGE_FINAL], n[SECCOMP_STAGE_FINAL], &data));
    if (bpf_run(programs[SECCOMP_STAGE_FULL], n[SECCOMP_STAGE_FULL], &data) != wanted ||
        two != wanted)
        abort();
    return 0;
}

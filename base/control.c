/* SPDX-License-Identifier: Apache-2.0 */
#include "base/control.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define CPU_WEIGHT_MAX 10000u /* of cpu.weight */

typedef struct TextField {
    uint16_t offset, size;
} TextField;

typedef struct EnumField {
    uint16_t offset;
    uint32_t limit; /* the value must be below */
} EnumField;

typedef struct FrameRow {
    const char *name;
    uint16_t size;
    uint8_t sender;
    uint8_t n_fds_min, n_fds_max;
    TextField text[2];
    EnumField range[3];
} FrameRow;

#define TEXT(type, field)                                                                          \
    {                                                                                              \
        offsetof(type, field), sizeof(((type *)0)->field)                                          \
    }
#define RANGE(type, field, limit)                                                                  \
    {                                                                                              \
        offsetof(type, field), (limit)                                                             \
    }

static const FrameRow frame_table[_CONTROL_TYPE_MAX] = {
    [CONTROL_GATEWAY_HELLO] = {"gateway-hello", sizeof(ControlGatewayHello), CONTROL_SENDER_GATEWAY,
                               0, 0},
    [CONTROL_IDENTIFY] = {"identify", sizeof(ControlIdentify), CONTROL_SENDER_GATEWAY, 1, 1,
                          .range = {RANGE(ControlIdentify, token.is_given, 2)}},
    [CONTROL_SESSION_OPEN] = {"session-open", sizeof(ControlSessionOpen), CONTROL_SENDER_GATEWAY, 1,
                              1, .text = {TEXT(ControlSessionOpen, session_id)},
                              .range = {RANGE(ControlSessionOpen, profile, _LATENCY_PROFILE_MAX),
                                        RANGE(ControlSessionOpen, performance, 2),
                                        RANGE(ControlSessionOpen, token.is_given, 2)}},
    [CONTROL_SESSION_CLOSE] = {"session-close", sizeof(ControlSessionClose), CONTROL_SENDER_GATEWAY,
                               0, 0},
    [CONTROL_SESSION_RETRY] = {"session-retry", sizeof(ControlSessionRetry), CONTROL_SENDER_GATEWAY,
                               0, 0},
    [CONTROL_IDENTITY] = {"identity", sizeof(ControlIdentity), CONTROL_SENDER_DAEMON_TO_GATEWAY, 0,
                          0, .text = {TEXT(ControlIdentity, user)}},
    [CONTROL_SESSION_READY] = {"session-ready", sizeof(ControlSessionReady),
                               CONTROL_SENDER_DAEMON_TO_GATEWAY, 0, 1,
                               .text = {TEXT(ControlSessionReady, executor_version)},
                               .range = {RANGE(ControlSessionReady, has_channel, 2)}},
    [CONTROL_SESSION_REFUSED] = {"session-refused", sizeof(ControlSessionRefused),
                                 CONTROL_SENDER_DAEMON_TO_GATEWAY, 0, 0,
                                 .text = {TEXT(ControlSessionRefused, reason)},
                                 .range = {RANGE(ControlSessionRefused, cause,
                                                 _SESSION_CAUSE_MAX)}},
    [CONTROL_SESSION_LOST] = {"session-lost", sizeof(ControlSessionLost),
                              CONTROL_SENDER_DAEMON_TO_GATEWAY, 0, 0,
                              .text = {TEXT(ControlSessionLost, operator_name),
                                       TEXT(ControlSessionLost, reason)},
                              .range = {RANGE(ControlSessionLost, cause, _SESSION_CAUSE_MAX),
                                        RANGE(ControlSessionLost, may_retry, 2)}},
    [CONTROL_SESSION_NOTICE] = {"session-notice", sizeof(ControlSessionNotice),
                                CONTROL_SENDER_DAEMON_TO_GATEWAY, 0, 0,
                                .text = {TEXT(ControlSessionNotice, reason)}},
    [CONTROL_EXECUTOR_HELLO] = {"executor-hello", sizeof(ControlExecutorHello),
                                CONTROL_SENDER_EXECUTOR, 0, 0,
                                .text = {TEXT(ControlExecutorHello, executor_version)},
                                .range = {RANGE(ControlExecutorHello, io_mode, IO_MODE_PREAD + 1)}},
    [CONTROL_EXECUTOR_LOCKED] = {"executor-locked", sizeof(ControlExecutorLocked),
                                 CONTROL_SENDER_EXECUTOR, 0, 0,
                                 .range = {RANGE(ControlExecutorLocked, io_mode,
                                                 IO_MODE_PREAD + 1)}},
    [CONTROL_EXECUTOR_FAILED] = {"executor-failed", sizeof(ControlExecutorFailed),
                                 CONTROL_SENDER_EXECUTOR, 0, 0,
                                 .text = {TEXT(ControlExecutorFailed, reason)}},
    [CONTROL_QUERY_ESTIMATE] = {"query-estimate", sizeof(ControlQueryEstimate),
                                CONTROL_SENDER_EXECUTOR, 0, 0,
                                .text = {TEXT(ControlQueryEstimate, operation_id)},
                                .range = {RANGE(ControlQueryEstimate, profile,
                                                _LATENCY_PROFILE_MAX)}},
    [CONTROL_QUERY_END] = {"query-end", sizeof(ControlQueryEnd), CONTROL_SENDER_EXECUTOR, 0, 0,
                           .range = {RANGE(ControlQueryEnd, state, _QUERY_STATE_MAX)}},
    [CONTROL_MEMORY_REQUEST] = {"memory-request", sizeof(ControlMemoryRequest),
                                CONTROL_SENDER_EXECUTOR, 0, 0,
                                .text = {TEXT(ControlMemoryRequest, operator_name)}},
    [CONTROL_MEMORY_RETURN] = {"memory-return", sizeof(ControlMemoryReturn),
                               CONTROL_SENDER_EXECUTOR, 0, 0},
    [CONTROL_HANDOUT] = {"handout", sizeof(ControlHandout), CONTROL_SENDER_DAEMON_TO_EXECUTOR, 1, 2,
                         .text = {TEXT(ControlHandout, home)},
                         .range = {RANGE(ControlHandout, n_groups, CONTROL_GROUPS_MAX + 1),
                                   RANGE(ControlHandout, has_spill, 2)}},
    [CONTROL_QUERY_GRANT] = {"query-grant", sizeof(ControlQueryGrant),
                             CONTROL_SENDER_DAEMON_TO_EXECUTOR, 0, 0,
                             .text = {TEXT(ControlQueryGrant, reason)},
                             .range = {RANGE(ControlQueryGrant, refused, 2)}},
    [CONTROL_MEMORY_REPLY] = {"memory-reply", sizeof(ControlMemoryReply),
                              CONTROL_SENDER_DAEMON_TO_EXECUTOR, 0, 0,
                              .text = {TEXT(ControlMemoryReply, reason)},
                              .range = {RANGE(ControlMemoryReply, verdict, _MEMORY_VERDICT_MAX)}},
    [CONTROL_MEMORY_SHRINK] = {"memory-shrink", sizeof(ControlMemoryShrink),
                               CONTROL_SENDER_DAEMON_TO_EXECUTOR, 0, 0},
    [CONTROL_QUERY_CANCEL] = {"query-cancel", sizeof(ControlQueryCancel),
                              CONTROL_SENDER_DAEMON_TO_EXECUTOR, 0, 0,
                              .text = {TEXT(ControlQueryCancel, reason)}},
    [CONTROL_QUIT] = {"quit", sizeof(ControlQuit), CONTROL_SENDER_DAEMON_TO_EXECUTOR, 0, 0},
    [CONTROL_CORE_SPAWN] = {"core-spawn", sizeof(ControlCoreSpawn), CONTROL_SENDER_MANAGER, 0, 0},
    [CONTROL_CORE_KILL] = {"core-kill", sizeof(ControlCoreKill), CONTROL_SENDER_MANAGER, 0, 0},
    [CONTROL_CORE_PLACE] = {"core-place", sizeof(ControlCorePlace), CONTROL_SENDER_MANAGER, 0, 0,
                            .range = {RANGE(ControlCorePlace, cpu_weight, CPU_WEIGHT_MAX + 1),
                                      RANGE(ControlCorePlace, n_threads, CONTROL_CPUS_MAX + 1)}},
    [CONTROL_CORE_MOVE] = {"core-move", sizeof(ControlCoreMove), CONTROL_SENDER_MANAGER, 0, 0,
                           .range = {RANGE(ControlCoreMove, cpu_weight, CPU_WEIGHT_MAX + 1),
                                     RANGE(ControlCoreMove, new_mems, 2)}},
    [CONTROL_CORE_RESIZE] = {"core-resize", sizeof(ControlCoreResize), CONTROL_SENDER_MANAGER, 0,
                             0},
    [CONTROL_CORE_IDENTIFY] = {"core-identify", sizeof(ControlCoreIdentify), CONTROL_SENDER_MANAGER,
                               1, 1,
                               .range = {RANGE(ControlCoreIdentify, keep, 2),
                                         RANGE(ControlCoreIdentify, token.is_given, 2)}},
    [CONTROL_CORE_RELEASE] = {"core-release", sizeof(ControlCoreRelease), CONTROL_SENDER_MANAGER, 0,
                              0},
    [CONTROL_CORE_RELOAD] = {"core-reload", sizeof(ControlCoreReload), CONTROL_SENDER_MANAGER, 0,
                             0},
    [CONTROL_CORE_CONFIG_TAKEN] = {"core-config-taken", sizeof(ControlCoreConfigTaken),
                                   CONTROL_SENDER_MANAGER, 0, 0,
                                   .range = {RANGE(ControlCoreConfigTaken, taken, 2)}},
    [CONTROL_CORE_NOTIFY] = {"core-notify", sizeof(ControlCoreNotify), CONTROL_SENDER_MANAGER, 0, 0,
                             .text = {TEXT(ControlCoreNotify, status)},
                             .range = {RANGE(ControlCoreNotify, notice, _CORE_NOTICE_MAX)}},
    [CONTROL_CORE_START] = {"core-start", sizeof(ControlCoreStart), CONTROL_SENDER_CORE, 2, 4,
                            .text = {TEXT(ControlCoreStart, cgroup_path),
                                     TEXT(ControlCoreStart, unenforced)},
                            .range = {RANGE(ControlCoreStart, has_cgroup, 2),
                                      RANGE(ControlCoreStart, has_pressure, 2)}},
    [CONTROL_CORE_CONFIG] = {"core-config", sizeof(ControlCoreConfig), CONTROL_SENDER_CORE, 0, 1},
    [CONTROL_CORE_STOP] = {"core-stop", sizeof(ControlCoreStop), CONTROL_SENDER_CORE, 0, 0},
    [CONTROL_CORE_IDENTITY] =
        {"core-identity", sizeof(ControlCoreIdentity), CONTROL_SENDER_CORE, 0, 0,
         .text = {TEXT(ControlCoreIdentity, user), TEXT(ControlCoreIdentity, reason)},
         .range = {RANGE(ControlCoreIdentity, n_groups, CONTROL_GROUPS_MAX + 1)}},
    [CONTROL_CORE_BORN] = {"core-born", sizeof(ControlCoreBorn), CONTROL_SENDER_CORE, 0, 2,
                           .range = {RANGE(ControlCoreBorn, has_watch, 2)}},
    [CONTROL_CORE_NOT_BORN] = {"core-not-born", sizeof(ControlCoreNotBorn), CONTROL_SENDER_CORE, 0,
                               0},
    [CONTROL_CORE_WARM] = {"core-warm", sizeof(ControlCoreWarm), CONTROL_SENDER_CORE, 0, 0,
                           .text = {TEXT(ControlCoreWarm, hello.executor_version)},
                           .range = {RANGE(ControlCoreWarm, hello.io_mode, IO_MODE_PREAD + 1)}},
    [CONTROL_CORE_LOCKED] = {"core-locked", sizeof(ControlCoreLocked), CONTROL_SENDER_CORE, 2, 2,
                             .range = {RANGE(ControlCoreLocked, locked.io_mode,
                                             IO_MODE_PREAD + 1)}},
    [CONTROL_CORE_FAULT] = {"core-fault", sizeof(ControlCoreFault), CONTROL_SENDER_CORE, 0, 0,
                            .text = {TEXT(ControlCoreFault, reason)},
                            .range = {RANGE(ControlCoreFault, cause, _SESSION_CAUSE_MAX)}},
    [CONTROL_CORE_RESIZED] = {"core-resized", sizeof(ControlCoreResized), CONTROL_SENDER_CORE, 0,
                              0},
    [CONTROL_CORE_EXITED] = {"core-exited", sizeof(ControlCoreExited), CONTROL_SENDER_CORE, 0, 0},
    [CONTROL_CORE_GONE] = {"core-gone", sizeof(ControlCoreGone), CONTROL_SENDER_CORE, 0, 0},
};

static_assert(sizeof(ControlFrame) == CONTROL_FRAME_MAX, "a frame type outgrew CONTROL_FRAME_MAX");

static const FrameRow *row_of(unsigned type)
{
    return type < _CONTROL_TYPE_MAX && frame_table[type].name ? &frame_table[type] : NULL;
}

bool control_check(const ControlFrame *frame, size_t n_bytes, size_t n_fds, ControlSender sender)
{
    if (n_bytes < sizeof(ControlHeader) || frame->header.version != CONTROL_VERSION)
        return false;
    const FrameRow *row = row_of(frame->header.type);
    if (!row || row->sender != sender || row->size != n_bytes || frame->header.size != n_bytes)
        return false;
    if (n_fds < row->n_fds_min || n_fds > row->n_fds_max)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(row->text); i++)
        if (row->text[i].size > 0 &&
            !memchr(frame->bytes + row->text[i].offset, 0, row->text[i].size))
            return false;
    for (size_t i = 0; i < ARRAY_SIZE(row->range); i++) {
        uint32_t value;
        memcpy(&value, frame->bytes + row->range[i].offset, sizeof(value));
        if (row->range[i].limit > 0 && value >= row->range[i].limit)
            return false;
    }
    return true;
}

void control_init(ControlFrame *frame, ControlType type, uint64_t serial)
{
    const FrameRow *row = row_of(type);
    assert(row);
    memset(frame, 0, row->size);
    frame->header = (ControlHeader){
        .version = CONTROL_VERSION, .type = (uint16_t)type, .size = row->size, .serial = serial};
}

size_t control_size(ControlType type)
{
    const FrameRow *row = row_of(type);
    return row ? row->size : 0;
}

const char *control_type_to_string(ControlType type)
{
    const FrameRow *row = row_of(type);
    return row ? row->name : "unknown";
}

const char *session_cause_to_string(SessionCause cause)
{
    static const char *const names[_SESSION_CAUSE_MAX] = {
        [SESSION_CAUSE_NONE] = "none",
        [SESSION_CAUSE_CLOSED] = "closed",
        [SESSION_CAUSE_OOM] = "out-of-memory",
        [SESSION_CAUSE_CRASH] = "crash",
        [SESSION_CAUSE_SECCOMP] = "seccomp",
        [SESSION_CAUSE_KILLED] = "killed",
        [SESSION_CAUSE_ADMIN] = "administrator",
        [SESSION_CAUSE_QUOTA] = "quota",
        [SESSION_CAUSE_PROTOCOL] = "protocol",
        [SESSION_CAUSE_SPAWN] = "spawn",
        [SESSION_CAUSE_NO_IDENTITY] = "no-identity",
        [SESSION_CAUSE_SHUTDOWN] = "shutdown",
    };
    return (unsigned)cause < _SESSION_CAUSE_MAX ? names[cause] : "unknown";
}

const char *latency_profile_to_string(LatencyProfile profile)
{
    static const char *const names[_LATENCY_PROFILE_MAX] = {
        [LATENCY_PROFILE_UNKNOWN] = "unknown",
        [LATENCY_PROFILE_INTERACTIVE] = "interactive",
        [LATENCY_PROFILE_BATCH] = "batch",
    };
    return (unsigned)profile < _LATENCY_PROFILE_MAX ? names[profile] : "unknown";
}

int control_send(int fd, const ControlFrame *frame, const int *fds, size_t n_fds)
{
    return fd_send_frame(fd, frame, frame->header.size, fds, n_fds);
}

int control_receive(int fd, ControlSender sender, ControlFrame *ret_frame, int *ret_fds,
                    size_t *ret_n_fds)
{
    int fds[CONTROL_FDS_MAX];
    size_t n_fds = 0;
    ssize_t n = fd_receive_frame(fd, ret_frame, sizeof(*ret_frame), fds, &n_fds);
    if (n == -EMSGSIZE)
        return -EPROTO;
    if (n <= 0)
        return (int)n;
    if (!control_check(ret_frame, (size_t)n, n_fds, sender)) {
        for (size_t i = 0; i < n_fds; i++)
            (void)fd_close(fds[i]);
        return -EPROTO;
    }
    memcpy(ret_fds, fds, sizeof(fds));
    *ret_n_fds = n_fds;
    return 1;
}

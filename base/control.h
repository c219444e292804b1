/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The fixed-size frames between Berth's processes: the only bytes of a peer that a root process
 * reads besides D-Bus (D-4).
 *
 * Three channels, all AF_UNIX SOCK_SEQPACKET, one frame per datagram, at most CONTROL_FRAME_MAX
 * bytes:
 *
 *   gateway  <-> berthd     berth-gateway connects to the gateway socket; berthd checks SO_PEERCRED
 *   executor <-> berthd     a socket pair made at spawn; descriptor 3 in the executor
 *   manager  <-> core       a socket pair inside berthd; descriptor 3 in the manager
 *
 * A frame is one struct below, starting with ControlHeader. control_check() compares type, size,
 * direction and number of descriptors with one table; whoever receives a frame that fails it closes
 * that peer. Text fields are NUL-terminated inside their array, which control_check() also
 * verifies. Both ends come from one build, so the byte order is the machine's and a version
 * mismatch ends the connection at HELLO.
 *
 * The fourth channel, gateway <-> executor, never meets a root process: base/data_frame.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/token.h"

#define CONTROL_VERSION 1u
#define CONTROL_FRAME_MAX 4096u
#define CONTROL_FDS_MAX 4u
#define CONTROL_GROUPS_MAX 64u
#define CONTROL_SESSION_ID_MAX 64u /* the 36 characters of a UUID, and room */
#define CONTROL_REASON_MAX 512u
#define CONTROL_OPERATOR_MAX 48u
#define CONTROL_VERSION_NAME_MAX 32u
#define CONTROL_CPUS_MAX 1024u

#define CONTROL_CPU_WORDS (CONTROL_CPUS_MAX / 64u)
#define CONTROL_PATH_MAX 1024u
#define CONTROL_STATUS_MAX 256u

/* The number of the control socket in a freshly executed executor, and in the manager. */
#define CONTROL_EXECUTOR_FD 3
#define CONTROL_MANAGER_FD 3

typedef enum ControlType {
    /* gateway -> berthd */
    CONTROL_GATEWAY_HELLO = 1,
    CONTROL_IDENTIFY,     /* + the client's socket */
    CONTROL_SESSION_OPEN, /* + the client's socket */
    CONTROL_SESSION_CLOSE,
    CONTROL_SESSION_RETRY, /* the operation may run again: give me a (larger) executor */

    /* berthd -> gateway */
    CONTROL_IDENTITY = 32,
    CONTROL_SESSION_READY, /* + the data channel to the executor */
    CONTROL_SESSION_REFUSED,
    CONTROL_SESSION_LOST,
    CONTROL_SESSION_NOTICE,

    /* executor -> berthd */
    CONTROL_EXECUTOR_HELLO = 64, /* warm: ring ready, nothing of a tenant seen */
    CONTROL_EXECUTOR_LOCKED,     /* identity taken, everything dropped, filter loaded */
    CONTROL_QUERY_ESTIMATE,
    CONTROL_QUERY_END,
    CONTROL_MEMORY_REQUEST,
    CONTROL_MEMORY_RETURN,
    CONTROL_EXECUTOR_FAILED,

    /* berthd -> executor */
    CONTROL_HANDOUT = 96, /* + the data channel, + the spill directory */
    CONTROL_QUERY_GRANT,
    CONTROL_MEMORY_REPLY,
    CONTROL_MEMORY_SHRINK,
    CONTROL_QUERY_CANCEL,
    CONTROL_QUIT,

    /* manager -> core, the two processes of berthd */
    CONTROL_CORE_SPAWN = 128, /* answered by CORE_BORN and CORE_WARM, or CORE_NOT_BORN */
    CONTROL_CORE_KILL,
    CONTROL_CORE_PLACE, /* answered by CORE_LOCKED, or its end */
    CONTROL_CORE_MOVE,
    CONTROL_CORE_RESIZE,   /* answered by CORE_RESIZED, or its end */
    CONTROL_CORE_IDENTIFY, /* + a client's socket; answered by CORE_IDENTITY */
    CONTROL_CORE_RELEASE,
    CONTROL_CORE_RELOAD, /* answered by CORE_CONFIG */
    CONTROL_CORE_CONFIG_TAKEN,
    CONTROL_CORE_NOTIFY,

    /* core -> manager */
    CONTROL_CORE_START = 160, /* + configuration, listening socket, and as it says */
    CONTROL_CORE_CONFIG,      /* + configuration, unless it has a fault */
    CONTROL_CORE_STOP,
    CONTROL_CORE_IDENTITY,
    CONTROL_CORE_BORN, /* + leaf, + watch of its memory, where there are such */
    CONTROL_CORE_NOT_BORN,
    CONTROL_CORE_WARM,
    CONTROL_CORE_LOCKED, /* + control socket, + the gateway's end of the data channel */
    CONTROL_CORE_FAULT,
    CONTROL_CORE_RESIZED,
    CONTROL_CORE_EXITED,
    CONTROL_CORE_GONE,
    _CONTROL_TYPE_MAX,
} ControlType;

typedef struct ControlHeader {
    uint32_t version; /* CONTROL_VERSION */
    uint16_t type;    /* ControlType */
    uint16_t size;    /* of the whole frame */
    uint64_t serial;  /* chosen by the asker, echoed in the answer; 0 where nothing answers */
} ControlHeader;

/* How a session wants to be treated. UNKNOWN lets the router learn it. */
typedef enum LatencyProfile {
    LATENCY_PROFILE_UNKNOWN,
    LATENCY_PROFILE_INTERACTIVE,
    LATENCY_PROFILE_BATCH,
    _LATENCY_PROFILE_MAX,
} LatencyProfile;

/* Why an executor is gone, or a session was refused. */
typedef enum SessionCause {
    SESSION_CAUSE_NONE,
    SESSION_CAUSE_CLOSED,      /* the client's wish */
    SESSION_CAUSE_OOM,         /* memory.oom.group fired */
    SESSION_CAUSE_CRASH,       /* SIGSEGV, SIGABRT, ... */
    SESSION_CAUSE_SECCOMP,     /* SIGSYS */
    SESSION_CAUSE_KILLED,      /* SIGKILL from elsewhere */
    SESSION_CAUSE_ADMIN,       /* KillSession on D-Bus */
    SESSION_CAUSE_QUOTA,       /* the tenant's quota or the host is too small */
    SESSION_CAUSE_PROTOCOL,    /* it broke the rules of this file */
    SESSION_CAUSE_SPAWN,       /* it could not be started */
    SESSION_CAUSE_NO_IDENTITY, /* the kernel could not name the owner of the socket */
    SESSION_CAUSE_SHUTDOWN,
    _SESSION_CAUSE_MAX,
} SessionCause;

typedef struct ControlGatewayHello {
    ControlHeader header;
} ControlGatewayHello;

/* What a client has shown to say who it is: base/token.h. */
typedef struct ControlToken {
    uint32_t is_given, reserved;
    Token token;
} ControlToken;

/* Whose socket is this, or, with a token, whose token? Answer: IDENTITY. One question per
 * connection. */
typedef struct ControlIdentify {
    ControlHeader header;
    ControlToken token;
} ControlIdentify;

typedef struct ControlIdentity {
    ControlHeader header;
    int32_t result; /* 0, or a negative errno: the kernel does not know */
    uint32_t uid;
    char user[32]; /* the account's name, or its number in digits */
} ControlIdentity;

/*
 * Give me the executor of this session; the uid is what the kernel says of the attached socket, or
 * whose the token is, never what the gateway says. A session is (uid, session_id): a second OPEN of
 * a live pair answers with the same handle and no descriptor.
 */
typedef struct ControlSessionOpen {
    ControlHeader header;
    char session_id[CONTROL_SESSION_ID_MAX];
    uint32_t profile;     /* LatencyProfile */
    uint32_t performance; /* 1: performance mode, 0: standard */
    ControlToken token;
} ControlSessionOpen;

typedef struct ControlSessionReady {
    ControlHeader header; /* serial of the OPEN or RETRY; 0 after an unasked replacement */
    uint64_t session;     /* handle, never reused while berthd lives */
    uint32_t uid;
    uint32_t
        generation; /* 1 for the first executor, +1 for each replacement; state must be replayed */
    uint32_t has_channel; /* 1 when the data channel is attached */
    uint32_t reserved;
    char executor_version[CONTROL_VERSION_NAME_MAX];
} ControlSessionReady;

typedef struct ControlSessionRefused {
    ControlHeader header;
    uint64_t session; /* 0 when the OPEN itself was refused */
    uint32_t cause;   /* SessionCause */
    uint32_t reserved;
    char reason[CONTROL_REASON_MAX];
} ControlSessionRefused;

typedef struct ControlSessionClose {
    ControlHeader header;
    uint64_t session;
} ControlSessionClose;

typedef struct ControlSessionRetry {
    ControlHeader header;
    uint64_t session;
} ControlSessionRetry;

/*
 * The executor died. With @may_retry the gateway answers RETRY if it still has something to run
 * (and gets READY with the next generation) or CLOSE; without it the session has ended.
 */
typedef struct ControlSessionLost {
    ControlHeader header;
    uint64_t session;
    uint32_t generation;
    uint32_t cause; /* SessionCause */
    uint32_t may_retry;
    uint32_t signal;
    uint64_t memory_peak_bytes;
    uint64_t memory_limit_bytes;
    char operator_name[CONTROL_OPERATOR_MAX]; /* that asked for memory last; "" when unknown */
    char reason[CONTROL_REASON_MAX];
} ControlSessionLost;

/* Something the user may want to read: queued at a position, limit raised, moved. */
typedef struct ControlSessionNotice {
    ControlHeader header;
    uint64_t session;
    uint64_t query;
    uint32_t queue_position; /* 0: running */
    uint32_t reserved;
    char reason[CONTROL_REASON_MAX];
} ControlSessionNotice;

typedef enum IoMode {
    IO_MODE_NONE,
    IO_MODE_RING, /* restricted io_uring */
    IO_MODE_PREAD,
} IoMode;

typedef struct ControlExecutorHello {
    ControlHeader header;
    uint32_t io_mode;         /* IoMode */
    uint32_t ring_restricted; /* 1 when restrictions are registered and enabled */
    int32_t ring_errno;       /* why there is no ring; 0 */
    uint32_t landlock_abi;    /* 0: the kernel has none */
    char executor_version[CONTROL_VERSION_NAME_MAX];
} ControlExecutorHello;

/* Identity, placement and first grant. Descriptors: data channel; then the spill directory if
 * @has_spill. */
typedef struct ControlHandout {
    ControlHeader header;
    uint64_t session;
    uint32_t uid;
    uint32_t gid;
    uint32_t n_groups;
    uint32_t groups[CONTROL_GROUPS_MAX];
    uint32_t n_threads;
    uint32_t numa_node;
    uint32_t has_spill;
    uint64_t memory_grant_bytes;
    char home[256]; /* the user's home for `~`; "" when not visible */
} ControlHandout;

/* What the executor says of itself after lock-down; berthd shows it, tests compare it with /proc.
 */
typedef struct ControlExecutorLocked {
    ControlHeader header;
    uint32_t uid;
    uint32_t seccomp_mode; /* 2: filter */
    uint32_t no_new_privs;
    uint32_t landlock_abi; /* 0: not enforced */
    uint32_t io_mode;      /* IoMode */
    uint32_t ring_restricted;
    uint32_t n_open_fds;
    uint32_t n_seccomp_calls;
    uint64_t capabilities; /* permitted | effective | inheritable | ambient; must be 0 */
} ControlExecutorLocked;

typedef struct ControlExecutorFailed {
    ControlHeader header;
    int32_t error; /* negative errno */
    uint32_t step; /* SandboxStep of sandbox/sandbox.h */
    char reason[CONTROL_REASON_MAX];
} ControlExecutorFailed;

typedef struct ControlQueryEstimate {
    ControlHeader header; /* answered by QUERY_GRANT */
    uint64_t query;       /* numbered by the executor, 1.. */
    uint64_t scan_bytes;  /* compressed, after pruning */
    uint64_t rows;
    uint64_t memory_peak_bytes;
    uint64_t
        memory_useful_bytes; /* total of the process beyond which more would not help: caches */
    uint64_t fingerprint;    /* of the normalised plan, literals stripped */
    uint32_t parallelism;    /* threads it could use */
    uint32_t profile;        /* LatencyProfile */
    char operation_id[CONTROL_SESSION_ID_MAX];
} ControlQueryEstimate;

typedef struct ControlQueryGrant {
    ControlHeader header;
    uint64_t query;
    uint64_t memory_bytes; /* total for the process, not an addition */
    uint32_t n_threads;
    uint32_t refused; /* 1: do not run; @reason says why */
    char reason[CONTROL_REASON_MAX];
} ControlQueryGrant;

typedef enum QueryState {
    QUERY_STATE_DONE,
    QUERY_STATE_FAILED,
    QUERY_STATE_CANCELLED,
    _QUERY_STATE_MAX,
} QueryState;

typedef struct ControlQueryEnd {
    ControlHeader header;
    uint64_t query;
    uint32_t state; /* QueryState */
    uint32_t reserved;
    uint64_t rows;
    uint64_t scan_bytes;
    uint64_t memory_peak_bytes; /* by the executor's own count */
    uint64_t cpu_usec;
    uint64_t elapsed_usec;
} ControlQueryEnd;

/* Reserve before allocating: the total this process wants to be allowed, and for whom. */
typedef struct ControlMemoryRequest {
    ControlHeader header;
    uint64_t query;
    uint64_t total_bytes;
    uint64_t minimum_bytes; /* below this the operator cannot go on, even spilling */
    char operator_name[CONTROL_OPERATOR_MAX];
} ControlMemoryRequest;

typedef enum MemoryVerdict {
    MEMORY_VERDICT_GRANTED, /* @total_bytes is at least what was asked */
    MEMORY_VERDICT_PARTLY,  /* take what @total_bytes allows and spill the rest */
    MEMORY_VERDICT_REFUSED, /* fail the query with @reason */
    _MEMORY_VERDICT_MAX,
} MemoryVerdict;

typedef struct ControlMemoryReply {
    ControlHeader header;
    uint64_t total_bytes;
    uint32_t verdict; /* MemoryVerdict */
    uint32_t reserved;
    char reason[CONTROL_REASON_MAX];
} ControlMemoryReply;

/*
 * No longer needed: the grant may fall to @total_bytes. No answer. The header's serial is that of
 * the latest QUERY_GRANT or MEMORY_REPLY that the sender had read (0: none), so that one which
 * crosses an answer is known to be about the time before it. From now on the sender keeps to
 * @total_bytes.
 */
typedef struct ControlMemoryReturn {
    ControlHeader header;
    uint64_t total_bytes;
} ControlMemoryReturn;

/* Please get below @total_bytes (drop caches, spill) and answer with MEMORY_RETURN. */
typedef struct ControlMemoryShrink {
    ControlHeader header;
    uint64_t total_bytes;
} ControlMemoryShrink;

typedef struct ControlQueryCancel {
    ControlHeader header;
    uint64_t query; /* 0: all */
    char reason[CONTROL_REASON_MAX];
} ControlQueryCancel;

typedef struct ControlQuit {
    ControlHeader header;
} ControlQuit;

/*
 * Manager and core. The manager decides and is nobody; the core acts and believes nothing: it
 * compares every number with its own table (daemon/core/README.md). Executors are numbered by the
 * manager; a number is free again after CORE_GONE or CORE_NOT_BORN.
 */

typedef struct ControlCoreSpawn {
    ControlHeader header;
    uint64_t executor;
    uint64_t high_bytes, max_bytes;
} ControlCoreSpawn;

typedef struct ControlCoreKill {
    ControlHeader header;
    uint64_t executor;
} ControlCoreKill;

/* To whom: the ticket of a CORE_IDENTITY. No frame of the manager names a uid. */
typedef struct ControlCorePlace {
    ControlHeader header;
    uint64_t executor;
    uint64_t ticket;
    uint64_t session; /* for the executor's own records */
    uint64_t grant_bytes;
    uint64_t mems; /* bit n: node n */
    uint64_t cpus[CONTROL_CPU_WORDS];
    uint32_t cpu_weight;
    uint32_t n_threads;
    uint32_t numa_node;
    uint32_t reserved;
} ControlCorePlace;

typedef struct ControlCoreMove {
    ControlHeader header;
    uint64_t executor;
    uint64_t mems;
    uint64_t cpus[CONTROL_CPU_WORDS];
    uint32_t cpu_weight;
    uint32_t new_mems; /* 1: pages move, too */
} ControlCoreMove;

typedef struct ControlCoreResize {
    ControlHeader header;
    uint64_t executor;
    uint64_t high_bytes, max_bytes;
} ControlCoreResize;

typedef struct ControlCoreIdentify {
    ControlHeader header;
    uint32_t keep; /* 1: a ticket is wanted */
    uint32_t reserved;
    ControlToken token; /* given: whose it is, not whose socket */
} ControlCoreIdentify;

typedef struct ControlCoreRelease {
    ControlHeader header;
    uint64_t ticket;
} ControlCoreRelease;

typedef struct ControlCoreReload {
    ControlHeader header;
} ControlCoreReload;

typedef struct ControlCoreConfigTaken {
    ControlHeader header; /* serial of the CORE_CONFIG */
    uint32_t taken;       /* 0: the old one stays, for the core too */
    uint32_t reserved;
} ControlCoreConfigTaken;

/* What the service manager may be told. */
typedef enum CoreNotice {
    CORE_NOTICE_READY,
    CORE_NOTICE_RELOADING,
    CORE_NOTICE_STATUS,
    CORE_NOTICE_WATCHDOG,
    _CORE_NOTICE_MAX,
} CoreNotice;

typedef struct ControlCoreNotify {
    ControlHeader header;
    uint32_t notice; /* CoreNotice */
    uint32_t reserved;
    char status[CONTROL_STATUS_MAX];
} ControlCoreNotify;

/* Descriptors: configuration, listening socket, then the cgroup and the PSI trigger if they are
 * there. */
typedef struct ControlCoreStart {
    ControlHeader header;
    uint64_t watchdog_usec; /* 0: none */
    uint32_t gateway_uid;
    uint32_t controllers; /* CgroupController bits */
    uint32_t has_cgroup, has_pressure;
    char cgroup_path[CONTROL_PATH_MAX]; /* as in /proc/PID/cgroup */
    char unenforced[CONTROL_PATH_MAX];  /* sentences, each ended by a newline */
} ControlCoreStart;

typedef struct ControlCoreConfig {
    ControlHeader header; /* of the CORE_RELOAD; 0: a signal was the reason */
    int32_t result;       /* 0, or negative errno: it has a fault, which is in the log */
    uint32_t reserved;
} ControlCoreConfig;

typedef struct ControlCoreStop {
    ControlHeader header;
} ControlCoreStop;

typedef struct ControlCoreIdentity {
    ControlHeader header;
    uint64_t ticket; /* 0: none was wanted, or there is none */
    int32_t result;  /* 0; 1: the kernel names nobody; negative errno */
    uint32_t uid, gid;
    uint32_t n_groups;
    uint32_t groups[CONTROL_GROUPS_MAX];
    char user[32];
    char reason[CONTROL_REASON_MAX];
} ControlCoreIdentity;

typedef struct ControlCoreBorn {
    ControlHeader header;
    uint64_t executor;
    uint64_t namespaces[6]; /* mnt pid net ipc uts cgroup: inode numbers */
    int32_t pid;
    uint32_t has_watch; /* 1: the second descriptor */
} ControlCoreBorn;

typedef struct ControlCoreNotBorn {
    ControlHeader header;
    uint64_t executor;
    int32_t error; /* negative errno */
    uint32_t step; /* SandboxStep */
} ControlCoreNotBorn;

typedef struct ControlCoreWarm {
    ControlHeader header;
    uint64_t executor;
    ControlExecutorHello hello;
} ControlCoreWarm;

typedef struct ControlCoreLocked {
    ControlHeader header;
    uint64_t executor;
    ControlExecutorLocked locked;
} ControlCoreLocked;

/* It broke a rule before it was locked, and has been killed for it. Cause NONE: it has closed its
 * socket, which is no fault if it dies. */
typedef struct ControlCoreFault {
    ControlHeader header;
    uint64_t executor;
    uint32_t cause; /* SessionCause */
    uint32_t reserved;
    char reason[CONTROL_REASON_MAX];
} ControlCoreFault;

/* What is in force now, whether or not it is what was wished. */
typedef struct ControlCoreResized {
    ControlHeader header;
    uint64_t executor;
    uint64_t high_bytes, max_bytes, current_bytes;
    int32_t result;
    uint32_t reserved;
} ControlCoreResized;

typedef struct ControlCoreExited {
    ControlHeader header;
    uint64_t executor;
    int32_t code, status; /* of waitid(2) */
} ControlCoreExited;

/* Its leaf is removed: the number names nobody from now on. */
typedef struct ControlCoreGone {
    ControlHeader header;
    uint64_t executor;
    uint64_t peak_bytes, n_oom_kill, n_oom_group_kill;
} ControlCoreGone;

/* Room for any frame, aligned for all of them. */
typedef union ControlFrame {
    ControlHeader header;
    ControlGatewayHello gateway_hello;
    ControlIdentify identify;
    ControlIdentity identity;
    ControlSessionOpen session_open;
    ControlSessionReady session_ready;
    ControlSessionRefused session_refused;
    ControlSessionClose session_close;
    ControlSessionRetry session_retry;
    ControlSessionLost session_lost;
    ControlSessionNotice session_notice;
    ControlExecutorHello executor_hello;
    ControlExecutorLocked executor_locked;
    ControlExecutorFailed executor_failed;
    ControlHandout handout;
    ControlQueryEstimate query_estimate;
    ControlQueryGrant query_grant;
    ControlQueryEnd query_end;
    ControlQueryCancel query_cancel;
    ControlMemoryRequest memory_request;
    ControlMemoryReply memory_reply;
    ControlMemoryReturn memory_return;
    ControlMemoryShrink memory_shrink;
    ControlQuit quit;
    ControlCoreSpawn core_spawn;
    ControlCoreKill core_kill;
    ControlCorePlace core_place;
    ControlCoreMove core_move;
    ControlCoreResize core_resize;
    ControlCoreIdentify core_identify;
    ControlCoreRelease core_release;
    ControlCoreReload core_reload;
    ControlCoreConfigTaken core_config_taken;
    ControlCoreNotify core_notify;
    ControlCoreStart core_start;
    ControlCoreConfig core_config;
    ControlCoreStop core_stop;
    ControlCoreIdentity core_identity;
    ControlCoreBorn core_born;
    ControlCoreNotBorn core_not_born;
    ControlCoreWarm core_warm;
    ControlCoreLocked core_locked;
    ControlCoreFault core_fault;
    ControlCoreResized core_resized;
    ControlCoreExited core_exited;
    ControlCoreGone core_gone;
    unsigned char bytes[CONTROL_FRAME_MAX];
} ControlFrame;

/* Who may send a type. */
typedef enum ControlSender {
    CONTROL_SENDER_GATEWAY,
    CONTROL_SENDER_EXECUTOR,
    CONTROL_SENDER_DAEMON_TO_GATEWAY,
    CONTROL_SENDER_DAEMON_TO_EXECUTOR,
    CONTROL_SENDER_MANAGER,
    CONTROL_SENDER_CORE,
} ControlSender;

/**
 * control_check() - is this datagram a well-formed frame that @sender may send?
 * @frame:    what arrived
 * @n_bytes:  as received, 0..CONTROL_FRAME_MAX
 * @n_fds:    descriptors that came with it
 *
 * Checks version, type, direction, exact size, number of descriptors, NUL in every text field, and
 * the range of every enumeration and count. Return: true; false means: close this peer.
 */
bool control_check(const ControlFrame *frame, size_t n_bytes, size_t n_fds, ControlSender sender);

/* Zeroes the frame and fills its header from the table. @type must be in the table. */
void control_init(ControlFrame *frame, ControlType type, uint64_t serial);

/* The size of one frame type; 0 for an unknown one. */
size_t control_size(ControlType type);

/* "session-open", for logs. Never NULL. */
const char *control_type_to_string(ControlType type);
const char *session_cause_to_string(SessionCause cause);
const char *latency_profile_to_string(LatencyProfile profile);

/**
 * control_send() - send one frame that control_init() began
 * Return: 0, or negative errno of fd_send_frame().
 */
int control_send(int fd, const ControlFrame *frame, const int *fds, size_t n_fds);

/**
 * control_receive() - receive and check one frame
 * @ret_fds: out, CONTROL_FDS_MAX entries, owned by the caller, -EBADF where none
 * Return: 1 a frame; 0 the peer closed; -EPROTO a bad frame (nothing kept); -EAGAIN; negative
 * errno.
 */
int control_receive(int fd, ControlSender sender, ControlFrame *ret_frame, int *ret_fds,
                    size_t *ret_n_fds);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The objects of berth-gateway and who owns them:
 *
 *   Gateway     one; owns everything below
 *   Tenant      one per uid that has a connection or a session; the accounts of its memory
 *   Client      one accepted connection, from accept to close
 *   Rpc         one gRPC call of a Client; lives as long as the GrpcCall
 *   Session     (tenant, session id); survives its executor and berthd
 *   Channel     inside a Session: the data channel to the present executor
 *   Operation   one ExecutePlan or AnalyzePlan of a Session; survives the stream that shows it
 *   Response    one message of an Operation, kept until it is released
 *
 * Everything runs on one thread. Callbacks of a connection never free a Client, and callbacks of a
 * channel never free a Session: both are marked and freed by gateway_sweep() at the end of a round.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/control.h"
#include "base/data_frame.h"
#include "base/list.h"
#include "base/token.h"
#include "connect/gateway/config.h"
#include "connect/gateway/loop.h"
#include "connect/gateway/penalty.h"
#include "connect/gateway/tls.h"
#include "connect/grpc/grpc.h"
#include "connect/proto/proto.h"

#define UUID_TEXT 37u /* with NUL */
#define LISTEN_MAX 8u

/* As many as the descriptors allow; gateway_set_limits() lowers both when there are fewer. */
#define CLIENTS_MAX 4096u
#define SESSIONS_MAX 4096u
/* Descriptors for what is neither: listeners, epoll, signals, berthd, frames that wait for it. */
#define OTHER_FDS 64u
#define CLIENTS_PER_TENANT_MAX 256u
#define SESSIONS_PER_TENANT_MAX 64u
#define OPERATIONS_PER_SESSION_MAX 128u
#define TENANT_BYTES_MAX (UINT64_C(1) << 30)
#define HISTORY_MAX 1000u
#define HISTORY_BYTES_MAX (UINT64_C(64) << 20)
#define FAILED_REPLAYS_MAX 3u
#define TOMBSTONES_MAX 1000u
#define OPERATION_TOMBSTONES_MAX 256u
#define ERRORS_KEPT_MAX 20u
#define TAG_BYTES_MAX 4096u
#define ARTIFACT_BYTES_MAX (UINT64_C(1) << 30) /* of all sessions of one tenant */
#define ARTIFACTS_MAX 16384u                   /* of one session */
#define ARTIFACT_BUCKETS 512u

#define HEADERS_TIMEOUT_USEC (UINT64_C(10) * 1000000)
#define HEARTBEAT_USEC (UINT64_C(10) * 1000000)
#define DETACHED_USEC (UINT64_C(300) * 1000000)
#define IDLE_SESSION_USEC (UINT64_C(3600) * 1000000)
#define LOST_REPORT_USEC (UINT64_C(15) * 1000000)
/* What an operation keeps of messages that have been sent and not released; the last one always. */
#define RETAINED_BYTES_MAX (UINT64_C(10) << 20)
/* Credit is given back in steps, so that small messages do not double the number of frames. */
#define CREDIT_STEP (UINT64_C(1) << 20)
/* session_id, server_side_session_id, operation_id, response_id: 4 * (2 + 36), and spare. */
#define RESPONSE_HEADROOM 160u

typedef struct Gateway Gateway;
typedef struct Tenant Tenant;
typedef struct Client Client;
typedef struct Rpc Rpc;
typedef struct Session Session;
typedef struct Operation Operation;
typedef struct Upload Upload;

/* ---- errors (error.c) ---- */

/* An error as a client sees it; owns its texts. */
typedef struct GatewayError {
    GrpcCode code;
    uint32_t kind; /* DataErrorKind: chooses the Java classes; GATEWAY_ERROR_PLAIN: no ErrorInfo */
    char error_class[128];
    char sqlstate[8];
    char *message;    /* "[CLASS] text SQLSTATE: 12345" */
    char *parameters; /* JSON object; NULL: none */
    uint32_t line, column, start, stop;
    uint32_t retry_msec; /* > 0: RetryInfo, the client waits and comes again */
} GatewayError;

enum {
    GATEWAY_ERROR_PLAIN = 1000, /* transport: UNAVAILABLE, RESOURCE_EXHAUSTED */
    GATEWAY_ERROR_HANDLE,       /* INVALID_HANDLE, INVALID_CURSOR: SparkSQLException */
    GATEWAY_ERROR_SPARK,        /* SparkException */
    GATEWAY_ERROR_NO_ELEMENT,   /* SparkNoSuchElementException: unknown configuration key */
};

typedef struct StoredError {
    char id[UUID_TEXT];
    GatewayError error;
} StoredError;

void gateway_error_done(GatewayError *e);
/* @error_class "" with GATEWAY_ERROR_PLAIN: the text as it is. Never fails: without memory the text
 * is lost. */
void gateway_error_set(GatewayError *e, GrpcCode code, uint32_t kind, const char *error_class,
                       const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* A DATA_ERROR payload. Return: 0; -EBADMSG. */
int gateway_error_from_frame(GatewayError *e, const uint8_t *data, size_t n_bytes);
/* Ends a call with it. @session: where the details are kept for FetchErrorDetails; may be NULL. */
void gateway_error_finish(const GatewayError *e, Session *session, GrpcCall *call);
void gateway_error_write_details(const GatewayError *e, ProtoWriter *w);
static inline void gateway_error_clean(GatewayError *e)
{
    gateway_error_done(e);
}
#define _cleanup_error_ __attribute__((cleanup(gateway_error_clean)))

/* ---- tenants ---- */

struct Tenant {
    ListNode node;
    uint32_t uid;
    char user[32];
    GrpcAccount inbound, outbound, artifacts;
    unsigned n_clients, n_sessions;
};

Tenant *tenant_acquire(Gateway *g, uint32_t uid, const char *user);
/* Frees it when nothing of it is left (D-12 for the gateway). */
void tenant_release_if_empty(Gateway *g, Tenant *t);

/* ---- clients (client.c) ---- */

typedef enum IdentityState {
    IDENTITY_STATE_NONE,  /* no berthd to ask: calls get UNAVAILABLE */
    IDENTITY_STATE_ASKED, /* nothing is read until the answer */
    IDENTITY_STATE_KNOWN,
    IDENTITY_STATE_REFUSED,  /* the kernel cannot name the owner: calls get UNAUTHENTICATED */
    IDENTITY_STATE_UNPROVEN, /* TLS, before the first token */
} IdentityState;

struct Client {
    ListNode node, dirty;
    Gateway *gateway;
    uint64_t id; /* serial of IDENTIFY */
    int fd;
    LoopSource source;
    GrpcConnection *connection;
    Tenant *tenant;
    IdentityState identity;
    uint64_t accepted_usec;
    Tls *tls;             /* NULL: a socket whose owner the kernel names */
    Token token;          /* of all calls of a TLS connection */
    uint64_t penalty_key; /* its address, when it counts for bad logins */
    uint64_t closing_usec;
    bool closing; /* a bad login: it ends when its client has read that, or soon */
    bool dead;
};

void client_accept(Gateway *g, int listen_fd, bool with_tls);
/* The connection is @uid's from here on. Return: 0; -EMFILE; -ENOMEM. */
int client_adopt(Client *c, uint32_t uid, const char *user);
/* What berthd needs to know whose it is. */
void client_put_token(const Client *c, ControlToken *token);

/* login.c: a header of a call; may it go on; berthd's answer about a TLS connection. */
void login_header(Rpc *rpc, const char *name, const char *value);
bool login_open(Rpc *rpc);
void login_answer(Client *c, const ControlIdentity *identity);

void client_accept_resume(Gateway *g);
void client_ask_identity(Client *c);
void client_set_identity(Gateway *g, const ControlIdentity *identity);
void client_tick(Client *c, uint64_t now);
void client_pump_dirty(Gateway *g);
void client_free(Client *c);

/* ---- calls (rpc.c, execute.c) ---- */

typedef struct RpcRow RpcRow;

/* The fields that every request of the service has, under numbers of its own. */
typedef struct Envelope {
    ProtoBytes session_id, observed_id, operation_id, client_type;
} Envelope;

struct Rpc {
    Client *client;
    GrpcCall *call;
    const RpcRow *row;
    GrpcBuffer *request;
    uint32_t profile, performance; /* hints from metadata: berth-profile, berth-performance */
    bool has_token;
    Token token;
    Operation *operation; /* whose messages this call shows */
    Upload *upload;       /* AddArtifacts: what has come so far */
};

extern const GrpcHandlers rpc_handlers;
void rpc_fail(Rpc *rpc, Session *session, const GatewayError *e);
/* Ends @rpc with one message. */
void rpc_reply(Rpc *rpc, const ProtoWriter *w);

void rpc_execute(Rpc *rpc, const Envelope *e);
void rpc_reattach(Rpc *rpc, const Envelope *e);
void rpc_release_execute(Rpc *rpc, const Envelope *e);
void rpc_analyze(Rpc *rpc, const Envelope *e);
void rpc_interrupt(Rpc *rpc, const Envelope *e);
void rpc_get_status(Rpc *rpc, const Envelope *e);
/* The message of a request that has only one. */
ProtoReader rpc_request(const Rpc *rpc);
/* Ends @rpc without ErrorInfo: what clients take for an affair of the transport. */
void rpc_fail_plain(Rpc *rpc, GrpcCode code, const char *message);
/* Finds or makes the session of a request; on failure the call has been ended and NULL is returned.
 */
typedef enum SessionNeed {
    SESSION_NEED_EXISTING,
    SESSION_NEED_CREATE,
} SessionNeed;
Session *rpc_session(Rpc *rpc, const Envelope *e, SessionNeed need);

/* ---- artifacts (artifact.c) ---- */

/* Something that the client has uploaded under a name; the bytes are shared with clones. */
typedef struct Artifact {
    ListNode node;
    GrpcBuffer *bytes;
    char *name;
} Artifact;

void rpc_artifact_status(Rpc *rpc, const Envelope *e);
void rpc_add_artifacts(Rpc *rpc, const Envelope *e);
/* One message of AddArtifacts; @e is that of this message. */
void rpc_add_artifact(Rpc *rpc, const Envelope *e, GrpcBuffer *message);
void upload_free(Upload *u);
/* Answers DATA_FETCH. */
void artifact_send(Session *s, const DataHeader *h, const GrpcBuffer *name);
/* Return: 0; -ENOMEM. */
int artifact_copy_all(Session *to, const Session *from);
void artifact_free_all(Session *s);

/* ---- channels (channel.c) ---- */

typedef struct Outgoing {
    ListNode node;
    DataHeader header;
    GrpcBuffer *owner; /* keeps @bytes alive; or NULL */
    uint8_t *owned;    /* or these, freed after */
    const uint8_t *bytes;
} Outgoing;

typedef struct Channel {
    Session *session;
    int fd; /* -EBADF: none */
    LoopSource source;
    ListNode outgoing;
    size_t n_written;  /* of the first one */
    DataHeader header; /* of the frame that is arriving */
    size_t n_header;
    GrpcBuffer *payload;
    bool paused; /* the tenant's account is full */
} Channel;

int channel_open(Channel *ch, Session *s, int fd);
void channel_close(Channel *ch);
/* @owner: takes a reference; NULL: @bytes are copied. */
int channel_send(Channel *ch, DataType type, uint16_t flags, uint64_t operation, uint64_t rows,
                 GrpcBuffer *owner, const void *bytes, size_t n_bytes);
/* Reads what a dead executor left behind. */
void channel_drain(Channel *ch);
void channel_resume(Channel *ch);

/* ---- sessions (session.c) ---- */

typedef enum SessionState {
    SESSION_STATE_NEW,       /* no executor asked for */
    SESSION_STATE_OPENING,   /* SESSION_OPEN is on its way */
    SESSION_STATE_REPLAYING, /* there is a channel; history goes first */
    SESSION_STATE_READY,
    SESSION_STATE_LOST,     /* the channel has broken; berthd will say why */
    SESSION_STATE_RETRYING, /* SESSION_RETRY is on its way */
    SESSION_STATE_CLOSED,   /* freed by the sweep */
} SessionState;

typedef struct History {
    ListNode node;
    GrpcBuffer *request;
    ProtoBytes plan;
} History;

struct Session {
    ListNode node, bucket;
    Gateway *gateway;
    Tenant *tenant;
    char id[UUID_TEXT], server_id[UUID_TEXT];
    SessionState state;
    uint64_t serial; /* of the OPEN that waits for an answer */
    uint64_t handle;
    uint32_t generation;
    uint32_t profile, performance;
    uint64_t state_usec, used_usec;
    uint64_t client; /* id of the connection that used it last */
    Channel channel;
    Config config;
    ListNode operations;
    unsigned n_operations;
    uint64_t last_number; /* of an operation on the channel */

    ListNode history;
    unsigned n_history;
    size_t n_history_bytes;
    bool history_cut; /* it did not fit: this session cannot move to another executor */
    ListNode *replay; /* next entry to send while REPLAYING */
    uint64_t replay_number;
    unsigned n_failed_replays; /* executors in a row that did not survive the replay */

    ListNode *artifacts; /* ARTIFACT_BUCKETS lists by name; NULL: none */
    unsigned n_artifacts;

    StoredError errors[ERRORS_KEPT_MAX];
    unsigned next_error;
    char (*ended)[UUID_TEXT]; /* ring of operation ids that must not run again */
    unsigned next_ended;
    char notice[CONTROL_REASON_MAX];
};

Session *session_find(Gateway *g, uint32_t uid, const char *id);
/* Return: 0; -ENOMEM. */
int session_new(Gateway *g, Tenant *t, const char *id, Session **ret_session);
bool session_has_tombstone(Gateway *g, uint32_t uid, const char *id);
/* Ends the tenant's session that has been idle longest and whose client has gone. Return: whether
 * there was one. */
bool session_evict(Gateway *g, Tenant *t);
/* Makes sure that an executor is on its way. @client: whose socket names the user. */
void session_want_executor(Session *s, Client *client);
/* Every operation ends with @e; the executor goes; @tombstone: the id may not come back. */
void session_end(Session *s, const GatewayError *e, bool tombstone, bool tell_daemon);
void session_free(Session *s);
void session_tick(Session *s, uint64_t now);
void session_send_config(Session *s, const char *changes, size_t n_changes);
bool session_operation_was(const Session *s, const char *operation_id);
int session_remember_operation(Session *s, const char *operation_id);
int session_copy_state(Session *to, const Session *from);
StoredError *session_store_error(Session *s);

/* from the channel */
/* @payload: may be taken, leaving NULL. */
void session_on_frame(Session *s, const DataHeader *h, GrpcBuffer **payload);
void session_on_channel_lost(Session *s);
/* from berthd */
void session_on_ready(Gateway *g, const ControlSessionReady *f, int *fd);
void session_on_refused(Gateway *g, const ControlSessionRefused *f);
void session_on_lost(Gateway *g, const ControlSessionLost *f);
void session_on_notice(Gateway *g, const ControlSessionNotice *f);
void session_on_daemon_gone(Session *s);
void session_on_daemon_back(Session *s);

/* ---- operations (operation.c) ---- */

typedef struct Response {
    ListNode node;
    uint64_t sequence; /* 1.. in its operation; part of the response id */
    GrpcBuffer *buffer;
    size_t n_payload; /* as the credit counts it */
    bool is_sent;     /* once, to any stream: its credit has been returned */
} Response;

typedef enum OperationState {
    OPERATION_STATE_PENDING, /* the session has no executor yet */
    OPERATION_STATE_RUNNING,
    OPERATION_STATE_DONE,
} OperationState;

struct Operation {
    ListNode node;
    Session *session;
    uint64_t number; /* on the channel; 0: not sent */
    char id[UUID_TEXT];
    DataType type; /* DATA_EXECUTE or DATA_ANALYZE */
    OperationState state;
    GrpcBuffer *request;
    ProtoBytes payload; /* inside @request */
    bool reattachable, interrupted, effect, not_repeatable;
    uint64_t response_key; /* random half of its response ids */
    uint32_t chunk_bytes;  /* how an Arrow batch may be cut; 0: not at all */

    ListNode responses;
    uint64_t n_sequence;      /* of the newest response */
    uint64_t n_released;      /* sequences up to here are gone */
    uint64_t n_attached_from; /* first sequence of the attached stream */
    uint64_t n_confirmed;     /* sequences up to here have left on the attached stream */
    size_t n_retained_bytes;  /* sent and not released */
    uint64_t credit_owed;

    Rpc *rpc; /* the stream that shows it, or NULL */
    uint64_t quiet_since_usec, detached_usec, started_usec;

    /* what a rerun has to skip, and whether it may */
    uint64_t n_rows, n_plain; /* rows, and messages without rows, that are in @responses */
    uint64_t n_skip_rows, n_skip_plain;
    bool all_deterministic;
    unsigned n_restarts;

    bool failed;
    GatewayError error;
};

int operation_new(Session *s, const char *id, DataType type, GrpcBuffer *request,
                  ProtoBytes payload, Operation **ret_operation);
void operation_free(Operation *op);
/* Sends it when the session is ready. */
void operation_dispatch(Operation *op);
/* @rpc shows it from sequence @from on. */
void operation_attach(Operation *op, Rpc *rpc, uint64_t from);
void operation_detach(Operation *op);
void operation_on_frame(Operation *op, const DataHeader *h, GrpcBuffer **payload);
void operation_on_sent(Operation *op);
void operation_fail(Operation *op, const GatewayError *e);
/* The executor is gone: can a rerun give the client exactly what is missing? */
bool operation_may_restart(const Operation *op);
void operation_prepare_restart(Operation *op);
void operation_interrupt(Operation *op);
void operation_release_until(Operation *op, uint64_t sequence);
/* Return: true and the sequence; false when this is no response id of @op. */
bool operation_parse_response_id(const Operation *op, ProtoBytes id, uint64_t *ret_sequence);
bool operation_has_tag(const Operation *op, ProtoBytes tag);
void operation_tick(Operation *op, uint64_t now);
Operation *session_find_operation(const Session *s, ProtoBytes id);

/* ---- berthd (control.c) ---- */

typedef struct QueuedFrame {
    ListNode node;
    ControlFrame frame;
    int fd;
} QueuedFrame;

typedef struct ControlLink {
    const char *path;
    int fd; /* -EBADF: not connected */
    LoopSource source;
    ListNode queue;
    unsigned n_queue;
    uint64_t next_attempt_usec, backoff_usec;
} ControlLink;

void control_link_tick(Gateway *g, uint64_t now);
bool control_link_is_up(const Gateway *g);
/* @fd: -EBADF: none; duplicated when the frame has to wait. Return: 0; -ENOTCONN. */
int control_link_send(Gateway *g, const ControlFrame *frame, int fd);
void control_link_close(Gateway *g);

/* ---- the whole ---- */

typedef struct Tombstone {
    uint32_t uid;
    char id[UUID_TEXT];
} Tombstone;

#define SESSION_BUCKETS 256u

struct Gateway {
    Loop loop;
    struct Listener {
        Gateway *gateway;
        LoopSource source;
        bool with_tls;
    } listeners[LISTEN_MAX];
    unsigned n_listeners;
    LoopSource signals;
    ControlLink control;
    ListNode clients, dirty, sessions, tenants;
    ListNode buckets[SESSION_BUCKETS];
    unsigned n_clients, n_sessions;
    unsigned n_unproven; /* TLS connections that have not shown a good token */
    TlsServer *tls;      /* NULL: there is no certificate */
    PenaltyTable penalties;
    unsigned max_clients, max_sessions;
    bool accept_paused; /* no descriptor or memory was left: until something is freed, or a tick */
    uint64_t last_serial;
    Tombstone *tombstones; /* ring of TOMBSTONES_MAX */
    unsigned next_tombstone;
    bool stopping;
    uint64_t stop_usec;
};

int gateway_init(Gateway *g, const char *control_path);
void gateway_done(Gateway *g);
int gateway_add_listener(Gateway *g, int fd, bool with_tls);
/* Divides @n_fds descriptors between connections and data channels, so that neither can leave
 * berthd's SESSION_READY without the one that it brings. */
void gateway_set_limits(Gateway *g, uint64_t n_fds);
/* Runs until SIGTERM. Return: 0 or negative errno. */
int gateway_run(Gateway *g);
void gateway_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- ids ---- */

/* A random UUID as text. */
void uuid_generate(char text[UUID_TEXT]);
/* The 36 characters of a UUID? Copies it in lower case. */
bool uuid_parse(ProtoBytes bytes, char text[UUID_TEXT]);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a gRPC call to a handler: the table of the service, the fields that every request shares,
 * and the calls that the gateway answers from what it holds. Calls about operations are in
 * execute.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "connect/gateway/gateway_internal.h"
#include "connect/proto/spark.h"

#define SERVICE "/spark.connect.SparkConnectService/"
#define REPLY_MAX (4u << 20)
#define ID_BYTES_MAX 1024u

static void rpc_config(Rpc *rpc, const Envelope *e);
static void rpc_release_session(Rpc *rpc, const Envelope *e);
static void rpc_fetch_error(Rpc *rpc, const Envelope *e);
static void rpc_clone(Rpc *rpc, const Envelope *e);

struct RpcRow {
    const char *name;
    void (*handle)(Rpc *rpc, const Envelope *e); /* when all has come */
    uint32_t observed_id, operation_id,
        client_type; /* field numbers; session_id is 1 in all; 0: none */
    /* For each message of a stream of them; NULL: there is one, and it is kept. */
    void (*on_message)(Rpc *rpc, const Envelope *e, GrpcBuffer *message);
};

static const RpcRow rows[] = {
    {"ExecutePlan", rpc_execute, SPARK_EXECUTE_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID,
     SPARK_EXECUTE_OPERATION_ID, SPARK_EXECUTE_CLIENT_TYPE},
    {"AnalyzePlan", rpc_analyze, SPARK_ANALYZE_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID, 0,
     SPARK_ANALYZE_CLIENT_TYPE},
    {"Config", rpc_config, SPARK_CONFIG_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID, 0,
     SPARK_CONFIG_CLIENT_TYPE},
    {"ReleaseExecute", rpc_release_execute, SPARK_RELEASE_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID,
     SPARK_RELEASE_OPERATION_ID, SPARK_RELEASE_CLIENT_TYPE},
    {"ReattachExecute", rpc_reattach, SPARK_REATTACH_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID,
     SPARK_REATTACH_OPERATION_ID, SPARK_REATTACH_CLIENT_TYPE},
    {"Interrupt", rpc_interrupt, SPARK_INTERRUPT_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID, 0,
     SPARK_INTERRUPT_CLIENT_TYPE},
    {"ReleaseSession", rpc_release_session, 0, 0, SPARK_RELEASE_SESSION_CLIENT_TYPE},
    {"FetchErrorDetails", rpc_fetch_error, SPARK_FETCH_ERROR_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID,
     0, SPARK_FETCH_ERROR_CLIENT_TYPE},
    {"GetStatus", rpc_get_status, SPARK_GET_STATUS_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID, 0,
     SPARK_GET_STATUS_CLIENT_TYPE},
    {"CloneSession", rpc_clone, SPARK_CLONE_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID, 0,
     SPARK_CLONE_CLIENT_TYPE},
    {"ArtifactStatus", rpc_artifact_status,
     SPARK_ARTIFACT_STATUSES_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID, 0,
     SPARK_ARTIFACT_STATUSES_CLIENT_TYPE},
    {"AddArtifacts", rpc_add_artifacts, SPARK_ADD_ARTIFACTS_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID,
     0, SPARK_ADD_ARTIFACTS_CLIENT_TYPE, rpc_add_artifact},
};

/* ---- answers ---- */

void rpc_fail(Rpc *rpc, Session *session, const GatewayError *e)
{
    gateway_error_finish(e, session, rpc->call);
}

void rpc_fail_plain(Rpc *rpc, GrpcCode code, const char *message)
{
    grpc_call_finish(rpc->call, &(GrpcStatus){.code = code, .message = message});
}

void rpc_reply(Rpc *rpc, const ProtoWriter *w)
{
    _cleanup_grpc_buffer_ GrpcBuffer *b = NULL;
    if (proto_writer_finish(w) == 0)
        b = grpc_buffer_new(&rpc->client->tenant->outbound, 0, w->n_bytes);
    if (!b || grpc_buffer_append(&b, w->data, w->n_bytes) < 0 || grpc_call_send(rpc->call, b) < 0) {
        rpc_fail_plain(rpc, GRPC_RESOURCE_EXHAUSTED,
                       "the answer is too large, or too many wait to be read");
        return;
    }
    grpc_call_finish(rpc->call, &(GrpcStatus){.code = GRPC_OK});
}

ProtoReader rpc_request(const Rpc *rpc)
{
    return proto_reader(grpc_buffer_bytes(rpc->request), grpc_buffer_size(rpc->request));
}

/* ---- a call, step by step ---- */

static Rpc *rpc_of(GrpcCall *call, Client *c)
{
    Rpc *rpc = grpc_call_data(call);
    if (rpc)
        return rpc;
    rpc = calloc(1, sizeof(*rpc));
    if (!rpc)
        return NULL;
    rpc->client = c;
    rpc->call = call;
    grpc_call_set_data(call, rpc);
    return rpc;
}

/* Hints that any client can give in its URL: sc://host/;berth-profile=batch */
static void on_header(void *userdata, GrpcCall *call, const char *name, const char *value)
{
    bool is_login = name[0] == 'a' && ((Client *)userdata)->tls;
    if (!is_login && strncmp(name, "berth-", 6) != 0)
        return;
    Rpc *rpc = rpc_of(call, userdata);
    if (!rpc)
        return;
    if (is_login)
        login_header(rpc, name, value);
    if (strcmp(name, "berth-profile") == 0) {
        for (uint32_t i = 0; i < _LATENCY_PROFILE_MAX; i++)
            if (strcmp(value, latency_profile_to_string((LatencyProfile)i)) == 0)
                rpc->profile = i;
    } else if (strcmp(name, "berth-performance") == 0) {
        rpc->performance = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    }
}

static void on_open(void *userdata, GrpcCall *call)
{
    Client *c = userdata;
    Rpc *rpc = rpc_of(call, c);
    if (!rpc) {
        grpc_call_finish(
            call, &(GrpcStatus){.code = GRPC_RESOURCE_EXHAUSTED, .message = "out of memory"});
        return;
    }
    if (!login_open(rpc))
        return;
    const char *path = grpc_call_path(call);
    const char *name = strncmp(path, SERVICE, strlen(SERVICE)) == 0 ? path + strlen(SERVICE) : "";
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            rpc->row = &rows[i];
    if (!rpc->row)
        rpc_fail_plain(rpc, GRPC_UNIMPLEMENTED, "no such method");
}

/* Return: whether @message is one; otherwise the call has been ended. */
static bool read_envelope(Rpc *rpc, const GrpcBuffer *message, Envelope *e)
{
    const ProtoRow table[] = {
        PROTO_ROW(Envelope, session_id, 1, PROTO_KIND_STRING, ID_BYTES_MAX),
        PROTO_ROW(Envelope, observed_id, rpc->row->observed_id, PROTO_KIND_STRING, ID_BYTES_MAX),
        PROTO_ROW(Envelope, operation_id, rpc->row->operation_id, PROTO_KIND_STRING, ID_BYTES_MAX),
        PROTO_ROW(Envelope, client_type, rpc->row->client_type, PROTO_KIND_STRING,
                  4 * ID_BYTES_MAX),
    };
    ProtoReader r = proto_reader(grpc_buffer_bytes(message), grpc_buffer_size(message));
    if (proto_decode(r, table, ARRAY_SIZE(table), e, NULL) == 0)
        return true;
    rpc_fail_plain(rpc, GRPC_INVALID_ARGUMENT, "the request is no valid message of this method");
    return false;
}

static void on_message(void *userdata, GrpcCall *call, GrpcBuffer *message)
{
    Rpc *rpc = grpc_call_data(call);
    Envelope e = {0};
    if (!rpc || !rpc->row)
        return;
    if (rpc->row->on_message) {
        if (read_envelope(rpc, message, &e))
            rpc->row->on_message(rpc, &e, message);
        return;
    }
    if (rpc->request) {
        rpc_fail_plain(rpc, GRPC_INVALID_ARGUMENT, "one request message is expected");
        return;
    }
    rpc->request = grpc_buffer_ref(message);
}

static void on_ended(void *userdata, GrpcCall *call, const GrpcStatus *status)
{
    Rpc *rpc = grpc_call_data(call);
    Envelope e = {0};
    if (!rpc || !rpc->row)
        return;
    if (rpc->row->on_message) {
        rpc->row->handle(rpc, &e);
        return;
    }
    if (!rpc->request) {
        rpc_fail_plain(rpc, GRPC_INVALID_ARGUMENT, "the request has no message");
        return;
    }
    if (!read_envelope(rpc, rpc->request, &e))
        return;
    rpc->row->handle(rpc, &e);
    rpc->request = grpc_buffer_unref(rpc->request); /* an operation has its own reference */
}

static void on_sent(void *userdata, GrpcCall *call, size_t n_bytes)
{
    Rpc *rpc = grpc_call_data(call);
    if (rpc && rpc->operation && rpc->operation->type == DATA_EXECUTE)
        operation_on_sent(rpc->operation);
}

static void on_closed(void *userdata, GrpcCall *call)
{
    Rpc *rpc = grpc_call_data(call);
    if (!rpc)
        return;
    if (rpc->operation)
        operation_detach(rpc->operation);
    grpc_buffer_unref(rpc->request);
    upload_free(rpc->upload);
    free(rpc);
}

static void on_dirty(void *userdata, GrpcConnection *connection)
{
    Client *c = userdata;
    if (list_empty(&c->dirty) && !c->dead)
        list_append(&c->gateway->dirty, &c->dirty);
}

const GrpcHandlers rpc_handlers = {.header = on_header,
                                   .open = on_open,
                                   .message = on_message,
                                   .ended = on_ended,
                                   .sent = on_sent,
                                   .closed = on_closed,
                                   .dirty = on_dirty};

/* ---- sessions of requests ---- */

static void fail_handle(Rpc *rpc, const char *error_class, const char *id, const char *text)
{
    _cleanup_error_ GatewayError e = {0};
    gateway_error_set(&e, GRPC_INTERNAL, GATEWAY_ERROR_HANDLE, error_class, "HY000",
                      "The handle %.64s is invalid. %s", id, text);
    rpc_fail(rpc, NULL, &e);
}

static Session *make_session(Rpc *rpc, const char *id)
{
    Gateway *g = rpc->client->gateway;
    Tenant *t = rpc->client->tenant;
    Session *s;
    /* Scripts that end without stop() leave their sessions behind. */
    if (t->n_sessions >= SESSIONS_PER_TENANT_MAX && !session_evict(g, t)) {
        _cleanup_error_ GatewayError e = {0};
        gateway_error_set(&e, GRPC_RESOURCE_EXHAUSTED, GATEWAY_ERROR_SPARK,
                          "BERTH_TOO_MANY_SESSIONS", "53300",
                          "User %s has %u sessions open, which is the limit; stop one of them.",
                          t->user, t->n_sessions);
        rpc_fail(rpc, NULL, &e);
        return NULL;
    }
    if (g->n_sessions >= g->max_sessions) {
        rpc_fail_plain(rpc, GRPC_RESOURCE_EXHAUSTED,
                       "the gateway holds as many sessions as it can");
        return NULL;
    }
    if (session_new(g, t, id, &s) < 0) {
        rpc_fail_plain(rpc, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    s->profile = rpc->profile;
    s->performance = rpc->performance;
    s->client = rpc->client->id;
    return s;
}

Session *rpc_session(Rpc *rpc, const Envelope *e, SessionNeed need)
{
    Gateway *g = rpc->client->gateway;
    uint32_t uid = rpc->client->tenant->uid;
    char id[UUID_TEXT];

    if (!uuid_parse(e->session_id, id)) {
        char shown[65] = "";
        snprintf(shown, sizeof(shown), "%.*s", (int)MIN(e->session_id.n_bytes, (size_t)40),
                 e->session_id.data ? (const char *)e->session_id.data : "");
        fail_handle(
            rpc, "INVALID_HANDLE.FORMAT", text_is_utf8(shown, strlen(shown)) ? shown : "?",
            "Handle must be an UUID string of the format '00112233-4455-6677-8899-aabbccddeeff'");
        return NULL;
    }
    Session *s = session_find(g, uid, id);
    if (!s && session_has_tombstone(g, uid, id)) {
        fail_handle(rpc, "INVALID_HANDLE.SESSION_CLOSED", id, "Session was closed.");
        return NULL;
    }
    if (!s && need == SESSION_NEED_EXISTING) {
        fail_handle(rpc, "INVALID_HANDLE.SESSION_NOT_FOUND", id, "Session not found.");
        return NULL;
    }
    if (e->observed_id.n_bytes > 0 && (!s || !proto_equal(e->observed_id, s->server_id))) {
        fail_handle(rpc, "INVALID_HANDLE.SESSION_CHANGED", id,
                    "The existing Spark server driver instance has restarted. Please reconnect.");
        return NULL;
    }
    if (!s)
        s = make_session(rpc, id);
    if (s) {
        s->used_usec = clock_now_usec();
        s->client = rpc->client->id;
    }
    return s;
}

static void rpc_release_session(Rpc *rpc, const Envelope *e)
{
    _cleanup_proto_writer_ ProtoWriter w = {0};
    _cleanup_error_ GatewayError error = {0};
    char id[UUID_TEXT];
    bool allow_reconnect = false;
    const ProtoRow row = {.number = SPARK_RELEASE_SESSION_ALLOW_RECONNECT, .kind = PROTO_KIND_BOOL};

    if (!uuid_parse(e->session_id, id)) {
        rpc_session(rpc, e, SESSION_NEED_EXISTING); /* says what is wrong with it */
        return;
    }
    (void)proto_decode(rpc_request(rpc), &row, 1, &allow_reconnect, NULL);
    proto_writer_init(&w, REPLY_MAX, NULL, NULL);
    proto_put_bytes(&w, SPARK_SESSION_RELEASED_SESSION_ID, e->session_id.data,
                    e->session_id.n_bytes);
    Session *s = session_find(rpc->client->gateway, rpc->client->tenant->uid, id);
    if (s) { /* releasing one that is not there is no error */
        proto_put_string(&w, SPARK_SESSION_RELEASED_SERVER_SIDE_SESSION_ID, s->server_id);
        gateway_error_set(&error, GRPC_INTERNAL, DATA_ERROR_CANCELLED, "OPERATION_CANCELED",
                          "HY008", "Operation has been canceled: the session was released.");
        session_end(s, &error, !allow_reconnect, true);
    }
    rpc_reply(rpc, &w);
}

static void rpc_clone(Rpc *rpc, const Envelope *e)
{
    _cleanup_proto_writer_ ProtoWriter w = {0};
    char id[UUID_TEXT];
    ProtoBytes wanted = {0};
    const ProtoRow row = {.number = SPARK_CLONE_NEW_SESSION_ID, .kind = PROTO_KIND_STRING};
    Session *s = rpc_session(rpc, e, SESSION_NEED_EXISTING);
    if (!s)
        return;
    (void)proto_decode(rpc_request(rpc), &row, 1, &wanted, NULL);
    if (wanted.n_bytes == 0) {
        uuid_generate(id);
    } else if (!uuid_parse(wanted, id)) {
        fail_handle(rpc, "INVALID_CLONE_SESSION_REQUEST.TARGET_SESSION_ID_FORMAT",
                    "of the new session", "Target session ID must be an UUID string.");
        return;
    }
    Gateway *g = rpc->client->gateway;
    if (session_find(g, s->tenant->uid, id) || session_has_tombstone(g, s->tenant->uid, id)) {
        fail_handle(rpc, "INVALID_CLONE_SESSION_REQUEST.TARGET_SESSION_ID_ALREADY_EXISTS", id,
                    "Cannot clone: the target session exists or was closed.");
        return;
    }
    Session *to = make_session(rpc, id);
    if (!to)
        return;
    if (session_copy_state(to, s) < 0) {
        _cleanup_error_ GatewayError error = {0};
        session_end(to, &error, false, false);
        rpc_fail_plain(rpc, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    proto_writer_init(&w, REPLY_MAX, NULL, NULL);
    proto_put_string(&w, SPARK_CLONED_SESSION_ID, s->id);
    proto_put_string(&w, SPARK_CLONED_SERVER_SIDE_SESSION_ID, s->server_id);
    proto_put_string(&w, SPARK_CLONED_NEW_SESSION_ID, to->id);
    proto_put_string(&w, SPARK_CLONED_NEW_SERVER_SIDE_SESSION_ID, to->server_id);
    rpc_reply(rpc, &w);
}

static void rpc_fetch_error(Rpc *rpc, const Envelope *e)
{
    _cleanup_proto_writer_ ProtoWriter w = {0};
    ProtoBytes id = {0};
    const ProtoRow row = {.number = SPARK_FETCH_ERROR_ERROR_ID, .kind = PROTO_KIND_STRING};
    Session *s = rpc_session(rpc, e, SESSION_NEED_CREATE);
    if (!s)
        return;
    (void)proto_decode(rpc_request(rpc), &row, 1, &id, NULL);
    proto_writer_init(&w, REPLY_MAX, NULL, NULL);
    for (unsigned i = 0; i < ERRORS_KEPT_MAX; i++) {
        StoredError *stored = &s->errors[i];
        if (!stored->id[0] || !proto_equal(id, stored->id))
            continue; /* of one that is not known Spark says nothing, not even the session */
        proto_put_string(&w, SPARK_ERROR_DETAILS_SERVER_SIDE_SESSION_ID, s->server_id);
        proto_put_string(&w, SPARK_ERROR_DETAILS_SESSION_ID, s->id);
        gateway_error_write_details(&stored->error, &w);
        gateway_error_done(&stored->error);
        stored->id[0] = 0; /* it is read once */
    }
    rpc_reply(rpc, &w);
}

/* ---- configuration ---- */

#define CONFIG_CHANGES_MAX (1u << 20)

typedef struct ConfigCall {
    Rpc *rpc;
    Session *session;
    ProtoWriter reply;
    ProtoWriter changes; /* in the form of DATA_CONFIG */
    bool silent;
    GatewayError error;
    bool failed;
} ConfigCall;

static void put_pair(ConfigCall *c, const char *key, const char *value)
{
    proto_begin(&c->reply, SPARK_CONFIGURED_PAIRS);
    proto_put_string(&c->reply, SPARK_KEY_VALUE_KEY, key);
    if (value)
        proto_put_string(&c->reply, SPARK_KEY_VALUE_VALUE, value);
    proto_end(&c->reply);
}

static void put_change(ConfigCall *c, const char *key, const char *value)
{
    proto_append(&c->changes, key, strlen(key) + 1);
    proto_append(&c->changes, value, strlen(value) + 1);
}

static void fail_key(ConfigCall *c, uint32_t kind, const char *error_class, const char *sqlstate,
                     const char *before, const char *key, const char *after)
{
    c->failed = true;
    gateway_error_set(&c->error, GRPC_INTERNAL, kind, error_class, sqlstate, "%s\"%s\"%s", before,
                      key, after);
}

static void warn(ConfigCall *c, const char *key)
{
    char text[CONFIG_KEY_MAX + 128];
    snprintf(text, sizeof(text), "Cannot modify the value of the Spark config: %.*s",
             (int)CONFIG_KEY_MAX, key);
    proto_put_string(&c->reply, SPARK_CONFIGURED_WARNINGS, text);
}

static void set_one(ConfigCall *c, const char *key, const char *value)
{
    if (config_is_static(key) || !value) {
        if (c->silent)
            warn(c, key);
        else if (value)
            fail_key(c, DATA_ERROR_ANALYSIS, "CANNOT_MODIFY_STATIC_CONFIG", "46110",
                     "Cannot modify the value of the static Spark config: ", key, ".");
        else
            fail_key(c, DATA_ERROR_ILLEGAL, "INVALID_CONF_VALUE", "22022",
                     "The value of the config ", key, " is missing.");
        return;
    }
    const char *expected = config_check(key, value);
    if (expected) {
        char after[256];
        snprintf(after, sizeof(after), " should be %s, but was %.100s.", expected, value);
        if (c->silent)
            warn(c, key);
        else
            fail_key(c, DATA_ERROR_ILLEGAL, "INVALID_CONF_VALUE", "22022",
                     "The value of the config ", key, after);
        return;
    }
    int r = config_set(&c->session->config, key, value);
    if (r == 0)
        put_change(c, key, value);
    else if (c->silent)
        warn(c, key);
    else
        fail_key(c, DATA_ERROR_ILLEGAL, "BERTH_CONFIG_LIMIT", "54000", "The config ", key,
                 " exceeds what a session may hold.");
}

static void get_one(ConfigCall *c, const char *key)
{
    const char *value = config_get(&c->session->config, key);
    if (value)
        put_pair(c, key, value);
    else
        fail_key(c, GATEWAY_ERROR_NO_ELEMENT, "SQL_CONF_NOT_FOUND", "42K0I", "The SQL config ", key,
                 " cannot be found. Please verify that the config exists.");
}

static void get_all(ConfigCall *c, const char *prefix)
{
    const Config *config = &c->session->config;
    const char *key, *value;
    size_t n_prefix = strlen(prefix);
    for (size_t i = 0; config_default(i, &key, &value); i++)
        if (strncmp(key, prefix, n_prefix) == 0)
            put_pair(c, key + n_prefix, config_get(config, key));
    for (unsigned i = 0; i < config->n_entries; i++) {
        key = config->entries[i].key;
        if (strncmp(key, prefix, n_prefix) == 0 && !config_is_known(key))
            put_pair(c, key + n_prefix, config->entries[i].value);
    }
}

/* One key, or one pair, of the operation with number @operation. */
static void config_item(ConfigCall *c, uint32_t operation, const char *key, const char *value)
{
    switch (operation) {
    case SPARK_CONFIG_OPERATION_SET:
        set_one(c, key, value);
        break;
    case SPARK_CONFIG_OPERATION_GET:
        get_one(c, key);
        break;
    case SPARK_CONFIG_OPERATION_GET_WITH_DEFAULT: {
        /* What the caller gives comes before what Spark has. */
        const char *found = config_get_set(&c->session->config, key);
        put_pair(c, key, found ? found : value);
        break;
    }
    case SPARK_CONFIG_OPERATION_GET_OPTION:
        put_pair(c, key, config_get(&c->session->config, key));
        break;
    case SPARK_CONFIG_OPERATION_UNSET:
        config_unset(&c->session->config, key);
        put_change(c, key, DATA_CONFIG_UNSET);
        break;
    case SPARK_CONFIG_OPERATION_IS_MODIFIABLE:
        put_pair(c, key, config_is_known(key) && !config_is_static(key) ? "true" : "false");
        break;
    case SPARK_CONFIG_OPERATION_GET_ALL:
        get_all(c, key);
        break;
    }
}

typedef struct KeyValue {
    ProtoBytes key, value;
} KeyValue;

static const ProtoRow key_value_rows[] = {
    PROTO_ROW(KeyValue, key, SPARK_KEY_VALUE_KEY, PROTO_KIND_STRING, CONFIG_KEY_MAX),
    PROTO_ROW(KeyValue, value, SPARK_KEY_VALUE_VALUE, PROTO_KIND_STRING, CONFIG_VALUE_MAX),
};

static bool has_pairs(uint32_t operation)
{
    return operation == SPARK_CONFIG_OPERATION_SET ||
           operation == SPARK_CONFIG_OPERATION_GET_WITH_DEFAULT;
}

static int config_operation(ConfigCall *c, uint32_t operation, ProtoReader r)
{
    ProtoField f;
    int more;
    bool any = false;
    if (operation == SPARK_CONFIG_OPERATION_SET) {
        const ProtoRow row = {.number = SPARK_CONFIG_SET_SILENT, .kind = PROTO_KIND_BOOL};
        (void)proto_decode(r, &row, 1, &c->silent, NULL);
    }
    while ((more = proto_next(&r, &f)) > 0 && !c->failed) {
        _cleanup_free_ char *key = NULL, *value = NULL;
        KeyValue pair = {0};
        if (f.number != 1) /* pairs, keys and prefix all have number 1 */
            continue;
        if (f.wire != PROTO_WIRE_BYTES)
            return -EBADMSG;
        pair.key = f.bytes;
        if (has_pairs(operation)) {
            ProtoReader inner;
            pair.key = (ProtoBytes){0};
            if (proto_enter(&r, &f, &inner) < 0 ||
                proto_decode(inner, key_value_rows, ARRAY_SIZE(key_value_rows), &pair, NULL) < 0)
                return -EBADMSG;
        }
        if (!proto_is_utf8(pair.key) || proto_copy_string(pair.key, CONFIG_KEY_MAX, &key) < 0 ||
            (pair.value.data && proto_copy_string(pair.value, CONFIG_VALUE_MAX, &value) < 0))
            return -EBADMSG;
        config_item(c, operation, key, value);
        any = true;
    }
    if (operation == SPARK_CONFIG_OPERATION_GET_ALL && !any)
        get_all(c, "");
    return more < 0 ? more : 0;
}

static void rpc_config(Rpc *rpc, const Envelope *e)
{
    ProtoBytes operation = {0};
    const ProtoRow row = {.number = SPARK_CONFIG_OPERATION, .kind = PROTO_KIND_MESSAGE};
    ProtoReader r = rpc_request(rpc);
    ProtoReader inner;
    ProtoField f;

    Session *s = rpc_session(rpc, e, SESSION_NEED_CREATE);
    if (!s)
        return;
    session_want_executor(s, rpc->client); /* a query will follow: let it find an executor */
    if (proto_decode(r, &row, 1, &operation, NULL) < 0 || !operation.data) {
        rpc_fail_plain(rpc, GRPC_INVALID_ARGUMENT, "the request names no operation");
        return;
    }
    ConfigCall c = {.rpc = rpc, .session = s};
    proto_writer_init(&c.reply, REPLY_MAX, NULL, NULL);
    proto_writer_init(&c.changes, CONFIG_CHANGES_MAX, NULL, NULL);
    proto_put_string(&c.reply, SPARK_CONFIGURED_SESSION_ID, s->id);
    proto_put_string(&c.reply, SPARK_CONFIGURED_SERVER_SIDE_SESSION_ID, s->server_id);

    int k;
    inner = proto_reader(operation.data, operation.n_bytes);
    while ((k = proto_next(&inner, &f)) > 0 && !c.failed) {
        ProtoReader body;
        k = proto_enter(&inner, &f, &body);
        if (k == 0)
            k = config_operation(&c, f.number, body);
        if (k < 0)
            break;
    }
    if (c.changes.n_bytes > 0 && proto_writer_finish(&c.changes) == 0)
        session_send_config(s, (const char *)c.changes.data, c.changes.n_bytes);
    if (k < 0)
        rpc_fail_plain(rpc, GRPC_INVALID_ARGUMENT, "the request is malformed");
    else if (c.failed)
        rpc_fail(rpc, s, &c.error);
    else
        rpc_reply(rpc, &c.reply);
    gateway_error_done(&c.error);
    proto_writer_done(&c.reply);
    proto_writer_done(&c.changes);
}

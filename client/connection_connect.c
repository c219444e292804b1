/* SPDX-License-Identifier: Apache-2.0 */

/* Spark Connect over gRPC, as any client speaks it: ExecutePlan, Config, Interrupt, ReleaseSession.
 */

#include "client/connection.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "connect/grpc/client.h"
#include "connect/proto/proto.h"
#include "connect/proto/spark.h"

#define SERVICE "/spark.connect.SparkConnectService/"
#define CONNECT_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define UNARY_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define UUID_TEXT 37

typedef struct Remote {
    Connection base;
    GrpcClient *client;
    char session_id[UUID_TEXT];
    char user[64];
    char *address;
    const char *metadata[5]; /* of every call: pairs, NULL at the end */
} Remote;

/* A random UUID (RFC 9562, version 4). */
static int make_uuid(char text[UUID_TEXT])
{
    uint8_t b[16];
    if (getrandom(b, sizeof(b), 0) != sizeof(b))
        return -EIO;
    b[6] = (b[6] & 0x0F) | 0x40;
    b[8] = (b[8] & 0x3F) | 0x80;
    char *p = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        p += sprintf(p, "%02x", b[i]);
    }
    return 0;
}

/* The fields that every request has; their numbers are 1 and 2 in all of them. */
static void put_envelope(ProtoWriter *w, const Remote *c)
{
    _Static_assert(SPARK_EXECUTE_SESSION_ID == 1 && SPARK_CONFIG_SESSION_ID == 1 &&
                       SPARK_INTERRUPT_SESSION_ID == 1 && SPARK_RELEASE_SESSION_SESSION_ID == 1,
                   "one envelope for all requests");
    proto_put_string(w, SPARK_EXECUTE_SESSION_ID, c->session_id);
    proto_begin(w, SPARK_EXECUTE_USER_CONTEXT);
    proto_put_string(w, SPARK_USER_CONTEXT_USER_ID, c->user);
    proto_end(w);
}

static int lost(const Remote *c, ConnectionError *error, const char *why)
{
    return connection_error_set(error, CONNECTION_E_LOST, "BERTH_UNAVAILABLE",
                                "No answer from %s: %s.", c->address,
                                why && why[0] ? why : "the connection ended");
}

static void take(ProtoBytes bytes, char *dst, size_t size)
{
    (void)snprintf(dst, size, "%.*s", (int)MIN(bytes.n_bytes, size), (const char *)bytes.data);
}

/* One entry of ErrorInfo.metadata: the error class and the SQLSTATE are what we show. */
static void read_metadata(ProtoReader entry, ConnectionError *error)
{
    ProtoField f;
    ProtoBytes key = {0}, value = {0};
    while (proto_next(&entry, &f) == 1) {
        if (f.number == SPARK_MAP_KEY)
            key = f.bytes;
        else if (f.number == SPARK_MAP_VALUE)
            value = f.bytes;
    }
    if (!key.data || !value.data)
        return;
    if (proto_equal(key, "errorClass"))
        take(value, error->error_class, sizeof(error->error_class));
    else if (proto_equal(key, "sqlState"))
        take(value, error->sqlstate, sizeof(error->sqlstate));
}

/* google.rpc.Status -> Any -> ErrorInfo -> metadata. What does not parse is left out: the message
 * remains. */
static void read_details(const GrpcStatus *status, ConnectionError *error)
{
    ProtoReader top = proto_reader(status->details, status->n_details), any, info, entry;
    ProtoField f;
    while (proto_next(&top, &f) == 1) {
        if (f.number != RPC_STATUS_DETAILS || proto_enter(&top, &f, &any) != 0)
            continue;
        while (proto_next(&any, &f) == 1) {
            if (f.number != RPC_ANY_VALUE || proto_enter(&any, &f, &info) != 0)
                continue;
            while (proto_next(&info, &f) == 1)
                if (f.number == RPC_ERROR_INFO_METADATA && proto_enter(&info, &f, &entry) == 0)
                    read_metadata(entry, error);
        }
    }
}

static int statement_failed(const Remote *c, const GrpcStatus *status, ConnectionError *error)
{
    if (status->code == GRPC_UNAVAILABLE)
        return lost(c, error, status->message);
    (void)connection_error_set(error, 0, grpc_code_to_string(status->code), "%s",
                               status->message ? status->message : "");
    if (status->details)
        read_details(status, error);
    /* Spark's messages repeat the class in brackets; it is printed already. */
    size_t n = strlen(error->error_class);
    if (error->message[0] == '[' && strncmp(error->message + 1, error->error_class, n) == 0 &&
        strncmp(error->message + 1 + n, "] ", 2) == 0)
        memmove(error->message, error->message + n + 3, strlen(error->message + n + 3) + 1);
    return CONNECTION_E_STATEMENT;
}

static void interrupt(Remote *c, const char *operation_id)
{
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, 4096, NULL, NULL);
    put_envelope(&w, c);
    proto_put_varint(&w, SPARK_INTERRUPT_INTERRUPT_TYPE, SPARK_INTERRUPT_TYPE_OPERATION_ID);
    proto_put_string(&w, SPARK_INTERRUPT_OPERATION_ID, operation_id);
    GrpcCode code;
    if (proto_writer_finish(&w) == 0)
        (void)grpc_client_unary(c->client, SERVICE "Interrupt", c->metadata, w.data, w.n_bytes,
                                UNARY_TIMEOUT_USEC, NULL, &code, NULL, 0);
}

static int read_stream(Remote *c, GrpcStream *stream, const char *operation_id,
                       ConnectionReply on_reply, void *userdata, ConnectionError *error)
{
    bool cancelled = false;
    for (;;) {
        if (*c->base.interrupted && !cancelled) {
            cancelled = true;
            interrupt(c, operation_id);
        }
        GrpcBuffer *message = NULL;
        int r = grpc_stream_next(stream, USEC_PER_SEC / 5, &message);
        if (r == 0) {
            const GrpcStatus *status = grpc_stream_status(stream);
            return status->code == GRPC_OK ? 0 : statement_failed(c, status, error);
        }
        if (r == 1) {
            r = on_reply(userdata, grpc_buffer_bytes(message), grpc_buffer_size(message));
            grpc_buffer_unref(message);
            if (r != 0)
                return r;
        } else if (r != -EAGAIN && r != -EINTR) {
            return lost(c, error, strerror(-r));
        }
    }
}

static int remote_execute(Connection *base, const uint8_t *plan, size_t n_plan,
                          ConnectionReply on_reply, void *userdata, ConnectionError *error)
{
    Remote *c = (Remote *)base;
    char operation_id[UUID_TEXT];
    int r = make_uuid(operation_id);
    if (r < 0)
        return r;
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, CONNECTION_MESSAGE_MAX, NULL, NULL);
    put_envelope(&w, c);
    proto_put_bytes(&w, SPARK_EXECUTE_PLAN, plan, n_plan);
    proto_put_string(&w, SPARK_EXECUTE_CLIENT_TYPE, "berth/" BERTH_VERSION);
    proto_put_string(&w, SPARK_EXECUTE_OPERATION_ID, operation_id);
    r = proto_writer_finish(&w);
    if (r < 0)
        return r;
    _cleanup_grpc_stream_ GrpcStream *stream = NULL;
    r = grpc_client_open(c->client, SERVICE "ExecutePlan", c->metadata, w.data, w.n_bytes, 0,
                         &stream);
    if (r < 0)
        return r == -EPIPE ? lost(c, error, NULL) : r;
    return read_stream(c, stream, operation_id, on_reply, userdata, error);
}

static int unary(Remote *c, const char *path, const ProtoWriter *w, ConnectionError *error)
{
    GrpcCode code = GRPC_OK;
    char message[512] = "";
    int r = grpc_client_unary(c->client, path, c->metadata, w->data, w->n_bytes, UNARY_TIMEOUT_USEC,
                              NULL, &code, message, sizeof(message));
    if (r < 0)
        return r;
    if (code == GRPC_OK)
        return 0;
    if (code == GRPC_UNAVAILABLE || code == GRPC_DEADLINE_EXCEEDED)
        return lost(c, error, message);
    return connection_error_set(error, CONNECTION_E_STATEMENT, grpc_code_to_string(code), "%s",
                                message);
}

static int remote_configure(Connection *base, const char *key, const char *value,
                            ConnectionError *error)
{
    Remote *c = (Remote *)base;
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, CONNECTION_MESSAGE_MAX, NULL, NULL);
    put_envelope(&w, c);
    proto_begin(&w, SPARK_CONFIG_OPERATION);
    proto_begin(&w, SPARK_CONFIG_OPERATION_SET);
    proto_begin(&w, SPARK_CONFIG_SET_PAIRS);
    proto_put_string(&w, SPARK_KEY_VALUE_KEY, key);
    proto_put_string(&w, SPARK_KEY_VALUE_VALUE, value);
    proto_end(&w);
    proto_end(&w);
    proto_end(&w);
    int r = proto_writer_finish(&w);
    return r < 0 ? r : unary(c, SERVICE "Config", &w, error);
}

static void remote_close(Connection *base)
{
    Remote *c = (Remote *)base;
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, 4096, NULL, NULL);
    put_envelope(&w, c);
    ConnectionError error;
    if (c->client && proto_writer_finish(&w) == 0)
        (void)unary(c, SERVICE "ReleaseSession", &w,
                    &error); /* the idle timeout is the second way */
    grpc_client_free(c->client);
    free(c->address);
    free(c);
}

static const ConnectionOps remote_ops = {
    .execute = remote_execute,
    .configure = remote_configure,
    .close = remote_close,
};

/* "sc://HOST:PORT[/...]" as Spark writes it becomes "tcp:HOST:PORT"; 15002 is Spark's port. */
static char *grpc_address(const char *address)
{
    if (strncmp(address, "sc://", 5) != 0)
        return strdup(address);
    const char *host = address + 5;
    size_t n = strcspn(host, "/;");
    char *text = NULL;
    bool has_port = memchr(host, ':', n) != NULL;
    return asprintf(&text, "tcp:%.*s%s", (int)n, host, has_port ? "" : ":15002") < 0 ? NULL : text;
}

int connection_open_connect(const ConnectOptions *options, volatile sig_atomic_t *interrupted,
                            Connection **ret_connection, ConnectionError *error)
{
    const char *address = options->address;
    Remote *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->base.ops = &remote_ops;
    c->base.interrupted = interrupted;
    size_t n = 0;
    if (options->profile) {
        c->metadata[n++] = "berth-profile";
        c->metadata[n++] = options->profile;
    }
    if (options->performance) {
        c->metadata[n++] = "berth-performance";
        c->metadata[n++] = "true";
    }
    struct passwd *pw = getpwuid(getuid());
    (void)text_copy(c->user, sizeof(c->user), pw ? pw->pw_name : "unknown");
    c->address = grpc_address(address);
    int r = c->address ? make_uuid(c->session_id) : -ENOMEM;
    if (r == 0)
        r = grpc_client_connect(c->address, CONNECT_TIMEOUT_USEC, CONNECTION_MESSAGE_MAX,
                                &c->client);
    if (r == 0) {
        *ret_connection = &c->base;
        return 0;
    }
    if (r == -EINVAL)
        r = connection_error_set(error, CONNECTION_E_LOST, "BERTH_BAD_ADDRESS",
                                 "'%s' is not an address; write sc://HOST:PORT or unix:PATH.",
                                 address);
    else if (r != -ENOMEM)
        r = connection_error_set(
            error, CONNECTION_E_LOST, "BERTH_UNAVAILABLE",
            "Cannot connect to %s: %s. Is berth-gateway running (systemctl status "
            "berth-gateway)? Without a daemon, use --embedded.",
            address, strerror(-r));
    free(c->address);
    free(c);
    return r;
}

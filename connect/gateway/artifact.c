/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients upload: the rows of large DataFrames ("cache/" and a hash, which plans then name
 * instead of carrying them), and files. They stay here, in memory that is on the tenant's account,
 * until the session ends; an executor asks for what a plan names, piece by piece, so one that
 * replaces another finds the same.
 *
 * AddArtifacts is a stream of messages: small artifacts, several in one, or the beginning of a
 * large one and then its chunks. All of them become the session's when the stream has ended well,
 * none otherwise. A wrong checksum loses its artifact and is told in the answer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "connect/gateway/crc32.h"
#include "connect/gateway/gateway_internal.h"
#include "connect/proto/spark.h"

#define REPLY_MAX (4u << 20)
#define CACHE "cache/"
/* An artifact of no bytes costs this and its name. */
#define BOOKKEEPING_BYTES 256u

/* One artifact on its way. */
typedef struct Incoming {
    ListNode node;
    char *name;
    GrpcBuffer *bytes;
    bool damaged;
} Incoming;

struct Upload {
    char session_id[UUID_TEXT];
    ListNode incoming;
    unsigned n_incoming;
    Incoming *chunked; /* the one whose chunks are coming */
    uint64_t n_chunks, n_chunks_wanted, n_bytes_wanted;
    bool failed;
};

typedef struct Chunk {
    ProtoBytes data;
    int64_t crc;
} Chunk;

static const ProtoRow chunk_rows[] = {
    PROTO_ROW(Chunk, data, SPARK_ADD_ARTIFACTS_ARTIFACT_CHUNK_DATA, PROTO_KIND_BYTES, 0),
    PROTO_ROW(Chunk, crc, SPARK_ADD_ARTIFACTS_ARTIFACT_CHUNK_CRC, PROTO_KIND_INT64, 0),
};

/* ---- names ---- */

static ListNode *bucket_of(const Session *s, const char *name)
{
    return &s->artifacts[crc32_update(0, name, strlen(name)) % ARTIFACT_BUCKETS];
}

static Artifact *find(const Session *s, const char *name)
{
    if (!s->artifacts)
        return NULL;
    ListNode *bucket = bucket_of(s, name);
    list_for_each (pos, bucket) {
        Artifact *a = container_of(pos, Artifact, node);
        if (strcmp(a->name, name) == 0)
            return a;
    }
    return NULL;
}

/* "files/a.csv": relative, and nowhere up. */
static bool is_relative(const char *name)
{
    for (const char *part = name;; part++) {
        size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && memcmp(part, "..", 2) == 0))
            return false;
        part += n;
        if (!*part)
            return true;
    }
}

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* ---- what a session holds ---- */

static void artifact_free(Session *s, Artifact *a)
{
    list_remove(&a->node);
    s->n_artifacts--;
    grpc_buffer_unref(a->bytes);
    free(a->name);
    free(a);
}

void artifact_free_all(Session *s)
{
    for (unsigned i = 0; s->artifacts && i < ARTIFACT_BUCKETS; i++)
        while (!list_empty(&s->artifacts[i]))
            artifact_free(s, container_of(s->artifacts[i].next, Artifact, node));
    free(s->artifacts);
    s->artifacts = NULL;
}

static int keep(Session *s, const char *name, GrpcBuffer *bytes)
{
    if (!s->artifacts) {
        s->artifacts = calloc(ARTIFACT_BUCKETS, sizeof(*s->artifacts));
        if (!s->artifacts)
            return -ENOMEM;
        for (unsigned i = 0; i < ARTIFACT_BUCKETS; i++)
            list_init(&s->artifacts[i]);
    }
    Artifact *a = calloc(1, sizeof(*a));
    if (!a || !(a->name = strdup(name))) {
        free(a);
        return -ENOMEM;
    }
    a->bytes = grpc_buffer_ref(bytes);
    list_append(bucket_of(s, name), &a->node);
    s->n_artifacts++;
    return 0;
}

int artifact_copy_all(Session *to, const Session *from)
{
    for (unsigned i = 0; from->artifacts && i < ARTIFACT_BUCKETS; i++)
        list_for_each (pos, &from->artifacts[i]) {
            const Artifact *a = container_of(pos, Artifact, node);
            int r = keep(to, a->name, a->bytes);
            if (r < 0)
                return r;
        }
    return 0;
}

void artifact_send(Session *s, const DataHeader *h, const GrpcBuffer *payload)
{
    char name[DATA_NAME_MAX + 1];
    memcpy(name, grpc_buffer_bytes(payload), grpc_buffer_size(payload));
    name[grpc_buffer_size(payload)] = 0;
    const Artifact *a = find(s, name);
    size_t n_total = a ? grpc_buffer_size(a->bytes) : 0;
    if (!a || h->rows > n_total) {
        (void)channel_send(&s->channel, DATA_ARTIFACT, DATA_FLAG_MISSING, h->operation, 0, NULL,
                           NULL, 0);
        return;
    }
    (void)channel_send(&s->channel, DATA_ARTIFACT, 0, h->operation, n_total, a->bytes,
                       grpc_buffer_bytes(a->bytes) + h->rows,
                       MIN(n_total - h->rows, (size_t)DATA_PIECE_MAX));
}

/* ---- AddArtifacts ---- */

static void incoming_free(Incoming *in)
{
    if (!in)
        return;
    grpc_buffer_unref(in->bytes);
    free(in->name);
    free(in);
}

void upload_free(Upload *u)
{
    if (!u)
        return;
    while (!list_empty(&u->incoming)) {
        Incoming *in = container_of(u->incoming.next, Incoming, node);
        list_remove(&in->node);
        incoming_free(in);
    }
    free(u);
}

/* The call ends with "@before @what @after"; what comes of it still is ignored. */
static bool fail(Rpc *rpc, uint32_t kind, const char *error_class, const char *sqlstate,
                 const char *before, const char *what, const char *after)
{
    _cleanup_error_ GatewayError e = {0};
    char shown[129];
    snprintf(shown, sizeof(shown), "%.128s", what);
    if (!text_is_utf8(shown, strlen(shown)))
        text_copy(shown, sizeof(shown), "?");
    gateway_error_set(&e, GRPC_INTERNAL, kind, error_class, sqlstate, "%s%s%s", before, shown,
                      after);
    rpc->upload->failed = true;
    rpc_fail(rpc, NULL, &e);
    return false;
}

static bool fail_order(Rpc *rpc, const char *what)
{
    return fail(rpc, DATA_ERROR_ILLEGAL, "BERTH_INVALID_ARTIFACT", "22023",
                "The artifacts are not as they were announced: ", what, ".");
}

static bool fail_full(Rpc *rpc)
{
    return fail(rpc, GATEWAY_ERROR_SPARK, "BERTH_ARTIFACT_LIMIT", "53200",
                "The sessions of a user hold at most ", "1 GiB",
                " of uploaded data, and each at most 16384 artifacts; stop a session, or write the "
                "rows to files and read those.");
}

/* May a client upload something of that name? */
static bool check_name(Rpc *rpc, const char *name)
{
    if (begins(name, "forward_to_fs/"))
        return fail(rpc, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                    "The feature is not supported: uploading an artifact to the file system of the "
                    "server (",
                    name, ").");
    if (!is_relative(name))
        return fail(rpc, DATA_ERROR_ILLEGAL, "INVALID_ARTIFACT_PATH", "22023",
                    "The artifact's name ", name,
                    " is invalid: it must be a relative path that does not lead upwards.");
    if (begins(name, "jars/") || begins(name, "classes/"))
        return fail(rpc, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                    "The feature is not supported: classes of a JVM (", name, ").");
    if (!begins(name, CACHE) && !begins(name, "files/") && !begins(name, "pyfiles/") &&
        !begins(name, "archives/"))
        return fail(rpc, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_ADD_FILE", "0A000", "The artifact ",
                    name, " is of no known kind.");
    return true;
}

static Incoming *begin(Rpc *rpc, ProtoBytes name)
{
    Upload *u = rpc->upload;
    char *text = NULL;
    if (u->n_incoming >= ARTIFACTS_MAX) {
        fail_full(rpc);
        return NULL;
    }
    if (!proto_is_utf8(name) || proto_copy_string(name, DATA_NAME_MAX, &text) < 0) {
        fail_order(rpc, "a name is missing, too long or malformed");
        return NULL;
    }
    Incoming *in = calloc(1, sizeof(*in));
    if (!in || !(in->bytes = grpc_buffer_new(&rpc->client->tenant->artifacts, 0,
                                             BOOKKEEPING_BYTES + name.n_bytes))) {
        free(in);
        free(text);
        fail_full(rpc);
        return NULL;
    }
    in->name = text;
    list_append(&u->incoming, &in->node);
    u->n_incoming++;
    return check_name(rpc, in->name) ? in : NULL;
}

static bool add_chunk(Rpc *rpc, Incoming *in, ProtoBytes message)
{
    Chunk c = {0};
    ProtoReader r = proto_reader(message.data, message.n_bytes);
    if (proto_decode(r, chunk_rows, ARRAY_SIZE(chunk_rows), &c, NULL) < 0)
        return fail_order(rpc, "a chunk is malformed");
    if (crc32_update(0, c.data.data, c.data.n_bytes) != (uint64_t)c.crc)
        in->damaged = true; /* the rest of it is counted and thrown away */
    if (in->damaged || c.data.n_bytes == 0)
        return true;
    return grpc_buffer_append(&in->bytes, c.data.data, c.data.n_bytes) == 0 || fail_full(rpc);
}

typedef struct Named {
    ProtoBytes name, chunk;
    int64_t n_bytes, n_chunks;
} Named;

static bool add_batch(Rpc *rpc, ProtoReader r)
{
    static const ProtoRow rows[] = {
        PROTO_ROW(Named, name, SPARK_ADD_ARTIFACTS_SINGLE_CHUNK_ARTIFACT_NAME, PROTO_KIND_BYTES, 0),
        PROTO_ROW(Named, chunk, SPARK_ADD_ARTIFACTS_SINGLE_CHUNK_ARTIFACT_DATA, PROTO_KIND_MESSAGE,
                  0),
    };
    ProtoField f;
    int more;
    if (rpc->upload->chunked)
        return fail_order(rpc, "another one begins before the last chunk");
    while ((more = proto_next(&r, &f)) > 0) {
        Named named = {0};
        ProtoReader inner;
        if (f.number != SPARK_ADD_ARTIFACTS_BATCH_ARTIFACTS)
            continue;
        if (proto_enter(&r, &f, &inner) < 0 ||
            proto_decode(inner, rows, ARRAY_SIZE(rows), &named, NULL) < 0)
            return fail_order(rpc, "a message is malformed");
        Incoming *in = begin(rpc, named.name);
        if (!in || !add_chunk(rpc, in, named.chunk))
            return false;
    }
    return more == 0 || fail_order(rpc, "a message is malformed");
}

/* After each chunk: was it the last? */
static bool count_chunk(Rpc *rpc)
{
    Upload *u = rpc->upload;
    if (++u->n_chunks < u->n_chunks_wanted)
        return true;
    Incoming *in = TAKE_PTR(u->chunked);
    return in->damaged || grpc_buffer_size(in->bytes) == u->n_bytes_wanted ||
           fail_order(rpc, "an artifact has another size");
}

static bool begin_chunked(Rpc *rpc, ProtoReader r)
{
    static const ProtoRow rows[] = {
        PROTO_ROW(Named, name, SPARK_ADD_ARTIFACTS_BEGIN_CHUNKED_ARTIFACT_NAME, PROTO_KIND_BYTES,
                  0),
        PROTO_ROW(Named, n_bytes, SPARK_ADD_ARTIFACTS_BEGIN_CHUNKED_ARTIFACT_TOTAL_BYTES,
                  PROTO_KIND_INT64, 0),
        PROTO_ROW(Named, n_chunks, SPARK_ADD_ARTIFACTS_BEGIN_CHUNKED_ARTIFACT_NUM_CHUNKS,
                  PROTO_KIND_INT64, 0),
        PROTO_ROW(Named, chunk, SPARK_ADD_ARTIFACTS_BEGIN_CHUNKED_ARTIFACT_INITIAL_CHUNK,
                  PROTO_KIND_MESSAGE, 0),
    };
    Upload *u = rpc->upload;
    Named named = {0};
    if (u->chunked)
        return fail_order(rpc, "another one begins before the last chunk");
    if (proto_decode(r, rows, ARRAY_SIZE(rows), &named, NULL) < 0 || named.n_bytes < 0 ||
        named.n_chunks < 1)
        return fail_order(rpc, "a message is malformed");
    if ((uint64_t)named.n_bytes > ARTIFACT_BYTES_MAX)
        return fail_full(rpc);
    u->chunked = begin(rpc, named.name);
    if (!u->chunked)
        return false;
    u->n_chunks = 0;
    u->n_chunks_wanted = (uint64_t)named.n_chunks;
    u->n_bytes_wanted = (uint64_t)named.n_bytes;
    return add_chunk(rpc, u->chunked, named.chunk) && count_chunk(rpc);
}

void rpc_add_artifact(Rpc *rpc, const Envelope *e, GrpcBuffer *message)
{
    if (!rpc->upload) {
        Session *s = rpc_session(rpc, e, SESSION_NEED_CREATE);
        if (!s)
            return;
        rpc->upload = calloc(1, sizeof(*rpc->upload));
        if (!rpc->upload) {
            rpc_fail_plain(rpc, GRPC_RESOURCE_EXHAUSTED, "out of memory");
            return;
        }
        list_init(&rpc->upload->incoming);
        text_copy(rpc->upload->session_id, sizeof(rpc->upload->session_id), s->id);
    }
    ProtoReader r = proto_reader(grpc_buffer_bytes(message), grpc_buffer_size(message));
    ProtoField f;
    while (!rpc->upload->failed && proto_next(&r, &f) > 0) {
        ProtoReader inner;
        if (f.number != SPARK_ADD_ARTIFACTS_BATCH && f.number != SPARK_ADD_ARTIFACTS_BEGIN_CHUNK &&
            f.number != SPARK_ADD_ARTIFACTS_CHUNK)
            continue;
        if (proto_enter(&r, &f, &inner) < 0)
            fail_order(rpc, "a message is malformed");
        else if (f.number == SPARK_ADD_ARTIFACTS_BATCH)
            add_batch(rpc, inner);
        else if (f.number == SPARK_ADD_ARTIFACTS_BEGIN_CHUNK)
            begin_chunked(rpc, inner);
        else if (!rpc->upload->chunked)
            fail_order(rpc, "a chunk of nothing that has begun");
        else if (add_chunk(rpc, rpc->upload->chunked, f.bytes))
            count_chunk(rpc);
    }
}

/* Into the session, unless it is there. */
static bool keep_incoming(Rpc *rpc, Session *s, Incoming *in)
{
    const Artifact *a = find(s, in->name);
    if (!a) {
        grpc_buffer_trim(&in->bytes);
        if (s->n_artifacts >= ARTIFACTS_MAX || keep(s, in->name, in->bytes) < 0)
            return fail_full(rpc);
        return true;
    }
    size_t n = grpc_buffer_size(a->bytes);
    if (begins(in->name, CACHE) ||
        (n == grpc_buffer_size(in->bytes) &&
         memcmp(grpc_buffer_bytes(a->bytes), grpc_buffer_bytes(in->bytes), n) == 0))
        return true;
    return fail(rpc, DATA_ERROR_RUNTIME, "ARTIFACT_ALREADY_EXISTS", "42713", "The artifact ",
                in->name,
                " already exists. Please choose a different name for the new artifact because it "
                "cannot be overwritten.");
}

void rpc_add_artifacts(Rpc *rpc, const Envelope *e)
{
    _cleanup_proto_writer_ ProtoWriter w = {0};
    Upload *u = rpc->upload;
    if (!u) {
        rpc_fail_plain(rpc, GRPC_INVALID_ARGUMENT, "the request has no message");
        return;
    }
    if (u->failed)
        return;
    if (u->chunked) {
        fail_order(rpc, "chunks are missing");
        return;
    }
    Session *s = session_find(rpc->client->gateway, rpc->client->tenant->uid, u->session_id);
    if (!s) {
        rpc_fail_plain(rpc, GRPC_CANCELLED, "the session has ended");
        return;
    }
    proto_writer_init(&w, REPLY_MAX, NULL, NULL);
    list_for_each (pos, &u->incoming) {
        Incoming *in = container_of(pos, Incoming, node);
        if (!in->damaged && !keep_incoming(rpc, s, in))
            return;
        proto_begin(&w, SPARK_ARTIFACTS_ADDED_ARTIFACTS);
        proto_put_string(&w, SPARK_ARTIFACTS_ADDED_ARTIFACT_SUMMARY_NAME, in->name);
        proto_put_bool(&w, SPARK_ARTIFACTS_ADDED_ARTIFACT_SUMMARY_IS_CRC_SUCCESSFUL, !in->damaged);
        proto_end(&w);
    }
    proto_put_string(&w, SPARK_ARTIFACTS_ADDED_SESSION_ID, s->id);
    proto_put_string(&w, SPARK_ARTIFACTS_ADDED_SERVER_SIDE_SESSION_ID, s->server_id);
    rpc_reply(rpc, &w);
}

/* ---- ArtifactStatus ---- */

/* As Spark: asked for files it says no, whether they are there or not. */
void rpc_artifact_status(Rpc *rpc, const Envelope *e)
{
    _cleanup_proto_writer_ ProtoWriter w = {0};
    ProtoField f;
    Session *s = rpc_session(rpc, e, SESSION_NEED_CREATE);
    if (!s)
        return;
    proto_writer_init(&w, REPLY_MAX, NULL, NULL);
    proto_put_string(&w, SPARK_ARTIFACT_STATUSES_REPLY_SESSION_ID, s->id);
    proto_put_string(&w, SPARK_ARTIFACT_STATUSES_REPLY_SERVER_SIDE_SESSION_ID, s->server_id);
    ProtoReader r = rpc_request(rpc);
    while (proto_next(&r, &f) > 0) {
        if (f.number != SPARK_ARTIFACT_STATUSES_NAMES || f.wire != PROTO_WIRE_BYTES)
            continue;
        _cleanup_free_ char *name = NULL;
        bool known = proto_copy_string(f.bytes, DATA_NAME_MAX, &name) == 0 && begins(name, CACHE) &&
                     find(s, name);
        proto_begin(&w, SPARK_ARTIFACT_STATUSES_REPLY_STATUSES);
        proto_put_bytes(&w, SPARK_MAP_KEY, f.bytes.data, f.bytes.n_bytes);
        proto_begin(&w, SPARK_MAP_VALUE);
        if (known)
            proto_put_bool(&w, SPARK_ARTIFACT_STATUSES_REPLY_ARTIFACT_STATUS_EXISTS, true);
        proto_end(&w);
        proto_end(&w);
    }
    rpc_reply(rpc, &w);
}

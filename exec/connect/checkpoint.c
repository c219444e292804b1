/* SPDX-License-Identifier: Apache-2.0 */

/*
 * checkpoint() and localCheckpoint(): rows kept by the session under a name that the client sends
 * back (CachedRemoteRelation). Eager ones run at once and stay in memory as Arrow rows; lazy ones,
 * and those with types that Arrow does not bring back as they were, are views. After a restart of
 * the executor both are views: a replay computes no rows (CON-3).
 */

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "connect/proto/spark_command.h"
#include "connect/proto/spark_relation.h"
#include "connect/proto/spark_service.h"
#include "exec/connect/persist.h"
#include "exec/connect/query.h"

/* Checkpoints of the same DataFrame at once. */
#define SAME_MAX 1000u

static int add_rows(void *userdata, const Batch *batch, QueryError *error)
{
    return reply_writer_add(userdata, batch);
}

static bool comes_back(Type type)
{
    if (type.kind == TYPE_INTERVAL_YM || type.kind == TYPE_INTERVAL_DT)
        return false;
    for (uint32_t i = 0; i < type.n_children; i++)
        if (!comes_back(type.children[i].type))
            return false;
    return true;
}

/* The rows of @plan as a LocalRelation. */
static int run_to_local(Query *q, PlanNode *plan, ProtoWriter *w)
{
    _cleanup_(reply_writer_freep) ReplyWriter *writer = NULL;
    _cleanup_free_ uint8_t *data = NULL;
    size_t n = 0;
    int r = reply_writer_new(q->pool, plan->fields, plan->n_fields, q->context.settings.time_zone,
                             INT32_MAX, NULL, NULL, q->error, &writer);
    if (r == 0)
        r = query_run(q, plan, add_rows, writer, NULL);
    if (r == 0)
        r = reply_writer_take_stream(writer, &data, &n);
    if (r != 0)
        return query_result(q, r);
    proto_put_bytes(w, SPARK_LOCAL_RELATION_DATA, data, n);
    return proto_writer_finish(w);
}

/* A name that is free, the same one again when the command is replayed. */
static bool choose_name(Query *q, ProtoReader relation, char name[static DECODE_REMOTE_NAME_MAX])
{
    uint64_t key = persist_key(relation.at, (size_t)(relation.end - relation.at));
    for (uint32_t i = 0; i < SAME_MAX; i++) {
        (void)snprintf(name, DECODE_REMOTE_NAME_MAX, DECODE_REMOTE_PREFIX "%016llx-%u",
                       (unsigned long long)key, i);
        const PlanView *view = plan_session_view(q->session->plan, name);
        plan_view_unref(view);
        if (!view)
            return true;
    }
    return false;
}

static int keep(Query *q, ProtoReader relation, bool eager, const char *name)
{
    ViewBuilder v;
    int r = view_builder_open(q, &v);
    if (r != 0)
        return r;
    _cleanup_proto_writer_ ProtoWriter local;
    proto_writer_init(&local, SIZE_MAX / 2, NULL, NULL);
    URel *tree = decode_relation(&q->decoder, relation);
    PlanNode *plan;
    r = tree ? query_bind(q, tree, &plan) : query_result(q, q->builder.result);
    for (uint32_t i = 0; r == 0 && i < plan->n_fields; i++)
        eager &= comes_back(plan->fields[i].type);
    if (r == 0 && eager && !q->operation->replay)
        r = run_to_local(q, plan, &local);
    if (r == -EMSGSIZE) { /* more than one Arrow batch holds */
        proto_writer_done(&local);
        r = 0;
    }
    if (r == 0) {
        URel *kept =
            local.n_bytes > 0
                ? decode_local_relation(&v.decoder, proto_reader(local.data, local.n_bytes))
                : decode_relation(&v.decoder, relation);
        kept = kept ? urel_seal(&v.builder, kept) : NULL;
        r = kept ? view_builder_keep(q, &v, name, kept, false) : query_result(q, v.builder.result);
    }
    if (v.arena)
        mem_arena_free(v.arena);
    return r;
}

int query_checkpoint(Query *q, ProtoReader r)
{
    ProtoReader relation = {0};
    bool found = false, eager = false;
    ProtoField f;
    int n;
    while ((n = decode_next(&q->decoder, &r, &f)) > 0) {
        if (f.number == SPARK_CHECKPOINT_COMMAND_RELATION)
            found = decode_enter(&q->decoder, &r, &f, &relation);
        else if (f.number == SPARK_CHECKPOINT_COMMAND_EAGER)
            eager = proto_bool(f.value);
    }
    if (n == 0 && !found)
        decode_malformed(&q->decoder);
    char name[DECODE_REMOTE_NAME_MAX];
    if (q->builder.result == 0 && !choose_name(q, relation, name))
        decode_unsupported(&q->decoder, "so many checkpoints of one DataFrame");
    if (q->builder.result != 0)
        return query_result(q, q->builder.result);
    int result = keep(q, relation, eager, name);
    if (result != 0)
        return result;
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, DATA_PAYLOAD_MAX, NULL, NULL);
    proto_begin(&w, SPARK_RESPONSE_CHECKPOINT_COMMAND_RESULT);
    proto_begin(&w, SPARK_CHECKPOINT_COMMAND_RESULT_RELATION);
    proto_put_string(&w, SPARK_CACHED_REMOTE_RELATION_RELATION_ID,
                     name + sizeof(DECODE_REMOTE_PREFIX) - 1);
    proto_end(&w);
    proto_end(&w);
    result = query_emit(q, &w);
    return result ? result : query_emit_observed(q);
}

/* The client's DataFrame is gone. */
int query_checkpoint_remove(Query *q, ProtoReader r)
{
    ProtoField f;
    int n;
    char name[DECODE_REMOTE_NAME_MAX];
    while ((n = decode_next(&q->decoder, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number != SPARK_REMOVE_CACHED_REMOTE_RELATION_COMMAND_RELATION)
            continue;
        if (!decode_enter(&q->decoder, &r, &f, &inner) ||
            !decode_remote_id(&q->decoder, inner, name))
            break;
        (void)plan_session_drop_view(q->session->plan, name);
        q->flags |= DATA_FLAG_REPLAY;
    }
    return query_result(q, q->builder.result);
}

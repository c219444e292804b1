/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a Plan holds: a relation, a command, or either of them compressed, as clients do it with
 * plans above spark.connect.session.planCompression.threshold. A frame says how large its content
 * is; that is charged before it is unpacked, in one step and without a window of its own.
 */

#include <zstd.h>

#include "base/cleanup.h"
#include "connect/proto/spark_service.h"
#include "exec/connect/query.h"

/* Of one plan, as in Spark. */
#define PLAN_BYTES_MAX (UINT64_C(512) << 20)

typedef struct Compressed {
    ProtoBytes data;
    int32_t type, codec;
} Compressed;

static int malformed(Query *q)
{
    decode_malformed(&q->decoder);
    return query_result(q, q->builder.result);
}

static int unsupported(Query *q, const char *what)
{
    decode_unsupported(&q->decoder, what);
    return query_result(q, q->builder.result);
}

static int unpack(Query *q, ProtoReader r, uint32_t *ret_number, ProtoReader *ret_inner)
{
    static const ProtoRow rows[] = {
        PROTO_ROW(Compressed, data, SPARK_PLAN_COMPRESSED_OPERATION_DATA, PROTO_KIND_BYTES, 0),
        PROTO_ROW(Compressed, type, SPARK_PLAN_COMPRESSED_OPERATION_OP_TYPE, PROTO_KIND_INT32, 0),
        PROTO_ROW(Compressed, codec, SPARK_PLAN_COMPRESSED_OPERATION_COMPRESSION_CODEC,
                  PROTO_KIND_INT32, 0),
    };
    Compressed c = {0};
    if (proto_decode(r, rows, ARRAY_SIZE(rows), &c, NULL) < 0)
        return malformed(q);
    if (c.codec != SPARK_COMPRESSION_CODEC_ZSTD)
        return unsupported(q, "plans that are compressed by another codec than ZSTD");
    if (c.type != SPARK_OP_TYPE_RELATION && c.type != SPARK_OP_TYPE_COMMAND)
        return malformed(q);
    unsigned long long n = ZSTD_getFrameContentSize(c.data.data, c.data.n_bytes);
    if (n == ZSTD_CONTENTSIZE_ERROR || n == 0)
        return malformed(q);
    if (n == ZSTD_CONTENTSIZE_UNKNOWN)
        return unsupported(q, "a compressed plan that does not say its size");
    if (n > PLAN_BYTES_MAX)
        return query_error_set(q->error, DATA_ERROR_ILLEGAL,
                               "CONNECT_INVALID_PLAN.PLAN_SIZE_LARGER_THAN_MAX", "56K00",
                               "The Spark Connect plan is invalid. The plan size is larger than "
                               "max (%llu vs. %llu)",
                               n, (unsigned long long)PLAN_BYTES_MAX);
    int result = mem_block_alloc(q->pool, n, "plan", &q->plan_block);
    if (result != 0)
        return query_result(q, result);
    q->n_plan_block = n;
    size_t n_done = ZSTD_decompress(q->plan_block, n, c.data.data, c.data.n_bytes);
    if (ZSTD_isError(n_done))
        return malformed(q);
    *ret_number = c.type == SPARK_OP_TYPE_RELATION ? SPARK_PLAN_ROOT : SPARK_PLAN_COMMAND;
    *ret_inner = proto_reader(q->plan_block, n_done);
    return 0;
}

int query_plan(Query *q, ProtoReader plan, uint32_t *ret_number, ProtoReader *ret_inner)
{
    ProtoField f;
    while (decode_next(&q->decoder, &plan, &f) > 0) {
        if (!decode_enter(&q->decoder, &plan, &f, ret_inner))
            break;
        *ret_number = f.number;
        if (f.number == SPARK_PLAN_ROOT || f.number == SPARK_PLAN_COMMAND)
            return 0;
        if (f.number != SPARK_PLAN_COMPRESSED_OPERATION)
            return unsupported(q, "this kind of plan");
        if (q->plan_block)
            return unsupported(q, "two compressed plans in one request");
        return unpack(q, *ret_inner, ret_number, ret_inner);
    }
    return malformed(q);
}

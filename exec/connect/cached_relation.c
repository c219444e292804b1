/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows that the client uploaded beforehand and a plan only names: CachedLocalRelation (one artifact
 * that holds a LocalRelation message) and ChunkedCachedLocalRelation (a schema, and any number of
 * Arrow streams). Each is fetched, copied into batches of the query's arena and given back before
 * the next comes, so a large DataFrame costs its rows and one piece more.
 */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/spark_relation.h"
#include "exec/connect/decode_parts.h"
#include "exec/connect/service.h"

#define HASH_MAX 128u

/* One artifact in memory; @block is NULL where the piece that came is all of it. */
typedef struct Fetched {
    ProtoBytes bytes;
    MemPool *pool;
    void *block;
    size_t n_block;
} Fetched;

static void fetched_done(Fetched *f)
{
    if (f->block)
        mem_block_free(f->pool, f->block, f->n_block);
    f->block = NULL;
}
#define _cleanup_fetched_ __attribute__((cleanup(fetched_done)))

static bool missing(Decoder *d, const char *hash)
{
    ubuilder_fail(d->b,
                  query_error_set(d->b->error, DATA_ERROR_ILLEGAL,
                                  "CONNECT_INVALID_PLAN.NOT_FOUND_CACHED_LOCAL_RELATION", "56K00",
                                  "The Spark Connect plan is invalid. Not found any cached "
                                  "local relation with the hash: %.128s in the session.",
                                  hash));
    return false;
}

/* The rest of it, behind the first piece. */
static int gather(Decoder *d, const char *name, ServicePiece piece, Fetched *f)
{
    int r = mem_block_alloc(d->pool, piece.n_total, "local relation", &f->block);
    if (r != 0)
        return r;
    f->n_block = piece.n_total;
    f->pool = d->pool;
    for (size_t n = 0; r == 0;) {
        if (!piece.bytes || piece.n_bytes == 0 || piece.n_bytes > f->n_block - n)
            return -EBADMSG;
        memcpy((char *)f->block + n, piece.bytes, piece.n_bytes);
        n += piece.n_bytes;
        if (n == f->n_block)
            break;
        r = d->operation->fetch(d->operation->userdata, name, n, &piece);
    }
    f->bytes = (ProtoBytes){f->block, f->n_block};
    return r;
}

static bool fetch(Decoder *d, const char *hash, Fetched *f)
{
    char name[HASH_MAX + 8];
    ServicePiece piece = {0};
    if (strlen(hash) > HASH_MAX || !d->operation || !d->operation->fetch)
        return missing(d, hash);
    (void)snprintf(name, sizeof(name), "cache/%s", hash);
    int r = d->operation->fetch(d->operation->userdata, name, 0, &piece);
    if (r == 0 && !piece.bytes)
        return missing(d, hash);
    if (r == 0 && piece.n_bytes == piece.n_total)
        f->bytes = (ProtoBytes){piece.bytes, piece.n_bytes};
    else if (r == 0)
        r = gather(d, name, piece, f);
    if (r == -EBADMSG)
        return decode_malformed(d), false;
    return r == 0 || (ubuilder_fail(d->b, r), false);
}

URel *decode_cached_local(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_CACHED_LOCAL_RELATION_HASH] = PART_STRING};
    DecodeParts p;
    _cleanup_fetched_ Fetched f = {0};
    if (!decode_collect(d, r, kinds, &p))
        return NULL;
    if (p.strings.n != 1)
        return decode_malformed(d);
    if (!fetch(d, p.strings.items[0], &f))
        return NULL;
    return decode_local_relation(d, proto_reader(f.bytes.data, f.bytes.n_bytes));
}

URel *decode_chunked_local(Decoder *d, ProtoReader r)
{
    DecodeList hashes = {0};
    const char *schema_hash = NULL;
    LocalRows rows = {0};
    ProtoField field;
    int n;
    while ((n = decode_next(d, &r, &field)) > 0) {
        if (field.number == SPARK_CHUNKED_CACHED_LOCAL_RELATION_DATA_HASHES) {
            char *hash = decode_string(d, &field);
            if (!hash || !decode_add(d, &hashes, hash))
                return NULL;
        } else if (field.number == SPARK_CHUNKED_CACHED_LOCAL_RELATION_SCHEMA_HASH) {
            schema_hash = decode_string(d, &field);
            if (!schema_hash)
                return NULL;
        }
    }
    if (n < 0)
        return NULL;
    for (uint32_t i = 0; i < hashes.n; i++) {
        _cleanup_fetched_ Fetched f = {0};
        if (!fetch(d, hashes.items[i], &f) || !local_rows_add(d, &rows, f.bytes))
            return NULL;
    }
    _cleanup_fetched_ Fetched schema = {0};
    if (schema_hash && *schema_hash && !fetch(d, schema_hash, &schema))
        return NULL;
    return local_rows_finish(d, &rows, schema.bytes);
}

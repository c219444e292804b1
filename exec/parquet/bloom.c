/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "exec/parquet/index.h"
#include "exec/parquet/parquet_internal.h"

/*
 * Split block Bloom filters: 32 bytes of eight words, in each of which a value sets one bit.
 * Source: parquet-format, BloomFilter.md. A filter only says that a value is not there; whatever is
 * unusual about one (another hash, a length that does not fit) makes it say nothing.
 */

#define BLOCK_BYTES 32u
#define HEADER_BYTES_MAX 128u

static bool union_is(ThriftReader *r, const ThriftField *field, int16_t wanted)
{
    ThriftField member;
    bool found = false;

    if (field->type != THRIFT_STRUCT) {
        r->bad = true;
        return false;
    }
    thrift_enter(r, &member);
    while (thrift_next(r, &member)) {
        found = member.id == wanted;
        thrift_skip(r, &member);
    }
    return found;
}

/* Return: bytes of the header; 0 when the filter is of no use. */
static size_t read_header(const uint8_t *bytes, size_t n, int64_t *ret_bytes)
{
    bool block = false, xxhash = false, plain = false;
    ThriftReader r;
    ThriftField field;

    *ret_bytes = -1;
    thrift_init(&r, bytes, n);
    thrift_enter(&r, &field);
    while (thrift_next(&r, &field)) {
        if (field.id == 1)
            *ret_bytes = thrift_int(&r, &field);
        else if (field.id == 2)
            block = union_is(&r, &field, 1);
        else if (field.id == 3)
            xxhash = union_is(&r, &field, 1);
        else if (field.id == 4)
            plain = union_is(&r, &field, 1);
        else
            thrift_skip(&r, &field);
    }
    return r.bad || !block || !xxhash || !plain ? 0 : (size_t)(r.at - bytes);
}

int parquet_bloom_load(const ParquetFile *file, uint32_t row_group, uint32_t column,
                       uint64_t bytes_max, MemPool *pool, ParquetBloom *ret_bloom)
{
    const ParquetChunk *chunk = parquet_file_chunk(file, row_group, column);
    uint64_t size = io_file_size(file->io);
    uint8_t header[HEADER_BYTES_MAX];
    size_t n_header;
    int64_t n_bytes;
    void *block;
    int r;

    *ret_bloom = (ParquetBloom){0};
    if (file->columns[column].nested || chunk->bloom_offset < 4 || chunk->bloom_offset >= size)
        return 0;
    n_header = (size_t)MIN(size - chunk->bloom_offset, (uint64_t)sizeof(header));
    r = io_read(file->io, chunk->bloom_offset, n_header, header);
    if (r < 0)
        return r;
    n_header = read_header(header, n_header, &n_bytes);
    if (n_header == 0 || n_bytes < BLOCK_BYTES || n_bytes % BLOCK_BYTES != 0 ||
        (uint64_t)n_bytes > MIN(bytes_max, PARQUET_BLOOM_BYTES_MAX) ||
        (uint64_t)n_bytes > size - chunk->bloom_offset - n_header)
        return 0;
    r = mem_block_alloc(pool, (size_t)n_bytes, "Parquet Bloom filter", &block);
    if (r != 0)
        return r;
    r = io_read(file->io, chunk->bloom_offset + n_header, (size_t)n_bytes, block);
    if (r < 0) {
        mem_block_free(pool, block, (size_t)n_bytes);
        return r;
    }
    *ret_bloom = (ParquetBloom){
        .column = &file->columns[column], .words = block, .n_bytes = (size_t)n_bytes};
    return 0;
}

void parquet_bloom_done(ParquetBloom *bloom, MemPool *pool)
{
    if (bloom->words)
        mem_block_free(pool, bloom->words, bloom->n_bytes);
    *bloom = (ParquetBloom){0};
}

/* The value as PLAIN writes it. Return: false when several stored values could mean it. */
static bool stored_form(const ParquetColumn *c, const ParquetValue *v, uint8_t buffer[8],
                        const void **ret_bytes, size_t *ret_n)
{
    __int128 whole = type_phys(c->type) == PHYS_I128 ? v->i128 : v->i;
    float f;

    *ret_bytes = buffer;
    *ret_n = 4;
    switch (c->physical) {
    case PARQUET_INT32:
        if (c->is_unsigned)
            return false;
        memcpy(buffer, &(int32_t){(int32_t)whole}, 4);
        return whole == (int32_t)whole;
    case PARQUET_INT64:
        if (c->conversion != PARQUET_AS_IS && c->conversion != PARQUET_I64_TO_I128)
            return false;
        *ret_n = 8;
        memcpy(buffer, &(int64_t){(int64_t)whole}, 8);
        return whole == (int64_t)whole;
    case PARQUET_FLOAT: /* zeros of both signs are equal, NaNs of all bits */
        f = (float)v->d;
        memcpy(buffer, &f, 4);
        return f != 0 && !isnan(f);
    case PARQUET_DOUBLE:
        *ret_n = 8;
        memcpy(buffer, &v->d, 8);
        return v->d != 0 && !isnan(v->d);
    case PARQUET_BYTE_ARRAY:
        *ret_bytes = vec_string_data(&v->s);
        *ret_n = v->s.length;
        return c->conversion == PARQUET_AS_IS;
    default:
        return false;
    }
}

bool parquet_bloom_may_hold(const ParquetBloom *bloom, const ParquetValue *value)
{
    static const uint32_t salts[8] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                      0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};
    uint8_t buffer[8];
    const void *bytes;
    size_t n;

    if (!bloom->words || !stored_form(bloom->column, value, buffer, &bytes, &n))
        return true;
    uint64_t hash = XXH64(bytes, n, 0), n_blocks = bloom->n_bytes / BLOCK_BYTES;
    const uint32_t *block = bloom->words + ((hash >> 32) * n_blocks >> 32) * 8;
    for (uint32_t i = 0; i < ARRAY_SIZE(salts); i++)
        if (!(block[i] >> ((uint32_t)hash * salts[i] >> 27) & 1))
            return false;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/parquet_internal.h"

#include <math.h>
#include <string.h>

/*
 * Minima and maxima of column chunks, as bounds. Rules of parquet.thrift (ColumnOrder): a NaN bound
 * says nothing, zeros of either sign stand for both, INT96 has no order. The conversion of a bound
 * must be monotonic, which all of ours are.
 */

static int64_t load_i64(const uint8_t *p)
{
    int64_t v;

    memcpy(&v, p, 8);
    return v;
}

static int32_t load_i32(const uint8_t *p)
{
    int32_t v;

    memcpy(&v, p, 4);
    return v;
}

static bool big_endian(const uint8_t *p, uint32_t n, __int128 *ret)
{
    unsigned __int128 v;

    if (n < 1 || n > 16)
        return false;
    v = p[0] & 0x80 ? ~(unsigned __int128)0 : 0;
    for (uint32_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    *ret = (__int128)v;
    return true;
}

static bool decimal_value(const ParquetColumn *column, const uint8_t *bytes, uint32_t n,
                          ParquetValue *ret)
{
    __int128 v;

    if (!big_endian(bytes, n, &v))
        return false;
    if (column->conversion == PARQUET_BYTES_TO_I128) {
        ret->i128 = v;
        return true;
    }
    ret->i = (int64_t)v;
    return ret->i == v;
}

static bool int32_value(const ParquetColumn *column, const uint8_t *bytes, ParquetValue *ret)
{
    int64_t v = column->is_unsigned ? (int64_t)(uint32_t)load_i32(bytes) : load_i32(bytes);

    if (column->conversion == PARQUET_I32_TO_I128)
        ret->i128 = v;
    else
        ret->i = v;
    return true;
}

static bool int64_value(const ParquetColumn *column, const uint8_t *bytes, ParquetValue *ret)
{
    int64_t v = load_i64(bytes);

    switch (column->conversion) {
    case PARQUET_U64_TO_I128:
        ret->i128 = (uint64_t)v;
        return true;
    case PARQUET_I64_TO_I128:
        ret->i128 = v;
        return true;
    case PARQUET_MILLIS_TO_MICROS:
        return !__builtin_mul_overflow(v, 1000, &ret->i);
    case PARQUET_NANOS_TO_MICROS:
        ret->i = v / 1000 - (v % 1000 < 0);
        return true;
    default:
        ret->i = v;
        return true;
    }
}

bool statistics_value(const ParquetColumn *column, const uint8_t *bytes, uint32_t n,
                      ParquetValue *ret)
{
    float f;

    switch (column->physical) {
    case PARQUET_BOOLEAN:
        ret->i = n == 1 && bytes[0];
        return n == 1;
    case PARQUET_INT32:
        return n == 4 && int32_value(column, bytes, ret);
    case PARQUET_INT64:
        return n == 8 && int64_value(column, bytes, ret);
    case PARQUET_FLOAT:
        if (n != 4)
            return false;
        memcpy(&f, bytes, 4);
        ret->d = f;
        return !isnan(f);
    case PARQUET_DOUBLE:
        if (n != 8)
            return false;
        memcpy(&ret->d, bytes, 8);
        return !isnan(ret->d);
    case PARQUET_BYTE_ARRAY:
    case PARQUET_FIXED:
        if (column->type.kind == TYPE_DECIMAL)
            return decimal_value(column, bytes, n, ret);
        ret->s = vec_string((const char *)bytes, n);
        return true;
    default:
        return false;
    }
}

void parquet_statistics(const ParquetFile *file, uint32_t row_group, uint32_t column,
                        ParquetStatistics *ret_statistics)
{
    const ParquetColumn *c = &file->columns[column];
    ParquetStatistics s = {0};

    if (!c->unreadable && !c->nested) {
        const ParquetChunk *chunk = parquet_file_chunk(file, row_group, column);

        s.has_min = chunk->min && statistics_value(c, chunk->min, chunk->n_min, &s.min);
        s.has_max = chunk->max && statistics_value(c, chunk->max, chunk->n_max, &s.max);
        s.may_be_nan = c->physical == PARQUET_FLOAT || c->physical == PARQUET_DOUBLE;
        s.has_null_count = chunk->null_count >= 0 || c->required;
        s.null_count = chunk->null_count > 0 && !c->required ? (uint64_t)chunk->null_count : 0;
    }
    *ret_statistics = s;
}

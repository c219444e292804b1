/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/reader_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/parquet/unpack.h"
#include "exec/vec/ops.h"

/*
 * Values of one page, without nulls, into the form that vectors have. Fixed-size types go through
 * raw bytes (a pointer into the page where the encoding allows it) and one conversion loop; strings
 * are made in place.
 */

#define STRINGS_BYTES_MAX ((size_t)128 << 20) /* made by DELTA_BYTE_ARRAY for one batch */
#define UNIQUE_CHECK_MAX 1024u

/* --- conversions ------------------------------------------------------------------------------ */

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

static __int128 load_big_endian(const uint8_t *p, uint32_t n)
{
    unsigned __int128 v = n > 0 && p[0] & 0x80 ? ~(unsigned __int128)0 : 0;

    for (uint32_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return (__int128)v;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;

    return q - (a % b < 0);
}

#define JULIAN_DAY_1970 2440588
#define MICROS_PER_DAY INT64_C(86400000000)

/* What lies outside of a timestamp's range wraps around, as in Spark. */
static int64_t int96_to_micros(const uint8_t *p)
{
    int64_t nanos = load_i64(p), days = (int64_t)load_i32(p + 8) - JULIAN_DAY_1970;
    int64_t micros;

    (void)__builtin_mul_overflow(days, MICROS_PER_DAY, &micros);
    (void)__builtin_add_overflow(micros, nanos / 1000, &micros);
    return micros;
}

#define CONVERT(type, expression)                                                                  \
    do {                                                                                           \
        type *out = dst;                                                                           \
        for (uint32_t i = 0; i < n; i++, src += width)                                             \
            out[i] = (type)(expression);                                                           \
    } while (0)

/* @n raw values of @width bytes each. Return: false when one does not fit its type. */
static bool convert_fixed(const ParquetColumn *column, const uint8_t *src, uint32_t n, void *dst)
{
    uint32_t width = column->fixed_bytes;
    bool ok = true;

    switch (column->conversion) {
    case PARQUET_AS_IS:
        memcpy(dst, src, (size_t)n * width);
        return true;
    case PARQUET_TO_I8:
        CONVERT(int8_t, load_i32(src));
        return true;
    case PARQUET_TO_I16:
        CONVERT(int16_t, load_i32(src));
        return true;
    case PARQUET_U16_TO_I32:
        CONVERT(int32_t, (uint16_t)load_i32(src));
        return true;
    case PARQUET_U32_TO_I64:
        CONVERT(int64_t, (uint32_t)load_i32(src));
        return true;
    case PARQUET_I32_TO_I64:
        CONVERT(int64_t, load_i32(src));
        return true;
    case PARQUET_U64_TO_I128:
        CONVERT(__int128, (uint64_t)load_i64(src));
        return true;
    case PARQUET_I32_TO_I128:
        CONVERT(__int128, load_i32(src));
        return true;
    case PARQUET_I64_TO_I128:
        CONVERT(__int128, load_i64(src));
        return true;
    case PARQUET_NANOS_TO_MICROS:
        CONVERT(int64_t, floor_div(load_i64(src), 1000));
        return true;
    case PARQUET_BYTES_TO_I128:
        CONVERT(__int128, load_big_endian(src, width));
        return true;
    case PARQUET_MILLIS_TO_MICROS: {
        int64_t *out = dst;

        for (uint32_t i = 0; i < n; i++, src += width)
            ok &= !__builtin_mul_overflow(load_i64(src), 1000, &out[i]);
        return ok;
    }
    case PARQUET_INT96_TO_MICROS:
        CONVERT(int64_t, int96_to_micros(src));
        return true;
    case PARQUET_BYTES_TO_I64: {
        int64_t *out = dst;

        for (uint32_t i = 0; i < n; i++, src += width) {
            __int128 v = load_big_endian(src, width);

            out[i] = (int64_t)v;
            ok &= out[i] == v;
        }
        return ok;
    }
    default:
        return false;
    }
}

/* Decimals in BYTE_ARRAY: @src are their bytes as strings. */
static bool convert_strings(const ParquetColumn *column, const VecString *src, uint32_t n,
                            void *dst)
{
    bool ok = true;

    for (uint32_t i = 0; i < n; i++) {
        __int128 v = 0;

        ok &= src[i].length <= 16;
        if (src[i].length <= 16)
            v = load_big_endian((const uint8_t *)vec_string_data(&src[i]), src[i].length);
        if (column->conversion == PARQUET_BYTES_TO_I64) {
            ((int64_t *)dst)[i] = (int64_t)v;
            ok &= (int64_t)v == v;
        } else {
            ((__int128 *)dst)[i] = v;
        }
    }
    return ok;
}

/* --- strings ---------------------------------------------------------------------------------- */

/* As vec_string(), but 12 bytes may be loaded wherever @bytes points. */
static inline VecString make_string(const uint8_t *bytes, uint32_t length)
{
    VecString s;

    s.length = length;
    if (length > VEC_STRING_INLINE) {
        memcpy(s.prefix, bytes, 4);
        s.ptr = (const char *)bytes;
    } else {
        uint32_t head;
        uint64_t tail;

        memcpy(&head, bytes, 4);
        memcpy(&tail, bytes + 4, 8);
        if (length < 4) {
            head &= (UINT32_C(1) << 8 * length) - 1;
            tail = 0;
        } else if (length < 12) {
            tail &= (UINT64_C(1) << 8 * (length - 4)) - 1;
        }
        memcpy(s.prefix, &head, 4);
        memcpy(s.rest, &tail, 8);
    }
    return s;
}

/* Moves over one PLAIN string. Return: its length, or UINT32_MAX when it is cut short. */
static inline uint32_t plain_length(const uint8_t *at, const uint8_t *end)
{
    uint32_t n;

    if (unlikely(end - at < 4))
        return UINT32_MAX;
    memcpy(&n, at, 4);
    if (unlikely(n > INT32_MAX || n > (uint64_t)(end - at) - 4))
        return UINT32_MAX;
    return n;
}

/* @first: number of the first of these values among the batch's rows; @sel counts those. */
static bool plain_strings(ParquetReader *reader, uint32_t n, VecString *dst, const uint16_t *sel,
                          uint32_t n_sel, uint32_t first)
{
    const uint8_t *at = reader->data, *end = reader->data_end;
    uint32_t wanted = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t length = plain_length(at, end);

        if (unlikely(length == UINT32_MAX))
            return false;
        if (!sel) {
            dst[i] = make_string(at + 4, length);
        } else if (wanted < n_sel && sel[wanted] == first + i) {
            dst[i] = make_string(at + 4, length);
            wanted++;
        }
        at += 4 + length;
    }
    reader->data = at;
    return true;
}

static bool delta_length_strings(ParquetReader *reader, uint32_t n, VecString *dst)
{
    int64_t lengths[VEC_ROWS_MAX / 4];

    for (uint32_t done = 0; done < n;) {
        uint32_t m = MIN(n - done, (uint32_t)ARRAY_SIZE(lengths));

        if (!delta_read(&reader->delta, m, lengths))
            return false;
        for (uint32_t i = 0; i < m; i++) {
            if (lengths[i] < 0 || lengths[i] > reader->data_end - reader->data)
                return false;
            dst[done + i] = make_string(reader->data, (uint32_t)lengths[i]);
            reader->data += lengths[i];
        }
        done += m;
    }
    return true;
}

/*
 * Strings that share a prefix with the one before. What a batch makes lies in one buffer that is
 * sized first; the last string is kept for the batch after.
 */
static int delta_strings(ParquetReader *reader, uint32_t n, VecString *dst, QueryError *error)
{
    _cleanup_free_ int64_t *lengths = malloc(2 * (size_t)VEC_ROWS_MAX * sizeof(int64_t));
    int64_t *prefixes = lengths + VEC_ROWS_MAX, before = reader->previous.length;
    PageBuffer *buffer;
    size_t n_bytes = 0;
    uint8_t *out;
    int r;

    if (!lengths)
        return -ENOMEM;
    if (!delta_read(&reader->prefixes, n, prefixes) || !delta_read(&reader->delta, n, lengths))
        return reader_bad(reader, error, "a page's lengths are broken");
    for (uint32_t i = 0; i < n; i++) {
        if (prefixes[i] < 0 || prefixes[i] > before || lengths[i] < 0 ||
            lengths[i] > reader->data_end - reader->data)
            return reader_bad(reader, error, "a page's lengths are broken");
        before = prefixes[i] + lengths[i];
        n_bytes += (size_t)before;
        if (n_bytes > STRINGS_BYTES_MAX)
            return reader_bad(reader, error, "4096 strings take more than 128 MiB");
    }
    r = page_buffer_new(reader->pool, n_bytes, "Parquet strings", &buffer);
    if (r != 0)
        return r;
    out = buffer->bytes;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t length = (uint32_t)(prefixes[i] + lengths[i]);

        if (lengths[i] > reader->data_end - reader->data) {
            (void)page_buffer_free(reader->pool, buffer);
            return reader_bad(reader, error, "a page's strings are cut short");
        }
        memcpy(out, vec_string_data(&reader->previous), (size_t)prefixes[i]);
        memcpy(out + prefixes[i], reader->data, (size_t)lengths[i]);
        reader->data += lengths[i];
        reader->previous = dst[i] = vec_string((const char *)out, length);
        out += length;
    }
    /* The buffer before this one may be what rows of this batch point to. */
    if (reader->previous_bytes) {
        reader->previous_bytes->next = reader->retired;
        reader->retired = reader->previous_bytes;
    }
    reader->previous_bytes = buffer;
    return 0;
}

/* --- raw values of fixed size ----------------------------------------------------------------- */

static void unsplit(const uint8_t *data, uint64_t n_split, uint64_t index, uint32_t width,
                    uint32_t n, uint8_t *dst)
{
    for (uint32_t b = 0; b < width; b++) {
        const uint8_t *stream = data + (uint64_t)b * n_split + index;

        for (uint32_t i = 0; i < n; i++)
            dst[(size_t)i * width + b] = stream[i];
    }
}

/* Integers come as 64 bits and are stored back at the width of the physical type. */
static void narrow(const int64_t *src, uint32_t n, uint32_t width, uint8_t *dst)
{
    if (width == 8) {
        memmove(dst, src, (size_t)n * 8);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        int32_t v = (int32_t)src[i];

        memcpy(dst + (size_t)i * 4, &v, 4);
    }
}

/*
 * @n raw values, contiguous. @ret_raw points into the page or into @buffer, which has room for
 * VEC_ROWS_MAX values of 8 bytes; wider ones that must be put together get a buffer of their own.
 */
static int raw_fixed(ParquetReader *reader, uint32_t n, int64_t *buffer, const uint8_t **ret_raw,
                     QueryError *error)
{
    uint32_t width = reader->column->fixed_bytes;
    uint64_t n_bytes = (uint64_t)n * width;
    uint8_t *target = (uint8_t *)buffer;

    switch (reader->kind) {
    case PAGE_PLAIN:
        if (n_bytes > (uint64_t)(reader->data_end - reader->data))
            return reader_bad(reader, error, "a page's values are cut short");
        *ret_raw = reader->data;
        reader->data += n_bytes;
        return 0;
    case PAGE_DELTA:
        if (!delta_read(&reader->delta, n, buffer))
            return reader_bad(reader, error, "a page's differences are broken");
        narrow(buffer, n, width, target);
        *ret_raw = target;
        return 0;
    case PAGE_SPLIT:
        if (n > reader->n_split - reader->value_index)
            return reader_bad(reader, error, "a page's values are cut short");
        if (width > 8) {
            PageBuffer *wide;
            int r = page_buffer_new(reader->pool, n_bytes, "Parquet values", &wide);

            if (r != 0)
                return r;
            wide->next = reader->retired;
            reader->retired = wide;
            target = wide->bytes;
        }
        unsplit(reader->data, reader->n_split, reader->value_index, width, n, target);
        reader->value_index += n;
        *ret_raw = target;
        return 0;
    default:
        return reader_bad(reader, error, "a page has an encoding that does not fit its type");
    }
}

static int decode_fixed(ParquetReader *reader, uint32_t n, void *dst, QueryError *error)
{
    /* An array of 32 KiB on the stack of a worker; raw values may not share @dst's memory. */
    int64_t buffer[VEC_ROWS_MAX + 2]; /* make_string() loads 12 bytes */
    const uint8_t *raw;
    int r = raw_fixed(reader, n, buffer, &raw, error);

    if (r != 0)
        return r;
    if (reader->phys == PHYS_STRING) {
        VecString *out = dst;
        uint32_t width = reader->column->fixed_bytes;

        for (uint32_t i = 0; i < n; i++, raw += width)
            out[i] = make_string(raw, width);
        return 0;
    }
    return convert_fixed(reader->column, raw, n, dst)
               ? 0
               : reader_bad(reader, error, "a value is out of range for its type");
}

/* --- booleans --------------------------------------------------------------------------------- */

static bool decode_bits(ParquetReader *reader, uint32_t n, uint8_t *dst)
{
    uint64_t n_bits = (uint64_t)(reader->data_end - reader->data) * 8;

    if (n > n_bits - reader->value_index)
        return false;
    for (uint32_t i = 0; i < n; i++, reader->value_index++)
        dst[i] = reader->data[reader->value_index / 8] >> (reader->value_index % 8) & 1;
    return true;
}

static bool decode_rle_bool(ParquetReader *reader, uint32_t n, uint8_t *dst)
{
    uint32_t *codes = reader->scratch_codes;

    if (!rle_read(&reader->codes, n, codes, NULL))
        return false;
    for (uint32_t i = 0; i < n; i++)
        dst[i] = codes[i] & 1;
    return true;
}

/* --- codes into values (a batch that mixes dictionary and other pages) -------------------------
 */

static int decode_codes(ParquetReader *reader, uint32_t n, void *dst, QueryError *error)
{
    uint32_t max = 0;

    if (!rle_read(&reader->codes, n, reader->scratch_codes, &max) ||
        (n > 0 && max >= reader->n_dict))
        return reader_bad(reader, error, "a code lies outside of the dictionary");
    for (uint32_t i = 0; i < n; i++)
        memcpy((uint8_t *)dst + (size_t)i * reader->n_phys,
               (uint8_t *)reader->dict_values + (size_t)reader->scratch_codes[i] * reader->n_phys,
               reader->n_phys);
    return 0;
}

/* --- the interface ---------------------------------------------------------------------------- */

static int decode_strings(ParquetReader *reader, uint32_t n, VecString *dst, const uint16_t *sel,
                          uint32_t n_sel, uint32_t first, QueryError *error)
{
    bool ok;

    switch (reader->kind) {
    case PAGE_PLAIN:
        ok = plain_strings(reader, n, dst, sel, n_sel, first);
        break;
    case PAGE_DELTA_LENGTH:
        ok = delta_length_strings(reader, n, dst);
        break;
    case PAGE_DELTA_STRINGS:
        return delta_strings(reader, n, dst, error);
    default:
        ok = false;
    }
    return ok ? 0 : reader_bad(reader, error, "a page's strings are cut short");
}

static int decode_variable(ParquetReader *reader, uint32_t n, void *dst, const uint16_t *sel,
                           uint32_t n_sel, uint32_t first, QueryError *error)
{
    _cleanup_free_ VecString *strings = NULL;
    int r;

    if (reader->phys == PHYS_STRING)
        return decode_strings(reader, n, dst, sel, n_sel, first, error);
    strings = malloc((size_t)n * sizeof(VecString) + 1);
    if (!strings)
        return -ENOMEM;
    r = decode_strings(reader, n, strings, NULL, 0, 0, error);
    if (r != 0)
        return r;
    return convert_strings(reader->column, strings, n, dst)
               ? 0
               : reader_bad(reader, error, "a value is out of range for its type");
}

/* Fixed-length arrays in DELTA_BYTE_ARRAY come as strings that must have that length. */
static int decode_fixed_strings(ParquetReader *reader, uint32_t n, void *dst, QueryError *error)
{
    _cleanup_free_ VecString *strings = malloc((size_t)n * sizeof(VecString) + 1);
    int r;

    if (!strings)
        return -ENOMEM;
    r = delta_strings(reader, n, strings, error);
    if (r != 0)
        return r;
    for (uint32_t i = 0; i < n; i++)
        if (strings[i].length != reader->column->fixed_bytes)
            return reader_bad(reader, error, "a fixed-length value has another length");
    if (reader->phys == PHYS_STRING) {
        memcpy(dst, strings, (size_t)n * sizeof(VecString));
        return 0;
    }
    return convert_strings(reader->column, strings, n, dst)
               ? 0
               : reader_bad(reader, error, "a value is out of range for its type");
}

int values_decode(ParquetReader *reader, uint32_t n, void *dst, const uint16_t *sel, uint32_t n_sel,
                  uint32_t first, QueryError *error)
{
    if (n == 0)
        return 0;
    if (reader->kind == PAGE_CODES)
        return decode_codes(reader, n, dst, error);
    if (reader->column->physical == PARQUET_BOOLEAN) {
        bool ok = reader->kind == PAGE_BITS       ? decode_bits(reader, n, dst)
                  : reader->kind == PAGE_RLE_BOOL ? decode_rle_bool(reader, n, dst)
                                                  : false;

        return ok ? 0 : reader_bad(reader, error, "a page's booleans are cut short");
    }
    if (reader->column->fixed_bytes == 0)
        return decode_variable(reader, n, dst, sel, n_sel, first, error);
    if (reader->kind == PAGE_DELTA_STRINGS)
        return decode_fixed_strings(reader, n, dst, error);
    return decode_fixed(reader, n, dst, error);
}

/* Decodes and forgets, in pieces. */
static int skip_by_decoding(ParquetReader *reader, uint64_t n, QueryError *error)
{
    while (n > 0) {
        uint32_t m = (uint32_t)MIN(n, (uint64_t)VEC_ROWS_MAX);
        int r = values_decode(reader, m, reader->out_values, NULL, 0, 0, error);

        if (r != 0)
            return r;
        n -= m;
        page_buffers_free(reader->pool, &reader->retired);
    }
    return 0;
}

int values_skip(ParquetReader *reader, uint64_t n, QueryError *error)
{
    uint64_t n_there;

    switch (reader->kind) {
    case PAGE_CODES:
    case PAGE_RLE_BOOL:
        return rle_skip(&reader->codes, n)
                   ? 0
                   : reader_bad(reader, error, "a page's values are cut short");
    case PAGE_BITS:
        n_there = (uint64_t)(reader->data_end - reader->data) * 8 - reader->value_index;
        break;
    case PAGE_SPLIT:
        n_there = reader->n_split - reader->value_index;
        break;
    case PAGE_PLAIN:
        if (reader->column->fixed_bytes > 0) {
            n_there = (uint64_t)(reader->data_end - reader->data) / reader->column->fixed_bytes;
            if (n <= n_there)
                reader->data += n * reader->column->fixed_bytes;
            break;
        }
        for (uint64_t i = 0; i < n; i++) {
            uint32_t length = plain_length(reader->data, reader->data_end);

            if (length == UINT32_MAX)
                return reader_bad(reader, error, "a page's strings are cut short");
            reader->data += 4 + length;
        }
        return 0;
    default:
        return skip_by_decoding(reader, n, error);
    }
    if (n > n_there)
        return reader_bad(reader, error, "a page's values are cut short");
    reader->value_index += n;
    return 0;
}

/* --- dictionary ------------------------------------------------------------------------------- */

static uint64_t entry_hash(const ParquetReader *reader, uint32_t i)
{
    const uint8_t *p = (const uint8_t *)reader->dict_values + (size_t)i * reader->n_phys;
    uint64_t h = 0;

    if (reader->phys == PHYS_STRING) {
        const VecString *s = (const VecString *)p;
        const char *bytes = vec_string_data(s);

        h = s->length;
        for (uint32_t k = 0; k < s->length; k++)
            h = (h ^ (uint8_t)bytes[k]) * UINT64_C(0x100000001B3);
    } else {
        memcpy(&h, p, MIN(reader->n_phys, 8u));
        if (reader->n_phys == 16)
            h ^= (uint64_t)load_i64(p + 8) * 31;
    }
    return h * UINT64_C(0x9E3779B97F4A7C15);
}

static bool entry_equal(const ParquetReader *reader, uint32_t a, uint32_t b)
{
    const uint8_t *values = reader->dict_values;

    if (reader->phys == PHYS_STRING) {
        const VecString *x = (const VecString *)values + a, *y = (const VecString *)values + b;

        return x->length == y->length &&
               memcmp(vec_string_data(x), vec_string_data(y), x->length) == 0;
    }
    return memcmp(values + (size_t)a * reader->n_phys, values + (size_t)b * reader->n_phys,
                  reader->n_phys) == 0;
}

/*
 * Nothing in the format forbids two equal entries, and a conversion can make them (nanoseconds to
 * microseconds). Large dictionaries are not looked at: "not known to be unique" is always right.
 * Floating point is left out, because 0.0 and -0.0 are equal with different bytes.
 */
static bool dictionary_is_unique(const ParquetReader *reader)
{
    uint16_t table[2 * UNIQUE_CHECK_MAX];

    if (reader->n_dict > UNIQUE_CHECK_MAX || reader->phys == PHYS_F32 || reader->phys == PHYS_F64)
        return false;
    memset(table, 0, sizeof(table));
    for (uint32_t i = 0; i < reader->n_dict; i++) {
        size_t slot = entry_hash(reader, i) >> 53;

        _Static_assert(2 * UNIQUE_CHECK_MAX == 1u << 11, "the hash's upper 11 bits are the slot");
        while (table[slot]) {
            if (entry_equal(reader, table[slot] - 1u, i))
                return false;
            slot = (slot + 1) & (2 * UNIQUE_CHECK_MAX - 1);
        }
        table[slot] = (uint16_t)(i + 1);
    }
    return true;
}

int values_dictionary(ParquetReader *reader, const uint8_t *bytes, size_t n_bytes, uint32_t n,
                      QueryError *error)
{
    uint32_t width = reader->column->fixed_bytes, least = width ? width : 4;
    void *block;
    int r;

    if (reader->column->physical == PARQUET_BOOLEAN || n > n_bytes / least)
        return reader_bad(reader, error, "its dictionary is cut short");
    reader->n_dict_values = (size_t)n * reader->n_phys + PAGE_SLOP;
    r = mem_block_alloc(reader->pool, reader->n_dict_values, "Parquet dictionary", &block);
    if (r != 0)
        return r;
    reader->dict_values = block;
    reader->kind = PAGE_PLAIN;
    reader->data = bytes;
    reader->data_end = bytes + n_bytes;
    for (uint32_t done = 0; r == 0 && done < n;) {
        uint32_t m = MIN(n - done, VEC_ROWS_MAX);

        r = values_decode(reader, m, (uint8_t *)block + (size_t)done * reader->n_phys, NULL, 0, 0,
                          error);
        done += m;
    }
    reader->kind = PAGE_NONE;
    if (r != 0)
        return r;
    reader->n_dict = n;
    reader->dict_id = vec_dict_id_next();
    reader->dictionary_loaded = true;
    reader->dict_is_unique = dictionary_is_unique(reader);
    return 0;
}

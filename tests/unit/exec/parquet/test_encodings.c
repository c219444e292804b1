/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards PARQUET-1 (nothing outside of a page is touched, whatever it says) and PARQUET-4 (a fast
 * decoder equals its scalar twin) of exec/parquet/README.md: bit unpacking, the RLE hybrid,
 * validity bits, differences and Snappy, each against a plain encoder written here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lz4.h>

#include "base/cleanup.h"
#include "exec/parquet/codec.h"
#include "exec/parquet/delta.h"
#include "exec/parquet/rle.h"
#include "exec/parquet/unpack.h"
#include "exec/vec/vector.h"

static uint64_t seed = 1;

static uint32_t rnd(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

static void put_bits(uint8_t *out, uint64_t bit, uint32_t width, uint64_t value)
{
    for (uint32_t i = 0; i < width; i++, bit++)
        if (value >> i & 1)
            out[bit / 8] |= (uint8_t)(1u << bit % 8);
}

static void test_unpack_equals_its_twin(void **state)
{
    for (uint32_t width = 0; width <= 32; width++) {
        uint8_t packed[32 * 16 + UNPACK_SLOP] = {0};
        uint32_t values[128], fast[128], slow[128], max = 0;

        for (uint32_t i = 0; i < 128; i++) {
            values[i] = rnd(UINT32_MAX) & (uint32_t)((UINT64_C(1) << width) - 1);
            max = MAX(max, values[i]);
            put_bits(packed, (uint64_t)i * width, width, values[i]);
        }
        assert_int_equal(unpack_u32(packed, width, 16, fast), max);
        assert_int_equal(unpack_u32_scalar(packed, width, 16, slow), max);
        assert_memory_equal(fast, values, sizeof(values));
        assert_memory_equal(slow, values, sizeof(values));
    }
}

/* A hybrid stream of random runs. Return: its length. */
static size_t encode_hybrid(uint8_t *out, uint32_t width, uint32_t *values, uint32_t n)
{
    size_t at = 0;
    uint32_t mask = (uint32_t)((UINT64_C(1) << width) - 1);

    for (uint32_t done = 0; done < n;) {
        uint32_t run = 8 * (1 + rnd(20));
        uint64_t head;

        run = MIN(run, n - done);
        if (rnd(2) || run % 8 != 0) {
            uint32_t value = rnd(UINT32_MAX) & mask;

            for (head = (uint64_t)run << 1; head >= 0x80; head >>= 7)
                out[at++] = (uint8_t)(head | 0x80);
            out[at++] = (uint8_t)head;
            memcpy(out + at, &value, (width + 7) / 8);
            at += (width + 7) / 8;
            for (uint32_t i = 0; i < run; i++)
                values[done + i] = value;
        } else {
            for (head = (uint64_t)(run / 8) << 1 | 1; head >= 0x80; head >>= 7)
                out[at++] = (uint8_t)(head | 0x80);
            out[at++] = (uint8_t)head;
            memset(out + at, 0, (size_t)run / 8 * width);
            for (uint32_t i = 0; i < run; i++) {
                values[done + i] = rnd(UINT32_MAX) & mask;
                put_bits(out + at, (uint64_t)i * width, width, values[done + i]);
            }
            at += (size_t)run / 8 * width;
        }
        done += run;
    }
    return at;
}

static void test_hybrid_is_read_in_any_pieces(void **state)
{
    static uint8_t stream[200000];
    static uint32_t values[10000], got[10000];

    for (uint32_t width = 0; width <= 32; width++) {
        size_t n = encode_hybrid(stream, width, values, ARRAY_SIZE(values));
        uint32_t at = 0;
        RleReader r;

        assert_true(rle_init(&r, stream, n, width));
        while (at < ARRAY_SIZE(values)) {
            uint32_t m = MIN(1 + rnd(700), (uint32_t)ARRAY_SIZE(values) - at), max = 0, top = 0;

            if (rnd(3) == 0) {
                assert_true(rle_skip(&r, m));
            } else {
                assert_true(rle_read(&r, m, got, &top));
                assert_memory_equal(got, values + at, m * sizeof(uint32_t));
                for (uint32_t i = 0; i < m; i++)
                    max = MAX(max, got[i]);
                assert_int_equal(top, max);
            }
            at += m;
        }
        assert_false(rle_read(&r, 1, got, NULL));
    }
    {
        RleReader r;

        assert_false(rle_init(&r, stream, 10, 33));
    }
}

static void test_validity_bits_at_any_offset(void **state)
{
    static uint8_t stream[20000];
    static uint32_t values[VEC_ROWS_MAX];

    for (int round = 0; round < 50; round++) {
        size_t n = encode_hybrid(stream, 1, values, ARRAY_SIZE(values));
        LevelReader r = {.present = true};
        uint64_t bits[VEC_VALID_WORDS];
        uint32_t at = 0;

        (void)rle_init(&r.rle, stream, n, 1);
        memset(bits, 0xa5, sizeof(bits));
        while (at < VEC_ROWS_MAX) {
            uint32_t m = MIN(1 + rnd(300), VEC_ROWS_MAX - at), n_valid, expected = 0;

            assert_true(level_read(&r, m, bits, at, &n_valid));
            for (uint32_t i = 0; i < m; i++)
                expected += values[at + i];
            assert_int_equal(n_valid, expected);
            for (uint32_t i = 0; i < m && n_valid < m; i++)
                assert_int_equal(vec_bit(bits, at + i), values[at + i]);
            at += m;
        }
    }
}

static size_t put_varint(uint8_t *out, uint64_t v)
{
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        out[n++] = (uint8_t)(v | 0x80);
    out[n++] = (uint8_t)v;
    return n;
}

static uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static size_t encode_delta(uint8_t *out, const int64_t *values, uint32_t n)
{
    size_t at = put_varint(out, 128);

    at += put_varint(out + at, 4);
    at += put_varint(out + at, n);
    at += put_varint(out + at, zigzag(n ? values[0] : 0));
    for (uint32_t done = 1; done < n; done += 128) {
        uint32_t m = MIN(n - done, 128u);
        uint64_t deltas[128] = {0};
        int64_t least = INT64_MAX;
        uint8_t *widths;

        for (uint32_t i = 0; i < m; i++) {
            deltas[i] = (uint64_t)values[done + i] - (uint64_t)values[done + i - 1];
            least = MIN(least, (int64_t)deltas[i]);
        }
        at += put_varint(out + at, zigzag(least));
        widths = out + at;
        at += 4;
        for (uint32_t b = 0; b < 4; b++) {
            uint32_t width = 0;

            for (uint32_t i = b * 32; i < b * 32 + 32 && i < m; i++)
                while (width < 64 && (deltas[i] - (uint64_t)least) >> width)
                    width++;
            widths[b] = (uint8_t)width;
            if (b * 32 >= m)
                continue;
            memset(out + at, 0, 4 * width);
            for (uint32_t i = 0; i < 32; i++)
                if (b * 32 + i < m)
                    put_bits(out + at, (uint64_t)i * width, width,
                             deltas[b * 32 + i] - (uint64_t)least);
            at += 4 * width;
        }
    }
    return at;
}

/* The old BIT_PACKED encoding of levels: the example of parquet-format, Encodings.md. */
static void test_highest_bit_first(void **state)
{
    static const uint8_t bytes[] = {0x05, 0x39, 0x77};
    uint32_t dst[8], max = 0;
    RleReader r;

    rle_init_bit_packed(&r, bytes, 8, 3);
    assert_true(rle_read(&r, 3, dst, &max));
    assert_int_equal(max, 2);
    assert_true(rle_read(&r, 5, dst + 3, &max));
    assert_int_equal(max, 7);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(dst[i], i);
    assert_false(rle_read(&r, 1, dst, &max));
}

static void test_differences_of_all_widths(void **state)
{
    static uint8_t stream[200000];
    static int64_t values[3000], got[3000];

    for (uint32_t width = 0; width <= 64; width += 1) {
        uint32_t n = 1 + rnd(2999), at = 0;
        DeltaReader r;
        size_t n_bytes;

        for (uint32_t i = 0; i < n; i++) {
            uint64_t v = (uint64_t)rnd(UINT32_MAX) << 32 | rnd(UINT32_MAX);

            values[i] = (int64_t)(width == 64 ? v : v & ((UINT64_C(1) << width) - 1));
        }
        n_bytes = encode_delta(stream, values, n);
        assert_true(delta_init(&r, stream, n_bytes));
        assert_ptr_equal(delta_end(&r), stream + n_bytes);
        while (at < n) {
            uint32_t m = MIN(1 + rnd(400), n - at);

            assert_true(delta_read(&r, m, got));
            assert_memory_equal(got, values + at, m * sizeof(int64_t));
            at += m;
        }
        assert_false(delta_read(&r, 1, got));
    }
}

static void test_broken_differences_are_refused(void **state)
{
    static const uint8_t zero_block[64] = {0, 4, 5, 0};
    static const uint8_t odd_miniblock[64] = {130, 1, 3, 5, 0};
    static const uint8_t wide[80] = {128, 1, 4, 200, 1, 0, 0, 65, 65, 65, 65};
    int64_t got[200];
    DeltaReader r;

    assert_false(delta_init(&r, zero_block, 4));
    assert_false(delta_init(&r, odd_miniblock, 5));
    assert_true(delta_init(&r, wide, 11));
    assert_false(delta_read(&r, 200, got));
    assert_null(delta_end(&r));
    assert_false(delta_init(&r, wide, 1));
}

/* A Snappy encoder that makes literals and copies of all three forms at random. */
static size_t encode_snappy(uint8_t *out, const uint8_t *in, uint32_t n)
{
    size_t at = put_varint(out, n);

    for (uint32_t done = 0; done < n;) {
        uint32_t best = 0, best_offset = 0;

        for (int try = 0; try < 30 && done > 0; try++) {
            uint32_t offset = 1 + rnd(MIN(done, try < 15 ? 20u : 70000u)), length = 0;

            while (length < 64 && done + length < n &&
                   in[done + length] == in[done + length - offset])
                length++;
            if (length > best) {
                best = length;
                best_offset = offset;
            }
        }
        if (best >= 4) {
            if (best <= 11 && best_offset < 2048 && rnd(2)) {
                out[at++] = (uint8_t)(1 | (best - 4) << 2 | best_offset >> 8 << 5);
                out[at++] = (uint8_t)best_offset;
            } else if (best_offset < 65536 && rnd(4)) {
                out[at++] = (uint8_t)(2 | (best - 1) << 2);
                memcpy(out + at, &best_offset, 2);
                at += 2;
            } else {
                out[at++] = (uint8_t)(3 | (best - 1) << 2);
                memcpy(out + at, &best_offset, 4);
                at += 4;
            }
            done += best;
        } else {
            uint32_t length = MIN(1 + rnd(rnd(2) ? 20 : 400), n - done), less = length - 1;

            if (less < 60) {
                out[at++] = (uint8_t)(less << 2);
            } else {
                uint32_t n_bytes = less < 256 && rnd(2) ? 1 : less < 65536 ? 2 : 3;

                out[at++] = (uint8_t)((59 + n_bytes) << 2);
                memcpy(out + at, &less, n_bytes);
                at += n_bytes;
            }
            memcpy(out + at, in + done, length);
            at += length;
            done += length;
        }
    }
    return at;
}

static void test_snappy_round_trip(void **state)
{
    static uint8_t plain[100000 + CODEC_SLOP], packed[300000 + CODEC_SLOP];
    static uint8_t got[100000 + CODEC_SLOP];

    for (int round = 0; round < 60; round++) {
        uint32_t n = rnd(round < 30 ? 300 : 100000), alphabet = 1 + rnd(5);
        size_t n_packed;

        for (uint32_t i = 0; i < n; i++)
            plain[i] = (uint8_t)('a' + rnd(alphabet));
        n_packed = encode_snappy(packed, plain, n);
        memset(got, 0, sizeof(got));
        assert_int_equal(snappy_decompress(packed, n_packed, got, n), 0);
        assert_memory_equal(got, plain, n);
        /* A wrong length on either side is an error. */
        assert_int_equal(snappy_decompress(packed, n_packed, got, n + 1), -EBADMSG);
        if (n > 0)
            assert_int_equal(snappy_decompress(packed, n_packed - 1, got, n), -EBADMSG);
    }
}

static void test_snappy_refuses_what_reaches_outside(void **state)
{
    static const struct {
        uint8_t bytes[16 + CODEC_SLOP];
        size_t n;
    } bad[] = {
        {{8, 0x01, 1}, 3},             /* a copy before anything was written */
        {{8, 0, 'a', 0x02, 0, 0}, 6},  /* offset 0 */
        {{8, 0, 'a', 0x0d, 9}, 5},     /* offset behind the start */
        {{8, 60 << 2, 200, 'a'}, 4},   /* a literal longer than the input */
        {{2, 0x08, 'a', 'b', 'c'}, 5}, /* longer than the output */
        {{8, 0, 'a', 0x19}, 4},        /* cut in an element */
        {{200, 200, 200, 200, 200, 200}, 6},
    };
    uint8_t got[64 + CODEC_SLOP];

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(snappy_decompress(bad[i].bytes, bad[i].n, got, bad[i].bytes[0] & 0x7f),
                         -EBADMSG);
}

/* One literal of the whole output is found in place; whatever differs by a byte is not. */
static void test_snappy_stored(void **state)
{
    static uint8_t in[70010], got[70000 + CODEC_SLOP];
    static const uint32_t lengths[] = {1, 59, 60, 61, 255, 256, 257, 65536, 65537, 70000};

    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        uint32_t n = lengths[i], rest = n, extra = n > 65536 ? 3 : n > 256 ? 2 : n > 60 ? 1 : 0;
        size_t at = 0, start;

        for (; rest >= 128; rest >>= 7)
            in[at++] = (uint8_t)(rest | 0x80);
        in[at++] = (uint8_t)rest;
        in[at++] = (uint8_t)((extra ? 59 + extra : n - 1) << 2);
        for (uint32_t k = 0; k < extra; k++)
            in[at++] = (uint8_t)((n - 1) >> 8 * k);
        start = at;
        for (uint32_t k = 0; k < n; k++)
            in[at + k] = (uint8_t)rnd(256);
        at += n;
        assert_ptr_equal(snappy_stored(in, at, n), in + start);
        assert_int_equal(snappy_decompress(in, at, got, n), 0);
        assert_memory_equal(got, in + start, n);
        assert_null(snappy_stored(in, at, n - 1));
        assert_null(snappy_stored(in, at, n + 1));
        assert_null(snappy_stored(in, at - 1, n));
        assert_null(snappy_stored(in, at + 1, n));
        for (size_t cut = 0; cut <= start; cut++)
            assert_null(snappy_stored(in, cut, n));
        in[start - 1 - extra] |= 1; /* a copy */
        assert_null(snappy_stored(in, at, n));
    }
    assert_null(snappy_stored((const uint8_t *)"\0", 1, 0));
}

/* --- LZ4 in Hadoop's framing, which no library of the other tests writes --------------------- */

static size_t hadoop_block(uint8_t *to, const uint8_t *from, uint32_t n)
{
    int packed = LZ4_compress_default((const char *)from, (char *)to + 8, (int)n, 70000);

    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(n >> (24 - 8 * i));
        to[4 + i] = (uint8_t)((uint32_t)packed >> (24 - 8 * i));
    }
    return 8 + (size_t)packed;
}

static void test_lz4_of_hadoop(void **state)
{
    static uint8_t in[60000], out[140000], got[60000 + CODEC_SLOP];
    Codec codec = {0};
    size_t n = 0;

    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i / 7 + rnd(3));
    n += hadoop_block(out, in, 25000);
    n += hadoop_block(out + n, in + 25000, 35000);
    assert_int_equal(codec_decompress(&codec, 5, out, n, got, sizeof(in)), 0);
    assert_memory_equal(got, in, sizeof(in));

    /* The same codec number with a bare block, as some writers have it. */
    size_t bare = (size_t)LZ4_compress_default((const char *)in, (char *)out, sizeof(in), 70000);
    assert_int_equal(codec_decompress(&codec, 5, out, bare, got, sizeof(in)), 0);
    assert_memory_equal(got, in, sizeof(in));

    /* Too short, too long, a length that lies. */
    n = hadoop_block(out, in, 1000);
    assert_int_equal(codec_decompress(&codec, 5, out, n - 1, got, 1000), -EBADMSG);
    assert_int_equal(codec_decompress(&codec, 5, out, n, got, 999), -EBADMSG);
    assert_int_equal(codec_decompress(&codec, 5, out, n, got, 1001), -EBADMSG);
    out[4] = 0xff;
    assert_int_equal(codec_decompress(&codec, 5, out, n, got, 1000), -EBADMSG);
    codec_done(&codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lz4_of_hadoop),
        cmocka_unit_test(test_snappy_stored),
        cmocka_unit_test(test_unpack_equals_its_twin),
        cmocka_unit_test(test_hybrid_is_read_in_any_pieces),
        cmocka_unit_test(test_validity_bits_at_any_offset),
        cmocka_unit_test(test_highest_bit_first),
        cmocka_unit_test(test_differences_of_all_widths),
        cmocka_unit_test(test_broken_differences_are_refused),
        cmocka_unit_test(test_snappy_round_trip),
        cmocka_unit_test(test_snappy_refuses_what_reaches_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

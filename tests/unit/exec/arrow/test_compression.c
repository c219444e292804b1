/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our reader of LZ4 frames against frames of the library in all its forms, and against frames that
 * are cut or damaged: never a byte beyond the output, never too few of them (AF-2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <lz4frame.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "connect/arrow/arrow.h"
#include "exec/arrow/compression.h"

#define N_BYTES 300000u

/* Repeats across blocks of 64 KiB, with parts that do not compress. */
static uint8_t *make_text(size_t n)
{
    uint8_t *text = malloc(n + 1);
    uint64_t seed = 88172645463325252u;

    assert_non_null(text);
    for (size_t i = 0; i < n; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        text[i] = i % 70000 < 20000 ? (uint8_t)seed : (uint8_t)(i % 251);
    }
    return text;
}

static void check(ArrowCodec *codec, uint8_t kind, const uint8_t *frame, size_t n_frame,
                  const uint8_t *text, size_t n)
{
    /* Of exactly the right size, so that a sanitizer sees one byte too far. */
    _cleanup_free_ uint8_t *out = malloc(n + 1), *cut = malloc(n_frame + 1);

    assert_true(out && cut);
    assert_int_equal(arrow_decompress(codec, kind, frame, n_frame, out, n), 0);
    assert_memory_equal(out, text, n);
    if (n > 0)
        assert_int_equal(arrow_decompress(codec, kind, frame, n_frame, out, n - 1), -EBADMSG);
    assert_int_equal(arrow_decompress(codec, kind, frame, n_frame, out, n + 1), -EBADMSG);
    for (size_t at = 0; at < n_frame; at += n_frame / 50 + 1) {
        memcpy(cut, frame, n_frame);
        cut[at] ^= 0x41;
        (void)arrow_decompress(codec, kind, cut, n_frame, out, n);
        (void)arrow_decompress(codec, kind, cut, at, out, n);
        if (at > 0 && at < n_frame - 8)
            assert_int_equal(arrow_decompress(codec, kind, frame, at, out, n), -EBADMSG);
    }
}

static void test_lz4(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 65536, 65537, N_BYTES};
    ArrowCodec codec = {0};
    _cleanup_free_ uint8_t *text = make_text(N_BYTES);
    size_t room = LZ4F_compressFrameBound(N_BYTES, NULL) + 100;
    _cleanup_free_ uint8_t *frame = malloc(room);

    assert_non_null(frame);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        for (unsigned form = 0; form < 16; form++) {
            LZ4F_preferences_t p = {
                .frameInfo = {.blockSizeID = form & 1 ? LZ4F_max64KB : LZ4F_max256KB,
                              .blockMode = form & 2 ? LZ4F_blockIndependent : LZ4F_blockLinked,
                              .contentChecksumFlag =
                                  form & 4 ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum,
                              .blockChecksumFlag =
                                  form & 8 ? LZ4F_blockChecksumEnabled : LZ4F_noBlockChecksum,
                              .contentSize = form & 8 ? sizes[i] : 0},
            };
            size_t n = LZ4F_compressFrame(frame, room, text, sizes[i], &p);

            assert_false(LZ4F_isError(n));
            check(&codec, ARROW_LZ4_FRAME, frame, n, text, sizes[i]);
        }
    arrow_codec_done(&codec);
}

static void test_zstd(void **state)
{
    ArrowCodec codec = {0};
    _cleanup_free_ uint8_t *text = make_text(N_BYTES);
    size_t room = ZSTD_compressBound(N_BYTES);
    _cleanup_free_ uint8_t *frame = malloc(room);
    size_t n;

    assert_non_null(frame);
    n = ZSTD_compress(frame, room, text, N_BYTES, 1);
    assert_false(ZSTD_isError(n));
    check(&codec, ARROW_ZSTD, frame, n, text, N_BYTES);
    arrow_codec_done(&codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lz4), cmocka_unit_test(test_zstd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards exec/text: records that begin in a part, wherever a text is cut; numbers as Java reads
 * them; patterns; compressed files that are damaged or unpack to too much.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <bzlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "exec/io/io.h"
#include "exec/text/csv.h"
#include "exec/text/decompress.h"

static const int64_t no_offset;
static const Zone utc = {.offsets = &no_offset, .repeats_from = INT64_MAX};

static CsvOptions plain_options(void)
{
    return (CsvOptions){.separator = ",",
                        .n_separator = 1,
                        .quote = '"',
                        .escape = '\\',
                        .null_value = "",
                        .empty_value = "",
                        .nan_value = "NaN",
                        .positive_inf = "Inf",
                        .negative_inf = "-Inf",
                        .text.zone = &utc,
                        .text.n_columns = 2,
                        .text.corrupt = ROW_NO_COLUMN};
}

/* The first fields of the records that begin in [@from, @to), added to @out. */
static void read_part(const CsvOptions *options, MemPool *pool, const char *text, size_t size,
                      size_t from, size_t to, char *out)
{
    size_t start = from > 0 ? from - 1 : 0, skip;
    const uint8_t *bytes = (const uint8_t *)text + start;
    uint64_t n = row_line_end(bytes, to - 1 - start, size - start);
    CsvField field, record;
    CsvScan *scan;
    uint32_t n_fields;

    skip = from > 0 ? row_line_end(bytes, 0, n) : 0;
    if (start + skip >= to)
        return;
    assert_int_equal(csv_scan_new(options, pool, &scan), 0);
    csv_scan_begin(scan, bytes + skip, n - skip, from == 0);
    while (csv_scan_record(scan, &field, 1, &n_fields, &record) == 0) {
        if (field.text)
            strncat(out, (const char *)field.text, field.n);
        strcat(out, "|");
    }
    (void)csv_scan_free(scan);
}

static void test_each_record_is_in_one_part(void **state)
{
    static const char body[] = "h,i\r\na,1\n\nbb,2\r\r\nccc,\"x\"\n,4\n\"q,1\ndddd,5\r\n\r\nlast,6";
    CsvOptions options = plain_options();
    char text[sizeof(body) + IO_SLOP] = {0}, whole[200] = "";
    size_t n = strlen(body);
    MemPool *pool;

    options.header = true;
    memcpy(text, body, n);
    assert_int_equal(mem_pool_new((uint64_t)16 << 20, NULL, NULL, &pool), 0);
    read_part(&options, pool, text, n, 0, n, whole);
    assert_string_equal(whole, "a|bb|ccc||q,1|dddd|last|");
    for (size_t a = 1; a < n; a++)
        for (size_t b = a + 1; b < n; b++) {
            char parts[200] = "";

            if (a < 5) /* the header is in the first part: it must be all there */
                continue;
            read_part(&options, pool, text, n, 0, a, parts);
            read_part(&options, pool, text, n, a, b, parts);
            read_part(&options, pool, text, n, b, n, parts);
            assert_string_equal(parts, whole);
        }
    (void)mem_pool_free(pool);
}

static void test_numbers_are_java_s(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        double value;
    } doubles[] = {
        {"1.5", true, 1.5},
        {"-0.1", true, -0.1},
        {" 1 ", true, 1},
        {"1d", true, 1},
        {"1e400", true, (double)INFINITY},
        {".5", true, 0.5},
        {"5.", true, 5},
        {"0x1p3", true, 8},
        {"0x10", false, 0},
        {"1_0", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"Infinity", true, (double)INFINITY},
        {"inf", false, 0},
        {"1e", false, 0},
        {"123456789012345678", true, 123456789012345678.0},
        {".", false, 0},
    };
    int64_t i;
    double d;

    for (size_t k = 0; k < ARRAY_SIZE(doubles); k++) {
        const char *t = doubles[k].text;

        assert_int_equal(text_double(t, (uint32_t)strlen(t), &d), doubles[k].ok);
        if (doubles[k].ok)
            assert_true(d == doubles[k].value);
    }
    assert_true(text_integer("+007", 4, &i) && i == 7);
    assert_true(text_integer("-9223372036854775808", 20, &i) && i == INT64_MIN);
    assert_false(text_integer("9223372036854775808", 19, &i));
    assert_false(text_integer("+", 1, &i) || text_integer("", 0, &i) || text_integer("1 ", 2, &i));
}

static void test_patterns(void **state)
{
    TextPattern p;
    int64_t micros;
    bool offset;

    assert_true(text_pattern_parse("dd/MM/yyyy'T'HH:mm:ss.SSSXXX", &p));
    assert_true(text_by_pattern(&p, "02/01/1970T03:04:05.678+01:00", 29, &micros, &offset));
    assert_true(offset);
    assert_int_equal(micros, INT64_C(93845678000));
    assert_false(text_by_pattern(&p, "31/02/1970T03:04:05.678Z", 24, &micros, &offset));
    assert_false(text_by_pattern(&p, "02/01/1970", 10, &micros, &offset));
    assert_true(text_pattern_parse("d MMM yyyy[ HH:mm]", &p));
    assert_true(text_by_pattern(&p, "2 Jan 1970", 10, &micros, &offset));
    assert_true(micros == INT64_C(86400000000) && !offset);
    assert_false(text_pattern_parse("VV", &p) || text_pattern_parse("'open", &p) ||
                 text_pattern_parse("yyyy[MM", &p) || text_pattern_parse("YYYY", &p) ||
                 text_pattern_parse("", &p));
}

/* Streams behind each other, cut anywhere, flipped anywhere, and one that unpacks to too much. */
static void test_bzip2(void **state)
{
    static char text[50000];
    char packed[60000];
    MemPool *pool;
    void *block;
    size_t n_block, n_packed = 0;
    uint64_t n;
    uint8_t *zeros;
    unsigned n_out;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i * i % 23);
    for (size_t i = 0; i < 2; i++) {
        n_out = (unsigned)(sizeof(packed) - n_packed);
        assert_int_equal(BZ2_bzBuffToBuffCompress(packed + n_packed, &n_out,
                                                  text + i * sizeof(text) / 2, sizeof(text) / 2, 1,
                                                  0, 0),
                         BZ_OK);
        n_packed += n_out;
    }
    assert_int_equal(mem_pool_new((uint64_t)32 << 20, NULL, NULL, &pool), 0);
    assert_int_equal(
        text_decompress(pool, "/x.bz2", (uint8_t *)packed, n_packed, &block, &n_block, &n), 0);
    assert_int_equal(n, sizeof(text));
    assert_memory_equal(block, text, sizeof(text));
    mem_block_free(pool, block, n_block);
    for (size_t cut = 1; cut < n_packed; cut += 11) {
        int r = text_decompress(pool, "/x.bz2", (uint8_t *)packed, cut, &block, &n_block, &n);

        assert_true(r == -EBADMSG || cut == n_packed - n_out);
        mem_block_free(pool, block, n_block);
        packed[cut] ^= 4;
        (void)text_decompress(pool, "/x.bz2", (uint8_t *)packed, n_packed, &block, &n_block, &n);
        mem_block_free(pool, block, n_block);
        packed[cut] ^= 4;
    }
    zeros = calloc(1, (size_t)64 << 20);
    assert_non_null(zeros);
    n_out = sizeof(packed);
    assert_int_equal(BZ2_bzBuffToBuffCompress(packed, &n_out, (char *)zeros, 64u << 20, 9, 0, 0),
                     BZ_OK);
    free(zeros);
    assert_true(text_decompress(pool, "/x.bz2", (uint8_t *)packed, n_out, &block, &n_block, &n) >
                0);
    mem_block_free(pool, block, n_block);
    assert_int_equal(mem_pool_reserved(pool), 0);
    (void)mem_pool_free(pool);
}

static void test_compressed_files_are_not_believed(void **state)
{
    static const uint8_t gzip[] = {0x1f, 0x8b, 8,    0,    0,    0,    0, 0, 0, 3, 0x4b,
                                   4,    0,    0x43, 0xbe, 0xb7, 0xe8, 1, 0, 0, 0};
    MemPool *pool;
    void *block;
    size_t n_block, size = (size_t)64 << 20;
    uint64_t n;
    uint8_t *zeros = calloc(1, size), *packed = malloc(size);

    assert_int_equal(mem_pool_new((uint64_t)32 << 20, NULL, NULL, &pool), 0);
    assert_int_equal(text_decompress(pool, "/x.gz", gzip, sizeof(gzip), &block, &n_block, &n), 0);
    assert_int_equal(n, 1);
    assert_memory_equal(block, "a", 1);
    mem_block_free(pool, block, n_block);
    for (size_t cut = 1; cut < sizeof(gzip); cut++) {
        assert_int_equal(text_decompress(pool, "/x.gz", gzip, cut, &block, &n_block, &n), -EBADMSG);
        mem_block_free(pool, block, n_block);
    }
    size = ZSTD_compress(packed, size, zeros, size, 1);
    assert_true(text_decompress(pool, "/x.zst", packed, size, &block, &n_block, &n) > 0);
    mem_block_free(pool, block, n_block);
    assert_int_equal(mem_pool_reserved(pool), 0);
    assert_int_equal(text_decompress(pool, "/x.lz4", packed, size, &block, &n_block, &n),
                     -EOPNOTSUPP);
    (void)mem_pool_free(pool);
    free(zeros);
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_record_is_in_one_part),
        cmocka_unit_test(test_numbers_are_java_s),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_bzip2),
        cmocka_unit_test(test_compressed_files_are_not_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

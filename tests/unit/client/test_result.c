/* SPDX-License-Identifier: Apache-2.0 */
/* Results of every format from one Arrow stream: nulls, quotes, decimals, dates, and two batches
 * made one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/result.h"
#include "connect/arrow/arrow.h"

static uint8_t *make_stream(size_t *ret_n)
{
    static const ArrowField fields[] = {
        {.name = "i", .type = ARROW_TYPE_INT64, .nullable = true},
        {.name = "s", .type = ARROW_TYPE_UTF8, .nullable = true},
        {.name = "d", .type = ARROW_TYPE_DECIMAL128, .precision = 10, .scale = 2},
        {.name = "t", .type = ARROW_TYPE_DATE32},
        {.name = "f", .type = ARROW_TYPE_DOUBLE},
    };
    static const int64_t i[] = {7, 0};
    static const uint8_t valid[] = {1};
    static const int32_t offsets[] = {0, 4, 4};
    static const __int128 d[] = {-1234, 5};
    static const int32_t t[] = {0, -1};
    static const double f[] = {0.1, 3};
    ArrowColumn columns[] = {
        {.length = 2, .null_count = 1, .validity = valid, .data = i},
        {.length = 2, .offsets = offsets, .data = "a\",b"},
        {.length = 2, .data = d},
        {.length = 2, .data = t},
        {.length = 2, .data = f},
    };
    ArrowWriter *w;
    assert_int_equal(arrow_writer_new(fields, 5, &w), 0);
    size_t n = arrow_writer_measure(w, columns, 2);
    uint8_t *out = malloc(n);
    arrow_writer_write(w, columns, 2, out, n);
    arrow_writer_free(w);
    *ret_n = n;
    return out;
}

static char *print_twice(ResultFormat format, uint64_t max_rows, size_t *ret_n)
{
    size_t n_stream;
    uint8_t *stream = make_stream(&n_stream);
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_n);
    ResultPrinter *p;
    assert_int_equal(result_printer_new(out, format, max_rows, &p), 0);
    assert_int_equal(result_printer_add(p, stream, n_stream), 0);
    assert_int_equal(result_printer_add(p, stream, n_stream), 0);
    assert_int_equal(result_printer_finish(p), 0);
    assert_int_equal(result_printer_rows(p), 4);
    result_printer_free(p);
    fclose(out);
    free(stream);
    return text;
}

/* As show() and CAST write them. */
static void doubles_are_written_as_java_does(void **state)
{
    static const ArrowField field = {.name = "f", .type = ARROW_TYPE_DOUBLE};
    static const double values[] = {180,  1000, 9999999, 1e7,  1234567.875, 12345678.5,
                                    1e20, 0.1,  0.001,   1e-5, 9.9e-4,      1.7976931348623157e308,
                                    0.0,  -0.0, -123.456};
    ArrowColumn column = {.length = 15, .data = values};
    ArrowWriter *w;
    ResultPrinter *p;
    char *text = NULL;
    size_t n_text;

    assert_int_equal(arrow_writer_new(&field, 1, &w), 0);
    size_t n = arrow_writer_measure(w, &column, 15);
    uint8_t *stream = malloc(n);
    arrow_writer_write(w, &column, 15, stream, n);
    arrow_writer_free(w);
    FILE *out = open_memstream(&text, &n_text);
    assert_int_equal(result_printer_new(out, RESULT_FORMAT_CSV, 20, &p), 0);
    assert_int_equal(result_printer_add(p, stream, n), 0);
    assert_int_equal(result_printer_finish(p), 0);
    result_printer_free(p);
    fclose(out);
    assert_string_equal(text, "f\n180.0\n1000.0\n9999999.0\n1.0E7\n1234567.875\n1.23456785E7\n"
                              "1.0E20\n0.1\n0.001\n1.0E-5\n9.9E-4\n1.7976931348623157E308\n"
                              "0.0\n-0.0\n-123.456\n");
    free(text);
    free(stream);
}

static void csv(void **state)
{
    size_t n;
    char *text = print_twice(RESULT_FORMAT_CSV, 10, &n);
    assert_string_equal(text, "i,s,d,t,f\n"
                              "7,\"a\"\",b\",-12.34,1970-01-01,0.1\n"
                              ",\"\",0.05,1969-12-31,3.0\n"
                              "7,\"a\"\",b\",-12.34,1970-01-01,0.1\n"
                              ",\"\",0.05,1969-12-31,3.0\n");
    free(text);
}

static void json(void **state)
{
    size_t n;
    char *text = print_twice(RESULT_FORMAT_JSON, 10, &n);
    assert_non_null(
        strstr(text, "[\n {\"i\": 7, \"s\": \"a\\\",b\", \"d\": -12.34, \"t\": \"1970-01-01\", "
                     "\"f\": 0.1},\n {\"i\": null,"));
    assert_string_equal(text + n - 4, "}\n]\n");
    free(text);
}

static void box_counts_what_it_does_not_show(void **state)
{
    size_t n;
    char *text = print_twice(RESULT_FORMAT_BOX, 3, &n);
    assert_non_null(strstr(text, "4 rows, the first 3 shown"));
    assert_non_null(strstr(text, "NULL"));
    free(text);
}

static void arrow_is_one_stream(void **state)
{
    size_t n;
    char *text = print_twice(RESULT_FORMAT_ARROW, 0, &n);
    ArrowReader *r;
    const ArrowColumn *columns;
    int64_t n_rows;
    assert_int_equal(arrow_reader_new((uint8_t *)text, n, &r), 0);
    assert_int_equal(arrow_reader_next(r, &columns, &n_rows), 1);
    assert_int_equal(n_rows, 2);
    assert_int_equal(arrow_reader_next(r, &columns, &n_rows), 1);
    assert_int_equal(n_rows, 2);
    assert_int_equal(arrow_reader_next(r, &columns, &n_rows), 0);
    arrow_reader_free(r);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv),
        cmocka_unit_test(doubles_are_written_as_java_does),
        cmocka_unit_test(json),
        cmocka_unit_test(box_counts_what_it_does_not_show),
        cmocka_unit_test(arrow_is_one_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

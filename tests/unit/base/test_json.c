/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer escapes what must be escaped, and text parsing refuses what is not a number. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"

static void writes_nested_values(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    JsonWriter w;
    json_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "a\"b");
    json_begin_array(&w);
    json_u64(&w, 1);
    json_string(&w, "x\n\xff\xc3\xa9");
    json_null(&w);
    json_end_array(&w);
    json_key(&w, "c");
    json_bool(&w, true);
    json_end_object(&w);
    fclose(out);
    assert_string_equal(text, "{\"a\\\"b\":[1,\"x\\n\xEF\xBF\xBD\xc3\xa9\",null],\"c\":true}");
    free(text);
}

static void parses_sizes_and_cpu_lists(void **state)
{
    uint64_t v;
    assert_int_equal(text_parse_bytes("1.5G", &v), 0);
    assert_int_equal(v, 1610612736);
    assert_int_equal(text_parse_bytes("64MiB", &v), 0);
    assert_int_equal(v, 64 << 20);
    assert_int_equal(text_parse_bytes("", &v), -EINVAL);
    assert_int_equal(text_parse_bytes("1Q", &v), -EINVAL);
    assert_int_equal(text_parse_bytes("-1", &v), -EINVAL);
    assert_int_equal(text_parse_bytes("99999999T", &v), -ERANGE);
    assert_int_equal(text_parse_u64("12x", 100, &v), -EINVAL);
    assert_int_equal(text_parse_u64("101", 100, &v), -ERANGE);

    uint64_t bits[2];
    char buf[64];
    assert_int_equal(text_parse_cpu_list("0-3,8,64\n", bits, 128), 6);
    assert_int_equal(text_format_cpu_list(bits, 128, buf, sizeof(buf)), 8);
    assert_string_equal(buf, "0-3,8,64");
    assert_int_equal(text_parse_cpu_list("3-1", bits, 128), -EINVAL);
    assert_int_equal(text_parse_cpu_list("128", bits, 128), -ERANGE);
    assert_int_equal(text_parse_cpu_list("1,", bits, 128), -EINVAL);
    assert_int_equal(text_parse_cpu_list("", bits, 128), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_nested_values),
        cmocka_unit_test(parses_sizes_and_cpu_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

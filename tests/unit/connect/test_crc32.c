/* SPDX-License-Identifier: Apache-2.0 */
/* The checksum against its published check value and against itself, cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "connect/gateway/crc32.h"

static void test_known_values(void **state)
{
    assert_int_equal(crc32_update(0, NULL, 0), 0);
    assert_int_equal(crc32_update(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(crc32_update(0, "a", 1), 0xe8b7be43);
}

static void test_in_parts(void **state)
{
    uint8_t bytes[100];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    uint32_t whole = crc32_update(0, bytes, sizeof(bytes));
    for (unsigned i = 0; i <= sizeof(bytes); i++)
        assert_int_equal(crc32_update(crc32_update(0, bytes, i), bytes + i, sizeof(bytes) - i),
                         whole);
    bytes[50] ^= 1;
    assert_int_not_equal(crc32_update(0, bytes, sizeof(bytes)), whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_values),
                                       cmocka_unit_test(test_in_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

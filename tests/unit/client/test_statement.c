/* SPDX-License-Identifier: Apache-2.0 */
/* Statements are cut at semicolons that end them, and nowhere else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/statement.h"

static void expect(const char *input, const char *const *statements)
{
    /* Whole at once, and byte by byte: where the input is cut must not matter. */
    for (int bytewise = 0; bytewise < 2; bytewise++) {
        StatementSplitter s = {0};
        size_t i = 0, n = strlen(input);
        char *got;
        for (size_t at = 0; at < n; at += bytewise ? 1 : n) {
            assert_int_equal(statement_splitter_add(&s, input + at, bytewise ? 1 : n), 0);
            while (statement_splitter_next(&s, false, &got) == 1) {
                assert_non_null(statements[i]);
                assert_string_equal(got, statements[i++]);
                free(got);
            }
        }
        while (statement_splitter_next(&s, true, &got) == 1) {
            assert_non_null(statements[i]);
            assert_string_equal(got, statements[i++]);
            free(got);
        }
        assert_null(statements[i]);
        assert_false(statement_splitter_pending(&s));
        statement_splitter_done(&s);
    }
}

static void cuts_at_semicolons(void **state)
{
    expect("select 1; select 2 ;\n\n; select 3",
           (const char *[]){"select 1", "select 2", "select 3", NULL});
}

static void leaves_quotes_and_comments_alone(void **state)
{
    expect("select ';', \"a;b\", `c;d`; -- e;f\nselect /* ; */ 2;",
           (const char *[]){"select ';', \"a;b\", `c;d`", "-- e;f\nselect /* ; */ 2", NULL});
    expect("select 'it''s;', 'a\\';b'; select 1",
           (const char *[]){"select 'it''s;', 'a\\';b'", "select 1", NULL});
    expect("select 6 / 2 - 1;", (const char *[]){"select 6 / 2 - 1", NULL});
}

static void bounds_a_statement(void **state)
{
    StatementSplitter s = {0};
    char *block = calloc(1, STATEMENT_BYTES_MAX);
    memset(block, 'x', STATEMENT_BYTES_MAX);
    assert_int_equal(statement_splitter_add(&s, block, STATEMENT_BYTES_MAX), 0);
    assert_int_equal(statement_splitter_add(&s, block, STATEMENT_BYTES_MAX), 0);
    assert_int_equal(statement_splitter_add(&s, block, 1), -EMSGSIZE);
    statement_splitter_done(&s);
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_at_semicolons),
        cmocka_unit_test(leaves_quotes_and_comments_alone),
        cmocka_unit_test(bounds_a_statement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/regex_literal.h"
#include "exec/kernel/find.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *pattern, const char *literal)
{
    char out[REGEX_LITERAL_MAX + 1];
    uint32_t n = regex_required_literal(pattern, (uint32_t)strlen(pattern), out);

    out[n] = '\0';
    if (strcmp(out, literal) != 0)
        fail_msg("%s: '%s', not '%s'", pattern, out, literal);
}

static void test_examples(void **state)
{
    expect("special.*requests", "requests");
    expect("^(SMALL|LARGE).*STEEL$", "STEEL");
    expect("a|b", "");
    expect("(a|b)", "");
    expect("abc?", "ab");
    expect("abc*de+f", "ab");
    expect("ab{0,3}cde", "cde");
    expect("x\\.y", "x.y");
    expect("x\\dy", "x");
    expect("x\\x41yyy", "");
    expect("[abc]def[^]x]gh", "def");
    expect("abc[[:alpha:]]|x", "");
    expect("ab{c|d}", "");
    expect("(?i)abc", "");
    expect("\\Qa|b\\E", "");
    expect("(a(b)c)+wxyz", "wxyz");
    expect("", "");
}

/* What a pattern matches has its literal in it. */
static void test_literal_is_in_what_matches(void **state)
{
    static const char atoms[][6] = {"a",      "b",   "c",   "ab",  ".",     "[ab]", "[^a]",
                                    "(a|bc)", "(b)", "\\d", "\\.", "|",     "^",    "$",
                                    "*",      "?",   "+",   "{2}", "{0,1}", "{",    "}"};
    unsigned seed = 1;
    uint32_t n_matches = 0, n_literals = 0;

    for (uint32_t round = 0; round < 60000; round++) {
        char pattern[64] = "", literal[REGEX_LITERAL_MAX];
        for (int i = rand_r(&seed) % 7; i >= 0; i--)
            strcat(pattern, atoms[(size_t)rand_r(&seed) % (sizeof(atoms) / sizeof(atoms[0]))]);
        int code;
        PCRE2_SIZE offset;
        pcre2_code *compiled =
            pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern), PCRE2_UTF, &code, &offset, NULL);
        if (!compiled)
            continue;
        uint32_t n = regex_required_literal(pattern, (uint32_t)strlen(pattern), literal);
        n_literals += n > 0;
        pcre2_match_data *data = pcre2_match_data_create(1, NULL);
        for (int k = 0; k < 8; k++) {
            char text[13];
            size_t length = (size_t)rand_r(&seed) % 12;
            for (size_t i = 0; i < length; i++)
                text[i] = "abc.1{}"[rand_r(&seed) % 7];
            if (pcre2_match(compiled, (PCRE2_SPTR)text, length, 0, 0, data, NULL) < 0)
                continue;
            n_matches++;
            if (!find_bytes(text, length, literal, n))
                fail_msg("%s matches %.*s without %.*s", pattern, (int)length, text, (int)n,
                         literal);
        }
        pcre2_match_data_free(data);
        pcre2_code_free(compiled);
    }
    assert_true(n_matches > 10000 && n_literals > 10000);
}

/* Against memmem, at every length and alignment. */
static void test_find_bytes(void **state)
{
    unsigned seed = 7;

    for (uint32_t round = 0; round < 200000; round++) {
        size_t n = (size_t)rand_r(&seed) % 70, m = (size_t)rand_r(&seed) % 6;
        char *text = malloc(n + 1), needle[6];
        assert_non_null(text);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)('a' + rand_r(&seed) % 3);
        for (size_t i = 0; i < m; i++)
            needle[i] = (char)('a' + rand_r(&seed) % 3);
        char *exact = realloc(text, n ? n : 1); /* reading further is found by the sanitizer */
        assert_ptr_equal(find_bytes(exact, n, needle, m), memmem(exact, n, needle, m));
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_literal_is_in_what_matches),
        cmocka_unit_test(test_find_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

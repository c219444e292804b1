/* SPDX-License-Identifier: Apache-2.0 */
#include "base/token_text.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void check_hash(const char *text, size_t n, const char *wanted)
{
    uint8_t hash[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    sha256_short(text, n, hash);
    for (unsigned i = 0; i < SHA256_BYTES; i++)
        sprintf(hex + 2 * i, "%02x", hash[i]);
    assert_string_equal(hex, wanted);
}

/* Examples of FIPS 180-4, and the longest. */
static void test_sha256(void **state)
{
    char many[SHA256_SHORT_MAX];
    memset(many, 'a', sizeof(many));
    check_hash("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_hash("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_hash(many, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
}

static void test_text(void **state)
{
    for (unsigned i = 0; i < 200; i++) {
        Token t, again;
        char text[TOKEN_TEXT + 1], broken[TOKEN_TEXT + 1];
        assert_int_equal(token_generate(&t), 0);
        token_format(&t, text);
        assert_int_equal(strlen(text), TOKEN_TEXT - 1);
        assert_true(token_parse(text, &again));
        assert_memory_equal(&t, &again, sizeof(t));
        /* One text for each token: nothing that differs is the same. */
        for (unsigned k = 0; k < TOKEN_TEXT - 1; k++) {
            strcpy(broken, text);
            broken[k] ^= 1;
            assert_true(!token_parse(broken, &again) || !token_equal(&t, &again, sizeof(t)));
        }
        strcpy(broken, text);
        broken[TOKEN_TEXT - 2] = 0;
        assert_false(token_parse(broken, &again));
        strcat(text, "A");
        assert_false(token_parse(text, &again));
    }
}

typedef struct Box {
    char path[64];
    int fd;
    Token t;
    char name[TOKEN_ID_TEXT];
    TokenRecord record;
} Box;

static void put(Box *b, size_t n_bytes)
{
    int fd = openat(b->fd, b->name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, &b->record, n_bytes), n_bytes);
    if (geteuid() == 0)
        assert_int_equal(fchown(fd, 2001, (gid_t)-1), 0);
    close(fd);
}

static void test_check(void **state)
{
    Box b = {.path = "/tmp/berth-token-XXXXXX"};
    uid_t uid = 0, owner = geteuid() == 0 ? 2001 : geteuid();
    assert_non_null(mkdtemp(b.path));
    b.fd = open(b.path, O_PATH | O_DIRECTORY);
    assert_true(b.fd >= 0);
    assert_int_equal(token_generate(&b.t), 0);
    token_format_id(&b.t, b.name);
    b.record = (TokenRecord){.magic = TOKEN_MAGIC, .version = TOKEN_VERSION, .expires_usec = 1000};
    sha256_short(b.t.secret, sizeof(b.t.secret), b.record.hash);

    assert_int_equal(token_check(b.fd, &b.t, 1, &uid), TOKEN_E_UNKNOWN); /* no file */
    put(&b, sizeof(b.record));
    assert_int_equal(token_check(b.fd, &b.t, 1, &uid), 0);
    assert_int_equal(uid, owner);
    assert_int_equal(token_check(b.fd, &b.t, 1000, &uid), TOKEN_E_EXPIRED);
    Token other = b.t;
    other.secret[31] ^= 1;
    assert_int_equal(token_check(b.fd, &other, 1, &uid), TOKEN_E_UNKNOWN);
    other = b.t;
    other.id[0] ^= 1;
    assert_int_equal(token_check(b.fd, &other, 1, &uid), TOKEN_E_UNKNOWN);

    assert_int_equal(fchmodat(b.fd, b.name, 0620, 0), 0); /* its group could have written it */
    assert_int_equal(token_check(b.fd, &b.t, 1, &uid), TOKEN_E_UNKNOWN);
    assert_int_equal(fchmodat(b.fd, b.name, 0600, 0), 0);
    assert_int_equal(linkat(b.fd, b.name, b.fd, "second", 0),
                     0); /* whose directory is it really? */
    assert_int_equal(token_check(b.fd, &b.t, 1, &uid), TOKEN_E_UNKNOWN);
    assert_int_equal(unlinkat(b.fd, "second", 0), 0);
    assert_int_equal(token_check(b.fd, &b.t, 1, &uid), 0);
    assert_int_equal(renameat(b.fd, b.name, b.fd, "target"), 0);
    assert_int_equal(symlinkat("target", b.fd, b.name), 0);
    assert_int_equal(token_check(b.fd, &b.t, 1, &uid), TOKEN_E_UNKNOWN);
    assert_int_equal(unlinkat(b.fd, b.name, 0), 0);
    assert_int_equal(unlinkat(b.fd, "target", 0), 0);
    put(&b, sizeof(b.record) - 1);
    assert_int_equal(token_check(b.fd, &b.t, 1, &uid), TOKEN_E_UNKNOWN);
    b.record.version++;
    put(&b, sizeof(b.record));
    assert_int_equal(token_check(b.fd, &b.t, 1, &uid), TOKEN_E_UNKNOWN);
    if (geteuid() == 0) { /* root has none */
        b.record.version--;
        put(&b, sizeof(b.record));
        assert_int_equal(fchownat(b.fd, b.name, 0, 0, 0), 0);
        assert_int_equal(token_check(b.fd, &b.t, 1, &uid), TOKEN_E_UNKNOWN);
    }
    assert_int_equal(unlinkat(b.fd, b.name, 0), 0);
    assert_int_equal(rmdir(b.path), 0);
    close(b.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sha256), cmocka_unit_test(test_text),
                                       cmocka_unit_test(test_check)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

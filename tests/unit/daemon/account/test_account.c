/* SPDX-License-Identifier: Apache-2.0 */
/* The books: what is charged is given back, and a tenant's end finds every column at zero (D-12).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/account/account.h"

static void test_charge_and_cancel(void **state)
{
    AccountBooks books;
    Account *a, *again;
    Charge memory = {}, session = {};

    account_books_init(&books);
    assert_int_equal(account_ref(&books, 1000, &a), 0);
    assert_int_equal(account_ref(&books, 1000, &again), 0);
    assert_ptr_equal(a, again);
    assert_int_equal(charge_enter(a, CHARGE_MEMORY, 100, &memory), 0);
    assert_int_equal(charge_enter(a, CHARGE_SESSIONS, 1, &session), 0);
    charge_change(&memory, 250);
    assert_int_equal(account_used(a, CHARGE_MEMORY), 250);
    charge_change(&memory, 50);
    assert_int_equal(account_used(a, CHARGE_MEMORY), 50);
    account_unref(again);
    account_unref(a); /* the charges hold it */
    charge_cancel(&memory);
    charge_cancel(&session);
    charge_cancel(&session); /* empty: nothing happens */
    account_books_done(&books);
}

static void test_quota(void **state)
{
    AccountBooks books;
    Account *a;
    Charge one = {}, two = {}, three = {};

    account_books_init(&books);
    books.limit[CHARGE_SESSIONS] = 2;
    assert_int_equal(account_ref(&books, 1, &a), 0);
    assert_int_equal(charge_enter(a, CHARGE_SESSIONS, UINT64_MAX, &one), CHARGE_E_QUOTA);
    assert_int_equal(charge_enter(a, CHARGE_SESSIONS, 1, &one), 0);
    assert_int_equal(charge_enter(a, CHARGE_SESSIONS, 1, &two), 0);
    assert_int_equal(charge_enter(a, CHARGE_SESSIONS, 1, &three), CHARGE_E_QUOTA);
    assert_null(three.account);
    charge_cancel(&one);
    assert_int_equal(charge_enter(a, CHARGE_SESSIONS, 1, &three), 0);
    charge_cancel(&two);
    charge_cancel(&three);
    account_unref(a);
    account_books_done(&books);
}

/* A leak must stop berthd, not pass: in a child, because it aborts. */
static void test_leak_is_noticed(void **state)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        AccountBooks books;
        Account *a;
        account_books_init(&books);
        (void)account_ref(&books, 1, &a);
        fd_close(STDERR_FILENO);
        account_books_done(&books);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charge_and_cancel),
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_leak_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

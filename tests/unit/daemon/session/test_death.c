/* SPDX-License-Identifier: Apache-2.0 */
/* Why an executor died. D-9 rests on this: neither a client's own signal nor seccomp may look like
 * a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "daemon/session/death.h"

static void test_table(void **state)
{
    static const struct {
        Death death;
        SessionCause verdict;
        bool started;
        SessionCause want;
    } rows[] = {
        {{CLD_KILLED, SIGKILL, 0, 0}, SESSION_CAUSE_NONE, true, SESSION_CAUSE_KILLED},
        {{CLD_KILLED, SIGKILL, 2, 1}, SESSION_CAUSE_NONE, true, SESSION_CAUSE_OOM},
        {{CLD_KILLED, SIGKILL, 1, 0}, SESSION_CAUSE_ADMIN, true, SESSION_CAUSE_OOM},
        {{CLD_KILLED, SIGKILL, 0, 0}, SESSION_CAUSE_ADMIN, true, SESSION_CAUSE_ADMIN},
        {{CLD_KILLED, SIGSYS, 0, 0}, SESSION_CAUSE_NONE, true, SESSION_CAUSE_SECCOMP},
        {{CLD_DUMPED, SIGSYS, 0, 0}, SESSION_CAUSE_NONE, true, SESSION_CAUSE_SECCOMP},
        {{CLD_DUMPED, SIGSEGV, 0, 0}, SESSION_CAUSE_NONE, true, SESSION_CAUSE_CRASH},
        {{CLD_KILLED, SIGABRT, 1, 0}, SESSION_CAUSE_NONE, true, SESSION_CAUSE_CRASH},
        {{CLD_KILLED, SIGTERM, 0, 0}, SESSION_CAUSE_NONE, true, SESSION_CAUSE_KILLED},
        {{CLD_EXITED, 1, 0, 0}, SESSION_CAUSE_NONE, true, SESSION_CAUSE_CRASH},
        {{CLD_EXITED, 0, 0, 0}, SESSION_CAUSE_NONE, true, SESSION_CAUSE_CLOSED},
        {{CLD_EXITED, 1, 0, 0}, SESSION_CAUSE_NONE, false, SESSION_CAUSE_SPAWN},
        {{CLD_KILLED, SIGKILL, 0, 0}, SESSION_CAUSE_PROTOCOL, true, SESSION_CAUSE_PROTOCOL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_int_equal(death_classify(&rows[i].death, rows[i].verdict, rows[i].started),
                         rows[i].want);
}

static void test_text(void **state)
{
    char buf[64];

    assert_string_equal(death_describe(&(Death){CLD_KILLED, SIGSEGV}, buf, sizeof(buf)),
                        "killed by SIGSEGV");
    assert_string_equal(death_describe(&(Death){CLD_EXITED, 3}, buf, sizeof(buf)),
                        "ended with status 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

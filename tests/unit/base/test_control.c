/* SPDX-License-Identifier: Apache-2.0 */
/* Guards D-4: what a root process accepts from a peer is exactly what the table says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/control.h"
#include "base/fd.h"

static void accepts_own_frames(void **state)
{
    ControlFrame f;
    control_init(&f, CONTROL_SESSION_CLOSE, 7);
    assert_true(control_check(&f, sizeof(ControlSessionClose), 0, CONTROL_SENDER_GATEWAY));
    assert_int_equal(f.header.serial, 7);
}

static void refuses_wrong_direction_size_version_fds(void **state)
{
    ControlFrame f;
    control_init(&f, CONTROL_SESSION_CLOSE, 7);
    size_t size = sizeof(ControlSessionClose);
    assert_false(control_check(&f, size, 0, CONTROL_SENDER_EXECUTOR));
    assert_false(control_check(&f, size - 1, 0, CONTROL_SENDER_GATEWAY));
    assert_false(control_check(&f, size, 1, CONTROL_SENDER_GATEWAY));
    f.header.version++;
    assert_false(control_check(&f, size, 0, CONTROL_SENDER_GATEWAY));
    control_init(&f, CONTROL_IDENTIFY, 1);
    assert_false(control_check(&f, sizeof(ControlIdentify), 0, CONTROL_SENDER_GATEWAY));
    assert_false(control_check(&f, 3, 0, CONTROL_SENDER_GATEWAY));
}

static void refuses_text_without_nul_and_enums_out_of_range(void **state)
{
    ControlFrame f;
    control_init(&f, CONTROL_SESSION_OPEN, 1);
    size_t size = sizeof(ControlSessionOpen);
    assert_true(control_check(&f, size, 1, CONTROL_SENDER_GATEWAY));
    memset(f.session_open.session_id, 'x', sizeof(f.session_open.session_id));
    assert_false(control_check(&f, size, 1, CONTROL_SENDER_GATEWAY));
    control_init(&f, CONTROL_SESSION_OPEN, 1);
    f.session_open.profile = 77;
    assert_false(control_check(&f, size, 1, CONTROL_SENDER_GATEWAY));
    control_init(&f, CONTROL_HANDOUT, 0);
    f.handout.n_groups = CONTROL_GROUPS_MAX + 1;
    assert_false(control_check(&f, sizeof(ControlHandout), 1, CONTROL_SENDER_DAEMON_TO_EXECUTOR));
}

static void every_type_is_in_the_table_or_unknown(void **state)
{
    for (unsigned t = 0; t < _CONTROL_TYPE_MAX; t++) {
        size_t size = control_size(t);
        assert_true(size == 0 || (size >= sizeof(ControlHeader) && size <= CONTROL_FRAME_MAX));
        assert_true((size == 0) == (strcmp(control_type_to_string(t), "unknown") == 0));
    }
}

static void bad_frames_keep_no_descriptor(void **state)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    ControlFrame f, got;
    control_init(&f, CONTROL_SESSION_CLOSE, 7); /* carries no descriptor by the table */
    int probe = dup(pair[0]);
    assert_int_equal(fd_send_frame(pair[0], &f, f.header.size, &probe, 1), 0);
    int lowest = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
    close(lowest);
    int fds[CONTROL_FDS_MAX];
    size_t n_fds;
    assert_int_equal(control_receive(pair[1], CONTROL_SENDER_GATEWAY, &got, fds, &n_fds), -EPROTO);
    int again = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
    assert_int_equal(lowest, again);
    close(again);
    close(probe);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_own_frames),
        cmocka_unit_test(refuses_wrong_direction_size_version_fds),
        cmocka_unit_test(refuses_text_without_nul_and_enums_out_of_range),
        cmocka_unit_test(every_type_is_in_the_table_or_unknown),
        cmocka_unit_test(bad_frames_keep_no_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

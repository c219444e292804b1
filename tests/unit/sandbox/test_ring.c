/* SPDX-License-Identifier: Apache-2.0 */
/* The restricted ring: what works, and that everything else gives -EACCES. Skipped where io_uring
 * is switched off. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sandbox/ring/ring.h"

typedef struct Fixture {
    Ring ring;
    int file;
    bool missing;
} Fixture;

static int ring_setup(void **state)
{
    static const RingOptions options = {.n_entries = 8, .n_files = 16};
    Fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->ring = (Ring)RING_INIT;
    char path[] = "/tmp/test-ring-XXXXXX";
    f->file = mkstemp(path);
    assert_true(f->file >= 0);
    (void)unlink(path);
    assert_int_equal(pwrite(f->file, "0123456789", 10, 0), 10);
    int r = ring_open(&options, &f->ring);
    f->missing = r == -ENOSYS || r == -EPERM || r == -ENOMEM;
    assert_true(r == 0 || f->missing);
    *state = f;
    return 0;
}

static int ring_teardown(void **state)
{
    Fixture *f = *state;
    ring_close(&f->ring);
    assert_int_equal(f->ring.fd, -EBADF);
    ring_close(&f->ring); /* twice is fine */
    (void)close(f->file);
    free(f);
    return 0;
}

static int submit_one(Ring *ring, const struct io_uring_sqe *request)
{
    struct io_uring_sqe *sqe = ring_sqe(ring);
    assert_non_null(sqe);
    *sqe = *request;
    (void)ring_submit(ring, 1);
    struct io_uring_cqe *cqe = ring_cqe(ring);
    assert_non_null(cqe);
    int r = cqe->res;
    ring_cqe_seen(ring);
    return r;
}

static void reads_and_writes_registered_files(void **state)
{
    Fixture *f = *state;
    char text[8] = "";
    struct io_uring_sqe sqe = {0};
    if (f->missing)
        skip();
    assert_true(f->ring.restricted);
    assert_int_equal(ring_file_set(&f->ring, 3, f->file), 0);
    ring_prepare_read(&sqe, 3, text, 4, 2, 42);
    assert_int_equal(submit_one(&f->ring, &sqe), 4);
    assert_string_equal(text, "2345");
    sqe.flags |= IOSQE_ASYNC;
    assert_int_equal(submit_one(&f->ring, &sqe), 4);
    sqe.opcode = IORING_OP_WRITE;
    sqe.off = 0;
    assert_int_equal(submit_one(&f->ring, &sqe), 4);
    assert_int_equal(pread(f->file, text, 4, 0), 4);
    assert_string_equal(text, "2345");
    /* An empty slot, and one that has been emptied. */
    ring_prepare_read(&sqe, 4, text, 4, 0, 0);
    assert_int_equal(submit_one(&f->ring, &sqe), -EBADF);
    assert_int_equal(ring_file_set(&f->ring, 3, -1), 0);
    ring_prepare_read(&sqe, 3, text, 4, 0, 0);
    assert_int_equal(submit_one(&f->ring, &sqe), -EBADF);
    assert_true(ring_file_set(&f->ring, 16, f->file) < 0); /* beyond the table */
}

static void every_other_operation_is_refused(void **state)
{
    Fixture *f = *state;
    if (f->missing)
        skip();
    for (unsigned op = 0; op < IORING_OP_LAST; op++) {
        if (op == IORING_OP_READ || op == IORING_OP_READ_FIXED || op == IORING_OP_WRITE ||
            op == IORING_OP_WRITE_FIXED)
            continue;
        const struct io_uring_sqe sqe = {.opcode = (uint8_t)op, .flags = IOSQE_FIXED_FILE};
        assert_int_equal(submit_one(&f->ring, &sqe), -EACCES);
    }
}

static void descriptors_and_other_flags_are_refused(void **state)
{
    Fixture *f = *state;
    char byte;
    if (f->missing)
        skip();
    assert_int_equal(ring_file_set(&f->ring, 0, f->file), 0);
    struct io_uring_sqe sqe = {0};
    ring_prepare_read(&sqe, 0, &byte, 1, 0, 0);
    sqe.flags = 0;
    sqe.fd = f->file;
    assert_int_equal(submit_one(&f->ring, &sqe), -EACCES);
    static const uint8_t flags[] = {IOSQE_IO_LINK, IOSQE_IO_HARDLINK, IOSQE_IO_DRAIN,
                                    IOSQE_BUFFER_SELECT};
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        ring_prepare_read(&sqe, 0, &byte, 1, 0, 0);
        sqe.flags |= flags[i];
        assert_int_equal(submit_one(&f->ring, &sqe), -EACCES);
    }
}

static void every_other_registration_is_refused(void **state)
{
    Fixture *f = *state;
    char room[256] = {0};
    if (f->missing)
        skip();
    for (unsigned op = 0; op < IORING_REGISTER_LAST; op++) {
        if (op == IORING_REGISTER_FILES_UPDATE)
            continue;
        assert_int_equal(syscall(__NR_io_uring_register, f->ring.fd, op, room, 1), -1);
    }
    /* Nothing of it has loosened anything. */
    const struct io_uring_sqe sqe = {.opcode = IORING_OP_NOP, .flags = IOSQE_FIXED_FILE};
    assert_int_equal(submit_one(&f->ring, &sqe), -EACCES);
}

static void slots_are_bounded(void **state)
{
    Fixture *f = *state;
    static char bytes[8];
    if (f->missing)
        skip();
    assert_int_equal(ring_file_set(&f->ring, 0, f->file), 0);
    for (uint32_t round = 0; round < 100; round++) { /* around the ring many times */
        uint32_t n = 0;
        for (struct io_uring_sqe *sqe; (sqe = ring_sqe(&f->ring)); n++)
            ring_prepare_read(sqe, 0, &bytes[n], 1, n, n);
        assert_int_equal(n, f->ring.n_entries);
        int r = ring_submit(&f->ring, n);
        assert_int_equal(r, n);
        uint32_t seen = 0;
        while (seen < n) {
            struct io_uring_cqe *cqe = ring_cqe(&f->ring);
            if (!cqe) {
                assert_int_equal(ring_wait(&f->ring, 1), 0);
                continue;
            }
            assert_int_equal(cqe->res, 1);
            assert_int_equal(bytes[cqe->user_data], '0' + (int)cqe->user_data);
            ring_cqe_seen(&f->ring);
            seen++;
        }
        assert_null(ring_cqe(&f->ring));
    }
}

static void bad_options(void **state)
{
    (void)state;
    static const RingOptions bad[] = {{.n_entries = 0, .n_files = 1},
                                      {.n_entries = RING_ENTRIES_MAX + 1, .n_files = 1},
                                      {.n_entries = 8, .n_files = 0},
                                      {.n_entries = 8, .n_files = RING_FILES_MAX + 1},
                                      {.n_entries = 8, .n_files = 8, .n_buffers = 1}};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        Ring ring = RING_INIT;
        assert_int_equal(ring_open(&bad[i], &ring), -EINVAL);
        assert_int_equal(ring.fd, -EBADF);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, ring_setup, ring_teardown)
    const struct CMUnitTest tests[] = {
        TEST(reads_and_writes_registered_files),
        TEST(every_other_operation_is_refused),
        TEST(descriptors_and_other_flags_are_refused),
        TEST(every_other_registration_is_refused),
        TEST(slots_are_bounded),
        cmocka_unit_test(bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

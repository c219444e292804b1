/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/ring/ring.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cleanup.h"

#define WORKERS_DEFAULT 2u

static int ring_register(int fd, unsigned opcode, const void *arg, unsigned n)
{
    return syscall(__NR_io_uring_register, fd, opcode, arg, n) < 0 ? -errno : 0;
}

static int ring_map(int fd, const struct io_uring_params *params, Ring *ring)
{
    /* IORING_FEAT_SINGLE_MMAP (5.4): both queues in one map. */
    size_t n_sq = params->sq_off.array + params->sq_entries * sizeof(uint32_t);
    size_t n_cq = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
    ring->n_map = MAX(n_sq, n_cq);
    char *map = mmap(NULL, ring->n_map, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                     IORING_OFF_SQ_RING);
    if (map == MAP_FAILED)
        return -errno;
    ring->map = map;
    ring->n_sqes_map = params->sq_entries * sizeof(struct io_uring_sqe);
    void *sqes = mmap(NULL, ring->n_sqes_map, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                      IORING_OFF_SQES);
    if (sqes == MAP_FAILED)
        return -errno;
    ring->sqes_map = sqes;
    ring->sqes = sqes;
    ring->sq_head = (uint32_t *)(map + params->sq_off.head);
    ring->sq_tail = (uint32_t *)(map + params->sq_off.tail);
    ring->sq_flags = (uint32_t *)(map + params->sq_off.flags);
    ring->sq_array = (uint32_t *)(map + params->sq_off.array);
    ring->sq_mask = params->sq_entries - 1;
    ring->cq_head = (uint32_t *)(map + params->cq_off.head);
    ring->cq_tail = (uint32_t *)(map + params->cq_off.tail);
    ring->cqes = (struct io_uring_cqe *)(map + params->cq_off.cqes);
    ring->cq_mask = params->cq_entries - 1;
    return 0;
}

static int ring_restrict(int fd)
{
    static const struct io_uring_restriction rules[] = {
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READ},
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READ_FIXED},
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITE},
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITE_FIXED},
        {.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
         .sqe_flags = IOSQE_ASYNC | IOSQE_FIXED_FILE},
        {.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE},
        {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_FILES_UPDATE},
    };
    return ring_register(fd, IORING_REGISTER_RESTRICTIONS, rules, ARRAY_SIZE(rules));
}

static int ring_prepare(int fd, const RingOptions *options)
{
    struct io_uring_rsrc_register files = {.nr = options->n_files,
                                           .flags = IORING_RSRC_REGISTER_SPARSE};
    int r = ring_register(fd, IORING_REGISTER_FILES2, &files, sizeof(files));
    if (r < 0)
        return r;
    if (options->n_buffers > 0) {
        r = ring_register(fd, IORING_REGISTER_BUFFERS, options->buffers, options->n_buffers);
        if (r < 0)
            return r;
    }
    /* Reads that block use kernel threads of ours, charged to our cgroup: 32 reads made 32 on 6.1.
     */
    uint32_t n = options->n_workers > 0 ? options->n_workers : WORKERS_DEFAULT;
    uint32_t workers[2] = {n, n};
    r = ring_register(fd, IORING_REGISTER_IOWQ_MAX_WORKERS, workers, 2);
    if (r < 0)
        return r;
    r = ring_restrict(fd);
    if (r < 0)
        return r;
    return ring_register(fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

int ring_open(const RingOptions *options, Ring *ret_ring)
{
    if (options->n_entries == 0 || options->n_entries > RING_ENTRIES_MAX || options->n_files == 0 ||
        options->n_files > RING_FILES_MAX || (options->n_buffers > 0 && !options->buffers))
        return -EINVAL;
    struct io_uring_params params = {.flags = IORING_SETUP_R_DISABLED};
    _cleanup_close_ int fd = (int)syscall(__NR_io_uring_setup, options->n_entries, &params);
    if (fd < 0)
        return -errno;
    if (!(params.features & IORING_FEAT_SINGLE_MMAP))
        return -ENOSYS;
    int r = ring_prepare(fd, options);
    if (r < 0)
        return r;
    Ring ring = {.fd = -EBADF,
                 .restricted = true,
                 .n_entries = params.sq_entries,
                 .n_files = options->n_files,
                 .n_buffers = options->n_buffers};
    r = ring_map(fd, &params, &ring);
    if (r < 0) {
        ring_close(&ring);
        return r;
    }
    ring.fd = TAKE_FD(fd);
    *ret_ring = ring;
    return 0;
}

void ring_close(Ring *ring)
{
    if (ring->map)
        (void)munmap(ring->map, ring->n_map);
    if (ring->sqes_map)
        (void)munmap(ring->sqes_map, ring->n_sqes_map);
    (void)fd_close(ring->fd);
    *ring = (Ring)RING_INIT;
}

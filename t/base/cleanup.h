/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Ownership by attribute: a local that owns something says so where it is declared, and hands it
 * over with TAKE_PTR() or TAKE_FD() in the line that stores it. Destructors accept NULL and -EBADF.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _unused_ __attribute__((unused))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _fallthrough_ __attribute__((fallthrough)) /* clang does not read the comment */
#define _hot_ __attribute__((hot))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define TAKE_PTR(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) *_pp = &(p);                                                                 \
        __typeof__(p) _taken = *_pp;                                                               \
        *_pp = NULL;                                                                               \
        _taken;                                                                                    \
    })

#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int *_pfd = &(fd);                                                                         \
        int _taken_fd = *_pfd;                                                                     \
        *_pfd = -EBADF;                                                                            \
        _taken_fd;                                                                                 \
    })

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) _min_a = (a);                                                                \
        __typeof__(b) _min_b = (b);                                                                \
        _min_a < _min_b ? _min_a : _min_b;                                                         \
    })
#define MAX(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) _max_a = (a);                                                                \
        __typeof__(b) _max_b = (b);                                                                \
        _max_a > _max_b ? _max_a : _max_b;                                                         \
    })
/* @align is a power of two. */
#define ALIGN_UP(x, align) (((x) + (align)-1) & ~((__typeof__(x))(align)-1))

static inline void freep(void *p)
{
    free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(freep)

/* Closes and returns -EBADF, so that `fd = fd_close(fd)` leaves no stale number behind. errno is
 * kept. */
static inline int fd_close(int fd)
{
    if (fd >= 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
    }
    return -EBADF;
}

static inline void fd_closep(int *fd)
{
    *fd = fd_close(*fd);
}
#define _cleanup_close_ _cleanup_(fd_closep)

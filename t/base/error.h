/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The error contract of every function in this project that returns int:
 *
 *   0          done.
 *   negative   an errno that is not ours to interpret: pass it up unchanged.
 *   positive   a documented condition X_E_* of this one function, which its direct caller handles.
 * It is never forwarded into another module's set: translate it, or fold it with error_fold().
 *
 * ret_ arguments are written only on success. Libraries do not log.
 */

#include <errno.h>

/* A positive condition that nobody above can name any more. */
static inline int error_fold(int r)
{
    return r > 0 ? -ENOTRECOVERABLE : r;
}

#ifdef BERTH_TRACE_ERRORS
int error_trace_at(int r, const char *file, int line, const char *function);
#define error_trace(r) error_trace_at((r), __FILE__, __LINE__, __func__)
#else
#define error_trace(r) (r)
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets user-mode-linux run on processors with AMX. Preloaded into linux.uml by bed/uml.py.
 *
 * The kernel takes a process's extended state by PTRACE_SETREGSET (NT_X86_XSTATE) only in its full
 * length, and answers a shorter one with EFAULT. User-mode-linux 6.1 keeps 2,696 bytes of it, all
 * there was up to AVX-512 and protection keys; with AMX it is 11,008, and the first program of the
 * guest dies. Here a short write is laid over what the process has now. What lies past it, AMX's
 * tiles, stays with the process of the host; no program of the guest has asked for the right to use
 * them.
 *
 * Source: Linux, arch/x86/kernel/fpu/regset.c (xstateregs_set), ptrace(2),
 * Documentation/arch/x86/xstate.rst.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

typedef long PtraceFn(int request, int pid, void *address, void *data);

long ptrace(enum __ptrace_request request, ...)
{
    static PtraceFn *next;
    static _Alignas(
        64) unsigned char whole[64 << 10]; /* the caller is one thread: the bed has one processor */
    va_list list;
    va_start(list, request);
    int pid = va_arg(list, int);
    void *address = va_arg(list, void *);
    void *data = va_arg(list, void *);
    va_end(list);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "ptrace");

    const struct iovec *part = data;
    if (request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE &&
        part->iov_len < sizeof whole) {
        struct iovec all = {whole, sizeof whole};
        if (next(PTRACE_GETREGSET, pid, address, &all) == 0 && all.iov_len > part->iov_len) {
            memcpy(whole, part->iov_base, part->iov_len);
            return next(request, pid, address, &all);
        }
    }
    return next((int)request, pid, address, data);
}

# SPDX-License-Identifier: Apache-2.0
"""The user-mode-linux bed: a Linux kernel as a process, with the host's files as its root (hostfs).

The guest's init (guest/uml-init) lays an overlay over the host's files and binds the folders below into it,
so only those can be changed. Output of the job leaves through the guest's first serial line, which is
a descriptor of this process; the kernel's own console goes to the log.
"""

import os
import subprocess
import sys

from . import common


def physical_memory_folder(job):
    """Where UML may keep its memory as a file: a tmpfs that is large enough and allows PROT_EXEC."""
    for path in ("/dev/shm", "/tmp"):
        try:
            st = os.statvfs(path)
        except OSError:
            continue
        if st.f_flag & os.ST_NOEXEC or st.f_bavail * st.f_frsize < job.args.mem:
            continue
        if path == "/dev/shm" or not os.path.ismount(path):
            return path
    return job.dir


def build_preload(job):
    """What linux.uml needs on processors with AMX; see ptrace_xstate.c."""
    source = os.path.join(os.path.dirname(__file__), "ptrace_xstate.c")
    library = os.path.join(job.dir, "ptrace_xstate.so")
    compiler = common.need_program("cc", "gcc")
    built = subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", library, source],
                           stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if built.returncode != 0:
        raise common.BedError(f"{source} does not compile: {built.stderr}")
    return library


def run(job):
    kernel = common.need_program("linux.uml", "user-mode-linux")
    common.need_program("insmod", "kmod")
    common.need_program("ip", "iproute2")
    common.remove_old_runs(job.cache)
    job.write_script(os.path.join(job.dir, "job.sh"), job.out)
    shared = [common.CHECKOUT, job.out]
    if not job.build.startswith(common.CHECKOUT + "/"):
        shared.append(job.build)
    with open(os.path.join(job.dir, "shared"), "w") as f:
        f.write("".join(p + "\n" for p in shared))

    out_fd = os.dup(sys.stdout.fileno())
    os.set_inheritable(out_fd, True)
    argv = [kernel, f"mem={job.args.mem >> 20}M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw",
            "con=null", "con0=null,fd:1", "ssl=null", f"ssl0=null,fd:{out_fd}", "quiet",
            f"umid=berth-{os.getpid()}", f"init={common.GUEST}/uml-init", f"berth_job={job.dir}"]
    env = dict(os.environ, TMPDIR=physical_memory_folder(job), HOME=job.dir, LD_PRELOAD=build_preload(job))
    with open(job.console, "wb") as console:
        job.run_machine(argv, stdout=console, stderr=console, pass_fds=[out_fd], env=env)
    os.close(out_fd)
    try:
        with open(os.path.join(job.dir, "exit-code")) as f:
            code = f.read()
    except OSError:
        code = None
    return job.finish(code)


def prepare(_job):
    common.need_program("linux.uml", "user-mode-linux")
    return 0

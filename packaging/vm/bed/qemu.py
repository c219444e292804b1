# SPDX-License-Identifier: Apache-2.0
"""The qemu bed: Debian with systemd on an emulated PC with NUMA nodes.

All disks are namespaces of one NVMe controller, so their order is fixed: 1 the root (behind a throw-away snapshot),
2 the job and the checkout, 3 the results, 4... the folders that were asked for. Debian's cloud kernel has NVMe and ext4
built in. The kernel's console is the first serial line and goes to the log; the job's output is the second.
"""

import os
import shutil
import sys
import tarfile

from . import common, image

RESULT_BYTES = 1 << 30


def skip_in_checkout(path, is_dir):
    return path == ".git" or (is_dir and (path == "build" or path.startswith("build-")) and "/" not in path) or \
        path.endswith("/__pycache__")


NOT_TAKEN = ("vm", "venv", "deb", "data", "meson-private", "meson-logs", "sanitize", "thread", "fuzz")


def skip_in_build(path, is_dir):
    """Programs and what they need are taken along; objects, logs and other beds' things are not."""
    top = path.split("/", 1)[0]
    return top in NOT_TAKEN or top.startswith("mutation-") or path == "tests/log" or path.endswith((".p", ".o", ".a"))


def job_disk(job, folders):
    """Everything that this one run brings along."""
    stage = os.path.join(job.dir, "stage")
    os.makedirs(os.path.join(stage, "job", "deb"))
    image.copy_tree(common.CHECKOUT, os.path.join(stage, "checkout"), skip_in_checkout)
    if os.path.isdir(job.build):
        image.copy_tree(job.build, os.path.join(stage, "build"), skip_in_build)
    shutil.copy2(os.path.join(common.GUEST, "qemu-job"), os.path.join(stage, "job", "qemu-job"))
    for deb in job.args.install_deb:
        if not os.path.isfile(deb):
            raise common.BedError(f"no such package: {deb}")
        shutil.copy2(deb, os.path.join(stage, "job", "deb"))
    job.write_script(os.path.join(stage, "job", "job.sh"), "/var/tmp/berth-out")
    with open(os.path.join(stage, "job", "folders"), "w") as f:
        for number, folder in enumerate(folders, start=4):
            f.write(f"{number} {folder}\n")
    with open(os.path.join(stage, "job", "places"), "w") as f:
        f.write(f"checkout={common.CHECKOUT}\nbuild={job.build}\n")
    disk = os.path.join(job.dir, "job.ext4")
    image.make_ext4(stage, disk, image.image_size(stage, 256 << 20), job.console)
    shutil.rmtree(stage)
    return disk


def machine(job, kernel, disks):
    """The command line of qemu."""
    nodes = job.args.nodes
    cpus = job.args.cpus or max(2, nodes)
    node_bytes = job.args.mem // nodes >> 20
    argv = [common.need_program("qemu-system-x86_64", "qemu-system-x86"),
            "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(cpus), "-m", f"{node_bytes * nodes}M"]
    for node in range(nodes):
        own = [c for c in range(cpus) if c * nodes // cpus == node]
        argv += ["-object", f"memory-backend-ram,id=m{node},size={node_bytes}M",
                 "-numa", ",".join([f"node,nodeid={node},memdev=m{node}"] + [f"cpus={c}" for c in own])]
    argv += ["-display", "none", "-no-reboot", "-nic", "none", "-monitor", "none",
             "-serial", f"file:{job.console}", "-chardev", "stdio,id=job,signal=off", "-serial", "chardev:job",
             "-device", "nvme,id=nvme,serial=berth"]
    for number, (path, form, options) in enumerate(disks, start=1):
        argv += ["-drive", f"id=d{number},if=none,file={path},format={form},cache=unsafe{options}",
                 "-device", f"nvme-ns,drive=d{number},bus=nvme,nsid={number}"]
    argv += ["-kernel", kernel,
             "-append", "root=/dev/nvme0n1 rw console=ttyS0 quiet psi=1 panic=-1 systemd.unit=berth-bed.target "
                        "systemd.show_status=no"]
    return argv


def run(job):
    common.remove_old_runs(job.cache)
    if job.args.nodes < 1 or job.args.nodes > 16:
        raise common.BedError("--nodes wants 1 to 16")
    root = image.root_image(job)
    folders = [os.path.realpath(d) for d in job.args.disk]
    if job.venv:
        folders.append(job.venv)
    for folder in folders:
        if not os.path.isdir(folder):
            raise common.BedError(f"no such folder: {folder}")
    results = os.path.join(job.dir, "results.tar")
    with open(results, "wb") as f:
        f.truncate(RESULT_BYTES)
    disks = [(os.path.join(root, "root.ext4"), "raw", ",snapshot=on"), (job_disk(job, folders), "raw", ""), (results, "raw", "")]
    disks += [(image.folder_image(job, folder), "raw", ",readonly=on") for folder in folders]

    job.args.timeout = max(job.args.timeout, 60)
    with open(os.path.join(job.dir, "qemu.log"), "wb") as log:
        job.run_machine(machine(job, os.path.join(root, "vmlinuz"), disks), stdout=sys.stdout, stderr=log,
                        env=dict(os.environ, TMPDIR=job.dir))
    code = unpack(results, job)
    for path in (results, disks[1][0]):
        os.unlink(path)
    return job.finish(code)


def unpack(results, job):
    """The exit code from the archive that the guest wrote; its files into the job's folder for them."""
    code = None
    try:
        with tarfile.open(results) as tar:
            for member in tar:
                if member.name == "./exit-code":
                    code = tar.extractfile(member).read().decode()
                elif member.name.startswith("./out/") and (member.isfile() or member.isdir()):
                    member.name = member.name[len("./out/"):]
                    if member.name and ".." not in member.name.split("/") and not member.name.startswith("/"):
                        tar.extract(member, job.out, set_attrs=True, numeric_owner=True)
    except (tarfile.TarError, OSError, UnicodeDecodeError) as e:
        with open(job.console, "a") as f:
            f.write(f"\nno results: {e}\n")
    return code


def prepare(job):
    print(image.root_image(job))
    shutil.rmtree(job.dir, ignore_errors=True)
    return 0

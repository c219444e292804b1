# SPDX-License-Identifier: Apache-2.0
"""Disk images for the qemu bed, all below build/vm.

A root image is made from Debian packages alone and found again under a hash of its recipe. A folder's image
(the Python environment, test data) is found again under a hash of the names, sizes and times in it.
Each is built under a lock beside its final name and renamed into place.
"""

import hashlib
import json
import os
import shutil
import subprocess

from . import common

# What a test or a person wants in the guest, and every library that the berth package depends on: the package
# is installed there without a network.
PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "polkitd", "procps", "kmod", "login",
    "util-linux", "passwd", "iproute2", "python3", "apt", "adduser", "bubblewrap", "sudo",
    "libseccomp2", "libcap2", "liburing2", "libnghttp2-14", "libzstd1", "liblz4-1", "libdeflate0", "libpcre2-8-0",
    "libxxhash0", "libsqlite3-0", "libsmartcols1", "libedit2", "libstdc++6",
]
KERNEL_MODULES = ["net", "fs", "lib", "crypto", "arch"]
ROOT_SIZE = "3G"

JOB_TARGET = """\
[Unit]
Description=The job of a Berth test bed
Requires=multi-user.target
Wants=berth-bed-job.service
After=multi-user.target
AllowIsolate=yes
"""

# The disk is found by its number on the controller: newer kernels name namespaces in the order in which they answer.
JOB_SERVICE = """\
[Unit]
Description=Run the job and power off
After=multi-user.target dbus.service
Requires=dbus.service

[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh -c 'mkdir -p /run/berth-bed; for d in /sys/class/block/nvme0n*; do \\
    [ "$$(cat $$d/nsid)" != 2 ] || mount /dev/$${d##*/} /run/berth-bed; done; exec /run/berth-bed/job/qemu-job'
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStopPost=/bin/systemctl poweroff -ff
"""

# Nobody logs in, and nothing should start on its own while a test measures.
MASKED = ["serial-getty@ttyS0.service", "getty@tty1.service", "apt-daily.timer", "apt-daily-upgrade.timer",
          "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer", "systemd-tmpfiles-clean.timer",
          "systemd-networkd-wait-online.service", "systemd-rfkill.service", "systemd-rfkill.socket"]


def run_quietly(argv, log):
    with open(log, "ab") as f:
        f.write(("+ " + " ".join(argv) + "\n").encode())
        f.flush()
        r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT)
    if r.returncode != 0:
        raise common.BedError(f"{argv[0]} failed with {r.returncode}; log: {log}")


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w") as f:
        f.write(text)


def make_ext4(folder, image, size, log):
    run_quietly([common.need_program("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-m", "0", "-O", "^has_journal",
                 "-E", "lazy_itable_init=1,root_owner=0:0", "-d", folder, image, size], log)


def root_image(job):
    """The folder with root.ext4 and vmlinuz for the job's Debian release."""
    distro = job.args.distro
    packages = PACKAGES
    recipe = json.dumps([distro, packages, KERNEL_MODULES, ROOT_SIZE, JOB_TARGET, JOB_SERVICE, MASKED, 1])
    key = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    final = os.path.join(job.cache, f"root-{distro}-{key}")
    if os.path.exists(final):
        return final
    with common.Lock(os.path.join(job.cache, f"root-{distro}.lock")):
        if not os.path.exists(final):
            build_root(job, distro, packages, final)
    return final


def build_root(job, distro, packages, final):
    common.need_program("mmdebstrap", "mmdebstrap")
    part = final + ".part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    log = os.path.join(job.cache, f"root-{distro}.log")
    open(log, "w").close()
    root = os.path.join(part, "root")
    # The kernel is not installed but unpacked: its scripts would build an initramfs, which nobody needs.
    fetch_kernel = ('chroot "$1" sh -c \'cd /var/tmp && apt-get -q download '
                    '$(apt-cache depends linux-image-cloud-amd64 | sed -n "s/.*Depends: \\(linux-image-[0-9][^ ]*\\)$/\\1/p" '
                    '| head -n 1)\'')
    run_quietly(["mmdebstrap", "--mode=root", "--variant=minbase", "--include=" + ",".join(packages),
                 '--aptopt=Acquire::Languages "none"',
                 "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
                 "--dpkgopt=path-exclude=/usr/share/doc/*",
                 f"--customize-hook={fetch_kernel}", distro, root], log)

    debs = [f for f in os.listdir(os.path.join(root, "var/tmp")) if f.startswith("linux-image-")]
    if len(debs) != 1:
        raise common.BedError(f"no kernel package was downloaded; log: {log}")
    kernel = os.path.join(part, "kernel")
    run_quietly(["dpkg-deb", "-x", os.path.join(root, "var/tmp", debs[0]), kernel], log)
    os.unlink(os.path.join(root, "var/tmp", debs[0]))
    vmlinuz = next(f for f in os.listdir(os.path.join(kernel, "boot")) if f.startswith("vmlinuz-"))
    version = vmlinuz[len("vmlinuz-"):]
    os.rename(os.path.join(kernel, "boot", vmlinuz), os.path.join(part, "vmlinuz"))
    modules = os.path.join(kernel, "usr/lib/modules", version)
    if not os.path.isdir(modules):
        modules = os.path.join(kernel, "lib/modules", version)
    target = os.path.join(root, "usr/lib/modules", version)
    os.makedirs(os.path.join(target, "kernel"))
    for name in KERNEL_MODULES:
        if os.path.isdir(os.path.join(modules, "kernel", name)):
            os.rename(os.path.join(modules, "kernel", name), os.path.join(target, "kernel", name))
    for name in os.listdir(modules):
        if name.startswith("modules."):
            os.rename(os.path.join(modules, name), os.path.join(target, name))
    run_quietly([common.need_program("depmod", "kmod"), "-b", os.path.join(root, "usr"), version]
                if not os.path.islink(os.path.join(root, "lib"))
                else [common.need_program("depmod", "kmod"), "-b", root, version], log)
    shutil.rmtree(kernel)

    write(root, "etc/hostname", "berth-qemu\n")
    write(root, "etc/hosts", "127.0.0.1 localhost berth-qemu\n")
    write(root, "etc/fstab", "/dev/nvme0n1 / ext4 defaults 0 0\n")
    write(root, "etc/machine-id", hashlib.sha256(recipe_seed(distro)).hexdigest()[:32] + "\n")
    write(root, "etc/systemd/system/berth-bed.target", JOB_TARGET)
    write(root, "etc/systemd/system/berth-bed-job.service", JOB_SERVICE)
    for unit in MASKED:
        link = os.path.join(root, "etc/systemd/system", unit)
        if not os.path.lexists(link):
            os.symlink("/dev/null", link)
    shutil.rmtree(os.path.join(root, "var/lib/apt/lists"), ignore_errors=True)
    os.makedirs(os.path.join(root, "var/lib/apt/lists/partial"))

    make_ext4(root, os.path.join(part, "root.ext4"), ROOT_SIZE, log)
    shutil.rmtree(root)
    os.rename(part, final)


def recipe_seed(distro):
    return f"berth test bed {distro}".encode()


def folder_size(folder):
    total = 0
    for top, dirs, files in os.walk(folder):
        total += 4096 * (len(dirs) + 1)
        for name in files:
            st = os.lstat(os.path.join(top, name))
            total += (st.st_size + 4095) // 4096 * 4096 + 512
    return total


def image_size(folder, spare):
    """For mke2fs: content, file system's own tables, and @spare bytes."""
    return f"{(int(folder_size(folder) * 1.06) + spare + (24 << 20)) >> 10}k"


def folder_image(job, folder):
    """A cached read-only image of a folder of the host."""
    digest = hashlib.sha256(folder.encode())
    for top, dirs, files in sorted(os.walk(folder)):
        for name in sorted(files):
            st = os.lstat(os.path.join(top, name))
            digest.update(f"{top}/{name} {st.st_size} {st.st_mtime_ns}\n".encode())
    final = os.path.join(job.cache, f"folder-{digest.hexdigest()[:16]}.ext4")
    if os.path.exists(final):
        return final
    with common.Lock(os.path.join(job.cache, "folder.lock")):
        if not os.path.exists(final):
            log = os.path.join(job.cache, "folder.log")
            open(log, "w").close()
            make_ext4(folder, final + ".part", image_size(folder, 0), log)
            os.rename(final + ".part", final)
    return final


def copy_tree(source, target, skip):
    """Copies a tree by hard links where the file system allows it; @skip(relative path) leaves things out."""
    for top, dirs, files in os.walk(source):
        inside = os.path.relpath(top, source)
        inside = "" if inside == "." else inside + "/"
        dirs[:] = [d for d in dirs if not skip(inside + d, True)]
        os.makedirs(os.path.join(target, inside), exist_ok=True)
        for name in list(dirs):
            path = os.path.join(top, name)
            if os.path.islink(path):
                os.symlink(os.readlink(path), os.path.join(target, inside, name))
                dirs.remove(name)
        for name in files:
            path, copy = os.path.join(top, name), os.path.join(target, inside, name)
            if skip(inside + name, False) or not (os.path.isfile(path) or os.path.islink(path)):
                continue
            if os.path.islink(path):
                os.symlink(os.readlink(path), copy)
                continue
            try:
                os.link(path, copy)
            except OSError:
                shutil.copy2(path, copy)

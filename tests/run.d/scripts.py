# SPDX-License-Identifier: Apache-2.0
"""Integration and conformance scripts: what they declare, and running them in the beds they name.

Scripts that want the same machine share one start of it. tests/run.d/in_bed.py runs inside and marks in its output
where each begins and how it ended; if the machine dies, those without an end have failed.
"""

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass, field

import suite_package
from results import Counts, say, settle

BEDS = ["host", "uml", "qemu"]
MARK = "@@berth-test "
HEAD_LINES = 30
QEMU_SLOWER = 4


@dataclass
class Script:
    path: str
    name: str
    beds: list = field(default_factory=lambda: ["uml"])
    daemon: str = ""
    timeout: int = 120
    mem: str = "2G"
    nodes: int = 2
    needs: list = field(default_factory=list)


def read_head(path, name):
    script = Script(path, name)
    with open(path, errors="replace") as f:
        for _, line in zip(range(HEAD_LINES), f):
            m = re.match(r"#\s*(bed|daemon|timeout|mem|nodes|needs):\s*(.*?)\s*$", line)
            if not m:
                continue
            key, value = m.groups()
            value = value.split("#")[0].strip()
            if key == "bed":
                script.beds = value.split()
            elif key == "needs":
                script.needs = value.split()
            elif key in ("timeout", "nodes"):
                setattr(script, key, int(value))
            else:
                setattr(script, key, value)
    unknown = (set(script.beds) - set(BEDS)) | (set(script.needs) - {"venv", "tpch", "tpch1", "build", "clients"})
    if unknown or not script.beds or script.daemon not in ("", "yes", "no"):
        raise ValueError(f"{path}: cannot understand its head: {' '.join(sorted(unknown)) or 'no bed'}")
    return script


def find(context, suite):
    folder = os.path.join(context.top, "tests", suite)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    scripts = []
    for name in names:
        path = os.path.join(folder, name)
        if name.startswith("_") or not name.endswith((".sh", ".py")) or not os.access(path, os.X_OK):
            continue
        scripts.append(read_head(path, name.rsplit(".", 1)[0]))
    return scripts


def run(context, suite):
    groups = {}
    for script in find(context, suite):
        if context.args.only and context.args.only not in script.name:
            continue
        for bed in script.beds:
            if context.args.bed and bed not in context.args.bed:
                continue
            key = (BEDS.index(bed), bed, script.mem if bed != "host" else "", script.nodes if bed == "qemu" else 0)
            groups.setdefault(key, []).append(script)
    if not groups:
        if not context.args.only and not context.args.bed:
            context.results.fail(suite, "scripts", f"tests/{suite} holds no script")
        return
    if not context.need_build("gcc"):
        return
    for number, (key, scripts) in enumerate(sorted(groups.items())):
        run_group(context, suite, key[1], key[2], key[3], scripts, number)


def data_folders(context, needs):
    """Test data that is made once and kept in the build folder. Returns whether all is there."""
    top = os.path.join(context.build, "data", "tpch")
    for need, scale, name in (("tpch", "0.01", "sf001"), ("tpch1", "1", "sf1")):
        if need in needs:
            log = context.log_path("build", f"tpch-{name}.log")
            if context.command([os.path.join(context.top, "tests", "support", "tpch-data"), "--venv", context.venv,
                                scale, os.path.join(top, name)], log) != 0:
                context.results.fail("build", f"tpch-{name}", "no test data", context.relative(log))
                return False
    return True


def run_group(context, suite, bed, mem, nodes, scripts, number):
    part = f"{suite}/{bed}"
    needs = sorted({n for s in scripts for n in s.needs})
    if not data_folders(context, needs):
        for s in scripts:
            context.results.fail(part, s.name, "no test data")
        return
    plan_path = os.path.join(context.product, "tests", f"plan-{suite}-{bed}-{number}.json")
    os.makedirs(os.path.dirname(plan_path), exist_ok=True)
    slower = QEMU_SLOWER if bed == "qemu" else 1
    plan = {
        "bed": bed, "data": os.path.join(context.build, "data"), "venv": context.venv if "venv" in needs else "",
        "scripts": [{"name": s.name, "path": s.path, "timeout": s.timeout * slower, "needs": s.needs,
                     "daemon": s.daemon or ("no" if bed == "host" else "yes")} for s in scripts],
    }
    with open(plan_path, "w") as f:
        json.dump(plan, f, indent=1)
    inner = ["python3", "-B", os.path.join(context.top, "tests", "run.d", "in_bed.py"), plan_path]
    out = context.log_path(part, f"files-{number}", "")
    bed_log = context.log_path(part, f"bed-{number}.log")
    limit = sum(s.timeout + 30 for s in scripts) * slower + 120
    if bed == "host":
        argv = inner
    else:
        argv = [os.path.join(context.top, "packaging", "vm", "run"), f"--bed={bed}", f"--mem={mem}", "--build", context.product,
                "--timeout", str(limit), "--out", out]
        if plan["venv"]:
            argv += ["--venv", context.venv]
        if bed == "qemu":
            deb = suite_package.need_deb(context)
            if not deb:
                for s in scripts:
                    context.results.fail(part, s.name, "there is no package to install")
                return
            argv += [f"--nodes={nodes}", "--distro", context.args.distro, "--install-deb", deb]
            if "tpch" in needs or "tpch1" in needs:
                argv += ["--disk", plan["data"]]
        argv += ["--", *inner]
    start = time.monotonic()
    env = dict(os.environ, BERTH_OUT=out, BERTH_BUILD=context.product, BERTH_CHECKOUT=context.top)
    code = follow(context, part, argv, env, bed_log, limit + 300, scripts)
    say(f"{part}: {len(scripts)} scripts in {time.monotonic() - start:.0f} s"
        + (f"; the bed ended with {code}" if code else ""))


def follow(context, part, argv, env, bed_log, limit, scripts):
    """Reads the output of the bed, cuts it into one log per script and counts each at its end."""
    ended = set()
    current = None
    kept = []
    with open(bed_log, "wb") as log:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=env,
                                 cwd=context.top)
        for raw in child.stdout:
            line = raw.decode(errors="replace").replace("\r\n", "\n")
            if line.startswith(MARK):
                record = json.loads(line[len(MARK):])
                if record["what"] == "begin":
                    current, kept = record["name"], []
                elif current:
                    settle_script(context, part, current, kept, record)
                    ended.add(current)
                    current = None
                continue
            if current:
                kept.append(line)
            else:
                log.write(raw)
                log.flush()
        code = child.wait(timeout=limit)
    missing = [s.name for s in scripts if s.name not in ended]
    for name in missing:
        if name == current:
            path = write_log(context, part, name, kept)
            context.results.fail(part, name, "the bed ended while it ran", path)
        else:
            context.results.fail(part, name, f"the bed did not get to it, exit code {code}",
                                 context.relative(bed_log))
    if code and not missing:
        context.results.fail(part, "bed", f"ended with {code}", context.relative(bed_log))
    return code


def write_log(context, part, name, lines):
    path = context.log_path(part, name + ".log")
    with open(path, "w") as f:
        f.writelines(lines)
    return context.relative(path)


def settle_script(context, part, name, lines, record):
    path = write_log(context, part, name, lines)
    code = record["code"]
    counts = settle(code == 0, code == 77, "".join(lines))
    reason = f"exit code {code}"
    if record.get("reason"):
        reason = record["reason"]
        counts.failed = max(counts.failed, 1)
    elif code == 77:
        text = [line.strip() for line in lines if line.strip()]
        reason = text[-1] if text else ""
    elif code == 0:
        reason = f"{counts.failed} failed"
    context.results.add(part, name, counts, path, reason)

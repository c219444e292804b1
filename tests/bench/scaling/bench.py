#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How the time of the 22 TPC-H queries grows with the data, and shrinks with threads. Berth alone.

The growth between two scale factors is given over what n log n would give: at or below 1 is as it should be, as far as the
fixed part of a query's time does not hide it. User CPU tells of growth where other processes disturb wall time."""

import json
import math
import os
import statistics
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from side_by_side import Berth, arguments, tpch_data, tpch_views, warm_cache  # noqa: E402


def texts():
    for number in range(1, 23):
        with open(os.path.join(os.path.dirname(HERE), "tpch", f"q{number:02d}.sql")) as f:
            yield f"Q{number}", "".join(line for line in f if not line.startswith("--"))


def measure(args, scale, threads, runs):
    views = tpch_views(tpch_data(scale))
    warm_cache(views.values())
    berth = Berth(args.berth, views, threads, os.path.dirname(views["lineitem"]))
    times = {}
    for name, text in texts():
        if args.only and args.only not in name:
            continue
        berth.run(text)
        wall, user = [], berth.cpu_user()
        for _ in range(runs):
            wall.append(berth.run(text)[1])
        times[name] = (statistics.median(wall), (berth.cpu_user() - user) / runs)
    berth.close()
    return times


def growth(small, large, factor, rows):
    """Times over n log n; @rows: of the larger, for the logarithm."""
    expected = factor * math.log(rows) / math.log(rows / factor)
    return large / max(small, 1e-4) / expected


def main():
    p = arguments("scaling", __doc__, scale=None)
    p.add_argument("--scales", default="0.1,1", help="scale factors, ascending, comma between (default: %(default)s; 10 needs 4 GB of disk)")
    args = p.parse_args()
    scales = args.scales.split(",")
    runs = max(args.runs, 3)
    table = {(s, t): measure(args, s, t, runs) for s in scales for t in (1, 2)}
    report = []
    for name in table[scales[0], 1]:
        row = {"query": name}
        for s in scales:
            for t in (1, 2):
                row[f"ms at {s}, {t} thread{'s' * (t > 1)}"] = table[s, t][name][0] * 1000
        row["speed-up by 2 threads"] = table[scales[-1], 1][name][0] / table[scales[-1], 2][name][0]
        for a, b in zip(scales, scales[1:]):
            factor = float(b) / float(a)
            row[f"{a} to {b} over n log n"] = growth(table[a, 1][name][0], table[b, 1][name][0], factor, 6e6 * float(b))
        report.append(row)
    what = f"TPC-H on Parquet at scale factors {args.scales}, 1 and 2 threads, hot, medians of {runs} runs"
    if args.json:
        print(json.dumps({"benchmark": "scaling", "what": what, "queries": report}))
        return 0
    print(what)
    heads = list(report[0])
    print("  ".join(h if i == 0 else f"{h:>{max(len(h), 8)}}" for i, h in enumerate(heads)))
    for row in report:
        print("  ".join(f"{row[h]:<5}" if i == 0 else f"{row[h]:>{max(len(h), 8)}.2f}" for i, h in enumerate(heads)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

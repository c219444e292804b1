# SPDX-License-Identifier: Apache-2.0
"""Who answers random queries: Berth's executor in one process, and JVM Spark."""

import datetime
import decimal
import math
import subprocess


class Berth:
    """sqltest --stdin. An answer is ("ok", types, rows as text) or ("error", class, message)."""

    def __init__(self, program, threads=2):
        self.process = subprocess.Popen([program, "--threads", str(threads), "--stdin"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, errors="replace")

    def ask(self, statement):
        assert "\n" not in statement
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        head = self.process.stdout.readline().rstrip("\n")
        if not head:
            raise RuntimeError(f"sqltest ended with {self.process.wait()} at: {statement}")
        kind, first, *rest = head.split(" ", 2)
        if kind == "error":
            return kind, first, rest[0] if rest else ""
        return "ok", rest[0] if rest else "", [self.process.stdout.readline().rstrip("\n") for _ in range(int(first))]

    def close(self):
        self.process.stdin.close()
        return self.process.wait(30)


def java_double(x):
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    if x == 0:
        return "-0.0" if math.copysign(1, x) < 0 else "0.0"
    sign, digits, exponent = decimal.Decimal(repr(x)).as_tuple()
    digits = "".join(map(str, digits))
    power = len(digits) - 1 + exponent
    digits = digits.rstrip("0") or "0"
    if -3 <= power < 7:
        whole = digits[:power + 1].ljust(power + 1, "0") if power >= 0 else "0"
        part = digits[power + 1:] if power >= 0 else "0" * (-power - 1) + digits
        text = f"{whole}.{part or '0'}"
    else:
        text = f"{digits[0]}.{digits[1:] or '0'}E{power}"
    return "-" * sign + text


def cell(v):
    """As sqltest writes it."""
    if v is None:
        return "NULL"
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, float):
        return java_double(v)
    if isinstance(v, datetime.datetime):
        return str(v).rstrip("0") if v.microsecond else str(v)
    if isinstance(v, datetime.date):
        return v.isoformat()
    return str(v) or "(empty)"


class Spark:
    """JVM Spark of the installed pyspark, in local mode."""

    def __init__(self):
        from pyspark.sql import SparkSession
        self.session = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
                        .config("spark.sql.shuffle.partitions", "1").config("spark.sql.session.timeZone", "UTC")
                        .config("spark.sql.codegen.wholeStage", "false").config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
                        .config("spark.sql.optimizer.excludedRules", "").getOrCreate())
        self.session.sparkContext.setLogLevel("OFF")

    def ask(self, statement):
        try:
            frame = self.session.sql(statement)
            rows = frame.collect()
        except Exception as e:  # noqa: BLE001: every failure of the reference is an answer
            name = None
            for method in ("getCondition", "getErrorClass"):
                if hasattr(e, method):
                    name = getattr(e, method)()
                    break
            return "error", name or type(e).__name__, str(e).split("\n")[0]
        types = ",".join(f.dataType.simpleString() for f in frame.schema.fields)
        return "ok", types, ["\t".join(cell(v) for v in row) for row in rows]

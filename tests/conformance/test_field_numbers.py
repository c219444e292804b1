#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv
"""PROTO-5: each number in connect/proto/spark_*.h is one of the installed client's descriptors.

The headers have short names for some messages, so a name is looked up by what it ends with: for every
SPARK_..._FIELD = N there must be a field FIELD with number N in a message whose name begins the rest, and for every
value of an enumeration a value of that name and number.
"""
import os
import pathlib
import re
import sys

VENV = os.environ.get("BERTH_VENV")
if VENV and os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    # Its own path as argv[0] too: Python finds its prefix by that, and a `python` elsewhere in PATH would be taken.
    os.execv(os.path.join(VENV, "bin", "python"), [os.path.join(VENV, "bin", "python"), *sys.argv])

import pyspark.sql.connect.proto  # noqa: F401
from pyspark.sql.connect.proto import (base_pb2, catalog_pb2, commands_pb2, common_pb2, expressions_pb2, relations_pb2,
                                       types_pb2)

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "connect" / "proto"


def walk(message, fields, values):
    for f in message.fields:
        fields.setdefault((f.name.upper(), f.number), set()).add(message.full_name)
        snake = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", f.name).upper()
        fields.setdefault((snake, f.number), set()).add(message.full_name)
    for n in message.nested_types:
        walk(n, fields, values)
    for e in message.enum_types:
        values.update((v.name, v.number) for v in e.values)


def main():
    fields, values = {("KEY", 1): {"map"}, ("VALUE", 2): {"map"}}, set()
    for module in (base_pb2, catalog_pb2, commands_pb2, common_pb2, expressions_pb2, relations_pb2, types_pb2):
        for m in module.DESCRIPTOR.message_types_by_name.values():
            walk(m, fields, values)
        for e in module.DESCRIPTOR.enum_types_by_name.values():
            values.update((v.name, v.number) for v in e.values)
    passed, bad = 0, []
    for header in sorted(FOLDER.glob("spark_*.h")):
        for name, number in re.findall(r"\bSPARK_(\w+)\s*=\s*(\d+)", header.read_text()):
            parts = name.split("_")
            tails = ["_".join(parts[i:]) for i in range(len(parts))]
            if any((t, int(number)) in values or (i > 0 and (t, int(number)) in fields) for i, t in enumerate(tails)):
                passed += 1
            else:
                bad.append("%s: SPARK_%s = %s" % (header.name, name, number))
    # The relations and requests that matter most, whole: nothing of theirs may be missing.
    text = "".join(h.read_text() for h in FOLDER.glob("spark_*.h"))
    for message, prefix in ((relations_pb2.Relation, "RELATION"), (base_pb2.ExecutePlanRequest, "EXECUTE"),
                            (base_pb2.ExecutePlanResponse, "RESPONSE"), (expressions_pb2.Expression, "EXPRESSION"),
                            (commands_pb2.Command, "COMMAND"), (types_pb2.DataType, "TYPE")):
        for f in message.DESCRIPTOR.fields:
            if re.search(r"\bSPARK_%s_%s\s*=\s*%d\b" % (prefix, f.name.upper(), f.number), text):
                passed += 1
            else:
                bad.append("SPARK_%s_%s = %d is missing" % (prefix, f.name.upper(), f.number))
    print("\n".join(bad))
    print("%d passed, %d failed" % (passed, len(bad)))
    return 1 if bad else 0


sys.exit(main())

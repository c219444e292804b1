#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bed: uml qemu
# daemon: no
# timeout: 120
#
# sandbox/cgroup on a real cgroup v2: see cgroup_leaf.c.
exec "$BERTH_BUILD/tests/integration/cgroup_leaf"

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "sandbox/cgroup/cgroup.h"

#define CPULIST_MAX 4096u
#define MEMINFO_MAX 8192u

typedef struct NodeTexts {
    char cpulist[CPULIST_MAX];
    char meminfo[MEMINFO_MAX];
} NodeTexts;

int host_online(const char *directory, SchedCpus *ret_online)
{
    _cleanup_close_ int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char online[CPULIST_MAX];

    if (dir < 0)
        return -errno;
    ssize_t n = fd_read_file_at(dir, "cpu/online", online, sizeof(online));
    if (n < 0)
        return (int)n;
    online[strcspn(online, "\n")] = 0;
    int r = text_parse_cpu_list(online, ret_online->bits, SCHED_CPUS_MAX);
    return r < 0 ? r : r == 0 ? -EBADMSG : 0;
}

int host_topology(const char *directory, uint64_t memory_bytes, SchedTopology *ret_topology)
{
    _cleanup_close_ int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ NodeTexts *texts = calloc(SCHED_NODES_MAX, sizeof(*texts));
    SchedNodeText nodes[SCHED_NODES_MAX];
    char online[CPULIST_MAX], path[64];
    size_t n_nodes = 0;

    if (dir < 0)
        return -errno;
    if (!texts)
        return -ENOMEM;
    ssize_t n = fd_read_file_at(dir, "cpu/online", online, sizeof(online));
    if (n < 0)
        return (int)n;
    for (unsigned i = 0; i < SCHED_NODES_MAX; i++) {
        NodeTexts *t = &texts[n_nodes];
        snprintf(path, sizeof(path), "node/node%u/cpulist", i);
        if (fd_read_file_at(dir, path, t->cpulist, sizeof(t->cpulist)) < 0)
            continue;
        snprintf(path, sizeof(path), "node/node%u/meminfo", i);
        if (fd_read_file_at(dir, path, t->meminfo, sizeof(t->meminfo)) < 0)
            continue;
        nodes[n_nodes++] = (SchedNodeText){.node = i, .cpulist = t->cpulist, .meminfo = t->meminfo};
    }
    int r = topology_parse(online, nodes, n_nodes, memory_bytes, ret_topology);
    return r > 0 ? -EBADMSG : r;
}

int host_memory(int cgroup_fd, uint64_t *ret_bytes)
{
    char text[8192];
    unsigned long long kib;
    ssize_t n = fd_read_file_at(AT_FDCWD, "/proc/meminfo", text, sizeof(text));
    CgroupMemory limits;

    if (n < 0)
        return (int)n;
    const char *at = strstr(text, "MemTotal:");
    if (!at || sscanf(at, "MemTotal: %llu kB", &kib) != 1)
        return -EBADMSG;
    *ret_bytes = (uint64_t)kib << 10;
    if (cgroup_fd >= 0 && cgroup_memory_read(cgroup_fd, &limits) == 0)
        *ret_bytes = MIN(*ret_bytes, limits.max_bytes);
    return 0;
}

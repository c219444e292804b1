/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/mount_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "daemon/log.h"
#include "daemon/manager.h"

#define MOUNTINFO "/proc/self/mountinfo"
#define PAUSE_USEC (5 * USEC_PER_SEC)
#define POINT_FIELD 5 /* of a line, counted from 1 */

/* "\040" is a space, and so on: the kernel escapes what would end a field. In place. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *p = text; *p; p++)
        if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
            p[3] >= '0' && p[3] <= '7') {
            *to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
            p += 3;
        } else
            *to++ = *p;
    *to = 0;
}

static bool is_at_or_below(const char *path, const char *top)
{
    size_t n = strlen(top);

    while (n > 0 && top[n - 1] == '/')
        n--;
    return strncmp(path, top, n) == 0 && (path[n] == '/' || path[n] == 0);
}

static bool concerns(const char *point, const ConfigPaths *paths)
{
    for (size_t i = 0; i < paths->n; i++)
        if (is_at_or_below(point, paths->path[i]) || is_at_or_below(paths->path[i], point))
            return true;
    return false;
}

uint64_t mount_watch_hash(FILE *table, const Config *config)
{
    _cleanup_free_ char *line = NULL;
    size_t n_line = 0;
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

    while (getline(&line, &n_line, table) >= 0) {
        char *end = line, *point = NULL;

        /* "36 35 98:0 /root /mount/point rw ...": who it is ends with where it is. */
        for (int field = 1; field <= POINT_FIELD && end; field++) {
            point = end;
            end = strchr(point, ' ');
            end = end ? end + 1 : NULL;
        }
        if (!point || !end)
            continue;
        end[-1] = 0;
        uint64_t with_line = hash;
        for (const char *p = line; *p; p++)
            with_line = (with_line ^ (uint8_t)*p) * UINT64_C(1099511628211);
        unescape(point);
        if (concerns(point, &config->read_paths) || concerns(point, &config->write_paths))
            hash = with_line;
    }
    return hash;
}

static uint64_t look(Manager *m)
{
    FILE *table = fopen(MOUNTINFO, "re");

    m->mounts.looked_usec = clock_now_usec();
    if (!table)
        return m->mounts.seen;
    uint64_t hash = mount_watch_hash(table, &m->config->config);
    fclose(table);
    return hash;
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
    Manager *m = userdata;
    SchedEvent event = {.type = SCHED_EVENT_VIEW_CHANGED};
    uint64_t now = look(m);

    m->mounts.timer = sd_event_source_disable_unref(m->mounts.timer);
    if (now == m->mounts.seen || m->stopping)
        return 0;
    m->mounts.seen = now;
    log_line(LOG_INFO, "mounts at the data roots have changed: warm executors are replaced");
    manager_feed(m, &event);
    return 0;
}

/* The kernel tells every opened mountinfo once (POLLPRI), whatever has changed. */
static int on_change(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    Manager *m = userdata;
    uint64_t next = m->mounts.looked_usec + PAUSE_USEC;

    if (m->mounts.timer)
        return 0;
    /* From the loop, also when it is due: a burst of mounts is one look. */
    return manager_timer(m, &m->mounts.timer, MAX(next, clock_now_usec()), on_pause_over, m);
}

void mount_watch_start(Manager *m)
{
    m->mounts.fd = open(MOUNTINFO, O_RDONLY | O_CLOEXEC);
    m->mounts.seen = look(m);
    m->mounts.looked_usec = 0; /* the first change is seen at once */
    if (m->mounts.fd < 0 ||
        sd_event_add_io(m->event, &m->mounts.source, m->mounts.fd, EPOLLPRI, on_change, m) < 0)
        log_line(LOG_WARNING, "cannot watch " MOUNTINFO ": file systems mounted later are seen by "
                              "sessions whose executor is started after that");
}

void mount_watch_stop(MountWatch *w)
{
    w->timer = sd_event_source_disable_unref(w->timer);
    w->source = sd_event_source_disable_unref(w->source);
    w->fd = fd_close(w->fd);
}

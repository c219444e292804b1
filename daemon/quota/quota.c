/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/quota/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"

#define WORDS_MAX 16u

/* The words of a line; sizes as offsets, so that both kinds are in one table. */
static const struct {
    const char *key;
    size_t offset;
    uint64_t most; /* UINT32_MAX: a 32-bit field */
} fields[] = {
    {"sessions", offsetof(SchedQuota, sessions_max), UINT32_MAX},
    {"running", offsetof(SchedQuota, running_max), UINT32_MAX},
    {"queued", offsetof(SchedQuota, queued_max), UINT32_MAX},
    {"weight", offsetof(SchedQuota, cpu_weight_percent), UINT32_MAX},
    {"memory", offsetof(SchedQuota, memory_max_bytes), UINT64_MAX},
    {"spill", offsetof(SchedQuota, spill_max_bytes), UINT64_MAX},
    {"undelivered", offsetof(SchedQuota, undelivered_max_bytes), UINT64_MAX},
};

static uint64_t field_of(const SchedQuota *q, size_t i)
{
    const char *at = (const char *)q + fields[i].offset;
    uint64_t value = 0;
    uint32_t narrow;

    if (fields[i].most == UINT32_MAX) {
        memcpy(&narrow, at, sizeof(narrow));
        return narrow;
    }
    memcpy(&value, at, sizeof(value));
    return value;
}

static void set_field(SchedQuota *q, size_t i, uint64_t value)
{
    char *at = (char *)q + fields[i].offset;
    uint32_t narrow = (uint32_t)value;

    if (fields[i].most == UINT32_MAX)
        memcpy(at, &narrow, sizeof(narrow));
    else
        memcpy(at, &value, sizeof(value));
}

void quotas_done(Quotas *q)
{
    free(q->rows);
    *q = (Quotas){};
}

static int row_order(const QuotaRow *r, bool group, uint32_t id)
{
    if (r->group != group)
        return r->group ? 1 : -1;
    return r->id < id ? -1 : r->id > id;
}

/* The row, or where it would be. */
static size_t lower_bound(const Quotas *q, bool group, uint32_t id)
{
    size_t lo = 0, hi = q->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (row_order(&q->rows[mid], group, id) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const SchedQuota *quotas_find(const Quotas *q, bool group, uint32_t id)
{
    size_t i = lower_bound(q, group, id);

    return i < q->n && row_order(&q->rows[i], group, id) == 0 ? &q->rows[i].quota : NULL;
}

static bool is_empty(const SchedQuota *quota)
{
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (field_of(quota, i) != 0)
            return false;
    return true;
}

int quotas_set(Quotas *q, bool group, uint32_t id, const SchedQuota *quota)
{
    size_t i = lower_bound(q, group, id);
    bool found = i < q->n && row_order(&q->rows[i], group, id) == 0;

    if (is_empty(quota)) {
        if (found) {
            memmove(&q->rows[i], &q->rows[i + 1], (q->n - i - 1) * sizeof(QuotaRow));
            q->n--;
        }
        return 0;
    }
    if (!found) {
        if (q->n == QUOTAS_MAX)
            return -ENOSPC;
        QuotaRow *rows = realloc(q->rows, (q->n + 1) * sizeof(QuotaRow));
        if (!rows)
            return -ENOMEM;
        q->rows = rows;
        memmove(&rows[i + 1], &rows[i], (q->n - i) * sizeof(QuotaRow));
        rows[i] = (QuotaRow){.group = group, .id = id};
        q->n++;
    }
    q->rows[i].quota = *quota;
    return 0;
}

uint32_t quotas_group_of(const Quotas *q, gid_t gid, const uint32_t *groups, size_t n_groups)
{
    if (quotas_find(q, true, gid))
        return gid;
    for (size_t i = 0; i < n_groups; i++)
        if (quotas_find(q, true, groups[i]))
            return groups[i];
    return 0;
}

/* Return: NULL, or what is wrong with it. */
static const char *parse_word(const char *word, SchedQuota *quota)
{
    const char *equals = strchr(word, '=');
    uint64_t value;

    if (!equals)
        return "a word without '='";
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (strlen(fields[i].key) == (size_t)(equals - word) &&
            strncmp(fields[i].key, word, (size_t)(equals - word)) == 0) {
            if (text_parse_u64(equals + 1, fields[i].most, &value) < 0)
                return "not a number, or one too large";
            set_field(quota, i, value);
            return NULL;
        }
    return "an unknown word";
}

static const char *parse_line(char *line, QuotaRow *row)
{
    char *save = NULL, *kind = strtok_r(line, " \t\r", &save);
    char *number = kind ? strtok_r(NULL, " \t\r", &save) : NULL;
    uint64_t id;

    *row = (QuotaRow){.group = kind && strcmp(kind, "group") == 0};
    if (!row->group && (!kind || strcmp(kind, "user") != 0))
        return "neither user nor group";
    if (!number || text_parse_u64(number, UINT32_MAX - 1, &id) < 0)
        return "no number behind user or group";
    row->id = (uint32_t)id;
    char *word = strtok_r(NULL, " \t\r", &save);
    for (unsigned n = 0; word; n++, word = strtok_r(NULL, " \t\r", &save)) {
        const char *why = n == WORDS_MAX ? "too many words" : parse_word(word, &row->quota);
        if (why)
            return why;
    }
    return row->quota.cpu_weight_percent > 1000 ? "a weight above 1000" : NULL;
}

int quotas_parse(Quotas *q, const char *text, size_t n_bytes, QuotaComplain complain,
                 void *userdata)
{
    const char *end = text + n_bytes;
    char line[512];
    QuotaRow row;

    for (unsigned number = 1; text < end; number++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((stop ? stop : end) - text);
        const char *why = NULL;

        if (n >= sizeof(line) || memchr(text, 0, n)) {
            why = "too long, or no text";
        } else if (n > 0 && *text != '#') {
            memcpy(line, text, n);
            line[n] = 0;
            why = parse_line(line, &row);
            int r = why ? 0 : quotas_set(q, row.group, row.id, &row.quota);
            if (r == -ENOMEM)
                return r;
            if (r < 0)
                why = "too many quotas";
        }
        if (why)
            complain(userdata, number, why);
        text = stop ? stop + 1 : end;
    }
    return 0;
}

char *quotas_format(const Quotas *q)
{
    _cleanup_free_ char *text = NULL;
    size_t n_bytes = 0;
    FILE *f = open_memstream(&text, &n_bytes);

    if (!f)
        return NULL;
    for (size_t k = 0; k < q->n; k++) {
        const QuotaRow *r = &q->rows[k];

        fprintf(f, "%s %" PRIu32, r->group ? "group" : "user", r->id);
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
            if (field_of(&r->quota, i) != 0)
                fprintf(f, " %s=%" PRIu64, fields[i].key, field_of(&r->quota, i));
        fputc('\n', f);
    }
    bool bad = ferror(f);
    return fclose(f) != 0 || bad ? NULL : TAKE_PTR(text);
}

int quotas_write(const char *dir, const char *text)
{
    _cleanup_close_ int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0)
        return -errno;
    _cleanup_close_ int fd = openat(folder, QUOTAS_FILE ".new",
                                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = fd_write_all(fd, text, strlen(text));
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && renameat(folder, QUOTAS_FILE ".new", folder, QUOTAS_FILE) < 0)
        r = -errno;
    if (r == 0 && fsync(folder) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(folder, QUOTAS_FILE ".new", 0);
    return r;
}

int quotas_read(const char *dir, char **ret_text)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/" QUOTAS_FILE, dir) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return -errno;
    _cleanup_free_ char *text = calloc(1, QUOTAS_TEXT_MAX + 1);
    if (!text)
        return -ENOMEM;
    for (size_t n = 0; fd >= 0;) {
        ssize_t got = read(fd, text + n, QUOTAS_TEXT_MAX + 1 - n);
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > QUOTAS_TEXT_MAX)
            return -EFBIG;
    }
    *ret_text = TAKE_PTR(text);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/op/pipeline.h"
#include "exec/write/write.h"

/*
 * The last operator of a query that writes. Every worker has a file of its own; with partition
 * columns the rows come sorted by them, to one worker, and a file ends where its partition does.
 */

#define PATH_COMPONENT_BYTES 1024u
#define SHARE                                                                                      \
    8u /* of the query's memory, for each worker's file; buffers may be twice as large             \
        */
#define BYTES_MIN ((uint64_t)64 << 10)
#define HIVE_NULL "__HIVE_DEFAULT_PARTITION__"
#define FLUSH_WORTH ((uint64_t)4 << 20) /* less is not worth a row group of its own */

typedef struct WriteSink {
    Operator op;
    WriteRun *run;
} WriteSink;

typedef struct WriteLocal {
    MemArena *arena;
    FormatFile *file; /* NULL: none is open */
    Output out;
    uint64_t n_rows;                           /* in it */
    VecString partition[WRITE_PARTITIONS_MAX]; /* of the open file; length UINT32_MAX: null */
    Bytes partition_bytes;
    uint16_t rows[VEC_ROWS_MAX];
} WriteLocal;

void write_file_name(const WriteRun *run, uint32_t number, char *buf, size_t size)
{
    static const char *const parquet[] = {[WRITE_CODEC_NONE] = "",
                                          [WRITE_CODEC_SNAPPY] = ".snappy",
                                          [WRITE_CODEC_GZIP] = ".gz",
                                          [WRITE_CODEC_ZSTD] = ".zstd",
                                          [WRITE_CODEC_LZ4_RAW] = ".lz4raw"};
    static const char *const text[_WRITE_CODEC_MAX] = {[WRITE_CODEC_NONE] = "",
                                                       [WRITE_CODEC_SNAPPY] = "",
                                                       [WRITE_CODEC_GZIP] = ".gz",
                                                       [WRITE_CODEC_ZSTD] = ".zst",
                                                       [WRITE_CODEC_LZ4_RAW] = ""};
    const WriteSpec *spec = run->spec;
    bool in_front = spec->format == &write_parquet;
    (void)snprintf(buf, size, "part-%05u-%s%sc000%s%s%s", number, run->id,
                   spec->n_partitions > 0 ? "." : "-", in_front ? parquet[spec->codec] : "",
                   spec->format->extension, in_front ? "" : text[spec->codec]);
}

/* ---- the path of a partition ---- */

static bool must_escape(unsigned char c)
{
    return (c > 0 && c < 0x20) || c == 0x7F || strchr("\"#%'*/:=?\\{[]^", c) != NULL;
}

static int escape(const char *text, size_t n, char *buf, size_t size, size_t *at)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (*at + 4 > size || c == 0)
            return c == 0 ? -EINVAL : -ENAMETOOLONG;
        if (must_escape(c))
            *at += (size_t)snprintf(buf + *at, 4, "%%%02X", c);
        else
            buf[(*at)++] = (char)c;
    }
    return 0;
}

static int component(const char *name, const VecString *value, char *buf, size_t size)
{
    size_t at = 0;
    int r = escape(name, strlen(name), buf, size, &at);
    if (r != 0 || at + 1 + sizeof(HIVE_NULL) > size)
        return r ? r : -ENAMETOOLONG;
    buf[at++] = '=';
    if (value->length == UINT32_MAX || value->length == 0) {
        memcpy(buf + at, HIVE_NULL, sizeof(HIVE_NULL));
        return 0;
    }
    r = escape(vec_string_data(value), value->length, buf, size, &at);
    buf[at] = '\0';
    return r;
}

int write_partition_name(const char *name, const char *value, char *buf, size_t size)
{
    VecString text = vec_string(value, (uint32_t)strlen(value));
    return component(name, &text, buf, size);
}

/* The directory of the local's partition. Return: descriptor or negative errno. */
static int partition_directory(const WriteRun *run, const WriteLocal *l)
{
    int fd = fcntl(run->directory_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    for (uint32_t i = 0; i < run->spec->n_partitions; i++) {
        char name[PATH_COMPONENT_BYTES];
        int r = component(run->spec->partitions[i], &l->partition[i], name, sizeof(name));
        if (r == 0 && mkdirat(fd, name, 0777) < 0 && errno != EEXIST)
            r = -errno;
        int below = r == 0 ? openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : r;
        if (r == 0 && below < 0)
            below = -errno;
        (void)fd_close(fd);
        if (below < 0)
            return below;
        fd = below;
    }
    return fd;
}

/* ---- files ---- */

static int fail(WriteSink *s, Worker *worker, int r)
{
    /* A negative errno here is the file system's word, or a library's; memory is memory. */
    return r < 0 && r != -ENOMEM ? write_fail(&worker->error, s->run->path, r) : r;
}

static int file_begin(WriteSink *s, WriteLocal *l)
{
    WriteRun *run = s->run;
    char name[160];
    uint32_t number = atomic_fetch_add(&run->n_files, 1);
    if (number >= WRITE_FILES_MAX)
        return -EMFILE;
    write_file_name(run, number, name, sizeof(name));
    _cleanup_close_ int directory = partition_directory(run, l);
    if (directory < 0)
        return directory;
    l->out = (Output){.fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    if (l->out.fd < 0)
        return -errno;
    l->n_rows = 0;
    const ExecContext *context = s->op.context;
    uint64_t share = mem_pool_limit(context->pool) / (SHARE * context->n_threads);
    int r =
        run->spec->format->open(run->spec, context->pool, &l->out, MAX(share, BYTES_MIN), &l->file);
    if (r != 0)
        l->out.fd = fd_close(l->out.fd);
    return r;
}

static int file_end(WriteSink *s, WriteLocal *l)
{
    if (!l->file)
        return 0;
    int r = s->run->spec->format->finish(l->file);
    s->run->spec->format->free(l->file);
    l->file = NULL;
    if (r == 0 && fsync(l->out.fd) < 0)
        r = -errno;
    atomic_fetch_add(&s->run->n_bytes, l->out.end);
    l->out.fd = fd_close(l->out.fd);
    return r;
}

/* ---- rows ---- */

static void load_partition(const Batch *batch, const WriteSpec *spec, uint32_t row, VecString *to)
{
    for (uint32_t i = 0; i < spec->n_partitions; i++) {
        const Vector *v = &batch->columns[spec->n_fields + i];
        if (vec_row_is_null(v, row))
            to[i] = (VecString){.length = UINT32_MAX};
        else
            to[i] = ((const VecString *)v->values)[vec_index(v, row)];
    }
}

/* Null and the empty string have one directory. */
static bool same_partition(const VecString *a, const VecString *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t n_a = a[i].length == UINT32_MAX ? 0 : a[i].length;
        uint32_t n_b = b[i].length == UINT32_MAX ? 0 : b[i].length;
        if (n_a != n_b ||
            (n_a > 0 && memcmp(vec_string_data(&a[i]), vec_string_data(&b[i]), n_a) != 0))
            return false;
    }
    return true;
}

static int keep_partition(WriteLocal *l, const VecString *from, uint32_t n)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += from[i].length == UINT32_MAX ? 0 : from[i].length;
    l->partition_bytes.n = 0;
    int r = bytes_reserve(&l->partition_bytes, bytes + 1);
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        const char *at = (const char *)l->partition_bytes.data + l->partition_bytes.n;
        l->partition[i] = from[i];
        if (from[i].length == UINT32_MAX)
            continue;
        r = bytes_add(&l->partition_bytes, vec_string_data(&from[i]), from[i].length);
        l->partition[i] = vec_string(at, from[i].length);
    }
    return r;
}

/* Rows of one partition, beginning with rows[0]. Return: how many. */
static uint32_t partition_run(const WriteSink *s, const Batch *batch, const uint16_t *rows,
                              uint32_t n, VecString *ret_partition)
{
    const WriteSpec *spec = s->run->spec;
    if (spec->n_partitions == 0)
        return n;
    load_partition(batch, spec, rows[0], ret_partition);
    uint32_t k = 1;
    for (VecString other[WRITE_PARTITIONS_MAX]; k < n; k++) {
        load_partition(batch, spec, rows[k], other);
        if (!same_partition(ret_partition, other, spec->n_partitions))
            break;
    }
    return k;
}

static int add_rows(WriteSink *s, WriteLocal *l, Worker *worker, const Batch *batch,
                    const uint16_t *rows, uint32_t n)
{
    const WriteSpec *spec = s->run->spec;
    VecString partition[WRITE_PARTITIONS_MAX] = {{0}};
    while (n > 0) {
        uint32_t k = partition_run(s, batch, rows, n, partition);
        int r = 0;
        if (l->file && ((spec->n_partitions > 0 &&
                         !same_partition(l->partition, partition, spec->n_partitions)) ||
                        (spec->rows_max > 0 && l->n_rows >= spec->rows_max)))
            r = file_end(s, l);
        if (r == 0 && !l->file) {
            r = keep_partition(l, partition, spec->n_partitions);
            if (r == 0)
                r = file_begin(s, l);
        }
        if (r != 0)
            return r;
        if (spec->rows_max > 0)
            k = (uint32_t)MIN((uint64_t)k, spec->rows_max - l->n_rows);
        r = spec->format->add(l->file, batch, rows, k, &worker->error);
        if (r != 0)
            return r;
        l->n_rows += k;
        rows += k;
        n -= k;
    }
    return 0;
}

static int sink_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    WriteSink *s = (WriteSink *)op;
    WriteLocal *l = local;
    const uint16_t *rows = batch->sel;
    uint32_t n = batch_rows(batch);
    if (!rows) {
        for (uint32_t i = 0; i < n; i++)
            l->rows[i] = (uint16_t)i;
        rows = l->rows;
    }
    atomic_fetch_add(&s->run->n_rows, n);
    return fail(s, worker, add_rows(s, l, worker, batch, rows, n));
}

static int sink_combine(Operator *op, void *local, Worker *worker)
{
    WriteSink *s = (WriteSink *)op;
    return fail(s, worker, file_end(s, local));
}

/* A query without rows leaves one file, so that its columns are known. */
static int sink_finish(Operator *op, Worker *worker, uint32_t *ret_n_tasks)
{
    WriteSink *s = (WriteSink *)op;
    *ret_n_tasks = 0;
    if (atomic_load(&s->run->n_files) > 0 || s->run->spec->n_partitions > 0)
        return 0;
    WriteLocal l = {.out = {.fd = -EBADF}};
    int r = file_begin(s, &l);
    return fail(s, worker, r ? r : file_end(s, &l));
}

/* Row groups end early where memory is short. */
static int sink_spill(Operator *op, void *local, Worker *worker)
{
    WriteSink *s = (WriteSink *)op;
    WriteLocal *l = local;
    if (!l->file || s->run->spec->format->bytes(l->file) < FLUSH_WORTH)
        return MEM_E_REFUSED;
    return fail(s, worker, s->run->spec->format->flush(l->file));
}

static void sink_local_free(Operator *op, void *local)
{
    WriteSink *s = (WriteSink *)op;
    WriteLocal *l = local;
    if (l->file)
        s->run->spec->format->free(l->file);
    (void)fd_close(l->out.fd);
    bytes_done(&l->partition_bytes);
    mem_arena_free(l->arena);
}

static int sink_local_new(Operator *op, Worker *worker, void **ret_local)
{
    MemArena *arena;
    int r = mem_arena_new(op->context->pool, "write", &arena);
    if (r != 0)
        return r;
    WriteLocal *l = mem_arena_new_of(arena, WriteLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    l->arena = arena;
    l->out.fd = -EBADF;
    bytes_init(&l->partition_bytes, op->context->pool);
    *ret_local = l;
    return 0;
}

static void sink_close(Operator *op)
{
}

static const OperatorClass write_class = {
    .name = "write",
    .local_new = sink_local_new,
    .execute = sink_execute,
    .combine = sink_combine,
    .finish = sink_finish,
    .spill = sink_spill,
    .local_free = sink_local_free,
    .close = sink_close,
};

int write_sink_new(ExecContext *context, const PlanNode *node, void *userdata, Operator **ret)
{
    Query *q = query_of(context);
    WriteSink *s = mem_arena_new_of(context->arena, WriteSink);
    if (!s)
        return mem_arena_error(context->arena);
    s->run = userdata;
    operator_init(&s->op, &write_class, q, node, NULL);
    s->op.wants_order = s->run->ordered || s->run->spec->n_partitions > 0;
    *ret = &s->op;
    return query_add_operator(q, &s->op);
}

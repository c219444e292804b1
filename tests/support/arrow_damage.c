/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrow files as they are and damaged: each must be read, or refused with FAILED_READ_FILE or for
 * want of memory, within 2 s of CPU and 256 MiB.
 *
 *   arrow_damage FILE...            as they are; prints rows or the error of each
 *   arrow_damage --rounds N FILE... and cut, with flipped bits, with words at extremes: N of each
 *   arrow_damage --starve FILE...   and with each charge refused in turn
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/support/arrow_walk.h"

#define LIMIT ((uint64_t)256 << 20)
#define SECONDS_MAX 2.0

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint8_t *read_file(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "re");
    struct stat st;

    if (!f || fstat(fileno(f), &st) < 0)
        exit(2);
    uint8_t *data = malloc((size_t)st.st_size + 1);
    *ret_n = data ? fread(data, 1, (size_t)st.st_size, f) : 0;
    fclose(f);
    return data;
}

/* Return: 0 or an error as it may be; -1 when it may not. @starve: the charge that is refused. */
static int attempt(const char *path, const uint8_t *data, size_t n, uint64_t starve, bool print)
{
    QueryError error = {0};
    IoContext *io;
    IoFile *file;
    MemPool *pool;
    uint64_t rows = 0;
    double start = cpu_seconds();

    if (io_context_new_pread(&io) != 0 || mem_pool_new(LIMIT, NULL, NULL, &pool) != 0 ||
        io_file_open_buffer(io, path, data, n, &file) != 0)
        exit(2);
    if (starve > 0)
        mem_pool_fail_charge(pool, starve);
    int r = arrow_walk(file, pool, &rows, &error);
    double seconds = cpu_seconds() - start;
    mem_pool_fail_charge(pool, 0);
    io_file_unref(file);
    io_context_free(io);
    mem_pool_free(pool);
    if (print && r == 0)
        printf("%s: %llu rows, %.3f s\n", path, (unsigned long long)rows, seconds);
    else if (print)
        printf("%s: %s, %.3f s\n", path, r == QUERY_E_FAILED ? error.message : "no memory",
               seconds);
    if (seconds > SECONDS_MAX) {
        printf("%s: took %.1f s\n", path, seconds);
        return -1;
    }
    if (r == 0 || r == MEM_E_REFUSED || r == MEM_E_SPILL)
        return r;
    if (r == QUERY_E_FAILED && strcmp(error.error_class, "FAILED_READ_FILE.NO_HINT") == 0 &&
        error.message[0])
        return r;
    printf("%s: %d is no result\n", path, r);
    return -1;
}

static int damage(const char *path, const uint8_t *data, size_t n, unsigned rounds)
{
    static const uint32_t extremes[] = {0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x00010000};
    int bad = 0;

    for (unsigned i = 0; i < 3 * rounds && n > 0; i++) {
        size_t length = i % 3 == 0 ? next_random() % n : n;
        uint8_t *copy = malloc(length + 1);
        if (!copy)
            exit(2);
        memcpy(copy, data, length);
        if (i % 3 == 1)
            for (unsigned k = 0; k < 1 + next_random() % 4; k++)
                copy[next_random() % length] ^= (uint8_t)(1u << next_random() % 8);
        if (i % 3 == 2 && length >= 8) {
            size_t at = next_random() % (length / 4) * 4;
            uint32_t word = extremes[next_random() % ARRAY_SIZE(extremes)];
            memcpy(copy + MIN(at, length - 4), &word, 4);
        }
        bad += attempt(path, copy, length, 0, false) < 0;
        free(copy);
    }
    return bad;
}

static int starve_all(const char *path, const uint8_t *data, size_t n)
{
    for (uint64_t i = 1;; i++) {
        int r = attempt(path, data, n, i, false);
        if (r <= 0)
            return r < 0;
        if (r == QUERY_E_FAILED) {
            printf("%s: charge %llu is an error of the file\n", path, (unsigned long long)i);
            return 1;
        }
    }
}

int main(int argc, char **argv)
{
    unsigned rounds = 0;
    bool starve = false;
    int bad = 0, first = 1;

    if (argc > 3 && strcmp(argv[1], "--rounds") == 0) {
        rounds = (unsigned)atoi(argv[2]);
        first = 3;
    } else if (argc > 2 && strcmp(argv[1], "--starve") == 0) {
        starve = true;
        first = 2;
    }
    for (int i = first; i < argc; i++) {
        size_t n;
        _cleanup_free_ uint8_t *data = read_file(argv[i], &n);

        if (!data)
            return 2;
        bad += attempt(argv[i], data, n, 0, rounds == 0 && !starve) < 0;
        bad += damage(argv[i], data, n, rounds);
        if (starve)
            bad += starve_all(argv[i], data, n);
    }
    return bad > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds every file of a folder to LLVMFuzzerTestOneInput(), and then each of them damaged in a
 * fixed, seeded way, so that an ordinary test run goes a little beyond the corpus.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (4u << 20)
#define DAMAGED_PER_INPUT 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A copy of exactly the right size, so that a sanitizer sees one byte too far. */
static void feed(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        exit(1);
    if (n > 0)
        memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void feed_damaged(uint8_t *data, size_t n, uint64_t *seed)
{
    for (unsigned i = 0; i < DAMAGED_PER_INPUT && n > 0; i++) {
        size_t n_here = next_random(seed) % 4 ? n : next_random(seed) % n;
        size_t at = next_random(seed) % n;
        uint8_t kept = data[at];
        data[at] = next_random(seed) % 2 ? (uint8_t)next_random(seed)
                                         : kept ^ (1u << next_random(seed) % 8);
        feed(data, n_here);
        data[at] = kept;
    }
}

int main(int argc, char **argv)
{
    static uint8_t buffer[INPUT_MAX];
    uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
    unsigned n_inputs = 0;
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    if (!dir) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    feed(NULL, 0);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
        FILE *f = fopen(path, "rb");
        if (!f) {
            fprintf(stderr, "%s: %s\n", path, strerror(errno));
            return 1;
        }
        size_t n = fread(buffer, 1, sizeof(buffer), f);
        fclose(f);
        feed(buffer, n);
        feed_damaged(buffer, n, &seed);
        n_inputs++;
    }
    closedir(dir);
    printf("%u inputs\n", n_inputs);
    return n_inputs > 0 ? 0 : 1;
}

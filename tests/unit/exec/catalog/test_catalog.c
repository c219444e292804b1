/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/catalog/store.h"

/* The invariants of exec/catalog/README.md, on disk and in memory. */

typedef struct State {
    MemPool *pool;
    MemArena *arena;
    CatalogMemory *memory;
    QueryError error;
    char root[64], path[400];
} State;

static int setup(void **ret)
{
    State *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    assert_int_equal(mem_pool_new(UINT64_C(64) << 20, NULL, NULL, &s->pool), 0);
    assert_int_equal(mem_arena_new(s->pool, "test", &s->arena), 0);
    s->memory = catalog_memory_new(s->pool);
    assert_non_null(s->memory);
    (void)snprintf(s->root, sizeof(s->root), "/tmp/berth-catalog-XXXXXX");
    assert_non_null(mkdtemp(s->root));
    *ret = s;
    return 0;
}

static int teardown(void **state)
{
    State *s = *state;
    char command[128];
    (void)catalog_memory_free(s->memory);
    mem_arena_free(s->arena);
    assert_int_equal(mem_pool_reserved(s->pool), 0);
    mem_pool_free(s->pool);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", s->root);
    assert_int_equal(system(command), 0);
    free(s);
    return 0;
}

static CatalogColumn columns[] = {{.name = "a\tb", .type = "int", .comment = "line\nand \\ more"},
                                  {.name = "p", .type = "date"}};
static UOption options[] = {{"sep", "\t"}}, properties[] = {{"k", ""}, {"x", "y"}};
static const char *partitions[] = {"p"};

static CatalogEntry table_of(const char *location, const char *comment)
{
    return (CatalogEntry){.kind = CATALOG_TABLE,
                          .managed = true,
                          .format = "csv",
                          .location = location,
                          .comment = comment,
                          .created_usec = 1234567,
                          .columns = columns,
                          .n_columns = 2,
                          .partitions = partitions,
                          .n_partitions = 1,
                          .options = options,
                          .n_options = 1,
                          .properties = properties,
                          .n_properties = 2};
}

static CatalogStore disk(const State *s)
{
    return (CatalogStore){.root = s->root};
}

static CatalogDatabase usual(State *s, const CatalogStore *store)
{
    CatalogDatabase d;
    assert_int_equal(catalog_database(store, CATALOG_DEFAULT, s->arena, &d, &s->error), 0);
    return d;
}

static void same_as_made(const CatalogEntry *e)
{
    assert_int_equal(e->kind, CATALOG_TABLE);
    assert_true(e->managed);
    assert_string_equal(e->format, "csv");
    assert_string_equal(e->location, "/x");
    assert_int_equal(e->created_usec, 1234567);
    assert_int_equal(e->n_columns, 2);
    assert_string_equal(e->columns[0].name, "a\tb");
    assert_string_equal(e->columns[0].comment, "line\nand \\ more");
    assert_null(e->columns[1].comment);
    assert_string_equal(e->partitions[0], "p");
    assert_string_equal(e->options[0].value, "\t");
    assert_int_equal(e->n_properties, 2);
    assert_string_equal(e->properties[0].value, "");
}

static void test_text(void **state)
{
    State *s = *state;
    CatalogEntry made = table_of("/x", "c"), e;
    _cleanup_free_ char *bytes = NULL;
    size_t n;
    assert_int_equal(catalog_entry_write(&made, &bytes, &n), 0);
    assert_int_equal(catalog_entry_read(bytes, n, "t", s->arena, &e, &s->error), 0);
    same_as_made(&e);
    /* CAT-1: no byte may be another, no end may be missing. */
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 1;
        assert_int_equal(catalog_entry_read(bytes, n, "t", s->arena, &e, &s->error),
                         QUERY_E_FAILED);
        assert_string_equal(s->error.error_class, "BERTH_CATALOG_DAMAGED");
        bytes[i] ^= 1;
        assert_int_equal(catalog_entry_read(bytes, i, "t", s->arena, &e, &s->error),
                         QUERY_E_FAILED);
    }
}

static void names_and_puts(State *s, const CatalogStore *store)
{
    CatalogDatabase d = usual(s, store);
    CatalogEntry made = table_of("/x", "c"), e;
    const char **names;
    uint32_t n;
    assert_int_equal(catalog_get(store, &d, "t", s->arena, &e, &s->error), CATALOG_E_NONE);
    assert_int_equal(catalog_remove(store, &d, "t", &s->error), CATALOG_E_NONE);
    assert_int_equal(catalog_put(store, &d, "t", &made, CATALOG_PUT_NEW, &s->error), 0);
    assert_int_equal(catalog_put(store, &d, "t", &made, CATALOG_PUT_NEW, &s->error),
                     CATALOG_E_EXISTS);
    assert_int_equal(catalog_put(store, &d, "a", &made, CATALOG_PUT_ANY, &s->error), 0);
    assert_int_equal(catalog_rename(store, &d, "t", "a", &s->error), CATALOG_E_EXISTS);
    assert_int_equal(catalog_rename(store, &d, "t", "b", &s->error), 0);
    assert_int_equal(catalog_rename(store, &d, "t", "c", &s->error), CATALOG_E_NONE);
    assert_int_equal(catalog_get(store, &d, "b", s->arena, &e, &s->error), 0);
    same_as_made(&e);
    assert_int_equal(catalog_list(store, &d, s->arena, &names, &n, &s->error), 0);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_int_equal(catalog_remove(store, &d, "a", &s->error), 0);
    assert_int_equal(catalog_remove(store, &d, "b", &s->error), 0);
    assert_int_equal(catalog_list(store, &d, s->arena, &names, &n, &s->error), 0);
    assert_int_equal(n, 0);
    /* CAT-6 */
    assert_int_equal(catalog_get(store, &d, "../t", s->arena, &e, &s->error), CATALOG_E_NONE);
    assert_int_equal(catalog_database(store, "a/b", s->arena, &d, &s->error), CATALOG_E_NONE);
}

static void test_names(void **state)
{
    State *s = *state;
    CatalogStore on_disk = disk(s), in_memory = {.memory = s->memory};
    names_and_puts(s, &on_disk);
    names_and_puts(s, &in_memory);
}

static void databases_of(State *s, const CatalogStore *store)
{
    char place[128];
    CatalogDatabase d;
    const char **names;
    uint32_t n;
    (void)snprintf(place, sizeof(place), "%s/zoo.db", s->root);
    CatalogEntry e = {.kind = CATALOG_DATABASE, .location = place}, t = table_of("/x", NULL), got;
    assert_int_equal(catalog_put_database(store, "zoo", &e, CATALOG_PUT_NEW, &s->error), 0);
    assert_int_equal(catalog_put_database(store, "zoo", &e, CATALOG_PUT_NEW, &s->error),
                     CATALOG_E_EXISTS);
    assert_int_equal(catalog_databases(store, s->arena, &names, &n, &s->error), 0);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "default");
    assert_string_equal(names[1], "zoo");
    assert_int_equal(catalog_database(store, "zoo", s->arena, &d, &s->error), 0);
    assert_int_equal(catalog_put(store, &d, "t", &t, CATALOG_PUT_NEW, &s->error), 0);
    assert_int_equal(catalog_get(store, &d, "t", s->arena, &got, &s->error), 0);
    CatalogDatabase other = usual(s, store);
    assert_int_equal(catalog_get(store, &other, "t", s->arena, &got, &s->error), CATALOG_E_NONE);
    assert_int_equal(catalog_remove_database(store, &d, &s->error), 0);
    assert_int_equal(catalog_database(store, "zoo", s->arena, &d, &s->error), CATALOG_E_NONE);
}

static void test_databases(void **state)
{
    State *s = *state;
    CatalogStore on_disk = disk(s), in_memory = {.memory = s->memory};
    databases_of(s, &on_disk);
    databases_of(s, &in_memory);
}

static void test_shared(void **state)
{
    State *s = *state;
    char shared[100] = "", own[100];
    CatalogDatabase d;
    CatalogEntry t = table_of("/x", NULL), e = {.kind = CATALOG_DATABASE, .location = "/y"};
    const char **names;
    uint32_t n;
    (void)snprintf(shared, sizeof(shared), "%s/shared", s->root);
    (void)snprintf(own, sizeof(own), "%s/own", s->root);
    (void)snprintf(s->path, sizeof(s->path), "mkdir -p %s/lab.db/_catalog %s/no.db", shared,
                   shared);
    assert_int_equal(system(s->path), 0);
    CatalogStore store = {.root = own, .shared = shared};
    assert_int_equal(catalog_databases(&store, s->arena, &names, &n, &s->error), 0);
    assert_int_equal(n, 2); /* a folder without _catalog is none */
    assert_string_equal(names[1], "lab");
    assert_int_equal(catalog_database(&store, "lab", s->arena, &d, &s->error), 0);
    assert_true(d.shared);
    assert_int_equal(catalog_put(&store, &d, "t", &t, CATALOG_PUT_NEW, &s->error), 0);
    assert_int_equal(catalog_put_database(&store, "lab", &e, CATALOG_PUT_NEW, &s->error),
                     CATALOG_E_EXISTS);
}

/* CAT-4 */
static void test_own_folder(void **state)
{
    State *s = *state;
    char own[100];
    CatalogDatabase d;
    struct stat st;
    (void)snprintf(own, sizeof(own), "%s/own", s->root);
    CatalogStore store = {.root = own, .is_private = true, .uid = getuid()};
    CatalogEntry t = table_of("/x", NULL);
    d = usual(s, &store);
    assert_int_equal(catalog_prepare(&store, &s->error), 0); /* before anything is below it */
    assert_int_equal(stat(own, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(rmdir(own), 0);
    assert_int_equal(catalog_put(&store, &d, "t", &t, CATALOG_PUT_NEW, &s->error), 0);
    assert_int_equal(stat(own, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(chmod(own, 0720), 0);
    assert_int_equal(catalog_database(&store, "default", s->arena, &d, &s->error), QUERY_E_FAILED);
    assert_string_equal(s->error.error_class, "BERTH_CATALOG_FILE");
    assert_int_equal(chmod(own, 0700), 0);
    store.uid++;
    assert_int_equal(catalog_database(&store, "default", s->arena, &d, &s->error), QUERY_E_FAILED);
}

static void put_file(State *s, const char *name, const char *text)
{
    (void)snprintf(s->path, sizeof(s->path), "%s/_catalog/%s", s->root, name);
    FILE *f = fopen(s->path, "we");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* What stands in the way of an entry is an error, and neither a crash nor a wait. */
static void test_in_the_way(void **state)
{
    State *s = *state;
    CatalogStore store = disk(s);
    CatalogDatabase d = usual(s, &store);
    CatalogEntry t = table_of("/x", NULL), e;
    assert_int_equal(catalog_put(&store, &d, "t", &t, CATALOG_PUT_NEW, &s->error), 0);
    put_file(s, "bad.table", "no entry");
    assert_int_equal(catalog_get(&store, &d, "bad", s->arena, &e, &s->error), QUERY_E_FAILED);
    assert_string_equal(s->error.error_class, "BERTH_CATALOG_DAMAGED");
    assert_int_equal(catalog_remove(&store, &d, "bad", &s->error), 0);
    (void)snprintf(s->path, sizeof(s->path), "%s/_catalog/fifo.table", s->root);
    assert_int_equal(mkfifo(s->path, 0600), 0);
    assert_int_equal(catalog_get(&store, &d, "fifo", s->arena, &e, &s->error), QUERY_E_FAILED);
    s->error = (QueryError){0}; /* the first one stays */
    (void)snprintf(s->path, sizeof(s->path), "%s/_catalog/big.table", s->root);
    int fd = open(s->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, CATALOG_BYTES_MAX + 1), 0);
    (void)close(fd);
    assert_int_equal(catalog_get(&store, &d, "big", s->arena, &e, &s->error), QUERY_E_FAILED);
    assert_string_equal(s->error.error_class, "BERTH_CATALOG_FILE");
    /* What a dead writer has left goes with the next. */
    put_file(s, ".new-0123456789abcdef", "half");
    assert_int_equal(catalog_put(&store, &d, "t", &t, CATALOG_PUT_ANY, &s->error), 0);
    assert_int_not_equal(access(s->path, F_OK), 0);
}

typedef struct Racer {
    State *s;
    atomic_uint *made;
    uint32_t number;
} Racer;

static void *race(void *userdata)
{
    Racer *r = userdata;
    CatalogStore store = disk(r->s);
    CatalogDatabase d = {.name = "default", .entry = {.location = r->s->root}};
    for (uint32_t i = 0; i < 50; i++) {
        char name[16];
        QueryError error = {0};
        CatalogEntry t = table_of("/x", NULL);
        (void)snprintf(name, sizeof(name), "t%u", i);
        int result = catalog_put(&store, &d, name, &t, CATALOG_PUT_NEW, &error);
        assert_true(result == 0 || result == CATALOG_E_EXISTS);
        *r->made += result == 0;
    }
    return NULL;
}

/* CAT-3 */
static void test_race(void **state)
{
    State *s = *state;
    atomic_uint made = 0;
    pthread_t threads[4];
    Racer racers[4];
    for (uint32_t i = 0; i < 4; i++) {
        racers[i] = (Racer){s, &made, i};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(made, 50);
}

/* CAT-2: a writer that is killed at any time; a reader meanwhile. */
static void test_killed(void **state)
{
    State *s = *state;
    CatalogStore store = disk(s);
    CatalogDatabase d = usual(s, &store);
    CatalogEntry one = table_of("/x", "one"), two = table_of("/x", "two"), e;
    assert_int_equal(catalog_put(&store, &d, "t", &one, CATALOG_PUT_NEW, &s->error), 0);
    for (int round = 0; round < 20; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            for (uint32_t i = 0;; i++)
                (void)catalog_put(&store, &d, "t", i % 2 ? &one : &two, CATALOG_PUT_ANY, NULL);
        for (int i = 0; i < 50 + round * 7; i++) {
            assert_int_equal(catalog_get(&store, &d, "t", s->arena, &e, &s->error), 0);
            assert_true(strcmp(e.comment, "one") == 0 || strcmp(e.comment, "two") == 0);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(catalog_get(&store, &d, "t", s->arena, &e, &s->error), 0);
        assert_int_equal(catalog_put(&store, &d, "t", &one, CATALOG_PUT_ANY, &s->error), 0);
    }
}

/* Refused memory is an error that leaves nothing behind. */
static void test_starved(void **state)
{
    State *s = *state;
    CatalogStore stores[] = {disk(s), {.memory = s->memory}};
    for (size_t k = 0; k < ARRAY_SIZE(stores); k++) {
        CatalogEntry t = table_of("/x", NULL), e;
        bool refused = false;
        for (uint64_t nth = 1; nth < 20; nth++) {
            MemArena *arena;
            mem_pool_fail_charge(s->pool, nth);
            CatalogDatabase d = {.name = "default", .entry = {.location = s->root}};
            int r = mem_arena_new(s->pool, "starved", &arena);
            if (r != 0) {
                refused = true;
                continue;
            }
            r = catalog_put(&stores[k], &d, "t", &t, CATALOG_PUT_ANY, &s->error);
            if (r == 0)
                r = catalog_get(&stores[k], &d, "t", arena, &e, &s->error);
            refused |= r != 0;
            mem_pool_fail_charge(s->pool, 0);
            mem_arena_free(arena);
        }
        mem_pool_fail_charge(s->pool, 0);
        assert_true(refused);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_text),   TEST(test_names),      TEST(test_databases),
        TEST(test_shared), TEST(test_own_folder), TEST(test_in_the_way),
        TEST(test_race),   TEST(test_killed),     TEST(test_starved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where `berth sql` sends its plans: to berth-gateway as any Spark Connect client does, or straight
 * to an executor of its own (embedded mode). Both answer with ExecutePlanResponse messages,
 * complete or in parts.
 */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest reply that is taken; the same bound as the executor's. */
#define CONNECTION_MESSAGE_MAX (UINT32_C(128) << 20)

typedef struct Connection Connection;

/* What a failed statement says. Texts are cut to fit. */
typedef struct ConnectionError {
    char error_class[96];
    char sqlstate[8];
    char message[4096];
    uint32_t line, column; /* 1-based; 0 unknown */
} ConnectionError;

enum {
    CONNECTION_E_STATEMENT = 1, /* the statement failed, *error says why; the connection lives */
    CONNECTION_E_LOST = 2,      /* the other side is gone, *error says what is known */
};

/* Called for each reply, in order. A nonzero return stops the statement and is returned. */
typedef int (*ConnectionReply)(void *userdata, const uint8_t *response, size_t n_response);

typedef struct ConnectionOps {
    int (*execute)(Connection *c, const uint8_t *plan, size_t n_plan, ConnectionReply on_reply,
                   void *userdata, ConnectionError *error);
    int (*configure)(Connection *c, const char *key, const char *value, ConnectionError *error);
    void (*close)(Connection *c);
} ConnectionOps;

struct Connection {
    const ConnectionOps *ops;
    /* Set by a signal handler: the running statement is cancelled. */
    volatile sig_atomic_t *interrupted;
};

typedef struct EmbeddedOptions {
    const char *executor; /* path, or NULL: look for it */
    const char *memory;   /* as typed, or NULL */
    const char *spill;    /* directory, or NULL */
    const char *threads;
    const char *io;
    const char *const *read_dirs; /* besides the defaults */
    const char *const *write_dirs;
    size_t n_read_dirs, n_write_dirs;
    bool quiet;
} EmbeddedOptions;

/**
 * connection_open_embedded() - start a sandboxed executor as the caller
 * Return: 0; CONNECTION_E_LOST with *error (no executor found, it did not start); negative errno.
 */
int connection_open_embedded(const EmbeddedOptions *options, volatile sig_atomic_t *interrupted,
                             Connection **ret_connection, ConnectionError *error);

typedef struct ConnectOptions {
    const char *address; /* "unix:/run/berth/connect.sock", "sc://127.0.0.1:15002" or a path of a
                            socket */
    const char *profile; /* "interactive" or "batch"; NULL: berthd finds out */
    bool performance; /* keep memory and processors longer than a session without work needs them */
} ConnectOptions;

/**
 * connection_open_connect() - connect to a Spark Connect endpoint
 * @options:  what they point to outlives the connection
 * Return: 0; CONNECTION_E_LOST with *error; negative errno.
 */
int connection_open_connect(const ConnectOptions *options, volatile sig_atomic_t *interrupted,
                            Connection **ret_connection, ConnectionError *error);

Connection *connection_close(Connection *connection);

/* Fills @error and returns @r. */
int connection_error_set(ConnectionError *error, int r, const char *error_class, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Compact Thrift copied with some numbers changed, for tests that damage one field at a time. The
 * input is sound; the output is whatever the changes make of it.
 */

#include <stddef.h>
#include <stdint.h>

typedef enum ThriftNumber {
    THRIFT_NUMBER_INT,    /* i16, i32, i64; zigzag */
    THRIFT_NUMBER_BOOL,   /* 1 true, 2 false: the type of the field itself */
    THRIFT_NUMBER_LENGTH, /* of a string; its bytes follow as they were */
    THRIFT_NUMBER_COUNT,  /* of a list; its elements follow as they were */
} ThriftNumber;

#define THRIFT_PATH_MAX 16u

/* @path: field ids from the top, in lists the index. Return: what is to be written. */
typedef int64_t (*ThriftHook)(void *userdata, const int64_t *path, uint32_t depth,
                              ThriftNumber kind, int64_t value);

/**
 * thrift_rewrite() - copy one struct
 * @out:      of n + 1024 bytes at least: a hook changes a few numbers, not all
 * @ret_read: out, bytes of the input that the struct takes; may be NULL
 * Return: bytes written; 0 when the input is not sound or @out is too small.
 */
size_t thrift_rewrite(const uint8_t *in, size_t n, uint8_t *out, size_t n_out, ThriftHook hook,
                      void *userdata, size_t *ret_read);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protobuf codec: what is written can be read again, and what must be refused is refused
 * (PROTO-1: no read outside the message; PROTO-2: depth and size have limits; PROTO-3: no group).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"
#include "connect/proto/proto.h"
#include "connect/proto/spark.h"

static void test_round_trip(void **state)
{
    _cleanup_proto_writer_ ProtoWriter w = {0};
    proto_writer_init(&w, 1 << 20, NULL, NULL);
    proto_put_string(&w, 1, "hello");
    proto_put_int64(&w, 2, -1);
    proto_put_double(&w, 3, 1.5);
    proto_put_float(&w, 4, -2.25f);
    proto_put_bool(&w, 536870911, true);
    proto_begin(&w, 5);
    char *big = calloc(1, 300);
    proto_put_bytes(&w, 1, big, 300); /* the length of field 5 now needs two bytes */
    free(big);
    proto_begin(&w, 2);
    proto_end(&w);
    proto_end(&w);
    proto_put_empty(&w, 6);
    assert_int_equal(proto_writer_finish(&w), 0);

    ProtoReader r = proto_reader(w.data, w.n_bytes), inner;
    ProtoField f;
    assert_int_equal(proto_next(&r, &f), 1);
    assert_true(f.number == 1 && proto_equal(f.bytes, "hello"));
    assert_int_equal(proto_next(&r, &f), 1);
    assert_true(proto_int64(f.value) == -1 && proto_int32(f.value) == -1);
    assert_int_equal(proto_next(&r, &f), 1);
    assert_true(f.wire == PROTO_WIRE_FIXED64 && proto_double(f.value) == 1.5);
    assert_int_equal(proto_next(&r, &f), 1);
    assert_true(f.wire == PROTO_WIRE_FIXED32 && proto_float(f.value) == -2.25f);
    assert_int_equal(proto_next(&r, &f), 1);
    assert_true(f.number == PROTO_FIELD_NUMBER_MAX && proto_bool(f.value));
    assert_int_equal(proto_next(&r, &f), 1);
    assert_int_equal(proto_enter(&r, &f, &inner), 0);
    assert_int_equal(inner.depth, 2);
    assert_int_equal(proto_next(&inner, &f), 1);
    assert_int_equal(f.bytes.n_bytes, 300);
    assert_int_equal(proto_next(&inner, &f), 1);
    assert_true(f.number == 2 && f.bytes.n_bytes == 0 && f.bytes.data);
    assert_int_equal(proto_next(&inner, &f), 0);
    assert_int_equal(proto_next(&r, &f), 1);
    assert_true(f.number == 6 && f.bytes.data);
    assert_int_equal(proto_next(&r, &f), 0);
    assert_int_equal(proto_next(&r, &f), 0);
}

#define REFUSED(...)                                                                               \
    do {                                                                                           \
        static const uint8_t bytes[] = {__VA_ARGS__};                                              \
        ProtoReader r = proto_reader(bytes, sizeof(bytes));                                        \
        ProtoField f;                                                                              \
        assert_int_equal(proto_next(&r, &f), -EBADMSG);                                            \
        assert_int_equal(proto_next(&r, &f), -EBADMSG); /* it stays where it failed */             \
    } while (0)

static void test_malformed_is_refused(void **state)
{
    REFUSED(0x80);                               /* tag without end */
    REFUSED(0x00, 0x00);                         /* field number 0 */
    REFUSED(0x80, 0x80, 0x80, 0x80, 0x10, 0x00); /* number 2^29 */
    REFUSED(0x0b);                               /* group */
    REFUSED(0x0c);                               /* end of group */
    REFUSED(0x0e, 0x00);                         /* wire type 6 */
    REFUSED(0x08);                               /* no value */
    REFUSED(0x09, 1, 2, 3, 4, 5, 6, 7);          /* short fixed64 */
    REFUSED(0x0d, 1, 2, 3);                      /* short fixed32 */
    REFUSED(0x0a, 0x02, 0x61);                   /* length beyond the end */
    REFUSED(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1); /* length 2^64 - 1 */
    REFUSED(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2); /* 65 bits */
    REFUSED(0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0); /* eleven bytes */
}

static void test_depth_has_a_limit(void **state)
{
    /* Each level is one more field 1 around the one before; built from the inside. */
    static uint8_t buffer[1 << 16];
    size_t start = sizeof(buffer);
    for (unsigned i = 0; i < 5000; i++) {
        size_t n = sizeof(buffer) - start;
        if (n >= 0x80) {
            buffer[--start] = (uint8_t)(n >> 14);
            buffer[--start] = (uint8_t)((n >> 7) | 0x80);
        }
        buffer[--start] = (uint8_t)(n >= 0x80 ? n | 0x80 : n);
        buffer[--start] = 0x0a;
    }
    ProtoReader r = proto_reader(buffer + start, sizeof(buffer) - start);
    unsigned depth = 1;
    for (;; depth++) {
        ProtoField f;
        assert_int_equal(proto_next(&r, &f), 1);
        int k = proto_enter(&r, &f, &r);
        if (k < 0) {
            assert_int_equal(k, -ELOOP);
            break;
        }
    }
    assert_int_equal(depth, PROTO_DEPTH_MAX);
}

typedef struct Envelope {
    ProtoBytes session, plan;
    int32_t n;
    bool on;
} Envelope;

static const ProtoRow envelope_rows[] = {
    PROTO_ROW(Envelope, session, 1, PROTO_KIND_STRING, 8),
    PROTO_ROW(Envelope, plan, 3, PROTO_KIND_MESSAGE, 0),
    PROTO_ROW(Envelope, n, 4, PROTO_KIND_INT32, 0),
    PROTO_ROW(Envelope, on, 5, PROTO_KIND_BOOL, 0),
};

static int decode(const char *bytes, size_t n, Envelope *e, uint64_t *present)
{
    memset(e, 0, sizeof(*e));
    return proto_decode(proto_reader(bytes, n), envelope_rows, ARRAY_SIZE(envelope_rows), e,
                        present);
}
#define DECODE(text) decode((text), sizeof(text) - 1, &e, &present)

static void test_table(void **state)
{
    Envelope e;
    uint64_t present;
    assert_int_equal(DECODE("\x0a\x02"
                            "ab"
                            "\x12\x01?"
                            "\x1a\x00"
                            "\x28\x01"
                            "\x0a\x01z"),
                     0);
    assert_true(proto_equal(e.session, "z")); /* the last one wins */
    assert_true(e.plan.data && e.plan.n_bytes == 0 && e.on);
    assert_int_equal(present, 1 | 2 | 8);
    assert_int_equal(DECODE("\x0a\x09"
                            "123456789"),
                     -EMSGSIZE);
    assert_int_equal(DECODE("\x0a\x01\xff"), -EBADMSG); /* not UTF-8 */
    assert_int_equal(DECODE("\x08\x01"), -EBADMSG);     /* a string as a number */
    assert_int_equal(DECODE("\x1a\x05"), -EBADMSG);
}

static void test_utf8(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"plain ascii text", true},
        {"gr\xc3\xbc\xc3\x9f"
         "e",
         true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x9a\xa2", true},
        {"\xc0\x80", false},
        {"\xe0\x80\x80", false},
        {"\xed\xa0\x80", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\x80", false},
        {"\xe2\x82", false},
        {"12345678\xff", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_int_equal(
            proto_is_utf8((ProtoBytes){(const uint8_t *)rows[i].text, strlen(rows[i].text)}),
            rows[i].good);
}

static void test_packed(void **state)
{
    ProtoField packed = {.wire = PROTO_WIRE_BYTES, .bytes = {(const uint8_t *)"\x01\x96\x01", 3}};
    bool done = false;
    uint64_t v;
    assert_int_equal(proto_next_packed(&packed, PROTO_WIRE_VARINT, &done, &v), 1);
    assert_int_equal(v, 1);
    assert_int_equal(proto_next_packed(&packed, PROTO_WIRE_VARINT, &done, &v), 1);
    assert_int_equal(v, 150);
    assert_int_equal(proto_next_packed(&packed, PROTO_WIRE_VARINT, &done, &v), 0);
    ProtoField single = {.wire = PROTO_WIRE_VARINT, .value = 7};
    done = false;
    assert_int_equal(proto_next_packed(&single, PROTO_WIRE_VARINT, &done, &v), 1);
    assert_int_equal(v, 7);
    assert_int_equal(proto_next_packed(&single, PROTO_WIRE_VARINT, &done, &v), 0);
    done = false;
    assert_int_equal(proto_next_packed(&single, PROTO_WIRE_FIXED64, &done, &v), -EBADMSG);
}

/* Counts what is held, and can say no. */
typedef struct Account {
    size_t n_bytes, most;
} Account;

static void *allocate_charged(void *userdata, void *block, size_t n_old, size_t n)
{
    Account *account = userdata;
    if (account->n_bytes - n_old + n > account->most)
        return NULL;
    account->n_bytes = account->n_bytes - n_old + n;
    if (n == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, n);
}

static void test_writer_limits(void **state)
{
    ProtoWriter w;
    proto_writer_init(&w, 10, NULL, NULL);
    proto_put_string(&w, 1, "123456789");
    assert_int_equal(proto_writer_finish(&w), -EMSGSIZE);
    proto_put_bool(&w, 1, true); /* the first failure sticks */
    assert_int_equal(proto_writer_finish(&w), -EMSGSIZE);
    proto_writer_done(&w);

    proto_writer_init(&w, 1 << 20, NULL, NULL);
    for (unsigned i = 0; i <= PROTO_WRITER_NEST_MAX; i++)
        proto_begin(&w, 1);
    assert_int_equal(proto_writer_finish(&w), -ELOOP);
    proto_writer_done(&w);

    Account account = {.most = 1000};
    proto_writer_init(&w, 1 << 20, allocate_charged, &account);
    for (unsigned i = 0; i < 100; i++)
        proto_put_string(&w, 1, "0123456789abcdef");
    assert_int_equal(proto_writer_finish(&w), -ENOMEM);
    assert_true(account.n_bytes > 0);
    proto_writer_done(&w);
    assert_int_equal(account.n_bytes, 0);
}

static void test_sizes(void **state)
{
    assert_int_equal(proto_varint_size(0), 1);
    assert_int_equal(proto_varint_size(127), 1);
    assert_int_equal(proto_varint_size(128), 2);
    assert_int_equal(proto_varint_size(UINT64_MAX), 10);
    _cleanup_proto_writer_ ProtoWriter w = {0};
    proto_writer_init(&w, 1 << 20, NULL, NULL);
    proto_put_header(&w, SPARK_RESPONSE_ARROW_BATCH, 200);
    memset(proto_reserve(&w, 200), 0, 200);
    assert_int_equal(proto_writer_finish(&w), 0);
    assert_int_equal(w.n_bytes, proto_bytes_field_size(SPARK_RESPONSE_ARROW_BATCH, 200));
}

static void test_copy(void **state)
{
    _cleanup_free_ char *text = NULL;
    ProtoBytes bytes = {(const uint8_t *)"abc", 3};
    assert_int_equal(proto_copy_string(bytes, 2, &text), -EMSGSIZE);
    assert_int_equal(proto_copy_string((ProtoBytes){(const uint8_t *)"a\0b", 3}, 9, &text),
                     -EINVAL);
    assert_int_equal(proto_copy_string(bytes, 3, &text), 0);
    assert_string_equal(text, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_malformed_is_refused),
        cmocka_unit_test(test_depth_has_a_limit),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_writer_limits),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

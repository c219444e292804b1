/* SPDX-License-Identifier: Apache-2.0 */

/* Every vectorised table gives what the plain one gives (KERN-1), on random data, odd lengths and
 * unaligned starts; decimals against 128-bit and schoolbook arithmetic; LIKE against a backtracking
 * matcher; dates against the calendar itself. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "exec/kernel/civil.h"
#include "exec/kernel/decimal.h"
#include "exec/kernel/kernel.h"
#include "exec/kernel/like.h"
#include "tests/support/exec_build.h"

#define N 4096u

typedef struct Data {
    int64_t a[N], b[N], out[2][N];
    int32_t c[N], d[N];
    double f[N], g[N];
    uint8_t bytes[N], groups[N], bool_out[2][N];
    uint32_t codes[N], gathered[2][N];
    uint64_t wide[N];
    uint16_t sel[N], sel_out[2][N];
} Data;

static void fill(Build *b, Data *d, uint32_t n)
{
    for (uint32_t i = 0; i < N; i++) {
        d->a[i] = (int64_t)build_random(b);
        d->b[i] = build_below(b, 4) ? (int64_t)build_random(b) >> 40 : d->a[i];
        d->c[i] = (int32_t)build_random(b);
        d->d[i] = build_below(b, 3) ? (int32_t)build_random(b) : d->c[i];
        d->f[i] = (double)(int64_t)build_random(b);
        d->g[i] = (double)build_below(b, 100);
        d->bytes[i] = (uint8_t)build_below(b, 3);
        d->groups[i] = (uint8_t)build_below(b, KERN_GROUPS_FEW);
        d->codes[i] = build_below(b, n);
        d->wide[i] = build_random(b);
    }
}

static void compare_tables(Build *b, Data *d, const KernelTable *t0, const KernelTable *t1,
                           uint32_t n)
{
    const KernelTable *t[2] = {t0, t1};
    uint32_t n_sel, k[2];
    const uint16_t *sel = build_selection(b, n, 40, &n_sel);
    int64_t x[2][2];
    int32_t y[2][2];
    int64_t sums[2][KERN_GROUPS_FEW] = {{0}};

    memcpy(d->sel, sel, n_sel * 2);
#define BOTH(CALL, RESULT, BYTES)                                                                  \
    for (int i = 0; i < 2; i++)                                                                    \
        CALL;                                                                                      \
    assert_memory_equal(RESULT[0], RESULT[1], BYTES)
    BOTH(t[i]->add_i64(d->a, d->b, d->out[i], n), d->out, n * 8);
    BOTH(t[i]->sub_i64(d->a, d->b, d->out[i], n), d->out, n * 8);
    BOTH(t[i]->mul_i64(d->a, d->b, d->out[i], n), d->out, n * 8);
    BOTH(t[i]->add_const_i64(d->a, -7, d->out[i], n), d->out, n * 8);
    BOTH(t[i]->rsub_const_i64(d->a, 100, d->out[i], n), d->out, n * 8);
    BOTH(t[i]->mul_const_i64(d->a, 13, d->out[i], n), d->out, n * 8);
    BOTH(t[i]->add_f64(d->f, d->g, (double *)d->out[i], n), d->out, n * 8);
    BOTH(t[i]->sub_f64(d->f, d->g, (double *)d->out[i], n), d->out, n * 8);
    BOTH(t[i]->mul_f64(d->f, d->g, (double *)d->out[i], n), d->out, n * 8);
    for (int op = 0; op < _KERN_COMPARE_MAX; op++) {
        BOTH(t[i]->compare_i32[op](d->c, d->d, d->bool_out[i], n), d->bool_out, n);
        BOTH(t[i]->compare_i64[op](d->a, d->b, d->bool_out[i], n), d->bool_out, n);
        BOTH(t[i]->compare_const_i32[op](d->c, d->c[0], d->bool_out[i], n), d->bool_out, n);
        BOTH(t[i]->compare_const_i64[op](d->a, d->a[n / 2], d->bool_out[i], n), d->bool_out, n);
    }
    BOTH(t[i]->gather_u32((const uint32_t *)d->c, d->codes, d->gathered[i], n), d->gathered, n * 4);
    BOTH(t[i]->gather_u64(d->wide, d->codes, (uint64_t *)d->out[i], n), d->out, n * 8);
    BOTH(t[i]->hash_i64(d->a, (uint64_t *)d->out[i], n), d->out, n * 8);
    BOTH(k[i] = t[i]->select_bytes(d->bytes, n, d->sel_out[i]), d->sel_out, k[0] * 2);
    assert_int_equal(k[0], k[1]);
    BOTH(k[i] = t[i]->select_bytes_sel(d->bytes, d->sel, n_sel, d->sel_out[i]), d->sel_out,
         k[0] * 2);
    assert_int_equal(k[0], k[1]);
    BOTH(k[i] = t[i]->select_codes(d->bytes, d->codes, n, d->sel_out[i]), d->sel_out, k[0] * 2);
    assert_int_equal(k[0], k[1]);
    BOTH(k[i] = t[i]->select_codes_sel(d->bytes, d->codes, d->sel, n_sel, d->sel_out[i]),
         d->sel_out, k[0] * 2);
    assert_int_equal(k[0], k[1]);
    for (uint32_t groups = 1; groups <= KERN_GROUPS_FEW; groups++) {
        uint8_t few[N];
        for (uint32_t i = 0; i < n; i++)
            few[i] = (uint8_t)(d->groups[i] % groups);
        memset(sums, 0, sizeof(sums));
        BOTH(t[i]->group_sum_i64(d->b, few, n, groups, sums[i]), sums, sizeof(sums[0]));
        memset(sums, 0, sizeof(sums));
        BOTH(t[i]->group_count(few, n, groups, sums[i]), sums, sizeof(sums[0]));
    }
    if (n == 0)
        return;
    for (int i = 0; i < 2; i++) {
        t[i]->range_i64(d->a, n, &x[i][0], &x[i][1]);
        t[i]->range_i32(d->c, n, &y[i][0], &y[i][1]);
    }
    assert_memory_equal(x[0], x[1], sizeof(x[0]));
    assert_memory_equal(y[0], y[1], sizeof(y[0]));
    assert_int_equal(t[0]->sum_i64(d->b, n), t[1]->sum_i64(d->b, n));
}

static void test_tables_agree(void **state)
{
    static const uint32_t lengths[] = {0, 1, 7, 31, 64, 65, 100, 1000, 4095, 4096};
    const KernelTable *tables[4];
    uint32_t n_tables = kern_tables(tables);
    Build b;
    build_init(&b, 1);
    Data *d = build_alloc(&b, sizeof(*d));

    assert_ptr_equal(kern_select(), tables[n_tables - 1]);
    for (uint32_t t = 1; t < n_tables; t++)
        for (uint32_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            fill(&b, d, lengths[i] ? lengths[i] : 1);
            compare_tables(&b, d, tables[0], tables[t], lengths[i]);
        }
    build_done(&b);
}

static void test_decimal(void **state)
{
    i128 x;
    char text[DEC_TEXT_MAX + 1];

    /* HALF_UP, away from zero. */
    assert_true(dec_rescale(125, 2, 1, &x) && x == 13);
    assert_true(dec_rescale(-125, 2, 1, &x) && x == -13);
    assert_true(dec_rescale(124, 2, 1, &x) && x == 12);
    assert_true(dec_rescale(1, 0, 38, &x) && x == dec_pow10(38));
    assert_false(dec_rescale(2, 0, 38, &x)); /* 2e38 > 2^127 */
    assert_true(dec_divide(10, 3, 2, &x) && x == 333);
    assert_true(dec_divide(-20, 3, 2, &x) && x == -667);
    assert_true(dec_multiply(dec_pow10(30), dec_pow10(30), 30, &x) && x == dec_pow10(30));
    assert_true(dec_multiply(-dec_pow10(37), 15, 1, &x) && x == -dec_pow10(36) * 15);
    assert_false(dec_multiply(dec_pow10(30), dec_pow10(30), 10, &x));
    /* A large shift takes the digit-by-digit path: (10^37 + 1) * 10^20 / 10^37 / 10^19 ... */
    assert_true(dec_divide(dec_pow10(37), dec_pow10(37), 30, &x) && x == dec_pow10(30));
    assert_true(dec_fits(999, 3) && !dec_fits(1000, 3) && dec_fits(-999, 3));

    struct {
        const char *in;
        uint32_t scale;
        int r;
        const char *out;
    } parse[] = {
        {"1.005", 2, 0, "1.01"},
        {"-0.5", 0, 0, "-1"},
        {"1e3", 2, 0, "1000.00"},
        {"1.5E-1", 3, 0, "0.150"},
        {".5", 1, 0, "0.5"},
        {"5.", 0, 0, "5"},
        {"", 0, DEC_E_SYNTAX, ""},
        {"-", 0, DEC_E_SYNTAX, ""},
        {"1.2.3", 1, DEC_E_SYNTAX, ""},
        {"1e", 0, DEC_E_SYNTAX, ""},
        {"1e40", 0, DEC_E_RANGE, ""},
        {"1e-400", 2, 0, "0.00"},
        {"99999999999999999999999999999999999999", 0, 0, "99999999999999999999999999999999999999"},
        {"0.000000000000000000000000000000000000001", 38, 0,
         "0.00000000000000000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof(parse) / sizeof(parse[0]); i++) {
        assert_int_equal(dec_parse(parse[i].in, strlen(parse[i].in), parse[i].scale, &x),
                         parse[i].r);
        if (parse[i].r)
            continue;
        text[dec_format(x, parse[i].scale, text)] = '\0';
        assert_string_equal(text, parse[i].out);
    }
    assert_true(dec_from_double(0.1, 1, &x) && x == 1);
    assert_true(dec_from_double(2.675, 2, &x) && x == 268); /* by its text, as BigDecimal */
}

/* Products and quotients of 64-bit numbers against plain 128-bit arithmetic. */
static void test_decimal_random(void **state)
{
    Build b;
    build_init(&b, 7);
    for (int i = 0; i < 20000; i++) {
        int64_t a = (int64_t)build_random(&b) >> build_below(&b, 60);
        int64_t c = (int64_t)build_random(&b) >> build_below(&b, 60);
        uint32_t drop = build_below(&b, 10);
        i128 x, half = dec_pow10(drop) / 2, p = (i128)a * c;
        assert_true(dec_multiply(a, c, drop, &x));
        assert_true(x == (drop == 0 ? p : (p + (p < 0 ? -half : half)) / dec_pow10(drop)));
        if (c == 0)
            continue;
        /* The long path must agree with the short one. */
        i128 q, r = (i128)a * dec_pow10(drop), d = c < 0 ? -(i128)c : c;
        assert_true(dec_divide(a, c, drop, &q));
        i128 expected = (i128)(((r < 0 ? -r : r) * 2 + d) / (2 * d));
        assert_true(q == ((a < 0) != (c < 0) ? -expected : expected));
        if ((a < 0 ? -(i128)a : a) < 1000000 && d < 1000000) {
            i128 far;
            assert_true(
                dec_divide((i128)a * dec_pow10(20), (i128)c * dec_pow10(25), drop + 5, &far));
            assert_true(far == q);
        }
    }
    build_done(&b);
}

/* The specification: backtracking over bytes, '_' takes a character. */
static bool like_slow(const char *p, const char *pe, const char *s, const char *se, int escape)
{
    if (p == pe)
        return s == se;
    if ((unsigned char)*p == escape)
        return s < se && *s == p[1] && like_slow(p + 2, pe, s + 1, se, escape);
    if (*p == '%') {
        for (const char *t = s; t <= se; t++)
            if (like_slow(p + 1, pe, t, se, escape))
                return true;
        return false;
    }
    if (s == se)
        return false;
    if (*p == '_') {
        s++;
        while (s < se && ((unsigned char)*s & 0xc0) == 0x80)
            s++;
        return like_slow(p + 1, pe, s, se, escape);
    }
    return *p == *s && like_slow(p + 1, pe, s + 1, se, escape);
}

static void test_like(void **state)
{
    static const char *const letters[] = {"a", "b", "%", "_", "\xc3\xa4", "\\%", "\\_", "\\\\"};
    static const char *const text_letters[] = {"a", "b", "%", "_", "\xc3\xa4", "\\"};
    Build b;
    LikePattern p;
    build_init(&b, 3);
    for (int i = 0; i < 60000; i++) {
        char pattern[64] = "", text[64] = "";
        if (i % 1000 == 0)
            mem_arena_reset(b.arena);
        for (uint32_t k = build_below(&b, 8); k > 0; k--)
            strcat(pattern, letters[build_below(&b, 8)]);
        for (uint32_t k = build_below(&b, 10); k > 0; k--)
            strcat(text, text_letters[build_below(&b, 6)]);
        uint32_t np = (uint32_t)strlen(pattern), nt = (uint32_t)strlen(text);
        assert_int_equal(like_compile(pattern, np, '\\', b.arena, &p), 0);
        bool expected = like_slow(pattern, pattern + np, text, text + nt, '\\');
        if (like_match(&p, text, nt) != expected)
            fail_msg("'%s' like '%s' should be %d", text, pattern, expected);
    }
    assert_int_equal(like_compile("a\\", 2, '\\', b.arena, &p), LIKE_E_ESCAPE_END);
    assert_int_equal(like_compile("\\a", 2, '\\', b.arena, &p), LIKE_E_ESCAPE_MIDDLE);
    assert_int_equal(like_compile("a#%b", 4, '#', b.arena, &p), 0);
    assert_true(like_match(&p, "a%b", 3));
    assert_false(like_match(&p, "axb", 3));
    build_done(&b);
}

static void test_civil(void **state)
{
    char text[CIVIL_TEXT_MAX];
    int32_t days, back;
    Civil last = civil_from_days(-800000);

    for (days = -799999; days < 800000; days++) {
        Civil c = civil_from_days(days);
        bool next_day = c.year == last.year && c.month == last.month && c.day == last.day + 1;
        bool next_month = c.day == 1 && last.day == civil_month_days(last.year, last.month);
        assert_true(next_day || next_month);
        assert_int_equal(civil_to_days(c.year, c.month, c.day), days);
        last = c;
    }
    for (days = -700000; days < 700000; days += 997) {
        uint32_t n = civil_format_date(days, text);
        if (civil_from_days(days).year < 0)
            continue;
        assert_true(civil_parse_date(text, n, &back));
        assert_int_equal(back, days);
    }
    assert_true(civil_parse_date(" 2024-2-29 ", 11, &days) && days == 19782);
    assert_false(civil_parse_date("2023-02-29", 10, &days));
    assert_false(civil_parse_date("2023-02", 7, &days) && days != 19389);
    assert_false(civil_parse_date("20230229", 8, &days));
    CivilClock clock;
    assert_true(civil_parse_clock("1970-01-02 00:00:00.5+01:00", 27, &clock));
    assert_int_equal(clock.wall, INT64_C(86400) * 1000000 + 500000);
    assert_int_equal(clock.n_zone, 6);
    assert_memory_equal(clock.zone, "+01:00", 6);
    assert_true(civil_parse_clock("1970-01-02T12", 13, &clock) && !clock.zone);
    assert_false(civil_parse_clock("1970-01-02 24:00:00", 19, &clock));
    assert_false(civil_parse_clock("1970-01-02T", 11, &clock));
    assert_int_equal(civil_format_timestamp(-1, text), 26);
    assert_memory_equal(text, "1969-12-31 23:59:59.999999", 26);
    assert_true(civil_add_months(civil_to_days(2024, 1, 31), 1, &days) && days == 19782);
    assert_true(civil_add_months(civil_to_days(2024, 3, 31), -13, &days) &&
                days == civil_to_days(2023, 2, 28));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_agree),   cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_decimal_random), cmocka_unit_test(test_like),
        cmocka_unit_test(test_civil),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

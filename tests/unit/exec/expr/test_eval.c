/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A batch gives what its rows give one by one (EXPR-1), whatever the encodings, selections and
 * nulls: random expression trees over random columns, compared with the same program on one flat
 * row at a time. An error appears exactly when a selected row raises it (EXPR-2). Then the meaning
 * of single functions, and that no charge that fails leaks (EXPR-5).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "exec/expr/expr.h"
#include "tests/support/exec_build.h"

#define N_COLUMNS 16u

static const Type types[] = {
    {.kind = TYPE_BOOLEAN},
    {.kind = TYPE_INT},
    {.kind = TYPE_LONG},
    {.kind = TYPE_DOUBLE},
    {.kind = TYPE_DECIMAL, .precision = 10, .scale = 2},
    {.kind = TYPE_DECIMAL, .precision = 25, .scale = 4},
    {.kind = TYPE_STRING},
    {.kind = TYPE_DATE},
};
enum { T_BOOL, T_INT, T_LONG, T_DOUBLE, T_DEC, T_WIDE, T_STRING, T_DATE, N_TYPES };

static Expr *random_expr(Build *b, uint32_t t, uint32_t depth);

static Expr *random_leaf(Build *b, uint32_t t)
{
    if (build_below(b, 3) || t == T_STRING) {
        if (t == T_STRING && build_below(b, 3) == 0)
            return build_string(b, build_below(b, 2) ? "value 4" : "a longer value, number 5");
        return build_column(b, t + N_TYPES * build_below(b, N_COLUMNS / N_TYPES), types[t]);
    }
    if (build_below(b, 6) == 0)
        return build_null(b, types[t]);
    return build_literal(b, types[t], (int64_t)build_below(b, 7) - 2);
}

static Expr *random_bool(Build *b, uint32_t depth)
{
    uint32_t t = build_below(b, N_TYPES);
    switch (build_below(b, 9)) {
    case 0:
        return build_call(b, FN_AND, types[0], random_expr(b, 0, depth), random_expr(b, 0, depth));
    case 1:
        return build_call(b, FN_OR, types[0], random_expr(b, 0, depth), random_expr(b, 0, depth));
    case 2:
        return build_call(b, FN_NOT, types[0], random_expr(b, 0, depth));
    case 3:
        return build_call(b, FN_IS_NULL, types[0], random_expr(b, t, depth));
    case 4:
        return build_call(b, FN_EQ_NULL_SAFE, types[0], random_expr(b, t, depth),
                          random_expr(b, t, depth));
    case 5:
        return build_call(b, FN_LIKE, types[0], random_expr(b, T_STRING, depth),
                          build_string(b, build_below(b, 2) ? "%4%" : "v%"));
    case 6: {
        t = T_INT + build_below(b, 3) * 2; /* INT, DOUBLE, WIDE */
        Expr *e = build_node(b, EXPR_IN, FN_INVALID, types[0], 4, random_expr(b, t, depth),
                             build_literal(b, types[t], 0), build_literal(b, types[t], 14),
                             build_below(b, 2) ? build_null(b, types[t])
                                               : build_literal(b, types[t], -7));
        return e;
    }
    default:
        return build_call(b, FN_EQ + build_below(b, 6), types[0], random_expr(b, t, depth),
                          random_expr(b, t, depth));
    }
}

static Expr *random_number(Build *b, uint32_t t, uint32_t depth)
{
    static const FunctionId ops[] = {FN_ADD, FN_SUBTRACT, FN_MULTIPLY, FN_MODULO};
    Type dec = types[T_DEC];
    switch (build_below(b, 6)) {
    case 0:
        if (t == T_WIDE) /* decimal(10,2) * decimal(10,2) = decimal(21,4), cast to decimal(25,4) */
            return build_cast(b, types[T_WIDE],
                              build_call(b, FN_MULTIPLY, TYPE_DECIMAL_OF(21, 4),
                                         random_expr(b, T_DEC, depth),
                                         random_expr(b, T_DEC, depth)));
        if (t == T_LONG)
            return build_cast(b, types[T_LONG], random_expr(b, T_INT, depth));
        if (t == T_DEC)
            return build_cast(b, dec, random_expr(b, T_INT, depth));
        if (t == T_DOUBLE)
            return build_cast(b, types[T_DOUBLE], random_expr(b, T_DEC, depth));
        return build_call(b, FN_LENGTH, types[T_INT], random_expr(b, T_STRING, depth));
    case 1: {
        Expr *e = build_cast(b, types[t], build_cast(b, TYPE(STRING), random_expr(b, t, depth)));
        e->try_cast = build_below(b, 2);
        return e;
    }
    case 2:
        return build_call(b, FN_NEGATE, types[t], random_expr(b, t, depth));
    default: {
        FunctionId f = ops[build_below(b, 4)];
        Expr *x = random_expr(b, t, depth), *y = random_expr(b, t, depth);
        if (t == T_DEC || t == T_WIDE) /* keep the type by a cast */
            return build_cast(
                b, types[t],
                build_call(b, f,
                           TYPE_DECIMAL_OF(f == FN_MULTIPLY ? 38 : 30,
                                           f == FN_MULTIPLY ? 2 * types[t].scale : types[t].scale),
                           x, y));
        return build_call(b, f, types[t], x, y);
    }
    }
}

static Expr *random_string(Build *b, uint32_t depth)
{
    switch (build_below(b, 5)) {
    case 0:
        return build_call(b, FN_CONCAT, TYPE(STRING), random_expr(b, T_STRING, depth),
                          random_expr(b, T_STRING, depth));
    case 1:
        return build_call(b, FN_UPPER, TYPE(STRING), random_expr(b, T_STRING, depth));
    case 2:
        return build_call(b, FN_SUBSTRING, TYPE(STRING), random_expr(b, T_STRING, depth),
                          build_literal(b, TYPE(INT), (int64_t)build_below(b, 9) - 4),
                          build_literal(b, TYPE(INT), build_below(b, 20)));
    case 3:
        return build_cast(b, TYPE(STRING),
                          random_expr(b, build_below(b, 2) ? T_WIDE : T_DATE, depth));
    default:
        return build_call(b, FN_REPLACE, TYPE(STRING), random_expr(b, T_STRING, depth),
                          build_string(b, "e"), build_string(b, "<long>"));
    }
}

static Expr *random_expr(Build *b, uint32_t t, uint32_t depth)
{
    if (depth == 0 || build_below(b, 5) == 0)
        return random_leaf(b, t);
    depth--;
    switch (build_below(b, 7)) {
    case 0:
        return build_node(b, EXPR_CASE, FN_INVALID, types[t], 5, random_expr(b, 0, depth),
                          random_expr(b, t, depth), random_expr(b, 0, depth),
                          random_expr(b, t, depth), random_expr(b, t, depth));
    case 1:
        return build_call(b, FN_COALESCE, types[t], random_expr(b, t, depth),
                          random_expr(b, t, depth));
    case 2:
        if (t != T_BOOL)
            return build_call(b, build_below(b, 2) ? FN_GREATEST : FN_LEAST, types[t],
                              random_expr(b, t, depth), random_expr(b, t, depth));
        break;
    case 3:
        return build_call(b, FN_NULLIF, types[t], random_expr(b, t, depth),
                          random_expr(b, t, depth));
    }
    if (t == T_BOOL)
        return random_bool(b, depth);
    if (t == T_STRING)
        return random_string(b, depth);
    if (t == T_DATE)
        return build_call(b, FN_DATE_ADD, TYPE(DATE), random_expr(b, T_DATE, depth),
                          random_expr(b, T_INT, depth));
    return random_number(b, t, depth);
}

static void random_batch(Build *b, Batch *batch, uint32_t n)
{
    *batch = (Batch){.n_rows = n, .n_columns = N_COLUMNS};
    batch->columns = build_alloc(b, sizeof(Vector) * N_COLUMNS);
    for (uint32_t c = 0; c < N_COLUMNS; c++)
        batch->columns[c] =
            build_vector(b, types[c % N_TYPES], build_below(b, _BUILD_ENCODING_MAX), n,
                         1 + build_below(b, 12), build_below(b, 3) ? 1 + build_below(b, 6) : 0);
    batch->sel =
        build_selection(b, n, build_below(b, 3) ? build_below(b, 100) : 100, &batch->n_selected);
}

/* One row, flat. */
static Batch single_row(Build *b, const Batch *batch, const Vector *flat, uint32_t row)
{
    Batch one = {.n_rows = 1, .n_selected = 1, .n_columns = N_COLUMNS};
    one.columns = build_alloc(b, sizeof(Vector) * N_COLUMNS);
    for (uint32_t c = 0; c < N_COLUMNS; c++) {
        uint64_t *valid = build_alloc(b, 8);
        one.columns[c] = flat[c];
        one.columns[c].values =
            (char *)flat[c].values +
            (flat[c].encoding == VEC_CONST ? 0 : (size_t)row * phys_size(flat[c].phys));
        one.columns[c].encoding = VEC_FLAT;
        *valid = !vec_row_is_null(&batch->columns[c], row);
        one.columns[c].has_nulls = !*valid;
        one.columns[c].valid = valid;
    }
    return one;
}

static void check_batch(Build *b, ExprState *state, ExprState *by_row, const Batch *batch,
                        uint32_t n_outputs)
{
    Vector flat[N_COLUMNS];
    for (uint32_t c = 0; c < N_COLUMNS; c++)
        flat[c] = build_flat(b, &batch->columns[c], batch->n_rows);

    expr_begin(state, batch);
    for (uint32_t o = 0; o < n_outputs; o++) {
        QueryError error = {0}, row_error = {0};
        Vector out, one_out;
        bool any_error = false;
        int r = expr_eval(state, o, &out, &error);
        assert_true(r == 0 || r == QUERY_E_FAILED);
        uint32_t n = batch->sel ? batch->n_selected : batch->n_rows;
        for (uint32_t i = 0; i < n; i++) {
            char got[256], wanted[256];
            uint32_t row = batch->sel ? batch->sel[i] : i;
            Batch one = single_row(b, batch, flat, row);
            expr_begin(by_row, &one);
            int r1 = expr_eval(by_row, o, &one_out, &row_error);
            any_error |= r1 != 0;
            if (r1 || r)
                continue;
            vec_format(&out, row, got, sizeof(got));
            vec_format(&one_out, 0, wanted, sizeof(wanted));
            if (strcmp(got, wanted) != 0)
                fail_msg("output %u row %u: '%s', alone '%s'", o, row, got, wanted);
        }
        assert_int_equal(any_error, r != 0);
        if (r) {
            assert_true(error.error_class[0] != '\0');
            return; /* the registers of a failed batch are not to be used */
        }
    }
}

static void test_batch_is_its_rows(void **state)
{
    for (uint32_t seed = 1; seed <= 400; seed++) {
        Build b;
        ExprProgram *program;
        ExprState *batch_state, *row_state;
        Expr *exprs[3];
        QueryError error = {0};
        build_init(&b, seed);
        for (uint32_t i = 0; i < 3; i++)
            exprs[i] = random_expr(&b, build_below(&b, N_TYPES), 4);
        int r = expr_compile(b.arena, exprs, 3, N_COLUMNS, &error, &program);
        if (r)
            fail_msg("seed %u: %d %s", seed, r, error.message);
        assert_int_equal(expr_state_new(program, b.pool, &batch_state), 0);
        assert_int_equal(expr_state_new(program, b.pool, &row_state), 0);
        for (uint32_t i = 0; i < 4; i++) {
            Batch batch;
            random_batch(&b, &batch, i == 0 ? 0 : 1 + build_below(&b, 90));
            check_batch(&b, batch_state, row_state, &batch, 3);
        }
        expr_state_free(batch_state);
        expr_state_free(row_state);
        build_done(&b);
    }
}

/* expr_select() gives the rows where expr_eval() says true, in order. */
static void test_select_is_eval(void **state)
{
    for (uint32_t seed = 1; seed <= 300; seed++) {
        Build b;
        ExprProgram *program;
        ExprState *s, *e;
        Expr *exprs[3];
        build_init(&b, seed + 1000);
        for (uint32_t i = 0; i < 3; i++)
            exprs[i] = random_bool(&b, 2);
        assert_int_equal(expr_compile(b.arena, exprs, 3, N_COLUMNS, NULL, &program), 0);
        assert_int_equal(expr_state_new(program, b.pool, &s), 0);
        assert_int_equal(expr_state_new(program, b.pool, &e), 0);
        for (uint32_t i = 0; i < 70; i++) { /* long enough for the order to change */
            Batch batch;
            uint16_t sel[VEC_ROWS_MAX];
            uint32_t n;
            random_batch(&b, &batch, 1 + build_below(&b, 40));
            Vector out[3];
            int r = 0;
            expr_begin(e, &batch);
            for (uint32_t o = 0; o < 3 && r == 0; o++)
                r = expr_eval(e, o, &out[o], NULL);
            if (r)
                continue; /* a conjunct before may have kept the row from it */
            assert_int_equal(expr_select(s, &batch, sel, &n, NULL), 0);
            uint32_t k = 0, n_in = batch.sel ? batch.n_selected : batch.n_rows;
            for (uint32_t x = 0; x < n_in; x++) {
                uint32_t row = batch.sel ? batch.sel[x] : x;
                bool pass = true;
                for (uint32_t o = 0; o < 3; o++)
                    pass &= !vec_row_is_null(&out[o], row) &&
                            ((const uint8_t *)out[o].values)[vec_index(&out[o], row)];
                if (pass)
                    assert_int_equal(sel[k++], row);
            }
            assert_int_equal(k, n);
        }
        expr_state_free(s);
        expr_state_free(e);
        build_done(&b);
    }
}

/* --- meaning --- */

static int one(Build *b, Expr *e, char *text, QueryError *error)
{
    ExprProgram *program;
    ExprState *s;
    Vector v;
    Batch batch = {.n_rows = 1, .n_selected = 1};
    memset(error, 0, sizeof(*error));
    int r = expr_compile(b->arena, &e, 1, 0, error, &program);
    if (r)
        return r;
    assert_int_equal(expr_state_new(program, b->pool, &s), 0);
    expr_begin(s, &batch);
    r = expr_eval(s, 0, &v, error);
    if (r == 0) {
        assert_int_equal(v.phys, type_phys(v.type));
        vec_format(&v, 0, text, 256);
    }
    expr_state_free(s);
    return r;
}

static void expect(Build *b, Expr *e, const char *wanted)
{
    char text[256];
    QueryError error;
    int r = one(b, e, text, &error);
    if (r)
        fail_msg("wanted %s, got error %s %s", wanted, error.error_class, error.message);
    assert_string_equal(text, wanted);
}

static void expect_error(Build *b, Expr *e, const char *class)
{
    char text[256];
    QueryError error;
    assert_int_equal(one(b, e, text, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, class);
}

static Expr *cast_text(Build *b, const char *text, Type to, bool try_cast)
{
    Expr *e = build_cast(b, to, build_string(b, text));
    e->try_cast = try_cast;
    return e;
}

static void test_casts_from_text(void **state)
{
    static const struct {
        const char *text;
        Type type;
        const char *value; /* NULL: malformed */
    } cases[] = {
        {" 42 ", {.kind = TYPE_INT}, "42"},
        {"-2147483648", {.kind = TYPE_INT}, "-2147483648"},
        {"2147483648", {.kind = TYPE_INT}, NULL},
        {"1.0", {.kind = TYPE_INT}, NULL},
        {"", {.kind = TYPE_LONG}, NULL},
        {"+7", {.kind = TYPE_LONG}, "7"},
        {"9223372036854775808", {.kind = TYPE_LONG}, NULL},
        {"-9223372036854775808", {.kind = TYPE_LONG}, "-9223372036854775808"},
        {"300", {.kind = TYPE_BYTE}, NULL},
        {"T", {.kind = TYPE_BOOLEAN}, "true"},
        {"no", {.kind = TYPE_BOOLEAN}, "false"},
        {"maybe", {.kind = TYPE_BOOLEAN}, NULL},
        {"1e3", {.kind = TYPE_DOUBLE}, "1000"},
        {"-Infinity", {.kind = TYPE_DOUBLE}, "-inf"},
        {"nan", {.kind = TYPE_DOUBLE}, "nan"},
        {"0x10", {.kind = TYPE_DOUBLE}, NULL},
        {"1.5.2", {.kind = TYPE_DOUBLE}, NULL},
        {"1.5d", {.kind = TYPE_DOUBLE}, "1.5"},
        {"1.005", {.kind = TYPE_DECIMAL, .precision = 5, .scale = 2}, "1.01"},
        {"2024-02-29", {.kind = TYPE_DATE}, "19782"},
        {"2024-02-30", {.kind = TYPE_DATE}, NULL},
        {"2024-02-29 12:30:00", {.kind = TYPE_DATE}, "19782"},
        {"1970-01-01 00:00:01.5", {.kind = TYPE_TIMESTAMP}, "1500000"},
        {"1970-01-01T00:00:01Z", {.kind = TYPE_TIMESTAMP}, "1000000"},
        {"yesterday", {.kind = TYPE_TIMESTAMP}, NULL},
    };
    Build b;
    build_init(&b, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].value) {
            expect(&b, cast_text(&b, cases[i].text, cases[i].type, false), cases[i].value);
            continue;
        }
        expect_error(&b, cast_text(&b, cases[i].text, cases[i].type, false), "CAST_INVALID_INPUT");
        expect(&b, cast_text(&b, cases[i].text, cases[i].type, true), "NULL");
    }
    expect_error(&b, cast_text(&b, "1000", TYPE_DECIMAL_OF(3, 0), false),
                 "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION");
    build_done(&b);
}

static void test_casts(void **state)
{
    Build b;
    build_init(&b, 1);
    Type s = TYPE(STRING);
    expect(&b, build_cast(&b, s, build_double(&b, 1.0)), "1.0");
    expect(&b, build_cast(&b, s, build_double(&b, 1e7)), "1.0E7");
    expect(&b, build_cast(&b, s, build_double(&b, 12345.678)), "12345.678");
    expect(&b, build_cast(&b, s, build_double(&b, 0.001)), "0.001");
    expect(&b, build_cast(&b, s, build_double(&b, 0.00012)), "1.2E-4");
    expect(&b, build_cast(&b, s, build_double(&b, -1.0 / 3)), "-0.3333333333333333");
    expect(&b, build_cast(&b, s, build_literal(&b, TYPE(DATE), 19782)), "2024-02-29");
    expect(&b, build_cast(&b, s, build_literal(&b, TYPE(TIMESTAMP), 1500000)),
           "1970-01-01 00:00:01.5");
    expect(&b, build_cast(&b, s, build_literal(&b, TYPE_DECIMAL_OF(10, 3), -5)), "-0.005");
    expect(&b, build_cast(&b, TYPE(INT), build_double(&b, -2.9)), "-2");
    expect_error(&b, build_cast(&b, TYPE(INT), build_double(&b, 3e9)), "CAST_OVERFLOW");
    expect_error(&b, build_cast(&b, TYPE(BYTE), build_literal(&b, TYPE(INT), 128)),
                 "CAST_OVERFLOW");
    expect(&b, build_cast(&b, TYPE(INT), build_literal(&b, TYPE_DECIMAL_OF(10, 2), -299)), "-2");
    expect_error(&b, build_cast(&b, TYPE_DECIMAL_OF(4, 2), build_literal(&b, TYPE(INT), 100)),
                 "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION");
    expect(&b, build_cast(&b, TYPE(DATE), build_literal(&b, TYPE(TIMESTAMP), -1)), "-1");
    expect(&b, build_cast(&b, TYPE(TIMESTAMP), build_literal(&b, TYPE(DATE), 1)), "86400000000");
    build_done(&b);
}

static void test_errors(void **state)
{
    Build b;
    build_init(&b, 1);
    Expr *max = build_literal(&b, TYPE(LONG), INT64_MAX), *one_ = build_literal(&b, TYPE(LONG), 1);
    Expr *zero = build_literal(&b, TYPE(LONG), 0);
    expect_error(&b, build_call(&b, FN_ADD, TYPE(LONG), max, one_), "ARITHMETIC_OVERFLOW");
    expect_error(&b, build_call(&b, FN_MODULO, TYPE(LONG), max, zero), "DIVIDE_BY_ZERO");
    expect_error(&b,
                 build_call(&b, FN_DIVIDE, TYPE(DOUBLE), build_double(&b, 1), build_double(&b, 0)),
                 "DIVIDE_BY_ZERO");
    expect_error(&b,
                 build_call(&b, FN_INT_DIVIDE, TYPE(LONG), build_literal(&b, TYPE(LONG), INT64_MIN),
                            build_literal(&b, TYPE(LONG), -1)),
                 "ARITHMETIC_OVERFLOW");
    /* null is no zero, and what a branch does not reach does not fail */
    expect(&b, build_call(&b, FN_MODULO, TYPE(LONG), max, build_null(&b, TYPE(LONG))), "NULL");
    expect(&b,
           build_call(&b, FN_IF, TYPE(LONG), build_literal(&b, TYPE(BOOLEAN), 0),
                      build_call(&b, FN_MODULO, TYPE(LONG), max, zero), one_),
           "1");
    expect(&b,
           build_call(&b, FN_AND, TYPE(BOOLEAN), build_literal(&b, TYPE(BOOLEAN), 0),
                      build_call(&b, FN_EQ, TYPE(BOOLEAN),
                                 build_call(&b, FN_MODULO, TYPE(LONG), max, zero), one_)),
           "false");
    /* Spark's decimal division: decimal(10,2) / decimal(10,2) = decimal(23,13) */
    expect(&b,
           build_call(&b, FN_DIVIDE, TYPE_DECIMAL_OF(23, 13),
                      build_literal(&b, TYPE_DECIMAL_OF(10, 2), 100),
                      build_literal(&b, TYPE_DECIMAL_OF(10, 2), 300)),
           "0.3333333333333");
    expect(&b,
           build_call(&b, FN_RLIKE, TYPE(BOOLEAN), build_string(&b, "abc123"),
                      build_string(&b, "[a-c]+\\d{3}$")),
           "true");
    expect_error(
        &b, build_call(&b, FN_RLIKE, TYPE(BOOLEAN), build_string(&b, "a"), build_string(&b, "(")),
        "INVALID_PARAMETER_VALUE.PATTERN");
    build_done(&b);
}

/* A pattern that backtracks without end meets its limit instead. */
static void test_regex_limit(void **state)
{
    Build b;
    QueryError error;
    char text[256], victim[64] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
    build_init(&b, 1);
    Expr *e = build_call(&b, FN_RLIKE, TYPE(BOOLEAN), build_string(&b, victim),
                         build_string(&b, "^(a|a?)+$"));
    int r = one(&b, e, text, &error);
    assert_true(r == 0 || r == QUERY_E_FAILED);
    build_done(&b);
}

static void test_strings(void **state)
{
    Build b;
    build_init(&b, 1);
    Type s = TYPE(STRING);
#define INT_(n) build_literal(&b, TYPE(INT), (n))
    expect(&b, build_call(&b, FN_SUBSTRING, s, build_string(&b, "Spark"), INT_(0), INT_(2)), "Sp");
    expect(&b, build_call(&b, FN_SUBSTRING, s, build_string(&b, "Spark"), INT_(-3), INT_(2)), "ar");
    expect(&b, build_call(&b, FN_SUBSTRING, s, build_string(&b, "Spark"), INT_(-10), INT_(7)),
           "Sp");
    expect(&b, build_call(&b, FN_SUBSTRING, s, build_string(&b, "b\xc3\xa4r"), INT_(2), INT_(1)),
           "\xc3\xa4");
    expect(&b,
           build_call(&b, FN_UPPER, s,
                      build_string(&b, "gr\xc3\xbc\xc3\x9f"
                                       "e")),
           "GR\xc3\x9c\xc3\x9f"
           "E");
    expect(&b, build_call(&b, FN_LENGTH, TYPE(INT), build_string(&b, "b\xc3\xa4r")), "3");
    expect(&b, build_call(&b, FN_TRIM, s, build_string(&b, "  a b ")), "a b");
    expect(&b, build_call(&b, FN_LTRIM, s, build_string(&b, "xyxa"), build_string(&b, "yx")), "a");
    expect(&b,
           build_call(&b, FN_INSTR, TYPE(INT),
                      build_string(&b, "\xc3\xa4"
                                       "ab"),
                      build_string(&b, "b")),
           "3");
    expect(&b, build_call(&b, FN_RIGHT, s, build_string(&b, "abc"), INT_(5)), "abc");
    expect(&b,
           build_call(&b, FN_REPLACE, s, build_string(&b, "aaa"), build_string(&b, "aa"),
                      build_string(&b, "b")),
           "ba");
    build_done(&b);
}

static void test_dates(void **state)
{
    Build b;
    build_init(&b, 1);
    Expr *d = build_literal(&b, TYPE(DATE), 19782); /* Thursday, 2024-02-29 */
    expect(&b, build_call(&b, FN_DAY_OF_WEEK, TYPE(INT), d), "5");
    expect(&b, build_call(&b, FN_DAY_OF_YEAR, TYPE(INT), d), "60");
    expect(&b, build_call(&b, FN_QUARTER, TYPE(INT), d), "1");
    expect(&b, build_call(&b, FN_ADD_MONTHS, TYPE(DATE), d, INT_(12)), "20147");
    expect(&b, build_call(&b, FN_DATE_TRUNC, TYPE(DATE), build_string(&b, "week"), d), "19779");
    expect(&b, build_call(&b, FN_DATE_TRUNC, TYPE(DATE), build_string(&b, "nonsense"), d), "NULL");
    expect(&b, build_call(&b, FN_MAKE_DATE, TYPE(DATE), INT_(2024), INT_(2), INT_(29)), "19782");
    expect_error(&b, build_call(&b, FN_MAKE_DATE, TYPE(DATE), INT_(2023), INT_(2), INT_(29)),
                 "DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION");
    expect_error(&b, build_call(&b, FN_DATE_ADD, TYPE(DATE), d, INT_(INT32_MAX)),
                 "DATETIME_OVERFLOW");
    expect(&b, build_call(&b, FN_HOUR, TYPE(INT), build_literal(&b, TYPE(TIMESTAMP), -1)), "23");
    build_done(&b);
}

static void test_dictionary_predicate(void **state)
{
    Build b;
    ExprProgram *program;
    ExprState *s;
    uint8_t pass[16];
    bool null_pass;
    build_init(&b, 5);
    /* 12 % x = 0 over entries -3..12; the entry 0 raises an error if a row uses it */
    int64_t values[16];
    for (int i = 0; i < 16; i++)
        values[i] = i - 3;
    Expr *e = build_call(&b, FN_EQ, TYPE(BOOLEAN),
                         build_call(&b, FN_MODULO, TYPE(LONG), build_literal(&b, TYPE(LONG), 12),
                                    build_column(&b, 2, TYPE(LONG))),
                         build_literal(&b, TYPE(LONG), 0));
    assert_int_equal(expr_compile(b.arena, &e, 1, 3, NULL, &program), 0);
    assert_int_equal(expr_program_single_column(program, 0), 2);
    assert_int_equal(expr_state_new(program, b.pool, &s), 0);
    Vector dict = {.type = TYPE(LONG), .phys = PHYS_I64, .values = values};
    assert_int_equal(expr_select_dictionary(s, 0, &dict, 16, pass), 0);
    for (int i = 0; i < 16; i++)
        assert_int_equal(pass[i], values[i] == 0 ? 2 : 12 % values[i] == 0);
    assert_int_equal(expr_select_null(s, 0, &null_pass), 0);
    assert_false(null_pass);
    expr_state_free(s);
    build_done(&b);
}

/* Whichever charge fails, evaluation ends cleanly and gives everything back (EXPR-5). */
static void test_refused_memory(void **state)
{
    for (uint64_t nth = 1; nth < 60; nth++) {
        Build b;
        MemPool *pool;
        MemArena *arena = NULL;
        ExprProgram *program;
        ExprState *s = NULL;
        Expr *exprs[4];
        Batch batch;
        Vector out;
        build_init(&b, 11);
        assert_int_equal(mem_pool_new(UINT64_C(1) << 30, NULL, NULL, &pool), 0);
        for (uint32_t i = 0; i < 4; i++)
            exprs[i] = random_expr(&b, i == 3 ? T_STRING : build_below(&b, N_TYPES), 4);
        random_batch(&b, &batch, 80);
        mem_pool_fail_charge(pool, nth);
        int r = mem_arena_new(pool, "test", &arena);
        if (r == 0)
            r = expr_compile(arena, exprs, 4, N_COLUMNS, NULL, &program);
        if (r == 0)
            r = expr_state_new(program, pool, &s);
        if (r == 0) {
            expr_begin(s, &batch);
            for (uint32_t i = 0; i < 4 && (r == 0 || r == QUERY_E_FAILED); i++)
                r = expr_eval(s, i, &out, NULL);
        }
        assert_true(r == 0 || r == MEM_E_REFUSED || r == QUERY_E_FAILED);
        expr_state_free(s);
        mem_arena_free(arena);
        mem_pool_free(pool); /* asserts a balance of zero */
        build_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_is_its_rows),
        cmocka_unit_test(test_select_is_eval),
        cmocka_unit_test(test_casts_from_text),
        cmocka_unit_test(test_casts),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_regex_limit),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_dictionary_predicate),
        cmocka_unit_test(test_refused_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The scalar functions: their numbers, names and typing. One table (function.c) binds names to
 * numbers and result types; expr/ holds one evaluator per number. Arguments arrive cast to the
 * types that the table's rule asks for, so that an evaluator sees few combinations.
 */

typedef enum FunctionId {
    FN_INVALID,
    /* Logic, three-valued. */
    FN_AND,
    FN_OR,
    FN_NOT,
    FN_IS_NULL,
    FN_IS_NOT_NULL,
    /* Comparison: both arguments of one type; strings by bytes; NaN equal to NaN and above all
       numbers. */
    FN_EQ,
    FN_NE,
    FN_LT,
    FN_LE,
    FN_GT,
    FN_GE,
    FN_EQ_NULL_SAFE,
    /*
     * Arithmetic, ANSI: overflow and division by zero are errors. Integers and doubles: both
     * arguments and the result have one type. Decimals: arguments keep their own precision and
     * scale, the result has Spark's.
     */
    FN_ADD,
    FN_SUBTRACT,
    FN_MULTIPLY,
    FN_DIVIDE, /* double or decimal */
    FN_INT_DIVIDE,
    FN_MODULO,
    FN_NEGATE,
    FN_ABS,
    FN_ROUND,
    FN_CEIL,
    FN_FLOOR,
    FN_SQRT,
    FN_POWER,
    FN_EXP,
    FN_LN,
    FN_GREATEST,
    FN_LEAST,
    /* Conditional. */
    FN_COALESCE,
    FN_NULLIF,
    FN_IF,
    /* Strings. LIKE: value, pattern, escape literal. */
    FN_LIKE,
    FN_RLIKE,
    FN_LENGTH,
    FN_LOWER,
    FN_UPPER,
    FN_TRIM,
    FN_LTRIM,
    FN_RTRIM,
    FN_SUBSTRING, /* string, position, length */
    FN_CONCAT,
    FN_REPLACE,
    FN_STARTS_WITH,
    FN_ENDS_WITH,
    FN_CONTAINS,
    FN_LEFT,
    FN_RIGHT,
    FN_INSTR,
    /* Dates. */
    FN_YEAR,
    FN_MONTH,
    FN_DAY,
    FN_QUARTER,
    FN_DAY_OF_WEEK,
    FN_DAY_OF_YEAR,
    FN_HOUR,
    FN_MINUTE,
    FN_SECOND,
    FN_DATE_ADD, /* date, int days */
    FN_DATE_SUB,
    FN_DATE_DIFF,
    FN_ADD_MONTHS,        /* date or timestamp, int months */
    FN_DATE_ADD_INTERVAL, /* date or timestamp + INTERVAL_YM or INTERVAL_DT */
    FN_DATE_TRUNC,
    FN_MAKE_DATE,
    /*
     * Nested values. The first argument's type says of what; elements that meet have one type.
     */
    FN_ARRAY, /* elements */
    FN_MAP,   /* key, value, ... */
    FN_STRUCT,
    FN_FIELD,      /* struct, number of the field (literal) */
    FN_ARRAY_GET,  /* array, int from 0, literal: true for NULL outside, false for an error */
    FN_ELEMENT_AT, /* the same from 1, or from the end below 0 */
    FN_MAP_GET,    /* map, key */
    FN_SIZE,       /* array or map */
    FN_NESTED_KEY, /* bytes that are ordered as the values are */
    FN_NESTED_UNKEY,
    FN_COLLECTED, /* what AGG_COLLECT gathered, as an array */
    /* What aggregates of several arguments take, and what is made of all values of a group. */
    FN_PAIR,              /* double, double -> their bytes as DECIMAL(38, 0) */
    FN_KEYED,             /* key (FN_NESTED_KEY), struct -> BINARY of both */
    FN_KEYED_VALUE,       /* the struct again */
    FN_MODE,              /* array, int */
    FN_BEST,              /* array of pairs, int: how many; below 0: of the least */
    FN_PERCENTILE,        /* array, double or an array of them, int */
    FN_PERCENTILE_APPROX, /* the same; double: the error */
    FN_LISTAGG,           /* array of structs, delimiter, orders */
    FN_HISTOGRAM,         /* array, int */
    FN_FREQUENT,          /* array, int: how many counters */
    FN_BITMAP,            /* array of positions or of bitmaps */
    FN_MAP_FROM_ARRAYS,
    FN_MAP_FROM_ENTRIES,
    FN_MAP_KEYS,
    FN_MAP_VALUES,
    FN_MAP_ENTRIES,
    FN_MAP_CONCAT,
    FN_MAP_CONTAINS_KEY,
    FN_ARRAY_CONTAINS,
    FN_ARRAY_POSITION,
    FN_ARRAY_REMOVE,
    FN_ARRAY_DISTINCT,
    FN_ARRAY_UNION,
    FN_ARRAY_INTERSECT,
    FN_ARRAY_EXCEPT,
    FN_ARRAYS_OVERLAP,
    FN_ARRAY_JOIN, /* strings, delimiter, [text of nulls] */
    FN_ARRAY_MAX,
    FN_ARRAY_MIN,
    FN_ARRAY_APPEND,
    FN_ARRAY_PREPEND,
    FN_ARRAY_INSERT, /* array, int, element */
    FN_ARRAY_REPEAT, /* element, int */
    FN_ARRAY_COMPACT,
    FN_ARRAYS_ZIP,
    FN_ARRAY_CONCAT,
    FN_FLATTEN,
    FN_ARRAY_REVERSE,
    FN_SLICE,      /* array, int, int */
    FN_SORT_ARRAY, /* array, boolean: ascending, boolean: nulls last whatever the order */
    FN_SEQUENCE,   /* start, stop, step */
    FN_STR_TO_MAP, /* text, between pairs, between key and value */
    FN_SENTENCES,
    FN_SPLIT,           /* text, regular expression, int: at most so many, below 1: all */
    FN_GET_JSON_OBJECT, /* text, path */
    FN_JSON_ARRAY_LENGTH,
    FN_JSON_OBJECT_KEYS,
    FN_JSON_TUPLE, /* text, names: an array of one struct */
    FN_FROM_CSV,   /* text, zone, options: the call's type */
    FN_FROM_JSON,  /* text: the call's type */
    FN_TO_JSON,
    FN_SKETCH,    /* what (plan/sketch.h), ... */
    FN_SHOW_TEXT, /* binary or nested: as show() writes it */
    /* Lambdas last. */
    FN_TRANSFORM,
    FN_FILTER,
    FN_EXISTS,
    FN_FORALL,
    FN_AGGREGATE, /* array, start, merge, [finish] */
    FN_ZIP_WITH,
    FN_MAP_FILTER,
    FN_TRANSFORM_KEYS,
    FN_TRANSFORM_VALUES,
    FN_MAP_ZIP_WITH,
    FN_ARRAY_SORT,
    FN_RAISE, /* string, FN_RAISE_* literal: fails on the first row, whatever its type */
    FN_TRY,   /* a call: null for the rows whose call fails, not for those whose arguments do */
    /* Those of function_signed.c: computed row by row, or as loops over doubles (expr/row.h). */
    FN_ROW_FIRST,
    FN_SIN = FN_ROW_FIRST,
    FN_COS,
    FN_TAN,
    FN_ASIN,
    FN_ACOS,
    FN_ATAN,
    FN_SINH,
    FN_COSH,
    FN_TANH,
    FN_ASINH,
    FN_ACOSH,
    FN_ATANH,
    FN_COT,
    FN_SEC,
    FN_CSC,
    FN_CBRT,
    FN_EXPM1,
    FN_RINT,
    FN_DEGREES,
    FN_RADIANS,
    FN_SIGNUM,
    FN_LOG10,
    FN_LOG2,
    FN_LOG1P,
    FN_LOG, /* base, x */
    FN_ATAN2,
    FN_HYPOT,
    FN_NANVL,
    FN_FACTORIAL,
    FN_HEX,
    FN_UNHEX,
    FN_BIN,
    FN_CONV,
    FN_PMOD,
    FN_BIT_AND,
    FN_BIT_OR,
    FN_BIT_XOR,
    FN_BIT_NOT,
    FN_SHIFT_LEFT,
    FN_SHIFT_RIGHT,
    FN_SHIFT_RIGHT_UNSIGNED,
    FN_BIT_COUNT,
    FN_BIT_GET,
    FN_WIDTH_BUCKET,
    FN_BROUND,
    FN_CEIL_SCALE, /* decimal, constant int */
    FN_FLOOR_SCALE,
    FN_LPAD, /* string, int, string */
    FN_RPAD,
    FN_REPEAT,
    FN_TRANSLATE,
    FN_INITCAP,
    FN_CONCAT_WS, /* separator, strings */
    FN_SUBSTRING_INDEX,
    FN_ASCII,
    FN_CHR,
    FN_SPLIT_PART,
    FN_FIND_IN_SET,
    FN_LEVENSHTEIN,
    FN_BASE64,
    FN_UNBASE64,
    FN_OCTET_LENGTH,
    FN_CRC32,
    FN_OVERLAY,        /* string, string, int, int */
    FN_REGEXP_REPLACE, /* string, pattern, replacement, int */
    FN_REGEXP_EXTRACT, /* string, pattern, int */
    FN_REGEXP_COUNT,
    FN_REGEXP_INSTR,
    FN_REGEXP_SUBSTR,
    FN_DATE_FORMAT, /* instant, pattern, zone name */
    FN_LOCATE,      /* part, string, int */
    FN_MD5,
    FN_SHA1,
    FN_SHA2, /* bytes, int */
    FN_HASH, /* anything ... */
    FN_XXHASH64,
    FN_ENCODE, /* string, charset */
    FN_DECODE, /* bytes, charset */
    FN_UNBASE64_STRICT,
    FN_URL_ENCODE,
    FN_URL_DECODE,
    FN_PARSE_URL,         /* string, part, [key] */
    FN_ZONE_WALL,         /* instant, zone name */
    FN_ZONE_INSTANT,      /* clock on the wall, zone name */
    FN_TIMESTAMP_OF_TEXT, /* string, zone name */
    FN_ZONE_ADD_INTERVAL, /* instant, interval, zone name */
    FN_INTERVAL_CUT,      /* interval, unit: long */
    FN_INTERVAL_PART,     /* interval, divisor: long, modulus: long or 0 */
    FN_INTERVAL_OF,       /* long, unit: long */
    FN_INTERVAL_OF_TEXT,  /* string */
    FN_INTERVAL_BETWEEN,  /* two clocks on the wall */
    FN_INTERVAL_TIMES,    /* interval, number */
    FN_INTERVAL_OVER,     /* interval, number */
    FN_UNHEX_STRICT,
    FN_FORMAT_STRING,      /* string, anything ... */
    FN_FORMAT_NUMBER,      /* number, int or string */
    FN_REGEXP_EXTRACT_ALL, /* string, pattern, int */
    FN_SOUNDEX,
    FN_LUHN_CHECK,
    FN_MASK, /* string, and what stands for upper, lower, digits, others */
    FN_IS_VALID_UTF8,
    FN_MAKE_VALID_UTF8,
    FN_VALIDATE_UTF8,
    FN_ELT, /* int, strings */
    FN_REVERSE,
    FN_TO_NUMBER,      /* string, format */
    FN_TO_CHAR,        /* decimal, format */
    FN_ASSERT,         /* becomes FN_RAISE in a CASE */
    FN_PARSE_TIME,     /* string, pattern, [zone]: an instant, or a clock on the wall */
    FN_MAKE_CLOCK,     /* five ints, decimal(16,6) */
    FN_SUM_PRODUCTS,   /* number, factor, ... */
    FN_FLOOR_QUOTIENT, /* number, divisor */
    FN_SECOND_FRACTION,
    FN_TRUNC_DATE,
    FN_NEXT_DAY,
    FN_MONTHS_BETWEEN, /* two clocks on the wall, boolean: rounded */
    FN_MONTHS_APART,   /* two clocks on the wall, months of a unit */
    FN_TIME_APART,     /* two instants or clocks, microseconds of a unit */
    FN_TIMESTAMP_ADD,  /* becomes a sum */
    FN_BITMAP_COUNT,
    FN_WINDOW_EDGE,  /* time, slide, start: the last multiple before; and a number added */
    FN_CONVERT_ZONE, /* becomes FN_ZONE_* */
    /* No two rows alike; the last argument of the first five is the seed, a literal. */
    FN_VOLATILE_FIRST,
    FN_RAND = FN_VOLATILE_FIRST,
    FN_RANDN,
    FN_RANDSTR, /* int */
    FN_UUID,
    FN_SHUFFLE, /* array */
    FN_PARTITION_ID,
    FN_INCREASING_ID,
    FN_UNIFORM, /* becomes FN_RAND */
    FN_VOLATILE_LAST = FN_UNIFORM,
    FN_ROW_LAST, /* new ones stand before it */
    _FN_MAX,
} FunctionId;

/* Those from FN_ARRAY up to here work on nested values. */
#define FN_NESTED_FIRST FN_ARRAY
#define FN_NESTED_LAST FN_ARRAY_SORT

/* Which error FN_RAISE gives. */
enum {
    FN_RAISE_USER,          /* USER_RAISED_EXCEPTION */
    FN_RAISE_TOO_MANY_ROWS, /* SCALAR_SUBQUERY_TOO_MANY_ROWS */
};

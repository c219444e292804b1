/* SPDX-License-Identifier: Apache-2.0 */

/* Functions that a signature describes; function_table.h says how. Sorted by name. */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/function_table.h"

static const FunctionSigned rows[] = {
    {"&", FN_BIT_AND, "*2 2", NULL, "a & b", "Bits that are set in both."},
    {"<<", FN_SHIFT_LEFT, "*2 2", NULL, "x << n", "Bits moved n places to the left."},
    {">>", FN_SHIFT_RIGHT, "*2 2", NULL, "x >> n",
     "Bits moved n places to the right, the sign kept."},
    {">>>", FN_SHIFT_RIGHT_UNSIGNED, "*2 2", NULL, "x >>> n",
     "Bits moved n places to the right, zeros in front."},
    {"^", FN_BIT_XOR, "*2 2", NULL, "a ^ b", "Bits that are set in one of the two."},
    {"acos", FN_ACOS, "d>d?", NULL, "(x)", "Angle whose cosine is x; NaN outside -1 to 1."},
    {"acosh", FN_ACOSH, "d>d?", NULL, "(x)", "Inverse hyperbolic cosine; NaN below 1."},
    {"ascii", FN_ASCII, "s>i", NULL, "(text)", "Code point of the first character; 0 for no text."},
    {"asin", FN_ASIN, "d>d?", NULL, "(x)", "Angle whose sine is x; NaN outside -1 to 1."},
    {"asinh", FN_ASINH, "d>d?", NULL, "(x)", "Inverse hyperbolic sine."},
    {"atan", FN_ATAN, "d>d?", NULL, "(x)", "Angle whose tangent is x."},
    {"atan2", FN_ATAN2, "dd>d", NULL, "(y, x)", "Angle of the point (x, y) from the x axis."},
    {"atanh", FN_ATANH, "d>d?", NULL, "(x)", "Inverse hyperbolic tangent; NaN outside -1 to 1."},
    {"base64", FN_BASE64, "y>s", NULL, "(bytes)", "Bytes in base 64."},
    {"bin", FN_BIN, "l>s", NULL, "(n)", "A number in binary digits."},
    {"bit_count", FN_BIT_COUNT, "*1 1", NULL, "(x)", "How many bits are set in the 64-bit form."},
    {"bit_get", FN_BIT_GET, "Ii>T", NULL, "(x, n)", "Bit n, counted from the lowest."},
    {"bit_length", FN_INVALID, "S>i", "(* (octet_length $1) 8)", "(text)",
     "Bits of a text or of bytes."},
    {"bround", FN_BROUND, "*1 2", NULL, "(x[, digits])",
     "Rounded to a number of digits, halves to the even digit."},
    {"btrim", FN_INVALID, "s|s>s", "(trim $1);(trim $2 $1)", "(text[, characters])",
     "Without blanks, or other characters, at both ends."},
    {"cbrt", FN_CBRT, "d>d?", NULL, "(x)", "Cube root."},
    {"ceil with digits", FN_CEIL_SCALE, "*2 2", NULL, "", ""},
    {"char", FN_CHR, "l>s", NULL, "(n)", "The character of a number, taken modulo 256."},
    {"chr", FN_CHR, "l>s", NULL, "(n)", "The character of a number, taken modulo 256."},
    {"concat_ws", FN_CONCAT_WS, "*1 255", NULL, "(separator, text or array, ...)",
     "The texts that are not NULL, the separator between them."},
    {"conv", FN_CONV, "sii>s?", NULL, "(text, from, to)",
     "Digits of base `from` in base `to`, both from 2 to 36."},
    {"cos", FN_COS, "d>d?", NULL, "(x)", "Cosine of an angle in radians."},
    {"cosh", FN_COSH, "d>d?", NULL, "(x)", "Hyperbolic cosine."},
    {"cot", FN_COT, "d>d?", NULL, "(x)", "Cotangent of an angle in radians."},
    {"crc32", FN_CRC32, "y>l", NULL, "(bytes)", "Cyclic redundancy check of 32 bits."},
    {"csc", FN_CSC, "d>d?", NULL, "(x)", "Cosecant of an angle in radians."},
    {"date_format", FN_DATE_FORMAT, "ts>s", NULL, "(timestamp, pattern)",
     "Text of a point in time as the pattern says."},
    {"date_from_unix_date", FN_INVALID, "i>D", "(date_add (cast:date '1970-01-01') $1)", "(days)",
     "The date so many days after 1970-01-01."},
    {"dayname", FN_INVALID, "D>s", "(substring 'MonTueWedThuFriSatSun' (+ (* (weekday $1) 3) 1) 3)",
     "(date)", "Three letters of the day of the week."},
    {"decode", FN_DECODE, "*2 255", NULL, "(bytes, charset) or (x, search, result, ...[, default])",
     "Bytes in a character set as text; or the result behind the first search that equals x."},
    {"degrees", FN_DEGREES, "d>d?", NULL, "(x)", "Radians as degrees."},
    {"elt", FN_ELT, "*2 255", NULL, "(n, text, ...)", "The n-th of the texts."},
    {"encode", FN_ENCODE, "ss>y", NULL, "(text, charset)", "Text as bytes in a character set."},
    {"expm1", FN_EXPM1, "d>d?", NULL, "(x)", "e to the power of x, less one; exact for small x."},
    {"factorial", FN_FACTORIAL, "i>l?", NULL, "(n)",
     "1 * 2 * ... * n for n from 0 to 20; else NULL."},
    {"find_in_set", FN_FIND_IN_SET, "ss>i", NULL, "(text, list)",
     "Place of the text among those that commas part; 0 if it is not there."},
    {"floor with digits", FN_FLOOR_SCALE, "*2 2", NULL, "", ""},
    {"format_number", FN_FORMAT_NUMBER, "*2 2", NULL, "(x, places or pattern)",
     "A number with commas and so many places, or as a pattern of java.text.DecimalFormat says."},
    {"format_string", FN_FORMAT_STRING, "*1 255", NULL, "(format, x, ...)",
     "Arguments put into a format as java.util.Formatter does."},
    {"from_unixtime", FN_INVALID, "l|s>s?",
     "(date_format (cast:timestamp $1) 'yyyy-MM-dd HH:mm:ss');(date_format (cast:timestamp $1) $2)",
     "(seconds[, pattern])", "Text of the point in time so many seconds after 1970."},
    {"from_utc_timestamp", FN_ZONE_WALL, "ts>t", NULL, "(timestamp, zone)",
     "What a clock in the zone shows when one in UTC shows the timestamp."},
    {"getbit", FN_BIT_GET, "Ii>T", NULL, "(x, n)", "Bit n, counted from the lowest."},
    {"hash", FN_HASH, "*1 255", NULL, "(x, ...)", "Murmur3 hash of 32 bits of all arguments."},
    {"hex", FN_HEX, "*1 1", NULL, "(x)",
     "A number, or the bytes of a string, in hexadecimal digits."},
    {"hypot", FN_HYPOT, "dd>d", NULL, "(a, b)",
     "Square root of a*a + b*b, without overflow in between."},
    {"initcap", FN_INITCAP, "s>s", NULL, "(text)",
     "The first letter of each word upper, the others lower case."},
    {"interval between", FN_INTERVAL_BETWEEN, "*2 2", NULL, "", ""},
    {"interval cut", FN_INTERVAL_CUT, "*2 2", NULL, "", ""},
    {"interval of", FN_INTERVAL_OF, "*2 2", NULL, "", ""},
    {"interval of text", FN_INTERVAL_OF_TEXT, "*1 1", NULL, "", ""},
    {"interval over", FN_INTERVAL_OVER, "*2 2", NULL, "", ""},
    {"interval part", FN_INTERVAL_PART, "*3 3", NULL, "", ""},
    {"interval times", FN_INTERVAL_TIMES, "*2 2", NULL, "", ""},
    {"is_valid_utf8", FN_IS_VALID_UTF8, "s>b", NULL, "(text)", "Whether all bytes are UTF-8."},
    {"last_day", FN_INVALID, "D>D", "(date_sub (add_months (trunc $1 'MONTH') 1) 1)", "(date)",
     "The last day of the month."},
    {"levenshtein", FN_LEVENSHTEIN, "ss|i>i", NULL, "(a, b[, most])",
     "How many characters must be changed, added or left out to make b of a; -1 if more than "
     "most."},
    {"locate", FN_LOCATE, "ss|i>i", "(instr $2 $1);", "(part, text[, from])",
     "Where the part first stands in the text, counted from 1; 0 if it does not."},
    {"log", FN_LOG, "d|d>d?", "(ln $1);", "([base, ]x)",
     "Logarithm to the base, e by default; NULL where there is none."},
    {"log10", FN_LOG10, "d>d?", NULL, "(x)", "Logarithm to the base 10; NULL where there is none."},
    {"log1p", FN_LOG1P, "d>d?", NULL, "(x)",
     "Natural logarithm of x + 1; NULL where there is none."},
    {"log2", FN_LOG2, "d>d?", NULL, "(x)", "Logarithm to the base 2; NULL where there is none."},
    {"lpad", FN_LPAD, "si|s>s", "(lpad $1 $2 ' ');", "(text, length[, pad])",
     "The text, cut or filled on the left to a number of characters."},
    {"luhn_check", FN_LUHN_CHECK, "s>b", NULL, "(text)", "Whether the digits pass the Luhn check."},
    {"make_valid_utf8", FN_MAKE_VALID_UTF8, "s>s", NULL, "(text)",
     "The text with U+FFFD for bytes that are no UTF-8."},
    {"mask", FN_MASK, "*1 5", NULL, "(text[, upper[, lower[, digit[, other]]]])",
     "The text with its letters and digits replaced by one each; NULL leaves them."},
    {"md5", FN_MD5, "y>s", NULL, "(bytes)", "MD5 digest in hexadecimal digits."},
    {"monthname", FN_INVALID, "D>s",
     "(substring 'JanFebMarAprMayJunJulAugSepOctNovDec' (- (* (month $1) 3) 2) 3)", "(date)",
     "Three letters of the month."},
    {"nanvl", FN_NANVL, "*2 2", NULL, "(a, b)", "a, or b where a is NaN."},
    {"nullifzero", FN_INVALID, "a>1?", "(if (= $1 0) null $1)", "(x)", "NULL for 0, else x."},
    {"octet_length", FN_OCTET_LENGTH, "S>i", NULL, "(text)", "Bytes of a text."},
    {"overlay", FN_OVERLAY, "ssi|i>s", "(overlay $1 $2 $3 -1);", "(text, other, from[, length])",
     "The text with another in place of some of its characters."},
    {"parse_url", FN_PARSE_URL, "ss|s>s?", NULL, "(url, part[, key])",
     "A part of a URL: HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY or USERINFO; with a key, "
     "its value in QUERY."},
    {"pmod", FN_PMOD, "*2 2", NULL, "(a, n)", "a modulo n with the sign of n."},
    {"position", FN_LOCATE, "ss|i>i", "(instr $2 $1);", "(part, text[, from])",
     "Where the part first stands in the text, counted from 1; 0 if it does not."},
    {"printf", FN_FORMAT_STRING, "*1 255", NULL, "(format, x, ...)",
     "Arguments put into a format as java.util.Formatter does."},
    {"radians", FN_RADIANS, "d>d?", NULL, "(x)", "Degrees as radians."},
    {"regexp_count", FN_REGEXP_COUNT, "ss>i", NULL, "(text, pattern)",
     "How often the pattern matches."},
    {"regexp_extract", FN_REGEXP_EXTRACT, "ss|i>s", "(regexp_extract $1 $2 1);",
     "(text, pattern[, group])", "What a group of the first match holds; empty without a match."},
    {"regexp_extract_all", FN_REGEXP_EXTRACT_ALL, "ss|i>A", "(regexp_extract_all $1 $2 1);",
     "(text, pattern[, group])", "What a group of each match holds, as an array."},
    {"regexp_instr", FN_REGEXP_INSTR, "ss|i>i", "(regexp_instr $1 $2 0);", "(text, pattern)",
     "Where the first match begins, counted from 1; 0 without a match."},
    {"regexp_replace", FN_REGEXP_REPLACE, "sss|i>s", "(regexp_replace $1 $2 $3 1);",
     "(text, pattern, replacement[, from])",
     "The text with each match replaced; $1 stands for a group."},
    {"regexp_substr", FN_REGEXP_SUBSTR, "ss>s?", NULL, "(text, pattern)",
     "The first match, or NULL."},
    {"repeat", FN_REPEAT, "si>s", NULL, "(text, n)", "The text n times."},
    {"reverse", FN_REVERSE, "s>s", NULL, "(text or array)",
     "Characters or elements from the last to the first."},
    {"rint", FN_RINT, "d>d?", NULL, "(x)",
     "The nearest whole number as a double; halves go to the even one."},
    {"rpad", FN_RPAD, "si|s>s", "(rpad $1 $2 ' ');", "(text, length[, pad])",
     "The text, cut or filled on the right to a number of characters."},
    {"sec", FN_SEC, "d>d?", NULL, "(x)", "Secant of an angle in radians."},
    {"sha", FN_SHA1, "y>s", NULL, "(bytes)", "SHA-1 digest in hexadecimal digits."},
    {"sha1", FN_SHA1, "y>s", NULL, "(bytes)", "SHA-1 digest in hexadecimal digits."},
    {"sha2", FN_SHA2, "yi>s?", NULL, "(bytes, bits)",
     "SHA-2 digest of 224, 256 (or 0), 384 or 512 bits in hexadecimal digits."},
    {"shiftleft", FN_SHIFT_LEFT, "*2 2", NULL, "(x, n)", "Bits moved n places to the left."},
    {"shiftright", FN_SHIFT_RIGHT, "*2 2", NULL, "(x, n)",
     "Bits moved n places to the right, the sign kept."},
    {"shiftrightunsigned", FN_SHIFT_RIGHT_UNSIGNED, "*2 2", NULL, "(x, n)",
     "Bits moved n places to the right, zeros in front."},
    {"sign", FN_SIGNUM, "*1 1", NULL, "(x)", "-1, 0 or 1 as x is below, at or above zero."},
    {"signum", FN_SIGNUM, "*1 1", NULL, "(x)", "-1, 0 or 1 as x is below, at or above zero."},
    {"sin", FN_SIN, "d>d?", NULL, "(x)", "Sine of an angle in radians."},
    {"sinh", FN_SINH, "d>d?", NULL, "(x)", "Hyperbolic sine."},
    {"soundex", FN_SOUNDEX, "s>s", NULL, "(text)",
     "Letter and three digits for what a word sounds like."},
    {"space", FN_INVALID, "i>s", "(repeat ' ' $1)", "(n)", "So many blanks."},
    {"split_part", FN_SPLIT_PART, "ssi>s?", NULL, "(text, delimiter, n)",
     "Part n of the text, counted from 1, or from the end below 0."},
    {"substring_index", FN_SUBSTRING_INDEX, "ssi>s", NULL, "(text, delimiter, n)",
     "What stands before the n-th delimiter, or behind the n-th from the end."},
    {"tan", FN_TAN, "d>d?", NULL, "(x)", "Tangent of an angle in radians."},
    {"tanh", FN_TANH, "d>d?", NULL, "(x)", "Hyperbolic tangent."},
    {"timestamp of text", FN_TIMESTAMP_OF_TEXT, "*2 2", NULL, "", ""},
    {"timestamp plus interval", FN_ZONE_ADD_INTERVAL, "*3 3", NULL, "", ""},
    {"to_binary", FN_UNHEX_STRICT, "*1 2", NULL, "(text[, format])",
     "The bytes that a text stands for in the format hex, base64 or utf-8."},
    {"to_unix_timestamp", FN_INVALID, "t>l", "(cast:long $1)", "(timestamp)",
     "Seconds after 1970."},
    {"to_utc_timestamp", FN_ZONE_INSTANT, "ts>t", NULL, "(timestamp, zone)",
     "What a clock in UTC shows when one in the zone shows the timestamp."},
    {"translate", FN_TRANSLATE, "sss>s", NULL, "(text, from, to)",
     "Each character of `from` becomes the one of `to` in its place, or goes."},
    {"try_add", FN_INVALID, "aa>1?", "(try (+ $1 $2))", "(a, b)",
     "Sum, or NULL where it overflows."},
    {"try_divide", FN_INVALID, "aa>1?", "(try (/ $1 $2))", "(a, b)",
     "Quotient, or NULL where the divisor is 0."},
    {"try_mod", FN_INVALID, "aa>1?", "(try (% $1 $2))", "(a, b)",
     "Remainder, or NULL where the divisor is 0."},
    {"try_multiply", FN_INVALID, "aa>1?", "(try (* $1 $2))", "(a, b)",
     "Product, or NULL where it overflows."},
    {"try_parse_url", FN_INVALID, "ss|s>s?", "(try (parse_url $1 $2));(try (parse_url $1 $2 $3))",
     "(url, part[, key])", "parse_url(), or NULL where the URL is invalid."},
    {"try_subtract", FN_INVALID, "aa>1?", "(try (- $1 $2))", "(a, b)",
     "Difference, or NULL where it overflows."},
    {"try_to_binary", FN_INVALID, "a|a>y?", "(try (to_binary $1));(try (to_binary $1 $2))",
     "(text[, format])", "to_binary(), or NULL where the text is malformed."},
    {"try_url_decode", FN_INVALID, "s>s?", "(try (url_decode $1))", "(text)",
     "url_decode(), or NULL where an escape is broken."},
    {"try_validate_utf8", FN_INVALID, "s>s?", "(try (validate_utf8 $1))", "(text)",
     "The text, or NULL if it is no UTF-8."},
    {"unbase64", FN_UNBASE64, "s>y", NULL, "(text)",
     "The bytes that a text in base 64 stands for."},
    {"unbase64 strict", FN_UNBASE64_STRICT, "s>y", NULL, "", ""},
    {"unhex", FN_UNHEX, "s>y?", NULL, "(text)",
     "The bytes that hexadecimal digits stand for; NULL for other text."},
    {"unix_date", FN_INVALID, "D>i", "(datediff $1 (cast:date '1970-01-01'))", "(date)",
     "Days after 1970-01-01."},
    {"unix_seconds", FN_INVALID, "t>l", "(cast:long $1)", "(timestamp)",
     "Whole seconds after 1970."},
    {"unix_timestamp", FN_INVALID, "t>l", "(cast:long $1)", "(timestamp)", "Seconds after 1970."},
    {"url_decode", FN_URL_DECODE, "s>s", NULL, "(text)",
     "Text of a form that was encoded for a URL."},
    {"url_encode", FN_URL_ENCODE, "s>s", NULL, "(text)", "Text encoded for a URL as forms are."},
    {"validate_utf8", FN_VALIDATE_UTF8, "s>s", NULL, "(text)",
     "The text; an error if it is no UTF-8."},
    {"weekday", FN_INVALID, "D>i", "(% (+ (dayofweek $1) 5) 7)", "(date)",
     "Day of the week, 0 for Monday."},
    {"weekofyear", FN_INVALID, "D>i",
     "(cast:int (+ (div (- (dayofyear (date_add $1 (- 3 (weekday $1)))) 1) 7) 1))", "(date)",
     "Week of the year by ISO 8601."},
    {"width_bucket", FN_WIDTH_BUCKET, "dddl>l?", NULL, "(x, low, high, n)",
     "Which of n equally wide ranges between low and high holds x; 0 below, n + 1 above."},
    {"xxhash64", FN_XXHASH64, "*1 255", NULL, "(x, ...)", "xxHash of 64 bits of all arguments."},
    {"zeroifnull", FN_INVALID, "a>1!", "(coalesce $1 0)", "(x)", "0 for NULL, else x."},
    {"|", FN_BIT_OR, "*2 2", NULL, "a | b", "Bits that are set in either."},
    {"~", FN_BIT_NOT, "I>1", NULL, "~a", "Every bit inverted."},
};

static int compare_row(const void *key, const void *row)
{
    return strcmp(key, ((const FunctionSigned *)row)->name);
}

const FunctionSigned *function_signed_find(const char *name)
{
    return bsearch(name, rows, ARRAY_SIZE(rows), sizeof(rows[0]), compare_row);
}

const FunctionSigned *function_signed_by_id(FunctionId id)
{
    for (size_t i = 0; id != FN_INVALID && i < ARRAY_SIZE(rows); i++)
        if (rows[i].id == id)
            return &rows[i];
    return NULL;
}

const FunctionSigned *function_signed_row(size_t i)
{
    return i < ARRAY_SIZE(rows) ? &rows[i] : NULL;
}

void function_signed_arity(const FunctionSigned *f, uint32_t *ret_min, uint32_t *ret_max)
{
    const char *at = f->signature;
    uint32_t n = 0;
    bool optional = false, endless = false;
    if (*at == '*') {
        char *end;
        *ret_min = (uint32_t)strtoul(at + 1, &end, 10);
        *ret_max = (uint32_t)strtoul(end, NULL, 10);
        return;
    }
    *ret_min = 0;
    for (; *at != '>'; at++) {
        if (*at == '|') {
            optional = true;
            *ret_min = n;
        } else if (*at == '.') {
            endless = true;
        } else {
            n++;
        }
    }
    if (!optional)
        *ret_min = n;
    *ret_max = endless ? 255 : n;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/write/write.h"

/* Words of a command into a WriteSpec. Names and messages are Spark's. */

#define ROW_GROUP_BYTES ((uint64_t)128 << 20)
#define ROW_GROUP_BYTES_MIN ((uint64_t)64 << 10)

static const char *option(const UOption *options, uint32_t n, const char *key)
{
    const char *value = NULL;
    for (uint32_t i = 0; i < n; i++)
        if (strcasecmp(options[i].key, key) == 0)
            value = options[i].value;
    return value;
}

static const WriteFormat *find_format(const char *name)
{
    static const WriteFormat *const formats[] = {&write_parquet, &write_csv, &write_json,
                                                 &write_text};
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        if (strcasecmp(name, formats[i]->name) == 0)
            return formats[i];
    return NULL;
}

static int no_format(const char *name, QueryError *error)
{
    if (strcasecmp(name, "orc") == 0 || strcasecmp(name, "avro") == 0 ||
        strcasecmp(name, "jdbc") == 0 || strcasecmp(name, "delta") == 0)
        return query_error_set(error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The feature is not supported: writing %.40s. Formats that can be "
                               "written: parquet, csv, json, text.",
                               name);
    (void)query_error_set(error, DATA_ERROR_ANALYSIS, "DATA_SOURCE_NOT_FOUND", "42K02",
                          "Failed to find the data source: %.200s. Make sure the provider name is "
                          "correct and the package is properly registered and compatible with "
                          "your Spark version.",
                          name);
    query_error_parameters(error, "provider", name, NULL);
    return QUERY_E_FAILED;
}

/* ---- compression ---- */

typedef struct CodecName {
    const char *name;
    WriteCodec codec;
} CodecName;

static int find_codec(const WriteFormat *format, const char *name, WriteCodec *ret,
                      QueryError *error)
{
    static const CodecName parquet[] = {
        {"none", WRITE_CODEC_NONE},     {"uncompressed", WRITE_CODEC_NONE},
        {"snappy", WRITE_CODEC_SNAPPY}, {"gzip", WRITE_CODEC_GZIP},
        {"zstd", WRITE_CODEC_ZSTD},     {"lz4_raw", WRITE_CODEC_LZ4_RAW}};
    static const CodecName text[] = {{"none", WRITE_CODEC_NONE},
                                     {"uncompressed", WRITE_CODEC_NONE},
                                     {"gzip", WRITE_CODEC_GZIP},
                                     {"zstd", WRITE_CODEC_ZSTD}};
    bool is_parquet = format == &write_parquet;
    const CodecName *names = is_parquet ? parquet : text;
    size_t n = is_parquet ? ARRAY_SIZE(parquet) : ARRAY_SIZE(text);
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(name, names[i].name) == 0) {
            *ret = names[i].codec;
            return 0;
        }
    const char *available = is_parquet ? "uncompressed, snappy, lz4_raw, none, zstd, gzip"
                                       : "uncompressed, none, zstd, gzip";
    (void)query_error_set(
        error, DATA_ERROR_ANALYSIS, "CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION", "56038",
        "The codec %.60s is not available. Available codecs are %s.", name, available);
    query_error_parameters(error, "codecName", name, "availableCodecs", available, NULL);
    return QUERY_E_FAILED;
}

static int choose_codec(PlanSession *session, const UOption *options, uint32_t n, WriteSpec *spec,
                        QueryError *error)
{
    const char *name = option(options, n, "compression");
    _cleanup_free_ char *conf = NULL;
    if (!name)
        name = option(options, n, "codec");
    if (!name && spec->format == &write_parquet) {
        name = option(options, n, "parquet.compression");
        if (!name && session &&
            plan_session_get_conf(session, "spark.sql.parquet.compression.codec", &conf) == 0)
            name = conf;
        if (!name)
            name = "snappy";
    }
    return find_codec(spec->format, name ? name : "none", &spec->codec, error);
}

/* ---- text ---- */

static bool option_bool(const UOption *options, uint32_t n, const char *key, bool otherwise)
{
    const char *value = option(options, n, key);
    return value ? strcasecmp(value, "true") == 0 : otherwise;
}

static int one_character(const UOption *options, uint32_t n, const char *key, char otherwise,
                         char *ret, QueryError *error)
{
    const char *value = option(options, n, key);
    *ret = value ? value[0] : otherwise;
    if (value && value[0] && value[1])
        return query_error_set(error, DATA_ERROR_ANALYSIS, "INVALID_PARAMETER_VALUE", "22023",
                               "%s cannot be more than one character.", key);
    return 0;
}

/* "\t" and other characters that are written with a backslash. */
static int delimiter(const char *value, char to[8], QueryError *error)
{
    static const char names[] = "tnrb0\\\"'", means[] = "\t\n\r\b\0\\\"'";
    size_t n = 0;
    if (!*value)
        return query_error_set(error, DATA_ERROR_ANALYSIS, "INVALID_DELIMITER_VALUE.EMPTY_STRING",
                               "42602",
                               "Invalid value for delimiter. Delimiter cannot be empty "
                               "string.");
    for (; *value; value++) {
        const char *at = *value == '\\' && value[1] ? strchr(names, value[1]) : NULL;
        if (n == 7)
            return query_error_set(error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                                   "The feature is not supported: delimiters of more than 7 "
                                   "bytes.");
        to[n++] = at ? means[at - names] : *value;
        value += at != NULL;
    }
    to[n] = '\0';
    return 0;
}

static int refused_options(const WriteFormat *format, const UOption *options, uint32_t n,
                           QueryError *error)
{
    static const char *const keys[] = {"timestampFormat", "dateFormat", "timestampNTZFormat",
                                       "encoding",        "charset",    "locale"};
    for (size_t i = 0; format != &write_parquet && i < ARRAY_SIZE(keys); i++) {
        const char *value = option(options, n, keys[i]);
        bool is_utf8 =
            value && i >= 3 && (strcasecmp(value, "UTF-8") == 0 || strcasecmp(value, "en-US") == 0);
        if (value && !is_utf8)
            return query_error_set(error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                                   "The feature is not supported: the option %s in writing.",
                                   keys[i]);
    }
    const char *nulls = option(options, n, "ignoreNullFields");
    if (format == &write_json && nulls && strcasecmp(nulls, "false") == 0)
        return query_error_set(error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The feature is not supported: the option ignoreNullFields=false in "
                               "writing.");
    return 0;
}

static const char *keep(MemArena *arena, const char *text)
{
    return text ? mem_arena_strndup(arena, text, strlen(text)) : NULL;
}

static int text_options(MemArena *arena, const UOption *options, uint32_t n, WriteSpec *spec,
                        QueryError *error)
{
    WriteText *t = &spec->text;
    const char *separator = option(options, n, "sep"), *nulls = option(options, n, "nullValue");
    const char *empty = option(options, n, "emptyValue"), *line = option(options, n, "lineSep");
    if (!separator)
        separator = option(options, n, "delimiter");
    *t = (WriteText){.header = option_bool(options, n, "header", false),
                     .quote_all = option_bool(options, n, "quoteAll", false),
                     .escape_quotes = option_bool(options, n, "escapeQuotes", true),
                     .ignore_leading = option_bool(options, n, "ignoreLeadingWhiteSpace", true),
                     .ignore_trailing = option_bool(options, n, "ignoreTrailingWhiteSpace", true)};
    int r = delimiter(separator ? separator : ",", t->delimiter, error);
    if (r == 0)
        r = one_character(options, n, "quote", '"', &t->quote, error);
    if (r == 0)
        r = one_character(options, n, "escape", '\\', &t->escape, error);
    if (r != 0)
        return r;
    t->null_value = keep(arena, nulls ? nulls : "");
    t->empty_value = keep(arena, empty ? empty : "\"\"");
    t->line_separator = keep(arena, line && *line ? line : "\n");
    return t->null_value && t->empty_value && t->line_separator ? 0 : mem_arena_error(arena);
}

int write_format(MemArena *arena, PlanSession *session, const char *format, const UOption *options,
                 uint32_t n_options, WriteSpec *spec, QueryError *error)
{
    *spec = (WriteSpec){.format = find_format(format), .row_group_bytes = ROW_GROUP_BYTES};
    if (!spec->format)
        return no_format(format, error);
    int r = choose_codec(session, options, n_options, spec, error);
    if (r == 0)
        r = refused_options(spec->format, options, n_options, error);
    if (r == 0)
        r = text_options(arena, options, n_options, spec, error);
    const char *group = option(options, n_options, "parquet.block.size");
    const char *rows = option(options, n_options, "maxRecordsPerFile");
    if (group)
        spec->row_group_bytes =
            MAX(MIN(strtoull(group, NULL, 10), (unsigned long long)ROW_GROUP_BYTES),
                (unsigned long long)ROW_GROUP_BYTES_MIN);
    if (rows)
        spec->rows_max = strtoull(rows, NULL, 10);
    return r;
}

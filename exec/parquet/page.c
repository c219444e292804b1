/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/page_cache.h"

#include <libdeflate.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

int reader_bad(const ParquetReader *reader, QueryError *error, const char *reason)
{
    return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                           "Encountered error while reading file file:%s: column %s: %s.",
                           io_file_path(reader->file->io), reader->column->name, reason);
}

/* --- buffers ---------------------------------------------------------------------------------- */

int page_buffer_new(MemPool *pool, size_t n_bytes, const char *what, PageBuffer **ret_buffer)
{
    size_t n_block = n_bytes + 64 + PAGE_SLOP;
    PageBuffer *buffer;
    void *block;
    int r = mem_block_alloc(pool, n_block, what, &block);

    if (r != 0)
        return r;
    _Static_assert(sizeof(PageBuffer) <= 64, "the header takes one cache line");
    buffer = block;
    *buffer = (PageBuffer){.n_block = n_block, .bytes = (uint8_t *)block + 64};
    memset(buffer->bytes + n_bytes, 0, PAGE_SLOP);
    *ret_buffer = buffer;
    return 0;
}

PageBuffer *page_buffer_free(MemPool *pool, PageBuffer *buffer)
{
    if (!buffer)
        return NULL;
    if (buffer->cached)
        page_cache_put(buffer->cache, buffer->cached);
    mem_block_free(pool, buffer, buffer->n_block);
    return NULL;
}

void page_buffers_free(MemPool *pool, PageBuffer **list)
{
    while (*list) {
        PageBuffer *next = (*list)->next;

        (void)page_buffer_free(pool, *list);
        *list = next;
    }
}

static void retire(ParquetReader *reader, PageBuffer **buffer)
{
    if (!*buffer)
        return;
    (*buffer)->next = reader->retired;
    reader->retired = TAKE_PTR(*buffer);
}

/* --- headers ---------------------------------------------------------------------------------- */

/* Of data pages v1 and of dictionaries, whose third field is a bool. */
static void read_data_header(ThriftReader *r, bool is_dictionary, PageHeader *h)
{
    ThriftField field;

    h->has_data = true;
    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        if (field.id == 1)
            h->n_values = thrift_int(r, &field);
        else if (field.id == 2)
            h->encoding = thrift_int(r, &field);
        else if (field.id == 3 && !is_dictionary)
            h->level_encoding = thrift_int(r, &field);
        else if (field.id == 4 && !is_dictionary)
            h->repetition_encoding = thrift_int(r, &field);
        else
            thrift_skip(r, &field);
    }
}

static void read_data_header_v2(ThriftReader *r, PageHeader *h)
{
    ThriftField field;

    h->has_data = true;
    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        switch (field.id) {
        case 1:
            h->n_values = thrift_int(r, &field);
            break;
        case 2:
            h->n_nulls = thrift_int(r, &field);
            break;
        case 4:
            h->encoding = thrift_int(r, &field);
            break;
        case 5:
            h->n_definition = thrift_int(r, &field);
            break;
        case 6:
            h->n_repetition = thrift_int(r, &field);
            break;
        case 7:
            h->is_compressed = thrift_bool(r, &field);
            break;
        default:
            thrift_skip(r, &field);
        }
    }
}

static void read_header_fields(ThriftReader *r, PageHeader *h)
{
    ThriftField field;

    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        switch (field.id) {
        case 1:
            h->type = thrift_int(r, &field);
            break;
        case 2:
            h->n_uncompressed = thrift_int(r, &field);
            break;
        case 3:
            h->n_compressed = thrift_int(r, &field);
            break;
        case 4:
            h->crc = (uint32_t)thrift_int(r, &field);
            h->has_crc = true;
            break;
        case 5:
        case 7:
            if (field.type == THRIFT_STRUCT)
                read_data_header(r, field.id == 7, h);
            else
                thrift_skip(r, &field);
            break;
        case 8:
            if (field.type == THRIFT_STRUCT)
                read_data_header_v2(r, h);
            else
                thrift_skip(r, &field);
            break;
        default:
            thrift_skip(r, &field);
        }
    }
}

bool page_header_peek(const uint8_t *at, const uint8_t *end, PageHeader *ret_header)
{
    ThriftReader r;

    *ret_header = (PageHeader){.type = -1, .n_values = -1};
    thrift_init(&r, at, (size_t)(end - at));
    read_header_fields(&r, ret_header);
    return !r.bad;
}

const char *page_header_read(const uint8_t *at, const uint8_t *end, PageHeader *ret_header)
{
    PageHeader h = {.type = -1, .is_compressed = true, .encoding = -1, .n_values = -1};
    ThriftReader r;

    thrift_init(&r, at, (size_t)(end - at));
    read_header_fields(&r, &h);
    if (r.bad)
        return "a page header is broken";
    h.n_header = (size_t)(r.at - at);
    if (h.n_compressed < 0 || h.n_uncompressed < 0)
        return "a page has a negative size";
    if ((uint64_t)h.n_compressed > PARQUET_PAGE_BYTES_MAX ||
        (uint64_t)h.n_uncompressed > PARQUET_PAGE_BYTES_MAX)
        return "a page is larger than 128 MiB";
    if ((uint64_t)h.n_compressed > (uint64_t)(r.end - r.at))
        return "a page reaches behind its column chunk";
    if (h.type != PARQUET_PAGE_INDEX && (!h.has_data || h.n_values < 0 || h.n_values > INT32_MAX))
        return "a page has an impossible number of values";
    *ret_header = h;
    return NULL;
}

/* --- bytes of a page -------------------------------------------------------------------------- */

static const char *page_check_crc(const PageHeader *header, const uint8_t *body)
{
    if (header->has_crc && libdeflate_crc32(0, body, (size_t)header->n_compressed) != header->crc)
        return "a page's checksum is wrong";
    return NULL;
}

/* @buffer gets @n_out bytes, the last @n_in - @n_plain of the input being compressed. */
static int page_expand(ParquetReader *reader, const uint8_t *body, size_t n_in, size_t n_out,
                       size_t n_plain, PageBuffer **ret_buffer, QueryError *error)
{
    PageBuffer *buffer;
    int r;

    if (n_plain > n_in || n_plain > n_out)
        return reader_bad(reader, error, "a page's levels are longer than the page");
    r = page_buffer_new(reader->pool, n_out, "Parquet page", &buffer);
    if (r != 0)
        return r;
    memcpy(buffer->bytes, body, n_plain);
    r = codec_decompress(&reader->codec, reader->chunk->codec, body + n_plain, n_in - n_plain,
                         buffer->bytes + n_plain, n_out - n_plain);
    memset(buffer->bytes + n_out, 0, PAGE_SLOP);
    if (r == 0) {
        *ret_buffer = buffer;
        return 0;
    }
    (void)page_buffer_free(reader->pool, buffer);
    return r == -EBADMSG ? reader_bad(reader, error, "a page cannot be decompressed") : r;
}

/* The page's content where it lies, when it need not be decompressed. */
static const uint8_t *page_in_place(const ParquetReader *reader, const uint8_t *body, size_t n_in,
                                    size_t n_out)
{
    return reader->chunk->codec == PARQUET_CODEC_SNAPPY ? snappy_stored(body, n_in, n_out) : NULL;
}

/* --- the session's cache ---------------------------------------------------------------------- */

/* Where in the file @body lies: what the cache knows a page by. */
static CachedPage cache_key(const ParquetReader *reader, const uint8_t *body)
{
    return (CachedPage){.file = reader->file->cache_number,
                        .offset = reader->begin_offset + (uint64_t)(body - reader->begin)};
}

/* A reference to @cached, or to what will be. Return: NULL: no memory, so the cache is left out. */
static PageBuffer *reference_new(const ParquetReader *reader, const CachedPage *cached)
{
    void *block;

    if (mem_block_alloc(reader->pool, sizeof(PageBuffer), "Parquet page", &block) != 0)
        return NULL;
    PageBuffer *reference = block;
    *reference = (PageBuffer){.n_block = sizeof(PageBuffer), .cache = reader->file->cache};
    reference->cached = cached;
    reference->bytes = cached ? cached->page->bytes : NULL;
    return reference;
}

/* The content of the page at @body as it was made before, in reader->page. */
static bool page_from_cache(ParquetReader *reader, const uint8_t *body, size_t n_out)
{
    CachedPage key = cache_key(reader, body);
    const CachedPage *cached = page_cache_get(reader->file->cache, key.file, key.offset);

    if (!cached)
        return false;
    /* Another size: the file was overwritten in place, unnoticed. */
    reader->page =
        !cached->values && cached->n_content == n_out ? reference_new(reader, cached) : NULL;
    if (!reader->page)
        page_cache_put(reader->file->cache, cached);
    return reader->page;
}

/* reader->page, just made, for those who come later. */
static void page_to_cache(ParquetReader *reader, const uint8_t *body, size_t n_out)
{
    CachedPage draft = cache_key(reader, body);
    PageBuffer *reference = reader->file->cache ? reference_new(reader, NULL) : NULL;

    if (!reference)
        return;
    draft.page = reader->page;
    draft.n_content = n_out;
    reference->cached = page_cache_add(reader->file->cache, reader->pool, &draft);
    if (!reference->cached) {
        (void)page_buffer_free(reader->pool, reference);
        return;
    }
    reference->bytes = reader->page->bytes;
    reader->page = reference;
}

void page_dictionary_free(ParquetReader *reader)
{
    if (reader->dict_cached) {
        page_cache_put(reader->file->cache, reader->dict_cached);
        reader->dict_cached = NULL;
    } else {
        (void)page_buffer_free(reader->pool, reader->dict_page);
        mem_block_free(reader->pool, reader->dict_values, reader->n_dict_values);
    }
    reader->dict_page = NULL;
    reader->dict_values = NULL;
    reader->n_dict = 0;
    reader->dictionary_loaded = false;
}

static bool dictionary_from_cache(ParquetReader *reader, const uint8_t *body)
{
    CachedPage key = cache_key(reader, body);
    const CachedPage *cached = page_cache_get(reader->file->cache, key.file, key.offset);

    if (cached && !cached->values) {
        page_cache_put(reader->file->cache, cached);
        return false;
    }
    if (!cached)
        return false;
    reader->dict_cached = cached;
    reader->dict_values = cached->values;
    reader->n_dict_values = cached->n_values;
    reader->n_dict = cached->n_dict;
    reader->dict_id = cached->dict_id;
    reader->dict_is_unique = cached->is_unique;
    reader->dictionary_loaded = true;
    return true;
}

static void dictionary_to_cache(ParquetReader *reader, const uint8_t *body)
{
    CachedPage draft = cache_key(reader, body);

    /* Strings that lie in the chunk's own bytes go with those. */
    if (!reader->file->cache || (!reader->dict_page && reader->phys == PHYS_STRING))
        return;
    draft.page = reader->phys == PHYS_STRING ? reader->dict_page : NULL;
    draft.values = reader->dict_values;
    draft.n_values = reader->n_dict_values;
    draft.n_dict = reader->n_dict;
    draft.dict_id = reader->dict_id;
    draft.is_unique = reader->dict_is_unique;
    reader->dict_cached = page_cache_add(reader->file->cache, reader->pool, &draft);
    if (!reader->dict_cached)
        return;
    if (!draft.page)
        (void)page_buffer_free(reader->pool, reader->dict_page);
    reader->dict_page = NULL;
}

static int load_dictionary(ParquetReader *reader, const PageHeader *header, const uint8_t *body,
                           QueryError *error)
{
    const uint8_t *bytes = body;
    size_t n_bytes = (size_t)header->n_compressed;
    const char *reason;
    int r;

    if (reader->dictionary_loaded)
        return reader_bad(reader, error, "it has two dictionaries");
    if (dictionary_from_cache(reader, body))
        return 0;
    reason = page_check_crc(header, body);
    if (reason)
        return reader_bad(reader, error, reason);
    if (header->encoding != PARQUET_PLAIN && header->encoding != PARQUET_PLAIN_DICTIONARY)
        return reader_bad(reader, error, "its dictionary has an unknown encoding");
    if ((uint64_t)header->n_uncompressed > PARQUET_DICTIONARY_BYTES_MAX ||
        (uint64_t)header->n_values > PARQUET_DICTIONARY_ENTRIES_MAX)
        return reader_bad(reader, error, "its dictionary is larger than 64 MiB or 4 Mi entries");
    if (reader->chunk->codec != PARQUET_CODEC_NONE) {
        bytes = page_in_place(reader, body, n_bytes, (size_t)header->n_uncompressed);
        n_bytes = bytes ? (size_t)header->n_uncompressed : n_bytes;
    }
    if (!bytes) {
        r = page_expand(reader, body, n_bytes, (size_t)header->n_uncompressed, 0,
                        &reader->dict_page, error);
        if (r != 0)
            return r;
        bytes = reader->dict_page->bytes;
        n_bytes = (size_t)header->n_uncompressed;
    }
    r = values_dictionary(reader, bytes, n_bytes, (uint32_t)header->n_values, error);
    if (r == 0)
        dictionary_to_cache(reader, body);
    return r;
}

int page_find(ParquetReader *reader, PageHeader *ret_header, QueryError *error)
{
    for (;;) {
        const char *reason;
        const uint8_t *body;
        int r;

        if (reader->at >= reader->end && !reader_next_part(reader))
            return reader_bad(reader, error, "it ends before its last value");
        reason = page_header_read(reader->at, reader->end, ret_header);
        if (reason)
            return reader_bad(reader, error, reason);
        body = reader->at + ret_header->n_header;
        switch (ret_header->type) {
        case PARQUET_PAGE_DATA:
        case PARQUET_PAGE_DATA_V2:
            if ((uint64_t)ret_header->n_values > reader->rows_left)
                return reader_bad(reader, error, "its pages hold more values than the row group");
            return 0;
        case PARQUET_PAGE_DICTIONARY:
            r = load_dictionary(reader, ret_header, body, error);
            if (r != 0)
                return r;
            break;
        default: /* pages of kinds to come are to be left out (parquet.thrift, PageType) */
            break;
        }
        reader->at = body + ret_header->n_compressed;
    }
}

void page_pass(ParquetReader *reader, const PageHeader *header)
{
    reader->at += header->n_header + (size_t)header->n_compressed;
    reader->rows_left -= (uint64_t)header->n_values;
}

/* --- levels ----------------------------------------------------------------------------------- */

static uint32_t load_u32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

/* v1: levels stand in front of the values. Moves reader->data behind them. */
static const char *start_levels_v1(ParquetReader *reader, const PageHeader *header)
{
    size_t n = (size_t)(reader->data_end - reader->data), n_levels;

    reader->levels = (LevelReader){.present = !reader->column->required};
    if (reader->column->required)
        return NULL;
    if (header->level_encoding == PARQUET_BIT_PACKED) {
        n_levels = ((size_t)header->n_values + 7) / 8;
        if (n_levels > n)
            return "a page's levels are longer than the page";
        reader->levels.legacy = true;
        reader->levels.bytes = reader->data;
        reader->levels.n_bits = (uint64_t)header->n_values;
        reader->data += n_levels;
        return NULL;
    }
    if (header->level_encoding != PARQUET_RLE)
        return "a page's levels have an unknown encoding";
    if (n < 4)
        return "a page's levels are cut short";
    n_levels = load_u32(reader->data);
    if (n_levels > n - 4)
        return "a page's levels are longer than the page";
    (void)rle_init(&reader->levels.rle, reader->data + 4, n_levels, 1);
    reader->data += 4 + n_levels;
    return NULL;
}

static uint32_t level_bits(uint32_t max)
{
    return max == 0 ? 0 : 32u - (uint32_t)__builtin_clz(max);
}

/* Levels of one kind in a page of v1. Moves reader->data behind them. */
static const char *start_leaf_level(ParquetReader *reader, const PageHeader *header,
                                    int64_t encoding, RleReader *levels, uint32_t max)
{
    size_t n = (size_t)(reader->data_end - reader->data), n_levels;

    if (max == 0)
        return NULL;
    if (encoding == PARQUET_BIT_PACKED) {
        n_levels = ((uint64_t)header->n_values * level_bits(max) + 7) / 8;
        if (n_levels > n)
            return "a page's levels are longer than the page";
        rle_init_bit_packed(levels, reader->data, (uint64_t)header->n_values, level_bits(max));
        reader->data += n_levels;
        return NULL;
    }
    if (encoding != PARQUET_RLE)
        return "a page's levels have an unknown encoding";
    if (n < 4)
        return "a page's levels are cut short";
    n_levels = load_u32(reader->data);
    if (n_levels > n - 4)
        return "a page's levels are longer than the page";
    (void)rle_init(levels, reader->data + 4, n_levels, level_bits(max));
    reader->data += 4 + n_levels;
    return NULL;
}

/* Of a nested column's leaf: repetition, then definition. */
static const char *start_leaf_levels(ParquetReader *reader, const PageHeader *header, bool is_v2)
{
    const char *reason;

    reader->levels = (LevelReader){0};
    if (is_v2) {
        (void)rle_init(&reader->repetition, reader->data, (size_t)header->n_repetition,
                       level_bits(reader->max_repetition));
        (void)rle_init(&reader->levels.rle, reader->data + header->n_repetition,
                       (size_t)header->n_definition, level_bits(reader->max_definition));
        reader->data += header->n_repetition + header->n_definition;
        return NULL;
    }
    reason = start_leaf_level(reader, header, header->repetition_encoding, &reader->repetition,
                              reader->max_repetition);
    return reason ? reason
                  : start_leaf_level(reader, header, header->level_encoding, &reader->levels.rle,
                                     reader->max_definition);
}

static const char *start_levels_v2(ParquetReader *reader, const PageHeader *header)
{
    reader->levels = (LevelReader){.present = !reader->column->required && header->n_nulls != 0};
    (void)rle_init(&reader->levels.rle, reader->data + header->n_repetition,
                   (size_t)header->n_definition, 1);
    reader->data += header->n_repetition + header->n_definition;
    return NULL;
}

/* --- encodings -------------------------------------------------------------------------------- */

static bool is_integer(const ParquetReader *reader)
{
    return reader->column->physical == PARQUET_INT32 || reader->column->physical == PARQUET_INT64;
}

static const char *start_strings(ParquetReader *reader, bool with_prefixes)
{
    const uint8_t *at = reader->data;

    if (reader->column->physical != PARQUET_BYTE_ARRAY &&
        !(with_prefixes && reader->column->physical == PARQUET_FIXED))
        return "an encoding of strings on another type";
    if (with_prefixes) {
        if (!delta_init(&reader->prefixes, at, (size_t)(reader->data_end - at)) ||
            !(at = delta_end(&reader->prefixes)))
            return "a page's prefixes are broken";
        reader->previous = (VecString){0};
    }
    if (!delta_init(&reader->delta, at, (size_t)(reader->data_end - at)) ||
        !(at = delta_end(&reader->delta)))
        return "a page's lengths are broken";
    reader->data = at;
    reader->kind = with_prefixes ? PAGE_DELTA_STRINGS : PAGE_DELTA_LENGTH;
    return NULL;
}

static const char *start_codes(ParquetReader *reader)
{
    if (!reader->dictionary_loaded)
        return "a page needs a dictionary and there is none";
    if (reader->data == reader->data_end) { /* only nulls */
        (void)rle_init(&reader->codes, reader->data, 0, 0);
    } else if (!rle_init(&reader->codes, reader->data + 1,
                         (size_t)(reader->data_end - reader->data) - 1, reader->data[0])) {
        return "a page's codes have more than 32 bits";
    }
    reader->kind = PAGE_CODES;
    return NULL;
}

static const char *start_rle_bool(ParquetReader *reader)
{
    size_t n = (size_t)(reader->data_end - reader->data);

    if (reader->column->physical != PARQUET_BOOLEAN)
        return "RLE on a type that is not boolean";
    if (n < 4 || load_u32(reader->data) > n - 4)
        return "a page's booleans are cut short";
    (void)rle_init(&reader->codes, reader->data + 4, load_u32(reader->data), 1);
    reader->kind = PAGE_RLE_BOOL;
    return NULL;
}

static const char *start_split(ParquetReader *reader)
{
    uint32_t width = reader->column->fixed_bytes;
    size_t n = (size_t)(reader->data_end - reader->data);

    if (width == 0 || reader->column->physical == PARQUET_INT96)
        return "BYTE_STREAM_SPLIT on a type without it";
    if (n % width != 0)
        return "a page's bytes are not whole values";
    reader->n_split = n / width;
    reader->kind = PAGE_SPLIT;
    return NULL;
}

static const char *start_values(ParquetReader *reader, int64_t encoding)
{
    reader->value_index = 0;
    switch (encoding) {
    case PARQUET_PLAIN:
        reader->kind = reader->column->physical == PARQUET_BOOLEAN ? PAGE_BITS : PAGE_PLAIN;
        return NULL;
    case PARQUET_PLAIN_DICTIONARY:
    case PARQUET_RLE_DICTIONARY:
        return start_codes(reader);
    default:
        break;
    }
    if (reader->data == reader->data_end) { /* only nulls; writers differ in what they leave out */
        reader->kind = PAGE_PLAIN;
        return NULL;
    }
    switch (encoding) {
    case PARQUET_RLE:
        return start_rle_bool(reader);
    case PARQUET_DELTA_BINARY_PACKED:
        if (!is_integer(reader))
            return "DELTA_BINARY_PACKED on a type that is not an integer";
        reader->kind = PAGE_DELTA;
        return delta_init(&reader->delta, reader->data, (size_t)(reader->data_end - reader->data))
                   ? NULL
                   : "a page's differences are broken";
    case PARQUET_DELTA_LENGTH_BYTE_ARRAY:
        return start_strings(reader, false);
    case PARQUET_DELTA_BYTE_ARRAY:
        return start_strings(reader, true);
    case PARQUET_BYTE_STREAM_SPLIT:
        return start_split(reader);
    default:
        return "a page has an unknown encoding";
    }
}

/* The page's bytes, decompressed, as reader->data. @n_plain: of its levels, which never are. */
static int page_content(ParquetReader *reader, const PageHeader *header, size_t n_plain,
                        QueryError *error)
{
    const uint8_t *body = reader->at + header->n_header, *content = NULL;
    bool is_v2 = header->type == PARQUET_PAGE_DATA_V2;
    size_t n_in = (size_t)header->n_compressed, n_out = (size_t)header->n_uncompressed;
    bool compressed = reader->chunk->codec != PARQUET_CODEC_NONE &&
                      (!is_v2 || header->is_compressed) &&
                      /* Without a value even the empty compressed block may be left out. */
                      !(is_v2 && n_in == n_plain && n_out == n_plain);

    if (compressed && n_plain <= n_out && page_from_cache(reader, body, n_out)) {
        content = reader->page->bytes;
    } else {
        const char *reason = page_check_crc(header, body);

        if (reason)
            return reader_bad(reader, error, reason);
        if (!compressed)
            content = body;
        else if (n_plain == 0)
            content = page_in_place(reader, body, n_in, n_out);
    }
    if (!content) {
        int r = page_expand(reader, body, n_in, n_out, n_plain, &reader->page, error);

        if (r != 0)
            return r;
        page_to_cache(reader, body, n_out);
        content = reader->page->bytes;
    }
    reader->data = content;
    reader->data_end = content + (compressed ? n_out : n_in);
    return 0;
}

int page_start(ParquetReader *reader, const PageHeader *header, QueryError *error)
{
    bool is_v2 = header->type == PARQUET_PAGE_DATA_V2;
    const char *reason;
    char text[64];
    int r;

    if (is_v2 && (header->n_definition < 0 || header->n_definition > header->n_compressed ||
                  header->n_repetition < 0 ||
                  header->n_repetition > header->n_compressed - header->n_definition))
        return reader_bad(reader, error, "a page's levels are longer than the page");
    retire(reader, &reader->page);
    retire(reader, &reader->previous_bytes);
    reader->kind = PAGE_NONE;
    r = page_content(reader, header,
                     is_v2 ? (size_t)(header->n_definition + header->n_repetition) : 0, error);
    if (r != 0)
        return r;
    reason = reader->is_leaf ? start_leaf_levels(reader, header, is_v2)
             : is_v2         ? start_levels_v2(reader, header)
                             : start_levels_v1(reader, header);
    if (!reason)
        reason = start_values(reader, header->encoding);
    if (reason && header->encoding > PARQUET_BYTE_STREAM_SPLIT) {
        (void)snprintf(text, sizeof(text), "the encoding %lld of a page is not supported",
                       (long long)header->encoding);
        reason = text;
    }
    if (reason)
        return reader_bad(reader, error, reason);
    reader->page_left = (uint64_t)header->n_values;
    page_pass(reader, header);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/plan/source_text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/text/decompress.h"
#include "exec/vec/nested.h"

#define WINDOW_BYTES ((uint64_t)4 << 20)
#define WINDOW_BYTES_MAX ((uint64_t)1 << 31)
#define GUESSED_ROW_BYTES 100u

typedef struct Window {
    MemPool *pool;
    void *block;
    size_t n_block;
} Window;

static void window_done(Window *w)
{
    mem_block_free(w->pool, w->block, w->n_block);
}

static void file_unrefp(IoFile **file)
{
    *file = io_file_unref(*file);
}

static int window_room(Window *w, uint64_t n)
{
    int r;

    if (n + IO_SLOP <= w->n_block)
        return 0;
    mem_block_free(w->pool, w->block, w->n_block);
    w->block = NULL;
    w->n_block = 0;
    r = mem_block_alloc(w->pool, n + IO_SLOP, "schema", &w->block);
    if (r == 0)
        w->n_block = n + IO_SLOP;
    return r;
}

static int read_failed(const char *path, int r, QueryError *error)
{
    if (r == -ENOMEM || r >= 0)
        return r;
    return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                           "Encountered error while reading file file://%s: %s.", path,
                           r == -EBADMSG ? "its compressed data is damaged" : strerror(-r));
}

/* Where the last line ends that ends within @n bytes; 0: none does. */
static uint64_t last_line_end(const uint8_t *text, uint64_t n)
{
    /* A carriage return at the very end may have its line feed behind. */
    while (n > 0 && text[n - 1] != '\n' && !(text[n - 1] == '\r'))
        n--;
    return n;
}

/* Reads @n bytes from @at into the window. */
static int fill(Window *w, IoFile *file, uint64_t at, uint64_t n)
{
    int r = window_room(w, n);

    if (r == 0)
        r = io_read(file, at, n, w->block);
    if (r == 0)
        memset((uint8_t *)w->block + n, 0, IO_SLOP);
    return r;
}

static int each_whole(Window *w, IoFile *file, TextEach each, void *userdata, QueryError *error)
{
    Window unpacked = {.pool = w->pool};
    const char *path = io_file_path(file);
    TextWindow window = {.n = io_file_size(file), .is_first = true};
    int r = fill(w, file, 0, window.n);

    window.text = w->block;
    if (r == 0 && text_is_compressed(path)) {
        r = text_decompress(w->pool, path, w->block, window.n, &unpacked.block, &unpacked.n_block,
                            &window.n);
        window.text = unpacked.block;
    }
    if (r == 0)
        r = each(userdata, &window, error);
    window_done(&unpacked);
    return r;
}

static int each_part(Window *w, IoFile *file, TextEach each, void *userdata, QueryError *error)
{
    uint64_t size = io_file_size(file), bytes = WINDOW_BYTES;
    int r = 0;

    for (uint64_t at = 0; at < size && r == 0;) {
        uint64_t n = MIN(bytes, size - at), end = n;

        r = fill(w, file, at, n);
        if (r != 0)
            return r;
        if (at + n < size)
            end = last_line_end(w->block, n);
        if (end == 0) { /* a line longer than that */
            bytes *= 2;
            if (bytes > WINDOW_BYTES_MAX)
                return -E2BIG;
            continue;
        }
        r = each(userdata, &(TextWindow){w->block, end, at == 0}, error);
        at += end;
    }
    return r;
}

int source_text_each(SourceLoad *load, const SourceInfo *source, bool whole, TextEach each,
                     void *userdata)
{
    _cleanup_(window_done) Window w = {.pool = session_files_pool(load->files)};

    for (uint32_t i = 0; i < source->n_files; i++) {
        _cleanup_(file_unrefp) IoFile *file = NULL;
        const char *path = source->files[i].path;
        int r = io_file_open(source->io, path, &file, load->error);

        if (r != 0)
            return r;
        r = whole || text_is_compressed(path) ? each_whole(&w, file, each, userdata, load->error)
                                              : each_part(&w, file, each, userdata, load->error);
        if (r == 1)
            return 0;
        if (r != 0)
            return read_failed(path, r, load->error);
    }
    return 0;
}

/* --- options ---------------------------------------------------------------------------------- */

/* PERMISSIVE unless the option mode says otherwise. */
static TextMode mode_of(const SourceRequest *request)
{
    const char *mode = source_option(request, "mode");

    return !mode                                    ? TEXT_PERMISSIVE
           : strcasecmp(mode, "DROPMALFORMED") == 0 ? TEXT_DROP_MALFORMED
           : strcasecmp(mode, "FAILFAST") == 0      ? TEXT_FAIL_FAST
                                                    : TEXT_PERMISSIVE;
}

static int refuse(const SourceRequest *request, const char *key, const char *value,
                  QueryError *error)
{
    return query_error_set(error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE.DATA_SOURCE_OPTION",
                           "0A000", "The option %s of %s with the value '%.100s' is not supported.",
                           key, request->format, value);
}

int source_text_refuse(const SourceRequest *request, const char *const *refused, QueryError *error)
{
    for (; refused[0]; refused += 2) {
        const char *value = source_option(request, refused[0]);

        if (value && !(refused[1] && strcasecmp(value, refused[1]) == 0))
            return refuse(request, refused[0], value, error);
    }
    return 0;
}

static int pattern_of(const SourceRequest *request, const char *key, TextPattern *ret,
                      bool *ret_has, QueryError *error)
{
    const char *pattern = source_option(request, key);

    *ret_has = pattern != NULL;
    return !pattern || text_pattern_parse(pattern, ret) ? 0 : refuse(request, key, pattern, error);
}

int source_text_options(const SourceRequest *request, const char *const *refused, TextOptions *ret,
                        QueryError *error)
{
    static const char *const common[] = {
        "samplingRatio",      "1.0", "locale", "en-US", "lineSep", NULL,
        "timestampNTZFormat", NULL,  NULL,
    };
    int r = source_text_refuse(request, common, error);

    if (r == 0)
        r = source_text_refuse(request, refused, error);
    ret->mode = (uint8_t)mode_of(request);
    ret->multi_line = source_option_bool(request, "multiLine", false);
    ret->zone = request->zone;
    ret->corrupt = ROW_NO_COLUMN;
    if (r == 0)
        r = pattern_of(request, "dateFormat", &ret->date_format, &ret->has_date_format, error);
    if (r == 0)
        r = pattern_of(request, "timestampFormat", &ret->timestamp_format,
                       &ret->has_timestamp_format, error);
    return r;
}

/* --- schema ----------------------------------------------------------------------------------- */

const char *source_text_corrupt_name(const SourceRequest *request)
{
    const char *name = source_option(request, "columnNameOfCorruptRecord");

    return name ? name : request->corrupt_name ? request->corrupt_name : "_corrupt_record";
}

bool source_text_same_name(const SourceRequest *request, const char *a, const char *b)
{
    return request->case_sensitive ? strcmp(a, b) == 0 : strcasecmp(a, b) == 0;
}

int source_text_given(SourceLoad *load, SourceInfo *source, uint32_t *ret_corrupt)
{
    const SourceRequest *request = source->request;
    const char *corrupt = source_text_corrupt_name(request);

    *ret_corrupt = ROW_NO_COLUMN;
    source->columns = mem_arena_new_array(load->arena, SourceColumn, request->n_schema + 1);
    if (!source->columns)
        return mem_arena_error(load->arena);
    for (uint32_t i = 0; i < request->n_schema; i++) {
        SourceColumn *c = &source->columns[source->n_columns++];
        int r = type_copy(load->arena, request->schema[i].type, &c->type);

        c->name = mem_arena_strndup(load->arena, request->schema[i].name,
                                    strlen(request->schema[i].name));
        if (r != 0 || !c->name)
            return mem_arena_error(load->arena);
        c->nullable = c->readable = true;
        if (source_text_same_name(request, c->name, corrupt))
            *ret_corrupt = i;
    }
    if (*ret_corrupt != ROW_NO_COLUMN && source->columns[*ret_corrupt].type.kind != TYPE_STRING)
        return query_error_set(load->error, DATA_ERROR_ANALYSIS, "INVALID_CORRUPT_RECORD_TYPE",
                               "42804",
                               "The column `%.100s` for corrupt records must have the nullable "
                               "STRING type.",
                               corrupt);
    return 0;
}

/* --- load ------------------------------------------------------------------------------------- */

int source_text_load(SourceLoad *load, SourceInfo *source)
{
    uint32_t *map = NULL;

    if (source->n_partitions > 0) {
        map = mem_arena_new_array(load->arena, uint32_t, source->n_columns + 1);
        if (!map)
            return mem_arena_error(load->arena);
        for (uint32_t i = 0; i < source->n_columns; i++)
            map[i] = i;
        source_map_partitions(source, map);
    }
    for (uint32_t i = 0; i < source->n_files; i++)
        source->files[i].columns = map;
    source->rows = source->bytes / GUESSED_ROW_BYTES + (source->bytes > 0);
    source->rows_exact = false;
    for (uint32_t i = 0; i < source->n_columns; i++)
        source->columns[i].bytes_per_row = (double)GUESSED_ROW_BYTES / source->n_columns;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Arrow files and streams as a scan reads them: any bytes give rows or an error, and every value
 * of a vector may be looked at (AF-1). */
#include "tests/support/arrow_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    QueryError error = {0};
    IoContext *io;
    IoFile *file;
    MemPool *pool;
    uint64_t rows;

    if (io_context_new_pread(&io) != 0 ||
        mem_pool_new(UINT64_C(64) << 20, NULL, NULL, &pool) != 0 ||
        io_file_open_buffer(io, "/f", data, size, &file) != 0)
        abort();
    int r = arrow_walk(file, pool, &rows, &error);
    if (r == QUERY_E_FAILED && !error.message[0])
        abort();
    (void)io_file_unref(file);
    (void)io_context_free(io);
    (void)mem_pool_free(pool);
    return 0;
}

/*
 * The envelope's parser. What parses is written again and must give the same bytes, but for the
 * MAC behind them: the format has one form only.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/key/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct envelope env;
    /* A copy of exactly that size, so that a read beyond it is seen. */
    OWN(own_mem)
    uint8_t *copy = xmemdup(data, size);
    if (envelope_parse(BLOB(copy, size), &env, NULL) < 0)
        return 0;
    OWN(buf_free)
    struct buf again = BUF(ENVELOPE_MAX_BYTES);
    if (envelope_write(&env, &again, NULL) < 0 || again.n + MAC_BYTES != size ||
        memcmp(again.p, data, again.n) != 0)
        abort();
    return 0;
}

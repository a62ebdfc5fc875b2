/* A manifest from outside: what is accepted keeps its promises. */
#include <stdlib.h>
#include <string.h>

#include "crypto/firmware/manifest.h"
#include "crypto/firmware/verity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t bytes[MANIFEST_BYTES] = {0};
    struct manifest m;

    memcpy(bytes, data, n < sizeof(bytes) ? n : sizeof(bytes));
    if (manifest_parse(bytes, &m, NULL) < 0)
        return 0;
    uint64_t payload = manifest_payload(&m);
    if (m.pieces == 0 || m.pieces > PIECES_MAX || payload > (uint64_t)m.pieces * PIECE_BYTES ||
        payload <= (uint64_t)(m.pieces - 1) * PIECE_BYTES ||
        m.tree_bytes != verity_tree_bytes(m.root_bytes) || strlen(m.board) > 31 ||
        strlen(m.version) > 31 || strlen(m.product) > 31)
        abort();
    return 0;
}

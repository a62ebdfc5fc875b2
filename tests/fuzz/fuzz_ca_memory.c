/*
 * What core gives back to connectors: memory of the local CA and of its orders, of an ACME account
 * and order. What decodes encodes to the same bytes.
 */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/ca/acme_client.h"
#include "src/model/local_ca.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void same(const struct buf *out, struct blob in)
{
    if (in.n > 0 && !blob_eq(buf_blob(out), in))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct blob in = BLOB(data, n);
    OWN(buf_free)
    struct buf out = BUF(1 << 20);
    OWN(local_ca_free)
    struct local_ca ca = {0};
    OWN(acme_memory_free)
    struct acme_memory m = {0};
    OWN(acme_placed_free)
    struct acme_placed p = {0};
    struct local_order o;

    if (local_ca_decode(in, &ca, NULL) == 0 && local_ca_encode(&ca, &out, NULL) == 0)
        same(&out, in);
    buf_clear(&out);
    if (local_order_decode(in, &o, NULL) == 0) {
        local_order_encode(&o, &out);
        same(&out, in);
    }
    buf_clear(&out);
    if (n > 0 && acme_memory_decode(in, &m, NULL) == 0) {
        acme_memory_encode(&m, &out);
        same(&out, in);
    }
    buf_clear(&out);
    if (n > 0 && acme_placed_decode(in, &p, NULL) == 0) {
        acme_placed_encode(&p, &out);
        same(&out, in);
    }
    return 0;
}

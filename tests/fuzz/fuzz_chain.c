/* A chain from outside, in PEM or DER: parsed, then ordered and checked for each key in it. */
#include <stdlib.h>

#include "crypto/x509/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    OWN(chain_free)
    struct chain in = {0};
    const struct strs none = {0};
    if (chain_parse(BLOB(data, n), &in, NULL) < 0)
        return 0;
    for (size_t i = 0; i < in.n; i++) {
        OWN(chain_free)
        struct chain out = {0};
        OWN(buf_free)
        struct buf spki = BUF(CERT_MAX_BYTES);
        OWN(buf_free)
        struct buf pem = BUF(4 << 20);
        if (cert_spki(in.v[i], &spki, NULL) < 0)
            continue;
        if (chain_order(&in, buf_blob(&spki), i & 1, &out, NULL) < 0)
            continue;
        if (out.n == 0 || out.n > in.n || chain_pem(&out, &pem, NULL) < 0)
            abort();
        (void)chain_check(&out, buf_blob(&spki), &none, 1767225600, NULL);
    }
    return 0;
}

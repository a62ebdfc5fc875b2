/* Files to import: whatever is read is a list of whole certificates, and never a private key. */
#include <stdlib.h>
#include <string.h>

#include "crypto/bundle/certs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    OWN(certs_free)
    struct certs c = {0};
    struct err e = {0};
    static const char words[] = "PRIVATE KEY-----";
    const bool key = memmem(data, n, words, sizeof(words) - 1) != NULL;

    if (certs_read(BLOB(data, n), &c, &e) < 0) {
        if (c.n || !e.text[0])
            abort();
        return 0;
    }
    if (key || c.n == 0 || c.n > CERTS_MAX)
        abort();
    for (size_t i = 0; i < c.n; i++) {
        OWN(buf_free)
        struct buf der = BUF(CERT_MAX_BYTES);
        if (cert_der(c.v[i], &der, &e) < 0)
            abort();
    }
    return 0;
}

/* A certification request from outside. */
#include <stdlib.h>

#include "crypto/x509/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct csr_info info = {0};
    if (csr_read(BLOB(data, n), &info, NULL) == 0 && !(info.subject && info.key_alg && info.spki.n))
        abort();
    csr_info_free(&info);
    return 0;
}

/* A revocation list as an outside CA publishes it, asked about a certificate that is none of its
 * own. */
#include <stdlib.h>

#include "crypto/x509/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static X509 *stranger;
    X509_CRL *crl = NULL;
    int64_t from = 0, next = 0, since = 0;

    if (!stranger)
        stranger = X509_new();
    if (crl_read(BLOB(data, n), &crl, NULL) < 0)
        return 0;
    if (crl_dates(crl, &from, &next, NULL) == 0 &&
        crl_says(stranger, stranger, crl, from, &since, NULL) >= 0)
        abort(); /* nobody signed for the stranger */
    X509_CRL_free(crl);
    return 0;
}

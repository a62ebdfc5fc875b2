/* An audit file from outside: verified with and without a key. What is accepted reports sane
 * numbers. */
#include <stdlib.h>

#include "src/model/audit_verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct audit_report r;
    struct err e;
    size_t key = n > 91 ? 91 : n; /* as long as a P-256 key */

    if (audit_verify(BLOB(data, n), BLOB(NULL, 0), &r, &e) == 0 &&
        (r.records == 0 || r.last - r.first + 1 != r.records || r.signed_up_to > r.last))
        abort();
    (void)audit_verify(BLOB(data, n), BLOB(data, key), &r, &e);
    return 0;
}

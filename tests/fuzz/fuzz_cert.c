/* A certificate from outside: parsed, described, printed and judged. What parses must encode again.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/x509/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    OWN(own_x509)
    X509 *cert = NULL;
    OWN(cert_info_free)
    struct cert_info info = {0};
    OWN(strs_free)
    struct strs found = {0};
    OWN(buf_free)
    struct buf der = BUF(4 * CERT_MAX_BYTES);
    OWN(buf_free)
    struct buf text = BUF(1 << 20);
    if (cert_parse(BLOB(data, n), &cert, NULL) < 0)
        return 0;
    if (cert_der(cert, &der, NULL) < 0)
        abort();
    if (cert_describe(cert, &info, NULL) == 0 &&
        !(text_clean(info.subject, strlen(info.subject), "") && info.common_name && info.serial))
        abort();
    OWN(own_mem)
    char *url = cert_crl_url(cert);
    if (url && !text_clean(url, strlen(url), ""))
        abort();
    (void)cert_findings(cert, 1767225600, &found, NULL);
    if (cert_text(cert, &text, NULL) == 0 && !text_clean((const char *)text.p, text.n, "\n\t"))
        abort();
    return 0;
}

/* The seam between OpenSSL's habits and ours; no cryptography here. */
#include "crypto/ossl.h"

#include <openssl/err.h>
#include <time.h>

int err_openssl(struct err *e, enum err_code code, const char *what)
{
    unsigned long last = ERR_peek_last_error();
    const char *reason = last ? ERR_reason_error_string(last) : NULL;
    err_set(e, code, "%s: %s", what, reason ? reason : "OpenSSL gave no reason");
    ERR_clear_error();
    return -1;
}

void buf_add_bio(struct buf *out, BIO *bio)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    if (n > 0)
        buf_add(out, p, (size_t)n);
}

int buf_take_der(struct buf *out, unsigned char *der, int n, const char *what, struct err *e)
{
    if (n <= 0 || !der) {
        OPENSSL_free(der);
        return err_openssl(e, ERR_CRYPTO, what);
    }
    buf_add(out, der, (size_t)n);
    OPENSSL_free(der);
    return buf_check(out, what, e);
}

int time_from_asn1(const ASN1_TIME *t, const char *what, int64_t *out, struct err *e)
{
    struct tm tm;
    if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
        return err_openssl(e, ERR_INPUT, what);
    *out = (int64_t)timegm(&tm);
    return 0;
}

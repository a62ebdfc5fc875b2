/* Lists of revoked certificates are read and asked by OpenSSL's own checks (status.h). */
#include "crypto/x509/status.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "crypto/ossl.h"

DEFINE_OWN(CRL_DIST_POINTS *, dist_points, CRL_DIST_POINTS_free)
DEFINE_OWN(X509_STORE *, x509_store, X509_STORE_free)
DEFINE_OWN(X509_STORE_CTX *, x509_store_ctx, X509_STORE_CTX_free)

#define URL_MAX 2048

static char *url_of(const GENERAL_NAME *name)
{
    int type;
    const ASN1_STRING *uri = GENERAL_NAME_get0_value(name, &type);

    if (type != GEN_URI)
        return NULL;
    const char *p = (const char *)ASN1_STRING_get0_data(uri);
    const size_t n = (size_t)ASN1_STRING_length(uri);
    if (n > URL_MAX || !text_clean(p, n, ""))
        return NULL;
    char *text = xstrndup(p, n);
    if (str_starts(text, "http://") || str_starts(text, "https://"))
        return text;
    free(text);
    return NULL;
}

char *cert_crl_url(const X509 *cert)
{
    OWN(own_dist_points)
    CRL_DIST_POINTS *points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);

    for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *p = sk_DIST_POINT_value(points, i);
        if (!p->distpoint || p->distpoint->type != 0 || p->CRLissuer)
            continue;
        for (int k = 0; k < sk_GENERAL_NAME_num(p->distpoint->name.fullname); k++) {
            char *url = url_of(sk_GENERAL_NAME_value(p->distpoint->name.fullname, k));
            if (url)
                return url;
        }
    }
    return NULL;
}

int crl_read(struct blob in, X509_CRL **out, struct err *e)
{
    const unsigned char *p = in.p;

    if (in.n == 0 || in.n > CRL_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "revocation list: %zu bytes, expected 1 to %d", in.n,
                       CRL_MAX_BYTES);
    if (p[0] == 0x30) {
        *out = d2i_X509_CRL(NULL, &p, (long)in.n);
        if (*out && p != (const unsigned char *)in.p + in.n) {
            X509_CRL_free(TAKE(*out));
            return err_set(e, ERR_INPUT, "revocation list: bytes follow it");
        }
    } else {
        OWN(own_bio)
        BIO *bio = BIO_new_mem_buf(in.p, (int)in.n);
        *out = bio ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
    }
    return *out ? 0 : err_openssl(e, ERR_INPUT, "revocation list: neither DER nor PEM");
}

int crl_dates(const X509_CRL *crl, int64_t *this_update, int64_t *next_update, struct err *e)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

    *next_update = 0;
    if (time_from_asn1(X509_CRL_get0_lastUpdate(crl), "thisUpdate", this_update, e) < 0)
        return -1;
    return next ? time_from_asn1(next, "nextUpdate", next_update, e) : 0;
}

static int since_of(const X509 *cert, X509_CRL *crl, int64_t *since, struct err *e)
{
    X509_REVOKED *entry = NULL;

    *since = 0;
    if (X509_CRL_get0_by_cert(crl, &entry, (X509 *)cert) != 1)
        return 0;
    return time_from_asn1(X509_REVOKED_get0_revocationDate(entry), "revocationDate", since, e);
}

/* Only the issuer is trusted here, and only for its list: the chain is judged elsewhere. */
static int verify(const X509 *cert, const X509 *issuer, X509_CRL *crl, int64_t now, struct err *e)
{
    OWN(own_x509_store)
    X509_STORE *store = X509_STORE_new();
    OWN(own_x509_store_ctx)
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *p;

    if (!store || !ctx || X509_STORE_add_cert(store, (X509 *)issuer) != 1 ||
        X509_STORE_add_crl(store, crl) != 1 ||
        X509_STORE_CTX_init(ctx, store, (X509 *)cert, NULL) != 1)
        return err_openssl(e, ERR_CRYPTO, "revocation check");
    p = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(p, now);
    X509_verify_cert(ctx);
    ERR_clear_error();
    return X509_STORE_CTX_get_error(ctx);
}

int crl_says(const X509 *cert, const X509 *issuer, X509_CRL *crl, int64_t now, int64_t *since,
             struct err *e)
{
    const int got = verify(cert, issuer, crl, now, e);

    if (got == X509_V_OK)
        return 0;
    if (got == X509_V_ERR_CERT_REVOKED)
        return since_of(cert, crl, since, e) < 0 ? -1 : 1;
    return got < 0
               ? -1
               : err_set(e, ERR_CRYPTO, "revocation list: %s", X509_verify_cert_error_string(got));
}

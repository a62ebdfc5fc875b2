/* Revocation lists of the local CA (RFC 5280, 5): full lists, with number and reasons. */
#include <openssl/x509v3.h>

#include "crypto/ossl.h"
#include "crypto/provider/provider.h"
#include "crypto/x509/ext.h"
#include "crypto/x509/issue.h"
#include "crypto/x509/keyinfo.h"

#define CRL_VERSION_2 1
#define REASON_UNSPECIFIED 0
#define REASON_REMOVE_FROM_CRL 8 /* delta lists only */

DEFINE_OWN(ASN1_TIME *, asn1_time, ASN1_TIME_free)
DEFINE_OWN(ASN1_INTEGER *, asn1_integer, ASN1_INTEGER_free)
DEFINE_OWN(ASN1_ENUMERATED *, asn1_enumerated, ASN1_ENUMERATED_free)
DEFINE_OWN(X509_REVOKED *, x509_revoked, X509_REVOKED_free)
DEFINE_OWN(AUTHORITY_KEYID *, authority_keyid, AUTHORITY_KEYID_free)

static int set_reason(X509_REVOKED *r, int reason, struct err *e)
{
    if (reason == REASON_UNSPECIFIED) /* RFC 5280, 5.3.1: then the extension is left out */
        return 0;
    if (reason < 1 || reason > 10 || reason == 7 || reason == REASON_REMOVE_FROM_CRL)
        return err_set(e, ERR_INPUT, "revocation reason %d is not one of a full list", reason);
    OWN(own_asn1_enumerated)
    ASN1_ENUMERATED *value = ASN1_ENUMERATED_new();
    if (!value || ASN1_ENUMERATED_set(value, reason) != 1 ||
        X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, value, 0, X509V3_ADD_DEFAULT) != 1)
        return err_openssl(e, ERR_CRYPTO, "revocation reason");
    return 0;
}

static int add_entry(X509_CRL *crl, const struct crl_entry *entry, struct err *e)
{
    OWN(own_x509_revoked)
    X509_REVOKED *r = X509_REVOKED_new();
    OWN(own_asn1_integer)
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    OWN(own_asn1_time)
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)entry->revoked_at);
    if (!r || !serial || !when)
        return err_openssl(e, ERR_CRYPTO, "revoked certificate");
    if (serial_set(serial, entry->serial, e) < 0 || set_reason(r, entry->reason, e) < 0)
        return -1;
    if (X509_REVOKED_set_serialNumber(r, serial) != 1 ||
        X509_REVOKED_set_revocationDate(r, when) != 1 || X509_CRL_add0_revoked(crl, r) != 1)
        return err_openssl(e, ERR_CRYPTO, "revoked certificate");
    (void)TAKE(r);
    return 0;
}

static int set_frame(X509_CRL *crl, int64_t number, int64_t from, int64_t to, const X509 *issuer,
                     struct err *e)
{
    if (number < 0 || from >= to)
        return err_set(e, ERR_BUG, "a number from 0 and a next update after this one are needed");
    OWN(own_asn1_time)
    ASN1_TIME *this_update = ASN1_TIME_set(NULL, (time_t)from);
    OWN(own_asn1_time)
    ASN1_TIME *next_update = ASN1_TIME_set(NULL, (time_t)to);
    OWN(own_asn1_integer)
    ASN1_INTEGER *n = ASN1_INTEGER_new();
    OWN(own_authority_keyid)
    AUTHORITY_KEYID *aki = ext_aki(issuer, e);
    if (!aki)
        return -1;
    if (!n || ASN1_INTEGER_set_int64(n, number) != 1 ||
        X509_CRL_set_version(crl, CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) != 1 ||
        X509_CRL_set1_lastUpdate(crl, this_update) != 1 ||
        X509_CRL_set1_nextUpdate(crl, next_update) != 1 ||
        X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, aki, 0, X509V3_ADD_DEFAULT) != 1 ||
        X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, X509V3_ADD_DEFAULT) != 1)
        return err_openssl(e, ERR_CRYPTO, "its frame");
    return 0;
}

int issue_crl(const struct crl_entry *entries, size_t n, int64_t number, int64_t this_update,
              int64_t next_update, const X509 *issuer, EVP_PKEY *issuer_key, OSSL_LIB_CTX *ctx,
              struct buf *der, struct err *e)
{
    const struct alg_info *alg = keyinfo_alg(issuer_key);
    OWN(own_x509_crl)
    X509_CRL *crl = X509_CRL_new_ex(ctx, NULL);
    if (!crl || !alg)
        return err_set(e, ERR_INPUT, "CRL: the issuer's key is not of an allowed algorithm");
    if (set_frame(crl, number, this_update, next_update, issuer, e) < 0)
        return err_wrap(e, "CRL");
    for (size_t i = 0; i < n; i++)
        if (add_entry(crl, &entries[i], e) < 0)
            return err_wrap(e, "CRL: entry %zu", i + 1);
    if (X509_CRL_sort(crl) != 1 || X509_CRL_sign(crl, issuer_key, keyinfo_digest(alg)) <= 0)
        return provider_err(ctx, "sign CRL", e);
    if (X509_CRL_verify(crl, X509_get0_pubkey(issuer)) != 1)
        return err_openssl(e, ERR_CRYPTO, "the new CRL's signature is wrong");
    unsigned char *bytes = NULL;
    int len = i2d_X509_CRL(crl, &bytes);
    return buf_take_der(der, bytes, len, "CRL", e);
}

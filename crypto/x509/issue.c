/*
 * Certificates of the local CA: its root, and TLS certificates under it. What comes back from the
 * signer is verified before it is handed out, so a faulty signature never leaves.
 */
#include "crypto/x509/issue.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "crypto/ossl.h"
#include "crypto/provider/provider.h"
#include "crypto/x509/ext.h"
#include "crypto/x509/keyinfo.h"
#include "crypto/x509/name.h"

DEFINE_OWN(EXTENDED_KEY_USAGE *, eku, EXTENDED_KEY_USAGE_free)
DEFINE_OWN(AUTHORITY_KEYID *, authority_keyid, AUTHORITY_KEYID_free)
DEFINE_OWN(NAME_CONSTRAINTS *, name_constraints, NAME_CONSTRAINTS_free)

#define VERSION_3 2

static int set_frame(X509 *x, struct blob serial, const char *subject, int64_t from, int64_t to,
                     struct err *e)
{
    OWN(own_x509_name)
    X509_NAME *name = NULL;
    if (from >= to)
        return err_set(e, ERR_INPUT, "validity: it ends before it begins");
    if (serial_set(X509_get_serialNumber(x), serial, e) < 0 || name_parse(subject, &name, e) < 0)
        return -1;
    if (X509_set_version(x, VERSION_3) != 1 || X509_set_subject_name(x, name) != 1 ||
        !ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from) ||
        !ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to))
        return err_openssl(e, ERR_CRYPTO, "certificate");
    return 0;
}

static int set_spki(X509 *x, struct blob spki, const struct alg_info **alg, struct err *e)
{
    const unsigned char *p = spki.p;
    OWN(own_pkey)
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)spki.n);
    if (!key || p != (const unsigned char *)spki.p + spki.n)
        return err_openssl(e, ERR_INPUT, "public key");
    if (!(*alg = keyinfo_alg(key)))
        return err_set(e, ERR_INPUT, "public key: its algorithm or size is not allowed here");
    if (X509_set_pubkey(x, key) != 1)
        return err_openssl(e, ERR_CRYPTO, "public key");
    return 0;
}

static int sign(X509 *x, EVP_PKEY *key, EVP_PKEY *verify_with, OSSL_LIB_CTX *ctx, struct buf *der,
                struct err *e)
{
    const struct alg_info *alg = keyinfo_alg(key);
    if (!alg)
        return err_set(e, ERR_INPUT, "issuer's key: its algorithm or size is not allowed here");
    if (X509_sign(x, key, keyinfo_digest(alg)) <= 0)
        return provider_err(ctx, "sign certificate", e);
    if (!verify_with || X509_verify(x, verify_with) != 1)
        return err_openssl(e, ERR_CRYPTO, "the new certificate's signature is wrong");
    return cert_der(x, der, e);
}

int issue_root(const struct root_template *t, EVP_PKEY *key, OSSL_LIB_CTX *ctx, struct buf *der,
               struct err *e)
{
    OWN(own_x509)
    X509 *x = X509_new_ex(ctx, NULL);
    OWN(buf_free)
    struct buf spki = BUF(CERT_MAX_BYTES);
    const struct alg_info *alg = NULL;
    unsigned char *bytes = NULL;
    int n = i2d_PUBKEY(key, &bytes);
    if (buf_take_der(&spki, bytes, n, "root's public key", e) < 0)
        return -1;
    if (!x)
        return err_openssl(e, ERR_CRYPTO, "root certificate");
    if (set_frame(x, t->serial, t->subject, t->not_before, t->not_after, e) < 0 ||
        set_spki(x, buf_blob(&spki), &alg, e) < 0)
        return err_wrap(e, "root certificate");
    if (X509_NAME_entry_count(X509_get_subject_name(x)) == 0) /* RFC 5280, 4.1.2.6 */
        return err_set(e, ERR_INPUT, "root certificate: a CA needs a subject");
    if (X509_set_issuer_name(x, X509_get_subject_name(x)) != 1)
        return err_openssl(e, ERR_CRYPTO, "root certificate");
    if (ext_basic_constraints(x, true, e) < 0 ||
        ext_key_usage(x, KU_KEY_CERT_SIGN | KU_CRL_SIGN, e) < 0 || ext_ski(x, e) < 0 ||
        (t->permitted_dns && t->permitted_dns->n > 0 &&
         ext_permitted_dns(x, t->permitted_dns, e) < 0))
        return err_wrap(e, "root certificate");
    return sign(x, key, X509_get0_pubkey(x), ctx, der, e);
}

static int set_names(X509 *x, const struct strs *names, struct err *e)
{
    OWN(own_general_names)
    GENERAL_NAMES *sans = NULL;
    if (names->n == 0)
        return err_set(e, ERR_INPUT, "names: at least one is needed");
    if (san_from_strs(names, &sans, e) < 0)
        return -1;
    /* RFC 5280, 4.2.1.6: critical when it is the only name. */
    int critical = X509_NAME_entry_count(X509_get_subject_name(x)) == 0;
    if (X509_add1_ext_i2d(x, NID_subject_alt_name, sans, critical, X509V3_ADD_DEFAULT) != 1)
        return err_openssl(e, ERR_CRYPTO, "names");
    return 0;
}

static int set_issuer(X509 *x, const X509 *issuer, int64_t not_after, struct err *e)
{
    int64_t issuer_ends = 0;
    if (X509_check_ca((X509 *)issuer) != 1)
        return err_set(e, ERR_INPUT, "issuer: its certificate is not a CA's");
    if (time_from_asn1(X509_get0_notAfter(issuer), "issuer's notAfter", &issuer_ends, e) < 0)
        return -1;
    if (not_after > issuer_ends)
        return err_set(e, ERR_INPUT, "validity: it ends after the issuer's own certificate");
    OWN(own_authority_keyid)
    AUTHORITY_KEYID *aki = ext_aki(issuer, e);
    if (!aki)
        return -1;
    if (X509_set_issuer_name(x, X509_get_subject_name(issuer)) != 1 ||
        X509_add1_ext_i2d(x, NID_authority_key_identifier, aki, 0, X509V3_ADD_DEFAULT) != 1)
        return err_openssl(e, ERR_CRYPTO, "issuer");
    return 0;
}

/* What clients would refuse must not be issued in the first place. */
static int check_constraints(X509 *x, const X509 *issuer, struct err *e)
{
    OWN(own_name_constraints)
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(issuer, NID_name_constraints, NULL, NULL);
    /* Makes OpenSSL note the names just added; that nothing is signed yet does not matter to it. */
    (void)X509_check_purpose(x, -1, 0);
    ERR_clear_error();
    if (nc && NAME_CONSTRAINTS_check(x, nc) != X509_V_OK)
        return err_set(e, ERR_DENIED, "names: the CA's certificate does not permit them");
    return 0;
}

int issue_tls(const struct issue_template *t, const X509 *issuer, EVP_PKEY *issuer_key,
              OSSL_LIB_CTX *ctx, struct buf *der, struct err *e)
{
    OWN(own_x509)
    X509 *x = X509_new_ex(ctx, NULL);
    OWN(own_eku)
    EXTENDED_KEY_USAGE *eku = ext_eku(true, t->client_auth);
    const struct alg_info *alg = NULL;
    if (!x || !eku)
        return err_openssl(e, ERR_CRYPTO, "certificate");
    if (set_frame(x, t->serial, t->subject, t->not_before, t->not_after, e) < 0 ||
        set_spki(x, t->spki, &alg, e) < 0 || set_issuer(x, issuer, t->not_after, e) < 0 ||
        ext_basic_constraints(x, false, e) < 0)
        return err_wrap(e, "certificate");
    bool rsa = scheme_fits(alg->alg, SIGN_RSA_PKCS1_SHA256);
    if (ext_key_usage(x, KU_DIGITAL_SIGNATURE | (rsa ? KU_KEY_ENCIPHERMENT : 0), e) < 0)
        return err_wrap(e, "certificate");
    if (X509_add1_ext_i2d(x, NID_ext_key_usage, eku, 0, X509V3_ADD_DEFAULT) != 1)
        return err_openssl(e, ERR_CRYPTO, "extended key usage");
    if (set_names(x, t->names, e) < 0 || ext_ski(x, e) < 0 ||
        (t->crl_url && ext_crl_url(x, t->crl_url, e) < 0) || check_constraints(x, issuer, e) < 0)
        return err_wrap(e, "certificate");
    return sign(x, issuer_key, X509_get0_pubkey(issuer), ctx, der, e);
}

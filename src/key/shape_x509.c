/*
 * Requests, certificates and CRLs before they are signed. OpenSSL parses whole signed objects only,
 * so the bytes are put into one with an empty signature; anything in front of or behind them, or
 * extra fields, then fails to parse.
 */
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "crypto/ossl.h"
#include "crypto/x509/cert.h"
#include "src/key/shape.h"

#define TBS_MAX_BYTES (16 * 1024 * 1024)
#define KEY_IDENTIFIER_BYTES 20

/* ecdsaWithSHA256 and an empty BIT STRING: only there to complete the SEQUENCE. */
static const uint8_t tail[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
                               0x3d, 0x04, 0x03, 0x02, 0x03, 0x01, 0x00};

/* SEQUENCE { tbs, algorithm, signature }; refuses tbs that is not one SEQUENCE of exactly its size.
 */
static int complete(struct blob tbs, struct buf *out)
{
    const uint8_t *at = tbs.p;
    long len = 0;
    int tag = 0, class = 0;
    if (tbs.n < 2 || tbs.n > TBS_MAX_BYTES ||
        ASN1_get_object(&at, &len, &tag, &class, (long)tbs.n) != V_ASN1_CONSTRUCTED ||
        tag != V_ASN1_SEQUENCE || class != V_ASN1_UNIVERSAL ||
        (size_t)(at - (const uint8_t *)tbs.p) + (size_t)len != tbs.n)
        return -1;
    size_t n = tbs.n + sizeof tail;
    buf_add_u8(out, 0x30);
    buf_add_u8(out, 0x84);
    buf_add_u32(out, (uint32_t)n);
    buf_add_blob(out, tbs);
    buf_add(out, tail, sizeof tail);
    return buf_ok(out) ? 0 : -1;
}

static bool same_key(X509_PUBKEY *key, const struct envelope *env)
{
    uint8_t *der = NULL;
    int n = key ? i2d_X509_PUBKEY(key, &der) : -1;
    bool same = n > 0 && blob_eq(BLOB(der, (size_t)n), env->spki);
    OPENSSL_free(der);
    return same;
}

/*
 * An authority key identifier must be that of our key: the left-most 160 bits of SHA-256 over its
 * bits, which our own issuer writes (RFC 7093, 2 (1)), or their SHA-1 (RFC 5280, 4.2.1.2 (1)).
 */
static bool names_our_key(const ASN1_OCTET_STRING *keyid, const struct envelope *env)
{
    const uint8_t *p = env->spki.p;
    X509_PUBKEY *key = d2i_X509_PUBKEY(NULL, &p, (long)env->spki.n);
    const EVP_MD *const methods[] = {EVP_sha256(), EVP_sha1()};
    const uint8_t *bits = NULL;
    int bits_n = 0;
    bool same = false;
    if (key && X509_PUBKEY_get0_param(NULL, &bits, &bits_n, NULL, key) &&
        ASN1_STRING_length(keyid) == KEY_IDENTIFIER_BYTES) {
        for (size_t i = 0; i < COUNT(methods) && !same; i++) {
            uint8_t hash[EVP_MAX_MD_SIZE];
            same = EVP_Digest(bits, (size_t)bits_n, hash, NULL, methods[i], NULL) &&
                   memcmp(ASN1_STRING_get0_data(keyid), hash, KEY_IDENTIFIER_BYTES) == 0;
        }
    }
    X509_PUBKEY_free(key);
    return same;
}

static int scheme_nid(enum sign_scheme scheme)
{
    switch (scheme) {
    case SIGN_RSA_PKCS1_SHA256:
        return NID_sha256WithRSAEncryption;
    case SIGN_RSA_PKCS1_SHA384:
        return NID_sha384WithRSAEncryption;
    case SIGN_RSA_PSS_SHA256:
    case SIGN_RSA_PSS_SHA384:
        return NID_rsassaPss;
    case SIGN_ECDSA_SHA256:
        return NID_ecdsa_with_SHA256;
    case SIGN_ECDSA_SHA384:
        return NID_ecdsa_with_SHA384;
    case SIGN_ED25519:
        return NID_ED25519;
    }
    return NID_undef;
}

int shape_csr(const struct envelope *env, enum sign_scheme scheme, struct blob tbs, struct err *e)
{
    (void)scheme;
    OWN(buf_free)
    struct buf whole = BUF(TBS_MAX_BYTES + 64);
    if (complete(tbs, &whole) < 0)
        return err_set(e, ERR_DENIED, "not a CertificationRequestInfo");
    const uint8_t *p = whole.p;
    OWN(own_x509_req)
    X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)whole.n);
    if (!req || p != whole.p + whole.n || X509_REQ_get_version(req) != X509_REQ_VERSION_1)
        return err_set(e, ERR_DENIED, "not a CertificationRequestInfo");
    if (!same_key(X509_REQ_get_X509_PUBKEY(req), env))
        return err_set(e, ERR_DENIED, "a request for another key than the one that signs");
    return 0;
}

/* A CA certificate is signed for ourselves only, so a stolen `ca` cannot make a subordinate CA. */
static int check_certificate(X509 *cert, const struct envelope *env, struct err *e)
{
    uint32_t flags = X509_get_extension_flags(cert);
    if (flags & EXFLAG_INVALID)
        return err_set(e, ERR_DENIED, "the certificate has a broken extension");
    bool self = X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0 &&
                same_key(X509_get_X509_PUBKEY(cert), env);
    uint32_t usage = X509_get_key_usage(cert);
    bool signs = usage != UINT32_MAX && (usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN));
    if (((flags & EXFLAG_CA) || signs) && !self)
        return err_set(e, ERR_DENIED, "the certificate would make another certificate authority");
    const ASN1_OCTET_STRING *keyid = X509_get0_authority_key_id(cert);
    if (keyid && !names_our_key(keyid, env))
        return err_set(e, ERR_DENIED, "the certificate names another key as its issuer's");
    return 0;
}

int shape_cert(const struct envelope *env, enum sign_scheme scheme, struct blob tbs, struct err *e)
{
    OWN(buf_free)
    struct buf whole = BUF(TBS_MAX_BYTES + 64);
    if (complete(tbs, &whole) < 0)
        return err_set(e, ERR_DENIED, "not a TBSCertificate");
    const uint8_t *p = whole.p;
    OWN(own_x509)
    X509 *cert = d2i_X509(NULL, &p, (long)whole.n);
    if (!cert || p != whole.p + whole.n || X509_get_version(cert) != X509_VERSION_3 ||
        X509_NAME_entry_count(X509_get_issuer_name(cert)) == 0)
        return err_set(e, ERR_DENIED, "not a TBSCertificate of version 3 with an issuer");
    const X509_ALGOR *alg = X509_get0_tbs_sigalg(cert);
    if (OBJ_obj2nid(alg->algorithm) != scheme_nid(scheme))
        return err_set(e, ERR_DENIED, "the certificate names another signature algorithm");
    return check_certificate(cert, env, e);
}

int shape_crl(const struct envelope *env, enum sign_scheme scheme, struct blob tbs, struct err *e)
{
    (void)scheme;
    OWN(buf_free)
    struct buf whole = BUF(TBS_MAX_BYTES + 64);
    if (complete(tbs, &whole) < 0)
        return err_set(e, ERR_DENIED, "not a TBSCertList");
    const uint8_t *p = whole.p;
    OWN(own_x509_crl)
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)whole.n);
    if (!crl || p != whole.p + whole.n || X509_CRL_get_version(crl) != X509_CRL_VERSION_2 ||
        X509_NAME_entry_count(X509_CRL_get_issuer(crl)) == 0 || !X509_CRL_get0_nextUpdate(crl))
        return err_set(e, ERR_DENIED, "not a TBSCertList of version 2 with issuer and next update");
    AUTHORITY_KEYID *akid = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
    bool ours = !akid || !akid->keyid || names_our_key(akid->keyid, env);
    AUTHORITY_KEYID_free(akid);
    if (!ours)
        return err_set(e, ERR_DENIED, "the CRL names another key as its issuer's");
    return 0;
}

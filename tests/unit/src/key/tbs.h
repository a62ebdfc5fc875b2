/* Bytes to be signed, of every shape: what OpenSSL signs for a key in memory, without the
 * signature. */
#pragma once
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "src/base/buf.h"
#include "src/base/own.h"

/* The first element of the outer SEQUENCE; frees der. */
static inline void tbs_of(uint8_t *der, int n, struct buf *out)
{
    const uint8_t *at = der;
    long len;
    int tag, class;
    assert_true(n > 0);
    ASN1_get_object(&at, &len, &tag, &class, n);
    const uint8_t *body = at;
    ASN1_get_object(&at, &len, &tag, &class, len);
    buf_add(out, body, (size_t)(at - body + len));
    assert_true(buf_ok(out));
    OPENSSL_free(der);
}

static inline void tbs_cn(X509_NAME *name, const char *cn)
{
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0), 1);
}

/* `subject` is what the request is about, `signer` completes it for OpenSSL. */
static inline void tbs_csr(EVP_PKEY *subject, EVP_PKEY *signer, struct buf *out)
{
    X509_REQ *req = X509_REQ_new();
    uint8_t *der = NULL;
    tbs_cn(X509_REQ_get_subject_name(req), "www.example.com");
    X509_REQ_set_pubkey(req, subject);
    assert_true(X509_REQ_sign(req, signer, EVP_sha256()) > 0);
    int n = i2d_X509_REQ(req, &der);
    tbs_of(der, n, out);
    X509_REQ_free(req);
}

static inline AUTHORITY_KEYID *tbs_aki(EVP_PKEY *key)
{
    X509_PUBKEY *pub = NULL;
    const uint8_t *bits;
    int n;
    uint8_t hash[20];
    X509_PUBKEY_set(&pub, key);
    X509_PUBKEY_get0_param(NULL, &bits, &n, NULL, pub);
    EVP_Digest(bits, (size_t)n, hash, NULL, EVP_sha1(), NULL);
    X509_PUBKEY_free(pub);
    AUTHORITY_KEYID *a = AUTHORITY_KEYID_new();
    a->keyid = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(a->keyid, hash, sizeof hash);
    return a;
}

struct tbs_cert {
    EVP_PKEY *subject_key, *issuer_key;
    const char *subject, *issuer;
    const char *constraints, *usage; /* NULL: left out */
    EVP_PKEY *aki_key;               /* NULL: left out */
    long version;                    /* 0: version 3 */
};

static inline void tbs_ext(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(x);
    X509_add_ext(cert, x, -1);
    X509_EXTENSION_free(x);
}

static inline void tbs_certificate(const struct tbs_cert *t, struct buf *out)
{
    X509 *cert = X509_new();
    uint8_t *der = NULL;
    X509_set_version(cert, t->version ? t->version : X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    tbs_cn(X509_get_subject_name(cert), t->subject);
    tbs_cn(X509_get_issuer_name(cert), t->issuer);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, t->subject_key);
    if (t->constraints)
        tbs_ext(cert, NID_basic_constraints, t->constraints);
    if (t->usage)
        tbs_ext(cert, NID_key_usage, t->usage);
    if (t->aki_key) {
        AUTHORITY_KEYID *a = tbs_aki(t->aki_key);
        X509_add1_ext_i2d(cert, NID_authority_key_identifier, a, 0, 0);
        AUTHORITY_KEYID_free(a);
    }
    assert_true(X509_sign(cert, t->issuer_key, EVP_sha256()) > 0);
    int n = i2d_X509(cert, &der);
    tbs_of(der, n, out);
    X509_free(cert);
}

static inline void tbs_crl(EVP_PKEY *key, bool next_update, EVP_PKEY *aki_key, struct buf *out)
{
    X509_CRL *crl = X509_CRL_new();
    X509_NAME *issuer = X509_NAME_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0), *later = X509_gmtime_adj(NULL, 86400);
    uint8_t *der = NULL;
    tbs_cn(issuer, "Certkeep CA");
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, issuer);
    X509_CRL_set1_lastUpdate(crl, now);
    if (next_update)
        X509_CRL_set1_nextUpdate(crl, later);
    AUTHORITY_KEYID *a = tbs_aki(aki_key);
    X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, a, 0, 0);
    AUTHORITY_KEYID_free(a);
    assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
    int n = i2d_X509_CRL(crl, &der);
    tbs_of(der, n, out);
    ASN1_TIME_free(now);
    ASN1_TIME_free(later);
    X509_NAME_free(issuer);
    X509_CRL_free(crl);
}

/* RFC 8446, 4.4.3 */
static inline void tbs_tls13(const char *context, size_t hash_n, struct buf *out)
{
    for (int i = 0; i < 64; i++)
        buf_addc(out, ' ');
    buf_add(out, context, strlen(context) + 1);
    for (size_t i = 0; i < hash_n; i++)
        buf_add_u8(out, (uint8_t)i);
}

/* RFC 5246, 7.4.8: a chain of handshake messages of these types. */
static inline void tbs_tls12(const uint8_t *types, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        buf_add_u8(out, types[i]);
        buf_add(out, "\0\0\5hello", 8);
    }
}

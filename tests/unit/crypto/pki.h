/*
 * Keys, a provider whose "remote" keys are plain ones of this process, and certificates of any
 * shape, for the tests of crypto/. Every failure here is a failed assertion.
 */
#pragma once
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/ossl.h"
#include "crypto/policy.h"
#include "crypto/provider/provider.h"
#include "crypto/x509/cert.h"
#include "crypto/x509/name.h"

#define UNUSED __attribute__((unused))

UNUSED static EVP_PKEY *pki_key(const char *alg)
{
    EVP_PKEY *k = NULL;
    if (str_starts(alg, "rsa-")) {
        uint32_t bits = 0;
        assert_int_equal(parse_u32(alg + 4, 512, 4096, &bits, NULL), 0);
        k = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
    } else if (str_eq(alg, "ed25519")) {
        k = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    } else {
        k = EVP_PKEY_Q_keygen(NULL, NULL, "EC",
                              str_eq(alg, "p-256")   ? "P-256"
                              : str_eq(alg, "p-384") ? "P-384"
                                                     : alg);
    }
    assert_non_null(k);
    return k;
}

UNUSED static void pki_spki(EVP_PKEY *key, struct buf *out)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    assert_int_equal(buf_take_der(out, der, n, "spki", NULL), 0);
}

/* The far end of the provider: signs with the plain key, notes what it was asked. */
struct pki_signer {
    EVP_PKEY *key;
    uint32_t purpose, scheme;
    size_t tbs_n;
    char envelope[32];
    unsigned calls;
    bool fail, nonsense;
};

UNUSED static int pki_sign(void *arg, uint32_t purpose, uint32_t scheme, struct blob envelope,
                           struct blob tbs, struct buf *signature, struct err *e)
{
    struct pki_signer *s = arg;
    s->calls++;
    s->purpose = purpose;
    s->scheme = scheme;
    s->tbs_n = tbs.n;
    snprintf(s->envelope, sizeof s->envelope, "%.*s", (int)envelope.n, (const char *)envelope.p);
    if (s->fail)
        return err_set(e, ERR_TOKEN, "token: PIN locked");
    if (s->nonsense) {
        buf_add_str(signature, "not a signature");
        return 0;
    }
    const char *md = scheme == SIGN_ED25519 ? NULL
                     : scheme == SIGN_RSA_PKCS1_SHA384 || scheme == SIGN_RSA_PSS_SHA384 ||
                             scheme == SIGN_ECDSA_SHA384
                         ? "SHA384"
                         : "SHA256";
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    uint8_t sig[1024];
    size_t n = sizeof sig;
    assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, md, NULL, NULL, s->key, NULL), 1);
    if (scheme == SIGN_RSA_PSS_SHA256 || scheme == SIGN_RSA_PSS_SHA384) {
        assert_true(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) > 0);
    }
    assert_int_equal(EVP_DigestSign(ctx, sig, &n, tbs.p, tbs.n), 1);
    EVP_MD_CTX_free(ctx);
    buf_add(signature, sig, n);
    return 0;
}

UNUSED static EVP_PKEY *pki_handle(OSSL_LIB_CTX *ctx, EVP_PKEY *key, uint32_t purpose)
{
    OWN(buf_free)
    struct buf spki = BUF(8192);
    struct err e = {0};
    pki_spki(key, &spki);
    EVP_PKEY *handle = provider_key(ctx, buf_blob(&spki), blob_str("envelope"), purpose, &e);
    assert_string_equal(e.text, "");
    assert_non_null(handle);
    return handle;
}

/* A certificate by its parts; NULL issuer: self-signed by `key`. Zero fields take a sane default.
 */
struct pki_spec {
    const char *subject;
    const char *names; /* SANs, separated by blanks; NULL: none */
    EVP_PKEY *key;
    const X509 *issuer;
    EVP_PKEY *issuer_key;
    int64_t from, to;
    bool ca, server, client;
    const EVP_MD *md;
};

#define PKI_NOW 1767225600 /* 2026-01-01 */
#define PKI_DAY 86400

UNUSED static void pki_set_ext(X509 *x, const char *name, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_nconf(NULL, &ctx, name, value);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(x, ext, -1), 1);
    X509_EXTENSION_free(ext);
}

UNUSED static X509 *pki_cert(struct pki_spec s)
{
    static long serial = 1000;
    X509 *x = X509_new();
    X509_NAME *name = NULL;
    assert_int_equal(name_parse(s.subject, &name, NULL), 0);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_set_subject_name(x, name);
    X509_set_issuer_name(x, s.issuer ? X509_get_subject_name(s.issuer) : name);
    X509_NAME_free(name);
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(s.from ? s.from : PKI_NOW - PKI_DAY));
    ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(s.to ? s.to : PKI_NOW + 90 * PKI_DAY));
    X509_set_pubkey(x, s.key);
    pki_set_ext(x, "basicConstraints", s.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    pki_set_ext(x, "keyUsage", s.ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    if (s.server || s.client)
        pki_set_ext(x, "extendedKeyUsage",
                    s.server && s.client ? "serverAuth,clientAuth"
                    : s.server           ? "serverAuth"
                                         : "clientAuth");
    if (s.names) {
        OWN(strs_free)
        struct strs list = {0};
        GENERAL_NAMES *sans = NULL;
        strs_split(&list, s.names, " ");
        assert_int_equal(san_from_strs(&list, &sans, NULL), 0);
        assert_int_equal(X509_add1_ext_i2d(x, NID_subject_alt_name, sans, 0, 0), 1);
        GENERAL_NAMES_free(sans);
    }
    EVP_PKEY *signer = s.issuer_key ? s.issuer_key : s.key;
    const EVP_MD *md = s.md ? s.md : EVP_PKEY_is_a(signer, "ED25519") ? NULL : EVP_sha256();
    assert_true(X509_sign(x, signer, md) > 0);
    return x;
}

/*
 * The only private key outside the token. It protects nothing but the first passphrase on its way
 * in, whose finger-print the local console shows; it signs TLS 1.3 handshakes and nothing else.
 */
#include "src/key/boot.h"

#include <openssl/crypto.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/random.h>

#include "crypto/bundle/pem.h"
#include "crypto/ossl.h"
#include "crypto/x509/cert.h"
#include "src/base/time.h"

#define VALID_SECONDS (30 * 24 * 3600)
#define CLOCK_SKEW_SECONDS 3600

DEFINE_OWN(EVP_MD_CTX *, md_ctx, EVP_MD_CTX_free)

static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = x && X509_add_ext(cert, x, -1);
    X509_EXTENSION_free(x);
    return ok;
}

static bool fill(X509 *cert, EVP_PKEY *key)
{
    uint8_t serial[16];
    if (getrandom(serial, sizeof serial, 0) != (ssize_t)sizeof serial)
        return false;
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40); /* positive and of full length */
    ASN1_STRING *number = (ASN1_STRING *)X509_get_serialNumber(cert);
    X509_NAME *name = X509_get_subject_name(cert);
    int64_t now = now_s();
    return X509_set_version(cert, X509_VERSION_3) &&
           ASN1_STRING_set(number, serial, sizeof serial) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"certkeep", -1,
                                      -1, 0) &&
           X509_set_issuer_name(cert, name) &&
           ASN1_TIME_set(X509_getm_notBefore(cert), now - CLOCK_SKEW_SECONDS) &&
           ASN1_TIME_set(X509_getm_notAfter(cert), now + VALID_SECONDS) &&
           X509_set_pubkey(cert, key) &&
           add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
           add_extension(cert, NID_ext_key_usage, "serverAuth") &&
           add_extension(cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
}

static int certify(struct boot *b, struct err *e)
{
    OWN(own_x509)
    X509 *cert = X509_new();
    OWN(buf_free)
    struct buf der = BUF(CERT_MAX_BYTES);
    if (!cert || !fill(cert, b->key) || !X509_sign(cert, b->key, EVP_sha256()))
        return err_openssl(e, ERR_CRYPTO, "boot certificate");
    if (cert_der(cert, &der, e) < 0 || cert_spki(cert, &b->spki, e) < 0)
        return -1;
    pem_write(&b->cert_pem, "CERTIFICATE", buf_blob(&der));
    return buf_check(&b->cert_pem, "boot certificate", e);
}

static int name_it(struct boot *b, struct err *e)
{
    uint8_t random[ENVELOPE_ID_BYTES + MAC_BYTES];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return err_sys(e, "getrandom");
    struct envelope env = {
        .kind = ENVELOPE_BOOT,
        .alg = KEY_P256,
        .policy = KEY_POLICY_TOKEN,
        .purposes = PURPOSE_TLS_SERVER,
        .label = "boot identity",
        .spki = buf_blob(&b->spki),
        .body = BLOB(random, ENVELOPE_ID_BYTES),
    };
    if (envelope_write(&env, &b->envelope, e) < 0)
        return -1;
    buf_add(&b->envelope, random + ENVELOPE_ID_BYTES, MAC_BYTES);
    if (buf_check(&b->envelope, "boot identity", e) < 0)
        return -1;
    return envelope_parse(buf_blob(&b->envelope), &b->parsed, e);
}

int boot_make(struct boot *b, struct err *e)
{
    if (b->key)
        return 0;
    *b = (struct boot){
        .key = EVP_EC_gen("P-256"),
        .envelope = BUF(ENVELOPE_MAX_BYTES),
        .spki = BUF(ENVELOPE_SPKI_MAX),
        .cert_pem = BUF(CERT_MAX_BYTES),
    };
    if (!b->key)
        return err_openssl(e, ERR_CRYPTO, "boot key");
    if (certify(b, e) < 0 || name_it(b, e) < 0) {
        boot_done(b);
        return -1;
    }
    return 0;
}

bool boot_is(const struct boot *b, struct blob envelope)
{
    return b->key && envelope.n == b->envelope.n &&
           CRYPTO_memcmp(envelope.p, b->envelope.p, envelope.n) == 0;
}

int boot_sign(const struct boot *b, enum sign_scheme scheme, struct blob tbs, struct buf *signature,
              struct err *e)
{
    if (scheme != SIGN_ECDSA_SHA256)
        return err_set(e, ERR_INPUT, "scheme: the boot identity signs ECDSA with SHA-256 only");
    uint8_t out[80];
    size_t n = sizeof out;
    OWN(own_md_ctx)
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (!md || EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, b->key) <= 0 ||
        EVP_DigestSign(md, out, &n, tbs.p, tbs.n) <= 0)
        return err_openssl(e, ERR_CRYPTO, "boot identity: sign");
    buf_add(signature, out, n);
    return buf_check(signature, "signature", e);
}

void boot_done(struct boot *b)
{
    EVP_PKEY_free(b->key);
    buf_free(&b->envelope);
    buf_free(&b->spki);
    buf_free(&b->cert_pem);
    *b = (struct boot){0};
}

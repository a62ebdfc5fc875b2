/*
 * Public keys from the token's attributes. Elliptic keys are a fixed prefix and the point, so no
 * parser is needed; refuses points of another length than the curve's.
 */
#include "crypto/pkcs11/spki.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

#include "src/base/own.h"

DEFINE_OWN(EVP_PKEY *, evp_key, EVP_PKEY_free)
DEFINE_OWN(EVP_PKEY_CTX *, evp_ctx, EVP_PKEY_CTX_free)
DEFINE_OWN(OSSL_PARAM_BLD *, bld, OSSL_PARAM_BLD_free)
DEFINE_OWN(OSSL_PARAM *, params, OSSL_PARAM_free)
DEFINE_OWN(BIGNUM *, bn, BN_free)

/* SEQUENCE { SEQUENCE { algorithm, curve }, BIT STRING }, up to the point itself. */
static const uint8_t p256_prefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
static const uint8_t p384_prefix[] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                      0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                      0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00};
static const uint8_t ed25519_prefix[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                         0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

static const struct {
    enum key_alg alg;
    const uint8_t *prefix;
    size_t prefix_n;
    size_t point_n;
    int first; /* of an uncompressed point (SEC 1, 2.3.3), or -1 */
} curves[] = {
    {KEY_P256, p256_prefix, sizeof p256_prefix, 65, 4},
    {KEY_P384, p384_prefix, sizeof p384_prefix, 97, 4},
    {KEY_ED25519, ed25519_prefix, sizeof ed25519_prefix, 32, -1},
};

static int elliptic(struct token *t, size_t curve, CK_OBJECT_HANDLE key, struct buf *spki,
                    struct err *e)
{
    OWN(buf_free)
    struct buf raw = BUF(256);
    if (object_read(t, key, CKA_EC_POINT, &raw, e) < 0)
        return -1;
    size_t want = curves[curve].point_n;
    const uint8_t *point = raw.p;
    /* PKCS#11 wants the point inside an OCTET STRING; some modules give it bare. */
    if (raw.n == want + 2 && point[0] == 0x04 && point[1] == want)
        point += 2;
    else if (raw.n != want)
        return err_set(e, ERR_TOKEN, "the token's public point has %zu bytes, expected %zu", raw.n,
                       want);
    if (curves[curve].first >= 0 && point[0] != curves[curve].first)
        return err_set(e, ERR_TOKEN, "the token's public point is not uncompressed");
    buf_add(spki, curves[curve].prefix, curves[curve].prefix_n);
    buf_add(spki, point, want);
    return buf_check(spki, "public key", e);
}

static EVP_PKEY *rsa_from(const struct buf *modulus, const struct buf *exponent)
{
    OWN(own_bn)
    BIGNUM *n = BN_bin2bn(modulus->p, (int)modulus->n, NULL);
    OWN(own_bn)
    BIGNUM *x = BN_bin2bn(exponent->p, (int)exponent->n, NULL);
    OWN(own_bld)
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    if (!n || !x || !bld || !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) ||
        !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, x))
        return NULL;
    OWN(own_params)
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    OWN(own_evp_ctx)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        return NULL;
    return key;
}

static int rsa(struct token *t, CK_OBJECT_HANDLE key, struct buf *spki, struct err *e)
{
    OWN(buf_free)
    struct buf modulus = BUF(1024);
    OWN(buf_free)
    struct buf exponent = BUF(64);
    if (object_read(t, key, CKA_MODULUS, &modulus, e) < 0 ||
        object_read(t, key, CKA_PUBLIC_EXPONENT, &exponent, e) < 0)
        return -1;
    OWN(own_evp_key)
    EVP_PKEY *evp = rsa_from(&modulus, &exponent);
    uint8_t *der = NULL;
    int n = evp ? i2d_PUBKEY(evp, &der) : -1;
    if (n <= 0)
        return err_set(e, ERR_TOKEN, "the token's RSA public key is not usable");
    buf_add(spki, der, (size_t)n);
    OPENSSL_free(der);
    return buf_check(spki, "public key", e);
}

int spki_of_public_key(struct token *t, enum key_alg alg, CK_OBJECT_HANDLE public_key,
                       struct buf *spki, struct err *e)
{
    for (size_t i = 0; i < COUNT(curves); i++) {
        if (curves[i].alg == alg)
            return elliptic(t, i, public_key, spki, e);
    }
    return rsa(t, public_key, spki, e);
}

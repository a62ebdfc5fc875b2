/* JWS for ACME (acme_jws.h). Keys are never here: ES256 signatures come from a callback. */
#include "src/ca/acme_jws.h"

#include <openssl/ec.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "crypto/ossl.h"
#include "src/base/enc.h"

#define JWS_MAX_BYTES (128 * 1024)
#define HALF 32

DEFINE_OWN(ECDSA_SIG *, ecdsa_sig, ECDSA_SIG_free)

/* SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480): this, then x and y. */
static const uint8_t p256_prefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

int jws_jwk(struct blob spki, struct buf *out, struct err *e)
{
    const uint8_t *p = spki.p;

    if (spki.n != sizeof(p256_prefix) + 2 * HALF ||
        memcmp(p, p256_prefix, sizeof(p256_prefix)) != 0)
        return err_set(e, ERR_BUG, "the account key is not a P-256 key");
    p += sizeof(p256_prefix);
    buf_add_str(out, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
    enc_base64url(out, BLOB(p, HALF));
    buf_add_str(out, "\",\"y\":\"");
    enc_base64url(out, BLOB(p + HALF, HALF));
    buf_add_str(out, "\"}");
    return buf_check(out, "JWK", e);
}

int jws_thumbprint(struct blob spki, char out[JWS_THUMBPRINT_CHARS + 1], struct err *e)
{
    OWN(buf_free)
    struct buf jwk = BUF(512);
    OWN(buf_free)
    struct buf text = BUF(64);
    uint8_t hash[32];

    if (jws_jwk(spki, &jwk, e) < 0 || sha256(buf_blob(&jwk), hash, e) < 0)
        return -1;
    enc_base64url(&text, BLOB(hash, sizeof(hash)));
    return str_copy(out, JWS_THUMBPRINT_CHARS + 1, buf_cstr(&text), e);
}

int jws_raw_signature(struct blob der, uint8_t raw[JWS_RAW_BYTES], struct err *e)
{
    const unsigned char *p = der.p;
    const BIGNUM *r, *s;
    OWN(own_ecdsa_sig)
    ECDSA_SIG *sig = der.n <= 128 ? d2i_ECDSA_SIG(NULL, &p, (long)der.n) : NULL;

    if (!sig || p != (const unsigned char *)der.p + der.n)
        return err_openssl(e, ERR_CRYPTO, "ECDSA signature");
    ECDSA_SIG_get0(sig, &r, &s);
    if (BN_is_negative(r) || BN_is_negative(s) || BN_bn2binpad(r, raw, HALF) != HALF ||
        BN_bn2binpad(s, raw + HALF, HALF) != HALF)
        return err_openssl(e, ERR_CRYPTO, "ECDSA signature of another size than P-256");
    return 0;
}

/* The signing input (RFC 7515, 5.1): two base64url parts and a dot. */
static int signing_input(const json_t *header, struct blob payload, struct buf *out, struct err *e)
{
    OWN(buf_free)
    struct buf text = BUF(JWS_MAX_BYTES);

    if (json_print(header, &text, e) < 0)
        return -1;
    enc_base64url(out, buf_blob(&text));
    buf_addc(out, '.');
    enc_base64url(out, payload);
    return buf_check(out, "JWS", e);
}

/* {"protected":..,"payload":..,"signature":..}: all three are base64url, so nothing needs escapes.
 */
static int serialize(const struct buf *input, struct blob signature, struct buf *out, struct err *e)
{
    const uint8_t *dot = memchr(input->p, '.', input->n);
    const size_t head = (size_t)(dot - input->p);

    buf_add_str(out, "{\"protected\":\"");
    buf_add(out, input->p, head);
    buf_add_str(out, "\",\"payload\":\"");
    buf_add(out, dot + 1, input->n - head - 1);
    buf_add_str(out, "\",\"signature\":\"");
    enc_base64url(out, signature);
    buf_add_str(out, "\"}");
    return buf_check(out, "JWS", e);
}

static int put_jwk(json_t *header, const char *jwk, struct err *e)
{
    json_t *key = json_parse(blob_str(jwk), 512, "JWK", e);

    if (!key)
        return -1;
    json_put_take(header, "jwk", key);
    return 0;
}

int jws_sign(const struct jws *j, jws_sign_fn sign, void *arg, struct buf *out, struct err *e)
{
    OWN(own_json)
    json_t *header = json_object();
    OWN(buf_free)
    struct buf input = BUF(JWS_MAX_BYTES);
    OWN(buf_free)
    struct buf der = BUF(256);
    uint8_t raw[JWS_RAW_BYTES];

    json_put_str(header, "alg", "ES256");
    if (j->kid)
        json_put_str(header, "kid", j->kid);
    else if (put_jwk(header, j->jwk, e) < 0)
        return -1;
    json_put_str(header, "nonce", j->nonce);
    json_put_str(header, "url", j->url);
    if (signing_input(header, j->payload, &input, e) < 0 ||
        sign(arg, buf_blob(&input), &der, e) < 0 || jws_raw_signature(buf_blob(&der), raw, e) < 0)
        return err_wrap(e, "JWS");
    return serialize(&input, BLOB(raw, sizeof(raw)), out, e);
}

int jws_bind(const char *kid, struct blob hmac_key, const char *url, const char *jwk,
             struct buf *out, struct err *e)
{
    OWN(own_json)
    json_t *header = json_object();
    OWN(buf_free)
    struct buf input = BUF(JWS_MAX_BYTES);
    uint8_t mac[32];

    json_put_str(header, "alg", "HS256");
    json_put_str(header, "kid", kid);
    json_put_str(header, "url", url);
    if (signing_input(header, blob_str(jwk), &input, e) < 0 ||
        hmac_sha256(hmac_key, buf_blob(&input), mac, e) < 0)
        return err_wrap(e, "external account binding");
    return serialize(&input, BLOB(mac, sizeof(mac)), out, e);
}

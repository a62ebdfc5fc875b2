/* HPKE by OpenSSL's OSSL_HPKE; one message per encapsulation, so the sequence number is always 0.
 */
#include "crypto/hpke.h"

#include <openssl/hpke.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"

#define ENC_BYTES 32
#define TAG_BYTES 16
#define PLAIN_MAX (1024 * 1024)

static const OSSL_HPKE_SUITE suite = {
    .kem_id = OSSL_HPKE_KEM_ID_X25519,
    .kdf_id = OSSL_HPKE_KDF_ID_HKDF_SHA256,
    .aead_id = OSSL_HPKE_AEAD_ID_AES_GCM_256,
};

struct hpke_key {
    EVP_PKEY *pkey;
    uint8_t pub[ENC_BYTES];
};

DEFINE_OWN(OSSL_HPKE_CTX *, hpke_ctx, OSSL_HPKE_CTX_free)

int hpke_key_new(struct hpke_key **out, struct err *e)
{
    struct hpke_key *k = xcalloc(1, sizeof *k);
    size_t n = sizeof k->pub;
    if (OSSL_HPKE_keygen(suite, k->pub, &n, &k->pkey, NULL, 0, NULL, NULL) != 1 ||
        n != sizeof k->pub) {
        hpke_key_free(k);
        return err_openssl(e, ERR_CRYPTO, "HPKE key generation");
    }
    *out = k;
    return 0;
}

void hpke_key_free(struct hpke_key *k)
{
    if (!k)
        return;
    EVP_PKEY_free(k->pkey);
    free(k);
}

int hpke_public(const struct hpke_key *k, struct buf *out, struct err *e)
{
    buf_add(out, k->pub, sizeof k->pub);
    return buf_check(out, "HPKE public key", e);
}

int hpke_seal(struct blob recipient, const char *info, struct blob plain, struct buf *sealed,
              struct err *e)
{
    if (recipient.n != ENC_BYTES)
        return err_set(e, ERR_INPUT, "HPKE public key has %zu bytes, expected %d", recipient.n,
                       ENC_BYTES);
    if (plain.n < 1 || plain.n > PLAIN_MAX)
        return err_set(e, ERR_LIMIT, "%zu bytes to seal, expected 1 to %d", plain.n, PLAIN_MAX);
    OWN(own_hpke_ctx)
    OSSL_HPKE_CTX *ctx =
        OSSL_HPKE_CTX_new(OSSL_HPKE_MODE_BASE, suite, OSSL_HPKE_ROLE_SENDER, NULL, NULL);
    uint8_t enc[ENC_BYTES];
    size_t enc_n = sizeof enc, cipher_n = plain.n + TAG_BYTES;
    OWN(own_mem)
    uint8_t *cipher = xmalloc(cipher_n);
    if (!ctx ||
        OSSL_HPKE_encap(ctx, enc, &enc_n, recipient.p, recipient.n, (const uint8_t *)info,
                        strlen(info)) != 1 ||
        OSSL_HPKE_seal(ctx, cipher, &cipher_n, NULL, 0, plain.p, plain.n) != 1)
        return err_openssl(e, ERR_CRYPTO, "HPKE seal");
    buf_add(sealed, enc, enc_n);
    buf_add(sealed, cipher, cipher_n);
    return buf_check(sealed, "sealed bytes", e);
}

int hpke_open(const struct hpke_key *k, const char *info, struct blob sealed, struct secret *plain,
              struct err *e)
{
    if (sealed.n <= ENC_BYTES + TAG_BYTES || sealed.n > ENC_BYTES + PLAIN_MAX + TAG_BYTES)
        return err_set(e, ERR_INPUT, "sealed bytes: %zu is not a possible length", sealed.n);
    const uint8_t *enc = sealed.p, *cipher = enc + ENC_BYTES;
    size_t cipher_n = sealed.n - ENC_BYTES;
    OWN(own_hpke_ctx)
    OSSL_HPKE_CTX *ctx =
        OSSL_HPKE_CTX_new(OSSL_HPKE_MODE_BASE, suite, OSSL_HPKE_ROLE_RECEIVER, NULL, NULL);
    OWN(secret_free)
    struct secret room = {0};
    if (secret_new(&room, cipher_n - TAG_BYTES, e) < 0)
        return -1;
    size_t plain_n = room.n;
    if (!ctx ||
        OSSL_HPKE_decap(ctx, enc, ENC_BYTES, k->pkey, (const uint8_t *)info, strlen(info)) != 1 ||
        OSSL_HPKE_open(ctx, room.p, &plain_n, NULL, 0, cipher, cipher_n) != 1 || plain_n != room.n)
        return err_openssl(e, ERR_CRYPTO, "HPKE open: not sealed to this key in this context");
    *plain = room;
    room = (struct secret){0};
    return 0;
}

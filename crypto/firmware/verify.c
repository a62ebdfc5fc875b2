/* The verifier of slot blocks. Both signatures are always checked, ECDSA first. */
#include "crypto/firmware/verify.h"

#include <mbedtls/lms.h>
#include <string.h>

#define LMS_ID_AT 8u /* in a public key: behind both types (RFC 8554, 5.3) */
#define ECDSA_AT MANIFEST_BYTES
#define LMS_AT (ECDSA_AT + ECDSA_SIGNATURE_BYTES)
#define ZERO_AT (LMS_AT + LMS_SIGNATURE_BYTES)

static int lms_import(mbedtls_lms_public_t *key, const uint8_t *p)
{
    return mbedtls_lms_import_public_key(key, p, LMS_KEY_BYTES);
}

static bool lms_key_valid(const uint8_t *p)
{
    mbedtls_lms_public_t key;

    mbedtls_lms_public_init(&key);
    int status = lms_import(&key, p);
    mbedtls_lms_public_free(&key);
    return status == 0;
}

static psa_status_t ecdsa_import(const uint8_t *p, psa_key_id_t *id)
{
    psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;

    psa_set_key_type(&a, PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&a, 384);
    psa_set_key_usage_flags(&a, PSA_KEY_USAGE_VERIFY_MESSAGE);
    psa_set_key_algorithm(&a, PSA_ALG_ECDSA(PSA_ALG_SHA_384));
    return psa_import_key(&a, p, ECDSA_KEY_BYTES, id);
}

int trust_parse(const uint8_t *p, size_t n, struct trust *out, struct err *e)
{
    struct trust t = {0};

    if (n == 0 || n > TRUST_BYTES_MAX || n % TRUST_PAIR_BYTES != 0)
        return err_set(e, ERR_INPUT, "trusted keys: %zu bytes, expected 1 to %u pairs of %u", n,
                       TRUST_PAIRS_MAX, TRUST_PAIR_BYTES);
    for (; t.n < n / TRUST_PAIR_BYTES; t.n++) {
        const uint8_t *pair = p + t.n * TRUST_PAIR_BYTES;
        psa_key_id_t id = PSA_KEY_ID_NULL;
        psa_status_t status = ecdsa_import(pair, &id);
        psa_destroy_key(id);
        if (status != PSA_SUCCESS)
            return err_set(e, ERR_INPUT, "trusted keys: pair %zu: not a point of P-384", t.n + 1);
        if (!lms_key_valid(pair + ECDSA_KEY_BYTES))
            return err_set(e, ERR_INPUT,
                           "trusted keys: pair %zu: not an LMS_SHA256_M32_H10 key with "
                           "LMOTS_SHA256_N32_W8",
                           t.n + 1);
        for (size_t i = 0; i < t.n; i++)
            if (memcmp(t.pairs[i].lms + LMS_ID_AT, pair + ECDSA_KEY_BYTES + LMS_ID_AT,
                       MANIFEST_SIGNER_BYTES) == 0)
                return err_set(e, ERR_INPUT, "trusted keys: pairs %zu and %zu have one identifier",
                               i + 1, t.n + 1);
        memcpy(t.pairs[t.n].ecdsa, pair, ECDSA_KEY_BYTES);
        memcpy(t.pairs[t.n].lms, pair + ECDSA_KEY_BYTES, LMS_KEY_BYTES);
    }
    *out = t;
    return 0;
}

static bool ecdsa_holds(const uint8_t *key, const uint8_t *manifest, const uint8_t *signature)
{
    psa_key_id_t id = PSA_KEY_ID_NULL;

    if (ecdsa_import(key, &id) != PSA_SUCCESS)
        return false;
    psa_status_t status = psa_verify_message(id, PSA_ALG_ECDSA(PSA_ALG_SHA_384), manifest,
                                             MANIFEST_BYTES, signature, ECDSA_SIGNATURE_BYTES);
    psa_destroy_key(id);
    return status == PSA_SUCCESS;
}

static bool lms_holds(const uint8_t *key, const uint8_t *manifest, const uint8_t *signature)
{
    mbedtls_lms_public_t pub;

    mbedtls_lms_public_init(&pub);
    bool holds =
        lms_import(&pub, key) == 0 &&
        mbedtls_lms_verify(&pub, manifest, MANIFEST_BYTES, signature, LMS_SIGNATURE_BYTES) == 0;
    mbedtls_lms_public_free(&pub);
    return holds;
}

int slot_verify(const struct trust *t, const uint8_t block[SLOT_BLOCK_BYTES], struct manifest *out,
                struct err *e)
{
    struct manifest m;

    if (manifest_parse(block, &m, e) < 0)
        return -1;
    if (!all_zero(block + ZERO_AT, SLOT_BLOCK_BYTES - ZERO_AT))
        return err_set(e, ERR_INPUT, "slot block: the bytes behind the signatures are not zero");

    size_t i = 0;
    while (i < t->n && memcmp(t->pairs[i].lms + LMS_ID_AT, m.signer, MANIFEST_SIGNER_BYTES) != 0)
        i++;
    if (i == t->n)
        return err_set(e, ERR_CRYPTO, "signed by a key pair that is not trusted here");

    bool ecdsa = ecdsa_holds(t->pairs[i].ecdsa, block, block + ECDSA_AT);
    bool lms = lms_holds(t->pairs[i].lms, block, block + LMS_AT);
    if (!ecdsa || !lms)
        return err_set(e, ERR_CRYPTO, "%s: it was changed, or signed by another key",
                       ecdsa ? "the LMS signature does not hold"
                       : lms ? "the ECDSA P-384 signature does not hold"
                             : "neither the ECDSA P-384 nor the LMS signature holds");
    *out = m;
    return 0;
}

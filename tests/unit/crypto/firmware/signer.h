/*
 * A signer for tests: an ECDSA P-384 key and an LMS key (RFC 8554). Of the 1,024 leaves of the tree
 * only the first few are one-time keys, the others are random bytes: no verifier can tell, and a
 * key is made in milliseconds. tools/sign/lms.py is the real one.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/firmware/verify.h"

#define SIGNER_LEAVES 12u
#define LMS_LEAVES 1024u
#define LMS_CHAINS 34u

struct signer {
    psa_key_id_t ecdsa;
    uint8_t id[MANIFEST_SIGNER_BYTES];
    uint8_t seed[32];
    uint8_t node[2 * LMS_LEAVES][32];
    uint32_t next;
    uint8_t pair[TRUST_PAIR_BYTES];
};

static inline void must(psa_status_t status)
{
    assert_int_equal(status, PSA_SUCCESS);
}

/* SHA-256(I, number, tag, data). */
static inline void lms_hash(const struct signer *s, uint32_t number, const void *tag, size_t tag_n,
                            const void *data, size_t n, uint8_t out[32])
{
    psa_hash_operation_t h = PSA_HASH_OPERATION_INIT;
    uint8_t q[4];
    size_t got;

    put_u32(q, number);
    must(psa_hash_setup(&h, PSA_ALG_SHA_256));
    must(psa_hash_update(&h, s->id, sizeof(s->id)));
    must(psa_hash_update(&h, q, sizeof(q)));
    must(psa_hash_update(&h, tag, tag_n));
    must(psa_hash_update(&h, data, n));
    must(psa_hash_finish(&h, out, 32, &got));
}

/* The first `steps` steps of chain i of leaf q. */
static inline void lms_chain(const struct signer *s, uint32_t q, uint8_t i, unsigned steps,
                             uint8_t out[32])
{
    uint8_t tag[3] = {0, i, 0xff};

    lms_hash(s, q, tag, 3, s->seed, 32, out);
    for (unsigned j = 0; j < steps; j++) {
        tag[2] = (uint8_t)j;
        lms_hash(s, q, tag, 3, out, 32, out);
    }
}

static inline void signer_make(struct signer *s)
{
    psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;
    uint8_t ends[LMS_CHAINS * 32];
    size_t n;

    *s = (struct signer){0};
    psa_set_key_type(&a, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&a, 384);
    psa_set_key_usage_flags(&a, PSA_KEY_USAGE_SIGN_MESSAGE);
    psa_set_key_algorithm(&a, PSA_ALG_ECDSA(PSA_ALG_SHA_384));
    must(psa_generate_key(&a, &s->ecdsa));
    must(psa_export_public_key(s->ecdsa, s->pair, ECDSA_KEY_BYTES, &n));
    must(psa_generate_random(s->id, sizeof(s->id)));
    must(psa_generate_random(s->seed, sizeof(s->seed)));
    must(psa_generate_random(s->node[LMS_LEAVES], 32 * LMS_LEAVES));
    for (uint32_t q = 0; q < SIGNER_LEAVES; q++) {
        uint8_t k[32];
        for (uint8_t i = 0; i < LMS_CHAINS; i++)
            lms_chain(s, q, i, 255, ends + 32 * (size_t)i);
        lms_hash(s, q, "\x80\x80", 2, ends, sizeof(ends), k);
        lms_hash(s, LMS_LEAVES + q, "\x82\x82", 2, k, 32, s->node[LMS_LEAVES + q]);
    }
    for (uint32_t r = LMS_LEAVES - 1; r > 0; r--)
        lms_hash(s, r, "\x83\x83", 2, s->node[2 * r], 64, s->node[r]);
    uint8_t *lms = s->pair + ECDSA_KEY_BYTES;
    put_u32(lms, 6);
    put_u32(lms + 4, 4);
    memcpy(lms + 8, s->id, sizeof(s->id));
    memcpy(lms + 24, s->node[1], 32);
}

static inline void signer_free(struct signer *s)
{
    psa_destroy_key(s->ecdsa);
}

static inline void signer_lms(struct signer *s, const uint8_t manifest[MANIFEST_BYTES],
                              uint8_t out[LMS_SIGNATURE_BYTES])
{
    uint32_t q = s->next++;
    uint8_t tagged[34] = {0x81, 0x81};
    uint8_t digits[34];
    unsigned sum = 0;

    assert_true(q < SIGNER_LEAVES);
    put_u32(out, q);
    put_u32(out + 4, 4);
    must(psa_generate_random(out + 8, 32));
    memcpy(tagged + 2, out + 8, 32);
    lms_hash(s, q, tagged, sizeof(tagged), manifest, MANIFEST_BYTES, digits);
    for (int i = 0; i < 32; i++)
        sum += 255u - digits[i];
    digits[32] = (uint8_t)(sum >> 8);
    digits[33] = (uint8_t)sum;
    for (uint8_t i = 0; i < LMS_CHAINS; i++)
        lms_chain(s, q, i, digits[i], out + 40 + 32 * (size_t)i);
    uint8_t *path = out + 40 + 32 * LMS_CHAINS;
    put_u32(path, 6);
    for (uint32_t level = 0; level < 10; level++)
        memcpy(path + 4 + 32 * level, s->node[((LMS_LEAVES + q) >> level) ^ 1], 32);
}

/* Puts the signer into the manifest and signs it. */
static inline void signer_block(struct signer *s, uint8_t manifest[MANIFEST_BYTES],
                                uint8_t block[SLOT_BLOCK_BYTES])
{
    size_t n;

    memcpy(manifest + 280, s->id, sizeof(s->id));
    memset(block, 0, SLOT_BLOCK_BYTES);
    memcpy(block, manifest, MANIFEST_BYTES);
    must(psa_sign_message(s->ecdsa, PSA_ALG_ECDSA(PSA_ALG_SHA_384), manifest, MANIFEST_BYTES,
                          block + MANIFEST_BYTES, ECDSA_SIGNATURE_BYTES, &n));
    signer_lms(s, manifest, block + MANIFEST_BYTES + ECDSA_SIGNATURE_BYTES);
}

static inline void signer_trust(const struct signer *s, struct trust *t)
{
    struct err e = {0};

    if (trust_parse(s->pair, sizeof(s->pair), t, &e) < 0)
        fail_msg("%s", e.text);
}

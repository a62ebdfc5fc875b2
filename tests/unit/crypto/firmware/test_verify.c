/* Slot blocks: both signatures hold under one trusted pair, or the block is refused. */
#include "tests/unit/crypto/firmware/sample.h"

static struct signer ours;
static struct signer other;
static struct trust trust;
static struct sample *sample;

static int start(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(firmware_start(&e), 0);
    signer_make(&ours);
    signer_make(&other);
    signer_trust(&ours, &trust);
    sample = sample_make("1.0", 1, &ours);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(sample);
    signer_free(&ours);
    signer_free(&other);
    return 0;
}

static void refused(const struct trust *t, const uint8_t *block, enum err_code code,
                    const char *says)
{
    struct manifest m;
    struct err e = {0};
    assert_int_equal(slot_verify(t, block, &m, &e), -1);
    assert_int_equal(e.code, code);
    if (!strstr(e.text, says))
        fail_msg("\"%s\" does not say \"%s\"", e.text, says);
}

static void test_slot_verify_accepts(void **state)
{
    (void)state;
    struct manifest m = {0};
    struct err e = {0};
    if (slot_verify(&trust, sample->head, &m, &e) < 0)
        fail_msg("%s", e.text);
    assert_string_equal(m.version, "1.0");
}

static void test_slot_verify_refuses_every_changed_byte(void **state)
{
    (void)state;
    uint8_t block[SLOT_BLOCK_BYTES];
    struct manifest m;
    memcpy(block, sample->head, sizeof(block));
    for (size_t i = 0; i < sizeof(block); i++) {
        struct err e = {0};
        uint8_t was = block[i];
        block[i] ^= (uint8_t)(1u << (i % 8));
        if (slot_verify(&trust, block, &m, &e) == 0)
            fail_msg("byte %zu may be changed", i);
        block[i] = was;
        if (i >= 512 && i < 608)
            assert_non_null(strstr(e.text, "the ECDSA P-384 signature does not hold"));
        else if (i >= 608 && i < 2060)
            assert_non_null(strstr(e.text, "the LMS signature does not hold"));
        else if (i >= 2060)
            assert_non_null(strstr(e.text, "behind the signatures"));
    }
    struct err e = {0};
    assert_int_equal(slot_verify(&trust, block, &m, &e), 0);
}

static void test_slot_verify_refuses_one_signature(void **state)
{
    (void)state;
    uint8_t mine[SLOT_BLOCK_BYTES];
    uint8_t block[SLOT_BLOCK_BYTES];
    memcpy(mine, sample->head, sizeof(mine));

    memcpy(block, mine, sizeof(block));
    memset(block + 512, 0, ECDSA_SIGNATURE_BYTES);
    refused(&trust, block, ERR_CRYPTO, "the ECDSA P-384 signature does not hold");
    memcpy(block, mine, sizeof(block));
    memset(block + 608, 0, LMS_SIGNATURE_BYTES);
    refused(&trust, block, ERR_CRYPTO, "the LMS signature does not hold");
    memset(block + 512, 0, ECDSA_SIGNATURE_BYTES);
    refused(&trust, block, ERR_CRYPTO, "neither");
}

/* Signatures over the same manifest by another pair, in each of the two places. */
static void test_slot_verify_refuses_the_other_pairs_half(void **state)
{
    (void)state;
    uint8_t foreign[SLOT_BLOCK_BYTES];
    uint8_t block[SLOT_BLOCK_BYTES];
    size_t n;
    memcpy(foreign, sample->head, sizeof(foreign));
    must(psa_sign_message(other.ecdsa, PSA_ALG_ECDSA(PSA_ALG_SHA_384), foreign, MANIFEST_BYTES,
                          foreign + 512, ECDSA_SIGNATURE_BYTES, &n));
    signer_lms(&other, foreign, foreign + 608);

    refused(&trust, foreign, ERR_CRYPTO, "neither");
    memcpy(block, sample->head, sizeof(block));
    memcpy(block + 512, foreign + 512, ECDSA_SIGNATURE_BYTES);
    refused(&trust, block, ERR_CRYPTO, "the ECDSA P-384 signature does not hold");
    memcpy(block, sample->head, sizeof(block));
    memcpy(block + 608, foreign + 608, LMS_SIGNATURE_BYTES);
    refused(&trust, block, ERR_CRYPTO, "the LMS signature does not hold");

    /* Trusted both, but not as a pair. */
    struct trust mixed = trust;
    memcpy(mixed.pairs[0].ecdsa, other.pair, ECDSA_KEY_BYTES);
    refused(&mixed, sample->head, ERR_CRYPTO, "the ECDSA P-384 signature does not hold");
}

static void test_slot_verify_refuses_unknown_signer(void **state)
{
    (void)state;
    uint8_t manifest[MANIFEST_BYTES];
    uint8_t block[SLOT_BLOCK_BYTES];
    memcpy(manifest, sample->manifest, sizeof(manifest));
    signer_block(&other, manifest, block);
    refused(&trust, block, ERR_CRYPTO, "not trusted here");
}

static void test_slot_verify_takes_any_of_the_pairs(void **state)
{
    (void)state;
    uint8_t pairs[2 * TRUST_PAIR_BYTES];
    uint8_t manifest[MANIFEST_BYTES];
    uint8_t block[SLOT_BLOCK_BYTES];
    struct trust both;
    struct manifest m;
    struct err e = {0};
    memcpy(pairs, ours.pair, TRUST_PAIR_BYTES);
    memcpy(pairs + TRUST_PAIR_BYTES, other.pair, TRUST_PAIR_BYTES);
    assert_int_equal(trust_parse(pairs, sizeof(pairs), &both, &e), 0);
    memcpy(manifest, sample->manifest, sizeof(manifest));
    signer_block(&other, manifest, block);
    assert_int_equal(slot_verify(&both, block, &m, &e), 0);
    assert_int_equal(slot_verify(&both, sample->head, &m, &e), 0);
}

static void test_trust_parse_refuses(void **state)
{
    (void)state;
    uint8_t p[5 * TRUST_PAIR_BYTES];
    struct trust t;
    struct err e = {0};
    for (size_t i = 0; i < 5; i++)
        memcpy(p + i * TRUST_PAIR_BYTES, ours.pair, TRUST_PAIR_BYTES);
    assert_int_equal(trust_parse(p, 0, &t, &e), -1);
    assert_int_equal(trust_parse(p, TRUST_PAIR_BYTES - 1, &t, &e), -1);
    assert_int_equal(trust_parse(p, sizeof(p), &t, &e), -1);
    assert_non_null(strstr(e.text, "1 to 4 pairs"));
    assert_int_equal(trust_parse(p, 2 * TRUST_PAIR_BYTES, &t, &e), -1);
    assert_non_null(strstr(e.text, "pairs 1 and 2 have one identifier"));
    p[40] ^= 1;
    assert_int_equal(trust_parse(p, TRUST_PAIR_BYTES, &t, &e), -1);
    assert_non_null(strstr(e.text, "not a point of P-384"));
    p[40] ^= 1;
    p[ECDSA_KEY_BYTES + 3] = 5; /* height 5 */
    assert_int_equal(trust_parse(p, TRUST_PAIR_BYTES, &t, &e), -1);
    assert_non_null(strstr(e.text, "LMS_SHA256_M32_H10"));
    p[ECDSA_KEY_BYTES + 3] = 6;
    p[ECDSA_KEY_BYTES + 7] = 3; /* w = 4 */
    assert_int_equal(trust_parse(p, TRUST_PAIR_BYTES, &t, &e), -1);
    assert_non_null(strstr(e.text, "LMOTS_SHA256_N32_W8"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slot_verify_accepts),
        cmocka_unit_test(test_slot_verify_refuses_every_changed_byte),
        cmocka_unit_test(test_slot_verify_refuses_one_signature),
        cmocka_unit_test(test_slot_verify_refuses_the_other_pairs_half),
        cmocka_unit_test(test_slot_verify_refuses_unknown_signer),
        cmocka_unit_test(test_slot_verify_takes_any_of_the_pairs),
        cmocka_unit_test(test_trust_parse_refuses),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

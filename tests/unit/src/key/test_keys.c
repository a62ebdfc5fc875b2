/* Keys through the whole service on a real token: make, use, lose, export. */
#include <openssl/pem.h>

#include "crypto/hpke.h"
#include "src/key/export.h"
#include "tests/unit/src/key/vault.h"

static void test_keys_generate_and_sign_every_policy(void **state)
{
    (void)state;
    static const struct {
        enum key_alg alg;
        enum key_policy policy, becomes;
        enum sign_scheme scheme;
    } cases[] = {
        {KEY_P256, KEY_POLICY_TOKEN, KEY_POLICY_TOKEN, SIGN_ECDSA_SHA256},
        {KEY_P256, KEY_POLICY_SEALED, KEY_POLICY_SEALED, SIGN_ECDSA_SHA256},
        {KEY_P256, KEY_POLICY_DEPLOYABLE, KEY_POLICY_DEPLOYABLE, SIGN_ECDSA_SHA256},
        {KEY_RSA_2048, KEY_POLICY_SEALED, KEY_POLICY_SEALED, SIGN_RSA_PKCS1_SHA256},
        {KEY_ED25519, KEY_POLICY_SEALED, KEY_POLICY_TOKEN, SIGN_ED25519},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e = {0};
        OWN(made_free)
        struct made m = make(cases[i].alg, cases[i].policy, PURPOSE_CSR);
        assert_int_equal(m.policy, cases[i].becomes);
        for (int round = 0; round < 3; round++) {
            if (sign_csr(&m, cases[i].scheme, &e) < 0)
                fail_msg("case %zu: %s", i, e.text);
        }
        assert_int_equal(keys_destroy(&vault, buf_blob(&m.envelope), &e), 0);
        assert_int_equal(keys_destroy(&vault, buf_blob(&m.envelope), &e), 0);
        /* A token object is gone for good. */
        if (m.policy == KEY_POLICY_TOKEN)
            assert_int_equal(sign_csr(&m, cases[i].scheme, &e), -1);
    }
}

static void test_keys_generate_refuses_nonsense(void **state)
{
    (void)state;
    static const struct keys_request bad[] = {
        {99, KEY_POLICY_TOKEN, PURPOSE_CSR, "x"},
        {KEY_P256, 0, PURPOSE_CSR, "x"},
        {KEY_P256, 4, PURPOSE_CSR, "x"},
        {KEY_P256, KEY_POLICY_SEALED, 0, "x"},
        {KEY_P256, KEY_POLICY_SEALED, 1u << 30, "x"},
        {KEY_P256, KEY_POLICY_SEALED, PURPOSE_CSR, ""},
        {KEY_P256, KEY_POLICY_SEALED, PURPOSE_CSR, "a\nb"},
        {KEY_P256, KEY_POLICY_DEPLOYABLE, PURPOSE_CERT, "x"},
        {KEY_P256, KEY_POLICY_DEPLOYABLE, PURPOSE_CSR | PURPOSE_TLS_SERVER, "x"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct err e = {0};
        OWN(buf_free)
        struct buf envelope = BUF(ENVELOPE_MAX_BYTES);
        OWN(buf_free)
        struct buf spki = BUF(ENVELOPE_SPKI_MAX);
        enum key_policy policy;
        assert_int_equal(keys_generate(&vault, &bad[i], &envelope, &spki, &policy, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
    }
}

static void test_keys_sign_refuses_flipped_envelope_and_caller(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(made_free)
    struct made m = make(KEY_P256, KEY_POLICY_SEALED, PURPOSE_CSR);
    assert_int_equal(sign_csr(&m, SIGN_ECDSA_SHA256, &e), 0); /* now it is in the cache */
    for (size_t i = 0; i < m.envelope.n; i++) {
        m.envelope.p[i] ^= 0x10;
        e = (struct err){0};
        assert_int_equal(sign_csr(&m, SIGN_ECDSA_SHA256, &e), -1);
        assert_int_equal(e.code, ERR_DENIED);
        m.envelope.p[i] ^= 0x10;
    }
    OWN(buf_free)
    struct buf sig = BUF(SIGNATURE_MAX_BYTES);
    assert_int_equal(keys_sign(&vault, PROC_WEB, PURPOSE_CSR, SIGN_ECDSA_SHA256,
                               buf_blob(&m.envelope), blob_str("x"), &sig, &e),
                     -1);
    assert_int_equal(e.code, ERR_DENIED);
    assert_int_equal(sig.n, 0);
}

static void test_keys_sign_after_sessions_were_killed(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(made_free)
    struct made sealed = make(KEY_P256, KEY_POLICY_SEALED, PURPOSE_CSR);
    OWN(made_free)
    struct made token = make(KEY_P256, KEY_POLICY_TOKEN, PURPOSE_CSR);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(sign_csr(&sealed, SIGN_ECDSA_SHA256, &e), 0);
        assert_int_equal(sign_csr(&token, SIGN_ECDSA_SHA256, &e), 0);
        assert_int_equal(vault.module.f->C_CloseAllSessions(vault.token.slot), CKR_OK);
        struct made *first = round % 2 ? &sealed : &token;
        if (sign_csr(first, SIGN_ECDSA_SHA256, &e) < 0)
            fail_msg("%s", e.text);
    }
}

static void test_cache_is_bounded_and_evicted_keys_come_back(void **state)
{
    (void)state;
    struct err e = {0};
    struct made keys[6];
    vault.cache.limit = 3;
    for (size_t i = 0; i < COUNT(keys); i++) {
        keys[i] = make(KEY_P256, KEY_POLICY_SEALED, PURPOSE_CSR);
        assert_int_equal(sign_csr(&keys[i], SIGN_ECDSA_SHA256, &e), 0);
    }
    assert_true(vault.cache.n <= COUNT(keys));
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_int_equal(sign_csr(&keys[i], SIGN_ECDSA_SHA256, &e), 0);
        assert_int_equal(vault.cache.n, 3);
    }
    for (size_t i = 0; i < COUNT(keys); i++)
        made_free(&keys[i]);
    vault.cache.limit = 0;
}

static int export_to(const struct made *m, const struct hpke_key *worker, struct blob chain,
                     struct buf *sealed, struct err *e)
{
    OWN(buf_free)
    struct buf recipient = BUF(64);
    assert_int_equal(hpke_public(worker, &recipient, e), 0);
    const struct export_request want = {buf_blob(&m->envelope), "pem", chain, "job/1/key",
                                        buf_blob(&recipient)};
    return export_key(&vault, &want, sealed, e);
}

static void test_export_key_matches_its_public_half(void **state)
{
    (void)state;
    static const enum key_alg algs[] = {KEY_P256, KEY_P384, KEY_RSA_2048};
    struct hpke_key *worker = NULL;
    struct err e = {0};
    assert_int_equal(hpke_key_new(&worker, &e), 0);
    for (size_t i = 0; i < COUNT(algs); i++) {
        OWN(made_free)
        struct made m = make(algs[i], KEY_POLICY_DEPLOYABLE, PURPOSE_CSR);
        OWN(buf_free)
        struct buf sealed = BUF(65536);
        OWN(secret_free)
        struct secret pem = {0};
        if (export_to(&m, worker, BLOB(NULL, 0), &sealed, &e) < 0)
            fail_msg("%s", e.text);
        assert_int_equal(hpke_open(worker, "job/2/key", buf_blob(&sealed), &pem, &e), -1);
        assert_int_equal(hpke_open(worker, "job/1/key", buf_blob(&sealed), &pem, &e), 0);
        BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
        OWN(own_pkey)
        EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        OWN(own_pkey)
        EVP_PKEY *want = public_of(&m);
        assert_non_null(key);
        assert_int_equal(EVP_PKEY_eq(key, want), 1);
        BIO_free(bio);
    }
    hpke_key_free(worker);
}

static void test_export_key_refuses_sealed_and_token_keys(void **state)
{
    (void)state;
    struct hpke_key *worker = NULL;
    struct err e = {0};
    assert_int_equal(hpke_key_new(&worker, &e), 0);
    for (enum key_policy p = KEY_POLICY_TOKEN; p <= KEY_POLICY_SEALED; p++) {
        OWN(made_free)
        struct made m = make(KEY_P256, p, PURPOSE_CSR);
        OWN(buf_free)
        struct buf sealed = BUF(65536);
        assert_int_equal(export_to(&m, worker, BLOB(NULL, 0), &sealed, &e), -1);
        assert_int_equal(e.code, ERR_DENIED);
        assert_int_equal(sealed.n, 0);
    }
    /* A chain for another key, and no certificate at all. */
    OWN(made_free)
    struct made m = make(KEY_P256, KEY_POLICY_DEPLOYABLE, PURPOSE_CSR);
    OWN(buf_free)
    struct buf sealed = BUF(65536);
    assert_int_equal(boot_make(&vault.boot, &e), 0);
    assert_int_equal(export_to(&m, worker, buf_blob(&vault.boot.cert_pem), &sealed, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(export_to(&m, worker, blob_str("no chain"), &sealed, &e), -1);
    hpke_key_free(worker);
}

static void test_keys_seal_reseal_open(void **state)
{
    (void)state;
    struct err e = {0};
    struct hpke_key *worker = NULL;
    OWN(buf_free)
    struct buf sealed = BUF(1024);
    OWN(buf_free)
    struct buf resealed = BUF(1024);
    OWN(buf_free)
    struct buf recipient = BUF(64);
    OWN(secret_free)
    struct secret plain = {0};
    OWN(secret_free)
    struct secret again = {0};
    assert_int_equal(hpke_key_new(&worker, &e), 0);
    assert_int_equal(hpke_public(worker, &recipient, &e), 0);
    assert_int_equal(keys_seal(&vault, "server/1/password", blob_str("hunter2"), &sealed, &e), 0);
    assert_int_equal(keys_open(&vault, "server/2/password", buf_blob(&sealed), &plain, &e), -1);
    assert_int_equal(e.code, ERR_CRYPTO);
    assert_int_equal(keys_open(&vault, "server/1/password", buf_blob(&sealed), &plain, &e), 0);
    assert_memory_equal(plain.p, "hunter2", 7);
    assert_int_equal(keys_reseal(&vault, "server/1/password", buf_blob(&sealed),
                                 buf_blob(&recipient), &resealed, &e),
                     0);
    assert_int_equal(hpke_open(worker, "server/1/password", buf_blob(&resealed), &again, &e), 0);
    assert_memory_equal(again.p, "hunter2", 7);
    hpke_key_free(worker);
}

static void test_boot_sign_only_tls_server_by_web(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(buf_free)
    struct buf tbs = BUF(512);
    OWN(buf_free)
    struct buf sig = BUF(SIGNATURE_MAX_BYTES);
    assert_int_equal(boot_make(&vault.boot, &e), 0);
    struct blob envelope = buf_blob(&vault.boot.envelope);
    tbs_tls13("TLS 1.3, server CertificateVerify", 32, &tbs);
    assert_int_equal(keys_sign(&vault, PROC_CA, PURPOSE_TLS_SERVER, SIGN_ECDSA_SHA256, envelope,
                               buf_blob(&tbs), &sig, &e),
                     -1);
    assert_int_equal(keys_sign(&vault, PROC_WEB, PURPOSE_TLS_SERVER, SIGN_ECDSA_SHA256, envelope,
                               blob_str("x"), &sig, &e),
                     -1);
    assert_int_equal(keys_sign(&vault, PROC_WEB, PURPOSE_TLS_SERVER, SIGN_ECDSA_SHA256, envelope,
                               buf_blob(&tbs), &sig, &e),
                     0);
    OWN(buf_free)
    struct buf copy = BUF(ENVELOPE_MAX_BYTES);
    buf_add_blob(&copy, envelope);
    copy.p[copy.n - 1] ^= 1;
    assert_int_equal(keys_sign(&vault, PROC_WEB, PURPOSE_TLS_SERVER, SIGN_ECDSA_SHA256,
                               buf_blob(&copy), buf_blob(&tbs), &sig, &e),
                     -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_generate_and_sign_every_policy),
        cmocka_unit_test(test_keys_generate_refuses_nonsense),
        cmocka_unit_test(test_keys_sign_refuses_flipped_envelope_and_caller),
        cmocka_unit_test(test_keys_sign_after_sessions_were_killed),
        cmocka_unit_test(test_cache_is_bounded_and_evicted_keys_come_back),
        cmocka_unit_test(test_export_key_matches_its_public_half),
        cmocka_unit_test(test_export_key_refuses_sealed_and_token_keys),
        cmocka_unit_test(test_keys_seal_reseal_open),
        cmocka_unit_test(test_boot_sign_only_tls_server_by_web),
    };
    return cmocka_run_group_tests(tests, vault_setup, vault_teardown);
}

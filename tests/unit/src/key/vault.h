/* A vault on a real token of its own, and keys made in it: shared by the tests of this folder. */
#pragma once
#include "crypto/x509/cert.h"
#include "src/base/time.h"
#include "src/key/activate.h"
#include "src/key/keys.h"
#include "tests/softhsm.h"
#include "tests/unit/src/key/tbs.h"

#define PASSPHRASE "a long enough passphrase"

static struct vault vault;
static int64_t clock_ms = 1700000000000;

struct made {
    struct buf envelope, spki;
    enum key_policy policy;
};

static inline struct made make(enum key_alg alg, enum key_policy policy, uint32_t purposes)
{
    struct err e = {0};
    struct made m = {.envelope = BUF(ENVELOPE_MAX_BYTES), .spki = BUF(ENVELOPE_SPKI_MAX)};
    const struct keys_request want = {alg, policy, purposes, "www.example.com"};
    if (keys_generate(&vault, &want, &m.envelope, &m.spki, &m.policy, &e) < 0)
        fail_msg("%s", e.text);
    return m;
}

static inline void made_free(struct made *m)
{
    buf_free(&m->envelope);
    buf_free(&m->spki);
}

static inline EVP_PKEY *public_of(const struct made *m)
{
    const uint8_t *p = m->spki.p;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)m->spki.n);
    assert_non_null(key);
    return key;
}

/* A request about the made key, signed by it as `ca` would ask. 0, or -1 with the error. */
static inline int sign_csr(const struct made *m, enum sign_scheme scheme, struct err *e)
{
    OWN(own_pkey)
    EVP_PKEY *key = public_of(m);
    OWN(own_pkey)
    EVP_PKEY *other = EVP_EC_gen("P-256");
    OWN(buf_free)
    struct buf tbs = BUF(8192);
    OWN(buf_free)
    struct buf sig = BUF(SIGNATURE_MAX_BYTES);
    tbs_csr(key, other, &tbs);
    if (keys_sign(&vault, PROC_CA, PURPOSE_CSR, scheme, buf_blob(&m->envelope), buf_blob(&tbs),
                  &sig, e) < 0)
        return -1;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit_ex(md, NULL, scheme == SIGN_ED25519 ? NULL : "SHA256",
                                             NULL, NULL, key, NULL),
                     1);
    assert_int_equal(EVP_DigestVerify(md, sig.p, sig.n, tbs.p, tbs.n), 1);
    EVP_MD_CTX_free(md);
    return 0;
}

static inline int vault_setup(void **state)
{
    (void)state;
    struct err e = {0}, detail;
    clock_replace(&clock_ms);
    softhsm_start();
    vault_init(&vault, softhsm_dir);
    vault.cost = (struct argon2_cost){.memory_kib = 64, .passes = 1, .lanes = 1};
    vault_load(&vault, TOKEN_URI_DEFAULT);
    assert_true(vault.loaded);
    assert_int_equal(activate_state(&vault, &detail), TOKEN_UNINITIALISED);
    if (activate_setup(&vault, blob_str(PASSPHRASE), &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(activate_state(&vault, &detail), TOKEN_OPEN);
    return 0;
}

static inline int vault_teardown(void **state)
{
    (void)state;
    vault_done(&vault);
    softhsm_stop();
    return 0;
}

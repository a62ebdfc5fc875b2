/* What of the proof needs no other process: the audit chain behind its last signed head. */
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/proof.h"
#include "tests/unit/src/core/sign_head.h"
#include "tests/unit/src/core/store/store_test.h"

static void add(struct txn *t)
{
    const struct audit_entry a = {.actor = "admin", .action = "x", .result = "ok"};

    OK(audit_add(t, &a, &e));
}

/* Stores a head over the newest record, and says that `claimed` is signed. */
static void sign_claim(struct txn *t, EVP_PKEY *key, const char *claimed)
{
    sign_head(t, key);
    OK(setting_put(t, "audit.signed", claimed, &e));
}

static void test_proof_chain_continues_from_the_signed_head(void **state)
{
    struct core core = {.db = ((struct temp *)*state)->db};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    uint64_t signed_up_to;

    OK(proof_chain(&core, &signed_up_to, &e)); /* nothing yet is whole */
    struct txn *t = begin(core.db, true);
    add(t);
    add(t);
    sign_claim(t, key, "2");
    add(t);
    OK(txn_commit(&t, &e));
    OK(proof_chain(&core, &signed_up_to, &e));
    assert_int_equal(signed_up_to, 2);
    EVP_PKEY_free(key);
}

/* As a store would be that was replaced by an older one, or lost its end. */
static void test_proof_chain_misses_the_signed_head(void **state)
{
    struct core core = {.db = ((struct temp *)*state)->db};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    uint64_t signed_up_to;

    struct txn *t = begin(core.db, true);
    add(t);
    add(t);
    sign_claim(t, key, "2");
    add(t);
    OK(setting_put(t, "audit.signed", "3", &e));
    OK(txn_commit(&t, &e));
    REFUSED(proof_chain(&core, &signed_up_to, &e), ERR_CRYPTO);
    EVP_PKEY_free(key);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_proof_chain_continues_from_the_signed_head),
        CASE(test_proof_chain_misses_the_signed_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

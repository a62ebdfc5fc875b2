/* The passphrase: set up, wrong, lock, resume, and a first run that was interrupted. */
#include "tests/unit/src/key/vault.h"

static void test_activate_wrong_passphrases_wait_and_never_reach_the_token(void **state)
{
    (void)state;
    struct err e = {0}, detail;
    OWN(made_free)
    struct made m = make(KEY_P256, KEY_POLICY_SEALED, PURPOSE_CSR);
    int kept = dup(vault.pin_fd);
    struct stat st;
    assert_int_equal(fstat(kept, &st), 0);
    assert_int_equal(st.st_size, 43);
    activate_lock(&vault);
    assert_int_equal(fstat(kept, &st), 0);
    assert_int_equal(st.st_size, 0); /* parent's descriptor is empty as well */
    assert_int_equal(activate_state(&vault, &detail), TOKEN_LOCKED);
    assert_int_equal(sign_csr(&m, SIGN_ECDSA_SHA256, &e), -1);
    assert_non_null(strstr(e.text, "the token is locked: give the unlock passphrase"));
    assert_int_equal(activate_resume(&vault, kept, &e), -1);

    int64_t wait_s = 1;
    for (int i = 0; i < 12; i++) {
        assert_int_equal(activate_unlock(&vault, blob_str("a wrong passphrase"), &e), -1);
        assert_int_equal(e.code, ERR_AUTH);
        assert_int_equal(activate_unlock(&vault, blob_str(PASSPHRASE), &e), -1);
        assert_int_equal(e.code, ERR_LIMIT);
        clock_ms += 1000 * wait_s;
        wait_s = wait_s * 2 < 300 ? wait_s * 2 : 300;
    }
    if (activate_unlock(&vault, blob_str(PASSPHRASE), &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(sign_csr(&m, SIGN_ECDSA_SHA256, &e), 0);
    assert_int_equal(activate_unlock(&vault, blob_str(PASSPHRASE), &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
}

static void test_activate_resume_opens_with_the_kept_pin(void **state)
{
    (void)state;
    struct err e = {0}, detail;
    OWN(made_free)
    struct made m = make(KEY_P256, KEY_POLICY_SEALED, PURPOSE_CSR);
    int kept = dup(vault.pin_fd);
    cache_clear(&vault.cache, &vault.token);
    token_close(&vault.token); /* as if the process had died */
    assert_int_equal(activate_state(&vault, &detail), TOKEN_LOCKED);
    if (activate_resume(&vault, kept, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(activate_state(&vault, &detail), TOKEN_OPEN);
    assert_int_equal(sign_csr(&m, SIGN_ECDSA_SHA256, &e), 0);
}

static void test_activate_setup_refuses_twice_and_short(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(activate_setup(&vault, blob_str("short"), &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(activate_setup(&vault, blob_str(PASSPHRASE), &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
}

static void test_activate_setup_takes_up_an_interrupted_one(void **state)
{
    (void)state;
    struct err e = {0}, detail;
    char path[128];
    OWN(made_free)
    struct made m = make(KEY_P256, KEY_POLICY_SEALED, PURPOSE_CSR);
    activate_lock(&vault);
    snprintf(path, sizeof path, "%s/unlock.check", softhsm_dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(activate_state(&vault, &detail), TOKEN_UNINITIALISED);
    assert_int_equal(activate_setup(&vault, blob_str("another passphrase"), &e), -1);
    assert_int_equal(e.code, ERR_AUTH);
    if (activate_setup(&vault, blob_str(PASSPHRASE), &e) < 0)
        fail_msg("%s", e.text);
    /* The token began anew: what was wrapped before is not its own. */
    assert_int_equal(sign_csr(&m, SIGN_ECDSA_SHA256, &e), -1);
    assert_int_equal(e.code, ERR_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activate_wrong_passphrases_wait_and_never_reach_the_token),
        cmocka_unit_test(test_activate_resume_opens_with_the_kept_pin),
        cmocka_unit_test(test_activate_setup_refuses_twice_and_short),
        cmocka_unit_test(test_activate_setup_takes_up_an_interrupted_one),
    };
    return cmocka_run_group_tests(tests, vault_setup, vault_teardown);
}

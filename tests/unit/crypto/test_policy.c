/* The tables: names are unique and go both ways, and schemes fit only their keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/policy.h"

static void test_alg_table_is_consistent(void **state)
{
    (void)state;
    for (size_t i = 0; i < alg_table_n; i++) {
        const struct alg_info *a = &alg_table[i];
        assert_ptr_equal(alg_find(a->alg), a);
        assert_ptr_equal(alg_by_name(a->name), a);
        assert_true(scheme_fits(a->alg, a->default_scheme));
    }
    assert_null(alg_find((enum key_alg)99));
    assert_null(alg_by_name("rsa-1024"));
    assert_null(alg_by_name(NULL));
}

static void test_scheme_fits_only_its_key(void **state)
{
    (void)state;
    assert_true(scheme_fits(KEY_RSA_2048, SIGN_RSA_PSS_SHA384));
    assert_false(scheme_fits(KEY_RSA_2048, SIGN_ECDSA_SHA256));
    assert_false(scheme_fits(KEY_P256, SIGN_ECDSA_SHA384));
    assert_false(scheme_fits(KEY_P384, SIGN_ECDSA_SHA256));
    assert_false(scheme_fits(KEY_ED25519, SIGN_RSA_PKCS1_SHA256));
    assert_false(scheme_fits(KEY_RSA_4096, (enum sign_scheme)0));
}

static void test_policy_names_go_both_ways(void **state)
{
    (void)state;
    enum key_policy p;
    struct err e = {0};
    for (int i = KEY_POLICY_TOKEN; i <= KEY_POLICY_DEPLOYABLE; i++) {
        assert_int_equal(policy_by_name(policy_name((enum key_policy)i), &p, &e), 0);
        assert_int_equal(p, i);
    }
    assert_int_equal(policy_by_name("exportable", &p, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_string_equal(scheme_name(SIGN_RSA_PSS_SHA256), "rsa-pss-sha256");
    assert_string_equal(scheme_name((enum sign_scheme)77), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alg_table_is_consistent),
        cmocka_unit_test(test_scheme_fits_only_its_key),
        cmocka_unit_test(test_policy_names_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

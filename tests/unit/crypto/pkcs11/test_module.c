#include "tests/softhsm.h"

static void test_module_load_refuses_bad_uris(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "softhsm",
        "pkcs11:token=certkeep",
        "pkcs11:token=certkeep?module-path=libsofthsm2.so",
        "pkcs11:token=certkeep?module-path=/nowhere/libnone.so",
        "pkcs11:token=certkeep;flavour=x?module-path=/usr/lib/softhsm/libsofthsm2.so",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err e = {0};
        struct module m = {0};
        assert_int_equal(module_load(bad[i], &m, &e), -1);
        assert_non_null(strstr(e.text, "module"));
        assert_null(m.f);
    }
}

static void test_module_find_sees_empty_then_named_token(void **state)
{
    (void)state;
    struct err e = {0};
    struct slot slot;
    assert_int_equal(module_find(&softhsm_module, &slot, &e), 0);
    assert_false(slot.initialised);
    assert_int_equal(module_init_token(&softhsm_module, slot.id, TEST_SO_PIN, TEST_PIN, &e), 0);
    assert_int_equal(module_find(&softhsm_module, &slot, &e), 0);
    assert_true(slot.initialised);
    assert_true(slot.user_pin);
    assert_string_equal(slot.label, "certkeep");
    assert_true(strlen(slot.serial) > 0);
    assert_true(module_has(&softhsm_module, slot.id, CKM_AES_KEY_WRAP_PAD));
    assert_false(module_has(&softhsm_module, slot.id, 0x7fffffff));
    /* A second initialisation needs the security officer's PIN. */
    assert_int_equal(module_init_token(&softhsm_module, slot.id, "another-pin", TEST_PIN, &e), -1);
    assert_int_equal(e.code, ERR_AUTH);
}

/* As an HSM does that many clients share. */
static CK_RV count_many_slots(CK_BBOOL with_token, CK_SLOT_ID *ids, CK_ULONG *n)
{
    (void)with_token;
    assert_null(ids);
    *n = 65;
    return CKR_OK;
}

static void test_module_find_refuses_too_many_slots(void **state)
{
    (void)state;
    struct err e = {0};
    struct slot slot;
    CK_FUNCTION_LIST f = {.C_GetSlotList = count_many_slots};
    const struct module m = {.f = &f};
    assert_int_equal(module_find(&m, &slot, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(strstr(e.text, "65 slots"));
}

static void test_token_open_refuses_wrong_pin(void **state)
{
    (void)state;
    struct err e = {0};
    struct slot slot;
    struct token t = {0};
    assert_int_equal(module_find(&softhsm_module, &slot, &e), 0);
    assert_int_equal(token_open(&t, &softhsm_module, slot.id, blob_str("wrong-pin"), &e), -1);
    assert_int_equal(e.code, ERR_AUTH);
    assert_false(t.open);
    assert_null(t.pin.p);
    assert_int_equal(token_open(&t, &softhsm_module, slot.id, blob_str(TEST_PIN), &e), 0);
    token_close(&t);
    assert_false(t.open);
}

static int setup(void **state)
{
    (void)state;
    softhsm_start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    softhsm_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_module_load_refuses_bad_uris),
        cmocka_unit_test(test_module_find_sees_empty_then_named_token),
        cmocka_unit_test(test_module_find_refuses_too_many_slots),
        cmocka_unit_test(test_token_open_refuses_wrong_pin),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

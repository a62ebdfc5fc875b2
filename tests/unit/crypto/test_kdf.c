/* Key derivation against published vectors, and the PHC string of passwords. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/kdf.h"
#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"

static void assert_hex(struct blob got, const char *want)
{
    OWN(own_mem)
    char *hex = hex_str(got);
    assert_string_equal(hex, want);
}

/* The vectors of the Argon2 reference implementation (its test.c, version 0x13). */
static void test_kdf_argon2id_reference_vectors(void **state)
{
    (void)state;
    static const struct {
        struct argon2_cost cost;
        const char *want;
    } cases[] = {
        {{65536, 2, 1}, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"},
        {{256, 2, 1}, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"},
        {{256, 2, 2}, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(secret_free)
        struct secret out = {0};
        struct err e = {0};
        assert_int_equal(
            kdf_argon2id(blob_str("password"), blob_str("somesalt"), cases[i].cost, 32, &out, &e),
            0);
        assert_hex(secret_blob(&out), cases[i].want);
    }
}

static void test_kdf_argon2id_refuses_costs(void **state)
{
    (void)state;
    static const struct argon2_cost bad[] = {{0, 1, 1}, {7, 1, 1},        {8, 0, 1},  {8, 1, 0},
                                             {8, 1, 2}, {2u << 20, 1, 1}, {64, 17, 1}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct secret out = {0};
        struct err e = {0};
        assert_int_equal(
            kdf_argon2id(blob_str("password"), blob_str("somesalt"), bad[i], 32, &out, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_null(out.p);
    }
    struct secret out = {0};
    assert_int_equal(kdf_argon2id(blob_str("p"), blob_str("short"), bad[0], 32, &out, NULL), -1);
}

/* RFC 5869, A.1 and A.3. */
static void test_kdf_hkdf_rfc5869(void **state)
{
    (void)state;
    uint8_t ikm[22], salt[13];
    memset(ikm, 0x0b, sizeof ikm);
    for (size_t i = 0; i < sizeof salt; i++)
        salt[i] = (uint8_t)i;
    struct err e = {0};
    OWN(secret_free)
    struct secret a = {0};
    static const char info[] = "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9";
    assert_int_equal(kdf_hkdf(BLOB(ikm, 22), BLOB(salt, 13), info, 42, &a, &e), 0);
    assert_hex(secret_blob(&a), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                                "34007208d5b887185865");
    OWN(secret_free)
    struct secret b = {0};
    assert_int_equal(kdf_hkdf(BLOB(ikm, 22), BLOB(NULL, 0), "", 42, &b, &e), 0);
    assert_hex(secret_blob(&b), "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                                "9d201395faa4b61a96c8");
}

static void test_password_hash_verifies_only_itself(void **state)
{
    (void)state;
    struct argon2_cost cheap = {64, 1, 1};
    struct err e = {0};
    OWN(own_mem)
    char *one = NULL;
    OWN(own_mem)
    char *two = NULL;
    assert_int_equal(password_hash(blob_str("correct horse"), cheap, &one, &e), 0);
    assert_int_equal(password_hash(blob_str("correct horse"), cheap, &two, &e), 0);
    assert_true(str_starts(one, "$argon2id$v=19$m=64,t=1,p=1$"));
    assert_string_not_equal(one, two); /* each has its own salt */
    assert_int_equal(password_verify(blob_str("correct horse"), one, &e), 0);
    assert_int_equal(password_verify(blob_str("correct horsf"), one, &e), -1);
    assert_int_equal(e.code, ERR_AUTH);
    assert_int_equal(password_verify(blob_str(""), one, &e), -1);
    assert_int_equal(e.code, ERR_AUTH);
}

static void test_password_verify_reads_reference_string(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(password_verify(blob_str("password"),
                                     "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$"
                                     "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
                                     &e),
                     0);
}

static void test_password_verify_refuses_broken_records(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",
        "plain",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$t=2,m=256,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMA",
        "$argon2id$v=19$m=256,t=2,p=1$c29t$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EA",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65*OgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4$x",
    };
    for (size_t i = 0; i < COUNT(broken); i++) {
        struct err e = {0};
        assert_int_equal(password_verify(blob_str("password"), broken[i], &e), -1);
        assert_int_equal(e.code, ERR_STORE);
    }
}

static void test_sha256_and_hmac_vectors(void **state)
{
    (void)state;
    uint8_t out[32];
    assert_int_equal(sha256(blob_str("abc"), out, NULL), 0);
    assert_hex(BLOB(out, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(sha256(BLOB(NULL, 0), out, NULL), 0);
    assert_hex(BLOB(out, 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    /* RFC 4231, 4.3 */
    assert_int_equal(
        hmac_sha256(blob_str("Jefe"), blob_str("what do ya want for nothing?"), out, NULL), 0);
    assert_hex(BLOB(out, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kdf_argon2id_reference_vectors),
        cmocka_unit_test(test_kdf_argon2id_refuses_costs),
        cmocka_unit_test(test_kdf_hkdf_rfc5869),
        cmocka_unit_test(test_password_hash_verifies_only_itself),
        cmocka_unit_test(test_password_verify_reads_reference_string),
        cmocka_unit_test(test_password_verify_refuses_broken_records),
        cmocka_unit_test(test_sha256_and_hmac_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

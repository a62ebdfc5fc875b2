/* JWS against fixed vectors: the key and signature of RFC 7515, A.3; the rest made with another
 * program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/ca/acme_jws.h"

#define SPKI                                                                                       \
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004"                                       \
    "7fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445"                             \
    "c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad"
#define JWK                                                                                        \
    "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","     \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define DER_SIGNATURE                                                                              \
    "304502200ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665"                     \
    "022100c50a07d38c3c70e5d8f12daf084a5480a66590c5f293509a8f3f7f8a83a354d5"
#define RAW_SIGNATURE                                                                              \
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define PROTECTED                                                                                  \
    "eyJhbGciOiJFUzI1NiIsImtpZCI6Imh0dHBzOi8vY2EuZXhhbXBsZS9hY2N0LzEiLCJub25jZSI6ImJtOXVZMlUiLCJ1" \
    "cmwiOiJodHRwczov"                                                                             \
    "L2NhLmV4YW1wbGUvb3JkZXIvMSJ9"

static void from_hex(struct buf *out, const char *hex)
{
    assert_int_equal(dec_hex(out, hex, strlen(hex), NULL), 0);
}

static void test_jws_jwk_is_canonical(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf spki = BUF(256);
    OWN(buf_free)
    struct buf jwk = BUF(512);
    char thumbprint[JWS_THUMBPRINT_CHARS + 1];

    from_hex(&spki, SPKI);
    assert_int_equal(jws_jwk(buf_blob(&spki), &jwk, NULL), 0);
    assert_string_equal(buf_cstr(&jwk), JWK);
    assert_int_equal(jws_thumbprint(buf_blob(&spki), thumbprint, NULL), 0);
    assert_string_equal(thumbprint, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

static void test_jws_jwk_refuses_other_keys(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf spki = BUF(256);
    OWN(buf_free)
    struct buf jwk = BUF(512);

    from_hex(&spki, SPKI);
    assert_int_equal(jws_jwk(BLOB(spki.p, spki.n - 1), &jwk, NULL), -1);
    spki.p[22] ^= 1; /* another curve */
    assert_int_equal(jws_jwk(buf_blob(&spki), &jwk, NULL), -1);
}

static void test_jws_raw_signature(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "3000", "300602010102010100", /* a byte behind */
        "30080201ff0203010203",           /* negative r */
    };
    OWN(buf_free)
    struct buf der = BUF(256);
    OWN(buf_free)
    struct buf text = BUF(256);
    uint8_t raw[JWS_RAW_BYTES];

    from_hex(&der, DER_SIGNATURE);
    assert_int_equal(jws_raw_signature(buf_blob(&der), raw, NULL), 0);
    enc_base64url(&text, BLOB(raw, sizeof(raw)));
    assert_string_equal(buf_cstr(&text), RAW_SIGNATURE);
    buf_clear(&der);
    from_hex(&der, "3006020101020102"); /* short halves are padded on the left */
    assert_int_equal(jws_raw_signature(buf_blob(&der), raw, NULL), 0);
    assert_int_equal(raw[31], 1);
    assert_int_equal(raw[63], 2);
    assert_int_equal(raw[0] | raw[32], 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        buf_clear(&der);
        from_hex(&der, bad[i]);
        assert_int_equal(jws_raw_signature(buf_blob(&der), raw, NULL), -1);
    }
}

static int sign_fixed(void *arg, struct blob tbs, struct buf *der, struct err *e)
{
    (void)e;
    buf_add_blob(arg, tbs);
    from_hex(der, DER_SIGNATURE);
    return 0;
}

static void test_jws_sign_serializes(void **state)
{
    (void)state;
    const struct jws j = {.kid = "https://ca.example/acct/1",
                          .jwk = JWK,
                          .nonce = "bm9uY2U",
                          .url = "https://ca.example/order/1",
                          .payload = blob_str("{}")};
    OWN(buf_free)
    struct buf signed_input = BUF(4096);
    OWN(buf_free)
    struct buf out = BUF(4096);

    assert_int_equal(jws_sign(&j, sign_fixed, &signed_input, &out, NULL), 0);
    assert_string_equal(buf_cstr(&signed_input), PROTECTED ".e30");
    assert_string_equal(buf_cstr(&out),
                        "{\"protected\":\"" PROTECTED
                        "\",\"payload\":\"e30\",\"signature\":\"" RAW_SIGNATURE "\"}");
}

static void test_jws_sign_post_as_get_has_an_empty_payload(void **state)
{
    (void)state;
    const struct jws j = {.jwk = JWK, .nonce = "n", .url = "https://ca.example/"};
    OWN(buf_free)
    struct buf signed_input = BUF(4096);
    OWN(buf_free)
    struct buf out = BUF(4096);

    assert_int_equal(jws_sign(&j, sign_fixed, &signed_input, &out, NULL), 0);
    assert_int_equal(signed_input.p[signed_input.n - 1], '.');
    assert_non_null(strstr(buf_cstr(&out), "\"payload\":\"\""));
}

static void test_jws_bind_is_hs256_over_the_jwk(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf out = BUF(4096);

    assert_int_equal(jws_bind("kid-1", blob_str("0123456789abcdef0123456789abcdef"),
                              "https://ca.example/new-account", JWK, &out, NULL),
                     0);
    assert_string_equal(
        buf_cstr(&out),
        "{\"protected\":"
        "\"eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC0xIiwidXJsIjoiaHR0cHM6Ly9jYS5leGFtcGxlL25ldy1hY2NvdW50"
        "In0\","
        "\"payload\":"
        "\"eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImY4M09KM0QyeEYxQmc4dnViOXRMZTFnSE16Vjc2ZThUdXM5"
        "dVBIdlJW"
        "RVUiLCJ5IjoieF9GRXpSdTltMzZITE5fdHVlNjU5TE5wWFc2cEN5U3Rpa1lqS0lXSTVhMCJ9\","
        "\"signature\":\"nW3tWlVAoVJbt5RXP4-jsNUS9_umw19Gb1h_t5bMuu0\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jws_jwk_is_canonical),
        cmocka_unit_test(test_jws_jwk_refuses_other_keys),
        cmocka_unit_test(test_jws_raw_signature),
        cmocka_unit_test(test_jws_sign_serializes),
        cmocka_unit_test(test_jws_sign_post_as_get_has_an_empty_payload),
        cmocka_unit_test(test_jws_bind_is_hs256_over_the_jwk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

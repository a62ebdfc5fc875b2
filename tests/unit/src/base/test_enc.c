/* RFC 4648 vectors (section 10), every refusal of the strict decoders, identifiers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/enc.h"
#include "src/base/own.h"

typedef int (*decode_fn)(struct buf *, const char *, size_t, struct err *);

static void test_enc_base64_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *base64, *base64url, *hex;
    } cases[] = {
        {"", "", "", ""},
        {"f", "Zg==", "Zg", "66"},
        {"fo", "Zm8=", "Zm8", "666f"},
        {"foo", "Zm9v", "Zm9v", "666f6f"},
        {"foob", "Zm9vYg==", "Zm9vYg", "666f6f62"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE", "666f6f6261"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy", "666f6f626172"},
        {"\xfb\xff\xbf", "+/+/", "-_-_", "fbffbf"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(buf_free)
        struct buf out = BUF(100);
        OWN(own_mem)
        char *url = base64url_str(blob_str(cases[i].plain));
        OWN(own_mem)
        char *hex = hex_str(blob_str(cases[i].plain));
        enc_base64(&out, blob_str(cases[i].plain));
        assert_string_equal(buf_cstr(&out), cases[i].base64);
        assert_string_equal(url, cases[i].base64url);
        assert_string_equal(hex, cases[i].hex);
        const char *texts[] = {cases[i].base64, cases[i].base64url, cases[i].hex};
        decode_fn decoders[] = {dec_base64, dec_base64url, dec_hex};
        for (size_t k = 0; k < COUNT(texts); k++) {
            buf_clear(&out);
            assert_int_equal(decoders[k](&out, texts[k], strlen(texts[k]), NULL), 0);
            assert_true(blob_eq(buf_blob(&out), blob_str(cases[i].plain)));
        }
    }
}

static void test_dec_refuses(void **state)
{
    (void)state;
    static const struct {
        decode_fn decode;
        const char *text;
    } cases[] = {
        {dec_base64, "Zg"},       {dec_base64, "Zg="},       {dec_base64, "Zh=="},
        {dec_base64, "Zm9="},     {dec_base64, "Z==="},      {dec_base64, "===="},
        {dec_base64, "Zg==Zg=="}, {dec_base64, "Zm9v\n"},    {dec_base64, "Zm 9v==="},
        {dec_base64, "-_-_"},     {dec_base64, "Zm=v"},      {dec_base64url, "Zg=="},
        {dec_base64url, "Z"},     {dec_base64url, "Zh"},     {dec_base64url, "+/+/"},
        {dec_base64url, "Zm9vZ"}, {dec_base64url, "Zm9v\n"}, {dec_hex, "6"},
        {dec_hex, "6g"},          {dec_hex, "0x66"},         {dec_hex, "66 6"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(buf_free)
        struct buf out = BUF(100);
        struct err e = {0};
        if (cases[i].decode(&out, cases[i].text, strlen(cases[i].text), &e) == 0)
            fail_msg("accepted: %s", cases[i].text);
        assert_int_equal(e.code, ERR_INPUT);
        assert_int_equal(out.n, 0);
    }
    OWN(buf_free)
    struct buf out = BUF(100);
    assert_int_equal(dec_base64url(&out, "Zg\0g", 4, NULL), -1);
    assert_int_equal(dec_hex(&out, "aAbB", 4, NULL), 0); /* both cases are read */
}

static void test_dec_names_the_limit(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf out = BUF(2);
    struct err e = {0};

    assert_int_equal(dec_base64(&out, "Zm9v", 4, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

static void test_id_new_is_valid_and_fresh(void **state)
{
    (void)state;
    char a[ID_CHARS + 1], b[ID_CHARS + 1];

    id_new(a);
    id_new(b);
    assert_true(id_valid(a) && id_valid(b));
    assert_string_not_equal(a, b);
    assert_false(id_valid(NULL));
    assert_false(id_valid(""));
    assert_false(id_valid("0123456789abcdefghj"));
    assert_false(id_valid("0123456789abcdefghjkm"));
    assert_false(id_valid("0123456789abcdefghjK"));
    assert_false(id_valid("0123456789abcdefghju"));
    assert_true(id_valid("0123456789abcdefghjk"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enc_base64_vectors),
        cmocka_unit_test(test_dec_refuses),
        cmocka_unit_test(test_dec_names_the_limit),
        cmocka_unit_test(test_id_new_is_valid_and_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

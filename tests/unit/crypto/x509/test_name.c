/* Names <-> text: round trips, escapes, and what is refused. */
#include "tests/unit/crypto/pki.h"

static void test_name_parse_and_print(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {"CN=shop.example,O=Example Ltd,C=DE", "CN=shop.example,O=Example Ltd,C=DE"},
        {"shop.example", "CN=shop.example"},
        {"SHOP.example", "CN=shop.example"},
        {"*.shop.example", "CN=*.shop.example"},
        {" CN = x , O = y ", NULL},
        {"cn=x, o=y", "CN=x,O=y"},
        {"CN=x,O=Sm\\C3\\BCller\\, Sons \\+ Co", "CN=x,O=Smüller\\, Sons \\+ Co"},
        {"CN=x,O=M\xc3\xbcller", "CN=x,O=M\xc3\xbcller"},
        {"CN=\\#1,O=a\\ ", "CN=\\#1,O=a\\ "},
        {"CN=x+OU=y,O=z", NULL},
        {"DC=example,DC=com", "DC=example,DC=com"},
        {"CN=a=b", "CN=a=b"},
        {"emailAddress=a@b.example,CN=x", "emailAddress=a@b.example,CN=x"},
        {"CN=x,OU=one,OU=two,ST=Bavaria,L=Munich,STREET=1 Way", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(own_x509_name)
        X509_NAME *name = NULL;
        OWN(own_x509_name)
        X509_NAME *again = NULL;
        OWN(buf_free)
        struct buf text = BUF(4096);
        struct err e = {0};
        if (str_eq(cases[i].in, " CN = x , O = y ")) { /* a blank in a type is refused */
            assert_int_equal(name_parse(cases[i].in, &name, &e), -1);
            continue;
        }
        assert_int_equal(name_parse(cases[i].in, &name, &e), 0);
        assert_int_equal(name_print(name, &text, &e), 0);
        if (cases[i].out)
            assert_string_equal(buf_cstr(&text), cases[i].out);
        assert_int_equal(name_parse(buf_cstr(&text), &again, &e), 0);
        assert_int_equal(X509_NAME_cmp(name, again), 0);
    }
}

static void test_name_parse_keeps_joined_parts(void **state)
{
    (void)state;
    OWN(own_x509_name)
    X509_NAME *name = NULL;
    assert_int_equal(name_parse("CN=x+OU=y,O=z", &name, NULL), 0);
    assert_int_equal(X509_NAME_entry_count(name), 3);
    int set0 = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, 0));
    int set1 = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, 1));
    int set2 = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, 2));
    assert_int_not_equal(set0, set1);
    assert_int_equal(set1, set2);
}

static void test_name_parse_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "CN=",        "CN=x,",
        "CN=x,O",     "=x",
        "XX=x",       "CN=x\\",
        "CN=x\\q",    "CN=a\"b",
        "CN=a;O=b",   "CN=a<b>",
        "CN=a\nb",    "CN=a\\00b",
        "CN=a\\0Ab",  "CN=a\\FF",
        "C=Germany",  "CN=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "not a host", "under_score.example",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        X509_NAME *name = NULL;
        struct err e = {0};
        assert_int_equal(name_parse(bad[i], &name, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_true(str_starts(e.text, "subject"));
        assert_null(name);
    }
}

static void test_name_common_name_is_the_most_specific(void **state)
{
    (void)state;
    OWN(own_x509_name)
    X509_NAME *two = NULL;
    OWN(own_x509_name)
    X509_NAME *none = NULL;
    assert_int_equal(name_parse("CN=leaf,CN=group,O=x", &two, NULL), 0);
    assert_int_equal(name_parse("O=x", &none, NULL), 0);
    OWN(own_mem)
    char *cn = name_common_name(two);
    assert_string_equal(cn, "leaf");
    assert_null(name_common_name(none));
    OWN(own_x509_name)
    X509_NAME *nul = X509_NAME_new();
    X509_NAME_add_entry_by_NID(nul, NID_commonName, V_ASN1_UTF8STRING,
                               (const unsigned char *)"good.example\0.evil", 18, -1, 0);
    assert_null(name_common_name(nul));
}

static void test_san_round_trip(void **state)
{
    (void)state;
    OWN(strs_free)
    struct strs in = {0};
    OWN(strs_free)
    struct strs out = {0};
    OWN(own_general_names)
    GENERAL_NAMES *names = NULL;
    struct err e = {0};
    strs_split(&in,
               "shop.example *.Shop.example DNS:a.example 192.0.2.7 IP:2001:db8:0::1 "
               "email:a@b.example URI:https://x.example/y",
               " ");
    assert_int_equal(san_from_strs(&in, &names, &e), 0);
    assert_int_equal(san_to_strs(names, &out, &e), 0);
    OWN(own_mem)
    char *text = strs_join(&out, " ");
    assert_string_equal(text, "shop.example *.shop.example a.example IP:192.0.2.7 IP:2001:db8::1 "
                              "email:a@b.example URI:https://x.example/y");
}

static void test_san_from_strs_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",          "a b",         "a..b",        "IP:1.2.3",   "IP:a.example", "email:nobody",
        "URI:plain", "*.*.example", "a.*.example", "email:a@b\n"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char *one = (char *)bad[i];
        const struct strs in = {.v = &one, .n = 1};
        GENERAL_NAMES *names = NULL;
        struct err e = {0};
        assert_int_equal(san_from_strs(&in, &names, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_null(names);
    }
}

static void test_san_to_strs_refuses_hidden_nul(void **state)
{
    (void)state;
    OWN(own_general_names)
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *n = GENERAL_NAME_new();
    ASN1_IA5STRING *s = ASN1_IA5STRING_new();
    ASN1_STRING_set(s, "good.example\0.evil", 18);
    GENERAL_NAME_set0_value(n, GEN_DNS, s);
    sk_GENERAL_NAME_push(names, n);
    struct strs out = {0};
    struct err e = {0};
    assert_int_equal(san_to_strs(names, &out, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(out.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_parse_and_print),
        cmocka_unit_test(test_name_parse_keeps_joined_parts),
        cmocka_unit_test(test_name_parse_refuses),
        cmocka_unit_test(test_name_common_name_is_the_most_specific),
        cmocka_unit_test(test_san_round_trip),
        cmocka_unit_test(test_san_from_strs_refuses),
        cmocka_unit_test(test_san_to_strs_refuses_hidden_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

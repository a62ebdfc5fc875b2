/* Chains: any order in, the right order out; each fault is named. */
#include "crypto/bundle/pem.h"
#include "crypto/x509/chain.h"
#include "tests/unit/crypto/pki.h"

/* root -> middle -> issuing -> leaf, and certificates that fit only almost. */
static struct {
    EVP_PKEY *root_key, *middle_key, *issuing_key, *leaf_key, *other_key;
    X509 *root, *middle, *issuing, *leaf, *other_leaf, *twin, *imposter, *unrelated;
    struct buf spki, other_spki;
} fx;

static X509 *make(const char *subject, EVP_PKEY *key, const X509 *issuer, EVP_PKEY *issuer_key)
{
    bool ca = !str_starts(subject, "CN=www");
    return pki_cert((struct pki_spec){.subject = subject,
                                      .names = ca ? NULL : "www.example *.shop.example",
                                      .key = key,
                                      .issuer = issuer,
                                      .issuer_key = issuer_key,
                                      .ca = ca,
                                      .server = !ca});
}

static int set_up(void **state)
{
    (void)state;
    EVP_PKEY **keys[] = {&fx.root_key, &fx.middle_key, &fx.issuing_key, &fx.leaf_key,
                         &fx.other_key};
    for (size_t i = 0; i < COUNT(keys); i++)
        *keys[i] = pki_key("p-256");
    fx.root = make("CN=Root", fx.root_key, NULL, NULL);
    fx.middle = make("CN=Middle", fx.middle_key, fx.root, fx.root_key);
    fx.issuing = make("CN=Issuing", fx.issuing_key, fx.middle, fx.middle_key);
    fx.leaf = make("CN=www.example", fx.leaf_key, fx.issuing, fx.issuing_key);
    fx.other_leaf = make("CN=www.other", fx.other_key, fx.issuing, fx.issuing_key);
    fx.twin = make("CN=www.twin", fx.leaf_key, fx.issuing, fx.issuing_key);
    fx.imposter = make("CN=Issuing", fx.other_key, fx.middle, fx.middle_key);
    fx.unrelated = make("CN=Unrelated", fx.other_key, NULL, NULL);
    fx.spki = BUF(8192);
    fx.other_spki = BUF(8192);
    pki_spki(fx.leaf_key, &fx.spki);
    pki_spki(fx.root_key, &fx.other_spki);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509 *certs[] = {fx.root,       fx.middle, fx.issuing,  fx.leaf,
                     fx.other_leaf, fx.twin,   fx.imposter, fx.unrelated};
    EVP_PKEY *keys[] = {fx.root_key, fx.middle_key, fx.issuing_key, fx.leaf_key, fx.other_key};
    for (size_t i = 0; i < COUNT(certs); i++)
        X509_free(certs[i]);
    for (size_t i = 0; i < COUNT(keys); i++)
        EVP_PKEY_free(keys[i]);
    buf_free(&fx.spki);
    buf_free(&fx.other_spki);
    return 0;
}

/* A letter per certificate, as the cases below write them. */
static X509 *by_letter(char c)
{
    switch (c) {
    case 'R':
        return fx.root;
    case 'M':
        return fx.middle;
    case 'I':
        return fx.issuing;
    case 'L':
        return fx.leaf;
    case 'O':
        return fx.other_leaf;
    case 'T':
        return fx.twin;
    case 'X':
        return fx.imposter;
    default:
        return fx.unrelated;
    }
}

static struct chain from_letters(const char *letters)
{
    struct chain c = {0};
    for (; *letters; letters++) {
        c.v[c.n] = by_letter(*letters);
        X509_up_ref(c.v[c.n++]);
    }
    return c;
}

static void assert_letters(const struct chain *c, const char *letters)
{
    assert_int_equal(c->n, strlen(letters));
    for (size_t i = 0; i < c->n; i++)
        assert_int_equal(X509_cmp(c->v[i], by_letter(letters[i])), 0);
}

static void test_chain_order_from_any_order(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool drop_root;
        const char *out;
    } cases[] = {
        {"LIMR", false, "LIMR"}, {"RMIL", false, "LIMR"}, {"MLRI", false, "LIMR"},
        {"IRLM", false, "LIMR"}, {"LIMR", true, "LIM"},   {"RMIL", true, "LIM"},
        {"MIL", true, "LIM"},    {"MIL", false, "LIM"},   {"IL", true, "LI"},
        {"L", true, "L"},        {"LLIIMM", true, "LIM"}, {"XLIMR", true, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(chain_free)
        struct chain in = from_letters(cases[i].in);
        OWN(chain_free)
        struct chain out = {0};
        struct err e = {0};
        int r = chain_order(&in, buf_blob(&fx.spki), cases[i].drop_root, &out, &e);
        assert_int_equal(r, cases[i].out ? 0 : -1);
        if (cases[i].out)
            assert_letters(&out, cases[i].out);
    }
}

static void test_chain_order_names_the_fault(void **state)
{
    (void)state;
    static const struct {
        const char *in, *say;
    } cases[] = {
        {"LMR", "the issuer of CN=www.example is missing: CN=Issuing"},
        {"LIR", "the issuer of CN=Issuing is missing: CN=Middle"},
        {"LXM", "CN=www.example is not signed by the key of CN=Issuing"},
        {"LTIMR", "two different certificates are for this key"},
        {"LOIMR", "CN=www.other does not belong to it"},
        {"LIMRU", "CN=Unrelated does not belong to it"},
        {"OIMR", "no certificate is for this key (first one: CN=www.other)"},
        {"", "no certificate is for this key"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(chain_free)
        struct chain in = from_letters(cases[i].in);
        struct chain out = {0};
        struct err e = {0};
        assert_int_equal(chain_order(&in, buf_blob(&fx.spki), true, &out, &e), -1);
        assert_int_equal(e.code, ERR_CRYPTO);
        if (!strstr(e.text, cases[i].say))
            fail_msg("%s: %s", cases[i].in, e.text);
        assert_int_equal(out.n, 0);
    }
}

/* A name too long for the message is cut between characters, so the text stays UTF-8. */
static void test_chain_order_error_stays_utf8(void **state)
{
    (void)state;
    for (size_t pad = 0; pad < 4; pad++) {
        OWN(buf_free)
        struct buf subject = BUF(512);
        buf_add(&subject, "CN=xxxx", 4 + pad);
        for (int i = 0; i < 60; i++)
            buf_add_str(&subject, "\xe2\x82\xac");
        OWN(own_x509)
        X509 *odd = make(buf_cstr(&subject), fx.other_key, NULL, NULL);
        struct chain in = {.v = {odd}, .n = 1}, out = {0};
        struct err e = {0};
        assert_int_equal(chain_order(&in, buf_blob(&fx.spki), true, &out, &e), -1);
        assert_true(utf8_valid(e.text, strlen(e.text)));
    }
}

static void test_chain_order_keeps_a_self_signed_leaf(void **state)
{
    (void)state;
    OWN(chain_free)
    struct chain in = from_letters("R");
    OWN(chain_free)
    struct chain out = {0};
    assert_int_equal(chain_order(&in, buf_blob(&fx.other_spki), true, &out, NULL), 0);
    assert_letters(&out, "R");
}

static void test_chain_order_ends_at_a_cross_signed_root(void **state)
{
    (void)state;
    OWN(own_x509)
    X509 *cross = make("CN=Root", fx.root_key, fx.unrelated, fx.other_key);
    OWN(chain_free)
    struct chain in = from_letters("LMIR");
    OWN(chain_free)
    struct chain out = {0};
    X509_up_ref(cross);
    in.v[in.n++] = cross;
    assert_int_equal(chain_order(&in, buf_blob(&fx.spki), true, &out, NULL), 0);
    assert_letters(&out, "LIM");
}

static int check(const char *letters, const char *names, int64_t now, struct err *e)
{
    OWN(chain_free)
    struct chain c = from_letters(letters);
    OWN(strs_free)
    struct strs list = {0};
    strs_split(&list, names, " ");
    return chain_check(&c, buf_blob(&fx.spki), &list, now, e);
}

static void test_chain_check(void **state)
{
    (void)state;
    static const struct {
        const char *letters, *names;
        int64_t now;
        const char *say; /* NULL: passes */
    } cases[] = {
        {"LIM", "www.example", PKI_NOW, NULL},
        {"LIMR", "x.shop.example WWW.example", PKI_NOW, NULL},
        {"L", "", PKI_NOW, NULL},
        {"LIM", "other.example", PKI_NOW, "does not cover the name other.example"},
        {"LIM", "shop.example", PKI_NOW, "does not cover the name shop.example"},
        {"LIM", "www.example", PKI_NOW + 91 * PKI_DAY, "expired on 2026-04-01"},
        {"LIM", "www.example", PKI_NOW - 2 * PKI_DAY, "not valid before 2025-12-31"},
        {"LMI", "www.example", PKI_NOW, "CN=www.example: not issued by the next certificate"},
        {"LX", "www.example", PKI_NOW, "CN=www.example: not issued by the next certificate"},
        {"LO", "www.example", PKI_NOW, "CN=www.example: not issued by the next certificate"},
        {"ILM", "www.example", PKI_NOW, "the first certificate is not for this key"},
        {"OIM", "www.example", PKI_NOW, "the first certificate is not for this key"},
        {"", "www.example", PKI_NOW, "the first certificate is not for this key"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e = {0};
        int r = check(cases[i].letters, cases[i].names, cases[i].now, &e);
        assert_int_equal(r, cases[i].say ? -1 : 0);
        if (cases[i].say && !strstr(e.text, cases[i].say))
            fail_msg("%s: %s", cases[i].letters, e.text);
    }
}

/* What a leaf that fits in all but one respect is refused for. */
static void test_chain_check_refuses_wrong_use(void **state)
{
    (void)state;
    OWN(own_x509)
    X509 *client = pki_cert((struct pki_spec){.subject = "CN=www.example",
                                              .names = "www.example",
                                              .key = fx.leaf_key,
                                              .issuer = fx.issuing,
                                              .issuer_key = fx.issuing_key,
                                              .client = true});
    OWN(own_x509)
    X509 *below = make("CN=www.below", fx.leaf_key, fx.other_leaf, fx.other_key);
    const struct strs none = {0};
    struct err e = {0};
    struct chain c = {.v = {client, fx.issuing}, .n = 2};
    assert_int_equal(chain_check(&c, buf_blob(&fx.spki), &none, PKI_NOW, &e), -1);
    assert_non_null(strstr(e.text, "lacks serverAuth"));
    struct chain d = {.v = {below, fx.other_leaf}, .n = 2};
    assert_int_equal(chain_check(&d, buf_blob(&fx.spki), &none, PKI_NOW, &e), -1);
    assert_non_null(strstr(e.text, "in the place of an issuer, but no CA"));
}

static void test_chain_parse_pem_and_der(void **state)
{
    (void)state;
    OWN(chain_free)
    struct chain c = from_letters("LIM");
    OWN(chain_free)
    struct chain from_pem = {0};
    OWN(chain_free)
    struct chain from_der = {0};
    OWN(buf_free)
    struct buf pem = BUF(65536);
    OWN(buf_free)
    struct buf der = BUF(65536);
    assert_int_equal(chain_pem(&c, &pem, NULL), 0);
    assert_int_equal(chain_parse(buf_blob(&pem), &from_pem, NULL), 0);
    assert_letters(&from_pem, "LIM");
    for (size_t i = 0; i < c.n; i++)
        assert_int_equal(cert_der(c.v[i], &der, NULL), 0);
    assert_int_equal(chain_parse(buf_blob(&der), &from_der, NULL), 0);
    assert_letters(&from_der, "LIM");
    struct chain out = {0};
    struct err e = {0};
    assert_int_equal(chain_parse(BLOB(der.p, der.n - 1), &out, &e), -1);
    assert_non_null(strstr(e.text, "certificate 3 is cut off"));
    assert_int_equal(chain_parse(blob_str("nothing here"), &out, &e), -1);
    assert_int_equal(chain_parse(BLOB(NULL, 0), &out, &e), -1);
    pem_write(&pem, "PRIVATE KEY", blob_str("x"));
    assert_int_equal(chain_parse(buf_blob(&pem), &out, &e), -1);
    assert_non_null(strstr(e.text, "found PRIVATE KEY"));
    OWN(chain_free)
    struct chain many = from_letters("LLLLLLLLLL");
    buf_clear(&pem);
    assert_int_equal(chain_pem(&many, &pem, NULL), 0);
    assert_int_equal(chain_pem(&c, &pem, NULL), 0);
    assert_int_equal(chain_parse(buf_blob(&pem), &out, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(out.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_order_from_any_order),
        cmocka_unit_test(test_chain_order_names_the_fault),
        cmocka_unit_test(test_chain_order_error_stays_utf8),
        cmocka_unit_test(test_chain_order_keeps_a_self_signed_leaf),
        cmocka_unit_test(test_chain_order_ends_at_a_cross_signed_root),
        cmocka_unit_test(test_chain_check),
        cmocka_unit_test(test_chain_check_refuses_wrong_use),
        cmocka_unit_test(test_chain_parse_pem_and_der),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* What a row says of a chain: faults of the chain among the findings. */
#include <stdlib.h>

#include "crypto/x509/chain.h"
#include "src/base/own.h"
#include "src/core/flow/parts.h"
#include "tests/unit/crypto/pki.h"

/* root -> issuing -> leaf, and a stranger */
static struct {
    EVP_PKEY *root_key, *issuing_key, *leaf_key;
    X509 *root, *issuing, *leaf, *stranger;
} fx;

static X509 *make(const char *subject, EVP_PKEY *key, const X509 *issuer, EVP_PKEY *issuer_key,
                  bool ca)
{
    return pki_cert((struct pki_spec){.subject = subject,
                                      .names = ca ? NULL : "www.example",
                                      .key = key,
                                      .issuer = issuer,
                                      .issuer_key = issuer_key,
                                      .ca = ca,
                                      .server = !ca});
}

static int set_up(void **state)
{
    (void)state;
    fx.root_key = pki_key("p-256");
    fx.issuing_key = pki_key("p-256");
    fx.leaf_key = pki_key("p-256");
    fx.root = make("CN=Root", fx.root_key, NULL, NULL, true);
    fx.issuing = make("CN=Issuing", fx.issuing_key, fx.root, fx.root_key, true);
    fx.leaf = make("CN=www.example", fx.leaf_key, fx.issuing, fx.issuing_key, false);
    fx.stranger = make("CN=Stranger", fx.root_key, NULL, NULL, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509 *certs[] = {fx.root, fx.issuing, fx.leaf, fx.stranger};
    EVP_PKEY *keys[] = {fx.root_key, fx.issuing_key, fx.leaf_key};
    for (size_t i = 0; i < COUNT(certs); i++)
        X509_free(certs[i]);
    for (size_t i = 0; i < COUNT(keys); i++)
        EVP_PKEY_free(keys[i]);
    return 0;
}

static void test_cert_describe_chain_finds_chain_faults(void **state)
{
    (void)state;
    const struct {
        const char *what;
        struct chain chain;
        const char *fault; /* NULL: none */
    } rows[] = {
        {"whole", {{fx.leaf, fx.issuing, fx.root}, 3}, NULL},
        {"without the root", {{fx.leaf, fx.issuing}, 2}, NULL},
        {"a link missing", {{fx.leaf, fx.root}, 2}, "the issuer of CN=www.example is missing"},
        {"a stranger in it", {{fx.leaf, fx.issuing, fx.root, fx.stranger}, 4}, "CN=Stranger"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(buf_free)
        struct buf pem = BUF(65536);
        OWN(own_cert)
        struct cert c = {0};
        struct err e = {0};
        fields_init(&cert_fields, &c);
        assert_int_equal(chain_pem(&rows[i].chain, &pem, &e), 0);
        if (cert_describe_chain(&c, buf_cstr(&pem), &e) < 0)
            fail_msg("%s: %s", rows[i].what, e.text);
        OWN(own_mem)
        char *found = strs_join(&c.vulnerable, "; ");
        if (rows[i].fault ? !strstr(found, rows[i].fault) || !strstr(found, "chain fault: ")
                          : strstr(found, "chain fault") != NULL)
            fail_msg("%s: found '%s'", rows[i].what, found);
        assert_string_equal(c.name, "www.example");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cert_describe_chain_finds_chain_faults),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

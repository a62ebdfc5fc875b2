/* The real certkeep-ca with scripted peers: requests, and the local CA from root to revocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/x509/chain.h"
#include "crypto/x509/csr.h"
#include "src/base/own.h"
#include "src/model/local_ca.h"
#include "src/model/order_state.h"
#include "tests/ca_peers.h"

struct world {
    struct peers p;
    struct buf settings, keys, csr, spki;
};

static void encode_local(struct buf *out, const char *permitted)
{
    const struct fields *f = connector_kind_find("local")->fields();
    struct local_settings s = {0};

    fields_init(f, &s);
    if (permitted)
        strs_add(&s.permitted, permitted);
    buf_clear(out);
    fields_encode(f, &s, out);
    fields_free(f, &s);
}

static void make_csr(struct world *w, const char *names)
{
    struct msg_CA_CSR_MADE made;
    uint8_t envelope = 1;

    buf_clear(&w->spki);
    buf_clear(&w->csr);
    assert_int_equal(peers_key(&w->p, 1, &w->spki), 0);
    assert_int_equal(PEERS_CALL(&w->p, CA_CSR, MSG_CA_CSR_MADE, .subject = "CN=shop.corp.example",
                                .names = names, .envelope = BLOB(&envelope, 1),
                                .spki = buf_blob(&w->spki), .flags = 1),
                     0);
    assert_int_equal(get_CA_CSR_MADE(&w->p.reply.msg, &made, NULL), 0);
    buf_add_blob(&w->csr, made.csr);
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    *w = (struct world){
        .settings = BUF(65536), .keys = BUF(65536), .csr = BUF(65536), .spki = BUF(4096)};
    w->p.loop = loop_new();
    w->p.program = getenv("CERTKEEP_CA");
    assert_int_equal(peers_start(&w->p), 0);
    encode_local(&w->settings, NULL);
    assert_int_equal(peers_role(&w->p, 0, "ca", &w->keys), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    peers_done(&w->p);
    buf_free(&w->settings);
    buf_free(&w->keys);
    buf_free(&w->csr);
    buf_free(&w->spki);
    free(w);
    return 0;
}

#define CONNECTOR_ARGS(w)                                                                          \
    .type = "local", .connector = "c1", .settings = buf_blob(&(w)->settings),                      \
    .keys = buf_blob(&(w)->keys), .memory = bytes_blob(&(w)->p.memory)

static int test_connector(struct world *w)
{
    return PEERS_CALL(&w->p, CA_TEST, MSG_CA_TESTED, CONNECTOR_ARGS(w));
}

static int enroll(struct world *w)
{
    return PEERS_CALL(&w->p, CA_ENROLL, MSG_CA_ORDER, CONNECTOR_ARGS(w), .order = "o1",
                      .order_memory = bytes_blob(&w->p.order_memory), .csr = buf_blob(&w->csr),
                      .validity_days = 47);
}

/* The leaf of the order just answered. */
static X509 *issued(struct world *w)
{
    struct msg_CA_ORDER o;
    struct chain c = {0};

    assert_int_equal(get_CA_ORDER(&w->p.reply.msg, &o, NULL), 0);
    assert_int_equal(o.state, ORDER_ISSUED);
    assert_int_equal(chain_parse(o.chain_pem, &c, NULL), 0);
    assert_int_equal(c.n, 2); /* leaf and root */
    assert_int_equal(X509_verify(c.v[0], X509_get0_pubkey(c.v[1])), 1);
    X509 *leaf = c.v[0];
    X509_up_ref(leaf);
    chain_free(&c);
    return leaf;
}

static void tbs_of(X509 *cert, struct buf *out)
{
    unsigned char *der = NULL;
    X509_up_ref(cert);
    const int n = i2d_re_X509_tbs(cert, &der);
    assert_int_equal(buf_take_der(out, der, n, "tbs", NULL), 0);
    X509_free(cert);
}

static void test_csr_is_signed_by_its_key(void **state)
{
    struct world *w = *state;
    struct csr_info i = {0};

    make_csr(w, "shop.corp.example\nIP:10.1.2.3");
    assert_int_equal(csr_read(buf_blob(&w->csr), &i, NULL), 0);
    assert_true(blob_eq(buf_blob(&i.spki), buf_blob(&w->spki)));
    assert_int_equal(i.names.n, 2);
    csr_info_free(&i);
    assert_int_equal(w->p.hellos, 1);
}

static void test_local_root_is_made_once(void **state)
{
    struct world *w = *state;
    struct msg_CA_TESTED t;
    struct bytes first = {0};

    assert_int_equal(test_connector(w), 0);
    assert_int_equal(get_CA_TESTED(&w->p.reply.msg, &t, NULL), 0);
    assert_true(blob_eq(t.memory, bytes_blob(&w->p.memory))); /* remembered before it was told */
    assert_non_null(strstr(t.detail, "CN=Certkeep Local CA"));
    assert_non_null(strstr(t.detail, "SHA-256"));
    bytes_set(&first, t.memory);
    assert_int_equal(test_connector(w), 0);
    assert_true(blob_eq(bytes_blob(&w->p.memory), bytes_blob(&first)));
    assert_int_equal(w->p.remembered, 1);
    assert_true(strs_has(&w->p.evidence, "Root ok made"));
    bytes_free(&first);
}

static void test_local_enroll_needs_the_root(void **state)
{
    struct world *w = *state;

    make_csr(w, "shop.corp.example");
    assert_int_equal(enroll(w), -1);
    assert_int_equal(w->p.e.code, ERR_CONFLICT);
    assert_non_null(strstr(w->p.e.text, "validate the connector first"));
}

static void test_local_enroll_twice_gives_the_same_certificate(void **state)
{
    struct world *w = *state;
    OWN(buf_free)
    struct buf a = BUF(65536);
    OWN(buf_free)
    struct buf b = BUF(65536);

    make_csr(w, "shop.corp.example");
    assert_int_equal(test_connector(w), 0);
    assert_int_equal(enroll(w), 0);
    X509 *first = issued(w);
    assert_int_equal(enroll(w), 0);
    X509 *second = issued(w);
    tbs_of(first, &a);
    tbs_of(second, &b);
    assert_true(blob_eq(buf_blob(&a), buf_blob(&b)));
    X509_free(first);
    X509_free(second);
}

static void test_local_enroll_after_a_crash_before_signing(void **state)
{
    struct world *w = *state;
    struct local_order planned;

    make_csr(w, "shop.corp.example");
    assert_int_equal(test_connector(w), 0);
    const unsigned signed_before = w->p.signatures;
    w->p.kill_at = w->p.remembered + 1;
    assert_int_equal(enroll(w), -1);
    assert_int_equal(w->p.e.code, ERR_NETWORK);
    assert_int_equal(w->p.signatures, signed_before); /* remembered, not signed */
    assert_int_equal(local_order_decode(bytes_blob(&w->p.order_memory), &planned, NULL), 0);
    w->p.kill_at = 0;
    assert_int_equal(peers_start(&w->p), 0);
    assert_int_equal(enroll(w), 0);
    X509 *leaf = issued(w);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
    assert_int_equal(ASN1_STRING_length(serial), LOCAL_ORDER_SERIAL);
    assert_memory_equal(ASN1_STRING_get0_data(serial), planned.serial, LOCAL_ORDER_SERIAL);
    X509_free(leaf);
}

static void test_local_enroll_refuses_names_outside(void **state)
{
    struct world *w = *state;

    encode_local(&w->settings, "corp.example");
    make_csr(w, "shop.corp.example\nshop.other.example");
    assert_int_equal(test_connector(w), 0);
    assert_int_equal(enroll(w), -1);
    assert_int_equal(w->p.e.code, ERR_INPUT);
    assert_non_null(strstr(w->p.e.text, "shop.other.example is not below a permitted domain"));
    assert_int_equal(w->p.order_memory.n, 0);
}

static void test_local_enroll_refuses_anothers_root_key(void **state)
{
    struct world *w = *state;

    make_csr(w, "shop.corp.example");
    assert_int_equal(test_connector(w), 0);
    buf_clear(&w->keys);
    assert_int_equal(peers_role(&w->p, 2, "ca", &w->keys), 0);
    assert_int_equal(enroll(w), -1);
    assert_int_equal(w->p.e.code, ERR_CRYPTO);
}

static void test_local_enroll_says_that_the_token_is_locked(void **state)
{
    struct world *w = *state;

    make_csr(w, "shop.corp.example");
    assert_int_equal(test_connector(w), 0);
    w->p.key_refuses = true;
    assert_int_equal(enroll(w), -1);
    assert_non_null(strstr(w->p.e.text, "issue"));
}

static int revoke_cert(struct world *w, struct blob der)
{
    return PEERS_CALL(&w->p, CA_REVOKE, MSG_CA_ORDER, CONNECTOR_ARGS(w), .order = "o1",
                      .order_memory = bytes_blob(&w->p.order_memory), .cert_der = der, .reason = 4);
}

static void test_local_revoke_signs_a_crl(void **state)
{
    struct world *w = *state;
    OWN(buf_free)
    struct buf der = BUF(65536);
    struct local_ca ca = {0};
    struct msg_CA_ORDER o;

    make_csr(w, "shop.corp.example");
    assert_int_equal(test_connector(w), 0);
    assert_int_equal(enroll(w), 0);
    X509 *leaf = issued(w);
    assert_int_equal(cert_der(leaf, &der, NULL), 0);
    for (int i = 0; i < 2; i++) { /* the second time changes nothing */
        assert_int_equal(revoke_cert(w, buf_blob(&der)), 0);
        assert_int_equal(get_CA_ORDER(&w->p.reply.msg, &o, NULL), 0);
        assert_int_equal(o.state, ORDER_REVOKED);
    }
    assert_int_equal(local_ca_decode(bytes_blob(&w->p.memory), &ca, NULL), 0);
    assert_int_equal(ca.n, 1);
    assert_int_equal(ca.crl_number, 2);
    const unsigned char *p = ca.crl.p;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)ca.crl.n);
    assert_non_null(crl);
    EVP_PKEY *root_key = w->p.keys[0];
    assert_int_equal(X509_CRL_verify(crl, root_key), 1);
    X509_REVOKED *entry = NULL;
    assert_int_equal(X509_CRL_get0_by_cert(crl, &entry, leaf), 1);
    X509_CRL_free(crl);
    X509_free(leaf);
    local_ca_free(&ca);
}

static void test_requests_of_unknown_kinds_are_refused(void **state)
{
    struct world *w = *state;

    assert_int_equal(PEERS_CALL(&w->p, CA_TEST, MSG_CA_TESTED, .type = "emca", .connector = "c1"),
                     -1);
    assert_int_equal(w->p.e.code, ERR_BUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_csr_is_signed_by_its_key),
        T(test_local_root_is_made_once),
        T(test_local_enroll_needs_the_root),
        T(test_local_enroll_twice_gives_the_same_certificate),
        T(test_local_enroll_after_a_crash_before_signing),
        T(test_local_enroll_refuses_names_outside),
        T(test_local_enroll_refuses_anothers_root_key),
        T(test_local_enroll_says_that_the_token_is_locked),
        T(test_local_revoke_signs_a_crl),
        T(test_requests_of_unknown_kinds_are_refused),
#undef T
    };
    if (!getenv("CERTKEEP_CA"))
        setenv("CERTKEEP_CA", "build/asan/bin/certkeep-ca", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whole TLS 1.3 handshakes whose keys are remote, with the hybrid key exchange. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/unit/crypto/pki.h"

static struct {
    struct pki_signer signer;
    OSSL_LIB_CTX *ctx;
} fx;

static int open_context(void **state)
{
    (void)state;
    fx.ctx = provider_context(pki_sign, &fx.signer, NULL);
    return fx.ctx ? 0 : -1;
}

static int close_context(void **state)
{
    (void)state;
    provider_context_free(fx.ctx);
    return 0;
}

static X509 *self_signed(EVP_PKEY *key)
{
    return pki_cert((struct pki_spec){.subject = "CN=peer.example",
                                      .names = "peer.example",
                                      .key = key,
                                      .server = true,
                                      .client = true});
}

/* TLS 1.3 only, X25519MLKEM768 only. */
static SSL_CTX *make_side(bool server, X509 *trusted, X509 *own, EVP_PKEY *own_key,
                          OSSL_LIB_CTX *lib)
{
    SSL_CTX *c = SSL_CTX_new_ex(lib, NULL, server ? TLS_server_method() : TLS_client_method());
    assert_non_null(c);
    assert_int_equal(SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION), 1);
    assert_int_equal(SSL_CTX_set1_groups_list(c, "X25519MLKEM768"), 1);
    if (own) {
        assert_int_equal(SSL_CTX_use_certificate(c, own), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(c, own_key), 1);
        assert_int_equal(SSL_CTX_check_private_key(c), 1);
    }
    if (trusted) {
        assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(c), trusted), 1);
        X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(c), PKI_NOW);
        SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return c;
}

/* 0 when both sides finish. */
static int shake(SSL *client, SSL *server)
{
    for (int i = 0; i < 20; i++) {
        int c = SSL_do_handshake(client), s = SSL_do_handshake(server);
        if (c == 1 && s == 1)
            return 0;
        int ce = SSL_get_error(client, c), se = SSL_get_error(server, s);
        if ((c != 1 && ce != SSL_ERROR_WANT_READ) || (s != 1 && se != SSL_ERROR_WANT_READ))
            return -1;
    }
    return -1;
}

/* One handshake over memory; the words "hello" pass when it stands. */
static int handshake(SSL_CTX *client_ctx, SSL_CTX *server_ctx)
{
    SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
    BIO *a = NULL, *b = NULL;
    assert_int_equal(BIO_new_bio_pair(&a, 65536, &b, 65536), 1);
    SSL_set_bio(client, a, a);
    SSL_set_bio(server, b, b);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    SSL_set1_host(client, "peer.example");
    int ok = shake(client, server);
    if (ok == 0) {
        char got[8] = "";
        assert_int_equal(SSL_write(client, "hello", 5), 5);
        assert_int_equal(SSL_read(server, got, sizeof got), 5);
        assert_string_equal(got, "hello");
        assert_int_equal(SSL_version(server), TLS1_3_VERSION);
        assert_string_equal(SSL_get0_group_name(server), "X25519MLKEM768");
    }
    SSL_free(client);
    SSL_free(server);
    ERR_clear_error();
    return ok;
}

static const struct {
    const char *alg;
    enum sign_scheme want;
} algs[] = {
    {"rsa-2048", SIGN_RSA_PSS_SHA256},
    {"p-256", SIGN_ECDSA_SHA256},
    {"p-384", SIGN_ECDSA_SHA384},
    {"ed25519", SIGN_ED25519},
};

static void test_tls_server_every_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(algs); i++) {
        OWN(own_pkey)
        EVP_PKEY *key = pki_key(algs[i].alg);
        OWN(own_pkey)
        EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_TLS_SERVER);
        OWN(own_x509)
        X509 *cert = self_signed(key);
        fx.signer = (struct pki_signer){.key = key};
        SSL_CTX *server = make_side(true, NULL, cert, handle, fx.ctx);
        SSL_CTX *client = make_side(false, cert, NULL, NULL, NULL);
        SSL_CTX_set1_sigalgs_list(client, "ed25519:ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256");
        assert_int_equal(handshake(client, server), 0);
        assert_int_equal(fx.signer.calls, 1);
        assert_int_equal(fx.signer.scheme, algs[i].want);
        assert_int_equal(fx.signer.purpose, PURPOSE_TLS_SERVER);
        SSL_CTX_free(server);
        SSL_CTX_free(client);
    }
}

static void test_tls_server_with_default_client(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(algs); i++) {
        OWN(own_pkey)
        EVP_PKEY *key = pki_key(algs[i].alg);
        OWN(own_pkey)
        EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_TLS_SERVER);
        OWN(own_x509)
        X509 *cert = self_signed(key);
        fx.signer = (struct pki_signer){.key = key};
        SSL_CTX *server = make_side(true, NULL, cert, handle, fx.ctx);
        SSL_CTX *client = make_side(false, cert, NULL, NULL, NULL);
        assert_int_equal(handshake(client, server), 0);
        SSL_CTX_free(server);
        SSL_CTX_free(client);
    }
}

static void test_tls_client_certificate_every_key(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *server_key = pki_key("p-256");
    OWN(own_x509)
    X509 *server_cert = self_signed(server_key);
    for (size_t i = 0; i < COUNT(algs); i++) {
        OWN(own_pkey)
        EVP_PKEY *key = pki_key(algs[i].alg);
        OWN(own_pkey)
        EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_TLS_CLIENT);
        OWN(own_x509)
        X509 *cert = self_signed(key);
        fx.signer = (struct pki_signer){.key = key};
        SSL_CTX *server = make_side(true, cert, server_cert, server_key, NULL);
        SSL_CTX *client = make_side(false, server_cert, cert, handle, fx.ctx);
        assert_int_equal(handshake(client, server), 0);
        assert_int_equal(fx.signer.calls, 1);
        assert_int_equal(fx.signer.purpose, PURPOSE_TLS_CLIENT);
        SSL_CTX_free(server);
        SSL_CTX_free(client);
    }
}

static void test_tls_server_fails_when_signer_does(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *key = pki_key("p-256");
    OWN(own_pkey)
    EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_TLS_SERVER);
    OWN(own_x509)
    X509 *cert = self_signed(key);
    for (int nonsense = 0; nonsense < 2; nonsense++) {
        fx.signer = (struct pki_signer){.key = key, .fail = !nonsense, .nonsense = nonsense};
        SSL_CTX *server = make_side(true, NULL, cert, handle, fx.ctx);
        SSL_CTX *client = make_side(false, cert, NULL, NULL, NULL);
        assert_int_equal(handshake(client, server), -1);
        assert_int_equal(fx.signer.calls, 1);
        SSL_CTX_free(server);
        SSL_CTX_free(client);
    }
}

static void test_tls_refuses_a_key_of_another_certificate(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *key = pki_key("p-256");
    OWN(own_pkey)
    EVP_PKEY *other = pki_key("p-256");
    OWN(own_pkey)
    EVP_PKEY *handle = pki_handle(fx.ctx, other, PURPOSE_TLS_SERVER);
    OWN(own_x509)
    X509 *cert = self_signed(key);
    SSL_CTX *c = SSL_CTX_new_ex(fx.ctx, NULL, TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(c, cert), 1);
    assert_int_not_equal(SSL_CTX_use_PrivateKey(c, handle), 1);
    SSL_CTX_free(c);
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_server_every_key),
        cmocka_unit_test(test_tls_server_with_default_client),
        cmocka_unit_test(test_tls_client_certificate_every_key),
        cmocka_unit_test(test_tls_server_fails_when_signer_does),
        cmocka_unit_test(test_tls_refuses_a_key_of_another_certificate),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}

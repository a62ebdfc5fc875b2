/* The SSL_CTX and who owns which session. Refuses everything below TLS 1.3, and resumption. */
#include "src/web/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"
#include "crypto/policy.h"
#include "crypto/provider/provider.h"
#include "crypto/x509/cert.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/ipc/keyclient.h"

#define GROUPS "X25519MLKEM768:X25519:P-256"
#define SUITES "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"

struct tls {
    OSSL_LIB_CTX *lib;
    SSL_CTX *ctx; /* NULL: no identity yet */
    struct strs names;
    int owner_index;
};

/* What hangs on a session, so that its owner hears of its end. */
struct owner {
    void *arg;
    void (*gone)(void *arg);
};

DEFINE_OWN(SSL_CTX *, ssl_ctx, SSL_CTX_free)

static void on_session_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
                            void *argp)
{
    struct owner *o = ptr;

    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    if (!o)
        return;
    o->gone(o->arg);
    free(o);
}

int tls_new(struct channel *key, struct tls **out, struct err *e)
{
    struct tls *t = xcalloc(1, sizeof(*t));

    t->owner_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_session_free);
    t->lib = provider_context(keyclient_sign, key, e);
    if (!t->lib || t->owner_index < 0) {
        tls_free(t);
        return err_wrap(e, "TLS");
    }
    *out = t;
    return 0;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    provider_context_free(t->lib);
    strs_free(&t->names);
    free(t);
}

/* RFC 7301: a client that names protocols must name ours. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof(ours) - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_ctx(struct tls *t, struct err *e)
{
    OWN(own_ssl_ctx)
    SSL_CTX *ctx = SSL_CTX_new_ex(t->lib, NULL, TLS_server_method());

    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(ctx, SUITES) || !SSL_CTX_set1_groups_list(ctx, GROUPS) ||
        !SSL_CTX_set_num_tickets(ctx, 0)) {
        err_openssl(e, ERR_CRYPTO, "TLS context");
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    return TAKE(ctx);
}

static void add_names(X509 *leaf, struct strs *names)
{
    OWN(own_general_names)
    GENERAL_NAMES *sans = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; sans && i < sk_GENERAL_NAME_num(sans); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(sans, i);
        if (name->type != GEN_DNS)
            continue;
        const char *text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        const size_t n = (size_t)ASN1_STRING_length(name->d.dNSName);
        if (text_clean(text, n, ""))
            strs_add_n(names, text, n);
    }
}

static int use_chain(const struct tls *t, SSL_CTX *ctx, struct blob pem, struct strs *names,
                     struct err *e)
{
    OWN(own_bio)
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    size_t count = 0;

    for (;; count++) {
        OWN(own_x509)
        X509 *cert = X509_new_ex(t->lib, NULL);
        if (!bio || !cert || !PEM_read_bio_X509(bio, &cert, NULL, NULL))
            break;
        const int ok = count == 0 ? SSL_CTX_use_certificate(ctx, cert)
                                  : (int)SSL_CTX_add1_chain_cert(ctx, cert);
        if (!ok)
            return err_openssl(e, ERR_CRYPTO, "certificate of the UI");
        if (count == 0)
            add_names(cert, names);
    }
    ERR_clear_error(); /* the end of the text is an error of the PEM reader */
    if (!count)
        return err_set(e, ERR_CRYPTO, "certificate of the UI: no PEM certificate");
    return 0;
}

int tls_set_identity(struct tls *t, struct blob envelope, struct blob spki, struct blob chain_pem,
                     struct err *e)
{
    OWN(strs_free)
    struct strs names = {};
    OWN(own_ssl_ctx)
    SSL_CTX *ctx = make_ctx(t, e);
    OWN(own_pkey)
    EVP_PKEY *key = NULL;

    if (!ctx || chain_pem.n > 256 * 1024)
        return ctx ? err_set(e, ERR_LIMIT, "certificate of the UI: too long") : -1;
    if (use_chain(t, ctx, chain_pem, &names, e) < 0)
        return -1;
    key = provider_key(t->lib, spki, envelope, PURPOSE_TLS_SERVER, e);
    if (!key)
        return err_wrap(e, "key of the UI");
    if (!SSL_CTX_use_PrivateKey(ctx, key) || !SSL_CTX_check_private_key(ctx))
        return err_openssl(e, ERR_CRYPTO, "key of the UI");
    SSL_CTX_free(t->ctx);
    t->ctx = TAKE(ctx);
    strs_free(&t->names);
    t->names = names;
    names = (struct strs){};
    return 0;
}

bool tls_ready(const struct tls *t)
{
    return t->ctx != NULL;
}

const struct strs *tls_names(const struct tls *t)
{
    return &t->names;
}

int tls_fingerprint(const struct tls *t, char hex[65], struct err *e)
{
    if (!t->ctx)
        return err_set(e, ERR_CONFLICT, "no certificate yet");
    return cert_fingerprint(SSL_CTX_get0_certificate(t->ctx), hex, e);
}

SSL *tls_accept(struct tls *t, void *owner, void (*gone)(void *owner))
{
    SSL *ssl = t->ctx ? SSL_new(t->ctx) : NULL;

    if (!ssl)
        return NULL;
    struct owner *o = xcalloc(1, sizeof(*o));
    *o = (struct owner){owner, gone};
    if (!SSL_set_ex_data(ssl, t->owner_index, o)) {
        free(o);
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

void *tls_owner(const struct tls *t, const SSL *ssl)
{
    const struct owner *o = SSL_get_ex_data(ssl, t->owner_index);

    return o ? o->arg : NULL;
}

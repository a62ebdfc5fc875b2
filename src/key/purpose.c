/* The table purpose x caller x shape, and the shapes that are not X.509. */
#include "src/key/purpose.h"

#include <openssl/err.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/key/shape.h"

static const struct {
    uint32_t purpose;
    const char *name;
    unsigned callers; /* enum process_mask */
    shape_fn shape;
} rules[] = {
    {PURPOSE_TLS_SERVER, "TLS server", M_WEB, shape_tls_server},
    {PURPOSE_CSR, "certificate request", M_CA, shape_csr},
    {PURPOSE_CERT, "certificate", M_CA, shape_cert},
    {PURPOSE_CRL, "CRL", M_CA, shape_crl},
    {PURPOSE_JWS, "JWS", M_CA, shape_jws},
    {PURPOSE_AUDIT, "audit head", M_CORE, shape_audit},
    {PURPOSE_TLS_CLIENT, "TLS client", M_CA, shape_tls_client},
};

int purpose_check(enum process caller, uint32_t purpose, enum sign_scheme scheme,
                  const struct envelope *env, struct blob tbs, struct err *e)
{
    for (size_t i = 0; i < COUNT(rules); i++) {
        if (rules[i].purpose != purpose)
            continue;
        if (!(rules[i].callers & (1u << caller)))
            return err_set(e, ERR_DENIED, "purpose %s: not for process %s", rules[i].name,
                           process_name(caller));
        if (!(env->purposes & purpose))
            return err_set(e, ERR_DENIED, "purpose %s: the key was not made for it", rules[i].name);
        if (!scheme_fits(env->alg, scheme))
            return err_set(e, ERR_INPUT, "scheme: %u does not fit a key of %s", (unsigned)scheme,
                           alg_find(env->alg)->title);
        if (rules[i].shape(env, scheme, tbs, e) == 0)
            return 0;
        ERR_clear_error(); /* what the parsers left must not explain a later failure */
        return err_wrap(e, "purpose %s", rules[i].name);
    }
    return err_set(e, ERR_INPUT, "purpose: expected exactly one known purpose, got 0x%x", purpose);
}

/* RFC 8446, 4.4.3: 64 blanks, the context, a NUL, the transcript hash. */
static bool tls13(const char *context, struct blob tbs)
{
    const uint8_t *p = tbs.p;
    size_t context_n = strlen(context) + 1;
    if (tbs.n != 64 + context_n + 32 && tbs.n != 64 + context_n + 48)
        return false;
    for (size_t i = 0; i < 64; i++) {
        if (p[i] != ' ')
            return false;
    }
    return memcmp(p + 64, context, context_n) == 0;
}

static bool is_pkcs1(enum sign_scheme scheme)
{
    return scheme == SIGN_RSA_PKCS1_SHA256 || scheme == SIGN_RSA_PKCS1_SHA384;
}

int shape_tls_server(const struct envelope *env, enum sign_scheme scheme, struct blob tbs,
                     struct err *e)
{
    (void)env;
    if (is_pkcs1(scheme) || !tls13("TLS 1.3, server CertificateVerify", tbs))
        return err_set(e, ERR_DENIED, "not a TLS 1.3 server CertificateVerify");
    return 0;
}

/*
 * TLS 1.2 signs the handshake so far (RFC 5246, 7.4.8): ClientHello, ServerHello, Certificate,
 * [ServerKeyExchange], CertificateRequest, ServerHelloDone, Certificate, ClientKeyExchange; a
 * status message (RFC 6066, 8) and a session ticket may stand between.
 */
static bool tls12_client(struct blob tbs)
{
    enum { CLIENT_HELLO = 1, SERVER_HELLO = 2, CERT_REQUEST = 13, CLIENT_KEY_EXCHANGE = 16 };
    struct reader r = reader_of(tbs);
    unsigned type = 0, seen_request = 0;
    for (unsigned i = 0; r.at < r.n && !r.failed; i++) {
        type = read_u8(&r);
        size_t high = read_u8(&r);
        size_t n = high << 16 | read_u16(&r);
        read_bytes(&r, n);
        if ((i == 0) != (type == CLIENT_HELLO) || (i == 1) != (type == SERVER_HELLO) || i > 10)
            return false;
        seen_request += type == CERT_REQUEST;
    }
    return reader_done(&r) && type == CLIENT_KEY_EXCHANGE && seen_request == 1;
}

int shape_tls_client(const struct envelope *env, enum sign_scheme scheme, struct blob tbs,
                     struct err *e)
{
    (void)env;
    if (!is_pkcs1(scheme) && tls13("TLS 1.3, client CertificateVerify", tbs))
        return 0;
    if (tls12_client(tbs))
        return 0;
    return err_set(e, ERR_DENIED, "not a TLS client CertificateVerify");
}

int shape_jws(const struct envelope *env, enum sign_scheme scheme, struct blob tbs, struct err *e)
{
    (void)env;
    (void)scheme;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *text = tbs.p;
    const char *dot = tbs.n ? memchr(text, '.', tbs.n) : NULL;
    if (!dot)
        return err_set(e, ERR_DENIED, "not a JWS signing input: no dot");
    for (size_t i = 0; i < tbs.n; i++) {
        if (text + i != dot && (!text[i] || !strchr(alphabet, text[i])))
            return err_set(e, ERR_DENIED, "not a JWS signing input: not base64url");
    }
    struct err why = {0};
    OWN(buf_free)
    struct buf header = BUF(64 * 1024);
    size_t header_n = (size_t)(dot - text);
    if (dec_base64url(&header, text, header_n, &why) < 0 || header.n < 2 || header.p[0] != '{' ||
        header.p[header.n - 1] != '}')
        return err_set(e, ERR_DENIED, "not a JWS signing input: the header is not an object");
    return 0;
}

int shape_audit(const struct envelope *env, enum sign_scheme scheme, struct blob tbs, struct err *e)
{
    (void)env;
    (void)scheme;
    static const char head[] = "certkeep audit head v1\n";
    if (tbs.n <= sizeof head - 1 || tbs.n > 1024 || memcmp(tbs.p, head, sizeof head - 1) != 0)
        return err_set(e, ERR_DENIED, "not an audit head");
    return 0;
}

/* PKCS#10 requests. Reads at most 64 KiB and refuses a request that its own key did not sign. */
#include "crypto/x509/csr.h"

#include <openssl/x509v3.h>
#include <stdlib.h>

#include "crypto/ossl.h"
#include "crypto/provider/provider.h"
#include "crypto/x509/cert.h"
#include "crypto/x509/ext.h"
#include "crypto/x509/keyinfo.h"
#include "crypto/x509/name.h"

#define CSR_MAX_BYTES (64 * 1024)

static void free_extensions(STACK_OF(X509_EXTENSION) * list)
{
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

DEFINE_OWN(EXTENDED_KEY_USAGE *, eku, EXTENDED_KEY_USAGE_free)
DEFINE_OWN(STACK_OF(X509_EXTENSION) *, extensions, free_extensions)

/* RFC 2985, 5.4.2: what the certificate should carry, as one attribute. */
static int add_extensions(X509_REQ *req, const struct csr_template *t, struct err *e)
{
    OWN(own_extensions)
    STACK_OF(X509_EXTENSION) *list = NULL;
    OWN(own_general_names)
    GENERAL_NAMES *sans = NULL;
    OWN(own_eku)
    EXTENDED_KEY_USAGE *eku = ext_eku(t->server_auth, t->client_auth);
    int only_name = X509_NAME_entry_count(X509_REQ_get_subject_name(req)) == 0;
    bool has_names = t->names && t->names->n > 0;
    if (only_name && !has_names)
        return err_set(e, ERR_INPUT, "a subject or at least one name is needed");
    if (has_names) {
        if (san_from_strs(t->names, &sans, e) < 0)
            return -1;
        if (X509V3_add1_i2d(&list, NID_subject_alt_name, sans, only_name, X509V3_ADD_DEFAULT) != 1)
            return err_openssl(e, ERR_CRYPTO, "names");
    }
    if (!eku || (sk_ASN1_OBJECT_num(eku) > 0 &&
                 X509V3_add1_i2d(&list, NID_ext_key_usage, eku, 0, X509V3_ADD_DEFAULT) != 1))
        return err_openssl(e, ERR_CRYPTO, "extended key usage");
    if (list && X509_REQ_add_extensions(req, list) != 1)
        return err_openssl(e, ERR_CRYPTO, "extensions");
    return 0;
}

int csr_build(const struct csr_template *t, EVP_PKEY *key, OSSL_LIB_CTX *ctx, struct buf *der,
              struct err *e)
{
    const struct alg_info *alg = keyinfo_alg(key);
    OWN(own_x509_req)
    X509_REQ *req = X509_REQ_new_ex(ctx, NULL);
    OWN(own_x509_name)
    X509_NAME *subject = NULL;
    if (!alg)
        return err_set(e, ERR_INPUT, "request: the key's algorithm or size is not allowed here");
    if (name_parse(t->subject, &subject, e) < 0)
        return err_wrap(e, "request");
    if (!req || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_subject_name(req, subject) != 1 || X509_REQ_set_pubkey(req, key) != 1)
        return err_openssl(e, ERR_CRYPTO, "request");
    if (add_extensions(req, t, e) < 0)
        return err_wrap(e, "request");
    if (X509_REQ_sign(req, key, keyinfo_digest(alg)) <= 0)
        return provider_err(ctx, "sign request", e);
    OWN(buf_free)
    struct buf made = BUF(CSR_MAX_BYTES);
    OWN(csr_info_free)
    struct csr_info check = {0};
    unsigned char *bytes = NULL;
    int n = i2d_X509_REQ(req, &bytes);
    /* A wrong signature is our fault and found here, not by the CA. */
    if (buf_take_der(&made, bytes, n, "request", e) < 0 || csr_read(buf_blob(&made), &check, e) < 0)
        return err_wrap(e, "new request");
    buf_add_blob(der, buf_blob(&made));
    return buf_check(der, "request", e);
}

static int read_names(X509_REQ *req, struct strs *names, struct err *e)
{
    OWN(own_extensions)
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(req);
    if (!list)
        return err_openssl(e, ERR_INPUT, "extensions");
    int critical = 0;
    OWN(own_general_names)
    GENERAL_NAMES *sans = X509V3_get_d2i(list, NID_subject_alt_name, &critical, NULL);
    if (!sans && critical != -1)
        return err_openssl(e, ERR_INPUT, "names");
    return san_to_strs(sans, names, e);
}

static int read_request(X509_REQ *req, struct csr_info *out, struct err *e)
{
    OWN(buf_free)
    struct buf subject = BUF(CSR_MAX_BYTES);
    EVP_PKEY *key = X509_REQ_get0_pubkey(req);
    if (!key)
        return err_openssl(e, ERR_INPUT, "public key");
    if (X509_REQ_verify(req, key) != 1)
        return err_openssl(e, ERR_CRYPTO, "it is not signed by its own key");
    unsigned char *bytes = NULL;
    int n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &bytes);
    if (buf_take_der(&out->spki, bytes, n, "public key", e) < 0 ||
        name_print(X509_REQ_get_subject_name(req), &subject, e) < 0 ||
        read_names(req, &out->names, e) < 0)
        return -1;
    out->subject = xstrdup(buf_cstr(&subject));
    out->key_alg = keyinfo_name(key);
    return 0;
}

int csr_read(struct blob der, struct csr_info *out, struct err *e)
{
    if (der.n == 0 || der.n > CSR_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "request has %zu bytes, expected 1 to %d", der.n,
                       CSR_MAX_BYTES);
    const unsigned char *p = der.p;
    OWN(own_x509_req)
    X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.n);
    if (!req)
        return err_openssl(e, ERR_INPUT, "request");
    if (p != (const unsigned char *)der.p + der.n)
        return err_set(e, ERR_INPUT, "request: bytes follow its end");
    OWN(csr_info_free)
    struct csr_info info = {.spki = BUF(CSR_MAX_BYTES)};
    if (read_request(req, &info, e) < 0)
        return err_wrap(e, "request");
    *out = info;
    info = (struct csr_info){0};
    return 0;
}

void csr_info_free(struct csr_info *i)
{
    free(i->subject);
    free(i->key_alg);
    strs_free(&i->names);
    buf_free(&i->spki);
    *i = (struct csr_info){0};
}

/* Files with certificates (certs.h). Limits first; OpenSSL parses one object at a time. */
#include "crypto/bundle/certs.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/bundle/pem.h"

static const char no_keys[] =
    "it holds a private key; only certificates are imported. Nothing of it was kept. A key that "
    "was given away by mistake should be replaced";

void certs_free(struct certs *c)
{
    for (size_t i = 0; i < c->n; i++)
        X509_free(c->v[i]);
    free(c->v);
    *c = (struct certs){0};
}

static int add_der(struct certs *c, struct blob der, struct err *e)
{
    if (c->n == CERTS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d certificates in one import", CERTS_MAX);
    c->v = xrealloc(c->v, (c->n + 1) * sizeof(*c->v));
    if (cert_parse(der, &c->v[c->n], e) < 0)
        return -1;
    c->n++;
    return 0;
}

static void own_pkcs7(PKCS7 **p)
{
    PKCS7_free(*p);
}

/* The certificates of a PKCS#7 bundle; its signatures, if any, say nothing about them. */
static int add_pkcs7(struct certs *c, struct blob der, struct err *e)
{
    const unsigned char *p = der.p;
    OWN(own_pkcs7)
    PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)der.n);

    ERR_clear_error();
    if (!p7 || p != (const unsigned char *)der.p + der.n)
        return err_set(e, ERR_INPUT, "PKCS#7: it is cut off, or something follows it");
    if (!PKCS7_type_is_signed(p7) || !p7->d.sign)
        return err_set(e, ERR_INPUT, "PKCS#7: expected a bundle of certificates (signed data)");
    const STACK_OF(X509) *list = p7->d.sign->cert;
    for (int i = 0; i < sk_X509_num(list); i++) {
        OWN(buf_free)
        struct buf one = BUF(CERT_MAX_BYTES);
        if (cert_der(sk_X509_value(list, i), &one, e) < 0 || add_der(c, buf_blob(&one), e) < 0)
            return err_wrap(e, "PKCS#7: certificate %d", i + 1);
    }
    return sk_X509_num(list) > 0 ? 0 : err_set(e, ERR_INPUT, "PKCS#7: no certificate is in it");
}

static bool is_pkcs7(struct blob der)
{
    const unsigned char *p = der.p;
    OWN(own_pkcs7)
    PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)der.n);

    ERR_clear_error();
    return p7 != NULL;
}

/* Plain or encrypted PKCS#8, PKCS#12, and the older forms of RSA and EC keys. */
static bool is_private(struct blob der)
{
    const unsigned char *p = der.p;
    PKCS8_PRIV_KEY_INFO *plain = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
    p = der.p;
    X509_SIG *encrypted = d2i_X509_SIG(NULL, &p, (long)der.n);
    p = der.p;
    PKCS12 *bundle = d2i_PKCS12(NULL, &p, (long)der.n);
    p = der.p;
    EVP_PKEY *old = plain || encrypted || bundle ? NULL : d2i_AutoPrivateKey(NULL, &p, (long)der.n);
    const bool found = plain || encrypted || bundle || old;

    PKCS8_PRIV_KEY_INFO_free(plain);
    X509_SIG_free(encrypted);
    PKCS12_free(bundle);
    EVP_PKEY_free(old);
    ERR_clear_error();
    return found;
}

static int add_binary(struct certs *c, struct blob der, struct err *e)
{
    struct err why = {0};

    if (add_der(c, der, &why) == 0)
        return 0;
    if (why.code == ERR_LIMIT)
        return err_set(e, why.code, "%s", why.text);
    if (is_pkcs7(der))
        return add_pkcs7(c, der, e);
    if (is_private(der))
        return err_set(e, ERR_INPUT, "%s", no_keys);
    return err_set(e, ERR_INPUT, "expected a certificate in DER, or PKCS#7: %s", why.text);
}

static int on_block(const char *label, struct blob der, void *arg, struct err *e)
{
    if (str_eq(label, "CERTIFICATE") || str_eq(label, "X509 CERTIFICATE"))
        return add_der(arg, der, e);
    if (str_eq(label, "PKCS7") || str_eq(label, "CMS"))
        return add_pkcs7(arg, der, e);
    return err_set(e, ERR_INPUT, "expected CERTIFICATE or PKCS7 blocks, found %s", label);
}

/* Looked for in the text itself: a block that cannot be read may hold a key all the same. */
static bool names_private(struct blob text)
{
    static const char words[] = "PRIVATE KEY-----";

    return memmem(text.p, text.n, words, sizeof(words) - 1) != NULL;
}

static bool is_keystore(const uint8_t *p, size_t n)
{
    return n >= 4 &&
           (memcmp(p, "\xfe\xed\xfe\xed", 4) == 0 || memcmp(p, "\xce\xce\xce\xce", 4) == 0);
}

int certs_read(struct blob file, struct certs *out, struct err *e)
{
    const uint8_t *p = file.p;
    const size_t before = out->n;
    int rc = -1;

    if (file.n > CERTS_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "%zu bytes, at most %d in one file", file.n, CERTS_MAX_BYTES);
    if (file.n == 0)
        return err_set(e, ERR_INPUT, "it is empty");
    if (names_private(file) || is_keystore(p, file.n))
        return err_set(e, ERR_INPUT, "%s", no_keys);
    /* DER begins with a SEQUENCE: its length is no text, or is exactly that of the file. */
    if (file.n >= 2 && p[0] == 0x30 && ((p[1] & 0x80) || (size_t)p[1] + 2 == file.n))
        rc = add_binary(out, file, e);
    else
        rc = pem_each(file, on_block, out, e);
    if (rc == 0 && out->n == before)
        rc = err_set(e, ERR_INPUT, "no certificate found; expected PEM, DER or PKCS#7");
    while (rc < 0 && out->n > before) /* a file counts as a whole or not at all */
        X509_free(out->v[--out->n]);
    return rc;
}

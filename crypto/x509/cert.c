/* Parse, encode and describe one certificate. Refuses more than 64 KiB and trailing bytes. */
#include "crypto/x509/cert.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "crypto/ossl.h"
#include "crypto/policy.h"
#include "crypto/x509/keyinfo.h"
#include "crypto/x509/name.h"
#include "src/base/enc.h"

#define TEXT_MAX (1024 * 1024)

int cert_parse(struct blob der, X509 **out, struct err *e)
{
    if (der.n == 0 || der.n > CERT_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "certificate has %zu bytes, expected 1 to %d", der.n,
                       CERT_MAX_BYTES);
    const unsigned char *p = der.p;
    OWN(own_x509)
    X509 *cert = d2i_X509(NULL, &p, (long)der.n);
    if (!cert)
        return err_openssl(e, ERR_INPUT, "certificate");
    if (p != (const unsigned char *)der.p + der.n)
        return err_set(e, ERR_INPUT, "certificate: bytes follow its end");
    *out = TAKE(cert);
    return 0;
}

int cert_der(const X509 *cert, struct buf *out, struct err *e)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    return buf_take_der(out, der, n, "certificate", e);
}

int cert_spki(const X509 *cert, struct buf *out, struct err *e)
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    return buf_take_der(out, der, n, "public key", e);
}

int spki_sha256(struct blob spki, char hex[65], struct err *e)
{
    uint8_t digest[32];
    if (sha256(spki, digest, e) < 0)
        return -1;
    OWN(own_mem)
    char *text = hex_str(BLOB(digest, sizeof digest));
    return str_copy(hex, 65, text, e);
}

int cert_fingerprint(const X509 *cert, char hex[65], struct err *e)
{
    OWN(buf_free)
    struct buf der = BUF(CERT_MAX_BYTES + 1024);
    return cert_der(cert, &der, e) < 0 ? -1 : spki_sha256(buf_blob(&der), hex, e);
}

static char *signature_name(const X509 *cert)
{
    int md = NID_undef, pk = NID_undef;
    if (X509_get_signature_info((X509 *)cert, &md, &pk, NULL, NULL) == 1 || pk != NID_undef) {
        const char *kind = pk == NID_rsaEncryption          ? "RSA"
                           : pk == NID_rsassaPss            ? "RSAPSS"
                           : pk == NID_X9_62_id_ecPublicKey ? "ECDSA"
                           : pk == NID_dsa                  ? "DSA"
                                                            : NULL;
        if (pk == NID_ED25519)
            return xstrdup("ED25519");
        if (kind && md != NID_undef)
            return xasprintf("%s%s", OBJ_nid2sn(md), kind);
    }
    char text[80];
    const X509_ALGOR *alg = X509_get0_tbs_sigalg(cert);
    const ASN1_OBJECT *oid = NULL;
    X509_ALGOR_get0(&oid, NULL, NULL, alg);
    OBJ_obj2txt(text, sizeof text, oid, 0);
    return xstrdup(text);
}

static char *name_text(const X509_NAME *name, struct err *e)
{
    OWN(buf_free)
    struct buf text = BUF(64 * 1024);
    if (name_print(name, &text, e) < 0)
        return NULL;
    return xstrndup(text.n ? (const char *)text.p : "", text.n);
}

/* The last value of an attribute as clean text, or NULL. */
static char *name_attribute(const X509_NAME *name, int nid)
{
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    if (at < 0)
        return NULL;
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    char *text = n > 0 && text_clean((const char *)utf8, (size_t)n, "")
                     ? xstrndup((const char *)utf8, (size_t)n)
                     : NULL;
    OPENSSL_free(utf8);
    return text;
}

static int describe_names(const X509 *cert, struct cert_info *i, struct err *e)
{
    const X509_NAME *subject = X509_get_subject_name(cert), *issuer = X509_get_issuer_name(cert);
    if (!(i->subject = name_text(subject, e)) || !(i->issuer = name_text(issuer, e)))
        return -1;
    int crit = 0;
    OWN(own_general_names)
    GENERAL_NAMES *sans = X509_get_ext_d2i(cert, NID_subject_alt_name, &crit, NULL);
    if (!sans && crit != -1) /* -1: there is none */
        return err_openssl(e, ERR_INPUT, "subject alternative names");
    if (san_to_strs(sans, &i->names, e) < 0)
        return -1;
    i->common_name = name_common_name(subject);
    if (!i->common_name)
        i->common_name = xstrdup(i->names.n ? i->names.v[0] : "");
    i->issuer_name = name_common_name(issuer);
    if (!i->issuer_name)
        i->issuer_name = name_attribute(issuer, NID_organizationName);
    if (!i->issuer_name)
        i->issuer_name = xstrdup("");
    i->organization = name_attribute(subject, NID_organizationName);
    if (!i->organization)
        i->organization = xstrdup("");
    return 0;
}

static char *string_hex(const ASN1_STRING *s)
{
    if (!s)
        return xstrdup("");
    return hex_str(BLOB(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)));
}

static int describe_key(const X509 *cert, struct cert_info *i, struct err *e)
{
    char hex[65];
    OWN(buf_free)
    struct buf spki = BUF(CERT_MAX_BYTES);
    if (cert_spki(cert, &spki, e) < 0 || spki_sha256(buf_blob(&spki), hex, e) < 0)
        return -1;
    i->spki_sha256 = xstrdup(hex);
    if (cert_fingerprint(cert, hex, e) < 0)
        return -1;
    i->fingerprint = xstrdup(hex);
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    i->key_alg = keyinfo_name(key);
    i->key_bits = key ? EVP_PKEY_get_bits(key) : 0;
    if (!key) { /* a kind of key OpenSSL cannot read: name it at least */
        char text[80] = "";
        ASN1_OBJECT *oid = NULL;
        X509_PUBKEY_get0_param(&oid, NULL, NULL, NULL, X509_get_X509_PUBKEY(cert));
        OBJ_obj2txt(text, sizeof text, oid, 0);
        free(i->key_alg);
        i->key_alg = xstrdup(text);
    }
    return 0;
}

static void describe_use(const X509 *cert, struct cert_info *i)
{
    X509 *c = (X509 *)cert; /* OpenSSL caches the extensions in it; the content stays */
    uint32_t eku = X509_get_extended_key_usage(c); /* all bits when there is none */
    i->is_ca = X509_check_ca(c) == 1;
    i->self_signed = X509_self_signed(c, 1) == 1;
    i->server_auth = (eku & (XKU_SSL_SERVER | XKU_ANYEKU)) != 0;
    i->client_auth = (eku & (XKU_SSL_CLIENT | XKU_ANYEKU)) != 0;
    i->serial = string_hex(X509_get0_serialNumber(cert));
    i->aki = string_hex(X509_get0_authority_key_id(c));
    i->sig_alg = signature_name(cert);
}

int cert_describe(const X509 *cert, struct cert_info *out, struct err *e)
{
    OWN(cert_info_free)
    struct cert_info i = {0};
    if (time_from_asn1(X509_get0_notBefore(cert), "notBefore", &i.not_before, e) < 0 ||
        time_from_asn1(X509_get0_notAfter(cert), "notAfter", &i.not_after, e) < 0 ||
        describe_names(cert, &i, e) < 0 || describe_key(cert, &i, e) < 0)
        return err_wrap(e, "certificate");
    describe_use(cert, &i);
    ERR_clear_error();
    *out = i;
    i = (struct cert_info){0};
    return 0;
}

void cert_info_free(struct cert_info *i)
{
    char **owned[] = {&i->common_name,  &i->subject, &i->issuer,      &i->issuer_name,
                      &i->organization, &i->serial,  &i->fingerprint, &i->spki_sha256,
                      &i->sig_alg,      &i->key_alg, &i->aki};
    for (size_t n = 0; n < COUNT(owned); n++)
        own_mem(owned[n]);
    strs_free(&i->names);
    *i = (struct cert_info){0};
}

/* Names and extensions are printed as they are: what is no text (text_clean) becomes dots. */
static void make_clean(struct buf *text)
{
    bool utf8 = utf8_valid((const char *)text->p, text->n);
    for (size_t i = 0; i < text->n; i++) {
        uint8_t *c = &text->p[i];
        bool c0 = (*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f;
        if (utf8 && *c == 0xc2 && c[1] < 0xa0) /* U+0080 to U+009F; valid, so c[1] is there */
            *c = c[1] = '.';
        else if (c0 || (*c >= 0x80 && !utf8))
            *c = '.';
    }
}

int cert_text(const X509 *cert, struct buf *out, struct err *e)
{
    OWN(own_bio)
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned long flags = XN_FLAG_ONELINE & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    if (!bio || X509_print_ex(bio, (X509 *)cert, flags, 0) != 1)
        return err_openssl(e, ERR_INPUT, "certificate text");
    OWN(buf_free)
    struct buf text = BUF(TEXT_MAX);
    buf_add_bio(&text, bio);
    if (buf_check(&text, "certificate text", e) < 0)
        return -1;
    make_clean(&text);
    buf_add_blob(out, buf_blob(&text));
    return buf_check(out, "certificate text", e);
}

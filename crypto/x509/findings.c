/*
 * What is wrong with a certificate as it stands: weak key or signature, dates, names, usages.
 * One rule per function; a CA certificate is held to the rules of keys and signatures only.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "crypto/ossl.h"
#include "crypto/x509/cert.h"
#include "src/base/time.h"

#define DAY_S 86400

/* CA/Browser Forum Baseline Requirements, 6.3.2 (ballots 193, SC31, SC-081): longest validity of a
 * certificate by its notBefore; later lines win. */
static const struct {
    int64_t from;
    int days;
} validity_steps[] = {
    {1519862400, 825}, /* 2018-03-01 */
    {1598918400, 398}, /* 2020-09-01 */
    {1773532800, 200}, /* 2026-03-15 */
    {1805068800, 100}, /* 2027-03-15 */
    {1868227200, 47},  /* 2029-03-15 */
};

struct subject {
    X509 *cert;
    int64_t now, not_before, not_after;
    bool ca;
    struct strs *out;
};

static void add(const struct subject *s, char *text)
{
    strs_add(s->out, text);
    own_mem(&text);
}

static void check_key(const struct subject *s)
{
    const EVP_PKEY *key = X509_get0_pubkey(s->cert);
    if (!key) {
        add(s, xstrdup("public key: of a kind that cannot be checked"));
        return;
    }
    int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) {
        if (bits < 2048)
            add(s, xasprintf("weak key: RSA %d, at least 2048 needed", bits));
    } else if (EVP_PKEY_is_a(key, "EC")) {
        char group[80] = "";
        size_t n = 0;
        if (EVP_PKEY_get_group_name(key, group, sizeof group, &n) != 1 ||
            !(str_eq(group, "prime256v1") || str_eq(group, "secp384r1") ||
              str_eq(group, "secp521r1")))
            add(s, xasprintf("weak curve: %s, P-256 or P-384 needed",
                             group[0] ? group : "with explicit parameters"));
    } else if (EVP_PKEY_is_a(key, "DSA")) {
        add(s, xstrdup("weak key: DSA is no longer accepted"));
    }
}

static void check_signature(const struct subject *s)
{
    int md = NID_undef;
    X509_get_signature_info(s->cert, &md, NULL, NULL, NULL);
    if (md == NID_sha1 || md == NID_md5 || md == NID_md5_sha1 || md == NID_md4 || md == NID_md2)
        add(s, xasprintf("weak signature: %s, SHA-256 or better needed", OBJ_nid2sn(md)));
}

static void check_dates(const struct subject *s)
{
    char day[TIME_TEXT_BYTES];
    if (s->now > s->not_after) {
        time_print(s->not_after, day);
        add(s, xasprintf("expired on %.10s", day));
    }
    if (s->ca)
        return;
    int limit = 0;
    for (size_t i = 0; i < COUNT(validity_steps); i++)
        if (s->not_before >= validity_steps[i].from)
            limit = validity_steps[i].days;
    /* RFC 5280, 4.1.2.5 counts the last second too; a begun day is a day. */
    int64_t length = s->not_after - s->not_before + 1;
    if (limit && length > (int64_t)limit * DAY_S)
        add(s, xasprintf("valid for %lld days, at most %d allowed for its date of issue",
                         (long long)((length + DAY_S - 1) / DAY_S), limit));
}

static void check_names_and_use(const struct subject *s)
{
    if (s->ca)
        return;
    if (X509_self_signed(s->cert, 1) == 1)
        add(s, xstrdup("self-signed: no client can check who issued it"));
    if (X509_get_ext_by_NID(s->cert, NID_subject_alt_name, -1) < 0)
        add(s, xstrdup("no subject alternative name: browsers refuse it"));
    uint32_t eku = X509_get_extended_key_usage(s->cert);
    if (eku != UINT32_MAX && (eku & XKU_SSL_SERVER) && (eku & XKU_SSL_CLIENT))
        add(s, xstrdup("clientAuth in a TLS server certificate: public CAs no longer issue it"));
}

int cert_findings(const X509 *cert, int64_t now, struct strs *out, struct err *e)
{
    OWN(strs_free)
    struct strs found = {0};
    struct subject s = {.cert = (X509 *)cert, .now = now, .out = &found};
    if (time_from_asn1(X509_get0_notBefore(cert), "notBefore", &s.not_before, e) < 0 ||
        time_from_asn1(X509_get0_notAfter(cert), "notAfter", &s.not_after, e) < 0)
        return err_wrap(e, "certificate");
    /* A server certificate made by hand often says CA:TRUE too, but not keyCertSign. */
    s.ca = X509_check_ca(s.cert) == 1 && (X509_get_extension_flags(s.cert) & EXFLAG_KUSAGE) &&
           (X509_get_key_usage(s.cert) & KU_KEY_CERT_SIGN);
    check_key(&s);
    check_signature(&s);
    check_dates(&s);
    check_names_and_use(&s);
    ERR_clear_error();
    for (size_t i = 0; i < found.n; i++)
        strs_add(out, found.v[i]);
    return 0;
}

/* Chains: read, put in order, checked. Trust in the last issuer is not decided here. */
#include "crypto/x509/chain.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "crypto/bundle/pem.h"
#include "crypto/ossl.h"
#include "crypto/x509/name.h"
#include "src/base/time.h"

#define SPKI_MAX CERT_MAX_BYTES

void chain_free(struct chain *c)
{
    for (size_t i = 0; i < c->n; i++)
        X509_free(c->v[i]);
    *c = (struct chain){0};
}

static int chain_add(struct chain *c, struct blob der, struct err *e)
{
    if (c->n == CHAIN_MAX_CERTS)
        return err_set(e, ERR_LIMIT, "chain: more than %d certificates", CHAIN_MAX_CERTS);
    if (cert_parse(der, &c->v[c->n], e) < 0)
        return err_wrap(e, "chain: certificate %zu", c->n + 1);
    c->n++;
    return 0;
}

static int on_block(const char *label, struct blob der, void *arg, struct err *e)
{
    if (!str_eq(label, "CERTIFICATE") && !str_eq(label, "X509 CERTIFICATE"))
        return err_set(e, ERR_INPUT, "chain: expected only CERTIFICATE blocks, found %s", label);
    return chain_add(arg, der, e);
}

/* Length of the DER SEQUENCE at p, header included; 0 if it is none or does not fit. */
static size_t der_length(const uint8_t *p, size_t n)
{
    if (n < 4 || p[0] != 0x30)
        return 0;
    size_t head = 2, body = p[1];
    if (p[1] & 0x80) {
        size_t octets = p[1] & 0x7f;
        if (octets < 1 || octets > 3 || n < 2 + octets)
            return 0;
        body = 0;
        for (size_t i = 0; i < octets; i++)
            body = body << 8 | p[2 + i];
        head += octets;
    }
    return body <= n - head ? head + body : 0;
}

int chain_parse(struct blob in, struct chain *out, struct err *e)
{
    OWN(chain_free)
    struct chain c = {0};
    const uint8_t *p = in.p;
    size_t left = in.n;
    /* DER starts with SEQUENCE and a long length, which is no text. */
    if (left >= 2 && p[0] == 0x30 && (p[1] & 0x80)) {
        while (left > 0) {
            size_t n = der_length(p, left);
            if (n == 0)
                return err_set(e, ERR_INPUT, "chain: certificate %zu is cut off or not DER",
                               c.n + 1);
            if (chain_add(&c, BLOB(p, n), e) < 0)
                return -1;
            p += n;
            left -= n;
        }
    } else if (pem_each(in, on_block, &c, e) < 0) {
        return -1;
    }
    if (c.n == 0)
        return err_set(e, ERR_INPUT, "chain: no certificate found; expected PEM or DER");
    *out = c;
    c = (struct chain){0};
    return 0;
}

/* A name for error texts, by value so that several fit in one message. */
struct label {
    char text[128];
};

static struct label subject_of(const X509_NAME *name)
{
    struct label l = {"(unreadable name)"};
    OWN(buf_free)
    struct buf text = BUF(64 * 1024);
    if (name_print(name, &text, NULL) < 0)
        return l;
    if (text.n == 0)
        buf_add_str(&text, "(empty name)");
    size_t n = text.n < sizeof l.text ? text.n : sizeof l.text - 1;
    while (n < text.n && n > 0 && (text.p[n] & 0xc0) == 0x80) /* not within a character */
        n--;
    memcpy(l.text, text.p, n);
    l.text[n] = '\0';
    return l;
}

static bool has_key(const X509 *cert, struct blob spki)
{
    OWN(buf_free)
    struct buf own = BUF(SPKI_MAX);
    return cert_spki(cert, &own, NULL) == 0 && blob_eq(buf_blob(&own), spki);
}

static bool signed_by(const X509 *cert, const X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    bool ok = key && X509_verify((X509 *)cert, key) == 1;
    ERR_clear_error();
    return ok;
}

static bool names_issuer(const X509 *cert, const X509 *issuer)
{
    return X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(issuer)) == 0;
}

static bool is_root(const X509 *cert)
{
    return names_issuer(cert, cert) && signed_by(cert, cert);
}

static int find_leaf(const struct chain *in, struct blob spki, const X509 **leaf, struct err *e)
{
    const X509 *found = NULL;
    for (size_t i = 0; i < in->n; i++) {
        if (!has_key(in->v[i], spki) || (found && X509_cmp(found, in->v[i]) == 0))
            continue;
        if (found)
            return err_set(e, ERR_CRYPTO, "chain: two different certificates are for this key");
        found = in->v[i];
    }
    if (!found)
        return err_set(e, ERR_CRYPTO,
                       "chain: no certificate is for this key (first one: %s); was it issued "
                       "from another request?",
                       in->n ? subject_of(X509_get_subject_name(in->v[0])).text : "none");
    *leaf = found;
    return 0;
}

/* The issuer of `cert` among `in`; a root is preferred to a cross-signed twin, as it ends the
 * chain. */
static int find_issuer(const struct chain *in, const X509 *cert, const X509 **issuer, struct err *e)
{
    const X509 *best = NULL;
    bool named = false;
    for (size_t i = 0; i < in->n; i++) {
        if (!names_issuer(cert, in->v[i]))
            continue;
        named = true;
        if (signed_by(cert, in->v[i]) && (!best || is_root(in->v[i])))
            best = in->v[i];
    }
    if (named && !best)
        return err_set(e, ERR_CRYPTO, "chain: %s is not signed by the key of %s in this chain",
                       subject_of(X509_get_subject_name(cert)).text,
                       subject_of(X509_get_issuer_name(cert)).text);
    *issuer = best;
    return 0;
}

/* A certificate of `in` that no link uses; a cross-signed twin of a used one does not count. */
static const X509 *find_stray(const struct chain *in, const struct chain *used)
{
    for (size_t i = 0; i < in->n; i++) {
        bool known = false;
        for (size_t k = 0; k < used->n && !known; k++)
            known = X509_NAME_cmp(X509_get_subject_name(in->v[i]),
                                  X509_get_subject_name(used->v[k])) == 0 &&
                    EVP_PKEY_eq(X509_get0_pubkey(in->v[i]), X509_get0_pubkey(used->v[k])) == 1;
        if (!known)
            return in->v[i];
    }
    return NULL;
}

static int chain_push(struct chain *c, const X509 *cert, struct err *e)
{
    for (size_t i = 0; i < c->n; i++)
        if (X509_cmp(c->v[i], cert) == 0)
            return err_set(e, ERR_CRYPTO, "chain: its certificates issue each other in a circle");
    X509_up_ref((X509 *)cert);
    c->v[c->n++] = (X509 *)cert; /* never full: each of at most CHAIN_MAX_CERTS is taken once */
    return 0;
}

int chain_order(const struct chain *in, struct blob spki, bool drop_root, struct chain *out,
                struct err *e)
{
    OWN(chain_free)
    struct chain c = {0};
    const X509 *at = NULL;
    if (find_leaf(in, spki, &at, e) < 0)
        return -1;
    while (at) {
        if (chain_push(&c, at, e) < 0)
            return -1;
        if (is_root(at))
            break;
        if (find_issuer(in, at, &at, e) < 0)
            return -1;
    }
    const X509 *last = c.v[c.n - 1], *stray = find_stray(in, &c);
    if (stray && !is_root(last))
        return err_set(e, ERR_CRYPTO,
                       "chain: the issuer of %s is missing: %s; %s is in the chain instead",
                       subject_of(X509_get_subject_name(last)).text,
                       subject_of(X509_get_issuer_name(last)).text,
                       subject_of(X509_get_subject_name(stray)).text);
    if (stray)
        return err_set(e, ERR_CRYPTO, "chain: %s does not belong to it",
                       subject_of(X509_get_subject_name(stray)).text);
    if (drop_root && c.n > 1 && is_root(last))
        X509_free(c.v[--c.n]);
    *out = c;
    c = (struct chain){0};
    return 0;
}

static int check_dates(const X509 *cert, const char *who, int64_t now, struct err *e)
{
    int64_t from = 0, to = 0;
    char at[TIME_TEXT_BYTES];
    if (time_from_asn1(X509_get0_notBefore(cert), "notBefore", &from, e) < 0 ||
        time_from_asn1(X509_get0_notAfter(cert), "notAfter", &to, e) < 0)
        return err_wrap(e, "%s", who);
    if (now >= from && now <= to)
        return 0;
    time_print(now < from ? from : to, at);
    return err_set(e, ERR_CRYPTO, "%s: %s %s", who, now < from ? "not valid before" : "expired on",
                   at);
}

static int check_links(const struct chain *c, int64_t now, struct err *e)
{
    for (size_t i = 0; i < c->n; i++) {
        struct label who = subject_of(X509_get_subject_name(c->v[i]));
        if (check_dates(c->v[i], who.text, now, e) < 0)
            return -1;
        if (i > 0 && X509_check_ca(c->v[i]) != 1)
            return err_set(e, ERR_CRYPTO, "%s: in the place of an issuer, but no CA", who.text);
        if (i + 1 < c->n &&
            !(names_issuer(c->v[i], c->v[i + 1]) && signed_by(c->v[i], c->v[i + 1])))
            return err_set(e, ERR_CRYPTO, "%s: not issued by the next certificate", who.text);
    }
    return 0;
}

static int check_names(const struct cert_info *leaf, const struct strs *names, struct err *e)
{
    for (size_t i = 0; names && i < names->n; i++) {
        bool covered = false;
        for (size_t k = 0; k < leaf->names.n && !covered; k++)
            covered = cert_name_covers(leaf->names.v[k], names->v[i]);
        if (!covered)
            return err_set(e, ERR_CRYPTO, "%s: does not cover the name %s", leaf->common_name,
                           names->v[i]);
    }
    return 0;
}

int chain_check(const struct chain *c, struct blob spki, const struct strs *names, int64_t now,
                struct err *e)
{
    if (c->n == 0 || !has_key(c->v[0], spki))
        return err_set(e, ERR_CRYPTO, "chain: the first certificate is not for this key");
    OWN(cert_info_free)
    struct cert_info leaf = {0};
    if (check_links(c, now, e) < 0 || cert_describe(c->v[0], &leaf, e) < 0)
        return err_wrap(e, "chain");
    if (!leaf.server_auth)
        return err_set(e, ERR_CRYPTO,
                       "chain: %s: may not be used for a TLS server (extended key "
                       "usage lacks serverAuth)",
                       leaf.common_name);
    if (check_names(&leaf, names, e) < 0)
        return err_wrap(e, "chain");
    return 0;
}

bool cert_issued_by(const X509 *cert, const X509 *issuer)
{
    return names_issuer(cert, issuer) && signed_by(cert, issuer);
}

void chain_gather(X509 *leaf, X509 *const *pool, size_t n, struct chain *out)
{
    X509 *at = leaf;

    while (at && out->n < CHAIN_MAX_CERTS) {
        X509 *issuer = NULL;
        X509_up_ref(at);
        out->v[out->n++] = at;
        for (size_t i = 0; i < n && !is_root(at); i++) {
            bool used = false;
            for (size_t k = 0; k < out->n; k++)
                used |= X509_cmp(out->v[k], pool[i]) == 0;
            if (!used && cert_issued_by(at, pool[i]) && (!issuer || is_root(pool[i])))
                issuer = pool[i];
        }
        at = issuer;
    }
}

int chain_pem(const struct chain *c, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < c->n; i++) {
        OWN(buf_free)
        struct buf der = BUF(CERT_MAX_BYTES + 1024);
        if (cert_der(c->v[i], &der, e) < 0)
            return err_wrap(e, "chain");
        pem_write(out, "CERTIFICATE", buf_blob(&der));
    }
    return buf_check(out, "chain", e);
}

/* The mechanism table: our scheme -> CKM, parameters, output form. Private keys stay handles. */
#include "crypto/pkcs11/sign.h"

#include <openssl/evp.h>
#include <string.h>

#include "crypto/pkcs11/rootkeys.h"
#include "src/base/own.h"

/* DigestInfo up to the hash (RFC 8017, 9.2, note 1). */
static const uint8_t info_sha256[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
static const uint8_t info_sha384[] = {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                      0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30};

struct sign_mechanism {
    enum sign_scheme scheme;
    CK_MECHANISM_TYPE mechanism;
    int hash_bits; /* 0: the token takes the message itself */
    const uint8_t *prefix;
    size_t prefix_n;
    CK_RSA_PKCS_PSS_PARAMS pss;
    bool ecdsa; /* r || s becomes DER */
};

static const struct sign_mechanism mechanisms[] = {
    {SIGN_RSA_PKCS1_SHA256, CKM_RSA_PKCS, 256, info_sha256, sizeof info_sha256, {0}, false},
    {SIGN_RSA_PKCS1_SHA384, CKM_RSA_PKCS, 384, info_sha384, sizeof info_sha384, {0}, false},
    {SIGN_RSA_PSS_SHA256, CKM_RSA_PKCS_PSS, 256, NULL, 0, {CKM_SHA256, CKG_MGF1_SHA256, 32}, false},
    {SIGN_RSA_PSS_SHA384, CKM_RSA_PKCS_PSS, 384, NULL, 0, {CKM_SHA384, CKG_MGF1_SHA384, 48}, false},
    {SIGN_ECDSA_SHA256, CKM_ECDSA, 256, NULL, 0, {0}, true},
    {SIGN_ECDSA_SHA384, CKM_ECDSA, 384, NULL, 0, {0}, true},
    {SIGN_ED25519, CKM_EDDSA, 0, NULL, 0, {0}, false},
};

/* One INTEGER: no leading zeros, but one where the top bit is set (X.690, 8.3). */
static size_t der_integer(const uint8_t *value, size_t n, uint8_t *out)
{
    while (n > 1 && *value == 0) {
        value++;
        n--;
    }
    size_t pad = *value >> 7;
    out[0] = 0x02;
    out[1] = (uint8_t)(n + pad);
    out[2] = 0;
    memcpy(out + 2 + pad, value, n);
    return 2 + pad + n;
}

/* Ecdsa-Sig-Value (RFC 3279, 2.2.3) from r || s; up to P-384 a length fits in one byte. */
static int ecdsa_der(const uint8_t *raw, size_t n, struct buf *out, struct err *e)
{
    if (n != 64 && n != 96)
        return err_set(e, ERR_TOKEN, "the token's ECDSA signature has %zu bytes", n);
    uint8_t body[2 * (3 + 48)];
    size_t used = der_integer(raw, n / 2, body);
    used += der_integer(raw + n / 2, n / 2, body + used);
    buf_addc(out, 0x30);
    buf_add_u8(out, (uint8_t)used);
    buf_add(out, body, used);
    return buf_check(out, "signature", e);
}

/* Init and sign in one session. raw_n is the size of raw, then of the signature. */
static CK_RV run_in(const struct module *m, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key,
                    CK_MECHANISM *how, struct blob data, uint8_t *raw, CK_ULONG *raw_n,
                    const char **what)
{
    *what = "C_SignInit";
    CK_RV rv = m->f->C_SignInit(s, how, key);
    if (rv != CKR_OK)
        return rv;
    *what = "C_Sign";
    return m->f->C_Sign(s, (unsigned char *)(uintptr_t)data.p, data.n, raw, raw_n);
}

/* A signature in three steps, of which only the middle one needs the token. */
struct sign_work {
    const struct sign_mechanism *how;
    struct blob message; /* of a scheme that hashes in the token: a loan; else empty */
    uint8_t hashed[128]; /* prefix and hash */
    size_t hashed_n;
    uint8_t raw[SIGNATURE_MAX_BYTES];
    CK_ULONG raw_n;
    const char *what; /* the call that failed */
};

/* What the token is given: prefix and hash, or the message. */
static int sign_prepare(enum sign_scheme scheme, struct blob tbs, struct sign_work *w,
                        struct err *e)
{
    const struct sign_mechanism *m = NULL;
    unsigned n = 0;
    for (size_t i = 0; i < COUNT(mechanisms); i++) {
        if (mechanisms[i].scheme == scheme)
            m = &mechanisms[i];
    }
    if (!m)
        return err_set(e, ERR_INPUT, "scheme: unknown signature scheme %u", (unsigned)scheme);
    w->how = m;
    w->message = tbs;
    w->hashed_n = 0;
    if (!m->hash_bits)
        return 0;
    w->message = BLOB(NULL, 0);
    _Static_assert(sizeof w->hashed >= sizeof info_sha384 + EVP_MAX_MD_SIZE, "prefix and hash");
    if (m->prefix_n)
        memcpy(w->hashed, m->prefix, m->prefix_n);
    if (!EVP_Digest(tbs.p, tbs.n, w->hashed + m->prefix_n, &n,
                    m->hash_bits == 256 ? EVP_sha256() : EVP_sha384(), NULL))
        return err_set(e, ERR_CRYPTO, "hash: OpenSSL refuses");
    w->hashed_n = m->prefix_n + n;
    return 0;
}

static CK_RV sign_run(const struct module *m, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key,
                      struct sign_work *w)
{
    CK_RSA_PKCS_PSS_PARAMS pss = w->how->pss;
    CK_MECHANISM how = {.mechanism = w->how->mechanism};
    if (how.mechanism == CKM_RSA_PKCS_PSS)
        how = (CK_MECHANISM){how.mechanism, &pss, sizeof pss};
    const struct blob data = w->hashed_n ? BLOB(w->hashed, w->hashed_n) : w->message;
    w->raw_n = sizeof w->raw;
    return run_in(m, s, key, &how, data, w->raw, &w->raw_n, &w->what);
}

static int sign_finish(const struct sign_work *w, struct buf *signature, struct err *e)
{
    if (w->how->ecdsa)
        return ecdsa_der(w->raw, w->raw_n, signature, e);
    buf_add(signature, w->raw, w->raw_n);
    return buf_check(signature, "signature", e);
}

int sign_tbs(struct token *t, CK_OBJECT_HANDLE key, enum sign_scheme scheme, struct blob tbs,
             struct buf *signature, struct err *e)
{
    struct sign_work w;
    CK_SESSION_HANDLE s;
    if (sign_prepare(scheme, tbs, &w, e) < 0 || session_take(t, &s, e) < 0)
        return -1;
    CK_RV rv = sign_run(t->m, s, key, &w);
    session_give(t, s, rv == CKR_OK);
    return rv == CKR_OK ? sign_finish(&w, signature, e) : token_fail(t, rv, w.what, e);
}

int sign_mac(struct token *t, struct blob data, uint8_t mac[MAC_BYTES], struct err *e)
{
    CK_OBJECT_HANDLE key;
    if (rootkeys_get(t, TOKEN_KEY_MAC, &key, e) < 0)
        return -1;
    CK_MECHANISM how = {.mechanism = CKM_SHA256_HMAC};
    uint8_t raw[MAC_BYTES];
    CK_ULONG n = sizeof raw;
    CK_SESSION_HANDLE s;
    const char *what;
    if (session_take(t, &s, e) < 0)
        return -1;
    CK_RV rv = run_in(t->m, s, key, &how, data, raw, &n, &what);
    session_give(t, s, rv == CKR_OK);
    if (rv != CKR_OK)
        return token_fail(t, rv, what, e);
    if (n != MAC_BYTES)
        return err_set(e, ERR_TOKEN, "the token's MAC has %lu bytes", n);
    memcpy(mac, raw, MAC_BYTES);
    return 0;
}

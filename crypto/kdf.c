/* Argon2id, HKDF, SHA-256 and HMAC by OpenSSL, and the PHC string of a stored password. */
#include "crypto/kdf.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#include "crypto/ossl.h"
#include "src/base/enc.h"
#include "src/base/str.h"

#define ARGON2_VERSION 0x13
#define ARGON2_MAX_MEMORY_KIB (1024 * 1024)
#define ARGON2_MAX_PASSES 16
#define ARGON2_MAX_LANES 16
#define PHC_SALT_BYTES 16
#define PHC_HASH_BYTES 32
#define PHC_MAX_BYTES 64 /* of salt or hash in a string we read */
#define PHC_MAX_CHARS 256

const struct argon2_cost argon2_login = {.memory_kib = 19 * 1024, .passes = 2, .lanes = 1};
const struct argon2_cost argon2_unlock = {.memory_kib = 256 * 1024, .passes = 3, .lanes = 1};

DEFINE_OWN(EVP_KDF *, kdf, EVP_KDF_free)
DEFINE_OWN(EVP_KDF_CTX *, kdf_ctx, EVP_KDF_CTX_free)

static int derive(const char *name, const OSSL_PARAM *params, size_t out_bytes, struct secret *out,
                  struct err *e)
{
    OWN(own_kdf)
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
    OWN(own_kdf_ctx)
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    if (!ctx)
        return err_openssl(e, ERR_CRYPTO, name);
    OWN(secret_free)
    struct secret made = {0};
    if (secret_new(&made, out_bytes, e) < 0)
        return -1;
    if (EVP_KDF_derive(ctx, made.p, made.n, params) != 1)
        return err_openssl(e, ERR_CRYPTO, name);
    *out = made;
    made = (struct secret){0};
    return 0;
}

/* OSSL_PARAM takes non-const pointers but only reads; it refuses NULL even for no bytes. */
static OSSL_PARAM octets(const char *key, struct blob b)
{
    return OSSL_PARAM_construct_octet_string(key, b.n ? (void *)b.p : (void *)"", b.n);
}

int kdf_argon2id(struct blob password, struct blob salt, struct argon2_cost cost, size_t out_bytes,
                 struct secret *out, struct err *e)
{
    /* RFC 9106, 3.1: at least 8 KiB per lane; our own ceilings bound what a broken record can cost.
     */
    if (cost.lanes < 1 || cost.lanes > ARGON2_MAX_LANES || cost.passes < 1 ||
        cost.passes > ARGON2_MAX_PASSES || cost.memory_kib < 8 * cost.lanes ||
        cost.memory_kib > ARGON2_MAX_MEMORY_KIB)
        return err_set(e, ERR_INPUT, "Argon2id cost m=%u,t=%u,p=%u is out of range",
                       cost.memory_kib, cost.passes, cost.lanes);
    if (salt.n < 8)
        return err_set(e, ERR_INPUT, "Argon2id salt has %zu bytes, at least 8 needed", salt.n);
    uint32_t version = ARGON2_VERSION;
    OSSL_PARAM params[] = {
        octets(OSSL_KDF_PARAM_PASSWORD, password),
        octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_MEMCOST, &cost.memory_kib),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &cost.passes),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_LANES, &cost.lanes),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_VERSION, &version),
        OSSL_PARAM_construct_end(),
    };
    return derive("ARGON2ID", params, out_bytes, out, e);
}

int kdf_hkdf(struct blob secret, struct blob salt, const char *info, size_t out_bytes,
             struct secret *out, struct err *e)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        octets(OSSL_KDF_PARAM_KEY, secret),
        octets(OSSL_KDF_PARAM_INFO, blob_str(info)),
        octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_end(),
    };
    return derive("HKDF", params, out_bytes, out, e);
}

/* PHC strings use base64 without padding. */
static void add_phc_base64(struct buf *out, struct blob in)
{
    enc_base64(out, in);
    while (buf_ok(out) && out->n > 0 && out->p[out->n - 1] == '=')
        out->n--;
}

int password_hash(struct blob password, struct argon2_cost cost, char **phc, struct err *e)
{
    uint8_t salt[PHC_SALT_BYTES];
    if (RAND_bytes(salt, sizeof salt) != 1)
        return err_openssl(e, ERR_CRYPTO, "random salt");
    OWN(secret_free)
    struct secret hash = {0};
    if (kdf_argon2id(password, BLOB(salt, sizeof salt), cost, PHC_HASH_BYTES, &hash, e) < 0)
        return -1;
    OWN(buf_free)
    struct buf text = BUF(PHC_MAX_CHARS);
    buf_addf(&text, "$argon2id$v=%d$m=%u,t=%u,p=%u$", ARGON2_VERSION, cost.memory_kib, cost.passes,
             cost.lanes);
    add_phc_base64(&text, BLOB(salt, sizeof salt));
    buf_addc(&text, '$');
    add_phc_base64(&text, secret_blob(&hash));
    if (buf_check(&text, "password hash", e) < 0)
        return -1;
    *phc = xstrndup((const char *)text.p, text.n);
    return 0;
}

struct phc {
    struct argon2_cost cost;
    struct buf salt, hash;
};

static void phc_done(struct phc *p)
{
    buf_free(&p->salt);
    buf_free(&p->hash);
}

static int phc_bytes(const char *text, size_t min, struct buf *out)
{
    OWN(buf_free)
    struct buf padded = BUF(PHC_MAX_CHARS);
    buf_add_str(&padded, text);
    while (buf_ok(&padded) && padded.n % 4 != 0)
        buf_addc(&padded, '=');
    if (!buf_ok(&padded) || dec_base64(out, (const char *)padded.p, padded.n, NULL) < 0)
        return -1;
    return out->n >= min ? 0 : -1;
}

/* "m=19456,t=2,p=1", exactly. */
static int phc_cost(const char *text, struct argon2_cost *cost)
{
    static const char *const keys[] = {"m=", "t=", "p="};
    static const uint32_t max[] = {ARGON2_MAX_MEMORY_KIB, ARGON2_MAX_PASSES, ARGON2_MAX_LANES};
    uint32_t got[3];
    OWN(strs_free)
    struct strs parts = {0};
    strs_split(&parts, text, ",");
    if (parts.n != COUNT(keys))
        return -1;
    for (size_t i = 0; i < COUNT(keys); i++)
        if (!str_starts(parts.v[i], keys[i]) ||
            parse_u32(parts.v[i] + 2, 1, max[i], &got[i], NULL) < 0)
            return -1;
    *cost = (struct argon2_cost){.memory_kib = got[0], .passes = got[1], .lanes = got[2]};
    return 0;
}

static int phc_parse(const char *text, struct phc *p, struct err *e)
{
    OWN(strs_free)
    struct strs parts = {0};
    if (text && strlen(text) <= PHC_MAX_CHARS && text[0] == '$')
        strs_split(&parts, text, "$");
    if (parts.n != 5 || !str_eq(parts.v[0], "argon2id") || !str_eq(parts.v[1], "v=19") ||
        phc_cost(parts.v[2], &p->cost) < 0 || phc_bytes(parts.v[3], 8, &p->salt) < 0 ||
        phc_bytes(parts.v[4], 16, &p->hash) < 0)
        return err_set(e, ERR_STORE, "password record is not an Argon2id PHC string");
    return 0;
}

int password_verify(struct blob password, const char *phc, struct err *e)
{
    OWN(phc_done)
    struct phc p = {.salt = BUF(PHC_MAX_BYTES), .hash = BUF(PHC_MAX_BYTES)};
    if (phc_parse(phc, &p, e) < 0)
        return -1;
    OWN(secret_free)
    struct secret got = {0};
    if (kdf_argon2id(password, buf_blob(&p.salt), p.cost, p.hash.n, &got, e) < 0)
        return -1;
    if (CRYPTO_memcmp(got.p, p.hash.p, p.hash.n) != 0)
        return err_set(e, ERR_AUTH, "the password does not match");
    return 0;
}

int sha256(struct blob in, uint8_t out[32], struct err *e)
{
    static EVP_MD *md; /* looked up once: that takes longer than a short hash */
    if (!md)
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!md || EVP_Digest(in.n ? in.p : "", in.n, out, NULL, md, NULL) != 1)
        return err_openssl(e, ERR_CRYPTO, "SHA-256");
    return 0;
}

int hmac_sha256(struct blob key, struct blob in, uint8_t out[32], struct err *e)
{
    size_t n = 0;
    if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.n ? key.p : "", key.n,
                   in.n ? in.p : (const void *)"", in.n, out, 32, &n) ||
        n != 32)
        return err_openssl(e, ERR_CRYPTO, "HMAC-SHA-256");
    return 0;
}

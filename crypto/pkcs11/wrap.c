/*
 * Wrap, unwrap, and the one way a deployable key is read: the token wraps it under a random session
 * key whose value we chose, and we unwrap it in guarded memory. A bare C_GetAttributeValue would
 * need SENSITIVE false, which the deployable keys never have.
 */
#include "crypto/pkcs11/wrap.h"

#include <openssl/asn1.h>
#include <openssl/evp.h>

#include "crypto/pkcs11/object.h"
#include "crypto/pkcs11/rootkeys.h"
#include "src/base/own.h"

DEFINE_OWN(EVP_CIPHER_CTX *, cipher_ctx, EVP_CIPHER_CTX_free)
DEFINE_OWN(EVP_CIPHER *, cipher, EVP_CIPHER_free)

static int kek_of(struct token *t, enum key_policy policy, CK_OBJECT_HANDLE *kek, struct err *e)
{
    if (policy == KEY_POLICY_SEALED)
        return rootkeys_get(t, TOKEN_KEY_SEALED_KEK, kek, e);
    if (policy == KEY_POLICY_DEPLOYABLE)
        return rootkeys_get(t, TOKEN_KEY_DEPLOYABLE_KEK, kek, e);
    return err_set(e, ERR_BUG, "keys of policy %d are not wrapped", (int)policy);
}

static int wrap_under(struct token *t, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key,
                      struct buf *wrapped, struct err *e)
{
    CK_MECHANISM how = {.mechanism = CKM_AES_KEY_WRAP_PAD};
    uint8_t out[WRAPPED_MAX_BYTES];
    CK_ULONG n = sizeof out;
    CK_RV rv = t->m->f->C_WrapKey(t->home, &how, kek, key, out, &n);
    if (rv != CKR_OK)
        return token_fail(t, rv, "C_WrapKey", e);
    buf_add(wrapped, out, n);
    return buf_check(wrapped, "wrapped key", e);
}

int wrap_key(struct token *t, enum key_policy policy, CK_OBJECT_HANDLE key, struct buf *wrapped,
             struct err *e)
{
    CK_OBJECT_HANDLE kek;
    if (kek_of(t, policy, &kek, e) < 0)
        return -1;
    return wrap_under(t, kek, key, wrapped, e);
}

static CK_KEY_TYPE key_type(enum key_alg alg)
{
    switch (alg) {
    case KEY_P256:
    case KEY_P384:
        return CKK_EC;
    case KEY_ED25519:
        return CKK_EC_EDWARDS;
    default:
        return CKK_RSA;
    }
}

int wrap_unwrap(struct token *t, enum key_policy policy, enum key_alg alg, struct blob wrapped,
                bool extractable, CK_OBJECT_HANDLE *out, struct err *e)
{
    CK_OBJECT_HANDLE kek;
    if (kek_of(t, policy, &kek, e) < 0)
        return -1;
    struct template a = {0};
    template_ulong(&a, CKA_CLASS, CKO_PRIVATE_KEY);
    template_ulong(&a, CKA_KEY_TYPE, key_type(alg));
    template_bool(&a, CKA_TOKEN, false);
    template_bool(&a, CKA_PRIVATE, true);
    template_bool(&a, CKA_SENSITIVE, true);
    template_bool(&a, CKA_EXTRACTABLE, extractable);
    template_bool(&a, CKA_SIGN, true);
    CK_MECHANISM how = {.mechanism = CKM_AES_KEY_WRAP_PAD};
    CK_RV rv = t->m->f->C_UnwrapKey(t->home, &how, kek, (unsigned char *)(uintptr_t)wrapped.p,
                                    wrapped.n, a.a, a.n, out);
    return rv == CKR_OK ? 0 : token_fail(t, rv, "C_UnwrapKey", e);
}

/*
 * Bytes of the outer SEQUENCE. SoftHSM pads the PKCS#8 with zeros to whole blocks before it wraps
 * with padding; those are not part of it. 0: not a SEQUENCE, or something else behind it.
 */
static size_t pkcs8_size(const uint8_t *p, size_t n)
{
    const uint8_t *at = p;
    long len = 0;
    int tag = 0, class = 0;
    if (ASN1_get_object(&at, &len, &tag, &class, (long)n) != V_ASN1_CONSTRUCTED ||
        tag != V_ASN1_SEQUENCE)
        return 0;
    size_t used = (size_t)(at - p) + (size_t)len;
    for (size_t i = used; i < n; i++) {
        if (p[i] != 0 || i - used >= 7)
            return 0;
    }
    return used;
}

static int aes_unwrap(const struct secret *kek, const struct buf *wrapped, struct secret *out,
                      struct err *e)
{
    struct secret plain = {0};
    if (secret_new(&plain, wrapped->n, e) < 0)
        return -1;
    OWN(own_cipher_ctx)
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    OWN(own_cipher)
    EVP_CIPHER *aes = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
    int n = 0;
    if (!ctx || !aes || EVP_DecryptInit_ex2(ctx, aes, kek->p, NULL, NULL) <= 0 ||
        EVP_DecryptUpdate(ctx, plain.p, &n, wrapped->p, (int)wrapped->n) <= 0 || n <= 0) {
        secret_free(&plain);
        return err_set(e, ERR_CRYPTO, "unwrap the key read from the token: damaged");
    }
    size_t size = pkcs8_size(plain.p, (size_t)n);
    int rc = size ? secret_copy(out, plain.p, size, e)
                  : err_set(e, ERR_CRYPTO, "the key read from the token is not a PKCS#8 structure");
    secret_free(&plain);
    return rc;
}

/* A session secret key that holds a value we know. */
static int create_carrier(struct token *t, const struct secret *value, CK_OBJECT_HANDLE *out,
                          struct err *e)
{
    struct template a = {0};
    template_ulong(&a, CKA_CLASS, CKO_SECRET_KEY);
    template_ulong(&a, CKA_KEY_TYPE, CKK_AES);
    template_bool(&a, CKA_TOKEN, false);
    template_bool(&a, CKA_PRIVATE, true);
    template_bool(&a, CKA_SENSITIVE, true);
    template_bool(&a, CKA_EXTRACTABLE, false);
    template_bool(&a, CKA_WRAP, true);
    template_bytes(&a, CKA_VALUE, secret_blob(value));
    return object_create(t, &a, out, e);
}

int wrap_read_pkcs8(struct token *t, CK_OBJECT_HANDLE key, struct secret *pkcs8, struct err *e)
{
    OWN(secret_free)
    struct secret value = {0};
    CK_OBJECT_HANDLE carrier = CK_INVALID_HANDLE;
    if (secret_random(&value, 32, e) < 0 || create_carrier(t, &value, &carrier, e) < 0)
        return -1;
    OWN(buf_free)
    struct buf wrapped = BUF_SECRET(WRAPPED_MAX_BYTES);
    int rc = wrap_under(t, carrier, key, &wrapped, e);
    object_drop(t, carrier);
    return rc < 0 ? -1 : aes_unwrap(&value, &wrapped, pkcs8, e);
}

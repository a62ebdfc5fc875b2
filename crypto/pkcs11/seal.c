/*
 * Seals and opens values. Refuses an empty value or context. Random 96-bit IVs under one key are
 * safe for 2^32 values (SP 800-38D, 8.3), far above what an appliance stores.
 */
#include "crypto/pkcs11/seal.h"

#include <string.h>
#include <sys/random.h>

#include "crypto/pkcs11/rootkeys.h"
#include "src/base/own.h"

#define VERSION 1
#define IV_BYTES 12
#define TAG_BYTES 16

static CK_GCM_PARAMS gcm(const uint8_t iv[IV_BYTES], const char *context)
{
    return (CK_GCM_PARAMS){
        .pIv = (unsigned char *)(uintptr_t)iv,
        .ulIvLen = IV_BYTES,
        .ulIvBits = IV_BYTES * 8,
        .pAAD = (unsigned char *)(uintptr_t)context,
        .ulAADLen = strlen(context),
        .ulTagBits = TAG_BYTES * 8,
    };
}

int seal_value(struct token *t, const char *context, struct blob plain, struct buf *sealed,
               struct err *e)
{
    if (!context[0] || plain.n == 0)
        return err_set(e, ERR_INPUT, "seal: expected a context and a value that is not empty");
    if (plain.n > SEAL_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "seal: %zu bytes, at most %d", plain.n, SEAL_MAX_BYTES);
    CK_OBJECT_HANDLE key;
    if (rootkeys_get(t, TOKEN_KEY_SEAL, &key, e) < 0)
        return -1;
    uint8_t iv[IV_BYTES];
    if (getrandom(iv, sizeof iv, 0) != (ssize_t)sizeof iv)
        return err_sys(e, "getrandom");
    CK_GCM_PARAMS params = gcm(iv, context);
    CK_MECHANISM how = {CKM_AES_GCM, &params, sizeof params};
    CK_ULONG n = plain.n + TAG_BYTES;
    OWN(own_mem)
    uint8_t *out = xmalloc(n);
    CK_SESSION_HANDLE s;
    if (session_take(t, &s, e) < 0)
        return -1;
    CK_RV rv = t->m->f->C_EncryptInit(s, &how, key);
    if (rv == CKR_OK)
        rv = t->m->f->C_Encrypt(s, (unsigned char *)(uintptr_t)plain.p, plain.n, out, &n);
    session_give(t, s, rv == CKR_OK);
    if (rv != CKR_OK)
        return token_fail(t, rv, "C_Encrypt", e);
    if (n != plain.n + TAG_BYTES)
        return err_set(e, ERR_TOKEN, "C_Encrypt: %lu bytes, expected %zu", n, plain.n + TAG_BYTES);
    buf_add_u8(sealed, VERSION);
    buf_add(sealed, iv, sizeof iv);
    buf_add(sealed, out, n);
    return buf_check(sealed, "sealed value", e);
}

int seal_open(struct token *t, const char *context, struct blob sealed, struct secret *plain,
              struct err *e)
{
    const uint8_t *p = sealed.p;
    if (sealed.n <= SEAL_OVERHEAD || sealed.n > SEAL_MAX_BYTES + SEAL_OVERHEAD || p[0] != VERSION)
        return err_set(e, ERR_CRYPTO, "sealed value: not of version %d, or of an impossible length",
                       VERSION);
    CK_OBJECT_HANDLE key;
    if (rootkeys_get(t, TOKEN_KEY_SEAL, &key, e) < 0)
        return -1;
    CK_GCM_PARAMS params = gcm(p + 1, context);
    CK_MECHANISM how = {CKM_AES_GCM, &params, sizeof params};
    const uint8_t *ciphertext = p + 1 + IV_BYTES;
    CK_ULONG ciphertext_n = sealed.n - 1 - IV_BYTES;
    CK_ULONG n = ciphertext_n; /* modules want room for the tag, too */
    OWN(secret_free)
    struct secret out = {0};
    CK_SESSION_HANDLE s;
    if (secret_new(&out, n, e) < 0 || session_take(t, &s, e) < 0)
        return -1;
    CK_RV rv = t->m->f->C_DecryptInit(s, &how, key);
    bool started = rv == CKR_OK;
    if (started)
        rv = t->m->f->C_Decrypt(s, (unsigned char *)(uintptr_t)ciphertext, ciphertext_n, out.p, &n);
    session_give(t, s, rv == CKR_OK);
    if (rv == CKR_OK && n == ciphertext_n - TAG_BYTES)
        return secret_copy(plain, out.p, n, e);
    /* Modules say "wrong tag" in several ways; SoftHSM in the most general one. */
    if (rv == CKR_OK || (started && (rv == CKR_GENERAL_ERROR || rv == CKR_ENCRYPTED_DATA_INVALID ||
                                     rv == CKR_FUNCTION_FAILED)))
        return err_set(e, ERR_CRYPTO, "sealed value: damaged, or sealed for another place than %s",
                       context);
    return token_fail(t, rv, "C_Decrypt", e);
}

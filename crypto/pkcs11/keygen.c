/* Generates RSA, EC and Ed25519 key pairs: one table of mechanism and parameters. */
#include "crypto/pkcs11/keygen.h"

#include "crypto/pkcs11/spki.h"
#include "src/base/own.h"

static const uint8_t p256_oid[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p384_oid[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const uint8_t ed25519_oid[] = {0x06, 0x03, 0x2b, 0x65, 0x70};

struct maker {
    enum key_alg alg;
    CK_MECHANISM_TYPE generate, sign;
    CK_KEY_TYPE type;
    CK_ULONG modulus_bits;
    const uint8_t *curve;
    size_t curve_n;
};

static const struct maker makers[] = {
    {KEY_RSA_2048, CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, CKK_RSA, 2048, NULL, 0},
    {KEY_RSA_3072, CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, CKK_RSA, 3072, NULL, 0},
    {KEY_RSA_4096, CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, CKK_RSA, 4096, NULL, 0},
    {KEY_P256, CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, CKK_EC, 0, p256_oid, sizeof p256_oid},
    {KEY_P384, CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, CKK_EC, 0, p384_oid, sizeof p384_oid},
    {KEY_ED25519, CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, CKK_EC_EDWARDS, 0, ed25519_oid,
     sizeof ed25519_oid},
};

static const struct maker *maker_find(enum key_alg alg)
{
    for (size_t i = 0; i < COUNT(makers); i++) {
        if (makers[i].alg == alg)
            return &makers[i];
    }
    return NULL;
}

bool keygen_can(const struct token *t, enum key_alg alg)
{
    const struct maker *k = maker_find(alg);
    return k && module_has(t->m, t->slot, k->generate) && module_has(t->m, t->slot, k->sign);
}

bool keygen_wrappable(const struct token *t, enum key_alg alg)
{
    const struct maker *k = maker_find(alg);
    /* No module we know wraps Edwards keys: PKCS#11 3.0 leaves their PKCS#8 form open. */
    return k && k->type != CKK_EC_EDWARDS && module_has(t->m, t->slot, CKM_AES_KEY_WRAP_PAD);
}

static void public_template(const struct maker *k, struct template *a)
{
    static const uint8_t f4[] = {0x01, 0x00, 0x01};
    template_bool(a, CKA_TOKEN, false);
    template_bool(a, CKA_VERIFY, true);
    if (k->modulus_bits) {
        template_ulong(a, CKA_MODULUS_BITS, k->modulus_bits);
        template_bytes(a, CKA_PUBLIC_EXPONENT, BLOB(f4, sizeof f4));
    } else {
        template_bytes(a, CKA_EC_PARAMS, BLOB(k->curve, k->curve_n));
    }
}

static int generate(struct token *t, const struct maker *k, struct template *private_a,
                    CK_OBJECT_HANDLE *private_key, struct buf *spki, struct err *e)
{
    struct template public_a = {0};
    public_template(k, &public_a);
    CK_MECHANISM how = {.mechanism = k->generate};
    CK_OBJECT_HANDLE pub = 0, priv = 0;
    CK_RV rv = t->m->f->C_GenerateKeyPair(t->home, &how, public_a.a, public_a.n, private_a->a,
                                          private_a->n, &pub, &priv);
    if (rv != CKR_OK)
        return token_fail(t, rv, "C_GenerateKeyPair", e);
    int rc = spki_of_public_key(t, k->alg, pub, spki, e);
    object_drop(t, pub);
    if (rc < 0) {
        object_drop(t, priv);
        return -1;
    }
    *private_key = priv;
    return 0;
}

static const struct maker *maker_for(const struct token *t, enum key_alg alg, struct err *e)
{
    const struct maker *k = maker_find(alg);
    if (!k || !keygen_can(t, alg)) {
        const struct alg_info *info = alg_find(alg);
        err_set(e, ERR_INPUT, "algorithm: the token cannot make %s keys: choose another",
                info ? info->title : "such");
        return NULL;
    }
    return k;
}

int keygen_session(struct token *t, enum key_alg alg, CK_OBJECT_HANDLE *private_key,
                   struct buf *spki, struct err *e)
{
    const struct maker *k = maker_for(t, alg, e);
    if (!k)
        return -1;
    struct template a = {0};
    template_bool(&a, CKA_TOKEN, false);
    template_bool(&a, CKA_PRIVATE, true);
    template_bool(&a, CKA_SENSITIVE, true);
    template_bool(&a, CKA_EXTRACTABLE, true);
    template_bool(&a, CKA_SIGN, true);
    return generate(t, k, &a, private_key, spki, e);
}

int keygen_token(struct token *t, enum key_alg alg, struct blob id, const char *label,
                 CK_OBJECT_HANDLE *private_key, struct buf *spki, struct err *e)
{
    const struct maker *k = maker_for(t, alg, e);
    if (!k)
        return -1;
    struct template a = {0};
    template_bool(&a, CKA_TOKEN, true);
    template_bool(&a, CKA_PRIVATE, true);
    template_bool(&a, CKA_SENSITIVE, true);
    template_bool(&a, CKA_EXTRACTABLE, false);
    template_bool(&a, CKA_SIGN, true);
    template_bytes(&a, CKA_ID, id);
    template_bytes(&a, CKA_LABEL, blob_str(label));
    return generate(t, k, &a, private_key, spki, e);
}

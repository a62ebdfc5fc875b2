/* Makes and finds the token's own keys. They are named by CKA_LABEL and are never replaced. */
#include "crypto/pkcs11/rootkeys.h"

#include "crypto/pkcs11/object.h"

static const struct {
    const char *label;
    CK_MECHANISM_TYPE mechanism;
    CK_KEY_TYPE type;
    bool wraps, encrypts, signs, unwrap_sealed;
} table[TOKEN_KEY_COUNT] = {
    [TOKEN_KEY_SEALED_KEK] = {"certkeep sealed kek", CKM_AES_KEY_GEN, CKK_AES, .wraps = true,
                              .unwrap_sealed = true},
    [TOKEN_KEY_DEPLOYABLE_KEK] = {"certkeep deployable kek", CKM_AES_KEY_GEN, CKK_AES,
                                  .wraps = true},
    [TOKEN_KEY_SEAL] = {"certkeep seal", CKM_AES_KEY_GEN, CKK_AES, .encrypts = true},
    [TOKEN_KEY_MAC] = {"certkeep envelope mac", CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET,
                       .signs = true},
};

static int find(struct token *t, enum token_key key, CK_OBJECT_HANDLE *out, struct err *e)
{
    struct template match = {0};
    template_ulong(&match, CKA_CLASS, CKO_SECRET_KEY);
    template_bool(&match, CKA_TOKEN, true);
    template_bytes(&match, CKA_LABEL, blob_str(table[key].label));
    return object_find(t, &match, out, e);
}

static int create(struct token *t, enum token_key key, CK_OBJECT_HANDLE *out, struct err *e)
{
    struct template sealed = {0};
    template_bool(&sealed, CKA_EXTRACTABLE, false);
    template_bool(&sealed, CKA_SENSITIVE, true);

    struct template a = {0};
    template_ulong(&a, CKA_CLASS, CKO_SECRET_KEY);
    template_ulong(&a, CKA_KEY_TYPE, table[key].type);
    template_ulong(&a, CKA_VALUE_LEN, 32);
    template_bytes(&a, CKA_LABEL, blob_str(table[key].label));
    template_bool(&a, CKA_TOKEN, true);
    template_bool(&a, CKA_PRIVATE, true);
    template_bool(&a, CKA_SENSITIVE, true);
    template_bool(&a, CKA_EXTRACTABLE, false);
    template_bool(&a, CKA_WRAP, table[key].wraps);
    template_bool(&a, CKA_UNWRAP, table[key].wraps);
    template_bool(&a, CKA_ENCRYPT, table[key].encrypts);
    template_bool(&a, CKA_DECRYPT, table[key].encrypts);
    template_bool(&a, CKA_SIGN, table[key].signs);
    template_bool(&a, CKA_VERIFY, table[key].signs);
    if (table[key].unwrap_sealed)
        template_nested(&a, CKA_UNWRAP_TEMPLATE, &sealed);
    CK_MECHANISM how = {.mechanism = table[key].mechanism};
    CK_RV rv = t->m->f->C_GenerateKey(t->home, &how, a.a, a.n, out);
    return rv == CKR_OK ? 0 : token_fail(t, rv, "C_GenerateKey", e);
}

int rootkeys_create(struct token *t, struct err *e)
{
    for (enum token_key k = 0; k < TOKEN_KEY_COUNT; k++) {
        struct err why = {0};
        CK_OBJECT_HANDLE h;
        int rc = find(t, k, &h, &why);
        if (rc < 0 && why.code == ERR_NOT_FOUND)
            rc = create(t, k, &h, &why);
        if (rc < 0)
            return err_set(e, why.code, "%s: %s", table[k].label, why.text);
        t->keys[k] = h;
    }
    return 0;
}

int rootkeys_get(struct token *t, enum token_key key, CK_OBJECT_HANDLE *out, struct err *e)
{
    if (t->keys[key] == CK_INVALID_HANDLE && find(t, key, &t->keys[key], e) < 0)
        return err_wrap(e, "%s", table[key].label);
    *out = t->keys[key];
    return 0;
}

/* Find, read, create and destroy objects. Values read are bounded by the caller's buf. */
#include "crypto/pkcs11/object.h"

#include <assert.h>

static CK_ATTRIBUTE *next(struct template *t, CK_ATTRIBUTE_TYPE type)
{
    assert(t->n < TEMPLATE_MAX);
    CK_ATTRIBUTE *a = &t->a[t->n++];
    a->type = type;
    return a;
}

void template_bool(struct template *t, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_ATTRIBUTE *a = next(t, type);
    CK_BBOOL *storage = (CK_BBOOL *)&t->words[t->n - 1];
    *storage = value ? CK_TRUE : CK_FALSE;
    a->pValue = storage;
    a->ulValueLen = sizeof *storage;
}

void template_ulong(struct template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    CK_ATTRIBUTE *a = next(t, type);
    t->words[t->n - 1] = value;
    a->pValue = &t->words[t->n - 1];
    a->ulValueLen = sizeof value;
}

void template_bytes(struct template *t, CK_ATTRIBUTE_TYPE type, struct blob loan)
{
    CK_ATTRIBUTE *a = next(t, type);
    a->pValue = (void *)(uintptr_t)loan.p;
    a->ulValueLen = loan.n;
}

void template_nested(struct template *t, CK_ATTRIBUTE_TYPE type, const struct template *loan)
{
    CK_ATTRIBUTE *a = next(t, type);
    a->pValue = (void *)(uintptr_t)loan->a;
    a->ulValueLen = loan->n * sizeof loan->a[0];
}

int object_find(struct token *t, struct template *match, CK_OBJECT_HANDLE *out, struct err *e)
{
    CK_SESSION_HANDLE s;
    if (session_take(t, &s, e) < 0)
        return -1;
    CK_OBJECT_HANDLE found[2];
    CK_ULONG n = 0;
    CK_RV rv = t->m->f->C_FindObjectsInit(s, match->a, match->n);
    if (rv == CKR_OK)
        rv = t->m->f->C_FindObjects(s, found, 2, &n);
    bool ended = rv == CKR_OK && t->m->f->C_FindObjectsFinal(s) == CKR_OK;
    session_give(t, s, ended);
    if (rv != CKR_OK)
        return token_fail(t, rv, "C_FindObjects", e);
    if (n == 0) {
        /* Logged out behind our back, private objects are invisible: that is not "no such". */
        CK_SESSION_INFO info;
        rv = t->m->f->C_GetSessionInfo(t->home, &info);
        if (rv == CKR_OK && info.state != CKS_RW_USER_FUNCTIONS)
            rv = CKR_USER_NOT_LOGGED_IN;
        if (rv != CKR_OK)
            return token_fail(t, rv, "C_FindObjects", e);
        return err_set(e, ERR_NOT_FOUND, "the token has no such object");
    }
    if (n > 1)
        return err_set(e, ERR_TOKEN,
                       "the token has several objects of that name: remove the "
                       "strange ones with the vendor's tool");
    *out = found[0];
    return 0;
}

int object_read(struct token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *out,
                struct err *e)
{
    uint8_t value[1024]; /* an RSA modulus of 8192 bits */
    CK_ATTRIBUTE a = {.type = type, .pValue = value, .ulValueLen = sizeof value};
    CK_RV rv = t->m->f->C_GetAttributeValue(t->home, object, &a, 1);
    if (rv != CKR_OK)
        return token_fail(t, rv, "C_GetAttributeValue", e);
    if (a.ulValueLen > sizeof value)
        return err_set(e, ERR_TOKEN, "C_GetAttributeValue: impossible length");
    buf_add(out, value, a.ulValueLen);
    return buf_check(out, "attribute", e);
}

int object_create(struct token *t, struct template *attributes, CK_OBJECT_HANDLE *out,
                  struct err *e)
{
    CK_RV rv = t->m->f->C_CreateObject(t->home, attributes->a, attributes->n, out);
    return rv == CKR_OK ? 0 : token_fail(t, rv, "C_CreateObject", e);
}

void object_drop(struct token *t, CK_OBJECT_HANDLE object)
{
    if (object != CK_INVALID_HANDLE)
        t->m->f->C_DestroyObject(t->home, object);
}

int object_destroy(struct token *t, CK_OBJECT_HANDLE object, struct err *e)
{
    CK_RV rv = t->m->f->C_DestroyObject(t->home, object);
    return rv == CKR_OK ? 0 : token_fail(t, rv, "C_DestroyObject", e);
}

int object_private_key(struct token *t, struct blob id, CK_OBJECT_HANDLE *out, struct err *e)
{
    struct template match = {0};
    template_ulong(&match, CKA_CLASS, CKO_PRIVATE_KEY);
    template_bool(&match, CKA_TOKEN, true);
    template_bytes(&match, CKA_ID, id);
    return object_find(t, &match, out, e);
}

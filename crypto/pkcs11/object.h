/* Objects in the token: typed attribute templates, find, read, create, destroy. */
#pragma once
#include "crypto/pkcs11/session.h"

#define TEMPLATE_MAX 20

/* A template under construction; scalars are copied in (so it must not be moved), bytes are lent.
 */
struct template
{
    CK_ATTRIBUTE a[TEMPLATE_MAX];
    CK_ULONG n;
    CK_ULONG words[TEMPLATE_MAX]; /* storage of the scalar values */
};

void template_bool(struct template *t, CK_ATTRIBUTE_TYPE type, bool value);
void template_ulong(struct template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
void template_bytes(struct template *t, CK_ATTRIBUTE_TYPE type, struct blob loan);
/* An array attribute (CKA_UNWRAP_TEMPLATE). */
void template_nested(struct template *t, CK_ATTRIBUTE_TYPE type, const struct template *loan);

/* The one object that matches. ERR_NOT_FOUND for none, ERR_TOKEN for several. */
int object_find(struct token *t, struct template *match, CK_OBJECT_HANDLE *out, struct err *e);
int object_read(struct token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *out,
                struct err *e);
int object_create(struct token *t, struct template *attributes, CK_OBJECT_HANDLE *out,
                  struct err *e);
/* For clean-up: a failure is not reported, a session object dies with its session anyway. */
void object_drop(struct token *t, CK_OBJECT_HANDLE object);
int object_destroy(struct token *t, CK_OBJECT_HANDLE object, struct err *e);
/* A private key that is a token object, by its CKA_ID. */
int object_private_key(struct token *t, struct blob id, CK_OBJECT_HANDLE *out, struct err *e);

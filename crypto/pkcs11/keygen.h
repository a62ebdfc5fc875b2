/*
 * Key pairs made in the token. A *session* pair is extractable for as long as its session object
 * lives, because only so can it be wrapped; it is destroyed right after. A *token* pair is neither
 * extractable nor readable, and found again by its CKA_ID.
 */
#pragma once
#include "crypto/pkcs11/object.h"
#include "crypto/policy.h"

#define KEY_ID_BYTES 16

/* Whether the token can make keys of this kind. */
bool keygen_can(const struct token *t, enum key_alg alg);
/* Whether the token can also wrap them (design: Ed25519 in SoftHSM cannot). */
bool keygen_wrappable(const struct token *t, enum key_alg alg);
/* spki: DER of SubjectPublicKeyInfo (RFC 5280, 4.1.2.7). */
int keygen_session(struct token *t, enum key_alg alg, CK_OBJECT_HANDLE *private_key,
                   struct buf *spki, struct err *e);
int keygen_token(struct token *t, enum key_alg alg, struct blob id, const char *label,
                 CK_OBJECT_HANDLE *private_key, struct buf *spki, struct err *e);

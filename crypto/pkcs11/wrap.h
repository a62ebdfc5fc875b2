/*
 * Private keys in wrapped form (AES key wrap with padding, RFC 5649): thousands of certificate
 * keys live outside the token, encrypted by a key that cannot leave it.
 */
#pragma once
#include "crypto/pkcs11/session.h"
#include "crypto/policy.h"

#define WRAPPED_MAX_BYTES (8 * 1024)

/* policy: KEY_POLICY_SEALED or KEY_POLICY_DEPLOYABLE, which chooses the key-encryption key. */
int wrap_key(struct token *t, enum key_policy policy, CK_OBJECT_HANDLE key, struct buf *wrapped,
             struct err *e);
/* A session object that can sign. extractable is refused by the token itself for sealed keys. */
int wrap_unwrap(struct token *t, enum key_policy policy, enum key_alg alg, struct blob wrapped,
                bool extractable, CK_OBJECT_HANDLE *out, struct err *e);
/* The PKCS#8 of an extractable session key, in guarded memory. */
int wrap_read_pkcs8(struct token *t, CK_OBJECT_HANDLE key, struct secret *pkcs8, struct err *e);

/*
 * Signatures and MACs by keys in the token, in the form X.509 and TLS want. We hash, the token
 * signs: every module can sign a hash, few do every hash themselves.
 */
#pragma once
#include "crypto/pkcs11/session.h"
#include "crypto/policy.h"

#define SIGNATURE_MAX_BYTES 1024
#define MAC_BYTES 32

int sign_tbs(struct token *t, CK_OBJECT_HANDLE key, enum sign_scheme scheme, struct blob tbs,
             struct buf *signature, struct err *e);
/* HMAC-SHA256 under the token's MAC key. */
int sign_mac(struct token *t, struct blob data, uint8_t mac[MAC_BYTES], struct err *e);

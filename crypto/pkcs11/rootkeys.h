/*
 * The four long-lived secret keys of the token, made once on first run; none can be read:
 *
 *   sealed KEK      wraps keys that never leave; its CKA_UNWRAP_TEMPLATE makes the token itself
 *                   refuse to unwrap them as extractable
 *   deployable KEK  wraps keys that may be exported to a server
 *   seal key        AES-256-GCM over connector and server secrets
 *   MAC key         HMAC-SHA256 over key envelopes
 */
#pragma once
#include "crypto/pkcs11/session.h"

/* Makes those that are missing, so an interrupted first run is finished by the next. */
int rootkeys_create(struct token *t, struct err *e);
/* The handle in this generation. */
int rootkeys_get(struct token *t, enum token_key key, CK_OBJECT_HANDLE *out, struct err *e);

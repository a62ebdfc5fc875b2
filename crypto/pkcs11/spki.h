/* SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) of a public key as the token describes it. */
#pragma once
#include "crypto/pkcs11/object.h"
#include "crypto/policy.h"

int spki_of_public_key(struct token *t, enum key_alg alg, CK_OBJECT_HANDLE public_key,
                       struct buf *spki, struct err *e);

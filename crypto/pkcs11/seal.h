/*
 * Sealed values: AES-256-GCM by the token's seal key. The context string ("server/<id>/password")
 * is authenticated, so a sealed value moved to another place does not open. Bytes: u8 version (1),
 * 12 bytes random IV, ciphertext, 16 bytes tag (docs/formats/sealed.md).
 */
#pragma once
#include "crypto/pkcs11/session.h"

#define SEAL_MAX_BYTES (256 * 1024)
#define SEAL_OVERHEAD (1 + 12 + 16)

int seal_value(struct token *t, const char *context, struct blob plain, struct buf *sealed,
               struct err *e);
int seal_open(struct token *t, const char *context, struct blob sealed, struct secret *plain,
              struct err *e);

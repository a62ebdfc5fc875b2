/*
 * HPKE (RFC 9180): base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Seals a secret
 * to the one-shot key of the worker that needs it. The sealed bytes are enc || ciphertext; `info`
 * is the context string, which must be the same on both sides.
 */
#pragma once
#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/secret.h"

struct hpke_key; /* the private half stays inside this process */
int hpke_key_new(struct hpke_key **out, struct err *e);
void hpke_key_free(struct hpke_key *k);
int hpke_public(const struct hpke_key *k, struct buf *out, struct err *e); /* 32 bytes */
int hpke_seal(struct blob recipient, const char *info, struct blob plain, struct buf *sealed,
              struct err *e);
int hpke_open(const struct hpke_key *k, const char *info, struct blob sealed, struct secret *plain,
              struct err *e);

/*
 * Signatures and MACs by keys in the token, in the form X.509 and TLS want. We hash, the token
 * signs: every module can sign a hash, few do every hash themselves.
 */
#pragma once
#include "crypto/pkcs11/session.h"
#include "crypto/policy.h"

#define SIGNATURE_MAX_BYTES 1024
#define MAC_BYTES 32

struct sign_mechanism;

/* A signature in three steps, of which only the middle one needs the token. */
struct sign_work {
    const struct sign_mechanism *how;
    struct blob message; /* of a scheme that hashes in the token: a loan; else empty */
    uint8_t hashed[128]; /* prefix and hash */
    size_t hashed_n;
    uint8_t raw[SIGNATURE_MAX_BYTES];
    CK_ULONG raw_n;
    const char *what; /* the call that failed */
};
int sign_prepare(enum sign_scheme scheme, struct blob tbs, struct sign_work *w, struct err *e);
/* From any thread, in a session of its own. */
CK_RV sign_run(const struct module *m, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key,
               struct sign_work *w);
int sign_finish(const struct sign_work *w, struct buf *signature, struct err *e);

/* All of them, in a session of the pool. */
int sign_tbs(struct token *t, CK_OBJECT_HANDLE key, enum sign_scheme scheme, struct blob tbs,
             struct buf *signature, struct err *e);
/* HMAC-SHA256 under the token's MAC key. */
int sign_mac(struct token *t, struct blob data, uint8_t mac[MAC_BYTES], struct err *e);

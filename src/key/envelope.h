/*
 * The envelope that names a key outside this process: what it is, what it may do, and the key in
 * wrapped form or its id in the token, under a MAC by the token (docs/formats/envelope.md).
 */
#pragma once
#include "crypto/pkcs11/sign.h"
#include "crypto/policy.h"
#include "src/base/buf.h"

#define ENVELOPE_MAX_BYTES (12 * 1024)
#define ENVELOPE_LABEL_MAX 255 /* a host name has at most 253 */
#define ENVELOPE_SPKI_MAX 1024
#define ENVELOPE_BODY_MAX (8 * 1024)
#define ENVELOPE_ID_BYTES 16
#define PURPOSES_ALL 0x7fu

enum envelope_kind {
    ENVELOPE_TOKEN = 1,
    ENVELOPE_WRAPPED = 2,
    ENVELOPE_BOOT = 3,
};

/* The blobs of a parsed envelope are loans of its bytes. */
struct envelope {
    enum envelope_kind kind;
    enum key_alg alg;
    enum key_policy policy;
    uint32_t purposes;
    char label[ENVELOPE_LABEL_MAX + 1];
    struct blob spki;
    struct blob body;
};

/* Everything but the MAC. Refuses values that envelope_parse would refuse. */
int envelope_write(const struct envelope *env, struct buf *out, struct err *e);
/* Form only, MAC not checked: for envelope_open and its fuzzer. */
int envelope_parse(struct blob bytes, struct envelope *out, struct err *e);
/* Writes and appends the token's MAC. */
int envelope_seal(struct token *t, const struct envelope *env, struct buf *out, struct err *e);
/* Checks the MAC, then parses. Every failure is ERR_DENIED but the token's own. */
int envelope_open(struct token *t, struct blob bytes, struct envelope *out, struct err *e);

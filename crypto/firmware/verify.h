/*
 * Who signed: a slot block carries one ECDSA P-384 and one LMS signature over its manifest, and
 * both must hold under the two keys of one trusted pair. There is no other algorithm and no
 * fallback.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "crypto/firmware/manifest.h"
#include "src/base/err.h"

#define SLOT_BLOCK_BYTES 4096u
#define ECDSA_SIGNATURE_BYTES 96u
#define LMS_SIGNATURE_BYTES 1452u
#define ECDSA_KEY_BYTES 97u
#define LMS_KEY_BYTES 56u
#define TRUST_PAIR_BYTES (ECDSA_KEY_BYTES + LMS_KEY_BYTES)
#define TRUST_PAIRS_MAX 4u
#define TRUST_BYTES_MAX (TRUST_PAIR_BYTES * TRUST_PAIRS_MAX)

struct trust {
    struct {
        uint8_t ecdsa[ECDSA_KEY_BYTES];
        uint8_t lms[LMS_KEY_BYTES];
    } pairs[TRUST_PAIRS_MAX];
    size_t n;
};

int trust_parse(const uint8_t *p, size_t n, struct trust *out, struct err *e);
/*
 * Parses a slot block and checks both signatures. ERR_INPUT: it is malformed; ERR_CRYPTO: unknown
 * signer, or a signature does not hold, and the text says which.
 */
int slot_verify(const struct trust *t, const uint8_t block[SLOT_BLOCK_BYTES], struct manifest *out,
                struct err *e);

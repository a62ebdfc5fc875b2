/*
 * Verifies an exported audit file offline: JSON lines, hash chain, signed heads. Used by the
 * console tool; needs nothing but the file and, when given, the expected public key.
 */
#pragma once
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"

struct audit_report {
    uint64_t records, first, last;
    uint64_t heads, signed_up_to; /* newest record covered by a good signature */
    char spki_sha256[65];
};
/* ERR_CRYPTO naming the first record that does not fit. spki may be empty: then the heads' own,
 * which must agree. */
int audit_verify(struct blob file, struct blob spki, struct audit_report *out, struct err *e);
/* The bytes that a signature over a head covers. */
void audit_head_bytes(uint64_t seq, int64_t time, const uint8_t hash[32], struct buf *out);

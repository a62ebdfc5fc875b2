/*
 * The shapes of bytes to be signed. The first byte chooses the caller, the rest is tried for every
 * purpose; no bytes may pass for two purposes, for then one signature could be used as the other.
 */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/key/purpose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The public key of the envelope: any P-256 point will do, as nothing is verified with it. */
static const uint8_t spki[91] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const struct envelope env = {
        .kind = ENVELOPE_WRAPPED,
        .alg = KEY_P256,
        .policy = KEY_POLICY_SEALED,
        .purposes = PURPOSES_ALL,
        .label = "fuzz",
        .spki = BLOB(spki, sizeof spki),
        .body = BLOB("x", 1),
    };
    OWN(own_mem)
    uint8_t *copy = xmemdup(data + 1, size - 1);
    struct blob tbs = BLOB(copy, size - 1);
    unsigned passed = 0;
    for (uint32_t purpose = 1; purpose <= PURPOSES_ALL; purpose <<= 1)
        passed +=
            purpose_check(data[0] % PROC_COUNT, purpose, SIGN_ECDSA_SHA256, &env, tbs, NULL) == 0;
    if (passed > 1)
        abort();
    return 0;
}

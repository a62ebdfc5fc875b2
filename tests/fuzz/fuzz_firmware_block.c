/* Trusted keys and a slot block from outside: 153 bytes and 4096 bytes, missing ones are zero. */
#include <stdlib.h>
#include <string.h>

#include "crypto/firmware/verify.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (firmware_start(NULL) < 0)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t p[TRUST_PAIR_BYTES + SLOT_BLOCK_BYTES] = {0};
    struct trust trust;
    struct manifest m;

    memcpy(p, data, n < sizeof(p) ? n : sizeof(p));
    if (trust_parse(p, TRUST_PAIR_BYTES, &trust, NULL) == 0 &&
        slot_verify(&trust, p + TRUST_PAIR_BYTES, &m, NULL) == 0 && m.pieces == 0)
        abort();
    return 0;
}

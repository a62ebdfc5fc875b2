/*
 * The manifest of a slot: which product, board and version it is, and the hashes of all that may
 * run (docs/formats/slot.md). It is parsed strictly and says nothing about who signed it:
 * crypto/firmware/verify.h does.
 */
#pragma once
#include <stdint.h>

#include "crypto/firmware/hash.h"
#include "src/base/err.h"

#define MANIFEST_BYTES 512u
#define MANIFEST_TEXT_BYTES 32u
#define MANIFEST_PRODUCT "certkeep"
#define MANIFEST_SIGNER_BYTES 16u
#define MANIFEST_SALT_BYTES 32u
#define PIECE_BYTES (1024u * 1024u)
#define PIECES_MAX 512u

struct manifest {
    uint32_t updater; /* lowest version of the updater that may install it */
    uint32_t pieces;
    char product[MANIFEST_TEXT_BYTES];
    char board[MANIFEST_TEXT_BYTES];
    char version[MANIFEST_TEXT_BYTES];
    uint64_t built; /* seconds since 1970, UTC */
    uint64_t rollback;
    uint64_t boot_bytes;
    uint8_t boot_hash[SHA256_BYTES];
    uint64_t root_bytes;
    uint64_t tree_bytes;
    uint8_t salt[MANIFEST_SALT_BYTES];
    uint8_t root_hash[SHA256_BYTES];
    uint8_t table_hash[SHA256_BYTES];
    uint8_t signer[MANIFEST_SIGNER_BYTES];
};

int manifest_parse(const uint8_t bytes[MANIFEST_BYTES], struct manifest *out, struct err *e);
/* ERR_INPUT unless it is for this product and `board`. */
int manifest_fits(const struct manifest *m, const char *board, struct err *e);
/* Bytes of boot image, root file system and hash tree together. */
uint64_t manifest_payload(const struct manifest *m);

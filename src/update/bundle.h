/* The head of an update bundle: the slot block that is signed, and the hash of every piece. */
#pragma once
#include "crypto/firmware/slot.h"

/* Version of the updater that manifests ask for. */
#define UPDATER_VERSION 1u
#define TABLE_BYTES_MAX (PIECES_MAX * SHA256_BYTES)
#define HEAD_BYTES_MAX (SLOT_BLOCK_BYTES + TABLE_BYTES_MAX) /* what of a head is not zero */

struct head {
    struct manifest manifest;
    uint8_t block[SLOT_BLOCK_BYTES];
    uint8_t table[TABLE_BYTES_MAX];
};

/*
 * Judges a head of `n` bytes: signatures, product and board, rollback index, version of the
 * updater, piece table. ERR_DENIED: it is right but may not be installed here.
 */
int head_parse(const uint8_t *p, size_t n, const struct policy *policy, struct head *out,
               struct err *e);
/* Bytes of piece `i`, which counts from 1. */
size_t piece_bytes(const struct manifest *m, uint32_t i);
/* ERR_INPUT unless the bytes are those of piece `i`. */
int piece_judge(const struct head *h, uint32_t i, const uint8_t *p, size_t n, struct err *e);

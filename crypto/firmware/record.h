/*
 * A record of one sector in two copies (docs/formats/slot.md): the newest valid copy counts, the
 * next one goes over the other. So a write that is cut leaves the record before it.
 */
#pragma once
#include "crypto/firmware/block.h"
#include "crypto/firmware/hash.h"

#define RECORD_BYTES 512u
#define RECORD_CHECKED_BYTES (RECORD_BYTES - SHA256_BYTES)

struct record_place {
    const char *what; /* "control record" */
    uint8_t magic[8];
    uint64_t at[2];
};

/*
 * Reads the valid copy with the highest sequence number (bytes 8 to 15). ERR_NOT_FOUND when neither
 * copy is valid; other errors are the disk's.
 */
int record_load(const struct block *b, const struct record_place *place, uint8_t out[RECORD_BYTES],
                struct err *e);
/* Fills in magic, sequence and checksum, and writes the copy that is not the newest. */
int record_store(const struct block *b, const struct record_place *place,
                 uint8_t record[RECORD_BYTES], struct err *e);

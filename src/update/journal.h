/* The update under way: which slot it goes to and how much of it is on the disk. */
#pragma once
#include "crypto/firmware/control.h"
#include "crypto/firmware/hash.h"

struct journal {
    enum slot_id target; /* SLOT_NONE: no update under way */
    uint32_t pieces;
    uint32_t written;           /* pieces on the disk, from the first */
    uint8_t head[SHA256_BYTES]; /* SHA-256 of the slot block that is being installed */
};

/* No valid copy means that no update is under way. */
int journal_load(const struct block *control, struct journal *out, struct err *e);
int journal_store(const struct block *control, const struct journal *j, struct err *e);

/*
 * Installs a bundle into the slot that is not running, piece by piece, each call a process of its
 * own; the order of writes is that of docs/formats/slot.md. No call leaves a slot that may be
 * chosen and is not whole.
 */
#pragma once
#include "src/update/bundle.h"
#include "src/update/journal.h"

struct updater {
    const struct disk *disk;
    const struct trust *trust;
    const char *board;
};

/* Begins with piece 0, or goes on: *next is the piece to send, above the last when all are there.
 */
int update_begin(const struct updater *u, const uint8_t *head, size_t n, uint32_t *next,
                 struct err *e);
/* What the update under way, which the journal names, is of. */
int update_pending(const struct updater *u, struct manifest *out, struct err *e);
/* Writes piece `i`. A piece that is on the disk already is skipped; ERR_CONFLICT names the next. */
int update_piece(const struct updater *u, uint32_t i, const uint8_t *p, size_t n, uint32_t *next,
                 struct err *e);
/* Reads the whole slot again, and makes it the one that starts next. */
int update_commit(const struct updater *u, enum slot_id *target, struct err *e);
/* The running system has proven healthy. */
int update_bless(const struct updater *u, struct err *e);
/* The slot an update would go to now. ERR_CONFLICT while the running one is not healthy. */
int update_target(const struct control *c, enum slot_id *out, struct err *e);

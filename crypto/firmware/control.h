/*
 * The control record: which slots hold a complete system, how many tries each has left, which one
 * runs. stage-0 and the updater write it; one sector decides what starts next.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "crypto/firmware/block.h"

#define TRIES_NEW 3u
#define TRIES_BLESSED 7u

enum slot_id { SLOT_A = 0, SLOT_B = 1, SLOT_NONE = 255 };

enum slot_why {
    WHY_NONE,
    WHY_BLOCK,     /* the slot block cannot be read, or its manifest is malformed */
    WHY_SIGNATURE, /* a signature does not hold */
    WHY_BOARD,     /* it is for another product or board */
    WHY_ROLLBACK,  /* its rollback index is below the floor */
    WHY_BOOT,      /* the firmware did not start its boot image */
    WHY_ROOT,      /* its root could not be opened or mounted */
    WHY_HEALTH,    /* it was started and did not prove healthy */
    WHY_COUNT
};

struct control_slot {
    uint64_t commit; /* the higher was installed later; 0: nothing complete in it */
    uint8_t tries;
    bool blessed;
    enum slot_why why;
};

struct control {
    uint64_t floor; /* lowest rollback index that may be installed or started */
    enum slot_id running;
    enum slot_id sent; /* the slot whose boot partition the firmware was asked for */
    struct control_slot slot[2];
};

/* ERR_NOT_FOUND: neither copy is valid. */
int control_load(const struct block *b, struct control *out, struct err *e);
int control_store(const struct block *b, const struct control *c, struct err *e);

/* Running, blessed, and blessed since it was last started. */
bool control_healthy(const struct control *c, enum slot_id id);
const char *slot_name(enum slot_id id); /* "a", "b", "none" */
const char *slot_why_text(enum slot_why why);

/*
 * Which slot runs: newest good with tries left, else the other, else rescue. A pure function of the
 * control record and of what the slots were found to hold; docs/formats/slot.md tells the rules.
 */
#pragma once
#include "crypto/firmware/control.h"

struct slot_seen {
    enum slot_why why; /* WHY_NONE: its slot block verifies, board and rollback index are right */
    bool paired;       /* the running boot image belongs to it */
    uint64_t rollback;
    uint64_t built;
};

enum slots_do {
    SLOTS_BOOT,   /* open the root of the slot and hand over */
    SLOTS_SEND,   /* ask the firmware for the slot's boot partition and restart */
    SLOTS_RESCUE, /* no slot may run */
};

struct slots_choice {
    enum slots_do act;
    enum slot_id slot;   /* SLOT_NONE in rescue */
    struct control next; /* to be stored before acting */
};

/* The control record to go on with when neither copy on the disk is valid. */
struct control slots_rebuild(const struct slot_seen seen[2]);
struct slots_choice slots_choose(const struct control *now, const struct slot_seen seen[2]);
/* After SLOTS_BOOT, when the root could not be opened: the slot is out; choose again. */
struct control slots_root_failed(const struct control *now, enum slot_id id);

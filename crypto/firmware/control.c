/* The bytes of the control record (docs/formats/slot.md). */
#include "crypto/firmware/control.h"

#include <string.h>

#include "crypto/firmware/record.h"

static const struct record_place place = {
    .what = "control record",
    .magic = {'C', 'K', 'B', 'O', 'O', 'T', 0, 1},
    .at = {0x00000, 0x10000},
};

#define SLOT_AT 32u
#define SLOT_BYTES 32u
#define END_AT (SLOT_AT + 2 * SLOT_BYTES)

static bool id_valid_byte(uint8_t v)
{
    return v == SLOT_A || v == SLOT_B || v == SLOT_NONE;
}

static bool slot_get(const uint8_t *p, struct control_slot *out)
{
    if (p[8] > TRIES_BLESSED || p[9] > 1 || p[10] >= WHY_COUNT || !all_zero(p + 11, 21))
        return false;
    *out = (struct control_slot){
        .commit = get_u64(p), .tries = p[8], .blessed = p[9] == 1, .why = (enum slot_why)p[10]};
    return true;
}

int control_load(const struct block *b, struct control *out, struct err *e)
{
    uint8_t p[RECORD_BYTES];
    struct control c = {0};

    if (record_load(b, &place, p, e) < 0)
        return -1;
    /* A record of ours with a good checksum has good fields: anything else was not written by us.
     */
    if (!id_valid_byte(p[24]) || !id_valid_byte(p[25]) || !all_zero(p + 26, 6) ||
        !slot_get(p + SLOT_AT, &c.slot[0]) || !slot_get(p + SLOT_AT + SLOT_BYTES, &c.slot[1]) ||
        !all_zero(p + END_AT, RECORD_CHECKED_BYTES - END_AT))
        return err_set(e, ERR_NOT_FOUND, "%s: its fields are not valid", place.what);
    c.floor = get_u64(p + 16);
    c.running = (enum slot_id)p[24];
    c.sent = (enum slot_id)p[25];
    *out = c;
    return 0;
}

int control_store(const struct block *b, const struct control *c, struct err *e)
{
    uint8_t p[RECORD_BYTES] = {0};

    put_u64(p + 16, c->floor);
    p[24] = (uint8_t)c->running;
    p[25] = (uint8_t)c->sent;
    for (size_t i = 0; i < 2; i++) {
        uint8_t *s = p + SLOT_AT + i * SLOT_BYTES;
        put_u64(s, c->slot[i].commit);
        s[8] = c->slot[i].tries;
        s[9] = c->slot[i].blessed ? 1 : 0;
        s[10] = (uint8_t)c->slot[i].why;
    }
    return record_store(b, &place, p, e);
}

bool control_healthy(const struct control *c, enum slot_id id)
{
    return id != SLOT_NONE && c->running == id && c->slot[id].blessed &&
           c->slot[id].tries == TRIES_BLESSED;
}

const char *slot_name(enum slot_id id)
{
    return id == SLOT_A ? "a" : id == SLOT_B ? "b" : "none";
}

const char *slot_why_text(enum slot_why why)
{
    static const char *const texts[WHY_COUNT] = {
        [WHY_NONE] = "it did not fail",
        [WHY_BLOCK] = "its slot block cannot be read or is malformed",
        [WHY_SIGNATURE] = "a signature does not hold",
        [WHY_BOARD] = "it is for another product or board",
        [WHY_ROLLBACK] = "it is older than this appliance may go back to",
        [WHY_BOOT] = "the firmware did not start its boot image",
        [WHY_ROOT] = "its root file system could not be opened",
        [WHY_HEALTH] = "it was started and did not prove healthy",
    };
    return (unsigned)why < WHY_COUNT ? texts[why] : "unknown";
}

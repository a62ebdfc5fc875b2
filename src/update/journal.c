/* The bytes of the journal record (docs/formats/slot.md). */
#include "src/update/journal.h"

#include <string.h>

#include "crypto/firmware/manifest.h"
#include "crypto/firmware/record.h"

static const struct record_place place = {
    .what = "update journal",
    .magic = {'C', 'K', 'J', 'R', 'N', 'L', 0, 1},
    .at = {0x20000, 0x30000},
};

#define HEAD_AT 32u
#define END_AT (HEAD_AT + SHA256_BYTES)

/* What is not valid is as good as no journal: the update begins anew. */
static struct journal parse(const uint8_t *p)
{
    struct journal j = {
        .target = (enum slot_id)p[16], .pieces = get_u32(p + 20), .written = get_u32(p + 24)};

    if ((j.target != SLOT_A && j.target != SLOT_B) || !all_zero(p + 17, 3) ||
        !all_zero(p + 28, 4) || !all_zero(p + END_AT, RECORD_CHECKED_BYTES - END_AT) ||
        j.pieces > PIECES_MAX || j.written > j.pieces)
        return (struct journal){.target = SLOT_NONE};
    memcpy(j.head, p + HEAD_AT, sizeof(j.head));
    return j;
}

int journal_load(const struct block *control, struct journal *out, struct err *e)
{
    uint8_t p[RECORD_BYTES];
    struct err local = {0};

    e = e ? e : &local;
    if (record_load(control, &place, p, e) < 0) {
        if (e->code != ERR_NOT_FOUND)
            return -1;
        *e = (struct err){0};
        *out = (struct journal){.target = SLOT_NONE};
        return 0;
    }
    *out = parse(p);
    return 0;
}

int journal_store(const struct block *control, const struct journal *j, struct err *e)
{
    uint8_t p[RECORD_BYTES] = {0};

    p[16] = (uint8_t)j->target;
    put_u32(p + 20, j->pieces);
    put_u32(p + 24, j->written);
    memcpy(p + HEAD_AT, j->head, sizeof(j->head));
    return record_store(control, &place, p, e);
}

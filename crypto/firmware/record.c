/* Records in two copies. What the fields of a record mean is left to its own file. */
#include "crypto/firmware/record.h"

#include <string.h>

static bool valid(const struct record_place *place, const uint8_t *p, struct err *e, int *failed)
{
    uint8_t sum[SHA256_BYTES];

    if (memcmp(p, place->magic, sizeof(place->magic)) != 0)
        return false;
    if (sha256(p, RECORD_CHECKED_BYTES, NULL, 0, sum, e) < 0) {
        *failed = -1;
        return false;
    }
    return memcmp(sum, p + RECORD_CHECKED_BYTES, sizeof(sum)) == 0;
}

/* Reads both copies; *newest is 0, 1, or -1 when neither is valid. */
static int load(const struct block *b, const struct record_place *place,
                uint8_t copies[2][RECORD_BYTES], int *newest, struct err *e)
{
    int found = -1;
    int failed = 0;

    for (int i = 0; i < 2; i++) {
        if (block_read(b, place->at[i], copies[i], RECORD_BYTES, e) < 0)
            return -1;
        if (valid(place, copies[i], e, &failed) &&
            (found < 0 || get_u64(copies[i] + 8) > get_u64(copies[found] + 8)))
            found = i;
    }
    if (failed)
        return -1;
    *newest = found;
    return 0;
}

int record_load(const struct block *b, const struct record_place *place, uint8_t out[RECORD_BYTES],
                struct err *e)
{
    uint8_t copies[2][RECORD_BYTES];
    int newest;

    if (load(b, place, copies, &newest, e) < 0)
        return -1;
    if (newest < 0)
        return err_set(e, ERR_NOT_FOUND, "%s: neither copy is valid", place->what);
    memcpy(out, copies[newest], RECORD_BYTES);
    return 0;
}

int record_store(const struct block *b, const struct record_place *place,
                 uint8_t record[RECORD_BYTES], struct err *e)
{
    uint8_t copies[2][RECORD_BYTES];
    int newest;

    if (load(b, place, copies, &newest, e) < 0)
        return -1;
    memcpy(record, place->magic, sizeof(place->magic));
    put_u64(record + 8, newest < 0 ? 1 : get_u64(copies[newest] + 8) + 1);
    if (sha256(record, RECORD_CHECKED_BYTES, NULL, 0, record + RECORD_CHECKED_BYTES, e) < 0)
        return -1;
    return block_put(b, place->at[newest == 0], record, RECORD_BYTES, e);
}

/* Control and journal record of a disk. The checksum is made right, so that the fields are reached.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/firmware/record.h"
#include "src/update/journal.h"

#define PLACES 4u /* two copies of each record, as docs/formats/slot.md lays them */
#define PLACE_BYTES 0x10000u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint8_t disk[PLACES * PLACE_BYTES];

static int disk_read(const struct block *b, uint64_t at, void *p, size_t n, struct err *e)
{
    (void)b;
    (void)e;
    memcpy(p, disk + at, n);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (firmware_start(NULL) < 0)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct block b = {.name = "control", .bytes = sizeof(disk), .read = disk_read};
    struct control c;
    struct journal j;

    for (size_t i = 0; i < PLACES; i++) {
        uint8_t *p = disk + i * PLACE_BYTES;
        size_t from = i * RECORD_CHECKED_BYTES;
        size_t part = n > from ? n - from : 0;
        memset(p, 0, RECORD_BYTES);
        if (part)
            memcpy(p, data + from, part < RECORD_CHECKED_BYTES ? part : RECORD_CHECKED_BYTES);
        if (sha256(p, RECORD_CHECKED_BYTES, NULL, 0, p + RECORD_CHECKED_BYTES, NULL) < 0)
            abort();
    }
    if (control_load(&b, &c, NULL) == 0 &&
        (c.slot[0].tries > TRIES_BLESSED || c.slot[1].tries > TRIES_BLESSED ||
         (c.running > SLOT_B && c.running != SLOT_NONE)))
        abort();
    if (journal_load(&b, &j, NULL) < 0 || j.written > j.pieces)
        abort();
    return 0;
}

/*
 * A slot on the disk: its boot and root partition, and what stage-0 and the updater may know of it.
 */
#pragma once
#include "crypto/firmware/block.h"
#include "crypto/firmware/control.h"
#include "crypto/firmware/verify.h"

/* The five partitions of docs/formats/slot.md. */
struct disk {
    struct block control;
    struct block boot[2];
    struct block root[2];
};

/*
 * Opens control, boot-a, boot-b, root-a and root-b in the folder `path`. The partitions of the slot
 * that runs, by the control record, are opened for reading only.
 */
int disk_open(const char *path, struct disk *out, struct err *e);
void disk_close(struct disk *d);

/* Whose images may run here. */
struct policy {
    const struct trust *trust;
    const char *board;
    uint64_t floor;
};

/* Byte of the slot block in a root partition; ERR_LIMIT when the partition is no place for one. */
int slot_block_at(const struct block *root, uint64_t *at, struct err *e);
/* ERR_LIMIT when the manifest's images are larger than the partitions. */
int slot_room(const struct block *boot, const struct block *root, const struct manifest *m,
              struct err *e);
/*
 * Reads the slot block and judges it: signatures, board, rollback index, sizes. *why says what is
 * wrong, for the control record. Of the images nothing is read.
 */
int slot_read(const struct disk *d, enum slot_id id, const struct policy *p, struct manifest *out,
              enum slot_why *why, struct err *e);
/*
 * Compares every byte of the boot image and the root with the manifest. `first` stands for the
 * first block of the boot partition when it is not NULL: the updater writes that one last.
 */
int slot_check(const struct block *boot, const struct block *root, const struct manifest *m,
               const uint8_t *first, struct err *e);

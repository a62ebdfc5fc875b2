/*
 * Hash trees of dm-verity, format 1 without a superblock (docs/formats/slot.md): checked here from
 * the first data block to the root hash, before the kernel is given one.
 */
#pragma once
#include "crypto/firmware/block.h"
#include "crypto/firmware/manifest.h"

/* Bytes of the tree over so many bytes of data, a multiple of BLOCK_BYTES. */
uint64_t verity_tree_bytes(uint64_t data_bytes);
/*
 * Reads data and tree from `root` and compares every block of the tree, and the root hash, with
 * what the data gives. ERR_CRYPTO names the first block that is wrong.
 */
int verity_check(const struct block *root, const struct manifest *m, struct err *e);

/*
 * dm-verity through the kernel's device-mapper interface: a read-only block device each of whose
 * blocks is compared with the hash tree when it is read. A block that is wrong restarts the machine
 * at once, which costs the slot a try.
 */
#pragma once
#include "crypto/firmware/manifest.h"

/* `root` is the path of the root partition; writes the path of the new device to out. */
int verity_open(const char *root, const struct manifest *m, char out[32], struct err *e);
/* Undoes verity_open, for the other slot's turn. */
int verity_close(struct err *e);

/* From the initramfs to the root file system of the slot. */
#pragma once
#include "src/base/err.h"

#define NEW_ROOT "/root"

/* Mounts the verified device read-only at NEW_ROOT and looks whether there is something to start.
 */
int handover_mount(const char *device, struct err *e);
int handover_unmount(struct err *e);
/* Empties the initramfs, makes NEW_ROOT the root and becomes its first program; returns on failure.
 */
int handover_run(struct err *e);

/*
 * Integrity Policy Enforcement (Documentation/admin-guide/LSM/ipe.rst): nothing executes but the
 * files of the boot image and of the root whose hash it carries; no other file, no memory. The
 * policy is signed with the Secure Boot key, so the kernel takes it where the firmware trusts that.
 */
#pragma once
#include <stdbool.h>

#include "src/base/err.h"

/* Loads and activates the policy; *on is false where the firmware does not know its key. */
int ipe_start(const char *policy, bool *on, struct err *e);
/* Puts the switch out of reach, for good: nothing mounts it again. */
int ipe_close(struct err *e);

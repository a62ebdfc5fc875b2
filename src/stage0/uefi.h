/*
 * Asks the machine's firmware to start the boot partition of a slot once: a boot option that names
 * the partition by its GUID, and the variable BootNext (UEFI 2.10, 3.1 and 3.3). Neither is
 * trusted: stage-0 of the boot image that comes up judges for itself.
 */
#pragma once
#include "crypto/firmware/control.h"

int uefi_start_next(enum slot_id id, struct err *e);

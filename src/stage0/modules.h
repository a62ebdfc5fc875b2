/* Kernel modules of the board: files of the initramfs, loaded in the order of their names. */
#pragma once
#include "src/base/err.h"

/*
 * Loads every file of `folder`. A module whose hardware is not there is no error; one whose
 * signature the kernel refuses is.
 */
int modules_load(const char *folder, struct err *e);

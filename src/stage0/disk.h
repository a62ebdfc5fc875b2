/*
 * The appliance's disk as the kernel found it: a link /dev/part/NAME per partition of
 * docs/formats/slot.md, for whoever comes later too. Two partitions of one name are refused: with
 * a second disk of the kind nobody can say which one is meant.
 */
#pragma once
#include "src/base/err.h"

#define PART_FOLDER "/dev/part"

/* Waits until all are there, at most DISK_WAIT_MS. */
int disk_link(struct err *e);

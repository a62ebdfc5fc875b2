/*
 * What sys may have parent do on an appliance image: run certkeep-update as the user of sys, and
 * the acts of src/ipc/machine.h. Parent decides nothing and reads nothing of what passes.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "src/base/err.h"

struct parent;
struct child;
struct msg;

/* The certkeep-update that runs; pid 0: none. */
struct updater {
    pid_t pid;
    uint32_t step;    /* enum update_step */
    pid_t asked_by;   /* the sys process that waits for it */
    uint32_t request; /* its request */
};

/* Restarts the machine unless the slot is blessed, or sys says MACHINE_STAY, in time. */
void machine_expect_proof(struct parent *p);
#define MACHINE_FOLDER "/run/sys" /* of sys, on a machine whose first program parent is */

/* Gives the slot partitions to the user of sys, and a folder of its own. */
int machine_prepare(struct parent *p, struct err *e);
void machine_message(struct child *sys, struct msg *m);
/* A process ended that is none of ours; true when it was the updater. */
bool updater_ended(struct parent *p, pid_t pid, int status);

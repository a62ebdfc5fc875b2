/*
 * When the running slot has proven healthy: every process is ready, that is the token module is
 * loaded, the store is open and HTTPS is served, and none of them died for a while. Then the slot
 * is blessed (docs/formats/slot.md), once per start.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct parent;
struct watch;

struct health {
    struct watch *timer;
    pid_t pid; /* of the program that blesses; 0: not running */
    bool asked;
};

/* A process became ready. */
void health_ready(struct parent *p);
/* A process ended that is none of ours; true when it was the program that blesses. */
bool health_ended(struct parent *p, pid_t pid, int status);

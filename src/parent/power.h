/* The end of the machine: the power button, and what comes after every process has stopped. */
#pragma once
#include <stdbool.h>

struct parent;

#define POWER_BUTTONS_MAX 4

struct power_button {
    struct parent *parent;
    int fd;
    struct watch *watch;
};

/* Watches the input devices that have a power button; a press stops everything. */
void power_watch(struct parent *p);
/* Unmounts the state and switches off or restarts. Does not return. */
_Noreturn void power_end(bool restart);

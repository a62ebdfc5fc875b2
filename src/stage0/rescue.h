/*
 * Rescue: no slot may run. A page says why, and takes a signed bundle and nothing else; it goes
 * through the updater's own code, and the machine restarts into it. The data is not touched.
 */
#pragma once
#include "crypto/firmware/slot.h"
#include "src/rescue/identity.h"

#define RESCUE_UID 61091 /* who serves the page */
#define RESCUE_PORT 443

struct rescue {
    const struct disk *disk;
    const struct trust *trust;
    const char *board;
    const struct control *control;
    const struct identity *identity;
    int listener;
};

/* Returns once a bundle is installed; then the machine is to be restarted. */
int rescue_serve(const struct rescue *r, struct err *e);

/* Rescue on the machine: network, console, and the confined process that serves. */
#pragma once
#include "src/stage0/rescue.h"

/* False when the boot image was made without rescue: then a person has to come. */
bool rescue_is_there(void);
/* Returns once a bundle is installed. `r` without identity and listener. */
int rescue_run(const struct rescue *r, struct err *e);

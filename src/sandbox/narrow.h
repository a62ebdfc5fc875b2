/*
 * Confinement of a program of ours that is not one of the appliance's processes and whose files
 * and sockets are all open already: it may read and write these, and nothing else. Used where no
 * parent stands above: certkeep-update, and rescue in stage-0.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "src/base/err.h"

struct narrow {
    const char *name; /* in errors */
    uid_t uid;        /* to become, for a caller that is root; 0: stays who it is */
    bool accepts;     /* takes connections on the listening socket it has */
};

int confine_narrow(const struct narrow *n, struct err *e);

/*
 * Confinement of a program that is not ours, from outside: its own user with the capabilities it
 * must have, no new privileges, Landlock and seccomp. Called between fork and exec.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "src/base/err.h"

struct foreign {
    uid_t uid;
    uint64_t capabilities; /* 1 << CAP_...: kept across exec */
    const char *reads;     /* paths separated by spaces: files and folders it may read */
    const char *writes;    /* and write */
    const char *runs;      /* and execute */
};

int confine_foreign(const struct foreign *f, struct err *e);

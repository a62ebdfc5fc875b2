/*
 * The one call each main() makes before it reads anything from outside: drop to its own user, no
 * new privileges, undumpable, resource limits, Landlock, then seccomp; the profile comes from
 * profiles.def. What the running kernel lacks (Landlock ABI) is returned in `notice` and logged at
 * warn level by the caller: never silently.
 */
#pragma once
#include "src/base/err.h"
#include "src/ipc/process.h"

struct confine_paths {
    const char *state;       /* writable folder of this process, or NULL */
    const char *extra_write; /* one more writable folder, or NULL (core: what it publishes) */
    const char *extra_read;  /* one more readable path, or NULL (static files, trust anchors) */
};

/* Fails closed: on any error the process must exit. notice (>= 256 bytes) is "" when all is in
 * place. */
int confine(enum process self, const struct confine_paths *paths, char notice[256], struct err *e);

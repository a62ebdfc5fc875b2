/*
 * Per connector: a token bucket for requests to its CA, and the lock of those operations that
 * rewrite the connector's memory (test, revoke), of which only one may run at a time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

#define LIMITS_MAX 64 /* connectors remembered; the longest unused is forgotten */

struct limits {
    struct limit {
        char id[64];
        int64_t at_ms; /* when milli was right */
        int64_t milli; /* thousandths of a token */
        bool writing;
    } v[LIMITS_MAX];
    size_t n;
};

/* Takes a token; returns how many milliseconds to wait first (0: go), counting the wait as spent.
 */
uint64_t limits_take(struct limits *l, const char *id, unsigned per_s, unsigned burst);
/* ERR_LIMIT when another one is at it. */
int limits_lock(struct limits *l, const char *id, struct err *e);
void limits_unlock(struct limits *l, const char *id);

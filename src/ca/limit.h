/* A token bucket per connector for requests to its CA. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define LIMITS_MAX 64 /* connectors remembered; the longest unused is forgotten */

struct limits {
    struct limit {
        char id[64];
        int64_t at_ms; /* when milli was right */
        int64_t milli; /* thousandths of a token */
    } v[LIMITS_MAX];
    size_t n;
};

/* Takes a token; returns how many milliseconds to wait first (0: go), counting the wait as spent.
 */
uint64_t limits_take(struct limits *l, const char *id, unsigned per_s, unsigned burst);

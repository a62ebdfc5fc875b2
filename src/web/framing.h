/*
 * Where a body ends (RFC 9112, 6 and 7.1): read strictly beside evhttp, so that what follows it on
 * the connection is known to be the next head.
 */
#pragma once
#include "src/web/request.h"

/* The body, byte by byte: where it ends. */
struct framing {
    enum {
        FRAMING_DONE,
        FRAMING_LENGTH,
        FRAMING_SIZE,
        FRAMING_SIZE_LF,
        FRAMING_DATA,
        FRAMING_DATA_CR,
        FRAMING_DATA_LF,
        FRAMING_END_CR,
        FRAMING_END_LF
    } state;
    size_t left;  /* bytes of the body or the chunk still to come */
    size_t total; /* bytes of the body so far */
    unsigned digits;
};
struct framing framing_of(const struct request *r);
/* How many of the n bytes belong to the body: state is FRAMING_DONE at its end. -1: refused. */
int framing_take(struct framing *f, const uint8_t *p, size_t n, size_t *taken);

/*
 * The body of an upload as it arrives: the bytes of one file, bare (curl -T) or as the one part of
 * multipart/form-data (a browser's form, RFC 7578). Its end follows from Content-Length, so no
 * byte of the file is searched or kept.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"

#define BOUNDARY_BYTES 70u /* RFC 2046, 5.1.1 */
#define PART_HEAD_BYTES 1024u

/* Where the file goes; begin is told its bytes. */
struct stream {
    int (*begin)(void *ctx, uint64_t bytes, struct err *e);
    int (*part)(void *ctx, struct blob part, struct err *e);
    /* Once after a begin that succeeded; the answer comes before it when all went through. */
    void (*end)(void *ctx);
};

struct intake {
    const struct stream *to;
    void *ctx;
    bool begun;
    uint64_t left;                     /* bytes of the body that are still to come */
    uint64_t file_left;                /* of these, of the file */
    char boundary[BOUNDARY_BYTES + 1]; /* "": bare */
    uint8_t head[PART_HEAD_BYTES];
    size_t head_n;
    char tail[BOUNDARY_BYTES + 9];
    size_t tail_n, tail_seen;
};

/* `type` is the Content-Type, `length` the bytes of the body. */
int intake_begin(struct intake *in, const char *type, uint64_t length, const struct stream *to,
                 void *ctx, struct err *e);
int intake_feed(struct intake *in, const uint8_t *p, size_t n, struct err *e);
/* The stream's end, when it was begun. */
void intake_end(struct intake *in);

/*
 * A place on a disk: a partition, or a file that stands for one. All access of stage-0 and the
 * updater goes through this, so that tests can record every write and cut it at any byte.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

#define BLOCK_BYTES 4096u

struct block {
    const char *name; /* "root-b": names it in errors */
    uint64_t bytes;
    int (*read)(const struct block *b, uint64_t at, void *p, size_t n, struct err *e);
    int (*write)(const struct block *b, uint64_t at, const void *p, size_t n, struct err *e);
    int (*flush)(const struct block *b, struct err *e); /* what was written survives a power cut */
    void *ctx;
    int fd;
};

/* Opens `name` in the folder `dir`: a block device or a regular file. */
int block_open(int dir, const char *name, bool writable, struct block *out, struct err *e);
void block_close(struct block *b);

/* Both refuse what lies outside; reading past the end is an error, never a short read. */
int block_read(const struct block *b, uint64_t at, void *p, size_t n, struct err *e);
/* Writes, flushes, reads back and compares: on success the bytes are on the disk. */
int block_put(const struct block *b, uint64_t at, const void *p, size_t n, struct err *e);

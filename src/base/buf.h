/*
 * Bytes. `struct blob` is a loan of bytes; `struct buf` builds them under a hard limit. A buf that
 * would pass its limit fails stickily: later writes do nothing, and buf_ok() says so once, at the
 * end.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

struct blob {
    const void *p;
    size_t n;
};

#define BLOB(ptr, len) ((struct blob){(ptr), (len)})
struct blob blob_str(const char *s);        /* without the NUL */
bool blob_eq(struct blob a, struct blob b); /* not constant time: never for secrets */

struct buf {
    uint8_t *p;
    size_t n;
    size_t cap;
    size_t limit;
    bool failed;
    bool secret; /* wiped on growth and on free */
};

#define BUF(max) ((struct buf){.limit = (max)})
#define BUF_SECRET(max) ((struct buf){.limit = (max), .secret = true})

void buf_free(struct buf *b);  /* accepts half-built; leaves an empty buf with the same limit */
void buf_clear(struct buf *b); /* empties, keeps memory (wiped when secret), forgets failure */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_blob(struct buf *b, struct blob x);
void buf_add_str(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_add_u8(struct buf *b, uint8_t v);
void buf_add_u16(struct buf *b, uint16_t v); /* all integers big-endian */
void buf_add_u32(struct buf *b, uint32_t v);
void buf_add_u64(struct buf *b, uint64_t v);
bool buf_ok(const struct buf *b);
/* -1 with ERR_LIMIT naming `what` if the buf failed. */
int buf_check(const struct buf *b, const char *what, struct err *e);
struct blob buf_blob(const struct buf *b);
/* The bytes as a C string (a NUL is kept behind them); "" when empty; owned by the buf. */
const char *buf_cstr(struct buf *b);
char *buf_take_str(struct buf *b); /* the string, NUL-terminated, now the caller's; buf is empty */

/* A reader over bytes: getters fail stickily like the writer. */
struct reader {
    const uint8_t *p;
    size_t n;
    size_t at;
    bool failed;
};
struct reader reader_of(struct blob b);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
struct blob read_bytes(struct reader *r, size_t n);
bool reader_done(const struct reader *r); /* all read, nothing failed */

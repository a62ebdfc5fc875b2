/*
 * Growing byte buffers under a hard limit, and the strict reader of their big-endian integers.
 * Owns the one place where secret bytes move on growth: the old place is wiped.
 */
#include "src/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/secret.h"

struct blob blob_str(const char *s)
{
    return BLOB(s, s ? strlen(s) : 0);
}

bool blob_eq(struct blob a, struct blob b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

void buf_free(struct buf *b)
{
    if (b->p && b->secret)
        wipe(b->p, b->cap);
    free(b->p);
    *b = (struct buf){.limit = b->limit, .secret = b->secret};
}

void buf_clear(struct buf *b)
{
    if (b->p && b->secret)
        wipe(b->p, b->cap);
    b->n = 0;
    b->failed = false;
}

/* Makes room for n more bytes and the NUL behind them; false (and failed) above the limit. */
static bool buf_room(struct buf *b, size_t n)
{
    if (b->failed || n > b->limit || b->n > b->limit - n) {
        b->failed = true;
        return false;
    }
    size_t need = b->n + n + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (!b->secret) {
        b->p = xrealloc(b->p, cap);
    } else {
        uint8_t *p = xmalloc(cap);
        if (b->p) {
            memcpy(p, b->p, b->n);
            wipe(b->p, b->cap);
            free(b->p);
        }
        b->p = p;
    }
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0 || !buf_room(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void buf_add_blob(struct buf *b, struct blob x)
{
    buf_add(b, x.p, x.n);
}

void buf_add_str(struct buf *b, const char *s)
{
    buf_add_blob(b, blob_str(s));
}

void buf_addc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
        return;
    }
    if (!buf_room(b, (size_t)n))
        return;
    va_start(ap, fmt);
    vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

static void add_be(struct buf *b, uint64_t v, size_t bytes)
{
    uint8_t out[8] = {0};

    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
    buf_add(b, out, bytes);
}

void buf_add_u8(struct buf *b, uint8_t v)
{
    add_be(b, v, 1);
}

void buf_add_u16(struct buf *b, uint16_t v)
{
    add_be(b, v, 2);
}

void buf_add_u32(struct buf *b, uint32_t v)
{
    add_be(b, v, 4);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    add_be(b, v, 8);
}

bool buf_ok(const struct buf *b)
{
    return !b->failed;
}

int buf_check(const struct buf *b, const char *what, struct err *e)
{
    if (b->failed)
        return err_set(e, ERR_LIMIT, "%s: larger than %zu bytes, or not representable", what,
                       b->limit);
    return 0;
}

struct blob buf_blob(const struct buf *b)
{
    return BLOB(b->p, b->n);
}

const char *buf_cstr(struct buf *b)
{
    if (!b->p)
        return "";
    b->p[b->n] = 0;
    return (const char *)b->p;
}

char *buf_take_str(struct buf *b)
{
    char *s = b->p ? (char *)b->p : xmalloc(1);

    s[b->n] = 0;
    *b = (struct buf){.limit = b->limit, .secret = b->secret};
    return s;
}

struct reader reader_of(struct blob b)
{
    return (struct reader){.p = b.p, .n = b.n};
}

struct blob read_bytes(struct reader *r, size_t n)
{
    if (r->failed || n > r->n - r->at) {
        r->failed = true;
        return BLOB(NULL, 0);
    }
    /* Nothing is added to a NULL base: an empty reader may have no bytes behind it. */
    struct blob got = BLOB(n ? r->p + r->at : NULL, n);
    r->at += n;
    return got;
}

static uint64_t read_be(struct reader *r, size_t bytes)
{
    struct blob b = read_bytes(r, bytes);
    const uint8_t *p = b.p;
    uint64_t v = 0;

    for (size_t i = 0; i < b.n; i++)
        v = v << 8 | p[i];
    return v;
}

uint8_t read_u8(struct reader *r)
{
    return (uint8_t)read_be(r, 1);
}

uint16_t read_u16(struct reader *r)
{
    return (uint16_t)read_be(r, 2);
}

uint32_t read_u32(struct reader *r)
{
    return (uint32_t)read_be(r, 4);
}

uint64_t read_u64(struct reader *r)
{
    return read_be(r, 8);
}

bool reader_done(const struct reader *r)
{
    return !r->failed && r->at == r->n;
}

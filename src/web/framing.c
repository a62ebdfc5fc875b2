/* Counts a body's bytes by its length or its chunks. Refuses chunk extensions, trailers, bare LF.
 */
#include "src/web/framing.h"

struct framing framing_of(const struct request *r)
{
    if (r->chunked)
        return (struct framing){.state = FRAMING_SIZE};
    return (struct framing){.state = r->content_length ? FRAMING_LENGTH : FRAMING_DONE,
                            .left = r->content_length};
}

static bool expect(struct framing *f, uint8_t got, char want, int next)
{
    f->state = (__typeof__(f->state))next;
    return got == (uint8_t)want;
}

/* One byte of a chunk's size, or the CR behind it: no extensions (RFC 9112, 7.1.1). */
static bool take_size(struct framing *f, uint8_t c)
{
    const int digit = request_hex_digit((char)c);

    if (c == '\r' && f->digits) {
        f->state = FRAMING_SIZE_LF;
        return true;
    }
    if (digit < 0 || ++f->digits > 6)
        return false;
    f->left = f->left * 16 + (size_t)digit;
    return true;
}

/* One byte between the data of two chunks; the last chunk has no trailers behind it. */
static bool take_between(struct framing *f, uint8_t c)
{
    switch (f->state) {
    case FRAMING_SIZE:
        return take_size(f, c);
    case FRAMING_SIZE_LF:
        f->digits = 0;
        f->total += f->left;
        return expect(f, c, '\n', f->left ? FRAMING_DATA : FRAMING_END_CR) &&
               f->total <= REQUEST_BODY_MAX;
    case FRAMING_DATA_CR:
        return expect(f, c, '\r', FRAMING_DATA_LF);
    case FRAMING_DATA_LF:
        return expect(f, c, '\n', FRAMING_SIZE);
    case FRAMING_END_CR:
        return expect(f, c, '\r', FRAMING_END_LF);
    case FRAMING_END_LF:
        return expect(f, c, '\n', FRAMING_DONE);
    default:
        return false;
    }
}

int framing_take(struct framing *f, const uint8_t *p, size_t n, size_t *taken)
{
    size_t at = 0;

    while (at < n && f->state != FRAMING_DONE) {
        if (f->state != FRAMING_LENGTH && f->state != FRAMING_DATA) {
            if (!take_between(f, p[at++]))
                return -1;
            continue;
        }
        const size_t some = f->left < n - at ? f->left : n - at;
        at += some;
        f->left -= some;
        if (!f->left)
            f->state = f->state == FRAMING_LENGTH ? FRAMING_DONE : FRAMING_DATA_CR;
    }
    *taken = at;
    return 0;
}

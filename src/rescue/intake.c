/* Part head, file, tail: each only after the one before. */
#include "src/rescue/intake.h"

#include <stdio.h>
#include <string.h>

#include "src/base/str.h"

#define FORM "multipart/form-data;"

static int bad(struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, "upload: %s", what);
}

static int boundary_of(const char *type, char out[BOUNDARY_BYTES + 1], struct err *e)
{
    const char *p = type + sizeof(FORM) - 1;

    while (*p == ' ')
        p++;
    if (!str_starts(p, "boundary="))
        return bad(e, "Content-Type: expected a boundary");
    p += sizeof("boundary=") - 1;
    size_t n = strlen(p);
    if (n >= 2 && p[0] == '"' && p[n - 1] == '"') {
        p++;
        n -= 2;
    }
    if (n == 0 || n > BOUNDARY_BYTES || memchr(p, '"', n) || memchr(p, ';', n))
        return bad(e, "Content-Type: expected a boundary of 1 to 70 characters");
    memcpy(out, p, n);
    out[n] = '\0';
    return 0;
}

static int begin_file(struct intake *in, uint64_t bytes, struct err *e)
{
    in->file_left = bytes;
    if (in->to->begin(in->ctx, bytes, e) < 0)
        return -1;
    in->begun = true;
    return 0;
}

int intake_begin(struct intake *in, const char *type, uint64_t length, const struct stream *to,
                 void *ctx, struct err *e)
{
    *in = (struct intake){.to = to, .ctx = ctx, .left = length};
    if (!str_starts(type, FORM)) {
        if (type[0] != '\0' && !str_eq(type, "application/octet-stream"))
            return bad(e, "Content-Type: expected application/octet-stream or a form");
        return begin_file(in, length, e);
    }
    if (length == 0)
        return bad(e, "the form is empty");
    if (boundary_of(type, in->boundary, e) < 0)
        return -1;
    in->tail_n = (size_t)snprintf(in->tail, sizeof(in->tail), "\r\n--%s--\r\n", in->boundary);
    return 0;
}

/* What comes before the file: the boundary and the fields of the part. Takes what it needs of n. */
static int feed_head(struct intake *in, const uint8_t *p, size_t n, size_t *used, struct err *e)
{
    const size_t before = in->head_n;
    const size_t room = sizeof(in->head) - before;
    const size_t line = strlen(in->boundary) + 4;

    memcpy(in->head + before, p, n < room ? n : room);
    in->head_n += n < room ? n : room;
    const uint8_t *end = memmem(in->head, in->head_n, "\r\n\r\n", 4);
    if (!end) {
        *used = n;
        return n < room ? 0 : bad(e, "the part has too many fields");
    }
    if (in->head_n < line || memcmp(in->head, "--", 2) != 0 ||
        memcmp(in->head + 2, in->boundary, line - 4) != 0 ||
        memcmp(in->head + line - 2, "\r\n", 2) != 0)
        return bad(e, "the form does not begin with its boundary");
    *used = (size_t)(end + 4 - in->head) - before;
    const uint64_t rest = in->left - *used;
    if (rest < in->tail_n)
        return bad(e, "the form ends early");
    return begin_file(in, rest - in->tail_n, e);
}

static int feed_file(struct intake *in, const uint8_t *p, size_t n, size_t *used, struct err *e)
{
    *used = n < in->file_left ? n : (size_t)in->file_left;
    if (in->to->part(in->ctx, BLOB(p, *used), e) < 0)
        return -1;
    in->file_left -= *used;
    return 0;
}

static int feed_tail(struct intake *in, const uint8_t *p, size_t n, size_t *used, struct err *e)
{
    if (n > in->tail_n - in->tail_seen || memcmp(in->tail + in->tail_seen, p, n) != 0)
        return bad(e, "the form holds more than one file");
    in->tail_seen += n;
    *used = n;
    return 0;
}

int intake_feed(struct intake *in, const uint8_t *p, size_t n, struct err *e)
{
    if (n > in->left)
        return bad(e, "more bytes than Content-Length says");
    while (n > 0) {
        size_t used = 0;
        int rc;
        if (!in->begun)
            rc = feed_head(in, p, n, &used, e);
        else if (in->file_left > 0)
            rc = feed_file(in, p, n, &used, e);
        else
            rc = feed_tail(in, p, n, &used, e);
        if (rc < 0)
            return -1;
        p += used;
        n -= used;
        in->left -= used;
    }
    return in->left == 0 && !in->begun ? bad(e, "the form ends early") : 0;
}

void intake_end(struct intake *in)
{
    if (in->begun)
        in->to->end(in->ctx);
    in->begun = false;
}

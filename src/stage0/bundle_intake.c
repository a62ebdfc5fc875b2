/* Collects a piece, gives it to the updater, collects the next. */
#include "src/stage0/bundle_intake.h"

int bundle_intake_begin(struct bundle_intake *b, uint64_t bytes, struct err *e)
{
    if (bytes == 0)
        return err_set(e, ERR_INPUT, "no bundle was chosen");
    b->piece = BUF(PIECE_BYTES);
    b->at = 0;
    b->next = 0;
    return 0;
}

static int take(struct bundle_intake *b, struct err *e)
{
    const struct blob p = buf_blob(&b->piece);
    int rc = 0;

    if (b->at == 0)
        rc = update_begin(&b->u, p.p, p.n, &b->next, e);
    else if (b->at >= b->next)
        rc = update_piece(&b->u, b->at, p.p, p.n, &b->next, e);
    if (rc < 0) {
        if (e && e->code == ERR_CRYPTO)
            e->code = ERR_INPUT; /* the bundle is at fault, not the appliance */
        return -1;
    }
    b->at++;
    buf_clear(&b->piece);
    return 0;
}

int bundle_intake_add(struct bundle_intake *b, struct blob bytes, struct err *e)
{
    const uint8_t *p = bytes.p;
    size_t n = bytes.n;

    while (n > 0) {
        const size_t room = PIECE_BYTES - b->piece.n;
        const size_t part = n < room ? n : room;
        buf_add(&b->piece, p, part);
        p += part;
        n -= part;
        if (b->piece.n == PIECE_BYTES && take(b, e) < 0)
            return -1;
    }
    return 0;
}

int bundle_intake_commit(struct bundle_intake *b, enum slot_id *slot, struct err *e)
{
    if (b->piece.n > 0 && take(b, e) < 0)
        return -1;
    return update_commit(&b->u, slot, e);
}

void bundle_intake_end(struct bundle_intake *b)
{
    buf_free(&b->piece);
}

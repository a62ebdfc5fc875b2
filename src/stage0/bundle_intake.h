/*
 * A bundle that arrives as one stream, cut into the pieces of the updater. The bundle of an upload
 * that was cut goes on where the journal says when the same one is sent again.
 */
#pragma once
#include "src/base/buf.h"
#include "src/update/install.h"

struct bundle_intake {
    struct updater u;
    struct buf piece; /* what of the next piece has come */
    uint32_t at;      /* its number; the head is 0 */
    uint32_t next;    /* the first piece that is not on the disk yet */
};

int bundle_intake_begin(struct bundle_intake *b, uint64_t bytes, struct err *e);
int bundle_intake_add(struct bundle_intake *b, struct blob bytes, struct err *e);
/* All has come: makes the slot the one that starts next. */
int bundle_intake_commit(struct bundle_intake *b, enum slot_id *slot, struct err *e);
void bundle_intake_end(struct bundle_intake *b);

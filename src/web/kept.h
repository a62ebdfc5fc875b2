/*
 * Answers of core that are still true. core marks an answer that depends on nothing but the store,
 * the appliance's state, who asks, and the day's clock with the count of changes that it was made
 * at (src/core/changes.h); while the count is the same, and for a second at most, the same question
 * of the same caller gets the same bytes. The caller is kept as a hash only.
 */
#pragma once
#include "src/ipc/msg.h"
#include "src/web/request.h"

#define KEPT_COUNT 64
#define KEPT_BYTES_MAX (64 * 1024) /* of one answer */
#define KEPT_MS 1000               /* sessions end by the clock, and lists count days by it */

struct kept_answer {
    uint8_t question[32];
    struct buf body;
    char type[64], etag[64];
    uint64_t changes; /* 0: empty */
    int64_t until_ms, used;
};

struct kept {
    const _Atomic uint64_t *changes; /* NULL: core has not given its page */
    struct kept_answer v[KEPT_COUNT];
    int64_t clock; /* grows with each use */
};

/* The page of a new core; what the former one said is forgotten. Takes the descriptor. */
int kept_attach(struct kept *k, int take_page, struct err *e);
/* Forgets everything, as core is gone. */
void kept_drop(struct kept *k);
/* NULL when core must be asked. A loan until the next call. */
const struct kept_answer *kept_find(struct kept *k, const struct request *r);
/* Keeps an answer if core says that it may be kept and it is small enough. */
void kept_add(struct kept *k, const struct request *r, const struct msg_API_REPLY *m);

/* Trails as JSON lists. */
#pragma once
#include "src/core/api/api.h"

#define TRAIL_PAGE 1000
/* Entries from `from` on, each with its seq; "next" is where to go on, or null. */
json_t *trail_json(struct txn *t, enum trail trail, const char *owner, uint64_t from,
                   struct err *e);
/* Answers with the latest entries of a certificate's timeline, newest first; with an order: of the
 * jobs that worked on that order. */
int timeline_answer(struct api *a, const char *cert, const struct order *only, struct err *e);

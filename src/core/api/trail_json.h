/* Trails as JSON lists. */
#pragma once
#include "src/core/api/api.h"

#define TRAIL_PAGE 1000
/* Entries from `from` on, each with its seq; "next" is where to go on, or null. */
json_t *trail_json(struct txn *t, enum trail trail, const char *owner, uint64_t from,
                   struct err *e);
int trail_answer(struct api *a, enum trail trail, const char *owner, uint64_t from, struct err *e);

/* Token buckets (limit.h). */
#include "src/ca/limit.h"

#include <stdio.h>

#include "src/base/str.h"
#include "src/base/time.h"

static struct limit *find(struct limits *l, const char *id)
{
    struct limit *oldest = NULL;

    for (size_t i = 0; i < l->n; i++) {
        if (str_eq(l->v[i].id, id))
            return &l->v[i];
        if (!oldest || l->v[i].at_ms < oldest->at_ms)
            oldest = &l->v[i];
    }
    if (l->n < LIMITS_MAX)
        oldest = &l->v[l->n++];
    *oldest = (struct limit){.at_ms = INT64_MIN};
    snprintf(oldest->id, sizeof(oldest->id), "%s", id);
    return oldest;
}

uint64_t limits_take(struct limits *l, const char *id, unsigned per_s, unsigned burst)
{
    const int64_t now = monotonic_ms(), full = (int64_t)burst * 1000;
    struct limit *x = find(l, id);

    if (per_s == 0)
        return 0;
    if (x->at_ms == INT64_MIN || (now - x->at_ms) > full / per_s + 1000)
        x->milli = full; /* new, or long enough ago: full */
    else
        x->milli += (now - x->at_ms) * per_s;
    if (x->milli > full)
        x->milli = full;
    x->at_ms = now;
    x->milli -= 1000;
    return x->milli >= 0 ? 0 : (uint64_t)(-x->milli / per_s + 1);
}

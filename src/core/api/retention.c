/* The setting of how long ended work is kept. */
#include "src/core/retention.h"

#include <stdlib.h>

#include "src/base/own.h"
#include "src/core/api/api.h"

static int answer(struct api *a, const struct retention *r, int64_t rev, struct err *e)
{
    free(a->etag);
    a->etag = xasprintf("\"%lld\"", (long long)rev);
    return api_json(a, 200, fields_to_api(&retention_fields, r), e);
}

int on_retention_get(struct api *a, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    struct retention r;
    int64_t rev;
    if (txn_begin(a->core->db, false, &t, e) < 0 || retention_get(t, &r, &rev, e) < 0)
        return -1;
    return answer(a, &r, rev, e);
}

int on_retention_update(struct api *a, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    struct retention r;
    int64_t rev;
    json_t *b;
    if (api_body(a, &b, e) < 0 || txn_begin(a->core->db, true, &t, e) < 0 ||
        retention_get(t, &r, &rev, e) < 0 || api_check_match(a, rev, e) < 0 ||
        fields_from_json(&retention_fields, b, true, &r, e) < 0 || retention_put(t, &r, e) < 0 ||
        retention_get(t, &r, &rev, e) < 0)
        return -1;
    OWN(own_mem)
    char *detail =
        xasprintf("jobs %lld days, ended sessions %lld days, kept answers %lld hours",
                  (long long)r.jobs_days, (long long)r.sessions_days, (long long)r.answers_hours);
    if (api_audit(a, t, "setting/retention", NULL, "Retention", detail, e) < 0 ||
        txn_commit(&t, e) < 0)
        return -1;
    retention_wake();
    return answer(a, &r, rev, e);
}

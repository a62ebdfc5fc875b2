/* Trails as JSON: journals and logs a page at a time, timelines newest first. */
#include "src/core/api/trail_json.h"

#include "src/base/own.h"
#include "src/base/str.h"

struct page {
    json_t *items;
    uint64_t next;
};

static int entry(uint64_t seq, struct blob text, void *arg, struct err *e)
{
    struct page *p = arg;
    if (json_array_size(p->items) == TRAIL_PAGE) {
        p->next = seq;
        return 1;
    }
    json_t *o = json_parse(text, 65536, "trail entry", e);
    if (o == NULL)
        return -1;
    json_put_int(o, "seq", (int64_t)seq);
    json_array_append_new(p->items, o);
    return 0;
}

json_t *trail_json(struct txn *t, enum trail trail, const char *owner, uint64_t from, struct err *e)
{
    struct page p = {.items = json_array()};
    if (trail_each(t, trail, owner, from, entry, &p, e) < 0) {
        json_decref(p.items);
        return NULL;
    }
    json_t *o = json_object();
    json_put_take(o, "items", p.items);
    if (p.next)
        json_put_int(o, "next", (int64_t)p.next);
    else
        json_put_take(o, "next", json_null());
    return o;
}

#define TIMELINE_SHOWN 500

struct timeline {
    struct txn *t;
    const struct order *only;
    json_t *items; /* oldest first, the latest TIMELINE_SHOWN */
};

static bool of_order(struct timeline *l, const json_t *entry)
{
    OWN(own_job)
    struct job j = {0};
    struct err none = {0};
    const char *job = json_str(entry, "job");
    if (str_eq(job, l->only->job))
        return true;
    return job[0] && row_get(l->t, TABLE_JOB, job, &j, &none) == 0 && str_eq(j.order, l->only->id);
}

static int happened(uint64_t seq, struct blob text, void *arg, struct err *e)
{
    struct timeline *l = arg;
    OWN(own_json)
    json_t *o = json_parse(text, 65536, "timeline", e);
    (void)seq;
    if (o == NULL)
        return -1;
    if (l->only && !of_order(l, o))
        return 0;
    if (json_array_size(l->items) == TIMELINE_SHOWN)
        json_array_remove(l->items, 0);
    json_array_append(l->items, o);
    return 0;
}

int timeline_answer(struct api *a, const char *cert, const struct order *only, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_json)
    json_t *found = json_array();
    if (txn_begin(a->core->db, false, &t, e) < 0)
        return -1;
    struct timeline l = {.t = t, .only = only, .items = found};
    if (cert[0] && trail_each(t, TRAIL_TIMELINE, cert, 1, happened, &l, e) < 0)
        return -1;
    json_t *o = json_object(), *items = json_array();
    for (size_t i = json_array_size(found); i > 0; i--)
        json_array_append(items, json_array_get(found, i - 1));
    json_put_take(o, "items", items);
    return api_json(a, 200, o, e);
}

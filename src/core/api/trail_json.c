/* Trails as JSON lists, a page at a time. */
#include "src/core/api/trail_json.h"

#include "src/base/own.h"

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

int trail_answer(struct api *a, enum trail trail, const char *owner, uint64_t from, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, false, &t, e) < 0)
        return -1;
    json_t *o = trail_json(t, trail, owner, from, e);
    return o ? api_json(a, 200, o, e) : -1;
}

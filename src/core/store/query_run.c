/* One page of a list: items, the cursor to go on, and totals that cost nothing. */
#include <string.h>

#include "src/core/store/query_inside.h"

static int add_item(const struct query *q, const struct hit *hit, void *arg, struct err *e)
{
    json_t *o = json_object();
    struct blob value;

    json_array_append_new(arg, o); /* owned by the list from here on */
    json_put_str(o, "id", hit->id);
    if (pack_get(hit->l, hit->packed, &hit->l->v[hit->l->rev], &value, e) < 0)
        return -1;
    json_put_int(o, "rev", packed_int(value));
    for (size_t i = 0; i < q->n_columns; i++) {
        if (hit_value(q, hit, q->columns[i], &value, e) < 0)
            return -1;
        json_put_take(o, q->columns[i]->name, query_value(q, q->columns[i], value));
    }
    return 0;
}

/* The number of matches when a counter or the walk knows it, else -1. */
static int total(struct txn *t, const struct query *q, int64_t matches, int64_t *out, struct err *e)
{
    const struct filter *f = &q->filters[0];
    uint64_t n;

    *out = matches;
    if (matches >= 0 || q->search || q->n > 1)
        return 0;
    if (q->n == 1 && (!index_counted(f->f) || f->op != OP_EQUALS))
        return 0;
    if (row_count(t, q->table, q->n ? f->f->name : NULL, q->n ? f->values.v[0] : NULL, &n, e) < 0)
        return -1;
    *out = (int64_t)n;
    return 0;
}

static json_t *cursor_json(const struct index_key *k)
{
    if (k->n == 0)
        return json_null();
    OWN(own_mem)
    char *text = base64url_str(BLOB(k->b, k->n));
    return json_string(text);
}

int query_run(struct txn *t, const struct query *q, json_t **out, struct err *e)
{
    OWN(own_json)
    json_t *page = json_object();
    json_t *items = json_array(), *columns = json_array();
    struct walk_result result;
    int64_t n;

    json_put_take(page, "items", items);
    json_put_take(page, "columns", columns);
    for (size_t i = 0; i < q->n_columns; i++)
        json_array_append_new(columns, json_string(q->columns[i]->name));
    if (query_walk(t, q, q->limit, QUERY_EXAMINE, add_item, items, &result, e) < 0 ||
        total(t, q, result.matches, &n, e) < 0)
        return -1;
    json_put_take(page, "next", cursor_json(&result.next));
    json_put_take(page, "total", n < 0 ? json_null() : json_integer(n));
    json_put_int(page, "examined", (int64_t)result.examined);
    *out = TAKE(page);
    return 0;
}

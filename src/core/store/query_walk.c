/*
 * The walk behind every list: along the index of the sort column, narrowed by a filter on the same
 * column; or, when a filter leaves few records by its own index, over those, sorted in memory. Both
 * give the same order and understand each other's cursors, which are keys of the sort column.
 */
#include <stdlib.h>
#include <string.h>

#include "src/core/store/query_inside.h"

struct run {
    struct txn *t;
    const struct query *q;
    const struct layout *l;
    const struct column *sort;
    MDB_cursor *cursor;
    struct index_key lo, hi; /* both inclusive; ids behind them do not count */
    uint64_t items, examine;
    hit_fn fn;
    void *arg;
    struct walk_result out;
};

static int key_cmp(const void *a, size_t a_n, const void *b, size_t b_n)
{
    int c = memcmp(a, b, a_n < b_n ? a_n : b_n);

    return c ? c : a_n < b_n ? -1 : a_n > b_n;
}

/* Compares a key's first bytes with a bound. */
static int bound_cmp(const MDB_val *key, const struct index_key *bound)
{
    size_t n = key->mv_size < bound->n ? key->mv_size : bound->n;

    return memcmp(key->mv_data, bound->b, n);
}

int hit_value(const struct query *q, const struct hit *hit, const struct field *f, struct blob *out,
              struct err *e)
{
    f = query_base(q->f, f);
    return pack_get(hit->l, hit->packed, &hit->l->v[f - hit->l->f->v], out, e);
}

struct matching {
    const struct query *q;
    const struct hit *hit;
};

static int match_value(const struct field *f, void *arg, struct blob *out, struct err *e)
{
    struct matching *m = arg;

    return hit_value(m->q, m->hit, f, out, e);
}

/* The record of an index key, and whether the query wants it: 1, 0, -1. */
static int key_hit(struct run *r, const MDB_val *key, struct hit *hit, struct err *e)
{
    struct matching m = {r->q, hit};

    if (key->mv_size < ID_CHARS)
        return err_set(e, ERR_STORE, "%s: a key is damaged", r->l->f->name);
    *hit = (struct hit){.l = r->l};
    memcpy(hit->id, (const uint8_t *)key->mv_data + key->mv_size - ID_CHARS, ID_CHARS);
    if (row_packed(r->t, r->l, hit->id, &hit->packed, e) < 0)
        return err_wrap(e, "index");
    r->out.examined++;
    return query_match(r->q, match_value, &m, e);
}

static void key_add_int(struct index_key *k, const struct field *f, int64_t v)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
    key_add_value(k, f, BLOB(bytes, v ? sizeof(bytes) : 0));
}

static struct blob filter_value(const struct filter *f)
{
    if (f->f->kind == FIELD_BOOL)
        return BLOB("\1", str_eq(f->values.v[0], "true"));
    return blob_str(f->values.v[0]);
}

/* Narrows the bounds, which are the whole index of `c`, by one filter on that column. */
static void narrow(struct index_key *lo, struct index_key *hi, const struct layout *l,
                   const struct column *c, const struct filter *f)
{
    struct index_key from = key_column(l, c), to = from;

    if (f->f != c->f)
        return;
    if (f->range) {
        key_add_int(&from, c->f, f->lo);
        key_add_int(&to, c->f, f->hi);
    } else if (f->op == OP_EQUALS) {
        key_add_value(&from, c->f, filter_value(f));
        to = from;
    }
    if (key_cmp(from.b, from.n, lo->b, lo->n) > 0)
        *lo = from;
    if (hi->n == 3 || key_cmp(to.b, to.n, hi->b, hi->n) < 0)
        *hi = to.n > 3 ? to : *hi;
}

static int cursor_step(struct run *r, MDB_val *key, MDB_cursor_op op, struct err *e)
{
    MDB_val none;
    int rc = mdb_cursor_get(r->cursor, key, &none, op);

    if (rc && rc != MDB_NOTFOUND)
        return store_err(e, rc, r->l->f->name);
    return rc ? 1 : 0;
}

/* The first key of the walk: 0, 1 when there is none. */
static int walk_start(struct run *r, MDB_val *key, struct err *e)
{
    const struct buf *after = &r->q->cursor;
    struct index_key at = r->q->down ? r->hi : r->lo;
    int got;

    if (r->q->down) {
        memset(at.b + at.n, 0xff, sizeof(at.b) - at.n); /* above every id */
        at.n = sizeof(at.b);
    }
    if (r->q->has_cursor) {
        int c = key_cmp(after->p, after->n, at.b, at.n);
        if (r->q->down ? c < 0 : c >= 0) {
            memcpy(at.b, after->p, after->n);
            at.n = after->n;
            if (!r->q->down)
                at.b[at.n++] = 0; /* behind the cursor */
        }
    }
    *key = (MDB_val){at.n, at.b};
    got = cursor_step(r, key, MDB_SET_RANGE, e);
    if (got < 0 || !r->q->down)
        return got;
    return cursor_step(r, key, got ? MDB_LAST : MDB_PREV, e);
}

static bool in_bounds(const struct run *r, const MDB_val *key)
{
    return key->mv_size > 3 && bound_cmp(key, &r->lo) >= 0 && bound_cmp(key, &r->hi) <= 0;
}

static int walk_index(struct run *r, struct err *e)
{
    MDB_val key;
    uint64_t given = 0;
    MDB_cursor_op next = r->q->down ? MDB_PREV : MDB_NEXT;
    struct index_key last = {0};
    int end = walk_start(r, &key, e);

    for (; end == 0 && in_bounds(r, &key); end = cursor_step(r, &key, next, e)) {
        struct hit hit;
        if (given == r->items || r->out.examined == r->examine) {
            r->out.next = last; /* one more is there */
            return 0;
        }
        int got = key_hit(r, &key, &hit, e);
        if (got < 0)
            return -1;
        last.n = key.mv_size;
        memcpy(last.b, key.mv_data, key.mv_size);
        if (!got)
            continue;
        given++;
        got = r->fn(r->q, &hit, r->arg, e);
        if (got)
            return got < 0 ? -1 : 0;
    }
    return end < 0 ? -1 : 0;
}

struct sorted {
    struct index_key key;
    struct hit hit;
};

static int sorted_cmp(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;

    return key_cmp(x->key.b, x->key.n, y->key.b, y->key.n);
}

static int give_sorted(struct run *r, const struct sorted *v, size_t n, struct err *e)
{
    const struct buf *after = &r->q->cursor;
    const struct sorted *last = NULL;
    uint64_t given = 0;

    for (size_t i = 0; i < n; i++) {
        const struct sorted *s = &v[r->q->down ? n - 1 - i : i];
        int c = r->q->has_cursor ? key_cmp(s->key.b, s->key.n, after->p, after->n) : 0;
        if (r->q->has_cursor && (r->q->down ? c >= 0 : c <= 0))
            continue;
        if (last && given == r->items) {
            r->out.next = last->key;
            return 0;
        }
        last = s;
        given++;
        int got = r->fn(r->q, &s->hit, r->arg, e);
        if (got)
            return got < 0 ? -1 : 0;
    }
    return 0;
}

/* All matches under the key of one value of another column, sorted here. */
static int walk_sorted(struct run *r, const struct index_key *under, struct err *e)
{
    OWN(own_mem)
    struct sorted *v = xcalloc(QUERY_SORT_MAX, sizeof(*v));
    MDB_val key = {under->n, (void *)under->b};
    size_t n = 0;
    int end = cursor_step(r, &key, MDB_SET_RANGE, e);

    for (; end == 0 && key_under(under, &key) && n < QUERY_SORT_MAX;
         end = cursor_step(r, &key, MDB_NEXT, e)) {
        struct blob value;
        int got = key_hit(r, &key, &v[n].hit, e);
        if (got < 0)
            return -1;
        if (!got)
            continue;
        v[n].key = key_column(r->l, r->sort);
        if (pack_get(r->l, v[n].hit.packed, r->sort, &value, e) < 0)
            return -1;
        key_add_value(&v[n].key, r->sort->f, value);
        key_add_id(&v[n].key, v[n].hit.id);
        n++;
    }
    if (end < 0)
        return -1;
    r->out.matches = (int64_t)n;
    qsort(v, n, sizeof(*v), sorted_cmp);
    return give_sorted(r, v, n, e);
}

/* Does an equality filter leave few records by its own index? 1: `under` is their key. */
static int few_matches(struct run *r, struct index_key *under, struct err *e)
{
    for (size_t i = 0; i < r->q->n; i++) {
        const struct filter *f = &r->q->filters[i];
        const struct column *c = &r->l->v[f->f - r->l->f->v];
        uint64_t n;
        if (f->f == r->sort->f || !index_has(f->f) || f->op != OP_EQUALS || f->range)
            continue;
        if (filter_value(f).n >= INDEX_TEXT_BYTES) /* shares its key with others */
            continue;
        if (index_count(r->t, r->l, c, filter_value(f), QUERY_SORT_MAX + 1, &n, e) < 0)
            return -1;
        if (n <= QUERY_SORT_MAX) {
            *under = key_column(r->l, c);
            key_add_value(under, c->f, filter_value(f));
            return 1;
        }
    }
    return 0;
}

static int check_cursor(const struct run *r, struct err *e)
{
    const struct buf *c = &r->q->cursor;
    struct index_key prefix = key_column(r->l, r->sort);
    char id[ID_CHARS + 1] = {0};

    if (!r->q->has_cursor)
        return 0;
    if (c->n > prefix.n + ID_CHARS)
        memcpy(id, c->p + c->n - ID_CHARS, ID_CHARS);
    if (!id_valid(id) || memcmp(c->p, prefix.b, prefix.n) != 0)
        return err_set(e, ERR_INPUT,
                       "cursor: does not belong to this list and order; leave it out "
                       "to begin again");
    return 0;
}

int query_walk(struct txn *t, const struct query *q, uint64_t items, uint64_t examine, hit_fn fn,
               void *arg, struct walk_result *out, struct err *e)
{
    struct run r = {.t = t, .q = q, .items = items, .examine = examine, .fn = fn, .arg = arg};
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    struct index_key under;

    r.l = txn_layout(t, q->table, e);
    if (!r.l)
        return -1;
    if (!q->sort || r.l->f != q->f)
        return err_set(e, ERR_BUG, "query: %s cannot be listed", r.l->f->name);
    r.sort = &r.l->v[q->sort - q->f->v];
    r.out.matches = -1;
    if (check_cursor(&r, e) < 0)
        return -1;
    int rc = mdb_cursor_open(t->mdb, t->db->index, &cursor);
    if (rc)
        return store_err(e, rc, r.l->f->name);
    r.cursor = cursor;
    int few = few_matches(&r, &under, e);
    if (few < 0)
        return -1;
    r.lo = r.hi = key_column(r.l, r.sort);
    for (size_t i = 0; i < q->n; i++)
        narrow(&r.lo, &r.hi, r.l, r.sort, &q->filters[i]);
    if ((few ? walk_sorted(&r, &under, e) : walk_index(&r, e)) < 0)
        return -1;
    *out = r.out;
    return 0;
}

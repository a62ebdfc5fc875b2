/*
 * Trails: append-only entries numbered from 1 under an owner. Owns the numbering. Refuses to drop
 * the audit trail.
 */
#include <string.h>

#include "src/core/store/inside.h"

#define TRAIL_PREFIX_MAX (1 + TRAIL_OWNER_MAX + 1)

struct trail_key {
    size_t n; /* of the prefix: trail, owner, NUL */
    uint8_t b[TRAIL_PREFIX_MAX + 8];
};

static int trail_key(enum trail trail, const char *owner, struct trail_key *k, struct err *e)
{
    size_t n = strlen(owner);

    if (n > TRAIL_OWNER_MAX)
        return err_set(e, ERR_BUG, "trail: an owner of %zu bytes", n);
    k->b[0] = (uint8_t)trail;
    memcpy(k->b + 1, owner, n + 1);
    k->n = n + 2;
    return 0;
}

static void key_seq(struct trail_key *k, uint64_t seq)
{
    for (int i = 0; i < 8; i++)
        k->b[k->n + (size_t)i] = (uint8_t)(seq >> (56 - 8 * i));
}

/* Sequence number of a key under the prefix; 0 if it is not under it. */
static uint64_t seq_of(const struct trail_key *k, const MDB_val *key)
{
    uint64_t seq = 0;
    const uint8_t *p = key->mv_data;

    if (key->mv_size != k->n + 8 || memcmp(p, k->b, k->n) != 0)
        return 0;
    for (size_t i = 0; i < 8; i++)
        seq = seq << 8 | p[k->n + i];
    return seq;
}

static int trail_cursor(struct txn *t, MDB_cursor **out, struct err *e)
{
    int rc = mdb_cursor_open(t->mdb, t->db->trails, out);

    return rc ? store_err(e, rc, "trail") : 0;
}

int trail_last(struct txn *t, enum trail trail, const char *owner, uint64_t *seq,
               struct blob *entry, struct err *e)
{
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    struct trail_key k = {0};

    if (trail_key(trail, owner, &k, e) < 0 || trail_cursor(t, &cursor, e) < 0)
        return -1;
    key_seq(&k, UINT64_MAX);
    MDB_val key = {k.n + 8, k.b}, value;
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_PREV);
    else if (rc == MDB_NOTFOUND)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (rc && rc != MDB_NOTFOUND)
        return store_err(e, rc, "trail");
    *seq = rc == 0 ? seq_of(&k, &key) : 0;
    if (*seq)
        *entry = BLOB(value.mv_data, value.mv_size);
    return 0;
}

int trail_get(struct txn *t, enum trail trail, const char *owner, uint64_t seq, struct blob *entry,
              struct err *e)
{
    struct trail_key k = {0};

    if (trail_key(trail, owner, &k, e) < 0)
        return -1;
    key_seq(&k, seq);
    MDB_val key = {k.n + 8, k.b}, value;
    int rc = mdb_get(t->mdb, t->db->trails, &key, &value);
    if (rc)
        return store_err(e, rc, "trail entry");
    *entry = BLOB(value.mv_data, value.mv_size);
    return 0;
}

int trail_add(struct txn *t, enum trail trail, const char *owner, struct blob entry, uint64_t *seq,
              struct err *e)
{
    struct trail_key k = {0};
    struct blob before;
    uint64_t last;

    if (txn_writable(t, e) < 0 || trail_key(trail, owner, &k, e) < 0)
        return -1;
    if (entry.n > TRAIL_ENTRY_MAX)
        return err_set(e, ERR_LIMIT, "trail: an entry of %zu bytes, at most %d", entry.n,
                       TRAIL_ENTRY_MAX);
    if (trail_last(t, trail, owner, &last, &before, e) < 0)
        return -1;
    key_seq(&k, last + 1);
    MDB_val key = {k.n + 8, k.b}, value = {entry.n, (void *)entry.p};
    int rc = mdb_put(t->mdb, t->db->trails, &key, &value, MDB_NOOVERWRITE);
    if (rc) {
        t->broken = true;
        return store_err(e, rc, "trail");
    }
    if (seq)
        *seq = last + 1;
    return 0;
}

/* Each step seeks again: fn may add entries, and sees them. */
int trail_each(struct txn *t, enum trail trail, const char *owner, uint64_t from_seq, trail_fn fn,
               void *arg, struct err *e)
{
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    struct trail_key k = {0};

    if (trail_key(trail, owner, &k, e) < 0 || trail_cursor(t, &cursor, e) < 0)
        return -1;
    for (uint64_t seq = from_seq;; seq++) {
        key_seq(&k, seq);
        MDB_val key = {k.n + 8, k.b}, value;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        if (rc && rc != MDB_NOTFOUND)
            return store_err(e, rc, "trail");
        seq = rc == 0 ? seq_of(&k, &key) : 0;
        if (seq == 0)
            return 0;
        int got = fn(seq, BLOB(value.mv_data, value.mv_size), arg, e);
        if (got)
            return got < 0 ? -1 : 0;
    }
}

int trail_drop(struct txn *t, enum trail trail, const char *owner, struct err *e)
{
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    struct trail_key k = {0};

    if (trail == TRAIL_AUDIT)
        return err_set(e, ERR_BUG, "trail: audit records are never dropped");
    if (txn_writable(t, e) < 0 || trail_key(trail, owner, &k, e) < 0 ||
        trail_cursor(t, &cursor, e) < 0)
        return -1;
    for (;;) {
        MDB_val key = {k.n, k.b}, value;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        if (rc == MDB_NOTFOUND || (rc == 0 && !seq_of(&k, &key)))
            return 0;
        if (rc == 0)
            rc = mdb_cursor_del(cursor, 0);
        if (rc) {
            t->broken = true;
            return store_err(e, rc, "trail");
        }
    }
}

/*
 * Indexes and counters. An index key is table, field number, value, id, encoded so that the order
 * of bytes is the order of values; its value is empty. Values of choices and switches are counted,
 * and so is each table. Owns that all of them change with their record.
 */
#include <string.h>

#include "src/core/store/inside.h"

bool index_has(const struct field *f)
{
    return f->flags & (FIELD_INDEXED | FIELD_UNIQUE);
}

bool index_counted(const struct field *f)
{
    return index_has(f) && (f->kind == FIELD_ENUM || f->kind == FIELD_BOOL);
}

char text_fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

bool text_fold_eq(struct blob a, struct blob b)
{
    const char *x = a.p, *y = b.p;

    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (text_fold(x[i]) != text_fold(y[i]))
            return false;
    return true;
}

static void key_add(struct index_key *k, const void *p, size_t n)
{
    memcpy(k->b + k->n, p, n);
    k->n += n;
}

static struct index_key key_number(const struct layout *l, uint16_t number)
{
    return (struct index_key){3, {(uint8_t)l->table, (uint8_t)(number >> 8), (uint8_t)number}};
}

struct index_key key_column(const struct layout *l, const struct column *c)
{
    return key_number(l, c->number);
}

struct index_key key_table(const struct layout *l)
{
    return key_number(l, 0);
}

static void key_add_text(struct index_key *k, struct blob text)
{
    const char *s = text.p;
    size_t n = text.n;

    if (n > INDEX_TEXT_BYTES) {
        n = INDEX_TEXT_BYTES;
        while (n > 0 && ((uint8_t)s[n] & 0xc0) == 0x80) /* not within a character */
            n--;
    }
    for (size_t i = 0; i < n; i++)
        k->b[k->n++] = (uint8_t)text_fold(s[i]);
    k->b[k->n++] = 0; /* sorts a word before its continuations */
}

void key_add_value(struct index_key *k, const struct field *f, struct blob packed)
{
    uint64_t v;

    switch (form_of(f->kind)) {
    case FORM_INT:
        v = (uint64_t)packed_int(packed) ^ (UINT64_C(1) << 63); /* negative before positive */
        for (int shift = 56; shift >= 0; shift -= 8)
            k->b[k->n++] = (uint8_t)(v >> shift);
        break;
    case FORM_BOOL:
        k->b[k->n++] = packed.n > 0;
        break;
    default:
        key_add_text(k, packed);
    }
}

void key_add_id(struct index_key *k, const char *id)
{
    key_add(k, id, ID_CHARS);
}

bool key_under(const struct index_key *prefix, const MDB_val *key)
{
    return key->mv_size >= prefix->n && memcmp(key->mv_data, prefix->b, prefix->n) == 0;
}

int count_get(struct txn *t, const struct index_key *k, uint64_t *out, struct err *e)
{
    MDB_val key = {k->n, (void *)k->b}, value;
    int rc = mdb_get(t->mdb, t->db->counts, &key, &value);

    if (rc && rc != MDB_NOTFOUND)
        return store_err(e, rc, "count");
    uint64_t n = 0;
    if (rc == 0) {
        struct reader r = reader_of(BLOB(value.mv_data, value.mv_size));
        n = read_u64(&r);
        if (!reader_done(&r))
            return err_set(e, ERR_STORE, "a counter is damaged");
    }
    *out = n;
    return 0;
}

int count_add(struct txn *t, const struct index_key *k, int64_t change, struct err *e)
{
    uint64_t n = 0;

    if (count_get(t, k, &n, e) < 0)
        return -1;
    if (change < 0 && n < (uint64_t)-change)
        return err_set(e, ERR_STORE, "a counter is damaged");
    n += (uint64_t)change;
    MDB_val key = {k->n, (void *)k->b};
    if (n == 0) {
        int rc = mdb_del(t->mdb, t->db->counts, &key, NULL);
        return rc && rc != MDB_NOTFOUND ? store_err(e, rc, "count") : 0;
    }
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(n >> (56 - 8 * i));
    MDB_val value = {sizeof(bytes), bytes};
    int rc = mdb_put(t->mdb, t->db->counts, &key, &value, 0);
    return rc ? store_err(e, rc, "count") : 0;
}

int index_put(struct txn *t, const struct layout *l, const struct column *c, const char *id,
              struct blob value, struct err *e)
{
    struct index_key k = key_column(l, c);

    key_add_value(&k, c->f, value);
    if (index_counted(c->f) && count_add(t, &k, 1, e) < 0)
        return -1;
    key_add_id(&k, id);
    MDB_val key = {k.n, k.b}, none = {0};
    int rc = mdb_put(t->mdb, t->db->index, &key, &none, 0);
    return rc ? store_err(e, rc, c->f->name) : 0;
}

static int index_del(struct txn *t, const struct layout *l, const struct column *c, const char *id,
                     struct blob value, struct err *e)
{
    struct index_key k = key_column(l, c);

    key_add_value(&k, c->f, value);
    if (index_counted(c->f) && count_add(t, &k, -1, e) < 0)
        return -1;
    key_add_id(&k, id);
    MDB_val key = {k.n, k.b};
    int rc = mdb_del(t->mdb, t->db->index, &key, NULL);
    if (rc == MDB_NOTFOUND)
        return err_set(e, ERR_STORE, "%s.%s: its index is damaged", l->f->name, c->f->name);
    return rc ? store_err(e, rc, c->f->name) : 0;
}

static bool same_key(const struct column *c, struct blob a, struct blob b)
{
    struct index_key x = {0}, y = {0};

    key_add_value(&x, c->f, a);
    key_add_value(&y, c->f, b);
    return x.n == y.n && memcmp(x.b, y.b, x.n) == 0;
}

int index_update(struct txn *t, const struct layout *l, const char *id, const struct blob *before,
                 const struct blob *after, struct err *e)
{
    for (size_t i = 0; i < l->f->n; i++) {
        const struct column *c = &l->v[i];
        struct blob was = {0}, is = {0};
        if (!index_has(c->f))
            continue;
        if ((before && pack_get(l, *before, c, &was, e) < 0) ||
            (after && pack_get(l, *after, c, &is, e) < 0))
            return -1;
        if (before && after && same_key(c, was, is))
            continue;
        if (before && index_del(t, l, c, id, was, e) < 0)
            return -1;
        if (after && index_put(t, l, c, id, is, e) < 0)
            return -1;
    }
    if (!before == !after)
        return 0;
    struct index_key all = key_table(l);
    return count_add(t, &all, after ? 1 : -1, e);
}

/* Long texts share a key when they begin alike: the record decides. 1 equal, 0 not, -1 error. */
static int really_equal(struct txn *t, const struct layout *l, const struct column *c,
                        const char *id, struct blob value, struct err *e)
{
    struct blob packed, is;

    if (form_of(c->f->kind) != FORM_TEXT || value.n < INDEX_TEXT_BYTES - 3)
        return 1;
    if (row_packed(t, l, id, &packed, e) < 0 || pack_get(l, packed, c, &is, e) < 0)
        return -1;
    return text_fold_eq(is, value);
}

int index_find(struct txn *t, const struct layout *l, const struct column *c, struct blob value,
               const char *except, char id[ID_CHARS + 1], struct err *e)
{
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    struct index_key prefix = key_column(l, c);

    key_add_value(&prefix, c->f, value);
    MDB_val key = {prefix.n, prefix.b}, none;
    int rc = mdb_cursor_open(t->mdb, t->db->index, &cursor);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &none, MDB_SET_RANGE);
    for (; rc == 0 && key_under(&prefix, &key);
         rc = mdb_cursor_get(cursor, &key, &none, MDB_NEXT)) {
        char found[ID_CHARS + 1] = {0};
        if (key.mv_size != prefix.n + ID_CHARS)
            continue;
        memcpy(found, (const uint8_t *)key.mv_data + prefix.n, ID_CHARS);
        if (except && strcmp(found, except) == 0)
            continue;
        int same = really_equal(t, l, c, found, value, e);
        if (same < 0)
            return -1;
        if (same) {
            memcpy(id, found, sizeof(found));
            return 0;
        }
    }
    return rc && rc != MDB_NOTFOUND ? store_err(e, rc, c->f->name) : 1;
}

int index_count(struct txn *t, const struct layout *l, const struct column *c, struct blob value,
                uint64_t most, uint64_t *out, struct err *e)
{
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    struct index_key prefix = key_column(l, c);
    uint64_t n = 0;

    key_add_value(&prefix, c->f, value);
    if (index_counted(c->f))
        return count_get(t, &prefix, out, e);
    MDB_val key = {prefix.n, prefix.b}, none;
    int rc = mdb_cursor_open(t->mdb, t->db->index, &cursor);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &none, MDB_SET_RANGE);
    for (; rc == 0 && n < most && key_under(&prefix, &key);
         rc = mdb_cursor_get(cursor, &key, &none, MDB_NEXT)) {
        char id[ID_CHARS + 1] = {0};
        memcpy(id, (const uint8_t *)key.mv_data + key.mv_size - ID_CHARS, ID_CHARS);
        int same = really_equal(t, l, c, id, value, e);
        if (same < 0)
            return -1;
        n += (uint64_t)same;
    }
    if (rc && rc != MDB_NOTFOUND)
        return store_err(e, rc, c->f->name);
    *out = n;
    return 0;
}

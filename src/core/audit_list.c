/* Reading the audit chain: pages newest first with the list grammar's filters, and exports. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "src/base/enc.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/audit_inside.h"
#include "src/core/store/query_inside.h"

#define AUDIT_EXAMINE 4000 /* records one page may look at: each is parsed */

#define SHOWN (FIELD_READONLY | FIELD_COLUMN | FIELD_DEFAULT)
static const struct field audit_v[] = {
    {.name = "seq", .label = "No.", .kind = FIELD_INT, .flags = SHOWN},
    {.name = "time", .label = "Time", .kind = FIELD_TIME, .flags = SHOWN},
    {.name = "actor", .label = "User", .kind = FIELD_TEXT, .flags = SHOWN},
    {.name = "client", .label = "Address", .kind = FIELD_TEXT, .flags = SHOWN},
    {.name = "action", .label = "Action", .kind = FIELD_TEXT, .flags = SHOWN},
    {.name = "object", .label = "Object", .kind = FIELD_TEXT, .flags = SHOWN},
    {.name = "name", .label = "Name", .kind = FIELD_TEXT, .flags = SHOWN},
    {.name = "result", .label = "Result", .kind = FIELD_TEXT, .flags = SHOWN},
    {.name = "detail", .label = "Detail", .kind = FIELD_TEXT, .flags = SHOWN},
    {.name = "hash", .label = "Hash", .kind = FIELD_TEXT, .flags = SHOWN},
};
static const struct fields audit_fields = {"audit", 0, audit_v, COUNT(audit_v)};

struct audit_line {
    json_t *o;
    uint8_t number[8];
};

/* A member of the line as a packed value, so that the filters of records fit. */
static int line_value(const struct field *f, void *arg, struct blob *out, struct err *e)
{
    struct audit_line *line = arg;
    int64_t v = json_int(line->o, f->name);

    if (f->kind == FIELD_TEXT) {
        *out = blob_str(json_str(line->o, f->name));
        return 0;
    }
    if (f->kind == FIELD_TIME && time_parse(json_str(line->o, f->name), &v, e) < 0)
        return err_wrap(e, "audit");
    for (int i = 0; i < 8; i++)
        line->number[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
    *out = BLOB(line->number, sizeof(line->number));
    return 0;
}

/* Adds the record's chosen columns if the query wants it: 1, 0, -1. */
static int list_one(const struct query *q, struct blob bytes, json_t *items, struct err *e)
{
    OWN(own_json)
    json_t *o = json_parse(bytes, AUDIT_LINE_MAX, "audit", e);
    struct audit_line line = {.o = o};
    uint8_t hash[32];

    if (!o || sha256(bytes, hash, e) < 0)
        return -1;
    OWN(own_mem)
    char *hex = hex_str(BLOB(hash, sizeof(hash)));
    json_put_str(o, "hash", hex);
    int got = query_match(q, line_value, &line, e);
    if (got <= 0)
        return got;
    json_t *item = json_object();
    json_array_append_new(items, item);
    json_put_int(item, "seq", json_int(o, "seq"));
    for (size_t i = 0; i < q->n_columns; i++) {
        const char *name = q->columns[i]->name;
        json_put_take(item, name, json_incref(json_object_get(o, name)));
    }
    return 1;
}

/* The record to begin at: the newest, or the one before the cursor's. */
static int list_start(const struct query *q, uint64_t newest, uint64_t *out, struct err *e)
{
    struct reader r = reader_of(buf_blob(&q->cursor));
    uint64_t seq = q->has_cursor ? read_u64(&r) : newest + 1;

    if (q->has_cursor && (!reader_done(&r) || seq == 0 || seq > newest))
        return err_set(e, ERR_INPUT,
                       "cursor: does not belong to this list; leave it out to begin "
                       "again");
    *out = seq - 1;
    return 0;
}

static json_t *seq_cursor(uint64_t seq)
{
    OWN(buf_free)
    struct buf bytes = BUF(8);

    buf_add_u64(&bytes, seq);
    OWN(own_mem)
    char *text = base64url_str(buf_blob(&bytes));
    return json_string(text);
}

static int list_page(struct txn *t, const struct query *q, json_t *page, struct err *e)
{
    json_t *items = json_array();
    uint64_t newest = 0, seq = 0, examined = 0, given = 0;
    struct blob line;

    json_put_take(page, "items", items);
    if (trail_last(t, TRAIL_AUDIT, AUDIT_CHAIN, &newest, &line, e) < 0 ||
        list_start(q, newest, &seq, e) < 0)
        return -1;
    for (; seq > 0 && given < q->limit && examined < AUDIT_EXAMINE; seq--, examined++) {
        if (trail_get(t, TRAIL_AUDIT, AUDIT_CHAIN, seq, &line, e) < 0)
            return -1;
        int got = list_one(q, line, items, e);
        if (got < 0)
            return -1;
        given += (uint64_t)got;
    }
    json_put_take(page, "next", seq > 0 ? seq_cursor(seq + 1) : json_null());
    json_put_take(page, "total",
                  q->n || q->search ? json_null() : json_integer((json_int_t)newest));
    json_put_int(page, "examined", (int64_t)examined);
    return 0;
}

int audit_list(struct txn *t, const char *query_text, json_t **out, struct err *e)
{
    OWN(own_query)
    struct query *q = NULL;
    OWN(own_json)
    json_t *page = json_object();

    if (query_parse_fields(&audit_fields, TABLE_NONE, query_text ? query_text : "", &q, e) < 0 ||
        list_page(t, q, page, e) < 0)
        return -1;
    *out = TAKE(page);
    return 0;
}

int audit_list_export(struct txn *t, const char *query_text, bool csv, struct buf *out,
                      struct err *e)
{
    OWN(own_query)
    struct query *q = NULL;
    uint64_t newest = 0;
    struct blob line;

    if (query_parse_fields(&audit_fields, (enum table)0, query_text, &q, e) < 0 ||
        trail_last(t, TRAIL_AUDIT, AUDIT_CHAIN, &newest, &line, e) < 0)
        return -1;
    if (csv)
        query_csv_head(q, out);
    for (uint64_t seq = newest; seq > 0; seq--) {
        OWN(own_json)
        json_t *items = json_array();
        if (trail_get(t, TRAIL_AUDIT, AUDIT_CHAIN, seq, &line, e) < 0)
            return -1;
        int got = list_one(q, line, items, e);
        if (got < 0 || (got > 0 && query_export_row(q, json_array_get(items, 0), csv, out, e) < 0))
            return -1;
    }
    return 0;
}

struct heads {
    uint64_t from, to;
    struct strs lines;
    uint64_t *seqs;
};

static int add_head(uint64_t seq, struct blob entry, void *arg, struct err *e)
{
    struct heads *h = arg;
    OWN(own_json)
    json_t *o = json_parse(entry, AUDIT_LINE_MAX, "audit", e);

    (void)seq;
    if (!o)
        return -1;
    uint64_t of = (uint64_t)json_int(o, "head");
    if (of < h->from || of > h->to)
        return 0;
    h->seqs = xrealloc(h->seqs, (h->lines.n + 1) * sizeof(*h->seqs));
    h->seqs[h->lines.n] = of;
    strs_add_n(&h->lines, entry.p, entry.n);
    return 0;
}

struct export
{
    struct heads heads;
    size_t at; /* heads written so far */
    struct buf *out;
};

/* A record, and behind it the heads that sign it. */
static int export_line(uint64_t seq, struct blob entry, void *arg, struct err *e)
{
    struct export *x = arg;

    if (seq > x->heads.to)
        return 1;
    buf_add_blob(x->out, entry);
    buf_addc(x->out, '\n');
    for (; x->at < x->heads.lines.n && x->heads.seqs[x->at] <= seq; x->at++) {
        buf_add_str(x->out, x->heads.lines.v[x->at]);
        buf_addc(x->out, '\n');
    }
    return buf_check(x->out, "audit export: take a smaller range", e);
}

int audit_export(struct txn *t, uint64_t from, uint64_t to, struct buf *out, struct err *e)
{
    struct export x = {.heads = {.from = from ? from : 1, .to = to ? to : UINT64_MAX}, .out = out};
    int got = trail_each(t, TRAIL_AUDIT, AUDIT_HEADS, 1, add_head, &x.heads, e);

    if (got == 0)
        got = trail_each(t, TRAIL_AUDIT, AUDIT_CHAIN, x.heads.from, export_line, &x, e);
    strs_free(&x.heads.lines);
    free(x.heads.seqs);
    return got;
}

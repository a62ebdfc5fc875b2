/*
 * A list as a file: CSV (RFC 4180) or JSON lines. Text that a spreadsheet would take for a formula
 * gets an apostrophe in front, so that opening an export runs nothing.
 */
#include <inttypes.h>
#include <string.h>

#include "src/core/store/query_inside.h"

struct export
{
    struct buf *out;
    bool csv;
};

static void csv_text(struct buf *out, struct blob b)
{
    const char *s = b.p;

    buf_addc(out, '"');
    if (b.n && strchr("=+-@\t\r", s[0]))
        buf_addc(out, '\'');
    for (size_t i = 0; i < b.n; i++) {
        if (s[i] == '"')
            buf_addc(out, '"');
        buf_addc(out, s[i]);
    }
    buf_addc(out, '"');
}

static void csv_list(struct buf *out, const json_t *list)
{
    OWN(buf_free)
    struct buf all = BUF(RECORD_MAX);
    json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        buf_add_str(&all, i ? ", " : "");
        buf_add_str(&all, json_string_value(one));
    }
    csv_text(out, buf_blob(&all));
}

static void csv_value(struct buf *out, const json_t *v)
{
    if (json_is_string(v))
        csv_text(out, BLOB(json_string_value(v), json_string_length(v)));
    else if (json_is_array(v))
        csv_list(out, v);
    else if (json_is_integer(v))
        buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_boolean(v))
        buf_add_str(out, json_is_true(v) ? "true" : "false");
}

int query_export_row(const struct query *q, const json_t *row, bool csv, struct buf *out,
                     struct err *e)
{
    for (size_t i = 0; csv && i < q->n_columns; i++) {
        buf_add_str(out, i ? "," : "");
        csv_value(out, json_object_get(row, q->columns[i]->name));
    }
    if (!csv && json_print(row, out, e) < 0)
        return -1;
    buf_add_str(out, csv ? "\r\n" : "\n");
    return buf_check(out, "export: narrow it by a filter", e);
}

void query_csv_head(const struct query *q, struct buf *out)
{
    for (size_t i = 0; i < q->n_columns; i++) {
        buf_add_str(out, i ? "," : "");
        csv_text(out, blob_str(q->columns[i]->label));
    }
    buf_add_str(out, "\r\n");
}

static int add_line(const struct query *q, const struct hit *hit, void *arg, struct err *e)
{
    struct export *x = arg;
    OWN(own_json)
    json_t *o = json_object();

    json_put_str(o, "id", hit->id);
    for (size_t i = 0; i < q->n_columns; i++) {
        struct blob value;
        if (hit_value(q, hit, q->columns[i], &value, e) < 0)
            return -1;
        json_put_take(o, q->columns[i]->name, query_value(q, q->columns[i], value));
    }
    return query_export_row(q, o, x->csv, x->out, e);
}

int query_export(struct txn *t, const struct query *q, bool csv, struct buf *out, struct err *e)
{
    struct export x = {out, csv};
    struct walk_result result;

    if (csv)
        query_csv_head(q, out);
    return query_walk(t, q, UINT64_MAX, UINT64_MAX, add_line, &x, &result, e);
}

/*
 * Filters: which operators each kind of column has, reading one filter, and the match against a
 * packed value. Text is compared without regard to ASCII case, as the indexes order it.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/time.h"
#include "src/core/store/query_inside.h"

#define DAY_SECONDS 86400
#define DAYS_MAX 1000000

static const struct {
    enum query_op op;
    const char *name;
} ops[] = {
    {OP_CONTAINS, "contains"}, {OP_EQUALS, "equals"}, {OP_NOT, "not"},     {OP_IN, "in"},
    {OP_BEFORE, "before"},     {OP_AFTER, "after"},   {OP_BELOW, "below"}, {OP_ABOVE, "above"},
};

const char *query_op_name(enum query_op op)
{
    for (size_t i = 0; i < COUNT(ops); i++)
        if (ops[i].op == op)
            return ops[i].name;
    return "?";
}

unsigned query_operators(const struct field *f)
{
    switch (f->kind) {
    case FIELD_TIME:
        return OP_BEFORE | OP_AFTER;
    case FIELD_INT:
        return OP_EQUALS | OP_BELOW | OP_ABOVE;
    case FIELD_ENUM:
    case FIELD_BOOL:
    case FIELD_ID:
    case FIELD_IDS:
        return OP_EQUALS | OP_NOT | OP_IN;
    case FIELD_BYTES:
    case FIELD_SECRET:
        return 0;
    default:
        return OP_CONTAINS | OP_EQUALS | OP_NOT;
    }
}

static int parse_op(const struct field *f, const char *name, size_t n, enum query_op *out,
                    struct err *e)
{
    OWN(buf_free)
    struct buf all = BUF(128);

    for (size_t i = 0; i < COUNT(ops); i++) {
        if (!(query_operators(f) & ops[i].op))
            continue;
        if (strlen(ops[i].name) == n && memcmp(ops[i].name, name, n) == 0) {
            *out = ops[i].op;
            return 0;
        }
        buf_addf(&all, "%s%s", all.n ? ", " : "", ops[i].name);
    }
    return err_set(e, ERR_INPUT, "filter: %s: expected one of the operators %s", f->name,
                   buf_cstr(&all));
}

/* A number's filter as a range; a time of 0 means none and is outside every range. */
static int parse_range(struct filter *out, const char *value, struct err *e)
{
    int64_t v;
    bool time = out->f->kind == FIELD_TIME;

    if ((time ? time_parse(value, &v, e) : parse_i64(value, INT64_MIN, INT64_MAX, &v, e)) < 0)
        return err_wrap(e, "filter: %s", out->f->name);
    out->range = true;
    out->lo = time ? 1 : INT64_MIN;
    out->hi = INT64_MAX;
    if (out->op == OP_EQUALS)
        out->lo = out->hi = v;
    else if (out->op == OP_BEFORE || out->op == OP_BELOW)
        out->hi = v == INT64_MIN ? v : v - 1;
    else
        out->lo = v == INT64_MAX ? v : v + 1;
    if (time && out->lo < 1)
        out->lo = 1;
    return 0;
}

/* Days left: a range of the time itself. */
static int parse_days(struct query *q, struct filter *out, const char *value, struct err *e)
{
    int64_t days;

    if (parse_i64(value, -DAYS_MAX, DAYS_MAX, &days, e) < 0)
        return err_wrap(e, "filter: %s: a number of days", out->f->name);
    int64_t from = q->now + days * DAY_SECONDS, to = from + DAY_SECONDS - 1;
    out->f = query_base(q->f, out->f);
    out->range = true;
    out->lo = out->op == OP_BELOW ? 1 : out->op == OP_ABOVE ? to + 1 : from;
    out->hi = out->op == OP_BELOW ? from - 1 : out->op == OP_ABOVE ? INT64_MAX : to;
    if (out->lo < 1)
        out->lo = 1;
    return 0;
}

static void add_folded(struct strs *s, const char *text, size_t n)
{
    OWN(own_mem)
    char *folded = xstrndup(text, n);

    for (char *p = folded; *p; p++)
        *p = text_fold(*p);
    strs_add(s, folded);
}

static bool is_choice(const struct field *f, const char *value)
{
    bool found = value[0] == 0;

    for (const char *at = f->choices; at && !found;) {
        struct blob one = BLOB(at, strcspn(at, "|"));
        found = text_fold_eq(one, blob_str(value));
        at = at[one.n] ? at + one.n + 1 : NULL;
    }
    return found;
}

static int check_value(const struct field *f, const char *value, struct err *e)
{
    if (f->kind == FIELD_BOOL && !str_eq(value, "true") && !str_eq(value, "false"))
        return err_set(e, ERR_INPUT, "filter: %s: expected true or false", f->name);
    if (f->kind == FIELD_ENUM && !is_choice(f, value))
        return err_set(e, ERR_INPUT, "filter: %s: expected one of %s", f->name, f->choices);
    return 0;
}

static int parse_values(struct filter *out, const char *value, struct err *e)
{
    for (const char *at = value; at;) {
        size_t n = out->op == OP_IN ? strcspn(at, "|") : strlen(at);
        add_folded(&out->values, at, n);
        if (check_value(out->f, out->values.v[out->values.n - 1], e) < 0)
            return -1;
        at = at[n] ? at + n + 1 : NULL;
    }
    return 0;
}

int filter_parse(struct query *q, const char *text, struct filter *out, struct err *e)
{
    size_t name_n = strcspn(text, ":");
    OWN(own_mem)
    char *name = xstrndup(text, name_n);
    const char *op = text + name_n + (text[name_n] == ':');
    size_t op_n = strcspn(op, ":");

    if (text[name_n] != ':' || op[op_n] != ':')
        return err_set(e, ERR_INPUT, "filter: expected column:operator:value");
    const struct field *f = query_column(q->f, name);
    if (!f || !query_operators(f))
        return err_set(e, ERR_INPUT, "filter: %.64s: there is no such column", name);
    *out = (struct filter){.f = f};
    if (parse_op(f, op, op_n, &out->op, e) < 0)
        return -1;
    const char *value = op + op_n + 1;
    if (str_eq(value, "All"))
        return 1;
    if (f == &query_expires_within)
        return parse_days(q, out, value, e);
    if (form_of(f->kind) == FORM_INT)
        return parse_range(out, value, e);
    if (parse_values(out, value, e) == 0)
        return 0;
    strs_free(&out->values);
    return -1;
}

static bool contains(struct blob text, const char *folded)
{
    size_t n = strlen(folded);

    for (size_t at = 0; at + n <= text.n; at++)
        if (text_fold_eq(BLOB((const char *)text.p + at, n), BLOB(folded, n)))
            return true;
    return false;
}

static bool text_matches(const struct filter *f, struct blob text)
{
    if (f->op == OP_CONTAINS)
        return contains(text, f->values.v[0]);
    for (size_t i = 0; i < f->values.n; i++)
        if (text_fold_eq(text, blob_str(f->values.v[i])))
            return true;
    return false;
}

static bool list_matches(const struct filter *f, struct blob list)
{
    struct blob text;
    size_t at = 0;

    while (packed_next(list, &at, &text))
        if (text_matches(f, text))
            return true;
    return false;
}

static bool filter_match(const struct filter *f, struct blob value)
{
    bool found;

    if (f->range)
        return packed_int(value) >= f->lo && packed_int(value) <= f->hi;
    if (f->f->kind == FIELD_BOOL)
        found = text_matches(f, blob_str(value.n ? "true" : "false"));
    else if (form_of(f->f->kind) == FORM_LIST)
        found = list_matches(f, value);
    else
        found = text_matches(f, value);
    return found != (f->op == OP_NOT);
}

/* Free text: in any of the columns shown by default. */
static int search_match(const struct query *q, value_fn value, void *arg, struct err *e)
{
    struct filter like = {.op = OP_CONTAINS, .values = {(char **)&q->search, 1}};

    for (size_t i = 0; i < q->f->n; i++) {
        const struct field *f = &q->f->v[i];
        enum form form = form_of(f->kind);
        struct blob b;
        if (!(f->flags & FIELD_DEFAULT) || (form != FORM_TEXT && form != FORM_LIST))
            continue;
        if (value(f, arg, &b, e) < 0)
            return -1;
        if (form == FORM_TEXT ? contains(b, q->search) : list_matches(&like, b))
            return 1;
    }
    return 0;
}

int query_match(const struct query *q, value_fn value, void *arg, struct err *e)
{
    for (size_t i = 0; i < q->n; i++) {
        struct blob b;
        if (value(q->filters[i].f, arg, &b, e) < 0)
            return -1;
        if (!filter_match(&q->filters[i], b))
            return 0;
    }
    return q->search ? search_match(q, value, arg, e) : 1;
}

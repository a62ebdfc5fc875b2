/*
 * Reads a list's URL query: percent decoding, the members, and their checks. Everything from
 * outside is checked here, against limits; what follows works on columns and values only.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/time.h"
#include "src/core/store/query_inside.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986, 2.1, and '+' for a space as forms send it. */
static int url_decode(const char *s, size_t n, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '%') {
            buf_addc(out, s[i] == '+' ? ' ' : s[i]);
            continue;
        }
        int high = n - i > 2 ? hex_digit(s[i + 1]) : -1, low = n - i > 2 ? hex_digit(s[i + 2]) : -1;
        if (high < 0 || low < 0)
            return err_set(e, ERR_INPUT, "query: expected two hex digits behind %%");
        buf_addc(out, (char)(high << 4 | low));
        i += 2;
    }
    if (!text_clean((const char *)out->p, out->n, NULL))
        return err_set(e, ERR_INPUT, "query: expected UTF-8 text without control characters");
    return 0;
}

static int on_filter(struct query *q, const char *value, struct err *e)
{
    if (q->n == QUERY_FILTERS)
        return err_set(e, ERR_INPUT, "filter: at most %d filters", QUERY_FILTERS);
    int got = filter_parse(q, value, &q->filters[q->n], e);
    if (got < 0)
        return -1;
    if (got == 0)
        q->n++;
    return 0;
}

static int on_sort(struct query *q, const char *value, struct err *e)
{
    const char *name = value + (value[0] == '-');
    const struct field *f = query_column(q->f, name);

    if (!f)
        return err_set(e, ERR_INPUT, "sort: %.64s: there is no such column", name);
    f = query_base(q->f, f);
    if (!index_has(f))
        return err_set(e, ERR_INPUT, "sort: %s: this list cannot be sorted by it", name);
    q->sort = f;
    q->down = value[0] == '-';
    return 0;
}

static int on_columns(struct query *q, const char *value, struct err *e)
{
    struct strs names = {0};
    int got = 0;

    strs_split(&names, value, ",");
    q->n_columns = 0;
    for (size_t i = 0; i < names.n && got == 0; i++) {
        const struct field *f = query_column(q->f, names.v[i]);
        if (q->n_columns == QUERY_COLUMNS)
            got = err_set(e, ERR_INPUT, "columns: at most %d", QUERY_COLUMNS);
        else if (!f)
            got = err_set(e, ERR_INPUT, "columns: %.64s: there is no such column", names.v[i]);
        else
            q->columns[q->n_columns++] = f;
    }
    strs_free(&names);
    return got;
}

static int on_search(struct query *q, const char *value, struct err *e)
{
    (void)e;
    free(q->search);
    q->search = value[0] ? xstrdup(value) : NULL;
    for (char *p = q->search; p && *p; p++)
        *p = text_fold(*p);
    return 0;
}

static int on_limit(struct query *q, const char *value, struct err *e)
{
    return parse_u32(value, 1, QUERY_LIMIT_MAX, &q->limit, e) < 0 ? err_wrap(e, "limit") : 0;
}

static int on_cursor(struct query *q, const char *value, struct err *e)
{
    struct err why;

    buf_clear(&q->cursor);
    q->has_cursor = value[0] != 0;
    if (dec_base64url(&q->cursor, value, strlen(value), &why) < 0)
        return err_set(e, ERR_INPUT,
                       "cursor: expected the one of the answer before; leave it out "
                       "to begin again");
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct query *q, const char *value, struct err *e);
} members[] = {
    {"filter", on_filter}, {"sort", on_sort},   {"columns", on_columns},
    {"q", on_search},      {"limit", on_limit}, {"cursor", on_cursor},
};

static int parse_member(struct query *q, const char *text, size_t n, struct err *e)
{
    OWN(buf_free)
    struct buf value = BUF(QUERY_TEXT_MAX);
    const char *equals = memchr(text, '=', n);
    size_t name_n = equals ? (size_t)(equals - text) : n;

    if (equals && url_decode(equals + 1, n - name_n - 1, &value, e) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(members); i++)
        if (strlen(members[i].name) == name_n && memcmp(members[i].name, text, name_n) == 0)
            return members[i].read(q, buf_cstr(&value), e);
    OWN(own_mem)
    char *name = xstrndup(text, name_n);
    return err_set(e, ERR_INPUT, "query: %.32s: expected filter, sort, columns, q, limit or cursor",
                   text_clean(name, strlen(name), NULL) ? name : "?");
}

static void defaults(struct query *q)
{
    for (size_t i = 0; i < q->f->n; i++) {
        const struct field *f = &q->f->v[i];
        if (f->flags & FIELD_DEFAULT && q->n_columns < QUERY_COLUMNS)
            q->columns[q->n_columns++] = f;
        if (strcmp(f->name, "created_at") == 0 && index_has(f))
            q->sort = f;
    }
    q->down = true;
    q->limit = QUERY_LIMIT_DEFAULT;
    q->cursor = BUF(INDEX_KEY_MAX);
    q->now = now_s();
}

int query_parse_fields(const struct fields *f, enum table table, const char *text,
                       struct query **out, struct err *e)
{
    OWN(own_query)
    struct query *q = xcalloc(1, sizeof(*q));

    if (strlen(text) > QUERY_TEXT_MAX)
        return err_set(e, ERR_INPUT, "query: at most %d bytes", QUERY_TEXT_MAX);
    q->f = f;
    q->table = table;
    defaults(q);
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, "&");
        if (n > 0 && parse_member(q, at, n, e) < 0)
            return -1;
        at += n + (at[n] == '&');
    }
    *out = TAKE(q);
    return 0;
}

int query_parse(enum table table, const char *text, struct query **out, struct err *e)
{
    const struct fields *f = table_fields(table);

    if (!f)
        return err_set(e, ERR_BUG, "query: there is no table %u", (unsigned)table);
    return query_parse_fields(f, table, text ? text : "", out, e);
}

void query_free(struct query *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->n; i++)
        strs_free(&q->filters[i].values);
    free(q->search);
    buf_free(&q->cursor);
    free(q);
}

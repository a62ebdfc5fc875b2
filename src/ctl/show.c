/* Records and lists (show.h). */
#include "src/ctl/show.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/ctl/filter.h"

#define PAGE_MAX_BYTES (64u * 1024 * 1024)
#define FILTERS_MAX 12

bool show_json(const struct ctl *c, const json_t *j)
{
    if (!ctl_option(c, OPT_JSON))
        return false;
    out_json(j, NULL);
    return true;
}

int show_file(struct ctl *c, struct blob content, bool binary, unsigned mode, struct err *e)
{
    const char *path = ctl_option(c, OPT_OUT);
    OWN(buf_free)
    struct buf shown = BUF_SECRET(4 * (size_t)PAGE_MAX_BYTES);

    if (path)
        return file_write_new(path, mode, content, e);
    if (!c->out.tty)
        return out_write(content, e);
    if (binary)
        return err_set(e, ERR_INPUT, "this is binary: give --out FILE, or pipe it");
    OWN(own_mem)
    char *text = xstrndup(content.p ? content.p : "", content.n);
    for (char *p = text; *p; p++)
        if (*p == '\r')
            *p = ' ';
    text_shown(&shown, text, true);
    return out_write(buf_blob(&shown), e);
}

static bool skipped(const char *name, const char *const *skip)
{
    for (; skip && *skip; skip++)
        if (str_eq(*skip, name))
            return true;
    return false;
}

static bool is_state(const char *name)
{
    return str_eq(name, "state") || str_eq(name, "status") || str_eq(name, "readiness");
}

static void add_pair(struct table *t, const char *label, const char *name, const json_t *v)
{
    OWN(buf_free)
    struct buf value = BUF(PAGE_MAX_BYTES);

    if (json_is_object(v) || str_eq(name, "rev"))
        return;
    value_shown(&value, v);
    if (t->state == SIZE_MAX && is_state(name))
        t->state = t->cells.n;
    strs_add(&t->cells, label);
    strs_add(&t->cells, buf_cstr(&value));
}

int show_record(struct ctl *c, const json_t *schema, const json_t *record, const char *const *skip,
                struct err *e)
{
    OWN(table_free)
    struct table t = {.state = SIZE_MAX, .ids = SIZE_MAX};
    const json_t *fields = json_object_get(schema, "fields"), *v;
    const char *name;
    OWN(buf_free)
    struct buf out = BUF(PAGE_MAX_BYTES);

    json_object_foreach ((json_t *)record, name, v) {
        OWN(buf_free)
        struct buf label = BUF(512);
        const bool has = str_starts(name, "has_");
        const json_t *field = schema_member(fields, has ? name + 4 : name);
        const char *text = field ? json_str(field, "label") : name;
        if (skipped(name, skip))
            continue;
        text_shown(&label, *text ? text : name, false);
        buf_add_str(&label, has && field ? " set" : "");
        add_pair(&t, buf_cstr(&label), name, v);
    }
    pairs_print(&c->out, &t, &out);
    return out_write(buf_blob(&out), e);
}

static void add_cell(struct table *t, const json_t *v)
{
    OWN(buf_free)
    struct buf value = BUF(PAGE_MAX_BYTES);

    value_shown(&value, v);
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '\n')
            value.p[i] = ' ';
    strs_add(&t->cells, buf_cstr(&value));
}

static int print_table(struct ctl *c, const struct table *t, struct err *e)
{
    OWN(buf_free)
    struct buf out = BUF(2 * (size_t)PAGE_MAX_BYTES);

    table_print(&c->out, t, &out);
    return out_write(buf_blob(&out), e);
}

int show_items(struct ctl *c, const json_t *items, const char *const *columns, const char *state,
               struct err *e)
{
    OWN(table_free)
    struct table t = {.state = SIZE_MAX, .ids = SIZE_MAX};
    size_t i;
    json_t *row;

    for (size_t k = 0; columns[k]; k += 2) {
        if (str_eq(columns[k], state))
            t.state = k / 2;
        if (str_eq(columns[k], "id"))
            t.ids = k / 2;
        strs_add(&t.heads, columns[k + 1]);
    }
    json_array_foreach (items, i, row)
        for (size_t k = 0; columns[k]; k += 2)
            add_cell(&t, json_object_get(row, columns[k]));
    return print_table(c, &t, e);
}

static int add_filters(struct ctl *c, const json_t *schema, struct buf *query, struct err *e)
{
    const json_t *columns = json_object_get(schema, "columns");

    if (c->args.filters.n > FILTERS_MAX)
        return err_set(e, ERR_LIMIT, "--filter: at most %d filters", FILTERS_MAX);
    for (size_t i = 0; i < c->args.filters.n; i++) {
        OWN(buf_free)
        struct buf one = BUF(2048);
        if (filter_sentence(columns, c->args.filters.v[i], &one, e) < 0)
            return -1;
        buf_add_str(query, "&filter=");
        url_add(query, buf_cstr(&one));
    }
    return 0;
}

/* Sort and columns may be said by label: "-Expires On". */
static int add_columns(const json_t *schema, const char *option, const char *text,
                       struct buf *query, struct err *e)
{
    const json_t *columns = json_object_get(schema, "columns");
    OWN(strs_free)
    struct strs parts = {0};

    strs_split(&parts, text, ",");
    buf_addf(query, "&%s=", option);
    for (size_t i = 0; i < parts.n; i++) {
        const char *name = parts.v[i] + strspn(parts.v[i], " ");
        const bool back = str_eq(option, "sort") && *name == '-';
        const json_t *column = schema_member(columns, name + back);
        if (columns && !column)
            return err_set(e, ERR_INPUT, "--%s: there is no column \"%.60s\"", option, name + back);
        buf_add_str(query, i ? "," : "");
        buf_add_str(query, back ? "-" : "");
        url_add(query, column ? json_str(column, "name") : name + back);
    }
    return 0;
}

static int list_query(struct ctl *c, const struct noun *n, const json_t *schema, uint32_t rows,
                      struct buf *query, struct err *e)
{
    const char *sort = ctl_option(c, OPT_SORT), *columns = ctl_option(c, OPT_COLUMNS);
    const char *search = ctl_option(c, OPT_SEARCH);

    buf_addf(query, "/%s?limit=%u", n->path, rows);
    if (add_filters(c, schema, query, e) < 0 ||
        (sort && add_columns(schema, "sort", sort, query, e) < 0) ||
        (columns && add_columns(schema, "columns", columns, query, e) < 0))
        return -1;
    if (search) {
        buf_add_str(query, "&q=");
        url_add(query, search);
    }
    return buf_check(query, "the list's options", e);
}

/* Pages until there are `want` rows: one may be short, for the server's work per call is bounded.
 */
static int fetch(struct ctl *c, const char *query, size_t want, json_t **out, struct err *e)
{
    OWN(own_json)
    json_t *all = NULL;
    OWN(own_mem)
    char *cursor = NULL;

    do {
        OWN(own_json)
        json_t *page = NULL;
        OWN(buf_free)
        struct buf path = BUF(65536);
        buf_add_str(&path, query);
        if (cursor) {
            buf_add_str(&path, "&cursor=");
            url_add(&path, cursor);
        }
        if (buf_check(&path, "cursor", e) < 0 || api_get(c, buf_cstr(&path), &page, e) < 0)
            return -1;
        if (!all)
            all = json_incref(page);
        else
            json_array_extend(json_object_get(all, "items"), json_object_get(page, "items"));
        const char *next = json_str(page, "next");
        json_object_set(all, "next", json_object_get(page, "next"));
        free(TAKE(cursor));
        if (*next)
            cursor = xstrdup(next);
    } while (cursor && json_array_size(json_object_get(all, "items")) < want);
    json_t *items = json_object_get(all, "items");
    while (json_array_size(items) > want)
        json_array_remove(items, json_array_size(items) - 1);
    *out = TAKE(all);
    return 0;
}

int show_matching(struct ctl *c, const struct noun *n, const char *columns, json_t **items,
                  struct err *e)
{
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *page = NULL;
    OWN(buf_free)
    struct buf query = BUF(32768);

    if (record_schema(c, n->schema, &schema, e) < 0 || list_query(c, n, schema, 500, &query, e) < 0)
        return -1;
    buf_addf(&query, "&columns=%s", columns);
    if (buf_check(&query, "the list's options", e) < 0 ||
        fetch(c, buf_cstr(&query), SIZE_MAX, &page, e) < 0)
        return -1;
    *items = json_incref(json_object_get(page, "items"));
    return 0;
}

/* The columns of the answer but id, which always comes last. */
static json_t *page_columns(const json_t *page)
{
    static const char *const audit[] = {"seq",  "time",   "actor",  "action", "object",
                                        "name", "result", "detail", NULL};
    json_t *names = json_array(), *one;
    size_t i;

    json_array_foreach (json_object_get(page, "columns"), i, one) {
        if (!str_eq(json_string_value(one), "id"))
            json_array_append(names, one);
    }
    for (i = 0; !json_object_get(page, "columns") && audit[i]; i++)
        json_array_append_new(names, json_string(audit[i]));
    return names;
}

static int print_page(struct ctl *c, const json_t *schema, const json_t *page, struct err *e)
{
    const json_t *known = json_object_get(schema, "columns");
    OWN(own_json)
    json_t *names = page_columns(page);
    OWN(table_free)
    struct table t = {.state = SIZE_MAX, .ids = SIZE_MAX};
    size_t i;
    json_t *one;

    json_array_foreach (names, i, one) {
        const char *name = json_string_value(one);
        const json_t *column = schema_member(known, name ? name : "");
        OWN(buf_free)
        struct buf head = BUF(256);
        text_shown(&head, column ? json_str(column, "label") : name ? name : "", false);
        strs_add(&t.heads, buf_cstr(&head));
        if (t.state == SIZE_MAX && name && (is_state(name) || str_eq(name, "result")))
            t.state = i;
    }
    if (schema) { /* the audit has numbers */
        t.ids = t.heads.n;
        strs_add(&t.heads, "ID");
    }
    json_t *row;
    json_array_foreach (json_object_get(page, "items"), i, row) {
        size_t k;
        json_array_foreach (names, k, one)
            add_cell(&t, json_object_get(row, json_string_value(one)));
        if (schema)
            add_cell(&t, json_object_get(row, "id"));
    }
    return print_table(c, &t, e);
}

int show_list(struct ctl *c, const struct noun *n, struct err *e)
{
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *page = NULL;
    OWN(buf_free)
    struct buf query = BUF(32768);
    const char *limit = ctl_option(c, OPT_LIMIT);
    const bool every = ctl_option(c, OPT_ALL);
    uint32_t rows = every ? 500 : 50;

    if (limit && parse_u32(limit, 1, 500, &rows, e) < 0)
        return err_wrap(e, "--limit");
    if ((n->schema && record_schema(c, n->schema, &schema, e) < 0) ||
        list_query(c, n, schema, rows, &query, e) < 0)
        return -1;
    if (ctl_option(c, OPT_CSV)) {
        OWN(api_answer_free)
        struct api_answer a = {0};
        buf_add_str(&query, "&export=csv");
        if (api_call(c, "GET", buf_cstr(&query), NULL, NULL, &a, e) < 0)
            return -1;
        return show_file(c, buf_blob(&a.raw.body), false, 0600, e);
    }
    if (fetch(c, buf_cstr(&query), every ? SIZE_MAX : rows, &page, e) < 0)
        return -1;
    if (show_json(c, page))
        return 0;
    const json_t *items = json_object_get(page, "items");
    if (json_array_size(items) == 0)
        return out_text("No %s.\n", n->path);
    if (print_page(c, schema, page, e) < 0)
        return -1;
    if (*json_str(page, "next") && c->out.tty)
        return out_text("%zu shown; there are more (--all, --limit)\n", json_array_size(items));
    return 0;
}

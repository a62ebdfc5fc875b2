/* Sentences to filters (filter.h). The longest label, then the longest operator, wins. */
#include "src/ctl/filter.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "src/base/own.h"

/* Phrases of an operator; longer ones first where one begins another. */
static const struct {
    const char *phrase, *op;
} phrases[] = {
    {"is none of", NULL}, /* not in the grammar: refused with what there is */
    {"is one of", "in"},
    {"one of", "in"},
    {"is not", "not"},
    {"is before", "before"},
    {"is after", "after"},
    {"is below", "below"},
    {"is above", "above"},
    {"less than", "below"},
    {"more than", "above"},
    {"equals", "equals"},
    {"contains", "contains"},
    {"before", "before"},
    {"after", "after"},
    {"below", "below"},
    {"above", "above"},
    {"not", "not"},
    {"in", "in"},
    {"is", "equals"},
    {"=", "equals"},
    {"<", "below"},
    {">", "above"},
};

/* Bytes of text that say `words` as whole words; 0: they do not. */
static size_t says(const char *text, const char *words)
{
    const size_t n = strlen(words);

    if (!n || strncasecmp(text, words, n) != 0 || (text[n] && text[n] != ' '))
        return 0;
    return n + strspn(text + n, " ");
}

static const json_t *column_of(const json_t *columns, const char *text, size_t *used)
{
    const json_t *best = NULL;
    size_t i;
    json_t *one;

    *used = 0;
    json_array_foreach (columns, i, one) {
        size_t n = says(text, json_str(one, "label"));
        const size_t by_name = says(text, json_str(one, "name"));
        n = by_name > n ? by_name : n;
        if (n > *used) {
            *used = n;
            best = one;
        }
    }
    return best;
}

static void list_of(const json_t *array, const char *member, struct buf *out)
{
    size_t i;
    json_t *one;

    json_array_foreach (array, i, one) {
        const char *text = member ? json_str(one, member) : json_string_value(one);
        buf_addf(out, "%s%s", out->n ? ", " : "", text ? text : "");
    }
}

static int no_column(const json_t *columns, const char *text, struct err *e)
{
    OWN(buf_free)
    struct buf all = BUF(4096);

    list_of(columns, "label", &all);
    return err_set(e, ERR_INPUT,
                   "filter \"%.80s\": expected COLUMN OPERATOR VALUE, or column:operator:value; "
                   "columns: %s",
                   text, buf_cstr(&all));
}

static bool has(const json_t *array, const char *text)
{
    size_t i;
    json_t *one;

    json_array_foreach (array, i, one)
        if (str_eq(json_string_value(one), text))
            return true;
    return false;
}

static int operator_of(const json_t *column, const char *text, const char **op, size_t *used,
                       struct err *e)
{
    const json_t *allowed = json_object_get(column, "operators");
    OWN(buf_free)
    struct buf all = BUF(512);

    for (size_t i = 0; i < COUNT(phrases); i++) {
        const size_t n = says(text, phrases[i].phrase);
        if (!n)
            continue;
        *op = phrases[i].op;
        if (*op && str_eq(*op, "below") && !has(allowed, "below") && has(allowed, "before"))
            *op = "before";
        if (*op && str_eq(*op, "above") && !has(allowed, "above") && has(allowed, "after"))
            *op = "after";
        *used = n;
        if (*op && (!column || has(allowed, *op)))
            return 0;
        break;
    }
    list_of(allowed, NULL, &all);
    return err_set(e, ERR_INPUT, "filter: %s: expected one of the operators %s",
                   column ? json_str(column, "label") : "column",
                   all.n ? buf_cstr(&all) : "is, is not, contains, before, after, below, above");
}

/* One value in the spelling of the schema. */
static int add_value(const json_t *column, const char *text, size_t n, struct buf *out,
                     struct err *e)
{
    const json_t *choices = json_object_get(column, "choices");
    OWN(own_mem)
    char *value = xstrndup(text, n);
    OWN(buf_free)
    struct buf all = BUF(1024);
    size_t i;
    json_t *one;

    if (str_eq(json_str(column, "type"), "bool") &&
        (str_ieq(value, "yes") || str_ieq(value, "no"))) {
        buf_add_str(out, str_ieq(value, "yes") ? "true" : "false");
        return 0;
    }
    if (!json_array_size(choices) || str_eq(value, "All")) {
        buf_add_str(out, value);
        return 0;
    }
    json_array_foreach (choices, i, one) {
        if (str_ieq(json_string_value(one), value)) {
            buf_add_str(out, json_string_value(one));
            return 0;
        }
    }
    list_of(choices, NULL, &all);
    return err_set(e, ERR_INPUT, "filter: %s: \"%.60s\" is none of its values: %s",
                   json_str(column, "label"), value, buf_cstr(&all));
}

/* "A, B or C" and "A|B|C". */
static int add_values(const json_t *column, const char *text, struct buf *out, struct err *e)
{
    for (const char *at = text; *at;) {
        const char *or_ = strcasestr(at, " or ");
        size_t n = strcspn(at, ",|"), skip = at[n] ? 1 : 0;
        if (or_ && (size_t)(or_ - at) < n) {
            n = (size_t)(or_ - at);
            skip = 4;
        }
        if (add_value(column, at, n, out, e) < 0)
            return -1;
        at += n + skip;
        at += strspn(at, " ");
        if (*at)
            buf_addc(out, '|');
    }
    return 0;
}

/* column:operator:value, checked as far as the schema knows. */
static bool is_raw(const char *text)
{
    const size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    const size_t m = n && text[n] == ':' ? strspn(text + n + 1, "abcdefghijklmnopqrstuvwxyz") : 0;

    return m && text[n + 1 + m] == ':';
}

static int without_schema(const char *text, struct buf *out, struct err *e)
{
    const size_t n = strcspn(text, " ");
    const char *op = NULL;
    size_t used = 0;

    if (!n || !text[n])
        return err_set(e, ERR_INPUT, "filter: expected COLUMN OPERATOR VALUE");
    if (operator_of(NULL, text + n + 1, &op, &used, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        buf_addc(out, (char)tolower((unsigned char)text[i]));
    buf_addf(out, ":%s:%s", op, text + n + 1 + used);
    return buf_check(out, "filter", e);
}

int filter_sentence(const json_t *columns, const char *text, struct buf *out, struct err *e)
{
    const char *op = NULL;
    size_t used = 0, op_used = 0;

    buf_clear(out);
    if (is_raw(text)) {
        buf_add_str(out, text);
        return buf_check(out, "filter", e);
    }
    if (!columns)
        return without_schema(text, out, e);
    const json_t *column = column_of(columns, text, &used);
    if (!column)
        return no_column(columns, text, e);
    if (operator_of(column, text + used, &op, &op_used, e) < 0)
        return -1;
    const char *value = text + used + op_used;
    buf_addf(out, "%s:%s:", json_str(column, "name"), op);
    if ((str_eq(op, "in") ? add_values(column, value, out, e)
                          : add_value(column, value, strlen(value), out, e)) < 0)
        return -1;
    return buf_check(out, "filter", e);
}

/* Records by name, and settings by schema (record.h). */
#include "src/ctl/record.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/ctl/prompt.h"

#define CANDIDATES_MAX 6
#define PAGES_MAX 1000

static const struct noun nouns[] = {
#define NOUN(word, path, schema, column) {#word, path, schema, column},
#include "src/ctl/nouns.def"
#undef NOUN
};

const struct noun *noun_find(const char *word)
{
    const size_t n = strcspn(word, " ");

    for (size_t i = 0; i < COUNT(nouns); i++)
        if (strlen(nouns[i].word) == n && memcmp(nouns[i].word, word, n) == 0)
            return &nouns[i];
    return NULL;
}

const struct noun *noun_of(const struct ctl *c)
{
    return noun_find(c->args.command->words);
}

const char *verb_of(const struct ctl *c)
{
    const char *space = strchr(c->args.command->words, ' ');

    return space ? space + 1 : c->args.command->words;
}

static void add_candidate(struct buf *out, const json_t *row, const char *column)
{
    const char *state = json_str(row, "state");

    if (!*state)
        state = json_str(row, "status");
    buf_addf(out, "%s%s (%s%s%s)", out->n ? ", " : "", json_str(row, "id"), json_str(row, column),
             *state ? ", " : "", state);
}

/* A page may be short or empty before the end: the server looks at a bounded number of records. */
static int find_by_name(struct ctl *c, const struct noun *n, const char *text, json_t *found,
                        struct err *e)
{
    OWN(buf_free)
    struct buf base = BUF(4096);
    OWN(own_mem)
    char *cursor = NULL;

    buf_addf(&base, "/%s?limit=%d&filter=", n->path, CANDIDATES_MAX);
    OWN(own_mem)
    char *filter = xasprintf("%s:equals:%s", n->name_column, text);
    url_add(&base, filter);
    if (buf_check(&base, "name", e) < 0)
        return -1;
    for (int i = 0; i < PAGES_MAX && json_array_size(found) < CANDIDATES_MAX; i++) {
        OWN(own_json)
        json_t *page = NULL;
        OWN(buf_free)
        struct buf path = BUF(8192);
        buf_add_blob(&path, buf_blob(&base));
        if (cursor) {
            buf_add_str(&path, "&cursor=");
            url_add(&path, cursor);
        }
        if (buf_check(&path, "cursor", e) < 0 || api_get(c, buf_cstr(&path), &page, e) < 0)
            return -1;
        json_array_extend(found, json_object_get(page, "items"));
        const char *next = json_str(page, "next");
        if (!*next)
            break;
        free(cursor);
        cursor = xstrdup(next);
    }
    return 0;
}

int record_find(struct ctl *c, const struct noun *n, const char *text, char id[ID_TEXT_BYTES],
                struct err *e)
{
    OWN(own_json)
    json_t *found = json_array();

    if (id_valid(text))
        return str_copy(id, ID_TEXT_BYTES, text, e);
    if (!*text || !text_clean(text, strlen(text), ""))
        return err_set(e, ERR_INPUT, "%s: expected an id or a name", n->word);
    if (find_by_name(c, n, text, found, e) < 0)
        return err_wrap(e, "look up %s \"%.100s\"", n->word, text);
    if (json_array_size(found) == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no %s \"%.100s\"; certkeep %s list shows them",
                       n->word, text, n->word);
    if (json_array_size(found) == 1) {
        const char *got = json_str(json_array_get(found, 0), "id");
        if (!id_valid(got))
            return err_set(e, ERR_REMOTE, "the answer has no id; is this a Certkeep?");
        return str_copy(id, ID_TEXT_BYTES, got, e);
    }
    OWN(buf_free)
    struct buf all = BUF(4096);
    for (size_t i = 0; i < json_array_size(found) && i + 1 < CANDIDATES_MAX; i++)
        add_candidate(&all, json_array_get(found, i), n->name_column);
    if (json_array_size(found) >= CANDIDATES_MAX)
        buf_add_str(&all, ", and more");
    return err_set(e, ERR_CONFLICT, "more than one %s is called \"%.100s\"; give the id: %s",
                   n->word, text, buf_cstr(&all));
}

int record_schema(struct ctl *c, const char *record, json_t **out, struct err *e)
{
    OWN(own_mem)
    char *path = xasprintf("/schema/%s", record);

    return api_get(c, path, out, e);
}

/* "SSH-Port" is ssh_port. */
static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        const int x = *a == '-' || *a == ' ' ? '_' : tolower((unsigned char)*a);
        const int y = *b == '-' || *b == ' ' ? '_' : tolower((unsigned char)*b);
        if (x != y)
            return false;
    }
    return !*a && !*b;
}

const json_t *schema_member(const json_t *list, const char *name)
{
    size_t i;
    json_t *one;

    json_array_foreach (list, i, one)
        if (same_name(json_str(one, "name"), name))
            return one;
    json_array_foreach (list, i, one)
        if (same_name(json_str(one, "label"), name))
            return one;
    return NULL;
}

static int unknown_setting(const json_t *fields, const char *name, struct err *e)
{
    OWN(buf_free)
    struct buf all = BUF(4096);
    size_t i;
    json_t *one;

    json_array_foreach (fields, i, one) {
        if (!json_bool(one, "readonly"))
            buf_addf(&all, "%s%s", all.n ? ", " : "", json_str(one, "name"));
    }
    return err_set(e, ERR_INPUT, "there is no setting \"%.60s\"; there are %s", name,
                   buf_cstr(&all));
}

static int enum_value(const json_t *field, const char *text, json_t **out, struct err *e)
{
    OWN(buf_free)
    struct buf all = BUF(1024);
    size_t i;
    json_t *one;

    json_array_foreach (json_object_get(field, "choices"), i, one) {
        if (str_ieq(json_string_value(one), text)) {
            *out = json_incref(one);
            return 0;
        }
        buf_addf(&all, "%s%s", all.n ? ", " : "", json_string_value(one));
    }
    return err_set(e, ERR_INPUT, "expected one of %s", buf_cstr(&all));
}

/* A record by its name, where the schema says which kind. */
static int id_value(struct ctl *c, const json_t *field, const char *text, json_t **out,
                    struct err *e)
{
    const struct noun *n = noun_find(json_str(field, "table"));
    char id[ID_TEXT_BYTES] = "";

    if (*text && n && record_find(c, n, text, id, e) < 0)
        return -1;
    *out = json_string(n || !*text ? id : text);
    return 0;
}

/* Records by their names, comma-parted. */
static int ids_value(struct ctl *c, const json_t *field, const char *text, json_t **out,
                     struct err *e)
{
    OWN(strs_free)
    struct strs parts = {0};
    OWN(own_json)
    json_t *list = json_array();

    strs_split(&parts, text, ",");
    for (size_t i = 0; i < parts.n; i++) {
        json_t *id = NULL;
        if (id_value(c, field, parts.v[i] + strspn(parts.v[i], " "), &id, e) < 0)
            return -1;
        json_array_append_new(list, id);
    }
    *out = TAKE(list);
    return 0;
}

static int list_value(const char *text, json_t **out)
{
    OWN(strs_free)
    struct strs parts = {0};

    strs_split(&parts, text, ",");
    *out = json_array();
    for (size_t i = 0; i < parts.n; i++)
        json_array_append_new(*out, json_string(parts.v[i] + strspn(parts.v[i], " ")));
    return 0;
}

static int typed_value(struct ctl *c, const json_t *field, const char *text, json_t **out,
                       struct err *e)
{
    const char *kind = json_str(field, "kind");
    int64_t number;

    if (str_eq(kind, "enum"))
        return *text ? enum_value(field, text, out, e) : (*out = json_null(), 0);
    if (str_eq(kind, "id"))
        return id_value(c, field, text, out, e);
    if (str_eq(kind, "ids"))
        return ids_value(c, field, text, out, e);
    if (str_eq(kind, "list") || str_eq(kind, "choices"))
        return list_value(text, out);
    if (!*text && (str_eq(kind, "int") || str_eq(kind, "bool") || str_eq(kind, "time"))) {
        *out = json_null(); /* back to the default */
        return 0;
    }
    if (str_eq(kind, "int")) {
        const int64_t min = json_object_get(field, "min") ? json_int(field, "min") : INT64_MIN;
        const int64_t max = json_object_get(field, "max") ? json_int(field, "max") : INT64_MAX;
        if (parse_i64(text, min, max, &number, e) < 0)
            return -1;
        *out = json_integer(number);
        return 0;
    }
    if (str_eq(kind, "bool")) {
        const bool yes = str_ieq(text, "yes") || str_ieq(text, "true") || str_ieq(text, "on");
        if (!yes && !str_ieq(text, "no") && !str_ieq(text, "false") && !str_ieq(text, "off"))
            return err_set(e, ERR_INPUT, "expected yes or no");
        *out = json_boolean(yes);
        return 0;
    }
    if (!utf8_valid(text, strlen(text)))
        return err_set(e, ERR_INPUT, "expected UTF-8");
    *out = json_string(text);
    return 0;
}

/* Secrets, and texts of several lines, come from files. */
static int outside_value(const json_t *field, const char *text, json_t **out, struct err *e)
{
    const bool secret = str_eq(json_str(field, "kind"), "secret");
    OWN(buf_free)
    struct buf value = BUF_SECRET(PROMPT_MAX_BYTES);

    if (secret && !*text) {
        *out = json_null();
        return 0;
    }
    if ((secret ? secret_value(json_str(field, "name"), text, &value, e)
                : file_read(text + 1, false, &value, e)) < 0)
        return -1;
    if (!utf8_valid((const char *)value.p, value.n) || (value.n && memchr(value.p, 0, value.n)))
        return err_set(e, ERR_INPUT, "expected UTF-8 text");
    *out = json_stringn(value.n ? (const char *)value.p : "", value.n);
    return 0;
}

int setting_read(struct ctl *c, const json_t *schema, const char *word, json_t *body, struct err *e)
{
    const json_t *fields = json_object_get(schema, "fields");
    const char *eq = strchr(word, '=');
    json_t *value = NULL;

    if (!eq || eq == word)
        return err_set(e, ERR_INPUT, "settings are words of the form NAME=VALUE");
    OWN(own_mem)
    char *name = xstrndup(word, (size_t)(eq - word));
    const json_t *field = schema_member(fields, name);
    if (!field)
        return unknown_setting(fields, name, e);
    const char *real = json_str(field, "name"), *kind = json_str(field, "kind");
    if (json_bool(field, "readonly"))
        return err_set(e, ERR_INPUT, "%s cannot be set: the appliance keeps it", real);
    if (json_object_get(body, real))
        return err_set(e, ERR_INPUT, "%s is given twice", real);
    const bool outside = str_eq(kind, "secret") || (str_eq(kind, "lines") && eq[1] == '@');
    if (outside) {
        if (outside_value(field, eq + 1, &value, e) < 0)
            return -1; /* names the setting itself */
    } else if (typed_value(c, field, eq + 1, &value, e) < 0) {
        return err_wrap(e, "%s", real);
    }
    json_put_take(body, real, value);
    return 0;
}

int settings_read(struct ctl *c, const json_t *schema, size_t first, json_t *body, struct err *e)
{
    for (size_t i = first; i < c->args.words.n; i++)
        if (setting_read(c, schema, c->args.words.v[i], body, e) < 0)
            return -1;
    return 0;
}

/*
 * JSON at the borders over jansson. Owns the depth limit (jansson's own is 2048), the words of
 * type errors, and the wiping of JSON memory: a body may hold a password. Refuses duplicate names,
 * NUL in strings and anything behind the value.
 */
#include "src/base/json.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/secret.h"

static void free_wiped(void *p)
{
    if (p)
        wipe(p, malloc_usable_size(p));
    free(p);
}

/*
 * Before main(): jansson's allocator must be set before its first use, and no process that parses
 * JSON may forget it.
 */
__attribute__((constructor)) static void json_memory(void)
{
    json_set_alloc_funcs(xmalloc, free_wiped);
}

/* Deepest nesting of brackets outside strings; the decoder checks everything else. */
static int nesting(struct blob text)
{
    const char *p = text.p;
    int depth = 0, deepest = 0;
    bool quoted = false;

    for (size_t i = 0; i < text.n; i++) {
        if (quoted) {
            if (p[i] == '\\')
                i++;
            else if (p[i] == '"')
                quoted = false;
        } else if (p[i] == '"') {
            quoted = true;
        } else if (p[i] == '{' || p[i] == '[') {
            if (++depth > deepest)
                deepest = depth;
            if (deepest > JSON_DEPTH_MAX)
                break;
        } else if (p[i] == '}' || p[i] == ']') {
            depth--;
        }
    }
    return deepest;
}

json_t *json_parse(struct blob text, size_t max_bytes, const char *what, struct err *e)
{
    json_error_t at;

    if (text.n > max_bytes) {
        err_set(e, ERR_LIMIT, "%s: %zu bytes, at most %zu are accepted", what, text.n, max_bytes);
        return NULL;
    }
    if (nesting(text) > JSON_DEPTH_MAX) {
        err_set(e, ERR_INPUT, "%s: expected JSON nested at most %d deep", what, JSON_DEPTH_MAX);
        return NULL;
    }
    json_t *j =
        json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &at);
    if (!j)
        /* Not jansson's text: it quotes the input, which may hold a secret. */
        err_set(e, ERR_INPUT, "%s: expected JSON; line %d, column %d is not%s", what, at.line,
                at.column,
                json_error_code(&at) == json_error_duplicate_key ? " (a member's name is repeated)"
                                                                 : "");
    return j;
}

static int print_piece(const char *piece, size_t n, void *arg)
{
    struct buf *out = arg;

    buf_add(out, piece, n);
    return buf_ok(out) ? 0 : -1;
}

int json_print(const json_t *j, struct buf *out, struct err *e)
{
    int got = json_dump_callback(j, print_piece, out, JSON_COMPACT | JSON_ENCODE_ANY);

    if (buf_check(out, "JSON", e) < 0)
        return -1;
    if (got < 0)
        return err_set(e, ERR_BUG, "JSON: not printable");
    return 0;
}

/* The member, or NULL when it is absent or null. */
static json_t *member(const json_t *o, const char *name)
{
    json_t *v = json_object_get(o, name);

    return json_is_null(v) ? NULL : v;
}

int json_opt_str(const json_t *o, const char *name, size_t max, const char **out, struct err *e)
{
    json_t *v = member(o, name);

    if (!v)
        return 0;
    if (!json_is_string(v) || json_string_length(v) > max)
        return err_set(e, ERR_INPUT, "%s: expected text of at most %zu bytes", name, max);
    *out = json_string_value(v);
    return 0;
}

int json_opt_int(const json_t *o, const char *name, int64_t min, int64_t max, int64_t *out,
                 struct err *e)
{
    json_t *v = member(o, name);

    if (!v)
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return err_set(e, ERR_INPUT, "%s: expected an integer from %" PRId64 " to %" PRId64, name,
                       min, max);
    *out = json_integer_value(v);
    return 0;
}

int json_opt_bool(const json_t *o, const char *name, bool *out, struct err *e)
{
    json_t *v = member(o, name);

    if (!v)
        return 0;
    if (!json_is_boolean(v))
        return err_set(e, ERR_INPUT, "%s: expected true or false", name);
    *out = json_is_true(v);
    return 0;
}

int json_opt_strs(const json_t *o, const char *name, size_t max_count, size_t max_each,
                  struct strs *out, struct err *e)
{
    json_t *v = member(o, name), *item;
    size_t i;

    if (!v)
        return 0;
    if (!json_is_array(v) || json_array_size(v) > max_count)
        return err_set(e, ERR_INPUT, "%s: expected a list of at most %zu texts", name, max_count);
    json_array_foreach (v, i, item)
        if (!json_is_string(item) || json_string_length(item) > max_each)
            return err_set(e, ERR_INPUT, "%s[%zu]: expected text of at most %zu bytes", name, i,
                           max_each);
    struct strs got = {0};
    json_array_foreach (v, i, item)
        strs_add(&got, json_string_value(item));
    strs_free(out);
    *out = got;
    return 0;
}

static int need(const json_t *o, const char *name, const char *expected, struct err *e)
{
    if (member(o, name))
        return 0;
    return err_set(e, ERR_INPUT, "%s: missing, expected %s", name, expected);
}

int json_get_str(const json_t *o, const char *name, size_t max, const char **out, struct err *e)
{
    if (need(o, name, "text", e) < 0)
        return -1;
    return json_opt_str(o, name, max, out, e);
}

int json_get_int(const json_t *o, const char *name, int64_t min, int64_t max, int64_t *out,
                 struct err *e)
{
    if (need(o, name, "an integer", e) < 0)
        return -1;
    return json_opt_int(o, name, min, max, out, e);
}

int json_get_bool(const json_t *o, const char *name, bool *out, struct err *e)
{
    if (need(o, name, "true or false", e) < 0)
        return -1;
    return json_opt_bool(o, name, out, e);
}

int json_get_obj(const json_t *o, const char *name, json_t **out, struct err *e)
{
    json_t *v = member(o, name);

    if (!json_is_object(v))
        return err_set(e, ERR_INPUT, "%s: %sexpected an object", name, v ? "" : "missing, ");
    *out = v;
    return 0;
}

int json_get_array(const json_t *o, const char *name, size_t max, json_t **out, struct err *e)
{
    json_t *v = member(o, name);

    if (!json_is_array(v) || json_array_size(v) > max)
        return err_set(e, ERR_INPUT, "%s: %sexpected a list of at most %zu", name,
                       v ? "" : "missing, ", max);
    *out = v;
    return 0;
}

int json_only(const json_t *o, const char *const *names, struct err *e)
{
    const char *name;
    json_t *v;

    if (!json_is_object(o))
        return err_set(e, ERR_INPUT, "expected an object");
    json_object_foreach ((json_t *)o, name, v) {
        size_t i = 0;
        while (names[i] && strcmp(names[i], name) != 0)
            i++;
        if (!names[i])
            return err_set(e, ERR_INPUT, "%.64s: there is no such member",
                           text_clean(name, strlen(name), NULL) ? name : "?");
    }
    return 0;
}

/* Text of foreign origin (a certificate's name) may be broken UTF-8: each such byte becomes '?'. */
static json_t *text_value(const char *text)
{
    json_t *v = text ? json_string(text) : json_null();

    if (v)
        return v;
    OWN(own_mem)
    char *clean = xstrdup(text);
    size_t n = strlen(clean);
    for (size_t i = 0, len; i < n; i += len) {
        for (len = 1; len <= 4 && i + len <= n; len++)
            if (utf8_valid(clean + i, len))
                break;
        if (len > 4 || i + len > n) {
            clean[i] = '?';
            len = 1;
        }
    }
    return json_string(clean);
}

void json_put_take(json_t *o, const char *name, json_t *value)
{
    if (json_object_set_new(o, name, value) < 0)
        abort(); /* not an object, no value, or a name that is not UTF-8: ours to avoid */
}

void json_put_str(json_t *o, const char *name, const char *text)
{
    json_put_take(o, name, text_value(text));
}

void json_put_int(json_t *o, const char *name, int64_t v)
{
    json_put_take(o, name, json_integer(v));
}

void json_put_bool(json_t *o, const char *name, bool v)
{
    json_put_take(o, name, json_boolean(v));
}

void json_put_strs(json_t *o, const char *name, const struct strs *s)
{
    json_t *list = json_array();

    for (size_t i = 0; i < s->n; i++)
        if (json_array_append_new(list, text_value(s->v[i])) < 0)
            abort();
    json_put_take(o, name, list);
}

const char *json_str(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));

    return s ? s : "";
}

int64_t json_int(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

bool json_bool(const json_t *o, const char *name)
{
    return json_is_true(json_object_get(o, name));
}

/*
 * What each kind of field accepts from the API, and the table of kinds. Nothing is repaired but
 * the spelling of host names and addresses, which get their one canonical form.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/field_kind.h"
#include "src/base/secret.h"
#include "src/base/time.h"

#define LOCAL_PART_MAX 64 /* RFC 5321, 4.5.3.1.1 */
#define HOST_BYTES 256
/* Browsers read JSON numbers as doubles: above 2^53 they would change them. */
#define INT_MAX_SAFE INT64_C(9007199254740991)

int64_t field_max(const struct field *f)
{
    return f->max ? f->max : field_type(f)->max;
}

static char *refuse(struct err *e, const char *expected)
{
    err_set(e, ERR_INPUT, "expected %s", expected);
    return NULL;
}

static char *any_text(const struct field *f, const char *text, struct err *e)
{
    (void)f;
    (void)e;
    return xstrdup(text);
}

static char *host_text(const struct field *f, const char *text, struct err *e)
{
    char host[HOST_BYTES];

    (void)f;
    if (parse_ip(text, host, sizeof(host), NULL) < 0 &&
        parse_host(text, false, host, sizeof(host), NULL) < 0)
        return refuse(e, "a host name or IP address such as www.example.com or 192.0.2.1");
    return xstrdup(host);
}

/* "host", "host:443", "[::1]:443"; no user info, since '@' is in no host name. */
static bool authority_ok(const char *text, size_t n)
{
    OWN(own_mem)
    char *a = xstrndup(text, n);
    char host[HOST_BYTES];
    uint16_t port;

    if (n == 0 || n > HOST_BYTES + 8)
        return false;
    if (a[0] == '[' && a[n - 1] == ']') {
        a[n - 1] = 0;
        return strchr(a, ':') && parse_ip(a + 1, host, sizeof(host), NULL) == 0;
    }
    return parse_ip(strchr(a, ':') ? "" : a, host, sizeof(host), NULL) == 0 ||
           parse_host(a, false, host, sizeof(host), NULL) == 0 ||
           parse_host_port(a, host, sizeof(host), &port, NULL) == 0;
}

/* Characters RFC 3986 has outside '#'; a percent sign starts two hex digits. */
static bool url_tail_ok(const char *s)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    static const char more[] = "-._~:/?[]@!$&'()*+,;=";

    for (; *s; s++) {
        bool alnum = (*s >= '0' && *s <= '9') || ((*s | 32) >= 'a' && (*s | 32) <= 'z');
        if (*s == '%' && s[1] && strchr(hex, s[1]) && s[2] && strchr(hex, s[2]))
            continue;
        if (!alnum && !strchr(more, *s))
            return false;
    }
    return true;
}

static char *url_text(const struct field *f, const char *text, struct err *e)
{
    const char *rest = NULL;

    if (str_starts(text, "https://"))
        rest = text + strlen("https://");
    else if (f->flags & FIELD_HTTP_OK && str_starts(text, "http://"))
        rest = text + strlen("http://");
    if (!rest)
        return refuse(e, f->flags & FIELD_HTTP_OK ? "a URL that begins with https:// or http://"
                                                  : "a URL that begins with https://");
    size_t n = strcspn(rest, "/?#");
    if (!authority_ok(rest, n) || !url_tail_ok(rest + n))
        return refuse(e, "a URL such as https://ca.example.com/path, without user name, fragment "
                         "or spaces");
    return xstrdup(text);
}

static char *path_text(const struct field *f, const char *text, struct err *e)
{
    (void)f;
    if (text[0] != '/')
        return refuse(e, "an absolute path such as /etc/ssl/site.pem");
    for (const char *at = text; *at;) {
        size_t n = strcspn(++at, "/"); /* at was on a slash */
        bool dots = (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.');
        if (dots || (n == 0 && at[n]))
            return refuse(e, "a path without \".\", \"..\" and empty parts");
        at += n;
    }
    return xstrdup(text);
}

/* RFC 5321 addresses with a dot-atom local part; quoted local parts are refused. */
static char *email_text(const struct field *f, const char *text, struct err *e)
{
    static const char atext[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "!#$%&'*+-/=?^_`{|}~.";
    size_t n = strspn(text, atext);
    char host[HOST_BYTES];

    (void)f;
    if (n == 0 || n > LOCAL_PART_MAX || text[n] != '@' || text[0] == '.' || text[n - 1] == '.' ||
        parse_host(text + n + 1, false, host, sizeof(host), NULL) < 0)
        return refuse(e, "an address such as admin@example.com");
    for (size_t i = 1; i < n; i++)
        if (text[i] == '.' && text[i - 1] == '.')
            return refuse(e, "an address without two dots in a row before the @");
    return xstrdup(text);
}

static char *enum_text(const struct field *f, const char *text, struct err *e)
{
    struct strs choices = {0};

    strs_split(&choices, f->choices, "|");
    char *found = strs_has(&choices, text) ? xstrdup(text) : NULL;
    if (!found) {
        OWN(own_mem)
        char *all = strs_join(&choices, ", ");
        err_set(e, ERR_INPUT, "expected one of: %s", all);
    }
    strs_free(&choices);
    return found;
}

static char *id_text(const struct field *f, const char *text, struct err *e)
{
    (void)f;
    return id_valid(text) ? xstrdup(text) : refuse(e, "an identifier of 20 characters");
}

static int length_error(const struct field *f, struct err *e)
{
    int64_t min = f->min > 0 ? f->min : f->flags & FIELD_REQUIRED ? 1 : 0;

    return err_set(e, ERR_INPUT, "expected text of %" PRId64 " to %" PRId64 " bytes", min,
                   field_max(f));
}

/* Empty text is no value: the member stays NULL, and a required field is then missing. */
static int read_text(const struct field *f, const json_t *v, void *member, struct err *e)
{
    const struct field_type *t = field_type(f);
    const char *text = json_string_value(v);
    size_t n = json_string_length(v);

    if (!text)
        return err_set(e, ERR_INPUT, "expected text");
    if (n == 0)
        return 0;
    if ((int64_t)n < f->min || (int64_t)n > field_max(f))
        return length_error(f, e);
    if (!text_clean(text, n, t->allow))
        return err_set(e, ERR_INPUT, "expected %s without control characters",
                       t->allow ? "text" : "one line of text");
    *(char **)member = t->canonical(f, text, e);
    return *(char **)member ? 0 : -1;
}

static int read_int(const struct field *f, const json_t *v, void *member, struct err *e)
{
    int64_t n = json_integer_value(v), max = field_max(f);

    if (!json_is_integer(v) || n < f->min || n > max)
        return err_set(e, ERR_INPUT, "expected a number from %" PRId64 " to %" PRId64, f->min, max);
    *(int64_t *)member = n;
    return 0;
}

static int read_bool(const struct field *f, const json_t *v, void *member, struct err *e)
{
    (void)f;
    if (!json_is_boolean(v))
        return err_set(e, ERR_INPUT, "expected true or false");
    *(bool *)member = json_is_true(v);
    return 0;
}

static int read_time(const struct field *f, const json_t *v, void *member, struct err *e)
{
    (void)f;
    if (json_is_string(v) && json_string_length(v) == 0)
        return 0;
    return time_parse(json_string_value(v), member, e);
}

static int read_bytes_field(const struct field *f, const json_t *v, void *member, struct err *e)
{
    size_t max = (size_t)field_max(f), n = json_string_length(v);
    OWN(buf_free)
    struct buf raw = BUF(max);

    if (!json_is_string(v))
        return err_set(e, ERR_INPUT, "expected base64");
    if (n > (max + 2) / 3 * 4)
        return err_set(e, ERR_INPUT, "expected at most %zu bytes, as base64", max);
    if (dec_base64(&raw, json_string_value(v), n, e) < 0) {
        if (e && e->code == ERR_LIMIT)
            err_set(e, ERR_INPUT, "expected at most %zu bytes, as base64", max);
        return -1;
    }
    if ((int64_t)raw.n < f->min)
        return err_set(e, ERR_INPUT, "expected at least %" PRId64 " bytes, as base64", f->min);
    bytes_set(member, buf_blob(&raw));
    return 0;
}

static int read_list(const struct field *f, const json_t *v, void *member, struct err *e)
{
    json_t *item;
    size_t i;

    if (!json_is_array(v) || json_array_size(v) > FIELD_LIST_MAX)
        return err_set(e, ERR_INPUT, "expected a list of at most %d texts", FIELD_LIST_MAX);
    json_array_foreach (v, i, item) {
        const char *text = json_string_value(item);
        size_t n = json_string_length(item);
        if (!text || n == 0 || (int64_t)n > field_max(f) || !text_clean(text, n, NULL))
            return err_set(e, ERR_INPUT,
                           "entry %zu: expected one line of text of 1 to %" PRId64 " bytes", i + 1,
                           field_max(f));
        strs_add(member, text);
    }
    return 0;
}

/* A list whose entries are each what a single field of that sort takes, and stand once. */
static int read_set(const struct field *f, const json_t *v, void *member, struct err *e)
{
    struct strs *set = member;

    if (read_list(f, v, set, e) < 0)
        return -1;
    for (size_t i = 0; i < set->n; i++) {
        OWN(own_mem)
        char *clean = field_type(f)->canonical(f, set->v[i], e);
        if (!clean)
            return err_wrap(e, "entry %zu", i + 1);
        for (size_t k = 0; k < i; k++)
            if (strcmp(set->v[k], clean) == 0)
                return err_set(e, ERR_INPUT, "entry %zu: %s stands twice", i + 1, clean);
    }
    return 0;
}

/* Any text: a password, a PEM key. Nothing of it may reach an error text. */
static int read_secret(const struct field *f, const json_t *v, void *member, struct err *e)
{
    size_t n = json_string_length(v);

    if (!json_is_string(v))
        return err_set(e, ERR_INPUT, "expected text");
    if (n == 0)
        return 0;
    if ((int64_t)n < f->min || (int64_t)n > field_max(f))
        return length_error(f, e);
    return secret_copy(member, json_string_value(v), n, e);
}

static const struct field_type types[] = {
    [FIELD_TEXT] = {"text", &field_store_text, 255, read_text, any_text, NULL},
    [FIELD_LINES] = {"lines", &field_store_text, 65536, read_text, any_text, "\r\n\t"},
    [FIELD_HOST] = {"host", &field_store_text, 253, read_text, host_text, NULL},
    [FIELD_URL] = {"url", &field_store_text, 2048, read_text, url_text, NULL},
    [FIELD_PATH] = {"path", &field_store_text, 1024, read_text, path_text, NULL},
    [FIELD_EMAIL] = {"email", &field_store_text, 254, read_text, email_text, NULL},
    [FIELD_ENUM] = {"enum", &field_store_text, 64, read_text, enum_text, NULL},
    [FIELD_ID] = {"id", &field_store_text, ID_CHARS, read_text, id_text, NULL},
    [FIELD_INT] = {"int", &field_store_int, INT_MAX_SAFE, read_int, NULL, NULL},
    [FIELD_BOOL] = {"bool", &field_store_bool, 1, read_bool, NULL, NULL},
    [FIELD_TIME] = {"time", &field_store_time, 0, read_time, NULL, NULL},
    [FIELD_BYTES] = {"bytes", &field_store_bytes, 65536, read_bytes_field, NULL, NULL},
    [FIELD_LIST] = {"list", &field_store_list, 255, read_list, NULL, NULL},
    [FIELD_CHOICES] = {"choices", &field_store_list, 64, read_set, enum_text, NULL},
    [FIELD_IDS] = {"ids", &field_store_list, ID_CHARS, read_set, id_text, NULL},
    [FIELD_SECRET] = {"secret", &field_store_secret, 4096, read_secret, NULL, NULL},
};

const struct field_type *field_type(const struct field *f)
{
    if ((size_t)f->kind >= COUNT(types))
        abort(); /* a field table of ours is wrong */
    return &types[f->kind];
}

/* One pass over the lines. Every field has a limit of its own, the head as a whole one more. */
#include "src/rescue/http.h"

#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"

#define NAME_BYTES 64u

size_t http_head_bytes(const uint8_t *p, size_t n)
{
    const uint8_t *end = memmem(p, n, "\r\n\r\n", 4);

    return end ? (size_t)(end - p) + 4 : 0;
}

static int bad(struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, "request: %s", what);
}

static bool is_token(const char *s, size_t n)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < n; i++) {
        const char c = s[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && (c == '\0' || !memchr(others, c, sizeof(others) - 1)))
            return false;
    }
    return n > 0;
}

/* Copies n bytes that hold nothing but letters, digits and `others`. */
static int take(char *out, size_t size, const char *p, size_t n, const char *others)
{
    if (n >= size)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const char c = p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && (c == '\0' || !strchr(others, c)))
            return -1;
    }
    memcpy(out, p, n);
    out[n] = '\0';
    return 0;
}

static int request_line(const char *p, size_t n, struct http_head *h, struct err *e)
{
    static const char version[] = " HTTP/1.1";
    const size_t tail = sizeof(version) - 1;
    const char *space = memchr(p, ' ', n);

    if (!space || n < tail || memcmp(p + n - tail, version, tail) != 0)
        return bad(e, "expected METHOD PATH HTTP/1.1");
    const char *path = space + 1;
    const char *end = p + n - tail;
    if (take(h->method, sizeof(h->method), p, (size_t)(space - p), "") < 0 || h->method[0] == '\0')
        return bad(e, "method: expected GET, POST or PUT");
    if (path >= end || *path != '/' ||
        take(h->path, sizeof(h->path), path, (size_t)(end - path), "/-_.") < 0 ||
        strstr(h->path, "//") || strstr(h->path, "/."))
        return bad(e, "path: expected letters, digits, -, _, . and /, without a query");
    return 0;
}

static int set_host(struct http_head *h, const char *v, size_t n, struct err *e)
{
    return n == 0 || take(h->host, sizeof(h->host), v, n, "-.:[]_") < 0 ? bad(e, "Host") : 0;
}

static int set_length(struct http_head *h, const char *v, size_t n, struct err *e)
{
    char text[20];

    if (take(text, sizeof(text), v, n, "") < 0 ||
        parse_u64(text, 0, INT64_MAX, &h->length, NULL) < 0)
        return bad(e, "Content-Length: expected one number");
    return 0;
}

static int set_type(struct http_head *h, const char *v, size_t n, struct err *e)
{
    return take(h->type, sizeof(h->type), v, n, " /;=-_.+\"'(),:?") < 0 ? bad(e, "Content-Type")
                                                                        : 0;
}

static int set_origin(struct http_head *h, const char *v, size_t n, struct err *e)
{
    return take(h->origin, sizeof(h->origin), v, n, "-.:[]_/") < 0 ? bad(e, "Origin") : 0;
}

static int set_accept(struct http_head *h, const char *v, size_t n, struct err *e)
{
    (void)e;
    h->html = memmem(v, n, "text/html", 9) != NULL;
    return 0;
}

static int set_expect(struct http_head *h, const char *v, size_t n, struct err *e)
{
    h->expects = n == 12 && memcmp(v, "100-continue", 12) == 0;
    return h->expects ? 0 : bad(e, "Expect: only 100-continue is known");
}

static int refuse_coding(struct http_head *h, const char *v, size_t n, struct err *e)
{
    (void)h;
    (void)v;
    (void)n;
    return bad(e, "Transfer-Encoding: send the body with its Content-Length instead");
}

static const struct {
    const char *name;
    int (*set)(struct http_head *h, const char *v, size_t n, struct err *e);
} fields[] = {
    {"host", set_host},
    {"content-length", set_length},
    {"content-type", set_type},
    {"origin", set_origin},
    {"accept", set_accept},
    {"expect", set_expect},
    {"transfer-encoding", refuse_coding},
};

/* One field line; `seen` has a bit for each known name, for none of them may come twice. */
static int field_line(const char *p, size_t n, struct http_head *h, unsigned *seen, struct err *e)
{
    char name[NAME_BYTES];
    const char *colon = memchr(p, ':', n);
    const char *v = colon ? colon + 1 : p;
    const char *end = p + n;

    if (!colon || !is_token(p, (size_t)(colon - p)))
        return bad(e, "a field line without a proper name");
    while (v < end && (*v == ' ' || *v == '\t'))
        v++;
    while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    for (const char *c = v; c < end; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return bad(e, "a control character in a field");
    const size_t name_n = (size_t)(colon - p);
    if (name_n >= sizeof(name))
        return 0; /* longer than any name that is known */
    memcpy(name, p, name_n);
    name[name_n] = '\0';
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (!str_ieq(name, fields[i].name))
            continue;
        if (*seen & 1u << i)
            return err_set(e, ERR_INPUT, "request: %s stands twice", fields[i].name);
        *seen |= 1u << i;
        return fields[i].set(h, v, (size_t)(end - v), e);
    }
    return 0;
}

int http_head_parse(const uint8_t *bytes, size_t n, struct http_head *out, struct err *e)
{
    const char *p = (const char *)bytes;
    struct http_head h = {};
    unsigned seen = 0;

    if (n < 4 || n > HTTP_HEAD_BYTES || memcmp(p + n - 4, "\r\n\r\n", 4) != 0)
        return bad(e, "its head does not end");
    const char *const end = p + n - 2;
    for (unsigned line = 0; p < end; line++) {
        const char *cr = memmem(p, (size_t)(end - p), "\r\n", 2);
        if (!cr || line > HTTP_FIELDS_MAX)
            return bad(e, "too many fields");
        const size_t line_n = (size_t)(cr - p);
        if (memchr(p, '\r', line_n) || memchr(p, '\n', line_n))
            return bad(e, "a line that does not end with CR LF");
        if ((line == 0 ? request_line(p, line_n, &h, e) : field_line(p, line_n, &h, &seen, e)) < 0)
            return -1;
        p = cr + 2;
    }
    if (h.host[0] == '\0')
        return bad(e, "Host is missing");
    *out = h;
    return 0;
}

/* The strict reading of a request's head and the end of its body. */
#include "src/web/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/secret.h"

static int refuse(struct refusal *why, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int refuse(struct refusal *why, int status, const char *fmt, ...)
{
    va_list ap;

    why->status = status;
    va_start(ap, fmt);
    vsnprintf(why->text, sizeof(why->text), fmt, ap);
    va_end(ap);
    return -1;
}

size_t request_head_end(const uint8_t *p, size_t n)
{
    const uint8_t *end = memmem(p, n, "\r\n\r\n", 4);

    return end ? (size_t)(end - p) + 4 : 0;
}

/* RFC 9110, 5.6.2 */
static bool is_token(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
              strchr("!#$%&'*+-.^_`|~", *s)))
            return false;
    return true;
}

static bool known_method(const char *method)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PATCH", "DELETE"};

    for (size_t i = 0; i < COUNT(methods); i++)
        if (strcmp(methods[i], method) == 0)
            return true;
    return false;
}

/* Our paths need letters, digits and "-._~" only: no escape, so nothing is read twice. */
static int check_path(const char *path, struct refusal *why)
{
    if (path[0] != '/' || strlen(path) > REQUEST_PATH_MAX)
        return refuse(why, 400, "path: expected / and at most %d bytes", REQUEST_PATH_MAX);
    for (const char *p = path; *p; p++) {
        const bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                           (*p >= '0' && *p <= '9') || strchr("-._~/", *p);
        if (!plain)
            return refuse(why, 400,
                          "path: expected letters, digits and - . _ ~ / only, without escapes");
        if (p[0] == '/' && p[1] == '/')
            return refuse(why, 400, "path: an empty segment");
        if (p[0] == '/' && p[1] == '.')
            return refuse(why, 400, "path: a segment may not begin with a dot");
    }
    return 0;
}

int request_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The query stays encoded for core; here only: printable, whole escapes, clean text inside. */
static int check_query(const char *query, struct refusal *why)
{
    OWN(own_mem)
    char *plain = xmalloc(strlen(query) + 1);
    size_t n = 0;

    for (const char *p = query; *p; p++) {
        if (*p == '#' || *p <= ' ' || *p > '~')
            return refuse(why, 400, "query: expected printable ASCII, everything else escaped");
        if (*p != '%') {
            plain[n++] = *p;
            continue;
        }
        const int high = request_hex_digit(p[1]), low = high < 0 ? -1 : request_hex_digit(p[2]);
        if (low < 0)
            return refuse(why, 400, "query: %% without two hex digits");
        plain[n++] = (char)(high * 16 + low);
        p += 2;
    }
    if (!text_clean(plain, n, ""))
        return refuse(why, 400, "query: expected clean UTF-8 behind the escapes");
    return 0;
}

static int parse_line(struct request *r, char *line, struct refusal *why)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;

    if (!version)
        return refuse(why, 400, "request line: expected METHOD PATH HTTP/1.1");
    *target++ = 0;
    *version++ = 0;
    if (strcmp(version, "HTTP/1.1") != 0)
        return refuse(why, 505, "expected HTTP/1.1");
    if (!known_method(line))
        return refuse(why, is_token(line) ? 405 : 400,
                      "method: expected GET, HEAD, POST, PATCH or DELETE");
    char *query = strchr(target, '?');
    if (query)
        *query++ = 0;
    r->method = line;
    r->path = target;
    r->query = query ? query : "";
    if (check_path(r->path, why) < 0)
        return -1;
    return check_query(r->query, why);
}

/* What the headers said, beside what goes into the request. */
struct headers {
    const char *content_length, *transfer_encoding, *authorization, *cookie, *expect, *connection,
        *upgrade, *fetch_site, *origin;
};

#define HEADER_OF(s, name, member) {name, offsetof(struct s, member)}
struct header {
    const char *name;
    size_t offset;
};
static const struct header wanted[] = {
    HEADER_OF(request, "host", host),
    HEADER_OF(request, "x-csrf-token", csrf),
    HEADER_OF(request, "content-type", content_type),
    HEADER_OF(request, "accept", accept),
    HEADER_OF(request, "accept-encoding", accept_encoding),
    HEADER_OF(request, "idempotency-key", idempotency_key),
    HEADER_OF(request, "if-match", if_match),
    HEADER_OF(request, "if-none-match", if_none_match),
    HEADER_OF(request, "last-event-id", last_event_id),
};
static const struct header judged[] = {
    HEADER_OF(headers, "content-length", content_length),
    HEADER_OF(headers, "transfer-encoding", transfer_encoding),
    HEADER_OF(headers, "authorization", authorization),
    HEADER_OF(headers, "cookie", cookie),
    HEADER_OF(headers, "expect", expect),
    HEADER_OF(headers, "connection", connection),
    HEADER_OF(headers, "upgrade", upgrade),
    HEADER_OF(headers, "sec-fetch-site", fetch_site),
    HEADER_OF(headers, "origin", origin),
};

/* Every header we read may come once. */
static int keep_header(const struct header *known, size_t n, void *into, const char *name,
                       const char *value, struct refusal *why)
{
    for (size_t i = 0; i < n; i++) {
        const char **member = (const char **)((char *)into + known[i].offset);
        if (!str_ieq(known[i].name, name))
            continue;
        if (*member)
            return refuse(why, 400, "%s: expected once", known[i].name);
        *member = value;
    }
    return 0;
}

/* "Name: value"; the value without the blanks around it. */
static int parse_header(struct request *r, struct headers *h, char *line, struct refusal *why)
{
    char *value = strchr(line, ':');

    if (!value)
        return refuse(why, 400, "header: expected NAME: VALUE on one line");
    *value++ = 0;
    if (!is_token(
            line)) /* also a folded line, and a blank before the colon: RFC 9112, 5.1 and 5.2 */
        return refuse(why, 400, "header: expected a name of letters, digits and hyphens");
    while (*value == ' ' || *value == '\t')
        value++;
    for (size_t n = strlen(value); n && (value[n - 1] == ' ' || value[n - 1] == '\t');)
        value[--n] = 0;
    if (!text_clean(value, strlen(value), "\t"))
        return refuse(why, 400, "header: expected clean UTF-8 without control characters");
    if (keep_header(wanted, COUNT(wanted), r, line, value, why) < 0)
        return -1;
    return keep_header(judged, COUNT(judged), h, line, value, why);
}

static int check_framing(struct request *r, const struct headers *h, struct refusal *why)
{
    const bool may_have = strcmp(r->method, "POST") == 0 || strcmp(r->method, "PATCH") == 0;
    uint64_t length = 0;

    if (h->content_length && h->transfer_encoding)
        return refuse(why, 400, "Content-Length and Transfer-Encoding: expected only one of them");
    if (h->transfer_encoding && !str_ieq(h->transfer_encoding, "chunked"))
        return refuse(why, 501, "Transfer-Encoding: expected chunked or none");
    if (h->content_length && parse_u64(h->content_length, 0, UINT32_MAX, &length, NULL) < 0)
        return refuse(why, 400, "Content-Length: expected a decimal number");
    if (length > REQUEST_BODY_MAX)
        return refuse(why, 413, "body: at most 1 MiB");
    r->chunked = h->transfer_encoding != NULL;
    r->content_length = (size_t)length;
    if (!may_have && (r->chunked || length))
        return refuse(why, 400, "body: not expected with %s", r->method);
    if (h->expect && !str_ieq(h->expect, "100-continue"))
        return refuse(why, 417, "Expect: expected 100-continue or none");
    if (h->upgrade)
        return refuse(why, 400, "Upgrade: not offered here");
    if (h->connection && !str_ieq(h->connection, "close") && !str_ieq(h->connection, "keep-alive"))
        return refuse(why, 400, "Connection: expected close or keep-alive");
    return 0;
}

/* JSON is the one kind of body the API takes (RFC 8259), but for the pieces of an update. */
static int check_type(const struct request *r, struct refusal *why)
{
    const char *type = r->content_type, *want = request_body_type(r->path);
    const size_t n = strcspn(type, "; ");

    if (!r->chunked && !r->content_length)
        return 0;
    if (n != strlen(want) || strncasecmp(type, want, n) != 0 ||
        (type[n] && !str_ieq(type + n, ";charset=utf-8") && !str_ieq(type + n, "; charset=utf-8")))
        return refuse(why, 415, "Content-Type: expected %s", want);
    return 0;
}

/* RFC 6265, 4.2.1. Only our own cookie is read; the value is base64url. */
static int read_cookie(struct request *r, char *cookie, struct refusal *why)
{
    const size_t n = strlen(REQUEST_COOKIE);

    while (*cookie) {
        char *end = cookie + strcspn(cookie, ";");
        char *next = *end ? end + 1 : end;
        *end = 0;
        if (strncmp(cookie, REQUEST_COOKIE "=", n + 1) == 0) {
            if (r->credential)
                return refuse(why, 400, "Cookie: %s came twice", REQUEST_COOKIE);
            r->credential = cookie + n + 1;
        }
        cookie = next + strspn(next, " ");
    }
    return 0;
}

static int read_credential(struct request *r, const struct headers *h, struct refusal *why)
{
    /* The strings are ours, in r->text. */
    if (h->cookie && read_cookie(r, (char *)h->cookie, why) < 0)
        return -1;
    if (h->authorization) {
        if (r->credential)
            return refuse(why, 400, "expected a cookie or an Authorization header, not both");
        if (strncasecmp(h->authorization, "Bearer ", 7) != 0)
            return refuse(why, 401, "Authorization: expected Bearer and an API token");
        r->credential = h->authorization + 7;
    }
    if (!r->credential)
        return 0;
    const size_t n = strlen(r->credential);
    if (n < 1 || n > 256 ||
        strspn(r->credential,
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != n)
        return refuse(why, 401, "credential: expected up to 256 letters, digits and - _ .");
    return 0;
}

/* Browsers say where an unsafe request comes from; another site's never gets to core. */
static int check_origin(const struct request *r, const struct headers *h, struct refusal *why)
{
    const bool safe = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;

    if (safe)
        return 0;
    if (h->fetch_site && !str_eq(h->fetch_site, "same-origin") && !str_eq(h->fetch_site, "none"))
        return refuse(why, 403, "Sec-Fetch-Site: a page of another site sent this");
    if (h->origin && (!str_starts(h->origin, "https://") || !str_ieq(h->origin + 8, r->host)))
        return refuse(why, 403, "Origin: a page of another site sent this");
    return 0;
}

static int parse_headers(struct request *r, struct headers *h, char *at, struct refusal *why)
{
    for (size_t count = 0; *at; count++) {
        char *end = strstr(at, "\r\n");
        if (count >= REQUEST_HEADERS_MAX || !end)
            return refuse(why, 431, "headers: at most %d", REQUEST_HEADERS_MAX);
        *end = 0;
        if (parse_header(r, h, at, why) < 0)
            return -1;
        at = end + 2;
    }
    return 0;
}

/* CR and LF come only as CR LF, and nothing is NUL. */
static int check_lines(struct blob head, struct refusal *why)
{
    const char *p = head.p;

    for (size_t i = 0; i < head.n; i++) {
        if (p[i] == 0)
            return refuse(why, 400, "head: a NUL byte");
        if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
            return refuse(why, 400, "head: lines must end with CR LF");
        if (p[i] == '\r' && (i + 1 == head.n || p[i + 1] != '\n'))
            return refuse(why, 400, "head: a lone CR");
    }
    return 0;
}

static int parse(struct request *r, struct blob head, struct refusal *why)
{
    struct headers h = {};

    if (head.n > REQUEST_HEAD_MAX)
        return refuse(why, 431, "head: at most 16 KiB");
    if (check_lines(head, why) < 0)
        return -1;
    if (head.n < 4 || request_head_end(head.p, head.n) != head.n)
        return refuse(why, 400, "head: expected one empty line at its end");
    memcpy(r->text, head.p, head.n - 2); /* without the empty line */
    char *first_end = strstr(r->text, "\r\n");
    if (!first_end || first_end == r->text)
        return refuse(why, 400, "request line: expected METHOD PATH HTTP/1.1");
    *first_end = 0;
    if (parse_line(r, r->text, why) < 0 || parse_headers(r, &h, first_end + 2, why) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(wanted); i++) {
        const char **member = (const char **)((char *)r + wanted[i].offset);
        *member = *member ? *member : "";
    }
    if (!*r->host)
        return refuse(why, 400, "Host: expected a name or address");
    if (check_framing(r, &h, why) < 0 || check_type(r, why) < 0 || check_origin(r, &h, why) < 0)
        return -1;
    return read_credential(r, &h, why);
}

struct request *request_parse(struct blob head, struct refusal *why)
{
    const size_t n = (head.n < REQUEST_HEAD_MAX ? head.n : REQUEST_HEAD_MAX) + 1;
    struct request *r = xcalloc(1, sizeof(*r) + n);

    r->text_bytes = n;
    if (parse(r, head, why) < 0) {
        request_free(r);
        return NULL;
    }
    r->credential = r->credential ? r->credential : "";
    return r;
}

void request_free(struct request *r)
{
    if (!r)
        return;
    wipe(r, sizeof(*r) + r->text_bytes);
    free(r);
}

int request_check_host(const struct request *r, const struct strs *names, struct refusal *why)
{
    char text[280], host[256];
    uint16_t port;
    struct err e;

    if (str_copy(text, sizeof(text), r->host, &e) < 0)
        return refuse(why, 400, "Host: too long");
    const char *colon = strrchr(text, ':');
    const bool has_port =
        colon && !strchr(colon, ']') && (text[0] == '[' || strchr(text, ':') == colon);
    if (!has_port && (strlen(text) + 5 > sizeof(text) || !memcpy(text + strlen(text), ":443", 5)))
        return refuse(why, 400, "Host: too long");
    if (parse_host_port(text, host, sizeof(host), &port, &e) < 0)
        return refuse(why, 400, "Host: expected a name or address");
    if (parse_ip(host, text, sizeof(text), &e) == 0 || str_ieq(host, "localhost"))
        return 0; /* nobody can make another site's name out of an address */
    for (size_t i = 0; i < names->n; i++)
        if (str_ieq(names->v[i], host))
            return 0;
    return refuse(why, 421,
                  "Host: this appliance is not known by that name; open it by its address");
}

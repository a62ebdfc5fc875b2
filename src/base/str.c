/*
 * Parsers of short outside text, UTF-8 and text checks, small string helpers, the string set.
 * Every parser takes the whole text or refuses it; there is no lenient mode.
 */
#include "src/base/str.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/own.h"

#define HOST_MAX_BYTES 253 /* RFC 1035, 2.3.4, without the root's dot */
#define LABEL_MAX_BYTES 63
#define DURATION_MAX_S                                                                             \
    (UINT64_C(36500) * 86400) /* 100 years: safe as milliseconds in an int64_t                     \
                               */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Digits only, no leading zero (which others read as octal), no overflow. */
static bool digits(const char *text, size_t n, uint64_t *out)
{
    uint64_t v = 0;

    if (n == 0 || (n > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_digit(text[i]) || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(text[i] - '0'), &v))
            return false;
    *out = v;
    return true;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct err *e)
{
    uint64_t v;

    if (!text || !digits(text, strlen(text), &v) || v < min || v > max)
        return err_set(e, ERR_INPUT, "expected a number from %" PRIu64 " to %" PRIu64, min, max);
    *out = v;
    return 0;
}

int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *out, struct err *e)
{
    uint64_t v = 0;

    if (parse_u64(text, min, max, &v, e) < 0)
        return -1;
    *out = (uint32_t)v;
    return 0;
}

int parse_i64(const char *text, int64_t min, int64_t max, int64_t *out, struct err *e)
{
    bool negative = text && text[0] == '-';
    const char *number = negative ? text + 1 : text;
    uint64_t top = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t v;

    /* "-0" is refused: one value, one spelling. */
    if (text && digits(number, strlen(number), &v) && v <= top && !(negative && v == 0)) {
        int64_t value = negative ? (int64_t)(0 - v) : (int64_t)v;
        if (value >= min && value <= max) {
            *out = value;
            return 0;
        }
    }
    return err_set(e, ERR_INPUT, "expected a number from %" PRId64 " to %" PRId64, min, max);
}

int parse_bool(const char *text, bool *out, struct err *e)
{
    if (!str_eq(text, "true") && !str_eq(text, "false"))
        return err_set(e, ERR_INPUT, "expected true or false");
    *out = text[0] == 't';
    return 0;
}

/* A number and at most one unit letter; the factor of the letter comes from the table. */
struct unit {
    char letter; /* 0: no letter */
    uint64_t factor;
};

static bool number_unit(const char *text, const struct unit *units, size_t n, uint64_t *out)
{
    size_t len = text ? strlen(text) : 0;
    char letter = len && !is_digit(text[len - 1]) ? text[len - 1] : 0;
    uint64_t v;

    if (!len || !digits(text, len - (letter != 0), &v))
        return false;
    for (size_t i = 0; i < n; i++)
        if (units[i].letter == letter)
            return !__builtin_mul_overflow(v, units[i].factor, out);
    return false;
}

int parse_size(const char *text, uint64_t max, uint64_t *bytes, struct err *e)
{
    static const struct unit units[] = {
        {0, 1}, {'K', 1024}, {'M', UINT64_C(1) << 20}, {'G', UINT64_C(1) << 30}};
    uint64_t v;

    if (!number_unit(text, units, COUNT(units), &v) || v > max)
        return err_set(e, ERR_INPUT,
                       "expected a size such as 512, 64K, 1M or 2G, at most %" PRIu64 " bytes",
                       max);
    *bytes = v;
    return 0;
}

int parse_duration(const char *text, uint64_t *seconds, struct err *e)
{
    static const struct unit units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint64_t v;

    if (!number_unit(text, units, COUNT(units), &v) || v > DURATION_MAX_S)
        return err_set(e, ERR_INPUT,
                       "expected a duration such as 90s, 15m, 12h or 30d, at most 36500d");
    *seconds = v;
    return 0;
}

/* One host name, labels checked; the last label may not be a number, or it would read as an IP. */
static bool host_ok(const char *s)
{
    size_t n = strlen(s), start = 0;
    bool numeric = false;

    if (n == 0 || n > HOST_MAX_BYTES)
        return false;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && s[i] != '.') {
            if (!is_alnum(s[i]) && s[i] != '-')
                return false;
            continue;
        }
        size_t len = i - start;
        if (len == 0 || len > LABEL_MAX_BYTES || s[start] == '-' || s[i - 1] == '-')
            return false;
        numeric = true;
        for (size_t k = start; k < i; k++)
            numeric = numeric && is_digit(s[k]);
        start = i + 1;
    }
    return !numeric;
}

int parse_host(const char *text, bool wildcard, char *out, size_t out_size, struct err *e)
{
    const char *name = text;

    if (wildcard && text && text[0] == '*' && text[1] == '.')
        name += 2;
    if (!name || !host_ok(name) || strlen(text) > HOST_MAX_BYTES)
        return err_set(e, ERR_INPUT, "expected a host name such as www.example.com%s",
                       wildcard ? " or *.example.com" : "");
    if (str_copy(out, out_size, text, e) < 0)
        return -1;
    for (char *p = out; *p; p++)
        *p = lower(*p);
    return 0;
}

bool host_below(const char *name, const char *domain)
{
    const size_t n = strlen(name), d = strlen(domain);

    if (*domain == '.')
        return n > d && str_ieq(name + n - d, domain);
    return str_ieq(name, domain) ||
           (n > d && name[n - d - 1] == '.' && str_ieq(name + n - d, domain));
}

int parse_ip(const char *text, char *out, size_t out_size, struct err *e)
{
    unsigned char raw[sizeof(struct in6_addr)];
    char canonical[INET6_ADDRSTRLEN];

    for (int i = 0; text && i < 2; i++) {
        int family = i ? AF_INET6 : AF_INET;
        if (inet_pton(family, text, raw) == 1 &&
            inet_ntop(family, raw, canonical, sizeof(canonical)))
            return str_copy(out, out_size, canonical, e);
    }
    return err_set(e, ERR_INPUT, "expected an IP address such as 192.0.2.1 or 2001:db8::1");
}

int parse_host_port(const char *text, char *host, size_t host_size, uint16_t *port, struct err *e)
{
    static const char expected[] =
        "expected a host and port such as www.example.com:443 or [2001:db8::1]:443";
    const char *colon = text ? strrchr(text, ':') : NULL;
    char name[HOST_MAX_BYTES + 3], parsed[HOST_MAX_BYTES + 1];
    uint32_t number;

    if (!colon || (size_t)(colon - text) >= sizeof(name))
        return err_set(e, ERR_INPUT, expected);
    size_t n = (size_t)(colon - text);
    memcpy(name, text, n);
    name[n] = 0;
    if (parse_u32(colon + 1, 1, 65535, &number, NULL) < 0)
        return err_set(e, ERR_INPUT, "%s, with a port from 1 to 65535", expected);
    if (name[0] == '[') { /* RFC 3986, 3.2.2: only IPv6 is bracketed */
        if (n < 2 || name[n - 1] != ']' || !memchr(name, ':', n))
            return err_set(e, ERR_INPUT, expected);
        name[n - 1] = 0;
        if (parse_ip(name + 1, parsed, sizeof(parsed), NULL) < 0)
            return err_set(e, ERR_INPUT, expected);
    } else if (memchr(name, ':', n) || (parse_ip(name, parsed, sizeof(parsed), NULL) < 0 &&
                                        parse_host(name, false, parsed, sizeof(parsed), NULL) < 0))
        return err_set(e, ERR_INPUT, expected);
    if (str_copy(host, host_size, parsed, e) < 0)
        return -1;
    *port = (uint16_t)number;
    return 0;
}

/* Length of the well-formed UTF-8 sequence at s (Unicode 15, table 3-7), 0 if there is none. */
static size_t utf8_one(const unsigned char *s, size_t n)
{
    unsigned char lo = 0x80, hi = 0xBF;
    size_t len;

    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xC2 && s[0] <= 0xDF)
        len = 2;
    else if (s[0] >= 0xE0 && s[0] <= 0xEF)
        len = 3;
    else if (s[0] >= 0xF0 && s[0] <= 0xF4)
        len = 4;
    else
        return 0;
    if (s[0] == 0xE0)
        lo = 0xA0; /* shorter forms */
    else if (s[0] == 0xED)
        hi = 0x9F; /* surrogates */
    else if (s[0] == 0xF0)
        lo = 0x90;
    else if (s[0] == 0xF4)
        hi = 0x8F; /* above U+10FFFF */
    if (n < len || s[1] < lo || s[1] > hi)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

bool utf8_valid(const char *s, size_t n)
{
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_one((const unsigned char *)s + i, n - i);
        if (len == 0)
            return false;
    }
    return true;
}

bool text_clean(const char *s, size_t n, const char *allow)
{
    const unsigned char *u = (const unsigned char *)s;

    if (!utf8_valid(s, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool c0 = u[i] < 0x20 || u[i] == 0x7F;
        bool c1 = u[i] == 0xC2 && u[i + 1] < 0xA0; /* U+0080 to U+009F; valid, so i + 1 < n */
        if (c1 || (c0 && (u[i] == 0 || !allow || !strchr(allow, s[i]))))
            return false;
    }
    return true;
}

bool str_eq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_ieq(const char *a, const char *b)
{
    if (a == b || !a || !b)
        return a == b;
    while (*a && lower(*a) == lower(*b)) /* not strcasecmp: that follows the locale */
        a++, b++;
    return lower(*a) == lower(*b);
}

bool str_starts(const char *s, const char *prefix)
{
    return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = s ? strlen(s) : 0, m = strlen(suffix);

    return s && n >= m && strcmp(s + n - m, suffix) == 0;
}

int str_copy(char *out, size_t out_size, const char *s, struct err *e)
{
    size_t n = strlen(s);

    if (n >= out_size)
        return err_set(e, ERR_LIMIT, "text of %zu bytes: expected less than %zu", n, out_size);
    memcpy(out, s, n + 1);
    return 0;
}

void buf_add_shell(struct buf *b, const char *text)
{
    if (!text || strchr(text, '\n')) {
        b->failed = true;
        return;
    }
    buf_addc(b, '\'');
    for (; *text; text++)
        if (*text == '\'')
            buf_add_str(b, "'\\''");
        else
            buf_addc(b, *text);
    buf_addc(b, '\'');
}

void strs_add(struct strs *s, const char *text)
{
    strs_add_n(s, text, strlen(text));
}

void strs_add_n(struct strs *s, const char *text, size_t n)
{
    /* Grows at powers of two: the capacity follows from the count. */
    if ((s->n & (s->n - 1)) == 0)
        s->v = xrealloc(s->v, (s->n ? s->n * 2 : 1) * sizeof(*s->v));
    s->v[s->n++] = xstrndup(text, n);
}

void strs_free(struct strs *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
    *s = (struct strs){0};
}

bool strs_has(const struct strs *s, const char *text)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i], text) == 0)
            return true;
    return false;
}

void strs_split(struct strs *s, const char *text, const char *separators)
{
    while (*(text += strspn(text, separators))) {
        size_t n = strcspn(text, separators);
        strs_add_n(s, text, n);
        text += n;
    }
}

char *strs_join(const struct strs *s, const char *separator)
{
    struct buf out = BUF(SIZE_MAX / 2);

    for (size_t i = 0; i < s->n; i++) {
        if (i)
            buf_add_str(&out, separator);
        buf_add_str(&out, s->v[i]);
    }
    return buf_take_str(&out);
}

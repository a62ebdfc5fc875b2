/* Text for people (print.h). */
#include "src/ctl/print.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define OUT_MAX (256u * 1024 * 1024)

void terminal_of(int fd, struct terminal *out)
{
    const char *codeset = nl_langinfo(CODESET), *no_colour = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    struct winsize w = {0};

    *out = (struct terminal){.tty = isatty(fd) == 1};
    out->utf8 = codeset && str_ieq(codeset, "UTF-8");
    out->colour = out->tty && !(no_colour && *no_colour) && kind && !str_eq(kind, "dumb");
    if (out->tty)
        out->width = ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

/* Length of one valid UTF-8 sequence at p, and its code point; 0: invalid. */
static size_t sequence(const char *p, unsigned *point)
{
    const unsigned char *u = (const unsigned char *)p;
    const size_t n = u[0] < 0x80 ? 1 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : 4;

    if (strnlen(p, n) < n || !utf8_valid(p, n))
        return 0;
    *point = n == 1 ? u[0] : u[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++)
        *point = *point << 6 | (u[i] & 0x3Fu);
    return n;
}

/* C0, DEL, C1, line and paragraph separators, and what turns the direction of text. */
static bool hidden(unsigned c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

void text_shown(struct buf *out, const char *text, bool lines)
{
    for (const char *p = text; *p;) {
        unsigned c = 0;
        const size_t n = sequence(p, &c);
        if (!n)
            buf_addf(out, "\\x%02x", (unsigned char)*p);
        else if (!hidden(c) || (lines && c == '\n'))
            buf_add(out, p, n);
        else if (c < 0x80)
            buf_addf(out, "\\x%02x", c);
        else
            buf_addf(out, "\\u%04x", c);
        p += n ? n : 1;
    }
}

size_t text_width(const char *text)
{
    size_t n = 0;

    for (const char *p = text; *p; p++)
        n += ((unsigned char)*p & 0xC0) != 0x80;
    return n;
}

void value_shown(struct buf *out, const json_t *v)
{
    size_t i;
    json_t *one;

    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_STRING:
        text_shown(out, *json_string_value(v) ? json_string_value(v) : "-", true);
        break;
    case JSON_INTEGER:
        buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        buf_add_str(out, json_is_true(v) ? "yes" : "no");
        break;
    case JSON_ARRAY:
        json_array_foreach (v, i, one) {
            buf_add_str(out, i ? ", " : "");
            value_shown(out, one);
        }
        if (!json_array_size(v))
            buf_addc(out, '-');
        break;
    default:
        buf_addc(out, '-');
    }
}

/* What a state means, for its sign and colour; the words are those of the model's tables. */
static const struct {
    const char *sign, *ascii, *colour;
    const char *states; /* '|' around each */
} meanings[] = {
    {"✓", "+", "\033[32m",
     "|Operational|ok|Active|Ready|Deployed|Issued|Certificate Issued|Done|done|No "
     "Change|imported|"},
    {"✗", "x", "\033[31m",
     "|failed|Failed|Error|bad|denied|Unreachable|Auth Failed|Deployment Failed|Rejected|refused|"},
    {"!", "!", "\033[33m",
     "|warn|Degraded|Locked|Unprovisioned|Unverified|Needs Approval|Rolled Back|rolled "
     "back|Revoked|"
     "Expired|Configuration Pending|Bot Unassigned|"},
    {"–", "-", "\033[2m",
     "|Disabled|Inactive|Cancelled|Ignored|skipped|Draft|Discovered|info|chain|duplicate|"},
    {"…", ".", "\033[36m",
     "|Running|running|Waiting|waiting|Queued|Validating|CSR Pending|Validation Pending|"
     "Approval Pending|Order Pending|Deployment Pending|Initiated|"},
};

/* The sign is that of the whole word, also when less of it is shown. */
static void state_as(const struct terminal *t, struct buf *out, const char *state,
                     const char *shown)
{
    OWN(own_mem)
    char *bars = xasprintf("|%s|", state);

    for (size_t i = 0; i < COUNT(meanings); i++) {
        if (!strstr(meanings[i].states, bars))
            continue;
        buf_addf(out, "%s%s ", t->colour ? meanings[i].colour : "",
                 t->utf8 ? meanings[i].sign : meanings[i].ascii);
        text_shown(out, shown, false);
        buf_add_str(out, t->colour ? "\033[0m" : "");
        return;
    }
    buf_add_str(out, "  ");
    text_shown(out, shown, false);
}

void state_shown(const struct terminal *t, struct buf *out, const char *state)
{
    state_as(t, out, state, state);
}

void table_free(struct table *t)
{
    strs_free(&t->heads);
    strs_free(&t->cells);
}

static void pad(struct buf *out, size_t n)
{
    while (n--)
        buf_addc(out, ' ');
}

/* At most `width` code points, cut with an ellipsis. */
static void cut(const struct terminal *t, struct buf *out, const char *text, size_t width)
{
    const char *dots = t->utf8 ? "…" : "~";
    size_t n = 0;

    if (text_width(text) <= width) {
        buf_add_str(out, text);
        return;
    }
    for (const char *p = text; *p; p++) {
        n += ((unsigned char)*p & 0xC0) != 0x80;
        if (n >= width)
            break;
        buf_addc(out, *p);
    }
    buf_add_str(out, dots);
}

#define LEAST 16 /* a state with its sign fits; narrower says little */

/*
 * Takes from the widest column until the row fits; when all are narrow, the rightmost are hidden
 * (width 0). The column of ids is neither cut nor hidden. Returns how many are hidden.
 */
static size_t fit(size_t *width, size_t n, size_t ids, size_t room)
{
    size_t hidden_n = 0;

    for (;;) {
        size_t sum = 0, widest = SIZE_MAX, rightmost = 0;
        for (size_t i = 0; i < n; i++) {
            sum += width[i] ? width[i] + (sum ? 2 : 0) : 0;
            if (i == ids || !width[i])
                continue;
            rightmost = i;
            if (widest == SIZE_MAX || width[i] > width[widest])
                widest = i;
        }
        if (sum <= room || !rightmost)
            return hidden_n;
        if (width[widest] > LEAST) {
            width[widest]--;
        } else {
            width[rightmost] = 0;
            hidden_n++;
        }
    }
}

static void cell(const struct terminal *term, struct buf *out, const char *text, size_t width,
                 bool state, bool last)
{
    OWN(buf_free)
    struct buf short_text = BUF(65536);

    if (!width)
        return;
    cut(term, &short_text, text, state && width > 2 ? width - 2 : width);
    const char *shown = buf_cstr(&short_text);
    const size_t used = text_width(shown) + (state ? 2 : 0);
    if (state)
        state_as(term, out, text, shown);
    else
        buf_add_str(out, shown);
    if (!last)
        pad(out, (used < width ? width - used : 0) + 2);
}

void table_print(const struct terminal *term, const struct table *t, struct buf *out)
{
    const size_t n = t->heads.n, rows = n ? t->cells.n / n : 0;
    OWN(own_mem)
    size_t *width = xcalloc(n + 1, sizeof(*width));

    for (size_t i = 0; i < n; i++)
        width[i] = text_width(t->heads.v[i]);
    for (size_t i = 0; i < rows * n; i++) {
        const size_t w = text_width(t->cells.v[i]) + (i % n == t->state ? 2 : 0);
        if (w > width[i % n])
            width[i % n] = w;
    }
    const size_t hidden_n = term->width ? fit(width, n, t->ids, term->width) : 0;
    buf_add_str(out, term->colour ? "\033[1m" : "");
    for (size_t i = 0; i < n; i++)
        cell(term, out, t->heads.v[i], width[i], false, i + 1 == n);
    buf_add_str(out, term->colour ? "\033[0m\n" : "\n");
    for (size_t i = 0; i < rows * n; i++) {
        cell(term, out, t->cells.v[i], width[i % n], i % n == t->state, i % n + 1 == n);
        if (i % n + 1 == n)
            buf_addc(out, '\n');
    }
    if (hidden_n)
        buf_addf(out, "(%zu columns do not fit; --columns chooses)\n", hidden_n);
}

void pairs_print(const struct terminal *term, const struct table *t, struct buf *out)
{
    size_t width = 0;

    for (size_t i = 0; i + 1 < t->cells.n; i += 2)
        if (text_width(t->cells.v[i]) > width)
            width = text_width(t->cells.v[i]);
    for (size_t i = 0; i + 1 < t->cells.n; i += 2) {
        const char *label = t->cells.v[i], *value = t->cells.v[i + 1];
        buf_addf(out, "%s:", label);
        if (i == t->state) {
            pad(out, width - text_width(label) + 1);
            state_shown(term, out, value);
        } else if (!strchr(value, '\n')) {
            pad(out, width - text_width(label) + 1);
            buf_add_str(out, value);
        } else {
            for (const char *line = value; *line;) {
                const int len = (int)strcspn(line, "\n");
                buf_addf(out, "\n    %.*s", len, line);
                line += len + (line[len] == '\n');
            }
        }
        buf_addc(out, '\n');
    }
}

int out_write(struct blob b, struct err *e)
{
    if (fwrite(b.p, 1, b.n, stdout) != b.n || fflush(stdout) != 0)
        return err_sys(e, "standard output");
    return 0;
}

int out_text(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    OWN(buf_free)
    struct buf shown = BUF(OUT_MAX);

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort(); /* out of memory */
    va_end(ap);
    text_shown(&shown, text, true);
    free(text);
    return out_write(buf_blob(&shown), NULL);
}

int out_json(const json_t *j, struct err *e)
{
    OWN(own_mem)
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
    OWN(buf_free)
    struct buf out = BUF_SECRET(OUT_MAX);

    for (const char *p = text ? text : ""; *p; p++)
        if (*p == 0x7F)
            buf_add_str(&out, "\\u007f");
        else
            buf_addc(&out, *p);
    buf_addc(&out, '\n');
    return out_write(buf_blob(&out), e);
}

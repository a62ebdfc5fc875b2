/*
 * PEM text <-> blocks. Strict in the block: matching labels, padded base64 and nothing else, so
 * legacy encrypted PEM (RFC 1421 headers) is refused. Text between blocks is skipped.
 */
#include "crypto/bundle/pem.h"

#include <string.h>

#include "src/base/enc.h"
#include "src/base/own.h"

#define LABEL_MAX 64
#define LINE_BYTES 48 /* 64 characters of base64: RFC 7468, 2 */

struct lines {
    const char *p;
    size_t n;
};

/* Cuts the next line off, without its end and trailing blanks. */
static bool next_line(struct lines *l, struct blob *line)
{
    if (l->n == 0)
        return false;
    const char *end = memchr(l->p, '\n', l->n);
    size_t n = end ? (size_t)(end - l->p) : l->n;
    *line = BLOB(l->p, n);
    l->p += end ? n + 1 : n;
    l->n -= end ? n + 1 : n;
    while (line->n > 0 && strchr(" \t\r", ((const char *)line->p)[line->n - 1]))
        line->n--;
    return true;
}

/* "-----BEGIN label-----" with the given word; RFC 7468, 3: labels are capitals, digits, blanks. */
static bool boundary(struct blob line, const char *prefix, char label[LABEL_MAX])
{
    static const char dashes[] = "-----";
    size_t pre = strlen(prefix), post = sizeof dashes - 1;
    const char *s = line.p;
    if (line.n < pre + post || memcmp(s, prefix, pre) != 0 ||
        memcmp(s + line.n - post, dashes, post) != 0)
        return false;
    size_t n = line.n - pre - post;
    if (n == 0 || n >= LABEL_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s[pre + i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || c == '.'))
            return false;
        label[i] = c;
    }
    label[n] = '\0';
    return true;
}

static bool is_base64(struct blob line)
{
    const char *s = line.p;
    for (size_t i = 0; i < line.n; i++)
        if (!((s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z') ||
              (s[i] >= '0' && s[i] <= '9') || s[i] == '+' || s[i] == '/' || s[i] == '='))
            return false;
    return true;
}

/* Reads up to the END line of `label` and decodes. */
static int read_block(struct lines *l, const char *label, struct buf *der, struct err *e)
{
    OWN(buf_free)
    struct buf text = BUF_SECRET(PEM_MAX_BYTES);
    struct blob line;
    while (next_line(l, &line)) {
        char ended[LABEL_MAX];
        if (boundary(line, "-----END ", ended)) {
            if (strcmp(ended, label) != 0)
                return err_set(e, ERR_INPUT, "PEM block BEGIN %s ends with END %s", label, ended);
            if (text.n == 0)
                return err_set(e, ERR_INPUT, "PEM block %s is empty", label);
            if (dec_base64(der, (const char *)text.p, text.n, e) < 0)
                return err_wrap(e, "PEM block %s", label);
            return 0;
        }
        if (line.n > 0 && memchr(line.p, ':', line.n))
            return err_set(e, ERR_INPUT,
                           "PEM block %s has headers (old encrypted form): give it unencrypted "
                           "or as PKCS#8",
                           label);
        if (!is_base64(line))
            return err_set(e, ERR_INPUT, "PEM block %s holds something that is not base64", label);
        buf_add_blob(&text, line);
    }
    return err_set(e, ERR_INPUT, "PEM block %s has no END line: the text is cut off", label);
}

int pem_each(struct blob text,
             int (*fn)(const char *label, struct blob der, void *arg, struct err *e), void *arg,
             struct err *e)
{
    if (text.n > PEM_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "PEM text has %zu bytes, at most %d", text.n, PEM_MAX_BYTES);
    struct lines l = {text.p, text.n};
    if (l.n >= 3 && memcmp(l.p, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark from Windows */
        l.p += 3;
        l.n -= 3;
    }
    struct blob line;
    while (next_line(&l, &line)) {
        char label[LABEL_MAX];
        if (!boundary(line, "-----BEGIN ", label))
            continue;
        OWN(buf_free)
        struct buf der = BUF_SECRET(PEM_MAX_BYTES);
        if (read_block(&l, label, &der, e) < 0 || fn(label, buf_blob(&der), arg, e) < 0)
            return -1;
    }
    return 0;
}

void pem_write(struct buf *out, const char *label, struct blob der)
{
    buf_addf(out, "-----BEGIN %s-----\n", label);
    const uint8_t *p = der.p;
    for (size_t at = 0; at < der.n; at += LINE_BYTES) {
        size_t n = der.n - at < LINE_BYTES ? der.n - at : LINE_BYTES;
        enc_base64(out, BLOB(p + at, n));
        buf_addc(out, '\n');
    }
    buf_addf(out, "-----END %s-----\n", label);
}

int pem_private_key(struct blob pkcs8, struct buf *out, struct err *e)
{
    if (!out->secret)
        return err_set(e, ERR_BUG, "a private key may only be written to a secret buf");
    if (pkcs8.n == 0)
        return err_set(e, ERR_INPUT, "the private key is empty");
    pem_write(out, "PRIVATE KEY", pkcs8);
    return buf_check(out, "private key", e);
}

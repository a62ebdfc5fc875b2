/*
 * Hex, base64, base64url (RFC 4648) and record identifiers. Decoders refuse white space, wrong
 * padding and set unused bits, so that one value has one spelling. Base64 of secrets goes through
 * table look-ups: the timing of a local cache is outside the threat model of these callers.
 */
#include "src/base/enc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "src/base/own.h"
#include "src/base/str.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char id_alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* no i, l, o, u */

void enc_hex(struct buf *out, struct blob in)
{
    const uint8_t *p = in.p;

    for (size_t i = 0; i < in.n; i++) {
        buf_addc(out, hex_digits[p[i] >> 4]);
        buf_addc(out, hex_digits[p[i] & 15]);
    }
}

static void encode64(struct buf *out, struct blob in, const char *alphabet, bool padding)
{
    const uint8_t *p = in.p;

    for (size_t i = 0; i < in.n; i += 3) {
        size_t n = in.n - i < 3 ? in.n - i : 3;
        uint32_t v = (uint32_t)p[i] << 16;
        if (n > 1)
            v |= (uint32_t)p[i + 1] << 8;
        if (n > 2)
            v |= p[i + 2];
        for (size_t k = 0; k < n + 1; k++)
            buf_addc(out, alphabet[v >> (18 - 6 * k) & 63]);
        for (size_t k = n; padding && k < 3; k++)
            buf_addc(out, '=');
    }
}

void enc_base64(struct buf *out, struct blob in)
{
    encode64(out, in, base64_alphabet, true);
}

void enc_base64url(struct buf *out, struct blob in)
{
    encode64(out, in, base64url_alphabet, false);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int dec_hex(struct buf *out, const char *text, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (n % 2 || hex_value(text[i]) < 0)
            return err_set(e, ERR_INPUT, "expected pairs of hex digits");
    for (size_t i = 0; i < n; i += 2)
        buf_add_u8(out, (uint8_t)(hex_value(text[i]) << 4 | hex_value(text[i + 1])));
    return buf_check(out, "hex data", e);
}

/* 0 to 63, or 64 if c is not in the alphabet. */
static uint32_t value64(const char *alphabet, char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (uint32_t)(at - alphabet) : 64;
}

/* n characters, padding already gone. False on a foreign character, a lone one, or unused bits. */
static bool valid64(const char *alphabet, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (value64(alphabet, text[i]) > 63)
            return false;
    if (n % 4 == 1)
        return false;
    uint32_t last = n ? value64(alphabet, text[n - 1]) : 0;
    return !(n % 4 == 2 && last & 15) && !(n % 4 == 3 && last & 3);
}

static int decode64(struct buf *out, const char *alphabet, const char *text, size_t n,
                    struct err *e)
{
    if (!valid64(alphabet, text, n))
        return err_set(e, ERR_INPUT, "expected %s without spaces or line breaks",
                       alphabet == base64_alphabet ? "base64 with padding" : "base64url");
    for (size_t i = 0; i < n; i += 4) {
        size_t k = n - i < 4 ? n - i : 4;
        uint32_t v = 0;
        for (size_t j = 0; j < 4; j++)
            v = v << 6 | (j < k ? value64(alphabet, text[i + j]) : 0);
        for (size_t j = 0; j + 1 < k; j++)
            buf_add_u8(out, (uint8_t)(v >> (16 - 8 * j)));
    }
    return buf_check(out, "base64 data", e);
}

int dec_base64(struct buf *out, const char *text, size_t n, struct err *e)
{
    size_t body = n;

    if (n % 4)
        return err_set(e, ERR_INPUT, "expected base64 with padding");
    while (body && n - body < 2 && text[body - 1] == '=')
        body--;
    return decode64(out, base64_alphabet, text, body, e);
}

int dec_base64url(struct buf *out, const char *text, size_t n, struct err *e)
{
    return decode64(out, base64url_alphabet, text, n, e);
}

char *hex_str(struct blob in)
{
    struct buf out = BUF(SIZE_MAX / 2);

    enc_hex(&out, in);
    return buf_take_str(&out);
}

char *base64url_str(struct blob in)
{
    struct buf out = BUF(SIZE_MAX / 2);

    enc_base64url(&out, in);
    return buf_take_str(&out);
}

void id_new(char out[ID_CHARS + 1])
{
    uint8_t raw[ID_CHARS];
    ssize_t got;

    do /* up to 256 bytes come whole (getrandom(2)); without randomness nothing may go on */
        got = getrandom(raw, sizeof(raw), 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(raw))
        abort();
    for (size_t i = 0; i < ID_CHARS; i++)
        out[i] = id_alphabet[raw[i] & 31];
    out[ID_CHARS] = 0;
}

bool id_valid(const char *s)
{
    return s && strlen(s) == ID_CHARS && strspn(s, id_alphabet) == ID_CHARS;
}

/* Decodes strictly: an escape is two hexadecimal digits. */
#include "src/rescue/form.h"

#include <string.h>

#include "src/base/str.h"

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode(const char *name, const uint8_t *p, size_t n, struct buf *out, struct err *e)
{
    const size_t begin = out->n;

    for (size_t i = 0; i < n; i++) {
        if (p[i] != '%') {
            buf_addc(out, p[i] == '+' ? ' ' : (char)p[i]);
            continue;
        }
        const int high = i + 2 < n ? digit(p[i + 1]) : -1;
        const int low = i + 2 < n ? digit(p[i + 2]) : -1;
        if (high < 0 || low < 0)
            return err_set(e, ERR_INPUT, "%s: %% without two hexadecimal digits", name);
        buf_add_u8(out, (uint8_t)(high << 4 | low));
        i += 2;
    }
    if (buf_check(out, name, e) < 0)
        return -1;
    if (out->n > begin && !text_clean((const char *)out->p + begin, out->n - begin, ""))
        return err_set(e, ERR_INPUT, "%s: expected text without control characters", name);
    return 0;
}

int form_field(struct blob body, const char *name, struct buf *out, struct err *e)
{
    const uint8_t *p = body.p;
    const uint8_t *const end = p + body.n;
    const size_t name_n = strlen(name);
    const uint8_t *found = NULL;
    size_t found_n = 0;

    while (p < end) {
        const uint8_t *amp = memchr(p, '&', (size_t)(end - p));
        const uint8_t *stop = amp ? amp : end;
        const uint8_t *is = memchr(p, '=', (size_t)(stop - p));
        if (is && (size_t)(is - p) == name_n && memcmp(p, name, name_n) == 0) {
            if (found)
                return err_set(e, ERR_INPUT, "%s: stands twice", name);
            found = is + 1;
            found_n = (size_t)(stop - found);
        }
        p = amp ? amp + 1 : end;
    }
    if (!found)
        return err_set(e, ERR_INPUT, "%s: is missing", name);
    return decode(name, found, found_n, out, e);
}

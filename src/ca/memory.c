/* Texts in memories (memory.h). */
#include "src/ca/memory.h"

#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"

void memory_put_text(struct buf *out, const char *text)
{
    const size_t n = strlen(text);

    buf_add_u16(out, (uint16_t)n);
    buf_add(out, text, n);
}

char *memory_get_text(struct reader *r, size_t max)
{
    const uint16_t n = read_u16(r);
    const struct blob b = read_bytes(r, n);

    if (!r->failed && (n > max || (n > 0 && !text_clean(b.p, n, ""))))
        r->failed = true;
    return r->failed ? NULL : xstrndup(n ? b.p : "", n);
}

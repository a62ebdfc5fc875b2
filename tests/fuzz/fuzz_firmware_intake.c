/* An upload: first line the Content-Type, then the body, in parts of changing size. */
#include <stdlib.h>
#include <string.h>

#include "src/rescue/form.h"
#include "src/rescue/intake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint64_t announced, taken;
static int open_streams;

static int on_begin(void *ctx, uint64_t bytes, struct err *e)
{
    (void)ctx;
    (void)e;
    announced = bytes;
    taken = 0;
    open_streams++;
    return 0;
}

static int on_part(void *ctx, struct blob part, struct err *e)
{
    (void)ctx;
    (void)e;
    taken += part.n;
    return 0;
}

static void on_end(void *ctx)
{
    (void)ctx;
    open_streams--;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct stream to = {on_begin, on_part, on_end};
    char type[256] = "";
    const uint8_t *line = memchr(data, '\n', n);
    struct intake in;
    int rc = 0;

    if (!line || (size_t)(line - data) >= sizeof(type))
        return 0;
    memcpy(type, data, (size_t)(line - data));
    const uint8_t *p = line + 1;
    size_t left = n - (size_t)(p - data);
    if (strlen(type) != (size_t)(line - data) || intake_begin(&in, type, left, &to, NULL, NULL) < 0)
        return 0;
    for (size_t step = 1; left > 0 && rc == 0; step = step * 3 + 1) {
        const size_t part = step < left ? step : left;
        rc = intake_feed(&in, p, part, NULL);
        p += part;
        left -= part;
    }
    if (rc == 0 && (in.left != 0 || taken != announced))
        abort();
    intake_end(&in);
    if (open_streams != 0)
        abort();
    return 0;
}

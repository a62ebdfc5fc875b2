/* Either CR or LF ends a line: a serial line sends the one, a terminal makes it the other. */
#include "src/console/line.h"

static void end(struct line *l, line_fn fn, void *arg)
{
    l->text[l->n] = '\0';
    fn(l->spoilt ? NULL : l->text, arg);
    *l = (struct line){0};
}

void line_feed(struct line *l, const char *bytes, size_t n, line_fn fn, void *arg)
{
    for (size_t i = 0; i < n; i++) {
        const char c = bytes[i];
        if (c == '\n' || c == '\r')
            end(l, fn, arg);
        else if (c < ' ' || c > '~' || l->n == MENU_LINE_MAX)
            l->spoilt = true;
        else
            l->text[l->n++] = c;
    }
}

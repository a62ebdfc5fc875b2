/* Bytes of a terminal as lines: printable ASCII only, and no longer than a menu line. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "src/console/menu.h"

struct line {
    char text[MENU_LINE_MAX + 1];
    size_t n;
    bool spoilt; /* too long, or with other bytes: up to its end it is thrown away */
};

typedef void (*line_fn)(const char *line, void *arg); /* NULL: a spoilt one */

/* Calls `fn` for each line that is whole with these bytes. */
void line_feed(struct line *l, const char *bytes, size_t n, line_fn fn, void *arg);

/*
 * The menu of the machine's console: lines in, text and acts out. It knows nothing of terminals and
 * processes, and acts only through `struct menu_acts`. Whoever stands at the console may set the
 * network and stop the machine; the menu shows no secret and gives no rights.
 */
#pragma once
#include <stdbool.h>

#include "src/ipc/machine.h"
#include "src/model/network.h"

#define MENU_LINE_MAX 80 /* a longer line is not read */

struct menu_acts {
    void (*status)(void *arg, struct buf *out); /* appends lines */
    int (*network)(void *arg, const struct network *n, struct err *e);
    int (*machine)(void *arg, enum machine_act act, struct err *e);
    void *arg;
};

struct menu {
    const struct menu_acts *acts;
    unsigned question;                 /* 0: the menu itself */
    char answer[4][MENU_LINE_MAX + 1]; /* of the questions of a fixed address */
};

void menu_begin(struct menu *m, const struct menu_acts *acts, struct buf *out);
/* One line, without its end. */
void menu_line(struct menu *m, const char *line, struct buf *out);
/* A line that was too long, or held what is no printable ASCII: it is not read. */
void menu_unread(struct menu *m, struct buf *out);

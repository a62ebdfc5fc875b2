/*
 * What people see. Text from outside goes through text_shown, so that no control, direction or
 * invalid byte reaches a terminal. States have a sign and a word; colour only on a terminal
 * without NO_COLOR. Tables fit the terminal's width: the widest columns are cut with an ellipsis.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "src/base/json.h"

struct terminal {
    bool tty, colour, utf8;
    size_t width; /* columns; 0: no limit */
};
void terminal_of(int fd, struct terminal *out);

/* Appends text with control characters as \xNN or \uNNNN; line feeds pass when `lines`. */
void text_shown(struct buf *out, const char *text, bool lines);
size_t text_width(const char *text); /* code points */

/* A JSON value in words: lists comma-parted, null "-", true "yes". */
void value_shown(struct buf *out, const json_t *v);
/* "✓ Deployed": sign by what the state means, word as it is, colour when the terminal has it. */
void state_shown(const struct terminal *t, struct buf *out, const char *state);

struct table {
    struct strs heads;
    struct strs cells; /* row by row; already shown, without signs */
    size_t state;      /* this column holds states; SIZE_MAX: none */
    size_t ids;        /* this column is never cut; SIZE_MAX: none */
};
void table_free(struct table *t);
void table_print(const struct terminal *term, const struct table *t, struct buf *out);
/* "Label:  value" lines, labels aligned; values of several lines are indented. */
void pairs_print(const struct terminal *term, const struct table *t, struct buf *out);

/* Writes to standard output; ERR_SYSTEM when it cannot. */
int out_write(struct blob b, struct err *e);
int out_text(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));    /* shown, one line or more */
int out_json(const json_t *j, struct err *e); /* indented; DEL and C1 escaped too */

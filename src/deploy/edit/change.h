/*
 * Changes to one file of nginx's configuration: values replaced, directives put in. Each is a byte
 * range, all other bytes stay; what comes out is parsed again and must be the tree that was meant.
 */
#pragma once
#include "src/base/str.h"
#include "src/deploy/edit/nginx.h"

/* `drop` bytes at `at` give way to `text`. */
struct conf_edit {
    size_t at, drop;
    char *text;
};

/* Either a word that gets another value, or statements that get a place. */
struct conf_change {
    const struct conf_word *word;
    const char *value;
    const struct conf_node *block; /* gets statements before its child `index` */
    size_t index;
    const struct strs *add; /* one list of words each */
    size_t adds;
};

/*
 * out: one edit for each change, in the order of the file. Changes come in the order of the file,
 * too. Values with a line break, a quote or a "$" are refused: nginx would read another value.
 */
int conf_change(struct blob text, const struct conf_node *root, const struct conf_change *l,
                size_t n, struct conf_edit *out, struct buf *changed, struct err *e);
/* The text after the edits: they must be in order, apart from each other and within it. */
int conf_apply(struct blob text, const struct conf_edit *l, size_t n, struct buf *out,
               struct err *e);

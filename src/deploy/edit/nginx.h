/*
 * nginx's configuration grammar (core/ngx_conf_file.c), one file at a time: directives as a tree in
 * which every word knows its byte range, so that an edit can replace exactly one value. It knows
 * no directives but those whose block is Lua; what nginx's own parser refuses is refused here, with
 * line and token.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"

#define CONF_FILE_MAX (4U << 20)
#define CONF_DEPTH_MAX 32

struct conf_word {
    char *text;        /* quotes taken off, escapes resolved */
    size_t start, end; /* bytes in the file, quotes included */
};

/* name args... ;  or  name args... { children } */
struct conf_node {
    struct conf_word *word;
    size_t words;
    struct conf_node *child;
    size_t children;
    bool block;
    size_t body, end; /* bytes in the file: behind its "{", behind its ";" or "}" */
    const char *file; /* as given to conf_parse: the caller keeps it */
    uint32_t line;    /* of the name, from 1 */
};

/* `root` becomes a block without a name. On failure it is untouched. */
int conf_parse(const char *file, struct blob text, struct conf_node *root, struct err *e);
void conf_free(struct conf_node *root); /* OWN(conf_free) struct conf_node root = {0}; */

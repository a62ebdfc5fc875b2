/*
 * The files of the admin UI, read once at start and served from memory: afterwards the process
 * needs no file. FILE.gz and FILE.br beside FILE are its compressed forms. Paths under /assets/
 * carry a hash in their name and are cached for ever; everything else is asked for again by its
 * ETag.
 */
#pragma once
#include <stdbool.h>

#include "src/base/buf.h"
#include "src/base/err.h"

enum asset_form { ASSET_PLAIN, ASSET_GZIP, ASSET_BROTLI, ASSET_FORMS };

struct asset {
    char *path; /* "/index.html" */
    const char *type;
    char etag[36]; /* quoted */
    bool for_ever;
    struct buf form[ASSET_FORMS]; /* empty: not there */
};

struct assets {
    struct asset *v;
    size_t n;
};

/* folder NULL: none. ERR_INPUT without an index.html. */
int assets_load(const char *folder, struct assets *out, struct err *e);
void assets_free(struct assets *a);
/* "/" and every path without a dot in its last segment is the index: the UI routes them. NULL: no
 * such file. */
const struct asset *assets_find(const struct assets *a, const char *path);
/* The smallest form the client says it takes (RFC 9110, 12.5.3). */
enum asset_form asset_choose(const struct asset *a, const char *accept_encoding);
const char *asset_encoding(enum asset_form form); /* NULL for plain */

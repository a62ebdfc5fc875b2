/*
 * Inside of the field tables: what every kind of field can do, as one table. Only the field_*.c
 * files include this; everybody else goes through field.h.
 */
#pragma once
#include "src/base/field.h"

#define FIELD_LIST_MAX 100

/* How a C type is kept: the same for every kind that uses it. Members are passed by address. */
struct field_store {
    size_t size;
    void (*clear)(void *member); /* frees, leaves zero */
    bool (*is_set)(const void *member);
    json_t *(*print)(const void *member);
    int (*load)(const json_t *v, void *member, struct err *e); /* stored JSON into a zero member */
    void (*encode)(const void *member, struct buf *out);
    int (*decode)(struct reader *in, void *member, struct err *e); /* into a zero member */
};

extern const struct field_store field_store_text, field_store_int, field_store_bool,
    field_store_time, field_store_bytes, field_store_list, field_store_secret;

struct field_type {
    const char *name; /* in the schema */
    const struct field_store *store;
    int64_t max; /* when the field says 0 */
    /* API input into a zero member; checks everything the kind promises. */
    int (*read)(const struct field *f, const json_t *v, void *member, struct err *e);
    /* A single text, already of the right length and clean: its canonical form, malloc'ed. */
    char *(*canonical)(const struct field *f, const char *text, struct err *e);
    const char *allow; /* control characters it may contain */
};

const struct field_type *field_type(const struct field *f);
int64_t field_max(const struct field *f);

/* Inside of the list grammar: a parsed query, its filters and columns, and the walk that serves it.
 */
#pragma once
#include "src/core/store/inside.h"
#include "src/core/store/query.h"

#define QUERY_TEXT_MAX 8192
#define QUERY_COLUMNS 80
#define QUERY_LIMIT_MAX 500
#define QUERY_LIMIT_DEFAULT 50
#define QUERY_SORT_MAX 2000 /* matches of an equality filter that are sorted in memory */

enum query_op {
    OP_CONTAINS = 1,
    OP_EQUALS = 2,
    OP_NOT = 4,
    OP_IN = 8,
    OP_BEFORE = 16,
    OP_AFTER = 32,
    OP_BELOW = 64,
    OP_ABOVE = 128,
};

struct filter {
    const struct field *f;
    enum query_op op;
    bool range; /* numbers and times: lo..hi, both inclusive */
    int64_t lo, hi;
    struct strs values; /* everything else: in lower case */
};

struct query {
    enum table table; /* 0: not of the store, as the audit list */
    const struct fields *f;
    struct filter filters[QUERY_FILTERS];
    size_t n;
    const struct field *sort; /* NULL: the table has no order of its own */
    bool down;
    const struct field *columns[QUERY_COLUMNS];
    size_t n_columns;
    char *search; /* in lower case; NULL: none */
    uint32_t limit;
    struct buf cursor;
    bool has_cursor;
    int64_t now;
};

int query_parse_fields(const struct fields *f, enum table table, const char *text,
                       struct query **out, struct err *e);

/* query_filter.c */
unsigned query_operators(const struct field *f); /* set of enum query_op */
const char *query_op_name(enum query_op op);
/* "column:operator:value"; 1: lifted by "All" */
int filter_parse(struct query *q, const char *text, struct filter *out, struct err *e);
/* Fetches the packed value of a field of the record at hand. */
typedef int (*value_fn)(const struct field *f, void *arg, struct blob *out, struct err *e);
int query_match(const struct query *q, value_fn value, void *arg, struct err *e); /* 1, 0, -1 */

/* query_columns.c */
extern const struct field query_expires_within; /* virtual: whole days from now to not_after */
const struct field *query_column(const struct fields *f,
                                 const char *name); /* NULL: unknown or hidden */
const struct field *query_base(const struct fields *f,
                               const struct field *column); /* where its value is */
json_t *query_value(const struct query *q, const struct field *f, struct blob packed); /* as JSON */

/* query_export.c */
void query_csv_head(const struct query *q, struct buf *out);
/* One row of an export, from an object with the chosen columns. */
int query_export_row(const struct query *q, const json_t *row, bool csv, struct buf *out,
                     struct err *e);

/* query_run.c */
struct hit {
    const struct layout *l;
    char id[ID_CHARS + 1];
    struct blob packed;
};
struct walk_result {
    struct index_key next; /* n 0: the end was reached */
    uint64_t examined;
    int64_t matches; /* -1: not known */
};
typedef int (*hit_fn)(const struct query *q, const struct hit *hit, void *arg, struct err *e);
int query_walk(struct txn *t, const struct query *q, uint64_t items, uint64_t examine, hit_fn fn,
               void *arg, struct walk_result *out, struct err *e);
int hit_value(const struct query *q, const struct hit *hit, const struct field *f, struct blob *out,
              struct err *e);

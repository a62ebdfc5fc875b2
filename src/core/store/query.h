/*
 * The one list grammar (docs/api.yaml): filter, sort, columns, cursor, search, export.
 *
 *   filter=COLUMN OPERATOR VALUE, as "status:equals:Deployed"; repeated: all must hold (AND).
 *     text, list: contains, equals, not      enum, bool, id: equals, not, in (values parted by '|')
 *     time: before, after (RFC 3339, date or DD-Mon-YYYY)      int: equals, below, above
 *     the value "All" lifts the filter of that column
 *     certificates have a virtual column expires_within: whole days until not_after
 *   sort=COLUMN or -COLUMN (indexed columns only; default -created_at)
 *   columns=a,b,c      q=free text over the default columns      limit=1..500 (default 50)
 *   cursor=opaque, from the answer before
 *
 * One call examines at most QUERY_EXAMINE records, so its cost does not grow with the table: when a
 * filter leaves a page short, the answer still has a cursor and says how far it looked.
 */
#pragma once
#include "src/core/store/store.h"

#define QUERY_EXAMINE 2000
#define QUERY_FILTERS 12

struct query;
/* `text` is the raw URL query, still percent-encoded. Unknown members and columns are ERR_INPUT. */
int query_parse(enum table table, const char *text, struct query **out, struct err *e);
void query_free(struct query *q);
DEFINE_OWN(struct query *, query, query_free)

/*
 * {"items":[...],"columns":[names],"next":cursor or null,"total":n,"examined":n}. Items hold id,
 * rev and the chosen columns (secrets and hidden fields never). total is the number of matches when
 * it costs nothing: without a filter, with one equality filter on a counted column, or when an
 * equality filter on an indexed column leaves at most 2,000 records; else null.
 */
int query_run(struct txn *t, const struct query *q, json_t **out, struct err *e);
/* All matching records as CSV (RFC 4180, cells that begin with = + - @ are quoted as text) or JSON
 * lines; at most limit bytes. */
int query_export(struct txn *t, const struct query *q, bool csv, struct buf *out, struct err *e);
/* [{name,label,type,operators,choices,sortable,default}] for the list of a table. */
json_t *query_columns(enum table table);

/*
 * Columns of lists: which a table offers, what the UI is told of them, and a packed value as JSON.
 * Hidden fields and secrets are not columns, whatever their flags say.
 */
#include <string.h>

#include "src/base/time.h"
#include "src/core/store/query_inside.h"

#define DAY_SECONDS 86400

const struct field query_expires_within = {
    .name = "expires_within",
    .label = "Expires Within",
    .kind = FIELD_INT,
    .flags = FIELD_COLUMN | FIELD_READONLY,
    .help = "Whole days until the certificate expires",
};
static const char expires_base[] = "not_after";

static bool offered(const struct field *f)
{
    return f->flags & (FIELD_COLUMN | FIELD_INDEXED) && !(f->flags & FIELD_HIDDEN) &&
           f->kind != FIELD_SECRET && f->kind != FIELD_BYTES;
}

static const struct field *field_named(const struct fields *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->v[i].name, name) == 0)
            return &f->v[i];
    return NULL;
}

const struct field *query_column(const struct fields *f, const char *name)
{
    const struct field *found = field_named(f, name);

    if (found)
        return offered(found) ? found : NULL;
    if (strcmp(name, query_expires_within.name) == 0 && field_named(f, expires_base))
        return &query_expires_within;
    return NULL;
}

const struct field *query_base(const struct fields *f, const struct field *column)
{
    return column == &query_expires_within ? field_named(f, expires_base) : column;
}

static json_t *text_json(struct blob b)
{
    json_t *v = b.n ? json_stringn(b.p, b.n) : NULL;

    return v ? v : json_string("");
}

/* Rounds down: -1 from the first second after the end. */
static json_t *days_json(const struct query *q, int64_t at)
{
    int64_t left = at - q->now;

    if (at == 0)
        return json_null();
    return json_integer(left >= 0 ? left / DAY_SECONDS
                                  : -((-left + DAY_SECONDS - 1) / DAY_SECONDS));
}

json_t *query_value(const struct query *q, const struct field *f, struct blob packed)
{
    char text[TIME_TEXT_BYTES];
    struct blob one;
    json_t *list;
    size_t at = 0;

    if (f == &query_expires_within)
        return days_json(q, packed_int(packed));
    switch (f->kind) {
    case FIELD_INT:
        return json_integer(packed_int(packed));
    case FIELD_TIME:
        if (packed_int(packed) == 0)
            return json_null();
        time_print(packed_int(packed), text);
        return json_string(text);
    case FIELD_BOOL:
        return json_boolean(packed.n > 0);
    case FIELD_LIST:
    case FIELD_CHOICES:
    case FIELD_IDS:
        list = json_array();
        while (packed_next(packed, &at, &one))
            json_array_append_new(list, text_json(one));
        return list;
    default:
        return text_json(packed);
    }
}

static const char *type_name(const struct field *f)
{
    switch (f->kind) {
    case FIELD_ENUM:
        return "enum";
    case FIELD_ID:
        return "id";
    case FIELD_INT:
        return "int";
    case FIELD_BOOL:
        return "bool";
    case FIELD_TIME:
        return "time";
    case FIELD_IDS:
        return "ids";
    case FIELD_LIST:
    case FIELD_CHOICES:
        return "list";
    default:
        return "text";
    }
}

static json_t *column_json(const struct fields *fields, const struct field *f)
{
    json_t *o = json_object(), *operators = json_array();

    json_put_str(o, "name", f->name);
    json_put_str(o, "label", f->label);
    json_put_str(o, "type", type_name(f));
    for (unsigned op = OP_CONTAINS; op <= OP_ABOVE; op <<= 1)
        if (query_operators(f) & op)
            json_array_append_new(operators, json_string(query_op_name((enum query_op)op)));
    json_put_take(o, "operators", operators);
    if (f->kind == FIELD_ENUM) {
        struct strs choices = {0};
        strs_split(&choices, f->choices, "|");
        json_put_strs(o, "choices", &choices);
        strs_free(&choices);
    }
    json_put_bool(o, "sortable", index_has(query_base(fields, f)));
    json_put_bool(o, "default", f->flags & FIELD_DEFAULT);
    return o;
}

json_t *query_columns(enum table table)
{
    const struct fields *f = table_fields(table);
    json_t *list = json_array();

    for (size_t i = 0; f && i < f->n; i++)
        if (offered(&f->v[i]))
            json_array_append_new(list, column_json(f, &f->v[i]));
    if (f && query_column(f, query_expires_within.name))
        json_array_append_new(list, column_json(f, &query_expires_within));
    return list;
}

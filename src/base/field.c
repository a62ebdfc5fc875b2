/*
 * Work on whole records by their field tables. What can fail is done in a scratch record whose
 * members move over at the end, so that a record is never half changed.
 */
#include "src/base/field.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/field_kind.h"
#include "src/base/log.h"

static void *at(const struct field *f, void *record)
{
    return (uint8_t *)record + f->offset;
}

static const void *at_const(const struct field *f, const void *record)
{
    return (const uint8_t *)record + f->offset;
}

static const struct field_store *store_of(const struct field *f)
{
    return field_type(f)->store;
}

/* The default in the form the API would send it, so that the kind's own check reads it. */
static json_t *initial_json(const struct field *f)
{
    int64_t number;
    bool flag;

    switch (f->kind) {
    case FIELD_INT:
        return parse_i64(f->initial, INT64_MIN, INT64_MAX, &number, NULL) < 0
                   ? NULL
                   : json_integer(number);
    case FIELD_BOOL:
        return parse_bool(f->initial, &flag, NULL) < 0 ? NULL : json_boolean(flag);
    case FIELD_LIST:
    case FIELD_CHOICES: {
        struct strs parts = {0};
        json_t *list = json_array();
        strs_split(&parts, f->initial, " ");
        for (size_t i = 0; i < parts.n; i++)
            json_array_append_new(list, json_string(parts.v[i]));
        strs_free(&parts);
        return list;
    }
    default:
        return json_string(f->initial);
    }
}

static void set_initial(const struct field *f, void *member)
{
    if (!f->initial)
        return;
    OWN(own_json)
    json_t *v = initial_json(f);
    struct err e = {0};
    if (!v || field_type(f)->read(f, v, member, &e) < 0) {
        log_error("field.bad_default", "field=%s reason=%s", f->name, log_q(e.text));
        abort(); /* a table of ours is wrong */
    }
}

void fields_init(const struct fields *f, void *record)
{
    memset(record, 0, f->size);
    for (size_t i = 0; i < f->n; i++)
        set_initial(&f->v[i], at(&f->v[i], record));
}

void fields_free(const struct fields *f, void *record)
{
    for (size_t i = 0; i < f->n; i++)
        store_of(&f->v[i])->clear(at(&f->v[i], record));
    memset(record, 0, f->size);
}

/* A zeroed record and which of its members were read. */
struct scratch {
    const struct fields *f;
    void *record;
    bool *present;
};

static struct scratch scratch_new(const struct fields *f)
{
    return (struct scratch){f, xcalloc(1, f->size), xcalloc(f->n, sizeof(bool))};
}

static void scratch_free(struct scratch *s)
{
    fields_free(s->f, s->record);
    free(s->record);
    free(s->present);
}

/* Moves what was read into the record. */
static void scratch_apply(struct scratch *s, void *record)
{
    for (size_t i = 0; i < s->f->n; i++) {
        const struct field *f = &s->f->v[i];
        const struct field_store *store = store_of(f);
        if (!s->present[i])
            continue;
        store->clear(at(f, record));
        memcpy(at(f, record), at(f, s->record), store->size);
        memset(at(f, s->record), 0, store->size);
    }
}

static int check_known(const struct fields *f, const json_t *body, struct err *e)
{
    const char *name;
    json_t *v;

    if (!json_is_object(body))
        return err_set(e, ERR_INPUT, "expected an object");
    json_object_foreach ((json_t *)body, name, v) {
        size_t i = 0;
        while (i < f->n && strcmp(f->v[i].name, name) != 0)
            i++;
        if (i == f->n || f->v[i].flags & FIELD_HIDDEN)
            return err_set(e, ERR_INPUT, "%.64s: there is no such member, leave it out",
                           text_clean(name, strlen(name), NULL) ? name : "?");
        if (f->v[i].flags & FIELD_READONLY)
            return err_set(e, ERR_INPUT, "%s: set by the appliance, leave it out", f->v[i].label);
    }
    return 0;
}

/* Text, bytes, lists and secrets show by themselves whether they have a value. */
static bool shows_unset(const struct field *f)
{
    return f->kind != FIELD_INT && f->kind != FIELD_BOOL;
}

static int check_required(const struct field *f, bool present, bool patch, const void *read,
                          const void *before, struct err *e)
{
    bool ok = true;

    if (!(f->flags & FIELD_REQUIRED) || f->flags & (FIELD_READONLY | FIELD_HIDDEN))
        return 0;
    if (present)
        ok = !shows_unset(f) || store_of(f)->is_set(read);
    else if (f->kind == FIELD_SECRET)
        ok = patch || store_of(f)->is_set(before); /* a stored one is sealed, not in the record */
    else
        ok = shows_unset(f) ? store_of(f)->is_set(before) : patch || f->initial;
    if (!ok)
        return err_set(e, ERR_INPUT, "%s: missing, expected a value", f->label);
    return 0;
}

int fields_from_json(const struct fields *f, const json_t *body, bool patch, void *record,
                     struct err *e)
{
    if (check_known(f, body, e) < 0)
        return -1;
    OWN(scratch_free)
    struct scratch s = scratch_new(f);
    for (size_t i = 0; i < f->n; i++) {
        const struct field *one = &f->v[i];
        const json_t *v = json_object_get(body, one->name);
        void *member = at(one, s.record);
        s.present[i] = v != NULL;
        if (json_is_null(v))
            set_initial(one, member); /* null: back to the default */
        else if (v && field_type(one)->read(one, v, member, e) < 0)
            return err_wrap(e, "%s", one->label);
        if (check_required(one, s.present[i], patch, member, at_const(one, record), e) < 0)
            return -1;
    }
    scratch_apply(&s, record);
    return 0;
}

static json_t *to_json(const struct fields *f, const void *record, bool hidden)
{
    json_t *o = json_object();

    for (size_t i = 0; i < f->n; i++) {
        const struct field *one = &f->v[i];
        const void *member = at_const(one, record);
        if (one->flags & FIELD_HIDDEN && !hidden)
            continue;
        if (one->kind == FIELD_SECRET) {
            OWN(own_mem)
            char *name = xasprintf("has_%s", one->name);
            json_put_bool(o, name, store_of(one)->is_set(member));
        } else {
            OWN(own_json)
            json_t *v = store_of(one)->print(member);
            bool text = !hidden && json_is_null(v) && one->kind != FIELD_TIME;
            json_put_take(o, one->name, text ? json_string("") : TAKE(v));
        }
    }
    return o;
}

json_t *fields_to_json(const struct fields *f, const void *record)
{
    return to_json(f, record, true);
}

json_t *fields_to_api(const struct fields *f, const void *record)
{
    return to_json(f, record, false);
}

int fields_load(const struct fields *f, const json_t *stored, void *record, struct err *e)
{
    if (!json_is_object(stored))
        return err_set(e, ERR_STORE, "%s: expected an object", f->name);
    OWN(scratch_free)
    struct scratch s = scratch_new(f);
    for (size_t i = 0; i < f->n; i++) {
        const struct field *one = &f->v[i];
        const json_t *v = json_object_get(stored, one->name);
        /* Absent: the record is older than the field, which keeps its default. */
        s.present[i] = v != NULL && one->kind != FIELD_SECRET;
        if (s.present[i] && !json_is_null(v) && store_of(one)->load(v, at(one, s.record), e) < 0)
            return err_wrap(e, "%s.%s", f->name, one->name);
    }
    scratch_apply(&s, record);
    return 0;
}

void fields_encode(const struct fields *f, const void *record, struct buf *out)
{
    buf_add_u32(out, (uint32_t)f->n);
    for (size_t i = 0; i < f->n; i++)
        store_of(&f->v[i])->encode(at_const(&f->v[i], record), out);
}

int fields_decode(const struct fields *f, struct blob in, void *record, struct err *e)
{
    struct reader r = reader_of(in);

    if (read_u32(&r) != f->n)
        return err_set(e, ERR_BUG, "%s: encoded with another field table", f->name);
    OWN(scratch_free)
    struct scratch s = scratch_new(f);
    for (size_t i = 0; i < f->n; i++) {
        const struct field *one = &f->v[i];
        s.present[i] = true;
        if (store_of(one)->decode(&r, at(one, s.record), e) < 0)
            return err_wrap(e, "%s.%s", f->name, one->name);
    }
    if (!reader_done(&r))
        return err_set(e, ERR_BUG, "%s: bytes behind the encoded record", f->name);
    scratch_apply(&s, record);
    return 0;
}

static const struct {
    unsigned flag;
    const char *name;
} schema_flags[] = {
    {FIELD_REQUIRED, "required"}, {FIELD_HTTP_OK, "http_ok"}, {FIELD_READONLY, "readonly"},
    {FIELD_ADVANCED, "advanced"}, {FIELD_COLUMN, "column"},   {FIELD_DEFAULT, "default"},
    {FIELD_INDEXED, "indexed"},   {FIELD_UNIQUE, "unique"},
};

static json_t *field_schema(const struct field *f)
{
    json_t *o = json_object();

    json_put_str(o, "name", f->name);
    json_put_str(o, "label", f->label);
    json_put_str(o, "kind", field_type(f)->name);
    for (size_t i = 0; i < COUNT(schema_flags); i++)
        json_put_bool(o, schema_flags[i].name, f->flags & schema_flags[i].flag);
    if (f->kind != FIELD_BOOL && f->kind != FIELD_TIME) {
        json_put_int(o, "min", f->min);
        json_put_int(o, "max", field_max(f));
    }
    if (f->kind == FIELD_ENUM || f->kind == FIELD_CHOICES) {
        struct strs choices = {0};
        strs_split(&choices, f->choices, "|");
        json_put_strs(o, "choices", &choices);
        strs_free(&choices);
    }
    if ((f->kind == FIELD_ID || f->kind == FIELD_IDS) && f->choices)
        json_put_str(o, "table", f->choices);
    if (f->initial)
        json_put_take(o, "initial", initial_json(f));
    if (f->help)
        json_put_str(o, "help", f->help);
    if (f->example)
        json_put_str(o, "example", f->example);
    return o;
}

json_t *fields_schema(const struct fields *f)
{
    json_t *o = json_object(), *list = json_array();

    json_put_str(o, "name", f->name);
    for (size_t i = 0; i < f->n; i++)
        if (!(f->v[i].flags & FIELD_HIDDEN))
            json_array_append_new(list, field_schema(&f->v[i]));
    json_put_take(o, "fields", list);
    return o;
}

const struct field *fields_next_secret(const struct fields *f, size_t *at_index)
{
    while (*at_index < f->n) {
        const struct field *one = &f->v[(*at_index)++];
        if (one->kind == FIELD_SECRET)
            return one;
    }
    return NULL;
}

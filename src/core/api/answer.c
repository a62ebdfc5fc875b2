/* The answers of handlers. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/core/store/query.h"

int api_json(struct api *a, uint32_t status, json_t *take_json, struct err *e)
{
    OWN(own_json)
    json_t *j = take_json;
    buf_clear(&a->out);
    if (j == NULL || json_print(j, &a->out, e) < 0)
        return -1;
    a->status = status;
    a->content_type_out = "application/json";
    return 0;
}

int api_empty(struct api *a, uint32_t status)
{
    buf_clear(&a->out);
    a->status = status;
    a->content_type_out = "";
    return 0;
}

int api_text(struct api *a, const char *content_type, const char *filename, struct blob body,
             struct err *e)
{
    buf_clear(&a->out);
    buf_add_blob(&a->out, body);
    a->status = 200;
    a->content_type_out = content_type;
    text_set(&a->filename, filename);
    return buf_check(&a->out, "answer", e);
}

int api_accepted(struct api *a, const char *job, struct err *e)
{
    json_t *o = json_object();
    free(a->location);
    a->location = xasprintf("/api/v1/jobs/%s", job);
    json_put_str(o, "job", job);
    return api_json(a, 202, o, e);
}

json_t *api_user_json(const struct user *u)
{
    json_t *o = api_record_json(TABLE_USER, u);
    json_put_bool(o, "has_password", text_of(u->phc)[0] != '\0');
    return o;
}

json_t *api_record_json(enum table table, const void *record)
{
    return fields_to_api(table_fields(table), record);
}

static const enum table edited[] = {TABLE_CERT, TABLE_SERVER, TABLE_CONNECTOR, TABLE_POLICY,
                                    TABLE_USER};

void api_etag(struct api *a, enum table table, const void *record)
{
    const struct edited_head *head = record;
    int64_t count = head->row.rev;
    for (size_t i = 0; i < COUNT(edited); i++)
        if (table == edited[i])
            count = head->edits;
    free(a->etag);
    a->etag = xasprintf("\"%lld\"", (long long)count);
}

int api_record(struct api *a, uint32_t status, enum table table, const void *record, struct err *e)
{
    api_etag(a, table, record);
    a->may_be_kept = str_eq(a->method, "GET");
    return api_json(a, status, api_record_json(table, record), e);
}

char *api_query_get(const struct api *a, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = a->query; p && *p; p = strchr(p, '&') ? strchr(p, '&') + 1 : NULL) {
        if (strncmp(p, name, n) != 0 || p[n] != '=')
            continue;
        const char *v = p + n + 1;
        return xstrndup(v, strcspn(v, "&"));
    }
    return NULL;
}

int api_list_call(const struct api *a, struct list_call *out, struct err *e)
{
    struct strs parts = {0}, kept = {0};
    const char *as = str_starts(text_of(a->accept), "text/csv") ? "csv" : "";
    strs_split(&parts, text_of(a->query), "&");
    for (size_t i = 0; i < parts.n; i++)
        if (str_starts(parts.v[i], "export="))
            as = parts.v[i] + sizeof "export=" - 1;
        else
            strs_add(&kept, parts.v[i]);
    *out = (struct list_call){.csv = str_eq(as, "csv"), .file = as[0] != '\0'};
    bool known = !out->file || out->csv || str_eq(as, "json");
    if (known)
        out->query = strs_join(&kept, "&");
    strs_free(&parts);
    strs_free(&kept);
    return known ? 0 : err_set(e, ERR_INPUT, "export: expected csv or json");
}

int api_export(struct api *a, const char *table, bool csv, const struct buf *rows, struct err *e)
{
    OWN(own_mem)
    char *name = xasprintf("%s.%s", table, csv ? "csv" : "jsonl");
    return api_text(a, csv ? "text/csv; charset=utf-8" : "application/jsonl", name, buf_blob(rows),
                    e);
}

int api_list(struct api *a, enum table table, struct err *e)
{
    OWN(own_query)
    struct query *q = NULL;
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(list_call_free)
    struct list_call call = {0};
    OWN(buf_free)
    struct buf rows = BUF(EXPORT_MAX);
    json_t *out = NULL;
    if (api_list_call(a, &call, e) < 0 || query_parse(table, call.query, &q, e) < 0 ||
        txn_begin(a->core->db, false, &t, e) < 0)
        return -1;
    if (call.file) {
        if (query_export(t, q, call.csv, &rows, e) < 0)
            return -1;
        return api_export(a, table_name(table), call.csv, &rows, e);
    }
    if (query_run(t, q, &out, e) < 0)
        return -1;
    a->may_be_kept = true;
    return api_json(a, 200, out, e);
}

int api_body(struct api *a, json_t **out, struct err *e)
{
    if (a->body == NULL || !json_is_object(a->body))
        return err_set(e, ERR_INPUT, "body: expected a JSON object");
    *out = a->body;
    return 0;
}

int api_check_match(struct api *a, int64_t rev, struct err *e)
{
    OWN(own_mem)
    char *now = xasprintf("\"%lld\"", (long long)rev);
    if (text_of(a->if_match)[0] == '\0' || str_eq(a->if_match, "*") || str_eq(a->if_match, now))
        return 0;
    a->precondition = true;
    return err_set(e, ERR_CONFLICT,
                   "changed meanwhile: you saw %s, it is %s now; reload, look, and send it again",
                   a->if_match, now);
}

void api_edited(void *record)
{
    ((struct edited_head *)record)->edits++;
}

int api_edit(struct api *a, void *record, struct err *e)
{
    if (api_check_match(a, ((const struct edited_head *)record)->edits, e) < 0)
        return -1;
    api_edited(record);
    return 0;
}

const char *api_user(const struct api *a)
{
    return a->caller.known ? a->caller.user.username : "anonymous";
}

bool api_may(const struct api *a, enum permission p)
{
    return permission_in(a->caller.permissions, p);
}

int api_audit(struct api *a, struct txn *t, const char *object, const char *id, const char *name,
              const char *detail, struct err *e)
{
    OWN(own_mem)
    char *what = id ? xasprintf("%s/%s", object, id) : xstrdup(object);
    struct audit_entry entry = {.actor = api_user(a),
                                .client = text_of(a->client),
                                .action = a->route->name,
                                .object = what,
                                .name = name ? name : "",
                                .result = "ok",
                                .detail = detail ? detail : ""};
    return audit_add(t, &entry, e);
}

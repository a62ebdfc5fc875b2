/* POST /certificates/import: files as base64, a result for each certificate in them. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/flow/import.h"

#define FILES_MAX 100
#define NAME_MAX_BYTES 255
#define TAGS_MAX 64
#define BASE64_MAX (CERTS_MAX_BYTES / 3 * 4 + 4)

static int read_file(const json_t *f, struct certs *certs, struct import *l, struct err *e)
{
    static const char *const names[] = {"name", "content", NULL};
    const char *name, *text;
    struct err why = {0};
    const size_t from = certs->n;
    OWN(buf_free)
    struct buf content = BUF_SECRET(CERTS_MAX_BYTES + 4);

    if (!json_is_object(f))
        return err_set(e, ERR_INPUT, "files: expected objects with name and content");
    if (json_only(f, names, e) < 0 || json_get_str(f, "name", NAME_MAX_BYTES, &name, e) < 0 ||
        json_get_str(f, "content", BASE64_MAX, &text, e) < 0)
        return err_wrap(e, "files");
    /* What is no base64 is not echoed: it may be a key that was pasted as it is. */
    if (dec_base64(&content, text, strlen(text), &why) < 0)
        return err_set(e, ERR_INPUT, "files: content of %s: expected base64", name);
    const bool good = certs_read(buf_blob(&content), certs, &why) == 0;
    import_add(l, name, certs, from, good ? NULL : &why);
    return 0;
}

static void put_item(json_t *list, const struct import_item *it)
{
    char until[TIME_TEXT_BYTES];
    json_t *o = json_object();
    json_put_str(o, "file", it->file);
    json_put_str(o, "name", text_of(it->info.common_name));
    json_put_str(o, "issuer", text_of(it->info.issuer_name));
    json_put_str(o, "fingerprint", text_of(it->info.fingerprint));
    time_print(it->info.not_after, until);
    json_put_str(o, "not_after", it->info.not_after ? until : NULL);
    json_put_str(o, "result", import_names[it->result]);
    json_put_str(o, "id", text_of(it->id));
    json_put_str(o, "text", text_of(it->text));
    json_array_append_new(list, o);
}

static json_t *result_of(const struct import *l)
{
    int64_t counts[IMPORT_RESULTS] = {0};
    json_t *o = json_object(), *items = json_array();
    for (size_t i = 0; i < l->n; i++) {
        put_item(items, &l->v[i]);
        counts[l->v[i].result]++;
    }
    json_put_take(o, "items", items);
    for (size_t i = 0; i < IMPORT_RESULTS; i++)
        json_put_int(o, import_names[i], counts[i]);
    return o;
}

int on_certs_import(struct api *a, struct err *e)
{
    static const char *const names[] = {"files", "tags", NULL};
    OWN(certs_free)
    struct certs certs = {0};
    OWN(import_free)
    struct import l = {0};
    OWN(strs_free)
    struct strs tags = {0};
    json_t *b, *files;
    if (api_body(a, &b, e) < 0 || json_only(b, names, e) < 0 ||
        json_get_array(b, "files", FILES_MAX, &files, e) < 0 ||
        json_opt_strs(b, "tags", TAGS_MAX, 100, &tags, e) < 0)
        return -1;
    if (json_array_size(files) == 0)
        return err_set(e, ERR_INPUT, "files: give at least one");
    for (size_t i = 0; i < json_array_size(files); i++)
        if (read_file(json_array_get(files, i), &certs, &l, e) < 0)
            return -1;
    const struct import_who who = {
        .user = api_user(a), .client = text_of(a->client), .tags = &tags};
    if (import_run(a->core, &l, &who, e) < 0)
        return -1;
    return api_json(a, 200, result_of(&l), e);
}

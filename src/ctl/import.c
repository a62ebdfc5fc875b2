/* Certificates from files (POST /certificates/import). A private key is found here, and never sent.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/bundle/certs.h"
#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/ctl/show.h"

#define CALL_BYTES (600 * 1024) /* of base64 in one call: a body has at most 1 MiB */
#define CALL_FILES 100

struct work {
    json_t *items, *tags;
    int64_t counts[4];
};
static const char *const counted[] = {"imported", "duplicate", "chain", "refused"};

static void work_free(struct work *w)
{
    json_decref(w->items);
    json_decref(w->tags);
}

static int send(struct ctl *c, struct work *w, json_t *files, struct err *e)
{
    OWN(own_json)
    json_t *body = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};

    json_object_set(body, "files", files);
    if (json_array_size(w->tags))
        json_object_set(body, "tags", w->tags);
    if (api_call(c, "POST", "/certificates/import", body, NULL, &a, e) < 0)
        return -1;
    json_array_extend(w->items, json_object_get(a.json, "items"));
    for (size_t i = 0; i < COUNT(counted); i++)
        w->counts[i] += json_int(a.json, counted[i]);
    return 0;
}

/* What the appliance would refuse is refused here, so that a key does not travel. */
static void refuse(struct work *w, const char *file, const struct err *why)
{
    json_t *o = json_object();

    json_put_str(o, "file", file);
    json_put_str(o, "name", "");
    json_put_str(o, "issuer", "");
    json_put_str(o, "fingerprint", "");
    json_put_str(o, "not_after", NULL);
    json_put_str(o, "result", "refused");
    json_put_str(o, "id", "");
    json_put_str(o, "text", why->text);
    json_array_append_new(w->items, o);
    w->counts[3]++;
}

static int add_file(struct work *w, const char *path, json_t *files, size_t *bytes, struct err *e)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    struct err why = {0};
    OWN(certs_free)
    struct certs certs = {0};
    OWN(buf_free)
    struct buf content = BUF_SECRET(CERTS_MAX_BYTES + 1);
    OWN(buf_free)
    struct buf text = BUF(2 * CERTS_MAX_BYTES);

    if (file_read(path, false, &content, e) < 0)
        return -1;
    if (certs_read(buf_blob(&content), &certs, &why) < 0) {
        refuse(w, name, &why);
        return 0;
    }
    enc_base64(&text, buf_blob(&content));
    json_t *o = json_object();
    json_put_str(o, "name", name);
    json_put_str(o, "content", buf_cstr(&text));
    json_array_append_new(files, o);
    *bytes += text.n;
    return buf_check(&text, name, e);
}

static int send_all(struct ctl *c, struct work *w, struct err *e)
{
    OWN(own_json)
    json_t *files = json_array();
    size_t bytes = 0;

    for (size_t i = 0; i < c->args.words.n; i++) {
        if (add_file(w, ctl_word(c, i), files, &bytes, e) < 0)
            return -1;
        const bool last = i + 1 == c->args.words.n;
        if (!json_array_size(files) ||
            (!last && bytes < CALL_BYTES / 2 && json_array_size(files) < CALL_FILES))
            continue;
        if (send(c, w, files, e) < 0)
            return -1;
        json_array_clear(files);
        bytes = 0;
    }
    return 0;
}

static int report(struct ctl *c, const struct work *w, struct err *e)
{
    static const char *const columns[] = {"file",      "File",       "name",   "CN / SAN Name",
                                          "not_after", "Expires On", "result", "Result",
                                          "text",      "What",       "id",     "ID",
                                          NULL};
    OWN(own_json)
    json_t *o = json_object();

    json_object_set(o, "items", w->items);
    for (size_t i = 0; i < COUNT(counted); i++)
        json_put_int(o, counted[i], w->counts[i]);
    if (show_json(c, o))
        return 0;
    if (show_items(c, w->items, columns, "result", e) < 0)
        return -1;
    return out_text("%lld imported, %lld there already, %lld kept as chain, %lld refused\n",
                    (long long)w->counts[0], (long long)w->counts[1], (long long)w->counts[2],
                    (long long)w->counts[3]);
}

int cert_import(struct ctl *c, struct err *e)
{
    OWN(work_free)
    struct work w = {.items = json_array(), .tags = json_array()};
    OWN(strs_free)
    struct strs tags = {0};

    if (ctl_option(c, OPT_TAGS))
        strs_split(&tags, ctl_option(c, OPT_TAGS), ",");
    for (size_t i = 0; i < tags.n; i++)
        json_array_append_new(w.tags, json_string(tags.v[i]));
    if (send_all(c, &w, e) < 0 || report(c, &w, e) < 0)
        return -1;
    return w.counts[3] == 0 ? 0
                            : err_set(e, ERR_INPUT, "%lld of %zu were refused",
                                      (long long)w.counts[3], json_array_size(w.items));
}

/*
 * One action on many certificates (POST /certificates/batch): named by words, or chosen by
 * --filter and --search. Each is judged alone and has its own line of the result; the exit status
 * is that of a conflict when some were refused.
 */
#include <string.h>

#include "src/base/own.h"
#include "src/ctl/show.h"
#include "src/ctl/verbs.h"

#define CALL_MAX                                                                                   \
    200 /* ids in one call: the appliance takes 1,000, an answer should not take long */

struct batch {
    const char *action;
    json_t *ids, *settings; /* settings: NAME=VALUE words by their field, also tags */
    json_t *items;          /* results so far */
    int64_t done, refused;
};

static void batch_free(struct batch *b)
{
    json_decref(b->ids);
    json_decref(b->settings);
    json_decref(b->items);
}

/* A name of a certificate never has an equals sign: what has one is a setting. */
static int read_words(struct ctl *c, struct batch *b, struct err *e)
{
    OWN(own_json)
    json_t *schema = NULL;
    char id[ID_TEXT_BYTES];

    for (size_t i = 1; i < c->args.words.n; i++) {
        const char *word = ctl_word(c, i);
        if (strchr(word, '=')) {
            if ((!schema && record_schema(c, "cert", &schema, e) < 0) ||
                setting_read(c, schema, word, b->settings, e) < 0)
                return -1;
            continue;
        }
        if (record_find(c, noun_of(c), word, id, e) < 0)
            return -1;
        json_array_append_new(b->ids, json_string(id));
    }
    return 0;
}

/* Settings go with configure, tags=A,B with tag, nothing with the others. */
static int check_settings(const struct batch *b, struct err *e)
{
    const size_t n = json_object_size(b->settings);
    const bool tags = json_object_get(b->settings, "tags") != NULL;

    if (str_eq(b->action, "configure"))
        return n ? 0 : err_set(e, ERR_INPUT, "configure: expected settings as NAME=VALUE");
    if (str_eq(b->action, "tag"))
        return n == 1 && tags
                   ? 0
                   : err_set(e, ERR_INPUT, "tag: expected tags=TAG,TAG and no other setting");
    return n == 0 ? 0
                  : err_set(e, ERR_INPUT,
                            "%s takes no settings; NAME=VALUE words go with configure and tag",
                            b->action);
}

static int choose(struct ctl *c, struct batch *b, struct err *e)
{
    const bool chosen = c->args.filters.n || ctl_option(c, OPT_SEARCH);
    OWN(own_json)
    json_t *rows = NULL;
    size_t i;
    json_t *row;

    if (json_array_size(b->ids) && chosen)
        return err_set(e, ERR_INPUT, "name certificates, or choose them by --filter; not both");
    if (json_array_size(b->ids))
        return 0;
    if (!chosen)
        return err_set(e, ERR_INPUT, "which certificates? Name them, or choose them by --filter");
    if (show_matching(c, noun_of(c), "name", &rows, e) < 0)
        return -1;
    json_array_foreach (rows, i, row)
        json_array_append(b->ids, json_object_get(row, "id"));
    if (json_array_size(b->ids) == 0)
        return err_set(e, ERR_NOT_FOUND, "no certificate is chosen by these filters");
    OWN(own_mem)
    char *what = xasprintf("%s: %zu certificate%s", b->action, json_array_size(b->ids),
                           json_array_size(b->ids) == 1 ? "" : "s");
    return verb_sure(c, what, e);
}

/* The next ids, from `at` on, in one call. */
static int call_some(struct ctl *c, struct batch *b, size_t at, struct err *e)
{
    const char *name = ctl_option(c, OPT_BATCH_NAME);
    OWN(own_json)
    json_t *body = json_object();
    json_t *ids = json_array();
    OWN(api_answer_free)
    struct api_answer a = {0};

    for (size_t i = at; i < json_array_size(b->ids) && i < at + CALL_MAX; i++)
        json_array_append(ids, json_array_get(b->ids, i));
    json_put_take(body, "ids", ids);
    json_put_str(body, "action", b->action);
    if (name)
        json_put_str(body, "batch_name", name);
    if (str_eq(b->action, "configure"))
        json_object_set(body, "settings", b->settings);
    if (str_eq(b->action, "tag"))
        json_object_set(body, "tags", json_object_get(b->settings, "tags"));
    if (api_call(c, "POST", "/certificates/batch", body, NULL, &a, e) < 0)
        return -1;
    json_array_extend(b->items, json_object_get(a.json, "items"));
    b->done += json_int(a.json, "done");
    b->refused += json_int(a.json, "refused");
    return 0;
}

static int report(struct ctl *c, const struct batch *b, struct err *e)
{
    static const char *const columns[] = {"name", "CN / SAN Name", "result", "Result", "job",
                                          "Job",  "error",         "Error",  "id",     "ID",
                                          NULL};
    OWN(own_json)
    json_t *o = json_object();
    size_t i;
    json_t *one;

    json_object_set(o, "items", b->items);
    json_put_int(o, "done", b->done);
    json_put_int(o, "refused", b->refused);
    if (show_json(c, o))
        return 0;
    json_array_foreach (b->items, i, one)
        json_put_str(one, "result", json_bool(one, "ok") ? "ok" : "refused");
    if (show_items(c, b->items, columns, "result", e) < 0)
        return -1;
    return out_text("%lld done, %lld refused\n", (long long)b->done, (long long)b->refused);
}

int cert_batch(struct ctl *c, struct err *e)
{
    OWN(batch_free)
    struct batch b = {.action = ctl_word(c, 0),
                      .ids = json_array(),
                      .settings = json_object(),
                      .items = json_array()};
    const bool deletes = str_eq(b.action, "delete");

    if (read_words(c, &b, e) < 0 || check_settings(&b, e) < 0 ||
        (deletes && json_array_size(b.ids) && verb_sure(c, "delete", e) < 0) ||
        choose(c, &b, e) < 0)
        return -1;
    for (size_t at = 0; at < json_array_size(b.ids); at += CALL_MAX) {
        struct err why = {0};
        if (call_some(c, &b, at, &why) == 0)
            continue;
        if (json_array_size(b.items)) /* what was done before is told all the same */
            report(c, &b, NULL);
        return err_set(e, why.code, "%s", why.text);
    }
    if (report(c, &b, e) < 0)
        return -1;
    return b.refused == 0 ? 0
                          : err_set(e, ERR_CONFLICT, "%lld of %zu certificates were refused",
                                    (long long)b.refused, json_array_size(b.ids));
}

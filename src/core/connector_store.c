/*
 * A connector's settings lie in its record as JSON without secrets; secrets and keys as base64 of
 * named blobs: sealed values and envelopes, both of no use outside `key`.
 */
#include "src/core/connector_store.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"

#define STORED_MAX (256 * 1024)

static void own_named(struct named_blobs *l)
{
    named_blobs_free(l);
}

static int blobs_load(const char *base64, struct named_blobs *out, struct err *e)
{
    OWN(buf_free)
    struct buf raw = BUF(STORED_MAX);
    const char *text = text_of(base64);
    if (dec_base64(&raw, text, strlen(text), e) < 0)
        return err_wrap(e, "stored connector");
    return named_blobs_decode(buf_blob(&raw), out, e);
}

static void blobs_store(const struct named_blobs *l, char **member)
{
    OWN(buf_free)
    struct buf raw = BUF(STORED_MAX), text = BUF(STORED_MAX * 2);
    named_blobs_encode(l, &raw);
    enc_base64(&text, buf_blob(&raw));
    text_set(member, buf_cstr(&text));
}

static int kind_of(const struct connector *c, const struct connector_kind **out, struct err *e)
{
    *out = connector_kind_find(c->type);
    if (*out == NULL)
        return err_set(e, ERR_INPUT,
                       "Type: no CA connector of type '%s'; GET /api/v1/connector-kinds lists them",
                       text_of(c->type));
    return 0;
}

/* The settings struct of the kind, filled from the record. The caller frees with fields_free and
 * free. */
static int settings_load(const struct connector *c, const struct fields *f, void *out,
                         struct err *e)
{
    fields_init(f, out);
    if (text_of(c->settings)[0] == '\0')
        return 0;
    OWN(own_json)
    json_t *stored = json_parse(blob_str(c->settings), STORED_MAX, "stored settings", e);
    if (stored == NULL)
        return -1;
    return fields_load(f, stored, out, e);
}

static void replace_blob(struct named_blobs *l, const char *name, struct blob a, struct blob b,
                         struct err *e)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->v[i].name, name)) {
            bytes_set(&l->v[i].a, a);
            bytes_set(&l->v[i].b, b);
            return;
        }
    (void)named_blobs_add(l, name, a, b, e);
}

static int seal_one(struct core *core, const struct connector *c, const struct field *field,
                    const struct secret *s, struct named_blobs *out, struct err *e)
{
    OWN(own_mem)
    char *context = xasprintf("connector/%s/%s", c->id, field->name);
    struct msg_KEY_SEAL m = {.context = context, .plain = secret_blob(s)};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_SEALED sealed;
    if (call_KEY_SEAL(core->key, &m, MSG_KEY_SEALED, KEY_TIMEOUT_MS, &r, e) < 0 ||
        get_KEY_SEALED(&r.msg, &sealed, e) < 0)
        return err_wrap(e, "%s", field->label);
    replace_blob(out, field->name, sealed.sealed, BLOB(NULL, 0), e);
    return 0;
}

static int make_keys(struct core *core, const struct connector *c, const struct connector_kind *k,
                     struct named_blobs *keys, struct err *e)
{
    for (const struct connector_key *want = k->keys; want->role; want++) {
        if (named_blobs_find(keys, want->role))
            continue;
        OWN(own_mem)
        char *label = xasprintf("connector/%s/%s", c->id, want->role);
        struct msg_KEY_GENERATE m = {.alg = want->alg,
                                     .policy = KEY_POLICY_TOKEN,
                                     .purposes = want->purposes,
                                     .label = label};
        OWN(reply_done)
        struct reply r = {0};
        struct msg_KEY_MADE made;
        if (call_KEY_GENERATE(core->key, &m, MSG_KEY_MADE, KEY_TIMEOUT_MS, &r, e) < 0 ||
            get_KEY_MADE(&r.msg, &made, e) < 0 ||
            named_blobs_add(keys, want->role, made.envelope, made.spki, e) < 0)
            return err_wrap(e, "key '%s' of the connector", want->role);
    }
    return 0;
}

int connector_take_settings(struct core *core, struct connector *c, const json_t *settings,
                            bool patch, struct err *e)
{
    const struct connector_kind *k;
    if (kind_of(c, &k, e) < 0)
        return -1;
    const struct fields *f = k->fields();
    void *s = xcalloc(1, f->size);
    OWN(own_named)
    struct named_blobs secrets = {0}, keys = {0};
    int rc = settings_load(c, f, s, e);
    if (rc == 0)
        rc = fields_from_json(f, settings, patch, s, e);
    if (rc == 0 && (blobs_load(c->secrets, &secrets, e) < 0 || blobs_load(c->keys, &keys, e) < 0))
        rc = -1;
    size_t at = 0;
    for (const struct field *field; rc == 0 && (field = fields_next_secret(f, &at)) != NULL;) {
        const struct secret *value = (const struct secret *)((const char *)s + field->offset);
        if (value->n > 0)
            rc = seal_one(core, c, field, value, &secrets, e);
    }
    if (rc == 0)
        rc = make_keys(core, c, k, &keys, e);
    if (rc == 0) {
        OWN(own_json)
        json_t *out = fields_to_json(f, s);
        OWN(buf_free)
        struct buf text = BUF(STORED_MAX);
        rc = json_print(out, &text, e);
        text_set(&c->settings, buf_cstr(&text));
        text_set(&c->base_url, json_str(out, "base_url"));
        text_set(&c->ca_type, k->ca_type);
        blobs_store(&secrets, &c->secrets);
        blobs_store(&keys, &c->keys);
    }
    fields_free(f, s);
    free(s);
    return rc;
}

bool connector_has_next(const struct connector *c)
{
    return text_of(c->next_settings)[0] != '\0';
}

void connector_propose(struct connector *c, const struct connector *changed)
{
    if (!str_eq(c->state, "Validating"))
        text_set(&c->former_state, c->state);
    text_set(&c->state, "Validating");
    text_set(&c->next_settings, changed->settings);
    text_set(&c->next_secrets, changed->secrets);
}

int connector_take_next(struct connector *c, struct err *e)
{
    OWN(own_json)
    json_t *next = json_parse(blob_str(c->next_settings), STORED_MAX, "stored settings", e);
    if (next == NULL)
        return -1;
    text_set(&c->base_url, json_str(next, "base_url"));
    text_set(&c->settings, c->next_settings);
    text_set(&c->secrets, c->next_secrets);
    text_set(&c->next_settings, "");
    text_set(&c->next_secrets, "");
    text_set(&c->former_state, "");
    return 0;
}

void connector_drop_next(struct connector *c)
{
    if (!str_eq(c->state, "Inactive"))
        text_set(&c->state, c->former_state);
    text_set(&c->next_settings, "");
    text_set(&c->next_secrets, "");
    text_set(&c->former_state, "");
}

json_t *connector_settings_json(const struct connector *c, struct err *e)
{
    const struct connector_kind *k;
    OWN(own_named)
    struct named_blobs secrets = {0};
    if (kind_of(c, &k, e) < 0 || blobs_load(c->secrets, &secrets, e) < 0)
        return NULL;
    const struct fields *f = k->fields();
    void *s = xcalloc(1, f->size);
    json_t *out = NULL;
    if (settings_load(c, f, s, e) == 0) {
        out = fields_to_json(f, s);
        size_t at = 0;
        for (const struct field *field; (field = fields_next_secret(f, &at)) != NULL;) {
            OWN(own_mem)
            char *has = xasprintf("has_%s", field->name);
            json_put_bool(out, has, named_blobs_find(&secrets, field->name) != NULL);
        }
    }
    fields_free(f, s);
    free(s);
    return out;
}

int connector_wire(const struct connector *c, struct buf *settings, struct buf *secrets,
                   struct buf *keys, struct err *e)
{
    const struct connector_kind *k;
    OWN(own_named)
    struct named_blobs sealed = {0}, owned = {0};
    if (kind_of(c, &k, e) < 0 || blobs_load(c->secrets, &sealed, e) < 0 ||
        blobs_load(c->keys, &owned, e) < 0)
        return -1;
    const struct fields *f = k->fields();
    void *s = xcalloc(1, f->size);
    int rc = settings_load(c, f, s, e);
    if (rc == 0) {
        fields_encode(f, s, settings);
        named_blobs_encode(&sealed, secrets);
        named_blobs_encode(&owned, keys);
        rc = buf_check(settings, "connector settings", e);
    }
    fields_free(f, s);
    free(s);
    return rc;
}

int connector_destroy_keys(struct core *core, const struct connector *c, struct err *e)
{
    OWN(own_named)
    struct named_blobs keys = {0};
    if (blobs_load(c->keys, &keys, e) < 0)
        return -1;
    for (size_t i = 0; i < keys.n; i++) {
        struct msg_KEY_DESTROY m = {.envelope = bytes_blob(&keys.v[i].a)};
        OWN(reply_done)
        struct reply r = {0};
        if (call_KEY_DESTROY(core->key, &m, MSG_DONE, KEY_TIMEOUT_MS, &r, e) < 0)
            return err_wrap(e, "destroy key '%s'", keys.v[i].name);
    }
    return 0;
}

/* Answers kept for repeated requests: settings "repeat.<hash>", taken away by retention. */
#include "src/core/api/repeat.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/retention.h"

#define KEY_MAX 128
#define ANSWER_KEEP_MAX 65536

static bool applies(const struct api *a)
{
    return text_of(a->idempotency_key)[0] && str_eq(a->method, "POST") && a->caller.known;
}

static int name_of(const struct api *a, char name[64], char body[65], struct err *e)
{
    OWN(own_mem)
    char *text = xasprintf("%s\n%s\n%s", a->caller.user.id, a->path, a->idempotency_key);
    uint8_t h[32], b[32];
    OWN(buf_free)
    struct buf salted = BUF_SECRET(KEY_MAX + 1 + a->raw_body.n);
    if (strlen(a->idempotency_key) > KEY_MAX)
        return err_set(e, ERR_INPUT, "Idempotency-Key: expected at most %d bytes", KEY_MAX);
    /* The key, which is nowhere stored, salts the body: a short password in it cannot be tried out.
     */
    buf_addf(&salted, "%s\n", a->idempotency_key);
    buf_add_blob(&salted, bytes_blob(&a->raw_body));
    if (buf_check(&salted, "body", e) < 0 || sha256(blob_str(text), h, e) < 0 ||
        sha256(buf_blob(&salted), b, e) < 0)
        return -1;
    OWN(own_mem)
    char *hex = hex_str(BLOB(h, 20));
    OWN(own_mem)
    char *body_hex = hex_str(BLOB(b, 32));
    OWN(own_mem)
    char *full = xasprintf("repeat.%s", hex);
    if (str_copy(body, 65, body_hex, e) < 0)
        return -1;
    return str_copy(name, 64, full, e);
}

int repeat_find(struct api *a, bool *replayed, struct err *e)
{
    char name[64], body[65];
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *value = NULL;
    struct retention keep;
    int64_t rev;
    struct err none = {0};
    if (!applies(a))
        return 0;
    if (name_of(a, name, body, e) < 0 || txn_begin(a->core->db, false, &t, e) < 0)
        return -1;
    if (setting_get(t, name, &value, &none) < 0)
        return none.code == ERR_NOT_FOUND ? 0 : err_set(e, none.code, "%s", none.text);
    OWN(own_json)
    json_t *o = json_parse(blob_str(value), ANSWER_KEEP_MAX * 2, "kept answer", e);
    if (o == NULL)
        return -1;
    if (retention_get(t, &keep, &rev, e) < 0)
        return -1;
    if (json_int(o, "at") + keep.answers_hours * 3600 < now_s())
        return 0;
    if (!str_eq(json_str(o, "body"), body))
        return err_set(e, ERR_CONFLICT,
                       "Idempotency-Key: used before with another body; take a new key");
    a->status = (uint32_t)json_int(o, "status");
    a->content_type_out = a->status == 204 ? "" : "application/json";
    text_set(&a->location, json_str(o, "location")[0] ? json_str(o, "location") : NULL);
    text_set(&a->etag, json_str(o, "etag")[0] ? json_str(o, "etag") : NULL);
    buf_clear(&a->out);
    buf_add_str(&a->out, json_str(o, "answer"));
    *replayed = true;
    return 0;
}

int repeat_keep(struct api *a, struct err *e)
{
    char name[64], body[65];
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_json)
    json_t *o = json_object();
    OWN(buf_free)
    struct buf text = BUF(ANSWER_KEEP_MAX * 2);
    if (!applies(a) || a->keeps_nothing || a->out.n > ANSWER_KEEP_MAX)
        return 0;
    if (name_of(a, name, body, e) < 0)
        return -1;
    json_put_int(o, "at", now_s());
    json_put_int(o, "status", a->status);
    json_put_str(o, "location", a->location);
    json_put_str(o, "etag", a->etag);
    json_put_str(o, "body", body);
    json_put_str(o, "answer", buf_cstr(&a->out));
    if (json_print(o, &text, e) < 0 || txn_begin(a->core->db, true, &t, e) < 0 ||
        setting_put(t, name, buf_cstr(&text), e) < 0)
        return -1;
    return txn_commit(&t, e);
}

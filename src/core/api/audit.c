/* The audit chain, read only. */
#include <stdlib.h>

#include "crypto/bundle/pem.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/core/audit_sign.h"
#include "src/core/flow/parts.h"

int on_audit_list(struct api *a, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(list_call_free)
    struct list_call call = {0};
    OWN(buf_free)
    struct buf rows = BUF(EXPORT_MAX);
    json_t *o = NULL;
    if (api_list_call(a, &call, e) < 0 || txn_begin(a->core->db, false, &t, e) < 0)
        return -1;
    if (call.file) {
        if (audit_list_export(t, call.query, call.csv, &rows, e) < 0)
            return -1;
        return api_export(a, "audit", call.csv, &rows, e);
    }
    return audit_list(t, call.query, &o, e) < 0 ? -1 : api_json(a, 200, o, e);
}

static int number(const struct api *a, const char *name, uint64_t *out, struct err *e)
{
    OWN(own_mem)
    char *text = api_query_get(a, name);
    if (text == NULL)
        return 0;
    return parse_u64(text, 0, INT64_MAX, out, e) < 0 ? err_wrap(e, "%s", name) : 0;
}

int on_audit_export(struct api *a, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(buf_free)
    struct buf out = BUF(EXPORT_MAX);
    uint64_t from = 1, to = 0;
    if (number(a, "from", &from, e) < 0 || number(a, "to", &to, e) < 0 ||
        audit_sign_head(a->core, e) < 0 || txn_begin(a->core->db, false, &t, e) < 0 ||
        audit_export(t, from, to, &out, e) < 0)
        return -1;
    return api_text(a, "application/jsonl", "certkeep-audit.jsonl", buf_blob(&out), e);
}

int on_audit_key(struct api *a, struct err *e)
{
    OWN(buf_free)
    struct buf spki = BUF(4096), pem = BUF(8192);
    if (audit_public_key(a->core, &spki, e) < 0)
        return -1;
    pem_write(&pem, "PUBLIC KEY", buf_blob(&spki));
    return api_text(a, "application/x-pem-file", "certkeep-audit-key.pem", buf_blob(&pem), e);
}

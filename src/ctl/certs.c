/* Certificates: revocation, files and words. */
#include <string.h>

#include "src/base/own.h"
#include "src/ctl/show.h"
#include "src/ctl/verbs.h"

/* The inventory of issued certificates: an order of ours, and what came of it. */
int cert_issued(struct ctl *c, struct err *e)
{
    strs_add(&c->args.filters, "order:not:");
    strs_add(&c->args.filters, "serial:not:");
    if (!ctl_option(c, OPT_COLUMNS))
        c->args.value[OPT_COLUMNS] = "name,issuer,serial,order_reference,not_before,not_after,"
                                     "key_policy,status,revoked";
    return show_list(c, noun_of(c), e);
}

int cert_revoke(struct ctl *c, struct err *e)
{
    const char *reason = ctl_option(c, OPT_REASON), *comments = ctl_option(c, OPT_COMMENTS);
    OWN(own_json)
    json_t *body = json_object();
    uint32_t code = 0;

    if (reason && parse_u32(reason, 0, 10, &code, e) < 0)
        return err_wrap(e, "--reason");
    json_put_int(body, "reason", code);
    if (comments)
        json_put_str(body, "comments", comments);
    if (verb_sure(c, ctl_word(c, 0), e) < 0)
        return -1;
    return verb_post(c, "revoke", body, e);
}

int cert_download(struct ctl *c, struct err *e)
{
    const char *format = ctl_option(c, OPT_FORMAT) ? ctl_option(c, OPT_FORMAT) : "pem";
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (!str_eq(format, "pem") && !str_eq(format, "der") && !str_eq(format, "chain"))
        return err_set(e, ERR_INPUT, "--format: expected pem, der or chain");
    OWN(own_mem)
    char *tail = xasprintf("/download?format=%s", format);
    OWN(own_mem)
    char *path = verb_path(c, tail, e);
    if (!path || api_call(c, "GET", path, NULL, NULL, &a, e) < 0)
        return -1;
    return show_file(c, buf_blob(&a.raw.body), str_eq(format, "der"), 0644, e);
}

int cert_decoded(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *answer = NULL;
    OWN(own_mem)
    char *path = verb_path(c, "/text", e);
    size_t i, k;
    json_t *one, *finding;

    if (!path || api_get(c, path, &answer, e) < 0)
        return -1;
    if (show_json(c, answer))
        return 0;
    const char *text = json_str(answer, "text");
    out_text("%s%s", text, str_ends(text, "\n") ? "" : "\n");
    json_array_foreach (json_object_get(answer, "chain"), i, one)
        json_array_foreach (json_object_get(one, "findings"), k, finding)
            out_text("Finding: %s: %s\n", json_str(one, "subject"),
                     json_string_value(finding) ? json_string_value(finding) : "");
    return 0;
}

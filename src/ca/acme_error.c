/* ACME problems (RFC 8555, 6.7) as our errors: whose move it is, and whether to try again. */
#include "src/base/own.h"
#include "src/ca/acme_parse.h"

static const struct {
    const char *type;
    enum err_code code;
} problems[] = {
    {"accountDoesNotExist", ERR_AUTH},
    {"alreadyReplaced", ERR_CONFLICT},
    {"alreadyRevoked", ERR_CONFLICT},
    {"badCSR", ERR_INPUT},
    {"badPublicKey", ERR_INPUT},
    {"badRevocationReason", ERR_INPUT},
    {"badSignatureAlgorithm", ERR_INPUT},
    {"caa", ERR_INPUT},
    {"externalAccountRequired", ERR_AUTH},
    {"invalidContact", ERR_INPUT},
    {"invalidProfile", ERR_NOT_FOUND},
    {"orderNotReady", ERR_CONFLICT},
    {"rateLimited", ERR_LIMIT},
    {"rejectedIdentifier", ERR_INPUT},
    {"serverInternal", ERR_NETWORK},
    {"unauthorized", ERR_AUTH},
    {"unsupportedContact", ERR_INPUT},
    {"unsupportedIdentifier", ERR_INPUT},
    {"userActionRequired", ERR_AUTH},
};

static enum err_code code_of(long status, const char *type)
{
    if (status == 429)
        return ERR_LIMIT;
    if (status >= 500)
        return ERR_NETWORK; /* the CA is there but not working: later */
    for (size_t i = 0; i < COUNT(problems); i++)
        if (str_eq(problems[i].type, type))
            return problems[i].code;
    switch (status) {
    case 401:
    case 403:
        return ERR_AUTH;
    case 404:
        return ERR_NOT_FOUND;
    case 409:
        return ERR_CONFLICT;
    default:
        return ERR_REMOTE;
    }
}

int acme_refused(long status, const struct acme_problem *p, uint32_t retry_after_s, struct err *e)
{
    const enum err_code code = code_of(status, p->type);
    const char *text = p->text[0] ? p->text : "no explanation";

    if (retry_after_s > 0)
        return err_set(e, code, "the CA answered %ld: %s; try again after %u s", status, text,
                       retry_after_s);
    return err_set(e, code, "the CA answered %ld: %s", status, text);
}

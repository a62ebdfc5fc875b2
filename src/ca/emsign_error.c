/* emSign's refusals as our errors: whose move it is, and whether to try again. */
#include "src/base/own.h"
#include "src/ca/emsign_parse.h"

/* The only refusal that is known by its words: it says so of a burst as well. */
#define BURST_WORDS "Inactive Account User."

static const struct {
    const char *code;
    enum err_code is;
    const char *remedy;
} refusals[] = {
    {"EMS-913", ERR_REMOTE, "the account has no such order"},
    {"EMS-918", ERR_INPUT, "the order has no remarks"},
    {"EMS-939", ERR_LIMIT, "it is tried again"},
    {"EMS-943", ERR_REMOTE, "the account has no such order"},
    {"EMS-956", ERR_LIMIT, "it is not ready for this, or a field is wrong; it is tried again"},
    {"EMS-1073", ERR_INPUT, "correct Organization in the connector"},
    {"EMS-1080", ERR_CONFLICT, "the name is proved already"},
    {"EMS-1082", ERR_CONFLICT, "the agreement is signed already"},
    {"EMS-1091", ERR_INPUT, "correct Public Address of Signer in the connector"},
    {"EMS-1099", ERR_CONFLICT, "an order with this request exists"},
    {"EMS-1162", ERR_NOT_FOUND, "correct Product in the connector, or Profile of the certificate"},
    {"EMS-1180", ERR_INPUT, "the product needs an Organization in the connector"},
    {"EMS-1269", ERR_NOT_FOUND, "the product is not offered to the Group of the connector"},
};

bool emsign_throttled(const struct emsign_meta *m)
{
    return str_eq(m->text, BURST_WORDS);
}

int emsign_refused(const struct emsign_meta *m, struct err *e)
{
    const char *text = m->text[0] ? m->text : "no explanation";

    if (emsign_throttled(m))
        return err_set(e, ERR_LIMIT,
                       "emSign: %s It says so of too many requests too: it is tried again; if it "
                       "stays, check the account's user",
                       text);
    for (size_t i = 0; i < COUNT(refusals); i++)
        if (str_eq(refusals[i].code, m->code))
            return err_set(e, refusals[i].is, "emSign: %s (%s): %s", text, m->code,
                           refusals[i].remedy);
    return err_set(e, ERR_DENIED, "emSign refuses: %s%s%s%s", text, m->code[0] ? " (" : "", m->code,
                   m->code[0] ? ")" : "");
}

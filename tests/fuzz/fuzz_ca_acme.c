/*
 * Answers of an ACME server: the first byte chooses directory, order, authorization or problem.
 * What parses holds only clean texts and URLs on known hosts.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/ca/acme_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char *known[] = {"ca.example"};
static const struct strs hosts = {known, 1};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void directory(struct blob in)
{
    OWN(acme_directory_free)
    struct acme_directory d = {0};

    if (acme_directory_parse(in, "https://ca.example/dir", &d, NULL) == 0)
        must(acme_url_check(d.new_order, &d.hosts, "newOrder", NULL) == 0);
}

static void order(struct blob in)
{
    OWN(acme_order_free)
    struct acme_order o = {0};

    if (acme_order_parse(in, &hosts, &o, NULL) < 0)
        return;
    must(acme_url_check(o.finalize, &hosts, "finalize", NULL) == 0);
    for (size_t i = 0; i < o.authorizations.n; i++)
        must(str_starts(o.authorizations.v[i], "https://ca.example"));
    must(!o.error || text_clean(o.error, strlen(o.error), ""));
}

static void authz(struct blob in)
{
    OWN(acme_authz_free)
    struct acme_authz z = {0};

    if (acme_authz_parse(in, &hosts, &z, NULL) < 0)
        return;
    must(text_clean(z.name, strlen(z.name), ""));
    must(!z.has_http01 || (!strchr(z.token, '/') && !strchr(z.token, '.')));
}

static void problem(struct blob in)
{
    struct acme_problem p;
    struct err e;

    acme_problem_parse(in, &p);
    must(utf8_valid(p.text, strlen(p.text)));
    must(acme_refused(400, &p, 1, &e) == -1 && e.code != ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const parsers[])(struct blob) = {directory, order, authz, problem};

    if (n > 0)
        parsers[data[0] % COUNT(parsers)](BLOB(data + 1, n - 1));
    return 0;
}

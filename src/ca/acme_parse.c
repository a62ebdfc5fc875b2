/* Parsers of ACME answers (acme_parse.h). */
#include "src/ca/acme_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"

#define ERROR_URN "urn:ietf:params:acme:error:"
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* The authority of an https URL without user info; NULL if it has none. malloc'ed. */
static char *host_of(const char *url)
{
    if (!str_starts(url, "https://") || strlen(url) > ACME_URL_MAX ||
        !text_clean(url, strlen(url), ""))
        return NULL;
    const char *host = url + strlen("https://");
    const size_t n = strcspn(host, "/?#");
    if (n == 0 || memchr(host, '@', n) || strpbrk(url, " \"\\<>"))
        return NULL;
    return xstrndup(host, n);
}

static void add_host(struct strs *hosts, const char *url)
{
    OWN(own_mem)
    char *host = url ? host_of(url) : NULL;

    if (host && !strs_has(hosts, host))
        strs_add(hosts, host);
}

int acme_url_check(const char *url, const struct strs *hosts, const char *what, struct err *e)
{
    OWN(own_mem)
    char *host = host_of(url);

    if (!host)
        return err_set(e, ERR_REMOTE, "%s: the CA named %.100s; expected an https URL", what, url);
    if (!strs_has(hosts, host))
        return err_set(e, ERR_REMOTE,
                       "%s: the CA named the host %.100s, which its directory does not name", what,
                       host);
    return 0;
}

static int get_url(const json_t *o, const char *name, const struct strs *hosts, char **out,
                   struct err *e)
{
    const char *text;

    if (json_get_str(o, name, ACME_URL_MAX, &text, e) < 0 ||
        acme_url_check(text, hosts, name, e) < 0)
        return -1;
    *out = xstrdup(text);
    return 0;
}

/* The CA's answer is not ours to blame on the caller. */
static int nonsense(struct err *e, const char *what)
{
    if (e && e->code == ERR_INPUT)
        e->code = ERR_REMOTE;
    return err_wrap(e, "%s of the CA", what);
}

static void get_meta(const json_t *root, struct acme_directory *d)
{
    const json_t *meta = json_object_get(root, "meta");
    const char *name, *terms = json_str(meta, "termsOfService");
    json_t *value, *profiles = json_object_get(meta, "profiles");

    d->eab_required = json_bool(meta, "externalAccountRequired");
    if (*terms && strlen(terms) <= ACME_URL_MAX && text_clean(terms, strlen(terms), ""))
        d->terms = xstrdup(terms);
    json_object_foreach (profiles, name, value)
        if (d->profiles.n < 50)
            strs_add(&d->profiles, name);
}

static int read_directory(const json_t *root, const char *url, struct acme_directory *d,
                          struct err *e)
{
    static const char *const entries[] = {"newNonce", "newAccount", "newOrder", "revokeCert"};

    add_host(&d->hosts, url);
    for (size_t i = 0; i < COUNT(entries); i++)
        add_host(&d->hosts, json_str(root, entries[i]));
    if (get_url(root, "newNonce", &d->hosts, &d->new_nonce, e) < 0 ||
        get_url(root, "newAccount", &d->hosts, &d->new_account, e) < 0 ||
        get_url(root, "newOrder", &d->hosts, &d->new_order, e) < 0 ||
        get_url(root, "revokeCert", &d->hosts, &d->revoke_cert, e) < 0)
        return -1;
    d->has_renewal_info = *json_str(root, "renewalInfo") != '\0';
    get_meta(root, d);
    return 0;
}

int acme_directory_parse(struct blob body, const char *url, struct acme_directory *out,
                         struct err *e)
{
    OWN(own_json)
    json_t *root = json_parse(body, ACME_ANSWER_MAX, "directory", e);
    struct acme_directory d = {0};

    if (!root || read_directory(root, url, &d, e) < 0) {
        acme_directory_free(&d);
        return nonsense(e, "directory");
    }
    *out = d;
    return 0;
}

void acme_directory_free(struct acme_directory *d)
{
    free(d->new_nonce);
    free(d->new_account);
    free(d->new_order);
    free(d->revoke_cert);
    free(d->terms);
    strs_free(&d->profiles);
    strs_free(&d->hosts);
    *d = (struct acme_directory){0};
}

static int get_status(const json_t *o, enum acme_status *out, struct err *e)
{
    static const char *const names[ACME_STATUS_COUNT] = {
        "pending", "ready", "processing", "valid", "invalid", "deactivated", "expired", "revoked"};
    const char *text;

    if (json_get_str(o, "status", 32, &text, e) < 0)
        return -1;
    for (int i = 0; i < ACME_STATUS_COUNT; i++) {
        if (!str_eq(text, names[i]))
            continue;
        *out = (enum acme_status)i;
        return 0;
    }
    return err_set(e, ERR_REMOTE, "status: %.32s is none of RFC 8555", text);
}

/* At most max bytes, cut between characters; control characters become spaces. */
static void add_clean(struct buf *b, const char *text, size_t max)
{
    size_t n = strnlen(text, max + 1);

    if (n > max)
        for (n = max; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    for (size_t i = 0; i < n; i++)
        buf_addc(b, (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i]);
}

static const char *short_type(const char *type)
{
    return str_starts(type, ERROR_URN) ? type + strlen(ERROR_URN) : type;
}

/* "type: detail; name: detail of the subproblem; ..." */
static void problem_text(const json_t *o, struct acme_problem *out)
{
    OWN(buf_free)
    struct buf b = BUF(8192);
    json_t *sub;
    size_t i;

    add_clean(&b, short_type(json_str(o, "type")), 60);
    buf_add_str(&b, b.n ? ": " : "");
    add_clean(&b, json_str(o, "detail"), 300);
    json_array_foreach (json_object_get(o, "subproblems"), i, sub) {
        if (i == 5)
            break;
        buf_add_str(&b, "; ");
        add_clean(&b, json_str(json_object_get(sub, "identifier"), "value"), 80);
        buf_add_str(&b, ": ");
        add_clean(&b, json_str(sub, "detail"), 200);
    }
    struct err cut = {0};
    err_set(&cut, ERR_REMOTE, "%s", buf_cstr(&b)); /* cuts between characters */
    memcpy(out->text, cut.text, sizeof(out->text));
    snprintf(out->type, sizeof(out->type), "%s", short_type(json_str(o, "type")));
}

void acme_problem_parse(struct blob body, struct acme_problem *out)
{
    OWN(own_json)
    json_t *root = json_parse(body, ACME_ANSWER_MAX, "problem", NULL);

    *out = (struct acme_problem){0};
    if (json_is_object(root))
        problem_text(root, out);
}

static char *error_text(const json_t *o)
{
    const json_t *error = json_object_get(o, "error");
    struct acme_problem p = {0};

    if (!json_is_object(error))
        return NULL;
    problem_text(error, &p);
    return xstrdup(p.text);
}

static int read_order(const json_t *root, const struct strs *hosts, struct acme_order *o,
                      struct err *e)
{
    json_t *list, *one;
    size_t i;

    if (get_status(root, &o->status, e) < 0 ||
        json_get_array(root, "authorizations", ACME_AUTHZ_MAX, &list, e) < 0 ||
        get_url(root, "finalize", hosts, &o->finalize, e) < 0)
        return -1;
    json_array_foreach (list, i, one) {
        const char *url = json_string_value(one);
        if (!url)
            return err_set(e, ERR_REMOTE, "authorizations: expected URLs");
        if (acme_url_check(url, hosts, "authorizations", e) < 0)
            return -1;
        strs_add(&o->authorizations, url);
    }
    if (json_object_get(root, "certificate") &&
        get_url(root, "certificate", hosts, &o->certificate, e) < 0)
        return -1;
    o->error = error_text(root);
    return 0;
}

int acme_order_parse(struct blob body, const struct strs *hosts, struct acme_order *out,
                     struct err *e)
{
    OWN(own_json)
    json_t *root = json_parse(body, ACME_ANSWER_MAX, "order", e);
    struct acme_order o = {0};

    if (!root || read_order(root, hosts, &o, e) < 0) {
        acme_order_free(&o);
        return nonsense(e, "order");
    }
    *out = o;
    return 0;
}

void acme_order_free(struct acme_order *o)
{
    strs_free(&o->authorizations);
    free(o->finalize);
    free(o->certificate);
    free(o->error);
    *o = (struct acme_order){0};
}

static int read_http01(const json_t *challenge, const struct strs *hosts, struct acme_authz *a,
                       struct err *e)
{
    const char *token;

    if (get_status(challenge, &a->challenge, e) < 0 ||
        json_get_str(challenge, "token", ACME_TOKEN_MAX, &token, e) < 0)
        return -1;
    /* RFC 8555, 8.3: the token becomes part of a URL path and is answered to anyone who asks. */
    if (strlen(token) < 22 || token[strspn(token, BASE64URL)] != '\0')
        return err_set(e, ERR_REMOTE, "token: expected at least 22 characters of base64url");
    if (get_url(challenge, "url", hosts, &a->url, e) < 0)
        return -1;
    a->token = xstrdup(token);
    a->error = error_text(challenge);
    a->has_http01 = true;
    return 0;
}

static int read_authz(const json_t *root, const struct strs *hosts, struct acme_authz *a,
                      struct err *e)
{
    json_t *identifier, *list, *one;
    const char *name;
    size_t i;

    if (get_status(root, &a->status, e) < 0 ||
        json_get_obj(root, "identifier", &identifier, e) < 0 ||
        json_get_str(identifier, "value", 255, &name, e) < 0 ||
        json_get_array(root, "challenges", 20, &list, e) < 0)
        return -1;
    if (!text_clean(name, strlen(name), ""))
        return err_set(e, ERR_REMOTE, "identifier.value: expected a name");
    a->name = xstrdup(name);
    json_array_foreach (list, i, one)
        if (!a->has_http01 && str_eq(json_str(one, "type"), "http-01") &&
            read_http01(one, hosts, a, e) < 0)
            return -1;
    return 0;
}

int acme_authz_parse(struct blob body, const struct strs *hosts, struct acme_authz *out,
                     struct err *e)
{
    OWN(own_json)
    json_t *root = json_parse(body, ACME_ANSWER_MAX, "authorization", e);
    struct acme_authz a = {0};

    if (!root || read_authz(root, hosts, &a, e) < 0) {
        acme_authz_free(&a);
        return nonsense(e, "authorization");
    }
    *out = a;
    return 0;
}

void acme_authz_free(struct acme_authz *a)
{
    free(a->name);
    free(a->url);
    free(a->token);
    free(a->error);
    *a = (struct acme_authz){0};
}

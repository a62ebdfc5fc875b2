/* Calls of the REST API (api.h). Credentials go into headers here and nowhere else. */
#include "src/ctl/api.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/own.h"

#define BODY_MAX (1024 * 1024)
#define CA_MAX (256 * 1024)

void url_add(struct buf *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        const bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                           (*p >= '0' && *p <= '9') || strchr("-._~", *p);
        if (plain)
            buf_addc(out, (char)*p);
        else
            buf_addf(out, "%%%02X", *p);
    }
}

static int set_trust(struct ctl *c, struct err *e)
{
    const char *ca = ctl_option(c, OPT_CA), *pin = ctl_option(c, OPT_PIN);
    OWN(buf_free)
    struct buf pem = BUF(CA_MAX);

    if (ca && pin)
        return err_set(e, ERR_INPUT, "--ca and --pin: expected one of them");
    if (pin) {
        free(TAKE(c->config.ca));
        return config_pin(pin, c->config.pin, e);
    }
    if (!ca)
        return 0;
    if (file_read(ca, false, &pem, e) < 0)
        return err_wrap(e, "--ca");
    if (!strstr(buf_cstr(&pem), "-----BEGIN CERTIFICATE-----"))
        return err_set(e, ERR_INPUT, "--ca %.200s: expected PEM certificates", ca);
    free(c->config.ca);
    c->config.ca = buf_take_str(&pem);
    c->config.pin[0] = 0;
    return 0;
}

int api_open(struct ctl *c, bool probe, struct err *e)
{
    const char *url = ctl_option(c, OPT_URL);
    char stored[CONFIG_URL_BYTES];

    if (c->web)
        return 0;
    if (config_load(&c->config, e) < 0)
        return -1;
    snprintf(stored, sizeof(stored), "%s", c->config.url);
    if (!url)
        url = getenv("CERTKEEP_URL");
    if (!url || !*url)
        url = c->config.url;
    if (!*url)
        return err_set(e, ERR_INPUT,
                       "the address of the appliance is missing; give --url "
                       "https://HOST, or set CERTKEEP_URL");
    if (config_url(url, c->url, e) < 0)
        return -1;
    if (!str_eq(c->url, stored)) { /* trust belongs to an address */
        c->config.pin[0] = 0;
        free(TAKE(c->config.ca));
    }
    if (set_trust(c, e) < 0 || config_token_load(&c->config, c->url, &c->token, e) < 0)
        return -1;
    c->web = web_new(c->url, c->config.ca, c->config.pin, probe);
    return 0;
}

void api_keep_trust(struct ctl *c)
{
    snprintf(c->config.url, sizeof(c->config.url), "%s", c->url);
}

void api_close(struct ctl *c)
{
    web_free(TAKE(c->web));
}

void api_answer_free(struct api_answer *a)
{
    json_decref(a->json);
    a->json = NULL;
    web_answer_free(&a->raw);
}

#define API_BYTES "application/octet-stream"

static enum err_code code_of_status(long status)
{
    static const struct {
        long status;
        enum err_code code;
    } table[] = {{400, ERR_INPUT},    {401, ERR_AUTH},     {403, ERR_DENIED}, {404, ERR_NOT_FOUND},
                 {409, ERR_CONFLICT}, {412, ERR_CONFLICT}, {413, ERR_LIMIT},  {429, ERR_LIMIT},
                 {502, ERR_REMOTE},   {503, ERR_TOKEN},    {504, ERR_NETWORK}};

    for (size_t i = 0; i < COUNT(table); i++)
        if (table[i].status == status)
            return table[i].code;
    return status >= 500 ? ERR_BUG : ERR_REMOTE;
}

/* Whether the words say the field, by its name or by its label: "ssh_port" as "SSH Port". */
static bool tells_field(const char *detail, const char *field)
{
    OWN(own_mem)
    char *label = xstrdup(field);

    for (char *p = label; (p = strchr(p, '_')); p++)
        *p = ' ';
    return strcasestr(detail, field) || strcasestr(detail, label);
}

int api_problem(const struct api_answer *a, struct err *e)
{
    const char *type = json_str(a->json, "type"), *detail = json_str(a->json, "detail");
    const char *field = json_str(a->json, "field"), *prefix = "urn:certkeep:error:";
    enum err_code code = ERR_COUNT;

    if (str_starts(type, prefix))
        code = err_code_parse(type + strlen(prefix));
    if (code == ERR_COUNT || code == ERR_NONE)
        code = code_of_status(a->status);
    if (!*detail)
        return err_set(e, code, "the appliance answers %ld without saying why", a->status);
    if (*field && !tells_field(detail, field))
        return err_set(e, code, "%s: %s", field, detail);
    return err_set(e, code, "%s", detail);
}

static void add_header(struct strs *out, const char *name, const char *value)
{
    OWN(buf_free)
    struct buf line = BUF_SECRET(4096);

    buf_addf(&line, "%s: %s", name, value);
    strs_add(out, buf_cstr(&line));
}

/* Routes that take an idempotency key are all JSON POSTs but those that sign in or set up. */
static void add_headers(struct ctl *c, const char *method, const char *path, const char *etag,
                        const char *kind, struct strs *out)
{
    char key[ID_CHARS + 1];

    if (kind)
        add_header(out, "Content-Type", kind);
    if (etag)
        add_header(out, "If-Match", etag);
    if (c->cookie.n)
        add_header(out, "Cookie", buf_cstr(&c->cookie));
    if (c->csrf.n)
        add_header(out, "X-CSRF-Token", buf_cstr(&c->csrf));
    if (!c->cookie.n && c->token.n) {
        OWN(buf_free)
        struct buf bearer = BUF_SECRET(4096);
        buf_addf(&bearer, "Bearer %s", buf_cstr(&c->token));
        add_header(out, "Authorization", buf_cstr(&bearer));
    }
    if (str_eq(method, "POST") && !str_eq(path, "/session") && !str_eq(path, "/setup") &&
        !str_eq(path, "/unlock") && !str_eq(kind, API_BYTES)) {
        id_new(key);
        add_header(out, "Idempotency-Key", key);
    }
}

static bool is_json(const char *type)
{
    const size_t n = strcspn(type, "; ");

    return (n == strlen("application/json") && str_starts(type, "application/json")) ||
           str_starts(type, "application/problem+json");
}

static int parse_answer(struct api_answer *a, struct err *e)
{
    const char *type = web_header(&a->raw, "Content-Type");
    struct err why = {0};

    if (!type || !is_json(type))
        return 0;
    a->json = json_parse(buf_blob(&a->raw.body), WEB_BODY_MAX, "answer", &why);
    if (!a->json)
        return err_set(e, ERR_REMOTE, "the answer is not JSON (%.200s); is this a Certkeep?",
                       why.text);
    return 0;
}

static int perform(struct ctl *c, const char *method, const char *path, const char *kind,
                   struct blob body, const char *etag, struct api_answer *out, struct err *e)
{
    struct api_answer a = {0};
    struct err why = {0};
    OWN(own_wiped_strs)
    struct strs headers = {0};

    if (api_open(c, false, e) < 0)
        return -1;
    OWN(own_mem)
    char *full = xasprintf("/api/v1%s", path);
    add_headers(c, method, path, etag, kind, &headers);
    int r = web_perform(c->web, method, full, &headers, body, &a.raw, &why);
    if (r < 0 && why.code == ERR_NETWORK && strstr(why.text, "cut the connection") &&
        !str_eq(method, "PATCH")) /* once more: GET, DELETE, and POST by its key, are repeatable */
        r = web_perform(c->web, method, full, &headers, body, &a.raw, &why);
    if (r < 0)
        return err_set(e, why.code, "%s", why.text);
    a.status = a.raw.status;
    if (parse_answer(&a, e) < 0 || (a.status >= 400 && api_problem(&a, e) < 0)) {
        api_answer_free(&a);
        return -1;
    }
    *out = a;
    return 0;
}

int api_call(struct ctl *c, const char *method, const char *path, const json_t *body,
             const char *etag, struct api_answer *out, struct err *e)
{
    OWN(buf_free)
    struct buf text = BUF_SECRET(BODY_MAX);

    if (body && json_print(body, &text, e) < 0)
        return -1;
    return perform(c, method, path, body ? "application/json" : NULL, buf_blob(&text), etag, out,
                   e);
}

int api_post_bytes(struct ctl *c, const char *path, struct blob bytes, struct api_answer *out,
                   struct err *e)
{
    return perform(c, "POST", path, API_BYTES, bytes, NULL, out, e);
}

int api_get(struct ctl *c, const char *path, json_t **out, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (api_call(c, "GET", path, NULL, NULL, &a, e) < 0)
        return -1;
    if (!json_is_object(a.json))
        return err_set(e, ERR_REMOTE, "the answer is no JSON object; is this a Certkeep?");
    *out = TAKE(a.json);
    return 0;
}

/* Begins a job: decodes what core sent and opens the secrets that were sealed to this worker. */
#include "src/deploy/worker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"
#include "src/base/enc.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/deploy/target.h"
#include "src/model/connectors.h"

void worker_free(struct worker *w)
{
    via_close(w->via);
    hpke_key_free(w->key);
    free(w->job);
    fields_free(&server_fields, &w->server);
    fields_free(&deploy_request_fields, &w->request);
    secret_free(&w->password);
    secret_free(&w->ssh_key);
    secret_free(&w->sudo_password);
    chain_free(&w->chain);
    bytes_free(&w->spki);
    *w = (struct worker){0};
}

static int open_secret(struct worker *w, const struct named_blobs *l, const char *name,
                       struct secret *out, struct err *e)
{
    const struct named_blob *b = named_blobs_find(l, name);

    if (!b)
        return 0;
    OWN(own_mem)
    char *info = xasprintf("server/%s/%s", w->server.id ? w->server.id : "", name);
    if (hpke_open(w->key, info, bytes_blob(&b->a), out, e) < 0)
        return err_wrap(e, "%s", name);
    return 0;
}

static int open_secrets(struct worker *w, struct blob in, struct err *e)
{
    OWN(named_blobs_free)
    struct named_blobs l = {0};

    if (named_blobs_decode(in, &l, e) < 0)
        return -1;
    return open_secret(w, &l, "password", &w->password, e) < 0 ||
                   open_secret(w, &l, "ssh_key", &w->ssh_key, e) < 0
               ? -1
               : open_secret(w, &l, "sudo_password", &w->sudo_password, e);
}

static int take_chain(struct worker *w, const struct msg_DEPLOY_BEGIN *m, struct err *e)
{
    OWN(chain_free)
    struct chain in = {0};

    bytes_set(&w->spki, m->spki);
    if (!m->chain_pem.n)
        return 0;
    if (chain_parse(m->chain_pem, &in, e) < 0)
        return -1;
    return chain_order(&in, m->spki, true, &w->chain, e);
}

int worker_begin(struct worker *w, const struct msg_DEPLOY_BEGIN *m, struct err *e)
{
    if (w->begun)
        return err_set(e, ERR_BUG, "a deploy worker does one job");
    if (!id_valid(m->job))
        return err_set(e, ERR_BUG, "job: expected an identifier");
    if (!(w->target = target_find(m->type)))
        return err_set(e, ERR_INPUT, "server type %s: expected nginx", m->type);
    w->job = xstrdup(m->job);
    if (fields_decode(&server_fields, m->server, &w->server, e) < 0 ||
        fields_decode(&deploy_request_fields, m->request, &w->request, e) < 0 ||
        open_secrets(w, m->secrets, e) < 0)
        return -1;
    if (!w->server.address || !w->server.username)
        return err_set(e, ERR_INPUT, "server: an address and a user name are needed");
    if (take_chain(w, m, e) < 0)
        return err_wrap(e, "new certificate");
    w->begun = true;
    return 0;
}

/* Clean text for the channel: a server's words, or cut within a character. */
static void make_clean(char *line)
{
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = ' ';
    if (!utf8_valid(line, strlen(line)))
        for (char *c = line; *c; c++)
            if (*c & 0x80)
                *c = '?';
}

void worker_part(struct worker *w, enum deploy_part part, const char *text)
{
    OWN(own_mem)
    char *line = xasprintf("%.500s", text);
    struct err e = {0};

    make_clean(line);
    const struct msg_DEPLOY_PART m = {.part = part, .text = line};
    if (w->core && send_DEPLOY_PART(w->core, &m, &e) < 0)
        log_warn("deploy.part", "why=%s", log_q(e.text));
}

void worker_log(struct worker *w, const char *fmt, ...)
{
    char line[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    make_clean(line);
    const struct msg_DEPLOY_LOG m = {.line = line};
    struct err e = {0};
    if (w->core && send_DEPLOY_LOG(w->core, &m, &e) < 0)
        log_warn("deploy.log", "why=%s", log_q(e.text));
}

int target_run(struct worker *w, const char *script, struct via_out *o, enum err_code code,
               struct err *e)
{
    if (via_run(w->via, script, o, e) < 0)
        return -1;
    if (o->status == 0)
        return 0;
    const char *said = buf_cstr(&o->err);
    size_t n = strlen(said);
    return err_set(e, code, "%s",
                   n ? (n > 400 ? said + n - 400 : said) : "the script ended without a word");
}

int hash_hex(struct blob text, char **hex, struct err *e)
{
    unsigned char md[32];

    if (EVP_Digest(text.p, text.n, md, NULL, EVP_sha256(), NULL) != 1)
        return err_openssl(e, ERR_CRYPTO, "SHA-256");
    OWN(own_mem)
    char *got = hex_str(BLOB(md, sizeof(md)));
    plan_set(hex, got);
    return 0;
}

void script_set(struct buf *b, const char *variable, const char *value)
{
    buf_addf(b, "%s=", variable);
    buf_add_shell(b, value);
    buf_addc(b, '\n');
}

char *script_get(struct via_out *o, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = buf_cstr(&o->out); at && *at;
         at = strchr(at, '\n'), at = at ? at + 1 : NULL)
        if (strncmp(at, name, n) == 0 && at[n] == ' ')
            return xstrndup(at + n + 1, strcspn(at + n + 1, "\n"));
    return NULL;
}

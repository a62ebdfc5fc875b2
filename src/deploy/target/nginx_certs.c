/* The certificates a configuration names, read from the server: whole blocks only, never a key. */
#include <string.h>

#include "crypto/x509/chain.h"
#include "src/base/own.h"
#include "src/deploy/target/nginx.h"

void pems_free(struct pems *l)
{
    strs_free(&l->path);
    strs_free(&l->pem);
}

const char *pem_of(const struct pems *l, const char *path)
{
    for (size_t i = 0; i < l->path.n && i < l->pem.n; i++)
        if (str_eq(l->path.v[i], path))
            return l->pem.v[i];
    return "";
}

/* Only whole CERTIFICATE blocks leave the server: a combined file would bring its key along. */
int nginx_read_certs(struct worker *w, const struct ngx_config *c, struct pems *l, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(4 << 20);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_str(&b,
                "one() { echo \"@ $2\"; [ -f \"$1\" ] && sed -n '/^-----BEGIN CERTIFICATE-----/,"
                "/^-----END CERTIFICATE-----/p' \"$1\" | head -c 262144; }\n");
    for (size_t i = 0; i < c->servers; i++)
        for (size_t k = 0; k < c->server[i].pairs; k++) {
            const struct ngx_pair *p = &c->server[i].pair[k];
            if (!p->plain || strs_has(&l->path, p->cert))
                continue;
            buf_add_str(&b, "one ");
            buf_add_shell(&b, p->cert);
            buf_addf(&b, " %zu\n", l->path.n);
            strs_add(&l->path, p->cert);
        }
    buf_add_str(&b, "echo '@ end'\n");
    if (buf_check(&b, "script", e) < 0 || target_run(w, buf_cstr(&b), &o, ERR_REMOTE, e) < 0)
        return -1;
    const char *at = buf_cstr(&o.out);
    for (size_t i = 0; i < l->path.n; i++) {
        OWN(own_mem)
        char *mark = xasprintf("@ %zu\n", i);
        const char *from = strstr(at, mark), *to = from ? strstr(from + 1, "\n@ ") : NULL;
        if (!to)
            return err_set(e, ERR_REMOTE, "the certificates of the server cannot be told apart");
        from += strlen(mark);
        OWN(chain_free)
        struct chain chain = {0};
        OWN(buf_free)
        struct buf pem = BUF(1 << 20);
        bool good = to > from &&
                    chain_parse(BLOB(from, (size_t)(to - from) + 1), &chain, NULL) == 0 &&
                    chain_pem(&chain, &pem, NULL) == 0;
        strs_add(&l->pem, good ? buf_cstr(&pem) : "");
        at = to;
    }
    return 0;
}

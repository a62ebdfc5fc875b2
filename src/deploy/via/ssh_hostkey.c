/* Host keys: what is pinned, what is offered. Nothing is ever accepted here because it is new. */
#include <stdlib.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/deploy/via/ssh.h"

/* Key type as the key blob names it, and the methods that use it (RSA has several, RFC 8332). */
static const struct {
    const char *type, *methods;
} types[] = {
    {"ssh-ed25519", "ssh-ed25519"},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
    {"ssh-rsa", "rsa-sha2-512,rsa-sha2-256"},
};

int ssh_host_key(const struct ssh *s, char **out, struct err *e)
{
    size_t n = 0;
    int kind = 0;
    const char *key = libssh2_session_hostkey(s->session, &n, &kind);
    const char *hash = libssh2_hostkey_hash(s->session, LIBSSH2_HOSTKEY_HASH_SHA256);
    struct reader r = reader_of(BLOB(key, key ? n : 0));
    struct blob type = read_bytes(&r, read_u32(&r));
    OWN(buf_free)
    struct buf b = BUF(256);

    if (r.failed || !hash || type.n > 64 || !text_clean(type.p, type.n, ""))
        return err_set(e, ERR_REMOTE, "the SSH host key cannot be read");
    buf_add_blob(&b, type);
    buf_add_str(&b, " SHA256:");
    enc_base64(&b, BLOB(hash, 32));
    while (b.n && b.p[b.n - 1] == '=') /* as ssh-keygen -l prints it */
        b.n--;
    *out = buf_take_str(&b);
    return 0;
}

char *ssh_pinned_methods(const struct strs *pins)
{
    struct strs methods = {0};

    for (size_t i = 0; i < COUNT(types); i++)
        for (size_t k = 0; k < pins->n; k++)
            if (str_starts(pins->v[k], types[i].type) && pins->v[k][strlen(types[i].type)] == ' ' &&
                !strs_has(&methods, types[i].methods))
                strs_add(&methods, types[i].methods);
    char *out = methods.n ? strs_join(&methods, ",") : NULL;
    strs_free(&methods);
    return out;
}

void ssh_offered_keys(const char *address, uint16_t port, struct strs *out)
{
    for (size_t i = 0; i < COUNT(types); i++) {
        OWN(ssh_done)
        struct ssh s = {.fd = -1};
        OWN(own_mem)
        char *key = NULL;
        struct err e = {0};

        if (ssh_connect(address, port, types[i].methods, &s, &e) == 0 &&
            ssh_host_key(&s, &key, &e) == 0 && !strs_has(out, key))
            strs_add(out, key);
        else if (e.code == ERR_NETWORK && out->n == 0)
            return; /* nobody there: four more attempts tell no more */
    }
}

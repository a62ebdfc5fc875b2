/* Begin and end of the process's state. */
#include "src/key/vault.h"

#include <unistd.h>

void vault_init(struct vault *v, const char *state_dir)
{
    *v = (struct vault){.state = state_dir, .cost = argon2_unlock, .pin_fd = -1};
}

void vault_load(struct vault *v, const char *uri)
{
    v->loaded = module_load(uri, &v->module, &v->trouble) == 0;
    v->token.m = &v->module;
}

void vault_done(struct vault *v)
{
    cache_clear(&v->cache, &v->token);
    token_close(&v->token);
    boot_done(&v->boot);
    if (v->pin_fd >= 0)
        close(v->pin_fd);
    v->pin_fd = -1;
}

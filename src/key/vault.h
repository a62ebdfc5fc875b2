/* The one state of the process: the module, the token, the keys held open, and how it was opened.
 */
#pragma once
#include "crypto/kdf.h"
#include "src/key/boot.h"
#include "src/key/cache.h"

struct vault {
    struct module module;
    bool loaded; /* false: `trouble` says why there is no module */
    struct err trouble;
    const char *state;       /* folder of this process */
    struct argon2_cost cost; /* for a new token; an old one has its own in unlock.salt */
    struct token token;
    char serial[17];
    struct cache cache;
    struct boot boot;
    unsigned failures; /* wrong passphrases in a row */
    int64_t next_try_ms;
    int pin_fd; /* memfd with the PIN, -1 while locked; parent holds another descriptor of it */
};

void vault_init(struct vault *v, const char *state_dir);
/* A module that cannot be loaded is remembered in `trouble`: the boot identity works without. */
void vault_load(struct vault *v, const char *uri);
void vault_done(struct vault *v);

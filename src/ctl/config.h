/*
 * What the tool remembers, in $XDG_CONFIG_HOME/certkeep (or ~/.config/certkeep), mode 0700:
 * config.json (address and trust) and token (the API token), both 0600. A file that others may
 * read or write is refused, not repaired. The token is sent to the address it was made for alone.
 */
#pragma once
#include <stdbool.h>

#include "src/base/buf.h"
#include "src/base/err.h"

#define CONFIG_URL_BYTES 300
#define CONFIG_PIN_CHARS 64

struct config {
    char url[CONFIG_URL_BYTES];
    char pin[CONFIG_PIN_CHARS + 1]; /* SHA-256 of the server's certificate, lower-case hex, or "" */
    char *ca;                       /* PEM, or NULL; never together with a pin */
    char token_url[CONFIG_URL_BYTES];
    char token_id[32];
};

int config_load(struct config *out, struct err *e); /* no file: an empty config */
int config_save(const struct config *c, struct err *e);
void config_free(struct config *c);
/* The token of `url`; out stays empty when there is none. */
int config_token_load(const struct config *c, const char *url, struct buf *out, struct err *e);
int config_token_save(struct blob token, struct err *e);
int config_token_delete(struct err *e); /* 0 also when there is none */

/* "https://host[:port]" without path, user or query; the canonical form goes to out. */
int config_url(const char *text, char out[CONFIG_URL_BYTES], struct err *e);
/* 64 hex digits, colons between bytes allowed. */
int config_pin(const char *text, char out[CONFIG_PIN_CHARS + 1], struct err *e);
/* A whole file of at most out's limit. `private`: refused unless it is ours and no one else may
 * read it. */
int file_read(const char *path, bool private, struct buf *out, struct err *e);
/* A new file with that mode; one that exists is refused. */
int file_write_new(const char *path, unsigned mode, struct blob content, struct err *e);

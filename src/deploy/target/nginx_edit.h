/*
 * A certificate for a server block that has none, or that must part from a pair it shares: files of
 * its own, and the edit of the configuration that names them.
 */
#pragma once
#include "src/deploy/target/nginx.h"

/* What the new certificate needs at the endpoint. */
struct ngx_need {
    const struct ngx_server *server;
    bool listen; /* it does not listen on the port with TLS */
    bool own;    /* it gets files of its own; else the files it names are replaced */
};
/* The listen values ("443", "[::]:443") that make `s` answer on the port, refused where that would
 * change who answers elsewhere. */
int nginx_listens(const struct ngx_config *c, const struct ngx_server *s, uint32_t port,
                  struct strs *values, struct err *e);
/*
 * Reads the configuration with `changed` as text of `file`: server number `index` must name the
 * pair and listen on the port with TLS, and all other blocks must read as before. Who else loses an
 * answer becomes a risk of the plan.
 */
int nginx_effect(const struct plan *p, const struct ngx_config *before,
                 const struct conf_files *files, const char *file, struct blob changed,
                 size_t index, struct ngx_config *after, struct err *e);
/* Adds files, edits and diff to the plan. `after`: the configuration as it will be. */
int nginx_plan_edit(struct worker *w, struct plan *p, const struct conf_files *files,
                    const struct ngx_config *c, const struct ngx_need *need,
                    struct ngx_config *after, struct err *e);

/* The parts of the nginx driver: locate the running server, read its configuration, find endpoints.
 */
#pragma once
#include "src/deploy/target.h"
#include "src/deploy/target/nginx_config.h"
#include "src/deploy/target/nginx_version.h"

/* Fills program, config, config_args, unit, version, clock, root, backup_dir of the plan. */
int nginx_locate(struct worker *w, struct plan *p, struct err *e);
/* Fills unit from what the script of nginx_locate printed, or says why it may not be used. */
void nginx_unit(struct worker *w, struct plan *p, const char *master, struct via_out *o);
/*
 * The configuration: by nginx -T when it is valid, else file by file. *valid tells which;
 * why_invalid gets nginx's words.
 */
int nginx_read(struct worker *w, struct plan *p, struct conf_files *files, struct ngx_config *c,
               bool *valid, struct buf *why_invalid, struct err *e);
/* Certificates by file, as far as they can be read; "" for the others. */
struct pems {
    struct strs path, pem;
};
void pems_free(struct pems *l);
const char *pem_of(const struct pems *l, const char *path);
int nginx_read_certs(struct worker *w, const struct ngx_config *c, struct pems *l, struct err *e);
int nginx_discover(struct worker *w, struct step *s, struct err *e);
/* The part of DISCOVER that a deployment needs: fills the plan. */
int nginx_endpoint(struct worker *w, struct step *s, const struct conf_files *files,
                   const struct ngx_config *c, const struct pems *pems, struct err *e);

/* Shared by both parts of DISCOVER. */
bool nginx_concrete(const char *name);  /* a host name, no pattern */
char *nginx_sendable(const char *name); /* a name a client could send for it, or "" */
const char *nginx_verify_address(const struct worker *w);
/* The chain a handshake gets, or "": then *dead tells that nobody answered. */
char *nginx_served(const struct worker *w, uint32_t port, const char *name, const char *key_type,
                   bool *dead);
const char *nginx_problem(const struct ngx_server *s); /* why its files cannot be replaced, or "" */
bool nginx_by_variable(const struct ngx_pair *p);      /* a path with "$", read at each handshake */

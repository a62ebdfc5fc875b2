/* The parts of the nginx driver: locate the running server, read its configuration, find endpoints.
 */
#pragma once
#include "src/deploy/target.h"
#include "src/deploy/target/nginx_config.h"

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

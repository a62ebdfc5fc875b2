/*
 * What nginx's configuration says about TLS: every server block of http, stream and mail with its
 * listens, names and certificate pairs after inheritance, and which block answers (port, name).
 * Reads text only; never guesses: what it does not understand is an error that names file, line and
 * token (rule 7, D-01).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/field.h"
#include "src/base/str.h"
#include "src/deploy/edit/nginx.h"

#define CONF_FILES_MAX 20000
#define CONF_TOTAL_MAX (64U << 20)

struct conf_file {
    char *path;
    struct bytes text;
};
/* The files of one configuration, by the path nginx opens them with. */
struct conf_files {
    struct conf_file *v;
    size_t n, bytes;
};
int conf_files_add(struct conf_files *l, const char *path, struct blob text, struct err *e);
const struct conf_file *conf_files_find(const struct conf_files *l, const char *path);
void conf_files_free(struct conf_files *l);
/* Takes the output of `nginx -T` apart. */
int conf_files_from_dump(struct blob dump, struct conf_files *out, struct err *e);

enum ngx_kind { NGX_HTTP, NGX_STREAM, NGX_MAIL };

struct ngx_listen {
    char *address; /* "" any; else as written, without brackets */
    uint32_t port; /* 0: a UNIX socket or a range */
    bool ssl, default_server, proxy_protocol, ipv6;
};
struct ngx_pair {
    char *cert, *key; /* as configured, made absolute when `plain` */
    bool plain;       /* both are paths without variables, no data:, engine:, store: */
    const char *file; /* where ssl_certificate stands */
    uint32_t line;
    const struct conf_node *cert_node, *key_node; /* key_node NULL: there is none */
};
struct ngx_server {
    enum ngx_kind kind;
    const char *file;
    uint32_t line;
    const struct conf_node *node;
    struct ngx_listen *listen;
    size_t listens;
    struct strs names;
    struct ngx_pair *pair;
    size_t pairs;
    size_t keys;    /* ssl_certificate_key directives in effect: must equal pairs */
    bool inherited; /* the pairs stand on the level above */
    bool reject_handshake;
};
struct ngx_config {
    struct ngx_server *server;
    size_t servers;
    struct strs missing; /* includes whose files were not given, for a reader that fetches them */
    struct conf_node *tree; /* parsed files, which lend `file` */
    size_t trees;
};

/*
 * Reads from `main_file` on. Relative includes and certificate paths are below its folder.
 * complete: `files` is all there is (a dump): a literal include that is missing is an error, a
 * pattern without match is none. Otherwise both are listed in `missing`. version: nginx_version.h.
 */
int ngx_config_read(const struct conf_files *files, const char *main_file, bool complete,
                    uint32_t version, struct ngx_config *out, struct err *e);
void ngx_config_free(struct ngx_config *c);

/*
 * The http block that answers a handshake at address:port with this name ("" none), as nginx
 * chooses it. Fails (ERR_NOT_FOUND) when no block listens there with TLS, and (ERR_CONFLICT) when
 * the choice is not certain: two blocks claim the name, or a regex may match it.
 */
int ngx_config_select(const struct ngx_config *c, const char *address, uint32_t port,
                      const char *name, const struct ngx_server **out, struct err *e);
/*
 * The http block without any TLS that claims the name, for a certificate that is its first: *out is
 * NULL when there is none. Fails (ERR_CONFLICT) when two claim it.
 */
int ngx_config_find_plain(const struct ngx_config *c, const char *name,
                          const struct ngx_server **out, struct err *e);
bool ngx_has_tls(const struct ngx_server *s); /* on any port */
/* One of its server names matches; a regex does not count. */
bool ngx_claims(const struct ngx_server *s, const char *name);
/* "shop.example" matches "shop.example", ".example", "*.example", "shop.*"; never a regex. */
bool ngx_name_matches(const char *configured, const char *name);

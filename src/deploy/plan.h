/*
 * The plan of one deployment: everything a step needs and no secret. Core stores it as opaque bytes
 * and hands it to every step, also to a new worker after a crash; bytes: docs/formats/plan.md.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/str.h"

#define PLAN_MAX_BYTES (256U * 1024)
#define PLAN_FILES_MAX 8
#define PLAN_ENDPOINTS_MAX 32
#define PLAN_EDITS_MAX 4

enum plan_kind { PLAN_CHAIN, PLAN_KEY, PLAN_CONFIG };

/* One file that is replaced or created. Strings are owned, never NULL after plan_decode. */
struct plan_file {
    char *path;                    /* as the configuration names it */
    char *final;                   /* with all links followed: what is replaced */
    char *staged;                  /* new content, in the same folder */
    char *backup;                  /* name in the backup folder */
    char *old_sha256, *new_sha256; /* hex; old is "" for a file that is created, new for a chain or
                                      key that is not staged yet */
    char *context;                 /* SELinux, or "" */
    uint32_t uid, gid, mode;
    uint32_t kind;     /* enum plan_kind */
    uint32_t created;  /* there is no such file yet: a rollback removes it */
    uint32_t in_place; /* a mount of its own: written over, not renamed over */
};

/* A byte range of the one PLAN_CONFIG file. */
struct plan_edit {
    uint32_t at, drop;
    char *text;
};

struct plan_endpoint {
    uint32_t port;
    char *name; /* SNI, or "" */
};

struct plan {
    char *job;
    char *address;       /* of the handshakes */
    char *version;       /* "nginx 1.26.3" */
    char *program;       /* "/usr/sbin/nginx" */
    char *config;        /* main configuration file */
    char *config_args;   /* "-c path" is needed when the running master was started with one: its
                            path, or "" */
    char *unit;          /* systemd unit that owns the master, or "": reload by the program */
    char *where;         /* "/etc/nginx/conf.d/shop.conf:14" */
    char *config_sha256; /* of all that nginx -T prints: unchanged since the plan was shown */
    char *backup_dir;
    char *old_leaf, *new_leaf; /* SHA-256, hex */
    char *served_leaf;         /* at discovery; "" nothing answered */
    char *timer;               /* "", "systemd", "sleep" */
    char *old_pem;             /* configured chain at discovery */
    char *problem;             /* why a person must look, or "" */
    char *risks;               /* lines */
    char *diff;                /* of the edits, for a person */
    char *new_folder;          /* made for created files, or "" */
    uint32_t rollback_seconds;
    uint32_t dual; /* several key types at this endpoint: handshakes ask for ours */
    uint32_t root; /* 1 when scripts run as root */
    uint32_t clock_ahead, clock_behind; /* seconds of the server against ours */
    struct plan_file file[PLAN_FILES_MAX];
    uint32_t files;
    struct plan_edit edit[PLAN_EDITS_MAX];
    uint32_t edits;
    struct plan_endpoint endpoint[PLAN_ENDPOINTS_MAX];
    uint32_t endpoints;
};

void plan_init(struct plan *p); /* every string "" */
void plan_free(struct plan *p); /* OWN(plan_free) struct plan p = {0}; */
void plan_set(char **member, const char *text);
void plan_add_risk(struct plan *p, const char *line); /* "! ..." needs a person */
struct plan_file *plan_add_file(struct plan *p);      /* NULL when full */
int plan_add_edit(struct plan *p, uint32_t at, uint32_t drop, const char *text); /* -1 when full */
int plan_add_endpoint(struct plan *p, uint32_t port,
                      const char *name); /* -1 when full; once each */
void plan_encode(const struct plan *p, struct buf *out);
/* Strict: another version, a short or long text, an unclean string are refused. Empty: plan_init.
 */
int plan_decode(struct blob in, struct plan *out, struct err *e);

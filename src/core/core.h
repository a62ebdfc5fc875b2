/*
 * What the core process holds: one of these, made in main.c and passed down. core decides;
 * the other processes only do.
 */
#pragma once
#include "src/base/fiber.h"
#include "src/base/loop.h"
#include "src/core/store/store.h"
#include "src/ipc/call.h"

enum appliance_state {
    STATE_STARTING,
    STATE_UNPROVISIONED,
    STATE_LOCKED,
    STATE_OPERATIONAL,
    STATE_DEGRADED
};

struct jobs;     /* flow/jobs.c */
struct events;   /* events.c */
struct throttle; /* auth/throttle.c */

struct core {
    struct loop *loop;
    struct db *db;
    struct channel *parent, *web, *key, *ca;
    struct channel *sys; /* NULL: this is not an appliance image */
    struct jobs *jobs;
    struct events *events;
    struct throttle *throttle;
    enum appliance_state state;
    char state_detail[200]; /* why Degraded */
    char setup_code[20];    /* shown on the console while Unprovisioned; "" otherwise */
    const char *public_dir; /* what anybody on the box may read: the root certificate */
    const char *fault_file; /* CERTKEEP_TEST builds: where to stop for the kill test */
    int64_t started_at;
    _Atomic uint64_t *changes; /* changes.c */
    int changes_fd;
    bool judging;          /* a fiber judges certificates by the policies: policies_sweep.c */
    bool validating;       /* flow/validate.c: one round at a time */
    bool signing_head;     /* audit_sign.c: one at a time */
    const char *https;     /* where the UI listens; on an appliance image */
    uint64_t start_record; /* audit record of this start; proof.c */
    char unproven[200];    /* why the version that runs is not proven healthy yet; "" when it is */
    bool update_checking;  /* update.c: the received update is read again, and committed */
    char update_problem[ERR_TEXT_BYTES]; /* how its last check failed; "" */
    uint64_t web_lost;                   /* how often web has gone away */
    uint64_t lost; /* how often a process we talk to has gone away: see run_interrupted */
};

#define KEY_TIMEOUT_MS 30000
#define SYS_TIMEOUT_MS 30000
#define CA_TIMEOUT_MS 300000 /* ACME waits inside a request */

const char *appliance_state_name(enum appliance_state s);
/* Asks `key` and sets the state; publishes identity and resumes work on becoming Operational. In a
 * fiber. */
void appliance_refresh(struct core *core);
/* The UI's TLS certificate and key to web; quietly nothing when there is none yet. */
void appliance_publish_identity(struct core *core);
int appliance_demand_operational(const struct core *core, struct err *e);

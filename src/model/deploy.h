/*
 * The deployment in steps (docs/formats/plan.md): what core journals and the deploy worker does.
 * Numbers lie in the store and are never reused.
 */
#pragma once

/* STEP(NAME, number, title, changes the server) in the order of work. */
#define DEPLOY_STEPS(STEP)                                                                         \
    STEP(CONNECT, 1, "Connect", 0)   /* host key, login, elevation */                              \
    STEP(DISCOVER, 2, "Discover", 0) /* versions, configuration, files, baseline handshake */      \
    STEP(PLAN, 3, "Plan", 0)                                                                       \
    STEP(BACKUP, 4, "Back up", 1)                                                                  \
    STEP(STAGE, 5, "Stage", 1)                                                                     \
    STEP(VALIDATE, 6, "Validate", 1) /* trial load of the staged pair, config test */              \
    STEP(ARM, 7, "Arm rollback timer", 1)                                                          \
    STEP(SWITCH, 8, "Switch", 1)                                                                   \
    STEP(ACTIVATE, 9, "Activate", 1)                                                               \
    STEP(VERIFY, 10, "Verify", 0)                                                                  \
    STEP(COMMIT, 11, "Commit", 1)      /* disarm, clean, prune */                                  \
    STEP(ROLLBACK, 12, "Roll back", 1) /* restore, test, reload, verify the old leaf */            \
    STEP(OBSERVE, 13, "Observe", 0)    /* after a restart: what is there now */                    \
    STEP(CLEAN, 14, "Clean up", 1)     /* staged files and lock of a plan that never switched */

enum deploy_step {
#define STEP(NAME, number, title, changes) DEPLOY_##NAME = number,
    DEPLOY_STEPS(STEP)
#undef STEP
};

/*
 * What CONNECT and DISCOVER are made of, in their order: a worker tells each part as it has passed,
 * so a check that fails names the part it failed at. PART(NAME, title).
 */
#define DEPLOY_PARTS(PART)                                                                         \
    PART(NETWORK, "Network")   /* an SSH server answers */                                         \
    PART(HOST_KEY, "Host key") /* it is a pinned one: nothing was sent before */                   \
    PART(LOGIN, "Login")                                                                           \
    PART(ELEVATION, "Elevation")                                                                   \
    PART(PATH, "Path")       /* which program runs or is installed, with which configuration */    \
    PART(SERVICE, "Service") /* what reloads it */                                                 \
    PART(CONFIG, "Configuration") /* read, understood, and accepted by the program's own test */   \
    PART(ENDPOINTS, "Endpoints")

enum deploy_part {
#define PART(NAME, title) PART_##NAME,
    DEPLOY_PARTS(PART)
#undef PART
        PART_COUNT
};

enum deploy_outcome {
    OUTCOME_OK = 0,
    OUTCOME_NO_CHANGE = 1,    /* the leaf is already configured and served */
    OUTCOME_NEEDS_REVIEW = 2, /* the plan needs a person: names lost, unknown configuration */
    OUTCOME_FAILED = 3,       /* this step failed; what it changed is known and in the plan */
    OUTCOME_RETRY = 4,        /* transient: connect, timeout, lock */
    OUTCOME_HOST_KEY =
        5, /* host key not pinned or changed: nothing was sent; evidence lists the keys */
    OUTCOME_PLAN_CHANGED = 6, /* not the plan that a person approved: nothing was changed */
    /* of OBSERVE */
    OUTCOME_OLD = 10,         /* every live file is the old one */
    OUTCOME_NEW = 11,         /* every live file is the new one */
    OUTCOME_NEW_SERVED = 12,  /* and the new leaf is served */
    OUTCOME_MIXED = 13,       /* some old, some new */
    OUTCOME_ROLLED_BACK = 14, /* the on-target timer put the old files back */
};

/* Causes as the contract classes them (210); index of the ENUM failure_cause in cert.def and
 * job.def. */
enum deploy_cause {
    CAUSE_NONE,
    CAUSE_PERMISSION,
    CAUSE_CONNECTIVITY,
    CAUSE_FORMAT,
    CAUSE_CONFIGURATION,
    CAUSE_VERIFICATION,
    CAUSE_CA,
    CAUSE_POLICY,
    CAUSE_INTERNAL,
    CAUSE_COUNT
};
extern const char *const cause_names[CAUSE_COUNT];
const char *deploy_part_title(enum deploy_part part);
const char *deploy_step_title(enum deploy_step step);
const char *deploy_step_name(enum deploy_step step); /* "connect" */

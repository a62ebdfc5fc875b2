/*
 * Parent: starts every process, gives each its channels, starts it again when it dies, and stops
 * all. It reads nothing from outside and holds the token's PIN descriptor without reading it. In
 * the image it is the first program of the machine and also mounts, keeps the DHCP client and
 * switches off.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "src/base/loop.h"
#include "src/ipc/channel.h"
#include "src/parent/dhcp.h"
#include "src/parent/machine.h"
#include "src/parent/power.h"

#define PARENT_WORKERS_MAX 32
#define PARENT_SERVICES 2 /* enum listen_service */

struct parent;

/* A running program and the channel to it; pid 0: not running. */
struct child {
    struct parent *parent;
    enum process process;
    uint32_t instance; /* of a worker: 1.. */
    pid_t pid;
    bool ready; /* it said so since it was started */
    struct channel *control;
    struct watch *restart; /* timer */
    int64_t started_ms;
    uint64_t backoff_ms;
    int64_t deaths_ms[10]; /* the last ones, a ring */
    unsigned death_count;
};

struct parent {
    struct loop *loop;
    const char *state, *bin, *web_files, *module, *fault;
    bool debug;
    struct child children[PROC_COUNT]; /* those of which there is one */
    struct child workers[PARENT_WORKERS_MAX];
    uint32_t last_worker;
    int listen[PARENT_SERVICES]; /* -1: not asked for */
    int pin;                     /* -1: none */
    struct watch *on_child, *on_term, *on_int, *stop_timer;
    int stop_step; /* 0: running; else the step of the stop */

    const char *board; /* of this appliance image; NULL: it is none, and sys is not started */
    const char *slots, *trust; /* for the updater */
    const char *https;         /* where the UI listens */
    uint64_t prove_ms;         /* so long it may take until the slot is blessed */
    struct watch *prove;       /* timer; NULL: blessed, or it need not be */
    char *sys_folder;          /* of sys: what it writes for others */
    struct updater updater;

    bool first; /* the machine's first program; what follows is its alone */
    struct console *console;
    struct dhcp dhcp;
    struct power_button buttons[POWER_BUTTONS_MAX];
    bool restart; /* after the stop: restart the machine instead of switching it off */
};

uid_t process_uid(enum process p);
const char *process_program(enum process p);

/* spawn.c */
/* Forks and execs the program with its control channel on CONTROL_FD; -1 when it could not. */
int spawn(struct child *c, struct err *e);
/* A new socket pair between the two, a PEER message to each that runs. */
void connect_peers(struct child *a, struct child *b);
int socket_pair(int fds[2], struct err *e);

/* supervise.c */
void supervise_start(struct parent *p);
void supervise_stop(struct parent *p);
/* Counts a death and says how many ms to wait before the next start. */
uint64_t supervise_pause(struct child *c);
int supervise_signals(struct parent *p);

/* worker.c */
void worker_message(struct child *core, struct msg *m);
void worker_ended(struct child *w, int status);
void workers_kill(struct parent *p);

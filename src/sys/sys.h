/*
 * sys: does what core decides about the machine. It keeps no state that matters, has no network and
 * no privilege: steps of an update and acts only root may do go on to parent.
 */
#pragma once
#include "src/base/fiber.h"
#include "src/base/field.h"
#include "src/base/loop.h"
#include "src/ipc/call.h"
#include "src/ipc/machine.h"

struct sys {
    struct loop *loop;
    struct channel *parent, *core;
    struct channel *menu; /* of the console, where there is one */
    const char *board;
    const char *run;    /* its folder: the files that other programs of the machine read */
    const char *net;    /* of the DHCP client's hook */
    const char *step;   /* of the updater, which runs it; "": none runs */
    struct bytes typed; /* network settings of the console that core has not taken yet */
    char *slots;        /* what the updater's status said last; NULL: not asked yet */
};

/* serve.c: for the channels of core and menu. */
void sys_core_attached(struct channel *c, void *arg);
void sys_message(struct channel *c, struct msg *m, void *arg);

/* updater.c, in a fiber. The caller owns *lines: "key=value" each. */
int updater_step(struct sys *s, enum update_step step, uint32_t piece, struct blob bytes,
                 char **lines, struct err *e);
/* Asks for the state of the slots, unless a step runs: then *slots is what it was before. */
int updater_status(struct sys *s, struct err *e);

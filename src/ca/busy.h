/*
 * What must not run twice at a time: two requests for one order (both might place it), and two of
 * those that rewrite a connector's memory (test, revoke). Core sends one at a time; this holds when
 * core gave up waiting, or restarted, while a request still runs here. Entries live on the stacks
 * of their fibers.
 */
#pragma once
#include "src/base/err.h"

struct busy {
    const char *key; /* id of the order or connector */
    struct busy *next;
};

/* ERR_LIMIT, which means again later, when `key` is being worked on. */
int busy_enter(struct busy **list, struct busy *me, const char *key, struct err *e);
void busy_leave(struct busy **list, const struct busy *me);

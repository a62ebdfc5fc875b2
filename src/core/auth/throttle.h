/*
 * Sign-in throttling per address and per user: after five failures each further try must wait,
 * doubling up to five minutes. In memory: a restart forgives, and an attacker cannot cause one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"

struct throttle;
struct throttle *throttle_new(void);
/* ERR_LIMIT naming the seconds to wait, which are written too. */
int throttle_check(struct throttle *t, const char *client, const char *user, uint32_t *wait_s,
                   struct err *e);
void throttle_failed(struct throttle *t, const char *client, const char *user);
void throttle_passed(struct throttle *t, const char *client, const char *user);

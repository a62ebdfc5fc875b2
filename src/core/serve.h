/* Messages to core and the handlers that answer them. */
#pragma once
#include "src/core/core.h"

extern const struct channel_events web_events, key_events, ca_events, sys_events;
/* For control.other: what parent sends beside PEER and STOP. */
void serve_parent(struct control *ctl, struct msg *m, void *arg);

/*
 * Server-sent events. core is told of each stream with its caller's credential and judges it; what
 * it sends is written on. When core is restarted the streams stay open and are announced again with
 * the last event id; core ends those it does not take any more.
 */
#pragma once
#include "src/ipc/msg.h"
#include "src/web/server.h"

#define STREAM_PATH "/api/v1/events"

void stream_start(struct exchange *take_x);
/* From core. */
void stream_event(struct server *s, const struct msg_STREAM_EVENT *m);
void stream_close(struct server *s, uint32_t number);
/* core is there again. */
void streams_announce(struct server *s);
void streams_end(struct server *s);

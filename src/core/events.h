/*
 * What browsers are told as it happens (server-sent events): "change" names a record that changed,
 * "log" carries a line of a job's log, "state" the appliance's state. A stream is open to any
 * signed-in user; a change names the record and does not carry it, and log lines go only to those
 * who may read jobs and asked for that job.
 */
#pragma once
#include "src/base/json.h"
#include "src/core/core.h"

struct events *events_new(struct core *core);
void events_changed(struct events *ev, const char *table, const char *id, bool deleted);
void events_state(struct events *ev, const char *state);
void events_log_line(struct events *ev, const char *job, uint64_t seq, const json_t *line);
/* From web: opens after checking the credential; a refused one is closed at once. */
void events_open(struct events *ev, const struct msg_STREAM_OPEN *m);
void events_close(struct events *ev, uint32_t stream);
void events_web_gone(struct events *ev); /* web restarted: all streams are gone with it */

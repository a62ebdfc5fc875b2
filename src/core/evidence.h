/* Steps of a connector's test as they happen: kept per connector for its page, in memory only. */
#pragma once
#include "src/base/json.h"
#include "src/core/core.h"

void evidence_add(struct core *core, const struct msg_CA_EVIDENCE *m);
void evidence_clear(const char *connector); /* before a new test */
/* [{time,step,state,text}] of the latest test of this connector, newest first; the caller's
 * reference. */
json_t *evidence_list(const char *connector);

/*
 * A counter that grows with whatever an answer of the API may depend on: each commit, and each
 * change of the appliance's state. web sees it in a page of memory that it cannot write, and so
 * knows without asking whether an answer that it kept is still true.
 */
#pragma once
#include "src/core/core.h"

/* Makes the page and has the store count in it. */
int changes_start(struct core *core, struct err *e);
/* Never 0. Taken before an answer is worked out, it says until when the answer holds. */
uint64_t changes_now(const struct core *core);
void changes_count(struct core *core);
/* The page, to a web that has just come. */
void changes_send(struct core *core);

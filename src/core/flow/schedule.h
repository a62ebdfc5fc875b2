/* The clock's work, every ten seconds while Operational. */
#pragma once
#include "src/core/core.h"

void schedule_start(struct core *core);

/* One API request: to core as API_CALL, and back. A fiber each, so that many wait at once. */
#pragma once
#include "src/web/server.h"

void forward_start(struct exchange *take_x);

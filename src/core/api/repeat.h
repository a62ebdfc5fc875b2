/*
 * Idempotency-Key: the answer to a POST is kept for a day under user and key, so a repeated request
 * gets the same answer and does nothing again. Answers that show a secret once are not kept.
 */
#pragma once
#include "src/core/api/api.h"

int repeat_find(struct api *a, bool *replayed, struct err *e);
int repeat_keep(struct api *a, struct err *e);

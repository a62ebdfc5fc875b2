/*
 * What differs between the plan a person approved and the one of now, in words: all that decides
 * what is done and to what, and nothing that is new in each plan (staged names, backups, clocks).
 */
#pragma once
#include "src/deploy/plan.h"

/* One line for each difference; returns how many. */
size_t plan_differences(const struct plan *approved, const struct plan *now, struct buf *lines);

/*
 * Time: int64_t seconds or milliseconds since 1970, UTC. The clock can be replaced in tests.
 * Monotonic time is for deadlines, wall time for records.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

int64_t now_s(void);
int64_t now_ms(void);
int64_t monotonic_ms(void);
int64_t monotonic_us(void); /* never replaced: for waits too short for a test to own */
/* Tests: fixes wall and monotonic time; NULL gives the real clock back. The value is a loan. */
void clock_replace(const int64_t *fixed_ms);

#define TIME_TEXT_BYTES 32
/* "2026-11-21T02:45:00Z" (RFC 3339) */
void time_print(int64_t seconds, char out[TIME_TEXT_BYTES]);
/* "2026-11-21T02:45:00.123Z" */
void time_print_ms(int64_t ms, char out[TIME_TEXT_BYTES]);
/* RFC 3339 with Z or offset, or a plain date (midnight UTC), or DD-Mon-YYYY. */
int time_parse(const char *text, int64_t *seconds, struct err *e);

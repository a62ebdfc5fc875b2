/* Names against the patterns and domains of a policy. Letters count without regard to ASCII case.
 */
#pragma once
#include <stdbool.h>

#include "src/base/err.h"

/* '*' stands for any characters, none and dots included; everything else for itself. */
bool policy_pattern_matches(const char *pattern, const char *name);
int policy_pattern_check(const char *pattern, struct err *e);
/* The name, without "*." in front, is the domain or below it. */
bool policy_domain_covers(const char *domain, const char *name);

/* Words and remedy for a failure at a CA, by its error code (ca_fault.def). */
#pragma once
#include "src/base/err.h"

const char *ca_fault_words(enum err_code code); /* "Network" */
const char *
ca_fault_remedy(enum err_code code); /* one sentence or two; "" when it is our own fault */

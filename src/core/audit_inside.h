/* Names of the two audit trails, and the limit of a line; shared by audit.c and audit_list.c. */
#pragma once
#include "src/core/store/inside.h"

#define AUDIT_CHAIN ""      /* owner of the records; entry n is record n */
#define AUDIT_HEADS "heads" /* owner of the signed heads */
#define AUDIT_LINE_MAX (64 * 1024)

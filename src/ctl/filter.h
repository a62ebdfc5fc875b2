/*
 * Filters as people say them: "Status is not Deployed", "Expires On before 2026-12-31", "Port
 * above 1024", "Status is one of Issued, Deployed". They become the API's column:operator:value;
 * that form is taken as it is. Columns, operators and choices are those of the record's schema.
 */
#pragma once
#include "src/base/json.h"

/* columns: of /schema/{record}; NULL (the audit): names are lower-cased labels, unchecked. */
int filter_sentence(const json_t *columns, const char *text, struct buf *out, struct err *e);

/* The field table of the retention setting. */
#include "src/model/retention.h"

#include "src/base/own.h"
#include "src/model/as_fields.h"
#define RECORD struct retention
static const struct field retention_v[] = {
#include "src/model/retention.def"
};
#undef RECORD
#include "src/model/as_end.h"

const struct fields retention_fields = {"retention", sizeof(struct retention), retention_v,
                                        COUNT(retention_v)};

/* How long ended work is kept: a setting of the appliance. */
#pragma once
#include "src/base/field.h"
#include "src/model/as_members.h"
struct retention {
#include "src/model/retention.def"
};
#include "src/model/as_end.h"

extern const struct fields retention_fields;

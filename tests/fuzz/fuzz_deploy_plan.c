/* Any bytes as a plan: what is taken encodes to the same bytes again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "src/base/own.h"
#include "src/deploy/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWN(plan_free)
    struct plan p = {0};
    OWN(buf_free)
    struct buf again = BUF(PLAN_MAX_BYTES);

    if (size == 0 || plan_decode(BLOB(data, size), &p, NULL) < 0)
        return 0;
    plan_encode(&p, &again);
    if (!blob_eq(buf_blob(&again), BLOB(data, size)))
        abort();
    return 0;
}

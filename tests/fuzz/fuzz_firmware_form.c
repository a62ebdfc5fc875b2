/* A form of the locked page: what is taken is clean text. */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/rescue/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    OWN(buf_free)
    struct buf out = BUF_SECRET(256);

    if (form_field(BLOB(data, n), "p", &out, NULL) == 0 && out.n > 0 &&
        !text_clean((const char *)out.p, out.n, ""))
        abort();
    return 0;
}

/* The head of a request to rescue or the locked page. */
#include <stdlib.h>
#include <string.h>

#include "src/rescue/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct http_head h;
    const size_t head = http_head_bytes(data, n);

    if (head == 0 || head > HTTP_HEAD_BYTES || http_head_parse(data, head, &h, NULL) < 0)
        return 0;
    if (h.path[0] != '/' || strchr(h.path, '?') || h.host[0] == '\0' || h.length > INT64_MAX)
        abort();
    return 0;
}

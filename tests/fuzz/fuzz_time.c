/* Times as text: what is accepted prints as RFC 3339 and reads back as the same second. */
#include <assert.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    OWN(own_mem)
    char *text = xmalloc(n + 1);
    char printed[TIME_TEXT_BYTES];
    int64_t t = 0, again = 0;

    if (n)
        memcpy(text, data, n);
    text[n] = 0;
    if (time_parse(text, &t, NULL) == 0) {
        time_print(t, printed);
        assert(time_parse(printed, &again, NULL) == 0 && again == t);
    }
    if (n >= sizeof(t)) {
        memcpy(&t, data, sizeof(t));
        time_print(t, printed);
        assert(strlen(printed) == 20 && time_parse(printed, &again, NULL) == 0);
    }
    return 0;
}

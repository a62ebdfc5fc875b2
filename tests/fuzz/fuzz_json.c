/* JSON from outside: what is accepted prints, parses again and is the same. */
#include <assert.h>

#include "src/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = {0};
    OWN(own_json)
    json_t *j = json_parse(BLOB(data, n), 65536, "body", &e);
    OWN(buf_free)
    struct buf out = BUF(1024 * 1024);
    OWN(strs_free)
    struct strs list = {0};
    const char *s;
    int64_t i;
    bool b;

    if (!j) {
        assert(e.code == ERR_INPUT || e.code == ERR_LIMIT);
        assert(text_clean(e.text, blob_str(e.text).n, NULL));
        return 0;
    }
    json_opt_str(j, "s", 10, &s, &e);
    json_opt_int(j, "i", -5, 5, &i, &e);
    json_opt_bool(j, "b", &b, &e);
    json_opt_strs(j, "l", 3, 5, &list, &e);
    json_only(j, (const char *[]){"s", "i", "b", "l", NULL}, &e);
    assert(json_print(j, &out, &e) == 0);
    OWN(own_json)
    json_t *again = json_parse(buf_blob(&out), out.n, "print", &e);
    assert(again && json_equal(j, again));
    return 0;
}
